//! `pg_tde`'s own layout as a key store: drafts and editors do the work.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;
use alloc::string::ToString as _;
use alloc::sync::Arc;
use alloc::vec::Vec;
use std::path::{Path, PathBuf};

use tde_core::InternalKey;
use tde_wal::{RangeEntry, RangeKind};

use super::{Changed, Contents, KeyChange, KeyStore, Layout, ScopeContents, ScopeSummary};
use crate::cluster::{Provider, RelationKey, Scope, ScopeError, ScopeState, UnlockedKey};
use crate::edit::{
    Draft, Edit, EditError, EditOptions, Editor, KeyFiles, NewPrincipalKey, Step, ensure_stopped,
};
use crate::format::names::FileName;
use crate::format::providers::ProviderRecords;
use crate::format::relation_keys::{EntryState, RelationEntry};
use crate::format::{FormatError, names};
use crate::name::PrincipalKeyName;
use crate::oid::{Oid, RelationLocator};
use crate::storage::Storage;

/// Key files as `pg_tde` has them.
#[derive(Debug)]
pub struct PgTdeStore<'s> {
    storage: &'s dyn Storage,
    options: EditOptions,
    files: KeyFiles,
}

impl<'s> PgTdeStore<'s> {
    /// Reads the key files of a data directory whose server is stopped.
    ///
    /// # Errors
    /// [`EditError::Storage`] if a server uses the directory; [`EditError::Cluster`]; [`EditError::Interrupted`] if an
    /// earlier change is to be completed or undone first, as any change does.
    pub fn open(
        storage: &'s dyn Storage,
        data_directory: &Path,
        options: &EditOptions,
    ) -> Result<Self, EditError> {
        ensure_stopped(storage, data_directory, options)?;
        let files = KeyFiles::preview(storage, data_directory, &options.keys)?;
        Ok(Self { storage, options: options.clone(), files })
    }

    fn scope(&self, oid: Oid) -> Result<Option<(&Scope, &UnlockedKey)>, EditError> {
        let Some(scope) = self.files.cluster().scope(oid) else { return Ok(None) };
        let key = scope.unlocked_key().map_err(|error| EditError::Scope(Arc::clone(error)))?;
        Ok(key.map(|key| (scope, key)))
    }

    fn ranges(&self) -> Result<Vec<(RangeEntry, InternalKey)>, EditError> {
        let Some((scope, key)) = self.scope(Oid::PG_GLOBAL)? else { return Ok(Vec::new()) };
        let failed = damaged(scope);
        let mut ranges = Vec::new();
        for entry in scope.wal_keys().iter().flat_map(|keys| keys.entries()) {
            let entry = entry.map_err(&failed)?;
            let key = entry.unwrap_whatever_kind(key.wrap_key()).map_err(|error| match entry.kind() {
                RangeKind::Invalid => {
                    EditError::InvalidRange { path: scope.path().to_path_buf(), index: entry.index() }
                }
                _ => failed(error),
            })?;
            ranges.push((RangeEntry { start: entry.start(), kind: entry.kind() }, key));
        }
        Ok(ranges)
    }

    /// A scope with all its keys; `None` if it has no principal key.
    fn scope_contents(&self, oid: Oid) -> Result<Option<ScopeContents>, EditError> {
        let Some((scope, key)) = self.scope(oid)? else { return Ok(None) };
        if key.is_truncated() {
            return Err(EditError::TruncatedPrincipalKey { scope: oid });
        }
        let Some(info) = scope.principal_key() else { return Ok(None) };
        let mut relations = BTreeMap::new();
        for entry in scope.relation_keys().iter().flat_map(|keys| keys.entries()) {
            let EntryState::Key(entry) = entry.state().map_err(damaged(scope))? else { continue };
            // The first entry of a relation counts.
            if let Entry::Vacant(place) = relations.entry((entry.relation(), entry.tablespace())) {
                place.insert(entry.unwrap_key(key.wrap_key()).map_err(damaged(scope))?);
            }
        }
        let ranges = if oid == Oid::PG_GLOBAL { self.ranges()? } else { Vec::new() };
        Ok(Some(ScopeContents { info: *info, key: key.shared(), origin: scope.magic(), relations, ranges }))
    }

    /// The records of every providers file, which must be understood.
    fn provider_records(&self) -> Result<BTreeMap<Oid, Vec<u8>>, EditError> {
        let mut files = BTreeMap::new();
        for file in self.files.cluster().providers() {
            let name = names::providers(file.scope()).to_string();
            let bytes = self.files.content(&name).unwrap_or_default();
            let failed = |error| EditError::Format { path: file.path().to_path_buf(), error };
            let records = ProviderRecords::parse(bytes);
            records.check_whole().map_err(failed)?;
            for record in records.records() {
                if record.kind().map_err(failed)?.is_some() {
                    record.name().and_then(|_| record.options()).map_err(failed)?;
                }
            }
            files.insert(file.scope(), Vec::from(bytes));
        }
        Ok(files)
    }
}

fn damaged(scope: &Scope) -> impl Fn(FormatError) -> EditError {
    let path: PathBuf = scope.path().to_path_buf();
    move |error| EditError::Scope(Arc::new(ScopeError::Format { path: path.clone(), error }))
}

