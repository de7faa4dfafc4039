//! `tde wal archive-key`: a key of an archive's own, for `tde wal rekey`.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;
use tde_core::{Cipher, InternalKey, PrincipalKey};
use tde_keyfile::edit::{Draft, EditOptions, Editor, KeyringEdit, NewPrincipalKey};
use tde_keyfile::format::names;
use tde_keyfile::format::providers::ProviderKind;
use tde_keyfile::provider::{FileKeyring, KeyProvider};
use tde_keyfile::storage::DiskStorage;
use tde_keyfile::{Oid, PrincipalKeyName, ProviderName};
use tde_wal::{Location, Lsn, RangeKind, TimelineId};
use tempfile::TempDir;

use crate::args::CipherArg;
use crate::edit::failure;
use crate::failure::{Failure, Status};
use crate::interrupt;
use crate::output::{self, Printer};

const AFTER_HELP: &str = "\
Makes `pg_tde/` below DIR with a new WAL key in one range that begins before all WAL and never ends, wrapped \
by the principal key NAME of the keyring. It is what a cluster has, so that every tool can read segments \
that `tde wal rekey DATADIR --to DIR` makes.

The same segment must not be kept twice with different contents under one key (a `.partial` one and the \
whole one): the two together would tell what differs.

Exit status:
  0  done
  2  could not run; nothing was made, but for a principal key that `--create` added

Examples:
  tde wal archive-key /srv/archive-keys --keyring /etc/tde/archive.per --key archive-2026 --create
  tde wal rekey /srv/pgdata --to /srv/archive-keys /received --output-dir /archive";

/// Before the first byte of any WAL: the lowest location that counts as one.
const BEGINNING: Location = Location { timeline: TimelineId::FIRST, lsn: Lsn::new(1) };

/// Make a directory with a WAL key of an archive's own
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ArchiveKeyArgs {
    /// The directory, which has no `pg_tde/` yet; it is made if it does not exist
    #[arg(value_name = "DIR")]
    directory: PathBuf,

    /// The keyring file that has the principal key
    #[arg(long, value_name = "FILE")]
    keyring: PathBuf,

    /// Name of the principal key
    #[arg(long, value_name = "NAME")]
    key: PrincipalKeyName,

    /// Make the principal key, and add it to the keyring, which is made if it does not exist
    #[arg(long)]
    create: bool,

    /// Name of the provider that the keyring is recorded as
    #[arg(long, value_name = "NAME", default_value = "archive")]
    provider: ProviderName,

    /// The cipher of the archive's WAL
    #[arg(long, value_name = "CIPHER", default_value = "aes-256")]
    cipher: CipherArg,

    /// Say what would be done, and make nothing
    #[arg(long)]
    dry_run: bool,

    /// Print one JSON document (schema `tde.wal-archive-key/1`)
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    schema: &'static str,
    dry_run: bool,
    directory: String,
    keyring: String,
    principal_key: String,
    principal_key_created: bool,
    cipher: &'static str,
    start: String,
}

pub(crate) fn run(args: &ArchiveKeyArgs) -> Result<Status, Failure> {
    let target = args.directory.join(names::DIRECTORY);
    if fs::symlink_metadata(&target).is_ok() {
        return Err(Failure::message(format!("{}: exists already and is left as it is", target.display()))
            .advise("name another directory: keys that segments may be under are never replaced"));
    }
    let keyring = std::path::absolute(&args.keyring)?;
    let (key, addition) = principal_key(args, &keyring)?;
    if !args.dry_run {
        if let Some(addition) = addition {
            // The key first: a file that names a key which is nowhere would be lost.
            addition.apply(&DiskStorage::new(), "tde").map_err(failure)?;
        }
        make(args, &keyring, &key, &target).map_err(|failed| {
            if args.create {
                failed.advise("the principal key is in the keyring: repeat the command without `--create`")
            } else {
                failed
            }
        })?;
    }
    let report = Report {
        schema: "tde.wal-archive-key/1",
        dry_run: args.dry_run,
        directory: super::segment::shown(&args.directory),
        keyring: super::segment::shown(&keyring),
        principal_key: args.key.to_string(),
        principal_key_created: args.create,
        cipher: match args.cipher {
            CipherArg::Aes128 => "aes_128",
            CipherArg::Aes256 => "aes_256",
        },
        start: BEGINNING.to_string(),
    };
    let mut out = Printer::new();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
    } else {
        let would = if args.dry_run { "(dry run) " } else { "" };
        if args.create {
            writeln!(out, "{would}add principal key {} to {}", args.key, report.keyring)?;
        }
        let target = super::segment::shown(&target);
        writeln!(
            out,
            "{would}make {target} with a WAL key for {}, wrapped by {}",
            args.cipher.cipher(),
            args.key
        )?;
    }
    out.flush()?;
    Ok(Status::Good)
}

