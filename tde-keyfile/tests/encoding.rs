//! What is written is what `pg_tde` writes: known answers that its own C routines confirmed, every recorded file
//! rebuilt from its parts, and random values read back.

#![allow(clippy::unwrap_used, clippy::panic, clippy::std_instead_of_core, reason = "a test")]

#[path = "support/sample.rs"]
mod sample;

use proptest::prelude::*;
use sample::{DEMO, SERVER, count, principal, wrap_key};
use tde_core::{BaseIv, Cipher, InternalKey, WrapKey};
use tde_keyfile::format::header::{Magic, PrincipalKeyInfo, ProviderId, SetTime, sign};
use tde_keyfile::format::keyring::encode_record as encode_keyring_record;
use tde_keyfile::format::keys_version::KeysVersion;
use tde_keyfile::format::names::FileName;
use tde_keyfile::format::providers::{ProviderKind, ProviderRecords, encode_deleted, encode_record};
use tde_keyfile::format::relation_keys::{self, EntryState, RelationKeys};
use tde_keyfile::format::wal_keys::{self, WalKeys};
use tde_keyfile::format::{EncodeError, TornTail};
use tde_keyfile::{Oid, RelationNumber};
use tde_testkit::{recorded_clusters, sha256_hex, to_hex};
use tde_wal::{Location, Lsn, RangeEntry, RangeKind, TimelineId};

fn info(header: &sample::Header<'_>) -> PrincipalKeyInfo {
    let time = SetTime { seconds: header.time.0, microseconds: header.time.1 };
    let provider = ProviderId::new(header.provider);
    PrincipalKeyInfo::new(Oid::new(header.database), provider, time, header.name.parse().unwrap())
}

fn internal(length: usize) -> InternalKey {
    let cipher = Cipher::from_key_len(length).unwrap();
    InternalKey::from_slice(cipher, &count::<32>(0x20)[..length], BaseIv::new(count(0x30))).unwrap()
}

fn seal(version: relation_keys::Version, key: &InternalKey, wrap_key: &WrapKey) -> [u8; 96] {
    let relation = RelationNumber::new(16397);
    relation_keys::seal_entry(version, Oid::PG_DEFAULT, relation, key, wrap_key, &count(0xb0)).unwrap()
}

#[test]
fn headers_are_signed_as_pg_tde_signs_them() {
    for (magic, length, sum) in [
        (Magic::RelationKeys4, 16, "5b52218769dc7306b89d7e1928d5605cfcc6c4202250d821b7064fdc5f68a597"),
        (Magic::RelationKeys3, 16, "549beb4d311fc1caf27d1345ab27a0997aba58c75f422852e6c48d8f7e7f205e"),
    ] {
        let header = sign(magic, &info(&DEMO), &wrap_key(length), &count(0xa0)).unwrap();
        assert_eq!(sha256_hex(&header), sum);
    }
    let header = sign(Magic::RelationKeys4, &info(&DEMO), &wrap_key(32), &count(0xa0)).unwrap();
    assert_eq!(to_hex(&header[304..]), "037e3fb3a876520f51155943eed69318");
    let header = sign(Magic::WalKeys2, &info(&SERVER), &wrap_key(16), &count(0xa0)).unwrap();
    assert_eq!(sha256_hex(&header), "2c8260d672c5d2d9ac6e53f8b8059d5ee30c925fd3ff5915ff86008f58181c17");
}

