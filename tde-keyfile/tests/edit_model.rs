//! Edits against a simple model in memory, and the rules that `pg_tde` has for its files.
#![cfg(all(feature = "testing", unix))]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::std_instead_of_core)]

#[path = "support/edit.rs"]
mod edit;

use std::path::Path;

use edit::{
    Keys, ROOT, Scope, State, assert_tidy, empty_cluster, full_cluster, internal_key, location, locator,
    name, new_key, shown,
};
use proptest::prelude::*;
use tde_keyfile::Oid;
use tde_keyfile::edit::{EditError, Existing, Generation, KeyCheck, KeyFiles, NewPrincipalKey, Step};
use tde_keyfile::format::header::ProviderId;
use tde_keyfile::format::keyring::encode_record;
use tde_keyfile::format::providers::ProviderKind;
use tde_keyfile::format::wal_keys::WalKeys;
use tde_keyfile::storage::testing::{FailingStorage, ForgettingStorage};
use tde_wal::RangeKind;

#[derive(Debug, Clone)]
enum Operation {
    CreateScope { scope: u32, key: u8 },
    Rotate { scope: u32, key: u8 },
    Put { database: u32, relation: u32, seed: u32, long: bool, existing: Existing },
    Free { database: u32, relation: u32 },
    Append { encrypted: bool, seed: u32, long: bool },
    Start { timeline: u32, lsn: u64 },
    Close { timeline: u32, lsn: u64 },
    Convert(Generation),
    AddProvider { scope: u32, name: u8 },
    DeleteProvider { scope: u32, id: i32 },
    Repair,
}

const SCOPES: [u32; 5] = [1663, 1664, 5, 6, 7];

fn an_operation() -> impl Strategy<Value = Operation> {
    use Operation::{
        AddProvider, Append, Close, Convert, CreateScope, DeleteProvider, Free, Put, Repair, Rotate, Start,
    };
    let scope = || prop::sample::select(&SCOPES[..]);
    let database = || prop::sample::select(&SCOPES[2..]);
    let file = || prop::sample::select(&SCOPES[1..]);
    let existing = prop_oneof![Just(Existing::Refuse), Just(Existing::Keep), Just(Existing::Replace)];
    prop_oneof![
        2 => (scope(), 0..6_u8).prop_map(|(scope, key)| CreateScope { scope, key }),
        3 => (scope(), 0..6_u8).prop_map(|(scope, key)| Rotate { scope, key }),
        6 => (database(), 100..106_u32, any::<u32>(), any::<bool>(), existing).prop_map(
            |(database, relation, seed, long, existing)| Put { database, relation, seed, long, existing }
        ),
        3 => (database(), 100..106_u32).prop_map(|(database, relation)| Free { database, relation }),
        3 => (any::<bool>(), any::<u32>(), any::<bool>())
            .prop_map(|(encrypted, seed, long)| Append { encrypted, seed, long }),
        3 => (1..4_u32, 1..20_u64).prop_map(|(timeline, lsn)| Start { timeline, lsn }),
        1 => (1..4_u32, 1..20_u64).prop_map(|(timeline, lsn)| Close { timeline, lsn }),
        1 => prop_oneof![Just(Generation::Release20), Just(Generation::Release22)].prop_map(Convert),
        2 => (file(), 0..4_u8).prop_map(|(scope, name)| AddProvider { scope, name }),
        1 => (file(), -4..4_i32).prop_map(|(scope, id)| DeleteProvider { scope, id }),
        1 => Just(Repair),
    ]
}

