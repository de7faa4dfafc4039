//! Reading the files of the layout: found, checked against their places, unlocked, opened.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tde_core::{Cipher, InternalKey, PrincipalKey, WrapKey};

use super::super::layout::list;
use super::in_order;
use crate::cluster::{
    ListedProvider, OpenOptions, Provider, ProviderLookup, ProvidersFile, ScopeError, UnlockedKey, search_key,
};
use crate::edit::EditError;
use crate::format::FormatError;
use crate::format::header::{Magic, PrincipalKeyInfo};
use crate::format::names::DIRECTORY;
use crate::format::one_file::names::{self, FileName, GLOBAL};
use crate::format::one_file::{Entry, Fingerprint, KeyFile, Place, ProviderConfig};
use crate::name::ProviderName;
use crate::oid::{Oid, RelationNumber};
use crate::provider::KeyProvider;
use crate::storage::{FileContent, Storage, read_file};

/// The files of a data directory.
pub(super) struct Files<'s> {
    storage: &'s dyn Storage,
    root: PathBuf,
    options: OpenOptions,
    /// Those that can be read.
    providers: BTreeMap<Oid, ProvidersFile>,
    /// Principal keys that were found, so that thousands of files ask for them once.
    keys: Mutex<BTreeMap<Fingerprint, Arc<WrapKey>>>,
}

/// A key file, opened.
pub(super) struct Opened {
    pub(super) info: PrincipalKeyInfo,
    pub(super) provider_name: Option<ProviderName>,
    pub(super) origin: Option<Magic>,
    pub(super) key: Arc<WrapKey>,
    pub(super) entries: Vec<(Entry, InternalKey)>,
}

impl fmt::Debug for Files<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files").field("root", &self.root).finish_non_exhaustive()
    }
}

impl<'s> Files<'s> {
    pub(super) fn open(
        storage: &'s dyn Storage,
        root: &Path,
        options: &OpenOptions,
    ) -> Result<Self, EditError> {
        let mut files = Self {
            storage,
            root: root.to_path_buf(),
            options: options.clone(),
            providers: BTreeMap::new(),
            keys: Mutex::default(),
        };
        for scope in files.directories()? {
            // One that cannot be read matters only if a key is looked for there: the search then says so.
            if let Ok(Some(records)) = files.provider_config(scope) {
                let path = names::provider_config(scope);
                files.providers.insert(scope, ProvidersFile::parse(scope, path, &records));
            }
        }
        Ok(files)
    }

    pub(super) fn storage(&self) -> &'s dyn Storage {
        self.storage
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The databases that have a directory, and 1664 for the server's.
    fn directories(&self) -> Result<Vec<Oid>, EditError> {
        let found = list(self.storage, &self.root.join(DIRECTORY))?;
        let scope = |name: &std::ffi::OsString| match name.to_str()? {
            GLOBAL => Some(Oid::PG_GLOBAL),
            name => names::database(name),
        };
        Ok(in_order(found.iter().filter_map(scope)))
    }

