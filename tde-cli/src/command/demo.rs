//! `tde demo`: the whole way from a key server to a plaintext page, on this machine, with nothing set up before.

mod cluster;
mod control_file;
mod pages;
mod report;
mod server;
mod wal;

use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use tde_core::Cipher;
use tde_keyfile::PrincipalKeyName;
use tde_keyfile::cluster::OpenOptions;
use tde_keyfile::format::providers::ProviderKind;
use tde_keyfile::verify::{VerifyOptions, par_verify};
use tde_kmip::provider::Connector;
use tempfile::TempDir;

use crate::failure::{Failure, Status};
use crate::interrupt;
use crate::output::{HEADING, Printer};

use cluster::DemoCluster;
use report::Steps;
use server::KeyServer;

const AFTER_HELP: &str = "\
Starts a KMIP key server in this process, on a free port of the loopback interface, with certificates made \
for it; has it make principal keys; makes a data directory with tables and WAL encrypted under them; \
verifies it; rotates the principal keys; decrypts everything and compares it with the plaintext.

What is made lies in a private temporary directory and is removed, also on errors and signals. With \
`--keep`, the principal keys are written beside the data directory, as the key server ends with this \
command.

Exit status:
  0  every step came out as it should
  1  something decrypted to other bytes, or does not verify
  2  could not run

Examples:
  tde demo
  tde demo --size 1024 --keep /tmp/tde-demo
  tde demo --json | jq '.steps[] | {step, milliseconds}'";

/// Show the whole at work: key server, principal keys, an encrypted cluster, rotation, plaintext
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct DemoArgs {
    /// How large the tables are, up to 1024; there is half as much WAL
    // Each table is one file, which PostgreSQL does not let grow beyond 1 GiB.
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1024))]
    size: u32,

    /// Make everything in DIR, which must not exist, and leave it there
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,

    /// Print one JSON document instead (schema `tde.demo/1`)
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &DemoArgs) -> Result<Status, Failure> {
    let mut out = Printer::new();
    let place = Place::create(args.keep.as_deref())?;
    let mut steps = Steps::new(&mut out, args.json);
    let shown = demonstrate(place.path(), args, &mut steps)?;
    let kept = place.finish(&mut steps)?;
    steps.finish(kept.as_deref(), &shown)?;
    Ok(Status::Good)
}

/// What is to be seen at the end: a row, on disk and decrypted.
#[derive(Debug)]
struct Shown {
    stored: Vec<u8>,
    plain: String,
    /// Names of the principal keys in use.
    keys: [PrincipalKeyName; 2],
}

fn demonstrate(place: &Path, args: &DemoArgs, steps: &mut Steps<'_>) -> Result<Shown, Failure> {
    let data = place.join("data");
    let server = steps.run("key server", || {
        let server = KeyServer::start(&place.join("tls"))?;
        let address = server.address();
        Ok((server, format!("KMIP over mutual TLS at {address}, with certificates made for it")))
    })?;
    let mut cluster = steps.run("cluster", || {
        let mut cluster = DemoCluster::create(&data, args.size)?;
        let amount = cluster.write_log()?;
        let connector = Connector::new(&data);
        cluster.reached_by(OpenOptions::new().connector(Arc::new(connector)));
        cluster.add_provider(ProviderKind::Kmip, &server.provider_options())?;
        let text = format!(
            "a data directory with the key server as its provider, {} records of WAL",
            amount.records
        );
        Ok((cluster, text))
    })?;
    let (first, second) = (Names::generation(1)?, Names::generation(2)?);
    steps.run("principal keys", || {
        first.make(&cluster)?;
        Ok(((), format!("\"{}\" and \"{}\" made, over KMIP", first.database, first.server)))
    })?;
    steps.run("internal keys", || {
        cluster.set_keys(first.database, first.server)?;
        Ok(((), "one for each table, one for the WAL, wrapped by the principal keys".to_owned()))
    })?;
    steps.timed("encrypt tables", || {
        let amount = cluster.write_tables()?;
        Ok((amount.bytes, format!("{} pages made, encrypted and synced", amount.pages)))
    })?;
    steps.timed("encrypt WAL", || {
        let amount = cluster.write_wal()?;
        Ok((amount.bytes, format!("{} records encrypted and synced", amount.records)))
    })?;
    verify(&cluster, steps)?;
    steps.run("rotate", || {
        second.make(&cluster)?;
        let wrapped = cluster.rotate(second.database, second.server)?;
        let text = format!(
            "{wrapped} internal keys now wrapped by \"{}\" and \"{}\"; not a page was touched",
            second.database, second.server
        );
        Ok(((), text))
    })?;
    verify(&cluster, steps)?;
    steps.timed("decrypt tables", || {
        let amount = cluster.compare_tables()?;
        Ok((amount.bytes, format!("{} pages, the same as before encryption", amount.pages)))
    })?;
    steps.timed("decrypt WAL", || {
        let amount = cluster.compare_wal()?;
        Ok((amount.bytes, format!("{} records, the same as before encryption", amount.records)))
    })?;
    if args.keep.is_some() {
        cluster.write_keys(&place.join("keys"), &second.names())?;
    }
    // Its connections end before the server does.
    cluster.reached_by(OpenOptions::new());
    let (stored, plain) = cluster.row()?;
    Ok(Shown { stored, plain, keys: second.names() })
}

