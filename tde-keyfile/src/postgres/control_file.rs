//! `global/pg_control`: the cluster's sizes, its state, and where its WAL has to reach.

use core::fmt;

use tde_core::PageSize;
use tde_wal::{BlockSize, Lsn, Major, SegmentSize, TimelineId};

use super::CatalogVersion;
use super::crc::crc32c;

/// The contents of `global/pg_control` that a reader of relation files and WAL needs.
///
/// The layout is that of 64-bit little-endian servers; everything up to byte 256 is the same in
/// PostgreSQL 14 to 18 (`catalog/pg_control.h`, `ControlFileData`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ControlFile {
    /// Number made up by initdb; every WAL segment's first page repeats it.
    pub system_identifier: u64,
    /// The file's own format number: 1300, 1700, 1800.
    pub control_version: u32,
    /// The catalog version.
    pub catalog_version: CatalogVersion,
    /// The major that the catalog version belongs to; none for beta releases and forks.
    pub major: Option<Major>,
    /// What the server was doing when it last wrote the file.
    pub state: ClusterState,
    /// When that was, seconds since 1970.
    pub updated: i64,
    /// Start of the last checkpoint's WAL record.
    pub checkpoint: Lsn,
    /// Where replay begins after a crash.
    pub redo: Lsn,
    /// Timeline of the last checkpoint.
    pub timeline: TimelineId,
    /// Timeline before it; differs from `timeline` only if that checkpoint began a timeline.
    pub previous_timeline: TimelineId,
    /// Replay has to reach this location before the data is consistent; 0/0 unless in archive recovery.
    pub min_recovery_point: Lsn,
    /// Timeline of that location, 0 if there is none.
    pub min_recovery_timeline: TimelineId,
    /// Start of the base backup being recovered from; 0/0 unless that is going on.
    pub backup_start: Lsn,
    /// End of that backup if it was taken from a standby, else 0/0.
    pub backup_end: Lsn,
    /// Whether the end-of-backup record has yet to be replayed.
    pub backup_end_required: bool,
    /// How much is written to WAL; none for a value no server writes.
    pub wal_level: Option<WalLevel>,
    /// Size of a data page, in bytes.
    pub block_size: PageSize,
    /// Pages in a full segment file of a relation: 131072 (1 GiB) unless built otherwise.
    pub blocks_per_segment: u32,
    /// Size of a WAL page.
    pub wal_block_size: BlockSize,
    /// Size of a WAL segment.
    pub wal_segment_size: SegmentSize,
    /// Version of the data checksums: 0 off, 1 on.
    pub data_checksum_version: u32,
    /// The next object identifier to be given away: relations made later have larger numbers.
    pub next_oid: u32,
    /// CRC-32C of the file, as stored.
    pub crc: u32,
}

impl ControlFile {
    /// Bytes needed: the structure of the longest known version. The file itself has 8192.
    pub const MIN_LEN: usize = 296;
    /// Path relative to the data directory.
    pub const PATH: &'static str = "global/pg_control";

