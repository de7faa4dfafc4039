//! `tde relation`: work on relation files.

pub(crate) mod decrypt;
mod reencrypt;

use clap::Subcommand;

use crate::failure::{Failure, Status};

/// Work on relation files
#[derive(Debug, Subcommand)]
pub(crate) enum RelationCommand {
    Decrypt(decrypt::DecryptArgs),
    Encrypt(reencrypt::EncryptArgs),
    Rekey(reencrypt::RekeyArgs),
}

pub(crate) fn run(command: &RelationCommand) -> Result<Status, Failure> {
    match command {
        RelationCommand::Decrypt(args) => decrypt::run(args),
        RelationCommand::Encrypt(args) => reencrypt::encrypt(args),
        RelationCommand::Rekey(args) => reencrypt::rekey(args),
    }
}
