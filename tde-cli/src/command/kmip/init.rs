//! `tde kmip init`: certificates for a key server and its clients.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde::Serialize;
use tde_kmip::pki::{Host, KeyKind, Options, Pki, PkiError};

use crate::failure::{Failure, Status};
use crate::output::Printer;

/// Version of the JSON document; documented in `docs/key-server.md`.
const SCHEMA: &str = "tde.kmip-init/1";

const AFTER_HELP: &str = "\
Makes DIR with mode 0700 and in it, for `ca`, `server` and each client, NAME.pem (certificate) and NAME.key
(private key, PKCS#8, mode 0600). Nothing is ever overwritten: either all files are made or none.

If DIR has an authority already, certificates for the clients named are added.

A client owns what it makes in the key server by the name in its certificate.

Exit status:
  0  made
  2  could not run: a file exists, DIR cannot be written, ...

Examples:
  tde kmip init /etc/tde/kmip --host kms.example.com --client orders-db --client billing-db
  tde kmip init /etc/tde/kmip --client reports-db
  tde kmip serve --dir /etc/tde/kmip --store memory";

/// Make an authority, and certificates of a key server and its clients
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct InitArgs {
    /// Directory of the certificates and keys
    #[arg(value_name = "DIR")]
    directory: PathBuf,

    /// Host name or IP address by which clients reach the server; may be given several times
    /// [default: localhost, 127.0.0.1, ::1]
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<Host>,

    /// Name of a client; may be given several times [default: client]
    #[arg(long = "client", value_name = "NAME")]
    clients: Vec<String>,

    /// Days that server and client certificates are valid; the authority is for ten years
    #[arg(long, value_name = "N", default_value_t = Options::default().days)]
    days: u32,

    /// Algorithm of the keys
    #[arg(long, value_name = "KIND", default_value = "ecdsa-p256")]
    keys: Keys,

    /// Print one JSON document instead (schema `tde.kmip-init/1`)
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Keys {
    /// ECDSA over P-256
    EcdsaP256,
    /// ECDSA over P-384
    EcdsaP384,
}

#[derive(Debug, Serialize)]
struct InitReport {
    schema: &'static str,
    directory: String,
    /// Whether the authority is new.
    authority_made: bool,
    /// Names and addresses in the server's certificate, if it was made.
    hosts: Vec<String>,
    files: Vec<CertificateReport>,
}

#[derive(Debug, Serialize)]
struct CertificateReport {
    name: String,
    certificate: String,
    key: String,
}

pub(super) fn run(args: &InitArgs) -> Result<Status, Failure> {
    let options = Options::default().days(args.days).keys(match args.keys {
        Keys::EcdsaP256 => KeyKind::EcdsaP256,
        Keys::EcdsaP384 => KeyKind::EcdsaP384,
    });
    let existing = Pki::at(&args.directory);
    let adds = args.hosts.is_empty() && !args.clients.is_empty() && existing.authority_certificate().exists();
    let (hosts, names) = if adds {
        existing.add_clients(&args.clients, &options).map_err(failure)?;
        (Vec::new(), args.clients.clone())
    } else {
        let hosts = match &args.hosts[..] {
            [] => ["localhost", "127.0.0.1", "::1"].iter().map(|host| host.parse()).collect::<Result<_, _>>(),
            given => Ok(given.to_vec()),
        };
        let hosts: Vec<Host> = hosts.map_err(failure)?;
        let clients = if args.clients.is_empty() { vec!["client".to_owned()] } else { args.clients.clone() };
        Pki::init(&args.directory, &hosts, &clients, &options).map_err(failure)?;
        (hosts, ["ca".to_owned(), "server".to_owned()].into_iter().chain(clients).collect())
    };
    let shown = |path: &Path| path.to_string_lossy().into_owned();
    let report = InitReport {
        schema: SCHEMA,
        directory: shown(&args.directory),
        authority_made: !adds,
        hosts: hosts.iter().map(ToString::to_string).collect(),
        files: names
            .into_iter()
            .map(|name| CertificateReport {
                certificate: shown(&existing.client_certificate(&name)),
                key: shown(&existing.client_key(&name)),
                name,
            })
            .collect(),
    };
    let mut out = Printer::new();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
    } else {
        for file in &report.files {
            writeln!(out, "wrote {} and {}", file.certificate, file.key)?;
        }
        if !report.hosts.is_empty() {
            writeln!(out, "the server is known as {}", report.hosts.join(", "))?;
        }
    }
    out.flush()?;
    Ok(Status::Good)
}

fn failure(error: PkiError) -> Failure {
    let advice = match &error {
        PkiError::Exists { .. } => {
            Some("name another directory; without `--host`, `--client NAME` adds a client to an authority")
        }
        PkiError::Authority { .. } => Some("make a new directory with `tde kmip init`"),
        _ => None,
    };
    let failure = Failure::new(error);
    match advice {
        Some(advice) => failure.advise(advice),
        None => failure,
    }
}
