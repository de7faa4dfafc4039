//! Damage is noticed, and named for what it is.

use tde_wal::{
    EndReason, ExpectedPage, Lsn, Major, PageEvidence, PageHeader, PageHeaderError, PageVerdict,
    RecordWalker, SegmentSize, TimelineId, WalkEnd, WalkStart,
};

use crate::builder::{Builder, SYSTEM_IDENTIFIER};

const MIB: u64 = 1 << 20;
const START: u64 = 7 * MIB;

fn log() -> Builder {
    let mut builder = Builder::new(Major::V17, MIB, 8192, START);
    for i in 0..400 {
        builder.record(10, 0, 60 + i);
    }
    builder
}

fn walk(builder: &Builder, bytes: &[u8]) -> (usize, WalkEnd) {
    let mut walker = RecordWalker::new(builder.layout, WalkStart::Page(Lsn::new(START)), TimelineId::FIRST);
    let number = builder.layout.segment_size.segment_of(Lsn::new(START));
    let mut count = 0;
    let _ = walker.segment(TimelineId::FIRST, number, bytes, |_| count += 1);
    (count, walker.finish())
}

/// One byte or more of a log changed.
fn changed(offset: usize, bytes: &[u8]) -> WalkEnd {
    let builder = log();
    let (_, mut segment) = builder.segments().remove(0);
    segment[offset..offset + bytes.len()].copy_from_slice(bytes);
    let (count, end) = walk(&builder, &segment);
    assert!(count < builder.records.len(), "the change went unnoticed");
    end
}

#[test]
fn every_check_names_its_field() {
    let record = |i: usize| (log().records[i].0 - START) as usize;
    let page = 3 * 8192;
    let ends_with = |end: WalkEnd, reason: &str| {
        let text = format!("{end:?}");
        assert!(text.contains(reason), "{text} has no {reason}");
    };
    ends_with(changed(page, &[0x17]), "Page(Magic { found: 53527");
    ends_with(changed(page + 2, &[0x25]), "Page(Flags { found: 37, long: false");
    ends_with(changed(page + 2, &[0x7]), "Page(Flags { found: 7, long: false");
    ends_with(changed(2, &[0x4]), "Page(Flags { found: 4, long: true");
    ends_with(changed(page + 4, &[2]), "Page(Timeline");
    ends_with(changed(page + 4, &[0]), "Page(Timeline");
    ends_with(changed(page + 8, &[8]), "Page(Address");
    ends_with(changed(24, &[0]), "Page(SystemIdentifier");
    ends_with(changed(32, &[1]), "Page(SegmentSize");
    ends_with(changed(36, &[1]), "Page(BlockSize");
    ends_with(changed(page + 2, &[0x4]), "Continuation { found: 0");
    ends_with(changed(page + 16, &[1]), "Continuation { found: ");
    ends_with(changed(record(5), &[23, 0, 0, 0]), "Length { found: 23");
    ends_with(changed(record(5), &[0, 0, 0, 0x40]), "Length { found: 1073741824");
    ends_with(changed(record(5) + 17, &[22]), "ResourceManager");
    ends_with(changed(record(5) + 8, &[1]), "BackLink");
    ends_with(changed(record(5) + 4, &[1]), "Crc");
    ends_with(changed(record(5) + 20, &[1]), "Crc");
    ends_with(changed(record(5) + 30, &[1]), "Crc");

    let end = changed(record(5) + 30, &[1]);
    let records = log().records;
    assert_eq!(end.lsn.get(), records[5].0);
    assert_eq!(end.last_record.map(Lsn::get), Some(records[4].0));
    assert_eq!(end.valid_until, Some(end.lsn));
}