#[test]
fn relation_keys_are_wrapped_as_pg_tde_wraps_them() {
    use relation_keys::Version::{V3, V4};
    for (length, sum) in [
        (16, "350f79a94236e61404e3f752b6bc41a72dc52ef9372a23fca30bac2eefc86eba"),
        (32, "a136d7330e2e5311542d4356f6d1ce6c6747d677a5041cd91bc2c5752ae103ee"),
    ] {
        let header = sign(Magic::RelationKeys4, &info(&DEMO), &wrap_key(length), &count(0xa0)).unwrap();
        let file = [&header[..], &seal(V4, &internal(length), &wrap_key(length))].concat();
        assert_eq!(sha256_hex(&file), sum);
    }
    let mixed = seal(V4, &internal(32), &wrap_key(16));
    assert_eq!(to_hex(&mixed[64..]), "55ec1567bba7c34ffd8cfc18e2b34a5140f5912d38312ca2e867684db9e6cf32");
    assert_eq!(to_hex(&mixed[32..48]), "ca5dda1e52e2c6694333a7c390ebcecc");
    let old = seal(V3, &internal(16), &wrap_key(16));
    assert_eq!(to_hex(&old[..16]), "7f0600000d4000000100000000000000");
    assert_eq!(to_hex(&old[16..32]), "55ec1567bba7c34ffd8cfc18e2b34a51");
    assert_eq!(to_hex(&old[48..64]), "01000000000000000000000000000000");
    assert_eq!(to_hex(&old[80..]), "ab7d8cf25ee6b14f0881ea731945c04d");
    let refused = relation_keys::seal_entry(
        V3,
        Oid::PG_DEFAULT,
        RelationNumber::new(1),
        &internal(32),
        &wrap_key(16),
        &[0; 16],
    );
    assert_eq!(refused, Err(EncodeError::Cipher { version: Magic::RelationKeys3, cipher: Cipher::Aes256 }));
}

#[test]
fn wal_keys_are_wrapped_as_pg_tde_wraps_them() {
    let base_iv =
        [0xff, 0xee, 0xdd, 0xcc, 0xbb, 0xaa, 0x99, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0];
    let key = InternalKey::from_slice(Cipher::Aes128, &count::<16>(0x40), BaseIv::new(base_iv)).unwrap();
    let start = Location { timeline: TimelineId::new(1), lsn: Lsn::new(0x300_2000) };
    let internal = count::<16>(0x40);
    for (version, tag_at, tag, byte_by_byte) in [
        (
            wal_keys::Version::V2,
            40,
            "c877e7c32d4f67b3c4a5abccdd654176",
            sample::wal_v2_entry(&wrap_key(16), 2, (1, 0x300_2000), &internal),
        ),
        (
            wal_keys::Version::V1,
            80,
            "c0c636a45d85375d34672903baa778c5",
            sample::wal_v1_entry(&wrap_key(16), 2, (1, 0x300_2000), &internal),
        ),
    ] {
        let header = sign(version.magic(), &info(&SERVER), &wrap_key(16), &count(0xa0)).unwrap();
        let range = RangeEntry { start, kind: RangeKind::Encrypted };
        let entry = wal_keys::seal_entry(version, range, &key, &wrap_key(16), &count(0xc0)).unwrap();
        assert_eq!(to_hex(&entry[tag_at..tag_at + 16]), tag);
        assert_eq!(*entry, byte_by_byte);
        let file = [&header[..], &entry].concat();
        // Stamped later, the entry is the same.
        let unstarted = RangeEntry { start: wal_keys::NOT_STARTED, ..range };
        let entry = wal_keys::seal_entry(version, unstarted, &key, &wrap_key(16), &count(0xc0)).unwrap();
        let unstarted = [&header[..], &entry].concat();
        let keys = WalKeys::parse(&unstarted).unwrap().unwrap();
        let stamped = keys.entry(0).unwrap().unwrap().with_start(start);
        assert_eq!([&header[..], &stamped].concat(), file);
    }
}

#[test]
fn records_are_written_as_pg_tde_writes_them() {
    let text = r#"{"path" : "/srv/keys/demo.keys"}"#;
    let id = ProviderId::new(-1);
    let record = encode_record(id, &"ring-a".parse().unwrap(), ProviderKind::File, text).unwrap();
    assert_eq!(sha256_hex(&record), "f75609e08694f2b079cf8402a53ce060bf7580e8270657149c2275c4ac5d4879");
    assert_eq!(
        sha256_hex(&encode_deleted(id)),
        "437ee362dc58d9b12fced0bd32c788c39feb6ef48db75008e2279921dae1d601"
    );
    for (length, sum) in [
        (16, "63e11355321b29bad1f506d2ef42c36e899bc019a5fd24af37c78d370cc11d49"),
        (32, "f6fc058e9f185cd94ac5a828d0dd01c7d6e569cca60b78f760685b593d12d477"),
    ] {
        let record = encode_keyring_record(&"demo-key".parse().unwrap(), &principal(length));
        assert_eq!(sha256_hex(&record), sum);
    }
    assert_eq!(to_hex(&KeysVersion::CURRENT.to_bytes()), "5444450457454b02");
}

