//! The report of `tde wal ranges`: what `--json` prints, and what the text is made from.

use serde::Serialize;
use tde_core::Cipher;
use tde_keyfile::Oid;
use tde_keyfile::cluster::{Cluster, ScopeState};
use tde_keyfile::format::wal_keys::WalKeyEntry;
use tde_wal::{
    KeyRange, Location, Protection, RangeKind, SegmentName, SegmentSize, TimelineId, out_of_order,
    segment_parts,
};

use super::archive::{Archive, ArchivedSegment};
use crate::failure::Failure;
use crate::open;

/// All of it.
#[derive(Debug, Serialize)]
pub(super) struct RangesReport {
    schema: &'static str,
    pub(super) data_directory: String,
    /// In bytes; `null` if nothing tells.
    pub(super) segment_size: Option<u64>,
    pub(super) entries: Vec<EntryReport>,
    pub(super) archive: Option<ArchiveReport>,
}

/// An entry of the key file.
#[derive(Debug, Serialize)]
pub(super) struct EntryReport {
    pub(super) index: usize,
    pub(super) state: EntryState,
    pub(super) cipher: Option<&'static str>,
    /// `null` unless it is a range.
    pub(super) start: Option<LocationReport>,
    /// `null` for the last range, which has none.
    pub(super) end: Option<LocationReport>,
    pub(super) first_segment: Option<String>,
    pub(super) last_segment: Option<String>,
    /// It does not begin behind the ranges before it.
    pub(super) out_of_order: bool,
    /// Why it cannot be read.
    pub(super) problem: Option<String>,
    /// What of the archive lies in it; `null` without one, or if it is no range.
    pub(super) archived: Option<ArchivedReport>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum EntryState {
    Encrypted,
    Unencrypted,
    /// Made at a start of the server, and never written under. It counts for nothing.
    NotStarted,
    /// Taken back. It counts for nothing.
    Invalid,
    Unreadable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct LocationReport {
    pub(super) timeline: u32,
    #[serde(serialize_with = "as_text")]
    pub(super) lsn: tde_wal::Lsn,
}

/// The segments of an archive in a range.
#[derive(Debug, Default, Serialize)]
pub(super) struct ArchivedReport {
    pub(super) whole: u64,
    pub(super) partly: u64,
    pub(super) first: Option<String>,
    pub(super) last: Option<String>,
}

/// A directory of segments.
#[derive(Debug, Serialize)]
pub(super) struct ArchiveReport {
    pub(super) directory: String,
    pub(super) segments: Vec<SegmentReport>,
    pub(super) history_files: u64,
    pub(super) other_files: Vec<String>,
    /// Runs of segments that are missing between others of the same timeline.
    pub(super) missing: Vec<RunReport>,
    /// Runs of segments that lie in no encrypted range at all.
    pub(super) not_encrypted: Vec<RunReport>,
    /// Segments that are partly encrypted.
    pub(super) partly_encrypted: Vec<String>,
}

/// A file, and the ranges that it lies in.
#[derive(Debug, Serialize)]
pub(super) struct SegmentReport {
    file: String,
    name: String,
    parts: Vec<PartReport>,
}

/// Bytes of a segment in one range.
#[derive(Debug, Serialize)]
struct PartReport {
    from: u64,
    to: u64,
    /// Index of the entry; `null` if there is none, which is plain.
    entry: Option<usize>,
    encrypted: bool,
}

/// Consecutive segments of a timeline.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct RunReport {
    pub(super) first: String,
    pub(super) last: String,
    pub(super) count: u64,
}

/// A range, and the index of its entry in the file.
struct Range {
    entry: usize,
    range: KeyRange<()>,
}

impl RangesReport {
    /// # Errors
    /// If the key file cannot be read at all.
    pub(super) fn of(
        cluster: &Cluster,
        size: Option<SegmentSize>,
        archive: Option<Archive>,
    ) -> Result<Self, Failure> {
        let scope = cluster.scope(Oid::PG_GLOBAL);
        if let Some(ScopeState::Unreadable(error)) = scope.map(|scope| scope.state()) {
            return Err(open::scope_failure(error.clone()));
        }
        let keys = scope.and_then(|scope| scope.wal_keys());
        let entries: Vec<_> = keys.iter().flat_map(|keys| keys.entries()).collect();
        let ranges = ranges(entries.iter().flatten());
        let keyed: Vec<_> = ranges.iter().map(|range| range.range).collect();
        let odd: Vec<_> =
            out_of_order(&keyed).filter_map(|index| ranges.get(index)).map(|r| r.entry).collect();
        let covered = archive.as_ref().map(|archive| lay_over(&ranges, &keyed, archive));
        let reports = entries.iter().enumerate().map(|(index, entry)| {
            let place = ranges.iter().position(|range| range.entry == index);
            let mut report = EntryReport::of(index, entry, place.and_then(|at| ranges.get(at)), size);
            report.out_of_order = odd.contains(&index);
            report.archived = covered.as_ref().zip(place).map(|(segments, _)| archived(index, segments));
            report
        });
        Ok(Self {
            schema: "tde.wal-ranges/1",
            data_directory: cluster.directory().display().to_string(),
            segment_size: size.map(SegmentSize::bytes),
            entries: reports.collect(),
            archive: archive.zip(covered).map(|(archive, segments)| ArchiveReport::of(archive, segments)),
        })
    }

