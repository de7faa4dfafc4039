//! Walks along logs made by hand: what real servers do seldom, and other versions and sizes.

use core::ops::ControlFlow;

use tde_wal::{
    EndReason, Lsn, Major, PageHeaderError, RecordWalker, SegmentNumber, TimelineHistory, TimelineId,
    WalkEnd, WalkStart,
};

use crate::builder::Builder;

const MIB: u64 = 1 << 20;

fn builder() -> Builder {
    Builder::new(Major::V17, MIB, 8192, 7 * MIB)
}

fn walk_from(builder: &Builder, start: WalkStart) -> (Vec<(u64, u8)>, WalkEnd) {
    let mut walker = RecordWalker::new(builder.layout, start, builder.timeline_id());
    let mut records = Vec::new();
    for (number, bytes) in builder.segments() {
        let from = match start {
            WalkStart::Page(lsn) | WalkStart::Record(lsn) => builder.layout.segment_size.segment_of(lsn),
        };
        if number < from {
            continue;
        }
        let walked = walker.segment(builder.timeline_id(), number, &bytes, |record| {
            records.push((record.lsn.get(), record.header.resource_manager.id()));
        });
        if walked.is_break() {
            break;
        }
    }
    (records, walker.finish())
}

fn walk(builder: &Builder) -> (Vec<(u64, u8)>, WalkEnd) {
    walk_from(builder, WalkStart::Page(Lsn::new(builder.start)))
}

#[test]
fn records_of_every_length_and_place_are_found_in_every_version_and_block_size() {
    for major in Major::ALL {
        for block in [1024, 4096, 8192, 16384, 65536] {
            let mut builder = Builder::new(major, MIB, block, 0x7FFF * MIB);
            for i in 0..3000_usize {
                builder.record((i % 22) as u8, if i % 22 == 0 { 0x20 } else { 0 }, 24 + (i * 7919) % 700);
            }
            assert!(builder.segments().len() > 1);
            let (records, end) = walk(&builder);
            assert_eq!(records, builder.records, "PostgreSQL {major}, blocks of {block}");
            assert!(end.is_customary(), "{end}");
            assert_eq!(end.valid_until, Some(Lsn::new(builder.position().next_multiple_of(8))));
        }
    }
}

#[test]
fn a_record_may_end_at_every_distance_from_the_end_of_a_page() {
    for left in (0..=64).step_by(8) {
        let mut builder = builder();
        builder.record(10, 0, 48);
        builder.leave_on_page(left);
        // Headers split at every multiple of 8.
        builder.record(11, 0, 100);
        builder.record(12, 0, 24);
        let (records, end) = walk(&builder);
        assert_eq!(records, builder.records, "{left} bytes left");
        assert_eq!(end.reason, EndReason::Length { found: 0 });
    }
}

#[test]
fn a_record_may_run_over_several_segments() {
    let mut builder = builder();
    builder.record(10, 0, 60);
    let long = builder.record(10, 0, 3 * MIB as usize + 4711);
    builder.record(11, 0, 60);
    let (records, _) = walk(&builder);
    assert_eq!(records, builder.records);

    // Whoever begins in its middle finds what follows it.
    let (records, _) = walk_from(&builder, WalkStart::Page(Lsn::new(9 * MIB + 3 * 8192)));
    assert_eq!(records, builder.records[2..]);

    // Whoever has not its end has not the record, but knows where it begins.
    let mut walker = RecordWalker::new(builder.layout, WalkStart::Page(Lsn::new(7 * MIB)), TimelineId::FIRST);
    let (number, bytes) = &builder.segments()[0];
    assert!(walker.segment(TimelineId::FIRST, *number, bytes, |_| {}).is_continue());
    let end = walker.finish();
    assert_eq!((end.reason, end.record), (EndReason::NoMorePages, Some(Lsn::new(long))));
    assert_eq!(end.valid_until, Some(Lsn::new(long)));
    assert!(!end.is_customary());
}

#[test]
fn after_a_switch_the_chain_goes_on_in_the_next_segment() {
    for left in [24, 32, 8, 16] {
        let mut builder = builder();
        builder.record(10, 0, 100);
        // Also with the switch record itself split over two pages.
        builder.leave_on_page(left);
        builder.switch();
        builder.record(10, 0, 200);
        builder.switch();
        builder.record(10, 0, 300);
        let (records, end) = walk(&builder);
        assert_eq!(records, builder.records, "{left} bytes left");
        assert_eq!(end.reason, EndReason::Length { found: 0 });
    }
}

