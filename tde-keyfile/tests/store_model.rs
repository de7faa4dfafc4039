//! Key stores of both layouts against one simple model in memory.
#![cfg(all(feature = "testing", unix))]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::std_instead_of_core)]

#[path = "support/edit.rs"]
mod edit;
#[path = "support/store.rs"]
mod store;

use edit::{Keys, ROOT, durable, internal_key, location, name, new_key, shown};
use proptest::prelude::*;
use std::path::Path;
use store::{LAYOUTS, Meaning, Scope, at, empty, full, open};
use tde_core::InternalKey;
use tde_keyfile::Oid;
use tde_keyfile::edit::{EditError, Existing, NewPrincipalKey, Step};
use tde_keyfile::format::header::ProviderId;
use tde_keyfile::format::one_file::KeyFile;
use tde_keyfile::storage::interrupted_work;
use tde_keyfile::storage::testing::{FailingStorage, ForgettingStorage};
use tde_keyfile::store::{KeyChange, KeyStore, Layout, OneFileStore, convert, layout_of};
use tde_wal::RangeKind;

#[derive(Debug, Clone)]
enum Operation {
    Create { scope: u32, key: u8 },
    Rotate { scope: u32, key: u8 },
    Put { database: u32, tablespace: u32, relation: u32, seed: u32, long: bool, existing: Existing },
    Remove { database: u32, tablespace: u32, relation: u32 },
    Append { encrypted: bool, seed: u32, long: bool },
    Start { timeline: u32, lsn: u64 },
}

const SCOPES: [u32; 5] = [1663, 1664, 5, 6, 7];

fn an_operation() -> impl Strategy<Value = Operation> {
    let scope = || prop::sample::select(&SCOPES[..]);
    // Also one that is none.
    let database = || prop::sample::select(&SCOPES[1..]);
    let tablespace = || prop::sample::select(&[1663_u32, 1700][..]);
    let existing = prop_oneof![Just(Existing::Refuse), Just(Existing::Keep), Just(Existing::Replace)];
    prop_oneof![
        2 => (scope(), 0..6_u8).prop_map(|(scope, key)| Operation::Create { scope, key }),
        3 => (scope(), 0..6_u8).prop_map(|(scope, key)| Operation::Rotate { scope, key }),
        6 => (database(), tablespace(), 100..104_u32, any::<u32>(), any::<bool>(), existing).prop_map(
            |(database, tablespace, relation, seed, long, existing)| {
                Operation::Put { database, tablespace, relation, seed, long, existing }
            }
        ),
        3 => (database(), tablespace(), 100..104_u32)
            .prop_map(|(database, tablespace, relation)| Operation::Remove { database, tablespace, relation }),
        3 => (any::<bool>(), any::<u32>(), any::<bool>())
            .prop_map(|(encrypted, seed, long)| Operation::Append { encrypted, seed, long }),
        3 => (1..4_u32, 1..20_u64).prop_map(|(timeline, lsn)| Operation::Start { timeline, lsn }),
    ]
}

/// The rules in a few lines; `false` is a refusal.
fn model(meaning: &mut Meaning, operation: &Operation) -> bool {
    let scope_with = |key: &str| Scope { key: key.into(), ..Scope::default() };
    let ensure = |meaning: &mut Meaning, scope: u32| {
        let default = meaning.scopes.get(&1663).map(|default| default.key.clone());
        if let Some(default) = default {
            meaning.scopes.entry(scope).or_insert_with(|| scope_with(&default));
        }
        meaning.scopes.contains_key(&scope)
    };
    match operation {
        Operation::Create { scope, key } => {
            if meaning.scopes.contains_key(scope) {
                return false;
            }
            meaning.scopes.insert(*scope, scope_with(&name(*key)));
            if *scope == 1663 {
                meaning.scopes.entry(1664).or_insert_with(|| scope_with(&name(*key)));
            }
            true
        }
        Operation::Rotate { scope, key } => {
            let Some(old) = meaning.scopes.get(scope).map(|scope| scope.key.clone()) else { return false };
            for (oid, found) in &mut meaning.scopes {
                if oid == scope || (*scope == 1663 && found.key == old) {
                    found.key = name(*key);
                }
            }
            true
        }
        Operation::Put { database: 1664, .. } | Operation::Remove { database: 1664, .. } => false,
        Operation::Put { database, tablespace, relation, seed, long, existing } => {
            let mut next = meaning.clone();
            if !ensure(&mut next, *database) {
                return false;
            }
            let relations = &mut next.scopes.get_mut(database).unwrap().relations;
            let key = shown(&internal_key(*seed, *long));
            match (relations.contains_key(&(*tablespace, *relation)), existing) {
                (true, Existing::Refuse) => return false,
                (true, Existing::Keep) => {}
                _ => {
                    relations.insert((*tablespace, *relation), key);
                }
            }
            *meaning = next;
            true
        }
        Operation::Remove { database, tablespace, relation } => meaning
            .scopes
            .get_mut(database)
            .is_some_and(|scope| scope.relations.remove(&(*tablespace, *relation)).is_some()),
        Operation::Append { encrypted, seed, long } => {
            if !ensure(meaning, 1664) {
                return false;
            }
            let key = shown(&internal_key(*seed, *long));
            let kind = if *encrypted { 2 } else { 1 };
            meaning.scopes.get_mut(&1664).unwrap().ranges.push((kind, 0, 0, key));
            true
        }
        Operation::Start { timeline, lsn } => {
            let Some(server) = meaning.scopes.get_mut(&1664) else { return false };
            let Some((last, before)) = server.ranges.split_last_mut() else { return false };
            let started = before.iter().rev().find(|range| range.1 != 0);
            if last.1 != 0 || started.is_some_and(|range| (range.1, range.2) >= (*timeline, *lsn)) {
                return false;
            }
            (last.1, last.2) = (*timeline, *lsn);
            true
        }
    }
}

