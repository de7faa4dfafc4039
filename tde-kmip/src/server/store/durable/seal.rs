//! How a store file is sealed: its header, its keys, its records. `docs/format-key-server-store.md` has the layouts.

use core::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tde_core::{PrincipalKey, WrapKey};
use tde_keyfile::master_key::MasterKey;
use zeroize::Zeroizing;

use crate::server::store::Record;

/// Bytes of a header in version 1.
pub(super) const HEADER_LEN: usize = 140;
const MAGIC: &[u8; 8] = b"TDESTORE";
const VERSION: u32 = 1;
const AES_256_GCM: u32 = 1;
/// What of the header the wrapped key's tag covers.
const BOUND: usize = 48;
const NONCE: usize = 12;
const TAG: usize = 16;

/// Why a header does not give its keys.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum HeaderFault {
    NotStore,
    Newer(u32),
    WrongKey,
    Damaged(&'static str),
    Random,
}

/// The keys of a store, which its header holds wrapped. Wiped on drop.
pub(super) struct StoreKeys {
    store_id: [u8; 16],
    store_key: Zeroizing<[u8; 32]>,
    records: WrapKey,
    index: Zeroizing<[u8; 32]>,
    state: Zeroizing<[u8; 32]>,
}

impl StoreKeys {
    /// Keys for a new store.
    pub(super) fn random() -> Result<Self, HeaderFault> {
        let mut store_key = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *store_key).map_err(|_| HeaderFault::Random)?;
        Ok(Self::new(random()?, store_key))
    }

    fn new(store_id: [u8; 16], store_key: Zeroizing<[u8; 32]>) -> Self {
        let derive = |label: &[u8]| keyed_hash(&*store_key, &[label, &store_id]);
        Self {
            store_id,
            records: wrap_key(&derive(b"tde key server store: records")),
            index: derive(b"tde key server store: index"),
            state: derive(b"tde key server store: state"),
            store_key,
        }
    }

    /// The header that holds the keys under a master key.
    pub(super) fn wrap(&self, master: &MasterKey) -> Result<[u8; HEADER_LEN], HeaderFault> {
        let nonce: [u8; NONCE] = random()?;
        let mut header = Vec::with_capacity(HEADER_LEN);
        header.extend_from_slice(MAGIC);
        header.extend_from_slice(&VERSION.to_le_bytes());
        header.extend_from_slice(&AES_256_GCM.to_le_bytes());
        header.extend_from_slice(&self.store_id);
        header.extend_from_slice(&check_of(master, &self.store_id));
        let mut wrapped = [0; 32];
        let Ok(tag) =
            wrapping_key(master, &self.store_id).seal(&nonce, &header, &*self.store_key, &mut wrapped)
        else {
            unreachable!("lengths are those of AES-256-GCM")
        };
        header.extend_from_slice(&nonce);
        header.extend_from_slice(&wrapped);
        header.extend_from_slice(&tag);
        header.extend_from_slice(&Sha256::digest(&header));
        match header.try_into() {
            Ok(header) => Ok(header),
            Err(_) => unreachable!("the fields have {HEADER_LEN} bytes"),
        }
    }

    /// The keys in a header.
    pub(super) fn unwrap(header: &[u8], master: &MasterKey) -> Result<Self, HeaderFault> {
        let Some((magic, rest)) = header.split_first_chunk::<8>() else { return Err(HeaderFault::NotStore) };
        if magic != MAGIC {
            return Err(HeaderFault::NotStore);
        }
        let damaged = HeaderFault::Damaged("the checksum of its header is wrong");
        let (Some((version, _)), Some((body, checksum))) =
            (rest.split_first_chunk::<4>(), header.split_last_chunk::<32>())
        else {
            return Err(damaged);
        };
        if Sha256::digest(body)[..] != checksum[..] {
            return Err(damaged);
        }
        match u32::from_le_bytes(*version) {
            VERSION => {}
            newer => return Err(HeaderFault::Newer(newer)),
        }
        let Some((bound, wrapped)) = body.split_at_checked(BOUND) else { return Err(damaged) };
        let fields = || {
            let (cipher, store_id) = bound.get(12..32)?.split_first_chunk::<4>()?;
            let check: &[u8; 16] = bound.last_chunk()?;
            let (nonce, wrapped) = wrapped.split_first_chunk::<NONCE>()?;
            let (wrapped, tag) = wrapped.split_last_chunk::<TAG>()?;
            let wrapped: &[u8; 32] = wrapped.try_into().ok()?;
            Some((cipher, <[u8; 16]>::try_from(store_id).ok()?, check, nonce, wrapped, tag))
        };
        let Some((cipher, store_id, check, nonce, wrapped, tag)) = fields() else {
            return Err(HeaderFault::Damaged("its header has another length"));
        };
        if u32::from_le_bytes(*cipher) != AES_256_GCM {
            return Err(HeaderFault::Damaged("its header names a cipher that version 1 does not have"));
        }
        if !bool::from(check_of(master, &store_id).ct_eq(check)) {
            return Err(HeaderFault::WrongKey);
        }
        let mut store_key = Zeroizing::new([0; 32]);
        wrapping_key(master, &store_id).open(nonce, bound, wrapped, tag, &mut *store_key).map_err(|_| {
            HeaderFault::Damaged("the tag of its header is wrong although the master key is right")
        })?;
        Ok(Self::new(store_id, store_key))
    }

    /// What a record is found by, when it is looked for by its id.
    pub(super) fn id_index(&self, id: &str) -> [u8; 32] {
        *keyed_hash(&*self.index, &[b"id\0", id.as_bytes()])
    }

    /// The same for one of its names.
    pub(super) fn name_index(&self, name: &str) -> [u8; 32] {
        *keyed_hash(&*self.index, &[b"name\0", name.as_bytes()])
    }

    /// What a record adds to the sum over all records.
    pub(super) fn share(&self, sequence: u64, revision: u64) -> u128 {
        let message = position(sequence, revision);
        let hash = keyed_hash(&*self.state, &[b"record\0", &message]);
        hash.first_chunk().copied().map_or(0, u128::from_le_bytes)
    }

    /// The row of a record: its revision, then the rest sealed.
    pub(super) fn seal(&self, record: &Record) -> Result<Vec<u8>, HeaderFault> {
        let plain = flatten(record);
        let nonce: [u8; NONCE] = random()?;
        let mut row = vec![0; 8 + NONCE + plain.len() + TAG];
        let (clear, sealed) = row.split_at_mut(8 + NONCE);
        clear[..8].copy_from_slice(&record.revision.to_le_bytes());
        clear[8..].copy_from_slice(&nonce);
        let (sealed, tag_out) = sealed.split_at_mut(plain.len());
        let aad = position(record.sequence, record.revision);
        match self.records.seal(&nonce, &aad, &plain, sealed) {
            Ok(tag) => tag_out.copy_from_slice(&tag),
            Err(_) => unreachable!("a record is shorter than 64 GiB"),
        }
        Ok(row)
    }

    /// The record of a row, unless the row is not one that [`seal`](Self::seal) made for this place.
    pub(super) fn open(&self, sequence: u64, row: &[u8]) -> Result<Record, &'static str> {
        const SHORT: &str = "is cut short";
        let (revision, rest) = row.split_first_chunk::<8>().ok_or(SHORT)?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE>().ok_or(SHORT)?;
        let (sealed, tag) = rest.split_last_chunk::<TAG>().ok_or(SHORT)?;
        let revision = u64::from_le_bytes(*revision);
        let mut plain = Zeroizing::new(vec![0; sealed.len()]);
        self.records
            .open(nonce, &position(sequence, revision), sealed, tag, &mut plain)
            .map_err(|_| "fails its authentication tag")?;
        unflatten(sequence, revision, &plain).ok_or("has fields of wrong lengths")
    }

    /// The state row: the highest sequence number given, the number of records, the sum of their shares; and a code.
    pub(super) fn seal_state(&self, state: State) -> [u8; State::LEN] {
        let mut row = [0; State::LEN];
        let (body, code) = row.split_at_mut(State::BODY);
        body[..8].copy_from_slice(&state.last_sequence.to_le_bytes());
        body[8..16].copy_from_slice(&state.count.to_le_bytes());
        body[16..].copy_from_slice(&state.sum.to_le_bytes());
        code.copy_from_slice(&*keyed_hash(&*self.state, &[b"state\0", body]));
        row
    }

    pub(super) fn open_state(&self, row: &[u8]) -> Option<State> {
        let (body, code) = row.split_last_chunk::<32>()?;
        let body: &[u8; State::BODY] = body.try_into().ok()?;
        if !bool::from(keyed_hash(&*self.state, &[b"state\0", body]).ct_eq(code)) {
            return None;
        }
        let (last_sequence, rest) = body.split_first_chunk()?;
        let (count, sum) = rest.split_first_chunk()?;
        Some(State {
            last_sequence: u64::from_le_bytes(*last_sequence),
            count: u64::from_le_bytes(*count),
            sum: u128::from_le_bytes(sum.try_into().ok()?),
        })
    }
}

