//! Opening: every file in `pg_tde/` is read once and becomes a scope, a list of providers, or a note.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::{fs, io};

use super::Cluster;
use super::error::{ClusterError, ScopeError};
use super::note::{Note, NoteKind};
use super::options::OpenOptions;
use super::providers::{ListedProvider, Provider, ProvidersFile};
use super::scope::{Contents, OpenFile, RangeCounts, Scope};
use super::unlock::{ProviderLookup, UnlockedKey, unlock};
use crate::file::{FileError, FileErrorKind, read_bounded};
use crate::format::header::{Magic, UnverifiedHeader};
use crate::format::keys_version::KeysVersion;
use crate::format::names::{self, FileName};
use crate::format::relation_keys::RelationKeys;
use crate::format::wal_keys::WalKeys;
use crate::format::{FileKind, FormatError};
use crate::index::RelationKeyIndex;
use crate::oid::Oid;

impl Cluster {
    /// Reads all of `pg_tde/` in a data directory, and looks for the principal key of every scope.
    ///
    /// Nothing but that directory and the keyrings is touched, so it may be a partial copy. A scope that
    /// cannot be opened keeps no other from being opened: ask its [`state`](Scope::state).
    ///
    /// # Errors
    /// [`ClusterError`] if there is no `pg_tde` directory, or it cannot be listed.
    pub fn open(data_directory: impl AsRef<Path>, options: &OpenOptions) -> Result<Self, ClusterError> {
        let directory = data_directory.as_ref();
        let source = OnDisk { directory: directory.join(names::DIRECTORY), limit: options.size_limit() };
        Self::open_from(&source, directory, options)
    }

    /// As [`open`](Self::open), with the files of `pg_tde/` from anywhere.
    pub(crate) fn open_from(
        source: &dyn KeyDirectory,
        directory: &Path,
        options: &OpenOptions,
    ) -> Result<Self, ClusterError> {
        let mut opener = Opener { source, directory, options, providers: BTreeMap::new(), notes: Vec::new() };
        let files = list(source)?;
        for (name, file) in &files {
            opener.note_by_name(name, *file);
        }
        // Scopes find their keys through the providers, so these come first.
        for (name, file) in &files {
            if let FileName::Providers(oid) = file {
                opener.read_providers(name, *oid);
            }
        }
        let mut scopes = BTreeMap::new();
        for (name, file) in &files {
            match file {
                FileName::RelationKeys(oid) => {
                    scopes.insert(*oid, opener.open_relation_keys(name, *oid));
                }
                FileName::WalKeys => {
                    scopes.insert(Oid::PG_GLOBAL, opener.open_wal_keys(name));
                }
                _ => {}
            }
        }
        let keys_version = files.iter().any(|(_, file)| *file == FileName::KeysVersion);
        let keys_version = if keys_version { opener.read_keys_version(&scopes) } else { None };
        let Opener { providers, notes, .. } = opener;
        Ok(Self { directory: directory.to_path_buf(), scopes, providers, keys_version, notes })
    }
}

/// Where the files of `pg_tde/` are read from.
pub(crate) trait KeyDirectory {
    /// The names in the directory, in no order.
    fn names(&self) -> Result<Vec<OsString>, ClusterError>;

    /// The whole of one file.
    fn read(&self, name: &str) -> Result<Vec<u8>, FileError>;
}

struct OnDisk {
    directory: PathBuf,
    limit: u64,
}

impl KeyDirectory for OnDisk {
    fn names(&self) -> Result<Vec<OsString>, ClusterError> {
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                ClusterError::NoKeyDirectory { path: self.directory.clone() }
            }
            _ => ClusterError::Directory(FileError::new(&self.directory, FileErrorKind::Io(error))),
        };
        let entries = fs::read_dir(&self.directory).map_err(failed)?;
        entries.map(|entry| entry.map(|entry| entry.file_name()).map_err(failed)).collect()
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, FileError> {
        read_bounded(&self.directory.join(name), self.limit)
    }
}

