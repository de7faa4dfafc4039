//! Edits in the making: the new contents of files, computed and not yet written.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString as _};
use alloc::sync::Arc;
use alloc::vec::Vec;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tde_core::WrapKey;

use super::error::EditError;
use super::files::KeyFiles;
use super::step::Step;
use crate::cluster::{ScopeError, UnlockedKey};
use crate::file::{FileError, FileErrorKind};
use crate::format::FormatError;
use crate::format::header::{Magic, PrincipalKeyInfo, SetTime};
use crate::format::names::{self, FileName};
use crate::format::relation_keys::{self, RelationKeys};
use crate::format::wal_keys::{self, WalKeys};
use crate::oid::Oid;
use crate::storage::{Before, Change, ContentHash, NewFileAccess, Plan, Storage, Transform};

/// Edits of the key files of a cluster, computed one after the other and applied together.
///
/// Each method is one edit; after one that fails, throw the draft away. Nothing is written:
/// [`finish`](Self::finish) makes a value of it all, which [`Editor::apply`](super::Editor::apply) carries out.
#[derive(Debug)]
pub struct Draft<'a> {
    pub(super) files: &'a KeyFiles,
    /// New contents; `None` for a file that is to be removed.
    changed: BTreeMap<String, Option<Vec<u8>>>,
    /// Principal keys that scopes got in this draft.
    keys: BTreeMap<Oid, Arc<WrapKey>>,
    /// Relation files that are to be rewritten.
    data: BTreeMap<PathBuf, Change>,
    steps: Vec<Step>,
    now: SetTime,
}

/// Edits, computed: which files, which new bytes, and what they amount to.
#[derive(Debug)]
pub struct Edit {
    plan: Plan,
    steps: Vec<Step>,
}

/// Which releases the key files of a cluster are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(clippy::exhaustive_enums)]
pub enum Generation {
    /// `pg_tde` 2.0 and 2.1: relation keys version 3, WAL keys version 1.
    Release20,
    /// `pg_tde` 2.2: relation keys version 4, WAL keys version 2.
    Release22,
}

impl Generation {
    /// The version of its relation key files.
    #[must_use]
    pub const fn relation_keys(self) -> relation_keys::Version {
        match self {
            Self::Release20 => relation_keys::Version::V3,
            Self::Release22 => relation_keys::Version::V4,
        }
    }

    /// The version of its WAL key files.
    #[must_use]
    pub const fn wal_keys(self) -> wal_keys::Version {
        match self {
            Self::Release20 => wal_keys::Version::V1,
            Self::Release22 => wal_keys::Version::V2,
        }
    }

    /// The magic number of its files of a scope.
    pub(super) fn magic(self, scope: Oid) -> Magic {
        if scope == Oid::PG_GLOBAL { self.wal_keys().magic() } else { self.relation_keys().magic() }
    }
}

impl<'a> Draft<'a> {
    /// No edits yet. Headers are dated now.
    #[must_use]
    pub fn new(files: &'a KeyFiles) -> Self {
        let (changed, keys, data) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { files, changed, keys, data, steps: Vec::new(), now: now() }
    }

    /// The steps so far.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The edits as a value. `description` is recorded in the journal, if one is needed; it must hold no secret.
    #[must_use]
    pub fn finish(self, description: &str) -> Edit {
        let mut plan = Plan::new(description, NewFileAccess::LikeDirectory);
        let mut changes: Vec<_> = self.changed.into_iter().collect();
        // A server that starts after a crash in between must not be told that old files are converted.
        changes.sort_by_key(|(name, content)| match (name == names::KEYS_VERSION, content) {
            (true, None) => 0,
            (false, _) => 1,
            (true, Some(_)) => 2,
        });
        for (name, content) in changes {
            let before = self.files.content(&name);
            if before == content.as_deref() {
                continue;
            }
            let path = relative(&name);
            let before = before.map_or(Before::Absent, |before| Before::Content(ContentHash::of(before)));
            match content {
                Some(content) => plan.push(Change::write(path, before, content)),
                None => plan.push(Change::remove(path, before)),
            }
        }
        for change in self.data.into_values() {
            plan.push(change);
        }
        Edit { plan, steps: self.steps }
    }

    /// Which releases the files are for, judging by them and `keys_version`.
    #[must_use]
    pub fn generation(&self) -> Generation {
        let mut older = false;
        for magic in self.scopes().into_iter().filter_map(|scope| self.magic(scope)) {
            match magic {
                Magic::RelationKeys4 | Magic::WalKeys2 => return Generation::Release22,
                Magic::RelationKeys3 | Magic::WalKeys1 => older = true,
            }
        }
        if older { Generation::Release20 } else { Generation::Release22 }
    }

    pub(super) const fn now(&self) -> SetTime {
        self.now
    }

    pub(super) fn step(&mut self, step: Step) {
        self.steps.push(step);
    }

    pub(super) fn set(&mut self, name: &str, content: Vec<u8>) {
        self.changed.insert(name.into(), Some(content));
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.changed.insert(name.into(), None);
    }

    /// Whether the file is to be rewritten already.
    pub(super) fn rewrites(&self, path: &Path) -> bool {
        self.data.contains_key(path)
    }

    /// Has a relation file rewritten.
    pub(super) fn rewrite(&mut self, path: PathBuf, transform: Transform) {
        self.data.insert(path.clone(), Change::transform(path, Before::Present, transform));
    }

    pub(super) fn set_key(&mut self, scope: Oid, key: Arc<WrapKey>) {
        self.keys.insert(scope, key);
    }

