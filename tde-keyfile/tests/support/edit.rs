//! Clusters in memory to be edited, and what they amount to, whatever their bytes.

#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::path::Path;

use tde_core::{BaseIv, Cipher, InternalKey, PrincipalKey};
use tde_keyfile::cluster::{OpenOptions, ScopeState};
use tde_keyfile::edit::{Draft, Edit, EditError, EditOptions, Editor, KeyFiles, NewPrincipalKey};
use tde_keyfile::format::header::{Magic, ProviderId};
use tde_keyfile::format::keyring::encode_record;
use tde_keyfile::format::providers::{ProviderKind, ProviderRecords};
use tde_keyfile::format::relation_keys::EntryState;
use tde_keyfile::storage::testing::ForgettingStorage;
use tde_keyfile::storage::{self, Storage};
use tde_keyfile::{Oid, RelationLocator, RelationNumber};
use tde_testkit::to_hex;
use tde_wal::{Location, Lsn, RangeKind, TimelineId};

pub(crate) const ROOT: &str = "/data";
pub(crate) const GLOBAL: ProviderId = ProviderId::new(-1);

/// A keyring on disk with the keys `key-0` to `key-9` (16 bytes if even, 32 if odd).
pub(crate) struct Keys {
    directory: tempfile::TempDir,
}

impl Keys {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let records: Vec<_> = (0..10)
            .map(|number| encode_record(&name(number).parse().unwrap(), &principal_key(number)))
            .collect();
        std::fs::write(directory.path().join("ring"), records.concat()).unwrap();
        Self { directory }
    }

    pub(crate) fn open_options(&self) -> OpenOptions {
        OpenOptions::new().keyring(self.directory.path().join("ring"))
    }

    pub(crate) fn options(&self) -> EditOptions {
        let mut options = EditOptions::new("test");
        options.keys = self.open_options();
        options.allow_unclean_shutdown = true;
        options
    }

    /// Edits and applies, as a command does.
    pub(crate) fn edit(
        &self,
        storage: &dyn Storage,
        edits: impl FnOnce(&mut Draft<'_>) -> Result<(), EditError>,
    ) -> Result<usize, EditError> {
        let editor = Editor::open(storage, Path::new(ROOT), &self.options())?;
        let edit = plan(editor.files(), edits)?;
        let files = edit.plan().changes().len();
        editor.apply(edit)?;
        Ok(files)
    }

    pub(crate) fn state(&self, storage: &dyn Storage) -> State {
        State::read(&KeyFiles::read(storage, Path::new(ROOT), &self.open_options()).unwrap())
    }
}

pub(crate) fn plan(
    files: &KeyFiles,
    edits: impl FnOnce(&mut Draft<'_>) -> Result<(), EditError>,
) -> Result<Edit, EditError> {
    let mut draft = Draft::new(files);
    edits(&mut draft)?;
    Ok(draft.finish("test"))
}

pub(crate) fn name(number: u8) -> String {
    format!("key-{number}")
}

pub(crate) fn principal_key(number: u8) -> PrincipalKey {
    PrincipalKey::from_slice(&[number + 1; 32][..if number.is_multiple_of(2) { 16 } else { 32 }]).unwrap()
}

pub(crate) fn new_key(number: u8) -> NewPrincipalKey {
    NewPrincipalKey::new(GLOBAL, name(number).parse().unwrap(), &principal_key(number))
}

pub(crate) fn internal_key(seed: u32, long: bool) -> InternalKey {
    let byte = seed.to_le_bytes();
    let cipher = if long { Cipher::Aes256 } else { Cipher::Aes128 };
    let bytes: Vec<_> = byte.iter().copied().cycle().take(cipher.key_len()).collect();
    let iv: Vec<_> = byte.iter().map(|byte| !byte).cycle().take(16).collect();
    InternalKey::from_slice(cipher, &bytes, BaseIv::new(iv.try_into().unwrap())).unwrap()
}

pub(crate) fn shown(key: &InternalKey) -> String {
    format!("{}/{}", to_hex(key.expose_bytes()), to_hex(key.base_iv().as_bytes()))
}

pub(crate) fn locator(database: u32, relation: u32) -> RelationLocator {
    RelationLocator {
        tablespace: Oid::PG_DEFAULT,
        database: Oid::new(database),
        relation: RelationNumber::new(relation),
    }
}

pub(crate) fn location(timeline: u32, lsn: u64) -> Location {
    Location { timeline: TimelineId::new(timeline), lsn: Lsn::new(lsn) }
}

/// An empty key directory, with a global provider.
pub(crate) fn empty_cluster(keys: &Keys) -> ForgettingStorage {
    let storage = ForgettingStorage::new();
    storage.put_directory("/data/pg_tde");
    storage.put("/data/pg_tde/foreign", b"untouched");
    let options = r#"{"path":"/nowhere/ring"}"#;
    let added = keys.edit(&storage, |draft| {
        draft.add_provider(Oid::PG_GLOBAL, "ring".parse().unwrap(), ProviderKind::File, options).map(|_| ())
    });
    assert_eq!(added.unwrap(), 1);
    storage
}

/// Default key, server and two databases with it, a third database with a key of its own; relation keys, WAL ranges.
pub(crate) fn full_cluster(keys: &Keys) -> ForgettingStorage {
    let storage = empty_cluster(keys);
    keys.edit(&storage, |draft| {
        draft.create_scope(Oid::PG_DEFAULT, &new_key(0))?;
        draft.create_scope(Oid::new(7), &new_key(1))?;
        for (database, relation) in [(5, 100), (5, 101), (5, 102), (6, 100), (7, 100), (7, 101)] {
            let key = internal_key(database * 1000 + relation, database == 7);
            draft.put_relation_key(locator(database, relation), &key, tde_keyfile::edit::Existing::Refuse)?;
        }
        draft.free_relation_key(locator(5, 101))?;
        for (seed, timeline, lsn) in [(1, 1, 0x100_0000), (2, 1, 0x200_0000)] {
            draft.append_wal_range(RangeKind::Encrypted, &internal_key(seed, false))?;
            draft.start_wal_range(location(timeline, lsn))?;
        }
        draft.append_wal_range(RangeKind::Encrypted, &internal_key(3, false))
    })
    .unwrap();
    // As a server leaves it.
    storage.put("/data/pg_tde/keys_version", b"TDE\x04WEK\x02");
    durable(&storage)
}

/// The same files, as if they had been there for long.
pub(crate) fn durable(storage: &ForgettingStorage) -> ForgettingStorage {
    let copy = ForgettingStorage::new();
    for (path, content) in storage.files() {
        copy.put(path, &content);
    }
    copy
}

/// Number, then name and options unless deleted.
pub(crate) type ProviderState = (i32, Option<(String, String)>);

/// What a cluster's key files mean.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct State {
    pub(crate) scopes: BTreeMap<u32, Scope>,
    /// By file: number, name and options; a deleted one has none.
    pub(crate) providers: BTreeMap<u32, Vec<ProviderState>>,
    pub(crate) keys_version: Option<(Magic, Magic)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) version: u8,
    pub(crate) key: String,
    pub(crate) provider: i32,
    pub(crate) relations: BTreeMap<u32, String>,
    /// Kind, timeline, LSN, key; an INVALID one without its key.
    pub(crate) ranges: Vec<(u32, u32, u64, String)>,
}

