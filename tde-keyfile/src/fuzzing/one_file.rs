//! The formats of the layout with one file per relation.

use alloc::string::ToString as _;
use alloc::vec::Vec;

use sha2::{Digest as _, Sha256};
use tde_core::{BaseIv, Cipher, InternalKey};
use tde_wal::{Location, Lsn, RangeEntry, RangeKind, TimelineId};

use super::{check_error, seed_key};
use crate::format::header::{Magic, PrincipalKeyInfo, ProviderId, SetTime};
use crate::format::one_file::{Entry, Header, KeyFile, Place, ProviderConfig, seal_with_nonce};
use crate::name::{PrincipalKeyName, ProviderName};
use crate::oid::{Oid, RelationNumber};

/// A key file: whatever is accepted and opens is written back identically.
pub fn one_file_keys(bytes: &[u8]) {
    for bytes in [bytes.to_vec(), with_checksum(bytes)] {
        let file = match KeyFile::parse(&bytes) {
            Ok(file) => file,
            Err(error) => {
                check_error(&error, bytes.len());
                continue;
            }
        };
        let (place, key) = (file.place(), seed_key());
        assert!(!place.to_string().is_empty());
        file.check_place(place).expect("it lies where it says");
        let other = Place::Database(Oid::new(place.scope().get() ^ 1));
        check_error(&file.check_place(other).expect_err("it does not lie elsewhere"), bytes.len());
        match file.open(&key) {
            Ok(keys) => {
                assert_eq!(keys.len(), file.entries().len());
                let (info, provider_name) = (*file.principal_key(), file.provider_name().copied());
                let header = Header { place, info, provider_name, origin: file.origin() };
                let entries: Vec<_> = keys.iter().map(|(entry, key)| (*entry, key)).collect();
                let at = 456 + 40 * keys.len();
                let nonce = bytes.get(at..at + 12).and_then(|nonce| nonce.try_into().ok()).expect("a nonce");
                let again =
                    seal_with_nonce(&header, &entries, &key, nonce).expect("what was read is written");
                assert_eq!(again, bytes, "not written back identically");
            }
            Err(error) => check_error(&error, bytes.len()),
        }
    }
}

/// Keys that are sealed are read back, and a changed byte is refused even with a right checksum.
pub fn one_file_sealed(bytes: &[u8]) {
    let mut input = Input(bytes);
    let change = input.number();
    let (database, number) = (Oid::new(input.number()), RelationNumber::new(input.number()));
    let kind = input.byte() % 4;
    let place = match kind {
        0 if database != Oid::PG_DEFAULT && database != Oid::PG_GLOBAL => {
            Place::Relation { database, relation: number }
        }
        1 => Place::of_scope(database),
        2 => Place::Default,
        _ => Place::Server,
    };
    let time = SetTime { seconds: input.number().into(), microseconds: input.number().into() };
    let provider = ProviderId::new(i32::from_le_bytes(input.array()));
    let name = PrincipalKeyName::new(input.text()).unwrap_or("key".parse().expect("a name"));
    let provider_name = ProviderName::new(input.text()).ok();
    let info = PrincipalKeyInfo::new(place.scope(), provider, time, name);
    let origin = match (place, input.byte() % 3) {
        (Place::Relation { .. }, _) | (_, 0) => None,
        (Place::Server, 1) => Some(Magic::WalKeys1),
        (Place::Server, _) => Some(Magic::WalKeys2),
        (_, 1) => Some(Magic::RelationKeys3),
        _ => Some(Magic::RelationKeys4),
    };
    let mut keys = Vec::new();
    while !input.0.is_empty() && keys.len() < 8 {
        let entry = match place {
            Place::Relation { .. } => Entry::Relation { tablespace: Oid::new(input.number()) },
            _ => {
                let start = Location {
                    timeline: TimelineId::new(input.number()),
                    lsn: Lsn::new(u64::from_le_bytes(input.array())),
                };
                let kind = RangeKind::from_id(u32::from(input.byte() % 3)).expect("a kind");
                Entry::Range(RangeEntry { start, kind })
            }
        };
        let cipher = if input.byte() % 2 == 0 { Cipher::Aes128 } else { Cipher::Aes256 };
        let (key, iv) = (input.array::<32>(), BaseIv::new(input.array()));
        let key = key.get(..cipher.key_len()).unwrap_or_default();
        keys.push((entry, InternalKey::from_slice(cipher, key, iv).expect("a fitting key")));
    }
    let principal = seed_key();
    let entries: Vec<_> = keys.iter().map(|(entry, key)| (*entry, key)).collect();
    let header = Header { place, info, provider_name, origin };
    let sealed = match seal_with_nonce(&header, &entries, &principal, &[0xa5; 12]) {
        Ok(sealed) => sealed,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let file = KeyFile::parse(&sealed).expect("what was written is read");
    assert_eq!((file.place(), file.principal_key()), (place, &info));
    assert_eq!((file.provider_name().copied(), file.origin()), (provider_name, origin));
    let opened = file.open(&principal).expect("with its own key");
    assert_eq!(opened.len(), keys.len());
    for (entry, key) in &keys {
        let same = |(found, other): &(Entry, InternalKey)| {
            found == entry && other.ct_eq(key) && other.base_iv() == key.base_iv()
        };
        assert!(opened.iter().any(same), "a key was lost");
    }
    let at = change as usize % (sealed.len() - 32);
    let mut changed = sealed;
    if let Some(byte) = changed.get_mut(at) {
        *byte ^= 1 << (change >> 29);
    }
    assert!(KeyFile::parse(&changed).is_err(), "damage at {at} was not noticed");
    let forged = with_checksum(&changed);
    let taken =
        KeyFile::parse(&forged).and_then(|file| file.check_place(place).and_then(|()| file.open(&principal)));
    assert!(taken.is_err(), "a change at {at} was not noticed");
}

/// `provider_config`: what is accepted is written back identically.
pub fn provider_config(bytes: &[u8]) {
    for bytes in [bytes.to_vec(), with_checksum(bytes)] {
        match ProviderConfig::parse(&bytes) {
            Ok(config) => {
                let again = ProviderConfig::encode(config.scope(), config.record_bytes());
                assert_eq!(again.expect("whole records"), bytes, "not written back identically");
                config.check_place(config.scope()).expect("it lies where it says");
                assert!(config.records().torn_tail().is_none());
                super::providers(config.record_bytes());
            }
            Err(error) => check_error(&error, bytes.len()),
        }
    }
}

/// Fields taken off the front; zeros behind the end.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn array<const N: usize>(&mut self) -> [u8; N] {
        let (taken, rest) = self.0.split_at(N.min(self.0.len()));
        self.0 = rest;
        let mut out = [0; N];
        out.iter_mut().zip(taken).for_each(|(to, from)| *to = *from);
        out
    }

    fn byte(&mut self) -> u8 {
        u8::from_le_bytes(self.array())
    }

    fn number(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }

    fn text(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte()).min(self.0.len());
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }
}

fn with_checksum(bytes: &[u8]) -> Vec<u8> {
    match bytes.split_last_chunk::<32>() {
        Some((body, _)) => [body, &Sha256::digest(body)[..]].concat(),
        None => bytes.to_vec(),
    }
}
