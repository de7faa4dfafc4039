//! Damaged, cut and swapped files: never a panic, always an error or a note, and nothing wrong believed.
//!
//! Each file under test is described by everything that its readers tell of it (`observe`); a change that
//! leaves the description as it was is one that went unnoticed.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::std_instead_of_core,
    clippy::single_range_in_vec_init,
    reason = "a test"
)]

#[path = "support/corpus.rs"]
mod corpus;
#[path = "support/sample.rs"]
mod sample;

use std::collections::HashSet;
use std::fmt::Write as _;
use std::ops::Range;

use corpus::{hex, text, unhex};
use sample::{DEMO, Header, SERVER, count, wrap_key};
use tde_core::{PrincipalKey, WrapKey};
use tde_keyfile::format::keyring::KeyringRecords;
use tde_keyfile::format::keys_version::KeysVersion;
use tde_keyfile::format::provider_options::ProviderOptions;
use tde_keyfile::format::providers::ProviderRecords;
use tde_keyfile::format::relation_keys::{EntryState, RelationKeys};
use tde_keyfile::format::wal_keys::WalKeys;
use tde_keyfile::format::{FileKind, FormatError, FormatErrorKind};

/// What a reader sees: what it takes for good, and what it noticed to be wrong.
#[derive(Debug, Default, PartialEq)]
struct Seen {
    good: String,
    wrong: Vec<String>,
}

impl Seen {
    fn wrong(&mut self, error: impl std::fmt::Display) {
        self.wrong.push(error.to_string());
    }
}

/// Reads everything of a file that any reader here would read.
fn observe(kind: FileKind, bytes: &[u8], key: &WrapKey) -> Seen {
    let mut seen = Seen::default();
    if let Err(error) = match kind {
        FileKind::RelationKeys => observe_relation_keys(bytes, key, &mut seen),
        FileKind::WalKeys => observe_wal_keys(bytes, key, &mut seen),
        _ => unreachable!(),
    } {
        assert!(error.offset() <= bytes.len() as u64 + 320, "{error}");
        assert!(!error.advice().is_empty());
        seen.wrong(error);
    }
    seen
}

fn observe_relation_keys(bytes: &[u8], key: &WrapKey, seen: &mut Seen) -> Result<(), FormatError> {
    let Some(keys) = RelationKeys::parse(bytes)? else { return Ok(()) };
    write!(seen.good, "{:?}", keys.header().verify(key)?.info()).unwrap();
    if let Some(tail) = keys.torn_tail() {
        seen.wrong(format!("torn {tail:?}"));
    }
    for entry in keys.entries() {
        match entry.state() {
            Ok(EntryState::Empty { zero: true }) => write!(seen.good, " empty").unwrap(),
            Ok(EntryState::Empty { zero: false }) => seen.wrong(format!("not zero {}", entry.index())),
            Ok(EntryState::Key(entry)) => match entry.unwrap_key(key) {
                Ok(internal) => write!(
                    seen.good,
                    " {}/{}={}+{}",
                    entry.tablespace(),
                    entry.relation(),
                    hex(internal.expose_bytes()),
                    hex(internal.base_iv().as_bytes())
                )
                .unwrap(),
                Err(error) => seen.wrong(error),
            },
            Err(error) => seen.wrong(error),
        }
    }
    Ok(())
}

fn observe_wal_keys(bytes: &[u8], key: &WrapKey, seen: &mut Seen) -> Result<(), FormatError> {
    let Some(keys) = WalKeys::parse(bytes)? else { return Ok(()) };
    write!(seen.good, "{:?}", keys.header().verify(key)?.info()).unwrap();
    if let Some(tail) = keys.torn_tail() {
        seen.wrong(format!("torn {tail:?}"));
    }
    for entry in keys.entries() {
        match entry.and_then(|entry| Ok((entry, entry.unwrap_key(key)?))) {
            Ok((entry, internal)) => write!(
                seen.good,
                " {:?} {}={}+{}",
                entry.kind(),
                entry.start(),
                hex(internal.expose_bytes()),
                hex(internal.base_iv().as_bytes())
            )
            .unwrap(),
            Err(error) => seen.wrong(error),
        }
    }
    Ok(())
}

