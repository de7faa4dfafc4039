//! Our own container, as documented in `docs/format-master-key.md`.

use alloc::vec::Vec;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;
use tde_core::{PrincipalKey, WrapKey};
use zerocopy::little_endian::{I64, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};
use zeroize::{Zeroize as _, Zeroizing};

use super::key::keyed_hash;
use super::{Error, MasterKey, Passphrase};

pub(super) const MAGIC: &[u8; 8] = b"TDEMKEY\0";

const VERSION: u32 = 1;
const ARGON2ID: u32 = 1;
const AES_256_GCM: u32 = 1;

const MAX_PASSES: u32 = 64;
const MAX_LANES: u32 = 16;
/// Least memory of files that are written; what is read may have less.
const MIN_NEW_MEMORY: u32 = 8 << 10;

/// The whole file.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Layout {
    header: HeaderLayout,
    ciphertext: [u8; 32],
    tag: [u8; 16],
    checksum: [u8; 32],
}

/// What the tag authenticates beside the key.
#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct HeaderLayout {
    magic: [u8; 8],
    version: U32,
    derivation: U32,
    memory_kib: U32,
    passes: U32,
    lanes: U32,
    cipher: U32,
    made_at: I64,
    salt: [u8; 32],
    nonce: [u8; 12],
    check: [u8; 16],
}

const CHECKSUM: usize = 32;

const _: () = {
    use core::mem::offset_of;
    assert!(size_of::<Layout>() == 180);
    assert!(size_of::<HeaderLayout>() == 100);
    assert!(offset_of!(HeaderLayout, made_at) == 32);
    assert!(offset_of!(HeaderLayout, salt) == 40);
    assert!(offset_of!(HeaderLayout, check) == 84);
    assert!(offset_of!(Layout, checksum) == 148);
};

/// Cost of deriving the key from the passphrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argon2Params {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Argon2Params {
    /// For a new file: memory in KiB, passes over it, lanes.
    ///
    /// # Errors
    /// [`Error::Parameters`] unless memory is 8 MiB to 1 GiB, passes are 1 to 64, lanes 1 to 16.
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, Error> {
        let params = Self { memory_kib, passes, lanes };
        params.check(MIN_NEW_MEMORY, super::OpenOptions::default().max_memory_kib)?;
        Ok(params)
    }

    /// Memory in KiB.
    #[must_use]
    pub const fn memory_kib(&self) -> u32 {
        self.memory_kib
    }

    /// Passes over the memory.
    #[must_use]
    pub const fn passes(&self) -> u32 {
        self.passes
    }

    /// Lanes.
    #[must_use]
    pub const fn lanes(&self) -> u32 {
        self.lanes
    }

    fn check(self, min_memory: u32, max_memory: u32) -> Result<(), Error> {
        let bound = |field, found, min, max| match found {
            found if (min..=max).contains(&found) => Ok(()),
            found => Err(Error::Parameters { field, found, min, max }),
        };
        bound("number of Argon2 lanes", self.lanes, 1, MAX_LANES)?;
        bound("number of Argon2 passes", self.passes, 1, MAX_PASSES)?;
        bound("Argon2 memory in KiB", self.memory_kib, min_memory.max(8 * self.lanes), max_memory)
    }
}

impl Default for Argon2Params {
    /// 256 MiB, 3 passes, 4 lanes.
    fn default() -> Self {
        Self { memory_kib: 256 << 10, passes: 3, lanes: 4 }
    }
}

/// What the header of a container says, which only the passphrase proves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContainerHeader {
    /// Cost of deriving the key, within no bounds yet.
    pub params: Argon2Params,
    /// When the file was made, in seconds since 1970.
    pub made_at: i64,
}

impl ContainerHeader {
    /// Checks magic, checksum and version.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let header = &layout(bytes)?.header;
        Ok(Self {
            params: Argon2Params {
                memory_kib: header.memory_kib.get(),
                passes: header.passes.get(),
                lanes: header.lanes.get(),
            },
            made_at: header.made_at.get(),
        })
    }
}

fn layout(bytes: &[u8]) -> Result<&Layout, Error> {
    if !bytes.starts_with(MAGIC) {
        return Err(Error::NotMasterKey);
    }
    let damaged = |reason| Error::Damaged { reason };
    let (body, checksum) = bytes.split_last_chunk::<CHECKSUM>().ok_or(damaged("it is cut short"))?;
    if Sha256::digest(body).as_slice() != checksum {
        return Err(damaged("its checksum is wrong"));
    }
    // Whole, so a version that is not known is a newer one.
    let version = body.get(8..12).and_then(|field| U32::read_from_bytes(field).ok());
    match version.map(U32::get) {
        Some(VERSION) => {}
        Some(found) => return Err(Error::Newer { field: "version", found }),
        None => return Err(damaged("it is cut short")),
    }
    let layout = Layout::ref_from_bytes(bytes).map_err(|_| damaged("it has not 180 bytes"))?;
    match (layout.header.derivation.get(), layout.header.cipher.get()) {
        (ARGON2ID, AES_256_GCM) => Ok(layout),
        (ARGON2ID, found) => Err(Error::Newer { field: "cipher", found }),
        (found, _) => Err(Error::Newer { field: "key derivation", found }),
    }
}

