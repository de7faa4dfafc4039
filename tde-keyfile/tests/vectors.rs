//! Known answers. The files are made by `support/sample.rs` and held against SHA-256 sums and tags that
//! `pg_tde`'s own C routines confirmed; then the readers must get the inputs back out of them.

#![allow(clippy::unwrap_used, clippy::panic, clippy::std_instead_of_core, reason = "a test")]

#[path = "support/corpus.rs"]
mod corpus;
#[path = "support/sample.rs"]
mod sample;

use corpus::{hex, unhex};
use sample::{DEMO, Header, SERVER, count, principal, wrap_key};
use sha2::{Digest as _, Sha256};
use tde_core::Cipher;
use tde_keyfile::format::header::{Magic, ProviderId};
use tde_keyfile::format::keyring::KeyringRecords;
use tde_keyfile::format::provider_options::ProviderOptions;
use tde_keyfile::format::providers::{ProviderKind, ProviderRecords};
use tde_keyfile::format::relation_keys::{EntryState, RelationKeyEntry, RelationKeys};
use tde_keyfile::format::wal_keys::WalKeys;
use tde_keyfile::{Oid, RelationNumber};
use tde_wal::RangeKind;

fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn only_key<'a>(file: &'a [u8]) -> (RelationKeys<'a>, RelationKeyEntry<'a>) {
    let keys = RelationKeys::parse(file).unwrap().unwrap();
    assert_eq!(keys.len(), 1);
    let EntryState::Key(key) = keys.entry(0).unwrap().state().unwrap() else { panic!() };
    (keys, key)
}

#[test]
fn header_signatures() {
    let info = DEMO.info();
    assert_eq!(sha256(&info), "338f4d01e6a0789ed4985663e72e12b4897634a395b0d2c93d80b6d3b8365463");
    for (length, tag) in [(16, "cd382ce2931923fdaa14fe33209668af"), (32, "037e3fb3a876520f51155943eed69318")]
    {
        let file = DEMO.bytes(&wrap_key(length));
        assert_eq!(hex(&file[304..]), tag);
        let keys = RelationKeys::parse(&file).unwrap().unwrap();
        assert!(keys.is_empty());
        let verified = keys.header().verify(&wrap_key(length)).unwrap();
        assert_eq!(verified.magic(), Magic::RelationKeys4);
        let info = verified.info();
        assert_eq!((info.database(), info.provider()), (Oid::new(16384), ProviderId::new(1)));
        assert_eq!((info.set_time().seconds, info.set_time().microseconds), (1_750_000_000, 123_456));
        assert_eq!(info.name().as_str(), Some("demo-key"));
        assert!(keys.header().verify(&wrap_key(48 - length)).is_err());
    }
    let file = DEMO.bytes(&wrap_key(16));
    assert_eq!(sha256(&file), "5b52218769dc7306b89d7e1928d5605cfcc6c4202250d821b7064fdc5f68a597");
    let file = Header { magic: b"TDE\x03", ..DEMO }.bytes(&wrap_key(16));
    assert_eq!(sha256(&file), "549beb4d311fc1caf27d1345ab27a0997aba58c75f422852e6c48d8f7e7f205e");
    assert_eq!(RelationKeys::parse(&file).unwrap().unwrap().header().magic(), Magic::RelationKeys3);
}

#[test]
fn relation_keys_of_version_4() {
    let (internal, sum_128, sum_256) = (
        count::<32>(0x20),
        "350f79a94236e61404e3f752b6bc41a72dc52ef9372a23fca30bac2eefc86eba",
        "a136d7330e2e5311542d4356f6d1ce6c6747d677a5041cd91bc2c5752ae103ee",
    );
    for (length, cipher, sum) in [(16, Cipher::Aes128, sum_128), (32, Cipher::Aes256, sum_256)] {
        let key = wrap_key(length);
        let entry = sample::v4_entry(&key, 1663, 16397, &internal[..length]);
        let file = [DEMO.bytes(&key), entry].concat();
        assert_eq!(sha256(&file), sum);
        let (keys, entry) = only_key(&file);
        assert_eq!(entry.cipher(), cipher);
        assert_eq!((entry.tablespace(), entry.relation()), (Oid::PG_DEFAULT, RelationNumber::new(16397)));
        let unwrapped = entry.unwrap_key(&key).unwrap();
        assert_eq!(unwrapped.expose_bytes(), &internal[..length]);
        assert_eq!(unwrapped.base_iv().as_bytes(), &count::<16>(0x30));
        assert!(entry.unwrap_key(&wrap_key(48 - length)).is_err());
        assert!(keys.find(Oid::PG_DEFAULT, RelationNumber::new(16397)).unwrap().is_some());
        assert!(keys.find(Oid::PG_DEFAULT, RelationNumber::new(16398)).unwrap().is_none());
        assert!(keys.find(Oid::PG_GLOBAL, RelationNumber::new(16397)).unwrap().is_none());
    }
}

#[test]
fn a_256_bit_key_under_a_128_bit_principal_key() {
    let entry = sample::v4_entry(&wrap_key(16), 1663, 16397, &count::<32>(0x20));
    assert_eq!(hex(&entry[64..]), "55ec1567bba7c34ffd8cfc18e2b34a5140f5912d38312ca2e867684db9e6cf32");
    assert_eq!(hex(&entry[32..48]), "ca5dda1e52e2c6694333a7c390ebcecc");
    let file = [DEMO.bytes(&wrap_key(16)), entry].concat();
    assert_eq!(only_key(&file).1.unwrap_key(&wrap_key(16)).unwrap().expose_bytes(), count::<32>(0x20));
}