impl KeyStore for PgTdeStore<'_> {
    fn layout(&self) -> Layout {
        Layout::PgTde
    }

    fn data_directory(&self) -> &Path {
        self.files.data_directory()
    }

    fn scopes(&self) -> Result<Vec<ScopeSummary>, EditError> {
        let scopes =
            self.files.cluster().scopes().filter(|scope| !matches!(scope.state(), ScopeState::Empty));
        let summaries = scopes.map(|scope| {
            let is_key = |entry: &RelationEntry<'_>| matches!(entry.state(), Ok(EntryState::Key(_)));
            let relations = scope.relation_keys().map(|keys| keys.entries().filter(is_key).count());
            let ranges = scope.wal_keys().map_or(0, |keys| keys.len());
            ScopeSummary {
                scope: scope.oid(),
                principal_key: scope.principal_key().copied(),
                cipher: scope.unlocked_key().ok().flatten().map(|key| key.wrap_key().cipher()),
                keys: relations.unwrap_or(ranges),
                problem: scope.unlocked_key().err().map(|error| EditError::Scope(Arc::clone(error))),
            }
        });
        Ok(summaries.collect())
    }

    fn relations(&self, database: Oid) -> Result<Vec<RelationLocator>, EditError> {
        let Some(scope) = self.files.cluster().scope(database) else { return Ok(Vec::new()) };
        if let ScopeState::Unreadable(error) = scope.state() {
            return Err(EditError::Scope(Arc::clone(error)));
        }
        let mut locators = Vec::new();
        for entry in scope.relation_keys().iter().flat_map(|keys| keys.entries()) {
            if let EntryState::Key(entry) = entry.state().map_err(damaged(scope))? {
                let (tablespace, relation) = (entry.tablespace(), entry.relation());
                locators.push(RelationLocator { tablespace, database, relation });
            }
        }
        locators.sort_by_key(|locator| (locator.relation, locator.tablespace));
        locators.dedup();
        Ok(locators)
    }

    fn relation_key(&self, locator: &RelationLocator) -> Result<Option<InternalKey>, EditError> {
        Ok(match self.files.cluster().relation_key(locator)? {
            RelationKey::Key(key) => Some(key),
            RelationKey::NoEntry => None,
        })
    }

    fn wal_ranges(&self) -> Result<Vec<(RangeEntry, InternalKey)>, EditError> {
        self.ranges()
    }

    fn provider(&self, scope: Oid, name_or_number: &str) -> Result<&Provider, EditError> {
        self.files.provider(scope, name_or_number)
    }

    fn principal_key(
        &self,
        provider: &Provider,
        name: &PrincipalKeyName,
    ) -> Result<NewPrincipalKey, EditError> {
        self.files.principal_key(provider, name)
    }

    fn contents(&self) -> Result<Contents, EditError> {
        let mut contents = Contents { providers: self.provider_records()?, ..Contents::default() };
        for scope in self.files.cluster().scopes() {
            if let Some(found) = self.scope_contents(scope.oid())? {
                contents.scopes.insert(scope.oid(), found);
            }
        }
        Ok(contents)
    }

    fn left_out(&self) -> Vec<Step> {
        let reason = |name| match FileName::parse(name) {
            FileName::RelationKeysTemporary(_) | FileName::WalKeysTemporary => {
                Some("left by a rotation or migration that did not finish; `tde repair` judges it")
            }
            FileName::ServerKeys1 => Some("WAL keys of pg_tde 1.0, which no later release reads"),
            FileName::BetaKeys(_) => Some("keys of a release before pg_tde 1.0"),
            _ => None,
        };
        let names = self.files.cluster().notes().iter().filter_map(|note| note.path().file_name()?.to_str());
        let mut found: Vec<_> = names.filter_map(|name| Some((name, reason(name)?))).collect();
        found.dedup();
        let step =
            |(file, reason): (&str, &str)| Step::LeftAlone { file: file.into(), reason: reason.into() };
        found.into_iter().map(step).collect()
    }

    fn check(&self) -> Vec<EditError> {
        let scopes = self.files.cluster().scopes().map(|scope| self.scope_contents(scope.oid()).map(|_| ()));
        let providers = self.provider_records().map(|_| ());
        scopes.chain([providers]).filter_map(Result::err).collect()
    }

    fn plan(&self, changes: &[KeyChange<'_>], description: &str) -> Result<Edit, EditError> {
        plan(&self.files, changes, description)
    }

    fn apply(&mut self, changes: &[KeyChange<'_>], description: &str) -> Result<Changed, EditError> {
        let directory: Box<Path> = self.files.data_directory().into();
        let editor = Editor::open(self.storage, &directory, &self.options)?;
        let recovery = editor.recovery().clone();
        let edit = plan(editor.files(), changes, description)?;
        let steps = edit.steps().to_vec();
        let files = if edit.is_empty() { Vec::new() } else { editor.apply(edit)?.files };
        self.files = KeyFiles::read(self.storage, &directory, &self.options.keys)?;
        Ok(Changed { steps, files, recovery })
    }
}

fn plan(files: &KeyFiles, changes: &[KeyChange<'_>], description: &str) -> Result<Edit, EditError> {
    let mut draft = Draft::new(files);
    for change in changes {
        match *change {
            KeyChange::CreateScope { scope, key } => draft.create_scope(scope, key),
            KeyChange::Rotate { scope, key } => draft.rotate(scope, key),
            KeyChange::PutRelationKey { locator, key, existing } => {
                draft.put_relation_key(locator, key, existing)
            }
            KeyChange::RemoveRelationKey { locator } => draft.free_relation_key(locator),
            KeyChange::AppendWalRange { kind, key } => draft.append_wal_range(kind, key),
            KeyChange::StartWalRange { start } => draft.start_wal_range(start),
        }?;
    }
    Ok(draft.finish(description))
}
