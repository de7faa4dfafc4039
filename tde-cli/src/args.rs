//! The command line: `tde`, its commands, and the options that several of them share.
//!
//! A command's own options stand beside the command, in `command/`.

mod cipher;
mod key;
mod output;
mod scope;

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{ArgAction, Args, CommandFactory, Parser, Subcommand};

pub(crate) use cipher::CipherArg;
pub(crate) use key::{KeyArgs, TargetKeyArgs};
pub(crate) use output::OutputArgs;
pub(crate) use scope::ScopeArg;

use crate::command::wal::restore;
use crate::command::{
    completions, demo, doctor, inspect, keyring, kmip, layout, man, master_key, provider, relation, repair,
    rotate, scope as scope_command, upgrade, verify, wal,
};
use crate::failure::Failure;

const AFTER_HELP: &str = "\
Exit status:
  0  done; for `verify`: all good
  1  something is wrong with the data or with a key
  2  could not run: usage, a missing file or keyring, an I/O error

Examples:
  tde inspect /srv/pgdata
  tde verify /srv/pgdata --keyring /etc/tde/keys.per
  tde relation decrypt /srv/pgdata base/16384/16385 -o 16385.plain
  tde wal decrypt /srv/pgdata 000000010000000000000007 --output-dir plain";

/// Look into, verify, decrypt and re-key PostgreSQL data directories encrypted with pg_tde
///
/// Works on the files alone: no server has to run, and a copy of a few files beside `pg_tde/` is
/// enough. Only `relation encrypt`, `relation rekey`, `rotate`, `scope`, `provider`, `upgrade` and `repair` change a
/// data directory; they want the server stopped, and have `--dry-run`. Nothing prints key material.
#[derive(Debug, Parser)]
#[command(
    name = "tde",
    version,
    after_help = AFTER_HELP,
    disable_version_flag = true,
    arg_required_else_help = true,
    max_term_width = 100
)]
pub(crate) struct Cli {
    /// Say more: `verify` one line per file, `--version` which AES instructions are used
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,

    /// Print the version and exit
    #[arg(short = 'V', long = "version")]
    pub(crate) print_version: bool,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

impl Cli {
    /// Whether a server may run this as its `restore_command`.
    pub(crate) fn is_restore(&self) -> bool {
        matches!(self.command, Some(Command::Wal(wal::WalCommand::Restore(_))))
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Inspect(inspect::InspectArgs),
    Verify(verify::VerifyArgs),
    Doctor(doctor::DoctorArgs),
    #[command(subcommand)]
    Relation(relation::RelationCommand),
    #[command(subcommand)]
    Wal(wal::WalCommand),
    Rotate(rotate::RotateArgs),
    #[command(subcommand)]
    Scope(scope_command::ScopeCommand),
    #[command(subcommand)]
    Provider(provider::ProviderCommand),
    #[command(subcommand)]
    Keyring(keyring::KeyringCommand),
    Upgrade(upgrade::UpgradeArgs),
    Repair(repair::RepairArgs),
    #[command(subcommand)]
    Layout(layout::LayoutCommand),
    #[command(subcommand)]
    MasterKey(master_key::MasterKeyCommand),
    #[command(subcommand)]
    Kmip(kmip::KmipCommand),
    Demo(demo::DemoArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
}

/// A data directory and where its principal keys come from.
#[derive(Args, Debug)]
pub(crate) struct ClusterArgs {
    /// The data directory, or a partial copy of one that has at least `pg_tde/`
    #[arg(value_name = "DATADIR")]
    pub(crate) data_directory: PathBuf,

    #[command(flatten)]
    pub(crate) keys: KeyArgs,
}

/// How many threads work.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct JobsArgs {
    /// Number of threads [default: one per core]
    #[arg(short, long, value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,
}

impl JobsArgs {
    /// The threads.
    ///
    /// # Errors
    /// If the system gives none.
    pub(crate) fn pool(self) -> Result<rayon::ThreadPool, Failure> {
        let threads = self.jobs.map_or(0, NonZeroUsize::get);
        Ok(rayon::ThreadPoolBuilder::new().num_threads(threads).build()?)
    }
}

/// Reads the command line; ends the process with status 2 on a usage error, with 0 after `--help`.
pub(crate) fn parse() -> Cli {
    Cli::try_parse_from(scope::join_scope(std::env::args_os())).unwrap_or_else(|error| exit(&error))
}

/// Ends the process with a usage error of the command that `path` names (`["relation", "decrypt"]`).
pub(crate) fn usage_error(path: &[&str], kind: ErrorKind, message: impl std::fmt::Display) -> ! {
    let mut root = Cli::command();
    root.build();
    let mut command = &root;
    for name in path {
        command = command.find_subcommand(name).unwrap_or(command);
    }
    exit(&command.clone().error(kind, message))
}

fn exit(error: &clap::Error) -> ! {
    if error.use_stderr() && error.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        anstream::eprint!("tde: {}", error.render().ansi());
        std::process::exit(usage_error_code(std::env::args_os().skip(1), error.exit_code()));
    }
    error.exit()
}

/// A server takes a low status of its `restore_command` for "there is no such file", and ends recovery.
fn usage_error_code(arguments: impl Iterator<Item = OsString>, code: i32) -> i32 {
    let words = arguments.filter(|argument| !argument.as_encoded_bytes().starts_with(b"-"));
    if words.take(2).eq(["wal", "restore"]) { restore::NOT_RESTORED.into() } else { code }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definitions_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_usage_error_of_a_restore_command_is_not_a_missing_file() {
        let code = |line: &str| usage_error_code(line.split(' ').map(OsString::from), 2);
        assert_eq!(code("wal restore --nonsense"), 255);
        assert_eq!(code("-v wal restore"), 255);
        assert_eq!(code("wal archive restore"), 2);
        assert_eq!(code("wal"), 2);
    }
}
