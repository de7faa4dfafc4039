//! Relations of copies of every recorded cluster are encrypted, and encrypted anew: an independent reader sees the same
//! plaintext, verification finds nothing, and no page is stored as it was.
#![cfg(all(feature = "testing", unix))]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::std_instead_of_core)]

#[path = "support/edit.rs"]
mod edit;
#[path = "support/reader.rs"]
mod reader;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use reader::Copy;
use tde_core::Cipher;
use tde_keyfile::RelationLocator;
use tde_keyfile::cluster::RelationKey;
use tde_keyfile::edit::{EditError, ReencryptOptions, RelationFiles};
use tde_keyfile::format::header::Magic;
use tde_keyfile::postgres::RelationPath;
use tde_keyfile::relation_file::{RelationGeometry, RelationReader};
use tde_keyfile::storage::DiskStorage;
use tde_testkit::{RecordedCluster, recorded_clusters, reference_reader, sha256_hex, to_hex};

/// The relations of a cluster by the path of their main fork, and what can be rewritten of them here.
fn relations(cluster: &RecordedCluster, copy: &Copy) -> BTreeMap<RelationPath, RelationFiles> {
    let mut found = BTreeMap::new();
    for file in &cluster.manifest.files {
        let path = RelationPath::parse(file.path.strip_prefix("data/").unwrap()).unwrap();
        match RelationFiles::find(&DiskStorage::new(), copy.directory.path(), &path) {
            Ok(files) => {
                assert!(files.files().iter().any(|(one, _)| *one == path), "{path}");
                found.insert(*files.path(), files);
            }
            // Of some relations the excerpts have a single segment, or one fork.
            Err(EditError::NoRelationFiles { .. } | EditError::RelationLength { .. })
                if cluster.name.ends_with("-excerpt") => {}
            Err(error) => panic!("{}: {path}: {error}", cluster.name),
        }
    }
    found
}

fn key(copy: &Copy, locator: &RelationLocator) -> Option<String> {
    match copy.cluster().relation_key(locator).unwrap() {
        RelationKey::Key(key) => {
            Some(format!("{}/{}", to_hex(key.expose_bytes()), to_hex(key.base_iv().as_bytes())))
        }
        RelationKey::NoEntry => None,
    }
}

fn plaintext(cluster: &RecordedCluster, copy: &Copy, path: &RelationPath) -> Vec<u8> {
    let geometry = RelationGeometry {
        blocks_per_segment: cluster.manifest.relation_segment_blocks,
        ..RelationGeometry::default()
    };
    let found = copy.cluster();
    let key = match found.relation_key(&path.locator).unwrap() {
        RelationKey::Key(key) => Some(key),
        RelationKey::NoEntry => None,
    };
    let mut plain = Vec::new();
    let reader = RelationReader::open(copy.directory.path(), *path, key.as_ref(), geometry).unwrap();
    reader.decrypt_to(&mut plain).unwrap();
    plain
}

/// Every file has the plaintext that was recorded, to us and to the other reader.
fn assert_plaintext(cluster: &RecordedCluster, copy: &Copy, before: &Option<serde_json::Value>, what: &str) {
    for file in &cluster.manifest.files {
        let path = RelationPath::parse(file.path.strip_prefix("data/").unwrap()).unwrap();
        let plain = plaintext(cluster, copy, &path);
        assert_eq!(sha256_hex(&plain), file.plain_sha256, "{}: {path} after {what}", cluster.name);
    }
    if let (Some(now), Some(before)) = (copy.ask("files"), before) {
        let plain = |value: &serde_json::Value| -> BTreeMap<String, String> {
            let files = value.as_object().expect("files by path").iter();
            files.map(|(path, file)| (path.clone(), file["plain_sha256"].to_string())).collect()
        };
        assert!(!plain(&now).is_empty());
        assert_eq!(plain(&now), plain(before), "{}: the independent reader after {what}", cluster.name);
    }
}

fn allow(cipher: Option<Cipher>) -> ReencryptOptions {
    let mut options = ReencryptOptions::default();
    options.cipher = cipher;
    options
}

