//! The files of one relation as they are: what its encryption is planned from.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use std::ffi::OsString;
use std::path::Path;

use tde_core::Fork;

use super::error::EditError;
use crate::oid::{Oid, RelationLocator};
use crate::postgres::{ClusterState, ControlFile, FilenodeMap, RelationPath};
use crate::relation_file::RelationGeometry;
use crate::storage::{self, FileKind, Operation, Storage, read_file};

/// Longest `pg_control` and `pg_filenode.map` that are read.
const MAX_SMALL_FILE: u64 = 64 << 10;

/// Relations from this number on are not made by `initdb` (`transam.h`, `FirstNormalObjectId`).
const FIRST_OF_USERS: u32 = 16384;

/// All segments of all forks of a relation, and what has to be known to encrypt them.
///
/// A relation is encrypted as a whole: main fork, free space map, visibility map and init fork under one key (`pg_tde`
/// 2.2.0, `tde_mdcreate`). Its indexes and its TOAST table are relations of their own.
#[derive(Debug, Clone)]
pub struct RelationFiles {
    pub(super) path: RelationPath,
    pub(super) files: Vec<(RelationPath, u64)>,
    pub(super) geometry: RelationGeometry,
    pub(super) checksums: bool,
    catalog: Option<&'static str>,
}

impl RelationFiles {
    /// Finds the files of the relation that `path`, any of them, belongs to.
    ///
    /// Without `global/pg_control`, pages of 8192 bytes and no checksums are assumed, and the length of the first
    /// of several segments is that of all.
    ///
    /// # Errors
    /// [`EditError::NoRelationFiles`]; [`EditError::RelationLength`] if a file ends within a page, or a segment is
    /// not as long as one before others must be; [`EditError::NotEncrypted`] for a shared catalog;
    /// [`EditError::RecoveryPending`] if the server's next start would begin with replaying WAL: that may drop the
    /// key of the relation, or make it another (`pg_tde` 2.0 to 2.2, `tde_smgr_create_key_redo`);
    /// [`EditError::Storage`].
    pub fn find(
        storage: &dyn Storage,
        data_directory: &Path,
        path: &RelationPath,
    ) -> Result<Self, EditError> {
        let path = path.with_fork(Fork::Main);
        if path.locator.tablespace == Oid::PG_GLOBAL {
            let reason = "it is a catalog that all databases share, and pg_tde encrypts none of them";
            return Err(EditError::NotEncrypted { path, reason });
        }
        let control = control_file(storage, data_directory)?;
        let text = path.to_string();
        let (directory, _) = text.rsplit_once('/').unwrap_or_default();
        let mut files = Vec::new();
        for name in list(storage, &data_directory.join(directory))? {
            let found = name.to_str().map(|name| RelationPath::parse(&alloc::format!("{directory}/{name}")));
            let Some(Ok(found)) = found else { continue };
            if found.locator == path.locator {
                let full = data_directory.join(found.to_string());
                let stat = storage.stat(&full).map_err(|source| io(Operation::Stat, &full, source))?;
                if stat.kind != FileKind::Regular {
                    return Err(storage::Error::NotRegular { path: full, kind: stat.kind }.into());
                }
                files.push((found, stat.size));
            }
        }
        files.sort();
        let catalog = if path.locator.relation.get() < FIRST_OF_USERS {
            Some(
                "it is one of the catalogs and other tables that initdb makes, which pg_tde does not encrypt",
            )
        } else if is_mapped(storage, data_directory, directory, &path.locator)? {
            Some("it is a mapped catalog (pg_filenode.map), which pg_tde does not encrypt")
        } else {
            None
        };
        let geometry = geometry(control.as_ref(), &files);
        let checksums = control.is_some_and(|control| control.has_data_checksums());
        let found = Self { path, files, geometry, checksums, catalog };
        found.check_lengths()?;
        Ok(found)
    }

    /// The first segment of the main fork.
    #[must_use]
    pub const fn path(&self) -> &RelationPath {
        &self.path
    }

    /// Tablespace, database and relation number.
    #[must_use]
    pub const fn locator(&self) -> RelationLocator {
        self.path.locator
    }

    /// The files with their lengths in bytes, by fork and segment.
    #[must_use]
    pub fn files(&self) -> &[(RelationPath, u64)] {
        &self.files
    }

