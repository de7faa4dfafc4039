//! The header of a WAL page: what it says, and whether that is what must stand there.

use core::fmt;

use crate::bytes::{u16_at, u32_at, u64_at};
use crate::error::Error;
use crate::history::TimelineHistory;
use crate::location::{Lsn, TimelineId};
use crate::major::Major;
use crate::segment::SegmentSize;

/// Length in bytes of the header of every page but a segment's first.
pub const SHORT_HEADER_LEN: usize = 24;
/// Length in bytes of the header of a segment's first page.
pub const LONG_HEADER_LEN: usize = 40;

/// The size of a WAL page: a power of two from 1 KiB to 64 KiB, chosen when the server is built; 8 KiB unless told
/// otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BlockSize(u32);

impl BlockSize {
    /// 8192 bytes.
    pub const DEFAULT: Self = Self(8192);

    /// A block size of so many bytes.
    ///
    /// # Errors
    ///
    /// [`Error::BlockSize`] if it is not a power of two from 1 KiB to 64 KiB.
    pub const fn new(bytes: u64) -> Result<Self, Error> {
        if bytes.is_power_of_two() && bytes >= 1 << 10 && bytes <= 1 << 16 {
            Ok(Self(bytes as u32))
        } else {
            Err(Error::BlockSize { bytes })
        }
    }

    /// The size in bytes.
    #[must_use]
    pub const fn bytes(self) -> usize {
        self.0 as usize
    }
}

/// What is the same for every page of a cluster's WAL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WalLayout {
    /// The segment size, from `pg_control` or the length of a segment file.
    pub segment_size: SegmentSize,
    /// The block size of WAL, from `pg_control`.
    pub block_size: BlockSize,
    /// The major version, if known; otherwise any that this crate knows is accepted.
    pub major: Option<Major>,
    /// The system identifier, from `pg_control`; otherwise it is not compared.
    pub system_identifier: Option<u64>,
}

impl WalLayout {
    /// A layout of 8 KiB blocks in segments of this size, of whatever version and cluster.
    #[must_use]
    pub const fn new(segment_size: SegmentSize) -> Self {
        Self { segment_size, block_size: BlockSize::DEFAULT, major: None, system_identifier: None }
    }

    /// With another block size.
    #[must_use]
    pub const fn with_block_size(self, block_size: BlockSize) -> Self {
        Self { block_size, ..self }
    }

    /// Of this major version only.
    #[must_use]
    pub const fn with_major(self, major: Major) -> Self {
        Self { major: Some(major), ..self }
    }

    /// Of this cluster only.
    #[must_use]
    pub const fn with_system_identifier(self, identifier: u64) -> Self {
        Self { system_identifier: Some(identifier), ..self }
    }

    /// Where the page that holds `lsn` begins.
    #[must_use]
    pub const fn page_of(&self, lsn: Lsn) -> Lsn {
        Lsn::new(lsn.get() - lsn.get() % self.block_size.bytes() as u64)
    }

    /// Length of the header of the page at `address`: long at the beginning of a segment.
    #[must_use]
    pub const fn header_len(&self, address: Lsn) -> usize {
        if self.segment_size.offset_of(address) == 0 { LONG_HEADER_LEN } else { SHORT_HEADER_LEN }
    }
}

/// What must stand in the header of one page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExpectedPage<'h> {
    /// What holds for every page.
    pub layout: WalLayout,
    /// The LSN of the page's first byte.
    pub address: Lsn,
    /// The timeline in the name of the segment file: no page in it has a higher one.
    pub timeline: TimelineId,
    /// The timeline of the page before, if there is one: timelines never decrease.
    pub lowest_timeline: TimelineId,
    /// The history of the file's timeline, if known.
    pub history: Option<TimelineHistory<'h>>,
}

impl<'h> ExpectedPage<'h> {
    /// The page at `address` of a segment file of this timeline.
    #[must_use]
    pub const fn new(layout: WalLayout, timeline: TimelineId, address: Lsn) -> Self {
        Self { layout, address, timeline, lowest_timeline: TimelineId::FIRST, history: None }
    }

    /// After a page of that timeline.
    #[must_use]
    pub const fn after(self, timeline: TimelineId) -> Self {
        Self { lowest_timeline: timeline, ..self }
    }

    /// With the timelines of this history only.
    #[must_use]
    pub const fn with_history(self, history: Option<TimelineHistory<'h>>) -> Self {
        Self { history, ..self }
    }

    /// Whether the header must be a long one.
    pub(crate) const fn is_long(&self) -> bool {
        self.layout.header_len(self.address) == LONG_HEADER_LEN
    }

    pub(crate) fn magic_is_right(&self, magic: u16) -> bool {
        let found = Major::from_magic(magic);
        found.is_some() && (self.layout.major.is_none() || found == self.layout.major)
    }

