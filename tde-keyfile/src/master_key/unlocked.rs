//! The unlocked key: files in memory, for a server to read.

use alloc::format;
use alloc::vec::Vec;
use std::io;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{Error, MasterKey};
use crate::format::keyring::{KeyringRecords, encode_record};
use crate::name::PrincipalKeyName;
use crate::storage::{
    self, Access, Before, FileContent, FileKind, FileStat, NewFileAccess, Operation, Storage, directory_of,
    is_temporary_name, read_file, replace_file,
};

/// Largest keyring that is looked at: tens of thousands of keys.
const MAX_KEYRING: u64 = 16 << 20;

/// A directory of a memory file system that holds the unlocked key.
#[derive(Debug)]
pub struct UnlockedKey<'s> {
    storage: &'s dyn Storage,
    directory: PathBuf,
}

/// What [`UnlockedKey::unlock`] writes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)]
pub struct UnlockOptions {
    /// Also write a keyring that `pg_tde`'s file provider opens, with the key under this name.
    pub keyring_name: Option<PrincipalKeyName>,
    /// Write even to a file system on a disk, from which the key may never quite vanish.
    pub allow_disk: bool,
}

/// A file with the key in clear.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnlockedFile {
    /// The file.
    pub path: PathBuf,
    /// Whether it was written; if not, it was there already with this key.
    pub written: bool,
}

/// What is unlocked in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unlocked {
    /// The key in hexadecimal digits: `master-key.hex`.
    pub hex: Option<FileStat>,
    /// The keyring: `master-key.per`.
    pub keyring: Option<FileStat>,
    /// The directory.
    pub directory: Option<FileStat>,
    /// Whether it is on a memory file system.
    pub memory: bool,
}

/// What [`UnlockedKey::lock`] removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Locked {
    /// Files that were overwritten and removed.
    pub removed: Vec<PathBuf>,
}

impl<'s> UnlockedKey<'s> {
    /// This directory, which need not exist.
    #[must_use]
    pub fn new(storage: &'s dyn Storage, directory: &Path) -> Self {
        Self { storage, directory: directory.to_path_buf() }
    }

    /// The directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The file with the key in hexadecimal digits.
    #[must_use]
    pub fn hex_path(&self) -> PathBuf {
        self.directory.join("master-key.hex")
    }

    /// The keyring.
    #[must_use]
    pub fn keyring_path(&self) -> PathBuf {
        self.directory.join("master-key.per")
    }

