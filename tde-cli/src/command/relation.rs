//! `tde relation`: work on relation files.

pub(crate) mod decrypt;

use clap::Subcommand;

use crate::failure::{Failure, Status};

/// Work on relation files
#[derive(Debug, Subcommand)]
pub(crate) enum RelationCommand {
    Decrypt(decrypt::DecryptArgs),
}

pub(crate) fn run(command: &RelationCommand) -> Result<Status, Failure> {
    match command {
        RelationCommand::Decrypt(args) => decrypt::run(args),
    }
}