#[test]
fn every_relation_gets_another_key_and_keeps_its_plaintext() {
    let reader = reference_reader();
    let mut rekeyed = 0;
    for cluster in recorded_clusters() {
        let copy = Copy::of(&cluster, reader.as_ref());
        let before = copy.ask("files");
        let relations = relations(&cluster, &copy);
        let encrypted: Vec<_> =
            relations.values().filter(|found| key(&copy, &found.locator()).is_some()).collect();
        let stored = |found: &RelationFiles| -> Vec<Vec<u8>> {
            let files = found.files().iter();
            files.map(|(path, _)| fs::read(copy.directory.path().join(path.to_string())).unwrap()).collect()
        };
        let old: Vec<_> =
            encrypted.iter().map(|found| (key(&copy, &found.locator()), stored(found))).collect();
        let long = copy.cluster().scopes().any(|scope| scope.magic() == Some(Magic::RelationKeys4));
        // All at once, and then one of them once more with the other cipher.
        copy.edit(|draft| encrypted.iter().try_for_each(|found| draft.rekey_relation(found, allow(None))))
            .unwrap();
        for (found, (key_before, stored_before)) in encrypted.iter().zip(&old) {
            let (now, locator) = (stored(found), found.locator());
            let key_now = key(&copy, &locator);
            assert_ne!(&key_now, key_before, "{locator}");
            assert_eq!(key_now.unwrap().len(), key_before.as_ref().unwrap().len(), "the same cipher");
            let (now, stored_before) = (now.concat(), stored_before.concat());
            for (page, page_before) in now.chunks(8192).zip(stored_before.chunks(8192)) {
                let zero = page_before.iter().all(|byte| *byte == 0);
                assert_eq!(page == page_before, zero, "{locator}: pages are encrypted anew, and zeros stay");
            }
            rekeyed += 1;
        }
        assert_plaintext(&cluster, &copy, &before, "all keys are new");
        if let Some(found) = encrypted.first() {
            let cipher = if long { Cipher::Aes256 } else { Cipher::Aes128 };
            copy.edit(|draft| draft.rekey_relation(found, allow(Some(cipher)))).unwrap();
            assert_plaintext(&cluster, &copy, &before, "the other cipher");
            if !long {
                let refused = copy.edit(|draft| draft.rekey_relation(found, allow(Some(Cipher::Aes256))));
                assert!(matches!(refused, Err(EditError::Encode(_))), "{refused:?}");
            }
        }
        if !cluster.name.ends_with("-excerpt") {
            copy.assert_verifies("all keys are new");
        }
    }
    assert!(rekeyed > 10, "{rekeyed}");
}

#[test]
fn every_relation_is_encrypted_from_its_plaintext() {
    let reader = reference_reader();
    let mut done = (0, 0);
    for cluster in recorded_clusters() {
        let copy = Copy::of(&cluster, reader.as_ref());
        let before = copy.ask("files");
        let relations = relations(&cluster, &copy);
        let refused = |found: &RelationFiles| copy.edit(|draft| draft.encrypt_relation(found, allow(None)));
        for found in relations.values() {
            let locator = found.locator();
            if key(&copy, &locator).is_some() {
                let exists = refused(found);
                assert!(matches!(exists, Err(EditError::RelationKeyExists { .. })), "{exists:?}");
                let encrypted: Vec<_> =
                    found.files().iter().map(|(path, _)| (*path, plaintext(&cluster, &copy, path))).collect();
                copy.edit(|draft| draft.free_relation_key(locator)).unwrap();
                if found.length() > 0 && encrypted.iter().any(|(_, plain)| plain.iter().any(|b| *b != 0)) {
                    let twice = refused(found);
                    assert!(twice.is_err(), "{}: {locator} would be encrypted twice", cluster.name);
                }
                for (path, plain) in encrypted {
                    fs::write(copy.directory.path().join(path.to_string()), plain).unwrap();
                }
                done.0 += 1;
            }
            match refused(found) {
                Ok(files) => assert_eq!(files, 1 + found.files().len(), "{locator}"),
                Err(EditError::NoPrincipalKey { .. }) => continue,
                Err(error) => panic!("{}: {locator}: {error:?}", cluster.name),
            }
            assert!(key(&copy, &locator).is_some());
            done.1 += 1;
        }
        assert_plaintext(&cluster, &copy, &before, "all are encrypted");
        if !cluster.name.ends_with("-excerpt") {
            copy.assert_verifies("all are encrypted");
        }
    }
    assert!(done.0 > 10 && done.1 > done.0, "{done:?}");
}

