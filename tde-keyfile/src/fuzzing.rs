//! The bodies of the fuzz targets, one for each parser, for the fuzzer and for ordinary tests alike.
//!
//! Each takes any bytes and panics if a promise of the parser is broken. Not covered by SemVer.

#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a broken promise must be seen"
)]

#[cfg(all(feature = "write", unix))]
pub mod one_file;
pub mod postgres;
#[cfg(all(feature = "passphrase", unix))]
pub mod writing;

use alloc::string::ToString as _;

use tde_core::{PrincipalKey, WrapKey};
use tde_wal::RangeKind;
use zerocopy::IntoBytes as _;

use crate::format::keyring::{self, KeyringRecords};
use crate::format::keys_version::KeysVersion;
use crate::format::names::{self, FileName};
use crate::format::provider_options::ProviderOptions;
use crate::format::providers::{self, ProviderKind, ProviderRecord, ProviderRecords};
use crate::format::relation_keys::{EntryState, RelationKeys};
use crate::format::wal_keys::WalKeys;
use crate::format::{FormatError, TornTail};
use crate::index::RelationKeyIndex;

/// The principal key of the seeds: bytes 0 to 15.
fn seed_key() -> WrapKey {
    let key: [u8; 16] = core::array::from_fn(|i| u8::try_from(i).unwrap_or_default());
    WrapKey::new(&PrincipalKey::from_slice(&key).expect("16 bytes are a key"))
}

fn check_error(error: &FormatError, size: usize) {
    assert!(error.offset() <= size as u64, "{error}: beyond {size} bytes");
    assert!(!error.to_string().is_empty() && !error.advice().is_empty());
}

fn check_tail(tail: Option<TornTail>, size: usize, record: usize) {
    if let Some(TornTail { offset, length }) = tail {
        assert!(length > 0 && length < record as u64);
        assert_eq!(offset + length, size as u64);
    }
}

/// `<oid>_keys`: header, entries, look-ups by scan and by index, unwrapping.
pub fn relation_keys(bytes: &[u8]) {
    let keys = match RelationKeys::parse(bytes) {
        Ok(Some(keys)) => keys,
        Ok(None) => return assert!(bytes.is_empty()),
        Err(error) => return check_error(&error, bytes.len().max(320)),
    };
    check_tail(keys.torn_tail(), bytes.len(), 96);
    let key = seed_key();
    let _ = keys.header().verify(&key);
    let index = RelationKeyIndex::build(&keys);
    for entry in keys.entries() {
        assert!(entry.offset() + 96 <= bytes.len() as u64);
        match entry.state() {
            Ok(EntryState::Empty { .. }) => {}
            Ok(EntryState::Key(found)) => {
                let place = index.get(found.tablespace(), found.relation()).expect("the entry is indexed");
                assert!(place <= found.index(), "the first entry of a relation counts");
                match keys.find(found.tablespace(), found.relation()) {
                    Ok(scanned) => assert_eq!(scanned.map(|entry| entry.index()), Some(place)),
                    Err(error) => check_error(&error, bytes.len()),
                }
                match found.unwrap_key(&key) {
                    Ok(internal) => assert_eq!(internal.cipher(), found.cipher()),
                    Err(error) => check_error(&error, bytes.len()),
                }
            }
            Err(error) => check_error(&error, bytes.len()),
        }
        // Scans are quadratic; a few tell as much as all.
        if entry.index() > 64 {
            break;
        }
    }
}

/// `wal_keys`: header, entries, unwrapping.
pub fn wal_keys(bytes: &[u8]) {
    let keys = match WalKeys::parse(bytes) {
        Ok(Some(keys)) => keys,
        Ok(None) => return assert!(bytes.is_empty()),
        Err(error) => return check_error(&error, bytes.len().max(320)),
    };
    check_tail(keys.torn_tail(), bytes.len(), keys.entry_size());
    let key = seed_key();
    let _ = keys.header().verify(&key);
    assert_eq!(keys.entries().count(), keys.len());
    for entry in keys.entries() {
        match entry {
            Ok(entry) => match entry.unwrap_key(&key) {
                Ok(internal) => {
                    assert_eq!(entry.cipher(), Some(internal.cipher()));
                    assert_ne!(entry.kind(), RangeKind::Invalid);
                }
                Err(error) => check_error(&error, bytes.len()),
            },
            Err(error) => check_error(&error, bytes.len()),
        }
    }
}

/// `<oid>_providers`: records and their options.
pub fn providers(bytes: &[u8]) {
    let records = ProviderRecords::parse(bytes);
    check_tail(records.torn_tail(), bytes.len(), providers::RECORD_SIZE);
    for record in records.records() {
        if let Err(error) = read_provider(&record) {
            check_error(&error, bytes.len());
        }
        let _ = records.find(record.id());
    }
}

fn read_provider(record: &ProviderRecord<'_>) -> Result<(), FormatError> {
    let Some(kind) = record.kind()? else { return Ok(()) };
    let _ = record.name()?.to_string();
    let _ = ProviderOptions::parse(kind, record.options()?);
    Ok(())
}

/// The JSON of provider options, read as those of each kind.
pub fn provider_options(bytes: &[u8]) {
    let Ok(text) = core::str::from_utf8(bytes) else { return };
    for kind in [ProviderKind::File, ProviderKind::VaultV2, ProviderKind::Kmip] {
        if let Ok(options) = ProviderOptions::parse(kind, text) {
            assert_eq!(options.kind(), kind);
        }
    }
}

/// A keyring of the file provider.
pub fn keyring(bytes: &[u8]) {
    let records = KeyringRecords::parse(bytes);
    check_tail(records.torn_tail(), bytes.len(), keyring::RECORD_SIZE);
    for record in records.records() {
        if let Err(error) = record.key() {
            check_error(&error, bytes.len());
        }
        match record.name() {
            Ok(name) => {
                let found = records.find(&name).expect("a whole record is found").expect("by its own name");
                assert!(found.offset() <= record.offset(), "the first record of a name counts");
            }
            Err(error) => check_error(&error, bytes.len()),
        }
    }
}

/// `keys_version`: what is read is written back the same.
pub fn keys_version(bytes: &[u8]) {
    match KeysVersion::parse(bytes) {
        Ok(version) => assert_eq!(Some(version.as_bytes()), bytes.get(..8)),
        Err(error) => check_error(&error, bytes.len()),
    }
}

/// The names of key files: what is recognised is printed the same.
pub fn file_names(bytes: &[u8]) {
    let Ok(name) = core::str::from_utf8(bytes) else { return };
    match FileName::parse(name) {
        FileName::RelationKeys(oid) => assert_eq!(names::relation_keys(oid).to_string(), name),
        FileName::Providers(oid) => assert_eq!(names::providers(oid).to_string(), name),
        FileName::WalKeys => assert_eq!(name, names::WAL_KEYS),
        FileName::KeysVersion => assert_eq!(name, names::KEYS_VERSION),
        _ => {}
    }
}
