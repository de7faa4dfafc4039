//! Segments as streams: reading and writing through the transformation, in bounded memory.

mod rekey;

use alloc::vec;
use alloc::vec::Vec;
use std::io::{self, Read, Seek, SeekFrom, Write};

use core::fmt;
use core::ops::ControlFlow;

use zeroize::Zeroize;

use crate::key_ranges::KeyRanges;
use crate::location::TimelineId;
use crate::segment::SegmentNumber;
use crate::transform::{SegmentPosition, Transformed};
use crate::walker::{Record, RecordWalker, WalkEnd};

pub use rekey::{PageTally, Rekeyed, rekey_segment};

/// Bytes transformed at a time: enough that calls do not count, little enough to stay in a CPU's cache.
const CHUNK: usize = 128 * 1024;

/// A reader that gives the bytes of a segment transformed.
///
/// It transforms in the caller's buffer and keeps no plaintext. Bytes past the segment's end are an error of kind
/// [`InvalidData`](io::ErrorKind::InvalidData).
///
/// ```
/// # use tde_wal::{KeyRanges, SegmentName, SegmentPosition, SegmentSize, io::TransformReader};
/// # use std::io::Read;
/// # let file: &[u8] = b"bytes of a segment";
/// let name = SegmentName::parse("00000001000000000000000E", SegmentSize::MIN)?;
/// let ranges = KeyRanges::default();
/// let mut reader = TransformReader::new(file, &ranges, SegmentPosition::start_of(&name));
/// let mut plain = Vec::new();
/// reader.read_to_end(&mut plain)?;
/// # assert_eq!(plain, file);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct TransformReader<'k, R> {
    inner: R,
    ranges: &'k KeyRanges,
    at: SegmentPosition,
    done: Transformed,
}

impl<'k, R> TransformReader<'k, R> {
    /// Reads from `inner`, whose next byte stands at `at`.
    pub const fn new(inner: R, ranges: &'k KeyRanges, at: SegmentPosition) -> Self {
        Self { inner, ranges, at, done: Transformed { encrypted: 0, parts: 0 } }
    }

    /// Where the next byte stands.
    pub const fn position(&self) -> SegmentPosition {
        self.at
    }

    /// What has been done so far.
    pub const fn transformed(&self) -> Transformed {
        self.done
    }

    /// The reader underneath.
    pub fn into_inner(self) -> R {
        self.inner
    }
}

impl<R: Read> Read for TransformReader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = usize::try_from(self.at.remaining()).unwrap_or(usize::MAX).min(buffer.len());
        if room == 0 && !buffer.is_empty() {
            // The end of the segment: there must be no more.
            let mut extra = [0];
            return match self.inner.read(&mut extra)? {
                0 => Ok(0),
                _ => Err(too_long(self.at)),
            };
        }
        let buffer = buffer.get_mut(..room).unwrap_or_default();
        let count = self.inner.read(buffer)?;
        let read =
            buffer.get_mut(..count).ok_or_else(|| io::Error::other("reader gave an impossible count"))?;
        match self.ranges.transform(self.at, read) {
            Ok(done) => self.done.add(done),
            Err(error) => return Err(io::Error::new(io::ErrorKind::InvalidData, error)),
        }
        self.at = self.at.advance(count as u64).map_err(io::Error::other)?;
        Ok(count)
    }
}

impl<R: Seek> Seek for TransformReader<'_, R> {
    /// Positions are byte offsets in the segment, however far into the stream underneath that begins.
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let invalid = || io::Error::new(io::ErrorKind::InvalidInput, "seek to a place outside the segment");
        let here = i64::try_from(self.at.offset()).map_err(|_| invalid())?;
        let target = match to {
            SeekFrom::Start(offset) => i64::try_from(offset).map_err(|_| invalid())?,
            SeekFrom::Current(by) => here.checked_add(by).ok_or_else(invalid)?,
            SeekFrom::End(by) => i64::try_from(self.at.size().bytes())
                .ok()
                .and_then(|end| end.checked_add(by))
                .ok_or_else(invalid)?,
        };
        let target = u64::try_from(target).map_err(|_| invalid())?;
        let at = SegmentPosition::new(self.at.timeline(), self.at.number(), self.at.size(), target)
            .map_err(|_| invalid())?;
        self.inner.seek(SeekFrom::Current(target as i64 - here))?;
        self.at = at;
        Ok(target)
    }
}

/// A writer that passes the bytes of a segment on transformed.
///
/// It keeps a buffer of its own, which is wiped when it is dropped.
#[derive(Debug)]
pub struct TransformWriter<'k, W> {
    inner: W,
    ranges: &'k KeyRanges,
    at: SegmentPosition,
    done: Transformed,
    buffer: Buffer,
}

impl<'k, W> TransformWriter<'k, W> {
    /// Writes to `inner`, whose next byte stands at `at`.
    pub fn new(inner: W, ranges: &'k KeyRanges, at: SegmentPosition) -> Self {
        Self { inner, ranges, at, done: Transformed::default(), buffer: Buffer::new(CHUNK) }
    }

