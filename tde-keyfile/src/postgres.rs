//! What has to be known of PostgreSQL's own files to read an encrypted cluster: bytes and names only,
//! no files, no allocation.
//!
//! | type or function | reads |
//! |---|---|
//! | [`ControlFile`] | `global/pg_control`: sizes, checksums on or off, state, checkpoint |
//! | [`PageHeader`], [`PageKind`], [`PageCondition`] | a plaintext data page |
//! | [`page_checksum`] | what belongs into `pd_checksum` |
//! | [`DataFile`], [`RelationPath`] | paths below the data directory |
//! | [`FilenodeMap`] | `pg_filenode.map`: where the mapped catalogs are stored |
//! | [`BackupLabel`], [`PostmasterPid`] | `backup_label`, `postmaster.pid` |
//! | [`CatalogVersion`], [`TablespaceVersion`] | which of PostgreSQL 14 to 18 it is |
//!
//! Integers are read as little-endian, which is what servers on x86-64 and aarch64 write; a control file
//! of a host of the other byte order is recognised as such.

mod backup_label;
mod control_file;
mod crc;
mod filenode_map;
mod page_checksum;
mod page_condition;
mod page_header;
mod page_kind;
mod postmaster_pid;
mod relation_path;
mod version;

use core::fmt;

pub use backup_label::{BackupLabel, BackupSource};
pub use control_file::{ClusterState, ControlFile, ControlFileError, WalLevel};
pub use filenode_map::{FilenodeMap, FilenodeMapError};
#[cfg(feature = "std")]
pub(crate) use page_checksum::FirstBlockProbe;
pub use page_checksum::page_checksum;
pub use page_condition::PageCondition;
#[cfg(feature = "std")]
pub(crate) use page_condition::is_zero;
pub use page_header::{PageHeader, PageHeaderError};
pub use page_kind::PageKind;
pub use postmaster_pid::{PostmasterPid, PostmasterStatus};
pub use relation_path::{DataFile, RelationPath, RelationPathError};
pub use version::{CatalogVersion, TablespaceVersion, major_of_version_file};

/// A page whose length no page has: shorter than its header, or not a multiple of 128 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)]
pub struct PageLengthError {
    /// The length given, in bytes.
    pub actual: usize,
}

impl fmt::Display for PageLengthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes are not a data page", self.actual)
    }
}

impl core::error::Error for PageLengthError {}
