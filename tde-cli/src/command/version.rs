//! `tde --version`, and with `-v` what this processor does AES with.

use std::io::Write;

use tde_core::Backend;

use crate::failure::{Failure, Status};
use crate::output::Printer;

pub(crate) fn run(verbose: bool) -> Result<Status, Failure> {
    let mut out = Printer::new();
    writeln!(out, "tde {}", env!("CARGO_PKG_VERSION"))?;
    if verbose {
        let available: Vec<_> = Backend::available().map(|backend| backend.to_string()).collect();
        writeln!(out, "AES backend: {}", Backend::detect())?;
        writeln!(out, "available:   {}", available.join(", "))?;
        writeln!(out, "target:      {} {}", std::env::consts::ARCH, std::env::consts::OS)?;
    }
    out.flush()?;
    Ok(Status::Good)
}
