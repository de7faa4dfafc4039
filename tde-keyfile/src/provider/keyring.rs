//! The file provider: a keyring file.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{KeyProvider, NamedKey, ProviderCheck, ProviderError, ProviderErrorKind};
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

    /// The bytes of the file, or `None` if it is absent.
    fn read(&self) -> Result<Option<Zeroizing<Vec<u8>>>, ProviderError> {
        match read_bounded(&self.path, MAX_KEYRING_SIZE) {
            Ok(bytes) => Ok(Some(Zeroizing::new(bytes))),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => {
                let kind = match error.kind() {
                    FileErrorKind::TooLarge { .. } | FileErrorKind::NotAFile => ProviderErrorKind::Damaged,
                    _ => ProviderErrorKind::Unavailable,
                };
                Err(ProviderError::new(self.place(), kind).with_source(error))
            }
        }
    }

    /// Every name, after every record was read.
    fn names(&self, bytes: &[u8]) -> Result<Vec<PrincipalKeyName>, FormatError> {
        let records = KeyringRecords::parse(bytes);
        let names = records.records().map(|record| {
            record.key()?;
            record.name()
        });
        let names = names.collect::<Result<_, _>>()?;
        records.check_whole()?;
        Ok(names)
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
        let Some(bytes) = self.read()? else { return Ok(None) };
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

    /// Replaces the file by one with a record more, atomically; one that is absent is made, with mode 0600.
    #[cfg(all(feature = "write", unix))]
    fn store(&self, name: &PrincipalKeyName, key: &tde_core::PrincipalKey) -> Result<(), ProviderError> {
        use crate::edit::{EditError, KeyringEdit};
        let storage = crate::storage::DiskStorage::new();
        let stored = KeyringEdit::add_key(&storage, &self.path, name, key)
            .and_then(|edit| edit.apply(&storage, "tde-keyfile"));
        stored.map_err(|error| match error {
            EditError::PrincipalKeyExists { .. } => {
                ProviderError::new(self.place(), ProviderErrorKind::Exists)
            }
            EditError::Format { error, .. } => self.damaged(error),
            error => ProviderError::new(self.place(), ProviderErrorKind::Unavailable).with_source(error),
        })
    }

    fn list(&self) -> Result<Vec<PrincipalKeyName>, ProviderError> {
        let Some(bytes) = self.read()? else { return Ok(Vec::new()) };
        self.names(&bytes).map_err(|error| self.damaged(error))
    }

    /// Reads every record. `pg_tde` opens the file for writing instead, and makes it; here nothing changes.
    fn check(&self) -> Result<ProviderCheck, ProviderError> {
        let mut check = ProviderCheck::new();
        let Some(bytes) = self.read()? else {
            check.warn("file", "absent: there is no key in it, and pg_tde makes it with its first key");
            return Ok(check);
        };
        let names = self.names(&bytes).map_err(|error| self.damaged(error))?;
        check.good("keys", format!("{}", names.len()));
        for (at, name) in names.iter().enumerate() {
            if names.iter().take(at).any(|earlier| earlier.matches(name)) {
                check.warn("keys", format!("\"{name}\" is there twice; only the first one is ever found"));
            }
        }
        #[cfg(unix)]
        if let Ok(metadata) = std::fs::metadata(&self.path) {
            use std::os::unix::fs::MetadataExt as _;
            let mode = metadata.mode() & 0o777;
            if mode & 0o007 == 0 {
                check.good("access", format!("mode {mode:03o}"));
            } else {
                let text = format!("mode {mode:03o}: every user of this machine can get at keys in clear");
                check.warn("access", text);
            }
        }
        Ok(check)
    }
}