/// The names in the key directory, in order.
fn list(source: &dyn KeyDirectory) -> Result<Vec<(String, FileName)>, ClusterError> {
    let mut files: Vec<_> = source
        .names()?
        .into_iter()
        .map(|name| {
            // A name that is not UTF-8 is none of pg_tde's.
            let file = name.to_str().map_or(FileName::Foreign, FileName::parse);
            (name.to_string_lossy().into_owned(), file)
        })
        .collect();
    files.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(files)
}

struct Opener<'a> {
    source: &'a dyn KeyDirectory,
    directory: &'a Path,
    options: &'a OpenOptions,
    providers: BTreeMap<Oid, ProvidersFile>,
    notes: Vec<Note>,
}

impl Opener<'_> {
    fn note(&mut self, name: &str, kind: NoteKind) {
        self.notes.push(Note::new(relative(name), kind));
    }

    fn note_by_name(&mut self, name: &str, file: FileName) {
        let kind = match file {
            FileName::RelationKeysTemporary(_) | FileName::WalKeysTemporary => NoteKind::InterruptedRotation,
            FileName::ServerKeys1 => NoteKind::ServerKeys1,
            FileName::BetaKeys(_) => NoteKind::BetaKeys,
            FileName::Foreign => NoteKind::ForeignFile,
            FileName::RelationKeys(_)
            | FileName::WalKeys
            | FileName::Providers(_)
            | FileName::Writer
            | FileName::KeysVersion => return,
        };
        self.note(name, kind);
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, FileError> {
        self.source.read(name)
    }

    fn read_providers(&mut self, name: &str, oid: Oid) {
        let Ok(bytes) = self.read(name) else {
            return self.note(name, NoteKind::UnreadableFile);
        };
        let file = ProvidersFile::parse(oid, relative(name), &bytes);
        if let Some(tail) = file.torn_tail() {
            self.note(name, NoteKind::TornTail(tail));
        }
        for record in file.records() {
            if let Err(error) = record.provider() {
                let kind = NoteKind::DamagedProvider { id: record.id(), error: error.clone() };
                self.note(name, kind);
            }
        }
        self.providers.insert(oid, file);
    }

    fn open_relation_keys(&mut self, name: &str, oid: Oid) -> Scope {
        let bytes = match self.read(name) {
            Ok(bytes) => bytes,
            Err(error) => return self.unreadable(name, oid, ScopeError::File(error)),
        };
        let keys = match RelationKeys::parse(&bytes) {
            Ok(Some(keys)) => keys,
            Ok(None) => return self.empty(name, oid),
            Err(error) => return self.damaged(name, oid, error),
        };
        if let Some(tail) = keys.torn_tail() {
            self.note(name, NoteKind::TornTail(tail));
        }
        let index = RelationKeyIndex::build(&keys);
        for error in index.unreadable() {
            self.note(name, NoteKind::UnreadableEntry(*error));
        }
        for duplicate in index.duplicates() {
            self.note(name, NoteKind::Duplicate(*duplicate));
        }
        for &place in index.empty_not_zero() {
            self.note(name, NoteKind::EmptyNotZero { index: place });
        }
        if oid == Oid::PG_DEFAULT && !keys.is_empty() {
            self.note(name, NoteKind::DefaultKeyWithEntries { count: keys.len() });
        }
        let header = *keys.header();
        let (claims, magic) = (*header.claims(), header.magic());
        let (provider, key) = self.unlock(name, oid, &header);
        let file = OpenFile { bytes, magic, claims, provider, key };
        Scope::new(oid, relative(name), Contents::Relations { file, index })
    }

    fn open_wal_keys(&mut self, name: &str) -> Scope {
        let oid = Oid::PG_GLOBAL;
        let bytes = match self.read(name) {
            Ok(bytes) => bytes,
            Err(error) => return self.unreadable(name, oid, ScopeError::File(error)),
        };
        let keys = match WalKeys::parse(&bytes) {
            Ok(Some(keys)) => keys,
            Ok(None) => return self.empty(name, oid),
            Err(error) => return self.damaged(name, oid, error),
        };
        if let Some(tail) = keys.torn_tail() {
            self.note(name, NoteKind::TornTail(tail));
        }
        self.note_ranges(name, &keys);
        let counts = RangeCounts::of(&keys);
        let header = *keys.header();
        let (claims, magic) = (*header.claims(), header.magic());
        let (provider, key) = self.unlock(name, oid, &header);
        let file = OpenFile { bytes, magic, claims, provider, key };
        Scope::new(oid, relative(name), Contents::Wal { file, counts })
    }

    fn note_ranges(&mut self, name: &str, keys: &WalKeys<'_>) {
        let mut latest = None;
        for entry in keys.entries() {
            let kind = match entry {
                Err(error) => NoteKind::UnreadableEntry(error),
                Ok(entry) if entry.kind() == tde_wal::RangeKind::Invalid => {
                    NoteKind::InvalidRange { index: entry.index() }
                }
                Ok(entry) if !entry.is_started() => NoteKind::RangeNotStarted { index: entry.index() },
                Ok(entry) if latest.is_some_and(|latest| entry.start() <= latest) => {
                    NoteKind::RangeOutOfOrder { index: entry.index(), start: entry.start() }
                }
                Ok(entry) => {
                    latest = Some(entry.start());
                    continue;
                }
            };
            self.note(name, kind);
        }
    }

    fn unlock(
        &mut self,
        name: &str,
        oid: Oid,
        header: &UnverifiedHeader<'_>,
    ) -> (Option<Provider>, Result<UnlockedKey, Arc<ScopeError>>) {
        let claims = header.claims();
        if claims.database() != oid {
            self.note(name, NoteKind::OtherDatabase { header: claims.database() });
        }
        let id = claims.provider();
        let record = self.providers.get(&id.providers_file(oid)).and_then(|file| file.find(id));
        let lookup = match record.map(ListedProvider::provider) {
            Some(Ok(Some(provider))) => ProviderLookup::Found(provider),
            Some(Err(error)) => ProviderLookup::Damaged(error),
            Some(Ok(None)) | None => ProviderLookup::Absent,
        };
        let key = unlock(header, lookup, self.directory, self.options)
            .map_err(|error| Arc::new(ScopeError::PrincipalKey { path: relative(name), error }));
        let provider = match lookup {
            ProviderLookup::Found(provider) => Some(provider.clone()),
            _ => None,
        };
        if key.as_ref().is_ok_and(UnlockedKey::is_truncated) {
            self.note(name, NoteKind::TruncatedPrincipalKey);
        }
        (provider, key)
    }

    fn empty(&mut self, name: &str, oid: Oid) -> Scope {
        self.note(name, NoteKind::EmptyKeyFile);
        Scope::new(oid, relative(name), Contents::Empty)
    }

    fn damaged(&mut self, name: &str, oid: Oid, error: FormatError) -> Scope {
        self.unreadable(name, oid, ScopeError::Format { path: relative(name), error })
    }

    fn unreadable(&mut self, name: &str, oid: Oid, error: ScopeError) -> Scope {
        self.note(name, NoteKind::UnreadableFile);
        Scope::new(oid, relative(name), Contents::Unreadable(Arc::new(error)))
    }

    fn read_keys_version(&mut self, scopes: &BTreeMap<Oid, Scope>) -> Option<KeysVersion> {
        let version = self.read(names::KEYS_VERSION).ok().and_then(|bytes| KeysVersion::parse(&bytes).ok());
        let known = version.and_then(|version| version.relation_keys().zip(version.wal_keys()));
        let Some((relation_keys, wal_keys)) = known else {
            self.note(names::KEYS_VERSION, NoteKind::UnknownKeysVersion);
            return version;
        };
        let mut reported: Vec<Magic> = Vec::new();
        for found in scopes.values().filter_map(Scope::magic) {
            let told = match found.file() {
                FileKind::WalKeys => wal_keys,
                _ => relation_keys,
            };
            if found != told && !reported.contains(&found) {
                reported.push(found);
                self.note(names::KEYS_VERSION, NoteKind::StaleKeysVersion { found });
            }
        }
        version
    }
}

fn relative(name: &str) -> PathBuf {
    Path::new(names::DIRECTORY).join(name)
}
