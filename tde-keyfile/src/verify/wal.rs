//! The WAL: which segments belong together, and how far each chain of records must reach.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use std::fs;

use tde_wal::{
    ExpectedPage, Lsn, SegmentName, SegmentNumber, SegmentPosition, SegmentSize, TimelineHistory, TimelineId,
    WalFile, WalLayout,
};

use super::finding::{Cause, Place, Problem, Severity};
use super::run::Run;
use super::wal_keys::{WalRangeKeys, is_valid};
use super::wal_walk::{Recycled, Requirement, Walk};
use crate::cluster::Cluster;
use crate::file::read_bounded;
use crate::postgres::{ClusterState, ControlFile};
use crate::relation_file::fill;

/// Longest history file that is read: tens of thousands of timelines.
const MAX_HISTORY: u64 = 1 << 20;

/// A segment file.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub(super) name: SegmentName,
    /// Relative to the data directory.
    pub(super) file: String,
    pub(super) length: u64,
}

/// The WAL of a cluster, or what there is of it.
pub(super) struct Wal {
    layout: WalLayout,
    /// By timeline, partial ones after whole ones of the same number.
    segments: BTreeMap<TimelineId, Vec<Segment>>,
    histories: BTreeMap<TimelineId, String>,
}

impl Wal {
    /// Tells segments and history files from the rest of `pg_wal`. None if there are no segments.
    pub(super) fn of(
        run: &mut Run<'_>,
        control: Option<&ControlFile>,
        files: &[(String, u64)],
    ) -> Option<Self> {
        let size = match control {
            Some(control) => control.wal_segment_size,
            None => segment_size_of(files)?,
        };
        let mut layout = WalLayout::new(size);
        if let Some(control) = control {
            layout = layout
                .with_block_size(control.wal_block_size)
                .with_system_identifier(control.system_identifier);
            layout.major = control.major;
        }
        let mut wal = Self { layout, segments: BTreeMap::new(), histories: BTreeMap::new() };
        let mut foreign = 0;
        for (name, length) in files {
            let file = format!("pg_wal/{name}");
            match WalFile::from_name(name, size) {
                WalFile::Segment(segment) => {
                    let of_timeline = wal.segments.entry(segment.timeline()).or_default();
                    of_timeline.push(Segment { name: segment, file, length: *length });
                }
                WalFile::OtherSegmentSize { .. } => {
                    run.note(file, format!("not a segment of a cluster with {size} segments; left alone"));
                }
                WalFile::History(timeline) => wal.history_file(run, timeline, file),
                WalFile::Foreign => foreign += 1,
                _ => {}
            }
        }
        if foreign > 0 {
            run.note("pg_wal", format!("files that are not PostgreSQL's, left alone: {foreign}"));
        }
        for segments in wal.segments.values_mut() {
            segments.sort_by_key(|segment| (segment.name.number(), segment.name.is_partial()));
        }
        Some(wal)
    }

    fn history_file(&mut self, run: &mut Run<'_>, timeline: TimelineId, file: String) {
        let bytes = match read_bounded(&run.data_directory.join(&file), MAX_HISTORY) {
            Ok(bytes) => bytes,
            // Removed since it was listed.
            Err(error) if error.is_not_found() => return,
            Err(error) => {
                let problem = Problem::Unreadable { error: error.reason() };
                return run.finding(file, Place::File, problem, Cause::Unknown);
            }
        };
        let parsed = String::from_utf8(bytes).map_err(|error| error.to_string()).and_then(|text| {
            TimelineHistory::parse(timeline, &text).map_err(|error| error.to_string())?;
            Ok(text)
        });
        match parsed {
            Ok(text) => _ = self.histories.insert(timeline, text),
            Err(error) => run.finding(file, Place::File, Problem::Format { error }, Cause::Damaged),
        }
    }

    /// Bytes to be read: of a file longer than a segment no more than that.
    pub(super) fn bytes(&self) -> u64 {
        let size = self.layout.segment_size.bytes();
        self.segments.values().flatten().map(|segment| segment.length.min(size)).fold(0, u64::saturating_add)
    }

    /// Verifies every segment.
    pub(super) fn verify(&self, run: &mut Run<'_>, cluster: &Cluster, control: Option<&ControlFile>) {
        let keys = WalRangeKeys::of(cluster);
        let mut checkpoint_is_here = false;
        for (timeline, segments) in &self.segments {
            let runs = consecutive(segments);
            for (index, chain) in runs.iter().enumerate() {
                let (Some(first), Some(last)) = (chain.first(), chain.last()) else { continue };
                if let Some(next) = runs.get(index + 1).and_then(|next| next.first())
                    && next.name.number() > last.name.number()
                {
                    self.note_gap(run, *timeline, last.name.number(), next.name.number());
                }
                let later = runs.iter().skip(index + 1).filter_map(|later| later.first());
                let continued = later
                    .filter(|later| later.name.number() > last.name.number())
                    .any(|later| self.begins_validly(run, &keys, later));
                let mut requirement = self.requirement(control, *timeline, first, last);
                if continued {
                    requirement.reach(last.name.end_lsn());
                }
                checkpoint_is_here |= requirement.checkpoint.is_some();
                let history = self.history(*timeline);
                Walk::new(self.layout, &keys, *timeline, history, chain).verify(run, &requirement);
            }
        }
        if let Some(control) = control
            && !self.segments.is_empty()
            && !checkpoint_is_here
        {
            run.note(
                "pg_wal",
                format!(
                    "the segment with the last checkpoint, {} on timeline {}, is absent: where WAL has to end is \
                     not checked",
                    control.checkpoint, control.timeline
                ),
            );
        }
    }

