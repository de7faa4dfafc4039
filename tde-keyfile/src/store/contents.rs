//! Everything that a key store has, unwrapped.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use tde_core::{InternalKey, WrapKey};
use tde_wal::RangeEntry;

use crate::format::header::{Magic, PrincipalKeyInfo};
use crate::oid::{Oid, RelationNumber};

/// The keys and providers of a cluster, whichever layout they were read from. Keys are wiped on drop.
#[derive(Debug, Default)]
pub struct Contents {
    pub(crate) scopes: BTreeMap<Oid, ScopeContents>,
    pub(crate) providers: BTreeMap<Oid, Vec<u8>>,
}

/// A scope: its principal key and the keys that this wraps.
#[derive(Debug)]
pub struct ScopeContents {
    pub(crate) info: PrincipalKeyInfo,
    pub(crate) key: Arc<WrapKey>,
    pub(crate) origin: Option<Magic>,
    pub(crate) relations: BTreeMap<(RelationNumber, Oid), InternalKey>,
    pub(crate) ranges: Vec<(RangeEntry, InternalKey)>,
}

impl Contents {
    /// The scopes, by number.
    pub fn scopes(&self) -> impl ExactSizeIterator<Item = (Oid, &ScopeContents)> {
        self.scopes.iter().map(|(&oid, scope)| (oid, scope))
    }

    /// The providers of databases and (1664) of all, in records as `pg_tde` has them.
    pub fn providers(&self) -> impl ExactSizeIterator<Item = (Oid, &[u8])> {
        self.providers.iter().map(|(&oid, records)| (oid, records.as_slice()))
    }
}

impl ScopeContents {
    /// What is said of its principal key.
    #[must_use]
    pub const fn principal_key(&self) -> &PrincipalKeyInfo {
        &self.info
    }

    /// The version of `pg_tde`'s file that it is or was converted from.
    #[must_use]
    pub const fn origin(&self) -> Option<Magic> {
        self.origin
    }

    /// Relation number and tablespace of each relation, and its key.
    pub fn relations(&self) -> impl ExactSizeIterator<Item = ((RelationNumber, Oid), &InternalKey)> {
        self.relations.iter().map(|(&place, key)| (place, key))
    }

    /// The ranges of WAL, in order, and their keys.
    #[must_use]
    pub fn ranges(&self) -> &[(RangeEntry, InternalKey)] {
        &self.ranges
    }
}
