//! What can keep a store file from being opened.

use std::io;
use std::path::PathBuf;

/// A store file could not be made, opened, or given another master key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenStoreError {
    /// There is a file already; it was not touched.
    #[error("{} exists already and was not replaced", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// There is no such file.
    #[error("there is no key server store at {}", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// Others than the owner have access to the file or could replace it.
    #[error("{} {reason}", path.display())]
    Access {
        /// The file or its directory.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Another server has the store open.
    #[error("{} is in use by another key server; stop that one first", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("{} is not a key server store", path.display())]
    NotStore {
        /// The file.
        path: PathBuf,
    },
    /// A newer release wrote it.
    #[error("{} has format version {version}, which this release does not know; use the release that wrote it", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// The store is whole, but sealed under another master key.
    #[error("{} is sealed under another master key; give the key that it was made with", path.display())]
    WrongKey {
        /// The file.
        path: PathBuf,
    },
    /// The file is not as it was written.
    #[error("{} is damaged or was tampered with: {reason}; restore it from a backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How that shows.
        reason: String,
    },
    /// The system gave no random bytes.
    #[error("the system gives no random bytes")]
    Random,
    /// The operating system refused.
    #[error("cannot {operation} {}", path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
}
