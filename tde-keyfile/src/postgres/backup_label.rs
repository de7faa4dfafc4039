//! `backup_label`: its presence says that a directory is a base backup not yet recovered.

use tde_wal::{Lsn, TimelineId};

/// What a `backup_label` file says (`xlogbackup.c`, `build_backup_content`).
///
/// With this file in a data directory, WAL has to be replayed from `start` whatever `pg_control` says.
/// Until then pages changed after that location may be torn or of different moments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackupLabel {
    /// Where replay begins (`START WAL LOCATION`).
    pub start: Lsn,
    /// The checkpoint to begin with (`CHECKPOINT LOCATION`).
    pub checkpoint: Option<Lsn>,
    /// The timeline of `start` (`START TIMELINE`).
    pub timeline: Option<TimelineId>,
    /// Where the backup was taken (`BACKUP FROM`).
    pub source: Option<BackupSource>,
    /// The earlier backup's start, in an incremental backup (`INCREMENTAL FROM LSN`).
    pub incremental_from: Option<Lsn>,
}

/// The server a base backup was taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BackupSource {
    /// A primary.
    Primary,
    /// A standby.
    Standby,
}

impl BackupLabel {
    /// Path relative to the data directory.
    pub const PATH: &'static str = "backup_label";

    /// Reads the file; lines of an unknown name are skipped. None without a start location.
    #[must_use]
    pub fn parse(file: &[u8]) -> Option<Self> {
        let value = |name: &str| {
            file.split(|byte| *byte == b'\n').find_map(|line| {
                let value = core::str::from_utf8(line).ok()?.strip_prefix(name)?.strip_prefix(": ")?;
                Some(value.trim_end_matches('\r'))
            })
        };
        // The location is followed by the segment's name in parentheses.
        let lsn = |name: &str| value(name)?.split(' ').next()?.parse::<Lsn>().ok();
        Some(Self {
            start: lsn("START WAL LOCATION")?,
            checkpoint: lsn("CHECKPOINT LOCATION"),
            timeline: value("START TIMELINE")
                .and_then(super::relation_path::parse_decimal)
                .map(TimelineId::new),
            source: match value("BACKUP FROM") {
                Some("primary") => Some(BackupSource::Primary),
                Some("standby") => Some(BackupSource::Standby),
                _ => None,
            },
            incremental_from: lsn("INCREMENTAL FROM LSN"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_in_any_order() {
        let file = b"START WAL LOCATION: 0/9000028 (file 000000010000000000000009)\n\
            CHECKPOINT LOCATION: 0/9000080\nBACKUP METHOD: streamed\nBACKUP FROM: standby\n\
            START TIME: 2026-03-02 10:11:12 UTC\nLABEL: START WAL LOCATION\nSTART TIMELINE: 3\n";
        let label = BackupLabel::parse(file).unwrap();
        assert_eq!(label.start, Lsn::new(0x900_0028));
        assert_eq!(label.checkpoint, Some(Lsn::new(0x900_0080)));
        assert_eq!(label.timeline, Some(TimelineId::new(3)));
        assert_eq!(label.source, Some(BackupSource::Standby));
        assert_eq!(label.incremental_from, None);
    }

    #[test]
    fn without_a_start_there_is_no_label() {
        for file in [&b""[..], b"START WAL LOCATION", b"START WAL LOCATION: x", b"\xff\xfe", b"LABEL: x\n"] {
            assert_eq!(BackupLabel::parse(file), None);
        }
    }
}
