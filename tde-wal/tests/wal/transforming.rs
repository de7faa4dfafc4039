//! Which bytes are transformed, and that it makes no difference how a buffer is cut.

use proptest::prelude::*;
use tde_core::{BaseIv, Cipher, InternalKey};
use tde_wal::{
    Error, KeyRange, KeyRanges, Location, Lsn, Protection, RangeEntry, RangeKind, SegmentNumber,
    SegmentPosition, SegmentSize, TimelineId, Transformed, WalCipher, encrypted_parts, resolve, transform,
    transform_to,
};

const SIZE: SegmentSize = SegmentSize::DEFAULT;

fn location(timeline: u32, lsn: u64) -> Location {
    Location::new(TimelineId::new(timeline), Lsn::new(lsn))
}

fn at(timeline: u32, segment: u64, size: SegmentSize, offset: u64) -> SegmentPosition {
    SegmentPosition::new(TimelineId::new(timeline), SegmentNumber::new(segment), size, offset).unwrap()
}

fn key(seed: u8) -> InternalKey {
    InternalKey::from_slice(Cipher::Aes128, &[seed; 16], BaseIv::new([seed.wrapping_mul(37); 16])).unwrap()
}

fn encrypted(start: Location, end: Location, seed: u8) -> KeyRange {
    KeyRange::new(start, end, Protection::Encrypted(WalCipher::new(&key(seed))))
}

#[test]
fn the_parts_are_those_that_pg_tde_transforms() {
    use RangeKind::{Encrypted, Invalid, Unencrypted};
    let ranges: Vec<KeyRange<()>> = resolve([
        (RangeEntry { start: location(1, 0x100_0000), kind: Encrypted }, Some(())),
        (RangeEntry { start: location(1, 0x300_0000), kind: Unencrypted }, Some(())),
        (RangeEntry { start: location(0, 0), kind: Encrypted }, Some(())),
        (RangeEntry { start: location(1, 0x500_0000), kind: Invalid }, Some(())),
        (RangeEntry { start: location(2, 0x480_0000), kind: Encrypted }, Some(())),
    ])
    .collect();
    let all = Some(0..0x100_0000);
    for (timeline, segment, part) in [
        (1, 0, None),
        (1, 1, all.clone()),
        (1, 2, all.clone()),
        (1, 3, None),
        (1, 6, None),
        (2, 4, Some(0x80_0000..0x100_0000)),
        (2, 5, all.clone()),
        (3, 0, all),
    ] {
        let parts: Vec<_> = encrypted_parts(&ranges, at(timeline, segment, SIZE, 0), 0x100_0000)
            .unwrap()
            .map(|p| p.bytes)
            .collect();
        assert_eq!(parts, part.into_iter().collect::<Vec<_>>(), "timeline {timeline}, segment {segment}");
    }
}

#[test]
fn a_range_over_several_timelines_covers_those_between_wholly() {
    let ranges = [KeyRange::new(location(1, 0x500), location(3, 0x700), Protection::Encrypted(()))];
    let part = |timeline, offset, len| {
        let mut parts = encrypted_parts(&ranges, at(timeline, 0, SIZE, offset), len).unwrap();
        let first = parts.next().map(|part| part.bytes);
        assert_eq!(parts.next(), None);
        first
    };
    assert_eq!(part(1, 0, 0x1000), Some(0x500..0x1000));
    assert_eq!(part(2, 0, 0x1000), Some(0..0x1000));
    assert_eq!(part(3, 0, 0x1000), Some(0..0x700));
    assert_eq!(part(4, 0, 0x1000), None);
    assert_eq!(part(3, 0x6FF, 1), Some(0..1));
    assert_eq!(part(3, 0x700, 1), None);
    assert_eq!(part(1, 0x4FF, 1), None);
    assert_eq!(part(2, 0, 0), None);
}

#[test]
fn the_very_end_of_the_log_can_be_transformed() {
    for size in [SegmentSize::MIN, SIZE, SegmentSize::MAX] {
        let last = size.segment_of(Lsn::MAX).get();
        let ranges = [encrypted(location(1, 1), Location::MAX, 1)];
        let mut bytes = [0; 64];
        let done = transform(&ranges, at(1, last, size, size.bytes() - 64), &mut bytes).unwrap();
        assert_eq!(done.encrypted, 64);
        // On the last timeline the range's own end is one byte before that of the log.
        let done = transform(&ranges, at(u32::MAX, last, size, size.bytes() - 64), &mut bytes).unwrap();
        assert_eq!(done.encrypted, 63);
    }
}