/// The keys that an operation brings.
struct Brought {
    principal: Option<NewPrincipalKey>,
    internal: Option<InternalKey>,
}

impl Brought {
    fn by(operation: &Operation) -> Self {
        let principal = match *operation {
            Operation::Create { key, .. } | Operation::Rotate { key, .. } => Some(new_key(key)),
            _ => None,
        };
        let internal = match *operation {
            Operation::Put { seed, long, .. } | Operation::Append { seed, long, .. } => {
                Some(internal_key(seed, long))
            }
            _ => None,
        };
        Self { principal, internal }
    }

    fn change(&self, operation: &Operation) -> KeyChange<'_> {
        let principal = || self.principal.as_ref().unwrap();
        let internal = || self.internal.as_ref().unwrap();
        match *operation {
            Operation::Create { scope, .. } => {
                KeyChange::CreateScope { scope: Oid::new(scope), key: principal() }
            }
            Operation::Rotate { scope, .. } => KeyChange::Rotate { scope: Oid::new(scope), key: principal() },
            Operation::Put { database, tablespace, relation, existing, .. } => {
                let locator = at(database, tablespace, relation);
                KeyChange::PutRelationKey { locator, key: internal(), existing }
            }
            Operation::Remove { database, tablespace, relation } => {
                KeyChange::RemoveRelationKey { locator: at(database, tablespace, relation) }
            }
            Operation::Append { encrypted, .. } => {
                let kind = if encrypted { RangeKind::Encrypted } else { RangeKind::Unencrypted };
                KeyChange::AppendWalRange { kind, key: internal() }
            }
            Operation::Start { timeline, lsn } => KeyChange::StartWalRange { start: location(timeline, lsn) },
        }
    }
}

/// Reading finds older principal keys too, so that what a rotation left behind would not show.
fn assert_sealed_under_the_scopes_key(storage: &ForgettingStorage, meaning: &Meaning) {
    for (database, scope) in &meaning.scopes {
        for (_, relation) in scope.relations.keys() {
            let path = format!("/data/pg_tde/{database}/{relation}.key");
            let bytes = storage.get(&path).unwrap();
            let key = KeyFile::parse(&bytes).unwrap().principal_key().name().to_string();
            assert_eq!(key, scope.key, "{path}");
        }
    }
}

