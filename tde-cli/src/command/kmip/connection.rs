//! How a key server is reached: flags, a profile, or a cluster's provider record.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::PossibleValuesParser;
use tde_keyfile::cluster::{Cluster, OpenOptions, Provider};
use tde_keyfile::format::providers::ProviderKind;
use tde_kmip::client::{Client, Error, ServerAddress};
use tde_kmip::provider::{Connector, KmipSettings};
use tde_kmip_codec::spec::ProtocolVersion;

use super::profile;
use crate::failure::Failure;
use crate::output;

const HEADING: &str = "Connection (flags go before a profile or a provider's record)";

/// Where the key server is and who we are to it.
#[derive(Args, Debug)]
#[command(next_help_heading = HEADING)]
pub(crate) struct ConnectionArgs {
    /// The server; repeatable: the next one is tried when one cannot be reached [default port: 5696]
    #[arg(long = "server", value_name = "HOST[:PORT]")]
    servers: Vec<ServerAddress>,

    /// The authorities that the server's certificate may come from (PEM)
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,

    /// Our certificate (PEM)
    #[arg(long, value_name = "FILE")]
    cert: Option<PathBuf>,

    /// Our private key (PEM) [default: it is in the file of the certificate]
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,

    /// The passphrase of the private key: the first line of FILE
    #[arg(long, value_name = "FILE")]
    key_passphrase_file: Option<PathBuf>,

    /// The name that the server's certificate must be for [default: the host]
    #[arg(long, value_name = "NAME")]
    server_name: Option<String>,

    /// A user, for servers that want more than a certificate
    #[arg(long, value_name = "NAME")]
    username: Option<String>,

    /// The user's password: the first line of FILE
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,

    /// The version of KMIP to speak [default: the newest that both sides have]
    #[arg(long, value_name = "VERSION", value_parser = PossibleValuesParser::new(VERSIONS))]
    kmip_version: Option<String>,

    /// The longest that a request may take, in seconds [default: 10]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: Option<u64>,

    /// Take the connection from this profile
    #[arg(long, value_name = "NAME", conflicts_with_all = ["datadir", "provider"])]
    profile: Option<String>,

    /// The file with the profiles [default: $TDE_PROFILES, else tde/profiles.toml in $XDG_CONFIG_HOME or
    /// ~/.config]
    #[arg(long, value_name = "FILE")]
    profile_file: Option<PathBuf>,

    /// Take the connection from the record of a provider of this data directory
    #[arg(long, value_name = "DATADIR", requires = "provider")]
    datadir: Option<PathBuf>,

    /// The provider, by name or number
    #[arg(long, value_name = "PROVIDER", requires = "datadir", allow_hyphen_values = true)]
    provider: Option<String>,
}

const VERSIONS: [&str; 7] = ["1.0", "1.1", "1.2", "1.3", "1.4", "2.0", "2.1"];

impl ConnectionArgs {
    /// Everything taken together.
    ///
    /// # Errors
    /// If profile or record cannot be read, or server or authorities are nowhere given.
    pub(crate) fn settings(&self) -> Result<KmipSettings, Failure> {
        let mut settings = match (&self.profile, &self.datadir, &self.provider) {
            (Some(name), _, _) => profile::read(self.profile_file.as_deref(), name)?,
            (None, Some(directory), Some(provider)) => {
                let cluster = Cluster::open(directory, &OpenOptions::new())?;
                let provider = find(&cluster, provider)?;
                Connector::new(directory).kmip_settings(&provider).map_err(crate::edit::provider_failure)?
            }
            _ => KmipSettings::new([], PathBuf::new()),
        };
        if !self.servers.is_empty() {
            settings.servers.clone_from(&self.servers);
        }
        if let Some(ca) = &self.ca {
            settings.ca_path.clone_from(ca);
        }
        if self.cert.is_some() {
            // A certificate of its own comes with its own key.
            settings.cert_path.clone_from(&self.cert);
            settings.key_path.clone_from(&self.key);
            settings.key_passphrase_path = None;
        } else if self.key.is_some() {
            settings.key_path.clone_from(&self.key);
        }
        take(&mut settings.key_passphrase_path, &self.key_passphrase_file);
        take(&mut settings.server_name, &self.server_name);
        take(&mut settings.username, &self.username);
        take(&mut settings.password_path, &self.password_file);
        if let Some(version) = &self.kmip_version {
            settings.versions = vec![self::version(version)?];
        }
        if let Some(timeout) = self.timeout {
            set_timeout(&mut settings, timeout);
        }
        if settings.servers.is_empty() {
            return Err(Failure::message("no server is given").advise(
                "give `--server HOST` with `--ca`, `--cert` and `--key`, `--profile NAME`, or `--datadir DATADIR \
                 --provider PROVIDER`",
            ));
        }
        if settings.ca_path.as_os_str().is_empty() {
            return Err(Failure::message(
                "no authority is given that the server's certificate may come from",
            )
            .advise("give `--ca FILE`"));
        }
        Ok(settings)
    }

