//! `tde layout`: key files with one file per relation, beside pg_tde's own layout.

mod convert;
mod list;
mod verify;

use std::path::Path;

use clap::Subcommand;
use tde_keyfile::Oid;
use tde_keyfile::storage::DiskStorage;
use tde_keyfile::store::{Layout, layout_of};

use crate::failure::{Failure, Status};

const AFTER_HELP: &str = "\
A server reads the layout `pg_tde` only. The layout `one-file-per-relation` suits object stores
and backups table by table: each key file names its principal key, and everything in it is
authenticated.

Examples:
  tde layout convert /srv/pgdata --to one-file-per-relation --output /backup/keys
  tde layout verify /backup/keys --keyring /etc/tde/keys.per
  tde layout convert /backup/keys --to pg_tde --output /restore/pgdata";

/// List, verify and convert key files with one file per relation, or in pg_tde's own layout
#[derive(Debug, Subcommand)]
#[command(after_help = AFTER_HELP)]
pub(crate) enum LayoutCommand {
    Convert(convert::ConvertArgs),
    List(list::ListArgs),
    Verify(verify::VerifyArgs),
}

pub(crate) fn run(command: &LayoutCommand) -> Result<Status, Failure> {
    match command {
        LayoutCommand::Convert(args) => convert::run(args),
        LayoutCommand::List(args) => list::run(args),
        LayoutCommand::Verify(args) => verify::run(args),
    }
}

/// Whether the keys of a data directory lie in one file per relation. What else is wrong with it, whoever opens it says.
pub(crate) fn is_one_file(data_directory: &Path) -> bool {
    matches!(layout_of(&DiskStorage::new(), data_directory), Ok(Some(Layout::OneFilePerRelation)))
}

/// Refuses a directory whose keys lie in one file per relation, on behalf of a command that cannot read them.
///
/// # Errors
/// That it is one.
pub(crate) fn refuse_one_file(data_directory: &Path) -> Result<(), Failure> {
    if !is_one_file(data_directory) {
        return Ok(());
    }
    Err(Failure::message(format!(
        "{}: the keys lie in one file per relation, which this command does not read",
        data_directory.display()
    ))
    .advise(
        "`tde layout list`, `tde layout verify` and `tde rotate` do; `tde layout convert DIR --to pg_tde \
         --output OTHER` makes key files for a server and for all commands",
    ))
}

/// A scope as it is called on the command line.
fn scope_name(scope: Oid) -> String {
    match scope {
        Oid::PG_DEFAULT => "default".to_owned(),
        Oid::PG_GLOBAL => "server".to_owned(),
        database => format!("database {database}"),
    }
}
