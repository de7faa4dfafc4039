//! Why a relation file cannot be read or decrypted.

use core::fmt;
use std::io;
use std::path::PathBuf;

/// Why a relation file cannot be read or decrypted.
#[derive(Debug)]
#[non_exhaustive]
pub enum RelationFileError {
    /// It cannot be opened.
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Reading fails.
    Read(io::Error),
    /// It ended before the length that it was said to have: it was cut off while it was read.
    Shrunk {
        /// The length in bytes that it was said to have.
        expected: u64,
        /// The byte offset where it ended.
        actual: u64,
    },
    /// Writing the plaintext fails.
    Write(io::Error),
    /// Its blocks would have numbers beyond the largest one.
    Segment {
        /// The number behind the dot in its name.
        segment: u32,
    },
    /// The page cipher refused.
    Decrypt(tde_core::Error),
}

impl fmt::Display for RelationFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { path, .. } => write!(f, "cannot open {}", path.display()),
            Self::Read(_) => f.write_str("cannot read the relation file"),
            Self::Shrunk { expected, actual } => {
                write!(
                    f,
                    "the file ends at byte {actual} instead of {expected}: it was cut off while it was read"
                )
            }
            Self::Write(_) => f.write_str("cannot write the plaintext"),
            Self::Segment { segment } => {
                write!(
                    f,
                    "segment {segment} lies beyond the largest block number of this cluster's segment size"
                )
            }
            Self::Decrypt(_) => f.write_str("cannot decrypt the pages"),
        }
    }
}

impl core::error::Error for RelationFileError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Open { source, .. } | Self::Read(source) | Self::Write(source) => Some(source),
            Self::Decrypt(source) => Some(source),
            Self::Segment { .. } | Self::Shrunk { .. } => None,
        }
    }
}
