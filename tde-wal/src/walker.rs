//! Following the chain of records from page to page.

use core::ops::ControlFlow;

use crate::bytes::u32_at;
use crate::crc::Crc32c;
use crate::history::TimelineHistory;
use crate::location::{Lsn, TimelineId};
use crate::page_header::{ExpectedPage, PageHeader, PageHeaderError, WalLayout};
use crate::record::{CHECKED_HEADER_LEN, RECORD_HEADER_LEN, RecordHeader};
use crate::segment::SegmentNumber;

mod end;
mod partial;

pub use end::{EndReason, WalkEnd};
use partial::{Kept, Partial};

/// A record whose length, resource manager, back link and CRC are right.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Record<'a> {
    /// Where it begins.
    pub lsn: Lsn,
    /// Just past its last byte and what pads it to a multiple of 8. The next record begins here, or after the page
    /// header that stands here; after a switch record it begins in the next segment.
    pub end: Lsn,
    /// The timeline of the page on which it begins.
    pub timeline: TimelineId,
    /// Its header.
    pub header: RecordHeader,
    /// Set if the record before this place was abandoned: where that one began.
    pub abandoned: Option<Lsn>,
    bytes: &'a [u8],
}

impl<'a> Record<'a> {
    /// The record's bytes from its header on: all of them if it lies on one page, otherwise the first 64 or all
    /// there are. They are plaintext.
    #[must_use]
    pub const fn leading_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The whole record, header included, if it lies on one page.
    #[must_use]
    pub fn whole(&self) -> Option<&'a [u8]> {
        let total = usize::try_from(self.header.total_length).ok()?;
        (self.bytes.len() == total).then_some(self.bytes)
    }
}

/// Where a walk begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "there is no third way to know where a record begins")]
pub enum WalkStart {
    /// With the first record that begins on or after the page at this address (rounded down to one). The rest of an
    /// earlier record is skipped; its CRC cannot be checked.
    Page(Lsn),
    /// With the record at this LSN: a checkpoint, say. The first page given must be the one that holds it.
    Record(Lsn),
}

/// Follows the chain of records through pages given to it in order: every page header, and of every record the
/// length, resource manager, back link and CRC are checked in the server's order. The first that fails is the end.
///
/// It allocates nothing and keeps at most 64 bytes of a record, however long that is. Time is linear in the pages
/// given.
///
/// The records are XORed with nothing here: give it plaintext.
///
/// ```
/// # fn f(segment: &[u8]) -> Result<(), tde_wal::Error> {
/// use tde_wal::{RecordWalker, SegmentName, SegmentSize, WalLayout, WalkStart};
///
/// let name = SegmentName::parse("00000001000000000000000E", SegmentSize::MIN)?;
/// let layout = WalLayout::new(name.size());
/// let mut walker = RecordWalker::new(layout, WalkStart::Page(name.start_lsn()), name.timeline());
/// let _ = walker.segment(name.timeline(), name.number(), segment, |record| {
///     println!("{} {} {} bytes", record.lsn, record.header.resource_manager, record.header.total_length);
/// });
/// println!("{}", walker.finish());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct RecordWalker<'h> {
    layout: WalLayout,
    history: Option<TimelineHistory<'h>>,
    /// The timeline in the name of the file that pages now come from.
    file_timeline: TimelineId,
    /// The timeline of the last page.
    page_timeline: TimelineId,
    /// The address of the page to come; `None` past the last LSN.
    next_page: Option<Lsn>,
    /// Where the last whole record begins and ends.
    last: Option<(Lsn, Lsn)>,
    /// The record that the page just begun has abandoned, until the record that says so is there.
    abandoned: Option<Lsn>,
    state: State,
    /// Of [`State::Within`].
    kept: Kept,
    end: Option<WalkEnd>,
}

/// What the page to come must continue.
#[derive(Clone, Debug)]
enum State {
    /// Nothing yet.
    Start,
    /// Nothing yet; its record begins at this offset.
    StartAt(usize),
    /// A record that began before the walk did, so many bytes of which are left.
    Skipping(u32),
    /// Nothing: a record begins after its header.
    Between,
    /// A record of the walk.
    Within(Partial),
    /// Nothing, up to this address: the rest of a segment after a switch.
    AfterSwitch(Lsn),
}

type Walked = ControlFlow<WalkEnd>;

impl<'h> RecordWalker<'h> {
    /// A walk that begins there. `timeline` is the one in the name of the first segment file.
    #[must_use]
    pub const fn new(layout: WalLayout, start: WalkStart, timeline: TimelineId) -> Self {
        let (lsn, state) = match start {
            WalkStart::Page(lsn) => (lsn, State::Start),
            WalkStart::Record(lsn) => {
                (lsn, State::StartAt((lsn.get() % layout.block_size.bytes() as u64) as usize))
            }
        };
        Self {
            layout,
            history: None,
            file_timeline: timeline,
            page_timeline: TimelineId::new(0),
            next_page: Some(layout.page_of(lsn)),
            last: None,
            abandoned: None,
            state,
            kept: Kept::new(),
            end: None,
        }
    }

