//! Reading the segment files of relations: pages in batches, decrypted, with bounded memory.
//!
//! [`RelationReader`] reads a stream from its beginning to its end. With the feature `rayon`, `ParRelationReader`
//! reads a file on all threads of a pool.

mod batch;
mod error;
#[cfg(feature = "rayon")]
mod parallel;

use alloc::vec::Vec;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;

use tde_core::{BlockNumber, InternalKey, PageSize};

use zeroize::Zeroizing;

use crate::postgres::{ControlFile, RelationPath};

#[cfg(any(feature = "rayon", all(feature = "write", unix)))]
pub(crate) use batch::batch_buffers;
pub use batch::{PageBatch, RelationSummary};
pub(crate) use batch::{SegmentPages, batch_length};
pub use error::RelationFileError;
#[cfg(feature = "rayon")]
pub use parallel::ParRelationReader;

/// The two sizes that say which blocks a relation's segment file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)]
pub struct RelationGeometry {
    /// Size of a page.
    pub page_size: PageSize,
    /// Pages in a full segment file.
    pub blocks_per_segment: u32,
}

impl RelationGeometry {
    /// Bytes in a full segment file.
    #[must_use]
    pub const fn segment_length(&self) -> u64 {
        self.page_size.get() as u64 * self.blocks_per_segment as u64
    }

    /// The first block of a segment file.
    ///
    /// # Errors
    /// [`RelationFileError::Segment`] if that would lie beyond the largest block number.
    pub fn first_block(&self, path: &RelationPath) -> Result<BlockNumber, RelationFileError> {
        path.segment
            .checked_mul(self.blocks_per_segment)
            .map(BlockNumber::new)
            .ok_or(RelationFileError::Segment { segment: path.segment })
    }
}

impl Default for RelationGeometry {
    /// That of a usual build: pages of 8192 bytes, segments of 131072 pages (1 GiB).
    fn default() -> Self {
        Self { page_size: PageSize::DEFAULT, blocks_per_segment: 131_072 }
    }
}

impl From<&ControlFile> for RelationGeometry {
    fn from(control: &ControlFile) -> Self {
        Self { page_size: control.block_size, blocks_per_segment: control.blocks_per_segment }
    }
}

/// A segment file being read: gives its pages in order, decrypted.
///
/// Without a key it hands the pages back as they are, which is right for relations that are not encrypted.
/// It holds a batch of at most 256 KiB twice, however long the file is, and wipes the plaintext when dropped.
#[derive(Debug)]
pub struct RelationReader<R> {
    input: R,
    pages: SegmentPages,
    /// Where in the file the next batch begins.
    offset: u64,
    stored: Vec<u8>,
    plain: Zeroizing<Vec<u8>>,
    summary: RelationSummary,
}

impl RelationReader<File> {
    /// Opens a segment file of a data directory.
    ///
    /// # Errors
    /// [`RelationFileError`] if it cannot be opened or its segment number is too large for the geometry.
    pub fn open(
        data_directory: &Path,
        path: RelationPath,
        key: Option<&InternalKey>,
        geometry: RelationGeometry,
    ) -> Result<Self, RelationFileError> {
        let full = data_directory.join(alloc::format!("{path}"));
        let input =
            File::open(&full).map_err(|source| RelationFileError::Open { path: full.clone(), source })?;
        Self::new(input, path, key, geometry)
    }

    /// Has the next batch begin at an offset: that of a batch, so that the batches stay the same.
    pub(crate) fn go_to(&mut self, offset: u64) -> Result<(), RelationFileError> {
        if offset != self.offset {
            self.input.seek(SeekFrom::Start(offset)).map_err(RelationFileError::Read)?;
            self.offset = offset;
        }
        Ok(())
    }
}

impl<R: Read> RelationReader<R> {
    /// Reads a segment file's bytes from wherever they come; `path` says which file it is.
    ///
    /// # Errors
    /// [`RelationFileError::Segment`] if the segment number is too large for the geometry.
    pub fn new(
        input: R,
        path: RelationPath,
        key: Option<&InternalKey>,
        geometry: RelationGeometry,
    ) -> Result<Self, RelationFileError> {
        let pages = SegmentPages::new(path, key, geometry)?;
        let (stored, plain) = pages.buffers();
        Ok(Self { input, pages, offset: 0, stored, plain, summary: RelationSummary::default() })
    }

    /// Which file it is.
    #[must_use]
    pub const fn path(&self) -> &RelationPath {
        self.pages.path()
    }

    /// Whether pages are decrypted.
    #[must_use]
    pub const fn is_encrypted(&self) -> bool {
        self.pages.is_encrypted()
    }

    /// What has been read so far.
    #[must_use]
    pub const fn summary(&self) -> RelationSummary {
        self.summary
    }

    /// Reads the next pages; none at the end of the file.
    ///
    /// # Errors
    /// [`RelationFileError`] if reading fails, or if the file goes on behind the last possible block.
    pub fn next_batch(&mut self) -> Result<Option<PageBatch<'_>>, RelationFileError> {
        let batch = self.batch()?;
        Ok((!batch.plain.is_empty()).then_some(batch))
    }

    /// As [`Self::next_batch`]; no pages at the end of the file.
    pub(crate) fn batch(&mut self) -> Result<PageBatch<'_>, RelationFileError> {
        let read = fill(&mut self.input, &mut self.stored).map_err(RelationFileError::Read)?;
        let batch = self.pages.batch(self.offset, &self.stored[..read], &mut self.plain)?;
        self.offset += read as u64;
        self.summary.add(&batch.summary);
        Ok(batch)
    }

    /// Writes the plaintext of all pages that are left.
    ///
    /// A partial page at the end is left out, as a server leaves it out; the summary tells its length.
    ///
    /// # Errors
    /// [`RelationFileError`] if reading or writing fails.
    pub fn decrypt_to(mut self, output: &mut impl Write) -> Result<RelationSummary, RelationFileError> {
        while let Some(batch) = self.next_batch()? {
            output.write_all(batch.plain).map_err(RelationFileError::Write)?;
        }
        output.flush().map_err(RelationFileError::Write)?;
        Ok(self.summary)
    }
}

/// Reads until the buffer is full or the input ends; tells how much that was.
pub(crate) fn fill(input: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match input.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
