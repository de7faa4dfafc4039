//! Changes that are made together: kept aside until they are applied, all or none.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    ops::ControlFlow,
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    failure::{Failure, Outcome, Stop, Why},
    record::Object,
};
use crate::server::store::{Change, ObjectStore, Record, StoreError};

/// The store, seen through the changes that are not applied yet.
pub(super) struct Transaction<'s> {
    store: &'s dyn ObjectStore,
    /// Whose names matter: what others have, and do to it, stays their own.
    owner: String,
    /// Held while changes are applied: the store compares revisions of records, but knows nothing of who else has a name.
    applying: &'s Mutex<()>,
    /// The most bytes of a record to which a client adds.
    max_object: usize,
    pending: BTreeMap<String, Pending>,
    /// Which records of the store had the names that were asked for: what was decided by it holds while that does.
    seen: RefCell<BTreeMap<String, Vec<(String, u64)>>>,
}

struct Pending {
    record: Arc<Record>,
    /// The revision in the store; none for an object that is not in it.
    base: Option<u64>,
}

impl<'s> Transaction<'s> {
    pub(super) const fn new(
        store: &'s dyn ObjectStore,
        owner: String,
        applying: &'s Mutex<()>,
        max_object: usize,
    ) -> Self {
        let seen = RefCell::new(BTreeMap::new());
        Self { store, owner, applying, max_object, pending: BTreeMap::new(), seen }
    }

    pub(super) fn get(&self, id: &str) -> Outcome<Option<Arc<Record>>> {
        match self.pending.get(id) {
            Some(pending) => Ok(Some(Arc::clone(&pending.record))),
            None => Ok(self.store.get(id)?),
        }
    }

    /// The owner's records with this name, oldest first.
    pub(super) fn named(&self, name: &str) -> Outcome<Vec<Arc<Record>>> {
        let mut found = self.applied(name)?;
        self.seen.borrow_mut().entry(name.to_owned()).or_insert_with(|| revisions(&found));
        found.retain(|record| !self.pending.contains_key(&record.id));
        let pending = self.pending.values().map(|pending| &pending.record);
        found.extend(pending.filter(|record| record.names.iter().any(|known| known == name)).cloned());
        found.sort_by_key(|record| record.sequence);
        Ok(found)
    }

    /// The same, without what is not applied yet.
    fn applied(&self, name: &str) -> Outcome<Vec<Arc<Record>>> {
        let mut found = self.store.named(name)?;
        found.retain(|record| record.owner == self.owner);
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

    /// Keeps an object that the client made or added to. One that is too long may become shorter; and what changes its
    /// state goes through [`put`](Self::put), so that every key can be revoked and destroyed.
    pub(super) fn put_bounded(&mut self, object: &mut Object) -> Outcome {
        let len = |pending: &Pending| pending.record.contents.len();
        let before = self.pending.get(&object.id).map(len);
        self.put(object)?;
        let now = self.pending.get(&object.id).map_or(0, len);
        let most = self.max_object;
        if now > most {
            let before = match before {
                Some(before) => before,
                None => self.store.get(&object.id)?.map_or(0, |record| record.contents.len()),
            };
            if now > before {
                let message = format!("the object with its attributes has {now} bytes, more than {most}");
                return Err(Failure::new(Why::ServerLimit, message).into());
            }
        }
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
        self.seen.get_mut().clear();
    }

    /// Applies the changes. A conflict if somebody else changed the same records, or took or freed a name that was
    /// asked for.
    pub(super) fn commit(&mut self) -> Outcome {
        let seen = std::mem::take(self.seen.get_mut());
        if self.pending.is_empty() {
            return Ok(());
        }
        let _applying = self.applying.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, before) in &seen {
            if revisions(&self.applied(name)?) != *before {
                return Err(Stop::Conflict);
            }
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

/// What tells whether the same records have a name, unchanged.
fn revisions(records: &[Arc<Record>]) -> Vec<(String, u64)> {
    let mut revisions: Vec<_> = records.iter().map(|record| (record.id.clone(), record.revision)).collect();
    revisions.sort_unstable();
    revisions
}

#[cfg(test)]
mod tests {
    use tde_kmip_codec::{
        attribute::{AttributeValue, Name},
        spec::enumeration::{NameType, ObjectType},
        state::ObjectState,
    };

    use super::*;
    use crate::server::{engine::attributes::AttributeSet, store::MemoryStore};

    fn named(owner: &str, id: &str) -> Object {
        let mut attributes = AttributeSet::default();
        let name = Name::new("main", NameType::UNINTERPRETED_TEXT_STRING);
        attributes.add(AttributeValue::Name(name)).unwrap();
        Object {
            id: id.to_owned(),
            owner: owner.to_owned(),
            revision: None,
            sequence: u64::MAX,
            object_type: ObjectType::SYMMETRIC_KEY,
            state: ObjectState::PreActive,
            attributes,
            material: None,
        }
    }

    /// A name that one owner decides by conflicts with what happens to it there, whatever others do with theirs.
    #[test]
    fn names_conflict_within_one_owner() {
        for (other, conflicts) in [("alice", true), ("bob", false)] {
            let (store, applying) = (MemoryStore::new(), Mutex::default());
            let begin = |owner: &str| Transaction::new(&store, owner.to_owned(), &applying, usize::MAX);
            let mut first = begin("alice");
            assert!(first.named("main").unwrap().is_empty());
            let mut second = begin(other);
            second.put(&mut named(other, "second")).unwrap();
            second.commit().unwrap();
            assert_eq!(begin("alice").named("main").unwrap().len(), usize::from(conflicts));
            first.put(&mut named("alice", "first")).unwrap();
            assert_eq!(matches!(first.commit(), Err(Stop::Conflict)), conflicts, "{other}");
        }
    }
}
