//! `tde wal ranges`: which key covers which part of the log, and which segments.

mod archive;
mod report;
mod text;

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use crate::args::ClusterArgs;
use crate::failure::{Failure, Status};
use crate::output::Printer;
use crate::{control_file, open};

const AFTER_HELP: &str = "\
Needs no key: kinds and starts of ranges are not encrypted. (No tag covers a start; `tde verify` checks \
ranges against the WAL itself.)

With `--archive`, the segments of a directory are laid over the ranges: which are encrypted, which are \
plain or partly so, which are missing in between, which ranges have none. It tells how the cluster would \
treat the segments by their names; what the files hold is not looked at, so that compressed ones \
(`.gz`, `.zst` and the like) count as well.

Exit status:
  0  shown
  1  the key file is damaged, or its ranges are not in order
  2  could not run

Examples:
  tde wal ranges /srv/pgdata
  tde wal ranges /srv/pgdata --archive /archive --json | jq '.archive.not_encrypted'";

/// Show WAL key ranges over timelines and segments, and what of an archive each covers
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct RangesArgs {
    #[command(flatten)]
    cluster: ClusterArgs,

    /// A directory of segments, to be laid over the ranges
    #[arg(long, value_name = "DIR")]
    archive: Option<PathBuf>,

    /// Print one JSON document instead (schema `tde.wal-ranges/1`)
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &RangesArgs) -> Result<Status, Failure> {
    let cluster = open::cluster(&args.cluster)?;
    let control = control_file::read(&args.cluster.data_directory).map_err(Failure::message)?;
    let size = control.map(|control| control.wal_segment_size);
    let archive = args.archive.as_deref().map(|directory| archive::read(directory, size)).transpose()?;
    let size = size.or_else(|| archive.as_ref().map(|archive| archive.size));
    let report = report::RangesReport::of(&cluster, size, archive)?;
    let mut out = Printer::new();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
    } else {
        text::print(&mut out, &report)?;
    }
    out.flush()?;
    Ok(if report.is_wrong() { Status::Wrong } else { Status::Good })
}
