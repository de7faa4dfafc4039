//! The files of `pg_tde/` as they are now: what edits are computed from.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::error::EditError;
use crate::cluster::{Cluster, ClusterError, KeyDirectory, OpenOptions};
use crate::file::{FileError, FileErrorKind};
use crate::format::names::{self, FileName};
use crate::storage::{self, Storage, read_file};

/// The key files of a data directory, read once, and the cluster that they make up.
#[derive(Debug)]
pub struct KeyFiles {
    data_directory: PathBuf,
    options: OpenOptions,
    cluster: Cluster,
    contents: BTreeMap<String, Vec<u8>>,
    unread: Vec<String>,
}

impl KeyFiles {
    /// Reads them, and looks for the principal key of every scope.
    ///
    /// # Errors
    /// [`EditError::Cluster`] if there is no `pg_tde` directory, or it cannot be listed. A file that cannot be
    /// read is an error only when it is to be changed.
    pub fn read(
        storage: &dyn Storage,
        data_directory: &Path,
        options: &OpenOptions,
    ) -> Result<Self, EditError> {
        let source = Source {
            storage,
            directory: data_directory.join(names::DIRECTORY),
            limit: options.size_limit(),
            contents: RefCell::default(),
        };
        let cluster = Cluster::open_from(&source, data_directory, options)?;
        let mut unread = Vec::new();
        for name in source.names()? {
            let Some(name) = name.to_str() else { continue };
            let file = FileName::parse(name);
            if matches!(file, FileName::Foreign | FileName::Writer | FileName::BetaKeys(_)) {
                continue;
            }
            // The leftovers, which no cluster is made of.
            if !source.contents.borrow().contains_key(name) && source.read(name).is_err() {
                unread.push(String::from(name));
            }
        }
        let contents = source.contents.into_inner();
        let data_directory = data_directory.to_path_buf();
        Ok(Self { data_directory, options: options.clone(), cluster, contents, unread })
    }

    /// The same as [`read`](Self::read) without having locked, to see what an edit would do.
    ///
    /// # Errors
    /// Also [`EditError::Interrupted`] if an earlier change is to be completed or undone first.
    pub fn preview(
        storage: &dyn Storage,
        data_directory: &Path,
        options: &OpenOptions,
    ) -> Result<Self, EditError> {
        let found = match storage::interrupted_work(storage, data_directory, names::DIRECTORY) {
            // Without the directory, reading says so better.
            Err(error) if error.is_not_found() => None,
            found => found?,
        };
        match found.and_then(|found| found.journal) {
            Some(journal) => Err(EditError::Interrupted { description: journal.description }),
            None => Self::read(storage, data_directory, options),
        }
    }

    /// The data directory.
    #[must_use]
    pub fn data_directory(&self) -> &Path {
        &self.data_directory
    }

    /// What the files make up.
    #[must_use]
    pub const fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    pub(super) const fn options(&self) -> &OpenOptions {
        &self.options
    }

    /// The content of a file; `None` if it is absent (or could not be read, see [`is_unread`](Self::is_unread)).
    pub(crate) fn content(&self, name: &str) -> Option<&[u8]> {
        self.contents.get(name).map(Vec::as_slice)
    }

    /// Whether the file is there but could not be read.
    pub(super) fn is_unread(&self, name: &str) -> bool {
        self.unread.iter().any(|unread| unread == name)
    }

    /// All files of `pg_tde` there are, read or not.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.contents.keys().chain(&self.unread).map(String::as_str)
    }
}

/// Reads through a storage, and keeps what was read.
struct Source<'s> {
    storage: &'s dyn Storage,
    directory: PathBuf,
    limit: u64,
    contents: RefCell<BTreeMap<String, Vec<u8>>>,
}

impl KeyDirectory for Source<'_> {
    fn names(&self) -> Result<Vec<OsString>, ClusterError> {
        self.storage.list(&self.directory).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => {
                ClusterError::NoKeyDirectory { path: self.directory.clone() }
            }
            _ => ClusterError::Directory(FileError::new(&self.directory, FileErrorKind::Io(error))),
        })
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, FileError> {
        let path = self.directory.join(name);
        match read_file(self.storage, &path, self.limit) {
            Ok(content) => {
                let bytes = content.bytes().to_vec();
                self.contents.borrow_mut().insert(name.into(), bytes.clone());
                Ok(bytes)
            }
            Err(error) => Err(FileError::new(&path, file_error(error))),
        }
    }
}

fn file_error(error: storage::Error) -> FileErrorKind {
    match error {
        storage::Error::Io { source, .. } => FileErrorKind::Io(source),
        storage::Error::NotRegular { .. } => FileErrorKind::NotAFile,
        storage::Error::TooLarge { size, limit, .. } => FileErrorKind::TooLarge { size, limit },
        storage::Error::ChangedWhileRead { .. } => FileErrorKind::Changed,
        other => FileErrorKind::Io(std::io::Error::other(format!("{other}"))),
    }
}
