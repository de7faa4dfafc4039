//! Known answers of the layout with one file per relation, made by an independent script.
//!
//! The script follows `docs/format-one-file-per-relation.md` with Python's `cryptography`; what it makes must be what the
//! document holds, and what we write. Without Python it is skipped, and says so; the document is compared all the same.
#![cfg(all(feature = "testing", unix))]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::std_instead_of_core)]

use std::process::Command;

use tde_core::{BaseIv, Cipher, InternalKey, PrincipalKey, WrapKey};
use tde_keyfile::Oid;
use tde_keyfile::format::FormatErrorKind;
use tde_keyfile::format::header::{Magic, PrincipalKeyInfo, ProviderId, SetTime};
use tde_keyfile::format::one_file::{Entry, Header, KeyFile, Place, ProviderConfig, seal_with_nonce};
use tde_keyfile::format::providers::{ProviderKind, encode_record};
use tde_testkit::{from_hex, to_hex, workspace_root};
use tde_wal::{Location, Lsn, RangeEntry, RangeKind, TimelineId};

/// Prints the four files of the document, one a line. Shares nothing with these crates.
const PEER: &str = r#"
import hashlib, struct
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

def count(start, length):
    return bytes(range(start, start + length))

PRINCIPAL, NONCE = AESGCM(count(0, 16)), count(0xa0, 12)
FINGERPRINT = PRINCIPAL.encrypt(b"tde:keyprint", bytes(16), b"")[:16]

def key_file(kind, database, relation, origin, entries):
    out = b"TDEKFILE" + struct.pack("<5IiqqII", 1, kind, database, relation, len(entries), -1,
                                    1750000000, 123456, 0, origin)
    out += FINGERPRINT + b"ring-a".ljust(128, b"\0") + b"demo-key".ljust(256, b"\0")
    for subject, lsn, timeline, key, iv in entries:
        out += struct.pack("<IIQII", subject, 0 if len(key) == 16 else 1, lsn, timeline, 0) + iv
    out += NONCE + PRINCIPAL.encrypt(NONCE, b"".join(entry[3] for entry in entries), out)
    return out + hashlib.sha256(out).digest()

relation = (1663, 0, 0, count(0x20, 32), count(0x40, 16))
other = (16400, 0, 0, count(0x20, 16), count(0x40, 16))
started = (2, 0x3002000, 1, count(0x50, 16), count(0x60, 16))
waiting = (1, 0, 0, count(0x50, 16), count(0x60, 16))
text = b'{"path":"/srv/keys/demo.keys"}'
record = struct.pack("<i128s1024sI", -1, b"ring-a", text, 1)
config = b"TDEPROVC" + struct.pack("<4I", 1, 1664, 1, 0) + record
for file in [key_file(1, 16384, 16397, 0, [relation, other]), key_file(3, 1663, 0, 4, []),
             key_file(4, 1664, 0, 2, [started, waiting]), config + hashlib.sha256(config).digest()]:
    print(file.hex())
"#;

fn documented() -> Vec<Vec<u8>> {
    let document = workspace_root().join("docs/format-one-file-per-relation.md");
    let document = std::fs::read_to_string(document).unwrap();
    let blocks = document.split("```hex").skip(1).map(|rest| rest.split("```").next().unwrap());
    let digits = |block: &str| -> String {
        let lines = block.lines().map(|line| line.split('#').next().unwrap_or(""));
        // `00*5` stands for that many of that byte.
        let words: Vec<String> = lines
            .flat_map(str::split_whitespace)
            .map(|word| match word.split_once('*') {
                Some((byte, count)) => byte.repeat(count.parse().unwrap()),
                None => word.to_owned(),
            })
            .collect();
        words.concat()
    };
    blocks.map(|block| from_hex(&digits(block))).collect()
}

fn count<const N: usize>(start: u8) -> [u8; N] {
    core::array::from_fn(|i| start + u8::try_from(i).unwrap())
}

fn principal() -> WrapKey {
    WrapKey::new(&PrincipalKey::from_slice(&count::<16>(0)).unwrap())
}

