//! `tde kmip serve`: the embedded key server.

mod config;
mod log;

use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use clap::Args;
use tde_keyfile::master_key::{MasterKey, MasterKeyFile};
use tde_kmip::pki::Pki;
use tde_kmip::provider::read_secret;
use tde_kmip::server::engine::{Authenticator, Engine, EngineOptions};
use tde_kmip::server::store::{DurableStore, MemoryStore, ObjectStore, OpenStoreError};
use tde_kmip::server::{Limits, Passwords, PasswordsError, Server};
use tde_kmip::tls::{Identity, ServerTls};

use crate::command::master_key::arguments::{DISK, IterationsArgs};
use crate::command::master_key::failure::failure as master_key_failure;
use crate::command::master_key::passphrase::{Asker, PassphraseArgs};
use crate::failure::{ClosedStdout, Failure, Status};
use crate::interrupt;
use config::Config;
use log::LogFormat;

const AFTER_HELP: &str = "\
Prints `READY ADDRESS` on standard output once it listens; logs go to standard error. SIGTERM,
SIGINT and SIGHUP end it: requests in flight are answered first. A second signal ends it at once.

A store in a file is sealed under a master key (`tde master-key init`); it is made if it is
missing. A store in memory forgets all keys when the server ends.

With --passwords, a request needs the name and the password of a user beside the client's
certificate. `tde kmip password` prints the lines of that file.

Every option but those of the passphrase may stand in the file of --config, without its dashes:
  listen = \"0.0.0.0:5696\"
  dir = \"/etc/tde/kmip\"
  store = \"/var/lib/tde/keys.store\"
  master-key = \"/etc/tde/master.key\"
  audit-log = \"/var/log/tde/audit.log\"

Exit status:
  0  ended by a signal, in good order
  1  wrong passphrase or master key; the store or the master key file is damaged
  2  could not run: a file is missing, the address is in use, another server has the store open, ...

Examples:
  tde kmip serve --dir /etc/tde/kmip --store memory
  tde kmip serve --dir /etc/tde/kmip --store /var/lib/tde/keys.store --master-key /etc/tde/m.key";

/// Serve keys over KMIP with mutual TLS
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ServeArgs {
    /// Read options from a TOML file; those of the command line come first
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    #[command(flatten)]
    options: Config,

    /// End when standard input does, so that no server outlives what started it
    #[arg(long)]
    stdin_eof: bool,

    #[command(flatten)]
    iterations: IterationsArgs,

    #[command(flatten)]
    passphrase: PassphraseArgs,
}

pub(super) fn run(args: &ServeArgs) -> Result<Status, Failure> {
    let config = match &args.config {
        Some(path) => args.options.clone().or(Config::read(path)?),
        None => args.options.clone(),
    };
    log::install(config.log_format.unwrap_or(LogFormat::Text), config.audit_log.as_deref())?;
    let tls = tls(&config)?.build()?;
    let limits = limits(&config);
    let max_request = limits.message;
    // The passwords and the address before the passphrase: what is easily wrong comes first.
    let passwords = config.passwords.as_deref().map(passwords).transpose()?;
    let listen = config.listen.as_deref().unwrap_or("127.0.0.1:5696");
    let store = store(&config, args)?;
    let mut options = EngineOptions::default();
    options.limits = options.limits.max_size(max_request);
    options.max_object = options.max_object.max(max_request.saturating_mul(2));
    options.authenticator = passwords.map(|passwords| Arc::new(passwords) as Arc<dyn Authenticator>);
    let engine = Engine::new(store, options);
    let server = Server::bind(listen, &tls, engine, limits).map_err(|error| {
        Failure::new(error)
            .context(format!("cannot listen on {listen}"))
            .advise("name another address with `--listen ADDRESS:PORT`; port 0 takes any that is free")
    })?;
    let address = server.local_addr()?;
    interrupt::end_server_first(server.handle());
    if args.stdin_eof {
        let handle = server.handle();
        thread::Builder::new().name("stdin".into()).spawn(move || {
            let mut rest = [0; 256];
            while matches!(io::stdin().lock().read(&mut rest), Ok(1..)) {}
            handle.shutdown();
        })?;
    }
    tracing::info!(%address, "listening");
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "READY {address}").and_then(|()| stdout.flush()).map_err(ClosedStdout::mark)?;
    drop(stdout);
    let stopped = server.run()?;
    tracing::info!(cut_off = stopped.cut_off, "ended");
    Ok(Status::Good)
}

