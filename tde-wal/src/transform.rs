//! Encrypting and decrypting: the two are one and the same XOR.

use core::fmt;
use core::ops::Range;

use tde_core::{BaseIv, Cipher, InternalKey, Keystream, KeystreamPrefix};

use crate::error::Error;
use crate::location::{Location, Lsn, TimelineId};
use crate::range::{KeyRange, Protection};
use crate::segment::{SegmentName, SegmentNumber, SegmentSize};

/// The key of a range, expanded: keystream and base IV.
pub struct WalCipher {
    keystream: Keystream,
    base_iv: BaseIv,
    cipher: Cipher,
}

impl WalCipher {
    /// Expands an internal key.
    #[must_use]
    pub fn new(key: &InternalKey) -> Self {
        Self { keystream: Keystream::new(key), base_iv: *key.base_iv(), cipher: key.cipher() }
    }

    /// The cipher of the key.
    #[must_use]
    pub const fn cipher(&self) -> Cipher {
        self.cipher
    }

    /// The keystream prefix of a segment under this base IV.
    ///
    /// The first twelve bytes of the base IV, as a big-endian number with its lowest bit cleared, plus timeline
    /// times 2⁸⁰ plus segment number, modulo 2⁹⁶. So the upper half of the timeline is lost, and timelines 65536
    /// apart share a keystream (pg_tde 2.2.0, `CalcXLogPageIVPrefix` and `pg_tde_stream_crypt`).
    #[must_use]
    pub fn prefix(&self, timeline: TimelineId, segment: SegmentNumber) -> KeystreamPrefix {
        prefix(self.base_iv.as_bytes(), timeline, segment)
    }
}

impl fmt::Debug for WalCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WalCipher").field("cipher", &self.cipher).finish_non_exhaustive()
    }
}

fn prefix(base_iv: &[u8; 16], timeline: TimelineId, segment: SegmentNumber) -> KeystreamPrefix {
    // The server works on all 128 bits of the base IV and then puts the block counter in place of the lowest 32;
    // so the lowest bit of what remains is bit 32 of its number, the one that it clears.
    let base = (u128::from_be_bytes(*base_iv) >> 32) & !1;
    let sum = base + (u128::from(timeline.get()) << 80) + u128::from(segment.get());
    // Shifting the lost bits out at the top is the reduction modulo 2⁹⁶.
    let mut bytes = [0; 12];
    bytes.copy_from_slice(&(sum << 32).to_be_bytes()[..12]);
    KeystreamPrefix::new(bytes)
}

/// Where a buffer stands: timeline and number of its segment, and the byte offset in it.
///
/// The timeline is that of the segment's *file name*, also where pages inside carry an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SegmentPosition {
    timeline: TimelineId,
    number: SegmentNumber,
    size: SegmentSize,
    offset: u64,
}

impl SegmentPosition {
    /// Byte `offset` of a segment.
    ///
    /// # Errors
    ///
    /// [`Error::SegmentNumber`] if the segment would lie past the last LSN, [`Error::PastSegmentEnd`] if the offset
    /// is above the segment size.
    pub const fn new(
        timeline: TimelineId,
        number: SegmentNumber,
        size: SegmentSize,
        offset: u64,
    ) -> Result<Self, Error> {
        match size.start_of(number) {
            None => Err(Error::SegmentNumber { number: number.get(), segment_size: size.bytes() }),
            Some(_) if offset > size.bytes() => {
                Err(Error::PastSegmentEnd { offset, len: 0, segment_size: size.bytes() })
            }
            Some(_) => Ok(Self { timeline, number, size, offset }),
        }
    }

    /// The first byte of the segment of that name.
    #[must_use]
    pub const fn start_of(name: &SegmentName) -> Self {
        Self { timeline: name.timeline(), number: name.number(), size: name.size(), offset: 0 }
    }

    /// The place of a location in its segment.
    #[must_use]
    pub const fn of(location: Location, size: SegmentSize) -> Self {
        let (number, offset) = (size.segment_of(location.lsn), size.offset_of(location.lsn));
        Self { timeline: location.timeline, number, size, offset }
    }

    /// The position `bytes` further on in the same segment.
    ///
    /// # Errors
    ///
    /// [`Error::PastSegmentEnd`] if that is past the segment's end. The end itself is a position, of no bytes.
    pub const fn advance(self, bytes: u64) -> Result<Self, Error> {
        match self.offset.checked_add(bytes) {
            Some(offset) if offset <= self.size.bytes() => Ok(Self { offset, ..self }),
            _ => Err(Error::PastSegmentEnd {
                offset: self.offset,
                len: bytes,
                segment_size: self.size.bytes(),
            }),
        }
    }

