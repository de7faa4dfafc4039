//! `tde inspect`: what there is in a data directory.

mod report;
mod text;

use std::io::Write;

use clap::Args;

use crate::args::ClusterArgs;
use crate::failure::{Failure, Status};
use crate::open;
use crate::output::Printer;

const AFTER_HELP: &str = "\
Needs no key: without one, it says that headers are not verified and shows what they claim.

Exit status:
  0  what there is could be read
  1  a file is damaged, or a principal key does not fit its header
  2  could not run

Examples:
  tde inspect /srv/pgdata
  tde inspect copy/ --keyring vault=/backup/keys.per --json | jq '.scopes[].principal_key.name'";

/// Show scopes, principal keys, relation keys, WAL ranges and providers, and name what is odd
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct InspectArgs {
    #[command(flatten)]
    cluster: ClusterArgs,

    /// Print one JSON document instead (schema `tde.inspect/1`)
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &InspectArgs) -> Result<Status, Failure> {
    let cluster = open::cluster(&args.cluster)?;
    let report = report::InspectReport::of(&cluster);
    let mut out = Printer::new();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
    } else {
        text::print(&mut out, &report)?;
    }
    out.flush()?;
    open::warn_of_unreached(&cluster);
    Ok(if report.is_wrong() { Status::Wrong } else { Status::Good })
}
