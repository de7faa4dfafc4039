//! Files made here, byte by byte, with a writer that shares no code with the readers.

#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, reason = "helpers of tests; the lint knows only the tests themselves")]

use tde_core::{PrincipalKey, WrapKey};

/// Bytes `from`, `from + 1`, ...
pub(crate) fn count<const N: usize>(from: u8) -> [u8; N] {
    core::array::from_fn(|i| from + u8::try_from(i).unwrap())
}

pub(crate) fn principal(length: usize) -> PrincipalKey {
    PrincipalKey::from_slice(&count::<32>(0)[..length]).unwrap()
}

pub(crate) fn wrap_key(length: usize) -> WrapKey {
    WrapKey::new(&principal(length))
}

pub(crate) struct Header<'a> {
    pub(crate) magic: &'a [u8; 4],
    pub(crate) database: u32,
    pub(crate) provider: i32,
    pub(crate) time: (i64, i64),
    pub(crate) name: &'a str,
}

pub(crate) const DEMO: Header<'static> = Header {
    magic: b"TDE\x04",
    database: 16384,
    provider: 1,
    time: (1_750_000_000, 123_456),
    name: "demo-key",
};

pub(crate) const SERVER: Header<'static> =
    Header { magic: b"WEK\x02", database: 1664, provider: -1, time: (1_750_000_000, 0), name: "srv-key" };

impl Header<'_> {
    pub(crate) fn info(&self) -> Vec<u8> {
        let mut info = Vec::new();
        info.extend(self.database.to_le_bytes());
        info.extend(self.provider.to_le_bytes());
        info.extend(self.time.0.to_le_bytes());
        info.extend(self.time.1.to_le_bytes());
        info.extend(self.name.as_bytes());
        info.resize(280, 0);
        info
    }

    pub(crate) fn bytes(&self, key: &WrapKey) -> Vec<u8> {
        let (info, iv) = (self.info(), count::<16>(0xa0));
        let tag = key.sign(&iv, &info).unwrap();
        [&self.magic[..], &[0; 4], &info, &iv, &tag].concat()
    }
}

pub(crate) fn v4_entry(key: &WrapKey, tablespace: u32, relation: u32, internal: &[u8]) -> Vec<u8> {
    let cipher = u32::from(internal.len() == 32);
    let aad = [cipher, tablespace, relation, 1].map(u32::to_le_bytes).concat();
    let iv = count::<16>(0xb0);
    let mut wrapped = vec![0; internal.len()];
    let tag = key.seal(&iv, &aad, internal, &mut wrapped).unwrap();
    wrapped.resize(32, 0);
    [&aad[..], &iv, &tag, &count::<16>(0x30), &wrapped].concat()
}

pub(crate) fn v3_entry(
    key: &WrapKey,
    tablespace: u32,
    relation: u32,
    internal: &[u8; 16],
    undefined: [u32; 2],
) -> Vec<u8> {
    let aad = [tablespace, relation, 1, undefined[0]].map(u32::to_le_bytes).concat();
    let (iv, mut wrapped) = (count::<16>(0xb0), [0; 16]);
    let tag = key.seal(&iv, &aad, internal, &mut wrapped).unwrap();
    let middle = [1, undefined[1], 0, 0].map(u32::to_le_bytes).concat();
    [&aad[..], &wrapped, &count::<16>(0x30), &middle, &iv, &tag].concat()
}

const WAL_BASE_IV: [u8; 16] = 0xffee_ddcc_bbaa_9988_7766_5544_3322_1100_u128.to_be_bytes();

pub(crate) fn wal_v2_entry(key: &WrapKey, kind: u32, start: (u32, u64), internal: &[u8]) -> Vec<u8> {
    let cipher = u32::from(internal.len() == 32);
    let aad = [cipher, kind].map(u32::to_le_bytes).concat();
    let iv = count::<16>(0xc0);
    let mut wrapped = vec![0; internal.len()];
    let tag = key.seal(&iv, &aad, internal, &mut wrapped).unwrap();
    wrapped.resize(32, 0);
    let (lsn, timeline) = (start.1.to_le_bytes(), start.0.to_le_bytes());
    [&aad[..], &lsn, &timeline, &[0; 4], &iv, &tag, &WAL_BASE_IV, &wrapped].concat()
}

pub(crate) fn wal_v1_entry(key: &WrapKey, kind: u32, start: (u32, u64), internal: &[u8; 16]) -> Vec<u8> {
    let aad = [1_u32, 0].map(u32::to_le_bytes).concat();
    let (iv, mut wrapped) = (count::<16>(0xc0), [0; 16]);
    let tag = key.seal(&iv, &aad, internal, &mut wrapped).unwrap();
    let (lsn, timeline) = (start.1.to_le_bytes(), start.0.to_le_bytes());
    let kind = u64::from(kind).to_le_bytes();
    [&aad[..], &wrapped, &WAL_BASE_IV, &kind, &lsn, &timeline, &[0; 4], &iv, &tag].concat()
}

pub(crate) fn provider_record(id: i32, name: &str, options: &str, kind: u32) -> Vec<u8> {
    let mut record = id.to_le_bytes().to_vec();
    record.extend(name.as_bytes());
    record.resize(132, 0);
    record.extend(options.as_bytes());
    record.resize(1156, 0);
    record.extend(kind.to_le_bytes());
    record
}

pub(crate) fn keyring_record(name: &str, key: &[u8]) -> Vec<u8> {
    let mut record = name.as_bytes().to_vec();
    record.resize(256, 0);
    record.extend(key);
    record.resize(288, 0);
    record.extend(u32::try_from(key.len()).unwrap().to_le_bytes());
    record
}
