//! Key ranges: which part of the log is encrypted, and with which key.

use crate::location::Location;
use crate::transform::WalCipher;

/// The type of a WAL key entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums, reason = "pg_tde 2.2.0, WalEncryptionRangeType: the set is complete")]
pub enum RangeKind {
    /// Voided by a later entry; plays no part.
    Invalid,
    /// From here on the log is not encrypted.
    Unencrypted,
    /// From here on the log is encrypted with the entry's key.
    Encrypted,
}

impl RangeKind {
    /// The kind with this number in the key file, if there is one.
    #[must_use]
    pub const fn from_id(id: u32) -> Option<Self> {
        match id {
            0 => Some(Self::Invalid),
            1 => Some(Self::Unencrypted),
            2 => Some(Self::Encrypted),
            _ => None,
        }
    }

    /// Its number in the key file.
    #[must_use]
    pub const fn id(self) -> u32 {
        match self {
            Self::Invalid => 0,
            Self::Unencrypted => 1,
            Self::Encrypted => 2,
        }
    }
}

/// A WAL key entry as the key file has it, without its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs, reason = "a start and a kind are all that the rules look at")]
pub struct RangeEntry {
    /// Where it begins; timeline 0 and LSN 0 until the server first writes under it.
    pub start: Location,
    /// What it says.
    pub kind: RangeKind,
}

/// What a key range does to the bytes in it.
///
/// `C` is whatever stands for a key; [`WalCipher`] where bytes are transformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(
    clippy::exhaustive_enums,
    reason = "a caller who forgets one of them leaves bytes encrypted or exposed"
)]
pub enum Protection<C> {
    /// Nothing.
    Plain,
    /// They are encrypted with this key.
    Encrypted(C),
    /// They are encrypted, and the key is not at hand. Such bytes are refused, never passed on as if they were
    /// plaintext.
    Unavailable,
}

/// A stretch of the log under one entry: from its start up to, not including, the start of the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRange<C = WalCipher> {
    start: Location,
    end: Location,
    protection: Protection<C>,
}

impl<C> KeyRange<C> {
    /// A range by itself; [`resolve`] makes them from the entries of a key file.
    pub const fn new(start: Location, end: Location, protection: Protection<C>) -> Self {
        Self { start, end, protection }
    }

    /// The first location in it.
    pub const fn start(&self) -> Location {
        self.start
    }

    /// The first location past it.
    pub const fn end(&self) -> Location {
        self.end
    }

    /// What it does to the bytes in it.
    pub const fn protection(&self) -> &Protection<C> {
        &self.protection
    }

    /// Whether it holds nothing because it ends no later than it starts: the next entry starts earlier, or at the
    /// same location.
    pub fn is_empty(&self) -> bool {
        self.end <= self.start
    }

    /// Whether `location` lies in it.
    pub fn contains(&self, location: Location) -> bool {
        self.start <= location && location < self.end
    }
}

/// Makes ranges from the entries of a key file, in their order there.
///
/// The rules are those of the server (pg_tde 2.2.0, `pg_tde_fetch_wal_keys`):
///
/// * an entry that is [`Invalid`](RangeKind::Invalid), or whose start was never set, is left out, and ends nothing;
/// * a range ends where the next one that is not left out begins, and the last one never;
/// * [`Unencrypted`](RangeKind::Unencrypted) entries count, and so end the range before them;
/// * the order of the file is trusted: nothing is sorted. Starts that do not ascend give ranges that overlap, and
///   the server applies these one after the other. [`out_of_order`] finds them.
///
/// The second half of an item is the key; `None` for an encrypted entry gives [`Protection::Unavailable`], and the
/// key of an entry that is not encrypted is dropped.
///
/// ```
/// use tde_wal::{KeyRange, Location, Lsn, Protection, RangeEntry, RangeKind, TimelineId, resolve};
///
/// let at = |timeline, lsn| Location::new(TimelineId::new(timeline), Lsn::new(lsn));
/// let entries = [
///     (RangeEntry { start: at(1, 0x100_0000), kind: RangeKind::Encrypted }, Some('a')),
///     (RangeEntry { start: at(0, 0), kind: RangeKind::Encrypted }, Some('b')),
///     (RangeEntry { start: at(1, 0x300_0000), kind: RangeKind::Unencrypted }, Some('c')),
/// ];
/// let mut ranges = resolve(entries);
/// let first = ranges.next().unwrap();
/// assert_eq!(first, KeyRange::new(at(1, 0x100_0000), at(1, 0x300_0000), Protection::Encrypted('a')));
/// assert_eq!(ranges.next().unwrap().end(), Location::MAX);
/// ```
pub fn resolve<C, I>(entries: I) -> Resolve<C, I::IntoIter>
where
    I: IntoIterator<Item = (RangeEntry, Option<C>)>,
{
    Resolve { entries: entries.into_iter(), pending: None }
}

