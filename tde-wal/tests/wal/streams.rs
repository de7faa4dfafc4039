//! Readers and writers give what the functions over whole buffers give.

use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};

use tde_core::{BaseIv, Cipher, InternalKey};
use tde_wal::io::{TransformReader, TransformWriter, transform_segment, walk_segment};
use tde_wal::{
    KeyRange, KeyRanges, Location, Lsn, Major, Protection, RecordWalker, SegmentNumber, SegmentPosition,
    SegmentSize, TimelineId, WalCipher, WalkStart,
};

use crate::builder::Builder;

const SIZE: SegmentSize = SegmentSize::MIN;

fn ranges() -> KeyRanges {
    let range = |from: u64, to: Location, seed: u8| {
        let key = InternalKey::from_slice(Cipher::Aes256, &[seed; 32], BaseIv::new([seed; 16])).unwrap();
        let from = Location::new(TimelineId::FIRST, Lsn::new((3 << 20) + from));
        KeyRange::new(from, to, Protection::Encrypted(WalCipher::new(&key)))
    };
    let between = |lsn: u64| Location::new(TimelineId::FIRST, Lsn::new((3 << 20) + lsn));
    KeyRanges::from_ranges(vec![
        range(1001, between(300_001), 1),
        KeyRange::new(between(300_001), between(300_007), Protection::Plain),
        range(300_007, Location::MAX, 2),
    ])
}

fn start() -> SegmentPosition {
    SegmentPosition::new(TimelineId::FIRST, SegmentNumber::new(3), SIZE, 0).unwrap()
}

fn bytes() -> Vec<u8> {
    (0..SIZE.bytes() as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 11) as u8).collect()
}

fn transformed(bytes: &[u8]) -> Vec<u8> {
    let mut whole = bytes.to_vec();
    ranges().transform(start(), &mut whole).unwrap();
    whole
}

/// Gives and takes a few bytes at a time, and is interrupted now and then.
struct Halting<T> {
    inner: T,
    turn: usize,
}

impl<T> Halting<T> {
    fn next(&mut self, len: usize) -> io::Result<usize> {
        self.turn += 1;
        match self.turn % 5 {
            3 => Err(io::ErrorKind::Interrupted.into()),
            turn => Ok(len.min(1 + turn * 4099)),
        }
    }
}

impl<R: Read> Read for Halting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.next(buffer.len())?;
        self.inner.read(&mut buffer[..len])
    }
}

impl<W: Write> Write for Halting<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let len = self.next(buffer.len())?;
        self.inner.write(&buffer[..len])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[test]
fn a_reader_gives_what_the_whole_gives_however_it_is_fed() {
    let (bytes, ranges) = (bytes(), ranges());
    let mut reader = TransformReader::new(Halting { inner: &bytes[..], turn: 0 }, &ranges, start());
    let mut read = Vec::new();
    reader.read_to_end(&mut read).unwrap();
    assert!(read == transformed(&bytes));
    assert_eq!(reader.transformed().encrypted, SIZE.bytes() - 1001 - 6);
    assert_eq!(reader.position().remaining(), 0);
}

