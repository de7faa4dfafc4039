//! Every recorded cluster converted to one file per relation and back: the same keys, ranges, providers and plaintext,
//! as we and as an independent reader see them.
//!
//! The reader is a program that shares no code with these crates: a script that the variable `TDE_REFERENCE_READER`
//! names, or `../shared/tools/pgtde-ref.py` beside the checkout. Without it, or without Python and its
//! `cryptography` package, the comparison is skipped, and says so.
#![cfg(all(feature = "testing", unix))]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::std_instead_of_core)]

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tde_core::PrincipalKey;
use tde_keyfile::cluster::{Cluster, OpenOptions};
use tde_keyfile::edit::{EditOptions, NewPrincipalKey, Step};
use tde_keyfile::storage::DiskStorage;
use tde_keyfile::store::{KeyChange, KeyStore, Layout, OneFileStore, PgTdeStore, convert};
use tde_keyfile::verify::{VerifyOptions, verify};
use tde_testkit::{RecordedCluster, recorded_clusters, reference_reader, to_hex};

/// What the independent reader says of a data directory.
fn ask(reader: &Path, what: &str, data: &Path, cluster: &RecordedCluster, more: &[(&str, &[u8])]) -> Value {
    let mut command = Command::new("python3");
    command.arg(reader).arg(what).arg(data);
    if what == "files" {
        command.args(["--segsize", &cluster.manifest.relation_segment_blocks.to_string()]);
    }
    let keys = cluster.principal_keys();
    for (name, key) in
        keys.iter().map(|(name, key)| (name.as_str(), key.as_slice())).chain(more.iter().copied())
    {
        command.arg("--key").arg(format!("{name}={}", to_hex(key)));
    }
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: the independent reader: {errors}", cluster.name);
    let mut seen: Value = serde_json::from_slice(&output.stdout).unwrap();
    // Keys in the order of relations: free slots and the order of entries mean nothing.
    for keys in
        seen.get_mut("relations").and_then(Value::as_object_mut).into_iter().flat_map(|all| all.values_mut())
    {
        keys.as_array_mut().unwrap().sort_by_key(|key| (key["rel"].as_u64(), key["spc"].as_u64()));
    }
    seen
}

/// Relations and ranges, whatever else is told.
fn keys_of(seen: &Value) -> (Value, Value) {
    let mut relations = seen["relations"].clone();
    // A database whose file is empty has no keys, and one without a file neither.
    relations.as_object_mut().unwrap().retain(|_, keys| keys.as_array().is_some_and(|keys| !keys.is_empty()));
    (relations, seen["wal"]["ranges"].clone())
}

fn shown(store: &dyn KeyStore) -> Vec<String> {
    let contents = store.contents().unwrap();
    let mut lines = Vec::new();
    for (oid, scope) in contents.scopes() {
        let info = scope.principal_key();
        let (name, provider, time) = (info.name(), info.provider(), info.set_time());
        lines.push(format!("{oid}: {name} {provider} {time:?} {:?}", scope.origin()));
        let key = |key: &tde_core::InternalKey| {
            format!("{} {}", to_hex(key.expose_bytes()), to_hex(key.base_iv().as_bytes()))
        };
        lines.extend(scope.relations().map(|(place, found)| format!("{oid}/{place:?}: {}", key(found))));
        lines.extend(scope.ranges().iter().map(|(range, found)| format!("{range:?}: {}", key(found))));
    }
    lines.extend(contents.providers().map(|(oid, records)| format!("{oid}: {}", to_hex(records))));
    lines
}

#[test]
fn there_and_back_keys_ranges_providers_and_plaintext_are_the_same() {
    let reader = reference_reader();
    let storage = DiskStorage::new();
    for cluster in recorded_clusters() {
        let data = cluster.copy_data();
        let (scratch, name) = (tempfile::tempdir().unwrap(), &cluster.name);
        let mut options = EditOptions::new("test");
        let fresh: &[(&str, &[u8])] = &[("rotated", &[0x5a; 16])];
        let keys = cluster.principal_keys();
        let all = keys.iter().map(|(name, key)| (name.as_str(), key.as_slice())).chain(fresh.iter().copied());
        for (name, key) in all {
            let path = scratch.path().join(name);
            std::fs::write(&path, key).unwrap();
            options.keys = options.keys.principal_key(name.parse().unwrap(), path);
        }
        // The excerpts have no control file; the recordings were shut down cleanly.
        options.allow_unclean_shutdown = !data.path().join("global/pg_control").exists();
        let before = shown(&PgTdeStore::open(&storage, data.path(), &options).unwrap());
        let (there, back) = (scratch.path().join("there"), scratch.path().join("back"));
        let converted = convert(&storage, data.path(), &there, Layout::OneFilePerRelation, &options);
        let converted = converted.unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert!(!converted.edit().steps().iter().any(Step::is_warning), "{name}");
        converted.apply().unwrap();

        let mut store = OneFileStore::open(&storage, &there, &options).unwrap();
        assert_eq!(shown(&store), before, "{name}: there");
        assert!(store.check().is_empty(), "{name}");
        assert_eq!(
            std::fs::metadata(&there).unwrap().permissions(),
            std::fs::metadata(data.path()).unwrap().permissions()
        );

        // A rotation there is one that comes back.
        let scopes: Vec<_> = store
            .scopes()
            .unwrap()
            .into_iter()
            .map(|scope| (scope.scope, scope.principal_key.unwrap()))
            .collect();
        let key = PrincipalKey::from_slice(&[0x5a; 16]).unwrap();
        for (scope, info) in &scopes {
            let new = NewPrincipalKey::new(info.provider(), "rotated".parse().unwrap(), &key);
            store.apply(&[KeyChange::Rotate { scope: *scope, key: &new }], "rotate").unwrap();
        }
        convert(&storage, &there, &back, Layout::PgTde, &options).unwrap().apply().unwrap();
        let returned = shown_of_back(&storage, &back, &options);
        let keys_only = |lines: &[String]| -> Vec<String> {
            lines.iter().filter(|line| !line.contains("SetTime")).cloned().collect()
        };
        assert_eq!(keys_only(&returned), keys_only(&before), "{name}: back");

        // In the place of the original, both readers see what they saw.
        let seen = reader.as_ref().map(|reader| {
            (
                ask(reader, "keys", data.path(), &cluster, &[]),
                ask(reader, "files", data.path(), &cluster, &[]),
            )
        });
        let clean = findings(data.path(), &options.keys);
        std::fs::remove_dir_all(data.path().join("pg_tde")).unwrap();
        std::fs::rename(back.join("pg_tde"), data.path().join("pg_tde")).unwrap();
        if let Some((reader, (keys, files))) = reader.as_ref().zip(seen) {
            assert_eq!(keys_of(&ask(reader, "keys", data.path(), &cluster, fresh)), keys_of(&keys), "{name}");
            assert_eq!(ask(reader, "files", data.path(), &cluster, fresh), files, "{name}: plaintext");
        }
        if clean == 0 {
            assert_eq!(findings(data.path(), &options.keys), 0, "{name}");
        }
    }
}

fn shown_of_back(storage: &DiskStorage, back: &Path, options: &EditOptions) -> Vec<String> {
    let mut options = options.clone();
    // It has nothing but keys.
    options.allow_unclean_shutdown = true;
    shown(&PgTdeStore::open(storage, back, &options).unwrap())
}

fn findings(data: &Path, options: &OpenOptions) -> usize {
    let cluster = Cluster::open(data, options).unwrap();
    verify(&cluster, &VerifyOptions::default(), &mut ()).findings.len()
}