#[test]
fn a_switch_as_the_last_record_of_its_segment_skips_nothing() {
    let mut builder = builder();
    while builder.bytes.len() < MIB as usize - 8192 {
        builder.record(10, 0, 900);
    }
    builder.leave_on_page(24);
    builder.switch();
    assert_eq!(builder.position(), 8 * MIB);
    builder.record(10, 0, 100);
    let (records, _) = walk(&builder);
    assert_eq!(records, builder.records);
}

#[test]
fn an_abandoned_record_is_dropped_and_named() {
    for major in [Major::V15, Major::V16, Major::V18] {
        for left in [8, 16, 24, 400] {
            let mut builder = Builder::new(major, MIB, 8192, 7 * MIB);
            builder.record(10, 0, 80);
            builder.leave_on_page(left);
            let dropped = builder.abandon(20_000);
            builder.record(11, 0, 99);
            let mut walker =
                RecordWalker::new(builder.layout, WalkStart::Page(Lsn::new(7 * MIB)), TimelineId::FIRST);
            let mut named = Vec::new();
            let mut records = Vec::new();
            for (number, bytes) in builder.segments() {
                let _ = walker.segment(TimelineId::FIRST, number, &bytes, |record| {
                    records.push((record.lsn.get(), record.header.resource_manager.id()));
                    named.extend(record.abandoned);
                });
            }
            assert_eq!(records, builder.records);
            assert_eq!(named, [Lsn::new(dropped)]);
            // From its second page on there is nothing left of it.
            let page = builder.layout.page_of(Lsn::new(dropped)).get() + 8192;
            let (records, _) = walk_from(&builder, WalkStart::Page(Lsn::new(page)));
            assert_eq!(records, builder.records[2..]);
        }
    }
}

#[test]
fn a_record_that_does_not_own_up_to_the_abandoned_one_is_the_end() {
    let mut builder = builder();
    builder.leave_on_page(24);
    let dropped = builder.abandon(9000);
    let overwrite = builder.records.last().unwrap().0;
    // Another record in its place, whole in itself.
    builder.bytes.truncate((overwrite - builder.start) as usize);
    builder.record(10, 0, 64);
    let lsn = builder.records.last().unwrap().0;
    // The back link named the record that is gone; the page's first record is the same place.
    let offset = (lsn - builder.start) as usize;
    let previous = builder.records[0].0;
    let (header, body) = builder.bytes[offset..offset + 64].split_at_mut(24);
    header[8..16].copy_from_slice(&previous.to_le_bytes());
    let crc = crate::builder::crc32c_by_definition(body.iter().chain(&header[..20]).copied());
    header[20..].copy_from_slice(&crc.to_le_bytes());
    let (_, end) = walk(&builder);
    assert_eq!(end.reason, EndReason::Abandoned { found: None, expected: Lsn::new(dropped) });
    assert_eq!(end.lsn, Lsn::new(lsn));
}

#[test]
fn timelines_may_change_within_a_segment_but_only_to_later_ones_of_the_history() {
    let mut builder = builder();
    for _ in 0..100 {
        builder.record(10, 0, 500);
    }
    let switch = builder.position();
    builder.fill_page();
    // The page that holds the switch keeps its number, the next has the new one.
    builder.bytes.truncate((switch - builder.start) as usize);
    builder.timeline = 3;
    for _ in 0..100 {
        builder.record(10, 0, 500);
    }
    let (records, _) = walk(&builder);
    assert_eq!(records, builder.records);

    let walk_with = |text: &str, file: u32| {
        let history = TimelineHistory::parse(TimelineId::new(file), text).unwrap();
        let start = WalkStart::Page(Lsn::new(7 * MIB));
        let mut walker =
            RecordWalker::new(builder.layout, start, TimelineId::new(file)).with_history(history);
        let mut count = 0;
        for (number, bytes) in builder.segments() {
            let _ = walker.segment(TimelineId::new(file), number, &bytes, |_| count += 1);
        }
        (count, walker.finish().reason)
    };
    let history = format!("1\t0/{switch:X}\tmade by hand\n");
    assert_eq!(walk_with(&history, 3).0, 200);
    let (count, reason) = walk_with("2\t0/900000\tmade by hand\n", 3);
    assert_eq!(count, 0);
    assert!(matches!(reason, EndReason::Page(PageHeaderError::Timeline { .. })), "{reason}");
    // A file of timeline 2 cannot hold pages of timeline 3.
    let (count, reason) = walk_with("1\t0/900000\tmade by hand\n", 2);
    assert!((100..200).contains(&count));
    assert!(matches!(reason, EndReason::Page(PageHeaderError::Timeline { .. })), "{reason}");
    // Going back to an earlier one is the end.
    let mut back = crate::walking::builder();
    back.timeline = 3;
    back.record(10, 0, 9000);
    back.timeline = 1;
    back.record(10, 0, 9000);
    back.timeline = 3;
    let (_, end) = walk(&back);
    assert!(matches!(end.reason, EndReason::Page(PageHeaderError::Timeline { .. })), "{end}");
}

