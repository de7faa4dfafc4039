//! `tde wal restore`: for `restore_command`, a command that fetches plaintext, which is encrypted again.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use clap::Args;
use rustix::fs::OFlags;
use tde_wal::{SegmentPosition, SegmentSize};

use super::segment::{self, Done, WalKeys};
use super::wrapped::{WrappedArgs, WrappedReport, ended, is_segment, name_of};
use crate::args::ClusterArgs;
use crate::failure::{Failure, Status};
use crate::inner_command::Outcome;
use crate::memory_directory::MemoryDirectory;
use crate::output;
use crate::output_file::{OutputFile, Policy, Target};

const COMMAND: &[&str] = &["wal", "restore"];

/// What goes wrong here is not a file that the archive does not have. A server ends recovery over statuses up to 125,
/// and may then begin a new timeline; over others it stops (PostgreSQL 17, `RestoreArchivedFile`).
pub(crate) const NOT_RESTORED: u8 = 255;

/// What a command may need beside the segment: directory entries, and a file system's own bookkeeping.
const ROOM_BESIDE_SEGMENT: u64 = 256 << 10;

const AFTER_HELP: &str = "\
Runs COMMAND on a path in a private directory in memory, and encrypts what it put there to PATH with \
the cluster's key ranges: exactly the bytes that they cover, in one step (written beside it, synced, \
renamed). The plaintext is removed at the end, and on SIGHUP, SIGINT, SIGQUIT and SIGTERM, which \
COMMAND is passed. Files that are not segments (`.history`) are never encrypted, and COMMAND puts \
them where they belong.

The server replaces `%f`, `%p` and `%r` wherever they stand in `restore_command`: write `%%f` and \
`%%p` behind the `--`.

A segment that is shorter than those of the cluster, as one that is still being copied to the archive, \
is encrypted as far as it goes: the server notices, and a standby tries again.

Exit status: that of COMMAND if it fails, or 128 and the number of the signal that killed it. A \
status of 1 to 125 tells the server that the archive does not have the file. Whatever else goes \
wrong, keys that are not at hand, full memory and usage errors included, is 255, which stops the \
server.

Example (postgresql.conf):
  restore_command = 'tde wal restore . --name %f --path %p -q -- cp /archive/%%f %%p'";

/// Run a restore command and encrypt the segment that it fetches
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct RestoreArgs {
    #[command(flatten)]
    cluster: ClusterArgs,

    /// The name of the file in the archive (`%f`)
    #[arg(long, value_name = "NAME")]
    name: Option<OsString>,

    /// Where to put it (`%p`)
    #[arg(long, value_name = "PATH")]
    path: PathBuf,

    #[command(flatten)]
    wrapped: WrappedArgs,
}

pub(crate) fn run(args: &RestoreArgs) -> Status {
    // The status of a panic would pass for a missing file.
    match catch_unwind(AssertUnwindSafe(|| restore(args))) {
        Ok(Ok(status)) => status,
        Ok(Err(failure)) => {
            output::error(&failure);
            Status::Exit(NOT_RESTORED)
        }
        Err(_) => Status::Exit(NOT_RESTORED),
    }
}

fn restore(args: &RestoreArgs) -> Result<Status, Failure> {
    let wrapped = &args.wrapped;
    let name = name_of(args.name.as_ref(), &args.path)?;
    let text = name.to_string_lossy().into_owned();
    let shown = output::printable(&text);
    let mut report = WrappedReport::new("tde.wal-restore/1", wrapped, &text, &args.path);
    if !is_segment(&name) {
        let command = wrapped.command(COMMAND, &name, &args.path);
        report.command = command.words();
        if wrapped.dry_run {
            wrapped.report(&report, format_args!("{shown}: not a segment; would run: {command}"));
            return Ok(Status::Good);
        }
        let outcome = wrapped.run(&command)?;
        report.ended(outcome);
        wrapped.report(&report, format_args!("{shown}: not a segment, left as it came; {}", ended(outcome)));
        return Ok(Status::Exit(outcome.code()));
    }
    report.is_segment = true;
    let keys = WalKeys::open(&args.cluster)?;
    let base_name = Path::new(args.path.file_name().unwrap_or(&name));
    // Before there is anything to clean up: a usage error ends the process.
    let command = wrapped.command(COMMAND, &name, &wrapped.memory_path(base_name));
    if wrapped.dry_run {
        report.command = command.words();
        let plan = planned(&keys, &text)?;
        wrapped.report(&report, format_args!("{shown}: would run: {command}; {plan}"));
        return Ok(Status::Good);
    }
    if !args.path.parent().is_none_or(|parent| parent.as_os_str().is_empty() || parent.is_dir()) {
        return Err(Failure::message(format!("{}: no such directory to restore to", args.path.display()))
            .advise("give DATADIR and PATH relative to where the server runs: its data directory"));
    }
    let directory = wrapped.memory_directory()?;
    let plain = directory.file(base_name);
    let command = wrapped.command(COMMAND, &name, &plain);
    report.command = command.words();
    let without_room = || no_room(&keys, &directory).map(|failure| wrapped.advise_room(failure));
    if let Some(failure) = without_room() {
        return Err(failure.context(shown));
    }
    let outcome = wrapped.run(&command)?;
    report.ended(outcome);
    if !outcome.is_success() {
        // Before what the command left is removed.
        let no_room = if is_absence(outcome) { without_room() } else { None };
        drop(directory);
        wrapped.report(&report, format_args!("{shown}: {}", ended(outcome)));
        return match no_room {
            Some(failure) => Err(failure.context(format!("{shown}: {}", ended(outcome)))),
            None => Ok(Status::Exit(outcome.code())),
        };
    }
    let done = encrypt(&keys, args, &text, open_plain(&plain, &shown)?)?;
    drop(directory);
    let line = format!("{shown}: encrypted {} of {} bytes", done.encrypted_bytes, done.bytes);
    report.segment = Some(done);
    wrapped.report(&report, line);
    Ok(Status::Good)
}

