//! The header of a WAL record.

use core::fmt;

use crate::bytes::{array, u32_at, u64_at};
use crate::location::Lsn;
use crate::major::Major;

/// Length in bytes of a record's header, and so of the shortest record.
pub const RECORD_HEADER_LEN: usize = 24;

/// The part of the header that the CRC covers, after the rest of the record: all but the CRC itself.
pub(crate) const CHECKED_HEADER_LEN: usize = 20;

/// A record's header (`XLogRecord`), as it stands there. Any 24 bytes are one; the walker judges it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordHeader {
    /// Bytes in the record, this header included.
    pub total_length: u32,
    /// The transaction that wrote it; 0 for none.
    pub transaction_id: u32,
    /// Where the record before begins; 0 in the very first of a cluster.
    pub previous: Lsn,
    /// The upper four bits are the resource manager's own.
    pub info: u8,
    /// Whose record it is.
    pub resource_manager: ResourceManager,
    /// CRC-32C over the bytes after this header, then over the header's first 20 bytes.
    pub crc: u32,
}

impl RecordHeader {
    /// Reads the fields.
    #[must_use]
    pub fn read(bytes: &[u8; RECORD_HEADER_LEN]) -> Self {
        // The array is long enough for every field, so that none of the defaults is ever taken.
        Self {
            total_length: u32_at(bytes, 0).unwrap_or(0),
            transaction_id: u32_at(bytes, 4).unwrap_or(0),
            previous: Lsn::new(u64_at(bytes, 8).unwrap_or(0)),
            info: bytes[16],
            resource_manager: ResourceManager(bytes[17]),
            crc: u32_at(bytes, 20).unwrap_or(0),
        }
    }

    /// The header at the beginning of these bytes, if they are enough.
    pub(crate) fn first_of(bytes: &[u8]) -> Option<Self> {
        array(bytes, 0).as_ref().map(Self::read)
    }

    /// Whether the rest of the segment after this record is zero, without page headers.
    #[must_use]
    pub const fn is_switch(&self) -> bool {
        self.resource_manager.0 == ResourceManager::XLOG.0 && self.info & 0xF0 == 0x40
    }

    /// Whether this record marks the place where an unfinished one was abandoned.
    #[must_use]
    pub const fn is_overwrite_of_abandoned(&self) -> bool {
        self.resource_manager.0 == ResourceManager::XLOG.0 && self.info & 0xF0 == 0xD0
    }

    /// Whether this is a checkpoint, made online (0x10) or at a shutdown (0x00).
    #[must_use]
    pub const fn is_checkpoint(&self) -> bool {
        self.resource_manager.0 == ResourceManager::XLOG.0 && matches!(self.info & 0xF0, 0x00 | 0x10)
    }
}

/// A resource manager: the part of the server, or the extension, whose record it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceManager(u8);

impl ResourceManager {
    /// The log's own records.
    pub const XLOG: Self = Self(0);
    /// Percona's `pg_tde`.
    pub const PG_TDE: Self = Self(140);

    /// PostgreSQL's own, by number (`rmgrlist.h`; the same in 14 to 18).
    const NAMES: [&'static str; 22] = [
        "XLOG",
        "Transaction",
        "Storage",
        "CLOG",
        "Database",
        "Tablespace",
        "MultiXact",
        "RelMap",
        "Standby",
        "Heap2",
        "Heap",
        "Btree",
        "Hash",
        "Gin",
        "Gist",
        "Sequence",
        "SPGist",
        "BRIN",
        "CommitTs",
        "ReplicationOrigin",
        "Generic",
        "LogicalMessage",
    ];

    /// The resource manager with this number.
    #[must_use]
    pub const fn new(id: u8) -> Self {
        Self(id)
    }

    /// Its number.
    #[must_use]
    pub const fn id(self) -> u8 {
        self.0
    }

    /// The name that the server gives it; `None` for an extension's and for numbers that mean nothing.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        Self::NAMES.get(usize::from(self.0)).copied()
    }

    /// Whether it belongs to an extension: 128 and above, since PostgreSQL 15.
    #[must_use]
    pub const fn is_custom(self) -> bool {
        self.0 >= 128
    }

    /// Whether records of this version may have it.
    #[must_use]
    pub fn exists_in(self, major: Major) -> bool {
        self.name().is_some() || (self.is_custom() && major >= Major::V15)
    }
}

impl fmt::Display for ResourceManager {
    /// The server's name, or `custom140`, as `pg_waldump` prints it without the extension.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None if self.is_custom() => write!(f, "custom{:03}", self.0),
            None => write!(f, "unknown{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate alloc;
    use super::*;
    use crate::crc::Crc32c;
    use alloc::string::ToString;

    #[test]
    fn a_standby_record_of_a_real_server_is_read_and_its_crc_is_right() {
        // PostgreSQL 17.11, at 0/E17F30.
        let header = *b"\x2a\0\0\0\x12\x03\0\0\x08\x7f\xe1\0\0\0\0\0\0\x08\0\0\xb5\xc9\x9f\xb9";
        let body = b"\xff\x10\x01\0\0\0\x12\x03\0\0\x5d\x40\0\0\x6f\x41\0\0";
        let read = RecordHeader::read(&header);
        assert_eq!(read.total_length, 42);
        assert_eq!(read.transaction_id, 0x312);
        assert_eq!(read.previous.to_string(), "0/E17F08");
        assert_eq!(read.resource_manager.to_string(), "Standby");
        let mut crc = Crc32c::new();
        crc.update(body);
        crc.update(&header[..CHECKED_HEADER_LEN]);
        assert_eq!(crc.finish(), read.crc);
        assert_eq!(read.crc, 0xB99F_C9B5);
    }

    #[test]
    fn a_switch_record_of_a_real_server_is_one() {
        // PostgreSQL 17.11, at 0/A16CD0.
        let header = *b"\x18\0\0\0\0\0\0\0\xa8\x6c\xa1\0\0\0\0\0\x40\0\0\0\x29\xe1\x84\x3a";
        let read = RecordHeader::read(&header);
        assert!(read.is_switch() && !read.is_checkpoint() && !read.is_overwrite_of_abandoned());
        let mut crc = Crc32c::new();
        crc.update(&header[..CHECKED_HEADER_LEN]);
        assert_eq!(crc.finish(), read.crc);
    }

    #[test]
    fn resource_managers_have_the_servers_names() {
        for (id, name) in
            [(0, "XLOG"), (10, "Heap"), (21, "LogicalMessage"), (22, "unknown22"), (140, "custom140")]
        {
            assert_eq!(ResourceManager::new(id).to_string(), name);
        }
        assert!(ResourceManager::PG_TDE.exists_in(Major::V15));
        assert!(!ResourceManager::PG_TDE.exists_in(Major::V14));
        assert!(!ResourceManager::new(127).exists_in(Major::V18));
    }
}