fn apply(store: &mut dyn KeyStore, batch: &[Operation]) -> Result<Vec<Step>, EditError> {
    let brought: Vec<_> = batch.iter().map(Brought::by).collect();
    let changes: Vec<_> =
        brought.iter().zip(batch).map(|(brought, operation)| brought.change(operation)).collect();
    // What a dry run tells is what is done.
    let planned = store.plan(&changes, "test").map(|edit| edit.steps().to_vec());
    let done = store.apply(&changes, "test").map(|changed| changed.steps);
    assert_eq!(planned.is_ok(), done.is_ok(), "{planned:?}, {done:?}");
    if let (Ok(planned), Ok(done)) = (planned, &done) {
        assert_eq!(&planned, done);
    }
    done
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_sequence_of_changes_has_the_outcome_of_the_model_in_both_layouts(
        // Most change one thing; a batch is carried out as a whole or not at all.
        batches in prop::collection::vec(
            prop_oneof![
                3 => prop::collection::vec(an_operation(), 1..2),
                1 => prop::collection::vec(an_operation(), 2..5),
            ],
            1..32,
        ),
    ) {
        let keys = Keys::new();
        let mut outcomes = Vec::new();
        for layout in LAYOUTS {
            let storage = empty(layout);
            let mut store = open(&storage, layout, &keys.options()).unwrap();
            let mut expected = Meaning::default();
            let mut steps = Vec::new();
            for batch in &batches {
                let (before, files) = (expected.clone(), storage.files());
                let accepted = batch.iter().all(|operation| model(&mut expected, operation));
                let outcome = apply(&mut *store, batch);
                prop_assert_eq!(outcome.is_ok(), accepted, "{}: {:?}: {:?}", layout, batch, outcome);
                if !accepted {
                    expected = before;
                    prop_assert!(storage.files() == files, "{:?} was refused, but changed files", batch);
                }
                steps.push(outcome.ok());
                prop_assert_eq!(&Meaning::of(&*store), &expected, "{}: {:?}", layout, batch);
                if layout == Layout::OneFilePerRelation {
                    assert_sealed_under_the_scopes_key(&storage, &expected);
                }
                // Opened anew, by what lies there.
                let anew = tde_keyfile::store::open(&storage, Path::new(ROOT), &keys.options()).unwrap();
                prop_assert_eq!(anew.layout(), layout);
                prop_assert_eq!(&Meaning::of(&*anew), &expected);
            }
            prop_assert_eq!(interrupted_work(&storage, Path::new(ROOT), "pg_tde").unwrap(), None);
            drop(store);
            outcomes.push((storage, expected, steps));
        }
        // Not only the outcome is the same, but also what is told of it.
        let [(one, meaning, steps), (_, _, other)] = &outcomes[..] else { panic!() };
        prop_assert_eq!(steps, other);
        // There and back.
        if !meaning.scopes.is_empty() {
            let there = Path::new("/there");
            let options = keys.options();
            convert(one, Path::new(ROOT), there, Layout::OneFilePerRelation, &options).unwrap().apply().unwrap();
            prop_assert_eq!(layout_of(one, there).unwrap(), Some(Layout::OneFilePerRelation));
            let back = Path::new("/back");
            convert(one, there, back, Layout::PgTde, &options).unwrap().apply().unwrap();
            for (directory, layout) in [(there, Layout::OneFilePerRelation), (back, Layout::PgTde)] {
                let store = tde_keyfile::store::open(one, directory, &options).unwrap();
                prop_assert_eq!(store.layout(), layout);
                prop_assert_eq!(&Meaning::of(&*store), meaning);
            }
        }
    }
}

/// What one batch makes is rotated by it too, although it is on no disk yet.
#[test]
fn a_rotation_reaches_what_was_made_before_it_in_the_same_batch() {
    let keys = Keys::new();
    let (first, second, internal) = (new_key(0), new_key(3), internal_key(1, false));
    let (locator, existing) = (at(5, 1663, 100), Existing::Refuse);
    for scope in [Oid::PG_DEFAULT, Oid::new(5)] {
        let changes = [
            KeyChange::CreateScope { scope: Oid::PG_DEFAULT, key: &first },
            KeyChange::PutRelationKey { locator, key: &internal, existing },
            KeyChange::Rotate { scope, key: &second },
        ];
        for layout in LAYOUTS {
            let storage = empty(layout);
            let mut store = open(&storage, layout, &keys.options()).unwrap();
            store.apply(&changes, "test").unwrap();
            let meaning = Meaning::of(&*store);
            assert_eq!(meaning.scopes[&5].key, name(3), "{layout}");
            // With the new key alone.
            let mut without = keys.options();
            let ring = tempfile::tempdir().unwrap();
            let path = ring.path().join("3");
            std::fs::write(&path, edit::principal_key(3).expose_bytes()).unwrap();
            without.keys =
                tde_keyfile::cluster::OpenOptions::new().principal_key(name(3).parse().unwrap(), path);
            let store = open(&storage, layout, &without).unwrap();
            let found = store.relation_key(&locator).unwrap().map(|key| shown(&key));
            assert_eq!(found, Some(shown(&internal)), "{layout}");
        }
    }
}