pub(super) fn seal(
    key: &MasterKey,
    passphrase: &Passphrase,
    params: Argon2Params,
    made_at: i64,
) -> Result<Vec<u8>, Error> {
    let (mut salt, mut nonce) = ([0; 32], [0; 12]);
    getrandom::fill(&mut salt).map_err(|_| Error::Random)?;
    getrandom::fill(&mut nonce).map_err(|_| Error::Random)?;
    seal_with(key, passphrase, params, made_at, salt, nonce)
}

fn seal_with(
    key: &MasterKey,
    passphrase: &Passphrase,
    params: Argon2Params,
    made_at: i64,
    salt: [u8; 32],
    nonce: [u8; 12],
) -> Result<Vec<u8>, Error> {
    let derived = Derived::new(passphrase, params, &salt)?;
    let mut file = Layout {
        header: HeaderLayout {
            magic: *MAGIC,
            version: U32::new(VERSION),
            derivation: U32::new(ARGON2ID),
            memory_kib: U32::new(params.memory_kib),
            passes: U32::new(params.passes),
            lanes: U32::new(params.lanes),
            cipher: U32::new(AES_256_GCM),
            made_at: I64::new(made_at),
            salt,
            nonce,
            check: derived.check,
        },
        ciphertext: [0; 32],
        tag: [0; 16],
        checksum: [0; CHECKSUM],
    };
    let plain = key.as_principal_key().expose_bytes();
    match derived.wrap.seal(&nonce, file.header.as_bytes(), plain, &mut file.ciphertext) {
        Ok(tag) => file.tag = tag,
        Err(_) => unreachable!("lengths are those of AES-256-GCM"),
    }
    let body = file.as_bytes().split_last_chunk::<CHECKSUM>().map_or(&[][..], |(body, _)| body);
    file.checksum = Sha256::digest(body).into();
    Ok(file.as_bytes().to_vec())
}

pub(super) fn open(bytes: &[u8], passphrase: &Passphrase, max_memory: u32) -> Result<MasterKey, Error> {
    let params = ContainerHeader::parse(bytes)?.params;
    params.check(1, max_memory)?;
    let file = layout(bytes)?;
    let derived = Derived::new(passphrase, params, &file.header.salt)?;
    if !bool::from(derived.check.ct_eq(&file.header.check)) {
        return Err(Error::WrongPassphrase);
    }
    let mut key = Zeroizing::new([0; 32]);
    derived
        .wrap
        .open(&file.header.nonce, file.header.as_bytes(), &file.ciphertext, &file.tag, &mut *key)
        .map_err(|_| Error::Tampered)?;
    Ok(MasterKey::from_bytes(&key))
}

/// What a passphrase becomes.
struct Derived {
    check: [u8; 16],
    wrap: WrapKey,
}

