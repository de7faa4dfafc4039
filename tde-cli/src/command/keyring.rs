//! `tde keyring`: the keyring files of file providers.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;
use tde_core::{Cipher, PrincipalKey};
use tde_keyfile::PrincipalKeyName;
use tde_keyfile::edit::KeyringEdit;
use tde_keyfile::format::keyring::KeyringRecords;
use tde_keyfile::provider::KeyFile;
use tde_keyfile::storage::{DiskStorage, read_file};

use crate::command::rotate::KeyBits;
use crate::edit::failure;
use crate::failure::{Failure, Status};
use crate::output::{self, Printer, WARNING};

/// The largest keyring that is read, as for looking keys up.
const MAX_KEYRING_SIZE: u64 = 16 << 20;

const ADD_HELP: &str = "\
A keyring that does not exist is made, for its owner alone (0600); one that does keeps owner and
mode. A name is taken once, without regard to case. Let no server make keys in the same file
meanwhile.

Exit status:
  0  done
  1  the keyring is damaged; nothing was changed
  2  could not run; nothing was changed

Examples:
  tde keyring add /etc/tde/keys.per --key server-key
  tde keyring add /etc/tde/keys.per --key old-key --from /run/keys/old.hex --dry-run";

const LIST_HELP: &str = "\
Exit status:
  0  every record could be read
  1  a record is damaged
  2  could not run";

/// List and add the principal keys of keyring files
#[derive(Debug, Subcommand)]
pub(crate) enum KeyringCommand {
    List(ListArgs),
    Add(Box<AddArgs>),
}

/// List the names of the keys, and their lengths; never the keys
#[derive(Args, Debug)]
#[command(after_help = LIST_HELP)]
pub(crate) struct ListArgs {
    /// The keyring file
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Print one JSON document instead (schema `tde.keyring/1`)
    #[arg(long)]
    json: bool,
}

/// Add a principal key: a random one, or one that is given
#[derive(Args, Debug)]
#[command(after_help = ADD_HELP)]
pub(crate) struct AddArgs {
    /// The keyring file
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Name of the new key
    #[arg(long, value_name = "NAME")]
    key: PrincipalKeyName,

    /// Take the key from KEYFILE, raw bytes or hexadecimal digits, instead of making one
    #[arg(long, value_name = "KEYFILE", conflicts_with = "key_bits")]
    from: Option<PathBuf>,

    /// Bits of a key that is made [default: 256; pg_tde before 2.2 takes 128 only]
    #[arg(long, value_name = "BITS")]
    key_bits: Option<KeyBits>,

    /// Say what would be done, and change nothing
    #[arg(long)]
    dry_run: bool,

    /// Print one JSON document instead (schema `tde.keyring-add/1`)
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(command: &KeyringCommand) -> Result<Status, Failure> {
    match command {
        KeyringCommand::List(args) => list(args),
        KeyringCommand::Add(args) => add(args),
    }
}

fn add(args: &AddArgs) -> Result<Status, Failure> {
    let key = match &args.from {
        Some(file) => KeyFile::new(args.key, file).read()?,
        None => PrincipalKey::random(args.key_bits.map_or(Cipher::Aes256, KeyBits::cipher))?,
    };
    let bits = bits(&key);
    let made = std::fs::symlink_metadata(&args.file).is_err();
    let storage = DiskStorage::new();
    let edit = KeyringEdit::add_key(&storage, &args.file, &args.key, &key).map_err(failure)?;
    if !args.dry_run {
        edit.apply(&storage, "tde").map_err(failure)?;
    }
    let mut out = Printer::new();
    if args.json {
        let report = json!({
            "schema": "tde.keyring-add/1",
            "dry_run": args.dry_run,
            "keyring": args.file.display().to_string(),
            "keyring_created": made,
            "key": args.key.to_string(),
            "bits": bits,
            "random": args.from.is_none(),
        });
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
        return Ok(Status::Good);
    }
    let would = if args.dry_run { "(dry run) " } else { "" };
    if made {
        writeln!(out, "{would}make keyring file {}", shown(&args.file))?;
    }
    let kind = if args.from.is_none() { "random " } else { "" };
    writeln!(
        out,
        "{would}add the {kind}key {} of {bits} bits to {}",
        printable(&args.key),
        shown(&args.file)
    )?;
    Ok(Status::Good)
}

fn list(args: &ListArgs) -> Result<Status, Failure> {
    let content = read_file(&DiskStorage::new(), &args.file, MAX_KEYRING_SIZE)?;
    let records = KeyringRecords::parse(content.bytes());
    let mut out = Printer::new();
    let mut status = Status::Good;
    let mut keys = Vec::new();
    for record in records.records() {
        let read = record.name().and_then(|name| Ok((name, bits(&record.key()?))));
        match (&read, args.json) {
            (Ok((name, bits)), true) => {
                keys.push(json!({"offset": record.offset(), "name": name.to_string(), "bits": bits, "problem": null}));
            }
            (Ok((name, bits)), false) => writeln!(out, "{bits} bits  {}", printable(name))?,
            (Err(error), true) => {
                keys.push(json!({"offset": record.offset(), "name": null, "bits": null, "problem": error.to_string()}));
            }
            (Err(error), false) => {
                writeln!(out, "{WARNING}damaged{WARNING:#}   {}", output::printable(&error.to_string()))?;
            }
        }
        if read.is_err() {
            status = Status::Wrong;
        }
    }
    if let Some(tail) = records.torn_tail() {
        status = Status::Wrong;
        let text = format!(
            "{}: the last {} bytes are no whole record; the server's search stops there with an error",
            shown(&args.file),
            tail.length
        );
        output::warning(text, Some("cut them off, or restore the file from a copy"));
    }
    if args.json {
        let report = json!({
            "schema": "tde.keyring/1",
            "keyring": args.file.display().to_string(),
            "keys": keys,
            "torn_tail": records.torn_tail().map(|tail| tail.length),
        });
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
    }
    Ok(status)
}

fn bits(key: &PrincipalKey) -> usize {
    key.cipher().key_len() * 8
}

fn printable(name: &PrincipalKeyName) -> String {
    output::printable(&name.to_string()).to_string()
}

fn shown(path: &Path) -> String {
    output::printable(&path.display().to_string()).to_string()
}