    pub(crate) fn flags_are_right(&self, flags: u16) -> bool {
        PageFlags::from_bits(flags).is_some_and(|flags| flags.is_long() == self.is_long())
    }

    pub(crate) fn timeline_is_right(&self, timeline: TimelineId) -> bool {
        (self.lowest_timeline..=self.timeline).contains(&timeline)
            && timeline != TimelineId::new(0)
            && self.history.is_none_or(|history| history.allows_page(timeline, self.address))
    }
}

/// The flags of a page header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PageFlags(u16);

impl PageFlags {
    /// The flags that these bits stand for, if no other bit is set.
    #[must_use]
    pub const fn from_bits(bits: u16) -> Option<Self> {
        if bits & !0xF == 0 { Some(Self(bits)) } else { None }
    }

    /// The bits.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// 0x1: the page begins with the rest of a record from the page before.
    #[must_use]
    pub const fn is_continuation(self) -> bool {
        self.0 & 0x1 != 0
    }

    /// 0x2: the header is a long one.
    #[must_use]
    pub const fn is_long(self) -> bool {
        self.0 & 0x2 != 0
    }

    /// 0x4: no base backup was running when the page was begun, so full-page images may be left out.
    #[must_use]
    pub const fn images_removable(self) -> bool {
        self.0 & 0x4 != 0
    }

    /// 0x8: the record that the page before left unfinished was lost in a crash, and is abandoned here.
    #[must_use]
    pub const fn abandons_record(self) -> bool {
        self.0 & 0x8 != 0
    }
}

/// The additional fields of the header of a segment's first page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LongPageHeader {
    /// The cluster's system identifier.
    pub system_identifier: u64,
    /// The segment size.
    pub segment_size: SegmentSize,
    /// The WAL block size.
    pub block_size: BlockSize,
}

/// A page header in which every field that can be predicted is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PageHeader {
    /// The major version, from the magic number.
    pub major: Major,
    /// The flags.
    pub flags: PageFlags,
    /// The timeline on which the page was written.
    pub timeline: TimelineId,
    /// The LSN of the page's first byte.
    pub address: Lsn,
    /// Bytes of the record from the page before that are still to come, from this page's header on.
    pub continuation: u32,
    /// What a long header has in addition.
    pub long: Option<LongPageHeader>,
}

impl PageHeader {
    /// Reads the header of a page (`XLogPageHeaderData`, `XLogLongPageHeaderData`), and accepts it only if it is
    /// what must stand there. Checks in the server's order: magic, flags, long header, address, timeline.
    ///
    /// # Errors
    ///
    /// [`PageHeaderError`], naming the first field that differs.
    pub fn parse(page: &[u8], expected: &ExpectedPage<'_>) -> Result<Self, PageHeaderError> {
        let need = expected.layout.header_len(expected.address);
        let raw = RawPageHeader::read(page)
            .filter(|_| page.len() >= need)
            .ok_or(PageHeaderError::Truncated { actual: page.len(), expected: need })?;
        let major = Major::from_magic(raw.magic)
            .filter(|_| expected.magic_is_right(raw.magic))
            .ok_or(PageHeaderError::Magic { found: raw.magic, expected: expected.layout.major })?;
        let flags = PageFlags::from_bits(raw.flags)
            .filter(|_| expected.flags_are_right(raw.flags))
            .ok_or(PageHeaderError::Flags { found: raw.flags, long: expected.is_long() })?;
        let long = match RawLongHeader::read(page) {
            Some(raw) if expected.is_long() => Some(raw.check(&expected.layout)?),
            _ => None,
        };
        if raw.address != expected.address {
            return Err(PageHeaderError::Address { found: raw.address, expected: expected.address });
        }
        if !expected.timeline_is_right(raw.timeline) {
            return Err(PageHeaderError::Timeline {
                found: raw.timeline,
                lowest: expected.lowest_timeline,
                highest: expected.timeline,
            });
        }
        let RawPageHeader { timeline, address, continuation, .. } = raw;
        Ok(Self { major, flags, timeline, address, continuation, long })
    }

    /// Length of this header in bytes: 24 or 40. The page's first record, or the rest of one, begins after it.
    #[must_use]
    pub const fn header_len(&self) -> usize {
        if self.long.is_some() { LONG_HEADER_LEN } else { SHORT_HEADER_LEN }
    }
}

/// The short header's fields as they stand there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawPageHeader {
    pub(crate) magic: u16,
    pub(crate) flags: u16,
    pub(crate) timeline: TimelineId,
    pub(crate) address: Lsn,
    pub(crate) continuation: u32,
}