/// The rules, in a few lines, over what a cluster means. `false` is a refusal.
fn model(state: &mut State, operation: &Operation) -> bool {
    let old = state.scopes.values().any(|scope| matches!(scope.version, 1 | 3))
        && !state.scopes.values().any(|scope| matches!(scope.version, 2 | 4));
    let version = |scope: u32| match (scope == 1664, old) {
        (true, true) => 1,
        (true, false) => 2,
        (false, true) => 3,
        (false, false) => 4,
    };
    let long_key = |key: u8| key % 2 == 1;
    let create = |state: &mut State, scope: u32, key: &str| {
        let new = Scope {
            version: version(scope),
            key: key.into(),
            provider: -1,
            relations: Default::default(),
            ranges: vec![],
        };
        state.scopes.insert(scope, new);
    };
    let ensure = |state: &mut State, scope: u32| {
        if !state.scopes.contains_key(&scope)
            && let Some(default) = state.scopes.get(&1663).cloned()
        {
            create(state, scope, &default.key);
        }
        state.scopes.contains_key(&scope)
    };
    match operation {
        Operation::CreateScope { scope, key } => {
            if state.scopes.contains_key(scope) || (old && long_key(*key)) {
                return false;
            }
            create(state, *scope, &name(*key));
            if *scope == 1663 && !old && !state.scopes.contains_key(&1664) {
                create(state, 1664, &name(*key));
            }
            true
        }
        Operation::Rotate { scope, key } => {
            let Some(found) = state.scopes.get(scope).cloned() else { return false };
            let same = |(oid, other): &(&u32, &mut Scope)| {
                *oid == scope
                    || (*scope == 1663 && (&other.key, other.provider) == (&found.key, found.provider))
            };
            let of_old = |scope: &Scope| matches!(scope.version, 1 | 3);
            let affected: Vec<_> = state.scopes.iter_mut().filter(same).collect();
            if long_key(*key) && affected.iter().any(|(_, scope)| of_old(scope)) {
                return false;
            }
            for (_, scope) in affected {
                scope.key = name(*key);
                scope.provider = -1;
            }
            true
        }
        Operation::Put { database, relation, seed, long, existing } => {
            // A refusal leaves nothing behind, not even a scope.
            let mut next = state.clone();
            if !ensure(&mut next, *database) {
                return false;
            }
            let Some(scope) = next.scopes.get_mut(database) else { return false };
            match (scope.relations.contains_key(relation), existing) {
                (true, Existing::Refuse) => return false,
                (true, Existing::Keep) => return true,
                _ => {}
            }
            if *long && scope.version == 3 {
                return false;
            }
            scope.relations.insert(*relation, shown(&internal_key(*seed, *long)));
            *state = next;
            true
        }
        Operation::Free { database, relation } => {
            state.scopes.get_mut(database).is_some_and(|scope| scope.relations.remove(relation).is_some())
        }
        Operation::Append { encrypted, seed, long } => {
            let mut next = state.clone();
            if !ensure(&mut next, 1664) {
                return false;
            }
            let Some(server) = next.scopes.get_mut(&1664) else { return false };
            if *long && server.version == 1 {
                return false;
            }
            server.ranges.push((if *encrypted { 2 } else { 1 }, 0, 0, shown(&internal_key(*seed, *long))));
            *state = next;
            true
        }
        Operation::Start { timeline, lsn } => {
            state.scopes.get_mut(&1664).is_some_and(|server| start(&mut server.ranges, *timeline, *lsn))
        }
        Operation::Close { timeline, lsn } => {
            let Some(server) = state.scopes.get_mut(&1664) else { return false };
            let mut ranges = server.ranges.clone();
            match ranges.last() {
                None => return false,
                Some((1, timeline, ..)) if *timeline != 0 => return true,
                Some((1, ..)) => {}
                // The key is a random one.
                Some(_) => ranges.push((1, 0, 0, "random".into())),
            }
            if !start(&mut ranges, *timeline, *lsn) {
                return false;
            }
            server.ranges = ranges;
            true
        }
        Operation::Convert(to) => {
            let older = *to == Generation::Release20;
            let is_long = |key: &String| key.split('/').next().unwrap().len() == 64;
            let number = |scope: &Scope| scope.key.strip_prefix("key-").unwrap().parse::<u8>().unwrap();
            let to_version = |oid: u32| match (oid == 1664, older) {
                (true, true) => 1,
                (true, false) => 2,
                (false, true) => 3,
                (false, false) => 4,
            };
            let affected = state.scopes.iter_mut().filter(|(oid, scope)| scope.version != to_version(**oid));
            let affected: Vec<_> = affected.collect();
            let too_long = affected.iter().any(|(_, scope)| {
                long_key(number(scope))
                    || scope.relations.values().any(is_long)
                    || scope.ranges.iter().any(|(.., key)| is_long(key))
            });
            if older && too_long {
                return false;
            }
            let changed = !affected.is_empty();
            for (oid, scope) in affected {
                scope.version = to_version(*oid);
            }
            use tde_keyfile::format::header::Magic;
            if older {
                state.keys_version = None;
            } else if changed || state.keys_version.is_some() {
                state.keys_version = Some((Magic::RelationKeys4, Magic::WalKeys2));
            }
            true
        }
        Operation::AddProvider { scope, name } => {
            let records = state.providers.entry(*scope).or_default();
            let name = provider_name(*name);
            let taken = |(_, found): &(i32, Option<(String, String)>)| {
                found.as_ref().is_some_and(|(found, _)| found.eq_ignore_ascii_case(&name))
            };
            if records.iter().any(taken) {
                return false;
            }
            let next = records.iter().map(|(id, _)| id.abs()).max().unwrap_or(0) + 1;
            let id = if *scope == 1664 { -next } else { next };
            records.push((id, Some((name, "File { path: \"/p\" }".into()))));
            true
        }
        Operation::DeleteProvider { scope, id } => {
            let used = state.scopes.values().any(|scope| scope.provider == *id) && *scope == 1664;
            let Some(records) = state.providers.get_mut(scope) else { return false };
            let found = records.iter_mut().find(|(found, name)| found == id && name.is_some());
            match found {
                Some((_, name)) if !used => {
                    *name = None;
                    true
                }
                _ => false,
            }
        }
        Operation::Repair => true,
    }
}