    /// With the history of the files' timeline: pages must then be of a timeline that it has at their place.
    #[must_use]
    pub const fn with_history(mut self, history: TimelineHistory<'h>) -> Self {
        self.history = Some(history);
        self
    }

    /// The address of the page that must come next; `None` past the last LSN.
    #[must_use]
    pub const fn next_page(&self) -> Option<Lsn> {
        self.next_page
    }

    #[cfg(feature = "std")]
    pub(crate) const fn segment_bytes(&self) -> u64 {
        self.layout.segment_size.bytes()
    }

    #[cfg(feature = "std")]
    pub(crate) const fn block_bytes(&self) -> usize {
        self.layout.block_size.bytes()
    }

    /// Where the last whole record ends: the end of valid WAL as far as the walk has come.
    #[must_use]
    pub fn valid_until(&self) -> Option<Lsn> {
        self.last.map(|(_, end)| end)
    }

    /// Where the last whole record begins.
    #[must_use]
    pub fn last_record(&self) -> Option<Lsn> {
        self.last.map(|(start, _)| start)
    }

    /// The end, if the walk has come to it.
    #[must_use]
    pub const fn end(&self) -> Option<&WalkEnd> {
        self.end.as_ref()
    }

    /// The end of the walk: the one found, or that there are no more pages.
    #[must_use]
    pub fn finish(self) -> WalkEnd {
        match self.end {
            Some(end) => end,
            None => {
                let at = self.next_page.unwrap_or(Lsn::MAX);
                let record = match &self.state {
                    State::Within(partial) => Some(partial.start()),
                    _ => None,
                };
                self.ended(at, record, EndReason::NoMorePages)
            }
        }
    }

