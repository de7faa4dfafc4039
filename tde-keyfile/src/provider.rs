//! Where principal keys come from.
//!
//! A scope's header names a key and a provider; a [`KeyProvider`] hands out keys by name. Here are the
//! providers that need no network: [`FileKeyring`] (the file provider's keyring) and [`KeyFile`] (one key
//! in a file of its own). Providers for key servers implement the same trait elsewhere and are reached
//! through a [`ProviderConnector`].

mod error;
mod key_file;
mod keyring;

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt::Debug;

use tde_core::PrincipalKey;

use crate::cluster::Provider;
use crate::name::PrincipalKeyName;

pub use error::{ProviderError, ProviderErrorKind};
pub use key_file::KeyFile;
pub use keyring::FileKeyring;

/// Hands out principal keys by name.
///
/// ```
/// use tde_keyfile::PrincipalKeyName;
/// use tde_keyfile::provider::{FileKeyring, KeyProvider};
///
/// let provider: Box<dyn KeyProvider> = Box::new(FileKeyring::new("/nonexistent/demo.keys"));
/// let name: PrincipalKeyName = "demo-key".parse().unwrap();
/// // As for pg_tde, a keyring that is not there has no keys.
/// assert!(provider.principal_key(&name).unwrap().is_none());
/// ```
pub trait KeyProvider: Debug + Send + Sync {
    /// The principal key with this name, or `None` if the provider works and has none such.
    ///
    /// # Errors
    /// [`ProviderError`] if the provider cannot be asked, or its answer cannot be used.
    fn principal_key(&self, name: &PrincipalKeyName) -> Result<Option<NamedKey>, ProviderError>;

    /// What and where the provider is, for messages: `keyring file /srv/keys/demo.keys`.
    fn place(&self) -> String;
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
