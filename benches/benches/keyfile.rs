//! A scope of 100,000 relation keys, and one of 10,000 files with a relation's key each: rotated, opened, and one key
//! found.
//!
//! `cargo bench -p tde-benches --bench keyfile` prints medians; the targets are under 1 s for the rotation of the one
//! file and under 5 s for that of 10,000, waiting for the disk included, and under 20 ms for opening and finding. How
//! often a rotation waits for the disk is held by tests of `tde-keyfile`.

#![allow(clippy::expect_used, missing_docs, reason = "a bench")]

use std::fs;
use std::hint::black_box;
use std::path::Path;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use tde_core::{Cipher, InternalKey, PrincipalKey, WrapKey};
use tde_keyfile::cluster::{Cluster, OpenOptions, RelationKey};
use tde_keyfile::edit::{EditOptions, Editor, Existing, NewPrincipalKey};
use tde_keyfile::format::header::{Magic, PrincipalKeyInfo, ProviderId, SetTime, sign};
use tde_keyfile::format::relation_keys::{Version, seal_entry};
use tde_keyfile::storage::DiskStorage;
use tde_keyfile::store::{KeyChange, KeyStore as _, OneFileStore};
use tde_keyfile::{Oid, RelationLocator, RelationNumber};

const RELATIONS: u32 = 100_000;
const FILES: u32 = 10_000;
const DATABASE: Oid = Oid::new(16384);

/// A data directory with one scope, and the key file of its principal key.
fn data_directory() -> (tempfile::TempDir, OpenOptions) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let pg_tde = directory.path().join("pg_tde");
    fs::create_dir(&pg_tde).expect("a directory");
    let time = SetTime { seconds: 1_750_000_000, microseconds: 0 };
    let name = "old".parse().expect("a name");
    let info = PrincipalKeyInfo::new(DATABASE, ProviderId::new(1), time, name);
    let key = WrapKey::new(&PrincipalKey::from_slice(&[1; 16]).expect("16 bytes"));
    let mut file = Vec::from(sign(Magic::RelationKeys4, &info, &key, &[2; 16]).expect("a header"));
    for relation in 0..RELATIONS {
        let internal = InternalKey::random(Cipher::Aes128).expect("random bytes");
        let iv = tde_core::random_iv().expect("random bytes");
        let relation = RelationNumber::new(20_000 + relation);
        let entry = seal_entry(Version::V4, Oid::PG_DEFAULT, relation, &internal, &key, &iv);
        file.extend(entry.expect("an entry"));
    }
    fs::write(pg_tde.join("16384_keys"), file).expect("a file");
    for (name, byte) in [("old", 1), ("new", 3)] {
        fs::write(directory.path().join(name), [byte; 16]).expect("a key file");
    }
    let key = |name: &str| (name.parse().expect("a name"), directory.path().join(name));
    let (old, new) = (key("old"), key("new"));
    let options = OpenOptions::new().principal_key(old.0, old.1).principal_key(new.0, new.1);
    (directory, options)
}

fn rotate(directory: &Path, options: &OpenOptions, name: &str, byte: u8) {
    let storage = DiskStorage::new();
    let editor = Editor::open(&storage, directory, &edit_options(options)).expect("opens");
    let mut draft = editor.draft();
    draft.rotate(DATABASE, &new_key(name, byte)).expect("rotates");
    let edit = draft.finish("bench");
    editor.apply(edit).expect("applies");
}

fn find(directory: &Path, options: &OpenOptions, relation: u32) -> InternalKey {
    let cluster = Cluster::open(directory, options).expect("opens");
    match cluster.relation_key(&locator(relation)).expect("unwraps") {
        RelationKey::Key(key) => key,
        RelationKey::NoEntry => unreachable!("the relation has a key"),
    }
}

fn keyfile(criterion: &mut Criterion) {
    let (directory, options) = data_directory();
    let mut group = criterion.benchmark_group("100000 relation keys");
    group.sample_size(10).throughput(Throughput::Elements(u64::from(RELATIONS)));
    let mut turn = false;
    group.bench_function("rotate", |bencher| {
        bencher.iter_batched(
            || {
                turn = !turn;
                turn
            },
            |turn| {
                let (name, byte) = if turn { ("new", 3) } else { ("old", 1) };
                rotate(directory.path(), &options, name, byte);
            },
            BatchSize::PerIteration,
        );
    });
    group.throughput(Throughput::Elements(1));
    group.bench_function("open and find the last", |bencher| {
        bencher.iter(|| black_box(find(directory.path(), &options, RELATIONS - 1)));
    });
    group.finish();
}

/// A data directory with 10,000 files, one for each relation.
fn key_files() -> (tempfile::TempDir, OpenOptions) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    fs::create_dir(directory.path().join("pg_tde")).expect("a directory");
    for (name, byte) in [("old", 1), ("new", 3)] {
        fs::write(directory.path().join(name), [byte; 16]).expect("a key file");
    }
    let key = |name: &str| (name.parse().expect("a name"), directory.path().join(name));
    let (old, new) = (key("old"), key("new"));
    let options = OpenOptions::new().principal_key(old.0, old.1).principal_key(new.0, new.1);
    let keys: Vec<_> =
        (0..FILES).map(|_| InternalKey::random(Cipher::Aes128).expect("random bytes")).collect();
    let principal = new_key("old", 1);
    let mut changes = vec![KeyChange::CreateScope { scope: DATABASE, key: &principal }];
    for (number, key) in (0..).zip(&keys) {
        let locator = locator(number);
        changes.push(KeyChange::PutRelationKey { locator, key, existing: Existing::Refuse });
    }
    let storage = DiskStorage::new();
    let mut store = OneFileStore::open(&storage, directory.path(), &edit_options(&options)).expect("opens");
    store.apply(&changes, "bench").expect("applies");
    (directory, options)
}

fn edit_options(options: &OpenOptions) -> EditOptions {
    let mut edit_options = EditOptions::new("bench");
    edit_options.keys = options.clone();
    edit_options.allow_unclean_shutdown = true;
    edit_options
}

fn new_key(name: &str, byte: u8) -> NewPrincipalKey {
    let key = PrincipalKey::from_slice(&[byte; 16]).expect("16 bytes");
    NewPrincipalKey::new(ProviderId::new(1), name.parse().expect("a name"), &key)
}

fn locator(relation: u32) -> RelationLocator {
    let relation = RelationNumber::new(20_000 + relation);
    RelationLocator { tablespace: Oid::PG_DEFAULT, database: DATABASE, relation }
}

fn one_file_per_relation(criterion: &mut Criterion) {
    let (directory, options) = key_files();
    let (storage, edit_options) = (DiskStorage::new(), edit_options(&options));
    let mut group = criterion.benchmark_group("10000 key files");
    group.sample_size(10).throughput(Throughput::Elements(u64::from(FILES)));
    let mut turn = false;
    group.bench_function("rotate", |bencher| {
        bencher.iter(|| {
            turn = !turn;
            let key = if turn { new_key("new", 3) } else { new_key("old", 1) };
            let mut store = OneFileStore::open(&storage, directory.path(), &edit_options).expect("opens");
            store.rotate(DATABASE, &key).expect("rotates");
        });
    });
    group.throughput(Throughput::Elements(1));
    group.bench_function("open and find the last", |bencher| {
        bencher.iter(|| {
            let store = OneFileStore::open(&storage, directory.path(), &edit_options).expect("opens");
            black_box(store.relation_key(&locator(FILES - 1)).expect("unwraps").expect("has a key"))
        });
    });
    group.finish();
}

criterion_group!(benches, keyfile, one_file_per_relation);
criterion_main!(benches);
