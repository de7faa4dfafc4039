//! The options of `tde kmip serve`, from the command line and a TOML file.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Deserialize;

use super::log::LogFormat;
use crate::command::kmip::toml_error;
use crate::failure::Failure;

/// Each option is the same in both places.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Config {
    /// Address and port to listen on; port 0 takes any that is free [default: 127.0.0.1:5696]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(super) listen: Option<String>,

    /// Directory made by `tde kmip init`, for --ca, --cert and --key
    #[arg(long, value_name = "DIR")]
    pub(super) dir: Option<PathBuf>,

    /// Authority of the clients, PEM; may be given several times
    #[arg(long, value_name = "FILE")]
    #[serde(default)]
    pub(super) ca: Vec<PathBuf>,

    /// Certificate of the server, PEM, and those between it and its authority
    #[arg(long, value_name = "FILE")]
    pub(super) cert: Option<PathBuf>,

    /// Private key of the server, PEM
    #[arg(long, value_name = "FILE")]
    pub(super) key: Option<PathBuf>,

    /// The passphrase of the private key, if that is encrypted: the first line of FILE
    #[arg(long, value_name = "FILE")]
    pub(super) key_passphrase_file: Option<PathBuf>,

    /// Users, one of whose passwords each request must bring: lines of `tde kmip password`
    #[arg(long, value_name = "FILE")]
    pub(super) passwords: Option<PathBuf>,

    /// Where keys are kept: a file, or `memory`
    #[arg(long, value_name = "FILE|memory")]
    pub(super) store: Option<PathBuf>,

    /// Master key file (`tde master-key init`) under which the store is sealed
    #[arg(long, value_name = "FILE")]
    pub(super) master_key: Option<PathBuf>,

    /// Append the audit log to FILE, one JSON document a line, instead of standard error
    #[arg(long, value_name = "FILE", help_heading = "Logs")]
    pub(super) audit_log: Option<PathBuf>,

    /// Form of the logs on standard error [default: text]
    #[arg(long, value_name = "FORMAT", help_heading = "Logs")]
    pub(super) log_format: Option<LogFormat>,

    /// Connections at once [default: 512]
    #[arg(long, value_name = "N", help_heading = "Limits")]
    pub(super) max_connections: Option<usize>,

    /// Connections at once of one client [default: no limit of its own]
    #[arg(long, value_name = "N", help_heading = "Limits")]
    pub(super) max_connections_per_client: Option<usize>,

    /// Bytes of a request [default: 1048576]
    #[arg(long, value_name = "BYTES", help_heading = "Limits")]
    pub(super) max_message_size: Option<usize>,

    /// Seconds for a TLS handshake [default: 10]
    #[arg(long, value_name = "SECONDS", help_heading = "Limits")]
    pub(super) handshake_timeout: Option<u64>,

    /// Seconds between two requests of a connection [default: 300]
    #[arg(long, value_name = "SECONDS", help_heading = "Limits")]
    pub(super) idle_timeout: Option<u64>,

    /// Seconds for a request to come, and for its response to go [default: 30]
    #[arg(long, value_name = "SECONDS", help_heading = "Limits")]
    pub(super) request_timeout: Option<u64>,

    /// Seconds for requests in flight when the server ends [default: 10]
    #[arg(long, value_name = "SECONDS", help_heading = "Limits")]
    pub(super) shutdown_timeout: Option<u64>,

    /// Microseconds to poll for the next request before sleeping until it comes; 0 for never [default: 50]
    #[arg(long, value_name = "MICROSECONDS", help_heading = "Limits")]
    pub(super) polling: Option<u64>,
}

impl Config {
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let context = || format!("cannot read {}", path.display());
        let text = std::fs::read_to_string(path).map_err(|error| Failure::new(error).context(context()))?;
        toml::from_str(&text).map_err(|error| toml_error::failure(&text, &error).context(context()))
    }

    /// These options, and others where these say nothing.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            listen: self.listen.or(other.listen),
            dir: self.dir.or(other.dir),
            ca: if self.ca.is_empty() { other.ca } else { self.ca },
            cert: self.cert.or(other.cert),
            key: self.key.or(other.key),
            key_passphrase_file: self.key_passphrase_file.or(other.key_passphrase_file),
            passwords: self.passwords.or(other.passwords),
            store: self.store.or(other.store),
            master_key: self.master_key.or(other.master_key),
            audit_log: self.audit_log.or(other.audit_log),
            log_format: self.log_format.or(other.log_format),
            max_connections: self.max_connections.or(other.max_connections),
            max_connections_per_client: self.max_connections_per_client.or(other.max_connections_per_client),
            max_message_size: self.max_message_size.or(other.max_message_size),
            handshake_timeout: self.handshake_timeout.or(other.handshake_timeout),
            idle_timeout: self.idle_timeout.or(other.idle_timeout),
            request_timeout: self.request_timeout.or(other.request_timeout),
            shutdown_timeout: self.shutdown_timeout.or(other.shutdown_timeout),
            polling: self.polling.or(other.polling),
        }
    }
}
