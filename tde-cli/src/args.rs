//! The command line: `tde`, its commands, and the options that several of them share.
//!
//! A command's own options stand beside the command, in `command/`.

use clap::{ArgAction, Parser, Subcommand};

use crate::command::{completions, man};

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

/// Look into, verify and decrypt PostgreSQL data directories encrypted with pg_tde
///
/// Works on the files alone: no server has to run, and a copy of a few files beside `pg_tde/` is
/// enough. Nothing that this version does changes the data directory, and nothing prints key material.
#[derive(Debug, Parser)]
#[command(
    name = "tde",
    after_help = AFTER_HELP,
    disable_version_flag = true,
    arg_required_else_help = true,
    max_term_width = 100
)]
pub(crate) struct Cli {
    /// Say more: with `verify` one line per file, with `--version` the CPU's AES units
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,

    /// Print the version and exit
    #[arg(short = 'V', long)]
    pub(crate) version: bool,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
}
