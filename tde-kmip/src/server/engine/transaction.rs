//! Changes that are made together: kept aside until they are applied, all or none.

use std::{collections::BTreeMap, ops::ControlFlow, sync::Arc};

use super::{failure::Outcome, record::Object};
use crate::server::store::{Change, ObjectStore, Record, StoreError};

/// The store, seen through the changes that are not applied yet.
pub(super) struct Transaction<'s> {
    store: &'s dyn ObjectStore,
    pending: BTreeMap<String, Pending>,
}

struct Pending {
    record: Arc<Record>,
    /// The revision in the store; none for an object that is not in it.
    base: Option<u64>,
}

impl<'s> Transaction<'s> {
    pub(super) const fn new(store: &'s dyn ObjectStore) -> Self {
        Self { store, pending: BTreeMap::new() }
    }

    pub(super) fn get(&self, id: &str) -> Outcome<Option<Arc<Record>>> {
        match self.pending.get(id) {
            Some(pending) => Ok(Some(Arc::clone(&pending.record))),
            None => Ok(self.store.get(id)?),
        }
    }

    /// The records with this name, oldest first.
    pub(super) fn named(&self, name: &str) -> Outcome<Vec<Arc<Record>>> {
        let mut found = self.store.named(name)?;
        found.retain(|record| !self.pending.contains_key(&record.id));
        let pending = self.pending.values().map(|pending| &pending.record);
        found.extend(pending.filter(|record| record.names.iter().any(|known| known == name)).cloned());
        found.sort_by_key(|record| record.sequence);
        Ok(found)
    }

    /// Every record, oldest first, new ones last.
    pub(super) fn scan(&self, visit: &mut dyn FnMut(&Arc<Record>)) -> Outcome {
        self.store.scan(&mut |record| {
            visit(self.pending.get(&record.id).map_or(record, |pending| &pending.record));
            ControlFlow::Continue(())
        })?;
        let new = self.pending.values().filter(|pending| pending.base.is_none());
        new.for_each(|pending| visit(&pending.record));
        Ok(())
    }

    /// Keeps an object, new or changed.
    pub(super) fn put(&mut self, object: &mut Object) -> Outcome {
        let base = match self.pending.get(&object.id) {
            Some(pending) => pending.base,
            None => object.revision,
        };
        let record = object.to_record(base.map_or(1, |base| base.saturating_add(1)))?;
        object.revision = Some(record.revision);
        self.pending.insert(object.id.clone(), Pending { record: Arc::new(record), base });
        Ok(())
    }

    /// Forgets what is not applied.
    pub(super) fn roll_back(&mut self) {
        self.pending.clear();
    }

    /// Applies the changes.
    pub(super) fn commit(&mut self) -> Outcome {
        if self.pending.is_empty() {
            return Ok(());
        }
        let changes = std::mem::take(&mut self.pending).into_values().map(|pending| {
            let record = Arc::unwrap_or_clone(pending.record);
            match pending.base {
                Some(revision) => Change::Replace { record, revision },
                None => Change::Insert(record),
            }
        });
        self.store.apply(changes.collect()).map_err(StoreError::into)
    }
}