    /// The timeline.
    #[must_use]
    pub const fn timeline(&self) -> TimelineId {
        self.timeline
    }

    /// The number of the segment.
    #[must_use]
    pub const fn number(&self) -> SegmentNumber {
        self.number
    }

    /// The segment size.
    #[must_use]
    pub const fn size(&self) -> SegmentSize {
        self.size
    }

    /// The byte offset in the segment.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// Bytes from here to the end of the segment.
    #[must_use]
    pub const fn remaining(&self) -> u64 {
        self.size.bytes() - self.offset
    }

    /// The LSN of the segment's first byte.
    #[must_use]
    pub const fn segment_start(&self) -> Lsn {
        // Every constructor has checked that this fits.
        Lsn::new(self.number.get().wrapping_mul(self.size.bytes()))
    }

    fn check(&self, len: usize) -> Result<(), Error> {
        self.advance(u64::try_from(len).unwrap_or(u64::MAX)).map(|_| ())
    }
}

/// A part of a buffer that one encrypted range covers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EncryptedPart {
    /// The part, as byte offsets in the *buffer*.
    pub bytes: Range<usize>,
    /// The index of the range in the list.
    pub range: usize,
}

/// What a transformation did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transformed {
    /// Bytes to which a keystream was applied; counted twice where ranges overlap.
    pub encrypted: u64,
    /// Parts of the buffer that they came in.
    pub parts: u64,
}

/// The parts of `len` bytes at `at` that encrypted ranges cover, in the order of the ranges.
///
/// Ranges are compared by timeline first: one that starts on timeline 1 and ends on timeline 3 covers all of
/// timeline 2, and of timeline 3 what lies below its end (pg_tde 2.2.0, `TDEXLogCryptBuffer`).
///
/// # Errors
///
/// [`Error::PastSegmentEnd`] if the bytes do not lie within the segment.
pub fn encrypted_parts<C>(
    ranges: &[KeyRange<C>],
    at: SegmentPosition,
    len: usize,
) -> Result<impl Iterator<Item = EncryptedPart> + '_, Error> {
    at.check(len)?;
    let parts = ranges.iter().enumerate().filter_map(move |(index, range)| {
        if matches!(range.protection(), Protection::Plain) {
            return None;
        }
        covered(range, at, len).map(|bytes| EncryptedPart { bytes, range: index })
    });
    Ok(parts)
}

impl<C> KeyRange<C> {
    /// The part of `len` bytes at `at` that this range covers, be it encrypted or plain: byte offsets in the buffer.
    #[must_use]
    pub fn part_of(&self, at: SegmentPosition, len: usize) -> Option<Range<usize>> {
        covered(self, at, len)
    }
}

/// The part of the buffer that a range covers.
fn covered<C>(range: &KeyRange<C>, at: SegmentPosition, len: usize) -> Option<Range<usize>> {
    let (start, end) = (range.start(), range.end());
    if at.timeline < start.timeline || at.timeline > end.timeline {
        return None;
    }
    // 128 bits, since the byte past the last one may have the number 2⁶⁴.
    let from = u128::from(at.segment_start().get()) + u128::from(at.offset);
    let to = from + len as u128;
    let low = if at.timeline > start.timeline { from } else { from.max(start.lsn.get().into()) };
    let high = if at.timeline < end.timeline { to } else { to.min(end.lsn.get().into()) };
    if low >= high {
        return None;
    }
    Some(usize::try_from(low - from).ok()?..usize::try_from(high - from).ok()?)
}

