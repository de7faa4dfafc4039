//! What `wal archive` and `wal restore` have in common: the file they are about, and the command that they run.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::error::ErrorKind;
use serde::Serialize;
use tde_wal::{Error, SegmentName, SegmentSize};

use super::segment::Done;
use crate::args;
use crate::failure::Failure;
use crate::inner_command::{InnerCommand, Outcome};
use crate::output::Printer;

/// The options of both.
#[derive(Args, Debug)]
pub(crate) struct WrappedArgs {
    /// Let plaintext lie in a directory that is not in memory
    #[arg(long)]
    allow_disk: bool,

    /// A directory on a memory file system, below which plaintext lies while COMMAND runs
    #[arg(long, value_name = "DIR", default_value = "/dev/shm")]
    memory_dir: PathBuf,

    /// Go on if the segment is not WAL of that place under these keys, with a warning
    #[arg(long)]
    pub(super) no_verify: bool,

    /// Say what would be done, and run nothing
    #[arg(long)]
    pub(super) dry_run: bool,

    /// Say nothing if all is well
    #[arg(short, long, conflicts_with = "json")]
    quiet: bool,

    /// Print one JSON document; what COMMAND prints goes to standard error
    #[arg(long)]
    pub(super) json: bool,

    /// The command, with `%f` for the name, `%p` for the path and `%%` for `%`; a single word is a line for a shell
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// What was done, for `--json`.
#[derive(Debug, Serialize)]
pub(super) struct WrappedReport {
    pub(super) schema: &'static str,
    pub(super) dry_run: bool,
    pub(super) name: String,
    pub(super) path: String,
    /// Whether the name is that of a segment; other files go through as they are.
    pub(super) is_segment: bool,
    /// `null` if it is none, or did not come so far.
    pub(super) segment: Option<Done>,
    /// Program and arguments.
    pub(super) command: Vec<String>,
    /// `null` if it was not run.
    pub(super) outcome: Option<OutcomeReport>,
}

/// How the command ended.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum OutcomeReport {
    Exited(u8),
    Signalled(u8),
}

impl WrappedArgs {
    /// The command on a file; leaves with a usage error if it cannot be.
    pub(super) fn command(&self, command: &[&str], name: &OsStr, path: &Path) -> InnerCommand {
        InnerCommand::new(&self.command, name, path)
            .unwrap_or_else(|message| args::usage_error(command, ErrorKind::InvalidValue, message))
    }

    /// The private directory for plaintext.
    pub(super) fn memory_directory(&self) -> Result<crate::memory_directory::MemoryDirectory, Failure> {
        // A core file would hold what is kept out of all others. Not everywhere can it be switched off.
        #[cfg(target_os = "linux")]
        let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
        crate::memory_directory::MemoryDirectory::create(&self.memory_dir, self.allow_disk)
    }

    /// Says which file system has too little room.
    pub(super) fn advise_room(&self, failure: Failure) -> Failure {
        let directory = self.memory_dir.display();
        failure.advise(format!("make room in {directory}, or name a larger tmpfs with `--memory-dir`"))
    }

    /// Where the file would be in a dry run.
    pub(super) fn memory_path(&self, name: &Path) -> PathBuf {
        self.memory_dir.join("tde-wal-XXXXXX").join(name)
    }

    /// Runs the command.
    pub(super) fn run(&self, command: &InnerCommand) -> Result<Outcome, Failure> {
        command.run(!self.json)
    }

    /// Prints what was done. That it cannot be printed changes nothing about it.
    pub(super) fn report(&self, report: &WrappedReport, text: impl std::fmt::Display) {
        let mut out = Printer::new();
        let _ = match (self.json, self.quiet) {
            (true, _) => serde_json::to_writer_pretty(&mut out, report)
                .map_err(std::io::Error::from)
                .and_then(|()| writeln!(out)),
            (false, true) => Ok(()),
            (false, false) => writeln!(out, "{}{text}", if self.dry_run { "(dry run) " } else { "" }),
        };
        let _ = out.flush();
    }
}

impl WrappedReport {
    pub(super) fn new(schema: &'static str, args: &WrappedArgs, name: &str, path: &Path) -> Self {
        Self {
            schema,
            dry_run: args.dry_run,
            name: name.to_owned(),
            path: super::segment::shown(path),
            is_segment: false,
            segment: None,
            command: Vec::new(),
            outcome: None,
        }
    }

    pub(super) fn ended(&mut self, outcome: Outcome) {
        self.outcome = Some(match outcome {
            Outcome::Exited(code) => OutcomeReport::Exited(code),
            Outcome::Signalled(signal) => OutcomeReport::Signalled(signal),
        });
    }
}

/// The name: as given, or the last part of the path.
///
/// # Errors
/// If there is none.
pub(super) fn name_of(name: Option<&OsString>, path: &Path) -> Result<OsString, Failure> {
    name.cloned().or_else(|| path.file_name().map(OsStr::to_owned)).ok_or_else(|| {
        Failure::message(format!("{}: no file name", path.display()))
            .advise("say with `--name` which file it is")
    })
}

/// Whether the name is that of a segment, under whatever segment size. All other files are never encrypted.
pub(super) fn is_segment(name: &OsStr) -> bool {
    let parsed = name.to_str().map(|name| SegmentName::parse(name, SegmentSize::MIN));
    // One that no segment size allows is refused later; it must not pass for another kind of file.
    matches!(parsed, Some(Ok(_) | Err(Error::SegmentNameGroup { .. })))
}

/// `command` ended with …
pub(super) fn ended(outcome: Outcome) -> String {
    match outcome {
        Outcome::Exited(0) => "the command succeeded".into(),
        Outcome::Exited(code) => format!("the command ended with status {code}"),
        Outcome::Signalled(signal) => format!("the command was killed by signal {signal}"),
    }
}
