//! What the fuzz targets do, as functions, so that tests run the same. No part of the API.

use crate::{
    ExpectedPage, KeyRange, Location, Lsn, PageEvidence, PageHeader, Protection, RecordWalker, SegmentName,
    SegmentNumber, SegmentPosition, SegmentSize, TimelineHistory, TimelineId, WalCipher, WalFile, WalLayout,
    WalkStart, transform, transform_to,
};
use tde_core::{BaseIv, Cipher, InternalKey};

/// Walks arbitrary bytes as a segment, from its beginning and from every page on.
///
/// # Panics
///
/// If something that must hold for any bytes does not.
#[allow(clippy::panic, reason = "a fuzz target speaks by panicking")]
pub fn segment(data: &[u8]) {
    let layout = WalLayout::new(SegmentSize::MIN);
    let number = SegmentNumber::new(14);
    let start = layout.segment_size.start_of(number).unwrap_or_default();
    for (index, page) in data.chunks(layout.block_size.bytes()).enumerate() {
        let address = Lsn::new(start.get() + (index * layout.block_size.bytes()) as u64);
        let expected = ExpectedPage::new(layout, TimelineId::new(2), address);
        let header = PageHeader::parse(page, &expected);
        if let Some(evidence) = PageEvidence::of(page, &expected) {
            let valid = evidence.verdict() == crate::PageVerdict::Valid;
            assert_eq!(valid, header.is_ok(), "header and evidence disagree: {header:?} {evidence:?}");
            assert!(evidence.matched_bits() <= evidence.predicted_bits());
        }
        if index >= 128 {
            break;
        }
        let mut walker = RecordWalker::new(layout, WalkStart::Page(address), TimelineId::new(2));
        let mut last = Lsn::INVALID;
        let _ = walker.segment(TimelineId::new(2), number, data, |record| {
            assert!(record.lsn >= last && record.end > record.lsn, "records go back");
            last = record.end;
        });
        let end = walker.finish();
        assert!(end.lsn >= address, "the walk ended before it began: {end:?}");
        assert!(end.valid_until.is_none_or(|until| until <= end.lsn), "end inside a whole record: {end:?}");
    }
}

/// Encrypts arbitrary bytes under two arbitrary ranges: in pieces, in place and buffer to buffer must agree, and
/// twice must give the bytes back.
///
/// # Panics
///
/// If they do not.
#[allow(clippy::panic, reason = "a fuzz target speaks by panicking")]
pub fn stream(data: &[u8]) {
    let Some((head, data)) = data.split_first_chunk::<32>() else { return };
    let word = |i: usize| crate::bytes::u64_at(head, i).unwrap_or(0);
    let timeline = TimelineId::new(u32::from(head[0]));
    let number = SegmentNumber::new(word(0) >> 40);
    let Ok(at) = SegmentPosition::new(timeline, number, SegmentSize::MIN, word(8) % (1 << 20)) else {
        return;
    };
    let near = |i: usize| {
        let lsn = at.segment_start().get().wrapping_add(word(i) % (2 << 20));
        Location::new(TimelineId::new(u32::from(head[i + 7])), Lsn::new(lsn))
    };
    let cipher = |byte: u8| {
        InternalKey::from_slice(Cipher::Aes128, &[byte; 16], BaseIv::new([!byte; 16]))
            .map_or(Protection::Plain, |key| Protection::Encrypted(WalCipher::new(&key)))
    };
    let ranges =
        [KeyRange::new(near(16), near(24), cipher(1)), KeyRange::new(near(24), Location::MAX, cipher(2))];
    let mut whole = data.to_vec();
    if transform(&ranges, at, &mut whole).is_err() {
        assert!(data.len() as u64 > at.remaining(), "bytes within the segment were refused");
        assert_eq!(whole, data, "refused, and yet changed");
        return;
    }
    let mut other = alloc::vec![0; data.len()];
    assert!(transform_to(&ranges, at, data, &mut other).is_ok());
    assert_eq!(whole, other, "in place and buffer to buffer differ");
    let mut pieces = data.to_vec();
    let mut from = at;
    for piece in pieces.chunks_mut(usize::from(head[1]) + 1) {
        assert!(transform(&ranges, from, piece).is_ok());
        from = from.advance(piece.len() as u64).unwrap_or(from);
    }
    assert_eq!(whole, pieces, "pieces differ from the whole");
    assert!(transform(&ranges, at, &mut whole).is_ok());
    assert_eq!(whole, data, "twice does not give the bytes back");
}

/// Reads arbitrary text as every kind of name, and as a history file.
///
/// # Panics
///
/// If a name that was understood does not come out as it went in.
pub fn names(data: &[u8]) {
    use alloc::string::ToString;
    let Ok(text) = core::str::from_utf8(data) else { return };
    if let Ok(name) = SegmentName::parse(text, SegmentSize::MIN) {
        assert_eq!(name.to_string(), text);
    }
    let _ = WalFile::from_name(text, SegmentSize::MAX);
    if let Ok(lsn) = text.parse::<Lsn>() {
        assert_eq!(lsn.to_string().parse(), Ok(lsn));
    }
    if let Ok(history) = TimelineHistory::parse(TimelineId::new(9), text) {
        let mut last = TimelineId::new(0);
        for ancestor in history.ancestors() {
            assert!(ancestor.timeline > last && ancestor.timeline < history.timeline());
            last = ancestor.timeline;
        }
    }
}
