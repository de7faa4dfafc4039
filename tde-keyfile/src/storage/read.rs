//! Reading a whole file, or noticing that it cannot be trusted.

use alloc::boxed::Box;
use alloc::fmt;
use alloc::vec::Vec;
use std::io::Read as _;
use std::path::Path;

use zeroize::Zeroizing;

use super::hash::Hashing;
use super::{ContentHash, Error, FileKind, FileStat, Operation, ReadHandle, Storage};

/// A file's content and what was known of the file. Wiped on drop, as keyrings are read this way too.
pub struct FileContent {
    bytes: Zeroizing<Vec<u8>>,
    stat: FileStat,
}

impl FileContent {
    /// The content.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What was known of the file.
    #[must_use]
    pub const fn stat(&self) -> &FileStat {
        &self.stat
    }

    /// Size and SHA-256 of the content, for [`Before::Content`](super::Before::Content).
    #[must_use]
    pub fn hash(&self) -> ContentHash {
        ContentHash::of(&self.bytes)
    }
}

impl fmt::Debug for FileContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileContent").field("stat", &self.stat).finish_non_exhaustive()
    }
}

/// Reads a regular file of at most `limit` bytes.
///
/// # Errors
/// [`Error::NotRegular`] for a symbolic link, directory or device; [`Error::TooLarge`];
/// [`Error::ChangedWhileRead`] if device, inode, time of change or size were not the same before and after;
/// [`Error::Io`].
pub fn read_file(storage: &dyn Storage, path: &Path, limit: u64) -> Result<FileContent, Error> {
    let before = stat_regular(storage, path)?.ok_or_else(|| Error::Io {
        operation: Operation::Read,
        path: path.to_path_buf(),
        source: std::io::ErrorKind::NotFound.into(),
    })?;
    let too_large = |size| Error::TooLarge { path: path.to_path_buf(), size, limit };
    if before.size > limit {
        return Err(too_large(before.size));
    }
    let changed = || Error::ChangedWhileRead { path: path.to_path_buf() };
    let mut handle = storage.open(path).map_err(Error::io(Operation::Read, path))?;
    if !handle.stat().map_err(Error::io(Operation::Stat, path))?.same_content(&before) {
        return Err(changed());
    }
    // One byte more than it has, so that growing is noticed and reading stays bounded. The buffer never
    // grows: a reallocation would leave an unwiped copy behind.
    let capacity = usize::try_from(before.size).map_err(|_| too_large(before.size))?;
    let mut bytes = Zeroizing::new(Vec::new());
    bytes.try_reserve_exact(capacity.saturating_add(1)).map_err(|_| too_large(before.size))?;
    bytes.resize(capacity.saturating_add(1), 0);
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match handle.read(rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io(Operation::Read, path)(error)),
        }
    }
    bytes.truncate(filled);
    let after = handle.stat().map_err(Error::io(Operation::Stat, path))?;
    let named = storage.stat(path).map_err(|_| changed())?;
    if filled != capacity || !after.same_content(&before) || !named.same_content(&before) {
        return Err(changed());
    }
    Ok(FileContent { bytes, stat: before })
}

/// What is known of a regular file; `None` when nothing has the name.
pub(super) fn stat_regular(storage: &dyn Storage, path: &Path) -> Result<Option<FileStat>, Error> {
    match storage.stat(path) {
        Ok(stat) if stat.kind == FileKind::Regular => Ok(Some(stat)),
        Ok(stat) => Err(Error::NotRegular { path: path.to_path_buf(), kind: stat.kind }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io(Operation::Stat, path)(error)),
    }
}

/// Size and SHA-256 of a regular file of any size, read in pieces; `None` when nothing has the name.
pub(crate) fn hash_file(
    storage: &dyn Storage,
    path: &Path,
) -> Result<Option<(FileStat, ContentHash)>, Error> {
    let Some(before) = stat_regular(storage, path)? else { return Ok(None) };
    let mut reader = CheckedReader::open(storage, path, before)?;
    std::io::copy(&mut reader, &mut std::io::sink()).map_err(Error::io(Operation::Read, path))?;
    Ok(Some((before, reader.finish(storage)?)))
}

/// Reads a file in pieces, hashes it, and notices at the end whether it stayed the same.
pub(super) struct CheckedReader<'a> {
    path: &'a Path,
    before: FileStat,
    input: Hashing<Box<dyn ReadHandle>>,
}

impl<'a> CheckedReader<'a> {
    pub(super) fn open(storage: &dyn Storage, path: &'a Path, before: FileStat) -> Result<Self, Error> {
        let handle = storage.open(path).map_err(Error::io(Operation::Read, path))?;
        if !handle.stat().map_err(Error::io(Operation::Stat, path))?.same_content(&before) {
            return Err(Error::ChangedWhileRead { path: path.to_path_buf() });
        }
        Ok(Self { path, before, input: Hashing::new(handle) })
    }

    /// What the file was when it was opened.
    pub(super) const fn before(&self) -> &FileStat {
        &self.before
    }

    /// Reads what the user of the reader left, so that the hash is of the whole file.
    pub(super) fn finish(mut self, storage: &dyn Storage) -> Result<ContentHash, Error> {
        std::io::copy(&mut self.input, &mut std::io::sink())
            .map_err(Error::io(Operation::Read, self.path))?;
        let (handle, hash) = self.input.finish();
        let after = handle.stat().map_err(Error::io(Operation::Stat, self.path))?;
        let named = storage.stat(self.path).ok();
        let same = named.is_some_and(|named| named.same_content(&self.before));
        if same && after.same_content(&self.before) && hash.size() == self.before.size {
            Ok(hash)
        } else {
            Err(Error::ChangedWhileRead { path: self.path.to_path_buf() })
        }
    }
}

impl std::io::Read for CheckedReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.input.read(buffer)
    }
}