impl State {
    pub(crate) fn read(files: &KeyFiles) -> Self {
        let cluster = files.cluster();
        let mut state = Self::default();
        for scope in cluster.scopes() {
            let unlocked = match scope.state() {
                ScopeState::Unlocked(key) => key,
                ScopeState::Empty => continue,
                other => panic!("{other:?}"),
            };
            let info = scope.principal_key().unwrap();
            assert_eq!(info.database(), scope.oid());
            let mut relations = BTreeMap::new();
            for entry in scope.relation_keys().iter().flat_map(|keys| keys.entries()) {
                if let EntryState::Key(entry) = entry.state().unwrap() {
                    let key = entry.unwrap_key(unlocked.wrap_key()).unwrap();
                    let old = relations.insert(entry.relation().get(), shown(&key));
                    assert!(old.is_none(), "a second entry of {}", entry.relation());
                }
            }
            let wal_keys = scope.wal_keys();
            let ranges = wal_keys.iter().flat_map(|keys| keys.entries()).map(|entry| {
                let entry = entry.unwrap();
                let key = entry.unwrap_key(unlocked.wrap_key()).map_or(String::new(), |key| shown(&key));
                (entry.kind().id(), entry.start().timeline.get(), entry.start().lsn.get(), key)
            });
            let scope_state = Scope {
                version: scope.magic().unwrap().version(),
                key: info.name().to_string(),
                provider: info.provider().get(),
                ranges: ranges.collect(),
                relations,
            };
            state.scopes.insert(scope.oid().get(), scope_state);
        }
        for file in cluster.providers() {
            assert!(file.torn_tail().is_none());
            let records = file.records().iter().map(|record| {
                let provider = record.provider().unwrap();
                (
                    record.id().get(),
                    provider.map(|found| (found.name().to_string(), format!("{:?}", found.options()))),
                )
            });
            state.providers.insert(file.scope().get(), records.collect());
        }
        state.keys_version =
            cluster.keys_version().map(|told| (told.relation_keys().unwrap(), told.wal_keys().unwrap()));
        state
    }
}

/// Nothing is left of interrupted work.
pub(crate) fn assert_tidy(storage: &ForgettingStorage) {
    assert_eq!(storage::interrupted_work(storage, Path::new(ROOT), "pg_tde").unwrap(), None);
    for path in storage.files().keys() {
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(!name.starts_with("tde-") && !name.ends_with(".r"), "{name}");
    }
    assert_eq!(storage.get("/data/pg_tde/foreign").unwrap(), b"untouched");
}

/// The bytes of a providers file in the words of the format.
pub(crate) fn provider_ids(bytes: &[u8]) -> Vec<i32> {
    ProviderRecords::parse(bytes).records().map(|record| record.id().get()).collect()
}