#[test]
fn a_version_3_entry_whose_undefined_bytes_are_authenticated() {
    let key = wrap_key(16);
    let header = Header { magic: b"TDE\x03", ..DEMO }.bytes(&key);
    let entry = sample::v3_entry(&key, 1663, 16397, &count(0x20), [0xdead_beef, 0x1122_3344]);
    let file = [&header[..], &entry].concat();
    assert_eq!(sha256(&file), "258dfe42641dbe024a424ff1a24e9c0efa264bd0b1473a6fb2fbf209a5c4730c");
    assert_eq!(only_key(&file).1.unwrap_key(&key).unwrap().expose_bytes(), count::<16>(0x20));
    let mut zeroed = file.clone();
    zeroed[332..336].fill(0);
    assert!(only_key(&zeroed).1.unwrap_key(&key).is_err());
    // With its own tag the zeroed entry is a good one.
    zeroed[400..].copy_from_slice(&unhex("ab7d8cf25ee6b14f0881ea731945c04d"));
    assert_eq!(only_key(&zeroed).1.unwrap_key(&key).unwrap().expose_bytes(), count::<16>(0x20));
}

#[test]
fn wal_keys_of_both_versions() {
    let (key, start) = (wrap_key(16), (1, 0x300_2000));
    let header = SERVER.bytes(&key);
    assert_eq!(hex(&header[304..]), "48d6bb2687a94feb5cee770e24d7e225");
    assert_eq!(sha256(&header), "2c8260d672c5d2d9ac6e53f8b8059d5ee30c925fd3ff5915ff86008f58181c17");
    let v2 = [header, sample::wal_v2_entry(&key, 2, start, &count::<16>(0x40))].concat();
    assert_eq!(hex(&v2[320..344]), "000000000200000000200003000000000100000000000000");
    assert_eq!(hex(&v2[360..376]), "c877e7c32d4f67b3c4a5abccdd654176");
    assert_eq!(hex(&v2[376..392]), "ffeeddccbbaa99887766554433221100");
    assert_eq!(hex(&v2[392..408]), "0489e7435cab06f0273fe6c88dc31c1a");
    let header = Header { magic: b"WEK\x01", ..SERVER }.bytes(&key);
    let v1 = [header, sample::wal_v1_entry(&key, 2, start, &count(0x40))].concat();
    assert_eq!(hex(&v1[320..344]), "01000000000000000489e7435cab06f0273fe6c88dc31c1a");
    assert_eq!(hex(&v1[360..368]), "0200000000000000");
    assert_eq!(hex(&v1[368..384]), "00200003000000000100000000000000");
    assert_eq!(hex(&v1[400..]), "c0c636a45d85375d34672903baa778c5");
    for (file, size) in [(&v1, 96), (&v2, 104)] {
        let keys = WalKeys::parse(file).unwrap().unwrap();
        assert_eq!((keys.len(), keys.entry_size()), (1, size));
        let info = *keys.header().verify(&key).unwrap().info();
        assert_eq!((info.database(), info.provider()), (Oid::PG_GLOBAL, ProviderId::new(-1)));
        let entry = keys.entry(0).unwrap().unwrap();
        assert_eq!((entry.kind(), entry.cipher()), (RangeKind::Encrypted, Some(Cipher::Aes128)));
        assert_eq!((entry.start().timeline.get(), entry.start().lsn.get()), start);
        let unwrapped = entry.unwrap_key(&key).unwrap();
        assert_eq!(unwrapped.expose_bytes(), count::<16>(0x40));
        assert_eq!(hex(unwrapped.base_iv().as_bytes()), "ffeeddccbbaa99887766554433221100");
    }
}

#[test]
fn provider_records() {
    let text = r#"{"path" : "/srv/keys/demo.keys"}"#;
    let record = sample::provider_record(-1, "ring-a", text, 1);
    assert_eq!(sha256(&record), "f75609e08694f2b079cf8402a53ce060bf7580e8270657149c2275c4ac5d4879");
    let deleted = sample::provider_record(-1, "", "", 0);
    assert_eq!(sha256(&deleted), "437ee362dc58d9b12fced0bd32c788c39feb6ef48db75008e2279921dae1d601");
    let file = [deleted, record].concat();
    let records = ProviderRecords::parse(&file);
    assert!(records.records().next().unwrap().is_deleted());
    let found = records.find(ProviderId::new(-1)).unwrap().unwrap();
    assert_eq!((found.offset(), found.kind()), (1160, Ok(Some(ProviderKind::File))));
    assert_eq!(found.name().unwrap().as_str(), Some("ring-a"));
    assert_eq!(found.options(), Ok(text));
    let options = ProviderOptions::parse(ProviderKind::File, text).unwrap();
    assert_eq!(options, ProviderOptions::File { path: "/srv/keys/demo.keys".into() });
}

#[test]
fn keyring_records() {
    for (length, sum) in [
        (16, "63e11355321b29bad1f506d2ef42c36e899bc019a5fd24af37c78d370cc11d49"),
        (32, "f6fc058e9f185cd94ac5a828d0dd01c7d6e569cca60b78f760685b593d12d477"),
    ] {
        let file = sample::keyring_record("demo-key", &count::<32>(0)[..length]);
        assert_eq!(sha256(&file), sum);
        let records = KeyringRecords::parse(&file);
        let found = records.find(&"DEMO-key".parse().unwrap()).unwrap().unwrap();
        assert_eq!(found.name().unwrap().as_str(), Some("demo-key"));
        assert!(found.key().unwrap().ct_eq(&principal(length)));
        assert!(records.find(&"demo-key-2".parse().unwrap()).unwrap().is_none());
        assert!(!format!("{records:?}").contains("1, 2, 3"), "a key must not be shown");
    }
}
