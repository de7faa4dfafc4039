//! A store that forgets everything when it is dropped.

use core::fmt;
use core::ops::{Bound, ControlFlow};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use super::{Change, ObjectStore, Record, StoreError};

/// Records that a scan takes at a time, so that writers do not wait for a slow visitor.
const SCAN_CHUNK: usize = 256;

/// Records in memory. Dropping it wipes them.
#[derive(Default)]
pub struct MemoryStore {
    tables: RwLock<Tables>,
}

#[derive(Default)]
struct Tables {
    /// By sequence number.
    records: BTreeMap<u64, Arc<Record>>,
    ids: HashMap<String, u64>,
    names: HashMap<String, BTreeSet<u64>>,
    last_sequence: u64,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn read(&self) -> RwLockReadGuard<'_, Tables> {
        // A change is checked before it is begun, so a panic leaves no half of one.
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ObjectStore for MemoryStore {
    fn get(&self, id: &str) -> Result<Option<Arc<Record>>, StoreError> {
        Ok(self.read().by_id(id).cloned())
    }

    fn named(&self, name: &str) -> Result<Vec<Arc<Record>>, StoreError> {
        let tables = self.read();
        let sequences = tables.names.get(name).into_iter().flatten();
        Ok(sequences.filter_map(|sequence| tables.records.get(sequence)).cloned().collect())
    }

    fn scan(&self, visit: &mut dyn FnMut(&Arc<Record>) -> ControlFlow<()>) -> Result<(), StoreError> {
        let mut after = Bound::Unbounded;
        loop {
            let chunk: Vec<Arc<Record>> = {
                let tables = self.read();
                let records = tables.records.range((after, Bound::Unbounded));
                records.take(SCAN_CHUNK).map(|(_, record)| Arc::clone(record)).collect()
            };
            let Some(last) = chunk.last() else { return Ok(()) };
            after = Bound::Excluded(last.sequence);
            for record in &chunk {
                if visit(record).is_break() {
                    return Ok(());
                }
            }
        }
    }

    fn apply(&self, changes: Vec<Change>) -> Result<(), StoreError> {
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        tables.check(&changes)?;
        for change in changes {
            tables.make(change);
        }
        Ok(())
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("records", &self.read().records.len()).finish()
    }
}

impl Tables {
    fn by_id(&self, id: &str) -> Option<&Arc<Record>> {
        self.records.get(self.ids.get(id)?)
    }

    fn check(&self, changes: &[Change]) -> Result<(), StoreError> {
        let mut seen = BTreeSet::new();
        for change in changes {
            let id = change.id();
            let found = self.by_id(id).map(|record| record.revision);
            let expected = match change {
                Change::Insert(_) => None,
                Change::Replace { revision, .. } | Change::Remove { revision, .. } => Some(*revision),
            };
            if found != expected || !seen.insert(id) {
                return Err(StoreError::Conflict { id: id.to_owned() });
            }
        }
        Ok(())
    }

    fn make(&mut self, change: Change) {
        let old = self.ids.remove(change.id()).and_then(|sequence| self.records.remove(&sequence));
        for name in old.iter().flat_map(|old| &old.names) {
            if let Some(sequences) = self.names.get_mut(name) {
                sequences.remove(&old.as_ref().map_or(0, |old| old.sequence));
                if sequences.is_empty() {
                    self.names.remove(name);
                }
            }
        }
        let (Change::Insert(mut record) | Change::Replace { mut record, .. }) = change else { return };
        (record.sequence, record.revision) = match old {
            Some(old) => (old.sequence, old.revision.saturating_add(1)),
            None => {
                self.last_sequence += 1;
                (self.last_sequence, 1)
            }
        };
        for name in &record.names {
            self.names.entry(name.clone()).or_default().insert(record.sequence);
        }
        self.ids.insert(record.id.clone(), record.sequence);
        self.records.insert(record.sequence, Arc::new(record));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::store::contract;

    #[test]
    fn it_does_what_every_store_must() {
        contract::check(&|| Box::new(MemoryStore::new()));
    }

    #[test]
    fn debug_shows_no_contents() {
        let store = MemoryStore::new();
        let record = contract::record("one", &["name"]);
        let shown = format!("{record:?}");
        store.apply(vec![Change::Insert(record)]).unwrap();
        assert!(shown.contains("one") && !shown.contains("contents"), "{shown}");
        assert_eq!(format!("{store:?}"), "MemoryStore { records: 1 }");
    }
}