impl fmt::Debug for StoreKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreKeys").finish_non_exhaustive()
    }
}

/// What all records are together, so that none of them can be taken away or put back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct State {
    pub(super) last_sequence: u64,
    pub(super) count: u64,
    pub(super) sum: u128,
}

impl State {
    const BODY: usize = 32;
    pub(super) const LEN: usize = Self::BODY + 32;
}

fn position(sequence: u64, revision: u64) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&sequence.to_le_bytes());
    bytes[8..].copy_from_slice(&revision.to_le_bytes());
    bytes
}

fn flatten(record: &Record) -> Zeroizing<Vec<u8>> {
    let texts = || [&record.id, &record.owner].into_iter().chain(&record.names);
    let length = texts().map(|text| 4 + text.len()).sum::<usize>() + 4 + record.contents.len();
    // Sized beforehand: growing would leave a copy of the contents behind.
    let mut plain = Zeroizing::new(Vec::with_capacity(length));
    let put = |plain: &mut Vec<u8>, text: &str| {
        plain.extend_from_slice(&length_of(text.len()));
        plain.extend_from_slice(text.as_bytes());
    };
    put(&mut plain, &record.id);
    put(&mut plain, &record.owner);
    plain.extend_from_slice(&length_of(record.names.len()));
    for name in &record.names {
        put(&mut plain, name);
    }
    plain.extend_from_slice(&record.contents);
    plain
}

