//! How a KMIP server is reached, whoever says so: a provider's record, a command line, a profile.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tde_keyfile::format::provider_options::ProviderOptions;
use tde_kmip_codec::spec::ProtocolVersion;
use zeroize::Zeroizing;

use crate::{
    client::{BadAddress, Client, Error, Password, ServerAddress, TlsConnector},
    tls::{ClientTls, Identity, TlsError},
};

/// No password or passphrase is longer.
const MAX_SECRET: u64 = 4096;

/// How a KMIP server is reached. No secret is in here: keys and passwords are in files.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct KmipSettings {
    /// The servers, in the order in which they are tried; all hold the same keys.
    pub servers: Vec<ServerAddress>,
    /// The authorities that the server's certificate may come from, PEM.
    pub ca_path: PathBuf,
    /// The client's certificate, PEM.
    pub cert_path: Option<PathBuf>,
    /// The client's private key, PEM; that of the certificate's file unless given.
    pub key_path: Option<PathBuf>,
    /// A file whose first line is the passphrase of the private key.
    pub key_passphrase_path: Option<PathBuf>,
    /// The name that the server's certificate must be for, instead of the host that is dialled.
    pub server_name: Option<String>,
    /// A user for the credential in each request.
    pub username: Option<String>,
    /// A file whose first line is the user's password.
    pub password_path: Option<PathBuf>,
    /// The versions to speak, the best first; empty for all.
    pub versions: Vec<ProtocolVersion>,
    /// The longest that connecting to one server may take; with several, each gets its share of the request's time.
    pub connect_timeout: Duration,
    /// The longest that a request may take, connecting included.
    pub request_timeout: Duration,
}

/// Settings that lead to no client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// Certificates or keys cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A file with a password or passphrase cannot be read.
    #[error("{}: {source}", path.display())]
    Secret {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A private key was given without the certificate that belongs to it.
    #[error("a private key without the certificate that belongs to it")]
    KeyWithoutCertificate,
    /// A password without a user, or a user without a password.
    #[error("a username and the file with its password belong together")]
    HalfCredential,
    /// The port is no number from 1 to 65535.
    #[error("the port {port:?} is no number from 1 to 65535")]
    Port {
        /// As it was given.
        port: String,
    },
    /// The address of a server cannot be read.
    #[error(transparent)]
    Address(#[from] BadAddress),
    /// The client cannot be made.
    #[error(transparent)]
    Client(#[from] Error),
    /// These are the options of something else than a KMIP server.
    #[error("not the options of a KMIP server")]
    NotKmip,
    /// These are the options of something else than a Vault server.
    #[error("not the options of a Vault server")]
    NotVault,
}

impl KmipSettings {
    /// Servers whose certificates come from these authorities. Connecting may take 5 seconds and a request 10.
    #[must_use]
    pub fn new(servers: impl Into<Vec<ServerAddress>>, ca_path: impl Into<PathBuf>) -> Self {
        Self {
            servers: servers.into(),
            ca_path: ca_path.into(),
            cert_path: None,
            key_path: None,
            key_passphrase_path: None,
            server_name: None,
            username: None,
            password_path: None,
            versions: Vec::new(),
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(10),
        }
    }

    /// As a provider's record says; relative paths are those of the data directory, where the server runs.
    ///
    /// # Errors
    /// [`SettingsError::NotKmip`], [`SettingsError::Port`].
    pub fn from_record(options: &ProviderOptions, data_directory: &Path) -> Result<Self, SettingsError> {
        let ProviderOptions::Kmip { host, port, ca_path, cert_path, key_path } = options else {
            return Err(SettingsError::NotKmip);
        };
        let server = ServerAddress::new(host.clone(), parse_port(port)?);
        let mut settings = Self::new([server], data_directory.join(ca_path));
        settings.cert_path = Some(data_directory.join(cert_path));
        settings.key_path = Some(data_directory.join(key_path));
        Ok(settings)
    }

    /// The certificate and key that the client shows, if there are any.
    ///
    /// # Errors
    /// [`SettingsError::Tls`], [`SettingsError::Secret`], [`SettingsError::KeyWithoutCertificate`].
    pub fn identity(&self) -> Result<Option<Identity>, SettingsError> {
        let Some(cert_path) = &self.cert_path else {
            return match self.key_path {
                Some(_) => Err(SettingsError::KeyWithoutCertificate),
                None => Ok(None),
            };
        };
        let key_path = self.key_path.as_ref().unwrap_or(cert_path);
        let passphrase = self.key_passphrase_path.as_deref().map(read_secret).transpose()?;
        let passphrase = passphrase.as_ref().map(|passphrase| passphrase.as_bytes());
        Ok(Some(Identity::from_pem_files(cert_path, key_path, passphrase)?))
    }

    /// The client. Files are read; nothing is connected yet.
    ///
    /// # Errors
    /// Every [`SettingsError`].
    pub fn client(&self) -> Result<Client, SettingsError> {
        let mut tls = ClientTls::new().authorities_file(&self.ca_path)?;
        if let Some(identity) = self.identity()? {
            tls = tls.identity(identity);
        }
        let mut connector = TlsConnector::new(tls.build()?);
        if let Some(name) = &self.server_name {
            connector = connector.server_name(name.clone());
        }
        let mut builder = Client::with_connector(Arc::new(connector))
            .connect_timeout(self.connect_timeout)
            .request_timeout(self.request_timeout);
        for server in &self.servers {
            builder = builder.server(server.clone());
        }
        if !self.versions.is_empty() {
            builder = builder.versions(self.versions.clone());
        }
        builder = match (&self.username, &self.password_path) {
            (Some(username), Some(path)) => {
                builder.password(Password::new(username.clone(), read_secret(path)?))
            }
            (None, None) => builder,
            _ => return Err(SettingsError::HalfCredential),
        };
        Ok(builder.build()?)
    }

    /// The servers, for messages: `kms.example:5696`.
    #[must_use]
    pub fn servers_text(&self) -> String {
        self.servers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
}

/// A port as text.
pub(super) fn parse_port(port: &str) -> Result<u16, SettingsError> {
    let number = port.parse().ok().filter(|port| *port != 0);
    number.ok_or_else(|| SettingsError::Port { port: port.into() })
}

/// The first line of a small file that holds a password or passphrase.
///
/// # Errors
/// [`SettingsError::Secret`] if it cannot be read, is too large or no UTF-8, or the line is empty.
pub fn read_secret(path: &Path) -> Result<Zeroizing<String>, SettingsError> {
    let failed = |source| SettingsError::Secret { path: path.to_path_buf(), source };
    let size = fs::metadata(path).map_err(failed)?.len();
    if size > MAX_SECRET {
        return Err(failed(io::Error::new(io::ErrorKind::InvalidData, "too large for a password")));
    }
    let text = Zeroizing::new(fs::read_to_string(path).map_err(failed)?);
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        return Err(failed(io::Error::new(io::ErrorKind::InvalidData, "the first line is empty")));
    }
    Ok(Zeroizing::new(line.to_owned()))
}
