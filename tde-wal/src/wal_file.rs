//! What the name of something in `pg_wal` says that it is.

use crate::error::Error;
use crate::location::{TimelineId, hex_u32};
use crate::segment::{SegmentName, SegmentSize, name_groups};

/// A kind of file or directory in `pg_wal`, told by its name.
///
/// ```
/// # use tde_wal::{SegmentSize, TimelineId, WalFile};
/// let kind = |name| WalFile::from_name(name, SegmentSize::MIN);
/// assert!(matches!(kind("00000001000000000000000A"), WalFile::Segment(_)));
/// assert_eq!(kind("00000002.history"), WalFile::History(TimelineId::new(2)));
/// assert_eq!(kind("archive_status"), WalFile::ArchiveStatus);
/// assert_eq!(kind("notes.txt"), WalFile::Foreign);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WalFile {
    /// A segment, `.partial` or not: the only kind that is encrypted.
    Segment(SegmentName),
    /// It has the form of a segment name, but not one of a cluster with this segment size.
    OtherSegmentSize {
        /// The third group of the name, which is not below 2³² divided by the segment size.
        third_group: u32,
    },
    /// `00000002.history`: the ancestry of that timeline, in text.
    History(TimelineId),
    /// `00000001000000000000000A.00000028.backup`: a base backup began here; text.
    BackupHistory {
        /// The segment in which the backup began.
        segment: SegmentName,
        /// The byte offset in it.
        offset: u32,
    },
    /// `xlogtemp.<process id>`: a segment being prepared.
    Temporary,
    /// The directory `archive_status`.
    ArchiveStatus,
    /// The directory `summaries`, since PostgreSQL 17.
    Summaries,
    /// None of PostgreSQL's names.
    Foreign,
}

impl WalFile {
    /// Tells the kind from a name without any directory in front. Anything at all is a valid input.
    #[must_use]
    pub fn from_name(name: &str, size: SegmentSize) -> Self {
        match SegmentName::parse(name, size) {
            Ok(segment) => return Self::Segment(segment),
            Err(Error::SegmentNameGroup { found, .. }) => {
                return Self::OtherSegmentSize { third_group: found };
            }
            Err(_) => {}
        }
        match name {
            "archive_status" => return Self::ArchiveStatus,
            "summaries" => return Self::Summaries,
            _ => {}
        }
        other(name, size).unwrap_or(Self::Foreign)
    }
}

fn other(name: &str, size: SegmentSize) -> Option<WalFile> {
    if let Some(process) = name.strip_prefix("xlogtemp.") {
        let digits = !process.is_empty() && process.bytes().all(|b| b.is_ascii_digit());
        return digits.then_some(WalFile::Temporary);
    }
    // The server writes upper-case digits and reads nothing else.
    if name.bytes().take_while(|&b| b != b'.').any(|b| b.is_ascii_lowercase()) {
        return None;
    }
    if let Some(timeline) = name.strip_suffix(".history") {
        return Some(WalFile::History(TimelineId::new(hex_u32(timeline, 8)?)));
    }
    let (segment, offset) = name.strip_suffix(".backup")?.split_once('.')?;
    let (timeline, high, low) = name_groups(segment)?;
    let segment = SegmentName::from_groups(timeline, high, low, size).ok()?;
    Some(WalFile::BackupHistory { segment, offset: hex_u32(offset, 8)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_name_is_told_apart() {
        let size = SegmentSize::DEFAULT;
        let segment = SegmentName::parse("00000001000000000000000A", size).unwrap();
        for (name, kind) in [
            ("00000001000000000000000A", WalFile::Segment(segment)),
            ("00000001000000000000000A.partial", WalFile::Segment(segment.into_partial())),
            ("000000010000000000000200", WalFile::OtherSegmentSize { third_group: 0x200 }),
            ("0000000A.history", WalFile::History(TimelineId::new(10))),
            ("00000001000000000000000A.00000028.backup", WalFile::BackupHistory { segment, offset: 0x28 }),
            ("xlogtemp.4711", WalFile::Temporary),
            ("archive_status", WalFile::ArchiveStatus),
            ("summaries", WalFile::Summaries),
            ("", WalFile::Foreign),
            (".history", WalFile::Foreign),
            ("0000000a.history", WalFile::Foreign),
            ("0000000AB.history", WalFile::Foreign),
            ("xlogtemp.", WalFile::Foreign),
            ("xlogtemp.4x", WalFile::Foreign),
            ("00000001000000000000000A.plain", WalFile::Foreign),
            ("00000001000000000000000A.28.backup", WalFile::Foreign),
            ("é.history", WalFile::Foreign),
        ] {
            assert_eq!(WalFile::from_name(name, size), kind, "{name}");
        }
    }
}
