//! From one list of ranges to another, and what the pages on the way tell.

use std::io::ErrorKind;

use tde_core::{BaseIv, Cipher, InternalKey};
use tde_wal::io::{Rekeyed, rekey_segment};
use tde_wal::{
    KeyRange, KeyRanges, Location, Lsn, Major, Protection, SegmentName, SegmentPosition, TimelineId,
    WalCipher, WalLayout,
};

use crate::builder::Builder;

const MIB: u64 = 1 << 20;

fn ranges(seed: u8, start: u64) -> KeyRanges {
    let key = InternalKey::from_slice(Cipher::Aes256, &[seed; 32], BaseIv::new([seed.wrapping_mul(91); 16]))
        .unwrap();
    let start = Location::new(TimelineId::FIRST, Lsn::new(start));
    KeyRanges::from_ranges(vec![KeyRange::new(
        start,
        Location::MAX,
        Protection::Encrypted(WalCipher::new(&key)),
    )])
}

/// A segment of which the first half is WAL, and the rest was never written.
fn segment(major: Major, block: u64) -> (SegmentName, WalLayout, Vec<u8>) {
    let mut builder = Builder::new(major, MIB, block, 7 * MIB);
    while builder.bytes.len() < MIB as usize / 2 {
        builder.record(10, 0, 3000);
    }
    builder.fill_page();
    let (number, bytes) = builder.segments().remove(0);
    (SegmentName::new(TimelineId::FIRST, number, builder.layout.segment_size).unwrap(), builder.layout, bytes)
}

fn rekey(
    from: &KeyRanges,
    to: &KeyRanges,
    (name, layout): (&SegmentName, WalLayout),
    input: &[u8],
) -> (Rekeyed, Vec<u8>) {
    let mut output = Vec::new();
    let rekeyed = rekey_segment(from, to, name, layout, input, &mut output).unwrap();
    (rekeyed, output)
}

#[test]
fn every_way_between_two_lists_is_the_same_as_transforming_twice() {
    for block in [1024, 8192, 65536] {
        let (name, layout, plain) = segment(Major::V17, block);
        let (none, a, b) = (KeyRanges::default(), ranges(1, 7 * MIB + 5), ranges(2, 7 * MIB + 20_001));
        let under = |ranges: &KeyRanges| {
            let mut bytes = plain.clone();
            ranges.transform(SegmentPosition::start_of(&name), &mut bytes).unwrap();
            bytes
        };
        let lists = [&none, &a, &b];
        for from in lists {
            for to in lists {
                let (seen, output) = rekey(from, to, (&name, layout), &under(from));
                assert!(output == under(to), "block size {block}");
                assert_eq!((seen.bytes, seen.done_before), (MIB, None));
                assert_eq!(seen.first_page.unwrap().address, name.start_lsn());
                let used = plain[..].chunks(block as usize).filter(|page| page[0] != 0).count() as u64;
                assert_eq!((seen.pages.valid, seen.pages.zero), (used, MIB / block - used));
            }
        }
    }
}

#[test]
fn what_was_done_before_is_noticed_at_the_page_where_it_shows() {
    let (name, layout, plain) = segment(Major::V18, 8192);
    let none = KeyRanges::default();
    // The first two pages are plain under both.
    let (a, b) = (ranges(1, 7 * MIB + 16384), ranges(2, 7 * MIB + 16384));
    let (_, under_a) = rekey(&none, &a, (&name, layout), &plain);
    let (_, under_b) = rekey(&none, &b, (&name, layout), &plain);

    let (seen, _) = rekey(&none, &a, (&name, layout), &under_a);
    assert_eq!(seen.done_before, Some(16384));
    assert!(seen.first_page.is_ok());
    let (seen, _) = rekey(&a, &b, (&name, layout), &under_b);
    assert_eq!(seen.done_before, Some(16384));
    let (seen, _) = rekey(&a, &none, (&name, layout), &plain);
    assert_eq!(seen.done_before, Some(16384));
    // A key of somebody else's tells nothing but noise.
    let (seen, _) = rekey(&a, &b, (&name, layout), &rekey(&none, &ranges(3, 1), (&name, layout), &plain).1);
    assert_eq!(seen.done_before, None);
    assert!(seen.first_page.is_err());
    assert_eq!(seen.pages.valid, 0);
}

#[test]
fn a_segment_that_is_too_long_or_without_a_key_is_refused() {
    let (name, layout, mut plain) = segment(Major::V16, 8192);
    let none = KeyRanges::default();
    let locked = KeyRanges::from_ranges(vec![KeyRange::new(
        Location::new(TimelineId::FIRST, Lsn::new(1)),
        Location::MAX,
        Protection::Unavailable,
    )]);
    for (from, to) in [(&none, &locked), (&locked, &none)] {
        let error = rekey_segment(from, to, &name, layout, &plain[..], &mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
    }
    let (short, _) = rekey(&none, &none, (&name, layout), &plain[..100_000]);
    assert_eq!(short.bytes, 100_000);
    let (empty, output) = rekey(&none, &none, (&name, layout), &[]);
    assert!(empty.first_page.is_err() && output.is_empty());
    plain.push(0);
    let error = rekey_segment(&none, &none, &name, layout, &plain[..], &mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
}
