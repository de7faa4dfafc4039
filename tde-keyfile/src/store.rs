//! The keys of a cluster, whichever way they are laid out in files.
//!
//! [`KeyStore`] is one interface over two layouts ([`Layout`]): `pg_tde`'s own, with one file for each scope, and ours,
//! with one file for each relation, documented in `docs/format-one-file-per-relation.md`. [`open`] takes the one that is
//! there; [`convert`] makes one of the other. Only `pg_tde`'s own layout is read by a server.
//!
//! ```
//! use tde_core::{Cipher, InternalKey, PrincipalKey};
//! use tde_keyfile::edit::{EditOptions, Existing, NewPrincipalKey};
//! use tde_keyfile::format::header::ProviderId;
//! use tde_keyfile::storage::DiskStorage;
//! use tde_keyfile::store::{KeyChange, KeyStore, OneFileStore};
//! use tde_keyfile::{Oid, RelationLocator, RelationNumber};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let directory = directory.path();
//! # std::fs::create_dir(directory.join("pg_tde"))?;
//! # std::fs::write(directory.join("key"), [7; 32])?;
//! let storage = DiskStorage::new();
//! let mut options = EditOptions::new("example");
//! options.keys = options.keys.principal_key("db-key".parse()?, directory.join("key"));
//! let mut store = OneFileStore::open(&storage, directory, &options)?;
//!
//! let database = Oid::new(16384);
//! let locator = RelationLocator {
//!     tablespace: Oid::PG_DEFAULT,
//!     database,
//!     relation: RelationNumber::new(16397),
//! };
//! let principal = PrincipalKey::from_slice(&[7; 32])?;
//! let principal = NewPrincipalKey::new(ProviderId::new(1), "db-key".parse()?, &principal);
//! let key = InternalKey::random(Cipher::Aes256)?;
//! store.apply(
//!     &[
//!         KeyChange::CreateScope { scope: database, key: &principal },
//!         KeyChange::PutRelationKey { locator, key: &key, existing: Existing::Refuse },
//!     ],
//!     "encrypt a relation",
//! )?;
//! assert!(directory.join("pg_tde/16384/16397.key").exists());
//! assert!(store.relation_key(&locator)?.is_some_and(|found| found.ct_eq(&key)));
//! # Ok(())
//! # }
//! ```

mod contents;
mod convert;
mod layout;
mod one_file;
mod pg_tde;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use std::path::Path;

use tde_core::{Cipher, InternalKey};
use tde_wal::{Location, RangeEntry, RangeKind};

use crate::cluster::Provider;
use crate::edit::{Edit, EditError, EditOptions, Existing, NewPrincipalKey, Step};
use crate::format::header::PrincipalKeyInfo;
use crate::name::PrincipalKeyName;
use crate::oid::{Oid, RelationLocator};
use crate::storage::{Recovery, Storage};

pub use contents::{Contents, ScopeContents};
pub use convert::{Conversion, Converted, convert};
pub use layout::{Layout, layout_of};
pub use one_file::OneFileStore;
pub use pg_tde::PgTdeStore;

/// The keys of a cluster, in either layout.
///
/// What is read is what the files said when the store was opened or last changed; the layout with one file per
/// relation reads key files when they are asked for.
pub trait KeyStore: fmt::Debug {
    /// How the keys are laid out.
    fn layout(&self) -> Layout;

    /// The directory that has `pg_tde/`.
    fn data_directory(&self) -> &Path;

    /// Every scope that has a principal key or internal keys, by number.
    ///
    /// # Errors
    /// [`EditError::Storage`] if a directory cannot be listed; what is wrong with a scope is in its summary.
    fn scopes(&self) -> Result<Vec<ScopeSummary>, EditError>;

    /// The relations of a database that have a key, in order.
    ///
    /// # Errors
    /// Those of reading: [`EditError::Storage`], [`EditError::Format`], [`EditError::Scope`].
    fn relations(&self, database: Oid) -> Result<Vec<RelationLocator>, EditError>;

    /// The key of a relation, or `None` if there is none.
    ///
    /// # Errors
    /// Those of reading. None of them may be taken for `None`.
    fn relation_key(&self, locator: &RelationLocator) -> Result<Option<InternalKey>, EditError>;

    /// The ranges of WAL with their keys, in the order in which they were made: also those that were never written
    /// under, and INVALID ones.
    ///
    /// # Errors
    /// Those of reading; [`EditError::InvalidRange`] for an INVALID range whose key does not unwrap any more.
    fn wal_ranges(&self) -> Result<Vec<(RangeEntry, InternalKey)>, EditError>;

    /// The provider that a scope's keys may be in, by name or by number.
    ///
    /// # Errors
    /// [`EditError::ProviderNotFound`]; [`EditError::ProviderAmbiguous`].
    fn provider(&self, scope: Oid, name_or_number: &str) -> Result<&Provider, EditError>;

    /// Asks a provider for a principal key.
    ///
    /// # Errors
    /// [`EditError::PrincipalKeyNotFound`]; [`EditError::ProviderNotReached`]; [`EditError::Provider`].
    fn principal_key(
        &self,
        provider: &Provider,
        name: &PrincipalKeyName,
    ) -> Result<NewPrincipalKey, EditError>;

