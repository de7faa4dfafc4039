//! `keys_version`: the versions that a directory's key files are known to have.
//!
//! Source: `pg_tde` 2.2.0, `pg_tde_migrate_internal_keys`. It is a hint that lets the server skip its
//! search for old files; absent or different means "search". It is not authenticated.
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 4 | magic of the relation key files |
//! | 4 | 4 | magic of the WAL key file |

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::error::{FileKind, FormatError, FormatErrorKind};
use super::header::Magic;

/// The two magic numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub struct KeysVersion {
    relation_keys: [u8; 4],
    wal_keys: [u8; 4],
}

const _: () = assert!(size_of::<KeysVersion>() == 8);

impl KeysVersion {
    /// What `pg_tde` 2.2 writes: relation keys version 4, WAL keys version 2.
    pub const CURRENT: Self =
        Self { relation_keys: Magic::RelationKeys4.bytes(), wal_keys: Magic::WalKeys2.bytes() };

    /// Reads the file; bytes after the first eight are ignored, as the server does.
    ///
    /// # Errors
    /// [`FormatErrorKind::TooShort`] below eight bytes, which keeps a server from starting.
    pub fn parse(bytes: &[u8]) -> Result<Self, FormatError> {
        let too_short = FormatErrorKind::TooShort { actual: bytes.len() as u64, expected: 8 };
        match Self::read_from_prefix(bytes) {
            Ok((version, _)) => Ok(version),
            Err(_) => Err(FormatError::new(FileKind::KeysVersion, 0, "file", too_short)),
        }
    }

    /// The bytes of the file.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 8] {
        zerocopy::transmute!(self)
    }

    /// The magic of the relation key files, if it is one that this crate knows.
    #[must_use]
    pub fn relation_keys(&self) -> Option<Magic> {
        Magic::from_bytes(self.relation_keys)
    }

    /// The magic of the WAL key file, if it is one that this crate knows.
    #[must_use]
    pub fn wal_keys(&self) -> Option<Magic> {
        Magic::from_bytes(self.wal_keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_current_version_has_the_bytes_that_pg_tde_2_2_writes() {
        let bytes = [0x54, 0x44, 0x45, 0x04, 0x57, 0x45, 0x4b, 0x02];
        assert_eq!(KeysVersion::CURRENT.as_bytes(), bytes);
        let version = KeysVersion::parse(&bytes).unwrap();
        assert_eq!(version.relation_keys(), Some(Magic::RelationKeys4));
        assert_eq!(version.wal_keys(), Some(Magic::WalKeys2));
    }

    #[test]
    fn fewer_than_eight_bytes_are_an_error() {
        for length in 0..8 {
            let error = KeysVersion::parse(&[0; 8][..length]).unwrap_err();
            assert_eq!(error.kind(), FormatErrorKind::TooShort { actual: length as u64, expected: 8 });
        }
        assert_eq!(KeysVersion::parse(&[0; 9]).unwrap().wal_keys(), None);
    }
}
