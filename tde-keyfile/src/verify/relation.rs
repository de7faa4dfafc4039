//! The pages of one relation: all its forks, all their segments.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use std::fs::File;

use tde_core::{BlockNumber, Fork, InternalKey};
use tde_wal::Lsn;

use super::bad_pages::{BadPages, BadRange};
use super::finding::{Cause, IvEvidence, Place, Problem, Severity};
use super::iv_search::RightIv;
use super::key_search::{KeySearch, Sample};
use super::page::{PageContext, diagnose, looks_random, unwritten_part};
use super::report::{FileContents, RelationProtection};
use super::run::{FileRun, Run};
use crate::RelationLocator;
use crate::cluster::{Cluster, RelationKey};
use crate::postgres::{PageCondition, PageHeader, RelationPath};
use crate::relation_file::{
    PageBatch, RelationFileError, RelationGeometry, RelationReader, RelationSummary, batch_length,
};

/// A segment file of a relation, as the directory lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SegmentFile {
    pub(super) path: RelationPath,
    pub(super) length: u64,
}

/// What the control file, or the lack of it, says about pages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageRules {
    pub(crate) geometry: RelationGeometry,
    pub(crate) checksums: bool,
    /// No page of a cluster that was shut down has a later LSN.
    pub(super) last_lsn: Option<Lsn>,
    /// Pages changed from here on will be written anew by replay: a base backup not yet recovered.
    pub(super) replayed_from: Option<Lsn>,
}

/// Pages whose IV is searched for, in one relation; a search can cost milliseconds.
const IV_SEARCHES: u32 = 32;

/// Where pages may have been looked at before: by number of the file and of the batch in it.
pub(super) type LookedAt<'a> = dyn FnMut(BatchPlace) -> Option<CheckedBatch> + 'a;

/// A batch of pages: its file, by number, and its number in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct BatchPlace {
    pub(super) file: usize,
    pub(super) batch: u64,
}

/// A batch that was checked.
#[derive(Debug, Clone, Copy)]
pub(super) struct CheckedBatch {
    /// Bytes that were read; less than a whole batch at the end of the file.
    bytes: u64,
    summary: RelationSummary,
    /// Pages that are as they should be and not zero.
    sound: u64,
}

/// What can be said of a page without its neighbours.
#[derive(Debug, Clone, Copy)]
pub(super) struct PageCheck<'a> {
    pub(super) rules: &'a PageRules,
    pub(super) protection: RelationProtection,
}

/// The key of a relation, and how that has it protected.
pub(super) fn protection_of(
    cluster: &Cluster,
    relation: &RelationLocator,
) -> (Option<InternalKey>, RelationProtection) {
    match cluster.relation_key(relation) {
        Ok(RelationKey::Key(key)) => (Some(key), RelationProtection::Encrypted),
        Ok(RelationKey::NoEntry) => (None, RelationProtection::Plain),
        // Why is a finding about the key file.
        Err(_) => (None, RelationProtection::KeyUnavailable),
    }
}

/// Verifies the files of one relation, which must be sorted by fork and segment. They are numbered from `number`
/// on.
pub(super) fn verify_relation(
    run: &mut Run<'_>,
    cluster: &Cluster,
    rules: &PageRules,
    keys: &mut KeySearch,
    (number, files): (usize, &[SegmentFile]),
    looked_at: &mut LookedAt<'_>,
) {
    let Some(first) = files.first() else { return };
    let (key, protection) = protection_of(cluster, &first.path.locator);
    let mut relation = Relation {
        check: PageCheck { rules, protection },
        key: key.as_ref(),
        sound: 0,
        searches: IV_SEARCHES,
        guess: None,
        sample: None,
    };
    let mut done = Vec::new();
    let mut number = number;
    for fork in files.chunk_by(|a, b| a.path.fork == b.path.fork) {
        for (index, file) in fork.iter().enumerate() {
            done.push(
                relation
                    .file(run, file, fork, index, &mut |batch| looked_at(BatchPlace { file: number, batch })),
            );
            number += 1;
        }
    }
    let verdict = relation.verdict(cluster, keys);
    for file in done {
        file.report(run, &verdict, protection);
    }
}

/// One relation while its files are read.
struct Relation<'a> {
    check: PageCheck<'a>,
    key: Option<&'a InternalKey>,
    /// Pages that are as they should be and not zero.
    sound: u64,
    searches: u32,
    guess: Option<RightIv>,
    /// A page that no key on record explains.
    sample: Option<Sample>,
}

