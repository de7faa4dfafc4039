//! A record that has not all come yet.

use core::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::crc::Crc32c;
use crate::location::{Lsn, TimelineId};
use crate::record::{CHECKED_HEADER_LEN, RECORD_HEADER_LEN, RecordHeader};

/// Bytes kept from a record's beginning: its header and the first of what follows.
pub(super) const KEPT: usize = 64;

/// The first bytes of a record in plaintext. They stay where they are, since a move would leave a copy behind, and are
/// wiped when dropped.
#[derive(Clone)]
pub(super) struct Kept([u8; KEPT]);

impl Kept {
    pub(super) const fn new() -> Self {
        Self([0; KEPT])
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl ZeroizeOnDrop for Kept {}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").finish_non_exhaustive()
    }
}

/// How much of a record has come, and the CRC over what has come after its header. Since the header goes into the CRC
/// last, it is [kept](Kept), and all else only passes by.
#[derive(Clone)]
pub(super) struct Partial {
    start: Lsn,
    timeline: TimelineId,
    total: u32,
    come: u32,
    crc: Crc32c,
    /// Whether the header was there, and so was checked, before the last piece came.
    had_header: bool,
}

impl Partial {
    /// A record of `total` bytes, of which these have come; no more than that many.
    pub(super) fn new(start: Lsn, timeline: TimelineId, total: u32, bytes: &[u8], kept: &mut Kept) -> Self {
        let mut partial = Self { start, timeline, total, come: 0, crc: Crc32c::new(), had_header: false };
        partial.push(bytes, kept);
        partial
    }

    /// Takes the next bytes of the record, of which there must be no more than are left.
    pub(super) fn push(&mut self, bytes: &[u8], kept: &mut Kept) {
        self.had_header = self.has_header();
        let come = self.come as usize;
        if let Some(free) = kept.0.get_mut(come..) {
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
    pub(super) fn header(&self, kept: &Kept) -> Option<RecordHeader> {
        if self.has_header() { RecordHeader::first_of(&kept.0) } else { None }
    }

    /// The header, if the last piece has made it whole.
    pub(super) fn new_header(&self, kept: &Kept) -> Option<RecordHeader> {
        if self.had_header { None } else { self.header(kept) }
    }

    /// The first bytes of the record, as far as they have come and are kept.
    pub(super) fn leading_bytes<'k>(&self, kept: &'k Kept) -> &'k [u8] {
        kept.0.get(..self.come as usize).unwrap_or(&kept.0)
    }

    /// The CRC, once everything has come.
    pub(super) fn crc(&self, kept: &Kept) -> u32 {
        let mut crc = self.crc.clone();
        crc.update(kept.0.get(..CHECKED_HEADER_LEN).unwrap_or_default());
        crc.finish()
    }

    const fn has_header(&self) -> bool {
        self.come as usize >= RECORD_HEADER_LEN
    }
}

impl fmt::Debug for Partial {
    /// Without the CRC, which is over plaintext.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Partial")
            .field("start", &self.start)
            .field("total", &self.total)
            .field("come", &self.come)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    extern crate alloc;
    use super::*;
    use alloc::format;

    #[test]
    fn what_is_kept_is_wiped_and_not_shown() {
        fn wiped<T: ZeroizeOnDrop>(_: &T) {}
        let mut kept = Kept::new();
        wiped(&kept);
        let partial = Partial::new(Lsn::new(8), TimelineId::FIRST, 100, &[0xA5; 30], &mut kept);
        assert_eq!(partial.leading_bytes(&kept), [0xA5; 30]);
        for shown in [format!("{kept:?}"), format!("{partial:?}")] {
            assert!(!shown.contains("165"), "{shown}");
        }
    }
}
