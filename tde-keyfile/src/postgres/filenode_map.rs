//! `pg_filenode.map`: file numbers of the catalogs that keep none in `pg_class`.

use core::fmt;

use super::crc::crc32c;
use crate::{Oid, RelationNumber};

/// A checked `pg_filenode.map` (`relmapper.c`, `RelMapFile`): in `global/` for the shared catalogs, in each
/// database's directory for its own.
#[derive(Debug, Clone, Copy)]
pub struct FilenodeMap<'a> {
    entries: &'a [[u8; 8]],
}

/// The first four bytes of the file.
const MAGIC: u32 = 0x0059_2717;

impl<'a> FilenodeMap<'a> {
    /// Reads and checks the file: 512 bytes in PostgreSQL 14 and 15, 524 in 16 to 18.
    ///
    /// # Errors
    /// [`FilenodeMapError`] for any other length, magic, count or checksum.
    pub fn parse(file: &'a [u8]) -> Result<Self, FilenodeMapError> {
        let crc_at = match file.len() {
            512 => 504,
            524 => 520,
            actual => return Err(FilenodeMapError::Length { actual }),
        };
        let (covered, rest) = file.split_at(crc_at);
        if u32_at(covered, 0) != MAGIC {
            return Err(FilenodeMapError::Magic { found: u32_at(covered, 0) });
        }
        let (stored, computed) = (u32_at(rest, 0), crc32c(covered));
        if stored != computed {
            return Err(FilenodeMapError::Checksum { stored, computed });
        }
        let count = u32_at(covered, 4);
        let slots = covered[8..].as_chunks::<8>().0;
        let entries = usize::try_from(count)
            .ok()
            .and_then(|count| slots.get(..count))
            .ok_or(FilenodeMapError::Count { found: count })?;
        Ok(Self { entries })
    }

    /// The catalogs in the map with their file numbers, in file order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Oid, RelationNumber)> + 'a {
        self.entries.iter().map(|entry| (Oid::new(u32_at(entry, 0)), RelationNumber::new(u32_at(entry, 4))))
    }

    /// The file number of a catalog, such as 1259 (`pg_class`).
    #[must_use]
    pub fn get(&self, catalog: Oid) -> Option<RelationNumber> {
        self.iter().find(|(oid, _)| *oid == catalog).map(|(_, number)| number)
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|bytes| bytes.first_chunk::<4>()).map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

/// Why a file is not a usable map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FilenodeMapError {
    /// A length that no version writes.
    Length {
        /// Bytes given.
        actual: usize,
    },
    /// The first four bytes are not those of a map.
    Magic {
        /// What they are.
        found: u32,
    },
    /// More entries than the file has room for.
    Count {
        /// The count found.
        found: u32,
    },
    /// The checksum is wrong.
    Checksum {
        /// CRC-32C found.
        stored: u32,
        /// CRC-32C of the bytes before it.
        computed: u32,
    },
}

impl fmt::Display for FilenodeMapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { actual } => {
                write!(f, "{actual} bytes are not a filenode map (512 or 524)")
            }
            Self::Magic { found } => write!(f, "begins with 0x{found:08X}, not with a filenode map's magic"),
            Self::Count { found } => write!(f, "announces {found} entries, more than it has room for"),
            Self::Checksum { stored, computed } => {
                write!(f, "checksum {stored:08X} is stored, {computed:08X} is computed")
            }
        }
    }
}

impl core::error::Error for FilenodeMapError {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    fn map(length: usize, count: u32) -> Vec<u8> {
        let mut file = vec![0; length];
        file[..4].copy_from_slice(&MAGIC.to_le_bytes());
        file[4..8].copy_from_slice(&count.to_le_bytes());
        file[8..24].copy_from_slice(&[235, 4, 0, 0, 31, 64, 0, 0, 225, 4, 0, 0, 225, 4, 0, 0]);
        let crc_at = if length == 512 { 504 } else { 520 };
        let crc = crc32c(&file[..crc_at]);
        file[crc_at..crc_at + 4].copy_from_slice(&crc.to_le_bytes());
        file
    }

    #[test]
    fn both_lengths_are_read() {
        for length in [512, 524] {
            let file = map(length, 2);
            let parsed = FilenodeMap::parse(&file).unwrap();
            assert_eq!(parsed.iter().len(), 2);
            assert_eq!(parsed.get(Oid::new(1259)), Some(RelationNumber::new(16_415)));
            assert_eq!(parsed.get(Oid::new(1)), None);
        }
    }

    #[test]
    fn damage_is_noticed() {
        let file = map(524, 2);
        for bit in 0..524 * 8 {
            let mut bad = file.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(FilenodeMap::parse(&bad).is_err(), "bit {bit}");
        }
        assert_eq!(FilenodeMap::parse(&map(524, 65)).unwrap_err(), FilenodeMapError::Count { found: 65 });
        assert_eq!(FilenodeMap::parse(&file[..520]).unwrap_err(), FilenodeMapError::Length { actual: 520 });
    }
}
