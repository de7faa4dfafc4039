//! Major versions of PostgreSQL, as far as WAL tells them apart.

use core::fmt;

/// A major version of PostgreSQL whose WAL pages this crate knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Major {
    /// PostgreSQL 14.
    V14,
    /// PostgreSQL 15.
    V15,
    /// PostgreSQL 16.
    V16,
    /// PostgreSQL 17.
    V17,
    /// PostgreSQL 18.
    V18,
}

impl Major {
    /// All of them, oldest first.
    pub const ALL: [Self; 5] = [Self::V14, Self::V15, Self::V16, Self::V17, Self::V18];

    /// The magic number at the head of each WAL page (`XLOG_PAGE_MAGIC`).
    #[must_use]
    pub const fn magic(self) -> u16 {
        match self {
            Self::V14 => 0xD10D,
            Self::V15 => 0xD110,
            Self::V16 => 0xD113,
            Self::V17 => 0xD116,
            Self::V18 => 0xD118,
        }
    }

    /// The major version with this page magic.
    #[must_use]
    pub fn from_magic(magic: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|major| major.magic() == magic)
    }

    /// Its number, such as 17.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::V14 => 14,
            Self::V15 => 15,
            Self::V16 => 16,
            Self::V17 => 17,
            Self::V18 => 18,
        }
    }

    /// The major version with this number, as in the file `PG_VERSION`.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|major| major.number() == number)
    }

    /// The longest record that the server would accept: since 16 it refuses to write longer ones than
    /// `XLogRecordMaxSize` (1020 MiB); before, it could not have allocated 1 GiB to read one.
    pub(crate) const fn longest_record(self) -> u32 {
        match self {
            Self::V14 | Self::V15 => (1 << 30) - 1,
            Self::V16 | Self::V17 | Self::V18 => 1020 << 20,
        }
    }
}

impl fmt::Display for Major {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().fmt(f)
    }
}