/// What a whole relation tells about each of its bad pages.
struct Verdict {
    any_sound: bool,
    opens_with: Option<RelationLocator>,
}

/// A file that was read.
struct DoneFile {
    file: FileRun,
    ranges: Vec<BadRange>,
    left_out: u64,
    pages: u64,
    never_written: u64,
}

/// [`LookedAt`] in one file.
type LookedAtInFile<'a> = dyn FnMut(u64) -> Option<CheckedBatch> + 'a;

/// What a page looks like by itself.
enum Found {
    Zero,
    Sound,
    Suspicious(Problem, Cause),
    Bad(PageCondition),
}

impl CheckedBatch {
    fn of(batch: &PageBatch<'_>) -> Self {
        let summary = batch.summary;
        Self { bytes: batch.stored.len() as u64 + summary.trailing_bytes, summary, sound: 0 }
    }
}

impl PageCheck<'_> {
    /// What is in a batch, if nothing in it calls for another look.
    #[cfg(feature = "rayon")]
    pub(super) fn batch(&self, batch: &PageBatch<'_>) -> Option<CheckedBatch> {
        let mut checked = CheckedBatch::of(batch);
        for (block, stored, plain) in self.pages(batch) {
            match self.page(block, stored, plain) {
                Found::Zero => {}
                Found::Sound => checked.sound += 1,
                Found::Suspicious(..) | Found::Bad(_) => return None,
            }
        }
        Some(checked)
    }

    /// The pages of a batch: block number, as stored, and in plaintext.
    fn pages<'b>(
        &self,
        batch: &PageBatch<'b>,
    ) -> impl Iterator<Item = (BlockNumber, &'b [u8], &'b [u8])> + use<'b> {
        let (page, first) = (self.rules.geometry.page_size.get(), batch.first);
        let pages = batch.stored.chunks_exact(page).zip(batch.plain.chunks_exact(page));
        (0..)
            .zip(pages)
            .map_while(move |(index, (stored, plain))| Some((first.checked_add(index)?, stored, plain)))
    }

    fn page(&self, block: BlockNumber, stored: &[u8], plain: &[u8]) -> Found {
        match PageCondition::of(plain, block, self.rules.checksums) {
            PageCondition::Zero => Found::Zero,
            PageCondition::Sound => match self.suspicion(stored, plain) {
                None => Found::Sound,
                Some((problem, cause)) => Found::Suspicious(problem, cause),
            },
            condition => Found::Bad(condition),
        }
    }

    /// Where no checksum guards a page, what else speaks against it.
    fn suspicion(&self, stored: &[u8], plain: &[u8]) -> Option<(Problem, Cause)> {
        if self.rules.checksums || self.protection != RelationProtection::Encrypted {
            return None;
        }
        if let Some(zero) = unwritten_part(stored) {
            return Some((Problem::PartlyZero { zero: zero.clone() }, Cause::Torn { zero }));
        }
        let lsn = PageHeader::parse(plain).ok()?.lsn;
        let end = self.rules.last_lsn.filter(|end| lsn > *end)?;
        Some((Problem::LsnBeyondWal { lsn, end }, Cause::WrongIv(IvEvidence::FirstBlockOnly)))
    }
}