/// Which flips in an entry cannot be noticed, by offset within it; and of those, which change what is read.
struct Blind {
    header: usize,
    entry: usize,
    /// Where the range type of a WAL key entry is.
    range_type: usize,
    /// No reader looks at these.
    ignored: fn(&[u8]) -> Vec<Range<usize>>,
    /// These are believed as they stand.
    believed: fn(&[u8]) -> Vec<Range<usize>>,
}

fn is_key_128(entry: &[u8]) -> bool {
    entry[0] == 0
}

const RELATION_V4: Blind = Blind {
    header: 320,
    entry: 96,
    range_type: 0,
    ignored: |entry| if is_key_128(entry) { vec![80..96] } else { vec![] },
    believed: |_| vec![48..64],
};
const RELATION_V3: Blind =
    Blind { header: 320, entry: 96, range_type: 0, ignored: |_| vec![48..64], believed: |_| vec![32..48] };
const WAL_V2: Blind = Blind {
    header: 320,
    entry: 104,
    range_type: 4,
    ignored: |entry| if is_key_128(entry) { vec![20..24, 88..104] } else { vec![20..24] },
    believed: |_| vec![8..20, 56..72],
};
const WAL_V1: Blind = Blind {
    header: 320,
    entry: 96,
    range_type: 40,
    ignored: |_| vec![44..48, 60..64],
    // 40..44 is the type; flips that make an unknown type of it are noticed.
    believed: |_| vec![24..44, 48..60],
};

fn blind(kind: FileKind, bytes: &[u8]) -> Blind {
    match (kind, bytes[3]) {
        (FileKind::WalKeys, 1) => WAL_V1,
        (FileKind::WalKeys, _) => WAL_V2,
        (_, 3) => RELATION_V3,
        _ => RELATION_V4,
    }
}

/// Flips every bit of the file by itself, and holds what is seen against the table of blind spots.
fn every_flip_is_noticed_or_known(kind: FileKind, bytes: &[u8], key: &WrapKey) {
    let before = observe(kind, bytes, key);
    let blind = blind(kind, bytes);
    let mut file = bytes.to_vec();
    let whole = bytes.len() - (bytes.len() - blind.header) % blind.entry;
    for bit in 0..whole * 8 {
        let (byte, mask) = (bit / 8, 1 << (bit % 8));
        file[byte] ^= mask;
        let after = observe(kind, &file, key);
        file[byte] ^= mask;
        let within = byte.checked_sub(blind.header).map(|at| (at % blind.entry, at / blind.entry));
        let (ignored, believed) = match within {
            None => ((4..8).contains(&byte), false),
            Some((at, index)) => {
                let start = blind.header + index * blind.entry;
                let entry = &bytes[start..start + blind.entry];
                // An INVALID entry is never looked into.
                if kind == FileKind::WalKeys && entry[blind.range_type..][..4] == [0; 4] {
                    continue;
                }
                let covers = |ranges: Vec<Range<usize>>| ranges.iter().any(|range| range.contains(&at));
                // In an EMPTY entry every byte must be zero, and is looked at.
                let empty = kind == FileKind::RelationKeys && entry.iter().all(|&byte| byte == 0);
                (!empty && covers((blind.ignored)(entry)), !empty && covers((blind.believed)(entry)))
            }
        };
        if ignored {
            assert_eq!(after, before, "{kind}: bit {bit}, byte {byte} is ignored");
        } else if believed {
            assert_ne!(after, before, "{kind}: bit {bit}, byte {byte} is believed");
        } else {
            assert!(after.wrong.len() > before.wrong.len(), "{kind}: bit {bit}, byte {byte} unnoticed");
        }
    }
}

