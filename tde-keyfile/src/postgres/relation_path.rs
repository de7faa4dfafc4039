//! What a file below the data directory is, told by its path; and the parts of a relation file's path.

use core::fmt;

use tde_core::Fork;

use super::TablespaceVersion;
use crate::{Oid, RelationLocator, RelationNumber};

/// What a path below the data directory names.
///
/// Only names are looked at. Everything that PostgreSQL does not keep under such a name is
/// [`Other`](Self::Other) and none of our business.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DataFile<'a> {
    /// A segment file of a relation's fork; the only kind that page encryption applies to.
    Relation(RelationPath),
    /// A file of a temporary relation, `t<n>_<number>`. Its key never leaves the session's memory, so an
    /// encrypted one cannot be read by anybody; in a stopped cluster it is a leftover.
    TemporaryRelation,
    /// Spill space of a query (`pgsql_tmp…`).
    TemporaryFile,
    /// A file of an incremental base backup (`INCREMENTAL.…`, since 17): not pages, a format of its own.
    Incremental,
    /// A cache of catalog contents (`pg_internal.init…`), rebuilt whenever it is missing.
    CatalogCache,
    /// `pg_filenode.map`, see [`FilenodeMap`](super::FilenodeMap).
    FilenodeMap,
    /// `PG_VERSION`.
    Version,
    /// `global/pg_control`, see [`ControlFile`](super::ControlFile).
    Control,
    /// Anything directly in `pg_wal/`; the name is left to [`tde_wal`] to read.
    Wal {
        /// The name without the directory.
        name: &'a str,
    },
    /// Anything in `pg_tde/`.
    KeyDirectory {
        /// The path below that directory.
        name: &'a str,
    },
    /// Anything else.
    Other,
}

/// The parts of a relation segment file's path, relative to the data directory.
///
/// ```
/// use tde_core::Fork;
/// use tde_keyfile::postgres::RelationPath;
///
/// let path = RelationPath::parse("pg_tblspc/16665/PG_17_202406281/16477/16725_vm.2")?;
/// assert_eq!(path.locator.to_string(), "16665/16477/16725");
/// assert_eq!((path.fork, path.segment), (Fork::Vm, 2));
/// assert_eq!(path.to_string(), "pg_tblspc/16665/PG_17_202406281/16477/16725_vm.2");
/// # Ok::<(), tde_keyfile::postgres::RelationPathError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(clippy::exhaustive_structs)]
pub struct RelationPath {
    /// Tablespace, database and relation number; the key is found by these.
    pub locator: RelationLocator,
    /// The server version's directory in a tablespace other than `pg_default` and `pg_global`.
    pub version: Option<TablespaceVersion>,
    /// The fork.
    pub fork: Fork,
    /// The segment: 0 for a name without one, else the number behind the dot.
    pub segment: u32,
}

impl<'a> DataFile<'a> {
    /// Tells what `path` is: relative to the data directory, parts separated by `/`.
    ///
    /// Empty parts and `.` are skipped; a path with `..` is [`Other`](Self::Other).
    #[must_use]
    pub fn classify(path: &'a str) -> Self {
        let mut parts = Parts::of(path);
        let Some(first) = parts.next() else { return Self::Other };
        match first {
            "global" => Self::in_database(Place::global(), parts),
            "base" => {
                let Some(directory) = parts.next() else { return Self::Other };
                if directory.starts_with(TEMPORARY_PREFIX) {
                    return if parts.escapes() { Self::Other } else { Self::TemporaryFile };
                }
                match parse_number(directory) {
                    Some(database) => Self::in_database(Place::default(database), parts),
                    None => Self::Other,
                }
            }
            "pg_tblspc" => Self::in_tablespace(parts),
            "pg_wal" => match parts.last_part() {
                Some(name) => Self::Wal { name },
                None => Self::Other,
            },
            "pg_tde" if !parts.escapes() && !parts.rest().is_empty() => {
                Self::KeyDirectory { name: parts.rest() }
            }
            "PG_VERSION" if parts.next().is_none() => Self::Version,
            _ => Self::Other,
        }
    }

