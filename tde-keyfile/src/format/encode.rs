//! Why something cannot be written, and the bytes of what was.

use core::fmt;
use core::ops::Deref;

use tde_core::Cipher;

use super::header::Magic;

/// Something that a format has no room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeError {
    /// The version has AES-128 only.
    Cipher {
        /// The version.
        version: Magic,
        /// The cipher of the key that was to be written.
        cipher: Cipher,
    },
    /// A magic number of the other kind of file.
    Magic {
        /// The magic number.
        found: Magic,
    },
    /// A text that does not fit its field, or has a NUL inside.
    Text {
        /// The field.
        field: &'static str,
        /// The most bytes that it holds.
        limit: usize,
    },
    /// Entries that the file that they are for cannot have.
    Entries {
        /// What is wrong with them.
        reason: &'static str,
    },
    /// AES-GCM refused; it does not for vectors of 16 bytes and keys.
    Wrap(tde_core::Error),
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cipher { version, cipher } => {
                write!(f, "a {} of version {} holds no key for {cipher}", version.file(), version.version())
            }
            Self::Magic { found } => {
                write!(f, "{} version {} is not written here", found.file(), found.version())
            }
            Self::Text { field, limit } => {
                write!(f, "the {field} must be text of at most {limit} bytes without a NUL")
            }
            Self::Entries { reason } => write!(f, "entries {reason}"),
            Self::Wrap(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for EncodeError {}

impl From<tde_core::Error> for EncodeError {
    fn from(error: tde_core::Error) -> Self {
        Self::Wrap(error)
    }
}

/// The bytes of one entry of `wal_keys`: 96 or 104, by version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryBytes {
    bytes: [u8; 104],
    length: usize,
}

impl EntryBytes {
    /// Takes at most 104 bytes.
    pub(super) fn new(entry: &[u8]) -> Self {
        let mut bytes = [0; 104];
        let length = entry.len().min(bytes.len());
        for (byte, value) in bytes.iter_mut().zip(entry) {
            *byte = *value;
        }
        Self { bytes, length }
    }

    /// Overwrites the bytes from `at` on.
    pub(super) fn put(&mut self, at: usize, value: &[u8]) {
        for (byte, value) in self.bytes.iter_mut().skip(at).zip(value) {
            *byte = *value;
        }
    }
}

impl Deref for EntryBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// Puts `text` into a field that a NUL must end.
pub(super) fn put_text(
    target: &mut [u8],
    text: &[u8],
    field: &'static str,
    limit: usize,
) -> Result<(), EncodeError> {
    if text.len() > limit || text.len() >= target.len() || text.contains(&0) {
        return Err(EncodeError::Text { field, limit });
    }
    for (byte, value) in target.iter_mut().zip(text) {
        *byte = *value;
    }
    Ok(())
}