#[test]
fn pages_of_a_recycled_segment_are_the_end() {
    let mut builder = builder();
    builder.record(10, 0, 60);
    // A record that ends exactly with its page: nothing but the next page's header can show the end.
    builder.leave_on_page(0);
    let end_of_valid = builder.position();
    let mut older = Builder::new(Major::V17, MIB, 8192, 2 * MIB);
    while older.bytes.len() < MIB as usize {
        older.record(10, 0, 700);
    }
    builder.bytes.extend(&older.bytes[8192..MIB as usize]);
    let (records, end) = walk(&builder);
    assert_eq!(records, builder.records);
    assert!(matches!(end.reason, EndReason::Page(PageHeaderError::Address { .. })), "{end}");
    assert!(end.is_customary());
    assert_eq!(end.valid_until, Some(Lsn::new(end_of_valid)));

    // The rest of an older page behind the last record: the back link gives it away.
    let mut builder = crate::walking::builder();
    builder.record(10, 0, 60);
    builder.record(10, 0, 4000);
    let offset = builder.bytes.len();
    let mut stale = Builder::new(Major::V17, MIB, 8192, 2 * MIB);
    while stale.bytes.len() < offset {
        stale.record(10, 0, 64);
    }
    stale.record(10, 0, 64);
    builder.bytes.extend(&stale.bytes[offset..]);
    let (records, end) = walk(&builder);
    assert_eq!(records, builder.records);
    assert!(matches!(end.reason, EndReason::BackLink { .. } | EndReason::Length { .. }), "{end}");
}

#[test]
fn a_walk_from_a_record_starts_with_it_or_not_at_all() {
    let mut builder = builder();
    for i in 0..200 {
        builder.record(10, 0, 100 + i);
    }
    for index in [0, 1, 77, 199] {
        let lsn = Lsn::new(builder.records[index].0);
        let (records, _) = walk_from(&builder, WalkStart::Record(lsn));
        assert_eq!(records, builder.records[index..]);
    }
    // A page boundary stands for the first record after the header, if one begins there.
    let (records, _) = walk_from(&builder, WalkStart::Record(Lsn::new(7 * MIB)));
    assert_eq!(records, builder.records);
    // Otherwise in a header, between multiples of 8, or in the rest of a record.
    for lsn in [8, 41, 8192, 8192 + 16, 8192 + 24, 8192 + 32].map(|offset| 7 * MIB + offset) {
        let (records, end) = walk_from(&builder, WalkStart::Record(Lsn::new(lsn)));
        assert!(records.is_empty());
        assert_eq!(end.reason, EndReason::NoRecordHere, "{lsn:X}");
    }
}

#[test]
fn a_missing_segment_is_named() {
    let mut builder = builder();
    for _ in 0..3000 {
        builder.record(10, 0, 1000);
    }
    let segments = builder.segments();
    let mut walker = RecordWalker::new(builder.layout, WalkStart::Page(Lsn::new(7 * MIB)), TimelineId::FIRST);
    assert!(walker.segment(TimelineId::FIRST, segments[0].0, &segments[0].1, |_| {}).is_continue());
    let walked = walker.segment(TimelineId::FIRST, segments[2].0, &segments[2].1, |_| {});
    let ControlFlow::Break(end) = walked else { panic!("a gap went unnoticed") };
    let (expected, found) = (SegmentNumber::new(8), SegmentNumber::new(9));
    assert_eq!(end.reason, EndReason::SegmentMissing { expected, found });
    // The end stays what it is.
    assert_eq!(walker.segment(TimelineId::FIRST, segments[1].0, &segments[1].1, |_| {}), walked);
}

#[test]
fn the_last_page_of_all_can_be_walked() {
    let start = u64::MAX - (MIB - 1);
    let mut builder = Builder::new(Major::V17, MIB, 8192, start);
    while builder.bytes.len() < MIB as usize - 8192 {
        builder.record(10, 0, 640);
    }
    builder.leave_on_page(24);
    builder.switch();
    let (records, end) = walk(&builder);
    assert_eq!(records, builder.records);
    assert!(end.is_customary(), "{end}");
}