/// Cuts the file at every length up to 1 KiB and at some beyond.
fn every_cut_is_noticed(kind: FileKind, bytes: &[u8], key: &WrapKey, entry: usize) {
    let whole = observe(kind, bytes, key);
    let lengths = (0..bytes.len().min(1025)).chain((1025..bytes.len()).step_by(37));
    for length in lengths {
        let seen = observe(kind, &bytes[..length], key);
        match length {
            0 => assert_eq!(seen, Seen::default(), "an empty file is a good one without keys"),
            1..320 => assert_eq!(
                seen.wrong,
                [format!("{kind}, offset 0, header: {length} bytes, at least 320 expected")]
            ),
            // What is left of a file that ends between two entries is a good file.
            _ => {
                assert_eq!((length - 320) % entry == 0, seen.wrong.len() <= whole.wrong.len(), "{length}");
                assert!(whole.good.starts_with(&seen.good), "{length}");
            }
        }
    }
}

fn samples() -> Vec<(FileKind, Vec<u8>, WrapKey)> {
    let mut files = Vec::new();
    for length in [16, 32] {
        let key = wrap_key(length);
        let v4 = [
            DEMO.bytes(&key),
            sample::v4_entry(&key, 1663, 16397, &count::<16>(0x20)),
            vec![0; 96],
            sample::v4_entry(&key, 16665, 16398, &count::<32>(0x20)),
        ];
        let wal2 = [
            SERVER.bytes(&key),
            sample::wal_v2_entry(&key, 2, (1, 0x100_0000), &count::<16>(0x40)),
            sample::wal_v2_entry(&key, 1, (1, 0x200_0000), &count::<32>(0x40)),
            sample::wal_v2_entry(&key, 2, (0, 0), &count::<32>(0x40)),
        ];
        files.push((FileKind::RelationKeys, v4.concat(), wrap_key(length)));
        files.push((FileKind::WalKeys, wal2.concat(), wrap_key(length)));
    }
    let key = wrap_key(16);
    let v3 = [
        Header { magic: b"TDE\x03", ..DEMO }.bytes(&key),
        sample::v3_entry(&key, 1663, 16397, &count(0x20), [0xdead_beef, 0x1122_3344]),
        vec![0; 96],
        sample::v3_entry(&key, 1663, 16398, &count(0x21), [0, 0]),
    ];
    let wal1 = [
        Header { magic: b"WEK\x01", ..SERVER }.bytes(&key),
        sample::wal_v1_entry(&key, 2, (1, 0x100_0000), &count(0x40)),
        sample::wal_v1_entry(&key, 1, (1, 0x200_0000), &count(0x40)),
    ];
    files.push((FileKind::RelationKeys, v3.concat(), wrap_key(16)));
    files.push((FileKind::WalKeys, wal1.concat(), wrap_key(16)));
    files
}

/// The key files of the corpora with the principal keys of their manifests.
fn real_files() -> Vec<(FileKind, Vec<u8>, WrapKey)> {
    let (mut files, mut kinds) = (Vec::new(), HashSet::new());
    for corpus in corpus::all_and_excerpts() {
        for file in corpus.files("_keys") {
            let path = text(&file["path"]);
            let kind = if path.ends_with("/wal_keys") { FileKind::WalKeys } else { FileKind::RelationKeys };
            let bytes = corpus.read(path);
            let Some(oid) = bytes.get(8..12).map(|oid| u32::from_le_bytes(oid.try_into().unwrap())) else {
                continue;
            };
            // One file of each magic, cipher and length of the principal key: more of them say nothing new.
            let key = corpus.principal_key(u64::from(oid)).unwrap();
            if !kinds.insert((bytes[..4].to_vec(), bytes.get(320).copied(), text(&key["key"]).len())) {
                continue;
            }
            let key = PrincipalKey::from_slice(&unhex(text(&key["key"]))).unwrap();
            files.push((kind, bytes, WrapKey::new(&key)));
        }
    }
    files
}

#[test]
fn every_single_bit_flip_is_noticed_or_in_a_byte_that_no_tag_covers() {
    for (kind, bytes, key) in samples() {
        every_flip_is_noticed_or_known(kind, &bytes, &key);
    }
}