#[test]
fn texts_that_pg_tde_does_not_accept_are_refused() {
    let long = "n".repeat(127).parse().unwrap();
    let id = ProviderId::new(1);
    assert!(encode_record(id, &long, ProviderKind::File, "{}").is_err());
    let name = "n".repeat(126).parse().unwrap();
    assert!(encode_record(id, &name, ProviderKind::File, &"x".repeat(1023)).is_ok());
    assert!(encode_record(id, &name, ProviderKind::File, &"x".repeat(1024)).is_err());
    assert!(encode_record(id, &name, ProviderKind::File, "a\0b").is_err());
}

/// Puts a file together again from what its reader gives out.
fn rebuild(file: FileName, bytes: &[u8]) -> Option<Vec<u8>> {
    let tail = |tail: Option<TornTail>| match tail {
        Some(TornTail { offset, .. }) => &bytes[usize::try_from(offset).unwrap()..],
        None => &[],
    };
    Some(match file {
        FileName::RelationKeys(_) => {
            let Some(keys) = RelationKeys::parse(bytes).unwrap() else { return Some(Vec::new()) };
            let entries: Vec<_> = keys.entries().map(|entry| entry.as_bytes()).collect();
            [keys.header().as_bytes(), &entries.concat(), tail(keys.torn_tail())].concat()
        }
        FileName::WalKeys => {
            let Some(keys) = WalKeys::parse(bytes).unwrap() else { return Some(Vec::new()) };
            let entries: Vec<_> = keys.entries().map(|entry| entry.unwrap().as_bytes()).collect();
            [keys.header().as_bytes(), &entries.concat(), tail(keys.torn_tail())].concat()
        }
        FileName::Providers(_) => {
            let records = ProviderRecords::parse(bytes);
            let parts: Vec<_> = records.records().map(|record| record.as_bytes()).collect();
            [&parts.concat(), tail(records.torn_tail())].concat()
        }
        FileName::KeysVersion => Vec::from(KeysVersion::parse(bytes).unwrap().to_bytes()),
        _ => return None,
    })
}

#[test]
fn every_recorded_file_is_rebuilt_byte_for_byte_and_each_record_encoded_again() {
    let (mut files, mut records) = (0, 0);
    for cluster in recorded_clusters() {
        for file in &cluster.manifest.pg_tde_files {
            let name = file.path.rsplit('/').next().unwrap();
            let bytes = cluster.read(&file.path);
            let rebuilt = rebuild(FileName::parse(name), &bytes).unwrap();
            assert_eq!(rebuilt, bytes, "{} {name}", cluster.name);
            files += 1;
            if let FileName::Providers(_) = FileName::parse(name) {
                for record in ProviderRecords::parse(&bytes).records() {
                    let again = match record.kind().unwrap() {
                        None => encode_deleted(record.id()),
                        Some(kind) => {
                            let (name, options) = (record.name().unwrap(), record.options().unwrap());
                            encode_record(record.id(), &name, kind, options).unwrap()
                        }
                    };
                    assert_eq!(again, record.as_bytes(), "{} {name}", cluster.name);
                    records += 1;
                }
            }
        }
        for keyring in cluster.keyrings() {
            let bytes = std::fs::read(keyring).unwrap();
            let keys = tde_keyfile::format::keyring::KeyringRecords::parse(&bytes);
            let again: Vec<_> = keys
                .records()
                .map(|record| encode_keyring_record(&record.name().unwrap(), &record.key().unwrap()))
                .collect();
            assert_eq!(again.concat(), bytes, "{}", cluster.name);
        }
    }
    assert!(files >= 10 && records >= 4, "{files} files, {records} records");
}

fn a_location() -> impl Strategy<Value = Location> {
    (any::<u32>(), any::<u64>())
        .prop_map(|(timeline, lsn)| Location { timeline: TimelineId::new(timeline), lsn: Lsn::new(lsn) })
}

fn a_key(long: bool, key: &[u8; 32], base_iv: [u8; 16]) -> InternalKey {
    let cipher = if long { Cipher::Aes256 } else { Cipher::Aes128 };
    InternalKey::from_slice(cipher, &key[..cipher.key_len()], BaseIv::new(base_iv)).unwrap()
}