fn unflatten(sequence: u64, revision: u64, mut plain: &[u8]) -> Option<Record> {
    let id = take_text(&mut plain)?;
    let owner = take_text(&mut plain)?;
    let count = take_length(&mut plain)?;
    // Each takes four bytes at least, so a wrong count reserves no more than the row has.
    let mut names = Vec::with_capacity(count.min(plain.len() / 4));
    for _ in 0..count {
        names.push(take_text(&mut plain)?);
    }
    Some(Record { id, owner, revision, sequence, names, contents: Zeroizing::new(plain.to_vec()) })
}

fn length_of(length: usize) -> [u8; 4] {
    // Texts come out of one message, which is far below 4 GiB.
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
}

fn take_length(plain: &mut &[u8]) -> Option<usize> {
    let (length, rest) = plain.split_first_chunk()?;
    *plain = rest;
    usize::try_from(u32::from_le_bytes(*length)).ok()
}

fn take_text(plain: &mut &[u8]) -> Option<String> {
    let length = take_length(plain)?;
    let (text, rest) = plain.split_at_checked(length)?;
    *plain = rest;
    core::str::from_utf8(text).ok().map(str::to_owned)
}

fn check_of(master: &MasterKey, store_id: &[u8; 16]) -> [u8; 16] {
    let key = master.as_principal_key().expose_bytes();
    let hash = keyed_hash(key, &[b"tde key server store: master key check", store_id]);
    hash.first_chunk().copied().unwrap_or_default()
}

