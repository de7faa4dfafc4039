//! What can go wrong in a store that is open.

/// Records could not be read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Somebody else changed the record since it was read.
    #[error("object {id} was changed meanwhile")]
    Conflict {
        /// Which record.
        id: String,
    },
    /// A record is not as it was written.
    #[error("object {id} in the store {reason}; restore the store from a backup")]
    Damaged {
        /// Which record.
        id: String,
        /// How that shows.
        reason: &'static str,
    },
    /// The device has no room for the change, which was not made.
    #[error("no space is left for the store: nothing was changed")]
    Full,
    /// The store's own failure. Whether a change was made shows when the objects are read again: wholly, or not at
    /// all.
    #[error("the store cannot {operation}")]
    Failed {
        /// What was tried.
        operation: &'static str,
        /// Why it failed.
        #[source]
        source: Box<dyn core::error::Error + Send + Sync>,
    },
}