    fn history(&self, timeline: TimelineId) -> Option<TimelineHistory<'_>> {
        match self.histories.get(&timeline) {
            Some(text) => TimelineHistory::parse(timeline, text).ok(),
            None if timeline == TimelineId::FIRST => Some(TimelineHistory::without_ancestors(timeline)),
            None => None,
        }
    }

    fn note_gap(&self, run: &mut Run<'_>, timeline: TimelineId, last: SegmentNumber, next: SegmentNumber) {
        let missing = next.get().saturating_sub(last.get()).saturating_sub(1);
        let name = SegmentName::new(timeline, SegmentNumber::new(last.get() + 1), self.layout.segment_size);
        if let Ok(name) = name {
            let more = match missing {
                0 | 1 => String::new(),
                missing => format!(" (and {} after it)", missing - 1),
            };
            run.note(format!("pg_wal/{name}"), format!("absent{more}, although later segments are here"));
        }
    }

    /// How far a chain of segments must reach.
    fn requirement(
        &self,
        control: Option<&ControlFile>,
        timeline: TimelineId,
        first: &Segment,
        last: &Segment,
    ) -> Requirement {
        let (start, end) = (first.name.start_lsn(), last.name.end_lsn());
        let mut requirement = Requirement::default();
        // An ancestor is valid up to the switch, in the history of the newest timeline that knows it.
        let switch = self.histories.iter().rev().find_map(|(descendant, text)| {
            let history = TimelineHistory::parse(*descendant, text).ok()?;
            history.ancestors().find(|ancestor| ancestor.timeline == timeline).map(|found| found.valid_until)
        });
        if let Some(switch) = switch
            && switch > start
        {
            requirement.reach(switch.min(end));
        }
        // Segments kept for later use follow those with WAL: of an ancestor, they lie behind the switch.
        requirement.recycled = match switch {
            Some(switch) if start >= switch => Recycled::Possible,
            None if control.is_some() => Recycled::Unknown,
            _ => Recycled::No,
        };
        let Some(control) = control else { return requirement };
        if timeline == control.timeline {
            if (start..end).contains(&control.checkpoint) {
                requirement.checkpoint = Some(control.checkpoint);
                requirement.is_last = control.state == ClusterState::ShutDown;
                requirement.shut_down = control.state.is_shut_down();
            }
            if control.checkpoint > start {
                requirement.reach(control.checkpoint.min(end));
            }
            let behind = start > control.checkpoint;
            requirement.recycled = if behind { Recycled::Possible } else { Recycled::No };
        }
        if timeline == control.min_recovery_timeline && control.min_recovery_point > start {
            requirement.reach(control.min_recovery_point.min(end));
        }
        requirement
    }

    /// Whether a segment's first page is WAL of that place.
    fn begins_validly(&self, run: &Run<'_>, keys: &WalRangeKeys, segment: &Segment) -> bool {
        let mut page = alloc::vec![0; self.layout.block_size.bytes()];
        let read = fs::File::open(run.data_directory.join(&segment.file))
            .and_then(|mut file| fill(&mut file, &mut page));
        let expected = ExpectedPage::new(self.layout, segment.name.timeline(), segment.name.start_lsn());
        read.is_ok_and(|read| read == page.len())
            && keys.ranges.transform(SegmentPosition::start_of(&segment.name), &mut page).is_ok()
            && is_valid(&page, &expected)
    }
}

/// The size of the segments, where no control file tells it: they have it as their length.
fn segment_size_of(files: &[(String, u64)]) -> Option<SegmentSize> {
    files.iter().find_map(|(name, length)| {
        let size = SegmentSize::new(*length).ok()?;
        SegmentName::parse(name, size).ok().map(|_| size)
    })
}

/// Segments cut where a number is missing. A partial one beside a whole one stands alone.
fn consecutive(segments: &[Segment]) -> Vec<&[Segment]> {
    segments.chunk_by(|a, b| a.name.number().get().checked_add(1) == Some(b.name.number().get())).collect()
}

/// A segment file that is longer or shorter than a segment.
pub(super) fn length_problem(
    segment: &Segment,
    layout: &WalLayout,
) -> Option<(Place, Problem, Cause, Severity)> {
    let expected = layout.segment_size.bytes();
    let actual = segment.length;
    if actual == expected {
        return None;
    }
    let place = Place::Bytes(actual.min(expected)..actual.max(expected));
    let cause = if actual < expected { Cause::Truncated } else { Cause::Damaged };
    Some((place, Problem::FileLength { actual, expected }, cause, Severity::Error))
}

/// Whether what was reached is what was required, but for a page header that stands between.
pub(super) fn is_reached(reached: Lsn, required: Lsn) -> bool {
    reached.get().saturating_add(tde_wal::LONG_HEADER_LEN as u64) >= required.get()
}
