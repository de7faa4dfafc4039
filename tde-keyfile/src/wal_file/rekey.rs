//! Encrypting WAL segment files, and taking them from one cluster's ranges to another's.

use core::fmt;
use std::io::{Read, Write};

use tde_wal::io::{Rekeyed, rekey_segment};
use tde_wal::{KeyRanges, PageHeaderError, SegmentSize, uncovered_bytes};

use super::{WalFileError, WalSegmentFile};

/// What was rekeyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RekeySummary {
    /// Bytes, pages, and what was done.
    pub rekeyed: Rekeyed,
    /// Bytes of a whole segment.
    pub segment_size: SegmentSize,
}

/// Why what was written should not be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SegmentProblem {
    /// The input is shorter than a segment.
    Length {
        /// Its length in bytes.
        actual: u64,
        /// That of a segment.
        expected: SegmentSize,
    },
    /// A page is no WAL under the ranges that the input should be under, but is WAL under those it should go to: the
    /// input has been encrypted, or decrypted, before.
    DoneBefore {
        /// Byte offset of the first such page.
        offset: u64,
    },
    /// The first page is not the page of WAL that must stand there: another key, another segment, another cluster,
    /// damage, or a segment that holds no WAL yet.
    FirstPage(PageHeaderError),
}

impl WalSegmentFile {
    /// Encrypts a plaintext segment: exactly those bytes that the ranges say, with the keys that they name, as the
    /// server does with WAL that it restores from an archive (`pg_tde` 2.2.0, `TDEXLogSmgrInitWriteOldKeys`).
    ///
    /// **Check the [summary](RekeySummary::problem) before anybody gets to see the output.** A segment that is
    /// encrypted twice is decrypted.
    ///
    /// ```no_run
    /// use std::fs::File;
    /// use tde_keyfile::cluster::{Cluster, OpenOptions};
    /// use tde_keyfile::wal_file::WalSegmentFile;
    ///
    /// let cluster = Cluster::open("/var/lib/postgresql/17/main", &OpenOptions::new())?;
    /// let plain = File::open("/archive/00000001000000000000000E")?;
    /// let length = plain.metadata()?.len();
    /// let segment = WalSegmentFile::new("00000001000000000000000E", None, Some(length))?;
    /// let mut out = File::create_new("/tmp/00000001000000000000000E")?;
    /// let summary = segment.encrypt(&cluster.wal_key_ranges()?, plain, &mut out)?;
    /// if let Some(problem) = summary.problem() {
    ///     std::fs::remove_file("/tmp/00000001000000000000000E")?;
    ///     return Err(problem.into());
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`decrypt`](Self::decrypt).
    pub fn encrypt(
        &self,
        ranges: &KeyRanges,
        input: impl Read,
        output: impl Write,
    ) -> Result<RekeySummary, WalFileError> {
        self.rekey(&KeyRanges::default(), ranges, input, output)
    }

    /// Takes a segment from the ranges of one cluster to those of another, in bounded memory. Plaintext exists only in
    /// a buffer that is wiped. Without any range on the one side this encrypts, on the other it decrypts.
    ///
    /// **Check the [summary](RekeySummary::problem) before anybody gets to see the output.**
    ///
    /// # Errors
    /// As [`decrypt`](Self::decrypt).
    pub fn rekey(
        &self,
        from: &KeyRanges,
        to: &KeyRanges,
        input: impl Read,
        output: impl Write,
    ) -> Result<RekeySummary, WalFileError> {
        let rekeyed = rekey_segment(from, to, &self.name, self.layout, input, output)
            .map_err(WalFileError::Transform)?;
        Ok(RekeySummary { rekeyed, segment_size: self.name.size() })
    }

    /// How many bytes of this segment are encrypted under `from` and would be plain under `to`.
    ///
    /// # Errors
    /// [`WalFileError::Ranges`] if the ranges cannot be applied to this segment.
    pub fn uncovered_bytes(&self, from: &KeyRanges, to: &KeyRanges) -> Result<u64, WalFileError> {
        uncovered_bytes(from.ranges(), to.ranges(), &self.name).map_err(WalFileError::Ranges)
    }
}

impl RekeySummary {
    /// Whether what was written is a whole segment that begins with the page of WAL that must stand there, and was not
    /// under the ranges it should go to before.
    #[must_use]
    pub fn problem(&self) -> Option<SegmentProblem> {
        let Rekeyed { bytes, done_before, first_page, .. } = self.rekeyed;
        if bytes != self.segment_size.bytes() {
            return Some(SegmentProblem::Length { actual: bytes, expected: self.segment_size });
        }
        if let Some(offset) = done_before {
            return Some(SegmentProblem::DoneBefore { offset });
        }
        first_page.err().map(SegmentProblem::FirstPage)
    }
}

impl fmt::Display for SegmentProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length { actual, expected } => {
                write!(f, "{actual} bytes, but a segment of this cluster has {}", expected.bytes())
            }
            Self::DoneBefore { offset } => {
                write!(f, "the page at offset {offset} is WAL under the keys that it should go to already")
            }
            Self::FirstPage(error) => {
                write!(f, "does not begin with the WAL page that must stand there: {error}")
            }
        }
    }
}

impl core::error::Error for SegmentProblem {}
