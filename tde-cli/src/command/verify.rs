//! `tde verify`: proof that everything can be decrypted, or what cannot.

mod observer;
mod report;

use std::io::Write;

use clap::Args;
use tde_keyfile::verify::{VerifyOptions, par_verify};

use crate::args::{ClusterArgs, JobsArgs};
use crate::failure::{Failure, Status};
use crate::open;
use crate::output::{self, ERROR, GOOD, Printer, WARNING, counted};

use observer::Watcher;
use report::{Outcome, VerifyReport};

const AFTER_HELP: &str = "\
Checks every header's signature and every entry of the key files; every page of every encrypted \
relation file, by its header and, where the cluster has them, by its checksum; and every WAL segment, \
by page headers and by the chain of records with their CRCs up to the end of valid WAL.

Exit status:
  0  all that is there was checked and is good
  1  something is wrong; each finding names file, offset or block, and what it most likely means
  2  could not run, or could not check everything because a principal key or a file is not at hand

Examples:
  tde verify /srv/pgdata
  tde verify copy/ --keyring /backup/keys.per -v
  tde verify copy/ --principal-key db-key=/run/keys/db.hex --json | jq .findings";

/// Prove that everything can be decrypted with the keys at hand, or say what cannot
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    cluster: ClusterArgs,

    /// Print one JSON document instead (schema `tde.verify/1`); with -v it lists every file
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    jobs: JobsArgs,
}

pub(crate) fn run(args: &VerifyArgs, verbose: bool) -> Result<Status, Failure> {
    let cluster = open::cluster(&args.cluster)?;
    let mut out = Printer::new();
    let mut watcher = Watcher::new(&mut out, verbose, args.json);
    let report = args.jobs.pool()?.install(|| par_verify(&cluster, &VerifyOptions::default(), &mut watcher));
    let (outcome, files) = watcher.finish()?;
    if args.json {
        serde_json::to_writer_pretty(&mut out, &VerifyReport::of(&cluster, &report, outcome, files))?;
        writeln!(out)?;
    } else {
        for note in &report.notes {
            writeln!(out, "{WARNING}note{WARNING:#}  {}: {}", output::printable(&note.file), note.text)?;
        }
        let counts = report::counts(&report);
        match outcome {
            Outcome::Good => writeln!(out, "{GOOD}all good{GOOD:#}: {counts}")?,
            Outcome::Wrong => {
                let findings = report.findings.len() as u64 + report.findings_left_out;
                writeln!(out, "{ERROR}{}{ERROR:#}: {counts}", counted(findings, "finding"))?;
            }
            Outcome::Incomplete => writeln!(out, "{WARNING}not everything checked{WARNING:#}: {counts}")?,
        }
    }
    out.flush()?;
    if outcome != Outcome::Good {
        for error in open::missing_keys(&cluster) {
            output::error(&open::scope_failure(error.clone()));
        }
    }
    Ok(match outcome {
        Outcome::Good => Status::Good,
        Outcome::Wrong => Status::Wrong,
        Outcome::Incomplete => Status::CouldNotRun,
    })
}
