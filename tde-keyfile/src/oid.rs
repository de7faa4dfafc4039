//! Object identifiers, relation numbers, and the triple that names a relation's storage.

use core::fmt;

/// A PostgreSQL object identifier (of a database or a tablespace).
///
/// PostgreSQL and `pg_tde` keep it as an unsigned 32-bit number; it is shown in decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Oid(u32);

impl Oid {
    /// The tablespace `pg_default`; as the name of a `pg_tde` scope, the default principal key.
    pub const PG_DEFAULT: Self = Self(1663);
    /// The tablespace `pg_global`; as the name of a `pg_tde` scope, the server (WAL).
    pub const PG_GLOBAL: Self = Self(1664);

    /// The object identifier with this number; 0 is the invalid one.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<u32> for Oid {
    fn from(number: u32) -> Self {
        Self(number)
    }
}

/// The number in a relation's file name (`relfilenumber`): not the relation's object identifier,
/// although the two are often equal, and changed by every rewrite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelationNumber(u32);

impl RelationNumber {
    /// The relation number with this value; 0 is the invalid one.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for RelationNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<u32> for RelationNumber {
    fn from(number: u32) -> Self {
        Self(number)
    }
}

/// Where a relation is stored: tablespace, database, relation number.
///
/// Shown as `tablespace/database/relation`, the order PostgreSQL uses in its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(clippy::exhaustive_structs)]
pub struct RelationLocator {
    /// The tablespace's object identifier, never 0 (the database's default tablespace is spelled out).
    pub tablespace: Oid,
    /// The database's object identifier; 0 for relations shared by all databases.
    pub database: Oid,
    /// The number in the file name.
    pub relation: RelationNumber,
}

impl fmt::Display for RelationLocator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.tablespace, self.database, self.relation)
    }
}