proptest! {
    #[test]
    fn any_relation_key_is_read_back_and_unused_bytes_are_zero(
        (old, long) in prop_oneof![Just((true, false)), Just((false, false)), Just((false, true))],
        key: [u8; 32], base_iv: [u8; 16], iv: [u8; 16], tablespace: u32, relation: u32,
    ) {
        let key = a_key(long, &key, base_iv);
        let version = if old { relation_keys::Version::V3 } else { relation_keys::Version::V4 };
        let (tablespace, relation) = (Oid::new(tablespace), RelationNumber::new(relation));
        let entry =
            relation_keys::seal_entry(version, tablespace, relation, &key, &wrap_key(16), &iv).unwrap();
        let header = sign(version.magic(), &info(&DEMO), &wrap_key(16), &iv).unwrap();
        let file = [&header[..], &entry].concat();
        let keys = RelationKeys::parse(&file).unwrap().unwrap();
        prop_assert_eq!(keys.version(), version);
        let verified = keys.header().verify(&wrap_key(16)).unwrap();
        prop_assert_eq!(verified.info(), &info(&DEMO));
        let read = keys.entry(0).unwrap();
        prop_assert_eq!((read.tablespace(), read.relation()), (tablespace, relation));
        let EntryState::Key(read) = read.state().unwrap() else { panic!("a key") };
        prop_assert!(read.unwrap_key(&wrap_key(16)).unwrap().ct_eq(&key));
        let unused = match (old, long) {
            (true, _) => [&entry[12..16], &entry[52..64]].concat(),
            (false, false) => entry[80..].to_vec(),
            (false, true) => Vec::new(),
        };
        prop_assert!(unused.iter().all(|&byte| byte == 0));
        prop_assert_eq!(rebuild(FileName::RelationKeys(Oid::new(1)), &file).unwrap(), file);
    }

    #[test]
    fn any_wal_key_is_read_back(
        (old, long) in prop_oneof![Just((true, false)), Just((false, false)), Just((false, true))],
        key: [u8; 32], base_iv: [u8; 16], iv: [u8; 16], start in a_location(), moved in a_location(),
        kind in prop_oneof![Just(RangeKind::Invalid), Just(RangeKind::Unencrypted), Just(RangeKind::Encrypted)],
    ) {
        let key = a_key(long, &key, base_iv);
        let version = if old { wal_keys::Version::V1 } else { wal_keys::Version::V2 };
        let range = RangeEntry { start, kind };
        let entry = wal_keys::seal_entry(version, range, &key, &wrap_key(32), &iv).unwrap();
        let header = sign(version.magic(), &info(&SERVER), &wrap_key(32), &iv).unwrap();
        let file = [&header[..], &entry].concat();
        let keys = WalKeys::parse(&file).unwrap().unwrap();
        prop_assert_eq!(keys.version(), version);
        let read = keys.entry(0).unwrap().unwrap();
        prop_assert_eq!((read.start(), read.kind()), (start, kind));
        prop_assert!(read.unwrap_whatever_kind(&wrap_key(32)).unwrap().ct_eq(&key));
        prop_assert_eq!(read.unwrap_key(&wrap_key(32)).is_ok(), kind != RangeKind::Invalid);
        let moved_file = [&header[..], &read.with_start(moved)].concat();
        let keys = WalKeys::parse(&moved_file).unwrap().unwrap();
        let read = keys.entry(0).unwrap().unwrap();
        prop_assert_eq!((read.start(), read.kind()), (moved, kind));
        prop_assert!(read.unwrap_whatever_kind(&wrap_key(32)).unwrap().ct_eq(&key));
    }

    /// Whatever stands in the bytes that have no meaning, it is handed back.
    #[test]
    fn files_of_any_bytes_are_rebuilt(tail in prop::collection::vec(any::<u8>(), 0..600), padding: [u8; 4]) {
        let mut header = sign(Magic::RelationKeys4, &info(&DEMO), &wrap_key(16), &[1; 16]).unwrap();
        header[4..8].copy_from_slice(&padding);
        let file = [&header[..], &tail].concat();
        prop_assert_eq!(rebuild(FileName::RelationKeys(Oid::new(1)), &file).unwrap(), file);
    }
}
