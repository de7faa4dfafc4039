//! `tde wal encrypt`: plaintext WAL segments as the cluster would have them on disk.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use clap::error::ErrorKind;
use serde::Serialize;

use super::segment::{self, Action, Done, SegmentReport, WalKeys};
use crate::args::{self, ClusterArgs, JobsArgs, OutputArgs};
use crate::command::decrypt::{self, Input, Job, Reader, Source};
use crate::failure::{Failure, Status};
use crate::output::{self, Printer};
use crate::output_file::Target;

const COMMAND: &[&str] = &["wal", "encrypt"];

const AFTER_HELP: &str = "\
Encrypts exactly the bytes that the cluster's key ranges cover, with their keys: what the server \
stores when it restores the segment. No new key is made, and `pg_tde/` is not changed.

Input that is not plaintext WAL of the named segment is refused.

Do not encrypt WAL that differs from what was encrypted at the same place before and give both away: \
the keystream is the same, and the two together tell what differs.

Exit status:
  0  every segment was written
  1  an input is not the plaintext of its segment, or a key does not unwrap
  2  could not run, or an input or the server's principal key is not at hand

Examples:
  tde wal encrypt /srv/pgdata /archive/000000010000000000000007 --output-dir /srv/pgdata/pg_wal
  tde wal encrypt copy/ 07.plain --name 000000010000000000000007 -o 07 --keyring keys.per";

/// Encrypt plaintext WAL segments as the key ranges have it
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct EncryptArgs {
    #[command(flatten)]
    cluster: ClusterArgs,

    /// Paths of plaintext segment files; `-` is standard input
    #[arg(required = true, value_name = "SEGMENT")]
    segments: Vec<PathBuf>,

    /// The name of a single SEGMENT whose file has another, or that is `-`
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Encrypt whatever the input is, and only warn if it is not plaintext WAL
    #[arg(long)]
    no_verify: bool,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    jobs: JobsArgs,

    /// Read and check everything, and write nothing
    #[arg(long)]
    dry_run: bool,

    /// Print one JSON document (schema `tde.wal-encrypt/1`)
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct SegmentsReport {
    pub(super) schema: &'static str,
    pub(super) dry_run: bool,
    pub(super) segments: Vec<SegmentReport>,
}

pub(crate) fn run(args: &EncryptArgs) -> Result<Status, Failure> {
    decrypt::check_names(&args.segments, args.name.as_deref(), COMMAND);
    let inputs = args.segments.iter().map(|path| input(path, args.name.as_deref())).collect();
    let jobs = decrypt::plan(inputs, &args.output, COMMAND);
    if args.json && !args.dry_run && jobs.iter().any(|job| *job.target() == Target::Stdout) {
        args::usage_error(
            COMMAND,
            ErrorKind::ArgumentConflict,
            "`--json` and `-o -` both want standard output",
        )
    }
    let keys = WalKeys::open(&args.cluster)?;
    keys.warn_if_plain("segments are plaintext to pg_tde and are copied as they are");
    let encrypt = |job: &Job| encrypt_segment(&keys, args, job).map(|done| (Action::Encrypted, done));
    let (segments, status) = segment::work(&jobs, args.jobs, encrypt)?;
    SegmentsReport { schema: "tde.wal-encrypt/1", dry_run: args.dry_run, segments }.print(args.json)?;
    Ok(status)
}

fn input(path: &Path, name: Option<&str>) -> Input {
    let file_name = path.file_name().map(|name| name.display().to_string());
    let name = name.map(str::to_owned).or(file_name).unwrap_or_else(|| path.display().to_string());
    Input { name, source: Source::from_argument(path) }
}

fn encrypt_segment(keys: &WalKeys, args: &EncryptArgs, job: &Job) -> Result<Done, Failure> {
    let name = &job.input.name;
    let reader = job.open()?;
    let length = match &reader {
        Reader::File(file) => Some(file.metadata()?.len()),
        // Plaintext is not put on a disk to find out.
        Reader::Stdin(_) => None,
    };
    let file = keys.segment(name, length)?;
    let failed = |error| Failure::new(error).context(name.clone());
    if args.dry_run {
        let summary = file.encrypt(&keys.ranges, reader, io::sink()).map_err(failed)?;
        segment::check(name, &summary, args.no_verify)?;
        return Ok(Done::of(&summary));
    }
    let mut output = job.create()?;
    let summary = file.encrypt(&keys.ranges, reader, &mut output).map_err(failed)?;
    segment::check(name, &summary, args.no_verify)?;
    output.share_as_in(&args.cluster.data_directory)?;
    output.finish()?;
    Ok(Done::of(&summary))
}

impl SegmentsReport {
    /// Prints it; as text on standard error if segments went to standard output.
    pub(super) fn print(&self, json: bool) -> Result<(), Failure> {
        let mut out = Printer::new();
        if json {
            serde_json::to_writer_pretty(&mut out, self)?;
            writeln!(out)?;
            out.flush()?;
            return Ok(());
        }
        for segment in self.segments.iter().filter(|segment| segment.action != Action::Failed) {
            let would = if self.dry_run { "(dry run) " } else { "" };
            if segment.output.is_none() {
                output::note(format_args!("{would}{segment}"));
            } else {
                writeln!(out, "{would}{segment}")?;
            }
        }
        out.flush()?;
        Ok(())
    }
}
