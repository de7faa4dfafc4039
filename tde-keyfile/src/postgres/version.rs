//! The version numbers in PostgreSQL's files, and which major release they belong to.

use core::fmt;

use tde_wal::Major;

use super::relation_path::parse_decimal;

/// The version of the system catalogs: the one number that tells PostgreSQL's majors apart.
///
/// It is fixed for the life of a stable major. Forks and beta releases have others: an unknown one means
/// an unknown version, not damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CatalogVersion(u32);

impl CatalogVersion {
    /// The catalog version with this number.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number: a date and a digit.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// That of a stable major (`catversion.h`, `CATALOG_VERSION_NO`). None for a major that this version of
    /// the crate does not know.
    #[must_use]
    pub const fn of(major: Major) -> Option<Self> {
        Some(Self(match major {
            Major::V14 => 202_107_181,
            Major::V15 => 202_209_061,
            Major::V16 => 202_307_071,
            Major::V17 => 202_406_281,
            Major::V18 => 202_506_291,
            _ => return None,
        }))
    }

    /// The major it belongs to, if known.
    #[must_use]
    pub fn major(self) -> Option<Major> {
        Major::ALL.into_iter().find(|major| Self::of(*major) == Some(self))
    }
}

impl fmt::Display for CatalogVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The directory that a server makes below a tablespace's location, as `PG_17_202406281`
/// (`relpath.h`, `TABLESPACE_VERSION_DIRECTORY`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(clippy::exhaustive_structs)]
pub struct TablespaceVersion {
    /// The major version's number.
    pub major: u32,
    /// The catalog version.
    pub catalog: CatalogVersion,
}

impl TablespaceVersion {
    /// That of a stable major; none for a major that this version of the crate does not know.
    #[must_use]
    pub fn of(major: Major) -> Option<Self> {
        Some(Self { major: major.number(), catalog: CatalogVersion::of(major)? })
    }

    /// Reads the directory's name.
    #[must_use]
    pub fn parse(directory: &str) -> Option<Self> {
        let (major, catalog) = directory.strip_prefix("PG_")?.split_once('_')?;
        let number = |text| parse_decimal(text).filter(|number| *number != 0);
        Some(Self { major: number(major)?, catalog: CatalogVersion(number(catalog)?) })
    }
}

impl fmt::Display for TablespaceVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PG_{}_{}", self.major, self.catalog)
    }
}

/// The major named by the text of a `PG_VERSION` file (`17` and a line feed), if known.
#[must_use]
pub fn major_of_version_file(text: &[u8]) -> Option<Major> {
    let text = core::str::from_utf8(text).ok()?;
    Major::from_number(parse_decimal(text.strip_suffix('\n').unwrap_or(text))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn every_major_has_its_catalog_version_and_directory() {
        for (major, catalog, directory) in [
            (Major::V14, 202_107_181, "PG_14_202107181"),
            (Major::V15, 202_209_061, "PG_15_202209061"),
            (Major::V16, 202_307_071, "PG_16_202307071"),
            (Major::V17, 202_406_281, "PG_17_202406281"),
            (Major::V18, 202_506_291, "PG_18_202506291"),
        ] {
            assert_eq!(CatalogVersion::new(catalog).major(), Some(major));
            let version = TablespaceVersion::of(major).unwrap();
            assert_eq!(version.to_string(), directory);
            assert_eq!(TablespaceVersion::parse(directory), Some(version));
        }
        assert_eq!(CatalogVersion::new(202_406_282).major(), None);
        for other in ["", "PG_17", "PG_17_", "PG_017_202406281", "pg_17_202406281", "PG_17_2024_06281"] {
            assert_eq!(TablespaceVersion::parse(other), None, "{other}");
        }
    }

    #[test]
    fn version_file_is_the_major_and_a_line_feed() {
        assert_eq!(major_of_version_file(b"17\n"), Some(Major::V17));
        assert_eq!(major_of_version_file(b"14"), Some(Major::V14));
        for other in [&b""[..], b"\n", b"13\n", b"017\n", b"17.2\n", b"17\n\n", b"+17\n", b"\xff"] {
            assert_eq!(major_of_version_file(other), None, "{other:?}");
        }
    }
}
