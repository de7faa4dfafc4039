//! Where the key server keeps its objects: a table of records that changes all at once or not at all.
//!
//! A store knows records, not keys: what an object is, and who may do what to it, is the engine's. Two stores are
//! here, [`MemoryStore`] and [`DurableStore`]; an application may bring its own [`ObjectStore`].

mod durable;
mod error;
mod memory;

use core::fmt;
use core::ops::ControlFlow;
use std::sync::Arc;

use zeroize::Zeroizing;

pub use durable::{DurableStore, OpenStoreError};
pub use error::StoreError;
pub use memory::MemoryStore;

/// A table of [`Record`]s, shared by all connections of a server.
///
/// What one call reads is as it was after some whole [`apply`](Self::apply), never after a part of one; but for
/// [`scan`](Self::scan), which may or may not see what changes while it runs.
pub trait ObjectStore: fmt::Debug + Send + Sync {
    /// The record of a managed object, if there is one.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Failed`].
    fn get(&self, id: &str) -> Result<Option<Arc<Record>>, StoreError>;

    /// Records that have this among their [`names`](Record::names), in the order of creation.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Failed`].
    fn named(&self, name: &str) -> Result<Vec<Arc<Record>>, StoreError>;

    /// Shows every record to `visit`, in the order of creation, until it breaks.
    ///
    /// `visit` may read the store, but not change it.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Failed`].
    fn scan(&self, visit: &mut dyn FnMut(&Arc<Record>) -> ControlFlow<()>) -> Result<(), StoreError>;

    /// Makes all the changes or none; when it returns, they are as durable as the store is.
    ///
    /// No two changes may be of one id.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if an inserted id exists, or a replaced or removed record is gone or has another
    /// revision than the caller knew: to be read again and retried. [`StoreError::Damaged`],
    /// [`StoreError::Failed`].
    fn apply(&self, changes: Vec<Change>) -> Result<(), StoreError>;
}

/// A managed object, as a store sees it.
#[derive(Clone)]
#[allow(clippy::exhaustive_structs)]
pub struct Record {
    /// Its unique identifier.
    pub id: String,
    /// Who made it.
    pub owner: String,
    /// How many times it was written. The store counts, whatever the caller sets.
    pub revision: u64,
    /// Its place in the order of creation. The store numbers, whatever the caller sets.
    pub sequence: u64,
    /// What [`ObjectStore::named`] finds it by.
    pub names: Vec<String>,
    /// The object and its attributes, in a form that only the engine knows. Holds key material.
    pub contents: Zeroizing<Vec<u8>>,
}

/// One change of [`ObjectStore::apply`].
#[derive(Debug, Clone)]
#[allow(clippy::exhaustive_enums)]
pub enum Change {
    /// A new record, with revision 1 and the next sequence number.
    Insert(Record),
    /// A record in place of the one with its id, which keeps its sequence number.
    Replace {
        /// The new record.
        record: Record,
        /// Revision that the old one must have.
        revision: u64,
    },
    /// A record less.
    Remove {
        /// Its id.
        id: String,
        /// Revision that it must have.
        revision: u64,
    },
}

impl Change {
    /// The id of the record that changes.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Insert(record) | Self::Replace { record, .. } => &record.id,
            Self::Remove { id, .. } => id,
        }
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("id", &self.id)
            .field("owner", &self.owner)
            .field("revision", &self.revision)
            .field("sequence", &self.sequence)
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

/// What every store must do.
#[cfg(test)]
mod contract;
