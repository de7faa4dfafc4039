//! The `tde` command.

#![forbid(unsafe_code)]

fn main() {}
