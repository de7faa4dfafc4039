//! Principal keys added to a file keyring.

use alloc::boxed::Box;
use alloc::vec::Vec;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use tde_core::PrincipalKey;
use zeroize::Zeroizing;

use super::error::EditError;
use crate::format::keyring::{KeyringRecords, RECORD_SIZE, encode_record};
use crate::name::PrincipalKeyName;
use crate::storage::{Before, Change, NewFileAccess, Plan, Storage, Writer, read_file};

/// The largest keyring that is read, as for looking keys up.
const MAX_KEYRING_SIZE: u64 = 16 << 20;

/// A key to be added to a keyring, computed.
#[derive(Debug)]
pub struct KeyringEdit {
    path: PathBuf,
    plan: Plan,
}

impl KeyringEdit {
    /// A keyring with one more key at its end; a keyring that is absent is made, with mode 0600.
    ///
    /// # Errors
    /// [`EditError::PrincipalKeyExists`] (names are compared without regard to case); [`EditError::Format`] if the
    /// keyring ends inside a record; [`EditError::Storage`] if it cannot be read.
    pub fn add_key(
        storage: &dyn Storage,
        path: &Path,
        name: &PrincipalKeyName,
        key: &PrincipalKey,
    ) -> Result<Self, EditError> {
        let content = match read_file(storage, path, MAX_KEYRING_SIZE) {
            Ok(content) => Some(content),
            Err(error) if error.is_not_found() => None,
            Err(error) => return Err(error.into()),
        };
        let old = content.as_ref().map_or(&[][..], |content| content.bytes());
        let damaged = |error| EditError::Format { path: path.to_path_buf(), error };
        let records = KeyringRecords::parse(old);
        if let Some(found) = records.find(name).map_err(damaged)? {
            let place = std::format!("keyring file {}", path.display());
            return Err(EditError::PrincipalKeyExists {
                name: Box::new(found.name().map_err(damaged)?),
                place,
            });
        }
        // Made with its final size, so that no copy of it is left behind unwiped.
        let mut new = Zeroizing::new(Vec::with_capacity(old.len() + RECORD_SIZE));
        new.extend_from_slice(old);
        new.extend_from_slice(&*Zeroizing::new(encode_record(name, key)));
        let before = content.map_or(Before::Absent, |content| Before::Content(content.hash()));
        let mut plan = Plan::new("add a principal key to a keyring", NewFileAccess::Private);
        plan.push(Change::write(path.file_name().unwrap_or(OsStr::new("")), before, new));
        Ok(Self { path: path.to_path_buf(), plan })
    }

    /// The keyring.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Replaces the keyring, atomically and durably. Locks its directory meanwhile, against other writers of this
    /// project; a server does not look at that lock, so none should be making keys in the same keyring.
    ///
    /// # Errors
    /// [`EditError::Storage`].
    pub fn apply(self, storage: &dyn Storage, program: &str) -> Result<(), EditError> {
        let directory = crate::storage::directory_of(&self.path);
        Writer::open(storage, directory, "", program)?.apply(self.plan)?;
        Ok(())
    }
}
