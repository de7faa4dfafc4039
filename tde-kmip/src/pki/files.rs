//! Several new files, all or none, nothing overwritten.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::PkiError;

/// Files that are written under other names until all of them are. Dropping it removes what was not published.
#[derive(Debug)]
pub(super) struct NewFiles {
    directory: PathBuf,
    staged: Vec<(PathBuf, PathBuf)>,
    published: Vec<PathBuf>,
}

impl NewFiles {
    pub(super) fn new(directory: &Path) -> Result<Self, PkiError> {
        match DirBuilder::new().mode(0o700).create(directory) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => made.map_err(io_error("make", directory))?,
        }
        Ok(Self { directory: directory.to_path_buf(), staged: Vec::new(), published: Vec::new() })
    }

    pub(super) fn check_absent(&self, path: &Path) -> Result<(), PkiError> {
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(io_error("look at", path)(source)),
            Ok(_) => Err(PkiError::Exists { path: path.to_path_buf() }),
        }
    }

    /// Writes a file, durably, with this mode from its first byte on; a wider one only after the last.
    pub(super) fn stage(&mut self, path: PathBuf, content: &[u8], mode: u32) -> Result<(), PkiError> {
        let name = format!(".tde-kmip-init.{}.{}", std::process::id(), self.staged.len());
        let staged = self.directory.join(name);
        let mut file = OpenOptions::new();
        let file = file.write(true).create_new(true).mode(mode & 0o600).open(&staged);
        let mut file = file.map_err(io_error("make", &staged))?;
        self.staged.push((staged.clone(), path));
        let written = file.write_all(content).and_then(|()| {
            use std::os::unix::fs::PermissionsExt as _;
            file.set_permissions(fs::Permissions::from_mode(mode))?;
            file.sync_all()
        });
        written.map_err(io_error("write", &staged))
    }

    /// Gives the files their names, none of which may be taken.
    pub(super) fn publish(mut self) -> Result<(), PkiError> {
        for (staged, path) in &self.staged {
            match fs::hard_link(staged, path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    return Err(PkiError::Exists { path: path.clone() });
                }
                linked => linked.map_err(io_error("make", path))?,
            }
            self.published.push(path.clone());
        }
        let synced = File::open(&self.directory).and_then(|directory| directory.sync_all());
        synced.map_err(io_error("sync", &self.directory))?;
        self.published.clear();
        Ok(())
    }
}

impl Drop for NewFiles {
    fn drop(&mut self) {
        for path in self.staged.iter().map(|(staged, _)| staged).chain(&self.published) {
            let _ = fs::remove_file(path);
        }
    }
}

pub(super) fn io_error(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> PkiError + use<> {
    let path = path.to_path_buf();
    move |source| PkiError::Io { operation, path, source }
}