    /// Goes through a segment: the next one, or at the beginning of the walk the one in which it begins, from that
    /// page on. `timeline` is the one in the file's name. Pages that are missing at its end are not an error; the
    /// walk then waits for them.
    ///
    /// Each record is given to `on_record` as soon as it is whole. `Break` is the end of the walk.
    pub fn segment(
        &mut self,
        timeline: TimelineId,
        number: SegmentNumber,
        bytes: &[u8],
        mut on_record: impl FnMut(&Record<'_>),
    ) -> ControlFlow<WalkEnd> {
        let skip = match self.begin_segment(timeline, number) {
            Ok(offset) => offset,
            Err(end) => return ControlFlow::Break(end),
        };
        let bytes = usize::try_from(skip).ok().and_then(|skip| bytes.get(skip..)).unwrap_or_default();
        for page in bytes.chunks(self.layout.block_size.bytes()) {
            self.page(page, &mut on_record)?;
        }
        ControlFlow::Continue(())
    }

    /// Announces the file that the next pages come from, for callers who give single pages. The offset in it of the
    /// page that must come next: 0, but where the walk begins.
    ///
    /// # Errors
    ///
    /// The end of the walk, if it is over or goes on elsewhere: [`EndReason::SegmentMissing`].
    pub fn begin_segment(&mut self, timeline: TimelineId, number: SegmentNumber) -> Result<u64, WalkEnd> {
        if let Some(end) = self.end {
            return Err(end);
        }
        let size = self.layout.segment_size;
        let at_start = matches!(self.state, State::Start | State::StartAt(_));
        match self.next_page {
            Some(page) if size.segment_of(page) == number && (at_start || size.offset_of(page) == 0) => {
                self.file_timeline = timeline;
                Ok(size.offset_of(page))
            }
            _ => {
                let expected = size.segment_of(self.next_page.unwrap_or(Lsn::MAX));
                let at = self.next_page.unwrap_or(Lsn::MAX);
                let end = self.ended(at, None, EndReason::SegmentMissing { expected, found: number });
                self.end = Some(end);
                Err(end)
            }
        }
    }

    /// Goes through the next page, which must be a whole one. `Break` is the end of the walk.
    pub fn page(&mut self, page: &[u8], mut on_record: impl FnMut(&Record<'_>)) -> ControlFlow<WalkEnd> {
        if let Some(end) = self.end {
            return ControlFlow::Break(end);
        }
        let walked = self.step(page, &mut on_record);
        if let ControlFlow::Break(end) = walked {
            self.end = Some(end);
        }
        walked
    }

    fn step(&mut self, page: &[u8], on_record: &mut impl FnMut(&Record<'_>)) -> Walked {
        let block = self.layout.block_size.bytes();
        let Some(address) = self.next_page else {
            return self.fail(Lsn::MAX, EndReason::LastLsn);
        };
        if page.len() != block {
            return self.fail(address, EndReason::ShortPage { actual: page.len(), expected: block });
        }
        if let State::AfterSwitch(until) = self.state {
            if address < until {
                self.next_page = address.checked_add(block as u64);
                return ControlFlow::Continue(());
            }
            self.state = State::Between;
        }
        let expected = ExpectedPage::new(self.layout, self.file_timeline, address)
            .after(self.page_timeline)
            .with_history(self.history);
        let header = match PageHeader::parse(page, &expected) {
            Ok(header) => header,
            Err(error) => return self.fail(address, EndReason::Page(error)),
        };
        // Versions do not change within a log: the first page decides.
        self.layout.major = Some(header.major);
        self.page_timeline = header.timeline;
        self.next_page = address.checked_add(block as u64);
        match self.enter(page, &header, on_record)? {
            Some(offset) => self.records(page, &header, offset, on_record),
            None => ControlFlow::Continue(()),
        }
    }

    /// Takes what a page begins with. The offset of the first record that begins on it; `None` if none does.
    fn enter(
        &mut self,
        page: &[u8],
        header: &PageHeader,
        on_record: &mut impl FnMut(&Record<'_>),
    ) -> ControlFlow<WalkEnd, Option<usize>> {
        let first = header.header_len();
        let room = page.len().saturating_sub(first);
        let found = if header.flags.is_continuation() { header.continuation } else { 0 };
        let state = core::mem::replace(&mut self.state, State::Between);
        let expected = match &state {
            State::Start => found,
            State::StartAt(offset) => {
                // The header's own place stands for the first record after it, as the server takes it.
                let offset = if *offset == 0 { first } else { *offset };
                let rest = align8(usize::try_from(found).unwrap_or(usize::MAX).min(room));
                if offset < first + rest || offset % 8 != 0 {
                    let record = Lsn::new(header.address.get().saturating_add(offset as u64));
                    return self.fail(record, EndReason::NoRecordHere);
                }
                return ControlFlow::Continue(Some(offset));
            }
            State::Skipping(left) => *left,
            State::Within(partial) => partial.left(),
            State::Between | State::AfterSwitch(_) => 0,
        };
        let unfinished = if let State::Within(partial) = &state { Some(partial.start()) } else { None };
        if header.flags.abandons_record() {
            // Only a record that is unfinished can be abandoned, and then this page does not continue it.
            if header.flags.is_continuation() || (expected == 0 && !matches!(state, State::Start)) {
                let flags =
                    PageHeaderError::Flags { found: header.flags.bits(), long: header.long.is_some() };
                return ControlFlow::Break(self.ended(header.address, unfinished, EndReason::Page(flags)));
            }
            self.abandoned = unfinished;
            return ControlFlow::Continue(Some(first));
        }
        let empty_continuation = header.flags.is_continuation() && found == 0;
        if found != expected || empty_continuation {
            let reason = EndReason::Continuation { found, expected };
            return ControlFlow::Break(self.ended(header.address, unfinished, reason));
        }
        let take = usize::try_from(found).unwrap_or(usize::MAX).min(room);
        if let State::Within(mut partial) = state {
            let piece = page.get(first..first.saturating_add(take)).unwrap_or_default();
            partial.push(piece, &mut self.kept);
            if let Some(record) = partial.new_header(&self.kept) {
                self.check_header(partial.start(), record)?;
            }
            if partial.left() > 0 {
                self.state = State::Within(partial);
                return ControlFlow::Continue(None);
            }
            let end = Lsn::new(header.address.get().saturating_add((first + align8(take)) as u64));
            self.complete_partial(&partial, end, on_record)?;
        } else if found as usize > take {
            self.state = State::Skipping(found - take as u32);
            return ControlFlow::Continue(None);
        }
        let after = first + align8(take);
        let more = after < page.len() && matches!(self.state, State::Between);
        ControlFlow::Continue(more.then_some(after))
    }

    /// Goes through the records that begin on a page, from `offset` on.
    fn records(
        &mut self,
        page: &[u8],
        header: &PageHeader,
        mut offset: usize,
        on_record: &mut impl FnMut(&Record<'_>),
    ) -> Walked {
        // Offsets are multiples of 8, so a length always lies wholly on the page.
        while let (Some(rest), Some(total)) = (page.get(offset..), u32_at(page, offset)) {
            let lsn = Lsn::new(header.address.get().saturating_add(offset as u64));
            if (total as usize) < RECORD_HEADER_LEN || total > header.major.longest_record() {
                return self.fail(lsn, EndReason::Length { found: total });
            }
            let parsed = RecordHeader::first_of(rest);
            if let Some(record) = parsed {
                self.check_header(lsn, record)?;
            }
            let (Some(record), Some(bytes)) = (parsed, rest.get(..total as usize)) else {
                self.state = State::Within(Partial::new(lsn, header.timeline, total, rest, &mut self.kept));
                return ControlFlow::Continue(());
            };
            let mut crc = Crc32c::new();
            crc.update(bytes.get(RECORD_HEADER_LEN..).unwrap_or_default());
            crc.update(bytes.get(..CHECKED_HEADER_LEN).unwrap_or_default());
            offset += align8(bytes.len());
            let end = Lsn::new(header.address.get().saturating_add(offset as u64));
            let record =
                Record { lsn, end, timeline: header.timeline, header: record, abandoned: None, bytes };
            self.complete(record, crc.finish(), on_record)?;
            if !matches!(self.state, State::Between) {
                return ControlFlow::Continue(());
            }
        }
        ControlFlow::Continue(())
    }

    fn complete_partial(
        &mut self,
        partial: &Partial,
        end: Lsn,
        on_record: &mut impl FnMut(&Record<'_>),
    ) -> Walked {
        let kept = self.kept.clone();
        let Some(header) = partial.header(&kept) else { return ControlFlow::Continue(()) };
        let (lsn, timeline, bytes) = (partial.start(), partial.timeline(), partial.leading_bytes(&kept));
        let record = Record { lsn, end, timeline, header, abandoned: None, bytes };
        self.complete(record, partial.crc(&kept), on_record)
    }

    /// Checks what can be checked of a whole record, and gives it out.
    fn complete(
        &mut self,
        mut record: Record<'_>,
        computed: u32,
        on_record: &mut impl FnMut(&Record<'_>),
    ) -> Walked {
        if computed != record.header.crc {
            let reason = EndReason::Crc { found: record.header.crc, computed };
            return self.fail(record.lsn, reason);
        }
        record.abandoned = self.abandoned.take();
        if let Some(expected) = record.abandoned {
            let found = overwritten(&record);
            if found != Some(expected) {
                return self.fail(record.lsn, EndReason::Abandoned { found, expected });
            }
        }
        self.last = Some((record.lsn, record.end));
        if record.header.is_switch() {
            // Of the page on which the record ends: if that is the segment's last, nothing is left to pass over.
            let size = self.layout.segment_size;
            let last_byte = Lsn::new(record.end.get().saturating_sub(1));
            let next = SegmentNumber::new(size.segment_of(last_byte).get().saturating_add(1));
            self.state = State::AfterSwitch(size.start_of(next).unwrap_or(Lsn::MAX));
        }
        on_record(&record);
        ControlFlow::Continue(())
    }

    /// What a header alone reveals. The length was looked at before.
    fn check_header(&self, lsn: Lsn, header: RecordHeader) -> Walked {
        let id = header.resource_manager;
        if !self.layout.major.is_some_and(|major| id.exists_in(major)) {
            return ControlFlow::Break(self.ended(lsn, Some(lsn), EndReason::ResourceManager { found: id }));
        }
        let found = header.previous;
        let reason = match self.last {
            Some((expected, _)) if found != expected => {
                EndReason::BackLink { found, expected: Some(expected) }
            }
            None if found >= lsn => EndReason::BackLink { found, expected: None },
            _ => return ControlFlow::Continue(()),
        };
        ControlFlow::Break(self.ended(lsn, Some(lsn), reason))
    }

    fn fail<T>(&self, lsn: Lsn, reason: EndReason) -> ControlFlow<WalkEnd, T> {
        let record = match (&self.state, &reason) {
            (State::Within(partial), _) => Some(partial.start()),
            (_, EndReason::Page(_) | EndReason::ShortPage { .. } | EndReason::LastLsn) => None,
            _ => Some(lsn),
        };
        ControlFlow::Break(self.ended(lsn, record, reason))
    }

    fn ended(&self, lsn: Lsn, record: Option<Lsn>, reason: EndReason) -> WalkEnd {
        WalkEnd { lsn, record, last_record: self.last_record(), valid_until: self.valid_until(), reason }
    }
}

/// The LSN of the dropped record, in the one that says so: after the header and the two bytes that announce the
/// main data.
fn overwritten(record: &Record<'_>) -> Option<Lsn> {
    if !record.header.is_overwrite_of_abandoned() {
        return None;
    }
    let bytes = record.leading_bytes();
    match bytes.get(RECORD_HEADER_LEN) {
        Some(255) => crate::bytes::u64_at(bytes, RECORD_HEADER_LEN + 2).map(Lsn::new),
        _ => None,
    }
}

/// Records begin at multiples of 8.
const fn align8(len: usize) -> usize {
    len.saturating_add(7) & !7
}

// Which record was abandoned must be among the bytes that are kept of a record.
const _: () = assert!(partial::KEPT >= RECORD_HEADER_LEN + 2 + 8);
