//! Where the logs of the server go: the audit log, and the rest.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Mutex;

use clap::ValueEnum;
use serde::Deserialize;
use tde_kmip::server::audit;
use tracing::Metadata;
use tracing_subscriber::filter::{EnvFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, Registry, fmt};

use crate::failure::Failure;

/// Form of the logs on standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum LogFormat {
    /// One line of text an event
    Text,
    /// One JSON document an event
    Json,
}

/// Sends events to standard error, as much as `RUST_LOG` says, and those of the audit log to its file.
pub(super) fn install(format: LogFormat, audit_log: Option<&Path>) -> Result<(), Failure> {
    let file = audit_log.map(open).transpose()?;
    let separate = file.is_some();
    // The audit log is whole, whatever `RUST_LOG` says.
    let audit = file.map(|file| {
        fmt::layer().json().flatten_event(true).with_writer(Mutex::new(file)).with_filter(filter_fn(is_audit))
    });
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let others = filter_fn(move |event| !(separate && is_audit(event)));
    let stderr = match format {
        LogFormat::Text => fmt::layer()
            .with_ansi(anstream::stderr().current_choice() != anstream::ColorChoice::Never)
            .with_writer(io::stderr)
            .boxed(),
        LogFormat::Json => fmt::layer().json().flatten_event(true).with_writer(io::stderr).boxed(),
    };
    let stderr = stderr.with_filter(filter).with_filter(others);
    Ok(Registry::default().with(audit).with(stderr).try_init()?)
}

fn is_audit(event: &Metadata<'_>) -> bool {
    event.target() == audit::TARGET
}

fn open(path: &Path) -> Result<File, Failure> {
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    file.map_err(|error| Failure::new(error).context(format!("cannot append to {}", path.display())))
}
