//! The layout with one file per relation as a key store.

mod draft;
mod files;

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use std::path::{Path, PathBuf};

use tde_core::InternalKey;
use tde_wal::RangeEntry;

use super::{Changed, Contents, KeyChange, KeyStore, Layout, ScopeContents, ScopeSummary};
use crate::cluster::Provider;
use crate::edit::{
    Edit, EditError, EditOptions, NewPrincipalKey, Step, fetch_key, find_provider, key_provider, keyring_path,
};
use crate::format::names::DIRECTORY;
use crate::format::one_file::{Entry, Place, names};
use crate::name::PrincipalKeyName;
use crate::oid::{Oid, RelationLocator, RelationNumber};
use crate::provider::KeyProvider;
use crate::storage::{Storage, Writer, interrupted_work};
use draft::OneFileDraft;
pub(super) use draft::write_contents;
use files::{Files, Opened};

/// Key files in the layout with one file per relation.
#[derive(Debug)]
pub struct OneFileStore<'s> {
    files: Files<'s>,
    options: EditOptions,
}

impl<'s> OneFileStore<'s> {
    /// Opens the key files of a directory that has `pg_tde/`, which may be empty. Only `provider_config` is read at
    /// once; key files are when they are asked for.
    ///
    /// A server does not read these files, so it does not matter whether one runs.
    ///
    /// # Errors
    /// [`EditError::Cluster`] if there is no `pg_tde` directory, or it cannot be listed.
    pub fn open(
        storage: &'s dyn Storage,
        data_directory: &Path,
        options: &EditOptions,
    ) -> Result<Self, EditError> {
        let files = Files::open(storage, data_directory, &options.keys)?;
        Ok(Self { files, options: options.clone() })
    }

    /// Where a key of a provider can be made.
    ///
    /// # Errors
    /// [`EditError::ProviderNotReached`]; [`EditError::Provider`].
    pub fn key_provider(&self, provider: &Provider) -> Result<Box<dyn KeyProvider>, EditError> {
        key_provider(provider, self.files.root(), &self.options.keys)
    }

    /// The file behind [`key_provider`](Self::key_provider), if it is a keyring.
    #[must_use]
    pub fn keyring_path(&self, provider: &Provider) -> Option<PathBuf> {
        keyring_path(provider, self.files.root(), &self.options.keys)
    }

    fn relation_file(&self, database: Oid, relation: RelationNumber) -> Result<Option<Opened>, EditError> {
        self.files.read(Place::Relation { database, relation })
    }

    fn scope_contents(&self, oid: Oid) -> Result<ScopeContents, EditError> {
        let file = self.files.read(Place::of_scope(oid))?.ok_or_else(|| no_scope_file(oid))?;
        let mut scope = ScopeContents {
            info: file.info,
            key: file.key,
            origin: file.origin,
            relations: Default::default(),
            ranges: ranges(file.entries),
        };
        for relation in self.files.relations(oid)? {
            for (entry, key) in
                self.relation_file(oid, relation)?.map(|file| file.entries).unwrap_or_default()
            {
                if let Entry::Relation { tablespace } = entry {
                    scope.relations.insert((relation, tablespace), key);
                }
            }
        }
        Ok(scope)
    }

    fn scope_summary(&self, oid: Oid) -> Result<ScopeSummary, EditError> {
        let claims = self.files.claims(Place::of_scope(oid));
        let opened = self.files.read(Place::of_scope(oid));
        let ranges = opened.as_ref().ok().and_then(Option::as_ref).map_or(0, |file| file.entries.len());
        Ok(ScopeSummary {
            scope: oid,
            principal_key: claims.map(|(info, _)| info),
            cipher: claims.map(|(_, cipher)| cipher),
            keys: ranges + self.files.relations(oid)?.len(),
            problem: match opened {
                Ok(Some(_)) => None,
                Ok(None) => Some(no_scope_file(oid)),
                Err(error) => Some(error),
            },
        })
    }
}

fn no_scope_file(scope: Oid) -> EditError {
    EditError::NoScopeFile { path: names::key_file(Place::of_scope(scope)) }
}

/// The keys of WAL ranges out of the entries of a file.
fn ranges(entries: Vec<(Entry, InternalKey)>) -> Vec<(RangeEntry, InternalKey)> {
    let range = |(entry, key)| match entry {
        Entry::Range(range) => Some((range, key)),
        Entry::Relation { .. } => None,
    };
    entries.into_iter().filter_map(range).collect()
}

