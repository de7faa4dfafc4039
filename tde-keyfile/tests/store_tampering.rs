//! Files of the layout with one file per relation that somebody changed, moved, swapped or cut: each is refused by name.
#![cfg(all(feature = "testing", unix))]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::std_instead_of_core)]

#[path = "support/edit.rs"]
mod edit;
#[path = "support/store.rs"]
mod store;

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use edit::{Keys, ROOT, durable, new_key};
use sha2::Digest as _;
use store::{Meaning, at, full};
use tde_keyfile::Oid;
use tde_keyfile::edit::EditError;
use tde_keyfile::format::FormatErrorKind;
use tde_keyfile::format::header::ProviderId;
use tde_keyfile::format::one_file::ProviderConfig;
use tde_keyfile::format::providers::{ProviderKind, encode_record};
use tde_keyfile::storage::testing::ForgettingStorage;
use tde_keyfile::storage::{self, DiskStorage};
use tde_keyfile::store::{KeyStore, Layout, OneFileStore};

const RELATION: &str = "/data/pg_tde/5/100.key";
const SERVER: &str = "/data/pg_tde/global/server_key.key";

fn opened(keys: &Keys, storage: &ForgettingStorage) -> Vec<EditError> {
    OneFileStore::open(storage, Path::new(ROOT), &keys.options()).unwrap().check()
}

/// The one problem that there is, as text.
fn only(keys: &Keys, storage: &ForgettingStorage) -> (EditError, String) {
    let mut problems = opened(keys, storage);
    assert_eq!(problems.len(), 1, "{problems:?}");
    let problem = problems.remove(0);
    let text = problem.to_string();
    (problem, text)
}

fn kind(error: &EditError) -> FormatErrorKind {
    match error {
        EditError::Format { error, .. } => error.kind(),
        other => panic!("{other:?}"),
    }
}

/// Makes the checksum right again, as a forger would.
fn forge(bytes: &mut [u8]) {
    let (body, checksum) = bytes.split_last_chunk_mut::<32>().unwrap();
    *checksum = sha2::Sha256::digest(body).into();
}

#[test]
fn files_that_were_moved_or_swapped_are_refused() {
    let keys = Keys::new();
    let good = full(&keys, Layout::OneFilePerRelation);
    let cases = [
        // From, to, the field that says so.
        (
            RELATION,
            "/data/pg_tde/5/999.key",
            "relation number: it is 100, but the file lies where 999 belongs",
        ),
        (RELATION, "/data/pg_tde/6/100.key", "database: it is 5, but the file lies where 6 belongs"),
        (RELATION, "/data/pg_tde/5/database_key.key", "kind: it is 1, but the file lies where 2 belongs"),
        ("/data/pg_tde/5/database_key.key", "/data/pg_tde/6/database_key.key", "database: it is 5"),
        ("/data/pg_tde/global/default_key.key", SERVER, "kind: it is 3, but the file lies where 4 belongs"),
        (SERVER, "/data/pg_tde/global/default_key.key", "kind: it is 4, but the file lies where 3 belongs"),
    ];
    for (from, to, expected) in cases {
        let storage = durable(&good);
        storage.put(to, &good.get(from).unwrap());
        let (error, text) = only(&keys, &storage);
        assert!(matches!(kind(&error), FormatErrorKind::Place { .. }), "{text}");
        assert!(text.starts_with(to.strip_prefix("/data/").unwrap()) && text.contains(expected), "{text}");
        assert!(error.advice().is_some());
    }
    // Two that change places are both noticed.
    let storage = durable(&good);
    storage.put(RELATION, &good.get("/data/pg_tde/5/102.key").unwrap());
    storage.put("/data/pg_tde/5/102.key", &good.get(RELATION).unwrap());
    assert_eq!(opened(&keys, &storage).len(), 2);
    let store = OneFileStore::open(&storage, Path::new(ROOT), &keys.options()).unwrap();
    assert!(store.relation_key(&at(5, 1663, 100)).is_err() && store.contents().is_err());
}

