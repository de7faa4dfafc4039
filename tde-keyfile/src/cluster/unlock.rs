//! Finding the principal key that a header names, and verifying the header with it.
//!
//! Source of the order: `pg_tde` 2.2.0, `get_principal_key_from_keyring`: the provider by the id in the
//! header, in the global or the scope's own providers file by the id's sign; the key by name; its length;
//! the signature.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use std::path::Path;

use tde_core::{PrincipalKey, WrapKey};

use super::error::{PrincipalKeyError, PrincipalKeyErrorKind};
use super::options::OpenOptions;
use super::providers::{Provider, ProviderRecordError};
use crate::format::header::{Magic, PrincipalKeyInfo, UnverifiedHeader};
use crate::format::provider_options::ProviderOptions;
use crate::provider::{FileKeyring, KeyProvider, ProviderError};

/// The principal key of a scope, after the scope's header was verified with it.
#[derive(Debug)]
pub struct UnlockedKey {
    wrap_key: Arc<WrapKey>,
    place: String,
    truncated: bool,
}

impl UnlockedKey {
    /// A key that was found to be the right one.
    #[cfg(all(feature = "write", unix))]
    pub(crate) fn whole(wrap_key: WrapKey, place: &dyn KeyProvider) -> Self {
        Self { wrap_key: Arc::new(wrap_key), place: place.place(), truncated: false }
    }

    /// The key, ready to unwrap internal keys.
    #[must_use]
    pub fn wrap_key(&self) -> &WrapKey {
        &self.wrap_key
    }

    /// The same, to be kept beyond the cluster.
    #[cfg(all(feature = "write", unix))]
    pub(crate) fn shared(&self) -> Arc<WrapKey> {
        Arc::clone(&self.wrap_key)
    }

    /// Where the key came from, for messages: `keyring file /srv/keys/demo.keys`.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Whether only the first 16 of the key's 32 bytes fit, as `pg_tde` 1.0 used them.
    #[must_use]
    pub const fn is_truncated(&self) -> bool {
        self.truncated
    }
}

/// What is known of the provider that a header names.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ProviderLookup<'a> {
    Found(&'a Provider),
    Damaged(&'a ProviderRecordError),
    Absent,
}

/// Finds the key that made the header's signature.
pub(crate) fn unlock(
    header: &UnverifiedHeader<'_>,
    lookup: ProviderLookup<'_>,
    data_directory: &Path,
    options: &OpenOptions,
) -> Result<UnlockedKey, Box<PrincipalKeyError>> {
    let accept = |key: &PrincipalKey, place: &dyn KeyProvider| try_key(header, key, place);
    search_key(header.claims(), &accept, lookup, data_directory, options)
}

/// Finds the key that `accept` takes for the one meant.
pub(crate) fn search_key(
    claims: &PrincipalKeyInfo,
    accept: &Accept<'_>,
    lookup: ProviderLookup<'_>,
    data_directory: &Path,
    options: &OpenOptions,
) -> Result<UnlockedKey, Box<PrincipalKeyError>> {
    let mut search = Search { claims, accept, searched: Vec::new(), tried: Vec::new(), failure: None };
    for key in options.principal_keys_named(claims.name()) {
        if let Some(unlocked) = search.ask(key) {
            return Ok(unlocked);
        }
    }
    for provider in options.providers() {
        if let Some(unlocked) = search.ask_in_passing(provider) {
            return Ok(unlocked);
        }
    }
    let unreached = match lookup {
        ProviderLookup::Found(provider) => match places_of(provider, data_directory, options) {
            Ok(places) => {
                for place in &places {
                    if let Some(unlocked) = search.ask(&**place) {
                        return Ok(unlocked);
                    }
                }
                PrincipalKeyErrorKind::NotConnected(provider.kind())
            }
            Err(error) => PrincipalKeyErrorKind::Failed(error),
        },
        ProviderLookup::Damaged(_) | ProviderLookup::Absent => {
            for keyring in options.keyrings_for(None) {
                if let Some(unlocked) = search.ask(keyring) {
                    return Ok(unlocked);
                }
            }
            match lookup {
                ProviderLookup::Damaged(error) => PrincipalKeyErrorKind::ProviderDamaged(error.clone()),
                _ => PrincipalKeyErrorKind::ProviderAbsent,
            }
        }
    };
    Err(Box::new(search.explain(unreached)))
}

/// The places to ask for the keys of a provider; none if nothing here reaches its kind.
pub(crate) fn places_of(
    provider: &Provider,
    data_directory: &Path,
    options: &OpenOptions,
) -> Result<Vec<Box<dyn KeyProvider>>, ProviderError> {
    if let ProviderOptions::File { path } = provider.options() {
        let mut places: Vec<Box<dyn KeyProvider>> = Vec::new();
        for keyring in options.keyrings_for(Some(provider.name())) {
            places.push(Box::new(keyring.clone()));
        }
        if places.is_empty() {
            // The server's working directory is its data directory.
            places.push(Box::new(FileKeyring::new(data_directory.join(path))));
        }
        return Ok(places);
    }
    for connector in options.connectors() {
        if let Some(connected) = connector.connect(provider)? {
            return Ok([connected].into());
        }
    }
    Ok(Vec::new())
}

/// Makes an [`UnlockedKey`] of a key, if it is the one meant.
pub(crate) type Accept<'a> = dyn Fn(&PrincipalKey, &dyn KeyProvider) -> Option<UnlockedKey> + 'a;

/// A search for one key, over several places.
struct Search<'a> {
    claims: &'a PrincipalKeyInfo,
    accept: &'a Accept<'a>,
    searched: Vec<String>,
    tried: Vec<String>,
    failure: Option<ProviderError>,
}

