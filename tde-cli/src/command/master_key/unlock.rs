//! `tde master-key unlock`: the key in memory, for a server to read.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use tde_keyfile::PrincipalKeyName;
use tde_keyfile::master_key::{MasterKeyFile, UnlockOptions};

use super::arguments::{DISK, DirectoryArgs, IterationsArgs, ReportArgs};
use super::failure::failure;
use super::passphrase::{Asker, PassphraseArgs};
use super::report::{SCHEMA, hex, print, shown};
use crate::failure::{Failure, Status};

const AFTER_HELP: &str = "\
Writes DIR/master-key.hex (64 hexadecimal digits) and, with --keyring-name, DIR/master-key.per, a keyring
of pg_tde's file provider; mode 0600 in a directory of mode 0700. Run it as the user of the server.
What is there already with the same key is left as it is.

Exit status:
  0  unlocked
  1  wrong passphrase, or the file is damaged
  2  could not run: DIR is not on a memory file system, others have access to it, ...

Examples:
  tde master-key unlock /etc/tde/master.key --keyring-name server-key
  tde master-key unlock /etc/tde/master.key --dir /dev/shm/tde --passphrase-fd 0 < passphrase";

/// Write the key to a memory file system, where a server can read it
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct UnlockArgs {
    /// The master key file
    file: PathBuf,

    #[command(flatten)]
    directory: DirectoryArgs,

    /// Also write a keyring that holds the key under NAME
    #[arg(long, value_name = "NAME")]
    keyring_name: Option<PrincipalKeyName>,

    /// Write even to a file system on a disk, from which the key may never quite vanish
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    iterations: IterationsArgs,

    #[command(flatten)]
    report: ReportArgs,

    #[command(flatten)]
    passphrase: PassphraseArgs,
}

#[derive(Debug, Serialize)]
struct UnlockReport {
    schema: &'static str,
    command: &'static str,
    dry_run: bool,
    file: String,
    directory: String,
    files: Vec<FileReport>,
    fingerprint: Option<String>,
}

#[derive(Debug, Serialize)]
struct FileReport {
    path: String,
    /// `null` in a dry run.
    written: Option<bool>,
}

pub(super) fn run(args: &UnlockArgs) -> Result<Status, Failure> {
    let options = UnlockOptions { keyring_name: args.keyring_name, allow_disk: args.force };
    let unlocked = args.directory.unlocked_key();
    // Before the passphrase is asked for.
    unlocked.check(&options).map_err(failure)?;
    let file = MasterKeyFile::new(&DISK, &args.file, "tde master-key unlock");
    let (files, fingerprint) = if args.report.dry_run {
        match file.status().map_err(failure)?.content {
            None => {
                let missing = Failure::message(format!("{}: there is no such file", args.file.display()));
                return Err(missing.advise("`tde master-key init FILE` makes one"));
            }
            Some(content) => content.map_err(failure)?,
        };
        let keyring = args.keyring_name.map(|_| unlocked.keyring_path());
        let paths = [Some(unlocked.hex_path()), keyring];
        let files = paths.iter().flatten().map(|path| FileReport { path: shown(path), written: None });
        (files.collect(), None)
    } else {
        let key = file.open(&mut Asker::existing(&args.passphrase), &args.iterations.open_options());
        let key = key.map_err(failure)?;
        let files = unlocked.unlock(&key, &options).map_err(failure)?;
        let files =
            files.iter().map(|file| FileReport { path: shown(&file.path), written: Some(file.written) });
        (files.collect::<Vec<_>>(), Some(hex(&key.fingerprint())))
    };
    let report = UnlockReport {
        schema: SCHEMA,
        command: "unlock",
        dry_run: args.report.dry_run,
        file: shown(&args.file),
        directory: shown(unlocked.directory()),
        files,
        fingerprint,
    };
    print(&report, args.report.json, |out| {
        use std::io::Write as _;
        for file in &report.files {
            let done = match file.written {
                None => "would write",
                Some(true) => "wrote",
                Some(false) => "already there:",
            };
            writeln!(out, "{done} {}", file.path)?;
        }
        Ok(())
    })?;
    Ok(Status::Good)
}
