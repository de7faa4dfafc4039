//! Changes of the layout with one file per relation: new contents, computed and not yet written.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::RefCell;
use std::path::PathBuf;

use tde_core::{InternalKey, WrapKey};
use tde_wal::{Location, RangeEntry, RangeKind};

use super::super::Contents;
use super::files::{Files, Opened};
use crate::edit::{Edit, EditError, Existing, NewPrincipalKey, Step, now};
use crate::format::header::{PrincipalKeyInfo, SetTime};
use crate::format::one_file::{Entry, Header, Place, ProviderConfig, names, seal};
use crate::format::wal_keys::NOT_STARTED;
use crate::name::ProviderName;
use crate::oid::{Oid, RelationLocator, RelationNumber};
use crate::storage::{Before, Change, ContentHash, FileContent, NewFileAccess, Plan};

/// Changes in the making. The rules are those of [`Draft`](crate::edit::Draft).
pub(super) struct OneFileDraft<'f, 's> {
    files: &'f Files<'s>,
    /// New contents and what they are for; `None` for a file that is to be removed.
    changed: BTreeMap<PathBuf, (Place, Option<Vec<u8>>)>,
    /// What was read.
    before: RefCell<BTreeMap<PathBuf, Option<ContentHash>>>,
    steps: Vec<Step>,
    now: SetTime,
}

impl<'f, 's> OneFileDraft<'f, 's> {
    pub(super) fn new(files: &'f Files<'s>) -> Self {
        let (changed, before) = (BTreeMap::new(), RefCell::default());
        Self { files, changed, before, steps: Vec::new(), now: now() }
    }

    pub(super) fn finish(self, description: &str) -> Edit {
        let mut plan = Plan::new(description, NewFileAccess::LikeDirectory);
        let before = self.before.into_inner();
        for (path, (_, content)) in self.changed {
            // Whatever is changed was read before.
            let before = before.get(&path).copied().flatten().map_or(Before::Absent, Before::Content);
            match (content, before) {
                (Some(content), before) => plan.push(Change::write(path, before, content)),
                (None, Before::Absent) => {}
                (None, before) => plan.push(Change::remove(path, before)),
            }
        }
        Edit::new(plan, self.steps)
    }

    /// A file as it is to be; `None` if it is to be absent.
    fn read(&self, place: Place) -> Result<Option<Opened>, EditError> {
        let path = names::key_file(place);
        if let Some((_, changed)) = self.changed.get(&path) {
            return changed.as_ref().map(|bytes| self.files.open_bytes(place, bytes)).transpose();
        }
        let content = self.files.content(&path)?;
        self.before.borrow_mut().insert(path, content.as_ref().map(FileContent::hash));
        content.map(|content| self.files.open_bytes(place, content.bytes())).transpose()
    }

    fn set(&mut self, place: Place, content: Option<Vec<u8>>) {
        self.changed.insert(names::key_file(place), (place, content));
    }

    /// The scopes that may have a key file: on the disk, or made by this draft.
    fn scopes(&self) -> Result<BTreeSet<Oid>, EditError> {
        let made = self.changed.values().map(|(place, _)| place.scope());
        Ok(self.files.scopes()?.into_iter().chain(made).collect())
    }

    /// The relations of a database that may have a key file: on the disk, or made by this draft.
    fn relations(&self, scope: Oid) -> Result<BTreeSet<RelationNumber>, EditError> {
        let made = self.changed.values().filter_map(|(place, _)| match *place {
            Place::Relation { database, relation } if database == scope => Some(relation),
            _ => None,
        });
        Ok(self.files.relations(scope)?.into_iter().chain(made).collect())
    }

    fn scope(&self, scope: Oid) -> Result<Option<Opened>, EditError> {
        self.read(Place::of_scope(scope))
    }

    /// The file must have been [read](Self::read).
    fn write(
        &mut self,
        header: &Header,
        entries: &[(Entry, InternalKey)],
        key: &WrapKey,
    ) -> Result<(), EditError> {
        let entries: Vec<_> = entries.iter().map(|(entry, key)| (*entry, key)).collect();
        let bytes = seal(header, &entries, key)?;
        self.set(header.place, Some(bytes));
        Ok(())
    }

    fn provider_name(&self, info: &PrincipalKeyInfo) -> Option<ProviderName> {
        let file = info.provider().providers_file(info.database());
        self.files.usable(file).find(|provider| provider.id() == info.provider()).map(|found| *found.name())
    }

    /// What a file under another principal key says.
    fn header(&self, place: Place, to: &NewPrincipalKey, old: Option<&Opened>) -> Header {
        let info = PrincipalKeyInfo::new(place.scope(), to.provider, self.now, to.name);
        Header {
            place,
            info,
            provider_name: self.provider_name(&info),
            origin: old.and_then(|old| old.origin),
        }
    }

