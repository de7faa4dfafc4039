//! A private directory in memory, for plaintext that another program has to see as a file.
//!
//! It is removed when dropped and on signals. A process that is killed outright leaves it behind; so each
//! holds a lock on its directory, and the next one removes what nobody holds a lock on any more.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{OFlags, fstatvfs};
use tde_keyfile::storage::{DiskStorage, Storage};
use tempfile::TempDir;

use crate::failure::Failure;
use crate::{interrupt, output};

const PREFIX: &str = "tde-wal-";

/// The directory; see above.
#[derive(Debug)]
pub(crate) struct MemoryDirectory {
    directory: TempDir,
    lock: File,
}

impl MemoryDirectory {
    /// Makes one below `parent`, for the user alone (0700).
    ///
    /// # Errors
    /// If `parent` cannot be written to, or is on no memory file system and `allow_disk` is not set.
    pub(crate) fn create(parent: &Path, allow_disk: bool) -> Result<Self, Failure> {
        let named = |error: io::Error| Failure::new(error).context(parent.display().to_string());
        if !allow_disk && !DiskStorage::new().is_memory(parent).map_err(named)? {
            return Err(Failure::message(format!("{}: not on a memory file system", parent.display()))
                .advise("name a tmpfs with `--memory-dir`; `--allow-disk` lets plaintext reach a disk"));
        }
        remove_abandoned(parent);
        // Between making and locking, another process may take it for abandoned.
        for _ in 0..16 {
            let make = || {
                let private = fs::Permissions::from_mode(0o700);
                tempfile::Builder::new().prefix(PREFIX).permissions(private).tempdir_in(parent)
            };
            let directory = interrupt::create_registered_directory(make, TempDir::path).map_err(named)?;
            let lock = lock(directory.path());
            match lock {
                Ok(Some(lock)) => return Ok(Self { directory, lock }),
                Ok(None) => interrupt::forget(directory.path()),
                Err(error) => {
                    interrupt::forget(directory.path());
                    return Err(named(error));
                }
            }
        }
        Err(Failure::message(format!("{}: other processes remove what is made here", parent.display())))
    }

    /// The path of a file in it.
    pub(crate) fn file(&self, name: &Path) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Bytes that files in it can still take; `None` if the file system has no bound, or does not say.
    pub(crate) fn room(&self) -> Option<u64> {
        let found = fstatvfs(&self.lock).ok()?;
        // A file also takes an entry. A tmpfs without bounds counts neither.
        match (found.f_blocks, found.f_files, found.f_favail) {
            (_, 1.., 0) => Some(0),
            (0, ..) => None,
            _ => Some(found.f_bavail.saturating_mul(found.f_frsize)),
        }
    }
}

impl Drop for MemoryDirectory {
    fn drop(&mut self) {
        // What cannot be removed now is found by the next run.
        let _ = fs::remove_dir_all(self.directory.path());
        interrupt::forget(self.directory.path());
    }
}

/// A lock on the directory; `None` if somebody else holds one or has removed it.
fn lock(path: &Path) -> io::Result<Option<File>> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW;
    let opened = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path);
    let directory = match opened {
        Ok(directory) => directory,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match directory.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => return Ok(None),
        Err(fs::TryLockError::Error(error)) => return Err(error),
    }
    let ours = directory.metadata()?;
    let still_there =
        fs::symlink_metadata(path).is_ok_and(|found| (found.dev(), found.ino()) == (ours.dev(), ours.ino()));
    Ok(still_there.then_some(directory))
}

/// Removes the directories of processes that were killed. What cannot be removed stays for later.
fn remove_abandoned(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    let us = rustix::process::geteuid().as_raw();
    for entry in entries.flatten() {
        let path = entry.path();
        let ours = entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes())
            && fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir() && found.uid() == us);
        if ours
            && let Ok(Some(_lock)) = lock(&path)
            && fs::remove_dir_all(&path).is_ok()
        {
            output::warning(
                format_args!("removed {}, which a run that was killed had left", path.display()),
                None,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(parent: &Path) -> usize {
        fs::read_dir(parent).unwrap().count()
    }

    #[test]
    fn it_is_private_and_goes_with_all_that_is_in_it() {
        let parent = tempfile::tempdir().unwrap();
        let directory = MemoryDirectory::create(parent.path(), true).unwrap();
        let file = directory.file(Path::new("000000010000000000000001"));
        fs::write(&file, "plaintext").unwrap();
        fs::create_dir(directory.file(Path::new("deeper"))).unwrap();
        let mode = fs::metadata(file.parent().unwrap()).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o700);
        drop(directory);
        assert_eq!(names(parent.path()), 0);
    }

    #[test]
    fn only_what_is_held_by_nobody_is_removed() {
        let parent = tempfile::tempdir().unwrap();
        let held = MemoryDirectory::create(parent.path(), true).unwrap();
        fs::write(held.file(Path::new("file")), "in use").unwrap();
        let abandoned = parent.path().join("tde-wal-abandoned");
        fs::create_dir(&abandoned).unwrap();
        fs::write(abandoned.join("file"), "plaintext").unwrap();
        fs::create_dir(parent.path().join("another-program")).unwrap();
        let next = MemoryDirectory::create(parent.path(), true).unwrap();
        assert!(!abandoned.exists());
        assert!(held.file(Path::new("file")).exists());
        assert_eq!(names(parent.path()), 3);
        drop((held, next));
        assert_eq!(names(parent.path()), 1);
    }

    #[test]
    fn a_directory_on_a_disk_is_refused() {
        if DiskStorage::new().is_memory(Path::new("/proc")).unwrap_or(true) {
            eprintln!("SKIPPED: nothing is known of file systems here");
            return;
        }
        let refused = MemoryDirectory::create(Path::new("/proc"), false).unwrap_err();
        assert!(refused.to_string().contains("not on a memory file system"), "{refused}");
    }
}
