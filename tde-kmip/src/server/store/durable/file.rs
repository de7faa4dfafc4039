//! The file of a store: who may have access to it, its lock, how it comes to be, and its room on the device.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::FallocateFlags;

use super::OpenStoreError;

/// The size of a page of `redb`.
const PAGE: u64 = 4096;

/// The file as `redb` sees it. The lock is the file's, so that the database can be closed and opened under it.
#[derive(Debug, Clone)]
pub(super) struct StoreFile {
    file: Arc<File>,
}

impl StoreFile {
    /// Opens and locks an existing store.
    pub(super) fn open(path: &Path) -> Result<Self, OpenStoreError> {
        let io = |operation| io_error(operation, path);
        let named = match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(OpenStoreError::Missing { path: path.to_path_buf() });
            }
            named => named.map_err(io("look at"))?,
        };
        if !named.is_file() {
            return Err(access(path, "is not a regular file".into()));
        }
        check_directory(path)?;
        let file = OpenOptions::new().read(true).write(true).open(path).map_err(io("open"))?;
        let opened = file.metadata().map_err(io("look at"))?;
        if (opened.dev(), opened.ino()) != (named.dev(), named.ino()) {
            return Err(access(path, "was replaced while it was opened".into()));
        }
        check_owner(path, &opened)?;
        if opened.mode() & 0o077 != 0 {
            let mode = opened.mode() & 0o777;
            return Err(access(
                path,
                format!("has mode {mode:03o}, so that others have access; use `chmod 600`"),
            ));
        }
        Self::lock(file, path)
    }

    /// Makes an empty file beside where the store will be, with access for its owner only.
    pub(super) fn stage(path: &Path) -> Result<(Self, Staged), OpenStoreError> {
        if fs::symlink_metadata(path).is_ok() {
            return Err(OpenStoreError::Exists { path: path.to_path_buf() });
        }
        check_directory(path)?;
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|_| OpenStoreError::Random)?;
        let mut name = path.file_name().unwrap_or_default().to_os_string();
        name.push(format!(".{:016x}.new", u64::from_le_bytes(random)));
        let staged = Staged { staged: path.with_file_name(name), path: path.to_path_buf() };
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create_new(true).mode(0o600).open(&staged.staged);
        let file = file.map_err(io_error("make", &staged.staged))?;
        Ok((Self::lock(file, path)?, staged))
    }

    fn lock(file: File, path: &Path) -> Result<Self, OpenStoreError> {
        match file.try_lock() {
            Ok(()) => Ok(Self { file: Arc::new(file) }),
            Err(TryLockError::WouldBlock) => Err(OpenStoreError::InUse { path: path.to_path_buf() }),
            Err(TryLockError::Error(source)) => Err(io_error("lock", path)(source)),
        }
    }
}

impl redb::StorageBackend for StoreFile {
    /// Up to the last whole page: a server that ended while a full device gave less than it was asked for may have left
    /// a part of one, where `redb` takes any length between pages for damage.
    fn len(&self) -> io::Result<u64> {
        let length = self.file.metadata()?.len();
        Ok(length - length % PAGE)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(out, offset)
    }

    /// Takes the room at once, so that a full device shows before anything is written.
    fn set_len(&self, length: u64) -> io::Result<()> {
        let old = self.len()?;
        if length <= old {
            return self.file.set_len(length);
        }
        match rustix::fs::fallocate(&*self.file, FallocateFlags::empty(), old, length - old) {
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => self.file.set_len(length),
            Err(error) => {
                // Some file systems give the room that there is before they find out.
                self.file.set_len(old)?;
                Err(error.into())
            }
            Ok(()) => Ok(()),
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.file.write_all_at(data, offset)
    }
}

/// A new store that does not have its name yet. Dropping it removes it.
#[derive(Debug)]
pub(super) struct Staged {
    staged: PathBuf,
    path: PathBuf,
}

impl Staged {
    /// Gives the store its name, unless that is taken by now, and makes the name durable.
    pub(super) fn publish(self) -> Result<(), OpenStoreError> {
        match fs::hard_link(&self.staged, &self.path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(OpenStoreError::Exists { path: self.path.clone() });
            }
            linked => linked.map_err(io_error("make", &self.path))?,
        }
        fs::remove_file(&self.staged).map_err(io_error("remove", &self.staged))?;
        let directory = directory_of(&self.path);
        File::open(directory).and_then(|open| open.sync_all()).map_err(io_error("sync", directory))
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // Gone already when it was published.
        let _ = fs::remove_file(&self.staged);
    }
}

/// Makes the directory of a store if it is missing, for its owner only.
pub(super) fn make_directory(path: &Path) -> Result<(), OpenStoreError> {
    use std::os::unix::fs::DirBuilderExt as _;
    let directory = directory_of(path);
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.map_err(io_error("make", directory)),
    }
}

/// Who can change the directory can put another file in the place of the store.
fn check_directory(path: &Path) -> Result<(), OpenStoreError> {
    let directory = directory_of(path);
    let metadata = fs::metadata(directory).map_err(io_error("look at", directory))?;
    if metadata.uid() != 0 {
        check_owner(directory, &metadata)?;
    }
    // In a sticky directory, others cannot remove or replace what is ours.
    if metadata.mode() & 0o022 != 0 && metadata.mode() & 0o1000 == 0 {
        let mode = metadata.mode() & 0o777;
        let reason = format!("has mode {mode:03o}, so that others could replace the store; use `chmod go-w`");
        return Err(access(directory, reason));
    }
    Ok(())
}

fn check_owner(path: &Path, metadata: &fs::Metadata) -> Result<(), OpenStoreError> {
    let us = rustix::process::geteuid().as_raw();
    if metadata.uid() == us {
        return Ok(());
    }
    let owner = metadata.uid();
    Err(access(path, format!("belongs to user {owner}, and this process runs as user {us}")))
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    }
}

fn access(path: &Path, reason: String) -> OpenStoreError {
    OpenStoreError::Access { path: path.to_path_buf(), reason }
}

pub(super) fn io_error(
    operation: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> OpenStoreError + use<> {
    let path = path.to_path_buf();
    move |source| OpenStoreError::Io { operation, path, source }
}