#[test]
fn every_field_that_a_forger_changes_is_noticed() {
    let keys = Keys::new();
    let good = full(&keys, Layout::OneFilePerRelation);
    let changes: &[(&str, &str, usize, &[u8])] = &[
        ("tablespace", RELATION, 456, &1664_u32.to_le_bytes()),
        ("tablespace, to one that is there", RELATION, 456, &1700_u32.to_le_bytes()),
        ("cipher", RELATION, 460, &1_u32.to_le_bytes()),
        ("base IV", RELATION, 480, &[0; 16]),
        ("number of entries", RELATION, 24, &1_u32.to_le_bytes()),
        ("provider", RELATION, 28, &(-2_i32).to_le_bytes()),
        ("set time", RELATION, 32, &1_i64.to_le_bytes()),
        ("principal key name", RELATION, 200, b"key-2"),
        ("provider name", RELATION, 72, b"ping"),
        ("fingerprint", RELATION, 56, &[7; 16]),
        ("nonce", RELATION, 536, &[7; 12]),
        ("wrapped key", RELATION, 548, &[7; 16]),
        ("range type", SERVER, 456, &1_u32.to_le_bytes()),
        ("range LSN", SERVER, 464, &0x123_u64.to_le_bytes()),
        ("range timeline", SERVER, 472, &9_u32.to_le_bytes()),
        ("WAL base IV", SERVER, 480, &[0; 16]),
        ("second range's LSN", SERVER, 504, &0x123_u64.to_le_bytes()),
        ("version of origin", SERVER, 52, &1_u32.to_le_bytes()),
        ("version, down", RELATION, 8, &0_u32.to_le_bytes()),
        ("version, up", RELATION, 8, &2_u32.to_le_bytes()),
    ];
    for (what, path, at, value) in changes {
        let mut bytes = good.get(path).unwrap();
        let before = bytes.clone();
        bytes[*at..at + value.len()].copy_from_slice(value);
        assert_ne!(bytes, before, "{what}: no change");
        let storage = durable(&good);
        // First as damage, then as forgery.
        storage.put(path, &bytes);
        let (error, text) = only(&keys, &storage);
        assert!(text.starts_with(path.strip_prefix("/data/").unwrap()), "{what}: {text}");
        assert_eq!(kind(&error), FormatErrorKind::Checksum, "{what}");
        forge(&mut bytes);
        storage.put(path, &bytes);
        let (error, text) = only(&keys, &storage);
        assert!(text.contains(path.strip_prefix("/data/").unwrap()), "{what}: {text}");
        match *what {
            "version, down" | "version, up" => {
                assert!(matches!(kind(&error), FormatErrorKind::UnsupportedVersion { .. }), "{text}");
            }
            // Other lengths.
            "cipher" | "number of entries" => {
                assert!(matches!(kind(&error), FormatErrorKind::Length { .. }), "{text}")
            }
            "tablespace, to one that is there" => {
                assert!(matches!(kind(&error), FormatErrorKind::Value { found: 1700 }), "{text}");
            }
            // Found before anything is decrypted: no key of that name is that key.
            "fingerprint" => {
                assert!(matches!(&error, EditError::Scope(_)), "{what}: {error:?}");
            }
            _ => assert_eq!(kind(&error), FormatErrorKind::Authentication, "{what}"),
        }
        let cut = &before[..before.len() - 40];
        storage.put(path, cut);
        assert_eq!(kind(&only(&keys, &storage).0), FormatErrorKind::Checksum, "{what}");
    }
}

