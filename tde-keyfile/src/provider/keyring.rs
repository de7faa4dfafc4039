//! The file provider: a keyring file.

use alloc::format;
use alloc::string::String;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{KeyProvider, NamedKey, ProviderError, ProviderErrorKind};
use crate::file::{FileErrorKind, read_bounded};
use crate::format::keyring::KeyringRecords;
use crate::format::{FormatError, FormatErrorKind};
use crate::name::PrincipalKeyName;

/// A keyring has a record of 292 bytes for each principal key ever made; this is 57,000 of them.
const MAX_KEYRING_SIZE: u64 = 16 << 20;

/// A keyring file of `pg_tde`'s file provider.
///
/// The file is read at each request and its bytes are wiped afterwards. As for the server, a file that is
/// absent or empty has no keys, names match without regard to ASCII case, and the first match counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileKeyring {
    path: PathBuf,
}

impl FileKeyring {
    /// The keyring at this path, which is not touched yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn damaged(&self, error: FormatError) -> ProviderError {
        let kind = match error.kind() {
            FormatErrorKind::KeyLength { .. } => ProviderErrorKind::InvalidKey,
            _ => ProviderErrorKind::Damaged,
        };
        ProviderError::new(self.place(), kind).with_source(error)
    }
}

impl KeyProvider for FileKeyring {
    fn principal_key(&self, name: &PrincipalKeyName) -> Result<Option<NamedKey>, ProviderError> {
        let bytes = match read_bounded(&self.path, MAX_KEYRING_SIZE) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => {
                let kind = match error.kind() {
                    FileErrorKind::TooLarge { .. } | FileErrorKind::NotAFile => ProviderErrorKind::Damaged,
                    _ => ProviderErrorKind::Unavailable,
                };
                return Err(ProviderError::new(self.place(), kind).with_source(error));
            }
        };
        let found = KeyringRecords::parse(&bytes).find(name).map_err(|error| self.damaged(error))?;
        let Some(record) = found else { return Ok(None) };
        let named = |record: &crate::format::keyring::KeyringRecord<'_>| {
            Ok(NamedKey { name: record.name()?, key: record.key()? })
        };
        named(&record).map(Some).map_err(|error| self.damaged(error))
    }

    fn place(&self) -> String {
        // To the server an absent keyring has no keys; to somebody with a copy it is the likeliest mistake.
        let absent = if matches!(self.path.try_exists(), Ok(false)) { " (absent)" } else { "" };
        format!("keyring file {}{absent}", self.path.display())
    }
}