    /// Whether an entry is damaged or out of order.
    pub(super) fn is_wrong(&self) -> bool {
        self.entries.iter().any(|entry| entry.out_of_order || entry.state == EntryState::Unreadable)
    }
}

/// The ranges by the rules of `tde_wal::resolve`, with the entries that began them; that takes keys in their place.
fn ranges<'a>(entries: impl Iterator<Item = &'a WalKeyEntry<'a>>) -> Vec<Range> {
    let counted: Vec<_> =
        entries.filter(|entry| entry.kind() != RangeKind::Invalid && entry.is_started()).collect();
    let ends = counted.iter().skip(1).map(|next| next.start()).chain([Location::MAX]);
    counted
        .iter()
        .zip(ends)
        .map(|(entry, end)| {
            let encrypted = entry.kind() == RangeKind::Encrypted;
            let protection = if encrypted { Protection::Encrypted(()) } else { Protection::Plain };
            Range { entry: entry.index(), range: KeyRange::new(entry.start(), end, protection) }
        })
        .collect()
}

impl EntryReport {
    fn of(
        index: usize,
        entry: &Result<WalKeyEntry<'_>, tde_keyfile::format::FormatError>,
        range: Option<&Range>,
        size: Option<SegmentSize>,
    ) -> Self {
        let state = match entry {
            Err(_) => EntryState::Unreadable,
            Ok(entry) => match (entry.kind(), entry.is_started()) {
                (RangeKind::Invalid, _) => EntryState::Invalid,
                (_, false) => EntryState::NotStarted,
                (RangeKind::Encrypted, true) => EntryState::Encrypted,
                (RangeKind::Unencrypted, true) => EntryState::Unencrypted,
            },
        };
        let cipher = entry.as_ref().ok().and_then(WalKeyEntry::cipher).map(|cipher| match cipher {
            Cipher::Aes128 => "aes_128",
            Cipher::Aes256 => "aes_256",
        });
        let range = range.map(|range| &range.range);
        let end = range.map(KeyRange::end).filter(|&end| end != Location::MAX);
        let name = |at: Location, size: SegmentSize| {
            SegmentName::new(at.timeline, size.segment_of(at.lsn), size).ok().map(|name| name.to_string())
        };
        // The byte before the end; an end at the very beginning of a timeline has none there.
        let last = end
            .filter(|end| end.lsn.is_valid())
            .map(|end| Location { lsn: tde_wal::Lsn::new(end.lsn.get() - 1), ..end });
        Self {
            index,
            state,
            cipher,
            start: range.map(|range| LocationReport::of(range.start())),
            end: end.map(LocationReport::of),
            first_segment: range.zip(size).and_then(|(range, size)| name(range.start(), size)),
            last_segment: last.zip(size).and_then(|(last, size)| name(last, size)),
            out_of_order: false,
            problem: entry.as_ref().err().map(ToString::to_string),
            archived: None,
        }
    }
}

impl LocationReport {
    const fn of(location: Location) -> Self {
        Self { timeline: location.timeline.get(), lsn: location.lsn }
    }
}

/// A segment with its parts.
struct Covered {
    name: SegmentName,
    report: SegmentReport,
}

