//! The file system of this machine.

use alloc::boxed::Box;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Seek as _, Write};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

use super::{Access, FileKind, FileStat, FileSystemSync, Lock, ReadHandle, Storage, WriteHandle};

/// [`Storage`] on the file system of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct DiskStorage(());

impl DiskStorage {
    /// The file system of this machine.
    #[must_use]
    pub const fn new() -> Self {
        Self(())
    }
}

impl Storage for DiskStorage {
    fn stat(&self, path: &Path) -> io::Result<FileStat> {
        fs::symlink_metadata(path).map(|metadata| stat_of(&metadata))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadHandle>> {
        // Non-blocking: a pipe put in the file's place must not make us wait for its writer.
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(flags(OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY))
            .open(path)?;
        Ok(Box::new(DiskFile(file)))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.file_name())).collect()
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteHandle>> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .custom_flags(flags(OFlags::NOFOLLOW))
            .open(path)?;
        Ok(Box::new(DiskFile(file)))
    }

    fn create_directory(&self, path: &Path, access: Access) -> io::Result<()> {
        DirBuilder::new().mode(0o700).create(path)?;
        let directory = open_directory(path)?;
        set_access(&directory, access)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    #[cfg(target_os = "linux")]
    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        use rustix::io::Errno;
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            // The file system does not know the flag.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => link_and_remove(from, to),
            renamed => Ok(renamed?),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        link_and_remove(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn overwrite(&self, path: &Path) -> io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .custom_flags(flags(OFlags::NOFOLLOW | OFlags::NONBLOCK))
            .open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        io::copy(&mut io::repeat(0).take(metadata.len()), &mut file)?;
        file.sync_all()
    }

    fn remove_directory(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }

    #[cfg(target_os = "linux")]
    fn is_memory(&self, directory: &Path) -> io::Result<bool> {
        let kind = file_system_kind(&rustix::fs::statfs(directory)?);
        Ok(kind == TMPFS_MAGIC || kind == RAMFS_MAGIC)
    }

    #[cfg(not(target_os = "linux"))]
    fn is_memory(&self, _directory: &Path) -> io::Result<bool> {
        Ok(false)
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        open_directory(directory)?.sync_all()
    }

    #[cfg(target_os = "linux")]
    fn file_system_sync(&self, directory: &Path) -> io::Result<Option<Box<dyn FileSystemSync>>> {
        // Since Linux 5.8, syncfs(2) reports write errors that happened after the descriptor was opened;
        // before, it reported none.
        if !linux_at_least(5, 8) {
            return Ok(None);
        }
        let directory = open_directory(directory)?;
        let kind = file_system_kind(&rustix::fs::fstatfs(&directory)?);
        Ok(syncs_as_a_whole(kind).then(|| Box::new(DiskFileSystem(directory)) as Box<dyn FileSystemSync>))
    }

    #[cfg(not(target_os = "linux"))]
    fn file_system_sync(&self, _directory: &Path) -> io::Result<Option<Box<dyn FileSystemSync>>> {
        Ok(None)
    }

    fn lock(&self, path: &Path, holder: &str) -> io::Result<Lock> {
        loop {
            let (mut file, made) = open_lock_file(path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(fs::TryLockError::WouldBlock) => return Ok(Lock::Taken(read_holder(&mut file))),
                Err(fs::TryLockError::Error(error)) => return Err(error),
            }
            // Someone may have removed or replaced the name between opening and locking.
            let locked = file.metadata()?;
            match fs::symlink_metadata(path) {
                Ok(named) if (named.dev(), named.ino()) == (locked.dev(), locked.ino()) => {}
                Ok(_) => continue,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            }
            if made && let Some(Ok(parent)) = path.parent().map(fs::metadata) {
                // A lock file left by root must not keep the directory's owner out. Best effort.
                let (owner, group) = (parent.uid(), parent.gid());
                let _ = set_access(&file, Access { owner, group, mode: 0o600 });
            }
            file.set_len(0)?;
            file.write_all(holder.as_bytes())?;
            return Ok(Lock::Held(Box::new(HeldLock(file))));
        }
    }
}

/// A lock that is held until this is dropped.
struct HeldLock(File);

impl Drop for HeldLock {
    fn drop(&mut self) {
        // Closing is not enough: a child that another thread is just starting has a copy of the descriptor until it
        // executes its program, and the lock would live as long as that. Nothing can be done about an error.
        let _ = self.0.unlock();
    }
}

/// A file of the file system of this machine.
struct DiskFile(File);

impl Read for DiskFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for DiskFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl ReadHandle for DiskFile {
    fn stat(&self) -> io::Result<FileStat> {
        self.0.metadata().map(|metadata| stat_of(&metadata))
    }
}

impl WriteHandle for DiskFile {
    fn set_access(&mut self, access: Access) -> io::Result<()> {
        set_access(&self.0, access)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_all()
    }
}

#[cfg(target_os = "linux")]
struct DiskFileSystem(File);

