//! What the commands that ask a key server print.

use std::io::Write as _;

use serde_json::Value;

use crate::failure::Failure;
use crate::output::{Printer, printable};

/// A JSON document with its schema first, or lines of text.
pub(super) fn print(json: bool, document: &Value, lines: &[String]) -> Result<(), Failure> {
    let mut out = Printer::new();
    if json {
        serde_json::to_writer_pretty(&mut out, document)?;
        writeln!(out)?;
    } else {
        for line in lines {
            writeln!(out, "{}", printable(line))?;
        }
    }
    out.flush()?;
    Ok(())
}