/// Whether a server takes the command's end for a file that the archive does not have.
const fn is_absence(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Exited(1..=125))
}

/// The directory cannot take the segment. A command that then fails has the status of one that found no file.
fn no_room(keys: &WalKeys, directory: &MemoryDirectory) -> Option<Failure> {
    let size = keys.control.as_ref().map_or(SegmentSize::MIN, |control| control.wal_segment_size);
    let room = directory.room()?;
    (room < size.bytes() + ROOM_BESIDE_SEGMENT).then(|| {
        Failure::message(format!(
            "{room} bytes are free in memory, too few for a segment of {}",
            size.bytes()
        ))
    })
}

/// What the command left; it must be a file, not a link to one.
fn open_plain(plain: &Path, name: &str) -> Result<File, Failure> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    match OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(plain) {
        Ok(file) if file.metadata()?.is_file() => Ok(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(Failure::message(format!("{name}: the command succeeded, but there is no file at its `%p`"))
                .advise("it must write to `%p` (`%%p` in postgresql.conf)"))
        }
        Ok(_) => Err(Failure::message(format!("{name}: what the command left is not a file"))),
        Err(error) => Err(Failure::new(error).context(format!("{name}: what the command left"))),
    }
}

fn encrypt(keys: &WalKeys, args: &RestoreArgs, name: &str, plain: File) -> Result<Done, Failure> {
    let length = plain.metadata()?.len();
    // A standby finds files that are still being copied to the archive. It drops what is too short and asks again, but
    // shuts down over a status that stands for a failure.
    let cut_short = keys.is_cut_short(length);
    let file = if cut_short { keys.file(name, None)? } else { keys.segment(name, Some(length))? };
    let policy = Policy { replace: true, sync: true };
    let mut output = OutputFile::create(&Target::File(args.path.clone()), policy, None)?;
    let summary = file
        .encrypt(&keys.ranges, plain, &mut output)
        .map_err(|error| Failure::new(error).context(name.to_owned()))?;
    if cut_short {
        segment::check_beginning(name, &summary, args.wrapped.no_verify)?;
    } else {
        segment::check(name, &summary, args.wrapped.no_verify)?;
    }
    output.share_as_in(&args.cluster.data_directory)?;
    output.finish()?;
    if cut_short {
        output::warning(
            format_args!("{name}: {length} bytes, but a segment has {}", file.name().size().bytes()),
            Some("unless it is still being copied to the archive, copy it again, as a whole"),
        );
    }
    Ok(Done::of(&summary))
}

/// How much of the segment would be encrypted.
fn planned(keys: &WalKeys, name: &str) -> Result<String, Failure> {
    let Some(size) = keys.control.as_ref().map(|control| control.wal_segment_size) else {
        return Ok("how much is encrypted depends on its size".into());
    };
    let file = keys.segment(name, Some(size.bytes()))?;
    let len = usize::try_from(size.bytes()).unwrap_or(usize::MAX);
    let parts = keys.ranges.encrypted_parts(SegmentPosition::start_of(file.name()), len)?;
    let encrypted: usize = parts.map(|part| part.bytes.len()).sum();
    Ok(format!("would encrypt {encrypted} of {} bytes", size.bytes()))
}
