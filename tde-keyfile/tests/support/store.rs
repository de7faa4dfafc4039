//! Key stores of both layouts in memory, and what they mean.

#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::path::Path;

use tde_keyfile::edit::{EditError, EditOptions};
use tde_keyfile::format::header::ProviderId;
use tde_keyfile::format::one_file::ProviderConfig;
use tde_keyfile::format::providers::{ProviderKind, encode_record};
use tde_keyfile::storage::Storage;
use tde_keyfile::storage::testing::ForgettingStorage;
use tde_keyfile::store::{KeyStore, Layout, OneFileStore, PgTdeStore};
use tde_keyfile::{Oid, RelationLocator};

use crate::edit::{Keys, ROOT, shown};

pub(crate) const LAYOUTS: [Layout; 2] = [Layout::PgTde, Layout::OneFilePerRelation];

/// An empty key directory with a global provider, `ring`, number -1.
pub(crate) fn empty(layout: Layout) -> ForgettingStorage {
    let storage = ForgettingStorage::new();
    storage.put_directory("/data/pg_tde");
    let options = r#"{"path":"/nowhere/ring"}"#;
    let record =
        encode_record(ProviderId::new(-1), &"ring".parse().unwrap(), ProviderKind::File, options).unwrap();
    match layout {
        Layout::PgTde => storage.put("/data/pg_tde/1664_providers", &record),
        Layout::OneFilePerRelation => {
            let config = ProviderConfig::encode(Oid::PG_GLOBAL, &record).unwrap();
            storage.put("/data/pg_tde/global/provider_config", &config);
        }
    }
    storage
}

pub(crate) fn open<'s>(
    storage: &'s dyn Storage,
    layout: Layout,
    options: &EditOptions,
) -> Result<Box<dyn KeyStore + 's>, EditError> {
    Ok(match layout {
        Layout::PgTde => Box::new(PgTdeStore::open(storage, Path::new(ROOT), options)?),
        Layout::OneFilePerRelation => Box::new(OneFileStore::open(storage, Path::new(ROOT), options)?),
    })
}

/// What the keys of a cluster mean, whatever their layout.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Meaning {
    pub(crate) scopes: BTreeMap<u32, Scope>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Scope {
    pub(crate) key: String,
    /// Tablespace and relation, to the key.
    pub(crate) relations: BTreeMap<(u32, u32), String>,
    /// Type, timeline, LSN, key.
    pub(crate) ranges: Vec<(u32, u32, u64, String)>,
}

impl Meaning {
    /// As it is looked up, one key at a time, which must be what is read at once.
    pub(crate) fn of(store: &dyn KeyStore) -> Self {
        assert!(store.check().is_empty(), "{:?}", store.check());
        let mut scopes = BTreeMap::new();
        for summary in store.scopes().unwrap() {
            assert!(summary.problem.is_none(), "{:?}", summary.problem);
            let mut scope =
                Scope { key: summary.principal_key.unwrap().name().to_string(), ..Scope::default() };
            for locator in store.relations(summary.scope).unwrap() {
                let key = store.relation_key(&locator).unwrap().unwrap();
                scope.relations.insert((locator.tablespace.get(), locator.relation.get()), shown(&key));
                let other = RelationLocator { tablespace: Oid::new(77), ..locator };
                assert!(store.relation_key(&other).unwrap().is_none());
            }
            if summary.scope == Oid::PG_GLOBAL {
                scope.ranges = ranges(&store.wal_ranges().unwrap());
            }
            scopes.insert(summary.scope.get(), scope);
        }
        let meaning = Self { scopes };
        assert_eq!(meaning, Self::of_contents(store), "one by one, and at once");
        meaning
    }

    pub(crate) fn of_contents(store: &dyn KeyStore) -> Self {
        let contents = store.contents().unwrap();
        let scopes = contents.scopes().map(|(oid, found)| {
            let relations = found
                .relations()
                .map(|((relation, tablespace), key)| ((tablespace.get(), relation.get()), shown(key)));
            let scope = Scope {
                key: found.principal_key().name().to_string(),
                relations: relations.collect(),
                ranges: ranges(found.ranges()),
            };
            (oid.get(), scope)
        });
        Self { scopes: scopes.collect() }
    }
}

fn ranges(found: &[(tde_wal::RangeEntry, tde_core::InternalKey)]) -> Vec<(u32, u32, u64, String)> {
    let one = |(range, key): &(tde_wal::RangeEntry, _)| {
        (range.kind.id(), range.start.timeline.get(), range.start.lsn.get(), shown(key))
    };
    found.iter().map(one).collect()
}

/// Default key, server and two databases with it, a third with a key of its own, two tablespaces with one number.
pub(crate) fn full(keys: &Keys, layout: Layout) -> ForgettingStorage {
    use crate::edit::{internal_key, location, new_key};
    use tde_keyfile::edit::Existing;
    use tde_keyfile::store::KeyChange;
    let storage = empty(layout);
    let (default, own) = (new_key(0), new_key(1));
    let relations: Vec<_> =
        [(5, 1663, 100), (5, 1700, 100), (5, 1663, 102), (6, 1663, 100), (7, 1663, 100), (7, 1663, 101)]
            .map(|(database, tablespace, relation)| {
                let key = internal_key(database * 100_000 + tablespace + relation, database == 7);
                (at(database, tablespace, relation), key)
            })
            .into();
    let wal: Vec<_> = (1..4).map(|seed| internal_key(seed, seed == 2)).collect();
    let mut changes = vec![
        KeyChange::CreateScope { scope: Oid::PG_DEFAULT, key: &default },
        KeyChange::CreateScope { scope: Oid::new(7), key: &own },
    ];
    for (locator, key) in &relations {
        changes.push(KeyChange::PutRelationKey { locator: *locator, key, existing: Existing::Refuse });
    }
    for (key, lsn) in wal.iter().zip([0x100_0000, 0x200_0000, 0]) {
        changes.push(KeyChange::AppendWalRange { kind: tde_wal::RangeKind::Encrypted, key });
        if lsn != 0 {
            changes.push(KeyChange::StartWalRange { start: location(1, lsn) });
        }
    }
    open(&storage, layout, &keys.options()).unwrap().apply(&changes, "set up").unwrap();
    crate::edit::durable(&storage)
}

pub(crate) fn at(database: u32, tablespace: u32, relation: u32) -> RelationLocator {
    RelationLocator {
        tablespace: Oid::new(tablespace),
        database: Oid::new(database),
        relation: relation.into(),
    }
}