    /// Reads and checks the file's contents.
    ///
    /// A copy taken while the server writes can be torn; on [`ControlFileError::Checksum`] read it again
    /// a few times before giving up.
    ///
    /// # Errors
    /// [`ControlFileError`]: too short, of the other byte order, of an unknown version, damaged (checksum),
    /// or with a size that no server uses.
    pub fn parse(file: &[u8]) -> Result<Self, ControlFileError> {
        let bytes = file
            .first_chunk::<{ Self::MIN_LEN }>()
            .ok_or(ControlFileError::TooShort { actual: file.len() })?;
        let fields = Fields(bytes);
        let control_version = fields.u32_at(8);
        let catalog_version = CatalogVersion::new(fields.u32_at(12));
        if control_version != 0 && control_version.is_multiple_of(65_536) {
            return Err(ControlFileError::OtherByteOrder);
        }
        let crc = fields.verify_crc(control_version, catalog_version)?;
        if fields.u32_at(204) != 8 {
            return Err(ControlFileError::Field {
                name: "maximum alignment",
                offset: 204,
                value: fields.u32_at(204),
            });
        }
        // The double 1234567.0; another pattern means another floating-point format.
        if fields.u64_at(208) != 0x4132_D687_0000_0000 {
            return Err(ControlFileError::Field {
                name: "floating-point check",
                offset: 208,
                value: fields.u32_at(212),
            });
        }
        Ok(Self {
            system_identifier: fields.u64_at(0),
            control_version,
            catalog_version,
            major: catalog_version.major(),
            state: ClusterState::from_number(fields.u32_at(16)).ok_or_else(|| fields.bad("state", 16))?,
            updated: fields.u64_at(24).cast_signed(),
            checkpoint: Lsn::new(fields.u64_at(32)),
            redo: Lsn::new(fields.u64_at(40)),
            timeline: TimelineId::new(fields.u32_at(48)),
            previous_timeline: TimelineId::new(fields.u32_at(52)),
            min_recovery_point: Lsn::new(fields.u64_at(136)),
            min_recovery_timeline: TimelineId::new(fields.u32_at(144)),
            backup_start: Lsn::new(fields.u64_at(152)),
            backup_end: Lsn::new(fields.u64_at(160)),
            backup_end_required: bytes[168] != 0,
            wal_level: WalLevel::from_number(fields.u32_at(172)),
            block_size: fields.block_size("data block size", 216)?,
            blocks_per_segment: match fields.u32_at(220) {
                0 => return Err(fields.bad("blocks per relation segment", 220)),
                blocks => blocks,
            },
            wal_block_size: BlockSize::new(fields.u32_at(224).into())
                .map_err(|_| fields.bad("WAL block size", 224))?,
            wal_segment_size: SegmentSize::new(fields.u32_at(228).into())
                .map_err(|_| fields.bad("WAL segment size", 228))?,
            data_checksum_version: fields.u32_at(252),
            next_oid: fields.u32_at(72),
            crc,
        })
    }

    /// Whether pages carry checksums.
    #[must_use]
    pub const fn has_data_checksums(&self) -> bool {
        self.data_checksum_version != 0
    }
}

/// The structure's bytes, with access by the offsets of the file.
struct Fields<'a>(&'a [u8; ControlFile::MIN_LEN]);

impl Fields<'_> {
    fn u32_at(&self, at: usize) -> u32 {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(&self.0[at..at + 4]);
        u32::from_le_bytes(bytes)
    }

    fn u64_at(&self, at: usize) -> u64 {
        u64::from(self.u32_at(at)) | (u64::from(self.u32_at(at + 4)) << 32)
    }

    fn bad(&self, name: &'static str, offset: usize) -> ControlFileError {
        ControlFileError::Field { name, offset, value: self.u32_at(offset) }
    }

    /// Checks the CRC where the control version puts it, or in both places if the version is unknown.
    fn verify_crc(&self, control: u32, catalog: CatalogVersion) -> Result<u32, ControlFileError> {
        let places: &[usize] = match control {
            1300 | 1700 => &[288],
            1800 => &[292],
            _ => &[288, 292],
        };
        let mut mismatch = ControlFileError::UnknownVersion { control, catalog };
        for &at in places {
            let stored = self.u32_at(at);
            let computed = crc32c(&self.0[..at]);
            if stored == computed {
                return Ok(stored);
            }
            if places.len() == 1 {
                mismatch = ControlFileError::Checksum { stored, computed };
            }
        }
        Err(mismatch)
    }

    fn block_size(&self, name: &'static str, at: usize) -> Result<PageSize, ControlFileError> {
        // The builds that PostgreSQL allows: `configure --with-blocksize`, 1 to 32 kB.
        let size = self.u32_at(at);
        if !size.is_power_of_two() || !(1024..=32_768).contains(&size) {
            return Err(self.bad(name, at));
        }
        PageSize::new(size as usize).map_err(|_| self.bad(name, at))
    }
}

