//! `tde repair`: what a crash left in key files, put right.

use clap::Args;
use tde_keyfile::edit::{Draft, EditOptions};
use tde_keyfile::storage::{DiskStorage, Recovery};
use tde_keyfile::store::{KeyStore as _, OneFileStore};

use crate::args::ClusterArgs;
use crate::command::layout;
use crate::edit::{Outcome, WriteArgs, carry_out, failure, options, say};
use crate::failure::{Failure, Status};

const AFTER_HELP: &str = "\
Completes or undoes a change that was interrupted; removes leftovers of interrupted rotations (or puts one
in place, if it is the only copy and every key in it unwraps); cuts off what is no whole record at the end
of a file; drops INVALID WAL ranges that keep the server key from being rotated; corrects `keys_version`.
What cannot be judged, for want of a principal key or because a file is damaged, is left alone and named.
With one file per relation (`tde layout`), only a change that was interrupted is put right.

Exit status:
  0  everything is in order now
  1  something was left alone
  2  could not run; nothing was changed, unless the message says otherwise

Examples:
  tde repair /srv/pgdata --dry-run
  tde repair /srv/pgdata --keyring /etc/tde/keys.per";

/// Put right what a crash left in the key files, where that loses nothing
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct RepairArgs {
    #[command(flatten)]
    cluster: ClusterArgs,

    /// Give an interrupted change up instead of completing it; files that it has replaced stay so
    #[arg(long, conflicts_with = "dry_run")]
    abandon_interrupted: bool,

    #[command(flatten)]
    write: WriteArgs,
}

pub(crate) fn run(args: &RepairArgs) -> Result<Status, Failure> {
    let mut options = options(&args.cluster, &args.write)?;
    options.abandon_interrupted = args.abandon_interrupted;
    if layout::is_one_file(&args.cluster.data_directory) {
        return repair_one_file(args, &options);
    }
    carry_out(&args.cluster.data_directory, &options, &args.write, "repair", |files| {
        let mut draft = Draft::new(files);
        draft.repair();
        Ok(draft.finish("repair key files").into())
    })
}

/// Key files with one file per relation are whole or they are not: only interrupted changes can be put right.
fn repair_one_file(args: &RepairArgs, options: &EditOptions) -> Result<Status, Failure> {
    let (storage, data_directory) = (DiskStorage::new(), &args.cluster.data_directory);
    let mut store = OneFileStore::open(&storage, data_directory, options).map_err(failure)?;
    let recovery = if args.write.dry_run {
        store.plan(&[], "repair key files").map_err(failure)?;
        Recovery::Nothing
    } else {
        store.apply(&[], "repair key files").map_err(failure)?.recovery
    };
    let (steps, changes, more) = (Vec::new(), Vec::new(), Vec::new());
    let (operation, keyring, new_key_place) = ("repair", None, None);
    say(
        &args.write,
        &Outcome { data_directory, operation, recovery, keyring, new_key_place, steps, changes, more },
    )
}
