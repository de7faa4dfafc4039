//! Walking one chain of segments: every page header, every record.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::ops::ControlFlow;
use std::fs::File;

use tde_wal::{
    EndReason, ExpectedPage, Location, Lsn, RecordWalker, SegmentPosition, TimelineHistory, TimelineId,
    WalLayout, WalkEnd, WalkStart,
};
use zeroize::Zeroizing;

use super::finding::{Cause, Place, Problem, Severity};
use super::report::FileContents;
use super::run::{FileRun, Run};
use super::wal::{Segment, is_reached, length_problem};
use super::wal_keys::{WalRangeKeys, is_valid};
use crate::relation_file::fill;

/// How far a chain must reach.
#[derive(Debug, Clone, Default)]
pub(super) struct Requirement {
    /// Records must be whole up to here.
    up_to: Option<Lsn>,
    /// A record must begin here.
    pub(super) checkpoint: Option<Lsn>,
    /// That record must be the last.
    pub(super) is_last: bool,
    /// The server had stopped in an orderly way.
    pub(super) shut_down: bool,
    pub(super) recycled: Recycled,
}

/// Whether segments may hold nothing but what was in them before they were kept for later use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Recycled {
    #[default]
    No,
    Possible,
    /// Where their timeline ends is not known.
    Unknown,
}

impl Requirement {
    pub(super) fn reach(&mut self, lsn: Lsn) {
        self.up_to = self.up_to.max(Some(lsn));
    }
}

/// Bytes read at a time; a multiple of every block size.
const CHUNK: usize = 256 * 1024;

/// A chain of segments while it is walked.
pub(super) struct Walk<'a> {
    layout: WalLayout,
    keys: &'a WalRangeKeys,
    timeline: TimelineId,
    history: Option<TimelineHistory<'a>>,
    segments: &'a [Segment],
    files: Vec<SegmentRun>,
    walker: Option<RecordWalker<'a>>,
    /// Where the chain broke, while no valid page has come since.
    lost: Option<Break>,
    valid_pages: u64,
    last_record: Option<Lsn>,
    checkpoint_seen: bool,
    /// Breaks told of so far.
    breaks: u64,
    unavailable: bool,
}

/// What is known of one segment file.
struct SegmentRun {
    file: FileRun,
    records: u64,
    encrypted: u64,
}

/// A break of the chain.
struct Break {
    end: WalkEnd,
    cause: Cause,
}

impl Break {
    /// What is wrong lies here: the page whose header it is, or else the record.
    fn place(&self) -> Lsn {
        match self.end.reason {
            EndReason::Page(_) => self.end.lsn,
            _ => self.end.record.unwrap_or(self.end.lsn),
        }
    }
}