#[test]
fn a_reader_can_be_sent_anywhere_in_its_segment_and_nowhere_else() {
    let (bytes, ranges) = (bytes(), ranges());
    let expected = transformed(&bytes);
    // The segment lies 77 bytes into the stream.
    let file = [&[0; 77][..], &bytes].concat();
    let mut cursor = Cursor::new(file);
    cursor.set_position(77);
    let mut reader = TransformReader::new(cursor, &ranges, start());
    for (to, offset) in [
        (SeekFrom::Start(300_003), 300_003),
        (SeekFrom::Current(-300_000), 11),
        (SeekFrom::End(-8), SIZE.bytes() - 16),
    ] {
        // Each read leaves the position eight bytes on.
        let offset = if let SeekFrom::End(_) = to { offset + 8 } else { offset };
        assert_eq!(reader.seek(to).unwrap(), offset);
        let mut got = [0; 8];
        reader.read_exact(&mut got).unwrap();
        assert_eq!(got, expected[offset as usize..offset as usize + 8]);
    }
    for to in [SeekFrom::Start(SIZE.bytes() + 1), SeekFrom::Current(i64::MIN), SeekFrom::End(1)] {
        assert_eq!(reader.seek(to).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(reader.position().remaining(), 0);
    }
}

#[test]
fn a_writer_writes_what_the_whole_gives_however_little_is_taken() {
    let (bytes, ranges) = (bytes(), ranges());
    let mut writer = TransformWriter::new(Halting { inner: Vec::new(), turn: 0 }, &ranges, start());
    for piece in bytes.chunks(70_001) {
        writer.write_all(piece).unwrap();
    }
    writer.flush().unwrap();
    assert_eq!(writer.transformed().encrypted, SIZE.bytes() - 1001 - 6);
    assert_eq!(writer.write(b"x").unwrap_err().kind(), io::ErrorKind::InvalidData);
    assert!(writer.into_inner().inner == transformed(&bytes));
}

#[test]
fn a_segment_is_copied_through_whole_or_as_far_as_it_goes() {
    let (bytes, ranges) = (bytes(), ranges());
    for len in [0, 1, 1001, 131_072, 131_073, bytes.len()] {
        let mut out = Vec::new();
        let input = Halting { inner: &bytes[..len], turn: 0 };
        let copied = transform_segment(&ranges, start(), input, &mut out).unwrap();
        assert_eq!(copied.bytes, len as u64);
        assert!(out == transformed(&bytes)[..len]);
    }
    let long = [&bytes[..], b"more"].concat();
    let error = transform_segment(&ranges, start(), &long[..], io::sink()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    assert_eq!(error.to_string(), "more than the 1048576 bytes of a segment");
}

#[test]
fn a_key_that_is_not_there_is_an_error_of_the_stream() {
    let from = Location::new(TimelineId::FIRST, Lsn::new((3 << 20) + 200_000));
    let ranges = KeyRanges::from_ranges(vec![KeyRange::new(from, Location::MAX, Protection::Unavailable)]);
    let error = transform_segment(&ranges, start(), &bytes()[..], io::sink()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    assert_eq!(error.to_string(), "key of the encrypted WAL range 0 is not available");
}

#[test]
fn a_walk_over_streams_finds_what_a_walk_over_slices_finds() {
    let mut builder = Builder::new(Major::V18, SIZE.bytes(), 4096, 3 << 20);
    for i in 0..2000 {
        builder.record(10, 0, 60 + i);
    }
    for begin in [3 << 20, (3 << 20) + 55 * 4096, (4 << 20) + 4096] {
        let start = WalkStart::Page(Lsn::new(begin));
        let (mut by_stream, mut by_slice) = (Vec::new(), Vec::new());
        let mut streaming = RecordWalker::new(builder.layout, start, TimelineId::FIRST);
        let mut slicing = streaming.clone();
        for (number, bytes) in builder.segments() {
            if number < SIZE.segment_of(Lsn::new(begin)) {
                continue;
            }
            let input = Halting { inner: &bytes[..], turn: 0 };
            let walked =
                walk_segment(&mut streaming, TimelineId::FIRST, number, input, |r| by_stream.push(r.lsn))
                    .unwrap();
            assert_eq!(walked, slicing.segment(TimelineId::FIRST, number, &bytes, |r| by_slice.push(r.lsn)));
        }
        assert!(!by_stream.is_empty());
        assert_eq!(by_stream, by_slice);
        assert_eq!(streaming.finish(), slicing.finish());
    }
}

/// Notes where the buffers that it fills lie.
struct Noting<R> {
    inner: R,
    buffers: Vec<usize>,
}

impl<R: Read> Read for Noting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.buffers.push(buffer.as_ptr() as usize);
        self.inner.read(buffer)
    }
}

#[test]
fn what_is_passed_over_goes_through_the_buffer_that_is_wiped() {
    let mut builder = Builder::new(Major::V18, SIZE.bytes(), 4096, 3 << 20);
    for i in 0..2000 {
        builder.record(10, 0, 60 + i);
    }
    let start = WalkStart::Page(Lsn::new((3 << 20) + 55 * 4096));
    let mut walker = RecordWalker::new(builder.layout, start, TimelineId::FIRST);
    let (number, bytes) = builder.segments().remove(0);
    let mut input = Noting { inner: &bytes[..], buffers: Vec::new() };
    let mut records = 0;
    let walked = walk_segment(&mut walker, TimelineId::FIRST, number, &mut input, |_| records += 1).unwrap();
    assert!(records > 0, "{walked:?}");
    let (first, last) = (input.buffers.iter().min().unwrap(), input.buffers.iter().max().unwrap());
    assert!(last - first < 128 * 1024, "more than one buffer");
}