fn header(place: Place, origin: Option<Magic>) -> Header {
    let time = SetTime { seconds: 1_750_000_000, microseconds: 123_456 };
    let info = PrincipalKeyInfo::new(place.scope(), ProviderId::new(-1), time, "demo-key".parse().unwrap());
    Header { place, info, provider_name: Some("ring-a".parse().unwrap()), origin }
}

fn internal(cipher: Cipher, key: u8, iv: u8) -> InternalKey {
    InternalKey::from_slice(cipher, &count::<32>(key)[..cipher.key_len()], BaseIv::new(count(iv))).unwrap()
}

const RELATION: Place =
    Place::Relation { database: Oid::new(16384), relation: tde_keyfile::RelationNumber::new(16397) };

fn written() -> Vec<Vec<u8>> {
    let (key, nonce) = (principal(), count(0xa0));
    let (long, short) = (internal(Cipher::Aes256, 0x20, 0x40), internal(Cipher::Aes128, 0x20, 0x40));
    let wal = internal(Cipher::Aes128, 0x50, 0x60);
    let range = |kind, timeline, lsn| {
        let start = Location { timeline: TimelineId::new(timeline), lsn: Lsn::new(lsn) };
        Entry::Range(RangeEntry { start, kind })
    };
    let record = encode_record(
        ProviderId::new(-1),
        &"ring-a".parse().unwrap(),
        ProviderKind::File,
        r#"{"path":"/srv/keys/demo.keys"}"#,
    );
    let tablespace = |oid| Entry::Relation { tablespace: Oid::new(oid) };
    // Given in the wrong order on purpose.
    let relations = [(tablespace(16400), &short), (tablespace(1663), &long)];
    let ranges =
        [(range(RangeKind::Encrypted, 1, 0x300_2000), &wal), (range(RangeKind::Unencrypted, 0, 0), &wal)];
    vec![
        seal_with_nonce(&header(RELATION, None), &relations, &key, &nonce).unwrap(),
        seal_with_nonce(&header(Place::Default, Some(Magic::RelationKeys4)), &[], &key, &nonce).unwrap(),
        seal_with_nonce(&header(Place::Server, Some(Magic::WalKeys2)), &ranges, &key, &nonce).unwrap(),
        ProviderConfig::encode(Oid::PG_GLOBAL, &record.unwrap()).unwrap(),
    ]
}

#[test]
fn what_the_document_holds_is_written_and_read_back() {
    let documented = documented();
    assert_eq!(documented.len(), 4);
    for (number, (documented, written)) in documented.iter().zip(written()).enumerate() {
        assert_eq!(to_hex(documented), to_hex(&written), "vector {number}");
    }
    let file = KeyFile::parse(&documented[0]).unwrap();
    file.check_place(RELATION).unwrap();
    assert_eq!(file.provider_name().unwrap().as_str(), Some("ring-a"));
    let keys = file.open(&principal()).unwrap();
    let tablespaces: Vec<_> = keys.iter().map(|(entry, _)| *entry).collect();
    let tablespace = |oid| Entry::Relation { tablespace: Oid::new(oid) };
    assert_eq!(tablespaces, [tablespace(1663), tablespace(16400)]);
    assert!(keys[0].1.ct_eq(&internal(Cipher::Aes256, 0x20, 0x40)));
    assert!(keys[1].1.ct_eq(&internal(Cipher::Aes128, 0x20, 0x40)));
    let file = KeyFile::parse(&documented[2]).unwrap();
    assert_eq!((file.place(), file.origin()), (Place::Server, Some(Magic::WalKeys2)));
    let keys = file.open(&principal()).unwrap();
    assert!(
        matches!(keys[0].0, Entry::Range(range) if range.kind == RangeKind::Encrypted && range.start.is_valid())
    );
    assert!(matches!(keys[1].0, Entry::Range(range) if !range.start.is_valid()));
    let config = ProviderConfig::parse(&documented[3]).unwrap();
    assert_eq!(
        config.records().find(ProviderId::new(-1)).unwrap().unwrap().name().unwrap().as_str(),
        Some("ring-a")
    );
}

