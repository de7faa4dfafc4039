//! Where the fields of a key file lie.

use sha2::{Digest as _, Sha256};
use zerocopy::little_endian::{I32, I64, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::error;
use crate::format::{FileKind, FormatError, FormatErrorKind};

pub(super) const MAGIC: &[u8; 8] = b"TDEKFILE";
pub(super) const NONCE_SIZE: usize = 12;
pub(super) const TAG_SIZE: usize = 16;
pub(super) const CHECKSUM_SIZE: usize = 32;
pub(super) const HEADER_SIZE: usize = size_of::<HeaderLayout>();
pub(super) const ENTRY_SIZE: usize = size_of::<EntryLayout>();
/// A file without entries.
pub(super) const MIN_SIZE: usize = HEADER_SIZE + NONCE_SIZE + TAG_SIZE + CHECKSUM_SIZE;

#[derive(Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct HeaderLayout {
    pub(super) magic: [u8; 8],
    pub(super) version: U32,
    pub(super) kind: U32,
    pub(super) database: U32,
    pub(super) relation: U32,
    pub(super) entries: U32,
    pub(super) provider: I32,
    pub(super) seconds: I64,
    pub(super) microseconds: I64,
    pub(super) cipher: U32,
    pub(super) origin: U32,
    pub(super) fingerprint: [u8; 16],
    pub(super) provider_name: [u8; 128],
    pub(super) key_name: [u8; 256],
}

#[derive(Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct EntryLayout {
    /// Tablespace, or type of the range.
    pub(super) subject: U32,
    pub(super) cipher: U32,
    pub(super) lsn: U64,
    pub(super) timeline: U32,
    pub(super) reserved: U32,
    pub(super) base_iv: [u8; 16],
}

const _: () = {
    use core::mem::offset_of;
    assert!(HEADER_SIZE == 456);
    assert!(offset_of!(HeaderLayout, provider) == 28);
    assert!(offset_of!(HeaderLayout, seconds) == 32);
    assert!(offset_of!(HeaderLayout, cipher) == 48);
    assert!(offset_of!(HeaderLayout, fingerprint) == 56);
    assert!(offset_of!(HeaderLayout, provider_name) == 72);
    assert!(offset_of!(HeaderLayout, key_name) == 200);
    assert!(ENTRY_SIZE == 40);
    assert!(offset_of!(EntryLayout, timeline) == 16);
    assert!(offset_of!(EntryLayout, base_iv) == 24);
};

/// Checks what both formats have in common, and takes the checksum off: magic, whole, version.
pub(super) fn check_frame<'a>(
    file: FileKind,
    magic: &[u8; 8],
    min_size: usize,
    bytes: &'a [u8],
) -> Result<&'a [u8], FormatError> {
    let too_short = FormatErrorKind::TooShort { actual: bytes.len() as u64, expected: min_size as u64 };
    if let Some((first, _)) = bytes.split_first_chunk::<8>()
        && first != magic
    {
        let [a, b, c, d, ..] = *first;
        return Err(error(file, 0, "magic", FormatErrorKind::UnknownMagic { found: [a, b, c, d] }));
    }
    if bytes.len() < min_size {
        return Err(error(file, 0, "file", too_short));
    }
    let Some((body, checksum)) = bytes.split_last_chunk::<CHECKSUM_SIZE>() else {
        return Err(error(file, 0, "file", too_short));
    };
    if Sha256::digest(body).as_slice() != checksum {
        return Err(error(file, body.len(), "checksum", FormatErrorKind::Checksum));
    }
    // Whole, so a version that is not known is another release's.
    let version = body.get(8..12).and_then(|field| U32::read_from_bytes(field).ok()).map_or(0, U32::get);
    if version != super::VERSION {
        let found = u8::try_from(version).unwrap_or(u8::MAX);
        return Err(error(file, 8, "version", FormatErrorKind::UnsupportedVersion { found }));
    }
    Ok(body)
}
