//! Changing files so that nothing is ever lost: the only place of this crate that writes.
//!
//! [`Storage`] is what a writer of key files needs of a file system, one call an operation of it, so that
//! tests can put a double in its place that fails, or forgets, at any of them ([`DiskStorage`] is the real one).
//! On top of it stand
//!
//! - [`read_file`]: a whole file, no larger than a limit, no symbolic link, not replaced while it was read;
//! - [`replace_file`]: one file, atomically and durably;
//! - [`Writer`]: the exclusive right to change the files of a directory tree, and changes of several files at
//!   once ([`Plan`]), which a journal makes atomic: after a crash at any instant, opening the next `Writer`
//!   completes or undoes what was begun;
//! - [`ensure_server_stopped`]: refuses a data directory that a server uses, or that was not shut down cleanly.
//!
//! Temporary files are made beside the file that they replace, with mode 0600, and get its owner, group and
//! mode before they take its place; new files get mode 0600, or follow the directory's group access
//! ([`NewFileAccess`]). Access control lists and extended attributes are not carried over.
//!
//! The journal's format is documented in `docs/format-journal.md`.
//!
//! ```
//! use tde_keyfile::storage::{Before, Change, DiskStorage, NewFileAccess, Plan, Writer, read_file};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let directory = directory.path();
//! std::fs::write(directory.join("16384_keys"), "old")?;
//! let storage = DiskStorage::new();
//! let old = read_file(&storage, &directory.join("16384_keys"), 1 << 20)?;
//!
//! let writer = Writer::open(&storage, directory, "", "example")?;
//! let mut plan = Plan::new("rotate two scopes", NewFileAccess::LikeDirectory);
//! plan.push(Change::write("16384_keys", Before::Content(old.hash()), b"new".to_vec()));
//! plan.push(Change::write("16385_keys", Before::Absent, b"new".to_vec()));
//! writer.apply(plan)?;
//!
//! assert_eq!(std::fs::read(directory.join("16384_keys"))?, b"new");
//! # Ok(())
//! # }
//! ```

mod disk;
mod error;
mod hash;
mod journal;
mod plan;
mod read;
mod recovery;
mod replace;
mod rewrite;
mod server;
mod stage;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod writer;

use alloc::boxed::Box;
use alloc::fmt;
use alloc::string::String;
use alloc::vec::Vec;
use std::ffi::OsString;
use std::io;
use std::path::Path;

pub use disk::DiskStorage;
pub use error::{Error, Operation};
pub use hash::ContentHash;
#[cfg(feature = "passphrase")]
pub(crate) use journal::is_temporary_name;
pub use journal::{JOURNAL_NAME, Journal, JournalEntry, JournalError, Phase};
pub use plan::{After, Before, Change, Plan, Transform};
pub(crate) use read::hash_file;
pub use read::{FileContent, read_file};
pub use recovery::{InterruptedWork, Recovery, interrupted_work};
pub use replace::replace_file;
pub use server::{ServerCheck, ensure_server_stopped};
pub use stage::NewFileAccess;
pub(crate) use stage::directory_of;
pub use writer::{Applied, LOCK_NAME, Writer};

/// The operations that a writer of key files needs of a file system.
///
/// No operation follows a symbolic link in the last component of a path. Errors are those of the operating
/// system; the functions of this module add what was done and to which file ([`Error`]).
pub trait Storage: fmt::Debug + Send + Sync {
    /// What is known of a file, directory or link; [`io::ErrorKind::NotFound`] when there is none.
    ///
    /// # Errors
    /// Those of the operating system.
    fn stat(&self, path: &Path) -> io::Result<FileStat>;

    /// Opens a regular file for reading.
    ///
    /// # Errors
    /// Those of the operating system; a symbolic link is one.
    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadHandle>>;

    /// The names in a directory, in no particular order.
    ///
    /// # Errors
    /// Those of the operating system.
    fn list(&self, directory: &Path) -> io::Result<Vec<OsString>>;

    /// Makes a regular file with mode 0600, to be written.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] if the name is taken, and those of the operating system.
    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteHandle>>;

    /// Makes a directory with the access given, whatever the process's mask.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] if the name is taken, and those of the operating system.
    fn create_directory(&self, path: &Path, access: Access) -> io::Result<()>;

