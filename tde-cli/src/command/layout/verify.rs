//! `tde layout verify`.

use std::io::Write;

use clap::Args;
use serde_json::json;
use tde_keyfile::storage::DiskStorage;

use super::list::store;
use crate::args::ClusterArgs;
use crate::failure::{Failure, Status};
use crate::output::{GOOD, Printer, counted, printable};

const AFTER_HELP: &str = "\
Every key file is read: whether it is whole, lies where it belongs, its principal key is the one
that it names, its tag is right, and its keys unwrap. Pages and WAL are not looked at: `tde verify`
does that with pg_tde's own layout.

Exit status:
  0  all good
  1  something is wrong, or a principal key is not at hand
  2  could not run";

/// Check every key file, in either layout
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    cluster: ClusterArgs,

    /// Print one JSON document instead (schema `tde.layout-verify/1`)
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &VerifyArgs) -> Result<Status, Failure> {
    let storage = DiskStorage::new();
    let store = store(&storage, &args.cluster)?;
    let problems = store.check();
    let scopes = store.scopes().map_or(0, |scopes| scopes.len());
    let status = if problems.is_empty() { Status::Good } else { Status::Wrong };
    let mut out = Printer::new();
    if args.json {
        let found: Vec<_> = problems
            .iter()
            .map(|problem| json!({"problem": problem.to_string(), "advice": problem.advice()}))
            .collect();
        let document = json!({
            "schema": "tde.layout-verify/1",
            "data_directory": args.cluster.data_directory.display().to_string(),
            "layout": store.layout().to_string(),
            "scopes": scopes,
            "problems": found,
        });
        serde_json::to_writer_pretty(&mut out, &document)?;
        writeln!(out)?;
        return Ok(status);
    }
    for problem in &problems {
        writeln!(out, "{}", printable(&problem.to_string()))?;
        if let Some(advice) = problem.advice() {
            writeln!(out, "  try: {advice}")?;
        }
    }
    if problems.is_empty() {
        writeln!(
            out,
            "{GOOD}all good:{GOOD:#} {} in the layout {}",
            counted(scopes as u64, "scope"),
            store.layout()
        )?;
    } else {
        writeln!(out, "{} in the layout {}", counted(problems.len() as u64, "problem"), store.layout())?;
    }
    Ok(status)
}
