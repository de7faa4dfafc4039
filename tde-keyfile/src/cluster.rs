//! A data directory, opened: its scopes, the keys of its relations, the ranges of its WAL.
//!
//! ```no_run
//! use tde_keyfile::cluster::{Cluster, OpenOptions, RelationKey};
//! use tde_keyfile::{Oid, RelationLocator, RelationNumber};
//!
//! let cluster = Cluster::open("/var/lib/postgresql/17/main", &OpenOptions::new())?;
//! let locator = RelationLocator {
//!     tablespace: Oid::PG_DEFAULT,
//!     database: Oid::new(16384),
//!     relation: RelationNumber::new(16397),
//! };
//! match cluster.relation_key(&locator)? {
//!     RelationKey::Key(key) => println!("encrypted with {}", key.cipher()),
//!     RelationKey::NoEntry => println!("no key: pg_tde takes the relation for plaintext"),
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod note;
mod open;
mod options;
mod providers;
mod scope;
mod unlock;

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use std::path::{Path, PathBuf};

use tde_core::InternalKey;
use tde_wal::{KeyRanges, RangeEntry, RangeKind};

use crate::format::FormatError;
use crate::format::keys_version::KeysVersion;
use crate::format::relation_keys::EntryState;
use crate::oid::{Oid, RelationLocator};

pub use error::{ClusterError, PrincipalKeyError, PrincipalKeyErrorKind, ScopeError};
pub use note::{Note, NoteKind, Severity};
pub use options::OpenOptions;
pub use providers::{ListedProvider, Provider, ProviderRecordError, ProvidersFile};
pub use scope::{RangeCounts, Scope, ScopeKind, ScopeState};
pub use unlock::UnlockedKey;
#[cfg(all(feature = "write", unix))]
pub(crate) use {
    open::KeyDirectory,
    unlock::{ProviderLookup, places_of, search_key, try_key, unlock},
};

/// The key files of a data directory, read once by [`Cluster::open`]. Nothing is read again later, and
/// internal keys are unwrapped only when asked for.
#[derive(Debug)]
pub struct Cluster {
    directory: PathBuf,
    scopes: BTreeMap<Oid, Scope>,
    providers: BTreeMap<Oid, ProvidersFile>,
    keys_version: Option<KeysVersion>,
    notes: Vec<Note>,
}

type WalEntries = Vec<(RangeEntry, Result<InternalKey, Arc<ScopeError>>)>;

/// What the key files say of a relation.
#[derive(Debug)]
#[allow(clippy::exhaustive_enums)]
pub enum RelationKey {
    /// The relation is encrypted with this key.
    Key(InternalKey),
    /// There is no key entry, so that `pg_tde` takes the relation for plaintext. Nothing authenticates
    /// an absence: a removed entry looks the same, and only the relation's pages tell.
    NoEntry,
}

impl Cluster {
    /// The data directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// All scopes that have a file, by OID: databases, the default key (1663), the server (1664).
    pub fn scopes(&self) -> impl ExactSizeIterator<Item = &Scope> {
        self.scopes.values()
    }

    /// The scope with this OID; `None` if it has no file, which means the same as an empty one.
    #[must_use]
    pub fn scope(&self, oid: Oid) -> Option<&Scope> {
        self.scopes.get(&oid)
    }

    /// Whether a scope uses the default key: `pg_tde` takes it to if its header and that of the default
    /// key's scope name the same key of the same provider, however that came about.
    #[must_use]
    pub fn uses_default_key(&self, scope: &Scope) -> bool {
        let default = self.scopes.get(&Oid::PG_DEFAULT).and_then(Scope::principal_key);
        let own = scope.principal_key().filter(|_| scope.oid() != Oid::PG_DEFAULT);
        default.zip(own).is_some_and(|(default, own)| default.is_same_key(own))
    }

    /// All providers files, by OID.
    pub fn providers(&self) -> impl ExactSizeIterator<Item = &ProvidersFile> {
        self.providers.values()
    }

    /// The contents of `keys_version`, if it is there and can be read.
    #[must_use]
    pub const fn keys_version(&self) -> Option<&KeysVersion> {
        self.keys_version.as_ref()
    }

