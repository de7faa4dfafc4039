//! From a provider's record to the provider.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tde_core::PrincipalKey;
use tde_keyfile::{
    PrincipalKeyName,
    cluster::Provider,
    format::provider_options::ProviderOptions,
    provider::{KeyProvider, NamedKey, ProviderCheck, ProviderConnector, ProviderError, ProviderErrorKind},
};

use super::{KmipProvider, KmipSettings, ProviderOverride};

/// Opens the KMIP and Vault providers that a cluster records.
///
/// A provider is opened once and its connection kept, however many scopes have their keys there; a server that could
/// not be reached is not tried again for the next scope.
#[derive(Debug)]
pub struct Connector {
    data_directory: PathBuf,
    overrides: Vec<ProviderOverride>,
    opened: Mutex<Vec<(Settings, Arc<Once>)>>,
}

/// Everything that tells one way to a server from another: records that lead the same way share a provider, and what
/// became of it. The place alone would not do, as the same server may refuse one certificate and take another.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Settings {
    Kmip(KmipSettings),
    #[cfg(feature = "vault")]
    Vault(super::VaultSettings),
}

impl Connector {
    /// For the cluster in this data directory, against which relative paths in its records are taken.
    #[must_use]
    pub fn new(data_directory: impl AsRef<Path>) -> Self {
        let data_directory = data_directory.as_ref().to_path_buf();
        Self { data_directory, overrides: Vec::new(), opened: Mutex::default() }
    }

    /// The same with a setting of one provider changed.
    #[must_use]
    pub fn with_override(mut self, given: ProviderOverride) -> Self {
        self.overrides.push(given);
        self
    }

    /// How the KMIP server behind a record is reached, overrides included.
    ///
    /// # Errors
    /// [`ProviderErrorKind::Options`].
    pub fn kmip_settings(&self, provider: &Provider) -> Result<KmipSettings, ProviderError> {
        let mut settings = KmipSettings::from_record(provider.options(), &self.data_directory)
            .map_err(|error| options_error(provider, error))?;
        for given in self.overrides_of(provider) {
            settings.set(given).map_err(|error| options_error(provider, error))?;
        }
        Ok(settings)
    }

    /// How the Vault server behind a record is reached, overrides included.
    ///
    /// # Errors
    /// [`ProviderErrorKind::Options`].
    #[cfg(feature = "vault")]
    pub fn vault_settings(&self, provider: &Provider) -> Result<super::VaultSettings, ProviderError> {
        let settings = super::VaultSettings::from_record(provider.options(), &self.data_directory);
        let mut settings = settings.map_err(|error| options_error(provider, error))?;
        for given in self.overrides_of(provider) {
            settings.set(given).map_err(|error| options_error(provider, error))?;
        }
        Ok(settings)
    }

    fn overrides_of(&self, provider: &Provider) -> impl Iterator<Item = &ProviderOverride> {
        self.overrides.iter().filter(move |given| given.provider().matches(provider.name()))
    }

    /// How the server behind a record is reached, if it is of a kind that is known here.
    fn settings(&self, provider: &Provider) -> Result<Option<Settings>, ProviderError> {
        Ok(match provider.options() {
            ProviderOptions::Kmip { .. } => Some(Settings::Kmip(self.kmip_settings(provider)?)),
            #[cfg(feature = "vault")]
            ProviderOptions::VaultV2 { .. } => Some(Settings::Vault(self.vault_settings(provider)?)),
            _ => None,
        })
    }
}

impl Settings {
    fn open(self) -> Result<Box<dyn KeyProvider>, ProviderError> {
        Ok(match self {
            Self::Kmip(settings) => Box::new(KmipProvider::new(settings)?),
            #[cfg(feature = "vault")]
            Self::Vault(settings) => Box::new(super::VaultProvider::new(settings)?),
        })
    }
}

impl ProviderConnector for Connector {
    fn connect(&self, provider: &Provider) -> Result<Option<Box<dyn KeyProvider>>, ProviderError> {
        let Some(settings) = self.settings(provider)? else { return Ok(None) };
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = opened.iter().find(|(known, _)| *known == settings) {
            return Ok(Some(Box::new(Arc::clone(known))));
        }
        let once = Arc::new(Once { inner: settings.clone().open()?, unreachable: Mutex::default() });
        opened.push((settings, Arc::clone(&once)));
        Ok(Some(Box::new(once)))
    }
}

/// A provider that is not asked for keys again once it could not be reached.
struct Once {
    inner: Box<dyn KeyProvider>,
    /// Why it could not be reached, and what to try. Not held while the server is asked, which may take long.
    unreachable: Mutex<Option<(String, Option<String>)>>,
}

impl Once {
    fn unreachable(&self) -> MutexGuard<'_, Option<(String, Option<String>)>> {
        self.unreachable.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeyProvider for Once {
    fn principal_key(&self, name: &PrincipalKeyName) -> Result<Option<NamedKey>, ProviderError> {
        if let Some((cause, advice)) = self.unreachable().clone() {
            let error = ProviderError::new(self.place(), ProviderErrorKind::Unavailable).with_source(cause);
            return Err(match advice {
                Some(advice) => error.with_advice(advice),
                None => error,
            });
        }
        let found = self.inner.principal_key(name);
        if let Err(error) = &found
            && error.kind() == ProviderErrorKind::Unavailable
        {
            let cause = std::error::Error::source(error);
            let cause = cause.map_or_else(|| "it could not be reached".to_owned(), ToString::to_string);
            *self.unreachable() = Some((cause, error.advice().map(str::to_owned)));
        }
        found
    }

    fn place(&self) -> String {
        self.inner.place()
    }

    fn store(&self, name: &PrincipalKeyName, key: &PrincipalKey) -> Result<(), ProviderError> {
        self.inner.store(name, key)
    }

    fn list(&self) -> Result<Vec<PrincipalKeyName>, ProviderError> {
        self.inner.list()
    }

    fn check(&self) -> Result<ProviderCheck, ProviderError> {
        self.inner.check()
    }
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

fn options_error(provider: &Provider, error: impl fmt::Display) -> ProviderError {
    let place = format!("{} provider {} \"{}\"", provider.kind(), provider.id(), provider.name());
    ProviderError::new(place, ProviderErrorKind::Options).with_source(error.to_string())
}