/// The key of the keyring, or a new one and its addition to the keyring.
fn principal_key(
    args: &ArchiveKeyArgs,
    keyring: &Path,
) -> Result<(PrincipalKey, Option<KeyringEdit>), Failure> {
    if args.create {
        let key = PrincipalKey::random(Cipher::Aes256)?;
        let addition =
            KeyringEdit::add_key(&DiskStorage::new(), keyring, &args.key, &key).map_err(failure)?;
        return Ok((key, Some(addition)));
    }
    match FileKeyring::new(keyring).principal_key(&args.key)? {
        Some(found) => Ok((found.key, None)),
        None => Err(Failure::message(format!(
            "keyring file {} has no key {}",
            keyring.display(),
            output::printable(&args.key.to_string())
        ))
        .advise("`--create` makes one")),
    }
}

/// Makes the key directory somewhere beside, and moves it to its place as a whole.
fn make(args: &ArchiveKeyArgs, keyring: &Path, key: &PrincipalKey, target: &Path) -> Result<(), Failure> {
    let named = |error: io::Error| Failure::new(error).context(args.directory.display().to_string());
    DirBuilder::new().recursive(true).mode(0o700).create(&args.directory).map_err(named)?;
    let private = fs::Permissions::from_mode(0o700);
    let make = || tempfile::Builder::new().prefix(".tde-").permissions(private).tempdir_in(&args.directory);
    let beside = interrupt::create_registered_directory(make, TempDir::path).map_err(named)?;
    let made = make_beside(args, keyring, key, beside.path(), target);
    let path = beside.path().to_path_buf();
    drop(beside);
    interrupt::forget(&path);
    made?;
    File::open(&args.directory).and_then(|directory| directory.sync_all()).map_err(named)
}

fn make_beside(
    args: &ArchiveKeyArgs,
    keyring: &Path,
    key: &PrincipalKey,
    beside: &Path,
    target: &Path,
) -> Result<(), Failure> {
    let named = |error: io::Error| Failure::new(error).context(target.display().to_string());
    let directory = beside.join(names::DIRECTORY);
    DirBuilder::new().mode(0o700).create(&directory).map_err(named)?;
    let storage = DiskStorage::new();
    let mut options = EditOptions::new("tde");
    // There is no server, and no control file that could say so.
    options.allow_unclean_shutdown = true;
    let editor = Editor::open(&storage, beside, &options).map_err(failure)?;
    let mut draft = Draft::new(editor.files());
    let path = keyring.to_str().ok_or_else(|| {
        Failure::message(format!("{}: not UTF-8, so that it cannot be recorded", keyring.display()))
    })?;
    let settings = serde_json::json!({ "path": path }).to_string();
    let provider =
        draft.add_provider(Oid::PG_GLOBAL, args.provider, ProviderKind::File, &settings).map_err(failure)?;
    draft.create_scope(Oid::PG_GLOBAL, &NewPrincipalKey::new(provider, args.key, key)).map_err(failure)?;
    let wal_key = InternalKey::random(args.cipher.cipher())?;
    draft.append_wal_range(RangeKind::Encrypted, &wal_key).map_err(failure)?;
    draft.start_wal_range(BEGINNING).map_err(failure)?;
    let edit = draft.finish("make an archive's own WAL key");
    editor.apply(edit).map_err(failure)?;
    // Refused if somebody has made it meanwhile: a directory that is not empty is not replaced.
    fs::rename(&directory, target).map_err(named)
}