#[test]
fn a_flipped_bit_is_noticed_wherever_a_check_reaches() {
    let builder = log();
    let (_, segment) = builder.segments().remove(0);
    let (whole, end) = walk(&builder, &segment);
    let until = (end.valid_until.unwrap().get() - START) as usize;
    let ends: Vec<_> = builder.records.iter().map(|r| (r.0 - START) as usize).collect();
    let mut unnoticed = Vec::new();
    for bit in (0..until * 8).step_by(13) {
        let mut bytes = segment.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let (count, end) = walk(&builder, &bytes);
        assert!(count <= whole);
        if count == whole {
            unnoticed.push(bit);
        } else {
            assert!(!end.is_customary() || matches!(end.reason, EndReason::Page(_)), "{end}");
        }
    }
    // What no check covers: the flag 0x4, the padding of page headers, and that of records.
    for bit in unnoticed {
        let (byte, in_page) = (bit / 8, bit / 8 % 8192);
        let first_of_segment = byte < 8192;
        let flag = in_page == 2 && bit % 8 == 2;
        let padding = (20..24).contains(&in_page) || (first_of_segment && (16..20).contains(&in_page));
        let behind = ends.iter().rev().find(|&&start| start <= byte).is_some_and(|&start| {
            let next = ends.iter().copied().find(|&next| next > start).unwrap_or(until);
            next - byte <= 8
        });
        assert!(flag || padding || behind, "bit {bit} went unnoticed");
    }
}

#[test]
fn a_page_header_alone_tells_noise_from_damage_from_an_old_page() {
    let builder = log();
    let (_, segment) = builder.segments().remove(0);
    let expected =
        |page: u64| ExpectedPage::new(builder.layout, TimelineId::FIRST, Lsn::new(START + page * 8192));
    let verdict = |bytes: &[u8], page: u64| PageEvidence::of(bytes, &expected(page)).unwrap().verdict();
    let page = |index: usize| segment[index * 8192..(index + 1) * 8192].to_vec();

    let first = PageEvidence::of(&page(0), &expected(0)).unwrap();
    assert_eq!(first.verdict(), PageVerdict::Valid);
    assert_eq!((first.matched_bits(), first.predicted_bits()), (236, 236));
    assert_eq!(verdict(&page(1), 1), PageVerdict::Valid);
    assert_eq!(verdict(&page(1), 5), PageVerdict::Older);
    assert_eq!(verdict(&page(0), 5), PageVerdict::Older);
    assert_eq!(verdict(&[0; 8192], 5), PageVerdict::Zero);
    assert_eq!(verdict(&[0x5A; 8192], 5), PageVerdict::Noise);
    assert_eq!(PageEvidence::of(&[0; 23], &expected(5)), None);
    assert_eq!(PageEvidence::of(&[0; 39], &expected(0)), None);
    let mut damaged = page(1);
    damaged[0] ^= 1;
    assert_eq!(verdict(&damaged, 1), PageVerdict::Damaged);
    // Eight lost bytes anywhere leave enough to know it by.
    for offset in 0..16 {
        let mut damaged = page(0);
        damaged[offset..offset + 8].fill(0xEE);
        assert_eq!(verdict(&damaged, 0), PageVerdict::Damaged, "offset {offset}");
    }
    // Another cluster's page.
    let other = ExpectedPage::new(
        builder.layout.with_system_identifier(SYSTEM_IDENTIFIER + 1),
        TimelineId::FIRST,
        Lsn::new(START),
    );
    let evidence = PageEvidence::of(&page(0), &other).unwrap();
    assert_eq!((evidence.verdict(), evidence.system_identifier), (PageVerdict::Damaged, Some(false)));
}

#[test]
fn a_header_of_another_version_or_cluster_is_refused_by_name() {
    let builder = log();
    let (_, segment) = builder.segments().remove(0);
    let at =
        |layout| PageHeader::parse(&segment, &ExpectedPage::new(layout, TimelineId::FIRST, Lsn::new(START)));
    let header = at(builder.layout).unwrap();
    assert_eq!(header.major, Major::V17);
    assert_eq!(header.long.unwrap().system_identifier, SYSTEM_IDENTIFIER);
    assert_eq!(header.header_len(), 40);
    assert_eq!(
        at(builder.layout.with_major(Major::V16)),
        Err(PageHeaderError::Magic { found: 0xD116, expected: Some(Major::V16) })
    );
    assert_eq!(
        at(builder.layout.with_system_identifier(1)),
        Err(PageHeaderError::SystemIdentifier { found: SYSTEM_IDENTIFIER, expected: 1 })
    );
    let larger = tde_wal::WalLayout::new(SegmentSize::MAX);
    assert!(matches!(at(larger), Err(PageHeaderError::Flags { found: 6, long: false })));
    let text = at(builder.layout.with_major(Major::V16)).unwrap_err().to_string();
    assert_eq!(text, "page magic is 0xD116, not 0xD113 of PostgreSQL 16");
}
