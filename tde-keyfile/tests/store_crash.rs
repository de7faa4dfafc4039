//! A crash, a kill or an error at any call of any change of the layout with one file per relation, and of a conversion
//! in either direction, leaves the old keys or the new, never a mix, and a second run completes.
#![cfg(all(feature = "testing", unix))]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::std_instead_of_core)]

#[path = "support/crash.rs"]
mod crash;
#[path = "support/edit.rs"]
mod edit;
#[path = "support/store.rs"]
mod store;

use std::path::Path;

use crash::{Interrupted, crash_at_every_call, crash_while_recovering, fail_at_every_call};
use edit::{Keys, ROOT, durable, internal_key, location, new_key};
use store::{Meaning, at, full};
use tde_keyfile::Oid;
use tde_keyfile::edit::{EditError, Existing};
use tde_keyfile::storage::testing::{ForgettingStorage, SampleLimit};
use tde_keyfile::storage::{self, Storage, interrupted_work};
use tde_keyfile::store::{KeyChange, KeyStore, Layout, OneFileStore, convert, layout_of};
use tde_wal::RangeKind;

const ONE_FILE: Layout = Layout::OneFilePerRelation;
const TARGET: &str = "/target";

/// Something that is interrupted.
struct Operation {
    name: &'static str,
    source: Layout,
    run: fn(&Keys, &dyn Storage) -> Result<(), EditError>,
    /// The directory that it changes, and the layout that is there afterwards.
    changes: (&'static str, Layout),
}

fn change(keys: &Keys, storage: &dyn Storage, changes: &[KeyChange<'_>]) -> Result<(), EditError> {
    OneFileStore::open(storage, Path::new(ROOT), &keys.options())?.apply(changes, "test").map(|_| ())
}

fn convert_to(keys: &Keys, storage: &dyn Storage, to: Layout) -> Result<(), EditError> {
    let conversion = convert(storage, Path::new(ROOT), Path::new(TARGET), to, &keys.options())?;
    conversion.apply().map(|_| ())
}

fn operations() -> Vec<Operation> {
    let in_place = |name, run| Operation { name, source: ONE_FILE, run, changes: (ROOT, ONE_FILE) };
    vec![
        in_place("create a scope", |keys, storage| {
            change(keys, storage, &[KeyChange::CreateScope { scope: Oid::new(8), key: &new_key(2) }])
        }),
        in_place("rotate a database", |keys, storage| {
            change(keys, storage, &[KeyChange::Rotate { scope: Oid::new(7), key: &new_key(2) }])
        }),
        in_place("rotate the server", |keys, storage| {
            change(keys, storage, &[KeyChange::Rotate { scope: Oid::PG_GLOBAL, key: &new_key(3) }])
        }),
        in_place("rotate the default key", |keys, storage| {
            change(keys, storage, &[KeyChange::Rotate { scope: Oid::PG_DEFAULT, key: &new_key(3) }])
        }),
        in_place("add a relation key in a new database", |keys, storage| {
            let (locator, key) = (at(9, 1663, 100), internal_key(9, true));
            change(
                keys,
                storage,
                &[KeyChange::PutRelationKey { locator, key: &key, existing: Existing::Refuse }],
            )
        }),
        in_place("replace a relation key", |keys, storage| {
            let (locator, key) = (at(5, 1663, 100), internal_key(9, true));
            change(
                keys,
                storage,
                &[KeyChange::PutRelationKey { locator, key: &key, existing: Existing::Replace }],
            )
        }),
        in_place("remove a relation key", |keys, storage| {
            change(keys, storage, &[KeyChange::RemoveRelationKey { locator: at(7, 1663, 101) }])
        }),
        in_place("begin and append WAL ranges", |keys, storage| {
            let key = internal_key(9, true);
            change(
                keys,
                storage,
                &[
                    KeyChange::StartWalRange { start: location(1, 0x300_0000) },
                    KeyChange::AppendWalRange { kind: RangeKind::Unencrypted, key: &key },
                ],
            )
        }),
        Operation {
            name: "convert to one file per relation",
            source: Layout::PgTde,
            run: |keys, storage| convert_to(keys, storage, ONE_FILE),
            changes: (TARGET, ONE_FILE),
        },
        Operation {
            name: "convert to pg_tde's layout",
            source: ONE_FILE,
            run: |keys, storage| convert_to(keys, storage, Layout::PgTde),
            changes: (TARGET, Layout::PgTde),
        },
    ]
}

struct Scenario<'k> {
    keys: &'k Keys,
    operation: &'k Operation,
    old: ForgettingStorage,
    source: Meaning,
    new: Meaning,
}

impl<'k> Scenario<'k> {
    fn new(keys: &'k Keys, operation: &'k Operation) -> Self {
        let old = durable(&full(keys, operation.source));
        let new = durable(&old);
        let source = meaning(keys, &old, ROOT, operation.source);
        (operation.run)(keys, &new).unwrap();
        let (directory, layout) = operation.changes;
        let new = meaning(keys, &new, directory, layout);
        let in_place = directory == ROOT;
        assert_eq!(source != new, in_place, "{}", operation.name);
        Self { keys, operation, old, source, new }
    }
}

impl Interrupted for Scenario<'_> {
    fn name(&self) -> &str {
        self.operation.name
    }

