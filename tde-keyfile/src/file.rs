//! Reading whole files of bounded size.

use alloc::string::{String, ToString as _};
use alloc::vec;
use alloc::vec::Vec;
use core::{error, fmt};
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroize as _;

/// A file that could not be read.
#[derive(Debug)]
pub struct FileError {
    path: PathBuf,
    kind: FileErrorKind,
}

/// Why a file could not be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum FileErrorKind {
    /// The operating system's answer.
    Io(io::Error),
    /// A directory, a pipe or a device stands in the place of the file.
    NotAFile,
    /// The file is larger than anything that belongs there.
    TooLarge {
        /// Its size in bytes.
        size: u64,
        /// The most bytes that are read.
        limit: u64,
    },
    /// The file grew while it was read.
    Changed,
}

impl FileError {
    pub(crate) fn new(path: &Path, kind: FileErrorKind) -> Self {
        Self { path: path.to_path_buf(), kind }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What went wrong.
    #[must_use]
    pub const fn kind(&self) -> &FileErrorKind {
        &self.kind
    }

    /// What went wrong, for those who name the file themselves and have no place for a source.
    pub(crate) fn reason(&self) -> String {
        match &self.kind {
            FileErrorKind::Io(error) => error.to_string(),
            kind => kind.to_string(),
        }
    }

    /// Whether the file is absent, rather than unreadable.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(&self.kind, FileErrorKind::Io(error) if error.kind() == io::ErrorKind::NotFound)
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.kind)
    }
}

impl fmt::Display for FileErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(_) => f.write_str("the file cannot be read"),
            Self::NotAFile => f.write_str("not a regular file"),
            Self::TooLarge { size, limit } => {
                write!(f, "{size} bytes, more than the limit of {limit}")
            }
            Self::Changed => f.write_str("the file changed while it was read"),
        }
    }
}

impl error::Error for FileError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match &self.kind {
            FileErrorKind::Io(error) => Some(error),
            _ => None,
        }
    }
}

/// Reads a regular file of at most `limit` bytes.
///
/// The buffer is made once and never moved, so that a caller who wipes it wipes the only copy.
pub(crate) fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let failed = |kind| FileError::new(path, kind);
    let io_failed = |error| failed(FileErrorKind::Io(error));
    // Asked before opening: opening a device may do something.
    if !std::fs::metadata(path).map_err(io_failed)?.is_file() {
        return Err(failed(FileErrorKind::NotAFile));
    }
    let mut file = open(path).map_err(io_failed)?;
    let metadata = file.metadata().map_err(io_failed)?;
    if !metadata.is_file() {
        return Err(failed(FileErrorKind::NotAFile));
    }
    let size = metadata.len();
    let too_large = || failed(FileErrorKind::TooLarge { size, limit });
    if size > limit {
        return Err(too_large());
    }
    let mut bytes = vec![0; usize::try_from(size).map_err(|_| too_large())?];
    let mut filled = 0;
    let outcome = loop {
        match bytes.get_mut(filled..) {
            Some(rest) if !rest.is_empty() => match file.read(rest) {
                // Shorter than it was a moment ago: what is there is the file.
                Ok(0) => break Ok(()),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(io_failed(error)),
            },
            _ => {
                break match file.read(&mut [0]) {
                    Ok(0) => Ok(()),
                    Ok(_) => Err(failed(FileErrorKind::Changed)),
                    Err(error) => Err(io_failed(error)),
                };
            }
        }
    };
    match outcome {
        Ok(()) => {
            bytes.truncate(filled);
            Ok(bytes)
        }
        Err(error) => {
            bytes.zeroize();
            Err(error)
        }
    }
}

/// A pipe put in the file's place since it was looked at must not make us wait for its other end.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(all(feature = "write", unix))]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt as _;
        options.custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed());
    }
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(all(feature = "write", unix))]
    #[test]
    fn a_pipe_is_opened_without_waiting_and_not_read() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pipe");
        mknodat(CWD, &path, FileType::Fifo, Mode::RWXU, 0).unwrap();
        assert!(!open(&path).unwrap().metadata().unwrap().is_file());
        let error = read_bounded(&path, 100).unwrap_err();
        assert!(matches!(error.kind(), FileErrorKind::NotAFile));
    }

    #[test]
    fn a_file_is_read_up_to_the_limit_and_not_beyond() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        std::fs::write(&path, [7; 100]).unwrap();
        assert_eq!(read_bounded(&path, 100).unwrap(), [7; 100]);
        let error = read_bounded(&path, 99).unwrap_err();
        assert!(matches!(error.kind(), FileErrorKind::TooLarge { size: 100, limit: 99 }));
    }

    #[test]
    fn a_directory_is_not_a_file_and_an_absent_file_is_told_from_an_unreadable_one() {
        let directory = tempfile::tempdir().unwrap();
        let error = read_bounded(directory.path(), 100).unwrap_err();
        assert!(matches!(error.kind(), FileErrorKind::NotAFile));
        assert!(!error.is_not_found());
        assert!(read_bounded(&directory.path().join("absent"), 100).unwrap_err().is_not_found());
    }
}
