//! Reading the segment files of relations: pages in batches, decrypted, with bounded memory.

mod error;

use alloc::vec;
use alloc::vec::Vec;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

use tde_core::{BlockNumber, InternalKey, PageCipher, PageSize};

use zeroize::Zeroizing;

use crate::postgres::{ControlFile, RelationPath, is_zero};

pub use error::RelationFileError;

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
/// It holds a batch of at most 512 KiB twice, however long the file is, and wipes both when dropped.
#[derive(Debug)]
pub struct RelationReader<R> {
    input: R,
    cipher: Option<PageCipher>,
    geometry: RelationGeometry,
    path: RelationPath,
    /// The block that the next batch begins with; none behind the last possible one.
    next: Option<BlockNumber>,
    stored: Zeroizing<Vec<u8>>,
    plain: Zeroizing<Vec<u8>>,
    summary: RelationSummary,
}

/// Consecutive pages of a relation file.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct PageBatch<'a> {
    /// The first page's block number, within the fork over all segments.
    pub first: BlockNumber,
    /// The pages as they are stored.
    pub stored: &'a [u8],
    /// The pages in plaintext.
    pub plain: &'a [u8],
}

/// What has been read of a relation file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RelationSummary {
    /// Whole pages.
    pub pages: u64,
    /// Pages among them that are stored as zeros: allocated, never written.
    pub never_written: u64,
    /// Bytes behind the last whole page, which a server does not read and which cannot be decrypted. Not 0
    /// means that the file was cut off or is still being written.
    pub trailing_bytes: u64,
}

/// Bytes read at a time.
const BATCH: usize = 512 * 1024;

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
        let next = Some(geometry.first_block(&path)?);
        let page = geometry.page_size.get();
        let length = (BATCH / page).max(1) * page;
        Ok(Self {
            input,
            cipher: key.map(PageCipher::new),
            geometry,
            path,
            next,
            stored: Zeroizing::new(vec![0; length]),
            plain: Zeroizing::new(if key.is_some() { vec![0; length] } else { Vec::new() }),
            summary: RelationSummary::default(),
        })
    }

    /// Which file it is.
    #[must_use]
    pub const fn path(&self) -> &RelationPath {
        &self.path
    }

    /// Whether pages are decrypted.
    #[must_use]
    pub const fn is_encrypted(&self) -> bool {
        self.cipher.is_some()
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
        let page = self.geometry.page_size.get();
        let read = fill(&mut self.input, &mut self.stored).map_err(RelationFileError::Read)?;
        let whole = read - read % page;
        // A batch ends within a page only at the end of the file.
        self.summary.trailing_bytes += (read - whole) as u64;
        if whole == 0 {
            return Ok(None);
        }
        let pages = u32::try_from(whole / page).unwrap_or(u32::MAX);
        let first = self.next.ok_or(RelationFileError::Segment { segment: self.path.segment })?;
        // The last block number is no valid one, so that the end of the last batch always has a number.
        self.next = first.checked_add(pages);
        let stored = &self.stored[..whole];
        self.summary.pages += u64::from(pages);
        self.summary.never_written += stored.chunks_exact(page).filter(|page| is_zero(page)).count() as u64;
        let plain = match &self.cipher {
            None => stored,
            Some(cipher) => {
                let plain = &mut self.plain[..whole];
                cipher
                    .decrypt_pages_to(self.geometry.page_size, self.path.fork, first, stored, plain)
                    .map_err(RelationFileError::Decrypt)?;
                plain
            }
        };
        Ok(Some(PageBatch { first, stored, plain }))
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