impl Derived {
    fn new(passphrase: &Passphrase, params: Argon2Params, salt: &[u8; 32]) -> Result<Self, Error> {
        let out_of_memory = || Error::OutOfMemory { kib: params.memory_kib };
        let mut root = Zeroizing::new([0; 32]);
        let costs = Params::new(params.memory_kib, params.passes, params.lanes, Some(root.len()))
            .map_err(|_| out_of_memory())?;
        let mut memory: Vec<Block> = Vec::new();
        memory.try_reserve_exact(costs.block_count()).map_err(|_| out_of_memory())?;
        memory.resize(costs.block_count(), Block::default());
        let derived = Argon2::new(Algorithm::Argon2id, Version::V0x13, costs).hash_password_into_with_memory(
            passphrase.expose_bytes(),
            salt,
            &mut *root,
            &mut memory,
        );
        memory.iter_mut().for_each(|block| block.zeroize());
        derived.map_err(|_| out_of_memory())?;

        let check = keyed_hash(&*root, b"tde master key: passphrase check");
        let check = check.first_chunk().copied().unwrap_or_default();
        let encryption = keyed_hash(&*root, b"tde master key: encryption");
        match PrincipalKey::from_slice(&*encryption) {
            Ok(key) => Ok(Self { check, wrap: WrapKey::new(&key) }),
            Err(_) => unreachable!("32 bytes make a key"),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use alloc::string::String;
    use std::path::Path;

    /// The example with this number in the format's document.
    pub(in crate::master_key) fn documented_vector(number: usize) -> Vec<u8> {
        let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/format-master-key.md");
        let document = std::fs::read_to_string(document).unwrap();
        let block = document.split("```hex").nth(number + 1).unwrap().split("```").next().unwrap();
        let digits: String = block.chars().filter(char::is_ascii_hexdigit).collect();
        digits
            .as_bytes()
            .chunks(2)
            .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    fn passphrase() -> Passphrase {
        Passphrase::new(b"correct horse battery staple").unwrap()
    }

    fn key() -> MasterKey {
        MasterKey::from_bytes(&core::array::from_fn(|i| i as u8))
    }

    fn example() -> Vec<u8> {
        let params = Argon2Params::new(8192, 1, 1).unwrap();
        let salt = core::array::from_fn(|i| 0x20 + i as u8);
        let nonce = core::array::from_fn(|i| 0x40 + i as u8);
        seal_with(&key(), &passphrase(), params, 1_700_000_000, salt, nonce).unwrap()
    }

    /// Makes the checksum right again, as a forger would.
    fn forge(bytes: &mut [u8]) {
        let (body, checksum) = bytes.split_last_chunk_mut::<CHECKSUM>().unwrap();
        *checksum = Sha256::digest(body).into();
    }

    #[test]
    fn the_documented_vector_is_written_and_read() {
        let bytes = example();
        assert_eq!(bytes, documented_vector(0));
        assert!(open(&bytes, &passphrase(), 1 << 20).unwrap().ct_eq(&key()));
        let header = ContainerHeader::parse(&bytes).unwrap();
        assert_eq!((header.made_at, header.params.memory_kib()), (1_700_000_000, 8192));
    }

    #[test]
    fn damage_of_any_byte_is_damage_and_not_a_wrong_passphrase() {
        let bytes = example();
        for at in 0..bytes.len() {
            for bit in [0, 7] {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                match open(&changed, &passphrase(), 1 << 20) {
                    Err(Error::NotMasterKey) => assert!(at < 8),
                    Err(Error::Damaged { .. }) => assert!(at >= 8, "byte {at}"),
                    other => panic!("byte {at}: {other:?}"),
                }
            }
            let cut = open(&bytes[..at], &passphrase(), 1 << 20);
            assert!(matches!(cut, Err(Error::Damaged { .. } | Error::NotMasterKey)), "cut at {at}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(matches!(open(&longer, &passphrase(), 1 << 20), Err(Error::Damaged { .. })));
    }

    #[test]
    fn a_wrong_passphrase_is_told_from_damage() {
        let wrong = Passphrase::new(b"correct horse battery stable").unwrap();
        assert!(matches!(open(&example(), &wrong, 1 << 20), Err(Error::WrongPassphrase)));
    }

    #[test]
    fn a_forged_checksum_does_not_hide_a_change() {
        let bytes = example();
        for at in 0..bytes.len() - CHECKSUM {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            forge(&mut changed);
            let opened = open(&changed, &passphrase(), 1 << 14);
            let right = match at {
                0..8 => matches!(opened, Err(Error::NotMasterKey)),
                8..16 | 28..32 => matches!(opened, Err(Error::Newer { .. })),
                // Other costs and salts make another key; those beyond the bounds are not tried.
                16..28 => matches!(opened, Err(Error::WrongPassphrase | Error::Parameters { .. })),
                40..72 | 84..100 => matches!(opened, Err(Error::WrongPassphrase)),
                // Time, nonce, ciphertext and tag.
                _ => matches!(opened, Err(Error::Tampered)),
            };
            assert!(right, "byte {at}: {opened:?}");
        }
    }

    #[test]
    fn a_hostile_file_cannot_take_more_than_the_bounds() {
        for (at, value) in
            [(16, u32::MAX), (16, (1 << 20) + 1), (16, 0), (16, 7), (20, 0), (20, 65), (24, 0), (24, 17)]
        {
            let mut changed = example();
            changed[at..at + 4].copy_from_slice(&value.to_le_bytes());
            forge(&mut changed);
            let opened = open(&changed, &passphrase(), 1 << 20);
            assert!(
                matches!(opened, Err(Error::Parameters { found, .. }) if found == value),
                "{at}: {opened:?}"
            );
        }
        assert!(matches!(open(&example(), &passphrase(), 8191), Err(Error::Parameters { max: 8191, .. })));
        for (memory, passes, lanes) in
            [(8191, 1, 1), ((1 << 20) + 1, 1, 1), (8192, 0, 1), (8192, 1, 0), (8192, 65, 1)]
        {
            assert!(Argon2Params::new(memory, passes, lanes).is_err());
        }
    }
}
