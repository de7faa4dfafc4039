//! Keys of relations: put, freed.

use alloc::vec::Vec;

use tde_core::InternalKey;

use super::draft::{Draft, FreshIvs, damaged, key_file};
use super::error::EditError;
use super::step::Step;
use crate::format::header::{HEADER_SIZE, Magic};
use crate::format::relation_keys::{EMPTY_ENTRY, ENTRY_SIZE, EntryState, RelationKeys, Version, seal_entry};
use crate::oid::{Oid, RelationLocator};

/// What becomes of the key that a relation has already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)]
pub enum Existing {
    /// It is an error.
    Refuse,
    /// It stays, and nothing changes: what the server does when it replays WAL.
    Keep,
    /// The new one takes its place: what the server does when a relation number is used again. **What was encrypted
    /// with the old one can never be read again.**
    Replace,
}

impl Draft<'_> {
    /// Puts a relation's key into its database's file: over an entry of the same relation, into the first free slot,
    /// or at the end, over a fragment if there is one (`pg_tde` 2.2.0, `pg_tde_save_smgr_key`). A database without
    /// a header gets the default key's.
    ///
    /// # Errors
    /// [`EditError::RelationKeyExists`]; [`EditError::NoPrincipalKey`]; [`EditError::Scope`]; [`EditError::Format`] if
    /// the file is not fully understood; [`EditError::Encode`] for AES-256 in a file of version 3.
    pub fn put_relation_key(
        &mut self,
        locator: RelationLocator,
        key: &InternalKey,
        existing: Existing,
    ) -> Result<(), EditError> {
        let scope = database(locator)?;
        self.ensure_scope(scope)?;
        let name = key_file(scope);
        let wrap_key = self.key(scope)?;
        let bytes = self.readable(&name)?;
        let Found { version, same, free, length } = find(&name, bytes, locator)?;
        match (same, existing) {
            (Some(_), Existing::Refuse) => return Err(EditError::RelationKeyExists { locator }),
            (Some(_), Existing::Keep) => return Ok(()),
            _ => {}
        }
        let iv = FreshIvs::default().next()?;
        let entry = seal_entry(version, locator.tablespace, locator.relation, key, &wrap_key, &iv)?;
        let bytes = put(bytes, same.or(free).unwrap_or(length), &entry);
        self.set(&name, bytes);
        self.step(Step::RelationKeyWritten { locator, replaced: same.is_some() });
        Ok(())
    }

    /// Removes a relation's key: its slot is filled with zeros and used again (`pg_tde` 2.2.0,
    /// `pg_tde_free_key_map_entry`). **What is encrypted with it can never be read again.**
    ///
    /// # Errors
    /// [`EditError::NoRelationKey`]; [`EditError::Scope`]; [`EditError::Format`].
    pub fn free_relation_key(&mut self, locator: RelationLocator) -> Result<(), EditError> {
        let scope = database(locator)?;
        let name = key_file(scope);
        if self.header(scope)?.is_none() {
            return Err(EditError::NoRelationKey { locator });
        }
        self.key(scope)?;
        let bytes = self.readable(&name)?;
        let Some(same) = find(&name, bytes, locator)?.same else {
            return Err(EditError::NoRelationKey { locator });
        };
        let bytes = put(bytes, same, &EMPTY_ENTRY);
        self.set(&name, bytes);
        self.step(Step::RelationKeyFreed { locator });
        Ok(())
    }
}

impl Draft<'_> {
    /// Whether the relation has a key, in the files and in this draft.
    ///
    /// # Errors
    /// [`EditError::NotADatabase`]; [`EditError::Format`] if the file is not fully understood.
    pub fn has_relation_key(&self, locator: RelationLocator) -> Result<bool, EditError> {
        let scope = database(locator)?;
        let name = key_file(scope);
        match self.header(scope)? {
            Some(_) => Ok(find(&name, self.readable(&name)?, locator)?.same.is_some()),
            None => Ok(false),
        }
    }
}

fn database(locator: RelationLocator) -> Result<Oid, EditError> {
    match locator.database {
        scope @ (Oid::PG_DEFAULT | Oid::PG_GLOBAL) => Err(EditError::NotADatabase { scope }),
        database => Ok(database),
    }
}

struct Found {
    version: Version,
    /// The place of the relation's key.
    same: Option<usize>,
    /// The place of the first free slot.
    free: Option<usize>,
    /// Whole entries.
    length: usize,
}

fn find(name: &str, bytes: &[u8], locator: RelationLocator) -> Result<Found, EditError> {
    let failed = |error| damaged(name, error);
    let keys = RelationKeys::parse(bytes).map_err(failed)?;
    let Some(keys) = keys else { return Err(EditError::NoPrincipalKey { scope: locator.database }) };
    let mut found = Found { version: keys.version(), same: None, free: None, length: keys.len() };
    // To the end, although the server stops at the first: every entry has to be understood.
    for entry in keys.entries() {
        match entry.state().map_err(failed)? {
            EntryState::Empty { .. } => found.free = found.free.or(Some(entry.index())),
            EntryState::Key(key)
                if (key.tablespace(), key.relation()) == (locator.tablespace, locator.relation) =>
            {
                found.same = found.same.or(Some(key.index()));
            }
            EntryState::Key(_) => {}
        }
    }
    debug_assert!(matches!(keys.header().magic(), Magic::RelationKeys3 | Magic::RelationKeys4));
    Ok(found)
}

/// The file with an entry at a place, which is at most the one behind the last whole entry.
fn put(bytes: &[u8], index: usize, entry: &[u8; ENTRY_SIZE]) -> Vec<u8> {
    let at = HEADER_SIZE + index * ENTRY_SIZE;
    let before = bytes.get(..at).unwrap_or(bytes);
    let after = bytes.get(at + ENTRY_SIZE..).unwrap_or_default();
    [before, entry, after].concat()
}
