//! A record that has not all come yet.

use core::fmt;

use crate::crc::Crc32c;
use crate::location::{Lsn, TimelineId};
use crate::record::{CHECKED_HEADER_LEN, RECORD_HEADER_LEN, RecordHeader};

/// Bytes kept from a record's beginning: its header and the first of what follows.
pub(super) const KEPT: usize = 64;

/// The beginning of a record, and the CRC over what has come after its header. Since the header goes into the CRC
/// last, it is kept, and all else only passes by.
#[derive(Clone)]
pub(super) struct Partial {
    start: Lsn,
    timeline: TimelineId,
    total: u32,
    come: u32,
    kept: [u8; KEPT],
    crc: Crc32c,
    /// Whether the header was there, and so was checked, before the last piece came.
    had_header: bool,
}

impl Partial {
    /// A record of `total` bytes, of which these have come; no more than that many.
    pub(super) fn new(start: Lsn, timeline: TimelineId, total: u32, bytes: &[u8]) -> Self {
        let crc = Crc32c::new();
        let mut partial = Self { start, timeline, total, come: 0, kept: [0; KEPT], crc, had_header: false };
        partial.push(bytes);
        partial
    }

    /// Takes the next bytes of the record, of which there must be no more than are left.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.had_header = self.has_header();
        let come = self.come as usize;
        if let Some(free) = self.kept.get_mut(come..) {
            for (to, from) in free.iter_mut().zip(bytes) {
                *to = *from;
            }
        }
        let of_header = RECORD_HEADER_LEN.saturating_sub(come);
        self.crc.update(bytes.get(of_header..).unwrap_or_default());
        self.come = u32::try_from(bytes.len()).map_or(self.total, |len| self.come.saturating_add(len));
    }

    pub(super) const fn start(&self) -> Lsn {
        self.start
    }

    pub(super) const fn timeline(&self) -> TimelineId {
        self.timeline
    }

    /// Bytes still to come.
    pub(super) const fn left(&self) -> u32 {
        self.total.saturating_sub(self.come)
    }

    /// The header, once it is whole.
    pub(super) fn header(&self) -> Option<RecordHeader> {
        if self.has_header() { RecordHeader::first_of(&self.kept) } else { None }
    }

    /// The header, if the last piece has made it whole.
    pub(super) fn new_header(&self) -> Option<RecordHeader> {
        if self.had_header { None } else { self.header() }
    }

    /// The first bytes of the record, as far as they have come and are kept.
    pub(super) fn leading_bytes(&self) -> &[u8] {
        self.kept.get(..self.come as usize).unwrap_or(&self.kept)
    }

    /// The CRC, once everything has come.
    pub(super) fn crc(&self) -> u32 {
        let mut crc = self.crc.clone();
        crc.update(self.kept.get(..CHECKED_HEADER_LEN).unwrap_or_default());
        crc.finish()
    }

    const fn has_header(&self) -> bool {
        self.come as usize >= RECORD_HEADER_LEN
    }
}

impl fmt::Debug for Partial {
    /// Without the bytes, which are plaintext.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Partial")
            .field("start", &self.start)
            .field("total", &self.total)
            .field("come", &self.come)
            .finish_non_exhaustive()
    }
}
