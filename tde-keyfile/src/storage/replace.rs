//! One file, replaced atomically and durably.

use alloc::boxed::Box;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::journal::temporary_name;
use super::plan::Before;
use super::stage::{
    Durability, NewFileAccess, access_for, check_before, check_unchanged, directory_of, random_id, stage,
};
use super::{ContentHash, Error, Operation, Storage};

/// Gives a file new content, or makes it: after a crash at any instant it has the old content or the new.
///
/// The content is written to a temporary file in the same directory, made durable, and renamed; then the
/// directory is made durable. Owner, group and mode of an existing file are kept. Two programs that replace the
/// same file do not damage it, but the later one wins: use [`Writer`](super::Writer) to exclude each other. Of two
/// that make it ([`Before::Absent`]) one does, and the other is told.
///
/// # Errors
/// [`Error::Exists`], [`Error::ChangedSincePlanned`] if the file is not as `before` says; [`Error::NotRegular`];
/// [`Error::Io`]: the file is untouched. [`Error::NotDurable`]: the file has the new content, but after a crash
/// of the machine it may have the old.
pub fn replace_file(
    storage: &dyn Storage,
    path: &Path,
    before: Before,
    content: &[u8],
    new_files: NewFileAccess,
) -> Result<ContentHash, Error> {
    let seen = check_before(storage, path, before)?.map(|(stat, _)| stat);
    let access = access_for(storage, path, seen.as_ref(), new_files)?;
    let temporary = path.with_file_name(temporary_name(&random_id()?, 0));
    let hash = stage(storage, &temporary, access, Durability::Now, |output| {
        output.write_all(content).map_err(Error::io(Operation::Write, &temporary))
    })?;
    let renamed = if seen.is_some() {
        check_unchanged(storage, path, seen.as_ref())
            .and_then(|()| storage.rename(&temporary, path).map_err(Error::io(Operation::Rename, path)))
    } else {
        // One who makes the same file at the same time holds no lock, and may have put a key into it by now.
        storage.rename_new(&temporary, path).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => Error::Exists { path: PathBuf::from(path) },
            _ => Error::io(Operation::Rename, path)(error),
        })
    };
    if let Err(error) = renamed {
        let _ = storage.remove(&temporary);
        return Err(error);
    }
    let directory = directory_of(path);
    storage.sync_directory(directory).map_err(|source| Error::NotDurable {
        path: PathBuf::from(path),
        source: Box::new(Error::io(Operation::Sync, directory)(source)),
    })?;
    Ok(hash)
}