    pub(super) fn create_scope(&mut self, scope: Oid, key: &NewPrincipalKey) -> Result<(), EditError> {
        if self.scope(scope)?.is_some() {
            return Err(EditError::ScopeExists { scope });
        }
        check_provider(scope, key)?;
        self.files.remember(Arc::clone(&key.wrap_key));
        let server_too = scope == Oid::PG_DEFAULT && self.scope(Oid::PG_GLOBAL)?.is_none();
        for scope in core::iter::once(scope).chain(server_too.then_some(Oid::PG_GLOBAL)) {
            self.write(&self.header(Place::of_scope(scope), key, None), &[], &key.wrap_key)?;
            self.steps.push(Step::ScopeCreated { scope, key: key.name, provider: key.provider });
        }
        Ok(())
    }

    /// Makes sure that a scope has a principal key: failing its own, the default one.
    fn ensure_scope(&mut self, scope: Oid) -> Result<Opened, EditError> {
        if let Some(found) = self.scope(scope)? {
            return Ok(found);
        }
        let default = self.scope(Oid::PG_DEFAULT)?.ok_or(EditError::NoPrincipalKey { scope })?;
        let info = PrincipalKeyInfo::new(
            scope,
            default.info.provider(),
            default.info.set_time(),
            *default.info.name(),
        );
        let provider_name = default.provider_name;
        let header = Header { place: Place::of_scope(scope), info, provider_name, origin: None };
        self.write(&header, &[], &default.key)?;
        self.steps.push(Step::ScopeCreated { scope, key: *info.name(), provider: info.provider() });
        Ok(Opened { info, provider_name, origin: None, key: default.key, entries: Vec::new() })
    }

    pub(super) fn rotate(&mut self, scope: Oid, to: &NewPrincipalKey) -> Result<(), EditError> {
        let old = self.scope(scope)?.ok_or(EditError::NoPrincipalKey { scope })?;
        let mut scopes = Vec::from([scope]);
        if scope == Oid::PG_DEFAULT {
            for other in self.scopes()? {
                let found = if other == scope { None } else { self.scope(other)? };
                if found.is_some_and(|found| found.info.is_same_key(&old.info)) {
                    scopes.push(other);
                }
            }
        }
        for scope in scopes {
            check_provider(scope, to)?;
            self.rotate_scope(scope, to)?;
        }
        if !to.asked_provider {
            self.steps.push(Step::KeyNotAskedFor { key: to.name, provider: to.provider });
        }
        Ok(())
    }

    fn rotate_scope(&mut self, scope: Oid, to: &NewPrincipalKey) -> Result<(), EditError> {
        let place = Place::of_scope(scope);
        let Some(old) = self.read(place)? else { return Ok(()) };
        self.files.remember(Arc::clone(&to.wrap_key));
        let mut keys = old.entries.len();
        let header = self.header(place, to, Some(&old));
        self.write(&header, &old.entries, &to.wrap_key)?;
        for relation in self.relations(scope)? {
            let place = Place::Relation { database: scope, relation };
            // One that this draft removes is not there any more.
            let Some(file) = self.read(place)? else { continue };
            keys += file.entries.len();
            self.write(&Header { place, ..header }, &file.entries, &to.wrap_key)?;
        }
        let from = (*old.info.name(), old.info.provider());
        self.steps.push(Step::ScopeRotated { scope, from, to: (to.name, to.provider), keys });
        Ok(())
    }

    pub(super) fn put_relation_key(
        &mut self,
        locator: RelationLocator,
        key: &InternalKey,
        existing: Existing,
    ) -> Result<(), EditError> {
        let place = place_of(locator)?;
        let scope = self.ensure_scope(locator.database)?;
        let mut entries = self.read(place)?.map(|file| file.entries).unwrap_or_default();
        let entry = Entry::Relation { tablespace: locator.tablespace };
        let same = entries.iter().position(|(found, _)| *found == entry);
        match (same, existing) {
            (Some(_), Existing::Refuse) => return Err(EditError::RelationKeyExists { locator }),
            (Some(_), Existing::Keep) => return Ok(()),
            _ => {}
        }
        entries.retain(|(found, _)| *found != entry);
        let Opened { info, provider_name, key: wrap_key, .. } = scope;
        let mut all: Vec<_> = entries.iter().map(|(entry, key)| (*entry, key)).collect();
        all.push((entry, key));
        let bytes = seal(&Header { place, info, provider_name, origin: None }, &all, &wrap_key)?;
        self.set(place, Some(bytes));
        self.steps.push(Step::RelationKeyWritten { locator, replaced: same.is_some() });
        Ok(())
    }

    pub(super) fn remove_relation_key(&mut self, locator: RelationLocator) -> Result<(), EditError> {
        let place = place_of(locator)?;
        let file = self.read(place)?.ok_or(EditError::NoRelationKey { locator })?;
        let gone = Entry::Relation { tablespace: locator.tablespace };
        let before = file.entries.len();
        let entries: Vec<_> = file.entries.into_iter().filter(|(entry, _)| *entry != gone).collect();
        if entries.len() == before {
            return Err(EditError::NoRelationKey { locator });
        }
        if entries.is_empty() {
            self.set(place, None);
        } else {
            let header = Header { place, info: file.info, provider_name: file.provider_name, origin: None };
            self.write(&header, &entries, &file.key)?;
        }
        self.steps.push(Step::RelationKeyFreed { locator });
        Ok(())
    }