fn wrapping_key(master: &MasterKey, store_id: &[u8; 16]) -> WrapKey {
    let key = master.as_principal_key().expose_bytes();
    wrap_key(&keyed_hash(key, &[b"tde key server store: wrapping key", store_id]))
}

fn wrap_key(bytes: &[u8; 32]) -> WrapKey {
    match PrincipalKey::from_slice(bytes) {
        Ok(key) => WrapKey::new(&key),
        Err(_) => unreachable!("32 bytes make a key"),
    }
}

/// HMAC-SHA-256 of the parts after each other.
fn keyed_hash(key: &[u8], parts: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        unreachable!("HMAC takes keys of any length")
    };
    for part in parts {
        mac.update(part);
    }
    Zeroizing::new(mac.finalize().into_bytes().into())
}

fn random<const N: usize>() -> Result<[u8; N], HeaderFault> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| HeaderFault::Random)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::store::contract::record;

    fn master(byte: u8) -> MasterKey {
        MasterKey::from_bytes(&[byte; 32])
    }

    #[test]
    fn a_header_gives_its_keys_to_the_right_master_key_only() {
        let keys = StoreKeys::random().unwrap();
        let header = keys.wrap(&master(1)).unwrap();
        let opened = StoreKeys::unwrap(&header, &master(1)).unwrap();
        assert_eq!(opened.id_index("x"), keys.id_index("x"));
        assert_eq!(StoreKeys::unwrap(&header, &master(2)).unwrap_err(), HeaderFault::WrongKey);
        for at in 0..HEADER_LEN {
            let mut changed = header;
            changed[at] ^= 1;
            let fault = StoreKeys::unwrap(&changed, &master(1)).unwrap_err();
            assert!(matches!(fault, HeaderFault::NotStore | HeaderFault::Damaged(_)), "{at}: {fault:?}");
            // Who can write the file can make the checksum right; then the tag tells, or the key seems wrong.
            let (body, checksum) = changed.split_last_chunk_mut::<32>().unwrap();
            checksum.copy_from_slice(&Sha256::digest(body));
            assert!(at >= 108 || StoreKeys::unwrap(&changed, &master(1)).is_err(), "{at}");
            assert!(StoreKeys::unwrap(&header[..at], &master(1)).is_err());
        }
    }

    #[test]
    fn a_row_is_only_good_where_it_was_sealed_for() {
        let keys = StoreKeys::random().unwrap();
        let mut sealed = record("an id", &["one", ""]);
        (sealed.sequence, sealed.revision) = (3, 9);
        let row = keys.seal(&sealed).unwrap();
        let opened = keys.open(3, &row).unwrap();
        assert_eq!(format!("{opened:?}"), format!("{sealed:?}"));
        assert_eq!(opened.contents, sealed.contents);
        assert_eq!(keys.open(4, &row).unwrap_err(), "fails its authentication tag");
        for at in 0..row.len() {
            let mut changed = row.clone();
            changed[at] ^= 0x80;
            assert!(keys.open(3, &changed).is_err(), "{at}");
            assert!(keys.open(3, &row[..at]).is_err(), "{at}");
        }
        assert!(StoreKeys::random().unwrap().open(3, &row).is_err());
        for text in ["an id", "CN=client", "contents"] {
            assert!(!row.windows(text.len()).any(|window| window == text.as_bytes()), "{text} is in clear");
        }
    }

    #[test]
    fn the_state_cannot_be_changed() {
        let keys = StoreKeys::random().unwrap();
        let state = State { last_sequence: 7, count: 5, sum: u128::MAX - 3 };
        let row = keys.seal_state(state);
        assert_eq!(keys.open_state(&row), Some(state));
        for at in 0..row.len() {
            let mut changed = row;
            changed[at] ^= 2;
            assert_eq!(keys.open_state(&changed), None);
        }
    }
}