#[test]
fn what_pg_tde_does_not_encrypt_and_what_cannot_be_understood_is_refused() {
    let clusters = recorded_clusters();
    let cluster = clusters.iter().find(|cluster| cluster.name == "B-excerpt").unwrap();
    let copy = Copy::of(cluster, None);
    let data = copy.directory.path();
    let find =
        |path: &str| RelationFiles::find(&DiskStorage::new(), data, &RelationPath::parse(path).unwrap());
    let put = |path: &str, content: &[u8]| {
        let path = data.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    };
    let database = cluster.manifest.files[0].path.split('/').nth(2).unwrap().to_owned();
    let path = |number: &str| format!("base/{database}/{number}");

    assert!(matches!(find("global/1262"), Err(EditError::NotEncrypted { .. })));
    put(&path("13000"), &[0; 8192]);
    let catalog = find(&path("13000")).unwrap();
    let refused = copy.edit(|draft| draft.encrypt_relation(&catalog, allow(None)));
    assert!(matches!(refused, Err(EditError::NotEncrypted { .. })), "{refused:?}");
    assert!(matches!(find(&path("99999")), Err(EditError::NoRelationFiles { .. })));
    assert!(matches!(find("base/4/99999"), Err(EditError::NoRelationFiles { .. })));

    put(&path("70000"), &[0; 8193]);
    assert!(matches!(find(&path("70000")), Err(EditError::RelationLength { .. })));
    put(&path("70001"), &[0; 8192]);
    put(&path("70001.2"), &[0; 8192]);
    assert!(matches!(find(&path("70001")), Err(EditError::RelationLength { .. })), "a segment is missing");
    put(&path("70001.2"), &[]);
    assert!(find(&path("70001")).is_ok(), "what a truncation leaves is nothing");

    // A page that makes no sense is named, and encrypted only if that is allowed and others make sense.
    let sound = plaintext_page(cluster);
    put(&path("70002"), &[&sound[..], &[7; 8192]].concat());
    let found = find(&path("70002")).unwrap();
    let damaged = copy.edit(|draft| draft.encrypt_relation(&found, allow(None))).unwrap_err();
    let EditError::Storage(tde_keyfile::storage::Error::Content { source, .. }) = &damaged else {
        panic!("{damaged:?}")
    };
    assert!(source.to_string().contains("block 1 makes no sense as plaintext"), "{source}");
    let mut anyway = allow(None);
    anyway.allow_damaged_pages = true;
    copy.edit(|draft| draft.encrypt_relation(&found, anyway)).unwrap();
    let plain = plaintext(cluster, &copy, found.path());
    assert_eq!(plain, [&sound[..], &[7; 8192]].concat());
    put(&path("70003"), &[7; 8192]);
    let none_sound = find(&path("70003")).unwrap();
    assert!(copy.edit(|draft| draft.encrypt_relation(&none_sound, anyway)).is_err());

    fs::write(data.join("backup_label"), "START WAL LOCATION: 0/1 (file 1)\n").unwrap();
    assert!(matches!(find(&path("70002")), Err(EditError::RecoveryPending { .. })));
}

/// A page that a server takes.
fn plaintext_page(cluster: &RecordedCluster) -> Vec<u8> {
    let copy = Copy::of(cluster, None);
    let plain = |file: &tde_testkit::RelationFile| {
        let path = RelationPath::parse(file.path.strip_prefix("data/").unwrap()).unwrap();
        plaintext(cluster, &copy, &path)
    };
    let pages = cluster.manifest.files.iter().filter(|file| file.fork_number == 0).map(plain);
    pages.into_iter().find(|pages| pages.len() >= 8192).unwrap()[..8192].to_vec()
}

#[test]
fn a_mapped_catalog_is_known_by_its_map() {
    let clusters = recorded_clusters();
    let Some(cluster) = clusters.iter().find(|cluster| cluster.name == "A") else { return };
    let copy = Copy::of(cluster, None);
    let data = copy.directory.path();
    let bases = fs::read_dir(data.join("base")).unwrap().map(|entry| entry.unwrap().path());
    let mut maps = bases.filter(|base| base.join("pg_filenode.map").exists());
    let Some(base) = maps.next() else {
        return eprintln!("SKIPPED: no recording has a pg_filenode.map");
    };
    let bytes = fs::read(base.join("pg_filenode.map")).unwrap();
    let map = tde_keyfile::postgres::FilenodeMap::parse(&bytes).unwrap();
    let Some((_, number)) = map.iter().find(|(_, number)| number.get() >= 16384) else {
        return eprintln!("SKIPPED: no mapped catalog was rewritten");
    };
    let relative = Path::new("base").join(base.file_name().unwrap()).join(number.to_string());
    fs::write(data.join(&relative), [0; 8192]).unwrap();
    let path = RelationPath::parse(relative.to_str().unwrap()).unwrap();
    let found = RelationFiles::find(&DiskStorage::new(), data, &path).unwrap();
    let refused = copy.edit(|draft| draft.encrypt_relation(&found, allow(None)));
    assert!(matches!(refused, Err(EditError::NotEncrypted { .. })), "{refused:?}");
}
