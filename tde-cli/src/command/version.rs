//! `tde --version`.

use std::io::Write;

use crate::failure::{Failure, Status};
use crate::output::Printer;

pub(crate) fn run() -> Result<Status, Failure> {
    let mut out = Printer::new();
    writeln!(out, "tde {}", env!("CARGO_PKG_VERSION"))?;
    out.flush()?;
    Ok(Status::Good)
}