    fn fresh(&self) -> ForgettingStorage {
        durable(&self.old)
    }

    fn run(&self, storage: &dyn Storage) -> Result<(), EditError> {
        (self.operation.run)(self.keys, storage)
    }

    fn reopen(&self, storage: &ForgettingStorage, done: bool, context: &dyn Fn() -> String) {
        let name = self.operation.name;
        let (directory, layout) = self.operation.changes;
        let mut settled = true;
        if directory == ROOT {
            // Opening for a change completes or undoes; this one changes nothing.
            let mut store = OneFileStore::open(storage, Path::new(ROOT), &self.keys.options()).unwrap();
            store.apply(&[], "nothing").unwrap_or_else(|error| panic!("{name}, {}: {error:?}", context()));
            if storage.files() == self.old.files() {
                assert!(!done, "{name}, {}: a change that was reported done was lost", context());
                self.run(storage).expect("a second run completes");
            }
        } else {
            match self.run(storage) {
                Ok(()) => {
                    assert!(!done, "{name}, {}: a conversion that was reported done was lost", context())
                }
                // It is there already.
                Err(EditError::NotEmpty { .. }) => settled = false,
                Err(error) => panic!("{name}, {}: {error:?}", context()),
            }
            assert_eq!(meaning(self.keys, storage, ROOT, self.operation.source), self.source, "the source");
        }
        assert_eq!(meaning(self.keys, storage, directory, layout), self.new, "{name}, {}: a mix", context());
        let home = Path::new(directory);
        assert_eq!(interrupted_work(storage, home, "pg_tde").unwrap(), None);
        let temporary = |path: &Path| path.extension().is_some_and(|extension| extension == "new");
        assert!(!storage.files().keys().any(|path| temporary(path)), "{name}, {}", context());
        for survivor in storage.crash(SampleLimit(2)) {
            if !settled {
                // A run that found the keys there has locked nothing, and so settled nothing.
                let _ = self.run(&survivor);
            }
            assert_eq!(meaning(self.keys, &survivor, directory, layout), self.new, "{name}: not durable");
        }
    }
}

fn meaning(keys: &Keys, storage: &dyn Storage, directory: &str, layout: Layout) -> Meaning {
    let store = tde_keyfile::store::open(storage, Path::new(directory), &keys.options()).unwrap();
    assert_eq!(store.layout(), layout);
    Meaning::of_contents(&*store)
}

#[test]
fn a_machine_crash_at_every_call_leaves_old_or_new() {
    let keys = Keys::new();
    let scenarios = operations();
    let scenarios = scenarios.iter().map(|operation| Scenario::new(&keys, operation));
    let states: usize = scenarios.map(|scenario| crash_at_every_call(&scenario, SampleLimit(8))).sum();
    assert!(states > 1000, "only {states} states were looked at");
}

#[test]
fn an_error_at_every_call_leaves_old_or_new() {
    let keys = Keys::new();
    for operation in operations() {
        fail_at_every_call(&Scenario::new(&keys, &operation));
    }
}

