//! The commands, one file each.

pub(crate) mod completions;
mod decrypt;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod inspect;
pub(crate) mod keyring;
pub(crate) mod kmip;
pub(crate) mod layout;
pub(crate) mod man;
pub(crate) mod master_key;
pub(crate) mod provider;
pub(crate) mod relation;
pub(crate) mod repair;
pub(crate) mod rotate;
pub(crate) mod scope;
pub(crate) mod upgrade;
pub(crate) mod verify;
pub(crate) mod version;
pub(crate) mod wal;

use clap::error::ErrorKind;

use crate::args::{self, Cli, Command};
use crate::failure::{Failure, Status};

/// Runs what the command line asks for.
///
/// # Errors
/// Whatever keeps the command from its work; findings in the data are a [`Status`].
pub(crate) fn run(cli: Cli) -> Result<Status, Failure> {
    if cli.print_version {
        return version::run(cli.verbose > 0);
    }
    let Some(command) = cli.command else {
        args::usage_error(&[], ErrorKind::MissingSubcommand, "a command is required")
    };
    match command {
        Command::Inspect(args) => inspect::run(&args),
        Command::Verify(args) => verify::run(&args, cli.verbose > 0),
        Command::Doctor(args) => doctor::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Relation(command) => relation::run(&command),
        Command::Wal(command) => wal::run(&command),
        Command::Rotate(args) => rotate::run(&args),
        Command::Scope(command) => scope::run(&command),
        Command::Keyring(command) => keyring::run(&command),
        Command::Provider(command) => provider::run(&command),
        Command::Upgrade(args) => upgrade::run(&args),
        Command::Repair(args) => repair::run(&args),
        Command::Layout(command) => layout::run(&command),
        Command::MasterKey(command) => master_key::run(&command),
        Command::Kmip(command) => kmip::run(&command),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    }
}
