//! Turns the facts of the KMIP standard, kept as CSV, into the tables of `tde-kmip-codec`.
//!
//! Every table is one macro call whose rows hold facts only; the macros in `src/spec/macros.rs` give them their shape.

#![forbid(unsafe_code)]
// A program for the desk, not a library for bare machines.
#![allow(clippy::std_instead_of_alloc)]

mod names;
mod rows;
mod rules;
mod write;

use std::path::Path;

use anyhow::Result;

/// One generated file.
#[derive(Debug)]
pub struct Table {
    /// Its name under `src/spec/`.
    pub file: &'static str,
    /// What it holds.
    pub text: String,
}

/// Every generated table, from the CSV files in `data`.
///
/// # Errors
/// If a file cannot be read, or holds a row that makes no sense; the error names the file and row.
pub fn tables(data: &Path) -> Result<Vec<Table>> {
    Ok(vec![
        Table { file: "tag.rs", text: write::tags(data)? },
        Table { file: "enumeration.rs", text: write::enumerations(data)? },
        Table { file: "mask.rs", text: write::masks(data)? },
        Table { file: "operation.rs", text: write::operations(data)? },
        Table { file: "structure.rs", text: write::structures(data)? },
        Table { file: "attribute.rs", text: write::attributes(data)? },
        Table { file: "result_reason.rs", text: write::result_reasons(data)? },
        Table { file: "vendor.rs", text: write::vendor_values(data)? },
    ])
}