    fn names(&self, scope: Oid) -> Result<Vec<FileName>, EditError> {
        let directory = self.root.join(names::directory(scope));
        let found = match self.storage.list(&directory) {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(Vec::new());
            }
            found => found.map_err(|error| not_listed(&directory, error))?,
        };
        let is_global = names::directory(scope).ends_with(GLOBAL);
        let parsed = found.iter().filter_map(|name| Some(FileName::parse(name.to_str()?, is_global)));
        Ok(parsed.collect())
    }

    /// Every scope that has a key file.
    pub(super) fn scopes(&self) -> Result<Vec<Oid>, EditError> {
        let mut scopes = Vec::new();
        for oid in self.directories()? {
            if oid == Oid::PG_GLOBAL {
                for scope in [Oid::PG_DEFAULT, Oid::PG_GLOBAL] {
                    let path = self.root.join(names::key_file(Place::of_scope(scope)));
                    match self.storage.stat(&path) {
                        Err(error) if is_absent(&error) => {}
                        // Whatever else it is, reading it tells.
                        _ => scopes.push(scope),
                    }
                }
            } else if self
                .names(oid)?
                .iter()
                .any(|name| matches!(name, FileName::PrincipalKey | FileName::Relation(_)))
            {
                scopes.push(oid);
            }
        }
        Ok(in_order(scopes))
    }

    /// The relation numbers of a database that have a file, in order.
    pub(super) fn relations(&self, database: Oid) -> Result<Vec<RelationNumber>, EditError> {
        if database == Oid::PG_DEFAULT || database == Oid::PG_GLOBAL {
            return Ok(Vec::new());
        }
        let number = |name| match name {
            FileName::Relation(number) => Some(number),
            _ => None,
        };
        let mut relations: Vec<_> = self.names(database)?.into_iter().filter_map(number).collect();
        relations.sort_unstable();
        Ok(relations)
    }

    /// The tablespaces that a relation's file names, which needs no key.
    pub(super) fn tablespaces(&self, database: Oid, relation: RelationNumber) -> Result<Vec<Oid>, EditError> {
        let place = Place::Relation { database, relation };
        let path = names::key_file(place);
        let Some(content) = self.content(&path)? else { return Ok(Vec::new()) };
        let file = KeyFile::parse(content.bytes()).map_err(damaged(&path))?;
        file.check_place(place).map_err(damaged(&path))?;
        let tablespace = |(entry, _)| match entry {
            Entry::Relation { tablespace } => Some(tablespace),
            Entry::Range(_) => None,
        };
        Ok(file.entries().filter_map(tablespace).collect())
    }

    /// What a file says of its principal key, if it can be read.
    pub(super) fn claims(&self, place: Place) -> Option<(PrincipalKeyInfo, Cipher)> {
        let content = self.content(&names::key_file(place)).ok().flatten()?;
        KeyFile::parse(content.bytes()).ok().map(|file| (*file.principal_key(), file.cipher()))
    }

    /// Reads and opens a file; `None` if it is absent.
    pub(super) fn read(&self, place: Place) -> Result<Option<Opened>, EditError> {
        match self.content(&names::key_file(place))? {
            Some(content) => self.open_bytes(place, content.bytes()).map(Some),
            None => Ok(None),
        }
    }

    /// The content of a file, relative to the data directory; `None` if it is absent.
    pub(super) fn content(&self, path: &Path) -> Result<Option<FileContent>, EditError> {
        match read_file(self.storage, &self.root.join(path), self.options.size_limit()) {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn open_bytes(&self, place: Place, bytes: &[u8]) -> Result<Opened, EditError> {
        let path = names::key_file(place);
        let file = KeyFile::parse(bytes).map_err(damaged(&path))?;
        file.check_place(place).map_err(damaged(&path))?;
        let key = self.unlock(&file, &path)?;
        let entries = file.open(&key).map_err(damaged(&path))?;
        let (info, provider_name, origin) =
            (*file.principal_key(), file.provider_name().copied(), file.origin());
        Ok(Opened { info, provider_name, origin, key, entries })
    }

    /// The principal key that a file names.
    fn unlock(&self, file: &KeyFile<'_>, path: &Path) -> Result<Arc<WrapKey>, EditError> {
        let known =
            self.keys.lock().unwrap_or_else(PoisonError::into_inner).get(&file.fingerprint()).cloned();
        if let Some(key) = known {
            return Ok(key);
        }
        let claims = file.principal_key();
        let id = claims.provider();
        let record = self.providers.get(&id.providers_file(claims.database())).and_then(|file| file.find(id));
        let mut other = None;
        let lookup = match record.map(ListedProvider::provider) {
            Some(Ok(Some(provider))) => match file.provider_name() {
                Some(bound) if bound != provider.name() => {
                    other = Some(EditError::OtherProvider {
                        path: path.to_path_buf(),
                        id,
                        bound: Box::new(*bound),
                        found: Box::new(*provider.name()),
                    });
                    ProviderLookup::Absent
                }
                _ => ProviderLookup::Found(provider),
            },
            Some(Err(error)) => ProviderLookup::Damaged(error),
            Some(Ok(None)) | None => ProviderLookup::Absent,
        };
        let accept = |key: &PrincipalKey, place: &dyn KeyProvider| {
            let key = WrapKey::new(key);
            (Fingerprint::of(&key) == file.fingerprint()).then(|| UnlockedKey::whole(key, place))
        };
        match search_key(claims, &accept, lookup, &self.root, &self.options) {
            Ok(found) => {
                let key = found.shared();
                self.remember(Arc::clone(&key));
                Ok(key)
            }
            Err(error) => Err(other.unwrap_or_else(|| {
                EditError::Scope(Arc::new(ScopeError::PrincipalKey { path: path.to_path_buf(), error }))
            })),
        }
    }

    /// Keeps a key for the files that are sealed with it.
    pub(super) fn remember(&self, key: Arc<WrapKey>) {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.insert(Fingerprint::of(&key), key);
    }

    /// The records of a `provider_config`; `None` if it is absent.
    fn provider_config(&self, scope: Oid) -> Result<Option<Vec<u8>>, EditError> {
        let path = names::provider_config(scope);
        let Some(content) = self.content(&path)? else { return Ok(None) };
        let config = ProviderConfig::parse(content.bytes()).map_err(damaged(&path))?;
        config.check_place(scope).map_err(damaged(&path))?;
        Ok(Some(Vec::from(config.record_bytes())))
    }

    /// The records of every `provider_config`, which must all be good.
    pub(super) fn provider_records(&self) -> Result<BTreeMap<Oid, Vec<u8>>, EditError> {
        let mut files = BTreeMap::new();
        for scope in self.directories()? {
            if let Some(records) = self.provider_config(scope)? {
                files.insert(scope, records);
            }
        }
        Ok(files)
    }

    /// The providers of a file that are neither deleted nor damaged.
    pub(super) fn usable(&self, file: Oid) -> impl Iterator<Item = &Provider> {
        let records = self.providers.get(&file).into_iter().flat_map(|file| file.records());
        records.filter_map(|record| record.provider().ok().flatten())
    }
}

pub(super) fn damaged(path: &Path) -> impl Fn(FormatError) -> EditError {
    let path = path.to_path_buf();
    move |error| EditError::Format { path: path.clone(), error }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn not_listed(directory: &Path, source: io::Error) -> EditError {
    let operation = crate::storage::Operation::List;
    crate::storage::Error::Io { operation, path: directory.to_path_buf(), source }.into()
}