#[test]
fn ranges_cannot_be_dropped_reordered_or_taken_from_an_older_file() {
    let keys = Keys::new();
    let good = full(&keys, Layout::OneFilePerRelation);
    let bytes = good.get(SERVER).unwrap();
    let entry = |number: usize| 456 + 40 * number;
    // The last range dropped, with its key (16 bytes, of the three keys of 16, 32 and 16 bytes).
    let mut dropped = bytes[..entry(2)].to_vec();
    dropped[24..28].copy_from_slice(&2_u32.to_le_bytes());
    dropped.extend(&bytes[entry(3)..entry(3) + 12 + 48]);
    dropped.extend(&bytes[bytes.len() - 48..]);
    // The first and the last change places, keys and all.
    let mut swapped = bytes.clone();
    let keys_at = entry(3) + 12;
    for (a, b, length) in [(entry(0), entry(2), 40), (keys_at, keys_at + 48, 16)] {
        swapped[a..a + length].copy_from_slice(&bytes[b..b + length]);
        swapped[b..b + length].copy_from_slice(&bytes[a..a + length]);
    }
    for mut forged in [dropped, swapped] {
        forge(&mut forged);
        let storage = durable(&good);
        storage.put(SERVER, &forged);
        let (error, _) = only(&keys, &storage);
        assert_eq!(kind(&error), FormatErrorKind::Authentication);
    }
    // An entry of a file of the same relation that was written later, under the same key.
    let later = durable(&good);
    let mut store = OneFileStore::open(&later, Path::new(ROOT), &keys.options()).unwrap();
    store
        .put_relation_key(
            at(5, 1663, 100),
            &edit::internal_key(99, false),
            tde_keyfile::edit::Existing::Replace,
        )
        .unwrap();
    let (old, mut new) = (good.get(RELATION).unwrap(), later.get(RELATION).unwrap());
    new[548..564].copy_from_slice(&old[548..564]);
    new[456..496].copy_from_slice(&old[456..496]);
    forge(&mut new);
    later.put(RELATION, &new);
    assert_eq!(kind(&only(&keys, &later).0), FormatErrorKind::Authentication);
}

