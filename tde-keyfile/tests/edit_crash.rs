//! A crash, a kill or an error at any call of any edit leaves the old keys or the new, never a mix, and a second run
//! completes.
#![cfg(all(feature = "testing", unix))]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::std_instead_of_core)]

#[path = "support/crash.rs"]
mod crash;
#[path = "support/edit.rs"]
mod edit;

use crash::{Interrupted, crash_at_every_call, crash_while_recovering, fail_at_every_call};
use edit::{Keys, ROOT, State, assert_tidy, durable, full_cluster, internal_key, location, locator, new_key};
use std::path::Path;
use tde_keyfile::Oid;
use tde_keyfile::edit::{Draft, EditError, EditOptions, Editor, Existing, Generation, KeyringEdit, Step};
use tde_keyfile::format::header::ProviderId;
use tde_keyfile::format::keyring::KeyringRecords;
use tde_keyfile::format::providers::ProviderKind;
use tde_keyfile::storage::testing::{ForgettingStorage, SampleLimit};
use tde_keyfile::storage::{self, Storage};
use tde_wal::RangeKind;

type Edits = fn(&mut Draft<'_>) -> Result<(), EditError>;

struct Operation {
    name: &'static str,
    edits: Edits,
    /// Changes made to the files before, to have something to do.
    prepare: fn(&Keys, ForgettingStorage) -> ForgettingStorage,
    /// How many files change.
    files: usize,
}

fn as_it_is(_: &Keys, storage: ForgettingStorage) -> ForgettingStorage {
    storage
}

fn of_release_20(keys: &Keys, storage: ForgettingStorage) -> ForgettingStorage {
    // Database 7 has what the old release cannot have.
    let mut files = storage.files();
    files.remove(Path::new("/data/pg_tde/7_keys"));
    let old = ForgettingStorage::new();
    for (path, content) in files {
        old.put(path, &content);
    }
    keys.edit(&old, |draft| draft.convert(Generation::Release20)).unwrap();
    durable(&old)
}

fn damaged(_: &Keys, storage: ForgettingStorage) -> ForgettingStorage {
    let mut wal = storage.get("/data/pg_tde/wal_keys").unwrap();
    // As the server marks an entry: type overwritten, tag left as it was.
    wal[320 + 4] = 0;
    wal.extend([7; 50]);
    let five = storage.get("/data/pg_tde/5_keys").unwrap();
    let mut six = storage.get("/data/pg_tde/6_keys").unwrap();
    six.extend([9; 95]);
    let copy = ForgettingStorage::new();
    for (path, content) in storage.files() {
        if !path.ends_with("7_keys") {
            copy.put(path, &content);
        }
    }
    for (name, content) in [
        ("wal_keys", &wal[..]),
        ("6_keys", &six),
        ("5_keys.r", &five[..416]),
        ("7_keys.r", &storage.get("/data/pg_tde/7_keys").unwrap()),
        ("keys_version", b"TDE\x03WEK\x01"),
    ] {
        copy.put(Path::new("/data/pg_tde").join(name), content);
    }
    copy
}

fn operations() -> Vec<Operation> {
    let operation = |name, files, edits: Edits| Operation { name, edits, prepare: as_it_is, files };
    vec![
        operation("create a scope", 1, |draft| draft.create_scope(Oid::new(8), &new_key(2))),
        operation("rotate a database", 1, |draft| draft.rotate(Oid::new(7), &new_key(2))),
        operation("rotate the server", 1, |draft| draft.rotate(Oid::PG_GLOBAL, &new_key(3))),
        // The default key, the server and the databases 5 and 6.
        operation("rotate the default key", 4, |draft| draft.rotate(Oid::PG_DEFAULT, &new_key(3))),
        operation("add a relation key", 1, |draft| {
            draft.put_relation_key(locator(5, 103), &internal_key(9, true), Existing::Refuse)
        }),
        operation("replace a relation key", 1, |draft| {
            draft.put_relation_key(locator(5, 100), &internal_key(9, true), Existing::Replace)
        }),
        operation("free a relation key", 1, |draft| draft.free_relation_key(locator(5, 100))),
        operation("append a WAL range", 1, |draft| {
            draft.append_wal_range(RangeKind::Encrypted, &internal_key(9, true))
        }),
        operation("begin a WAL range", 1, |draft| draft.start_wal_range(location(1, 0x300_0000))),
        operation("end encryption of WAL", 1, |draft| {
            draft.start_wal_range(location(1, 0x300_0000))?;
            draft.close_wal_range(location(2, 0x400_0000))
        }),
        operation("add a provider", 1, |draft| {
            let options = r#"{"path":"/nowhere/else"}"#;
            draft
                .add_provider(Oid::PG_GLOBAL, "two".parse().unwrap(), ProviderKind::File, options)
                .map(|_| ())
        }),
        operation("change a provider", 1, |draft| {
            let (options, check) = (r#"{"path":"/nowhere/else"}"#, tde_keyfile::edit::KeyCheck::Required);
            draft.change_provider(Oid::PG_GLOBAL, ProviderId::new(-1), ProviderKind::File, options, check)
        }),
        Operation {
            prepare: of_release_20,
            // The default key, the server, the databases 5 and 6, keys_version.
            ..operation("upgrade", 5, |draft| draft.convert(Generation::Release22))
        },
        Operation {
            prepare: damaged,
            // wal_keys, 6_keys, 5_keys.r, 7_keys.r, 7_keys, keys_version.
            ..operation("repair", 6, |draft| {
                draft.repair();
                // A file that could not be read is left alone, which is no repair of everything.
                match draft.steps().iter().any(Step::is_warning) {
                    true => Err(EditError::WalRange { reason: "something was left alone" }),
                    false => Ok(()),
                }
            })
        },
    ]
}

/// What the files mean, without the keys of plain ranges, which are random and never used.
fn state(keys: &Keys, storage: &dyn Storage) -> State {
    let mut state = keys.state(storage);
    for range in state.scopes.values_mut().flat_map(|scope| &mut scope.ranges).filter(|range| range.0 == 1) {
        range.3.clear();
    }
    state
}

struct Scenario<'k> {
    keys: &'k Keys,
    operation: &'k Operation,
    old: ForgettingStorage,
    old_state: Option<State>,
    new_state: State,
}

impl<'k> Scenario<'k> {
    fn new(keys: &'k Keys, operation: &'k Operation) -> Self {
        let old = durable(&(operation.prepare)(keys, full_cluster(keys)));
        // The damaged cluster has no state to be described.
        let old_state = (operation.name != "repair").then(|| state(keys, &old));
        let new = durable(&old);
        let files = keys.edit(&new, operation.edits).unwrap();
        assert_eq!(files, operation.files, "{}", operation.name);
        let new_state = state(keys, &new);
        assert_ne!(old_state.as_ref(), Some(&new_state), "{} changes nothing", operation.name);
        Self { keys, operation, old, old_state, new_state }
    }

    fn state(&self, storage: &dyn Storage) -> State {
        state(self.keys, storage)
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
        self.keys.edit(storage, self.operation.edits).map(|_| ())
    }

    fn reopen(&self, storage: &ForgettingStorage, done: bool, context: &dyn Fn() -> String) {
        let name = self.operation.name;
        let options = self.keys.options();
        let editor = Editor::open(storage, Path::new(ROOT), &options)
            .unwrap_or_else(|error| panic!("{name}, {}: cannot reopen: {error:?}", context()));
        drop(editor);
        let is_old = storage.files() == self.old.files();
        if is_old {
            assert!(!done, "{name}, {}: a change that was reported done was lost", context());
            assert!(self.old_state.is_none() || self.old_state.as_ref() == Some(&self.state(storage)));
            self.run(storage).expect("a second run completes");
        }
        assert_eq!(self.state(storage), self.new_state, "{name}, {}: a mix", context());
        assert_tidy(storage);
        for survivor in storage.crash(SampleLimit(2)) {
            assert_eq!(self.state(&survivor), self.new_state, "{name}, {}: not durable", context());
        }
    }
}

#[test]
fn a_machine_crash_at_every_call_of_every_edit_leaves_old_or_new() {
    let keys = Keys::new();
    let scenarios = operations();
    let scenarios = scenarios.iter().map(|operation| Scenario::new(&keys, operation));
    let states: usize = scenarios.map(|scenario| crash_at_every_call(&scenario, SampleLimit(12))).sum();
    assert!(states > 1000, "only {states} states were looked at");
}

#[test]
fn an_error_at_every_call_of_every_edit_leaves_old_or_new() {
    let keys = Keys::new();
    for operation in operations() {
        fail_at_every_call(&Scenario::new(&keys, &operation));
    }
}

/// The journalled rotation is killed at every call, and the machine crashes at every call of the recovery.
#[test]
fn a_crash_while_an_interrupted_rotation_is_completed_leaves_old_or_new() {
    let keys = Keys::new();
    let operations = operations();
    let operation = operations.iter().find(|operation| operation.name == "rotate the default key").unwrap();
    crash_while_recovering(&Scenario::new(&keys, operation), (1, 3), SampleLimit(3), |killed| {
        Editor::open(killed, Path::new(ROOT), &keys.options()).is_ok()
    });
}

#[test]
fn a_keyring_has_its_old_keys_or_those_and_the_new_one_at_every_call() {
    let ring = Path::new("/keys/ring");
    let records = |storage: &ForgettingStorage| {
        let bytes = storage.get(ring)?;
        let keys = KeyringRecords::parse(&bytes);
        assert!(keys.torn_tail().is_none());
        Some(keys.records().map(|record| record.name().unwrap().to_string()).collect::<Vec<_>>())
    };
    let add = |storage: &ForgettingStorage, number: u8| {
        KeyringEdit::add_key(
            storage,
            ring,
            &edit::name(number).parse().unwrap(),
            &edit::principal_key(number),
        )
        .and_then(|edit| edit.apply(storage, "test"))
    };
    for exists in [false, true] {
        for halt_at in 0.. {
            let storage = ForgettingStorage::new();
            storage.put_directory("/keys");
            if exists {
                add(&storage, 1).unwrap();
            }
            let storage = durable(&storage);
            storage.put_directory("/keys");
            let old = records(&storage);
            storage.halt_at(halt_at);
            let done = add(&storage, 2).is_ok();
            for survivor in storage.crash(SampleLimit(64)) {
                let now = records(&survivor);
                let mut new = old.clone().unwrap_or_default();
                new.push("key-2".into());
                assert!(now.as_ref() == Some(&new) || (now == old && !done), "{halt_at}: {now:?}");
            }
            if done {
                let taken = KeyringEdit::add_key(
                    &storage.kill(),
                    ring,
                    &"KEY-2".parse().unwrap(),
                    &edit::principal_key(2),
                );
                assert!(matches!(taken, Err(EditError::PrincipalKeyExists { .. })));
                break;
            }
        }
    }
}

#[test]
fn two_editors_exclude_each_other_and_a_server_excludes_both() {
    let keys = Keys::new();
    let storage = full_cluster(&keys);
    let options: EditOptions = keys.options();
    let first = Editor::open(&storage, Path::new(ROOT), &options).unwrap();
    let second = Editor::open(&storage, Path::new(ROOT), &options);
    assert!(matches!(second, Err(EditError::Storage(storage::Error::Locked { .. }))), "{second:?}");
    drop(first);
    let mut strict = options.clone();
    strict.allow_unclean_shutdown = false;
    let unclean = Editor::open(&storage, Path::new(ROOT), &strict);
    assert!(matches!(unclean, Err(EditError::Storage(storage::Error::NotShutDown { .. }))), "{unclean:?}");
    storage.put("/data/postmaster.pid", format!("{}\n", std::process::id()).as_bytes());
    let running = Editor::open(&storage, Path::new(ROOT), &options);
    assert!(matches!(running, Err(EditError::Storage(storage::Error::ServerRunning { .. }))), "{running:?}");
}
