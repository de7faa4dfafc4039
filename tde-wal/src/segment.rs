//! WAL segments: their size, their numbers, their names.

use core::fmt;

use crate::error::Error;
use crate::location::{Lsn, TimelineId, hex_u32};

/// The size of a WAL segment: a power of two from 1 MiB to 1 GiB, chosen when a cluster is made.
///
/// It is part of the keystream's addressing: the same LSN has another keystream under another segment size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SegmentSize(u32);

impl SegmentSize {
    /// 16 MiB, what `initdb` takes unless told otherwise.
    pub const DEFAULT: Self = Self(16 << 20);
    /// 1 MiB.
    pub const MIN: Self = Self(1 << 20);
    /// 1 GiB.
    pub const MAX: Self = Self(1 << 30);

    /// A segment size of so many bytes.
    ///
    /// # Errors
    ///
    /// [`Error::SegmentSize`] if it is not a power of two from 1 MiB to 1 GiB.
    pub const fn new(bytes: u64) -> Result<Self, Error> {
        if bytes.is_power_of_two() && bytes >= 1 << 20 && bytes <= 1 << 30 {
            Ok(Self(bytes as u32))
        } else {
            Err(Error::SegmentSize { bytes })
        }
    }

    /// The size in bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        // `u64::from` is not const.
        self.0 as u64
    }

    /// How many segments share the middle group of a segment name: 2³² divided by the size.
    #[must_use]
    pub const fn segments_per_group(self) -> u32 {
        (0x1_0000_0000 / self.bytes()) as u32
    }

    /// The number of the segment that holds `lsn`.
    ///
    /// A byte at a segment's boundary belongs to the later segment.
    #[must_use]
    pub const fn segment_of(self, lsn: Lsn) -> SegmentNumber {
        SegmentNumber(lsn.get() / self.bytes())
    }

    /// The byte offset of `lsn` within its segment.
    #[must_use]
    pub const fn offset_of(self, lsn: Lsn) -> u64 {
        lsn.get() % self.bytes()
    }

    /// Where segment `number` begins, if it lies within the 64 bits of an LSN.
    #[must_use]
    pub const fn start_of(self, number: SegmentNumber) -> Option<Lsn> {
        match number.0.checked_mul(self.bytes()) {
            Some(start) => Some(Lsn::new(start)),
            None => None,
        }
    }
}

impl fmt::Display for SegmentSize {
    /// In MiB, as PostgreSQL's tools take it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} MiB", self.0 >> 20)
    }
}

/// The number of a segment: LSN divided by segment size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentNumber(u64);

impl SegmentNumber {
    /// Segment `number`. Whether it exists depends on the size: see [`SegmentSize::start_of`].
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for SegmentNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The name of a segment file: three groups of eight upper-case hexadecimal digits (timeline, and the segment
/// number in two parts), perhaps followed by `.partial`.
///
/// ```
/// # use tde_wal::{SegmentName, SegmentSize};
/// let name = SegmentName::parse("000000010000001200000345", SegmentSize::MIN)?;
/// assert_eq!(name.number().get(), 0x12345);
/// assert_eq!(name.start_lsn().to_string(), "12/34500000");
/// assert_eq!(name.to_string(), "000000010000001200000345");
/// # Ok::<(), tde_wal::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SegmentName {
    timeline: TimelineId,
    number: SegmentNumber,
    size: SegmentSize,
    partial: bool,
}

impl SegmentName {
    /// The name of segment `number` of `timeline`.
    ///
    /// # Errors
    ///
    /// [`Error::SegmentNumber`] if a segment of that number would lie past the end of the 64 bits of an LSN.
    pub const fn new(timeline: TimelineId, number: SegmentNumber, size: SegmentSize) -> Result<Self, Error> {
        match size.start_of(number) {
            Some(_) => Ok(Self { timeline, number, size, partial: false }),
            None => Err(Error::SegmentNumber { number: number.get(), segment_size: size.bytes() }),
        }
    }

    /// Reads a file name, without any directory in front.
    ///
    /// # Errors
    ///
    /// [`Error::SegmentNameText`] if it has not the form of a segment name; [`Error::SegmentNameGroup`] if it has
    /// the form, but the third group is not possible with this segment size: the file belongs to a cluster of
    /// smaller segments.
    pub fn parse(name: &str, size: SegmentSize) -> Result<Self, Error> {
        let (stem, partial) = match name.strip_suffix(".partial") {
            Some(stem) => (stem, true),
            None => (name, false),
        };
        let (timeline, high, low) = name_groups(stem).ok_or(Error::SegmentNameText)?;
        Self::from_groups(timeline, high, low, size).map(|name| Self { partial, ..name })
    }

    pub(crate) fn from_groups(timeline: u32, high: u32, low: u32, size: SegmentSize) -> Result<Self, Error> {
        let limit = size.segments_per_group();
        if low >= limit {
            return Err(Error::SegmentNameGroup { found: low, limit });
        }
        // At most (2³² − 1) · 2¹² + 2¹² − 1: no overflow, and always within the LSN's 64 bits.
        let number = SegmentNumber(u64::from(high) * u64::from(limit) + u64::from(low));
        Ok(Self { timeline: TimelineId::new(timeline), number, size, partial: false })
    }

    /// The same segment as a `.partial` file: the last one of a timeline that was left, or one that is still
    /// being received.
    #[must_use]
    pub const fn into_partial(self) -> Self {
        Self { partial: true, ..self }
    }

    /// The timeline in the name. Pages inside may carry an earlier one: the first segment of a timeline begins
    /// with the pages that lead up to the switch.
    #[must_use]
    pub const fn timeline(&self) -> TimelineId {
        self.timeline
    }

    /// The number of the segment.
    #[must_use]
    pub const fn number(&self) -> SegmentNumber {
        self.number
    }

