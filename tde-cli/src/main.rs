//! The `tde` command: looks into, verifies and decrypts PostgreSQL data directories that were
//! encrypted with `pg_tde`, without a running server.
//!
//! This crate holds arguments, output and progress. What the bytes mean is known to the libraries
//! below it: `tde-keyfile` (clusters, key files, relation files, verification), `tde-wal` and `tde-core`.

#![forbid(unsafe_code)]

mod args;
mod command;
mod control_file;
mod edit;
mod failure;
mod inner_command;
mod input;
mod interrupt;
mod memory_directory;
mod open;
mod output;
mod output_file;
mod progress;
mod write_behind;

use std::process::ExitCode;

use command::wal::restore::NOT_RESTORED;
use failure::Status;

fn main() -> ExitCode {
    let cli = args::parse();
    if let Err(failure) = interrupt::install() {
        output::error(&failure);
        // A server may read the usual status in its own way.
        return if cli.is_restore() { Status::Exit(NOT_RESTORED) } else { failure.status() }.into();
    }
    let status = match command::run(cli) {
        Ok(status) => status,
        Err(failure) if failure.is_closed_stdout() => Status::Good,
        Err(failure) => {
            output::error(&failure);
            failure.status()
        }
    };
    status.into()
}
