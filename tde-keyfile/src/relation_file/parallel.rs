//! Reading a segment file on all threads of a pool.

use std::io;
use std::sync::{Mutex, PoisonError};

use tde_core::InternalKey;

use super::batch::{PageBatch, RelationSummary, SegmentPages};
use super::{RelationFileError, RelationGeometry};
use crate::positional::{ReadAt, WriteAt, fill_at, write_all_at};
use crate::postgres::RelationPath;
use crate::threads;

/// A segment file whose pages are read and decrypted by all threads of the current [rayon] pool, each batch by
/// itself: while one thread waits for the disk, the others decrypt and write.
///
/// Without a key it hands the pages back as they are. Each thread holds a batch of at most 256 KiB twice, however
/// long the file is, and wipes the plaintext when it is done.
///
/// Call it from one task of the pool at a time: every thread of the pool has to come round to it before it
/// returns.
///
/// ```
/// use tde_core::{BaseIv, BlockNumber, Cipher, Fork, InternalKey, PageCipher};
/// use tde_keyfile::postgres::RelationPath;
/// use tde_keyfile::relation_file::{ParRelationReader, RelationGeometry};
///
/// let key = InternalKey::from_slice(Cipher::Aes128, &[1; 16], BaseIv::new([2; 16]))?;
/// let geometry = RelationGeometry::default();
/// let mut stored = vec![7; 3 * 8192];
/// PageCipher::new(&key).encrypt_pages(geometry.page_size, Fork::Main, BlockNumber::new(0), &mut stored)?;
///
/// let path = RelationPath::parse("base/16384/16385")?;
/// let reader = ParRelationReader::new(&stored[..], path, Some(&key), geometry)?;
/// let summary = reader.for_each_batch(stored.len() as u64, |batch| {
///     assert!(batch.plain.iter().all(|byte| *byte == 7));
///     Ok(())
/// })?;
/// assert_eq!(summary.pages, 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ParRelationReader<R> {
    input: R,
    pages: SegmentPages,
}

impl<R: ReadAt> ParRelationReader<R> {
    /// Reads a segment file's bytes from wherever they are; `path` says which file it is.
    ///
    /// # Errors
    /// [`RelationFileError::Segment`] if the segment number is too large for the geometry.
    pub fn new(
        input: R,
        path: RelationPath,
        key: Option<&InternalKey>,
        geometry: RelationGeometry,
    ) -> Result<Self, RelationFileError> {
        Ok(Self { input, pages: SegmentPages::new(path, key, geometry)? })
    }

    /// Gives every batch of the first `length` bytes to `each`: in about the order of the file, but several at a
    /// time, from several threads. Afterwards tells what was there; `length` is that of the file.
    ///
    /// # Errors
    /// [`RelationFileError`] if reading fails, if the file goes on behind the last possible block, or if it is
    /// shorter than `length`. An error of `each` is told as [`RelationFileError::Write`]. Of several errors it is
    /// that of the earliest batch; batches behind it may have been given to `each` before.
    pub fn for_each_batch(
        &self,
        length: u64,
        each: impl Fn(&PageBatch<'_>) -> io::Result<()> + Sync,
    ) -> Result<RelationSummary, RelationFileError> {
        let batch_length = self.pages.batch_length() as u64;
        let summary = Mutex::new(RelationSummary::default());
        threads::for_each(
            length.div_ceil(batch_length),
            || self.pages.buffers(),
            |(stored, plain), number| {
                // At most `length`.
                let offset = number * batch_length;
                let wanted = usize::try_from(length - offset).unwrap_or(usize::MAX).min(stored.len());
                let stored = &mut stored[..wanted];
                let read = fill_at(&self.input, stored, offset).map_err(RelationFileError::Read)?;
                if read < wanted {
                    let actual = offset + read as u64;
                    return Err(RelationFileError::Shrunk { expected: length, actual });
                }
                let batch = self.pages.batch(offset, stored, plain)?;
                summary.lock().unwrap_or_else(PoisonError::into_inner).add(&batch.summary);
                if batch.plain.is_empty() {
                    return Ok(());
                }
                each(&batch).map_err(RelationFileError::Write)
            },
        )?;
        Ok(summary.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// Writes the plaintext of all pages to the offsets that they have in the file.
    ///
    /// A partial page at the end is left out, as a server leaves it out; the summary tells its length.
    ///
    /// # Errors
    /// As [`Self::for_each_batch`]; [`RelationFileError::Write`] if writing fails. What was written before, which
    /// need not be the beginning, stays written.
    pub fn decrypt_to(
        &self,
        length: u64,
        output: &(impl WriteAt + ?Sized),
    ) -> Result<RelationSummary, RelationFileError> {
        self.for_each_batch(length, |batch| write_all_at(output, batch.plain, batch.offset))
    }
}
