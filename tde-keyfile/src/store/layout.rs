//! Which layout the key files of a data directory have.

use core::fmt;
use core::str::FromStr;
use std::ffi::OsString;
use std::io;
use std::path::Path;

use alloc::vec::Vec;

use crate::cluster::ClusterError;
use crate::edit::EditError;
use crate::file::{FileError, FileErrorKind};
use crate::format::names::{DIRECTORY, FileName};
use crate::format::one_file::names as one_file;
use crate::storage::Storage;

/// How key files are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums)]
pub enum Layout {
    /// `pg_tde`'s own: one file for each scope. What a server reads.
    PgTde,
    /// Ours: one file for each relation, everything authenticated.
    OneFilePerRelation,
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PgTde => "pg_tde",
            Self::OneFilePerRelation => "one-file-per-relation",
        })
    }
}

/// Not the name of a layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the layouts are `pg_tde` and `one-file-per-relation`")]
pub struct UnknownLayout;

impl FromStr for Layout {
    type Err = UnknownLayout;

    fn from_str(name: &str) -> Result<Self, UnknownLayout> {
        match name {
            "pg_tde" => Ok(Self::PgTde),
            "one-file-per-relation" => Ok(Self::OneFilePerRelation),
            _ => Err(UnknownLayout),
        }
    }
}

/// The layout of the files in `pg_tde/`, told by their names; `None` if there are no key files.
///
/// # Errors
/// [`EditError::MixedLayouts`]; [`EditError::Cluster`] if there is no `pg_tde` directory, or it cannot be listed.
pub fn layout_of(storage: &dyn Storage, data_directory: &Path) -> Result<Option<Layout>, EditError> {
    let directory = data_directory.join(DIRECTORY);
    let names = list(storage, &directory)?;
    let names = names.iter().filter_map(|name| name.to_str());
    let (mut pg_tde, mut one_file) = (false, false);
    for name in names {
        if name == one_file::GLOBAL || one_file::database(name).is_some() {
            one_file |= has_files(storage, &directory.join(name), name == one_file::GLOBAL)?;
        } else {
            pg_tde |= !matches!(FileName::parse(name), FileName::Writer | FileName::Foreign);
        }
    }
    match (pg_tde, one_file) {
        (true, true) => Err(EditError::MixedLayouts { path: directory }),
        (true, false) => Ok(Some(Layout::PgTde)),
        (false, true) => Ok(Some(Layout::OneFilePerRelation)),
        (false, false) => Ok(None),
    }
}

/// Whether a directory has files of the layout with one file per relation.
fn has_files(storage: &dyn Storage, directory: &Path, is_global: bool) -> Result<bool, EditError> {
    let names = match storage.list(directory) {
        // A file of that name, which is none of ours.
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Ok(false),
        names => names.map_err(|error| failed(directory, error))?,
    };
    Ok(names.iter().filter_map(|name| name.to_str()).any(|name| {
        !matches!(
            one_file::FileName::parse(name, is_global),
            one_file::FileName::Foreign | one_file::FileName::Writer
        )
    }))
}

/// The names in the key directory.
pub(super) fn list(storage: &dyn Storage, directory: &Path) -> Result<Vec<OsString>, EditError> {
    storage.list(directory).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            ClusterError::NoKeyDirectory { path: directory.to_path_buf() }.into()
        }
        _ => failed(directory, error),
    })
}

fn failed(directory: &Path, error: io::Error) -> EditError {
    ClusterError::Directory(FileError::new(directory, FileErrorKind::Io(error))).into()
}
