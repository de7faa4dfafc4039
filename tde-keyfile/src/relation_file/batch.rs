//! Batches of pages: what is the same whether one thread reads a file or several.

use alloc::vec;
use alloc::vec::Vec;

use tde_core::{BlockNumber, InternalKey, PageCipher};
use zeroize::Zeroizing;

use super::{RelationFileError, RelationGeometry};
use crate::postgres::{RelationPath, is_zero};

/// Bytes read at a time: enough that calls do not count, little enough that what is read, what comes of it and the
/// tables of the system fit into a core's second-level cache.
const BATCH: usize = 256 * 1024;

/// Consecutive pages of a relation file.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct PageBatch<'a> {
    /// The first page's block number, within the fork over all segments.
    pub first: BlockNumber,
    /// Where in the file the first page begins, in bytes.
    pub offset: u64,
    /// The pages as they are stored.
    pub stored: &'a [u8],
    /// The pages in plaintext.
    pub plain: &'a [u8],
    /// What is in them, and what lies behind them.
    pub summary: RelationSummary,
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

impl RelationSummary {
    pub(crate) fn add(&mut self, other: &Self) {
        self.pages += other.pages;
        self.never_written += other.never_written;
        self.trailing_bytes += other.trailing_bytes;
    }
}

/// What makes pages of the bytes of a segment file; threads share it.
#[derive(Debug)]
pub(crate) struct SegmentPages {
    cipher: Option<PageCipher>,
    geometry: RelationGeometry,
    path: RelationPath,
    first: BlockNumber,
}

impl SegmentPages {
    pub(crate) fn new(
        path: RelationPath,
        key: Option<&InternalKey>,
        geometry: RelationGeometry,
    ) -> Result<Self, RelationFileError> {
        let first = geometry.first_block(&path)?;
        Ok(Self { cipher: key.map(PageCipher::new), geometry, path, first })
    }

    pub(crate) const fn path(&self) -> &RelationPath {
        &self.path
    }

    pub(crate) const fn is_encrypted(&self) -> bool {
        self.cipher.is_some()
    }

    /// Bytes in every batch but the last.
    #[cfg(feature = "rayon")]
    pub(crate) fn batch_length(&self) -> usize {
        batch_length(self.geometry)
    }

    /// Room for a batch.
    pub(crate) fn buffers(&self) -> (Vec<u8>, Zeroizing<Vec<u8>>) {
        batch_buffers(self.geometry, self.is_encrypted())
    }

    /// The pages among the bytes that were read at an offset: all that there was, up to a whole batch.
    pub(crate) fn batch<'b>(
        &self,
        offset: u64,
        read: &'b [u8],
        plain: &'b mut [u8],
    ) -> Result<PageBatch<'b>, RelationFileError> {
        let page = self.geometry.page_size.get();
        let (stored, trailing) = read.split_at(read.len() - read.len() % page);
        let first = match u32::try_from(offset / page as u64) {
            Ok(index) => self.first.checked_add(index),
            Err(_) => None,
        };
        let first = match first {
            Some(first) => first,
            // Nothing there, so that it needs no number.
            None if stored.is_empty() => self.first,
            None => return Err(RelationFileError::Segment { segment: self.path.segment }),
        };
        let pages = stored.chunks_exact(page);
        let summary = RelationSummary {
            pages: pages.len() as u64,
            never_written: pages.filter(|page| is_zero(page)).count() as u64,
            // A batch ends within a page only at the end of the file.
            trailing_bytes: trailing.len() as u64,
        };
        let plain = match &self.cipher {
            None => stored,
            Some(cipher) => {
                let plain = &mut plain[..stored.len()];
                cipher
                    .decrypt_pages_to(self.geometry.page_size, self.path.fork, first, stored, plain)
                    .map_err(RelationFileError::Decrypt)?;
                plain
            }
        };
        Ok(PageBatch { first, offset, stored, plain, summary })
    }
}

/// Bytes in a batch: whole pages.
pub(crate) fn batch_length(geometry: RelationGeometry) -> usize {
    let page = geometry.page_size.get();
    (BATCH / page).max(1) * page
}

/// Room for a batch as it is stored, and in plaintext where that is something else.
pub(crate) fn batch_buffers(geometry: RelationGeometry, encrypted: bool) -> (Vec<u8>, Zeroizing<Vec<u8>>) {
    let length = batch_length(geometry);
    (vec![0; length], Zeroizing::new(vec![0; if encrypted { length } else { 0 }]))
}
