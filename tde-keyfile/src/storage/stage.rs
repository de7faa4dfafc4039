//! New content beside the file that it will replace.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::hash::Hashing;
use super::plan::Before;
use super::read::{hash_file, stat_regular};
use super::{Access, ContentHash, Error, FileStat, Operation, Storage};

/// Access of files that did not exist before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)]
pub enum NewFileAccess {
    /// Mode 0600, owner and group of the process.
    Private,
    /// Owner and group of the directory; mode 0640 if its group may read and search it, as PostgreSQL does
    /// for clusters with group access, else 0600.
    LikeDirectory,
}

/// Whether new content must be durable when [`stage`] returns, or the caller sees to that for many files.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    Now,
    Later,
}

/// Writes a temporary file with its final access; removes it again if that fails.
pub(super) fn stage(
    storage: &dyn Storage,
    temporary: &Path,
    access: Option<Access>,
    durability: Durability,
    write: impl FnOnce(&mut dyn Write) -> Result<(), Error>,
) -> Result<ContentHash, Error> {
    let handle = storage.create(temporary).map_err(Error::io(Operation::Create, temporary))?;
    let staged = (|| {
        let mut output = Hashing::new(handle);
        write(&mut output)?;
        output.flush().map_err(Error::io(Operation::Write, temporary))?;
        let (mut handle, hash) = output.finish();
        // Only now: until here the file is nobody else's, whatever the mode that it will have.
        if let Some(access) = access {
            handle.set_access(access).map_err(Error::io(Operation::SetAccess, temporary))?;
        }
        if durability == Durability::Now {
            handle.sync().map_err(Error::io(Operation::Sync, temporary))?;
        }
        Ok(hash)
    })();
    if staged.is_err() {
        // What could not be removed is swept by the next writer.
        let _ = storage.remove(temporary);
    }
    staged
}

/// The access of a file's new content: as it was, or as new files get it.
pub(super) fn access_for(
    storage: &dyn Storage,
    path: &Path,
    existing: Option<&FileStat>,
    new_files: NewFileAccess,
) -> Result<Option<Access>, Error> {
    match (existing, new_files) {
        (Some(stat), _) => Ok(Some(stat.access)),
        (None, NewFileAccess::Private) => Ok(None),
        (None, NewFileAccess::LikeDirectory) => {
            let mut access = stat_directory(storage, directory_of(path))?.access;
            access.mode = if access.mode & 0o050 == 0o050 { 0o640 } else { 0o600 };
            Ok(Some(access))
        }
    }
}

/// A directory, followed if it is a symbolic link: data directories and tablespaces often are.
pub(super) fn stat_directory(storage: &dyn Storage, directory: &Path) -> Result<FileStat, Error> {
    let itself = directory.join(".");
    storage.stat(&itself).map_err(Error::io(Operation::Stat, directory))
}

/// The directory that holds a file.
pub(crate) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Checks that a file is what its change was planned for.
pub(super) fn check_before(
    storage: &dyn Storage,
    path: &Path,
    before: Before,
) -> Result<Option<(FileStat, Option<ContentHash>)>, Error> {
    let changed = || Error::ChangedSincePlanned { path: PathBuf::from(path) };
    match (stat_regular(storage, path)?, before) {
        (None, Before::Absent) => Ok(None),
        (Some(_), Before::Absent) => Err(Error::Exists { path: PathBuf::from(path) }),
        (None, _) => Err(changed()),
        (Some(stat), Before::Present) => Ok(Some((stat, None))),
        (Some(stat), Before::Content(hash)) => {
            if stat.size != hash.size() {
                return Err(changed());
            }
            match hash_file(storage, path)? {
                Some((stat, found)) if found == hash => Ok(Some((stat, Some(hash)))),
                _ => Err(changed()),
            }
        }
    }
}

/// Checks, just before the file is replaced, that it is still the one that was looked at.
pub(super) fn check_unchanged(
    storage: &dyn Storage,
    path: &Path,
    seen: Option<&FileStat>,
) -> Result<(), Error> {
    let now = stat_regular(storage, path)?;
    let same = match (seen, &now) {
        (None, None) => true,
        (Some(seen), Some(now)) => seen.same_content(now),
        _ => false,
    };
    if same { Ok(()) } else { Err(Error::ChangedSincePlanned { path: PathBuf::from(path) }) }
}

/// Sixteen random bytes, for the names of temporary files.
pub(super) fn random_id() -> Result<[u8; 16], Error> {
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|_| Error::Random)?;
    Ok(id)
}