    /// What is odd, in the order in which it was met.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// Unwraps the key of a relation, found in constant time.
    ///
    /// # Errors
    /// [`ScopeError`] if the database's key file cannot be read, if there is an entry but its scope is
    /// locked, or if the entry cannot be read or does not unwrap. None of these may be taken for
    /// [`RelationKey::NoEntry`].
    pub fn relation_key(&self, locator: &RelationLocator) -> Result<RelationKey, Arc<ScopeError>> {
        let Some(scope) = self.scopes.get(&locator.database) else { return Ok(RelationKey::NoEntry) };
        if let ScopeState::Unreadable(error) = scope.state() {
            return Err(Arc::clone(error));
        }
        let place = scope.relation_index().and_then(|index| index.get(locator.tablespace, locator.relation));
        let entry = scope.relation_keys().zip(place).and_then(|(keys, place)| keys.entry(place));
        let Some(entry) = entry else { return Ok(RelationKey::NoEntry) };
        let damaged = |error| Arc::new(ScopeError::Format { path: scope.path().to_path_buf(), error });
        let EntryState::Key(entry) = entry.state().map_err(damaged)? else {
            return Ok(RelationKey::NoEntry);
        };
        match scope.unlocked_key().map_err(Arc::clone)? {
            Some(key) => entry.unwrap_key(key.wrap_key()).map(RelationKey::Key).map_err(damaged),
            None => Ok(RelationKey::NoEntry),
        }
    }

    /// Unwraps the keys of the WAL ranges, in the order of the file; none if there is no server scope.
    ///
    /// INVALID entries and those never written under are left out (`pg_tde` 2.2.0,
    /// `pg_tde_fetch_wal_keys`).
    ///
    /// # Errors
    /// [`ScopeError`] if `wal_keys` cannot be read, is locked, or an entry that counts cannot be read or
    /// does not unwrap.
    pub fn wal_internal_keys(&self) -> Result<Vec<(RangeEntry, InternalKey)>, Arc<ScopeError>> {
        self.wal_entries()?.into_iter().map(|(entry, key)| Ok((entry, key?))).collect()
    }

    /// The WAL ranges with their keys, ready to transform WAL. Without a server scope there are none, and
    /// all WAL is plain.
    ///
    /// # Errors
    /// As [`wal_internal_keys`](Self::wal_internal_keys).
    pub fn wal_key_ranges(&self) -> Result<KeyRanges, Arc<ScopeError>> {
        let keys = self.wal_internal_keys()?;
        Ok(KeyRanges::from_entries(keys.into_iter().map(|(entry, key)| (entry, Some(key)))))
    }

    /// The same where entries are damaged: a range whose key does not unwrap is there as unavailable, so
    /// that bytes in it are refused, and what is wrong with it comes second.
    ///
    /// # Errors
    /// [`ScopeError`] if `wal_keys` cannot be read, is locked, or has an entry of unknown type or cipher.
    pub fn available_wal_key_ranges(&self) -> Result<(KeyRanges, Vec<Arc<ScopeError>>), Arc<ScopeError>> {
        let mut errors = Vec::new();
        let entries: Vec<_> = self
            .wal_entries()?
            .into_iter()
            .map(|(entry, key)| match key {
                Ok(key) => (entry, Some(key)),
                Err(error) => {
                    errors.push(error);
                    // What such an entry says of its kind is not to be believed either.
                    (RangeEntry { kind: RangeKind::Encrypted, ..entry }, None)
                }
            })
            .collect();
        Ok((KeyRanges::from_entries(entries), errors))
    }

    /// The entries of `wal_keys` that count, each with its key or the reason why it does not unwrap.
    fn wal_entries(&self) -> Result<WalEntries, Arc<ScopeError>> {
        let mut entries = Vec::new();
        let Some(scope) = self.scopes.get(&Oid::PG_GLOBAL) else { return Ok(entries) };
        let key = scope.unlocked_key().map_err(Arc::clone)?;
        let Some((keys, key)) = scope.wal_keys().zip(key) else { return Ok(entries) };
        let damaged =
            |error: FormatError| Arc::new(ScopeError::Format { path: scope.path().to_path_buf(), error });
        for entry in keys.entries() {
            let entry = entry.map_err(damaged)?;
            if entry.kind() != RangeKind::Invalid && entry.is_started() {
                let range = RangeEntry { start: entry.start(), kind: entry.kind() };
                entries.push((range, entry.unwrap_key(key.wrap_key()).map_err(damaged)));
            }
        }
        Ok(entries)
    }
}
