//! `tde wal rekey`: segments from one cluster's keys to another's.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::error::ErrorKind;
use tde_keyfile::wal_file::{RekeySummary, SegmentProblem, WalSegmentFile};
use tde_wal::{KeyRanges, SegmentSize, WalFile};

use super::encrypt::SegmentsReport;
use super::segment::{self, Action, Done, WalKeys};
use crate::args::{self, ClusterArgs, JobsArgs, OutputArgs, TargetKeyArgs};
use crate::command::decrypt::{self, Input, Job, Reader, Source};
use crate::failure::{Failure, Status};
use crate::output_file::Target;

const COMMAND: &[&str] = &["wal", "rekey"];

const AFTER_HELP: &str = "\
Streams: plaintext exists only in a buffer in memory that is wiped, never in a file. Each output is \
read back and its pages compared before it appears under its name.

The target is a data directory, or any directory with `pg_tde/wal_keys` below it: another cluster's, \
or one of an archive's own. Its ranges must cover what the source's cover; otherwise WAL that is \
encrypted would lie there in plain, which is refused.

Segments that are under the target's keys already, and files that are never encrypted (`.history`, \
`.backup`), are copied as they are.

Exit status:
  0  every output was written
  1  a segment is not WAL under the source's keys, or would lose its encryption
  2  could not run, or an input or a principal key is not at hand

Examples:
  tde wal rekey /srv/pgdata --to /srv/archive-keys /received/ --output-dir /archive
  tde wal rekey old/ --keyring old.per --to new/ --to-keyring new.per 000000010000000000000007 -o 07";

/// Take WAL segments from one cluster's keys to another's, never in plaintext on disk
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct RekeyArgs {
    #[command(flatten)]
    from: ClusterArgs,

    /// Files, or directories of which everything that belongs to WAL is taken
    #[arg(required = true, value_name = "SEGMENT")]
    segments: Vec<PathBuf>,

    /// The data directory whose keys the output is for
    #[arg(long, value_name = "DATADIR")]
    to: PathBuf,

    #[command(flatten)]
    to_keys: TargetKeyArgs,

    /// The name of a single SEGMENT whose file has another
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Allow bytes that are encrypted now to be plain in the output
    #[arg(long)]
    allow_plaintext: bool,

    /// Leave out inputs whose output is there already, to go on after an interruption
    #[arg(long)]
    skip_existing: bool,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    jobs: JobsArgs,

    /// Read and check everything, and write nothing
    #[arg(long)]
    dry_run: bool,

    /// Print one JSON document (schema `tde.wal-rekey/1`)
    #[arg(long)]
    json: bool,
}

const NOT_OF_SOURCE: &str = "are these its keys? For WAL of another cluster under them, use a copy of `pg_tde/` alone, \
                             without `global/pg_control`";

/// Both sides.
#[derive(Debug)]
struct Keys {
    from: WalKeys,
    to: WalKeys,
}

pub(crate) fn run(args: &RekeyArgs) -> Result<Status, Failure> {
    let usage = |message: &str| args::usage_error(COMMAND, ErrorKind::ArgumentConflict, message);
    let mut inputs = Vec::new();
    for path in &args.segments {
        if path.is_dir() {
            inputs.extend(wal_files_in(path)?);
        } else if path == Path::new("-") {
            usage("give files or directories: standard input is not rekeyed");
        } else {
            let name = path.file_name().map_or_else(|| path.display(), |name| Path::new(name).display());
            inputs.push(Input { name: name.to_string(), source: Source::File(path.clone()) });
        }
    }
    match (&args.name, &mut inputs[..]) {
        (None, _) => {}
        (Some(name), [input]) => input.name.clone_from(name),
        (Some(_), _) => usage("`--name` names a single input"),
    }
    let jobs = decrypt::plan(inputs, &args.output, COMMAND);
    if jobs.iter().any(|job| *job.target() == Target::Stdout) {
        usage("name a file: what goes to standard output cannot be read back and checked");
    }
    let target = ClusterArgs { data_directory: args.to.clone(), keys: args.to_keys.as_keys() };
    let to = WalKeys::open(&target).map_err(|failure| failure.context("the target of `--to`"))?;
    let keys = Keys { from: WalKeys::open(&args.from)?, to };
    let (segments, status) = segment::work(&jobs, args.jobs, |job| rekey(&keys, args, job))?;
    SegmentsReport { schema: "tde.wal-rekey/1", dry_run: args.dry_run, segments }.print(args.json)?;
    Ok(status)
}