    fn in_tablespace(mut parts: Parts<'a>) -> Self {
        let place = (|| {
            let tablespace = Oid::new(parse_number(parts.next()?)?);
            let version = TablespaceVersion::parse(parts.next()?)?;
            Some((tablespace, version, parts.next()?))
        })();
        match place {
            Some((_, _, directory)) if directory.starts_with(TEMPORARY_PREFIX) => Self::TemporaryFile,
            Some((tablespace, version, directory)) => match parse_number(directory) {
                Some(database) => Self::in_database(
                    Place { tablespace, database: Oid::new(database), version: Some(version) },
                    parts,
                ),
                None => Self::Other,
            },
            None => Self::Other,
        }
    }

    fn in_database(place: Place, parts: Parts<'a>) -> Self {
        let Some(name) = parts.last_part() else { return Self::Other };
        let global = place.tablespace == Oid::PG_GLOBAL;
        match name {
            "PG_VERSION" if !global => Self::Version,
            "pg_filenode.map" => Self::FilenodeMap,
            "pg_control" if global => Self::Control,
            _ if name.starts_with("pg_internal.init") => Self::CatalogCache,
            _ if name.starts_with(TEMPORARY_PREFIX) => Self::TemporaryFile,
            _ => match name.strip_prefix("INCREMENTAL.") {
                Some(name) if RelationName::parse(name).is_some() => Self::Incremental,
                _ if is_temporary_relation(name) => Self::TemporaryRelation,
                _ => match RelationName::parse(name) {
                    Some(name) => Self::Relation(place.join(name)),
                    None => Self::Other,
                },
            },
        }
    }
}

impl RelationPath {
    /// Reads a path relative to the data directory, parts separated by `/`.
    ///
    /// # Errors
    /// [`RelationPathError`] with what the path names instead.
    pub fn parse(path: &str) -> Result<Self, RelationPathError> {
        match DataFile::classify(path) {
            DataFile::Relation(path) => Ok(path),
            DataFile::TemporaryRelation => Err(RelationPathError::TemporaryRelation),
            DataFile::Incremental => Err(RelationPathError::Incremental),
            _ => Err(RelationPathError::NotARelation),
        }
    }

    /// The path of another segment of the same fork.
    #[must_use]
    pub const fn with_segment(self, segment: u32) -> Self {
        Self { segment, ..self }
    }

    /// The path of the first segment of another fork of the same relation.
    #[must_use]
    pub const fn with_fork(self, fork: Fork) -> Self {
        Self { fork, segment: 0, ..self }
    }
}

impl fmt::Display for RelationPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RelationLocator { tablespace, database, relation } = self.locator;
        match (tablespace, self.version) {
            (Oid::PG_GLOBAL, _) => write!(f, "global/{relation}")?,
            (Oid::PG_DEFAULT, _) | (_, None) => write!(f, "base/{database}/{relation}")?,
            (_, Some(version)) => write!(f, "pg_tblspc/{tablespace}/{version}/{database}/{relation}")?,
        }
        if self.fork != Fork::Main {
            write!(f, "_{}", self.fork.suffix())?;
        }
        if self.segment != 0 {
            write!(f, ".{}", self.segment)?;
        }
        Ok(())
    }
}

/// Why a path is not that of a relation's pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RelationPathError {
    /// The path does not name a relation file.
    NotARelation,
    /// A temporary relation: the key was only in the session's memory.
    TemporaryRelation,
    /// A file of an incremental backup; it has to be combined with the backups before it first.
    Incremental,
}

