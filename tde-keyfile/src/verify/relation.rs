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
use crate::cluster::{Cluster, RelationKey};
use crate::postgres::{PageCondition, PageHeader, RelationPath};
use crate::relation_file::{PageBatch, RelationFileError, RelationGeometry, RelationReader};

/// A segment file of a relation, as the directory lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SegmentFile {
    pub(super) path: RelationPath,
    pub(super) length: u64,
}

/// What the control file, or the lack of it, says about pages.
#[derive(Debug, Clone, Copy)]
pub(super) struct PageRules {
    pub(super) geometry: RelationGeometry,
    pub(super) checksums: bool,
    /// No page of a cluster that was shut down has a later LSN.
    pub(super) last_lsn: Option<Lsn>,
    /// Pages changed from here on will be written anew by replay: a base backup not yet recovered.
    pub(super) replayed_from: Option<Lsn>,
}

/// Pages whose IV is searched for, in one relation; a search can cost milliseconds.
const IV_SEARCHES: u32 = 32;

/// Verifies the files of one relation, which must be sorted by fork and segment.
pub(super) fn verify_relation(
    run: &mut Run<'_>,
    cluster: &Cluster,
    rules: &PageRules,
    keys: &mut KeySearch,
    files: &[SegmentFile],
) {
    let Some(first) = files.first() else { return };
    let (key, protection) = match cluster.relation_key(&first.path.locator) {
        Ok(RelationKey::Key(key)) => (Some(key), RelationProtection::Encrypted),
        Ok(RelationKey::NoEntry) => (None, RelationProtection::Plain),
        // Why is a finding about the key file.
        Err(_) => (None, RelationProtection::KeyUnavailable),
    };
    let mut relation = Relation {
        rules,
        key: key.as_ref(),
        protection,
        sound: 0,
        searches: IV_SEARCHES,
        guess: None,
        sample: None,
    };
    let mut done = Vec::new();
    for fork in files.chunk_by(|a, b| a.path.fork == b.path.fork) {
        for (index, file) in fork.iter().enumerate() {
            done.push(relation.file(run, file, fork, index));
        }
    }
    let verdict = relation.verdict(cluster, keys);
    for file in done {
        file.report(run, &verdict, protection);
    }
}

/// One relation while its files are read.
struct Relation<'a> {
    rules: &'a PageRules,
    key: Option<&'a InternalKey>,
    protection: RelationProtection,
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
    opens_with: Option<crate::RelationLocator>,
}

/// A file that was read.
struct DoneFile {
    file: FileRun,
    ranges: Vec<BadRange>,
    left_out: u64,
    pages: u64,
    never_written: u64,
}

impl Relation<'_> {
    fn file(
        &mut self,
        run: &mut Run<'_>,
        segment: &SegmentFile,
        fork: &[SegmentFile],
        index: usize,
    ) -> DoneFile {
        let mut file = run.file(segment.path.to_string());
        self.check_length(run, &mut file, segment, fork, index);
        let mut done = DoneFile { file, ranges: Vec::new(), left_out: 0, pages: 0, never_written: 0 };
        if self.protection == RelationProtection::KeyUnavailable
            || (self.protection == RelationProtection::Plain && !run.options.plain_relations)
        {
            run.observer.progress(segment.length);
            return done;
        }
        let mut bad = BadPages::new(run.options.max_findings_per_file);
        let read = self.read(run, segment, fork, &mut bad);
        (done.ranges, done.left_out) = bad.finish();
        match read {
            Ok((pages, never_written)) => (done.pages, done.never_written) = (pages, never_written),
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
        let page = self.rules.geometry.page_size.get() as u64;
        let full = self.rules.geometry.segment_length();
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
    ) -> Result<(u64, u64), RelationFileError> {
        let directory = run.data_directory;
        let mut reader =
            RelationReader::<File>::open(directory, segment.path, self.key, self.rules.geometry)?;
        let page_size = self.rules.geometry.page_size.get();
        let last = fork.last().unwrap_or(segment);
        let blocks_before = last.path.segment.saturating_mul(self.rules.geometry.blocks_per_segment);
        let blocks_in_last = u32::try_from(last.length / page_size as u64).unwrap_or(u32::MAX);
        let context = PageContext {
            fork: segment.path.fork,
            checksums: self.rules.checksums,
            blocks: blocks_before.saturating_add(blocks_in_last),
            blocks_per_segment: self.rules.geometry.blocks_per_segment,
        };
        let mut offset = 0;
        while let Some(batch) = reader.next_batch()? {
            self.check_batch(&context, &batch, page_size, offset, bad);
            let bytes = batch.stored.len() as u64;
            offset += bytes;
            run.observer.progress(bytes);
        }
        let summary = reader.summary();
        run.observer.progress(summary.trailing_bytes);
        Ok((summary.pages, summary.never_written))
    }

    fn check_batch(
        &mut self,
        context: &PageContext,
        batch: &PageBatch<'_>,
        page_size: usize,
        offset: u64,
        bad: &mut BadPages,
    ) {
        let pages = batch.stored.chunks_exact(page_size).zip(batch.plain.chunks_exact(page_size));
        for (index, (stored, plain)) in (0u32..).zip(pages) {
            let Some(block) = batch.first.checked_add(index) else { return };
            match self.check_page(context, block, stored, plain) {
                PageOutcome::Zero => {}
                PageOutcome::Sound => {
                    self.sound += 1;
                    bad.sound();
                }
                PageOutcome::Bad(problem, cause, severity) => {
                    let offset = offset + u64::from(index) * page_size as u64;
                    bad.bad(block, offset, problem, cause, severity);
                }
            }
        }
    }

    fn check_page(
        &mut self,
        context: &PageContext,
        block: BlockNumber,
        stored: &[u8],
        plain: &[u8],
    ) -> PageOutcome {
        let condition = PageCondition::of(plain, block, context.checksums);
        if condition == PageCondition::Zero {
            return PageOutcome::Zero;
        }
        let severity = severity_of(context.fork);
        if condition == PageCondition::Sound {
            return match self.suspicion(context, stored, plain) {
                None => PageOutcome::Sound,
                Some((problem, cause)) => PageOutcome::Bad(problem, cause, severity),
            };
        }
        let cause = self.explain(context, block, stored, plain);
        // Damage that replay of the backup's WAL will repair.
        let replayed = self.rules.replayed_from.is_some_and(|start| {
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

    /// Where no checksum guards a page, what else speaks against it.
    fn suspicion(&self, context: &PageContext, stored: &[u8], plain: &[u8]) -> Option<(Problem, Cause)> {
        if context.checksums || self.protection != RelationProtection::Encrypted {
            return None;
        }
        if let Some(zero) = unwritten_part(stored) {
            return Some((Problem::PartlyZero { zero: zero.clone() }, Cause::Torn { zero }));
        }
        let lsn = PageHeader::parse(plain).ok()?.lsn;
        let end = self.rules.last_lsn.filter(|end| lsn > *end)?;
        Some((Problem::LsnBeyondWal { lsn, end }, Cause::WrongIv(IvEvidence::FirstBlockOnly)))
    }

    fn explain(&mut self, context: &PageContext, block: BlockNumber, stored: &[u8], plain: &[u8]) -> Cause {
        if self.protection == RelationProtection::Plain {
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
                Some(Sample { fork, block, stored: stored.to_vec(), checksums: self.rules.checksums });
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