impl Keys {
    /// The segment, whose size must be that of both clusters.
    fn segment(&self, name: &str, length: u64) -> Result<WalSegmentFile, Failure> {
        let file = self.from.segment(name, Some(length))?;
        match self.to.control.as_ref().map(|control| control.wal_segment_size) {
            Some(to) if to != file.name().size() => Err(Failure::message(format!(
                "{name}: a segment of {}, but the target's segments have {to}: it cannot be one of them",
                file.name().size()
            ))),
            _ => Ok(file),
        }
    }
}

/// Everything of a directory that belongs to WAL, in the order of the names.
fn wal_files_in(directory: &Path) -> Result<Vec<Input>, Failure> {
    let named = |error: io::Error| Failure::new(error).context(directory.display().to_string());
    let mut inputs = Vec::new();
    for entry in fs::read_dir(directory).map_err(named)? {
        let path = entry.map_err(named)?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let is_wal = is_never_encrypted(name)
            || matches!(kind(name), WalFile::Segment(_) | WalFile::OtherSegmentSize { .. });
        if is_wal && path.is_file() {
            inputs.push(Input { name: name.to_owned(), source: Source::File(path) });
        }
    }
    inputs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(inputs)
}

/// With the size under which the most names are possible.
fn kind(name: &str) -> WalFile {
    WalFile::from_name(name, SegmentSize::MIN)
}

fn is_never_encrypted(name: &str) -> bool {
    matches!(kind(name), WalFile::History(_) | WalFile::BackupHistory { .. })
}

fn rekey(keys: &Keys, args: &RekeyArgs, job: &Job) -> Result<(Action, Done), Failure> {
    let name = &job.input.name;
    let failed = |error| Failure::new(error).context(name.clone());
    if args.skip_existing
        && let Target::File(path) = job.target()
        && path.is_file()
    {
        return Ok((Action::Skipped, Done::default()));
    }
    let Reader::File(mut input) = job.open()? else {
        return Err(Failure::message("standard input is not rekeyed"));
    };
    let length = input.metadata()?.len();
    if is_never_encrypted(name) {
        if !args.dry_run {
            let mut output = job.create()?;
            io::copy(&mut input, &mut output)?;
            output.share_as_in(&args.to)?;
            output.finish()?;
        }
        return Ok((Action::Copied, Done { bytes: length, ..Done::default() }));
    }
    let file = keys.segment(name, length)?;
    let (from, to) = (&keys.from.ranges, &keys.to.ranges);
    let exposed = file.uncovered_bytes(from, to).map_err(failed)?;
    if exposed > 0 && !args.allow_plaintext {
        return Err(Failure::message(format!(
            "{name}: {exposed} encrypted bytes lie in no encrypted range of the target"
        ))
        .wrong()
        .advise("give the target a range that covers them (`tde wal ranges`); `--allow-plaintext` insists"));
    }
    // A first pass, so that nothing is begun for a segment that turns out to be another's.
    let seen = file.rekey(from, to, &input, io::sink()).map_err(failed)?;
    let (action, from) = match seen.problem() {
        None => (Action::Rekeyed, from),
        // Under the target's keys: what is to be read is what is to be written.
        Some(SegmentProblem::DoneBefore { .. }) => (Action::Copied, to),
        Some(problem) => return Err(segment::problem(name, problem, NOT_OF_SOURCE)),
    };
    let write = |output: &mut dyn io::Write| -> Result<RekeySummary, Failure> {
        let summary = file.rekey(from, to, job.open()?, output).map_err(failed)?;
        segment::check(name, &summary, false)?;
        Ok(summary)
    };
    if args.dry_run {
        return Ok((action, Done::of(&write(&mut io::sink())?)));
    }
    let mut output = job.create()?;
    let summary = write(&mut output)?;
    if let Some(written) = output.written()? {
        compare(&file, to, written, &summary, name)?;
    }
    output.share_as_in(&args.to)?;
    output.finish()?;
    Ok((action, Done::of(&summary)))
}

/// Whether what was written is, under the target's keys, the WAL that was read.
fn compare(
    file: &WalSegmentFile,
    to: &KeyRanges,
    written: fs::File,
    summary: &RekeySummary,
    name: &str,
) -> Result<(), Failure> {
    let again = file
        .rekey(to, &KeyRanges::default(), written, io::sink())
        .map_err(|error| Failure::new(error).context(name.to_owned()))?;
    if again.problem().is_none() && again.rekeyed.pages == summary.rekeyed.pages {
        return Ok(());
    }
    Err(Failure::message(format!("{name}: what was written does not read back as the WAL that was read"))
        .advise("try again: the input changed meanwhile, or the disk does not keep what it is given"))
}