#[test]
fn another_provider_under_the_same_number_is_not_asked() {
    let keys = Keys::new();
    let storage = full(&keys, Layout::OneFilePerRelation);
    // A keyring of somebody else, with keys of the right names.
    let scratch = tempfile::tempdir().unwrap();
    let ring = scratch.path().join("ring");
    let record = |byte| {
        let key = tde_core::PrincipalKey::from_slice(&[byte; 16]).unwrap();
        tde_keyfile::format::keyring::encode_record(&"key-0".parse().unwrap(), &key)
    };
    std::fs::write(&ring, record(0x66)).unwrap();
    let options = format!(r#"{{"path":"{}"}}"#, ring.display());
    let config = |name: &str| {
        let record = encode_record(ProviderId::new(-1), &name.parse().unwrap(), ProviderKind::File, &options);
        ProviderConfig::encode(Oid::PG_GLOBAL, &record.unwrap()).unwrap()
    };
    let path = "/data/pg_tde/global/provider_config";
    let mut blind = keys.options();
    blind.keys = tde_keyfile::cluster::OpenOptions::new();
    let read = |storage: &ForgettingStorage| {
        let store = OneFileStore::open(storage, Path::new(ROOT), &blind).unwrap();
        store.relation_key(&at(5, 1663, 100)).map(|key| key.is_some())
    };
    storage.put(path, &config("other"));
    let error = read(&storage).unwrap_err();
    assert!(matches!(error, EditError::OtherProvider { .. }), "{error:?}");
    assert!(
        error.to_string().contains("pg_tde/5/100.key: it is bound to key provider -1 \"ring\""),
        "{error}"
    );
    // With the right name, the key is told from the right one by its fingerprint.
    storage.put(path, &config("ring"));
    let error = read(&storage).unwrap_err();
    assert!(matches!(error, EditError::Scope(_)), "{error:?}");
    // And the right key is taken.
    let right = edit::principal_key(0);
    std::fs::write(&ring, tde_keyfile::format::keyring::encode_record(&"key-0".parse().unwrap(), &right))
        .unwrap();
    assert!(read(&storage).unwrap());
    // In the wrong directory, it is refused as such.
    storage.put("/data/pg_tde/5/provider_config", &config("ring"));
    let problems = opened(&keys, &storage);
    assert!(
        matches!(&problems[..], [error] if matches!(kind(error), FormatErrorKind::Place { found: 1664, expected: 5 })),
        "{problems:?}"
    );
}

/// As a backup of a single table is put back.
#[test]
fn a_relations_file_is_read_without_the_rest_of_its_database() {
    let keys = Keys::new();
    let full = full(&keys, Layout::OneFilePerRelation);
    let storage = ForgettingStorage::new();
    storage.put(RELATION, &full.get(RELATION).unwrap());
    let store = OneFileStore::open(&storage, Path::new(ROOT), &keys.options()).unwrap();
    let key =
        |store: &OneFileStore<'_>| edit::shown(&store.relation_key(&at(5, 1663, 100)).unwrap().unwrap());
    let whole = OneFileStore::open(&full, Path::new(ROOT), &keys.options()).unwrap();
    assert_eq!(key(&store), key(&whole));
    let (error, text) = only(&keys, &storage);
    assert!(matches!(error, EditError::NoScopeFile { .. }), "{text}");
    assert!(text.starts_with("pg_tde/5/database_key.key is missing"), "{text}");
    assert!(matches!(store.contents(), Err(EditError::NoScopeFile { .. })));
}

/// On the file system of this machine.
#[test]
fn links_directories_and_refusals_of_the_system_are_named_and_lose_nothing() {
    let keys = Keys::new();
    let memory = full(&keys, Layout::OneFilePerRelation);
    let directory = tempfile::tempdir().unwrap();
    for (path, content) in memory.files() {
        let path = directory.path().join(path.strip_prefix("/").unwrap());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    let root = directory.path().join("data");
    let disk = DiskStorage::new();
    let open = || OneFileStore::open(&disk, &root, &keys.options()).unwrap();
    let before = Meaning::of(&open());
    let file = root.join("pg_tde/5/100.key");
    let elsewhere = directory.path().join("elsewhere");
    std::fs::rename(&file, &elsewhere).unwrap();
    symlink(&elsewhere, &file).unwrap();
    let linked = open().rotate(Oid::new(5), &new_key(2));
    assert!(
        matches!(&linked, Err(EditError::Storage(storage::Error::NotRegular { path, .. })) if *path == file),
        "{linked:?}"
    );
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    let refused = open().relation_key(&at(5, 1663, 100));
    assert!(matches!(refused, Err(EditError::Storage(storage::Error::NotRegular { .. }))), "{refused:?}");
    std::fs::remove_dir(&file).unwrap();
    std::fs::rename(&elsewhere, &file).unwrap();
    // A directory of the layout that leads elsewhere belongs to whom the data directory belongs to, or is refused;
    // and one that may not be written to is, unless everything may be done anyway.
    let databases = root.join("pg_tde/5");
    std::fs::set_permissions(&databases, std::fs::Permissions::from_mode(0o500)).unwrap();
    let result = open().rotate(Oid::new(5), &new_key(2));
    std::fs::set_permissions(&databases, std::fs::Permissions::from_mode(0o700)).unwrap();
    if rustix::process::geteuid().is_root() {
        result.unwrap();
    } else {
        assert!(matches!(result, Err(EditError::Storage(storage::Error::Io { .. }))), "{result:?}");
    }
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&databases, Some(65534), None).unwrap();
        let refused = open().rotate(Oid::new(5), &new_key(4));
        std::os::unix::fs::chown(&databases, Some(0), None).unwrap();
        assert!(
            matches!(&refused, Err(EditError::Storage(storage::Error::Plan { path, .. })) if *path == databases),
            "{refused:?}"
        );
    } else {
        eprintln!("SKIPPED: only root can give a directory to somebody else");
    }
    let after = Meaning::of(&open());
    assert_eq!(after.scopes[&5].relations, before.scopes[&5].relations);
    assert_eq!(after.scopes[&6], before.scopes[&6]);
}
