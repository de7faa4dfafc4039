//! What is odd about a cluster's key files, without keeping anything from being opened.

use core::fmt;
use std::path::{Path, PathBuf};

use tde_wal::Location;

use super::providers::ProviderRecordError;
use crate::format::header::{Magic, ProviderId};
use crate::format::{FormatError, TornTail};
use crate::index::Duplicate;
use crate::oid::Oid;

/// Something odd about one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    path: PathBuf,
    kind: NoteKind,
}

/// How much a note matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(clippy::exhaustive_enums)]
pub enum Severity {
    /// Normal in a cluster's life; good to know.
    Notice,
    /// Not normal, but nothing is lost by it as it stands.
    Warning,
    /// Something cannot be read, or the server would stumble over it.
    Problem,
}

/// What is odd.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoteKind {
    /// A key file of length zero, which creating an unencrypted relation leaves behind.
    EmptyKeyFile,
    /// The file ends inside an entry.
    TornTail(TornTail),
    /// An EMPTY entry with bytes that are not zero, as if a key had been hidden.
    EmptyNotZero {
        /// Its place, from 0.
        index: usize,
    },
    /// Two entries of one relation.
    Duplicate(Duplicate),
    /// An entry that cannot be read.
    UnreadableEntry(FormatError),
    /// The default key's file has entries, which the server never gives it.
    DefaultKeyWithEntries {
        /// How many.
        count: usize,
    },
    /// An INVALID range. In version 2 it keeps the server key from being rotated.
    InvalidRange {
        /// Its place, from 0.
        index: usize,
    },
    /// A range that was made but never written under.
    RangeNotStarted {
        /// Its place, from 0.
        index: usize,
    },
    /// A range that begins no later than one before it in the file.
    RangeOutOfOrder {
        /// Its place, from 0.
        index: usize,
        /// Where it begins.
        start: Location,
    },
    /// The header was written for another scope than the file's name says.
    OtherDatabase {
        /// The OID in the header.
        header: Oid,
    },
    /// Only the first 16 of the principal key's 32 bytes fit, as `pg_tde` 1.0 used them.
    TruncatedPrincipalKey,
    /// A provider whose record cannot be used.
    DamagedProvider {
        /// Its id.
        id: ProviderId,
        /// What is wrong with it.
        error: ProviderRecordError,
    },
    /// The file tells other versions than the key files have, so that a server would not convert them.
    StaleKeysVersion {
        /// What the file with the other version has.
        found: Magic,
    },
    /// `keys_version` names versions that are unknown, or is damaged.
    UnknownKeysVersion,
    /// A temporary file of a rotation or migration that did not finish.
    InterruptedRotation,
    /// WAL keys of `pg_tde` 1.0, which no later release reads.
    ServerKeys1,
    /// Keys of a release before 1.0.
    BetaKeys,
    /// A file that cannot be read.
    UnreadableFile,
    /// A file that `pg_tde` has no use for; it is left alone.
    ForeignFile,
}

impl Note {
    pub(super) const fn new(path: PathBuf, kind: NoteKind) -> Self {
        Self { path, kind }
    }

    /// The file, relative to the data directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is odd about it.
    #[must_use]
    pub const fn kind(&self) -> &NoteKind {
        &self.kind
    }

    /// How much that matters.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        match &self.kind {
            NoteKind::EmptyKeyFile | NoteKind::RangeNotStarted { .. } | NoteKind::ForeignFile => {
                Severity::Notice
            }
            NoteKind::TornTail(_)
            | NoteKind::EmptyNotZero { .. }
            | NoteKind::Duplicate(_)
            | NoteKind::DefaultKeyWithEntries { .. }
            | NoteKind::InvalidRange { .. }
            | NoteKind::OtherDatabase { .. }
            | NoteKind::TruncatedPrincipalKey
            | NoteKind::InterruptedRotation
            | NoteKind::ServerKeys1
            | NoteKind::BetaKeys => Severity::Warning,
            NoteKind::UnreadableEntry(_)
            | NoteKind::RangeOutOfOrder { .. }
            | NoteKind::DamagedProvider { .. }
            | NoteKind::StaleKeysVersion { .. }
            | NoteKind::UnknownKeysVersion
            | NoteKind::UnreadableFile => Severity::Problem,
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.kind)
    }
}

impl fmt::Display for NoteKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptyKeyFile => f.write_str("empty: no principal key and no internal keys"),
            Self::TornTail(TornTail { offset, length }) => {
                write!(f, "the last {length} bytes, from offset {offset}, are not a whole record")
            }
            Self::EmptyNotZero { index } => write!(f, "entry {index} is EMPTY, but its bytes are not zero"),
            Self::Duplicate(Duplicate { first, hidden }) => {
                write!(f, "entry {hidden} is of the same relation as entry {first} and is never found")
            }
            Self::UnreadableEntry(error) => error.fmt(f),
            Self::DefaultKeyWithEntries { count } => {
                write!(f, "{count} entries in the default key's file, which should have none")
            }
            Self::InvalidRange { index } => write!(f, "range {index} is INVALID"),
            Self::RangeNotStarted { index } => write!(f, "range {index} was never written under"),
            Self::RangeOutOfOrder { index, start } => {
                write!(f, "range {index} starts at {start}, no later than a range before it")
            }
            Self::OtherDatabase { header } => write!(f, "the header is that of scope {header}"),
            Self::TruncatedPrincipalKey => f.write_str(
                "only the first 16 bytes of the principal key fit: the key was used by pg_tde 1.0",
            ),
            Self::DamagedProvider { id, error } => write!(f, "provider {id}: {error}"),
            Self::StaleKeysVersion { found } => write!(
                f,
                "a {} of version {} is there, which a server would not convert",
                found.file(),
                found.version()
            ),
            Self::UnknownKeysVersion => f.write_str("the versions are unknown, or the file is damaged"),
            Self::InterruptedRotation => f.write_str("left by a rotation or migration that did not finish"),
            Self::ServerKeys1 => f.write_str("WAL keys of pg_tde 1.0, which no later release reads"),
            Self::BetaKeys => f.write_str("keys of a release before pg_tde 1.0"),
            Self::UnreadableFile => f.write_str("the file cannot be read"),
            Self::ForeignFile => f.write_str("not a file of pg_tde"),
        }
    }
}
