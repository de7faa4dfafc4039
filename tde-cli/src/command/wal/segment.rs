//! What the commands that write segments have in common: keys, checks, and the report on each.

use std::path::Path;

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use serde::Serialize;
use tde_keyfile::postgres::ControlFile;
use tde_keyfile::wal_file::{RekeySummary, SegmentProblem, WalFileError, WalSegmentFile};
use tde_wal::io::PageTally;
use tde_wal::{KeyRanges, LONG_HEADER_LEN};

use crate::args::{ClusterArgs, JobsArgs};
use crate::command::decrypt::Job;
use crate::failure::{Failure, Status};
use crate::output_file::Target;
use crate::{control_file, open, output};

/// The key ranges of a cluster, and what its control file says of segments.
#[derive(Debug)]
pub(super) struct WalKeys {
    pub(super) control: Option<ControlFile>,
    pub(super) ranges: KeyRanges,
}

impl WalKeys {
    /// # Errors
    /// If the cluster, its control file or one of its WAL keys cannot be read.
    pub(super) fn open(args: &ClusterArgs) -> Result<Self, Failure> {
        let cluster = open::cluster(args)?;
        let ranges = cluster.wal_key_ranges().map_err(open::scope_failure)?;
        let control = control_file::read(&args.data_directory).map_err(|error| {
            Failure::message(format!("{}: {error}", ControlFile::PATH))
                .advise("the segment size depends on it: copy it again, or leave it out of the copy")
        })?;
        Ok(Self { control, ranges })
    }

    /// The segment of this name.
    ///
    /// # Errors
    /// If it is none, or its length is not that of a segment.
    pub(super) fn segment(&self, name: &str, length: Option<u64>) -> Result<WalSegmentFile, Failure> {
        let file = self.file(name, length)?;
        let size = file.name().size();
        match length {
            // Before anything is read.
            Some(actual) if actual != size.bytes() => {
                Err(problem(name, SegmentProblem::Length { actual, expected: size }, ""))
            }
            _ => Ok(file),
        }
    }

    /// The segment of this name, of which there may be less than all.
    ///
    /// # Errors
    /// If it is none, or neither the control file nor its length tells the segment size.
    pub(super) fn file(&self, name: &str, length: Option<u64>) -> Result<WalSegmentFile, Failure> {
        WalSegmentFile::new(name, self.control.as_ref(), length).map_err(|error| {
            let advice = match &error {
                WalFileError::SegmentSize { .. } => "copy `global/pg_control` along, or give a whole segment",
                _ => "say with `--name` which segment the file is",
            };
            Failure::new(error).advise(advice)
        })
    }

    /// Whether a file of this length is cut short: the control file says how long segments are.
    pub(super) fn is_cut_short(&self, length: u64) -> bool {
        self.control.as_ref().is_some_and(|control| length < control.wal_segment_size.bytes())
    }

    /// Says so if nothing is encrypted here.
    pub(super) fn warn_if_plain(&self, what: &str) {
        if self.ranges.ranges().is_empty() {
            output::warning(
                format_args!("there are no WAL key ranges, so {what}"),
                Some("copy `pg_tde/wal_keys` along if the WAL is encrypted"),
            );
        }
    }
}

/// The data is not what it should be, and what to do unless it is too short.
pub(super) fn problem(name: &str, problem: SegmentProblem, advice: &str) -> Failure {
    let advice = match problem {
        SegmentProblem::Length { .. } => "copy the segment again, as a whole",
        _ => advice,
    };
    Failure::new(problem).context(name.to_owned()).wrong().advise(advice)
}

/// Refuses what should not be used, or only warns of it.
///
/// # Errors
/// The problem. A wrong length is never let pass.
pub(super) fn check(name: &str, summary: &RekeySummary, no_verify: bool) -> Result<(), Failure> {
    match summary.problem() {
        None => Ok(()),
        Some(found) if no_verify && !matches!(found, SegmentProblem::Length { .. }) => {
            output::warning(format_args!("{name}: {found}"), None);
            Ok(())
        }
        Some(found @ SegmentProblem::DoneBefore { .. }) => {
            Err(problem(name, found, "it needs no more than to be copied; `--no-verify` insists"))
        }
        Some(found) => {
            Err(problem(name, found, "is it of this cluster, and under these keys? `--no-verify` insists"))
        }
    }
}

