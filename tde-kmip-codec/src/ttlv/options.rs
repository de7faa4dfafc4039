use core::{fmt, ops};

use super::ErrorKind;

/// Limits and leniency of a decoder. The default is strict, with limits that no honest message meets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    pub(crate) leniency: Leniency,
    pub(crate) max_size: usize,
    pub(crate) max_depth: u8,
    pub(crate) max_items: u32,
}

impl Options {
    /// The largest input by default: 16 MiB, what MongoDB's client takes and far above any message seen.
    pub const DEFAULT_MAX_SIZE: usize = 16 << 20;
    /// How deep structures may nest by default; real messages stay below a dozen, Cosmian KMS refuses more than 64.
    pub const DEFAULT_MAX_DEPTH: u8 = 64;
    /// The most that [`Options::max_depth`] takes.
    pub const DEPTH_CEILING: u8 = 64;
    /// How many items an input may hold by default: all that fit into [`Options::DEFAULT_MAX_SIZE`].
    pub const DEFAULT_MAX_ITEMS: u32 = 2 << 20;

    /// Strict, with the default limits.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            leniency: Leniency::NONE,
            max_size: Self::DEFAULT_MAX_SIZE,
            max_depth: Self::DEFAULT_MAX_DEPTH,
            max_items: Self::DEFAULT_MAX_ITEMS,
        }
    }

    /// Tolerate these deviations.
    #[must_use]
    pub const fn leniency(mut self, leniency: Leniency) -> Self {
        self.leniency = leniency;
        self
    }

    /// Refuse inputs of more than this many bytes.
    #[must_use]
    pub const fn max_size(mut self, bytes: usize) -> Self {
        self.max_size = if bytes > u32::MAX as usize { u32::MAX as usize } else { bytes };
        self
    }

    /// Refuse structures nested deeper than this; values above [`Options::DEPTH_CEILING`] count as that.
    #[must_use]
    pub const fn max_depth(mut self, levels: u8) -> Self {
        self.max_depth = if levels > Self::DEPTH_CEILING { Self::DEPTH_CEILING } else { levels };
        self
    }

    /// Refuse inputs of more than this many items.
    #[must_use]
    pub const fn max_items(mut self, items: u32) -> Self {
        self.max_items = items;
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

/// A set of deviations from the standard that a decoder goes along with, and reports.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Leniency(u16);

impl Leniency {
    /// None: strict.
    pub const NONE: Self = Self(0);
    /// Padding bytes that are not zero. Not kept: re-encoding writes zeros.
    pub const NONZERO_PADDING: Self = Self(1 << 0);
    /// No, or too little, padding after the last item of a structure or of the input.
    pub const SHORT_PADDING: Self = Self(1 << 1);
    /// Bytes after the outermost item.
    pub const TRAILING_BYTES: Self = Self(1 << 2);
    /// Fields that the structure does not have in any version, such as vendors' extension tags.
    pub const UNKNOWN_FIELDS: Self = Self(1 << 3);
    /// Enumeration values that are neither in the standard nor in the extension range.
    pub const UNKNOWN_ENUMERATION_VALUES: Self = Self(1 << 4);
    /// Fields of another item type than the standard's, where the same bits mean the same: Integer, Enumeration and
    /// Interval; Long Integer and the date types; Text String and Byte String. Re-encoding writes the standard's type.
    pub const WRONG_TYPES: Self = Self(1 << 5);
    /// Fields in another order than the standard's.
    pub const ANY_ORDER: Self = Self(1 << 6);
    /// Fields that may come once and come again; the first counts.
    pub const REPEATED_FIELDS: Self = Self(1 << 7);
    /// Missing required fields, where the typed form has a place for their absence.
    pub const MISSING_FIELDS: Self = Self(1 << 8);
    /// Fields, operations and enumeration values of another version than the one in the header.
    pub const OTHER_VERSIONS: Self = Self(1 << 9);
    /// A Batch Count that is not the number of Batch Items.
    pub const BATCH_COUNT: Self = Self(1 << 10);
    /// Several Batch Items without Unique Batch Item ID.
    pub const BATCH_ITEM_IDS: Self = Self(1 << 11);
    /// A protocol version that this crate does not know; read as the nearest that it knows.
    pub const UNKNOWN_VERSION: Self = Self(1 << 12);
    /// Payloads of operations that are not known; kept as they are.
    pub const UNKNOWN_OPERATIONS: Self = Self(1 << 13);
    /// Fields that are missing, or there, against a rule between fields ([`crate::spec::RuleFacts`]), such as a
    /// failure without its Result Reason.
    pub const CONDITIONAL_FIELDS: Self = Self(1 << 14);
    /// All of them.
    pub const ALL: Self = Self((1 << 15) - 1);

    const NAMES: [(Self, &'static str); 15] = [
        (Self::NONZERO_PADDING, "non-zero padding"),
        (Self::SHORT_PADDING, "short padding"),
        (Self::TRAILING_BYTES, "trailing bytes"),
        (Self::UNKNOWN_FIELDS, "unknown fields"),
        (Self::UNKNOWN_ENUMERATION_VALUES, "unknown enumeration values"),
        (Self::WRONG_TYPES, "wrong types"),
        (Self::ANY_ORDER, "any order"),
        (Self::REPEATED_FIELDS, "repeated fields"),
        (Self::MISSING_FIELDS, "missing fields"),
        (Self::OTHER_VERSIONS, "other versions"),
        (Self::BATCH_COUNT, "batch count"),
        (Self::BATCH_ITEM_IDS, "batch item identifiers"),
        (Self::UNKNOWN_VERSION, "unknown version"),
        (Self::UNKNOWN_OPERATIONS, "unknown operations"),
        (Self::CONDITIONAL_FIELDS, "conditional fields"),
    ];

    /// Whether every deviation of `other` is in this set.
    #[must_use]
    #[inline(always)]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether the sets have a deviation in common.
    #[must_use]
    #[inline(always)]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The deviations of either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The deviations of this set that are not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether the set is empty.
    #[must_use]
    #[inline(always)]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The switches in this set, one by one, with a name in lower case.
    pub fn iter(self) -> impl Iterator<Item = (Self, &'static str)> {
        Self::NAMES.into_iter().filter(move |(flag, _)| self.contains(*flag))
    }
}

impl ops::BitOr for Leniency {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.union(other)
    }
}

impl ops::BitOrAssign for Leniency {
    fn bitor_assign(&mut self, other: Self) {
        *self = self.union(other);
    }
}

impl fmt::Debug for Leniency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Leniency({self})")
    }
}

impl fmt::Display for Leniency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("none");
        }
        for (index, (_, name)) in self.iter().enumerate() {
            if index != 0 {
                f.write_str(", ")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}

/// One deviation that was gone along with: what a strict decoder would have refused, and where.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Tolerated {
    /// The switch that allowed it; exactly one.
    pub switch: Leniency,
    /// What a strict decoder would have said.
    pub kind: ErrorKind,
    /// Byte offset in the input.
    pub offset: usize,
}

impl fmt::Display for Tolerated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.kind, self.offset)
    }
}
