//! What comes out of verifying, and how a caller follows it.

use alloc::string::String;
use alloc::vec::Vec;

use super::finding::{Finding, Note, Severity};

/// Follows the verification of a cluster; every method may be left out.
pub trait Observer {
    /// How many bytes there are to read, before the first of them is read.
    fn total(&mut self, bytes: u64) {
        let _ = bytes;
    }

    /// So many more bytes have been read.
    fn progress(&mut self, bytes: u64) {
        let _ = bytes;
    }

    /// Something is wrong. Called also for findings that the report has no room for.
    fn finding(&mut self, finding: &Finding) {
        let _ = finding;
    }

    /// Something is worth knowing.
    fn note(&mut self, note: &Note) {
        let _ = note;
    }

    /// A file is done; its findings came before.
    fn file(&mut self, file: &VerifiedFile) {
        let _ = file;
    }
}

/// An observer that looks away.
impl Observer for () {}

/// One file that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifiedFile {
    /// The file, relative to the data directory.
    pub file: String,
    /// What kind of file it is, and what was in it.
    pub contents: FileContents,
    /// How many findings there are, those left out of the report included.
    pub findings: u64,
}

/// What was in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileContents {
    /// A key file.
    Keys {
        /// Entries that hold a key.
        keys: usize,
        /// Whether the principal key was at hand, so that they could be opened.
        opened: bool,
    },
    /// A segment file of a relation.
    Relation {
        /// How it is protected.
        protection: RelationProtection,
        /// Whole pages.
        pages: u64,
        /// Pages among them that were allocated but never written.
        never_written: u64,
    },
    /// A WAL segment.
    Wal {
        /// Records that begin in it.
        records: u64,
        /// Bytes of it that are encrypted.
        encrypted: u64,
    },
}

/// How a relation is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RelationProtection {
    /// Encrypted; the pages were decrypted and checked.
    Encrypted,
    /// Not encrypted: there is no key on record. The pages were checked as they are.
    Plain,
    /// Encrypted, but the key could not be had: nothing was checked.
    KeyUnavailable,
}

impl RelationProtection {
    /// Whether there are pages to check; `plain`: also those that are not encrypted.
    pub(super) const fn is_checked(self, plain: bool) -> bool {
        match self {
            Self::Encrypted => true,
            Self::Plain => plain,
            Self::KeyUnavailable => false,
        }
    }
}

/// The outcome of verifying a cluster.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Report {
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// Findings that were left out, because there were too many in one file or in all.
    pub findings_left_out: u64,
    /// What is worth knowing.
    pub notes: Vec<Note>,
    /// Key files looked at.
    pub key_files: u64,
    /// Keys that were opened.
    pub keys: u64,
    /// Relation files read.
    pub relation_files: u64,
    /// Relation files among them that are encrypted.
    pub encrypted_relation_files: u64,
    /// Relation files that were not read, because their key could not be had.
    pub relation_files_without_key: u64,
    /// Pages checked.
    pub pages: u64,
    /// Pages among them that were allocated but never written.
    pub pages_never_written: u64,
    /// WAL segments read.
    pub wal_segments: u64,
    /// WAL records whose chain and CRC were checked.
    pub wal_records: u64,
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.findings.is_empty() && self.findings_left_out == 0
    }

    /// The worst finding's severity.
    #[must_use]
    pub fn severity(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }
}
