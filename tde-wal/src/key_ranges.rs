//! A list of key ranges that owns its keys.

use alloc::vec::Vec;

use tde_core::InternalKey;

use crate::error::Error;
use crate::location::{Location, Lsn};
use crate::range::{KeyRange, RangeEntry, out_of_order, resolve};
use crate::transform::{
    EncryptedPart, SegmentPosition, Transformed, WalCipher, encrypted_parts, transform, transform_to,
};

/// The key ranges of a server, with their keys expanded.
///
/// One pass over the entries; then each call finds its ranges by binary search, or, where starts do not ascend, by
/// going through all of them. Without `alloc`, the free functions do the same for a slice of ranges.
#[derive(Debug, Default)]
pub struct KeyRanges {
    ranges: Vec<KeyRange>,
    ascending: bool,
}

impl KeyRanges {
    /// From the entries of a key file in their order there, by the rules of [`resolve`]. `None` stands for a key that
    /// is not at hand.
    pub fn from_entries<I>(entries: I) -> Self
    where
        I: IntoIterator<Item = (RangeEntry, Option<InternalKey>)>,
    {
        let expanded = entries.into_iter().map(|(entry, key)| (entry, key.as_ref().map(WalCipher::new)));
        Self::from_ranges(resolve(expanded).collect())
    }

    /// From ranges made by hand.
    #[must_use]
    pub fn from_ranges(ranges: Vec<KeyRange>) -> Self {
        // Ranges made by hand may end anywhere, and the search below needs both bounds to ascend.
        let ascending = out_of_order(&ranges).next().is_none() && ranges.is_sorted_by_key(KeyRange::end);
        Self { ranges, ascending }
    }

    /// The ranges, in the order in which they are applied.
    #[must_use]
    pub fn ranges(&self) -> &[KeyRange] {
        &self.ranges
    }

    /// Whether starts and ends ascend. They do in every key file that a server wrote; see [`out_of_order`].
    #[must_use]
    pub const fn is_ascending(&self) -> bool {
        self.ascending
    }

    /// Encrypts or decrypts bytes of a segment in place: [`transform`].
    ///
    /// # Errors
    ///
    /// As [`transform`]; the buffer is untouched then.
    pub fn transform(&self, at: SegmentPosition, buffer: &mut [u8]) -> Result<Transformed, Error> {
        let (skipped, ranges) = self.near(at, buffer.len());
        transform(ranges, at, buffer).map_err(|error| shifted(error, skipped))
    }

    /// Encrypts or decrypts bytes of a segment from one buffer to another: [`transform_to`].
    ///
    /// # Errors
    ///
    /// As [`transform_to`]; the destination is untouched then.
    pub fn transform_to(
        &self,
        at: SegmentPosition,
        from: &[u8],
        to: &mut [u8],
    ) -> Result<Transformed, Error> {
        let (skipped, ranges) = self.near(at, from.len());
        transform_to(ranges, at, from, to).map_err(|error| shifted(error, skipped))
    }

    /// The parts of `len` bytes at `at` that are encrypted, and by which range: [`encrypted_parts`].
    ///
    /// # Errors
    ///
    /// As [`encrypted_parts`].
    pub fn encrypted_parts(
        &self,
        at: SegmentPosition,
        len: usize,
    ) -> Result<impl Iterator<Item = EncryptedPart> + '_, Error> {
        let (skipped, ranges) = self.near(at, len);
        let parts = encrypted_parts(ranges, at, len)?;
        Ok(parts.map(move |part| EncryptedPart { range: part.range + skipped, ..part }))
    }

    /// The ranges that may cover these bytes, and how many come before them.
    fn near(&self, at: SegmentPosition, len: usize) -> (usize, &[KeyRange]) {
        if !self.ascending {
            return (0, &self.ranges);
        }
        let offset = |lsn: Lsn, bytes: u64| Lsn::new(lsn.get().saturating_add(bytes));
        let from = Location::new(at.timeline(), offset(at.segment_start(), at.offset()));
        let last = u64::try_from(len).unwrap_or(u64::MAX);
        let to = Location::new(at.timeline(), offset(from.lsn, last));
        let first = self.ranges.partition_point(|range| range.end() <= from);
        let past = self.ranges.partition_point(|range| range.start() < to).max(first);
        (first, self.ranges.get(first..past).unwrap_or_default())
    }
}

/// An error of a part of the list, in terms of the whole.
fn shifted(error: Error, skipped: usize) -> Error {
    match error {
        Error::KeyUnavailable { range } => Error::KeyUnavailable { range: range + skipped },
        other => other,
    }
}