#[test]
fn an_independent_script_makes_what_the_document_holds() {
    let output = match Command::new("python3").args(["-c", PEER]).output() {
        Ok(output) if output.status.success() => output,
        other => {
            let why = other.map(|output| String::from_utf8_lossy(&output.stderr).into_owned());
            eprintln!("SKIPPED: no Python with its cryptography package: {why:?}");
            return;
        }
    };
    let made: Vec<_> = String::from_utf8(output.stdout).unwrap().lines().map(from_hex).collect();
    assert_eq!(made.len(), 4);
    for (number, (made, documented)) in made.iter().zip(documented()).enumerate() {
        assert_eq!(to_hex(made), to_hex(&documented), "vector {number}");
    }
}

/// With the checksum made right again, as a forger would.
#[test]
fn every_changed_byte_and_every_cut_is_refused() {
    use sha2::Digest as _;
    for (number, bytes) in written().into_iter().take(3).enumerate() {
        let place = KeyFile::parse(&bytes).unwrap().place();
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            let error = KeyFile::parse(&damaged).unwrap_err();
            let expected = if at < 8 { "magic" } else { "checksum" };
            assert_eq!(error.field(), expected, "{number}: byte {at}");
            assert!(KeyFile::parse(&bytes[..at]).is_err(), "{number}: cut at {at}");
            if at < bytes.len() - 32 {
                let (body, checksum) = damaged.split_last_chunk_mut::<32>().unwrap();
                *checksum = sha2::Sha256::digest(body).into();
                let refused = KeyFile::parse(&damaged)
                    .and_then(|file| file.check_place(place).and_then(|()| file.open(&principal())));
                let error = refused.map(|_| ()).expect_err("a forged byte is taken");
                assert!(error.offset() < bytes.len() as u64, "{error}");
            }
        }
    }
    let config = written().pop().unwrap();
    for at in 0..config.len() {
        let mut damaged = config.clone();
        damaged[at] ^= 1;
        assert!(ProviderConfig::parse(&damaged).is_err(), "byte {at}");
        assert!(ProviderConfig::parse(&config[..at]).is_err(), "cut at {at}");
    }
}

#[test]
fn another_principal_key_is_told_from_a_changed_file() {
    let bytes = written().remove(0);
    let file = KeyFile::parse(&bytes).unwrap();
    for key in [&[9; 16][..], &[9; 32]] {
        let other = WrapKey::new(&PrincipalKey::from_slice(key).unwrap());
        assert_eq!(file.open(&other).unwrap_err().kind(), FormatErrorKind::Fingerprint);
    }
}

#[test]
fn entries_that_do_not_fit_are_not_written() {
    let (key, nonce) = (principal(), count(0xa0));
    let internal = internal(Cipher::Aes128, 0x20, 0x40);
    let tablespace = |oid| (Entry::Relation { tablespace: Oid::new(oid) }, &internal);
    let start = Location { timeline: TimelineId::new(0), lsn: Lsn::new(0) };
    let range = (Entry::Range(RangeEntry { start, kind: RangeKind::Encrypted }), &internal);
    let of_scope = Place::Relation { database: Oid::PG_GLOBAL, relation: 1.into() };
    for (place, entries) in [
        (RELATION, vec![]),
        (RELATION, vec![tablespace(0)]),
        (RELATION, vec![tablespace(5), tablespace(5)]),
        (RELATION, vec![range]),
        (Place::Database(Oid::new(5)), vec![tablespace(5)]),
        (Place::Server, vec![tablespace(5)]),
        (of_scope, vec![tablespace(5)]),
    ] {
        assert!(seal_with_nonce(&header(place, None), &entries, &key, &nonce).is_err(), "{place}");
    }
    assert!(seal_with_nonce(&header(Place::Server, Some(Magic::RelationKeys4)), &[], &key, &nonce).is_err());
}
