//! A scope: one principal key and the internal keys that it wraps.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use std::path::{Path, PathBuf};

use tde_core::Cipher;
use tde_wal::RangeKind;

use super::error::ScopeError;
use super::providers::Provider;
use super::unlock::UnlockedKey;
use crate::format::header::{Magic, PrincipalKeyInfo};
use crate::format::relation_keys::RelationKeys;
use crate::format::wal_keys::WalKeys;
use crate::index::{EntryCounts, RelationKeyIndex};
use crate::oid::Oid;

/// What a scope's principal key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(clippy::exhaustive_enums)]
pub enum ScopeKind {
    /// The relations of a database.
    Database,
    /// Nothing by itself: databases without a key of their own are given a copy of its header.
    DefaultKey,
    /// The WAL.
    Server,
}

/// One scope of a cluster, opened as far as it could be.
#[derive(Debug)]
pub struct Scope {
    oid: Oid,
    path: PathBuf,
    contents: Contents,
}

#[derive(Debug)]
pub(super) enum Contents {
    Unreadable(Arc<ScopeError>),
    Empty,
    Relations { file: OpenFile, index: RelationKeyIndex },
    Wal { file: OpenFile, counts: RangeCounts },
}

/// A file with a good header. Every later parse of the same bytes gives the same header.
pub(super) struct OpenFile {
    pub(super) bytes: Vec<u8>,
    pub(super) magic: Magic,
    pub(super) claims: PrincipalKeyInfo,
    pub(super) provider: Option<Provider>,
    pub(super) key: Result<UnlockedKey, Arc<ScopeError>>,
}

impl fmt::Debug for OpenFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The bytes are megabytes of wrapped keys that tell a reader nothing.
        f.debug_struct("OpenFile")
            .field("magic", &self.magic)
            .field("claims", &self.claims)
            .field("provider", &self.provider)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// How far a scope could be opened.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::exhaustive_enums)]
pub enum ScopeState<'a> {
    /// The file is empty: no principal key, no internal keys. That is normal.
    Empty,
    /// The header is verified, internal keys can be unwrapped.
    Unlocked(&'a UnlockedKey),
    /// The header can be read, but its principal key cannot be had.
    Locked(&'a Arc<ScopeError>),
    /// The file cannot be read at all.
    Unreadable(&'a Arc<ScopeError>),
}

impl Scope {
    pub(super) const fn new(oid: Oid, path: PathBuf, contents: Contents) -> Self {
        Self { oid, path, contents }
    }

    /// The OID in the file's name: a database, 1663 for the default key, 1664 for the server.
    #[must_use]
    pub const fn oid(&self) -> Oid {
        self.oid
    }

    /// What the scope's key is for.
    #[must_use]
    pub fn kind(&self) -> ScopeKind {
        match self.oid {
            Oid::PG_DEFAULT => ScopeKind::DefaultKey,
            Oid::PG_GLOBAL => ScopeKind::Server,
            _ => ScopeKind::Database,
        }
    }

    /// The key file, relative to the data directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How far the scope could be opened.
    #[must_use]
    pub const fn state(&self) -> ScopeState<'_> {
        match &self.contents {
            Contents::Empty => ScopeState::Empty,
            Contents::Unreadable(error) => ScopeState::Unreadable(error),
            Contents::Relations { file, .. } | Contents::Wal { file, .. } => match &file.key {
                Ok(key) => ScopeState::Unlocked(key),
                Err(error) => ScopeState::Locked(error),
            },
        }
    }

    /// Kind and version of the file, if it has a header.
    #[must_use]
    pub fn magic(&self) -> Option<Magic> {
        self.file().map(|file| file.magic)
    }

    /// What the header says of the principal key: facts if the scope is
    /// [`Unlocked`](ScopeState::Unlocked), claims otherwise.
    #[must_use]
    pub fn principal_key(&self) -> Option<&PrincipalKeyInfo> {
        self.file().map(|file| &file.claims)
    }

    /// The provider that the header names, if its record was found and can be read.
    #[must_use]
    pub fn provider(&self) -> Option<&Provider> {
        self.file().and_then(|file| file.provider.as_ref())
    }

    /// How many relation keys there are, by cipher; `None` for the server scope and without a header.
    #[must_use]
    pub const fn entry_counts(&self) -> Option<&EntryCounts> {
        match &self.contents {
            Contents::Relations { index, .. } => Some(index.counts()),
            _ => None,
        }
    }

    /// How many WAL key entries there are; `None` for all but the server scope.
    #[must_use]
    pub const fn range_counts(&self) -> Option<&RangeCounts> {
        match &self.contents {
            Contents::Wal { counts, .. } => Some(counts),
            _ => None,
        }
    }

    /// The relation key file, to walk its entries.
    #[must_use]
    pub fn relation_keys(&self) -> Option<RelationKeys<'_>> {
        match &self.contents {
            Contents::Relations { file, .. } => RelationKeys::parse(&file.bytes).ok().flatten(),
            _ => None,
        }
    }

    /// Which entry belongs to which relation.
    #[must_use]
    pub const fn relation_index(&self) -> Option<&RelationKeyIndex> {
        match &self.contents {
            Contents::Relations { index, .. } => Some(index),
            _ => None,
        }
    }

    /// The WAL key file, to walk its entries.
    #[must_use]
    pub fn wal_keys(&self) -> Option<WalKeys<'_>> {
        match &self.contents {
            Contents::Wal { file, .. } => WalKeys::parse(&file.bytes).ok().flatten(),
            _ => None,
        }
    }

    /// The principal key, to unwrap entries with; `None` if the scope has none at all.
    ///
    /// # Errors
    /// The reason why the scope is locked or unreadable.
    pub const fn unlocked_key(&self) -> Result<Option<&UnlockedKey>, &Arc<ScopeError>> {
        match self.state() {
            ScopeState::Empty => Ok(None),
            ScopeState::Unlocked(key) => Ok(Some(key)),
            ScopeState::Locked(error) | ScopeState::Unreadable(error) => Err(error),
        }
    }

    const fn file(&self) -> Option<&OpenFile> {
        match &self.contents {
            Contents::Relations { file, .. } | Contents::Wal { file, .. } => Some(file),
            Contents::Empty | Contents::Unreadable(_) => None,
        }
    }
}

/// How many WAL key entries of which kind there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RangeCounts {
    /// Started ranges encrypted with AES-128.
    pub aes_128: usize,
    /// Started ranges encrypted with AES-256.
    pub aes_256: usize,
    /// Started ranges of plain WAL.
    pub unencrypted: usize,
    /// Entries that were made but never written under.
    pub not_started: usize,
    /// INVALID entries.
    pub invalid: usize,
    /// Entries of an unknown type or cipher.
    pub unreadable: usize,
}

impl RangeCounts {
    pub(super) fn of(keys: &WalKeys<'_>) -> Self {
        let mut counts = Self::default();
        for entry in keys.entries() {
            let Ok(entry) = entry else {
                counts.unreadable += 1;
                continue;
            };
            match (entry.kind(), entry.is_started(), entry.cipher()) {
                (RangeKind::Invalid, ..) => counts.invalid += 1,
                (_, false, _) => counts.not_started += 1,
                (RangeKind::Unencrypted, ..) => counts.unencrypted += 1,
                (RangeKind::Encrypted, _, Some(Cipher::Aes256)) => counts.aes_256 += 1,
                (RangeKind::Encrypted, ..) => counts.aes_128 += 1,
            }
        }
        counts
    }
}
