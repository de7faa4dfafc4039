//! Why and where a walk along the records ended.

use core::fmt;

use crate::location::Lsn;
use crate::page_header::PageHeaderError;
use crate::record::ResourceManager;
use crate::segment::SegmentNumber;

/// The end of a walk.
///
/// Every log ends with a check that fails, so an end is not an error by itself. It is the end of valid WAL only if
/// it lies far enough: not before the checkpoint in `pg_control`, and not before a later page that is valid.
/// An earlier one is damage or a wrong key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WalkEnd {
    /// Where the check failed: the beginning of a record or of a page.
    pub lsn: Lsn,
    /// The record that was being read then, by its beginning.
    pub record: Option<Lsn>,
    /// Where the last whole record begins.
    pub last_record: Option<Lsn>,
    /// Where that record ends: the end of valid WAL.
    pub valid_until: Option<Lsn>,
    /// Which check failed.
    pub reason: EndReason,
}

/// The check that ended a walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndReason {
    /// None: there were no more pages.
    NoMorePages,
    /// None: there are no higher LSNs.
    LastLsn,
    /// The segment given is not the one that must come next.
    SegmentMissing {
        /// The segment that must come next.
        expected: SegmentNumber,
        /// The one given.
        found: SegmentNumber,
    },
    /// The page given is not a whole one.
    ShortPage {
        /// Bytes given.
        actual: usize,
        /// The block size.
        expected: usize,
    },
    /// A field of the page header.
    Page(PageHeaderError),
    /// The LSN at which the walk was to begin cannot be that of a record: it lies in a page header, is no multiple
    /// of 8, or lies in the rest of an earlier record.
    NoRecordHere,
    /// The record's length: below 24 (0 after the last record of a log), or beyond what the server would write.
    Length {
        /// The length found.
        found: u32,
    },
    /// The record's resource manager: no such thing.
    ResourceManager {
        /// The one found.
        found: ResourceManager,
    },
    /// The record's link to the one before.
    BackLink {
        /// The link found.
        found: Lsn,
        /// Where the record before begins; `None` at the beginning of a walk, where a link must only point back.
        expected: Option<Lsn>,
    },
    /// The page does not continue the record that the page before left unfinished, or continues one where none was.
    Continuation {
        /// Bytes still to come, as the page has it; 0 if it continues nothing.
        found: u32,
        /// Bytes still to come, as the record has it; 0 if there is none.
        expected: u32,
    },
    /// The record's CRC.
    Crc {
        /// The one in its header.
        found: u32,
        /// The one that its bytes have.
        computed: u32,
    },
    /// A page says that it abandons a record, but the record after does not say so too.
    Abandoned {
        /// The abandoned record by the record after; `None` if that is of another kind.
        found: Option<Lsn>,
        /// The abandoned record.
        expected: Lsn,
    },
}

impl WalkEnd {
    /// Whether the check failed in the way in which an intact log ends: zeros where a record or a page should be,
    /// an older page left over in a recycled segment, or no more pages and no record unfinished.
    ///
    /// It says nothing about whether the log *should* end here, and false is no proof of damage: on a standby, and
    /// where a part of a segment was never written under the current key, a log ends in noise.
    #[must_use]
    pub fn is_customary(&self) -> bool {
        match self.reason {
            EndReason::NoMorePages | EndReason::LastLsn => self.record.is_none(),
            EndReason::Length { found: 0 } | EndReason::Page(PageHeaderError::Magic { found: 0, .. }) => true,
            EndReason::Page(PageHeaderError::Address { found, expected }) => found < expected,
            _ => false,
        }
    }
}

impl fmt::Display for WalkEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.lsn, self.reason)?;
        match self.record {
            Some(record) if record != self.lsn => write!(f, " (record {record} is unfinished)"),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NoMorePages => f.write_str("no more pages"),
            Self::LastLsn => f.write_str("the last LSN there is"),
            Self::SegmentMissing { expected, found } => {
                write!(f, "segment {expected} is missing, {found} came instead")
            }
            Self::ShortPage { actual, expected } => {
                write!(f, "page has {actual} bytes instead of {expected}")
            }
            Self::Page(error) => error.fmt(f),
            Self::NoRecordHere => f.write_str("no record can begin here"),
            Self::Length { found: 0 } => f.write_str("record length is 0"),
            Self::Length { found } => write!(f, "record length {found} is impossible"),
            Self::ResourceManager { found } => {
                write!(f, "resource manager {} does not exist", found.id())
            }
            Self::BackLink { found, expected: Some(expected) } => {
                write!(f, "record links back to {found}, the one before is at {expected}")
            }
            Self::BackLink { found, expected: None } => {
                write!(f, "record links to {found}, which does not lie before it")
            }
            Self::Continuation { found, expected: 0 } => {
                write!(f, "page continues a record with {found} bytes, but none is unfinished")
            }
            Self::Continuation { found: 0, expected } => {
                write!(f, "page does not continue the record of which {expected} bytes are missing")
            }
            Self::Continuation { found, expected } => {
                write!(f, "page continues a record with {found} bytes, {expected} are missing")
            }
            Self::Crc { found, computed } => {
                write!(f, "record CRC is {found:08X}, its bytes have {computed:08X}")
            }
            Self::Abandoned { found: Some(found), expected } => {
                write!(f, "record abandons {found}, the page before left {expected}")
            }
            Self::Abandoned { found: None, expected } => {
                write!(f, "record does not say that {expected} was abandoned")
            }
        }
    }
}

impl core::error::Error for WalkEnd {}

#[cfg(test)]
mod tests {
    extern crate alloc;
    use super::*;
    use alloc::string::ToString;

    fn end(reason: EndReason, record: Option<u64>) -> WalkEnd {
        let lsn = Lsn::new(0xE5_47C0);
        WalkEnd { lsn, record: record.map(Lsn::new), last_record: None, valid_until: None, reason }
    }

    #[test]
    fn messages_name_the_check_and_the_place() {
        for (end, text) in [
            (end(EndReason::Length { found: 0 }, None), "0/E547C0: record length is 0"),
            (
                end(EndReason::Crc { found: 0xABC, computed: 0x1234_5678 }, Some(0xE5_47C0)),
                "0/E547C0: record CRC is 00000ABC, its bytes have 12345678",
            ),
            (
                end(EndReason::Continuation { found: 0, expected: 77 }, Some(0xE5_0000)),
                "0/E547C0: page does not continue the record of which 77 bytes are missing \
                 (record 0/E50000 is unfinished)",
            ),
        ] {
            assert_eq!(end.to_string(), text);
        }
    }

    #[test]
    fn only_zeros_old_pages_and_a_clean_stop_are_customary() {
        let address = |found| {
            let expected = Lsn::new(0x2000);
            end(EndReason::Page(PageHeaderError::Address { found: Lsn::new(found), expected }), None)
        };
        assert!(end(EndReason::Length { found: 0 }, Some(1)).is_customary());
        assert!(end(EndReason::NoMorePages, None).is_customary());
        assert!(!end(EndReason::NoMorePages, Some(1)).is_customary());
        assert!(address(0x1000).is_customary() && !address(0x3000).is_customary());
        assert!(!end(EndReason::Crc { found: 0, computed: 1 }, None).is_customary());
    }
}