/// The same for the beginning of a segment, whose length is for the server to judge.
///
/// # Errors
/// What is wrong with the pages that are there.
pub(super) fn check_beginning(name: &str, summary: &RekeySummary, no_verify: bool) -> Result<(), Failure> {
    if summary.rekeyed.bytes < LONG_HEADER_LEN as u64 {
        return Ok(());
    }
    let mut as_if_whole = *summary;
    as_if_whole.rekeyed.bytes = summary.segment_size.bytes();
    check(name, &as_if_whole, no_verify)
}

/// One input and what was done with it.
#[derive(Debug, Serialize)]
pub(super) struct SegmentReport {
    pub(super) name: String,
    /// `null` for standard input.
    pub(super) input: Option<String>,
    /// `null` for standard output.
    pub(super) output: Option<String>,
    pub(super) action: Action,
    #[serde(flatten)]
    pub(super) done: Done,
}

/// What was done with an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Action {
    Encrypted,
    Rekeyed,
    /// As it was: no segment, or under the right keys already.
    Copied,
    /// Its output is there already.
    Skipped,
    Failed,
}

/// The bytes of a segment, and its pages in plaintext.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Done {
    pub(super) bytes: u64,
    pub(super) decrypted_bytes: u64,
    pub(super) encrypted_bytes: u64,
    /// `null` if it was not looked into.
    pub(super) pages: Option<Pages>,
    pub(super) problem: Option<String>,
}

/// How many pages look like what.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Pages {
    valid: u64,
    zero: u64,
    older: u64,
    damaged: u64,
    noise: u64,
}

impl Done {
    pub(super) fn of(summary: &RekeySummary) -> Self {
        let PageTally { valid, zero, older, damaged, noise, .. } = summary.rekeyed.pages;
        Self {
            bytes: summary.rekeyed.bytes,
            decrypted_bytes: summary.rekeyed.decrypted.encrypted,
            encrypted_bytes: summary.rekeyed.encrypted.encrypted,
            pages: Some(Pages { valid, zero, older, damaged, noise }),
            problem: summary.problem().map(|problem| problem.to_string()),
        }
    }
}

/// Works on all of them, several at a time. What fails is reported and the rest still done. The status is the worst of
/// all.
///
/// # Errors
/// If the threads cannot be started.
pub(super) fn work(
    jobs: &[Job],
    threads: JobsArgs,
    done_by: impl Fn(&Job) -> Result<(Action, Done), Failure> + Sync,
) -> Result<(Vec<SegmentReport>, Status), Failure> {
    let done: Vec<_> = threads.pool()?.install(|| jobs.par_iter().map(&done_by).collect());
    let mut status = Status::Good;
    let mut reports = Vec::new();
    for (job, done) in jobs.iter().zip(done) {
        let (action, done) = match done {
            Ok(done) => done,
            Err(failure) => {
                if !failure.is_closed_stdout() {
                    output::error(&failure);
                    status = status.max(failure.status());
                }
                (Action::Failed, Done { problem: Some(failure.to_string()), ..Done::default() })
            }
        };
        let output = match job.target() {
            Target::Stdout => None,
            Target::File(path) => Some(shown(path)),
        };
        let input = job.input.path().map(shown);
        reports.push(SegmentReport { name: job.input.name.clone(), input, output, action, done });
    }
    Ok((reports, status))
}

pub(super) fn shown(path: &Path) -> String {
    output::printable(&path.to_string_lossy())
}

/// One line for people.
impl std::fmt::Display for SegmentReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Done { bytes, decrypted_bytes, encrypted_bytes, .. } = &self.done;
        write!(f, "{}: ", output::printable(&self.name))?;
        match self.action {
            Action::Encrypted => write!(f, "encrypted {encrypted_bytes} of {bytes} bytes")?,
            Action::Rekeyed => {
                write!(f, "decrypted {decrypted_bytes} and encrypted {encrypted_bytes} of {bytes} bytes")?;
            }
            Action::Copied => write!(f, "copied {bytes} bytes as they are")?,
            Action::Skipped => return write!(f, "there already"),
            Action::Failed => return write!(f, "failed"),
        }
        match &self.output {
            Some(output) => write!(f, " to {output}"),
            None => Ok(()),
        }
    }
}