    pub(super) fn append_wal_range(&mut self, kind: RangeKind, key: &InternalKey) -> Result<(), EditError> {
        if kind == RangeKind::Invalid {
            return Err(EditError::WalRange { reason: "an INVALID range is never appended" });
        }
        let server = self.ensure_scope(Oid::PG_GLOBAL)?;
        let range = Entry::Range(RangeEntry { start: NOT_STARTED, kind });
        let mut all: Vec<_> = server.entries.iter().map(|(entry, key)| (*entry, key)).collect();
        all.push((range, key));
        let bytes = seal(&server_header(&server), &all, &server.key)?;
        self.set(Place::Server, Some(bytes));
        self.steps.push(Step::WalRangeAppended { index: server.entries.len(), kind });
        Ok(())
    }

    pub(super) fn start_wal_range(&mut self, start: Location) -> Result<(), EditError> {
        if !start.is_valid() {
            return Err(EditError::WalRange { reason: "timeline 0 and LSN 0 stand for no location" });
        }
        let scope = Oid::PG_GLOBAL;
        let mut server = self.scope(scope)?.ok_or(EditError::NoPrincipalKey { scope })?;
        let index = server.entries.len().saturating_sub(1);
        let Some(((Entry::Range(last), _), before)) = server.entries.split_last_mut() else {
            return Err(EditError::WalRange { reason: "there is none to begin" });
        };
        if last.start.is_valid() {
            return Err(EditError::WalRange { reason: "the last one has begun already" });
        }
        let started = before.iter().rev().find_map(|(entry, _)| match entry {
            Entry::Range(range) if range.start.is_valid() && range.kind != RangeKind::Invalid => {
                Some(range.start)
            }
            _ => None,
        });
        if started.is_some_and(|started| started >= start) {
            return Err(EditError::WalRange { reason: "the one before begins there or later" });
        }
        last.start = start;
        let header = server_header(&server);
        self.write(&header, &server.entries, &server.key)?;
        self.steps.push(Step::WalRangeStarted { index, start });
        Ok(())
    }
}

const fn server_header(server: &Opened) -> Header {
    let Opened { info, provider_name, origin, .. } = server;
    Header { place: Place::Server, info: *info, provider_name: *provider_name, origin: *origin }
}

fn place_of(locator: RelationLocator) -> Result<Place, EditError> {
    match locator.database {
        scope @ (Oid::PG_DEFAULT | Oid::PG_GLOBAL) => Err(EditError::NotADatabase { scope }),
        database => Ok(Place::Relation { database, relation: locator.relation }),
    }
}

fn check_provider(scope: Oid, key: &NewPrincipalKey) -> Result<(), EditError> {
    if (scope == Oid::PG_GLOBAL || scope == Oid::PG_DEFAULT) && !key.provider.is_global() {
        return Err(EditError::ProviderNotGlobal { scope, provider: key.provider });
    }
    Ok(())
}

/// The files that have these contents, in a directory that has none yet.
pub(in crate::store) fn write_contents(contents: &Contents, plan: &mut Plan) -> Result<(), EditError> {
    let mut names = BTreeMap::new();
    for (&scope, records) in &contents.providers {
        let file = crate::cluster::ProvidersFile::parse(scope, names::provider_config(scope), records);
        for provider in file.records().iter().filter_map(|record| record.provider().ok().flatten()) {
            names.entry((scope, provider.id())).or_insert(*provider.name());
        }
        let bytes = ProviderConfig::encode(scope, records)?;
        plan.push(Change::write(names::provider_config(scope), Before::Absent, bytes));
    }
    for (&oid, scope) in &contents.scopes {
        let info =
            PrincipalKeyInfo::new(oid, scope.info.provider(), scope.info.set_time(), *scope.info.name());
        let provider_name = names.get(&(info.provider().providers_file(oid), info.provider())).copied();
        let mut write = |place, entries: &[(Entry, &InternalKey)]| {
            let origin = if matches!(place, Place::Relation { .. }) { None } else { scope.origin };
            let bytes = seal(&Header { place, info, provider_name, origin }, entries, &scope.key)?;
            plan.push(Change::write(names::key_file(place), Before::Absent, bytes));
            Ok::<_, EditError>(())
        };
        let ranges: Vec<_> = scope.ranges.iter().map(|(range, key)| (Entry::Range(*range), key)).collect();
        write(Place::of_scope(oid), &ranges)?;
        let mut files: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (&(relation, tablespace), key) in &scope.relations {
            files.entry(relation).or_default().push((Entry::Relation { tablespace }, key));
        }
        for (relation, entries) in files {
            write(Place::Relation { database: oid, relation }, &entries)?;
        }
    }
    Ok(())
}
