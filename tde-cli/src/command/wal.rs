//! `tde wal`: work on write-ahead log segments.

pub(crate) mod decrypt;

use clap::Subcommand;

use crate::failure::{Failure, Status};

/// Work on write-ahead log segments
#[derive(Debug, Subcommand)]
pub(crate) enum WalCommand {
    Decrypt(decrypt::DecryptArgs),
}

pub(crate) fn run(command: &WalCommand) -> Result<Status, Failure> {
    match command {
        WalCommand::Decrypt(args) => decrypt::run(args),
    }
}