    /// Everything that the store has, unwrapped. Takes all or nothing.
    ///
    /// # Errors
    /// Those of reading, of any file.
    fn contents(&self) -> Result<Contents, EditError>;

    /// Files in `pg_tde/` that may hold keys but belong to no scope: leftovers, and files of older releases. They are
    /// not part of [`contents`](Self::contents).
    fn left_out(&self) -> Vec<Step>;

    /// Reads and unwraps everything, and tells all that is wrong.
    fn check(&self) -> Vec<EditError>;

    /// What changes would do to the files. Nothing is written.
    ///
    /// # Errors
    /// Whatever keeps a change from being made; [`EditError::Interrupted`].
    fn plan(&self, changes: &[KeyChange<'_>], description: &str) -> Result<Edit, EditError>;

    /// Carries changes out, one after the other, all of them or none; durable when this returns. `description` is
    /// recorded in a journal, if one is needed; it must hold no secret.
    ///
    /// Other writers are locked out meanwhile, and what one of them could not finish is completed or undone first.
    ///
    /// # Errors
    /// Whatever keeps a change from being made; as for [`Editor::apply`](crate::edit::Editor::apply).
    fn apply(&mut self, changes: &[KeyChange<'_>], description: &str) -> Result<Changed, EditError>;

    /// Puts a relation's key in.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    fn put_relation_key(
        &mut self,
        locator: RelationLocator,
        key: &InternalKey,
        existing: Existing,
    ) -> Result<(), EditError> {
        let change = KeyChange::PutRelationKey { locator, key, existing };
        self.apply(&[change], "put a relation key").map(|_| ())
    }

    /// Removes a relation's key. **What was encrypted with it can never be read again.**
    ///
    /// # Errors
    /// [`EditError::NoRelationKey`]; as [`apply`](Self::apply).
    fn remove_relation_key(&mut self, locator: RelationLocator) -> Result<(), EditError> {
        self.apply(&[KeyChange::RemoveRelationKey { locator }], "remove a relation key").map(|_| ())
    }

    /// Gives a scope another principal key.
    ///
    /// # Errors
    /// [`EditError::NoPrincipalKey`]; as [`apply`](Self::apply).
    fn rotate(&mut self, scope: Oid, key: &NewPrincipalKey) -> Result<(), EditError> {
        self.apply(&[KeyChange::Rotate { scope, key }], "rotate a principal key").map(|_| ())
    }
}

/// A change of the keys of a cluster. The rules are those of [`Draft`](crate::edit::Draft) in both layouts.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::exhaustive_enums)]
pub enum KeyChange<'k> {
    /// Gives a scope its first principal key; the default key goes to the server, too, if that has none.
    CreateScope {
        /// The scope.
        scope: Oid,
        /// The key.
        key: &'k NewPrincipalKey,
    },
    /// Gives a scope another principal key; the default key takes along the scopes that use it.
    Rotate {
        /// The scope.
        scope: Oid,
        /// The key.
        key: &'k NewPrincipalKey,
    },
    /// Puts a relation's key in. A database without a principal key gets the default one.
    PutRelationKey {
        /// The relation.
        locator: RelationLocator,
        /// Its key.
        key: &'k InternalKey,
        /// What becomes of one that is there.
        existing: Existing,
    },
    /// Removes a relation's key.
    RemoveRelationKey {
        /// The relation.
        locator: RelationLocator,
    },
    /// Appends a range of WAL, to begin at the next write.
    AppendWalRange {
        /// Its kind, not INVALID.
        kind: RangeKind,
        /// Its key.
        key: &'k InternalKey,
    },
    /// Lets the last range of WAL begin.
    StartWalRange {
        /// Where.
        start: Location,
    },
}

/// A scope in a few words.
#[derive(Debug)]
#[non_exhaustive]
pub struct ScopeSummary {
    /// The database, 1663 for the default key, 1664 for the server.
    pub scope: Oid,
    /// Its principal key, if it has one and its file can be read.
    pub principal_key: Option<PrincipalKeyInfo>,
    /// The cipher of that key: as its file says, or as it was found.
    pub cipher: Option<Cipher>,
    /// How many files of relations, or entries, or ranges it has.
    pub keys: usize,
    /// Why the scope cannot be opened.
    pub problem: Option<EditError>,
}

/// Changes were carried out.
#[derive(Debug)]
#[non_exhaustive]
pub struct Changed {
    /// What was done, in order.
    pub steps: Vec<Step>,
    /// The files that were written or removed, relative to the data directory.
    pub files: Vec<std::path::PathBuf>,
    /// What an earlier writer had left, and what became of it.
    pub recovery: Recovery,
}

/// Opens the keys of a data directory in whichever layout they are.
///
/// # Errors
/// [`EditError::MixedLayouts`]; [`EditError::Cluster`] if there is no `pg_tde` directory; for `pg_tde`'s layout
/// [`EditError::Storage`] if a server uses the directory.
pub fn open<'s>(
    storage: &'s dyn Storage,
    data_directory: &Path,
    options: &EditOptions,
) -> Result<Box<dyn KeyStore + 's>, EditError> {
    Ok(match layout_of(storage, data_directory)? {
        Some(Layout::OneFilePerRelation) => Box::new(OneFileStore::open(storage, data_directory, options)?),
        Some(Layout::PgTde) | None => Box::new(PgTdeStore::open(storage, data_directory, options)?),
    })
}