impl Relation<'_> {
    fn file(
        &mut self,
        run: &mut Run<'_>,
        segment: &SegmentFile,
        fork: &[SegmentFile],
        index: usize,
        looked_at: &mut LookedAtInFile<'_>,
    ) -> DoneFile {
        let mut file = run.file(segment.path.to_string());
        self.check_length(run, &mut file, segment, fork, index);
        let mut done = DoneFile { file, ranges: Vec::new(), left_out: 0, pages: 0, never_written: 0 };
        if !self.check.protection.is_checked(run.options.plain_relations) {
            run.observer.progress(segment.length);
            return done;
        }
        let mut bad = BadPages::new(run.options.max_findings_per_file);
        let read = self.read(run, segment, fork, &mut bad, looked_at);
        (done.ranges, done.left_out) = bad.finish();
        match read {
            Ok(summary) => (done.pages, done.never_written) = (summary.pages, summary.never_written),
            Err(error) => {
                let error = match core::error::Error::source(&error) {
                    Some(source) => format!("{error}: {source}"),
                    None => error.to_string(),
                };
                done.file.finding(
                    run,
                    Place::File,
                    Problem::Unreadable { error },
                    Cause::Unknown,
                    Severity::Error,
                );
            }
        }
        done
    }

    /// The rules for lengths: whole pages, full segments before later ones.
    fn check_length(
        &self,
        run: &mut Run<'_>,
        file: &mut FileRun,
        segment: &SegmentFile,
        fork: &[SegmentFile],
        index: usize,
    ) {
        let page = self.check.rules.geometry.page_size.get() as u64;
        let full = self.check.rules.geometry.segment_length();
        let (actual, severity) = (segment.length, severity_of(segment.path.fork));
        let later = fork.iter().skip(index + 1).any(|later| later.length > 0);
        if actual > full {
            let place = Place::Bytes(full..actual);
            file.finding(
                run,
                place,
                Problem::FileLength { actual, expected: full },
                Cause::Damaged,
                severity,
            );
        } else if later && actual < full {
            let place = Place::Bytes(actual..full);
            let problem = Problem::Segment { actual, expected: full };
            file.finding(run, place, problem, Cause::Truncated, severity);
        } else if actual % page != 0 {
            let expected = actual - actual % page;
            let place = Place::Bytes(expected..actual);
            file.finding(run, place, Problem::FileLength { actual, expected }, Cause::Truncated, severity);
        }
        let expected_segment = match index.checked_sub(1).and_then(|before| fork.get(before)) {
            Some(before) => before.path.segment.saturating_add(1),
            None => 0,
        };
        if segment.path.segment != expected_segment {
            let missing = segment.path.with_segment(expected_segment);
            run.note(missing.to_string(), "this segment file is absent, although later ones are here");
        }
    }

    fn read(
        &mut self,
        run: &mut Run<'_>,
        segment: &SegmentFile,
        fork: &[SegmentFile],
        bad: &mut BadPages,
        looked_at: &mut LookedAtInFile<'_>,
    ) -> Result<RelationSummary, RelationFileError> {
        let geometry = self.check.rules.geometry;
        let last = fork.last().unwrap_or(segment);
        let blocks_before = last.path.segment.saturating_mul(geometry.blocks_per_segment);
        let blocks_in_last = u32::try_from(last.length / geometry.page_size.get() as u64).unwrap_or(u32::MAX);
        let context = PageContext {
            fork: segment.path.fork,
            checksums: self.check.rules.checksums,
            blocks: blocks_before.saturating_add(blocks_in_last),
            blocks_per_segment: geometry.blocks_per_segment,
        };
        let mut reader: Option<RelationReader<File>> = None;
        let mut offset = 0;
        let mut summary = RelationSummary::default();
        for number in 0.. {
            let checked = match looked_at(number) {
                Some(checked) => {
                    if checked.sound > 0 {
                        bad.sound();
                    }
                    checked
                }
                None => {
                    let reader = match &mut reader {
                        Some(reader) => reader,
                        None => {
                            let opened =
                                RelationReader::open(run.data_directory, segment.path, self.key, geometry)?;
                            reader.insert(opened)
                        }
                    };
                    reader.go_to(offset)?;
                    let batch = reader.batch()?;
                    self.check_batch(&context, &batch, bad)
                }
            };
            self.sound += checked.sound;
            summary.add(&checked.summary);
            offset += checked.bytes;
            run.observer.progress(checked.bytes);
            if checked.bytes < batch_length(geometry) as u64 {
                break;
            }
        }
        Ok(summary)
    }

    fn check_batch(
        &mut self,
        context: &PageContext,
        batch: &PageBatch<'_>,
        bad: &mut BadPages,
    ) -> CheckedBatch {
        let mut checked = CheckedBatch::of(batch);
        for (block, stored, plain) in self.check.pages(batch) {
            match self.check_page(context, block, stored, plain) {
                PageOutcome::Zero => {}
                PageOutcome::Sound => {
                    checked.sound += 1;
                    bad.sound();
                }
                PageOutcome::Bad(problem, cause, severity) => {
                    let page = u64::from(block.get() - batch.first.get());
                    let offset = batch.offset + page * stored.len() as u64;
                    bad.bad(block, offset, problem, cause, severity);
                }
            }
        }
        checked
    }

    fn check_page(
        &mut self,
        context: &PageContext,
        block: BlockNumber,
        stored: &[u8],
        plain: &[u8],
    ) -> PageOutcome {
        let severity = severity_of(context.fork);
        let condition = match self.check.page(block, stored, plain) {
            Found::Zero => return PageOutcome::Zero,
            Found::Sound => return PageOutcome::Sound,
            Found::Suspicious(problem, cause) => return PageOutcome::Bad(problem, cause, severity),
            Found::Bad(condition) => condition,
        };
        let cause = self.explain(context, block, stored, plain);
        // Damage that replay of the backup's WAL will repair.
        let replayed = self.check.rules.replayed_from.is_some_and(|start| {
            matches!(condition, PageCondition::Checksum { .. })
                && matches!(cause, Cause::Damaged | Cause::Torn { .. })
                && PageHeader::parse(plain).is_ok_and(|header| header.lsn >= start)
        });
        let severity = match cause {
            _ if replayed => Severity::Minor,
            // Plaintext on disk is no smaller matter in a map than elsewhere.
            Cause::NotEncrypted | Cause::NoKeyEntry { .. } => Severity::Error,
            _ => severity,
        };
        PageOutcome::Bad(Problem::Page(condition), cause, severity)
    }

    fn explain(&mut self, context: &PageContext, block: BlockNumber, stored: &[u8], plain: &[u8]) -> Cause {
        if self.check.protection == RelationProtection::Plain {
            if !looks_random(stored) {
                return Cause::Damaged;
            }
            self.keep_sample(context.fork, block, stored);
            return Cause::NoKeyEntry { opens_with: None };
        }
        let search = self.searches > 0;
        let (cause, found) = diagnose(context, block, stored, plain, search, self.guess);
        match cause {
            Cause::WrongKey { .. } => self.keep_sample(context.fork, block, stored),
            Cause::WrongIv(_) | Cause::Damaged => self.searches = self.searches.saturating_sub(1),
            _ => {}
        }
        if let Some(found @ RightIv::BaseIvBit(_)) = found {
            self.guess = Some(found);
        }
        cause
    }

    fn keep_sample(&mut self, fork: Fork, block: BlockNumber, stored: &[u8]) {
        if self.sample.is_none() {
            self.sample =
                Some(Sample { fork, block, stored: stored.to_vec(), checksums: self.check.rules.checksums });
        }
    }

    fn verdict(&self, cluster: &Cluster, keys: &mut KeySearch) -> Verdict {
        let opens_with = self.sample.as_ref().and_then(|sample| keys.find(cluster, sample));
        Verdict { any_sound: self.sound > 0, opens_with }
    }
}

