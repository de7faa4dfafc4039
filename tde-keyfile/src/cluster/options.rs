//! What an opener of a data directory may say about where its principal keys are.

use alloc::sync::Arc;
use alloc::vec::Vec;
use std::path::PathBuf;

use crate::name::{PrincipalKeyName, ProviderName};
use crate::provider::{FileKeyring, KeyFile, KeyProvider, ProviderConnector};

/// A key file grows by 96 bytes a relation: this is room for 2.7 million.
const DEFAULT_MAX_KEY_FILE_SIZE: u64 = 256 << 20;

/// Where to look for principal keys, instead of where the provider records say.
///
/// ```
/// use tde_keyfile::cluster::OpenOptions;
///
/// let options = OpenOptions::new()
///     .keyring("/backup/all.keys")
///     .keyring_of("global_file".parse()?, "/backup/global.keys")
///     .principal_key("acme-server-key".parse()?, "/run/keys/server.hex");
/// # Ok::<(), tde_keyfile::NameError>(())
/// ```
#[derive(Debug, Clone)]
pub struct OpenOptions {
    keyrings: Vec<(Option<ProviderName>, FileKeyring)>,
    principal_keys: Vec<KeyFile>,
    providers: Vec<Arc<dyn KeyProvider>>,
    connectors: Vec<Arc<dyn ProviderConnector>>,
    max_key_file_size: u64,
}

impl OpenOptions {
    /// Everything as the provider records say.
    #[must_use]
    pub fn new() -> Self {
        Self {
            keyrings: Vec::new(),
            principal_keys: Vec::new(),
            providers: Vec::new(),
            connectors: Vec::new(),
            max_key_file_size: DEFAULT_MAX_KEY_FILE_SIZE,
        }
    }

    /// A keyring file that serves every file provider instead of the path in its options, and keys whose
    /// provider's record is absent or damaged. Several are searched in the order given.
    #[must_use]
    pub fn keyring(mut self, path: impl Into<PathBuf>) -> Self {
        self.keyrings.push((None, FileKeyring::new(path)));
        self
    }

    /// A keyring file that serves the file provider of this name instead of the path in its options.
    #[must_use]
    pub fn keyring_of(mut self, provider: ProviderName, path: impl Into<PathBuf>) -> Self {
        self.keyrings.push((Some(provider), FileKeyring::new(path)));
        self
    }

    /// A key file with the principal key of this name, whichever provider has it. Tried before providers.
    #[must_use]
    pub fn principal_key(mut self, name: PrincipalKeyName, path: impl Into<PathBuf>) -> Self {
        self.principal_keys.push(KeyFile::new(name, path));
        self
    }

    /// A provider that is asked for every principal key before those that the cluster records, such as a
    /// `MasterKeyProvider`. Tried after key files.
    #[must_use]
    pub fn provider(mut self, provider: Arc<dyn KeyProvider>) -> Self {
        self.providers.push(provider);
        self
    }

    /// A way to reach providers that this crate does not reach itself.
    #[must_use]
    pub fn connector(mut self, connector: Arc<dyn ProviderConnector>) -> Self {
        self.connectors.push(connector);
        self
    }

    /// The largest key or providers file that is read, in bytes (256 MiB unless set).
    #[must_use]
    pub const fn max_key_file_size(mut self, bytes: u64) -> Self {
        self.max_key_file_size = bytes;
        self
    }

    pub(crate) const fn size_limit(&self) -> u64 {
        self.max_key_file_size
    }

    /// The keyrings that stand in for a provider of this name, or for one of which nothing is known.
    pub(crate) fn keyrings_for(&self, provider: Option<&ProviderName>) -> impl Iterator<Item = &FileKeyring> {
        self.keyrings.iter().filter_map(move |(only, keyring)| match (only, provider) {
            (None, _) => Some(keyring),
            (Some(only), Some(provider)) => only.matches(provider).then_some(keyring),
            (Some(_), None) => None,
        })
    }

    pub(crate) fn principal_keys_named(&self, name: &PrincipalKeyName) -> impl Iterator<Item = &KeyFile> {
        self.principal_keys.iter().filter(move |key| key.name().matches(name))
    }

    pub(crate) fn providers(&self) -> impl Iterator<Item = &dyn KeyProvider> {
        self.providers.iter().map(|provider| &**provider)
    }

    pub(super) fn connectors(&self) -> impl Iterator<Item = &dyn ProviderConnector> {
        self.connectors.iter().map(|connector| &**connector)
    }
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self::new()
    }
}
