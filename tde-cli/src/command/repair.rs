//! `tde repair`: what a crash left in key files, put right.

use clap::Args;
use tde_keyfile::edit::Draft;

use crate::args::ClusterArgs;
use crate::edit::{WriteArgs, carry_out, options};
use crate::failure::{Failure, Status};

const AFTER_HELP: &str = "\
Completes or undoes a change that was interrupted; removes leftovers of interrupted rotations (or puts one
in place, if it is the only copy and every key in it unwraps); cuts off what is no whole record at the end
of a file; drops INVALID WAL ranges that keep the server key from being rotated; corrects `keys_version`.
What cannot be judged, for want of a principal key or because a file is damaged, is left alone and named.

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
    carry_out(&args.cluster.data_directory, &options, &args.write, "repair", |files| {
        let mut draft = Draft::new(files);
        draft.repair();
        Ok(draft.finish("repair key files").into())
    })
}