    /// A client of the server.
    ///
    /// # Errors
    /// As [`settings`](Self::settings); if certificates, keys or passwords cannot be read.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        // These texts say their causes already, which a chain of sources would repeat.
        self.settings()?.client().map_err(|error| Failure::message(error.to_string()))
    }
}

fn take<T: Clone>(setting: &mut Option<T>, given: &Option<T>) {
    if given.is_some() {
        setting.clone_from(given);
    }
}

/// A request may take that long, and connecting no longer than it does anyway.
pub(super) fn set_timeout(settings: &mut KmipSettings, seconds: u64) {
    settings.request_timeout = Duration::from_secs(seconds);
    settings.connect_timeout = settings.connect_timeout.min(settings.request_timeout);
}

/// A version of KMIP as text.
pub(super) fn version(text: &str) -> Result<ProtocolVersion, Failure> {
    let known = ProtocolVersion::ALL.iter().copied().find(|version| version.to_string() == text);
    known.ok_or_else(|| {
        Failure::message(format!("there is no version {text:?} of KMIP, only {}", VERSIONS.join(", ")))
    })
}

/// The KMIP provider with this name (without regard to case) or number.
fn find(cluster: &Cluster, name: &str) -> Result<Provider, Failure> {
    let providers = cluster.providers().flat_map(|file| file.records());
    let providers: Vec<_> = providers.filter_map(|record| record.provider().ok().flatten()).collect();
    let mut found: Vec<_> = providers
        .iter()
        .filter(|provider| provider.name().as_bytes().eq_ignore_ascii_case(name.as_bytes()))
        .collect();
    if found.is_empty() {
        found = providers.iter().filter(|provider| provider.id().to_string() == name).collect();
    }
    let shown = output::printable(name);
    match &*found {
        [provider] if provider.kind() == ProviderKind::Kmip => Ok((**provider).clone()),
        [provider] => Err(Failure::message(format!(
            "provider \"{shown}\" is of type {}, not a KMIP server",
            provider.kind()
        ))),
        [] => Err(Failure::message(format!("there is no key provider \"{shown}\""))
            .advise("`tde provider list DATADIR` shows the providers")),
        _ => Err(Failure::message(format!("there are several key providers \"{shown}\""))
            .advise("give the server with `--server`, `--ca`, `--cert` and `--key`")),
    }
}

/// The error of a call: status 1 if the server answered and did not do it, 2 if it could not be asked.
pub(crate) fn failure(error: Error) -> Failure {
    let advice = error.advice();
    let failure = Failure::message(error.to_string());
    let failure = if answered(&error) { failure.wrong() } else { failure };
    match advice {
        Some(advice) => failure.advise(output::as_clause(&advice)),
        None => failure,
    }
}

/// Whether a server understood the request, alone or in a message that was refused as a whole, and did not do it.
fn answered(error: &Error) -> bool {
    match error {
        Error::Pending { .. } => true,
        Error::AllServers { attempts } => attempts.iter().any(answered),
        error => error.refusal().is_some(),
    }
}