/// One page.
struct Page<'p> {
    segment: usize,
    at: SegmentPosition,
    address: Lsn,
    stored: &'p [u8],
    plain: &'p [u8],
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        layout: WalLayout,
        keys: &'a WalRangeKeys,
        timeline: TimelineId,
        history: Option<TimelineHistory<'a>>,
        segments: &'a [Segment],
    ) -> Self {
        Self {
            layout,
            keys,
            timeline,
            history,
            segments,
            files: Vec::new(),
            walker: None,
            lost: None,
            valid_pages: 0,
            last_record: None,
            checkpoint_seen: false,
            breaks: 0,
            unavailable: false,
        }
    }

    /// Reads the segments and tells what is wrong.
    pub(super) fn verify(mut self, run: &mut Run<'_>, requirement: &Requirement) {
        if let Some(first) = self.segments.first() {
            self.walker = Some(self.walker_at(first.name.start_lsn()));
        }
        for (index, segment) in self.segments.iter().enumerate() {
            self.files.push(SegmentRun { file: run.file(segment.file.clone()), records: 0, encrypted: 0 });
            if let Err(error) = self.segment(run, requirement, index, segment) {
                let problem = Problem::Unreadable { error: error.to_string() };
                self.finding(run, index, Place::File, problem, Cause::Unknown, Severity::Error);
                break;
            }
        }
        self.judge_end(run, requirement);
        for segment in self.files {
            run.report.wal_segments += 1;
            run.report.wal_records += segment.records;
            let contents = FileContents::Wal { records: segment.records, encrypted: segment.encrypted };
            segment.file.done(run, contents);
        }
    }

    fn walker_at(&self, page: Lsn) -> RecordWalker<'a> {
        let walker = RecordWalker::new(self.layout, WalkStart::Page(page), self.timeline);
        match self.history {
            Some(history) => walker.with_history(history),
            None => walker,
        }
    }

    fn segment(
        &mut self,
        run: &mut Run<'_>,
        requirement: &Requirement,
        index: usize,
        segment: &Segment,
    ) -> std::io::Result<()> {
        if let Some((place, problem, cause, severity)) = length_problem(segment, &self.layout) {
            self.finding(run, index, place, problem, cause, severity);
        }
        let mut file = File::open(run.data_directory.join(&segment.file))?;
        if let Some(walker) = &mut self.walker {
            // The segments follow each other, so that this cannot fail.
            if let Err(end) = walker.begin_segment(segment.name.timeline(), segment.name.number()) {
                self.lose(Break { end, cause: Cause::Unknown });
            }
        }
        let block = self.layout.block_size.bytes();
        let (mut stored, mut plain) = (vec![0; CHUNK], Zeroizing::new(vec![0; CHUNK]));
        let mut at = SegmentPosition::start_of(&segment.name);
        let mut left = self.layout.segment_size.bytes();
        while left > 0 {
            let want = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
            let read = fill(&mut file, &mut stored[..want])?;
            run.observer.progress(read as u64);
            let (from, to) = (&stored[..read], &mut plain[..read]);
            let transformed = self.keys.ranges.transform_to(at, from, to);
            match transformed {
                Ok(done) => self.files[index].encrypted += done.encrypted,
                // Named already, as a finding about the key file.
                Err(_) => {
                    self.unavailable = true;
                    self.walker = None;
                    self.lost = None;
                }
            }
            for (number, (stored, plain)) in from.chunks(block).zip(to.chunks(block)).enumerate() {
                let offset = (number * block) as u64;
                let (Ok(at), true) = (at.advance(offset), stored.len() == block && transformed.is_ok())
                else {
                    break;
                };
                let address = Lsn::new(segment.name.start_lsn().get().saturating_add(at.offset()));
                self.page(run, requirement, &Page { segment: index, at, address, stored, plain });
            }
            at = at.advance(read as u64).map_err(std::io::Error::other)?;
            left -= read as u64;
            if read < want {
                break;
            }
        }
        if at.offset() < self.layout.segment_size.bytes()
            && let Some(walker) = self.walker.take()
        {
            self.lose(Break { end: walker.finish(), cause: Cause::Truncated });
        }
        Ok(())
    }

    fn page(&mut self, run: &mut Run<'_>, requirement: &Requirement, page: &Page<'_>) {
        if self.walker.is_none() {
            // Behind the record that must be the last there may be pages of a crash before it.
            if requirement.is_last && self.last_record.is_some() && self.last_record == requirement.checkpoint
            {
                return;
            }
            if !is_valid(page.plain, &self.expected(page.address)) {
                return;
            }
            // The chain goes on: what came between is damage, not the end of WAL.
            if let Some(lost) = self.lost.take() {
                self.report_break(run, requirement, &lost, Some(page.address));
            }
            self.restart(page);
        }
        let Some(broken) = self.step(requirement, page) else { return };
        let spans = broken.end.record.is_some_and(|record| record < page.address);
        if spans && is_valid(page.plain, &self.expected(page.address)) {
            // A record of earlier pages is damaged; this page is not.
            self.report_break(run, requirement, &broken, Some(page.address));
            self.restart(page);
            if let Some(again) = self.step(requirement, page) {
                self.lose(again);
            }
            return;
        }
        self.lose(broken);
    }

    fn restart(&mut self, page: &Page<'_>) {
        let mut walker = self.walker_at(page.address);
        let segment = &self.segments[page.segment];
        if walker.begin_segment(segment.name.timeline(), segment.name.number()).is_ok() {
            self.walker = Some(walker);
        }
    }

    /// Gives the walker a page; the break, if the chain breaks on it.
    fn step(&mut self, requirement: &Requirement, page: &Page<'_>) -> Option<Break> {
        let walker = self.walker.as_mut()?;
        let records = &mut self.files[page.segment].records;
        let (last, seen) = (&mut self.last_record, &mut self.checkpoint_seen);
        let walked = walker.page(page.plain, |record| {
            *records += 1;
            *last = Some(record.lsn);
            *seen |= requirement.checkpoint == Some(record.lsn) && record.header.is_checkpoint();
        });
        let ControlFlow::Break(end) = walked else {
            self.valid_pages += 1;
            return None;
        };
        if end.lsn > page.address {
            self.valid_pages += 1;
        }
        let cause = self.explain(&end, page);
        Some(Break { end, cause })
    }

    fn lose(&mut self, broken: Break) {
        self.walker = None;
        self.lost = Some(broken);
    }

    fn explain(&self, end: &WalkEnd, page: &Page<'_>) -> Cause {
        if matches!(end.reason, EndReason::Page(_)) {
            return self.keys.explain_page(page.at, page.stored, page.plain, &self.expected(page.address));
        }
        let begins = end.record.unwrap_or(end.lsn);
        let offset =
            begins.get().checked_sub(page.address.get()).and_then(|offset| usize::try_from(offset).ok());
        match offset {
            Some(offset) if !matches!(end.reason, EndReason::Crc { .. }) => {
                let last = end.last_record.map(Lsn::get);
                self.keys.explain_record(page.at, page.stored, offset, last)
            }
            _ => {
                let past = page.address.get().saturating_add(page.stored.len() as u64);
                let location = |lsn| Location::new(self.timeline, lsn);
                match self.keys.start_between(location(begins), location(Lsn::new(past))) {
                    Some(start) if matches!(end.reason, EndReason::Crc { .. }) => {
                        Cause::RangeMoved { opens_with: Some(start) }
                    }
                    _ => Cause::Damaged,
                }
            }
        }
    }

    fn expected(&self, address: Lsn) -> ExpectedPage<'a> {
        ExpectedPage::new(self.layout, self.timeline, address).with_history(self.history)
    }

    /// The chain is over: is that the end of WAL?
    fn judge_end(&mut self, run: &mut Run<'_>, requirement: &Requirement) {
        if self.unavailable {
            return;
        }
        let lost = self.lost.take();
        // Up to where everything is whole.
        let reached = match (&lost, &self.walker) {
            (Some(lost), _) => lost.end.record.unwrap_or(lost.end.lsn),
            (None, Some(walker)) => {
                let past = self.segments.last().map(|segment| segment.name.end_lsn());
                past.or(walker.valid_until()).unwrap_or(Lsn::INVALID)
            }
            (None, None) => return,
        };
        let checkpoint = requirement.checkpoint.filter(|checkpoint| {
            // A break before it explains why it was not seen, and was told of.
            !self.checkpoint_seen && (reached <= *checkpoint || self.breaks == 0)
        });
        let required = requirement.up_to.filter(|required| !is_reached(reached, *required));
        if let Some(required) = required.or(checkpoint) {
            self.ends_early(run, lost.as_ref(), reached, required);
            return;
        }
        if let Some(lost) = lost {
            // Nothing says where WAL ends, but what follows can be told to be WAL all the same.
            let is_wal =
                matches!(lost.cause, Cause::RangeMoved { .. } | Cause::WrongIv(_) | Cause::NotEncrypted)
                    || (self.valid_pages == 0 && requirement.recycled == Recycled::No);
            let telling = requirement.checkpoint.is_none() && is_wal;
            if telling {
                self.report_break(run, requirement, &lost, None);
                return;
            }
            if self.valid_pages == 0 && requirement.recycled == Recycled::Unknown {
                self.note_unchecked(run);
            }
        }
        if let (true, Some(checkpoint), Some(last)) =
            (requirement.is_last, requirement.checkpoint, self.last_record)
            && last > checkpoint
        {
            let (index, place) = (self.index_of(last), self.place(last));
            let problem = Problem::WalGoesOn { checkpoint, last };
            self.finding(run, index, place, problem, Cause::Unknown, Severity::Error);
        }
    }

    /// Either these segments are of no use any more, or their key is wrong.
    fn note_unchecked(&self, run: &mut Run<'_>) {
        let Some(first) = self.segments.first() else { return };
        let more = match self.segments.len() {
            1 => String::new(),
            count => format!(" (nor of the {} segments after it)", count - 1),
        };
        let timeline = self.timeline;
        run.note(
            first.file.clone(),
            format!(
                "nothing in it{more} could be checked: no page is WAL of this place, and where timeline {timeline} \
                 ends is not known; copy the history files too"
            ),
        );
    }

    fn ends_early(&mut self, run: &mut Run<'_>, lost: Option<&Break>, reached: Lsn, required: Lsn) {
        let (at, error, cause) = match lost {
            Some(lost) => (lost.place(), lost.end.reason.to_string(), lost.cause.clone()),
            None => (required, "no record begins there".to_string(), Cause::Damaged),
        };
        let problem = Problem::WalEndsEarly { reached, required, error };
        let (index, place) = (self.index_of(at), self.place(at));
        self.finding(run, index, place, problem, cause, Severity::Error);
    }

    fn report_break(
        &mut self,
        run: &mut Run<'_>,
        requirement: &Requirement,
        broken: &Break,
        resumes: Option<Lsn>,
    ) {
        let at = broken.place();
        let error = broken.end.reason.to_string();
        let problem = match broken.end.reason {
            EndReason::Page(_) => Problem::WalPage { error, resumes },
            _ => Problem::WalRecord { error, resumes },
        };
        // After a crash pages may have reached the disk in another order than they were written in.
        let behind = requirement.up_to.or(requirement.checkpoint);
        let crashed = !requirement.shut_down
            && behind.is_some_and(|behind| at > behind)
            && resumes.is_some_and(|resumes| self.index_of(resumes) == self.index_of(at));
        let severity = if crashed { Severity::Minor } else { Severity::Error };
        self.breaks += 1;
        let (index, place) = (self.index_of(at), self.place(at));
        self.finding(run, index, place, problem, broken.cause.clone(), severity);
    }

    fn finding(
        &mut self,
        run: &mut Run<'_>,
        index: usize,
        place: Place,
        problem: Problem,
        cause: Cause,
        severity: Severity,
    ) {
        if let Some(segment) = self.files.get_mut(index) {
            segment.file.finding(run, place, problem, cause, severity);
        }
    }

    /// The segment of the chain that holds a byte; the last for bytes past it.
    fn index_of(&self, lsn: Lsn) -> usize {
        let first = self.segments.first().map_or(0, |segment| segment.name.number().get());
        let number = self.layout.segment_size.segment_of(lsn).get();
        usize::try_from(number.saturating_sub(first))
            .unwrap_or(usize::MAX)
            .min(self.files.len().saturating_sub(1))
    }

    fn place(&self, lsn: Lsn) -> Place {
        Place::Wal {
            location: Location::new(self.timeline, lsn),
            offset: self.layout.segment_size.offset_of(lsn),
        }
    }
}
