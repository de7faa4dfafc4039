//! `tde wal`: work on write-ahead log segments.

pub(crate) mod archive;
pub(crate) mod archive_key;
pub(crate) mod decrypt;
pub(crate) mod encrypt;
pub(crate) mod ranges;
pub(crate) mod rekey;
pub(crate) mod restore;
mod segment;
mod wrapped;

use clap::Subcommand;

use crate::failure::{Failure, Status};

/// Work on write-ahead log segments
#[derive(Debug, Subcommand)]
pub(crate) enum WalCommand {
    Decrypt(decrypt::DecryptArgs),
    Encrypt(encrypt::EncryptArgs),
    Archive(archive::ArchiveArgs),
    Restore(restore::RestoreArgs),
    Rekey(rekey::RekeyArgs),
    ArchiveKey(archive_key::ArchiveKeyArgs),
    Ranges(ranges::RangesArgs),
}

pub(crate) fn run(command: &WalCommand) -> Result<Status, Failure> {
    match command {
        WalCommand::Decrypt(args) => decrypt::run(args),
        WalCommand::Encrypt(args) => encrypt::run(args),
        WalCommand::Archive(args) => Ok(archive::run(args)),
        WalCommand::Restore(args) => Ok(restore::run(args)),
        WalCommand::Rekey(args) => rekey::run(args),
        WalCommand::ArchiveKey(args) => archive_key::run(args),
        WalCommand::Ranges(args) => ranges::run(args),
    }
}
