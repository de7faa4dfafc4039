//! From a provider's record to the provider.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
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
    opened: Mutex<Vec<(Provider, Arc<Once>)>>,
    unreachable: Arc<Unreachable>,
}

/// Places that could not be reached: each with the cause and what to try.
type Unreachable = Mutex<BTreeMap<String, (String, Option<String>)>>;

impl Connector {
    /// For the cluster in this data directory, against which relative paths in its records are taken.
    #[must_use]
    pub fn new(data_directory: impl AsRef<Path>) -> Self {
        let data_directory = data_directory.as_ref().to_path_buf();
        Self { data_directory, overrides: Vec::new(), opened: Mutex::default(), unreachable: Arc::default() }
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

    fn open(&self, provider: &Provider) -> Result<Option<Box<dyn KeyProvider>>, ProviderError> {
        Ok(match provider.options() {
            ProviderOptions::Kmip { .. } => Some(Box::new(KmipProvider::new(self.kmip_settings(provider)?)?)),
            #[cfg(feature = "vault")]
            ProviderOptions::VaultV2 { .. } => {
                Some(Box::new(super::VaultProvider::new(self.vault_settings(provider)?)?))
            }
            _ => None,
        })
    }
}

impl ProviderConnector for Connector {
    fn connect(&self, provider: &Provider) -> Result<Option<Box<dyn KeyProvider>>, ProviderError> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        let known = opened.iter().find(|(known, _)| {
            // Two databases may both have a provider with this number and this name.
            (known.id(), known.name(), known.options())
                == (provider.id(), provider.name(), provider.options())
        });
        if let Some((_, known)) = known {
            return Ok(Some(Box::new(Arc::clone(known))));
        }
        let Some(inner) = self.open(provider)? else { return Ok(None) };
        let once = Arc::new(Once { inner, unreachable: Arc::clone(&self.unreachable) });
        opened.push((provider.clone(), Arc::clone(&once)));
        Ok(Some(Box::new(once)))
    }
}

/// A provider that is not asked for keys again once it could not be reached.
struct Once {
    inner: Box<dyn KeyProvider>,
    unreachable: Arc<Unreachable>,
}

impl KeyProvider for Once {
    fn principal_key(&self, name: &PrincipalKeyName) -> Result<Option<NamedKey>, ProviderError> {
        let mut unreachable = self.unreachable.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((cause, advice)) = unreachable.get(&self.place()) {
            let error = ProviderError::new(self.place(), ProviderErrorKind::Unavailable);
            let error = error.with_source(cause.clone());
            return Err(match advice {
                Some(advice) => error.with_advice(advice.clone()),
                None => error,
            });
        }
        let found = self.inner.principal_key(name);
        if let Err(error) = &found
            && error.kind() == ProviderErrorKind::Unavailable
        {
            let cause = std::error::Error::source(error);
            let cause = cause.map_or_else(|| "it could not be reached".to_owned(), ToString::to_string);
            unreachable.insert(self.place(), (cause, error.advice().map(str::to_owned)));
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