/// Killed at every call, and the machine crashes at every call of the recovery.
#[test]
fn a_crash_while_an_interrupted_rotation_is_completed_leaves_old_or_new() {
    let keys = Keys::new();
    let operations = operations();
    let operation = operations.iter().find(|operation| operation.name == "rotate a database").unwrap();
    crash_while_recovering(&Scenario::new(&keys, operation), (1, 3), SampleLimit(3), |killed| {
        let mut store = OneFileStore::open(killed, Path::new(ROOT), &keys.options());
        store.as_mut().is_ok_and(|store| store.apply(&[], "nothing").is_ok())
    });
}

#[test]
fn what_is_half_changed_is_named_and_not_read_as_a_whole() {
    let keys = Keys::new();
    let storage = full(&keys, ONE_FILE);
    let (mut interrupted, mut seen) = (0, 0);
    for halt_at in 0.. {
        let storage = durable(&storage);
        storage.halt_at(halt_at);
        let done =
            change(&keys, &storage, &[KeyChange::Rotate { scope: Oid::new(5), key: &new_key(2) }]).is_ok();
        let killed = storage.kill();
        let store = OneFileStore::open(&killed, Path::new(ROOT), &keys.options()).unwrap();
        let problems = store.check();
        if problems.iter().any(|problem| matches!(problem, EditError::Interrupted { .. })) {
            assert!(matches!(store.contents(), Err(EditError::Interrupted { .. })));
            interrupted += 1;
        } else {
            assert!(problems.is_empty(), "{problems:?}");
        }
        // Each key by itself can be read at any time.
        for relation in [100, 102] {
            assert!(store.relation_key(&at(5, 1663, relation)).unwrap().is_some());
            seen += 1;
        }
        if done {
            break;
        }
    }
    assert!(interrupted > 10 && seen > 50, "{interrupted}, {seen}");
}

#[test]
fn two_writers_exclude_each_other() {
    let keys = Keys::new();
    let storage = full(&keys, ONE_FILE);
    let _writer = storage::Writer::open(&storage, Path::new(ROOT), "pg_tde", "other").unwrap();
    let refused = change(&keys, &storage, &[]);
    assert!(matches!(refused, Err(EditError::Storage(storage::Error::Locked { .. }))), "{refused:?}");
}

#[test]
fn a_conversion_never_writes_where_keys_are() {
    let keys = Keys::new();
    for (from, to) in [(Layout::PgTde, ONE_FILE), (ONE_FILE, Layout::PgTde)] {
        let storage = full(&keys, from);
        let options = keys.options();
        let run = |target: &str, to| {
            convert(&storage, Path::new(ROOT), Path::new(target), to, &options)
                .and_then(|found| found.apply())
        };
        assert!(matches!(run(ROOT, to), Err(EditError::SameDirectory { .. })));
        assert!(matches!(run(TARGET, from), Err(EditError::SameLayout { .. })));
        let before = storage.files();
        for file in ["16384_keys", "wal_keys", "1664_providers", "5/1.key", "global/server_key.key"] {
            let path = Path::new(TARGET).join("pg_tde").join(file);
            storage.put(&path, b"");
            let refused = run(TARGET, to);
            assert!(matches!(refused, Err(EditError::NotEmpty { .. })), "{file}: {refused:?}");
            storage.remove(&path).unwrap();
        }
        assert_eq!(storage.files(), before);
        // Foreign files are no key files, and stay.
        storage.put("/target/pg_tde/notes", b"untouched");
        storage.put("/target/pg_tde/77/notes", b"untouched");
        run(TARGET, to).unwrap();
        assert_eq!(layout_of(&storage, Path::new(TARGET)).unwrap(), Some(to));
        assert_eq!(storage.get("/target/pg_tde/77/notes").unwrap(), b"untouched");
        let again = run(TARGET, to);
        assert!(matches!(again, Err(EditError::NotEmpty { .. })), "{again:?}");
        storage.put("/data/pg_tde/5/1.key", b"");
        storage.put("/data/pg_tde/5_keys", b"");
        let mixed = run("/elsewhere", to);
        assert!(matches!(mixed, Err(EditError::MixedLayouts { .. })), "{mixed:?}");
    }
}
