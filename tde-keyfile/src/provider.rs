//! Where principal keys come from, and where new ones go.
//!
//! A scope's header names a key and a provider; a [`KeyProvider`] hands out keys by name, takes new ones, lists what it
//! has and says whether it can be used. Here are the providers that need no network: [`FileKeyring`] (the file
//! provider's keyring), [`KeyFile`] (one key in a file of its own) and, with the feature `passphrase`,
//! `MasterKeyProvider` (a key protected by a passphrase). Providers for key servers implement the same trait elsewhere
//! and are reached through a [`ProviderConnector`].

mod check;
mod error;
mod key_file;
mod keyring;
#[cfg(all(feature = "passphrase", unix))]
mod master_key;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::Debug;

use tde_core::PrincipalKey;

use crate::cluster::Provider;
use crate::name::PrincipalKeyName;

pub use check::{CheckItem, ProviderCheck};
pub use error::{ProviderError, ProviderErrorKind};
pub use key_file::KeyFile;
pub use keyring::FileKeyring;
#[cfg(all(feature = "passphrase", unix))]
pub use master_key::MasterKeyProvider;

/// Principal keys by name: got, made, listed; and whether they can be had at all.
///
/// Only getting is common to all providers. What one cannot do by its nature fails with
/// [`ProviderErrorKind::Unsupported`].
///
/// ```
/// use tde_keyfile::PrincipalKeyName;
/// use tde_keyfile::provider::{FileKeyring, KeyProvider};
///
/// let provider: Box<dyn KeyProvider> = Box::new(FileKeyring::new("/nonexistent/demo.keys"));
/// let name: PrincipalKeyName = "demo-key".parse().unwrap();
/// // As for pg_tde, a keyring that is not there has no keys.
/// assert!(provider.principal_key(&name).unwrap().is_none());
/// assert!(provider.list().unwrap().is_empty());
/// ```
pub trait KeyProvider: Debug + Send + Sync {
    /// The principal key with this name, or `None` if the provider works and has none such.
    ///
    /// # Errors
    /// [`ProviderError`] if the provider cannot be asked, or its answer cannot be used.
    fn principal_key(&self, name: &PrincipalKeyName) -> Result<Option<NamedKey>, ProviderError>;

    /// What and where the provider is, for messages: `keyring file /srv/keys/demo.keys`.
    fn place(&self) -> String;

    /// Stores a key under a name that the provider does not have yet, durably, before this returns.
    ///
    /// # Errors
    /// [`ProviderErrorKind::Exists`]; [`ProviderErrorKind::Name`] for a name that this provider cannot hold;
    /// [`ProviderErrorKind::Unsupported`]; others if the provider cannot be reached or refuses. Unless the error says
    /// otherwise, nothing was stored.
    fn store(&self, name: &PrincipalKeyName, key: &PrincipalKey) -> Result<(), ProviderError> {
        let _ = (name, key);
        Err(ProviderError::new(self.place(), ProviderErrorKind::Unsupported)
            .with_source("keys cannot be stored here"))
    }

    /// Makes a key of random bytes, as `pg_tde` does, and stores it under a name that the provider does not have yet.
    ///
    /// # Errors
    /// Those of [`store`](Self::store); [`ProviderErrorKind::Random`].
    #[cfg(feature = "write")]
    fn create(&self, name: &PrincipalKeyName, cipher: tde_core::Cipher) -> Result<NamedKey, ProviderError> {
        let key = PrincipalKey::random(cipher).map_err(|error| {
            ProviderError::new(self.place(), ProviderErrorKind::Random).with_source(error)
        })?;
        self.store(name, &key)?;
        Ok(NamedKey { name: *name, key })
    }

    /// The names of all keys, in the provider's order. Names that no principal key can have are left out.
    ///
    /// # Errors
    /// [`ProviderErrorKind::Unsupported`]; others if the provider cannot be asked.
    fn list(&self) -> Result<Vec<PrincipalKeyName>, ProviderError> {
        Err(ProviderError::new(self.place(), ProviderErrorKind::Unsupported)
            .with_source("keys cannot be listed here"))
    }

    /// Whether the provider can be reached and used, without changing anything.
    ///
    /// # Errors
    /// What keeps it from being used; what is merely odd is in the [`ProviderCheck`].
    fn check(&self) -> Result<ProviderCheck, ProviderError> {
        Err(ProviderError::new(self.place(), ProviderErrorKind::Unsupported)
            .with_source("it can be checked only by asking for a key"))
    }
}

/// A provider that several owners share is the same provider.
impl<P: KeyProvider + ?Sized> KeyProvider for Arc<P> {
    fn principal_key(&self, name: &PrincipalKeyName) -> Result<Option<NamedKey>, ProviderError> {
        (**self).principal_key(name)
    }

    fn place(&self) -> String {
        (**self).place()
    }

    fn store(&self, name: &PrincipalKeyName, key: &PrincipalKey) -> Result<(), ProviderError> {
        (**self).store(name, key)
    }

    #[cfg(feature = "write")]
    fn create(&self, name: &PrincipalKeyName, cipher: tde_core::Cipher) -> Result<NamedKey, ProviderError> {
        (**self).create(name, cipher)
    }

    fn list(&self) -> Result<Vec<PrincipalKeyName>, ProviderError> {
        (**self).list()
    }

    fn check(&self) -> Result<ProviderCheck, ProviderError> {
        (**self).check()
    }
}

/// A principal key as a provider gave it.
#[derive(Debug)]
#[allow(clippy::exhaustive_structs)]
pub struct NamedKey {
    /// The name as the provider spells it, which is what `pg_tde` writes into headers.
    pub name: PrincipalKeyName,
    /// The key.
    pub key: PrincipalKey,
}

/// Makes a [`KeyProvider`] of a provider's record, for the kinds that this crate does not reach itself.
pub trait ProviderConnector: Debug + Send + Sync {
    /// The provider behind the record, or `None` if this connector does not know its kind.
    ///
    /// # Errors
    /// [`ProviderError`] if the options do not lead to a provider.
    fn connect(&self, provider: &Provider) -> Result<Option<Box<dyn KeyProvider>>, ProviderError>;
}
