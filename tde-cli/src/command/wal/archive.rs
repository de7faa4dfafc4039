//! `tde wal archive`: for `archive_command`, a command that gets to see plaintext.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;
use tde_wal::KeyRanges;

use super::segment::{self, Done, WalKeys};
use super::wrapped::{WrappedArgs, WrappedReport, ended, is_segment, name_of};
use crate::args::ClusterArgs;
use crate::failure::{Failure, Status};
use crate::output;

const COMMAND: &[&str] = &["wal", "archive"];

const AFTER_HELP: &str = "\
Decrypts the segment into a private directory in memory, runs COMMAND on it, and removes it: at the \
end, and on SIGHUP, SIGINT, SIGQUIT and SIGTERM, which COMMAND is passed. Files that are not segments \
(`.history`, `.backup`) are never encrypted, and COMMAND runs on them where they are.

The server replaces `%f` and `%p` wherever they stand in `archive_command`: write `%%f` and `%%p` \
behind the `--`.

Exit status: that of COMMAND, or 128 and the number of the signal that killed it. 1 and 2 also say \
that the segment could not be decrypted, as for `tde wal decrypt`; the server tries again later.

COMMAND must not replace a file of the archive, nor leave half of one under its name.

Examples (postgresql.conf, each in one line):
  archive_command = 'tde wal archive . --name %f --path %p -q --
      \"test ! -f /archive/%%f && cp %%p /archive/%%f.tmp && mv /archive/%%f.tmp /archive/%%f\"'
  archive_command = 'tde wal archive . --name %f --path %p -q --
      \"test ! -f /archive/%%f.gz && gzip < %%p > /archive/%%f.tmp
      && mv /archive/%%f.tmp /archive/%%f.gz\"'";

/// Run an archive command on a decrypted segment
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ArchiveArgs {
    #[command(flatten)]
    cluster: ClusterArgs,

    /// The file to archive (`%p`)
    #[arg(long, value_name = "PATH")]
    path: PathBuf,

    /// Its name in the archive (`%f`) [default: the last part of the path]
    #[arg(long, value_name = "NAME")]
    name: Option<OsString>,

    #[command(flatten)]
    wrapped: WrappedArgs,
}

pub(crate) fn run(args: &ArchiveArgs) -> Status {
    archive(args).unwrap_or_else(|failure| {
        output::error(&failure);
        // Also if it was a closed pipe: nothing has been archived.
        failure.status().max(Status::Wrong)
    })
}

fn archive(args: &ArchiveArgs) -> Result<Status, Failure> {
    let wrapped = &args.wrapped;
    let name = name_of(args.name.as_ref(), &args.path)?;
    let text = name.to_string_lossy().into_owned();
    let shown = output::printable(&text);
    let mut report = WrappedReport::new("tde.wal-archive/1", wrapped, &text, &args.path);
    if !is_segment(&name) {
        let command = wrapped.command(COMMAND, &name, &args.path);
        report.command = command.words();
        if wrapped.dry_run {
            wrapped.report(&report, format_args!("{shown}: not a segment; would run: {command}"));
            return Ok(Status::Good);
        }
        let outcome = wrapped.run(&command)?;
        report.ended(outcome);
        wrapped
            .report(&report, format_args!("{shown}: not a segment, passed on as it is; {}", ended(outcome)));
        return Ok(Status::Exit(outcome.code()));
    }
    report.is_segment = true;
    let keys = WalKeys::open(&args.cluster)?;
    let base_name = Path::new(args.path.file_name().unwrap_or(&name));
    // Before there is anything to clean up: a usage error ends the process.
    let command = wrapped.command(COMMAND, &name, &wrapped.memory_path(base_name));
    if wrapped.dry_run {
        report.command = command.words();
        let done = decrypt(&keys, args, &text, &mut std::io::sink())?;
        let line = format!("{shown}: {}; would run: {command}", decrypted(&done));
        report.segment = Some(done);
        wrapped.report(&report, line);
        return Ok(Status::Good);
    }
    let directory = wrapped.memory_directory()?;
    let plain = directory.file(base_name);
    let command = wrapped.command(COMMAND, &name, &plain);
    report.command = command.words();
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&plain)?;
    let done = decrypt(&keys, args, &text, &mut file)?;
    drop(file);
    drop(keys);
    let outcome = wrapped.run(&command)?;
    drop(directory);
    report.ended(outcome);
    let line = format!("{shown}: {}; {}", decrypted(&done), ended(outcome));
    report.segment = Some(done);
    wrapped.report(&report, line);
    Ok(Status::Exit(outcome.code()))
}

fn decrypted(done: &Done) -> String {
    format!("decrypted {} of {} bytes", done.decrypted_bytes, done.bytes)
}

/// Decrypts the file into memory, and checks what came out.
fn decrypt(keys: &WalKeys, args: &ArchiveArgs, name: &str, plain: &mut impl Write) -> Result<Done, Failure> {
    let named = |error: std::io::Error| Failure::new(error).context(args.path.display().to_string());
    if fs::metadata(&args.path).map_err(named)?.is_dir() {
        return Err(named(std::io::ErrorKind::IsADirectory.into()));
    }
    let input = File::open(&args.path).map_err(named)?;
    let file = keys.segment(name, Some(input.metadata().map_err(named)?.len()))?;
    let summary = file
        .rekey(&keys.ranges, &KeyRanges::default(), input, plain)
        .map_err(|error| Failure::new(error).context(name.to_owned()))?;
    segment::check(name, &summary, args.wrapped.no_verify)?;
    Ok(Done::of(&summary))
}
