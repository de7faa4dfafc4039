//! What can go wrong with a master key.

use alloc::string::String;
use core::fmt;
use std::io;
use std::path::PathBuf;

use crate::storage;

/// What is wrong with a passphrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PassphraseFault {
    /// There is none.
    Empty,
    /// More than 1023 bytes.
    TooLong,
    /// A zero byte, which other programs take for the end.
    Nul,
    /// Fewer characters than a new passphrase must have.
    TooShort {
        /// Characters that it has.
        characters: usize,
    },
    /// The second time it was not the same.
    Mismatch,
}

impl fmt::Display for PassphraseFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the passphrase is empty"),
            Self::TooLong => f.write_str("the passphrase has more than 1023 bytes"),
            Self::Nul => f.write_str("the passphrase has a zero byte inside"),
            Self::TooShort { characters } => write!(
                f,
                "the new passphrase has {characters} characters; at least {} are needed",
                super::MIN_NEW_CHARACTERS
            ),
            Self::Mismatch => f.write_str("the two passphrases are not the same"),
        }
    }
}

/// A master key could not be made, opened, unlocked or locked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes begin like no format that is known.
    #[error("is not a master key file: it begins neither with TDEMKEY nor with Salted__")]
    NotMasterKey,
    /// The file is cut short, has grown, or its checksum is wrong.
    #[error("is damaged: {reason}; take one of its dated copies, or a backup")]
    Damaged {
        /// How that shows.
        reason: &'static str,
    },
    /// A newer release wrote it.
    #[error("has {field} {found}, which this release does not know; use the release that wrote it")]
    Newer {
        /// The field of the header.
        field: &'static str,
        /// Its value.
        found: u32,
    },
    /// Parameters of the key derivation that are not accepted.
    #[error("{field} is {found}, which is not within {min} to {max}")]
    Parameters {
        /// Which one.
        field: &'static str,
        /// Its value.
        found: u32,
        /// Least value.
        min: u32,
        /// Greatest value.
        max: u32,
    },
    /// The passphrase is not the one of this file, which is whole.
    #[error("wrong passphrase")]
    WrongPassphrase,
    /// The checksum and the passphrase are right, but the authentication tag is not.
    #[error("was tampered with: its authentication tag is wrong although the passphrase is right")]
    Tampered,
    /// OpenSSL's format does not allow to tell more.
    #[error(
        "wrong passphrase, wrong number of iterations, or damaged file (OpenSSL's format does not tell which)"
    )]
    WrongOrDamaged,
    /// A passphrase that cannot be used.
    #[error("{0}")]
    Passphrase(PassphraseFault),
    /// The passphrase could not be had.
    #[error("cannot get the passphrase")]
    PassphraseSource(#[source] io::Error),
    /// Memory for the key derivation could not be had.
    #[error("the key derivation needs {kib} KiB of memory, which the system does not give")]
    OutOfMemory {
        /// KiB.
        kib: u32,
    },
    /// The system gave no random bytes.
    #[error("the system gives no random bytes")]
    Random,
    /// A file could not be read or changed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
    /// The error of a file, with its path.
    #[error("{}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: alloc::boxed::Box<Error>,
    },
    /// There is a file already, and replacing it was not asked for.
    #[error("{} exists already and was not replaced", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The directory is missing.
    #[error("directory {} does not exist", path.display())]
    NoDirectory {
        /// The directory.
        path: PathBuf,
    },
    /// The key would be written to a disk.
    #[error("{} is not on a memory file system: the key would be written to a disk", path.display())]
    NotMemory {
        /// The directory.
        path: PathBuf,
    },
    /// Someone else than its owner has access, or the owner is another user.
    #[error("{} {reason}", path.display())]
    Access {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Another key is unlocked there.
    #[error("{} holds another key", path.display())]
    OtherKey {
        /// The file.
        path: PathBuf,
    },
    /// The keyring holds keys beside the master key, which locking would destroy.
    #[error("{} holds keys that are not in the master key file, and locking would destroy them", path.display())]
    OtherKeys {
        /// The keyring.
        path: PathBuf,
    },
    /// The name given for the keyring's record cannot be used.
    #[error("key name: {0}")]
    Name(crate::NameError),
}

impl Error {
    pub(super) fn at(self, path: &std::path::Path) -> Self {
        Self::File { path: path.to_path_buf(), source: alloc::boxed::Box::new(self) }
    }

    /// The error itself, without the path that it is about.
    #[must_use]
    pub fn kind(&self) -> &Self {
        match self {
            Self::File { source, .. } => source.kind(),
            other => other,
        }
    }
}
