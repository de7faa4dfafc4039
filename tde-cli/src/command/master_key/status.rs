//! `tde master-key status`: what there is, without a passphrase.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use tde_keyfile::master_key::{Identified, MasterKeyFile};
use tde_keyfile::storage::FileStat;

use super::arguments::{DISK, DirectoryArgs};
use super::failure::failure;
use super::report::{SCHEMA, print, shown};
use crate::failure::{Failure, Status};
use crate::output::{GOOD, Printer, WARNING};

const AFTER_HELP: &str = "\
Exit status:
  0  the file is there and whole, and nothing is wrong with what is unlocked
  1  the file is missing or damaged, or other users have access to the unlocked key
  2  could not run

Examples:
  tde master-key status /etc/tde/master.key
  tde master-key status /etc/tde/master.key --json | jq .unlocked.state";

/// Show the file, its copies and its log, and whether the key is unlocked; needs no passphrase
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct StatusArgs {
    /// The master key file
    file: PathBuf,

    #[command(flatten)]
    directory: DirectoryArgs,

    /// Print one JSON document instead (schema `tde.master-key/1`)
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct StatusReport {
    schema: &'static str,
    command: &'static str,
    file: String,
    state: &'static str,
    format: Option<&'static str>,
    made_at: Option<String>,
    argon2: Option<Argon2Report>,
    archived: Vec<String>,
    log: Vec<String>,
    unlocked: UnlockedReport,
    problems: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Argon2Report {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

#[derive(Debug, Serialize)]
struct UnlockedReport {
    state: &'static str,
    directory: String,
    memory_file_system: bool,
    files: Vec<String>,
}

pub(super) fn run(args: &StatusArgs) -> Result<Status, Failure> {
    let file = MasterKeyFile::new(&DISK, &args.file, "tde master-key status");
    let found = file.status().map_err(failure)?;
    let mut problems = Vec::new();
    let mut report = StatusReport {
        schema: SCHEMA,
        command: "status",
        file: shown(&args.file),
        state: "whole",
        format: None,
        made_at: None,
        argon2: None,
        archived: found.archived.iter().map(|path| shown(path)).collect(),
        log: found.log,
        unlocked: unlocked(&args.directory, &mut problems)?,
        problems: Vec::new(),
    };
    match found.content {
        None => {
            report.state = "missing";
            problems.push(format!("{} does not exist", report.file));
        }
        Some(Err(error)) => {
            report.state = "damaged";
            problems.push(format!("{} {error}", report.file));
        }
        Some(Ok(identified)) => {
            report.format = Some(identified.name());
            if let Identified::Tde(header) = identified {
                report.made_at = jiff::Timestamp::from_second(header.made_at).ok().map(|at| at.to_string());
                report.argon2 = Some(Argon2Report {
                    memory_kib: header.params.memory_kib(),
                    passes: header.params.passes(),
                    lanes: header.params.lanes(),
                });
            }
        }
    }
    if found.interrupted {
        problems.push("a change was interrupted: `unlock` or `rotate` completes or undoes it".to_owned());
    }
    if let Some(stat) = found.stat {
        check_access(&report.file, &stat, &mut problems);
    }
    report.problems = problems;
    print(&report, args.json, |out| text(out, &report))?;
    Ok(if report.problems.is_empty() { Status::Good } else { Status::Wrong })
}

fn unlocked(args: &DirectoryArgs, problems: &mut Vec<String>) -> Result<UnlockedReport, Failure> {
    let key = args.unlocked_key();
    let found = key.status().map_err(failure)?;
    let files = [(key.hex_path(), found.hex), (key.keyring_path(), found.keyring)];
    let files: Vec<_> = files.into_iter().filter_map(|(path, stat)| Some((shown(&path), stat?))).collect();
    let directory = shown(key.directory());
    if !files.is_empty() {
        if !found.memory {
            problems.push(format!("the unlocked key in {directory} lies on a disk"));
        }
        for (path, stat) in files.iter().map(|(path, stat)| (path, stat)) {
            check_access(path, stat, problems);
        }
        if let Some(stat) = found.directory {
            check_access(&directory, &stat, problems);
        }
    }
    Ok(UnlockedReport {
        state: if files.is_empty() { "locked" } else { "unlocked" },
        directory,
        memory_file_system: found.memory,
        files: files.into_iter().map(|(path, _)| path).collect(),
    })
}

fn check_access(path: &str, stat: &FileStat, problems: &mut Vec<String>) {
    let mode = stat.access.mode;
    if mode & 0o077 != 0 {
        problems.push(format!("{path} has mode {mode:03o}: other users have access to it"));
    }
}

fn text(out: &mut Printer, report: &StatusReport) -> std::io::Result<()> {
    let format = match (report.format, &report.argon2) {
        (Some("openssl"), _) => ", OpenSSL's format, not authenticated".to_owned(),
        (Some(_), Some(argon2)) => format!(
            ", made {}, Argon2id with {} MiB, {} passes, {} lanes",
            report.made_at.as_deref().unwrap_or("at an unknown time"),
            argon2.memory_kib >> 10,
            argon2.passes,
            argon2.lanes
        ),
        _ => String::new(),
    };
    writeln!(out, "{}: {}{format}", report.file, report.state)?;
    let copies = report.archived.len();
    writeln!(out, "{copies} dated {}", if copies == 1 { "copy" } else { "copies" })?;
    report.archived.iter().try_for_each(|path| writeln!(out, "  {path}"))?;
    if let Some(line) = report.log.last() {
        writeln!(out, "last change: {}", crate::output::printable(line))?;
    }
    writeln!(out, "{} ({})", report.unlocked.state, report.unlocked.directory)?;
    report.unlocked.files.iter().try_for_each(|path| writeln!(out, "  {path}"))?;
    report.problems.iter().try_for_each(|text| writeln!(out, "{WARNING}problem{WARNING:#}  {text}"))?;
    if report.problems.is_empty() {
        writeln!(out, "{GOOD}all good{GOOD:#}")?;
    }
    Ok(())
}
