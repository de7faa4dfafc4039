//! What verifying can find, as values.

use alloc::string::String;
use core::fmt;
use core::ops::Range;

use tde_core::{BlockNumber, Fork};
use tde_wal::{Location, Lsn};

use crate::RelationLocator;
use crate::postgres::PageCondition;

/// Something that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The file, relative to the data directory.
    pub file: String,
    /// Where in it.
    pub place: Place,
    /// What is wrong there.
    pub problem: Problem,
    /// What that most likely means.
    pub cause: Cause,
    /// How bad it is.
    pub severity: Severity,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// The server repairs it by itself: damage in a free space or visibility map, or in a page that WAL replay
    /// will write anew.
    Minor,
    /// Data cannot be read, or not be trusted.
    Error,
}

/// Where in a file something is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// The file as a whole.
    File,
    /// These bytes of the file.
    Bytes(Range<u64>),
    /// Pages of a relation's fork.
    Blocks {
        /// The first bad page; counts within the fork, over all segments.
        first: BlockNumber,
        /// The last bad page.
        last: BlockNumber,
        /// How many from the first to the last are bad; the others are zero.
        count: u32,
        /// Byte offset of the first bad page in the file.
        offset: u64,
    },
    /// An entry of a key file.
    Entry {
        /// Its index, from 0, empty entries included.
        index: usize,
        /// Its byte offset.
        offset: u64,
    },
    /// A position in WAL.
    Wal {
        /// Timeline and LSN.
        location: Location,
        /// Byte offset in the segment file.
        offset: u64,
    },
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// The file cannot be read.
    Unreadable {
        /// What the system says.
        error: String,
    },
    /// The file's format is not what it must be.
    Format {
        /// What the reader of the format says.
        error: String,
    },
    /// A principal key could not be had.
    PrincipalKey {
        /// What the provider says.
        error: String,
    },
    /// The principal key does not verify the header's signature.
    HeaderSignature {
        /// Which key was tried.
        error: String,
    },
    /// The principal key does not open an entry, although it verifies the header.
    KeyEntry {
        /// What the unwrapping says.
        error: String,
    },
    /// A change of several key files was interrupted: some have their new content, others still the old.
    InterruptedChange {
        /// What the change was.
        description: String,
        /// How many of its files are not yet as they are to be.
        pending: usize,
    },
    /// A page of a relation is not what a server would accept.
    Page(PageCondition),
    /// A page was changed by a WAL record that lies beyond the end of WAL.
    LsnBeyondWal {
        /// `pd_lsn`.
        lsn: Lsn,
        /// The last checkpoint of a cluster that was shut down.
        end: Lsn,
    },
    /// A part of a stored page is zero, which ciphertext never is; the page makes sense all the same.
    PartlyZero {
        /// The bytes of the page that are zero.
        zero: Range<usize>,
    },
    /// A segment file's length is no whole number of pages, or not that of a segment.
    FileLength {
        /// Its length in bytes.
        actual: u64,
        /// The nearest length that would be right.
        expected: u64,
    },
    /// A segment file is missing or too short although there are pages in later ones.
    Segment {
        /// Its length in bytes; 0 if it is missing.
        actual: u64,
        /// The length of a full one.
        expected: u64,
    },
    /// A field of a WAL page's header is wrong.
    WalPage {
        /// Which, and how.
        error: String,
        /// The page from which on WAL is valid again, if there is one.
        resumes: Option<Lsn>,
    },
    /// The chain of WAL records breaks.
    WalRecord {
        /// Which check failed.
        error: String,
        /// The page from which on WAL is valid again, if there is one.
        resumes: Option<Lsn>,
    },
    /// The chain of WAL records ends before it may.
    WalEndsEarly {
        /// The end of the last whole record.
        reached: Lsn,
        /// What must be reached.
        required: Lsn,
        /// Which check failed there.
        error: String,
    },
    /// WAL goes on after what must be its last record.
    WalGoesOn {
        /// The shutdown checkpoint.
        checkpoint: Lsn,
        /// The last record found.
        last: Lsn,
    },
}