impl DoneFile {
    fn report(mut self, run: &mut Run<'_>, verdict: &Verdict, protection: RelationProtection) {
        for range in self.ranges {
            let place = range.place();
            let cause = verdict.refine(range.cause);
            self.file.finding(run, place, range.problem, cause, range.severity);
        }
        self.file.left_out(run, self.left_out);
        let report = &mut run.report;
        report.relation_files += 1;
        match protection {
            RelationProtection::Encrypted => report.encrypted_relation_files += 1,
            RelationProtection::KeyUnavailable => report.relation_files_without_key += 1,
            RelationProtection::Plain => {}
        }
        report.pages += self.pages;
        report.pages_never_written += self.never_written;
        let contents =
            FileContents::Relation { protection, pages: self.pages, never_written: self.never_written };
        self.file.done(run, contents);
    }
}

impl Verdict {
    /// A page's cause in the light of the relation's other pages.
    fn refine(&self, cause: Cause) -> Cause {
        match cause {
            // Pages that are right prove key and base IV.
            Cause::WrongIv(IvEvidence::FirstBlockOnly) if self.any_sound => Cause::Damaged,
            Cause::WrongKey { .. } if self.any_sound && self.opens_with.is_none() => Cause::Damaged,
            Cause::WrongKey { .. } => Cause::WrongKey { opens_with: self.opens_with },
            Cause::NoKeyEntry { .. } => Cause::NoKeyEntry { opens_with: self.opens_with },
            cause => cause,
        }
    }
}

enum PageOutcome {
    Zero,
    Sound,
    Bad(Problem, Cause, Severity),
}

/// A server replaces bad pages of the maps by zeros and builds them anew.
const fn severity_of(fork: Fork) -> Severity {
    match fork {
        Fork::Fsm | Fork::Vm => Severity::Minor,
        _ => Severity::Error,
    }
}