fn tls(config: &Config) -> Result<ServerTls, Failure> {
    let pki = config.dir.as_deref().map(Pki::at);
    let path = |given: &Option<PathBuf>, of: fn(&Pki) -> PathBuf, option: &str| {
        given.clone().or_else(|| pki.as_ref().map(of)).ok_or_else(|| {
            Failure::message(format!("--{option} is not given"))
                .advise("`tde kmip init DIR` makes certificates, and `--dir DIR` uses them")
        })
    };
    let certificate = path(&config.cert, Pki::server_certificate, "cert")?;
    let key = path(&config.key, Pki::server_key, "key")?;
    // As clients read theirs, so that one file will do for both.
    let passphrase = config.key_passphrase_file.as_deref().map(read_secret).transpose()?;
    let passphrase = passphrase.as_ref().map(|passphrase| passphrase.as_bytes());
    let identity = Identity::from_pem_files(&certificate, &key, passphrase)?;
    let facts = identity.certificate();
    tracing::info!(subject = facts.subject, names = ?facts.names, until = %facts.not_after, "certificate");
    let mut tls = ServerTls::new(identity);
    let authorities = match &config.ca[..] {
        [] => vec![path(&None, Pki::authority_certificate, "ca")?],
        given => given.to_vec(),
    };
    for authority in authorities {
        tls = tls.client_authorities_file(authority)?;
    }
    Ok(tls)
}

fn passwords(path: &Path) -> Result<Passwords, Failure> {
    Passwords::read_file(path).map_err(|error| match error {
        // Names the file, and says what to do about its mode.
        PasswordsError::Access { .. } => Failure::new(error),
        PasswordsError::Io { .. } => {
            Failure::new(error).advise("`tde kmip password NAME` prints a line for such a file")
        }
        _ => Failure::new(error)
            .context(path.display().to_string())
            .advise("`tde kmip password NAME` prints such a line"),
    })
}

fn limits(config: &Config) -> Limits {
    let mut limits = Limits::default();
    let seconds = |given: Option<u64>, default| given.map_or(default, Duration::from_secs);
    limits.connections = config.max_connections.unwrap_or(limits.connections);
    limits.connections_per_client = config.max_connections_per_client.or(limits.connections_per_client);
    limits.message = config.max_message_size.unwrap_or(limits.message);
    limits.handshake = seconds(config.handshake_timeout, limits.handshake);
    limits.idle = seconds(config.idle_timeout, limits.idle);
    limits.request = seconds(config.request_timeout, limits.request);
    limits.shutdown = seconds(config.shutdown_timeout, limits.shutdown);
    limits.polling = config.polling.map_or(limits.polling, Duration::from_micros);
    limits
}

fn store(config: &Config, args: &ServeArgs) -> Result<Arc<dyn ObjectStore>, Failure> {
    let Some(store) = &config.store else {
        return Err(Failure::message("--store is not given")
            .advise("`--store FILE` keeps keys, `--store memory` forgets them when the server ends"));
    };
    if store.as_os_str() == "memory" {
        tracing::warn!("keys are kept in memory only, and lost when the server ends");
        return Ok(Arc::new(MemoryStore::new()));
    }
    let Some(master) = &config.master_key else {
        return Err(Failure::message("--master-key is not given, under which the store is sealed")
            .advise("`tde master-key init FILE` makes one"));
    };
    let file = MasterKeyFile::new(&DISK, master, "tde kmip serve");
    let key: MasterKey = file
        .open(&mut Asker::existing(&args.passphrase), &args.iterations.open_options())
        .map_err(master_key_failure)?;
    let opened = DurableStore::open_or_create(store, &key).map_err(|error| {
        let wrong = matches!(error, OpenStoreError::WrongKey { .. } | OpenStoreError::Damaged { .. });
        let failure = Failure::new(error);
        if wrong { failure.wrong() } else { failure }
    })?;
    tracing::info!(store = %store.display(), "store opened");
    Ok(Arc::new(opened))
}