/// What a problem most likely means.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The principal key is not to be had: give its keyring or the key itself.
    KeyUnavailable,
    /// Another principal key, or a damaged header.
    WrongPrincipalKey,
    /// Encrypted under another key than the one on record.
    WrongKey {
        /// The relation whose key opens it, if one was found: the files were swapped.
        opens_with: Option<RelationLocator>,
    },
    /// The right key, but another IV than the one on record.
    WrongIv(IvEvidence),
    /// Only a part of the page reached the disk.
    Torn {
        /// The bytes of the page that were never written.
        zero: Range<usize>,
    },
    /// Changed bytes.
    Damaged,
    /// Plaintext where ciphertext belongs.
    NotEncrypted,
    /// Ciphertext without a key on record: the key entry or key file was removed, or another file put in place.
    NoKeyEntry {
        /// The relation whose key opens it, if one was found.
        opens_with: Option<RelationLocator>,
    },
    /// Never written, although it must have been.
    NeverWritten,
    /// Cut off.
    Truncated,
    /// A file is missing.
    Missing,
    /// WAL that begins to be encrypted, or under another key, elsewhere than the range on record says.
    RangeMoved {
        /// Start of the range whose key opens it; none if it is plaintext.
        opens_with: Option<Location>,
    },
    /// A page of an earlier use of the segment file.
    Recycled,
    /// A crash in the middle of a change that can be completed or undone.
    Interrupted,
    /// Cannot be told.
    Unknown,
}

/// What speaks for a wrong IV.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum IvEvidence {
    /// Everything behind the first 16 bytes is right.
    FirstBlockOnly,
    /// The page is whole with one bit of the base IV turned.
    BaseIvBit {
        /// The byte of the base IV, 0 to 15.
        byte: u8,
        /// The bit, 0 the lowest.
        bit: u8,
    },
    /// The page is whole as another page of the same relation.
    PageOf {
        /// That page's fork.
        fork: Fork,
        /// That page's block number.
        block: BlockNumber,
    },
}

/// Something worth knowing that is not wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Note {
    /// The file or directory, relative to the data directory.
    pub file: String,
    /// What there is to know.
    pub text: String,
}

impl Cause {
    /// A word for machines; does not change.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::KeyUnavailable => "key-unavailable",
            Self::WrongPrincipalKey => "wrong-principal-key",
            Self::WrongKey { .. } => "wrong-key",
            Self::WrongIv(_) => "wrong-iv",
            Self::Torn { .. } => "torn",
            Self::Damaged => "damaged",
            Self::NotEncrypted => "not-encrypted",
            Self::NoKeyEntry { .. } => "no-key-entry",
            Self::NeverWritten => "never-written",
            Self::Truncated => "truncated",
            Self::Missing => "missing",
            Self::RangeMoved { .. } => "range-moved",
            Self::Recycled => "recycled",
            Self::Interrupted => "interrupted",
            Self::Unknown => "unknown",
        }
    }
}

