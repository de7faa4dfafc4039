//! Opening data directories: what is absent, damaged or odd takes nothing else with it, and is named.

#![allow(clippy::unwrap_used, clippy::panic, clippy::std_instead_of_core, reason = "a test")]

#[path = "support/sample.rs"]
mod sample;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use sample::{DEMO, Header, SERVER, count, wrap_key};
use tde_core::PrincipalKey;
use tde_keyfile::cluster::{
    Cluster, ClusterError, NoteKind, OpenOptions, PrincipalKeyErrorKind, Provider, RelationKey, ScopeError,
    ScopeKind, ScopeState, Severity,
};
use tde_keyfile::format::FormatErrorKind;
use tde_keyfile::provider::{KeyProvider, NamedKey, ProviderConnector, ProviderError, ProviderErrorKind};
use tde_keyfile::{Oid, PrincipalKeyName, RelationLocator, RelationNumber};
use tde_wal::Protection;
use tempfile::TempDir;

/// A data directory in which database 16384 and the server have a key each, at file providers.
struct Directory(TempDir);

impl Directory {
    fn new() -> Self {
        let directory = Self::empty();
        let key = wrap_key(16);
        directory.write(
            "pg_tde/16384_keys",
            &[DEMO.bytes(&key), sample::v4_entry(&key, 1663, 16397, &count::<16>(0x20))],
        );
        directory.write(
            "pg_tde/wal_keys",
            &[
                SERVER.bytes(&key),
                sample::wal_v2_entry(&key, 2, (1, 0x100_0000), &count::<16>(0x40)),
                sample::wal_v2_entry(&key, 1, (1, 0x200_0000), &count::<16>(0x41)),
            ],
        );
        let provider =
            |id, name, path| sample::provider_record(id, name, &format!(r#"{{"path" : "{path}"}}"#), 1);
        directory.write("pg_tde/16384_providers", &[provider(1, "local", "db.keys")]);
        directory.write("pg_tde/1664_providers", &[provider(-1, "global", "../absent/srv.keys")]);
        directory.write("db.keys", &[sample::keyring_record("demo-key", &count::<16>(0))]);
        directory.write("srv.keys", &[sample::keyring_record("SRV-key", &count::<16>(0))]);
        directory
    }

    fn empty() -> Self {
        let directory = Self(TempDir::new().unwrap());
        fs::create_dir(directory.path().join("pg_tde")).unwrap();
        directory
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, path: &str, parts: &[Vec<u8>]) {
        fs::write(self.path().join(path), parts.concat()).unwrap();
    }

    fn open(&self, options: &OpenOptions) -> Cluster {
        Cluster::open(self.path(), options).unwrap()
    }

    /// Opens it with the keyring that is not where its provider says.
    fn open_all(&self) -> Cluster {
        let options = OpenOptions::new()
            .keyring_of("local".parse().unwrap(), self.path().join("db.keys"))
            .keyring(self.path().join("srv.keys"));
        self.open(&options)
    }
}

fn locator(relation: u32) -> RelationLocator {
    RelationLocator {
        tablespace: Oid::PG_DEFAULT,
        database: Oid::new(16384),
        relation: RelationNumber::new(relation),
    }
}

fn locked(cluster: &Cluster, oid: u32) -> &PrincipalKeyErrorKind {
    match cluster.scope(Oid::new(oid)).unwrap().state() {
        ScopeState::Locked(error) => match &**error {
            ScopeError::PrincipalKey { error, .. } => error.kind(),
            other => panic!("{other}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn relative_paths_of_providers_are_relative_to_the_data_directory() {
    let directory = Directory::new();
    let cluster = directory.open(&OpenOptions::new());
    let scope = cluster.scope(Oid::new(16384)).unwrap();
    assert_eq!(scope.kind(), ScopeKind::Database);
    let ScopeState::Unlocked(key) = scope.state() else { panic!("{:?}", scope.state()) };
    assert!(key.place().ends_with("db.keys"), "{}", key.place());
    let RelationKey::Key(key) = cluster.relation_key(&locator(16397)).unwrap() else { panic!() };
    assert_eq!(key.expose_bytes(), count::<16>(0x20));
    assert!(matches!(cluster.relation_key(&locator(16398)), Ok(RelationKey::NoEntry)));
    let other = RelationLocator { database: Oid::new(5), ..locator(16397) };
    assert!(matches!(cluster.relation_key(&other), Ok(RelationKey::NoEntry)));
}

#[test]
fn a_scope_whose_key_is_absent_is_locked_and_the_others_open() {
    let directory = Directory::new();
    let cluster = directory.open(&OpenOptions::new());
    let PrincipalKeyErrorKind::NotFound { searched } = locked(&cluster, 1664) else { panic!() };
    assert!(searched[0].ends_with("../absent/srv.keys (absent)"), "{searched:?}");
    let error = cluster.wal_key_ranges().unwrap_err();
    assert!(
        error.to_string().contains("pg_tde/wal_keys: principal key \"srv-key\" of provider -1"),
        "{error}"
    );
    assert!(matches!(cluster.relation_key(&locator(16397)), Ok(RelationKey::Key(_))));
    let cluster = directory.open_all();
    assert_eq!(cluster.wal_key_ranges().unwrap().ranges().len(), 2);
    assert!(cluster.notes().is_empty(), "{:?}", cluster.notes());
}

#[test]
fn an_entry_in_a_locked_scope_is_an_error_and_an_absent_one_is_not() {
    let directory = Directory::new();
    fs::remove_file(directory.path().join("db.keys")).unwrap();
    let cluster = directory.open(&OpenOptions::new());
    let error = cluster.relation_key(&locator(16397)).unwrap_err();
    assert!(matches!(&*error, ScopeError::PrincipalKey { .. }), "{error}");
    assert!(matches!(cluster.relation_key(&locator(16398)), Ok(RelationKey::NoEntry)));
}

#[test]
fn without_its_providers_file_a_scope_is_served_by_a_keyring_for_all() {
    let directory = Directory::new();
    fs::remove_file(directory.path().join("pg_tde/16384_providers")).unwrap();
    let cluster = directory.open(&OpenOptions::new());
    assert!(matches!(locked(&cluster, 16384), PrincipalKeyErrorKind::ProviderAbsent));
    let cluster = directory.open(&OpenOptions::new().keyring(directory.path().join("db.keys")));
    assert!(matches!(cluster.scope(Oid::new(16384)).unwrap().state(), ScopeState::Unlocked(_)));
}

#[test]
fn keyrings_are_searched_in_order_and_instead_of_the_providers_path() {
    let directory = Directory::new();
    directory.write("wrong.keys", &[sample::keyring_record("demo-key", &[9; 16])]);
    let [wrong, right] = ["wrong.keys", "db.keys"].map(|name| directory.path().join(name));
    let cluster = directory.open(&OpenOptions::new().keyring(&wrong));
    let PrincipalKeyErrorKind::WrongKey { tried } = locked(&cluster, 16384) else { panic!() };
    assert_eq!(tried.len(), 1);
    let cluster = directory.open(&OpenOptions::new().keyring(&wrong).keyring(&right));
    assert!(matches!(cluster.relation_key(&locator(16397)), Ok(RelationKey::Key(_))));
    // A keyring for another provider changes nothing for this one.
    let cluster = directory.open(&OpenOptions::new().keyring_of("other".parse().unwrap(), &wrong));
    assert!(matches!(cluster.relation_key(&locator(16397)), Ok(RelationKey::Key(_))));
    // The names of providers are compared as the server compares them.
    let cluster = directory.open(&OpenOptions::new().keyring_of("LOCAL".parse().unwrap(), &wrong));
    assert!(matches!(locked(&cluster, 16384), PrincipalKeyErrorKind::WrongKey { .. }));
}

#[test]
fn providers_that_are_not_reached_leave_a_scope_locked_until_the_key_is_given() {
    let directory = Directory::new();
    let options = r#"{"host" : "h", "port" : 5696, "caPath" : "a", "certPath" : "b", "keyPath" : "c"}"#;
    directory.write("pg_tde/16384_providers", &[sample::provider_record(1, "server", options, 3)]);
    let cluster = directory.open(&OpenOptions::new());
    assert!(matches!(locked(&cluster, 16384), PrincipalKeyErrorKind::NotConnected(_)));
    directory.write("key.hex", &[b"000102030405060708090A0b0c0d0e0f\n".to_vec()]);
    let key = directory.path().join("key.hex");
    let cluster = directory.open(&OpenOptions::new().principal_key("demo-key".parse().unwrap(), &key));
    assert!(matches!(cluster.relation_key(&locator(16397)), Ok(RelationKey::Key(_))));
    // A key file that is absent is an error, not a key that was not found.
    let absent = OpenOptions::new().principal_key("demo-key".parse().unwrap(), directory.path().join("no"));
    let cluster = directory.open(&absent);
    assert!(matches!(locked(&cluster, 16384), PrincipalKeyErrorKind::Failed(_)));
}

/// A provider that another crate might bring.
#[derive(Debug)]
struct Elsewhere(bool);

impl KeyProvider for Elsewhere {
    fn principal_key(&self, name: &PrincipalKeyName) -> Result<Option<NamedKey>, ProviderError> {
        if !self.0 {
            return Err(ProviderError::new(self.place(), ProviderErrorKind::Unavailable));
        }
        Ok(Some(NamedKey { name: *name, key: PrincipalKey::from_slice(&count::<16>(0)).unwrap() }))
    }

    fn place(&self) -> String {
        "elsewhere".into()
    }
}

#[derive(Debug)]
struct Connector(bool);

impl ProviderConnector for Connector {
    fn connect(&self, provider: &Provider) -> Result<Option<Box<dyn KeyProvider>>, ProviderError> {
        assert_eq!(provider.name().to_string(), "vault");
        Ok(Some(Box::new(Elsewhere(self.0))))
    }
}

#[test]
fn a_connector_reaches_what_this_crate_does_not() {
    let directory = Directory::new();
    let options = r#"{"url":"u","mountPath":"m","tokenPath":"t","caPath":""}"#;
    directory.write("pg_tde/16384_providers", &[sample::provider_record(1, "vault", options, 2)]);
    let cluster = directory.open(&OpenOptions::new().connector(Arc::new(Connector(true))));
    assert!(matches!(cluster.relation_key(&locator(16397)), Ok(RelationKey::Key(_))));
    let cluster = directory.open(&OpenOptions::new().connector(Arc::new(Connector(false))));
    assert!(matches!(locked(&cluster, 16384), PrincipalKeyErrorKind::Failed(_)));
}

#[test]
fn a_32_byte_key_that_pg_tde_1_0_cut_in_half_opens_version_3_files_only() {
    let directory = Directory::new();
    let key = wrap_key(16);
    directory.write("db.keys", &[sample::keyring_record("demo-key", &count::<32>(0))]);
    let cluster = directory.open(&OpenOptions::new());
    assert!(matches!(locked(&cluster, 16384), PrincipalKeyErrorKind::WrongKey { .. }));
    directory.write(
        "pg_tde/16384_keys",
        &[
            Header { magic: b"TDE\x03", ..DEMO }.bytes(&key),
            sample::v3_entry(&key, 1663, 16397, &count(0x20), [0, 0]),
        ],
    );
    let cluster = directory.open(&OpenOptions::new());
    let ScopeState::Unlocked(key) = cluster.scope(Oid::new(16384)).unwrap().state() else { panic!() };
    assert!(key.is_truncated());
    assert!(cluster.notes().iter().any(|note| *note.kind() == NoteKind::TruncatedPrincipalKey));
    assert!(matches!(cluster.relation_key(&locator(16397)), Ok(RelationKey::Key(_))));
}

#[test]
fn what_is_odd_is_noted_and_keeps_nothing_from_opening() {
    let directory = Directory::new();
    let key = wrap_key(16);
    let entry = |relation, from| sample::v4_entry(&key, 1663, relation, &count::<16>(from));
    let mut hidden = entry(16399, 3);
    hidden[12] = 0;
    let mut unknown = entry(16400, 4);
    unknown[12] = 7;
    let header = Header { database: 16385, ..DEMO }.bytes(&key);
    directory.write(
        "pg_tde/16384_keys",
        &[header, entry(16397, 0x20), entry(16397, 1), hidden, unknown, vec![1; 95]],
    );
    let mut invalid = sample::wal_v2_entry(&key, 2, (1, 0x180_0000), &count::<16>(1));
    invalid[4] = 0;
    directory.write(
        "pg_tde/wal_keys",
        &[
            SERVER.bytes(&key),
            sample::wal_v2_entry(&key, 2, (1, 0x100_0000), &count::<16>(0x40)),
            sample::wal_v2_entry(&key, 2, (0, 0), &count::<16>(0x40)),
            invalid,
            sample::wal_v2_entry(&key, 1, (1, 0x80_0000), &count::<16>(0x41)),
            vec![1; 3],
        ],
    );
    for (name, bytes) in [
        ("5_keys", &b""[..]),
        ("5_keys.r", b"x"),
        ("wal_keys.r", b"x"),
        ("1664_keys", b"x"),
        ("pg_tde_5_map", b"x"),
        ("README", b"x"),
        ("6_keys", b"short"),
        ("6_providers", b"short"),
        ("keys_version", b"TDE\x03WEK\x02"),
    ] {
        directory.write(&format!("pg_tde/{name}"), &[bytes.to_vec()]);
    }
    fs::create_dir(directory.path().join("pg_tde/7_keys")).unwrap();
    let cluster = directory.open_all();
    let notes: Vec<String> = cluster.notes().iter().map(ToString::to_string).collect();
    for expected in [
        "pg_tde/1664_keys: WAL keys of pg_tde 1.0, which no later release reads",
        "pg_tde/5_keys.r: left by a rotation or migration that did not finish",
        "pg_tde/wal_keys.r: left by a rotation or migration that did not finish",
        "pg_tde/README: not a file of pg_tde",
        "pg_tde/pg_tde_5_map: keys of a release before pg_tde 1.0",
        "pg_tde/6_providers: the last 5 bytes, from offset 0, are not a whole record",
        "pg_tde/16384_keys: the last 95 bytes, from offset 704, are not a whole record",
        "pg_tde/16384_keys: relation key file, offset 620, entry type: entry type 7 is neither EMPTY nor KEY",
        "pg_tde/16384_keys: entry 1 is of the same relation as entry 0 and is never found",
        "pg_tde/16384_keys: entry 2 is EMPTY, but its bytes are not zero",
        "pg_tde/16384_keys: the header is that of scope 16385",
        "pg_tde/5_keys: empty: no principal key and no internal keys",
        "pg_tde/6_keys: the file cannot be read",
        "pg_tde/7_keys: the file cannot be read",
        "pg_tde/wal_keys: the last 3 bytes, from offset 736, are not a whole record",
        "pg_tde/wal_keys: range 1 was never written under",
        "pg_tde/wal_keys: range 2 is INVALID",
        "pg_tde/wal_keys: range 3 starts at timeline 1, LSN 0/800000, no later than a range before it",
        "pg_tde/keys_version: a relation key file of version 4 is there, which a server would not convert",
    ] {
        assert!(notes.iter().any(|note| note == expected), "{expected}\nnot among {notes:#?}");
    }
    assert_eq!(notes.len(), 19, "{notes:#?}");
    assert!(cluster.notes().iter().any(|note| note.severity() == Severity::Problem));

    let RelationKey::Key(found) = cluster.relation_key(&locator(16397)).unwrap() else { panic!() };
    assert_eq!(found.expose_bytes(), count::<16>(0x20), "the first entry of a relation counts");
    assert!(matches!(cluster.relation_key(&locator(16399)), Ok(RelationKey::NoEntry)));
    let error = cluster.relation_key(&locator(16400)).unwrap_err();
    let ScopeError::Format { error, .. } = &*error else { panic!("{error}") };
    assert_eq!(error.kind(), FormatErrorKind::UnknownEntryType { found: 7 });
    assert_eq!(cluster.wal_key_ranges().unwrap().ranges().len(), 2);

    let counts = cluster.scope(Oid::new(16384)).unwrap().entry_counts().unwrap();
    assert_eq!((counts.aes_128, counts.aes_256, counts.empty, counts.unreadable), (2, 0, 1, 1));
    let counts = cluster.scope(Oid::PG_GLOBAL).unwrap().range_counts().unwrap();
    assert_eq!((counts.aes_128, counts.unencrypted, counts.not_started, counts.invalid), (1, 1, 1, 1));
    let unreadable = |oid| cluster.scope(Oid::new(oid)).unwrap().state();
    assert!(matches!(unreadable(5), ScopeState::Empty));
    assert!(matches!(unreadable(6), ScopeState::Unreadable(_)));
    let ScopeState::Unreadable(error) = unreadable(7) else { panic!() };
    assert!(error.to_string().ends_with("7_keys: not a regular file"), "{error}");
    // What cannot be read must not look like a database without keys.
    let other = RelationLocator { database: Oid::new(6), ..locator(16397) };
    assert!(cluster.relation_key(&other).is_err());
}

#[test]
fn a_damaged_wal_key_leaves_the_other_ranges() {
    let directory = Directory::new();
    let path = directory.path().join("pg_tde/wal_keys");
    let mut bytes = fs::read(&path).unwrap();
    // The tag of the second entry, which says that WAL is plain from there on.
    bytes[320 + 104 + 40] ^= 1;
    fs::write(&path, bytes).unwrap();
    let cluster = directory.open_all();
    assert!(cluster.wal_key_ranges().is_err());
    let (ranges, errors) = cluster.available_wal_key_ranges().unwrap();
    assert_eq!(errors.len(), 1);
    let [first, second] = ranges.ranges() else { panic!() };
    assert!(matches!(first.protection(), Protection::Encrypted(_)));
    assert!(matches!(second.protection(), Protection::Unavailable), "not to be taken for plain");
}

#[test]
fn a_directory_without_keys_is_not_opened() {
    let directory = TempDir::new().unwrap();
    let error = Cluster::open(directory.path(), &OpenOptions::new()).unwrap_err();
    assert!(matches!(error, ClusterError::NoKeyDirectory { .. }), "{error}");
    let cluster = Directory::empty().open(&OpenOptions::new());
    assert_eq!(cluster.scopes().len(), 0);
    assert!(cluster.wal_key_ranges().unwrap().ranges().is_empty());
}

#[test]
fn a_key_file_beyond_the_limit_is_refused() {
    let directory = Directory::new();
    let cluster = directory.open(&OpenOptions::new().max_key_file_size(1160));
    assert!(matches!(cluster.scope(Oid::new(16384)).unwrap().state(), ScopeState::Unlocked(_)));
    let cluster = directory.open(&OpenOptions::new().max_key_file_size(400));
    let ScopeState::Unreadable(error) = cluster.scope(Oid::new(16384)).unwrap().state() else { panic!() };
    assert!(error.to_string().contains("416 bytes, more than the limit of 400"), "{error}");
}

#[test]
fn a_hundred_thousand_entries_are_indexed_and_one_is_found() {
    let directory = Directory::new();
    let key = wrap_key(16);
    let template = sample::v4_entry(&key, 1663, 16397, &count::<16>(0x20));
    let mut file = DEMO.bytes(&key);
    for relation in 0..100_000_u32 {
        let start = file.len();
        file.extend_from_slice(&template);
        file[start + 8..start + 12].copy_from_slice(&(100_000 + relation).to_le_bytes());
    }
    file.extend(template);
    directory.write("pg_tde/16384_keys", &[file]);
    let started = std::time::Instant::now();
    let cluster = directory.open(&OpenOptions::new());
    assert!(matches!(cluster.relation_key(&locator(16397)), Ok(RelationKey::Key(_))));
    eprintln!("opened 100,001 entries and found one in {:?}", started.elapsed());
    assert_eq!(cluster.scope(Oid::new(16384)).unwrap().entry_counts().unwrap().keys(), 100_001);
    // An entry that was moved to another relation is found, and does not unwrap.
    assert!(cluster.relation_key(&locator(150_000)).is_err());
}