/// What the server was doing when it last wrote `pg_control` (`DBState`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClusterState {
    /// Starting up.
    StartingUp,
    /// Cleanly shut down: the last WAL record is the checkpoint.
    ShutDown,
    /// Cleanly shut down while a standby: WAL is still to be replayed from the redo location.
    ShutDownInRecovery,
    /// Shutting down.
    ShuttingDown,
    /// Replaying after a crash.
    CrashRecovery,
    /// Replaying from an archive or a primary; also the usual state of a backup taken from a standby.
    ArchiveRecovery,
    /// Running; also the state after a crash and in a base backup.
    InProduction,
}

impl ClusterState {
    const ALL: [Self; 7] = [
        Self::StartingUp,
        Self::ShutDown,
        Self::ShutDownInRecovery,
        Self::ShuttingDown,
        Self::CrashRecovery,
        Self::ArchiveRecovery,
        Self::InProduction,
    ];

    fn from_number(number: u32) -> Option<Self> {
        Self::ALL.get(usize::try_from(number).ok()?).copied()
    }

    /// Whether the server had stopped in an orderly way, as primary or standby.
    #[must_use]
    pub const fn is_shut_down(self) -> bool {
        matches!(self, Self::ShutDown | Self::ShutDownInRecovery)
    }
}

impl fmt::Display for ClusterState {
    /// The words of `pg_controldata`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StartingUp => "starting up",
            Self::ShutDown => "shut down",
            Self::ShutDownInRecovery => "shut down in recovery",
            Self::ShuttingDown => "shutting down",
            Self::CrashRecovery => "in crash recovery",
            Self::ArchiveRecovery => "in archive recovery",
            Self::InProduction => "in production",
        })
    }
}

/// How much the server writes to WAL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum WalLevel {
    /// Enough for crash recovery.
    Minimal,
    /// Enough for archiving and standbys.
    Replica,
    /// Enough for logical decoding.
    Logical,
}

impl WalLevel {
    const fn from_number(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::Minimal),
            1 => Some(Self::Replica),
            2 => Some(Self::Logical),
            _ => None,
        }
    }
}

/// Why `pg_control` cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ControlFileError {
    /// Shorter than the structure.
    TooShort {
        /// Bytes given.
        actual: usize,
    },
    /// Written by a host of the other byte order.
    OtherByteOrder,
    /// A control version that this crate does not know, and no checksum in a known place.
    UnknownVersion {
        /// Control version found.
        control: u32,
        /// Catalog version found.
        catalog: CatalogVersion,
    },
    /// The version is known and the checksum wrong: torn or damaged.
    Checksum {
        /// CRC-32C found.
        stored: u32,
        /// CRC-32C of the bytes before it.
        computed: u32,
    },
    /// The checksum is right, but a field has a value that no server uses.
    Field {
        /// What the field means.
        name: &'static str,
        /// Where it stands in the file, in bytes.
        offset: usize,
        /// Its value.
        value: u32,
    },
}

impl fmt::Display for ControlFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort { actual } => {
                write!(f, "{actual} bytes are too few for a control file (at least {})", ControlFile::MIN_LEN)
            }
            Self::OtherByteOrder => f.write_str("written by a host of the other byte order (big-endian)"),
            Self::UnknownVersion { control, catalog } => write!(
                f,
                "control version {control} with catalog version {catalog} is unknown (PostgreSQL 14 to 18 are \
                 known), or the file is damaged"
            ),
            Self::Checksum { stored, computed } => write!(
                f,
                "checksum {stored:08X} is stored, {computed:08X} is computed: torn (copied while the server \
                 wrote it) or damaged"
            ),
            Self::Field { name, offset, value } => {
                write!(f, "{name} at byte {offset} is {value}, which no server uses")
            }
        }
    }
}

impl core::error::Error for ControlFileError {}

#[cfg(test)]
#[path = "control_file_tests.rs"]
mod tests;
