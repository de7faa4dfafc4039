//! Finding relation keys by one hash look-up.

use alloc::vec::Vec;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use tde_core::Cipher;

use crate::format::FormatError;
use crate::format::relation_keys::{EntryState, RelationKeys};
use crate::oid::{Oid, RelationNumber};

/// Which entry of a relation key file belongs to which relation, from one pass over the file.
///
/// `pg_tde` scans the file for every relation that it opens. This finds the same entry (the first of its
/// relation) in constant time and unwraps nothing: 100,000 entries are indexed in milliseconds.
#[derive(Debug, Clone, Default)]
pub struct RelationKeyIndex {
    places: HashMap<(Oid, RelationNumber), usize>,
    counts: EntryCounts,
    duplicates: Vec<Duplicate>,
    unreadable: Vec<FormatError>,
    empty_not_zero: Vec<usize>,
}

/// How many entries of which type a file has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EntryCounts {
    /// Keys for AES-128.
    pub aes_128: usize,
    /// Keys for AES-256.
    pub aes_256: usize,
    /// Free slots.
    pub empty: usize,
    /// Entries of an unknown type or cipher.
    pub unreadable: usize,
}

impl EntryCounts {
    /// Keys of both ciphers.
    #[must_use]
    pub const fn keys(&self) -> usize {
        self.aes_128 + self.aes_256
    }
}

/// Two entries of one relation; the server only ever finds the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)]
pub struct Duplicate {
    /// The place of the entry that counts, from 0.
    pub first: usize,
    /// The place of the one that is never found.
    pub hidden: usize,
}

impl RelationKeyIndex {
    /// Walks the entries once.
    #[must_use]
    pub fn build(keys: &RelationKeys<'_>) -> Self {
        let mut index = Self { places: HashMap::with_capacity(keys.len()), ..Self::default() };
        for entry in keys.entries() {
            match entry.state() {
                Ok(EntryState::Empty { zero }) => {
                    index.counts.empty += 1;
                    if !zero {
                        index.empty_not_zero.push(entry.index());
                    }
                    continue;
                }
                Ok(EntryState::Key(key)) => match key.cipher() {
                    Cipher::Aes128 => index.counts.aes_128 += 1,
                    Cipher::Aes256 => index.counts.aes_256 += 1,
                },
                // It takes its relation's place: an entry that cannot be read must not look like none.
                Err(error) => {
                    index.counts.unreadable += 1;
                    index.unreadable.push(error);
                }
            }
            match index.places.entry((entry.tablespace(), entry.relation())) {
                Entry::Vacant(vacant) => {
                    vacant.insert(entry.index());
                }
                Entry::Occupied(first) => {
                    index.duplicates.push(Duplicate { first: *first.get(), hidden: entry.index() });
                }
            }
        }
        index
    }

    /// The place of a relation's entry, to be given to [`RelationKeys::entry`].
    #[must_use]
    pub fn get(&self, tablespace: Oid, relation: RelationNumber) -> Option<usize> {
        self.places.get(&(tablespace, relation)).copied()
    }

    /// The relations that have an entry, in no order.
    pub fn relations(&self) -> impl ExactSizeIterator<Item = (Oid, RelationNumber)> + '_ {
        self.places.keys().copied()
    }

    /// How many entries of which type there are.
    #[must_use]
    pub const fn counts(&self) -> &EntryCounts {
        &self.counts
    }

    /// Entries that the server never finds, because an earlier one is of the same relation.
    #[must_use]
    pub fn duplicates(&self) -> &[Duplicate] {
        &self.duplicates
    }

    /// Entries of an unknown type or cipher, as errors that say where they are.
    #[must_use]
    pub fn unreadable(&self) -> &[FormatError] {
        &self.unreadable
    }

    /// The places of EMPTY entries with bytes that are not zero, which no release writes.
    #[must_use]
    pub fn empty_not_zero(&self) -> &[usize] {
        &self.empty_not_zero
    }
}
