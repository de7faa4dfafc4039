//! `tde master-key`: a principal key in a file protected by a passphrase.

pub(crate) mod arguments;
pub(crate) mod failure;
mod init;
mod lock;
pub(crate) mod passphrase;
mod report;
mod rotate;
mod status;
mod unlock;

use clap::Subcommand;

use crate::failure::{Failure, Status};

const AFTER_HELP: &str = "\
Set up, once:
  tde master-key init /etc/tde/master.key

At each start, before the server (DIR is on a memory file system):
  tde master-key unlock /etc/tde/master.key --dir /run/tde --keyring-name server-key
  and in SQL, once: SELECT pg_tde_add_global_key_provider_file('file', '/run/tde/master-key.per');

When the server has stopped:
  tde master-key lock --dir /run/tde";

/// Keep a principal key in a file protected by a passphrase, for those who have no key server
///
/// A passphrase is asked for on the terminal, or read from a file or a descriptor: never from an
/// argument or from the environment. The key itself is only ever written to a memory file system.
#[derive(Debug, Subcommand)]
#[command(after_help = AFTER_HELP)]
pub(crate) enum MasterKeyCommand {
    Init(init::InitArgs),
    Unlock(Box<unlock::UnlockArgs>),
    Lock(lock::LockArgs),
    Rotate(Box<rotate::RotateArgs>),
    Status(status::StatusArgs),
}

pub(crate) fn run(command: &MasterKeyCommand) -> Result<Status, Failure> {
    match command {
        MasterKeyCommand::Init(args) => init::run(args),
        MasterKeyCommand::Unlock(args) => unlock::run(args),
        MasterKeyCommand::Lock(args) => lock::run(args),
        MasterKeyCommand::Rotate(args) => rotate::run(args),
        MasterKeyCommand::Status(args) => status::run(args),
    }
}