impl fmt::Display for RelationPathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotARelation => {
                "not a relation file: expected base/<database>/<number>, global/<number> or \
                 pg_tblspc/<tablespace>/PG_<version>/<database>/<number>, with _fsm, _vm or _init and .<segment>"
            }
            Self::TemporaryRelation => {
                "a temporary relation: its key was never stored, nobody can decrypt it"
            }
            Self::Incremental => {
                "a file of an incremental backup: combine the backups first (pg_combinebackup)"
            }
        })
    }
}

impl core::error::Error for RelationPathError {}

/// What the server's temporary files and directories begin with (`fd.h`, `PG_TEMP_FILE_PREFIX`).
const TEMPORARY_PREFIX: &str = "pgsql_tmp";

/// The directory that holds the files of one database in one tablespace.
struct Place {
    tablespace: Oid,
    database: Oid,
    version: Option<TablespaceVersion>,
}

impl Place {
    const fn global() -> Self {
        Self { tablespace: Oid::PG_GLOBAL, database: Oid::new(0), version: None }
    }

    const fn default(database: u32) -> Self {
        Self { tablespace: Oid::PG_DEFAULT, database: Oid::new(database), version: None }
    }

    fn join(self, name: RelationName) -> RelationPath {
        RelationPath {
            locator: RelationLocator {
                tablespace: self.tablespace,
                database: self.database,
                relation: name.number,
            },
            version: self.version,
            fork: name.fork,
            segment: name.segment,
        }
    }
}

/// `<number>[_<fork>][.<segment>]` (`reinit.c`, `parse_filename_for_nontemp_relation`).
struct RelationName {
    number: RelationNumber,
    fork: Fork,
    segment: u32,
}

impl RelationName {
    fn parse(name: &str) -> Option<Self> {
        let (name, segment) = match name.split_once('.') {
            Some((name, segment)) => (name, parse_number(segment)?),
            None => (name, 0),
        };
        let (number, fork) = match name.split_once('_') {
            Some((number, suffix)) => {
                (number, [Fork::Fsm, Fork::Vm, Fork::Init].into_iter().find(|f| f.suffix() == suffix)?)
            }
            None => (name, Fork::Main),
        };
        Some(Self { number: RelationNumber::new(parse_number(number)?), fork, segment })
    }
}

/// `t<backend>_<relation name>`; the backend's number counts from 1 through 16, from 0 since 17.
fn is_temporary_relation(name: &str) -> bool {
    name.strip_prefix('t').and_then(|rest| rest.split_once('_')).is_some_and(|(backend, relation)| {
        parse_decimal(backend).is_some() && RelationName::parse(relation).is_some()
    })
}

/// A positive decimal u32 without sign or leading zero.
fn parse_number(text: &str) -> Option<u32> {
    parse_decimal(text).filter(|number| *number != 0)
}

/// A decimal u32 without sign or leading zero.
pub(super) fn parse_decimal(text: &str) -> Option<u32> {
    let canonical = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if canonical { text.parse().ok() } else { None }
}

/// The parts of a path.
#[derive(Clone)]
struct Parts<'a>(&'a str);

impl<'a> Parts<'a> {
    fn of(path: &'a str) -> Self {
        Self(path)
    }

    /// What has not been read yet.
    fn rest(&self) -> &'a str {
        self.0.trim_start_matches('/')
    }

    /// Whether the rest leads upwards.
    fn escapes(&self) -> bool {
        self.0.split('/').any(|part| part == "..")
    }

    /// The one part that is left; none if there are more or fewer.
    fn last_part(mut self) -> Option<&'a str> {
        let last = self.next()?;
        (self.next().is_none() && last != "..").then_some(last)
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        loop {
            let rest = self.0.trim_start_matches('/');
            if rest.is_empty() {
                self.0 = rest;
                return None;
            }
            let (part, rest) = rest.split_once('/').unwrap_or((rest, ""));
            self.0 = rest;
            if part != "." {
                return Some(part);
            }
        }
    }
}

#[cfg(test)]
#[path = "relation_path_tests.rs"]
mod tests;