    /// Whether a key may be written here: to be asked before a passphrase is.
    ///
    /// # Errors
    /// [`Error::NoDirectory`] if the directory above is missing; [`Error::NotMemory`]; [`Error::Access`] if the
    /// directory exists and is not the user's own with mode 0700 (or less).
    pub fn check(&self, options: &UnlockOptions) -> Result<(), Error> {
        let existing = self.stat(&self.directory)?;
        let nearest = if existing.is_some() { &*self.directory } else { directory_of(&self.directory) };
        let memory = match self.storage.is_memory(nearest) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Error::NoDirectory { path: nearest.to_path_buf() });
            }
            memory => memory.map_err(self.io(Operation::Stat, nearest))?,
        };
        if !memory && !options.allow_disk {
            return Err(Error::NotMemory { path: self.directory.clone() });
        }
        existing.map_or(Ok(()), |stat| check_directory(&self.directory, &stat))
    }

    /// Writes the key, mode 0600, in the directory, which is made with mode 0700 if it is missing.
    ///
    /// Doing it again changes nothing. A keyring to which a server has added keys since is left as it is.
    ///
    /// # Errors
    /// As [`check`](Self::check); [`Error::OtherKey`] if another key is unlocked there; [`Error::Storage`].
    pub fn unlock(&self, key: &MasterKey, options: &UnlockOptions) -> Result<Vec<UnlockedFile>, Error> {
        self.check(options)?;
        // Nothing is written if one of the files is in the way.
        let hex = self.is_unlocked_as_hex(key)?;
        let keyring = match &options.keyring_name {
            Some(name) => Some((name, self.is_unlocked_as_keyring(key, name)?)),
            None => None,
        };
        if self.stat(&self.directory)?.is_none() {
            let mine = Access {
                owner: rustix::process::geteuid().as_raw(),
                group: rustix::process::getegid().as_raw(),
                mode: 0o700,
            };
            let made = self.storage.create_directory(&self.directory, mine);
            made.map_err(self.io(Operation::Create, &self.directory))?;
        }
        let mut files = Vec::new();
        let mut write = |path: PathBuf, present: bool, content: &[u8]| {
            if !present {
                replace_file(self.storage, &path, Before::Absent, content, NewFileAccess::Private)?;
            }
            files.push(UnlockedFile { path, written: !present });
            Ok::<_, Error>(())
        };
        write(self.hex_path(), hex, &key.to_hex()[..])?;
        if let Some((name, present)) = keyring {
            let record = Zeroizing::new(encode_record(name, key.as_principal_key()));
            write(self.keyring_path(), present, &record[..])?;
        }
        Ok(files)
    }

    /// What [`lock`](Self::lock) would remove, without removing it.
    ///
    /// # Errors
    /// As `lock`.
    pub fn plan_lock(&self, force: bool) -> Result<Locked, Error> {
        let mut removed = Vec::new();
        let Some(stat) = self.stat(&self.directory)? else { return Ok(Locked { removed }) };
        check_directory(&self.directory, &stat)?;
        for path in [self.hex_path(), self.keyring_path()] {
            match self.stat(&path)? {
                None => {}
                Some(stat) if stat.kind == FileKind::Regular => removed.push(path),
                Some(stat) => return Err(storage::Error::NotRegular { path, kind: stat.kind }.into()),
            }
        }
        if !force {
            self.check_no_other_keys()?;
        }
        let names = self.storage.list(&self.directory).map_err(self.io(Operation::List, &self.directory))?;
        // What an interrupted `unlock` left holds the key too.
        removed.extend(
            names.iter().filter(|name| is_temporary_name(name)).map(|name| self.directory.join(name)),
        );
        Ok(Locked { removed })
    }

    /// Overwrites the files and removes them, and the directory if it is empty then. Doing it again changes nothing.
    ///
    /// `force` destroys keys that a server has added to the keyring since.
    ///
    /// # Errors
    /// [`Error::OtherKeys`]; [`Error::Access`] if the directory is not the user's own; [`Error::Storage`].
    pub fn lock(&self, force: bool) -> Result<Locked, Error> {
        let locked = self.plan_lock(force)?;
        for path in &locked.removed {
            self.storage.overwrite(path).map_err(self.io(Operation::Write, path))?;
            self.storage.remove(path).map_err(self.io(Operation::Remove, path))?;
        }
        match self.storage.remove_directory(&self.directory) {
            // What else lies there is not ours.
            Err(error)
                if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty)
                    && !locked.removed.is_empty() =>
            {
                Err(self.io(Operation::Remove, &self.directory)(error))
            }
            _ => Ok(locked),
        }
    }

    /// What is unlocked here.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub fn status(&self) -> Result<Unlocked, Error> {
        let directory = self.stat(&self.directory)?;
        let inside = |path: PathBuf| if directory.is_some() { self.stat(&path) } else { Ok(None) };
        Ok(Unlocked {
            hex: inside(self.hex_path())?,
            keyring: inside(self.keyring_path())?,
            memory: directory.is_some() && self.storage.is_memory(&self.directory).unwrap_or(false),
            directory,
        })
    }

    fn is_unlocked_as_hex(&self, key: &MasterKey) -> Result<bool, Error> {
        let path = self.hex_path();
        let Some(content) = self.read(&path)? else { return Ok(false) };
        match MasterKey::from_hex(content.bytes().trim_ascii_end()) {
            Some(found) if found.ct_eq(key) => check_owner_only(&path, content.stat()).map(|()| true),
            _ => Err(Error::OtherKey { path }),
        }
    }

    fn is_unlocked_as_keyring(&self, key: &MasterKey, name: &PrincipalKeyName) -> Result<bool, Error> {
        let path = self.keyring_path();
        let Some(content) = self.read(&path)? else { return Ok(false) };
        let found = KeyringRecords::parse(content.bytes()).find(name).ok().flatten();
        match found.and_then(|record| record.key().ok()) {
            Some(found) if found.ct_eq(key.as_principal_key()) => {
                check_owner_only(&path, content.stat()).map(|()| true)
            }
            _ => Err(Error::OtherKey { path }),
        }
    }

    fn check_no_other_keys(&self) -> Result<(), Error> {
        let Some(keyring) = self.read(&self.keyring_path())? else { return Ok(()) };
        let hex = self.read(&self.hex_path())?;
        let key = hex.and_then(|hex| MasterKey::from_hex(hex.bytes().trim_ascii_end()));
        let records = KeyringRecords::parse(keyring.bytes());
        let others = match &key {
            Some(key) => records
                .records()
                .filter(|record| !record.key().is_ok_and(|found| found.ct_eq(key.as_principal_key())))
                .count(),
            None => records.records().len().saturating_sub(1),
        };
        if others == 0 { Ok(()) } else { Err(Error::OtherKeys { path: self.keyring_path() }) }
    }

    fn read(&self, path: &Path) -> Result<Option<FileContent>, Error> {
        match read_file(self.storage, path, MAX_KEYRING) {
            Err(error) if error.is_not_found() => Ok(None),
            content => Ok(Some(content?)),
        }
    }

    fn stat(&self, path: &Path) -> Result<Option<FileStat>, Error> {
        match self.storage.stat(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            stat => stat.map(Some).map_err(self.io(Operation::Stat, path)),
        }
    }

    fn io(&self, operation: Operation, path: &Path) -> impl FnOnce(io::Error) -> Error + use<> {
        let path = path.to_path_buf();
        move |source| storage::Error::Io { operation, path, source }.into()
    }
}

fn check_directory(path: &Path, stat: &FileStat) -> Result<(), Error> {
    if stat.kind != FileKind::Directory {
        let reason = format!("is {}, not a directory", stat.kind);
        return Err(Error::Access { path: path.to_path_buf(), reason });
    }
    check_owner_only(path, stat)
}

fn check_owner_only(path: &Path, stat: &FileStat) -> Result<(), Error> {
    let fault = |reason| Err(Error::Access { path: path.to_path_buf(), reason });
    let Access { owner, mode, .. } = stat.access;
    let us = rustix::process::geteuid().as_raw();
    if owner != us {
        return fault(format!("belongs to user {owner}, and this process runs as user {us}"));
    }
    if mode & 0o077 != 0 {
        return fault(format!(
            "has mode {mode:03o}, so that other users have access; remove it or use `chmod go=`"
        ));
    }
    Ok(())
}