impl KeyStore for OneFileStore<'_> {
    fn layout(&self) -> Layout {
        Layout::OneFilePerRelation
    }

    fn data_directory(&self) -> &Path {
        self.files.root()
    }

    fn scopes(&self) -> Result<Vec<ScopeSummary>, EditError> {
        self.files.scopes()?.into_iter().map(|oid| self.scope_summary(oid)).collect()
    }

    fn relations(&self, database: Oid) -> Result<Vec<RelationLocator>, EditError> {
        let mut locators = Vec::new();
        for relation in self.files.relations(database)? {
            for tablespace in self.files.tablespaces(database, relation)? {
                locators.push(RelationLocator { tablespace, database, relation });
            }
        }
        Ok(locators)
    }

    fn relation_key(&self, locator: &RelationLocator) -> Result<Option<InternalKey>, EditError> {
        if locator.database == Oid::PG_DEFAULT || locator.database == Oid::PG_GLOBAL {
            return Ok(None);
        }
        let file = self.relation_file(locator.database, locator.relation)?;
        let wanted = Entry::Relation { tablespace: locator.tablespace };
        let mut entries = file.into_iter().flat_map(|file| file.entries);
        Ok(entries.find(|(entry, _)| *entry == wanted).map(|(_, key)| key))
    }

    fn wal_ranges(&self) -> Result<Vec<(RangeEntry, InternalKey)>, EditError> {
        Ok(self.files.read(Place::Server)?.map(|file| ranges(file.entries)).unwrap_or_default())
    }

    fn provider(&self, scope: Oid, name_or_number: &str) -> Result<&Provider, EditError> {
        find_provider(|file| self.files.usable(file), scope, name_or_number)
    }

    fn principal_key(
        &self,
        provider: &Provider,
        name: &PrincipalKeyName,
    ) -> Result<NewPrincipalKey, EditError> {
        fetch_key(provider, name, self.files.root(), &self.options.keys)
    }

    fn contents(&self) -> Result<Contents, EditError> {
        self.ensure_settled()?;
        let mut contents = Contents { providers: self.files.provider_records()?, ..Contents::default() };
        for oid in self.files.scopes()? {
            contents.scopes.insert(oid, self.scope_contents(oid)?);
        }
        Ok(contents)
    }

    fn left_out(&self) -> Vec<Step> {
        Vec::new()
    }

    fn check(&self) -> Vec<EditError> {
        let mut problems = Vec::new();
        problems.extend(self.ensure_settled().err());
        problems.extend(self.files.provider_records().err());
        let scopes = match self.files.scopes() {
            Ok(scopes) => scopes,
            Err(error) => {
                problems.push(error);
                return problems;
            }
        };
        for oid in scopes {
            match self.files.read(Place::of_scope(oid)) {
                Ok(Some(_)) => {}
                Ok(None) => problems.push(no_scope_file(oid)),
                Err(error) => problems.push(error),
            }
            match self.files.relations(oid) {
                Ok(relations) => {
                    let failures =
                        relations.into_iter().filter_map(|relation| self.relation_file(oid, relation).err());
                    problems.extend(failures);
                }
                Err(error) => problems.push(error),
            }
        }
        problems
    }

    fn plan(&self, changes: &[KeyChange<'_>], description: &str) -> Result<Edit, EditError> {
        self.ensure_settled()?;
        plan(&self.files, changes, description)
    }

    fn apply(&mut self, changes: &[KeyChange<'_>], description: &str) -> Result<Changed, EditError> {
        let root = self.files.root().to_path_buf();
        let open = if self.options.abandon_interrupted { Writer::open_abandoning } else { Writer::open };
        let writer = open(self.files.storage(), &root, DIRECTORY, &self.options.program)?;
        // As they are now that nobody else changes them.
        self.files = Files::open(self.files.storage(), &root, &self.options.keys)?;
        let edit = plan(&self.files, changes, description)?;
        let steps = edit.steps().to_vec();
        let files = if edit.is_empty() { Vec::new() } else { writer.apply(edit.into_plan())?.files };
        Ok(Changed { steps, files, recovery: writer.recovery().clone() })
    }
}

impl OneFileStore<'_> {
    /// What is half changed is not read as a whole: some files may have their old key and some their new one.
    fn ensure_settled(&self) -> Result<(), EditError> {
        let found = interrupted_work(self.files.storage(), self.files.root(), DIRECTORY)?;
        match found.and_then(|found| found.journal) {
            Some(journal) => Err(EditError::Interrupted { description: journal.description }),
            None => Ok(()),
        }
    }
}

fn plan(files: &Files<'_>, changes: &[KeyChange<'_>], description: &str) -> Result<Edit, EditError> {
    let mut draft = OneFileDraft::new(files);
    for change in changes {
        match *change {
            KeyChange::CreateScope { scope, key } => draft.create_scope(scope, key),
            KeyChange::Rotate { scope, key } => draft.rotate(scope, key),
            KeyChange::PutRelationKey { locator, key, existing } => {
                draft.put_relation_key(locator, key, existing)
            }
            KeyChange::RemoveRelationKey { locator } => draft.remove_relation_key(locator),
            KeyChange::AppendWalRange { kind, key } => draft.append_wal_range(kind, key),
            KeyChange::StartWalRange { start } => draft.start_wal_range(start),
        }?;
    }
    Ok(draft.finish(description))
}

/// The scopes among the places that files were found for.
fn in_order(scopes: impl IntoIterator<Item = Oid>) -> Vec<Oid> {
    scopes.into_iter().collect::<BTreeSet<_>>().into_iter().collect()
}
