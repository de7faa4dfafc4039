//! `tde master-key lock`: the key out of memory.

use clap::Args;
use serde::Serialize;

use super::arguments::{DirectoryArgs, ReportArgs};
use super::failure::failure;
use super::report::{SCHEMA, print, shown};
use crate::failure::{Failure, Status};

const AFTER_HELP: &str = "\
Overwrites and removes what `unlock` wrote, and the directory if nothing else is in it. A server that
runs keeps the key in its own memory, and cannot read it again.

Exit status:
  0  locked, or nothing was unlocked
  2  could not run: the keyring holds other keys too, the directory is another user's, ...

Examples:
  tde master-key lock
  tde master-key lock --dir /dev/shm/tde";

/// Overwrite and remove the unlocked key
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct LockArgs {
    #[command(flatten)]
    directory: DirectoryArgs,

    /// Destroy keys that a server has added to the keyring since it was unlocked
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    report: ReportArgs,
}

#[derive(Debug, Serialize)]
struct LockReport {
    schema: &'static str,
    command: &'static str,
    dry_run: bool,
    directory: String,
    removed: Vec<String>,
}

pub(super) fn run(args: &LockArgs) -> Result<Status, Failure> {
    let unlocked = args.directory.unlocked_key();
    let dry_run = args.report.dry_run;
    let locked = if dry_run { unlocked.plan_lock(args.force) } else { unlocked.lock(args.force) };
    let report = LockReport {
        schema: SCHEMA,
        command: "lock",
        dry_run,
        directory: shown(unlocked.directory()),
        removed: locked.map_err(failure)?.removed.iter().map(|path| shown(path)).collect(),
    };
    print(&report, args.report.json, |out| {
        use std::io::Write as _;
        if report.removed.is_empty() {
            writeln!(out, "nothing is unlocked in {}", report.directory)?;
        }
        let done = if dry_run { "would overwrite and remove" } else { "overwrote and removed" };
        report.removed.iter().try_for_each(|path| writeln!(out, "{done} {path}"))
    })?;
    Ok(Status::Good)
}