/// The iterator of [`resolve`].
#[derive(Clone, Debug)]
pub struct Resolve<C, I> {
    entries: I,
    /// The range that waits for the next one's start to know its end.
    pending: Option<(Location, Protection<C>)>,
}

impl<C, I: Iterator<Item = (RangeEntry, Option<C>)>> Iterator for Resolve<C, I> {
    type Item = KeyRange<C>;

    fn next(&mut self) -> Option<KeyRange<C>> {
        loop {
            let Some((entry, key)) = self.entries.next() else {
                let (start, protection) = self.pending.take()?;
                return Some(KeyRange::new(start, Location::MAX, protection));
            };
            if !entry.start.is_valid() {
                continue;
            }
            let protection = match (entry.kind, key) {
                (RangeKind::Invalid, _) => continue,
                (RangeKind::Unencrypted, _) => Protection::Plain,
                (RangeKind::Encrypted, Some(key)) => Protection::Encrypted(key),
                (RangeKind::Encrypted, None) => Protection::Unavailable,
            };
            if let Some((start, before)) = self.pending.replace((entry.start, protection)) {
                return Some(KeyRange::new(start, entry.start, before));
            }
        }
    }
}

/// Indices of the ranges that start before, or where, an earlier one in the list starts.
///
/// A key file that a server wrote has none. Where one is found, bytes may be covered by two ranges, and are then
/// transformed twice; it is worth a word to the user.
pub fn out_of_order<C>(ranges: &[KeyRange<C>]) -> impl Iterator<Item = usize> + '_ {
    let mut highest = None;
    ranges.iter().enumerate().filter_map(move |(index, range)| {
        let odd = highest.is_some_and(|highest| range.start <= highest);
        highest = highest.max(Some(range.start));
        odd.then_some(index)
    })
}

#[cfg(test)]
mod tests {
    extern crate alloc;
    use super::*;
    use crate::location::{Lsn, TimelineId};
    use alloc::vec::Vec;

    fn at(timeline: u32, lsn: u64) -> Location {
        Location::new(TimelineId::new(timeline), Lsn::new(lsn))
    }

    fn ranges(entries: &[(Location, RangeKind)]) -> Vec<KeyRange<usize>> {
        let entries = entries.iter().enumerate();
        resolve(entries.map(|(i, &(start, kind))| (RangeEntry { start, kind }, Some(i)))).collect()
    }

    #[test]
    fn dropped_entries_end_nothing_and_unencrypted_ones_do() {
        use RangeKind::{Encrypted, Invalid, Unencrypted};
        let made = ranges(&[
            (at(0, 0), Encrypted),
            (at(1, 0x100_0000), Encrypted),
            (at(1, 0x300_0000), Unencrypted),
            (at(0, 0), Encrypted),
            (at(1, 0x500_0000), Invalid),
            (at(0, 9), Encrypted),
            (at(9, 0), Unencrypted),
            (at(2, 0x480_0000), Encrypted),
        ]);
        assert_eq!(
            made,
            [
                KeyRange::new(at(1, 0x100_0000), at(1, 0x300_0000), Protection::Encrypted(1)),
                KeyRange::new(at(1, 0x300_0000), at(2, 0x480_0000), Protection::Plain),
                KeyRange::new(at(2, 0x480_0000), Location::MAX, Protection::Encrypted(7)),
            ]
        );
        assert_eq!(out_of_order(&made).count(), 0);
        assert!(ranges(&[(at(0, 0), Encrypted), (at(1, 1), Invalid)]).is_empty());
    }

    #[test]
    fn file_order_is_kept_and_starts_that_do_not_ascend_are_reported() {
        let encrypted = |lsn| (at(1, lsn), RangeKind::Encrypted);
        let made = ranges(&[encrypted(10), encrypted(30), encrypted(20), encrypted(40), encrypted(40)]);
        let bounds: Vec<_> = made.iter().map(|r| (r.start().lsn.get(), r.end().lsn.get())).collect();
        assert_eq!(bounds, [(10, 30), (30, 20), (20, 40), (40, 40), (40, u64::MAX)]);
        assert_eq!(
            made.iter().map(KeyRange::is_empty).collect::<Vec<_>>(),
            [false, true, false, true, false]
        );
        assert_eq!(out_of_order(&made).collect::<Vec<_>>(), [2, 4]);
    }

    #[test]
    fn an_encrypted_entry_without_its_key_is_not_taken_for_plain() {
        let entry = RangeEntry { start: at(1, 1), kind: RangeKind::Encrypted };
        let made: Vec<KeyRange<()>> = resolve([(entry, None)]).collect();
        assert_eq!(*made[0].protection(), Protection::Unavailable);
    }

    #[test]
    fn kinds_keep_their_numbers() {
        for id in 0..3 {
            assert_eq!(RangeKind::from_id(id).map(RangeKind::id), Some(id));
        }
        assert_eq!(RangeKind::from_id(3), None);
    }
}