fn start(ranges: &mut [(u32, u32, u64, String)], timeline: u32, lsn: u64) -> bool {
    let Some((last, before)) = ranges.split_last_mut() else { return false };
    let started = before.iter().rev().find(|range| range.1 != 0 && range.0 != 0);
    if last.1 != 0 || started.is_some_and(|range| (range.1, range.2) >= (timeline, lsn)) {
        return false;
    }
    (last.1, last.2) = (timeline, lsn);
    true
}

fn provider_name(number: u8) -> String {
    // "Ring" is "ring" to the server.
    ["two", "Two", "Ring", "three"][usize::from(number)].into()
}

fn apply(keys: &Keys, storage: &ForgettingStorage, operation: &Operation) -> Result<usize, EditError> {
    keys.edit(storage, |draft| match operation.clone() {
        Operation::CreateScope { scope, key } => draft.create_scope(Oid::new(scope), &new_key(key)),
        Operation::Rotate { scope, key } => draft.rotate(Oid::new(scope), &new_key(key)),
        Operation::Put { database, relation, seed, long, existing } => {
            draft.put_relation_key(locator(database, relation), &internal_key(seed, long), existing)
        }
        Operation::Free { database, relation } => draft.free_relation_key(locator(database, relation)),
        Operation::Append { encrypted, seed, long } => {
            let kind = if encrypted { RangeKind::Encrypted } else { RangeKind::Unencrypted };
            draft.append_wal_range(kind, &internal_key(seed, long))
        }
        Operation::Start { timeline, lsn } => draft.start_wal_range(location(timeline, lsn)),
        Operation::Close { timeline, lsn } => draft.close_wal_range(location(timeline, lsn)),
        Operation::Convert(to) => draft.convert(to),
        Operation::AddProvider { scope, name } => {
            let name = provider_name(name).parse().unwrap();
            draft.add_provider(Oid::new(scope), name, ProviderKind::File, r#"{"path":"/p"}"#).map(|_| ())
        }
        Operation::DeleteProvider { scope, id } => {
            draft.delete_provider(Oid::new(scope), ProviderId::new(id))
        }
        Operation::Repair => {
            draft.repair();
            assert_eq!(draft.steps(), [], "nothing is broken");
            Ok(())
        }
    })
}

/// Keys that the model cannot know, because they are random and never used.
fn forget_random(state: &mut State, of: &State) {
    let Some((ours, theirs)) = state.scopes.get_mut(&1664).zip(of.scopes.get(&1664)) else { return };
    for (range, other) in ours.ranges.iter_mut().zip(&theirs.ranges) {
        if other.3 == "random" {
            range.3 = "random".into();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn any_sequence_of_edits_has_the_outcome_of_the_model(
        operations in prop::collection::vec(an_operation(), 1..40),
    ) {
        let keys = Keys::new();
        let storage = empty_cluster(&keys);
        let mut expected = keys.state(&storage);
        for operation in &operations {
            let before = (expected.clone(), storage.files());
            let accepted = model(&mut expected, operation);
            let outcome = apply(&keys, &storage, operation);
            prop_assert_eq!(outcome.is_ok(), accepted, "{:?}: {:?}", operation, outcome);
            if !accepted {
                expected = before.0;
                expected.providers.retain(|_, records| !records.is_empty());
                prop_assert!(storage.files() == before.1, "{:?} was refused, but changed files", operation);
            }
            let mut found = keys.state(&storage);
            forget_random(&mut found, &expected);
            prop_assert_eq!(&found, &expected, "{:?}", operation);
        }
        assert_tidy(&storage);
    }
}

#[test]
fn a_free_slot_is_used_again_and_rotation_leaves_none() {
    let keys = Keys::new();
    let storage = full_cluster(&keys);
    let five = Path::new("/data/pg_tde/5_keys");
    let size = || storage.get(five).unwrap().len();
    assert_eq!(size(), 320 + 3 * 96, "the slot of the freed key stays");
    let put = |relation| {
        keys.edit(&storage, |draft| {
            draft.put_relation_key(locator(5, relation), &internal_key(1, false), Existing::Refuse)
        })
        .unwrap()
    };
    put(200);
    assert_eq!(size(), 320 + 3 * 96, "it is the first to be used again");
    put(201);
    assert_eq!(size(), 320 + 4 * 96);
    keys.edit(&storage, |draft| draft.free_relation_key(locator(5, 100))).unwrap();
    assert!(storage.get(five).unwrap()[320..416].iter().all(|&byte| byte == 0));
    keys.edit(&storage, |draft| draft.rotate(Oid::new(5), &new_key(4))).unwrap();
    assert_eq!(size(), 320 + 3 * 96);
}

#[test]
fn entries_that_are_not_understood_keep_a_file_from_being_rewritten() {
    let keys = Keys::new();
    let storage = full_cluster(&keys);
    let mut five = storage.get("/data/pg_tde/5_keys").unwrap();
    five[320 + 12] = 7;
    storage.put("/data/pg_tde/5_keys", &five);
    let files = storage.files();
    for scope in [5, 1663] {
        let refused = keys.edit(&storage, |draft| draft.rotate(Oid::new(scope), &new_key(2)));
        assert!(matches!(refused, Err(EditError::Format { .. })), "{refused:?}");
    }
    let refused = keys.edit(&storage, |draft| {
        draft.put_relation_key(locator(5, 300), &internal_key(1, false), Existing::Refuse)
    });
    assert!(matches!(refused, Err(EditError::Format { .. })), "{refused:?}");
    assert_eq!(storage.files(), files);
    // The others are not concerned.
    keys.edit(&storage, |draft| draft.rotate(Oid::new(6), &new_key(2))).unwrap();
}

#[test]
fn a_torn_tail_of_wal_keys_is_never_appended_to() {
    let keys = Keys::new();
    let storage = full_cluster(&keys);
    let whole = storage.get("/data/pg_tde/wal_keys").unwrap();
    for torn in [1, 50, 103] {
        let mut wal = whole.clone();
        wal.extend(vec![0xee; torn]);
        storage.put("/data/pg_tde/wal_keys", &wal);
        keys.edit(&storage, |draft| draft.append_wal_range(RangeKind::Encrypted, &internal_key(8, true)))
            .unwrap();
        let wal = storage.get("/data/pg_tde/wal_keys").unwrap();
        assert_eq!(wal.len(), whole.len() + 104);
        assert_eq!(wal[..whole.len()], whole);
    }
}

#[test]
fn a_range_begins_behind_the_one_before_by_timeline_first() {
    let keys = Keys::new();
    let storage = full_cluster(&keys);
    keys.edit(&storage, |draft| {
        draft.start_wal_range(location(1, 0x300_0000))?;
        draft.append_wal_range(RangeKind::Encrypted, &internal_key(8, true))
    })
    .unwrap();
    for (timeline, lsn) in [(1, 0x300_0000), (1, 0x2ff_ffff), (0, 5), (5, 0)] {
        let refused = keys.edit(&storage, |draft| draft.start_wal_range(location(timeline, lsn)));
        assert!(matches!(refused, Err(EditError::WalRange { .. })), "{refused:?}");
    }
    keys.edit(&storage, |draft| draft.start_wal_range(location(2, 0x100_0000))).unwrap();
    keys.edit(&storage, |draft| draft.rotate(Oid::PG_GLOBAL, &new_key(2))).unwrap();
}

#[test]
fn an_invalid_range_as_the_server_leaves_it_blocks_rotation_until_it_is_repaired() {
    let keys = Keys::new();
    let storage = full_cluster(&keys);
    let mut wal = storage.get("/data/pg_tde/wal_keys").unwrap();
    wal[320 + 4] = 0;
    storage.put("/data/pg_tde/wal_keys", &wal);
    let refused = keys.edit(&storage, |draft| draft.rotate(Oid::PG_GLOBAL, &new_key(2)));
    assert!(matches!(refused, Err(EditError::InvalidRange { index: 0, .. })), "{refused:?}");
    let mut steps = Vec::new();
    keys.edit(&storage, |draft| {
        draft.repair();
        steps = draft.steps().to_vec();
        Ok(())
    })
    .unwrap();
    assert_eq!(steps, [Step::InvalidRangeDropped { index: 0, start: location(1, 0x100_0000) }]);
    let repaired = storage.get("/data/pg_tde/wal_keys").unwrap();
    assert_eq!(repaired, [&wal[..320], &wal[424..]].concat(), "the others stay byte for byte");
    keys.edit(&storage, |draft| draft.rotate(Oid::PG_GLOBAL, &new_key(2))).unwrap();
    let wal = storage.get("/data/pg_tde/wal_keys").unwrap();
    assert_eq!(WalKeys::parse(&wal).unwrap().unwrap().len(), 2);
}

/// What repair must not touch, since it may be the only copy of a key.
#[test]
fn a_leftover_is_removed_only_beside_a_whole_file_and_renamed_only_if_it_verifies() {
    let keys = Keys::new();
    let full = full_cluster(&keys);
    let seven = full.get("/data/pg_tde/7_keys").unwrap();
    let mut unreadable = seven.clone();
    unreadable[320 + 40] ^= 1;
    let mut foreign = seven.clone();
    foreign[310] ^= 1;
    // Content of 7_keys, content of 7_keys.r, then what becomes of both.
    type Content<'a> = Option<&'a [u8]>;
    let cases: [(&str, Content<'_>, &[u8], Content<'_>, Content<'_>); 8] = [
        ("garbage beside a whole file", Some(&seven), b"garbage", Some(&seven), None),
        ("a half-written one beside a whole file", Some(&seven), &seven[..400], Some(&seven), None),
        ("the only copy", None, &seven, Some(&seven), None),
        ("a damaged only copy", None, &unreadable, None, Some(&unreadable)),
        ("an only copy of another key", None, &foreign, None, Some(&foreign)),
        ("a copy beside an emptied file", Some(b""), &seven, Some(b""), Some(&seven)),
        ("a copy beside a damaged file", Some(&unreadable), &seven, Some(&unreadable), Some(&seven)),
        ("nothing", None, b"", None, None),
    ];
    for (case, file, leftover, file_after, leftover_after) in cases {
        let storage = ForgettingStorage::new();
        for (path, content) in full.files() {
            if !path.ends_with("7_keys") {
                storage.put(path, &content);
            }
        }
        if let Some(file) = file {
            storage.put("/data/pg_tde/7_keys", file);
        }
        storage.put("/data/pg_tde/7_keys.r", leftover);
        let mut left_alone = false;
        keys.edit(&storage, |draft| {
            draft.repair();
            left_alone = draft.steps().iter().any(Step::is_warning);
            Ok(())
        })
        .unwrap();
        assert_eq!(storage.get("/data/pg_tde/7_keys").as_deref(), file_after, "{case}");
        assert_eq!(storage.get("/data/pg_tde/7_keys.r").as_deref(), leftover_after, "{case}");
        assert_eq!(left_alone, leftover_after.is_some(), "{case}: what is left alone is reported");
    }
}

#[test]
fn a_provider_is_not_changed_or_deleted_under_a_key_in_use() {
    let keys = Keys::new();
    let storage = full_cluster(&keys);
    let id = ProviderId::new(-1);
    let deleted = keys.edit(&storage, |draft| draft.delete_provider(Oid::PG_GLOBAL, id));
    assert!(matches!(deleted, Err(EditError::ProviderInUse { .. })), "{deleted:?}");
    // Without keyrings that stand in, the new path itself must have the keys.
    let directory = tempfile::tempdir().unwrap();
    let ring = directory.path().join("ring");
    let options = format!(r#"{{"path":"{}"}}"#, ring.display());
    let key_file = directory.path().join("key");
    let change = |check| {
        let open = (0..2).fold(tde_keyfile::cluster::OpenOptions::new(), |open, number| {
            let path = key_file.with_extension(number.to_string());
            std::fs::write(&path, edit::principal_key(number).expose_bytes()).unwrap();
            open.principal_key(name(number).parse().unwrap(), path)
        });
        let files = KeyFiles::read(&storage, Path::new(ROOT), &open).unwrap();
        edit::plan(&files, |draft| {
            draft.change_provider(Oid::PG_GLOBAL, id, ProviderKind::File, &options, check)
        })
    };
    assert!(matches!(change(KeyCheck::Required), Err(EditError::ProviderLosesKey { .. })));
    assert!(change(KeyCheck::Skipped).is_ok());
    let record = |number| encode_record(&name(number).parse().unwrap(), &edit::principal_key(number));
    std::fs::write(&ring, record(0)).unwrap();
    // Database 7 has another key.
    let lost = change(KeyCheck::Required);
    assert!(matches!(&lost, Err(EditError::ProviderLosesKey { scope, .. }) if scope.get() == 7), "{lost:?}");
    std::fs::write(&ring, [record(0), record(1)].concat()).unwrap();
    let changed = change(KeyCheck::Required).unwrap();
    assert!(matches!(changed.steps(), [Step::ProviderChanged { verified: 5, .. }]), "{:?}", changed.steps());
}

#[test]
fn the_server_and_default_keys_take_global_providers_only_and_old_files_short_keys_only() {
    let keys = Keys::new();
    let storage = full_cluster(&keys);
    let local = NewPrincipalKey::new(ProviderId::new(1), "key-2".parse().unwrap(), &edit::principal_key(2));
    for scope in [Oid::PG_GLOBAL, Oid::PG_DEFAULT] {
        let refused = keys.edit(&storage, |draft| draft.rotate(scope, &local));
        assert!(matches!(refused, Err(EditError::ProviderNotGlobal { .. })), "{refused:?}");
    }
    let old = empty_cluster(&keys);
    keys.edit(&old, |draft| {
        draft.create_scope(Oid::new(5), &new_key(0))?;
        draft.convert(Generation::Release20)
    })
    .unwrap();
    let refused = keys.edit(&old, |draft| draft.rotate(Oid::new(5), &new_key(1)));
    assert!(matches!(refused, Err(EditError::PrincipalKeyLength { .. })), "{refused:?}");
}

/// What the original does once for every key.
#[test]
fn a_rotation_waits_for_the_disk_a_constant_number_of_times() {
    let keys = Keys::new();
    let syncs = |relations: u32| {
        let storage = empty_cluster(&keys);
        keys.edit(&storage, |draft| draft.create_scope(Oid::new(5), &new_key(0))).unwrap();
        let mut file = storage.get("/data/pg_tde/5_keys").unwrap();
        let wrap_key = tde_core::WrapKey::new(&edit::principal_key(0));
        for relation in 0..relations {
            let entry = tde_keyfile::format::relation_keys::seal_entry(
                tde_keyfile::format::relation_keys::Version::V4,
                Oid::PG_DEFAULT,
                tde_keyfile::RelationNumber::new(relation),
                &internal_key(relation, false),
                &wrap_key,
                &[7; 16],
            );
            file.extend(entry.unwrap());
        }
        storage.put("/data/pg_tde/5_keys", &file);
        let counted = FailingStorage::new(storage);
        counted.heal();
        keys.edit(&counted, |draft| draft.rotate(Oid::new(5), &new_key(2))).unwrap();
        assert_eq!(keys.state(counted.inner()).scopes[&5].relations.len(), relations as usize);
        counted.syncs()
    };
    let few = syncs(1);
    assert_eq!(few, syncs(100_000));
    assert!(few <= 4, "{few}");
}
