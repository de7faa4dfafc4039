//! A master key as a provider: one principal key of 256 bits behind a passphrase.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tde_core::PrincipalKey;

use super::{KeyFile, KeyProvider, NamedKey, ProviderCheck, ProviderError, ProviderErrorKind};
use crate::master_key::{
    Argon2Params, Error, FileFormat, MasterKey, MasterKeyFile, OpenOptions, PassphraseSource, UnlockedKey,
};
use crate::name::PrincipalKeyName;
use crate::storage::DiskStorage;

/// Who other writers are told of.
const PROGRAM: &str = "tde-keyfile";

/// A master key, under the name by which the cluster knows it.
///
/// Either the file that a passphrase protects, with a source that is asked for the passphrase when the key is needed
/// for the first time; or the key that [`UnlockedKey::unlock`] has put into a memory file system.
///
/// ```
/// use tde_keyfile::PrincipalKeyName;
/// use tde_keyfile::provider::{KeyProvider, MasterKeyProvider, ProviderErrorKind};
///
/// let name: PrincipalKeyName = "wal-key".parse()?;
/// let provider = MasterKeyProvider::unlocked(name, "/nonexistent/tde");
/// assert_eq!(provider.principal_key(&name).unwrap_err().kind(), ProviderErrorKind::Unavailable);
/// # Ok::<(), tde_keyfile::NameError>(())
/// ```
pub struct MasterKeyProvider {
    name: PrincipalKeyName,
    form: Form,
}

enum Form {
    Locked { path: PathBuf, options: OpenOptions, state: Mutex<State> },
    Unlocked { directory: PathBuf, file: Box<KeyFile> },
}

/// The source, and the key once it was had: nobody wants to type a passphrase twice.
struct State {
    source: Box<dyn PassphraseSource + Send>,
    key: Option<MasterKey>,
}

impl MasterKeyProvider {
    /// The key in the master key file at `path`, which need not exist yet. The source is asked at most once for the
    /// passphrase of the file, and only when the key is needed.
    #[must_use]
    pub fn locked(
        name: PrincipalKeyName,
        path: impl Into<PathBuf>,
        options: OpenOptions,
        source: Box<dyn PassphraseSource + Send>,
    ) -> Self {
        let state = Mutex::new(State { source, key: None });
        Self { name, form: Form::Locked { path: path.into(), options, state } }
    }

    /// The key that is unlocked in a directory.
    #[must_use]
    pub fn unlocked(name: PrincipalKeyName, directory: impl Into<PathBuf>) -> Self {
        let directory = directory.into();
        let storage = DiskStorage::new();
        let file = Box::new(KeyFile::new(name, UnlockedKey::new(&storage, &directory).hex_path()));
        Self { name, form: Form::Unlocked { directory, file } }
    }

    /// The name of the key.
    #[must_use]
    pub const fn name(&self) -> &PrincipalKeyName {
        &self.name
    }

    fn error(&self, error: Error) -> ProviderError {
        let kind = match root(&error) {
            Error::WrongPassphrase | Error::Passphrase(_) | Error::Access { .. } => {
                ProviderErrorKind::Refused
            }
            Error::NotMasterKey
            | Error::Damaged { .. }
            | Error::Newer { .. }
            | Error::Parameters { .. }
            | Error::Tampered
            | Error::WrongOrDamaged => ProviderErrorKind::Damaged,
            Error::Exists { .. } => ProviderErrorKind::Exists,
            Error::Random => ProviderErrorKind::Random,
            _ => ProviderErrorKind::Unavailable,
        };
        ProviderError::new(self.place(), kind).with_source(error)
    }

    /// Opens the file unless that was done before.
    fn open<'s>(
        &self,
        path: &Path,
        options: &OpenOptions,
        state: &'s mut MutexGuard<'_, State>,
    ) -> Result<&'s MasterKey, ProviderError> {
        let State { source, key } = &mut **state;
        if key.is_none() {
            let storage = DiskStorage::new();
            let opened = MasterKeyFile::new(&storage, path, PROGRAM).open(&mut **source, options);
            *key = Some(opened.map_err(|error| self.error(error))?);
        }
        key.as_ref().ok_or_else(|| ProviderError::new(self.place(), ProviderErrorKind::Unavailable))
    }
}

