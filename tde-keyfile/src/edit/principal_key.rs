//! The principal key that a scope is to get, and the provider that has it.

use alloc::boxed::Box;
use alloc::string::ToString as _;
use alloc::sync::Arc;
use alloc::vec;
use std::path::{Path, PathBuf};

use tde_core::{Cipher, PrincipalKey, WrapKey};

use super::error::EditError;
use super::files::KeyFiles;
use crate::cluster::{ListedProvider, OpenOptions, Provider, places_of};
use crate::format::header::ProviderId;
use crate::format::provider_options::ProviderOptions;
use crate::name::PrincipalKeyName;
use crate::oid::Oid;
use crate::provider::KeyProvider;

/// A principal key with the name and the provider that headers are to say.
#[derive(Debug, Clone)]
pub struct NewPrincipalKey {
    pub(crate) name: PrincipalKeyName,
    pub(crate) provider: ProviderId,
    pub(super) cipher: Cipher,
    pub(crate) wrap_key: Arc<WrapKey>,
    pub(crate) asked_provider: bool,
}

impl NewPrincipalKey {
    /// A key that the provider has, or will have before it is needed, under this name.
    #[must_use]
    pub fn new(provider: ProviderId, name: PrincipalKeyName, key: &PrincipalKey) -> Self {
        let wrap_key = Arc::new(WrapKey::new(key));
        Self { name, provider, cipher: key.cipher(), wrap_key, asked_provider: true }
    }

    /// The name, as the provider spells it.
    #[must_use]
    pub const fn name(&self) -> &PrincipalKeyName {
        &self.name
    }

    /// The provider.
    #[must_use]
    pub const fn provider(&self) -> ProviderId {
        self.provider
    }
}

impl KeyFiles {
    /// The provider that a scope's keys may be in, by name (without regard to case, as the server looks it up) or
    /// by number. A database's own providers come before the global ones.
    ///
    /// # Errors
    /// [`EditError::ProviderNotFound`]; [`EditError::ProviderAmbiguous`] for a name that both have.
    pub fn provider(&self, scope: Oid, name_or_number: &str) -> Result<&Provider, EditError> {
        find_provider(|file| self.usable(file), scope, name_or_number)
    }

    /// The provider with this number.
    ///
    /// # Errors
    /// [`EditError::ProviderNotFound`] if there is none, or its record cannot be read.
    pub fn provider_by_id(&self, scope: Oid, id: ProviderId) -> Result<&Provider, EditError> {
        provider_numbered(|file| self.usable(file), scope, id)
    }

    /// Asks for a principal key: the key files given in the options first, then the provider.
    ///
    /// # Errors
    /// [`EditError::PrincipalKeyNotFound`]; [`EditError::ProviderNotReached`]; [`EditError::Provider`].
    pub fn principal_key(
        &self,
        provider: &Provider,
        name: &PrincipalKeyName,
    ) -> Result<NewPrincipalKey, EditError> {
        fetch_key(provider, name, self.data_directory(), self.options())
    }

    /// Where a key of this provider can be made: the keyring given in the options in its place, or what its record
    /// leads to.
    ///
    /// # Errors
    /// [`EditError::ProviderNotReached`]; [`EditError::Provider`].
    pub fn key_provider(&self, provider: &Provider) -> Result<Box<dyn KeyProvider>, EditError> {
        key_provider(provider, self.data_directory(), self.options())
    }

    /// The file behind [`key_provider`](Self::key_provider), if it is a keyring.
    #[must_use]
    pub fn keyring_path(&self, provider: &Provider) -> Option<PathBuf> {
        keyring_path(provider, self.data_directory(), self.options())
    }

    /// The providers of a file that are neither deleted nor damaged.
    pub(super) fn usable(&self, file: Oid) -> impl Iterator<Item = &Provider> {
        let of_file = move |found: &&crate::cluster::ProvidersFile| found.scope() == file;
        let records = self.cluster().providers().filter(of_file).flat_map(|found| found.records());
        records.filter_map(|record: &ListedProvider| record.provider().ok().flatten())
    }
}