#[test]
fn the_same_holds_for_the_files_of_real_servers() {
    for (kind, bytes, key) in real_files() {
        every_flip_is_noticed_or_known(kind, &bytes, &key);
    }
}

#[test]
fn every_cut_is_noticed_unless_it_is_between_two_entries() {
    for (kind, bytes, key) in samples().into_iter().chain(real_files()) {
        let entry = blind(kind, &bytes).entry;
        every_cut_is_noticed(kind, &bytes, &key, entry);
    }
}

#[test]
fn a_wrong_principal_key_opens_nothing() {
    let wrong = WrapKey::new(&PrincipalKey::from_slice(&[0x55; 16]).unwrap());
    for (kind, bytes, _) in samples().into_iter().chain(real_files()) {
        let seen = observe(kind, &bytes, &wrong);
        assert_eq!(seen.good, "");
        assert_eq!(seen.wrong, [format!("{kind}, offset 304, header signature: the tag does not match")]);
        if let Ok(Some(keys)) = RelationKeys::parse(&bytes) {
            for entry in keys.entries() {
                let EntryState::Key(entry) = entry.state().unwrap() else { continue };
                let error = entry.unwrap_key(&wrong).unwrap_err();
                assert_eq!(error.kind(), FormatErrorKind::Authentication);
                assert!(error.offset() > entry.offset());
            }
        }
    }
}

#[test]
fn swapped_files_are_told_by_kind() {
    for (kind, bytes, _) in samples() {
        let (error, other) = match kind {
            FileKind::WalKeys => (RelationKeys::parse(&bytes).unwrap_err(), FileKind::RelationKeys),
            _ => (WalKeys::parse(&bytes).unwrap_err(), FileKind::WalKeys),
        };
        assert_eq!((error.file(), error.kind()), (other, FormatErrorKind::OtherKind { found: kind }));
        // An entry of one file under the header of another does not unwrap.
    }
}

#[test]
fn an_entry_moved_to_another_relation_does_not_unwrap() {
    let key = wrap_key(16);
    let mut file = [DEMO.bytes(&key), sample::v4_entry(&key, 1663, 16397, &count::<16>(0x20))].concat();
    file[328..332].copy_from_slice(&16398_u32.to_le_bytes());
    assert_eq!(observe(FileKind::RelationKeys, &file, &key).wrong.len(), 1);
}

#[test]
fn versions_and_types_that_are_unknown_are_errors_and_not_plaintext() {
    let key = wrap_key(16);
    let parse = |magic: &[u8; 4]| {
        let mut file = DEMO.bytes(&key);
        file[..4].copy_from_slice(magic);
        RelationKeys::parse(&file).unwrap_err().kind()
    };
    for version in [1, 2, 5, 0x14] {
        let expected = FormatErrorKind::UnsupportedVersion { found: version };
        assert_eq!(parse(&[b'T', b'D', b'E', version]), expected);
    }
    assert_eq!(parse(b"\0\0\0\0"), FormatErrorKind::UnknownMagic { found: [0; 4] });
    let mut file = [DEMO.bytes(&key), sample::v4_entry(&key, 1663, 16397, &count::<16>(0x20))].concat();
    let find = |file: &[u8]| {
        let keys = RelationKeys::parse(file).unwrap().unwrap();
        keys.find(tde_keyfile::Oid::PG_DEFAULT, tde_keyfile::RelationNumber::new(16397)).map(|_| ())
    };
    file[332] = 2;
    assert_eq!(find(&file).unwrap_err().kind(), FormatErrorKind::UnknownEntryType { found: 2 });
    file[332] = 1;
    file[320] = 9;
    assert_eq!(find(&file).unwrap_err().kind(), FormatErrorKind::UnknownCipher { found: 9 });
}