impl KeyProvider for MasterKeyProvider {
    /// A file that is absent has no key; a key that is not unlocked is an error.
    fn principal_key(&self, name: &PrincipalKeyName) -> Result<Option<NamedKey>, ProviderError> {
        if !self.name.matches(name) {
            return Ok(None);
        }
        match &self.form {
            Form::Unlocked { file, .. } => {
                let key = file.read().map_err(|error| {
                    error.with_advice("unlock it with `tde master-key unlock`, or give the right directory")
                })?;
                Ok(Some(NamedKey { name: self.name, key }))
            }
            Form::Locked { path, options, state } => {
                let mut state = locked(state);
                if state.key.is_none() && matches!(path.try_exists(), Ok(false)) {
                    return Ok(None);
                }
                let key = self.open(path, options, &mut state)?;
                let key = PrincipalKey::from_slice(key.as_principal_key().expose_bytes());
                let key = key.map_err(|_| ProviderError::new(self.place(), ProviderErrorKind::InvalidKey))?;
                Ok(Some(NamedKey { name: self.name, key }))
            }
        }
    }

    fn place(&self) -> String {
        match &self.form {
            Form::Locked { path, .. } => {
                let absent = if matches!(path.try_exists(), Ok(false)) { " (absent)" } else { "" };
                format!("master key file {}{absent}", path.display())
            }
            Form::Unlocked { directory, .. } => format!("unlocked master key {}", directory.display()),
        }
    }

    /// Makes the file, and asks for a new passphrase. The key has 256 bits; an unlocked one is not made.
    fn store(&self, name: &PrincipalKeyName, key: &PrincipalKey) -> Result<(), ProviderError> {
        let refused = |kind, what: String| Err(ProviderError::new(self.place(), kind).with_source(what));
        let Form::Locked { path, state, .. } = &self.form else {
            let what = "a key is made in the file that a passphrase protects, not where it is unlocked";
            return refused(ProviderErrorKind::Unsupported, what.into());
        };
        if !self.name.matches(name) {
            let what = format!("this file is for the key \"{}\" only", self.name);
            return refused(ProviderErrorKind::Name, what);
        }
        let Ok(bytes) = key.expose_bytes().try_into() else {
            return refused(ProviderErrorKind::Unsupported, "a master key has 256 bits".into());
        };
        let key = MasterKey::from_bytes(bytes);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let format = FileFormat::Tde(Argon2Params::default());
        let storage = DiskStorage::new();
        let mut state = locked(state);
        let made = MasterKeyFile::new(&storage, path, PROGRAM).import(&mut *state.source, &key, format, now);
        made.map_err(|error| self.error(error))?;
        state.key = Some(key);
        Ok(())
    }

    /// The one name that it was given, if the file is there. No passphrase is asked for.
    fn list(&self) -> Result<Vec<PrincipalKeyName>, ProviderError> {
        match &self.form {
            Form::Unlocked { file, .. } => file.list(),
            Form::Locked { path, .. } => {
                let storage = DiskStorage::new();
                let status = MasterKeyFile::new(&storage, path, PROGRAM).status();
                match status.map_err(|error| self.error(error))?.content {
                    None => Ok(Vec::new()),
                    Some(Ok(_)) => Ok([self.name].into()),
                    Some(Err(error)) => Err(self.error(error)),
                }
            }
        }
    }

    /// What can be told without the passphrase.
    fn check(&self) -> Result<ProviderCheck, ProviderError> {
        let (path, state) = match &self.form {
            Form::Unlocked { file, .. } => return file.check(),
            Form::Locked { path, state, .. } => (path, state),
        };
        let storage = DiskStorage::new();
        let status = MasterKeyFile::new(&storage, path, PROGRAM).status();
        let status = status.map_err(|error| self.error(error))?;
        let mut check = ProviderCheck::new();
        match status.content {
            None => check.warn("file", "absent: there is no key in it yet"),
            Some(Ok(found)) => check.good("format", found.name()),
            Some(Err(error)) => return Err(self.error(error)),
        }
        if status.interrupted {
            check.warn("file", "a change was interrupted; opening the file completes or undoes it");
        }
        if locked(state).key.is_some() {
            check.good("keys", "1, of 256 bits");
        }
        Ok(check)
    }
}

impl fmt::Debug for MasterKeyProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKeyProvider")
            .field("name", &self.name)
            .field("place", &self.place())
            .finish_non_exhaustive()
    }
}

/// What went wrong, without the path that may be around it.
fn root(error: &Error) -> &Error {
    match error {
        Error::File { source, .. } => root(source),
        error => error,
    }
}

/// A source that panicked leaves nothing half-done behind.
fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