impl Search<'_> {
    /// Asks one place, and keeps in mind what it answered if that is not the right key.
    fn ask(&mut self, place: &dyn KeyProvider) -> Option<UnlockedKey> {
        match place.principal_key(self.claims.name()) {
            Ok(Some(found)) => {
                let unlocked = (self.accept)(&found.key, place);
                if unlocked.is_none() {
                    self.tried.push(place.place());
                }
                unlocked
            }
            Ok(None) => {
                self.searched.push(place.place());
                None
            }
            Err(error) => {
                self.failure.get_or_insert(error);
                None
            }
        }
    }

    /// The same of a place that is not where the header says the key is: that it has none is not worth a word.
    fn ask_in_passing(&mut self, place: &dyn KeyProvider) -> Option<UnlockedKey> {
        let known = self.searched.len();
        let unlocked = self.ask(place);
        self.searched.truncate(known);
        unlocked
    }

    /// The most telling answer first: a key that does not fit says more than places that have none.
    fn explain(self, unreached: PrincipalKeyErrorKind) -> PrincipalKeyError {
        let claims = self.claims;
        let kind = if !self.tried.is_empty() {
            PrincipalKeyErrorKind::WrongKey { tried: self.tried }
        } else if let Some(failure) = self.failure {
            PrincipalKeyErrorKind::Failed(failure)
        } else if !self.searched.is_empty() {
            PrincipalKeyErrorKind::NotFound { searched: self.searched }
        } else {
            unreached
        };
        PrincipalKeyError { name: *claims.name(), provider: claims.provider(), kind }
    }
}

/// The key, if it made the header's signature.
pub(crate) fn try_key(
    header: &UnverifiedHeader<'_>,
    key: &PrincipalKey,
    place: &dyn KeyProvider,
) -> Option<UnlockedKey> {
    let wrap_key = WrapKey::new(key);
    if header.verify(&wrap_key).is_ok() {
        return Some(UnlockedKey { wrap_key: Arc::new(wrap_key), place: place.place(), truncated: false });
    }
    // `pg_tde` 1.0 took a key of any length and used its first 16 bytes; it wrote version 3 only.
    let Some((first, [_, ..])) = key.expose_bytes().split_first_chunk::<16>() else { return None };
    let wrap_key = WrapKey::new(&PrincipalKey::from_slice(first).ok()?);
    let verified = header.magic() == Magic::RelationKeys3 && header.verify(&wrap_key).is_ok();
    verified.then(|| UnlockedKey { wrap_key: Arc::new(wrap_key), place: place.place(), truncated: true })
}