#[test]
fn nothing_crosses_the_end_of_a_segment() {
    let ranges = KeyRanges::from_ranges(vec![encrypted(location(1, 1), Location::MAX, 1)]);
    let size = SegmentSize::MIN;
    let mut bytes = [7; 9];
    let error = Error::PastSegmentEnd { offset: size.bytes() - 8, len: 9, segment_size: size.bytes() };
    assert_eq!(ranges.transform(at(1, 3, size, size.bytes() - 8), &mut bytes), Err(error));
    assert_eq!(bytes, [7; 9]);
    assert!(ranges.transform(at(1, 3, size, size.bytes() - 8), &mut bytes[..8]).is_ok());
    assert!(ranges.transform(at(1, 3, size, size.bytes()), &mut []).is_ok());
    assert!(SegmentPosition::new(TimelineId::FIRST, SegmentNumber::new(3), size, size.bytes() + 1).is_err());
    assert!(SegmentPosition::new(TimelineId::FIRST, SegmentNumber::new(1 << 44), size, 0).is_err());
}

#[test]
fn a_range_without_its_key_is_refused_before_anything_is_written() {
    let ranges = KeyRanges::from_ranges(vec![
        encrypted(location(1, 0x10), location(1, 0x20), 1),
        KeyRange::new(location(1, 0x20), location(1, 0x30), Protection::Plain),
        KeyRange::new(location(1, 0x30), Location::MAX, Protection::Unavailable),
    ]);
    let position = at(1, 0, SIZE, 0x18);
    let mut bytes = [7; 0x40];
    assert_eq!(ranges.transform(position, &mut bytes), Err(Error::KeyUnavailable { range: 2 }));
    assert_eq!(bytes, [7; 0x40]);
    let mut to = [3; 0x40];
    assert_eq!(ranges.transform_to(position, &bytes, &mut to), Err(Error::KeyUnavailable { range: 2 }));
    assert_eq!(to, [3; 0x40]);
    // What lies elsewhere is not concerned.
    assert!(ranges.transform(position, &mut bytes[..0x18]).is_ok());
    assert_eq!(
        ranges.transform(at(1, 0, SIZE, 0x30), &mut bytes[..1]),
        Err(Error::KeyUnavailable { range: 2 })
    );
    assert_eq!(
        ranges.transform_to(position, &bytes, &mut to[1..]),
        Err(Error::BufferLength { expected: 0x40, actual: 0x3F })
    );
}

#[test]
fn ranges_out_of_order_are_applied_one_after_the_other() {
    let entry =
        |lsn, seed| (RangeEntry { start: location(1, lsn), kind: RangeKind::Encrypted }, Some(key(seed)));
    // [0x10, 0x30), nothing, and from 0x20 on: bytes 0x20..0x30 are transformed twice.
    let ranges = KeyRanges::from_entries([entry(0x10, 1), entry(0x30, 2), entry(0x20, 3)]);
    assert!(!ranges.is_ascending());
    let position = at(1, 0, SIZE, 0);
    let mut whole = [0; 0x40];
    assert_eq!(ranges.transform(position, &mut whole).unwrap().encrypted, 0x20 + 0x20);

    let alone = |start, end, seed| {
        let mut bytes = [0; 0x40];
        transform(&[encrypted(location(1, start), location(1, end), seed)], position, &mut bytes).unwrap();
        bytes
    };
    let (first, third) = (alone(0x10, 0x30, 1), alone(0x20, 0x40, 3));
    for i in 0..0x40 {
        assert_eq!(whole[i], first[i] ^ third[i], "byte {i}");
    }
}

#[test]
fn a_server_of_other_segment_size_has_another_keystream() {
    let ranges = [encrypted(location(1, 1), Location::MAX, 1)];
    let lsn = location(1, 0x1234_5000);
    let stream = |size| {
        let mut bytes = [0; 32];
        transform(&ranges, SegmentPosition::of(lsn, size), &mut bytes).unwrap();
        bytes
    };
    assert_ne!(stream(SegmentSize::MIN), stream(SIZE));
}

/// Ranges in whatever order, with starts and ends near a segment's boundaries.
fn any_ranges() -> impl Strategy<Value = Vec<(u32, u64, u32, bool)>> {
    let mib = 1_u64 << 20;
    proptest::collection::vec((1_u32..4, 3 * mib - 300..4 * mib + 300, 0_u32..20, any::<bool>()), 0..6)
}