    /// The content of a file as it is to be; `None` if it is to be absent.
    pub(super) fn content(&self, name: &str) -> Option<&[u8]> {
        match self.changed.get(name) {
            Some(content) => content.as_deref(),
            None => self.files.content(name),
        }
    }

    /// The content of a file that may be changed or made.
    ///
    /// # Errors
    /// [`EditError::File`] if it is there and could not be read.
    pub(super) fn readable(&self, name: &str) -> Result<&[u8], EditError> {
        if self.files.is_unread(name) {
            let path = self.files.data_directory().join(relative(name));
            let error = std::io::Error::other("it could not be read when this change was planned");
            return Err(FileError::new(&path, FileErrorKind::Io(error)).into());
        }
        Ok(self.content(name).unwrap_or_default())
    }

    /// The scopes that have a file with a content, whatever it is.
    pub(super) fn scopes(&self) -> Vec<Oid> {
        let names = self.files.names().chain(self.changed.keys().map(String::as_str));
        let scope_of = |name: &str| match FileName::parse(name) {
            FileName::RelationKeys(oid) => Some(oid),
            FileName::WalKeys => Some(Oid::PG_GLOBAL),
            _ => None,
        };
        let mut scopes: Vec<_> = names
            .filter(|name| self.files.is_unread(name) || self.content(name).is_some_and(|c| !c.is_empty()))
            .filter_map(scope_of)
            .collect();
        scopes.sort();
        scopes.dedup();
        scopes
    }

    /// What the header of a scope says; `None` if there is none.
    ///
    /// # Errors
    /// If the file cannot be read or has no good header.
    pub(super) fn header(&self, scope: Oid) -> Result<Option<(Magic, PrincipalKeyInfo)>, EditError> {
        let name = key_file(scope);
        let bytes = self.readable(&name)?;
        let header = if scope == Oid::PG_GLOBAL {
            WalKeys::parse(bytes).map(|keys| keys.map(|keys| *keys.header()))
        } else {
            RelationKeys::parse(bytes).map(|keys| keys.map(|keys| *keys.header()))
        };
        let header = header.map_err(|error| damaged(&name, error))?;
        Ok(header.map(|header| (header.magic(), *header.claims())))
    }

    pub(super) fn magic(&self, scope: Oid) -> Option<Magic> {
        self.header(scope).ok().flatten().map(|(magic, _)| magic)
    }

    /// The principal key of a scope that has one.
    ///
    /// # Errors
    /// [`EditError::Scope`] if it is not at hand, [`EditError::NoPrincipalKey`].
    pub(super) fn key(&self, scope: Oid) -> Result<Arc<WrapKey>, EditError> {
        if let Some(key) = self.keys.get(&scope) {
            return Ok(Arc::clone(key));
        }
        let missing = EditError::NoPrincipalKey { scope };
        let found = self.files.cluster().scope(scope).ok_or(missing)?.unlocked_key();
        let key = found.map_err(|error: &Arc<ScopeError>| EditError::Scope(Arc::clone(error)))?;
        key.map(UnlockedKey::shared).ok_or(EditError::NoPrincipalKey { scope })
    }

    /// Whether the scope's key is only a part of what the provider has.
    pub(super) fn uses_truncated_key(&self, scope: Oid) -> bool {
        let unlocked = || self.files.cluster().scope(scope)?.unlocked_key().ok()?;
        !self.keys.contains_key(&scope) && unlocked().is_some_and(UnlockedKey::is_truncated)
    }
}

impl Edit {
    /// What is done, in order.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The files that change, and how.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Whether no file changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.plan.changes().is_empty()
    }

    /// Rewrites the relation files into nothing, to see whether that can be done; changes nothing.
    ///
    /// # Errors
    /// [`EditError::Storage`]; with [`Content`](crate::storage::Error::Content) if pages are not what they should be.
    pub fn rehearse(self, storage: &dyn Storage, data_directory: &Path) -> Result<(), EditError> {
        Ok(self.plan.rehearse(storage, data_directory)?)
    }

    pub(crate) const fn new(plan: Plan, steps: Vec<Step>) -> Self {
        Self { plan, steps }
    }

    pub(crate) fn into_plan(self) -> Plan {
        self.plan
    }
}

/// The time that headers are dated with.
pub(crate) fn now() -> SetTime {
    let age = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    SetTime {
        seconds: i64::try_from(age.as_secs()).unwrap_or(i64::MAX),
        microseconds: i64::from(age.subsec_micros()),
    }
}

/// Vectors for AES-GCM, drawn from the system many at a time.
#[derive(Debug, Default)]
pub(super) struct FreshIvs(Vec<[u8; 16]>);

impl FreshIvs {
    pub(super) fn next(&mut self) -> Result<[u8; 16], EditError> {
        if self.0.is_empty() {
            self.0.resize(256, [0; 16]);
            getrandom::fill(self.0.as_flattened_mut()).map_err(|_| EditError::Random)?;
        }
        self.0.pop().ok_or(EditError::Random)
    }
}

/// The name of a scope's key file in `pg_tde/`.
pub(super) fn key_file(scope: Oid) -> String {
    if scope == Oid::PG_GLOBAL { names::WAL_KEYS.into() } else { names::relation_keys(scope).to_string() }
}

/// The path of a file in `pg_tde/`, relative to the data directory.
pub(super) fn relative(name: &str) -> PathBuf {
    Path::new(names::DIRECTORY).join(name)
}

pub(super) fn damaged(name: &str, error: FormatError) -> EditError {
    EditError::Format { path: relative(name), error }
}
