//! A scope of 100,000 relation keys: rotated, opened, and one key found.
//!
//! `cargo bench -p tde-benches --bench keyfile` prints medians; the targets are under 1 s for the rotation and under
//! 20 ms for opening and finding. How often a rotation waits for the disk is held by a test of `tde-keyfile`.

#![allow(clippy::expect_used, missing_docs, reason = "a bench")]

use std::fs;
use std::hint::black_box;
use std::path::Path;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use tde_core::{Cipher, InternalKey, PrincipalKey, WrapKey};
use tde_keyfile::cluster::{Cluster, OpenOptions, RelationKey};
use tde_keyfile::edit::{EditOptions, Editor, NewPrincipalKey};
use tde_keyfile::format::header::{Magic, PrincipalKeyInfo, ProviderId, SetTime, sign};
use tde_keyfile::format::relation_keys::{Version, seal_entry};
use tde_keyfile::storage::DiskStorage;
use tde_keyfile::{Oid, RelationLocator, RelationNumber};

const RELATIONS: u32 = 100_000;
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
    let mut edit_options = EditOptions::new("bench");
    edit_options.keys = options.clone();
    edit_options.allow_unclean_shutdown = true;
    let editor = Editor::open(&storage, directory, &edit_options).expect("opens");
    let key = PrincipalKey::from_slice(&[byte; 16]).expect("16 bytes");
    let new = NewPrincipalKey::new(ProviderId::new(1), name.parse().expect("a name"), &key);
    let mut draft = editor.draft();
    draft.rotate(DATABASE, &new).expect("rotates");
    let edit = draft.finish("bench");
    editor.apply(edit).expect("applies");
}

fn find(directory: &Path, options: &OpenOptions, relation: u32) -> InternalKey {
    let cluster = Cluster::open(directory, options).expect("opens");
    let locator = RelationLocator {
        tablespace: Oid::PG_DEFAULT,
        database: DATABASE,
        relation: RelationNumber::new(20_000 + relation),
    };
    match cluster.relation_key(&locator).expect("unwraps") {
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

criterion_group!(benches, keyfile);
criterion_main!(benches);