impl RawPageHeader {
    pub(crate) fn read(page: &[u8]) -> Option<Self> {
        Some(Self {
            magic: u16_at(page, 0)?,
            flags: u16_at(page, 2)?,
            timeline: TimelineId::new(u32_at(page, 4)?),
            address: Lsn::new(u64_at(page, 8)?),
            continuation: u32_at(page, 16)?,
        })
        // Bytes 20..24 are padding.
        .filter(|_| page.len() >= SHORT_HEADER_LEN)
    }
}

/// The long header's additional fields as they stand there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RawLongHeader {
    pub(crate) system_identifier: u64,
    pub(crate) segment_size: u32,
    pub(crate) block_size: u32,
}

impl RawLongHeader {
    pub(crate) fn read(page: &[u8]) -> Option<Self> {
        Some(Self {
            system_identifier: u64_at(page, 24)?,
            segment_size: u32_at(page, 32)?,
            block_size: u32_at(page, 36)?,
        })
    }

    fn check(&self, layout: &WalLayout) -> Result<LongPageHeader, PageHeaderError> {
        if let Some(expected) = layout.system_identifier.filter(|&id| id != self.system_identifier) {
            return Err(PageHeaderError::SystemIdentifier { found: self.system_identifier, expected });
        }
        if u64::from(self.segment_size) != layout.segment_size.bytes() {
            let expected = layout.segment_size;
            return Err(PageHeaderError::SegmentSize { found: self.segment_size, expected });
        }
        if self.block_size as usize != layout.block_size.bytes() {
            return Err(PageHeaderError::BlockSize { found: self.block_size, expected: layout.block_size });
        }
        Ok(LongPageHeader {
            system_identifier: self.system_identifier,
            segment_size: layout.segment_size,
            block_size: layout.block_size,
        })
    }
}

/// The field of a page header that is not what must stand there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PageHeaderError {
    /// There are fewer bytes than the header has.
    Truncated {
        /// Bytes there are.
        actual: usize,
        /// Length of the header.
        expected: usize,
    },
    /// The magic number is of no known major version, or of another one.
    Magic {
        /// The number found.
        found: u16,
        /// The version that it should be of, if known.
        expected: Option<Major>,
    },
    /// An undefined flag is set, or that of the long header is set or missing against the rule.
    Flags {
        /// The flags found.
        found: u16,
        /// Whether the header must be a long one.
        long: bool,
    },
    /// The page is of another cluster.
    SystemIdentifier {
        /// The identifier found.
        found: u64,
        /// That of the cluster.
        expected: u64,
    },
    /// The page is of a segment of another size.
    SegmentSize {
        /// The size found, in bytes.
        found: u32,
        /// The cluster's.
        expected: SegmentSize,
    },
    /// The page has another size.
    BlockSize {
        /// The size found, in bytes.
        found: u32,
        /// The cluster's.
        expected: BlockSize,
    },
    /// The page belongs elsewhere: to an earlier place if it was left in a recycled segment.
    Address {
        /// The address found.
        found: Lsn,
        /// That of the place where it stands.
        expected: Lsn,
    },
    /// The timeline decreases, is above that of the file, or has no part in its history here.
    Timeline {
        /// The timeline found.
        found: TimelineId,
        /// The lowest that may stand here.
        lowest: TimelineId,
        /// The highest: that of the file's name.
        highest: TimelineId,
    },
}

impl fmt::Display for PageHeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Truncated { actual, expected } => {
                write!(f, "page header needs {expected} bytes, there are {actual}")
            }
            Self::Magic { found, expected: Some(major) } => {
                write!(f, "page magic is {found:#06X}, not {:#06X} of PostgreSQL {major}", major.magic())
            }
            Self::Magic { found, expected: None } => {
                write!(f, "page magic {found:#06X} is of no known PostgreSQL version")
            }
            Self::Flags { found, long: true } => {
                write!(f, "page flags {found:#06X} are not those of a segment's first page")
            }
            Self::Flags { found, long: false } => {
                write!(f, "page flags {found:#06X} are not those of a page within a segment")
            }
            Self::SystemIdentifier { found, expected } => {
                write!(f, "page has system identifier {found}, the cluster {expected}")
            }
            Self::SegmentSize { found, expected } => {
                write!(f, "page has a segment size of {found} bytes, not {}", expected.bytes())
            }
            Self::BlockSize { found, expected } => {
                write!(f, "page has a block size of {found} bytes, not {}", expected.bytes())
            }
            Self::Address { found, expected } => write!(f, "page address is {found}, not {expected}"),
            Self::Timeline { found, lowest, highest } if (lowest..=highest).contains(&found) => {
                write!(f, "page timeline {found} is not in the history of timeline {highest} here")
            }
            Self::Timeline { found, lowest, highest } => {
                write!(f, "page timeline {found} is not from {lowest} to {highest}")
            }
        }
    }
}

impl core::error::Error for PageHeaderError {}