    /// Gives a file another name in the same directory, atomically in place of what has that name.
    ///
    /// # Errors
    /// Those of the operating system.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Gives a file another name in the same directory, atomically and only if nothing has that name.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] if the name is taken, and those of the operating system: also where the
    /// file system cannot tell in the same step.
    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file's name.
    ///
    /// # Errors
    /// Those of the operating system.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Overwrites the content of a regular file with zeros, in place and durably.
    ///
    /// # Errors
    /// Those of the operating system.
    fn overwrite(&self, path: &Path) -> io::Result<()>;

    /// Removes an empty directory.
    ///
    /// # Errors
    /// Those of the operating system.
    fn remove_directory(&self, path: &Path) -> io::Result<()>;

    /// Whether what is written to a directory stays in memory (or goes to swap space at worst), because its
    /// file system has no disk. `false` where the system does not tell.
    ///
    /// # Errors
    /// Those of the operating system.
    fn is_memory(&self, directory: &Path) -> io::Result<bool>;

    /// Makes the directory's names durable.
    ///
    /// # Errors
    /// Those of the operating system.
    fn sync_directory(&self, directory: &Path) -> io::Result<()>;

    /// Readies the file system of a directory to be made durable as a whole, which is cheaper than file by
    /// file when there are many; `None` where that is not possible or would not report errors.
    ///
    /// # Errors
    /// Those of the operating system.
    fn file_system_sync(&self, directory: &Path) -> io::Result<Option<Box<dyn FileSystemSync>>>;

    /// Takes the exclusive lock of a lock file, made with mode 0600 if absent and never removed; does not wait.
    ///
    /// `holder` is written into it, for the message that another writer gets.
    ///
    /// # Errors
    /// Those of the operating system.
    fn lock(&self, path: &Path, holder: &str) -> io::Result<Lock>;
}

/// A file opened by [`Storage::open`].
pub trait ReadHandle: io::Read + Send {
    /// What is known of the open file, whatever its name stands for now.
    ///
    /// # Errors
    /// Those of the operating system.
    fn stat(&self) -> io::Result<FileStat>;
}

/// A file made by [`Storage::create`].
pub trait WriteHandle: io::Write + Send {
    /// Sets owner and group (where they differ), then the mode.
    ///
    /// # Errors
    /// Those of the operating system.
    fn set_access(&mut self, access: Access) -> io::Result<()>;

    /// Makes content, owner and mode durable. After an error the file must be thrown away: the system may
    /// have dropped what it could not write, and a second call would not tell.
    ///
    /// # Errors
    /// Those of the operating system.
    fn sync(&mut self) -> io::Result<()>;
}

/// A file system readied by [`Storage::file_system_sync`].
pub trait FileSystemSync: Send {
    /// Makes everything durable that was written to the file system before, and reports write errors since
    /// this value was made.
    ///
    /// # Errors
    /// Those of the operating system.
    fn sync(&mut self) -> io::Result<()>;
}

/// The outcome of [`Storage::lock`].
pub enum Lock {
    /// Held until the value is dropped.
    Held(Box<dyn Send + Sync>),
    /// Another writer holds it; what it wrote into the lock file.
    Taken(String),
}

impl fmt::Debug for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held(_) => f.write_str("Held"),
            Self::Taken(holder) => f.debug_tuple("Taken").field(holder).finish(),
        }
    }
}

/// Kind of a directory entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileKind {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A device, a pipe or a socket.
    Other,
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Regular => "a regular file",
            Self::Directory => "a directory",
            Self::Symlink => "a symbolic link",
            Self::Other => "a device, pipe or socket",
        })
    }
}

/// Owner, group and permission bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)]
pub struct Access {
    /// User id of the owner.
    pub owner: u32,
    /// Group id.
    pub group: u32,
    /// Permission bits, 0 to 0o777.
    pub mode: u32,
}

/// What is known of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)]
pub struct FileStat {
    /// Its kind.
    pub kind: FileKind,
    /// Owner, group and permission bits.
    pub access: Access,
    /// Bytes.
    pub size: u64,
    /// Number of the file system.
    pub device: u64,
    /// Number of the file in it.
    pub inode: u64,
    /// Time of the last change of the content: seconds since 1970 and nanoseconds.
    pub modified: (i64, i64),
}

impl FileStat {
    /// Whether both are of the same file with, as far as that can be told, the same content.
    #[must_use]
    pub fn same_content(&self, other: &Self) -> bool {
        (self.device, self.inode, self.size, self.modified)
            == (other.device, other.inode, other.size, other.modified)
    }
}
