//! WAL ranges: appended, begun, ended.

use alloc::string::ToString as _;
use alloc::vec::Vec;

use tde_core::{Cipher, InternalKey};
use tde_wal::{Location, RangeEntry, RangeKind};

use super::draft::{Draft, FreshIvs, damaged};
use super::error::EditError;
use super::step::Step;
use crate::format::header::HEADER_SIZE;
use crate::format::names::WAL_KEYS;
use crate::format::wal_keys::{NOT_STARTED, WalKeyEntry, WalKeys, seal_entry};
use crate::oid::Oid;

impl Draft<'_> {
    /// Appends a range that begins at the next write, as the server does when it starts (`pg_tde` 2.2.0,
    /// `TDEXLogSmgrInitWrite`). A fragment at the end of the file is cut off first: behind it, the server could
    /// not read on. Without a server scope, the default key makes one.
    ///
    /// A range of plain WAL has a key too, which is never used.
    ///
    /// # Errors
    /// [`EditError::NoPrincipalKey`]; [`EditError::Scope`]; [`EditError::Format`] if the file is not fully understood;
    /// [`EditError::Encode`] for AES-256 in a file of version 1; [`EditError::WalRange`] for an INVALID one.
    pub fn append_wal_range(&mut self, kind: RangeKind, key: &InternalKey) -> Result<(), EditError> {
        if kind == RangeKind::Invalid {
            return Err(EditError::WalRange { reason: "an INVALID range is never appended" });
        }
        self.ensure_scope(Oid::PG_GLOBAL)?;
        let wrap_key = self.key(Oid::PG_GLOBAL)?;
        let bytes = self.readable(WAL_KEYS)?;
        let keys = read(bytes)?;
        let (index, torn_tail) = (keys.len(), keys.torn_tail());
        let range = RangeEntry { start: NOT_STARTED, kind };
        let entry = seal_entry(keys.version(), range, key, &wrap_key, &FreshIvs::default().next()?)?;
        let whole = bytes.get(..HEADER_SIZE + index * keys.entry_size()).unwrap_or(bytes);
        let bytes = [whole, &entry].concat();
        if let Some(tail) = torn_tail {
            self.step(Step::TornTailDropped { file: WAL_KEYS.to_string(), length: tail.length });
        }
        self.set(WAL_KEYS, bytes);
        self.step(Step::WalRangeAppended { index, kind });
        Ok(())
    }

    /// Lets the last range begin at a location, as the server does at the first write under it.
    ///
    /// It has to begin behind the one before. `pg_tde` up to 2.2.0 compares LSNs alone and can come upon one that
    /// began no earlier, which it then marks as INVALID; with timelines compared first, as 2.2.1 does, there is no
    /// such case.
    ///
    /// # Errors
    /// [`EditError::WalRange`] if there is no range, the last one has begun, the location is none, or a range began no
    /// earlier; otherwise as [`append_wal_range`](Self::append_wal_range).
    pub fn start_wal_range(&mut self, start: Location) -> Result<(), EditError> {
        if !start.is_valid() {
            return Err(EditError::WalRange { reason: "timeline 0 and LSN 0 stand for no location" });
        }
        if self.header(Oid::PG_GLOBAL)?.is_none() {
            return Err(EditError::NoPrincipalKey { scope: Oid::PG_GLOBAL });
        }
        self.key(Oid::PG_GLOBAL)?;
        let bytes = self.readable(WAL_KEYS)?;
        let keys = read(bytes)?;
        let entries = entries(&keys)?;
        let Some((last, before)) = entries.split_last() else {
            return Err(EditError::WalRange { reason: "there is none to begin" });
        };
        if last.is_started() {
            return Err(EditError::WalRange { reason: "the last one has begun already" });
        }
        let counts = |entry: &&WalKeyEntry<'_>| entry.is_started() && entry.kind() != RangeKind::Invalid;
        if before.iter().rfind(counts).is_some_and(|started| started.start() >= start) {
            return Err(EditError::WalRange { reason: "the one before begins there or later" });
        }
        let at = usize::try_from(last.offset()).unwrap_or(bytes.len());
        let mut out = Vec::from(bytes.get(..at).unwrap_or(bytes));
        out.extend_from_slice(&last.with_start(start));
        let (index, torn_tail) = (last.index(), keys.torn_tail());
        if let Some(tail) = torn_tail {
            self.step(Step::TornTailDropped { file: WAL_KEYS.to_string(), length: tail.length });
        }
        self.set(WAL_KEYS, out);
        self.step(Step::WalRangeStarted { index, start });
        Ok(())
    }

    /// Ends encryption of the WAL at a location: a range of plain WAL begins there. Nothing changes if the last range
    /// that began is a plain one and no other follows.
    ///
    /// # Errors
    /// As [`append_wal_range`](Self::append_wal_range) and [`start_wal_range`](Self::start_wal_range).
    pub fn close_wal_range(&mut self, end: Location) -> Result<(), EditError> {
        if self.header(Oid::PG_GLOBAL)?.is_none() {
            return Err(EditError::NoPrincipalKey { scope: Oid::PG_GLOBAL });
        }
        let bytes = self.readable(WAL_KEYS)?;
        let keys = read(bytes)?;
        let last = entries(&keys)?.last().map(|last| (last.kind(), last.is_started()));
        match last {
            None => return Err(EditError::WalRange { reason: "there is none to end" }),
            Some((RangeKind::Unencrypted, true)) => return Ok(()),
            Some((RangeKind::Unencrypted, false)) => {}
            Some(_) => {
                let key = InternalKey::random(Cipher::Aes128).map_err(|_| EditError::Random)?;
                self.append_wal_range(RangeKind::Unencrypted, &key)?;
            }
        }
        self.start_wal_range(end)
    }
}

fn read(bytes: &[u8]) -> Result<WalKeys<'_>, EditError> {
    let keys = WalKeys::parse(bytes).map_err(|error| damaged(WAL_KEYS, error))?;
    let keys = keys.ok_or(EditError::NoPrincipalKey { scope: Oid::PG_GLOBAL })?;
    entries(&keys)?;
    Ok(keys)
}

/// All entries, which must be understood.
fn entries<'a>(keys: &WalKeys<'a>) -> Result<Vec<WalKeyEntry<'a>>, EditError> {
    keys.entries().collect::<Result<_, _>>().map_err(|error| damaged(WAL_KEYS, error))
}