#[test]
fn invalid_wal_entries_are_never_unwrapped() {
    let key = wrap_key(16);
    for (file, at) in [
        ([SERVER.bytes(&key), sample::wal_v2_entry(&key, 2, (1, 1), &count::<16>(0))].concat(), 324),
        (
            [
                Header { magic: b"WEK\x01", ..SERVER }.bytes(&key),
                sample::wal_v1_entry(&key, 2, (1, 1), &count(0)),
            ]
            .concat(),
            360,
        ),
    ] {
        let mut file = file;
        file[at] = 0;
        // Its cipher is not looked at either.
        file[320] ^= 8;
        let keys = WalKeys::parse(&file).unwrap().unwrap();
        let entry = keys.entry(0).unwrap().unwrap();
        assert_eq!(entry.unwrap_key(&key).unwrap_err().kind(), FormatErrorKind::NoKey);
    }
}

#[test]
fn providers_files_and_keyrings_cut_anywhere_are_noticed() {
    let providers = [
        sample::provider_record(1, "one", r#"{"path":"a"}"#, 1),
        sample::provider_record(2, "two", r#"{"path":"b"}"#, 1),
    ]
    .concat();
    let keyring = [sample::keyring_record("a", &[1; 16]), sample::keyring_record("b", &[2; 32])].concat();
    for length in 0..providers.len() {
        let records = ProviderRecords::parse(&providers[..length]);
        assert_eq!(records.records().len(), length / 1160);
        assert_eq!(records.check_whole().is_ok(), length % 1160 == 0);
        // The first is found in whole records; the second is an error as long as it may be in the torn one.
        assert_eq!(records.find(tde_keyfile::format::header::ProviderId::new(2)).is_ok(), length % 1160 == 0);
    }
    for length in 0..keyring.len() {
        let records = KeyringRecords::parse(&keyring[..length]);
        assert_eq!(records.records().len(), length / 292);
        assert_eq!(records.find(&"b".parse().unwrap()).is_ok(), length % 292 == 0);
        assert_eq!(records.find(&"A".parse().unwrap()).is_ok_and(|found| found.is_some()), length >= 292);
    }
}

#[test]
fn keys_of_a_wrong_length_in_a_keyring_are_errors() {
    for length in [0_u32, 1, 15, 17, 31, 33, 64, u32::MAX] {
        let mut keyring = sample::keyring_record("a", &[1; 16]);
        keyring[288..].copy_from_slice(&length.to_le_bytes());
        let records = KeyringRecords::parse(&keyring);
        let error = records.find(&"a".parse().unwrap()).unwrap().unwrap().key().unwrap_err();
        assert_eq!(error.kind(), FormatErrorKind::KeyLength { found: length });
    }
}

mod any_bytes {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        // Failing inputs become tests of their own, not files that a tool writes.
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2400)) {
            let key = wrap_key(16);
            observe(FileKind::RelationKeys, &bytes, &key);
            observe(FileKind::WalKeys, &bytes, &key);
            let _ = KeysVersion::parse(&bytes);
            for record in ProviderRecords::parse(&bytes).records() {
                if let (Ok(Some(kind)), Ok(text)) = (record.kind(), record.options()) {
                    let _ = ProviderOptions::parse(kind, text);
                }
            }
            for record in KeyringRecords::parse(&bytes).records() {
                let _ = (record.name(), record.key());
            }
        }

        #[test]
        fn behind_a_good_header_are_read_without_a_panic_or_a_key(
            bytes in proptest::collection::vec(any::<u8>(), 0..1000),
        ) {
            let key = wrap_key(16);
            for (kind, header) in [
                (FileKind::RelationKeys, DEMO.bytes(&key)),
                (FileKind::WalKeys, SERVER.bytes(&key)),
                (FileKind::RelationKeys, Header { magic: b"TDE\x03", ..DEMO }.bytes(&key)),
                (FileKind::WalKeys, Header { magic: b"WEK\x01", ..SERVER }.bytes(&key)),
            ] {
                let file = [&header[..], &bytes].concat();
                let seen = observe(kind, &file, &key);
                prop_assert!(!seen.good.contains('='), "{}", seen.good);
            }
        }
    }
}