/// Encrypts or decrypts bytes of a segment in place, as the key ranges have it.
///
/// # Errors
///
/// [`Error::PastSegmentEnd`] if the buffer does not lie within the segment, [`Error::KeyUnavailable`] if some of it
/// lies in an encrypted range without a key. The buffer is untouched then.
///
/// ```
/// use tde_core::{BaseIv, Cipher, InternalKey};
/// use tde_wal::{
///     KeyRange, Location, Lsn, Protection, SegmentNumber, SegmentPosition, SegmentSize, TimelineId, WalCipher,
///     transform,
/// };
///
/// let key = InternalKey::from_slice(Cipher::Aes128, &[0x40; 16], BaseIv::new([0xFF; 16]))?;
/// let start = Location::new(TimelineId::FIRST, Lsn::new(0x300_2004));
/// let ranges = [KeyRange::new(start, Location::MAX, Protection::Encrypted(WalCipher::new(&key)))];
/// let at = SegmentPosition::of(Location::new(TimelineId::FIRST, Lsn::new(0x300_2000)), SegmentSize::DEFAULT);
///
/// let mut bytes = *b"WAL record bytes";
/// let done = transform(&ranges, at, &mut bytes)?;
/// assert_eq!(done.encrypted, 12);
/// assert_eq!(&bytes[..4], b"WAL ");
/// transform(&ranges, at, &mut bytes)?;
/// assert_eq!(&bytes, b"WAL record bytes");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn transform(ranges: &[KeyRange], at: SegmentPosition, buffer: &mut [u8]) -> Result<Transformed, Error> {
    check_keys(ranges, at, buffer.len())?;
    let mut done = Transformed::default();
    for part in encrypted_parts(ranges, at, buffer.len())? {
        let (Some(cipher), Some(bytes)) = (cipher(ranges, &part), buffer.get_mut(part.bytes.clone())) else {
            continue;
        };
        let prefix = cipher.prefix(at.timeline, at.number);
        cipher.keystream.apply(&prefix, at.offset + part.bytes.start as u64, bytes)?;
        done.count(part.bytes.len());
    }
    Ok(done)
}

/// Encrypts or decrypts bytes of a segment from one buffer to another. What lies in no encrypted range is copied.
///
/// # Errors
///
/// As [`transform`]; [`Error::BufferLength`] if the buffers differ in length. The destination is untouched then.
pub fn transform_to(
    ranges: &[KeyRange],
    at: SegmentPosition,
    from: &[u8],
    to: &mut [u8],
) -> Result<Transformed, Error> {
    if from.len() != to.len() {
        return Err(Error::BufferLength { expected: from.len(), actual: to.len() });
    }
    check_keys(ranges, at, from.len())?;
    let mut done = Transformed::default();
    // Everything below has been written. Ranges normally ascend, and every byte is then written once; a part that
    // reaches back below (ranges out of order) is applied to what stands there already.
    let mut written = 0;
    for part in encrypted_parts(ranges, at, from.len())? {
        let Some(cipher) = cipher(ranges, &part) else { continue };
        let prefix = cipher.prefix(at.timeline, at.number);
        let Range { start, end } = part.bytes;
        let again = start..end.min(written);
        if let Some(bytes) = to.get_mut(again).filter(|bytes| !bytes.is_empty()) {
            cipher.keystream.apply(&prefix, at.offset + start as u64, bytes)?;
        }
        if end > written {
            copy(from, to, written..start);
            let fresh = start.max(written)..end;
            let offset = at.offset + fresh.start as u64;
            if let (Some(from), Some(to)) = (from.get(fresh.clone()), to.get_mut(fresh)) {
                cipher.keystream.apply_to(&prefix, offset, from, to)?;
            }
            written = end;
        }
        done.count(end - start);
    }
    copy(from, to, written..from.len());
    Ok(done)
}

impl Transformed {
    /// Adds what another call did.
    #[cfg(feature = "std")]
    pub(crate) fn add(&mut self, other: Self) {
        self.encrypted += other.encrypted;
        self.parts += other.parts;
    }

    fn count(&mut self, bytes: usize) {
        self.encrypted += bytes as u64;
        self.parts += 1;
    }
}

/// Refuses before the first byte is written, so that a buffer is never left half done.
fn check_keys(ranges: &[KeyRange], at: SegmentPosition, len: usize) -> Result<(), Error> {
    let mut parts = encrypted_parts(ranges, at, len)?;
    match parts.find(|part| cipher(ranges, part).is_none()) {
        Some(part) => Err(Error::KeyUnavailable { range: part.range }),
        None => Ok(()),
    }
}

fn cipher<'a>(ranges: &'a [KeyRange], part: &EncryptedPart) -> Option<&'a WalCipher> {
    match ranges.get(part.range)?.protection() {
        Protection::Encrypted(cipher) => Some(cipher),
        Protection::Plain | Protection::Unavailable => None,
    }
}

/// Nothing where the range is empty or runs backwards.
fn copy(from: &[u8], to: &mut [u8], bytes: Range<usize>) {
    if let (Some(from), Some(to)) = (from.get(bytes.clone()), to.get_mut(bytes)) {
        to.copy_from_slice(from);
    }
}
