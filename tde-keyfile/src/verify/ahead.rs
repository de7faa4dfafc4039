//! Looking at pages ahead of the verification, on all threads of a pool.
//!
//! Almost every page is sound, and to see that takes nothing but the page. So threads look at batches of pages and
//! say only which batches have nothing wrong in them; the verification, which is sequential, takes those as read and
//! looks itself at the others. Its findings and their order are then the same as without help.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::vec::Vec;
use std::fs::File;
use std::sync::OnceLock;

use super::relation::{BatchPlace, CheckedBatch, PageCheck, PageRules, SegmentFile, protection_of};
use crate::cluster::Cluster;
use crate::positional::fill_at;
use crate::relation_file::{SegmentPages, batch_buffers, batch_length};
use crate::threads;

/// Batches that are looked at before the verification catches up: some tens of milliseconds of work.
const WAVE: usize = 512;
/// Files that they come from: so many are open at a time.
const OPEN_FILES: usize = 64;

/// Batches of relation files, in the order in which the verification asks for them.
pub(super) struct Ahead<'a> {
    cluster: &'a Cluster,
    rules: &'a PageRules,
    plain_relations: bool,
    /// All files, in the order of the verification.
    files: &'a [SegmentFile],
    /// The first batch that has not been looked at.
    next: BatchPlace,
    looked_at: VecDeque<(BatchPlace, Option<CheckedBatch>)>,
}

/// A file of which batches are looked at, opened by the first thread that comes to it.
struct OpenFile<'a> {
    segment: &'a SegmentFile,
    opened: OnceLock<Option<(File, SegmentPages, PageCheck<'a>)>>,
}

impl<'a> Ahead<'a> {
    pub(super) fn new(
        cluster: &'a Cluster,
        rules: &'a PageRules,
        plain_relations: bool,
        files: &'a [SegmentFile],
    ) -> Self {
        let (next, looked_at) = (BatchPlace { file: 0, batch: 0 }, VecDeque::new());
        Self { cluster, rules, plain_relations, files, next, looked_at }
    }

    /// What is in a batch, if nothing is wrong there. None: the verification has to look itself.
    ///
    /// Places must be asked for in ascending order; they need not all be.
    pub(super) fn take(&mut self, place: BatchPlace) -> Option<CheckedBatch> {
        loop {
            match self.looked_at.front() {
                Some((found, _)) if *found < place => _ = self.looked_at.pop_front(),
                Some((found, _)) if *found == place => return self.looked_at.pop_front()?.1,
                Some(_) => return None,
                // Behind the length that the file had.
                None if self.next > place => return None,
                None if self.next.file >= self.files.len() => return None,
                None => self.look(),
            }
        }
    }

    /// Looks at the next batches.
    fn look(&mut self) {
        let length = batch_length(self.rules.geometry);
        let mut files: Vec<OpenFile<'a>> = Vec::new();
        let mut places = Vec::new();
        let mut last = None;
        while places.len() < WAVE
            && let Some(segment) = self.files.get(self.next.file)
        {
            if last != Some(self.next.file) {
                if files.len() == OPEN_FILES {
                    break;
                }
                files.push(OpenFile { segment, opened: OnceLock::new() });
                last = Some(self.next.file);
            }
            places.push((files.len() - 1, self.next));
            // One more than there are whole ones: the end is where nothing or too little comes.
            self.next = if self.next.batch < segment.length / length as u64 {
                BatchPlace { batch: self.next.batch + 1, ..self.next }
            } else {
                BatchPlace { file: self.next.file + 1, batch: 0 }
            };
        }
        let found = threads::map(
            places.len(),
            || batch_buffers(self.rules.geometry, true),
            |(stored, plain), number| {
                let (file, place) = places.get(number)?;
                let (input, pages, check) = files.get(*file)?.get(self)?;
                let offset = place.batch * length as u64;
                let read = fill_at(input, stored, offset).ok()?;
                let batch = pages.batch(offset, stored.get(..read)?, plain).ok()?;
                check.batch(&batch)
            },
        );
        self.looked_at.extend(places.into_iter().map(|(_, place)| place).zip(found));
    }
}

impl<'a> OpenFile<'a> {
    /// None if there is nothing to be looked at, or it cannot be: why is found again by the verification.
    fn get(&self, ahead: &Ahead<'a>) -> Option<&(File, SegmentPages, PageCheck<'a>)> {
        let open = || {
            let path = self.segment.path;
            let (key, protection) = protection_of(ahead.cluster, &path.locator);
            if !protection.is_checked(ahead.plain_relations) {
                return None;
            }
            let input = File::open(ahead.cluster.directory().join(format!("{path}"))).ok()?;
            let pages = SegmentPages::new(path, key.as_ref(), ahead.rules.geometry).ok()?;
            let check = PageCheck { rules: ahead.rules, protection };
            Some((input, pages, check))
        };
        self.opened.get_or_init(open).as_ref()
    }
}