    /// Where the next byte stands.
    pub const fn position(&self) -> SegmentPosition {
        self.at
    }

    /// What has been done so far.
    pub const fn transformed(&self) -> Transformed {
        self.done
    }

    /// The writer underneath.
    pub fn into_inner(self) -> W {
        self.inner
    }
}

impl<W: Write> Write for TransformWriter<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = usize::try_from(self.at.remaining()).unwrap_or(usize::MAX);
        let len = bytes.len().min(room).min(CHUNK);
        if len == 0 && !bytes.is_empty() {
            return Err(too_long(self.at));
        }
        let (Some(from), Some(to)) = (bytes.get(..len), self.buffer.0.get_mut(..len)) else { return Ok(0) };
        let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        self.ranges.transform_to(self.at, from, to).map_err(invalid)?;
        let count = self.inner.write(to)?.min(len);
        // Only what was taken counts; the rest comes again.
        for part in self.ranges.encrypted_parts(self.at, count).map_err(invalid)? {
            self.done.add(Transformed { encrypted: part.bytes.len() as u64, parts: 1 });
        }
        self.at = self.at.advance(count as u64).map_err(invalid)?;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// What [`transform_segment`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Copied {
    /// Bytes read and written. Fewer than the segment size if the input was cut short, which is for the caller to
    /// judge.
    pub bytes: u64,
    /// What was done to them.
    pub transformed: Transformed,
}

/// Copies a segment, or what there is of it, through the transformation. Memory is bounded and wiped.
///
/// # Errors
///
/// Those of the reader and the writer; [`InvalidData`](io::ErrorKind::InvalidData) if the input goes on past the
/// segment's end or lies in an encrypted range without a key. What was written before stays written.
pub fn transform_segment(
    ranges: &KeyRanges,
    at: SegmentPosition,
    input: impl Read,
    mut output: impl Write,
) -> io::Result<Copied> {
    let mut reader = TransformReader::new(input, ranges, at);
    let mut buffer = Buffer::new(CHUNK);
    let mut bytes = 0;
    loop {
        let filled = buffer.fill(CHUNK, &mut reader)?;
        output.write_all(filled)?;
        bytes += filled.len() as u64;
        if filled.len() < CHUNK {
            break;
        }
    }
    output.flush()?;
    Ok(Copied { bytes, transformed: reader.transformed() })
}

/// Walks the records of a plaintext segment that comes from a reader: [`RecordWalker::segment`] in bounded memory.
/// At the beginning of a walk, what lies before its first page is read and passed over.
///
/// # Errors
///
/// Those of the reader. The end of the walk is not an error, but `Break`.
pub fn walk_segment(
    walker: &mut RecordWalker<'_>,
    timeline: TimelineId,
    number: SegmentNumber,
    mut input: impl Read,
    mut on_record: impl FnMut(&Record<'_>),
) -> io::Result<ControlFlow<WalkEnd>> {
    let skip = match walker.begin_segment(timeline, number) {
        Ok(skip) => skip,
        Err(end) => return Ok(ControlFlow::Break(end)),
    };
    // A multiple of every block size, so that only the last chunk can end within a page.
    let mut buffer = Buffer::new(CHUNK);
    let mut passed = 0;
    while passed < skip {
        let want = usize::try_from(skip - passed).unwrap_or(CHUNK).min(CHUNK);
        let come = buffer.fill(want, &mut input)?.len();
        if come < want {
            return Ok(ControlFlow::Continue(()));
        }
        passed += come as u64;
    }
    let mut left = walker.segment_bytes().saturating_sub(skip);
    while left > 0 {
        let want = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
        let filled = buffer.fill(want, &mut input)?;
        for page in filled.chunks(walker.block_bytes()) {
            if let ControlFlow::Break(end) = walker.page(page, &mut on_record) {
                return Ok(ControlFlow::Break(end));
            }
        }
        if filled.len() < want {
            break;
        }
        left = left.saturating_sub(want as u64);
    }
    Ok(ControlFlow::Continue(()))
}

fn too_long(at: SegmentPosition) -> io::Error {
    let text = std::format!("more than the {} bytes of a segment", at.size().bytes());
    io::Error::new(io::ErrorKind::InvalidData, text)
}

/// Bytes that may be plaintext, and are wiped when dropped.
struct Buffer(Vec<u8>);

impl Buffer {
    fn new(len: usize) -> Self {
        Self(vec![0; len])
    }

    /// Reads until there are `want` bytes or there is nothing more.
    fn fill(&mut self, want: usize, input: &mut impl Read) -> io::Result<&[u8]> {
        self.fill_mut(want, input).map(|filled| &*filled)
    }

    fn fill_mut(&mut self, want: usize, input: &mut impl Read) -> io::Result<&mut [u8]> {
        let mut come = 0;
        while let Some(free) = self.0.get_mut(come..want).filter(|free| !free.is_empty()) {
            match input.read(free) {
                Ok(0) => break,
                Ok(count) => come += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.0.get_mut(..come).unwrap_or_default())
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffer").field("len", &self.0.len()).finish_non_exhaustive()
    }
}
