//! Positions in the log: LSNs, timelines, and both together.

use core::fmt;
use core::str::FromStr;

use crate::error::Error;

/// A log sequence number: a byte position in the write-ahead log of one timeline.
///
/// Written as two hexadecimal halves, as PostgreSQL writes it. Reading accepts one to eight digits a half, in
/// either case, with or without leading zeros.
///
/// ```
/// # use tde_wal::Lsn;
/// let lsn: Lsn = "0/00E54740".parse()?;
/// assert_eq!(lsn, Lsn::new(0xE5_4740));
/// assert_eq!(lsn.to_string(), "0/E54740");
/// # Ok::<(), tde_wal::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lsn(u64);

impl Lsn {
    /// Zero, which PostgreSQL reserves for "no position".
    pub const INVALID: Self = Self(0);
    /// The highest position there is.
    pub const MAX: Self = Self(u64::MAX);

    /// The position `bytes` from the beginning of the log.
    #[must_use]
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The position in bytes from the beginning of the log.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Whether this is a position at all; zero is not.
    #[must_use]
    pub const fn is_valid(self) -> bool {
        self.0 != 0
    }

    /// The position `bytes` further on, if there is one.
    #[must_use]
    pub const fn checked_add(self, bytes: u64) -> Option<Self> {
        match self.0.checked_add(bytes) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xFFFF_FFFF)
    }
}

impl FromStr for Lsn {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (high, low) = text.split_once('/').ok_or(Error::LsnText)?;
        let high = hex_u32(high, 1).ok_or(Error::LsnText)?;
        let low = hex_u32(low, 1).ok_or(Error::LsnText)?;
        Ok(Self(u64::from(high) << 32 | u64::from(low)))
    }
}

/// A timeline: the branch of history that a promotion or a point-in-time recovery begins.
///
/// Zero stands for "none" where a format has a field for it; a started key range never has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimelineId(u32);

impl TimelineId {
    /// The timeline that a new cluster begins on.
    pub const FIRST: Self = Self(1);

    /// The timeline with this number.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for TimelineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A position on a timeline. Ordered by timeline first, then by LSN, which is the order that key ranges use
/// (pg_tde 2.2.0, `wal_location_cmp`).
///
/// ```
/// # use tde_wal::{Location, Lsn, TimelineId};
/// let late_on_first = Location::new(TimelineId::new(1), Lsn::new(0x900_0000));
/// let early_on_second = Location::new(TimelineId::new(2), Lsn::new(0x100_0000));
/// assert!(late_on_first < early_on_second);
/// ```
// The derived order compares the fields in the order of their declaration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// The timeline.
    pub timeline: TimelineId,
    /// The position on it.
    pub lsn: Lsn,
}

impl Location {
    /// Past everything: where the last key range ends.
    pub const MAX: Self = Self { timeline: TimelineId(u32::MAX), lsn: Lsn::MAX };

    /// The position `lsn` on `timeline`.
    #[must_use]
    pub const fn new(timeline: TimelineId, lsn: Lsn) -> Self {
        Self { timeline, lsn }
    }

    /// Whether a key range that has this start was ever begun: neither timeline nor LSN is zero.
    #[must_use]
    pub const fn is_valid(self) -> bool {
        self.timeline.0 != 0 && self.lsn.is_valid()
    }
}

impl fmt::Display for Location {
    /// `timeline 2, LSN 0/C58000`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "timeline {}, LSN {}", self.timeline, self.lsn)
    }
}

/// Between `least` and eight hexadecimal digits and nothing else; `from_str_radix` alone would accept a sign.
pub(crate) fn hex_u32(text: &str, least: usize) -> Option<u32> {
    let digits = text.len();
    if digits < least || digits > 8 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    u32::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lsn_text_reads_with_or_without_leading_zeros() {
        for (text, value) in [
            ("0/C00028", 0xC0_0028),
            ("0/00C00028", 0xC0_0028),
            ("00000012/345678ab", 0x12_3456_78AB),
            ("FFFFFFFF/FFFFFFFF", u64::MAX),
            ("0/0", 0),
        ] {
            assert_eq!(text.parse(), Ok(Lsn::new(value)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_no_lsn() {
        for text in ["", "/", "0/", "/0", "0", "0/+1", "-1/0", "0/123456789", "0/0/0", " 0/0", "0/G", "0/é"]
        {
            assert_eq!(text.parse::<Lsn>(), Err(Error::LsnText), "{text}");
        }
    }

    #[test]
    fn locations_order_by_timeline_first() {
        let at = |timeline, lsn| Location::new(TimelineId::new(timeline), Lsn::new(lsn));
        assert!(at(1, u64::MAX) < at(2, 0));
        assert!(at(2, 1) < at(2, 2));
        assert!(at(u32::MAX, u64::MAX) == Location::MAX);
        assert!(at(1, 1).is_valid() && !at(0, 1).is_valid() && !at(1, 0).is_valid());
    }
}