#[cfg(target_os = "linux")]
impl FileSystemSync for DiskFileSystem {
    fn sync(&mut self) -> io::Result<()> {
        Ok(rustix::fs::syncfs(&self.0)?)
    }
}

#[cfg(target_os = "linux")]
const TMPFS_MAGIC: u64 = 0x0102_1994;
#[cfg(target_os = "linux")]
const RAMFS_MAGIC: u64 = 0x8584_58f6;

/// `f_type` of statfs(2), a number of linux/magic.h. The field's width differs between architectures.
#[cfg(target_os = "linux")]
fn file_system_kind(stat: &rustix::fs::StatFs) -> u64 {
    stat.f_type as u64 & 0xffff_ffff
}

/// Whether syncfs(2) of this file system reaches the disk and reports errors. Not so where it succeeds without
/// passing on that it was asked, as FUSE does for most servers, or depends on layers beneath; of others it is not known.
#[cfg(target_os = "linux")]
const fn syncs_as_a_whole(kind: u64) -> bool {
    const EXT: u64 = 0xef53;
    const XFS: u64 = 0x5846_5342;
    const BTRFS: u64 = 0x9123_683e;
    const F2FS: u64 = 0xf2f5_2010;
    const ZFS: u64 = 0x2fc1_2fc1;
    matches!(kind, EXT | XFS | BTRFS | F2FS | ZFS | TMPFS_MAGIC)
}

/// A link never takes the place of a file.
fn link_and_remove(from: &Path, to: &Path) -> io::Result<()> {
    fs::hard_link(from, to)?;
    // The file has its name. If it keeps the temporary one too, the next writer sweeps that.
    let _ = fs::remove_file(from);
    Ok(())
}

fn open_directory(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(flags(OFlags::DIRECTORY)).open(path)
}

fn open_lock_file(path: &Path) -> io::Result<(File, bool)> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600).custom_flags(flags(OFlags::NOFOLLOW | OFlags::NONBLOCK));
    loop {
        match options.clone().create_new(true).open(path) {
            Ok(file) => return Ok((file, true)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        match options.open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            opened => return opened.map(|file| (file, false)),
        }
    }
}

/// What the holder wrote, made fit to print.
fn read_holder(file: &mut File) -> String {
    let mut text = Vec::new();
    let _ = file.rewind();
    let _ = file.take(200).read_to_end(&mut text);
    let text: String = String::from_utf8_lossy(&text).chars().filter(|c| !c.is_control()).collect();
    if text.is_empty() { "another program".to_string() } else { text }
}

fn set_access(file: &File, access: Access) -> io::Result<()> {
    let now = file.metadata()?;
    if (now.uid(), now.gid()) != (access.owner, access.group) {
        let owner = (now.uid() != access.owner).then_some(access.owner);
        std::os::unix::fs::fchown(file, owner, Some(access.group))?;
    }
    file.set_permissions(Permissions::from_mode(access.mode & 0o777))
}

fn stat_of(metadata: &fs::Metadata) -> FileStat {
    let kind = match metadata.file_type() {
        kind if kind.is_file() => FileKind::Regular,
        kind if kind.is_dir() => FileKind::Directory,
        kind if kind.is_symlink() => FileKind::Symlink,
        _ => FileKind::Other,
    };
    FileStat {
        kind,
        access: Access { owner: metadata.uid(), group: metadata.gid(), mode: metadata.mode() & 0o777 },
        size: metadata.size(),
        device: metadata.dev(),
        inode: metadata.ino(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
    }
}

#[allow(clippy::cast_possible_wrap)] // The bits of open(2)'s flags, which the standard library takes as a C int.
const fn flags(flags: OFlags) -> i32 {
    flags.bits() as i32
}

#[cfg(target_os = "linux")]
fn linux_at_least(major: u32, minor: u32) -> bool {
    let name = rustix::system::uname();
    let release = name.release().to_string_lossy().into_owned();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
    let mut next = || numbers.next().and_then(Result::ok).unwrap_or(0);
    (next(), next()) >= (major, minor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_name_takes_no_other_files_place_with_and_without_the_file_systems_help() {
        let ways: [fn(&Path, &Path) -> io::Result<()>; 2] =
            [|from, to| DiskStorage::new().rename_new(from, to), link_and_remove];
        for rename_new in ways {
            let directory = tempfile::tempdir().unwrap();
            let (from, to) = (directory.path().join("from"), directory.path().join("to"));
            fs::write(&from, "new").unwrap();
            fs::write(&to, "old").unwrap();
            assert_eq!(rename_new(&from, &to).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
            assert_eq!((fs::read(&from).unwrap(), fs::read(&to).unwrap()), (b"new".into(), b"old".into()));
            fs::remove_file(&to).unwrap();
            std::os::unix::fs::symlink("nowhere", &to).unwrap();
            assert_eq!(rename_new(&from, &to).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
            fs::remove_file(&to).unwrap();
            rename_new(&from, &to).unwrap();
            assert_eq!(fs::read(&to).unwrap(), b"new");
            assert!(!from.exists());
        }
    }
}