impl Problem {
    /// A word for machines; does not change.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "unreadable",
            Self::Format { .. } => "format",
            Self::PrincipalKey { .. } => "principal-key",
            Self::HeaderSignature { .. } => "header-signature",
            Self::KeyEntry { .. } => "key-entry",
            Self::InterruptedChange { .. } => "interrupted-change",
            Self::Page(PageCondition::Checksum { .. }) => "page-checksum",
            Self::Page(_) => "page-header",
            Self::LsnBeyondWal { .. } => "page-lsn",
            Self::PartlyZero { .. } => "page-partly-zero",
            Self::FileLength { .. } => "file-length",
            Self::Segment { .. } => "segment",
            Self::WalPage { .. } => "wal-page",
            Self::WalRecord { .. } => "wal-record",
            Self::WalEndsEarly { .. } => "wal-ends-early",
            Self::WalGoesOn { .. } => "wal-goes-on",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if self.place != Place::File {
            write!(f, ", {}", self.place)?;
        }
        write!(f, ": {}; {}", self.problem, self.cause)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => f.write_str("the file"),
            Self::Bytes(range) => write!(f, "bytes {} to {}", range.start, range.end),
            Self::Blocks { first, last, offset, .. } if first == last => {
                write!(f, "block {first} (offset {offset})")
            }
            Self::Blocks { first, last, count, offset } => {
                write!(f, "blocks {first} to {last} ({count} pages from offset {offset})")
            }
            Self::Entry { index, offset } => write!(f, "entry {index} (offset {offset})"),
            Self::Wal { location, offset } => write!(f, "{location} (offset {offset})"),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { error }
            | Self::Format { error }
            | Self::PrincipalKey { error }
            | Self::HeaderSignature { error }
            | Self::KeyEntry { error }
            | Self::WalPage { error, resumes: None }
            | Self::WalRecord { error, resumes: None } => f.write_str(error),
            Self::WalPage { error, resumes: Some(page) } | Self::WalRecord { error, resumes: Some(page) } => {
                write!(f, "{error}, WAL is valid again from {page}")
            }
            Self::InterruptedChange { description, pending } => write!(
                f,
                "a change of key files ({description}) was interrupted; {pending} of its files are not yet in place"
            ),
            Self::Page(condition) => condition.fmt(f),
            Self::LsnBeyondWal { lsn, end } => {
                write!(f, "page LSN {lsn} lies beyond the end of WAL, {end}")
            }
            Self::PartlyZero { zero } => {
                write!(f, "bytes {} to {} of the stored page are zero", zero.start, zero.end)
            }
            Self::FileLength { actual, expected } => {
                write!(f, "{actual} bytes long, expected {expected}")
            }
            Self::Segment { actual: 0, .. } => {
                f.write_str("missing or empty, although later segments have pages")
            }
            Self::Segment { actual, expected } => {
                write!(f, "{actual} of {expected} bytes, although later segments have pages")
            }
            Self::WalEndsEarly { reached, required, error } => {
                write!(f, "the chain of records ends at {reached}, before {required}: {error}")
            }
            Self::WalGoesOn { checkpoint, last } => {
                write!(f, "the last record begins at {last}, after the shutdown checkpoint at {checkpoint}")
            }
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyUnavailable => f.write_str("no principal key: name its keyring or give the key"),
            Self::WrongPrincipalKey => f.write_str("wrong principal key, or a damaged header"),
            Self::WrongKey { opens_with: None } => f.write_str("wrong key"),
            Self::WrongKey { opens_with: Some(relation) } => {
                write!(f, "wrong key: the key of relation {relation} opens it, the files were swapped")
            }
            Self::WrongIv(IvEvidence::FirstBlockOnly) => {
                f.write_str("right key with a wrong IV: base IV changed, or pages moved")
            }
            Self::WrongIv(IvEvidence::BaseIvBit { byte, bit }) => write!(
                f,
                "right key with a wrong IV: bit {bit} of byte {byte} of the base IV in the key entry is flipped"
            ),
            Self::WrongIv(IvEvidence::PageOf { fork, block }) => {
                write!(f, "right key with a wrong IV: this is block {block} of the ")?;
                match fork {
                    Fork::Main | Fork::Init => f.write_str("main fork"),
                    fork => write!(f, "{} fork", fork.suffix()),
                }
            }
            Self::Torn { zero } => {
                write!(f, "torn: bytes {} to {} of the page were never written", zero.start, zero.end)
            }
            Self::Damaged => f.write_str("damaged"),
            Self::NotEncrypted => f.write_str("not encrypted, although it should be"),
            Self::NoKeyEntry { opens_with: None } => {
                f.write_str("looks encrypted, but no key is on record for it")
            }
            Self::NoKeyEntry { opens_with: Some(relation) } => write!(
                f,
                "encrypted, but no key is on record for it; the key of relation {relation} opens it"
            ),
            Self::NeverWritten => f.write_str("never written"),
            Self::Truncated => f.write_str("truncated"),
            Self::Missing => f.write_str("missing"),
            Self::RangeMoved { opens_with: Some(start) } => {
                write!(f, "encrypted under the key of the range from {start}: a range's start was moved")
            }
            Self::RangeMoved { opens_with: None } => {
                f.write_str("stored as plaintext: a range's start was moved, or it was never encrypted")
            }
            Self::Recycled => f.write_str("left over from an earlier use of the segment file"),
            Self::Interrupted => f.write_str(
                "interrupted: run `tde repair`, which completes or undoes it, before anything else",
            ),
            Self::Unknown => f.write_str("cause unknown"),
        }
    }
}
