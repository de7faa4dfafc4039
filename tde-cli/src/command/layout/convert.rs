//! `tde layout convert`.

use std::path::PathBuf;

use clap::Args;
use tde_keyfile::storage::{DiskStorage, Recovery};
use tde_keyfile::store::{Layout, convert};

use crate::args::ClusterArgs;
use crate::edit::{Outcome, WriteArgs, failure, options, say};
use crate::failure::{Failure, Status};
use crate::output;

const AFTER_HELP: &str = "\
DATADIR is only read, and keeps its key files; all its principal keys must be at hand. The output
directory is made if it does not exist, and must have no key files: nothing is ever replaced. All
files are written there or none, also if the machine crashes.

The server must be stopped if DATADIR is its data directory: it could change keys meanwhile. What
it changes afterwards is not in the converted files; convert again then.

Exit status:
  0  done
  1  a key file is damaged or was changed, or a principal key does not fit; nothing was written.
     Or files that may hold keys are no part of what was converted (they are named)
  2  could not run; nothing was written, unless the message says otherwise

Examples:
  tde layout convert /srv/pgdata --to one-file-per-relation --output /backup/keys --dry-run
  tde layout convert /backup/keys --to pg_tde --output /restore/pgdata --keyring /etc/tde/keys.per";

/// Write the keys of DATADIR in the other layout, into another directory
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ConvertArgs {
    #[command(flatten)]
    cluster: ClusterArgs,

    /// The layout to write: `one-file-per-relation` or `pg_tde`
    #[arg(long, value_name = "LAYOUT")]
    to: Layout,

    /// The directory below which `pg_tde/` is made: for a server, its data directory
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,

    #[command(flatten)]
    write: WriteArgs,
}

pub(super) fn run(args: &ConvertArgs) -> Result<Status, Failure> {
    let options = options(&args.cluster, &args.write)?;
    let storage = DiskStorage::new();
    let source = &args.cluster.data_directory;
    let conversion = convert(&storage, source, &args.output, args.to, &options).map_err(failure)?;
    let edit = conversion.edit();
    let (steps, changes) = (edit.steps().to_vec(), Outcome::changes(edit));
    let mut outcome = Outcome {
        data_directory: &args.output,
        operation: "layout convert",
        recovery: Recovery::Nothing,
        keyring: None,
        new_key_place: None,
        steps,
        changes,
        more: vec![
            ("source", source.display().to_string()),
            ("from", conversion.from().to_string()),
            ("to", conversion.to().to_string()),
        ],
    };
    if !args.write.dry_run {
        let converted = conversion.apply().map_err(failure)?;
        if converted.files.is_empty() {
            (outcome.steps, outcome.changes) = (Vec::new(), Vec::new());
        }
        outcome.recovery = converted.recovery;
    }
    let status = say(&args.write, &outcome)?;
    if !args.write.json && args.to == Layout::OneFilePerRelation && !args.write.dry_run {
        output::note(format_args!(
            "a server cannot run with {}: {} keeps the files that it needs",
            args.output.display(),
            source.display()
        ));
    }
    Ok(status)
}