fn verify(cluster: &DemoCluster, steps: &mut Steps<'_>) -> Result<(), Failure> {
    steps.timed("verify", || {
        let report = par_verify(&cluster.open()?, &VerifyOptions::default(), &mut ());
        if let Some(finding) = report.findings.first() {
            return Err(Failure::message(finding.to_string()).wrong());
        }
        let text = format!(
            "{} key files, {} pages by header and checksum, {} records by checksum",
            report.key_files, report.pages, report.wal_records
        );
        Ok((cluster.bytes(), text))
    })
}

/// Names of the principal keys of a generation.
#[derive(Debug, Clone, Copy)]
struct Names {
    database: PrincipalKeyName,
    server: PrincipalKeyName,
}

impl Names {
    fn generation(number: u32) -> Result<Self, Failure> {
        let name =
            |of: &str| format!("demo-{of}-key-{number}").parse::<PrincipalKeyName>().map_err(Failure::new);
        Ok(Self { database: name("database")?, server: name("server")? })
    }

    const fn names(&self) -> [PrincipalKeyName; 2] {
        [self.database, self.server]
    }

    fn make(&self, cluster: &DemoCluster) -> Result<(), Failure> {
        cluster.make_key(self.database, Cipher::Aes128)?;
        cluster.make_key(self.server, Cipher::Aes256)
    }
}

/// Where everything is made.
#[derive(Debug)]
enum Place {
    Temporary(TempDir),
    Kept(PathBuf),
}

impl Place {
    /// A private directory, which signals remove.
    fn create(keep: Option<&Path>) -> Result<Self, Failure> {
        let Some(directory) = keep else {
            let make = || {
                let private = std::fs::Permissions::from_mode(0o700);
                tempfile::Builder::new().prefix("tde-demo-").permissions(private).tempdir()
            };
            return Ok(Self::Temporary(interrupt::create_registered_directory(make, TempDir::path)?));
        };
        let absolute = std::path::absolute(directory)?;
        let make = || DirBuilder::new().mode(0o700).create(&absolute).map(|()| absolute.clone());
        let made = interrupt::create_registered_directory(make, PathBuf::as_path);
        made.map(Self::Kept).map_err(|error| {
            Failure::new(error)
                .context(directory.display().to_string())
                .advise("name a directory that does not exist in one that does")
        })
    }

    fn path(&self) -> &Path {
        match self {
            Self::Temporary(directory) => directory.path(),
            Self::Kept(directory) => directory,
        }
    }

    /// Removes it, or keeps it and tells where it is.
    fn finish(mut self, steps: &mut Steps<'_>) -> Result<Option<PathBuf>, Failure> {
        if let Self::Kept(directory) = &mut self {
            interrupt::forget(directory);
            // What is dropped now is not removed.
            return Ok(Some(std::mem::take(directory)));
        }
        steps.run("clean up", || {
            drop(self);
            Ok(((), "key server ended, everything removed".to_owned()))
        })?;
        Ok(None)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        match self {
            Self::Temporary(directory) => interrupt::forget(directory.path()),
            Self::Kept(directory) if directory.as_os_str().is_empty() => {}
            Self::Kept(directory) => {
                let _ = std::fs::remove_dir_all(&*directory);
                interrupt::forget(directory);
            }
        }
    }
}
