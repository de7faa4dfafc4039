//! What a crash left in key files, put right where that loses nothing.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::sync::Arc;
use alloc::vec::Vec;

use tde_core::WrapKey;
use tde_wal::RangeKind;

use super::draft::{Draft, key_file};
use super::error::EditError;
use super::step::Step;
use crate::cluster::{ProviderLookup, unlock};
use crate::format::FormatError;
use crate::format::header::{HEADER_SIZE, UnverifiedHeader};
use crate::format::names::{FileName, WAL_KEYS};
use crate::format::providers::ProviderRecords;
use crate::format::relation_keys::{EntryState, RelationKeys};
use crate::format::wal_keys::WalKeys;
use crate::oid::Oid;

impl Draft<'_> {
    /// Repairs what can be without losing anything:
    ///
    /// - leftovers of interrupted rotations: `<file>.r` is removed where the file itself is whole, and takes its
    ///   place where that is absent, if all its keys unwrap (`pg_tde` 1.0 removed the file before it renamed the new
    ///   one);
    /// - fragments at the end of files are cut off: readers ignore them, but the server writes behind one in
    ///   `wal_keys`, and refuses a providers file with one;
    /// - INVALID entries of `wal_keys` whose keys do not unwrap are dropped: readers skip them, but they keep the
    ///   server's key from being rotated;
    /// - a `keys_version` that does not tell what there is.
    ///
    /// What cannot be judged, because a key is not at hand or a file is damaged, is left alone and reported
    /// ([`Step::LeftAlone`]).
    pub fn repair(&mut self) {
        let names: Vec<String> = self.files.names().map(String::from).collect();
        for name in &names {
            match FileName::parse(name) {
                FileName::RelationKeysTemporary(scope) => self.repair_leftover(name, scope),
                FileName::WalKeysTemporary => self.repair_leftover(name, Oid::PG_GLOBAL),
                _ => {}
            }
        }
        for scope in self.scopes() {
            if let Err(error) = self.repair_key_file(scope) {
                self.leave(&key_file(scope), error.to_string());
            }
        }
        for name in &names {
            if let FileName::Providers(_) = FileName::parse(name) {
                self.repair_providers(name);
            }
        }
        self.repair_keys_version();
    }

    fn leave(&mut self, file: &str, reason: impl Into<String>) {
        self.step(Step::LeftAlone { file: file.into(), reason: reason.into() });
    }

    fn repair_leftover(&mut self, leftover: &str, scope: Oid) {
        let name = key_file(scope);
        if self.files.is_unread(leftover) {
            return self.leave(leftover, "it cannot be read");
        }
        if self.files.is_unread(&name) {
            return self.leave(leftover, format!("{name} cannot be read, and this may be the only copy"));
        }
        let content = self.content(leftover).map(Vec::from).unwrap_or_default();
        match self.content(&name).map(Vec::from) {
            Some(original) if !original.is_empty() => {
                let sound = self.key(scope).and_then(|key| {
                    check_sound(scope, &original, &key).map_err(|error| super::draft::damaged(&name, error))
                });
                match sound {
                    Ok(()) => {
                        self.remove(leftover);
                        self.step(Step::LeftoverRemoved { file: leftover.into() });
                    }
                    Err(error) => {
                        self.leave(
                            leftover,
                            format!("{name} cannot be found whole, so this may be needed: {error}"),
                        );
                    }
                }
            }
            _ if content.is_empty() => {
                self.remove(leftover);
                self.step(Step::LeftoverRemoved { file: leftover.into() });
            }
            Some(_) => {
                self.leave(
                    leftover,
                    format!(
                        "{name} is empty, and this may hold its keys: look at both, and rename it by hand"
                    ),
                );
            }
            // No release since 2.0 removes the file first, so something else happened here.
            None if scope == Oid::PG_GLOBAL => {
                self.leave(leftover, format!("there is no {name}, and no release leaves that: restore it"));
            }
            None => match self.restorable(scope, &content) {
                Ok(key) => {
                    self.set(&name, content);
                    self.remove(leftover);
                    self.set_key(scope, key);
                    self.step(Step::LeftoverRestored { file: leftover.into(), name });
                }
                Err(reason) => {
                    self.leave(leftover, format!("there is no {name}, but this does not verify: {reason}"));
                }
            },
        }
    }

    /// The key of a leftover that is a whole file.
    fn restorable(&self, scope: Oid, content: &[u8]) -> Result<Arc<WrapKey>, String> {
        let keys = RelationKeys::parse(content).map_err(|error| error.to_string())?.ok_or("it is empty")?;
        let key = self.unlock(scope, keys.header())?;
        check_sound(scope, content, &key).map_err(|error| error.to_string())?;
        Ok(key)
    }

    fn unlock(&self, scope: Oid, header: &UnverifiedHeader<'_>) -> Result<Arc<WrapKey>, String> {
        let id = header.claims().provider();
        let provider = self.files.provider_by_id(scope, id).ok();
        let lookup = provider.map_or(ProviderLookup::Absent, ProviderLookup::Found);
        unlock(header, lookup, self.files.data_directory(), self.files.options())
            .map(|key| key.shared())
            .map_err(|error| error.to_string())
    }

    fn repair_key_file(&mut self, scope: Oid) -> Result<(), EditError> {
        let name = key_file(scope);
        let bytes = Vec::from(self.readable(&name)?);
        let failed = |error| super::draft::damaged(&name, error);
        if scope != Oid::PG_GLOBAL {
            let Some(keys) = RelationKeys::parse(&bytes).map_err(failed)? else { return Ok(()) };
            for entry in keys.entries() {
                entry.state().map_err(failed)?;
            }
            if let Some(tail) = keys.torn_tail() {
                let whole = bytes.len() - usize::try_from(tail.length).unwrap_or(0);
                self.set(&name, bytes.get(..whole).unwrap_or(&bytes).to_vec());
                self.step(Step::TornTailDropped { file: name.clone(), length: tail.length });
            }
            return Ok(());
        }
        let Some(keys) = WalKeys::parse(&bytes).map_err(failed)? else { return Ok(()) };
        let entries = keys.entries().collect::<Result<Vec<_>, _>>().map_err(failed)?;
        let key = self.key(scope);
        let invalid = entries.iter().any(|entry| entry.kind() == RangeKind::Invalid);
        let mut kept = Vec::from(bytes.get(..HEADER_SIZE).unwrap_or(&bytes));
        for entry in &entries {
            let blocks = entry.kind() == RangeKind::Invalid
                && key.as_ref().is_ok_and(|key| entry.unwrap_whatever_kind(key).is_err());
            if blocks {
                self.step(Step::InvalidRangeDropped { index: entry.index(), start: entry.start() });
            } else {
                kept.extend_from_slice(entry.as_bytes());
            }
        }
        if let Some(tail) = keys.torn_tail() {
            self.step(Step::TornTailDropped { file: WAL_KEYS.to_string(), length: tail.length });
        }
        if kept != bytes {
            self.set(WAL_KEYS, kept);
        }
        if let (true, Err(error)) = (invalid, key) {
            self.leave(
                WAL_KEYS,
                format!("INVALID entries may keep the server's key from being rotated: {error}"),
            );
        }
        Ok(())
    }

    fn repair_providers(&mut self, name: &str) {
        let Ok(bytes) = self.readable(name) else { return self.leave(name, "it cannot be read") };
        let Some(tail) = ProviderRecords::parse(bytes).torn_tail() else { return };
        let whole = bytes.len() - usize::try_from(tail.length).unwrap_or(0);
        let bytes = bytes.get(..whole).unwrap_or(bytes).to_vec();
        self.set(name, bytes);
        self.step(Step::TornTailDropped { file: name.into(), length: tail.length });
    }
}

/// Whether every key of a file unwraps and nothing in it is unknown.
fn check_sound(scope: Oid, bytes: &[u8], key: &WrapKey) -> Result<(), FormatError> {
    if scope == Oid::PG_GLOBAL {
        let Some(keys) = WalKeys::parse(bytes)? else { return Ok(()) };
        keys.header().verify(key)?;
        for entry in keys.entries() {
            let entry = entry?;
            if entry.kind() != RangeKind::Invalid {
                entry.unwrap_key(key)?;
            }
        }
        return Ok(());
    }
    let Some(keys) = RelationKeys::parse(bytes)? else { return Ok(()) };
    keys.header().verify(key)?;
    for entry in keys.entries() {
        if let EntryState::Key(entry) = entry.state()? {
            entry.unwrap_key(key)?;
        }
    }
    Ok(())
}