#[test]
fn relations_with_one_number_in_two_tablespaces_share_a_file_and_nothing_else() {
    let keys = Keys::new();
    let storage = full(&keys, Layout::OneFilePerRelation);
    let mut store = open(&storage, Layout::OneFilePerRelation, &keys.options()).unwrap();
    let (one, two) = (at(5, 1663, 100), at(5, 1700, 100));
    let key = |store: &dyn KeyStore, locator| store.relation_key(&locator).unwrap().map(|key| shown(&key));
    let before = key(&*store, one).unwrap();
    assert_ne!(Some(&before), key(&*store, two).as_ref());
    store.remove_relation_key(two).unwrap();
    assert_eq!((key(&*store, one), key(&*store, two)), (Some(before), None));
    assert!(storage.get("/data/pg_tde/5/100.key").is_some());
    store.remove_relation_key(one).unwrap();
    assert!(storage.get("/data/pg_tde/5/100.key").is_none());
    let gone = store.remove_relation_key(one);
    assert!(matches!(gone, Err(EditError::NoRelationKey { .. })), "{gone:?}");
}

#[test]
fn a_file_from_before_a_rotation_is_read_with_the_old_key_and_rotated_with_the_rest() {
    let keys = Keys::new();
    let storage = full(&keys, Layout::OneFilePerRelation);
    let old = storage.get("/data/pg_tde/5/100.key").unwrap();
    let mut store = open(&storage, Layout::OneFilePerRelation, &keys.options()).unwrap();
    let before = Meaning::of(&*store);
    store.rotate(Oid::new(5), &new_key(3)).unwrap();
    assert_ne!(storage.get("/data/pg_tde/5/100.key").unwrap(), old);
    storage.put("/data/pg_tde/5/100.key", &old);
    assert_eq!(Meaning::of(&*store).scopes[&5].relations, before.scopes[&5].relations);
    // Unless the old key is gone.
    let mut without = keys.options();
    let ring = tempfile::tempdir().unwrap();
    let number = |number: u8| {
        let path = ring.path().join(number.to_string());
        std::fs::write(&path, edit::principal_key(number).expose_bytes()).unwrap();
        path
    };
    without.keys =
        tde_keyfile::cluster::OpenOptions::new().principal_key(name(3).parse().unwrap(), number(3));
    let blind = OneFileStore::open(&storage, Path::new(ROOT), &without).unwrap();
    let error = blind.relation_key(&at(5, 1663, 100)).unwrap_err();
    assert!(error.to_string().starts_with("pg_tde/5/100.key: principal key \"key-0\""), "{error}");
    assert!(blind.relation_key(&at(5, 1663, 102)).unwrap().is_some());
    store.rotate(Oid::new(5), &new_key(3)).unwrap();
    let all = OneFileStore::open(&storage, Path::new(ROOT), &without).unwrap();
    assert!(all.relation_key(&at(5, 1663, 100)).unwrap().is_some());
}

#[test]
fn the_server_and_default_keys_take_global_providers_only() {
    let keys = Keys::new();
    let storage = full(&keys, Layout::OneFilePerRelation);
    let mut store = open(&storage, Layout::OneFilePerRelation, &keys.options()).unwrap();
    let local = NewPrincipalKey::new(ProviderId::new(1), name(2).parse().unwrap(), &edit::principal_key(2));
    for scope in [Oid::PG_DEFAULT, Oid::PG_GLOBAL] {
        let refused = store.rotate(scope, &local);
        assert!(matches!(refused, Err(EditError::ProviderNotGlobal { .. })), "{refused:?}");
    }
    store.rotate(Oid::new(5), &local).unwrap();
}

/// However many files there are.
#[test]
fn a_rotation_waits_for_the_disk_a_constant_number_of_times() {
    let keys = Keys::new();
    let syncs = |relations: u32| {
        let storage = empty(Layout::OneFilePerRelation);
        let internal: Vec<_> = (0..relations).map(|seed| internal_key(seed, false)).collect();
        let principal = new_key(0);
        let mut changes = vec![KeyChange::CreateScope { scope: Oid::new(5), key: &principal }];
        for (relation, key) in (0..).zip(&internal) {
            let locator = at(5, 1663, relation);
            changes.push(KeyChange::PutRelationKey { locator, key, existing: Existing::Refuse });
        }
        open(&storage, Layout::OneFilePerRelation, &keys.options())
            .unwrap()
            .apply(&changes, "set up")
            .unwrap();
        let counted = FailingStorage::new(durable(&storage));
        counted.heal();
        let mut store = open(&counted, Layout::OneFilePerRelation, &keys.options()).unwrap();
        store.rotate(Oid::new(5), &new_key(2)).unwrap();
        assert_eq!(Meaning::of(&*store).scopes[&5].relations.len(), relations as usize);
        counted.syncs()
    };
    let few = syncs(100);
    assert_eq!(few, syncs(1000));
    assert!(few <= 12, "{few}");
}