    /// Bytes in all files.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.files.iter().map(|(_, length)| length).sum()
    }

    /// Whether pg_tde would not encrypt it, as far as its number tells.
    pub(super) const fn check_not_catalog(&self) -> Result<(), EditError> {
        match self.catalog {
            Some(reason) => Err(EditError::NotEncrypted { path: self.path, reason }),
            None => Ok(()),
        }
    }

    /// A block's number, and with it its vector, depends on the lengths of the segments before.
    fn check_lengths(&self) -> Result<(), EditError> {
        if !self.files.iter().any(|(path, _)| *path == self.path) {
            return Err(EditError::NoRelationFiles { path: self.path });
        }
        let (page, full) = (self.geometry.page_size.get() as u64, self.geometry.segment_length());
        for fork in self.files.chunk_by(|(a, _), (b, _)| a.fork == b.fork) {
            let last = fork.iter().rposition(|(_, length)| *length > 0).unwrap_or(0);
            for (index, (path, length)) in fork.iter().enumerate() {
                let fault = |reason| Err(EditError::RelationLength { path: *path, length: *length, reason });
                if length % page != 0 {
                    return fault("it ends within a page");
                }
                if *length > full {
                    return fault("it is longer than a segment of this cluster");
                }
                if index < last && *length < full {
                    return fault("segments follow it, but it is not full");
                }
                if index <= last && u32::try_from(index) != Ok(path.segment) {
                    return fault("a segment before it is missing");
                }
            }
        }
        Ok(())
    }
}

/// The names in a directory; none if there is no such directory.
fn list(storage: &dyn Storage, directory: &Path) -> Result<Vec<OsString>, EditError> {
    match storage.list(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        listed => listed.map_err(|source| io(Operation::List, directory, source)),
    }
}

fn io(operation: Operation, path: &Path, source: std::io::Error) -> EditError {
    storage::Error::Io { operation, path: path.to_path_buf(), source }.into()
}

/// What the control file says, unless WAL is to be replayed.
fn control_file(storage: &dyn Storage, data_directory: &Path) -> Result<Option<ControlFile>, EditError> {
    let pending = |path, reason: String| EditError::RecoveryPending { path, reason };
    let label = data_directory.join("backup_label");
    if storage.stat(&label).is_ok() {
        return Err(pending(label, "this is a base backup that no server has recovered yet".into()));
    }
    let path = data_directory.join("global/pg_control");
    let control = match read_file(storage, &path, MAX_SMALL_FILE) {
        Err(error) if error.is_not_found() => return Ok(None),
        content => content?,
    };
    match ControlFile::parse(control.bytes()) {
        Ok(control) if control.state == ClusterState::ShutDown => Ok(Some(control)),
        Ok(control) => Err(pending(path, alloc::format!("the state of the cluster is `{}`", control.state))),
        Err(error) => Err(pending(path, error.to_string())),
    }
}

/// Mapped catalogs lie in the default tablespace of their database, where the map is too.
fn is_mapped(
    storage: &dyn Storage,
    data_directory: &Path,
    directory: &str,
    locator: &RelationLocator,
) -> Result<bool, EditError> {
    let path = data_directory.join(directory).join("pg_filenode.map");
    let map = match read_file(storage, &path, MAX_SMALL_FILE) {
        Err(error) if error.is_not_found() => return Ok(false),
        content => content?,
    };
    // A map that cannot be read tells nothing; the server would not start with it either.
    Ok(FilenodeMap::parse(map.bytes())
        .is_ok_and(|map| map.iter().any(|(_, number)| number == locator.relation)))
}

fn geometry(control: Option<&ControlFile>, files: &[(RelationPath, u64)]) -> RelationGeometry {
    let Some(control) = control else {
        let usual = RelationGeometry::default();
        let first_of_several = files.windows(2).find_map(|pair| match pair {
            [(path, length), (next, more)]
                if path.segment == 0 && next.segment == 1 && path.fork == next.fork && *more > 0 =>
            {
                u32::try_from(length / usual.page_size.get() as u64).ok().filter(|blocks| *blocks > 0)
            }
            _ => None,
        });
        return RelationGeometry {
            blocks_per_segment: first_of_several.unwrap_or(usual.blocks_per_segment),
            ..usual
        };
    };
    control.into()
}