/// The provider that a scope's keys may be in, by name or by number, out of those that `usable` has of a file.
pub(crate) fn find_provider<'f, I: Iterator<Item = &'f Provider>>(
    usable: impl Fn(Oid) -> I,
    scope: Oid,
    name_or_number: &str,
) -> Result<&'f Provider, EditError> {
    let is_database = scope != Oid::PG_GLOBAL && scope != Oid::PG_DEFAULT;
    let named = |oid: Oid| {
        usable(oid)
            .find(|provider| provider.name().as_bytes().eq_ignore_ascii_case(name_or_number.as_bytes()))
    };
    match (is_database.then(|| named(scope)).flatten(), named(Oid::PG_GLOBAL)) {
        (Some(local), Some(global)) => {
            let (local, global, name) = (local.id(), global.id(), Box::new(*local.name()));
            return Err(EditError::ProviderAmbiguous { name, local, global });
        }
        (Some(provider), None) | (None, Some(provider)) => return Ok(provider),
        (None, None) => {}
    }
    let not_found = || EditError::ProviderNotFound { provider: name_or_number.into(), scope };
    let id = name_or_number.parse().map(ProviderId::new).map_err(|_| not_found())?;
    provider_numbered(usable, scope, id).map_err(|_| not_found())
}

fn provider_numbered<'f, I: Iterator<Item = &'f Provider>>(
    usable: impl Fn(Oid) -> I,
    scope: Oid,
    id: ProviderId,
) -> Result<&'f Provider, EditError> {
    usable(id.providers_file(scope))
        .find(|provider| provider.id() == id)
        .ok_or_else(|| EditError::ProviderNotFound { provider: id.to_string(), scope })
}

/// Asks for a principal key: the key files given in the options first, then the provider.
pub(crate) fn fetch_key(
    provider: &Provider,
    name: &PrincipalKeyName,
    data_directory: &Path,
    options: &OpenOptions,
) -> Result<NewPrincipalKey, EditError> {
    if let Some(file) = options.principal_keys_named(name).next() {
        let key = NewPrincipalKey::new(provider.id(), *file.name(), &file.read()?);
        return Ok(NewPrincipalKey { asked_provider: false, ..key });
    }
    for place in options.providers() {
        if let Some(found) = place.principal_key(name)? {
            let key = NewPrincipalKey::new(provider.id(), found.name, &found.key);
            return Ok(NewPrincipalKey { asked_provider: false, ..key });
        }
    }
    let places = places_of(provider, data_directory, options)?;
    let mut searched = vec![];
    for place in &places {
        match place.principal_key(name)? {
            Some(found) => return Ok(NewPrincipalKey::new(provider.id(), found.name, &found.key)),
            None => searched.push(place.place()),
        }
    }
    if places.is_empty() {
        return Err(EditError::ProviderNotReached { provider: provider.id(), kind: provider.kind() });
    }
    Err(EditError::PrincipalKeyNotFound { name: Box::new(*name), provider: provider.id(), searched })
}

/// Where a key of a provider can be made.
pub(crate) fn key_provider(
    provider: &Provider,
    data_directory: &Path,
    options: &OpenOptions,
) -> Result<Box<dyn KeyProvider>, EditError> {
    let places = places_of(provider, data_directory, options)?;
    let not_reached = EditError::ProviderNotReached { provider: provider.id(), kind: provider.kind() };
    places.into_iter().next().ok_or(not_reached)
}

/// The keyring file behind a provider, if it is one.
pub(crate) fn keyring_path(
    provider: &Provider,
    data_directory: &Path,
    options: &OpenOptions,
) -> Option<PathBuf> {
    let ProviderOptions::File { path } = provider.options() else { return None };
    let given = options.keyrings_for(Some(provider.name())).next();
    Some(given.map_or_else(|| data_directory.join(path), |keyring| keyring.path().to_path_buf()))
}