    /// The segment size under which the name was read.
    #[must_use]
    pub const fn size(&self) -> SegmentSize {
        self.size
    }

    /// Whether the name ends in `.partial`.
    #[must_use]
    pub const fn is_partial(&self) -> bool {
        self.partial
    }

    /// The LSN of the segment's first byte.
    #[must_use]
    pub const fn start_lsn(&self) -> Lsn {
        // Both constructors have checked that this fits.
        Lsn::new(self.number.0.wrapping_mul(self.size.bytes()))
    }

    /// The LSN just past the segment's last byte; of the very last segment there is, the last LSN.
    #[must_use]
    pub const fn end_lsn(&self) -> Lsn {
        Lsn::new(self.start_lsn().get().saturating_add(self.size.bytes()))
    }
}

impl fmt::Display for SegmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per_group = u64::from(self.size.segments_per_group());
        let (high, low) = (self.number.0 / per_group, self.number.0 % per_group);
        write!(f, "{:08X}{high:08X}{low:08X}", self.timeline.get())?;
        f.write_str(if self.partial { ".partial" } else { "" })
    }
}

/// The three groups of a segment name's 24 digits. The server recognises upper-case digits only.
pub(crate) fn name_groups(stem: &str) -> Option<(u32, u32, u32)> {
    if stem.len() != 24 || stem.bytes().any(|b| b.is_ascii_lowercase()) {
        return None;
    }
    Some((hex_u32(stem.get(..8)?, 8)?, hex_u32(stem.get(8..16)?, 8)?, hex_u32(stem.get(16..)?, 8)?))
}

#[cfg(test)]
mod tests {
    extern crate alloc;
    use super::*;
    use alloc::string::ToString;

    const MIB: u64 = 1 << 20;

    #[test]
    fn names_are_those_that_servers_of_every_segment_size_gave() {
        // Names that `pg_walfile_name` of running servers printed.
        for (size, lsn, name) in [
            (MIB, "12/345678AB", "000000010000001200000345"),
            (2 * MIB, "12/345678AB", "0000000100000012000001A2"),
            (16 * MIB, "12/345678AB", "000000010000001200000034"),
            (64 * MIB, "12/345678AB", "00000001000000120000000D"),
            (1024 * MIB, "12/345678AB", "000000010000001200000000"),
            (MIB, "FF/FFFFFFFF", "00000001000000FF00000FFF"),
            (2 * MIB, "FF/FFFFFFFF", "00000001000000FF000007FF"),
            (16 * MIB, "FF/FFFFFFFF", "00000001000000FF000000FF"),
            (64 * MIB, "FF/FFFFFFFF", "00000001000000FF0000003F"),
            (1024 * MIB, "FF/FFFFFFFF", "00000001000000FF00000003"),
        ] {
            let size = SegmentSize::new(size).unwrap();
            let lsn: Lsn = lsn.parse().unwrap();
            let made = SegmentName::new(TimelineId::FIRST, size.segment_of(lsn), size).unwrap();
            assert_eq!(made.to_string(), name);
            let read = SegmentName::parse(name, size).unwrap();
            assert_eq!(read, made);
            assert_eq!(read.start_lsn().get() + size.offset_of(lsn), lsn.get());
            assert!(read.end_lsn() > lsn);
        }
    }

    #[test]
    fn a_third_group_that_the_segment_size_cannot_make_is_refused() {
        let sixteen = SegmentSize::DEFAULT;
        assert!(SegmentName::parse("0000000100000000000000FF", sixteen).is_ok());
        assert_eq!(
            SegmentName::parse("000000010000000000000100", sixteen),
            Err(Error::SegmentNameGroup { found: 0x100, limit: 0x100 })
        );
        assert!(SegmentName::parse("000000010000000000000100", SegmentSize::MIN).is_ok());
    }

    #[test]
    fn partial_files_are_segments_too() {
        let name = SegmentName::parse("00000001000000000000000A.partial", SegmentSize::MIN).unwrap();
        assert!(name.is_partial());
        assert_eq!(name.to_string(), "00000001000000000000000A.partial");
    }

    #[test]
    fn other_texts_are_no_segment_names() {
        for name in [
            "",
            "00000001000000000000000",
            "0000000100000000000000000",
            "00000001000000000000000a",
            "00000001000000000000000G",
            "+0000001000000000000000A",
            "00000001000000000000000A.partial.partial",
            "00000001000000000000000é",
            ".partial",
        ] {
            assert_eq!(SegmentName::parse(name, SegmentSize::MIN), Err(Error::SegmentNameText), "{name}");
        }
    }

    #[test]
    fn sizes_are_powers_of_two_within_the_servers_limits() {
        for shift in 20..=30 {
            assert_eq!(SegmentSize::new(1 << shift).map(SegmentSize::bytes), Ok(1 << shift));
        }
        for bytes in [0, 1, 1 << 19, 3 << 20, (1 << 20) + 1, 1 << 31, 1 << 32, u64::MAX] {
            assert_eq!(SegmentSize::new(bytes), Err(Error::SegmentSize { bytes }));
        }
    }

    #[test]
    fn the_last_segment_of_all_has_an_end() {
        for size in [SegmentSize::MIN, SegmentSize::DEFAULT, SegmentSize::MAX] {
            let last = size.segment_of(Lsn::MAX);
            let name = SegmentName::new(TimelineId::new(u32::MAX), last, size).unwrap();
            assert_eq!(name.end_lsn(), Lsn::MAX);
            assert_eq!(SegmentName::parse(&name.to_string(), size), Ok(name));
            let past = SegmentNumber::new(last.get() + 1);
            assert!(SegmentName::new(TimelineId::FIRST, past, size).is_err());
        }
    }
}