fn build(entries: &[(u32, u64, u32, bool)], sorted: bool) -> KeyRanges {
    // Half of the starts lie within the bytes that the tests use.
    let near = |lsn: u64| (3 << 20) + lsn % 700;
    let mut starts: Vec<_> = entries
        .iter()
        .map(|&(timeline, lsn, kind, is_near)| (timeline, if is_near { near(lsn) } else { lsn }, kind))
        .collect();
    if sorted {
        starts.sort_unstable();
        starts.dedup_by_key(|&mut (timeline, lsn, _)| (timeline, lsn));
    }
    let ranges = KeyRanges::from_entries(starts.iter().enumerate().map(|(i, &(timeline, lsn, kind))| {
        let kind = match kind {
            0 => RangeKind::Invalid,
            1..5 => RangeKind::Unencrypted,
            _ => RangeKind::Encrypted,
        };
        (RangeEntry { start: location(timeline, lsn), kind }, Some(key(i as u8 + 1)))
    }));
    assert!(ranges.is_ascending() || !sorted);
    ranges
}

proptest! {
    #[test]
    fn pieces_in_place_and_buffer_to_buffer_agree_and_twice_gives_back(
        entries in any_ranges(),
        sorted: bool,
        timeline in 1_u32..4,
        offset in 0_u64..400,
        bytes in proptest::collection::vec(any::<u8>(), 0..700),
        cuts in proptest::collection::vec(0_usize..90, 0..12),
    ) {
        let ranges = build(&entries, sorted);
        let position = at(timeline, 3, SegmentSize::MIN, offset);
        let mut whole = bytes.clone();
        let done = ranges.transform(position, &mut whole).unwrap();

        let mut to = vec![0xA5; bytes.len()];
        prop_assert_eq!(ranges.transform_to(position, &bytes, &mut to).unwrap(), done);
        prop_assert_eq!(&to, &whole);

        let mut pieces = bytes.clone();
        let mut rest = pieces.as_mut_slice();
        let mut here = position;
        let mut count = 0;
        for cut in cuts.into_iter().chain([usize::MAX]) {
            let (piece, after) = rest.split_at_mut(cut.min(rest.len()));
            count += ranges.transform(here, piece).unwrap().encrypted;
            here = here.advance(piece.len() as u64).unwrap();
            rest = after;
        }
        prop_assert_eq!(&pieces, &whole);
        prop_assert_eq!(count, done.encrypted);

        ranges.transform(position, &mut whole).unwrap();
        prop_assert_eq!(whole, bytes);
    }

    #[test]
    fn the_list_and_the_free_functions_agree(
        entries in any_ranges(),
        sorted: bool,
        timeline in 0_u32..5,
        offset in 0_u64..(1 << 20),
        len in 0_usize..2000,
    ) {
        let ranges = build(&entries, sorted);
        let position = at(timeline, 3, SegmentSize::MIN, offset);
        let len = len.min(position.remaining() as usize);
        let found: Vec<_> = ranges.encrypted_parts(position, len).unwrap().collect();
        let expected: Vec<_> = encrypted_parts(ranges.ranges(), position, len).unwrap().collect();
        prop_assert_eq!(&found, &expected);

        // Byte by byte, by the order of locations alone: a range that lies within one timeline, or begins or ends
        // in this one, holds the bytes between its bounds.
        for index in (0..len).step_by(61) {
            let byte = location(timeline, (3 << 20) + offset + index as u64);
            let by_order: Vec<_> = ranges
                .ranges()
                .iter()
                .enumerate()
                .filter(|(_, r)| matches!(r.protection(), Protection::Encrypted(_)) && r.contains(byte))
                .map(|(i, _)| i)
                .collect();
            let by_parts: Vec<_> =
                found.iter().filter(|p| p.bytes.contains(&index)).map(|p| p.range).collect();
            prop_assert_eq!(by_parts, by_order);
        }
    }

    #[test]
    fn fuzz_entry_points_hold_on_random_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        tde_wal::fuzz::stream(&bytes);
        tde_wal::fuzz::segment(&bytes);
        tde_wal::fuzz::names(&bytes);
    }
}

#[test]
fn nothing_is_transformed_where_there_are_no_ranges() {
    let mut bytes = *b"unencrypted WAL";
    assert_eq!(KeyRanges::default().transform(at(1, 1, SIZE, 0), &mut bytes), Ok(Transformed::default()));
    let mut to = [0; 15];
    transform_to(&[], at(1, 1, SIZE, 0), &bytes, &mut to).unwrap();
    assert_eq!(&to, b"unencrypted WAL");
}