fn lay_over(ranges: &[Range], keyed: &[KeyRange<()>], archive: &Archive) -> Vec<Covered> {
    let cover = |ArchivedSegment { file, name }: &ArchivedSegment| {
        let parts = segment_parts(keyed, name).into_iter().map(|part| {
            let range = part.range.and_then(|at| ranges.get(at));
            PartReport {
                from: part.bytes.start,
                to: part.bytes.end,
                entry: range.map(|range| range.entry),
                encrypted: range.is_some_and(|range| *range.range.protection() != Protection::Plain),
            }
        });
        let report = SegmentReport { file: file.clone(), name: name.to_string(), parts: parts.collect() };
        Covered { name: *name, report }
    };
    archive.segments.iter().map(cover).collect()
}

/// The segments in the range of an entry.
fn archived(entry: usize, segments: &[Covered]) -> ArchivedReport {
    let mut report = ArchivedReport::default();
    for Covered { name, report: segment } in segments {
        let parts = segment.parts.iter().filter(|part| part.entry == Some(entry));
        let bytes: u64 = parts.map(|part| part.to - part.from).sum();
        if bytes == 0 {
            continue;
        }
        if bytes == name.size().bytes() {
            report.whole += 1
        } else {
            report.partly += 1
        }
        report.first.get_or_insert_with(|| segment.name.clone());
        report.last = Some(segment.name.clone());
    }
    report
}

impl ArchiveReport {
    fn of(archive: Archive, segments: Vec<Covered>) -> Self {
        let encrypted = |covered: &Covered| covered.report.parts.iter().any(|part| part.encrypted);
        let plain = |covered: &Covered| covered.report.parts.iter().any(|part| !part.encrypted);
        let names = |keep: &dyn Fn(&Covered) -> bool| -> Vec<SegmentName> {
            let mut names: Vec<_> = segments.iter().filter(|s| keep(s)).map(|s| s.name).collect();
            names.dedup_by_key(|name| (name.timeline(), name.number()));
            names
        };
        Self {
            directory: archive.directory,
            history_files: archive.histories,
            other_files: archive.others,
            missing: missing(&names(&|_| true)),
            not_encrypted: runs(&names(&|s| !encrypted(s))),
            partly_encrypted: segments
                .iter()
                .filter(|s| encrypted(s) && plain(s))
                .map(|s| s.report.name.clone())
                .collect(),
            segments: segments.into_iter().map(|covered| covered.report).collect(),
        }
    }
}

/// Consecutive ones together.
fn runs(names: &[SegmentName]) -> Vec<RunReport> {
    let follows = |a: &SegmentName, b: &SegmentName| {
        a.timeline() == b.timeline() && a.number().get().checked_add(1) == Some(b.number().get())
    };
    let run = |run: &[SegmentName]| {
        let (first, last) = (run.first()?.to_string(), run.last()?.to_string());
        Some(RunReport { first, last, count: run.len() as u64 })
    };
    names.chunk_by(follows).filter_map(run).collect()
}

/// What is missing between those of the same timeline.
fn missing(names: &[SegmentName]) -> Vec<RunReport> {
    let name = |timeline: TimelineId, number: u64, size| {
        SegmentName::new(timeline, tde_wal::SegmentNumber::new(number), size)
            .ok()
            .map(|name| name.to_string())
    };
    let gap = |pair: &[SegmentName]| {
        let [a, b] = pair else { return None };
        let (from, to) = (a.number().get().checked_add(1)?, b.number().get());
        if a.timeline() != b.timeline() || from >= to {
            return None;
        }
        let first = name(a.timeline(), from, a.size())?;
        let last = name(a.timeline(), to - 1, a.size())?;
        Some(RunReport { first, last, count: to - from })
    };
    names.windows(2).filter_map(gap).collect()
}

fn as_text<S: serde::Serializer>(lsn: &tde_wal::Lsn, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(lsn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_and_gaps_end_with_their_timeline() {
        let names: Vec<_> = [(1, 4), (1, 5), (1, 9), (2, 9), (2, 10), (2, 12)]
            .map(|(timeline, number)| {
                let number = tde_wal::SegmentNumber::new(number);
                SegmentName::new(TimelineId::new(timeline), number, SegmentSize::MIN).unwrap()
            })
            .to_vec();
        let shown = |runs: Vec<RunReport>| -> Vec<String> {
            runs.iter().map(|run| format!("{}-{}:{}", &run.first[6..8], &run.last[22..], run.count)).collect()
        };
        assert_eq!(shown(runs(&names)), ["01-05:2", "01-09:1", "02-0A:2", "02-0C:1"]);
        assert_eq!(shown(missing(&names)), ["01-08:3", "02-0B:1"]);
        assert!(missing(&[]).is_empty() && runs(&[]).is_empty());
    }
}
