//! The WAL ranges with their keys, and what a page looks like under another range than the one on record.

use alloc::vec::Vec;

use tde_core::{BaseIv, InternalKey};
use tde_wal::{
    ExpectedPage, KeyRange, KeyRanges, Location, PageEvidence, PageVerdict, Protection, RangeEntry,
    RangeKind, RecordHeader, SegmentPosition, WalCipher, transform_to,
};

use super::finding::{Cause, IvEvidence};
use crate::Oid;
use crate::cluster::Cluster;
use crate::postgres::is_zero;

/// The ranges of a cluster, as far as their keys can be had.
#[derive(Debug)]
pub(super) struct WalRangeKeys {
    /// Ready to decrypt with.
    pub(super) ranges: KeyRanges,
    /// Started entries that count, in the order of the file, with their keys.
    entries: Vec<(RangeEntry, Option<InternalKey>)>,
}

impl WalRangeKeys {
    /// Opens what can be opened; what cannot is a finding about the key file.
    pub(super) fn of(cluster: &Cluster) -> Self {
        let scope = cluster.scope(Oid::PG_GLOBAL);
        let key = scope.and_then(|scope| scope.unlocked_key().ok().flatten());
        let mut entries = Vec::new();
        for entry in scope.and_then(|scope| scope.wal_keys()).iter().flat_map(|keys| keys.entries()) {
            let Ok(entry) = entry else { continue };
            if entry.kind() == RangeKind::Invalid || !entry.is_started() {
                continue;
            }
            let internal = key.and_then(|key| entry.unwrap_key(key.wrap_key()).ok());
            // What an entry that does not open says of its kind is not to be believed.
            let kind = if key.is_some() && internal.is_none() { RangeKind::Encrypted } else { entry.kind() };
            entries.push((RangeEntry { start: entry.start(), kind }, internal));
        }
        let owned = entries.iter().map(|(entry, key)| (*entry, key.as_ref().and_then(copy)));
        Self { ranges: KeyRanges::from_entries(owned), entries }
    }

    /// Why a page's header is not what it must be. `stored` is the page as it is in the file at `at`.
    pub(super) fn explain_page(
        &self,
        at: SegmentPosition,
        stored: &[u8],
        plain: &[u8],
        expected: &ExpectedPage<'_>,
    ) -> Cause {
        if is_zero(stored) {
            return Cause::NeverWritten;
        }
        match PageEvidence::of(plain, expected).map(|evidence| evidence.verdict()) {
            Some(PageVerdict::Valid | PageVerdict::Damaged) => return Cause::Damaged,
            Some(PageVerdict::Older) => return Cause::Recycled,
            _ => {}
        }
        let here = Location::new(at.timeline(), expected.address);
        if is_valid(stored, expected) {
            return if self.has_plain_neighbour(here) {
                Cause::RangeMoved { opens_with: None }
            } else {
                Cause::NotEncrypted
            };
        }
        let head = stored.get(..tde_wal::LONG_HEADER_LEN).unwrap_or(stored);
        for (entry, key) in self.encrypted() {
            if decrypted(key, at, head).is_some_and(|plain| is_valid(&plain, expected)) {
                return Cause::RangeMoved { opens_with: Some(entry.start) };
            }
        }
        if stored == plain {
            return Cause::NoKeyEntry { opens_with: None };
        }
        let flipped = |bit| {
            let key = with_flipped_bit(self.key_at(here)?, bit)?;
            decrypted(&key, at, head).filter(|plain| is_valid(plain, expected))
        };
        match (0..96).find(|bit| flipped(*bit).is_some()) {
            Some(bit) => Cause::WrongIv(IvEvidence::BaseIvBit { byte: bit / 8, bit: bit % 8 }),
            None => Cause::WrongKey { opens_with: None },
        }
    }

    /// Why a record makes no sense on a page whose header does: under another range's key it may. `offset`
    /// is the record's place on the page.
    pub(super) fn explain_record(
        &self,
        at: SegmentPosition,
        stored: &[u8],
        offset: usize,
        last_record: Option<u64>,
    ) -> Cause {
        let makes_sense = |page: &[u8]| {
            let Some(bytes) = page.get(offset..).and_then(|rest| rest.first_chunk()) else { return false };
            let header = RecordHeader::read(bytes);
            // A back link of 64 bits is proof enough.
            header.total_length >= 24 && last_record.is_some_and(|last| last == header.previous.get())
        };
        let ranges: Vec<_> = self.encrypted().collect();
        for (entry, key) in ranges {
            if decrypted(key, at, stored).is_some_and(|page| makes_sense(&page)) {
                return Cause::RangeMoved { opens_with: Some(entry.start) };
            }
        }
        if makes_sense(stored) {
            return Cause::RangeMoved { opens_with: None };
        }
        Cause::Damaged
    }

    /// The start of a range that lies strictly between two locations.
    pub(super) fn start_between(&self, from: Location, to: Location) -> Option<Location> {
        self.entries.iter().map(|(entry, _)| entry.start).find(|start| from < *start && *start < to)
    }

    fn encrypted(&self) -> impl Iterator<Item = (&RangeEntry, &InternalKey)> {
        self.entries
            .iter()
            .filter(|(entry, _)| entry.kind == RangeKind::Encrypted)
            .filter_map(|(entry, key)| Some((entry, key.as_ref()?)))
    }

    fn key_at(&self, here: Location) -> Option<&InternalKey> {
        let at = self.entries.iter().rposition(|(entry, _)| entry.start <= here)?;
        self.entries.get(at).and_then(|(_, key)| key.as_ref())
    }

    /// Whether the range before or after the one that holds `here` is plain; what comes before the first is.
    fn has_plain_neighbour(&self, here: Location) -> bool {
        let is_plain = |index: usize| {
            self.entries.get(index).is_some_and(|(entry, _)| entry.kind == RangeKind::Unencrypted)
        };
        match self.entries.iter().rposition(|(entry, _)| entry.start <= here) {
            None | Some(0) => true,
            Some(at) => is_plain(at - 1) || is_plain(at + 1),
        }
    }
}

pub(super) fn is_valid(page: &[u8], expected: &ExpectedPage<'_>) -> bool {
    PageEvidence::of(page, expected).is_some_and(|evidence| evidence.verdict() == PageVerdict::Valid)
}

/// The bytes as they would be if this key's range held them all.
fn decrypted(key: &InternalKey, at: SegmentPosition, stored: &[u8]) -> Option<Vec<u8>> {
    let start = Location::new(tde_wal::TimelineId::new(0), tde_wal::Lsn::INVALID);
    let range = KeyRange::new(start, Location::MAX, Protection::Encrypted(WalCipher::new(key)));
    let mut plain = alloc::vec![0; stored.len()];
    transform_to(&[range], at, stored, &mut plain).ok()?;
    Some(plain)
}

fn copy(key: &InternalKey) -> Option<InternalKey> {
    InternalKey::from_slice(key.cipher(), key.expose_bytes(), *key.base_iv()).ok()
}

fn with_flipped_bit(key: &InternalKey, bit: u8) -> Option<InternalKey> {
    let mut base_iv = *key.base_iv().as_bytes();
    *base_iv.get_mut(usize::from(bit / 8))? ^= 1 << (bit % 8);
    InternalKey::from_slice(key.cipher(), key.expose_bytes(), BaseIv::new(base_iv)).ok()
}
