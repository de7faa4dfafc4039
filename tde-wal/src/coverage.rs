//! Which bytes of a segment each range covers, plain ones and gaps included.

use alloc::vec::Vec;
use core::ops::Range;

use crate::error::Error;
use crate::range::KeyRange;
use crate::segment::SegmentName;
use crate::transform::{SegmentPosition, encrypted_parts};

/// A part of a segment, and the range that it lies in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SegmentPart {
    /// The part, as byte offsets in the segment.
    pub bytes: Range<u64>,
    /// The index of the range in the list; `None` where there is none, which is plain.
    pub range: Option<usize>,
}

/// Every part of a segment by the range that it lies in, in ascending order: encrypted ranges, plain ranges, and what
/// lies in none. Parts overlap only where ranges do.
///
/// ```
/// use tde_wal::{KeyRange, Location, Lsn, Protection, SegmentName, SegmentSize, TimelineId, segment_parts};
///
/// let start = Location::new(TimelineId::FIRST, Lsn::new(0x10_2000));
/// let ranges = [KeyRange::new(start, Location::MAX, Protection::Encrypted(()))];
/// let name = SegmentName::parse("000000010000000000000001", SegmentSize::MIN)?;
/// let parts = segment_parts(&ranges, &name);
/// assert_eq!((parts[0].bytes.clone(), parts[0].range), (0..0x2000, None));
/// assert_eq!((parts[1].bytes.clone(), parts[1].range), (0x2000..0x10_0000, Some(0)));
/// # Ok::<(), tde_wal::Error>(())
/// ```
#[must_use]
pub fn segment_parts<C>(ranges: &[KeyRange<C>], segment: &SegmentName) -> Vec<SegmentPart> {
    let at = SegmentPosition::start_of(segment);
    let len = usize::try_from(segment.size().bytes()).unwrap_or(usize::MAX);
    let covered = ranges.iter().enumerate().filter_map(|(index, range)| {
        let part = range.part_of(at, len)?;
        Some(SegmentPart { bytes: part.start as u64..part.end as u64, range: Some(index) })
    });
    let mut parts: Vec<_> = covered.collect();
    parts.sort_by_key(|part| part.bytes.start);
    let mut gaps = Vec::new();
    let mut reached = 0;
    for part in &parts {
        if part.bytes.start > reached {
            gaps.push(SegmentPart { bytes: reached..part.bytes.start, range: None });
        }
        reached = reached.max(part.bytes.end);
    }
    if reached < segment.size().bytes() {
        gaps.push(SegmentPart { bytes: reached..segment.size().bytes(), range: None });
    }
    parts.extend(gaps);
    parts.sort_by_key(|part| part.bytes.start);
    parts
}

/// How many bytes of a segment are encrypted under `from` and would be plain under `to`.
///
/// # Errors
///
/// As [`encrypted_parts`].
pub fn uncovered_bytes<A, B>(
    from: &[KeyRange<A>],
    to: &[KeyRange<B>],
    segment: &SegmentName,
) -> Result<u64, Error> {
    let at = SegmentPosition::start_of(segment);
    let len = usize::try_from(segment.size().bytes()).unwrap_or(usize::MAX);
    let from = merged(encrypted_parts(from, at, len)?.map(|part| part.bytes));
    let to = merged(encrypted_parts(to, at, len)?.map(|part| part.bytes));
    let mut uncovered = 0;
    for part in from {
        let shared =
            to.iter().map(|other| part.end.min(other.end).saturating_sub(part.start.max(other.start)));
        uncovered += (part.end - part.start).saturating_sub(shared.sum()) as u64;
    }
    Ok(uncovered)
}

/// The same bytes in parts that neither overlap nor touch.
fn merged(parts: impl Iterator<Item = Range<usize>>) -> Vec<Range<usize>> {
    let mut parts: Vec<_> = parts.collect();
    parts.sort_by_key(|part| part.start);
    let mut merged: Vec<Range<usize>> = Vec::new();
    for part in parts {
        match merged.last_mut().filter(|last| part.start <= last.end) {
            Some(last) => last.end = last.end.max(part.end),
            None => merged.push(part),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::location::{Location, Lsn, TimelineId};
    use crate::range::Protection;
    use crate::segment::SegmentSize;

    const MIB: u64 = 1 << 20;

    fn at(timeline: u32, lsn: u64) -> Location {
        Location::new(TimelineId::new(timeline), Lsn::new(lsn))
    }

    fn range(start: Location, end: Location, encrypted: bool) -> KeyRange<()> {
        let protection = if encrypted { Protection::Encrypted(()) } else { Protection::Plain };
        KeyRange::new(start, end, protection)
    }

    fn segment(name: &str) -> SegmentName {
        SegmentName::parse(name, SegmentSize::MIN).unwrap()
    }

    #[test]
    fn every_byte_of_a_segment_is_in_some_part() {
        let ranges = [
            range(at(1, MIB + 100), at(1, MIB + 200), true),
            range(at(1, MIB + 200), at(1, 3 * MIB), false),
            // Out of order: it begins before the one above.
            range(at(1, MIB + 150), at(2, MIB + 7), true),
        ];
        let parts = |name| {
            let parts = segment_parts(&ranges, &segment(name));
            parts.into_iter().map(|part| (part.bytes.start, part.bytes.end, part.range)).collect::<Vec<_>>()
        };
        assert_eq!(
            parts("000000010000000000000001"),
            [(0, 100, None), (100, 200, Some(0)), (150, MIB, Some(2)), (200, MIB, Some(1))]
        );
        assert_eq!(parts("000000010000000000000000"), [(0, MIB, None)]);
        assert_eq!(parts("000000010000000000000003"), [(0, MIB, Some(2))]);
        assert_eq!(parts("000000020000000000000001"), [(0, 7, Some(2)), (7, MIB, None)]);
        assert_eq!(parts("000000030000000000000001"), [(0, MIB, None)]);
    }

    #[test]
    fn bytes_that_lose_their_encryption_are_counted_once() {
        let first = segment("000000010000000000000001");
        let from = [range(at(1, 1), at(1, MIB + 100), true), range(at(1, MIB + 50), at(1, MIB + 300), true)];
        let to = [
            range(at(1, MIB + 20), at(1, MIB + 40), true),
            range(at(1, MIB + 40), at(1, MIB + 290), false),
            range(at(1, MIB + 290), Location::MAX, true),
        ];
        assert_eq!(uncovered_bytes(&from, &to, &first), Ok(300 - 20 - 10));
        assert_eq!(uncovered_bytes(&from, &from, &first), Ok(0));
        assert_eq!(uncovered_bytes::<(), _>(&[], &to, &first), Ok(0));
        assert_eq!(uncovered_bytes::<_, ()>(&to, &[], &first), Ok(20 + MIB - 290));
    }
}
