use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
    time::Duration,
};

use tde_keyfile::format::provider_options::ProviderOptions;
use zeroize::Zeroizing;

use super::VaultError;
use crate::provider::{OverrideError, ProviderOverride, SettingsError};

/// The longest first line of a token file (`pg_tde` 2.2.0).
const MAX_TOKEN: u64 = 1023;

/// The settings of a Vault provider, for messages.
const SETTINGS: &str = "url, mountPath, tokenPath, caPath, namespace, timeout";

/// How a Vault or OpenBao server is reached. No secret is in here: the token is in a file.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct VaultSettings {
    /// The base address: `https://vault.example:8200`.
    pub url: String,
    /// Where the key-value store is mounted: `secret`.
    pub mount_path: String,
    /// The file whose first line is the token.
    pub token_path: PathBuf,
    /// The authorities that the server's certificate may come from, PEM; the system's unless given.
    pub ca_path: Option<PathBuf>,
    /// The namespace, which Vault Enterprise and OpenBao have.
    pub namespace: Option<String>,
    /// The longest that connecting may take; 3 seconds as for `pg_tde`.
    pub connect_timeout: Duration,
    /// The longest that a request may take; 10 seconds as for `pg_tde`.
    pub request_timeout: Duration,
}

impl VaultSettings {
    /// A mount of a server.
    #[must_use]
    pub fn new(
        url: impl Into<String>,
        mount_path: impl Into<String>,
        token_path: impl Into<PathBuf>,
    ) -> Self {
        Self {
            url: url.into(),
            mount_path: mount_path.into(),
            token_path: token_path.into(),
            ca_path: None,
            namespace: None,
            connect_timeout: Duration::from_secs(3),
            request_timeout: Duration::from_secs(10),
        }
    }

    /// As a provider's record says; relative paths are those of the data directory, where the server runs.
    ///
    /// # Errors
    /// [`SettingsError::NotVault`].
    pub fn from_record(options: &ProviderOptions, data_directory: &Path) -> Result<Self, SettingsError> {
        let ProviderOptions::VaultV2 { url, mount_path, token_path, ca_path, namespace } = options else {
            return Err(SettingsError::NotVault);
        };
        let mut settings = Self::new(url, mount_path, data_directory.join(token_path));
        settings.ca_path = ca_path.as_ref().map(|path| data_directory.join(path));
        settings.namespace.clone_from(namespace);
        Ok(settings)
    }

    /// Takes one setting from an override.
    ///
    /// # Errors
    /// [`OverrideError::Unknown`], [`OverrideError::Value`].
    pub fn set(&mut self, given: &ProviderOverride) -> Result<(), OverrideError> {
        let value = given.value();
        match given.setting() {
            "url" => self.url = value.into(),
            "mountPath" => self.mount_path = value.into(),
            "tokenPath" => self.token_path = value.into(),
            "caPath" => self.ca_path = Some(value.into()),
            "namespace" => self.namespace = Some(value.into()),
            "timeout" => {
                self.request_timeout = given.seconds()?;
                self.connect_timeout = self.connect_timeout.min(self.request_timeout);
            }
            _ => return Err(given.unknown(SETTINGS)),
        }
        Ok(())
    }

    /// The mount without slashes around it.
    pub(super) fn mount(&self) -> &str {
        self.mount_path.trim_matches('/')
    }

    /// The address of a path of the interface.
    pub(super) fn url_of(&self, path: &str) -> String {
        format!("{}/v1/{path}", self.url.trim_end_matches('/'))
    }

    /// The token: the first line of its file up to the first blank.
    pub(super) fn token(&self) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let failed = |source| VaultError::Token { path: self.token_path.clone(), source };
        let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_TOKEN as usize + 1));
        let file = File::open(&self.token_path).map_err(failed)?;
        file.take(MAX_TOKEN).read_to_end(&mut bytes).map_err(failed)?;
        let end = bytes.iter().position(u8::is_ascii_whitespace).unwrap_or(bytes.len());
        bytes.truncate(end);
        if bytes.is_empty() {
            return Err(failed(io::Error::new(io::ErrorKind::InvalidData, "there is no token in it")));
        }
        Ok(bytes)
    }
}
