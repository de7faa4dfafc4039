//! What real servers wrote is read as their manifests say.

#![allow(clippy::unwrap_used, clippy::panic, clippy::std_instead_of_core, reason = "a test")]

#[path = "support/corpus.rs"]
mod corpus;

use corpus::{Corpus, hex, number, text, unhex};
use tde_core::{Cipher, PrincipalKey, WrapKey};
use tde_keyfile::cluster::{Cluster, OpenOptions, RelationKey, ScopeState, Severity};
use tde_keyfile::format::header::Magic;
use tde_keyfile::format::keys_version::KeysVersion;
use tde_keyfile::format::names::FileName;
use tde_keyfile::format::provider_options::ProviderOptions;
use tde_keyfile::format::providers::ProviderRecords;
use tde_keyfile::format::relation_keys::{EntryState, RelationKeys};
use tde_keyfile::format::wal_keys::WalKeys;
use tde_keyfile::{Oid, RelationKeyIndex, RelationLocator, RelationNumber};
use tde_wal::RangeKind;

fn cipher_name(cipher: Cipher) -> &'static str {
    match cipher {
        Cipher::Aes128 => "aes_128",
        Cipher::Aes256 => "aes_256",
    }
}

fn kind_name(kind: RangeKind) -> &'static str {
    match kind {
        RangeKind::Invalid => "invalid",
        RangeKind::Unencrypted => "unencrypted",
        RangeKind::Encrypted => "encrypted",
    }
}

fn locator(file: &serde_json::Value) -> RelationLocator {
    RelationLocator {
        tablespace: Oid::new(number(&file["spcOid"])),
        database: Oid::new(number(&file["dbOid"])),
        relation: RelationNumber::new(number(&file["relNumber"])),
    }
}

#[test]
fn relation_key_files_have_the_entries_of_the_manifest() {
    for corpus in corpus::all_and_excerpts() {
        let mut checked = 0;
        for file in corpus.files("_keys").filter(|file| !text(&file["path"]).ends_with("wal_keys")) {
            let bytes = corpus.read(text(&file["path"]));
            let keys = RelationKeys::parse(&bytes).unwrap().unwrap();
            let mut magic = keys.header().magic().bytes();
            magic.reverse();
            assert_eq!(hex(&magic), text(&file["file_version"]));
            let entries = file["entries"].as_array().unwrap();
            assert_eq!(keys.len(), entries.len());
            assert_eq!(keys.torn_tail(), None);
            for (entry, expected) in keys.entries().zip(entries) {
                assert_eq!(entry.offset(), expected["offset"].as_u64().unwrap());
                assert_eq!(entry.tablespace().get(), number(&expected["spcOid"]));
                assert_eq!(entry.relation().get(), number(&expected["relNumber"]));
                match entry.state().unwrap() {
                    EntryState::Empty { zero } => assert!(zero && expected["type"] == "empty"),
                    EntryState::Key(key) => {
                        assert_eq!(text(&expected["type"]), "key");
                        assert_eq!(text(&expected["cipher"]), cipher_name(key.cipher()));
                    }
                }
                checked += 1;
            }
        }
        eprintln!("{}: {checked} relation key entries", corpus.name);
        assert!(checked > 0, "{}", corpus.name);
    }
}

#[test]
fn wal_key_files_have_the_entries_of_the_manifest() {
    for corpus in corpus::all_and_excerpts() {
        for file in corpus.files("/wal_keys") {
            let bytes = corpus.read(text(&file["path"]));
            let keys = WalKeys::parse(&bytes).unwrap().unwrap();
            let entries = file["entries"].as_array().unwrap();
            assert_eq!(keys.len(), entries.len());
            for (entry, expected) in keys.entries().zip(entries) {
                let entry = entry.unwrap();
                assert_eq!(entry.offset(), expected["offset"].as_u64().unwrap());
                assert_eq!(kind_name(entry.kind()), text(&expected["type"]));
                assert_eq!(entry.start().timeline.get(), number(&expected["start_tli"]));
                assert_eq!(entry.start().lsn.to_string(), text(&expected["start_lsn"]));
                assert_eq!(entry.cipher().map(cipher_name), expected["cipher"].as_str());
            }
        }
    }
}

#[test]
fn providers_files_have_the_records_of_the_manifest() {
    for corpus in corpus::all_and_excerpts() {
        for file in corpus.files("_providers") {
            let bytes = corpus.read(text(&file["path"]));
            let records = ProviderRecords::parse(&bytes);
            records.check_whole().unwrap();
            let expected = file["providers"].as_array().unwrap();
            assert_eq!(records.records().len(), expected.len());
            for (record, expected) in records.records().zip(expected) {
                assert_eq!(i64::from(record.id().get()), expected["id"].as_i64().unwrap());
                let Some(kind) = record.kind().unwrap() else {
                    assert!(text(&expected["type"]).contains("deleted"));
                    continue;
                };
                assert_eq!(kind.to_string(), text(&expected["type"]));
                assert_eq!(record.name().unwrap().to_string(), text(&expected["name"]));
                assert_eq!(record.options().unwrap(), text(&expected["options"]));
                assert_eq!(ProviderOptions::parse(kind, record.options().unwrap()).unwrap().kind(), kind);
            }
        }
    }
}

#[test]
fn every_scope_is_verified_with_the_principal_key_of_the_manifest() {
    let scratch = tempfile::tempdir().unwrap();
    for corpus in corpus::all_and_excerpts() {
        let cluster = corpus.open(scratch.path());
        let with_key = || cluster.scopes().filter(|scope| scope.principal_key().is_some());
        assert_eq!(with_key().count(), corpus.list("principal_keys_in_use").count(), "{}", corpus.name);
        for scope in with_key() {
            let in_use = corpus.principal_key(u64::from(scope.oid().get())).unwrap();
            let info = scope.principal_key().unwrap();
            assert_eq!(info.name().to_string(), text(&in_use["name"]));
            assert_eq!(info.database().get(), number(&in_use["database_oid"]));
            assert_eq!(info.provider().get().cast_unsigned(), number(&in_use["keyring_id"]));
            assert_eq!(info.set_time().seconds, in_use["created_sec"].as_i64().unwrap());
            assert_eq!(info.set_time().microseconds, in_use["created_usec"].as_i64().unwrap());
            assert_eq!(scope.provider().unwrap().id(), info.provider());
            let ScopeState::Unlocked(key) = scope.state() else {
                panic!("{} {:?}: {:?}", corpus.name, scope.oid(), scope.state())
            };
            assert!(!key.is_truncated());
            // It is this key and no other: it opens a seal made with the key of the manifest.
            let listed = PrincipalKey::from_slice(&unhex(text(&in_use["key"]))).unwrap();
            let tag = WrapKey::new(&listed).sign(&[1; 16], b"test").unwrap();
            key.wrap_key().verify(&[1; 16], b"test", &tag).unwrap();
        }
    }
}

#[test]
fn every_encrypted_relation_gets_the_key_of_the_manifest_and_every_other_none() {
    let scratch = tempfile::tempdir().unwrap();
    for corpus in corpus::all_and_excerpts() {
        let cluster = corpus.open(scratch.path());
        let (mut keys, mut none) = (0, 0);
        for file in corpus.list("files") {
            match cluster.relation_key(&locator(file)).unwrap() {
                RelationKey::Key(key) => {
                    assert_eq!(file["encrypted"], true, "{} {file}", corpus.name);
                    assert_eq!(hex(key.expose_bytes()), text(&file["internal_key"]));
                    assert_eq!(hex(key.base_iv().as_bytes()), text(&file["base_iv"]));
                    assert_eq!(cipher_name(key.cipher()), text(&file["cipher"]));
                    keys += 1;
                }
                RelationKey::NoEntry => {
                    assert_eq!(file["encrypted"], false, "{} {file}", corpus.name);
                    none += 1;
                }
            }
        }
        eprintln!("{}: {keys} files with a key, {none} without", corpus.name);
        assert!(keys > 0);
    }
}

#[test]
fn every_entry_unwraps_and_the_index_finds_what_a_scan_finds() {
    let scratch = tempfile::tempdir().unwrap();
    for corpus in corpus::all_and_excerpts() {
        let cluster = corpus.open(scratch.path());
        for scope in cluster.scopes() {
            let Some(keys) = scope.relation_keys() else { continue };
            let ScopeState::Unlocked(key) = scope.state() else { panic!("{:?}", scope.state()) };
            let index = RelationKeyIndex::build(&keys);
            let mut unwrapped = 0;
            for entry in keys.entries() {
                let EntryState::Key(entry) = entry.state().unwrap() else { continue };
                entry.unwrap_key(key.wrap_key()).unwrap();
                unwrapped += 1;
                let (tablespace, relation) = (entry.tablespace(), entry.relation());
                let scanned = keys.find(tablespace, relation).unwrap().unwrap();
                assert_eq!(index.get(tablespace, relation), Some(scanned.index()));
            }
            assert_eq!(index.counts().keys(), unwrapped);
            assert_eq!(index.get(Oid::new(1), RelationNumber::new(1)), None);
        }
    }
}

#[test]
fn wal_ranges_are_those_of_the_manifest() {
    let scratch = tempfile::tempdir().unwrap();
    for corpus in corpus::all_and_excerpts() {
        let cluster = corpus.open(scratch.path());
        let expected: Vec<_> = corpus.list("wal_key_ranges").collect();
        let keys = cluster.wal_internal_keys().unwrap();
        let ranges = cluster.wal_key_ranges().unwrap();
        assert_eq!(keys.len(), expected.len(), "{}", corpus.name);
        assert_eq!(ranges.ranges().len(), expected.len());
        for (((entry, key), range), expected) in keys.iter().zip(ranges.ranges()).zip(expected) {
            assert_eq!(kind_name(entry.kind), text(&expected["type"]));
            assert_eq!(range.start(), entry.start);
            assert_eq!(entry.start.timeline.get(), number(&expected["start_tli"]));
            assert_eq!(entry.start.lsn.to_string(), text(&expected["start_lsn"]));
            assert_eq!(range.end().timeline.get(), number(&expected["end_tli"]));
            assert_eq!(range.end().lsn.to_string(), text(&expected["end_lsn"]));
            assert_eq!(hex(key.expose_bytes()), text(&expected["key"]));
            assert_eq!(hex(key.base_iv().as_bytes()), text(&expected["base_iv"]));
        }
    }
}

#[test]
fn clusters_that_servers_left_behind_have_no_warning_or_problem() {
    let scratch = tempfile::tempdir().unwrap();
    for corpus in corpus::all_and_excerpts() {
        let cluster = corpus.open(scratch.path());
        for note in cluster.notes() {
            assert_eq!(note.severity(), Severity::Notice, "{}: {note}", corpus.name);
        }
        let version_2_2 = text(&corpus.manifest["pg_tde_version"]).contains(" 2.2");
        assert_eq!(cluster.keys_version(), version_2_2.then_some(&KeysVersion::CURRENT), "{}", corpus.name);
        for magic in cluster.scopes().filter_map(|scope| scope.magic()) {
            let old = matches!(magic, Magic::RelationKeys3 | Magic::WalKeys1);
            assert_eq!(old, !version_2_2, "{}", corpus.name);
        }
    }
}

/// B was made with a default key for all; the others without one.
#[test]
fn scopes_that_use_the_default_key_are_told() {
    let scratch = tempfile::tempdir().unwrap();
    for corpus in corpus::all_and_excerpts() {
        let cluster = corpus.open(scratch.path());
        let default = corpus.principal_key(1663).map(|key| (&key["name"], &key["keyring_id"]));
        for scope in cluster.scopes() {
            let in_use = corpus.principal_key(u64::from(scope.oid().get()));
            let same = in_use.map(|key| (&key["name"], &key["keyring_id"])) == default;
            let expected = same && default.is_some() && scope.oid() != Oid::PG_DEFAULT;
            assert_eq!(cluster.uses_default_key(scope), expected, "{} {}", corpus.name, scope.oid());
        }
    }
}

#[test]
fn names_in_the_key_directory_are_all_known() {
    for corpus in corpus::all_and_excerpts() {
        for file in corpus.list("pg_tde_files") {
            let path = text(&file["path"]);
            let name = path.rsplit('/').next().unwrap();
            assert_ne!(FileName::parse(name), FileName::Foreign, "{path}");
        }
    }
}

/// The keyring of one provider, given by the provider's name, serves that provider and no other.
#[test]
fn a_keyring_given_for_a_provider_serves_that_provider_alone() {
    for corpus in corpus::all_and_excerpts() {
        let Some((path, provider)) = one_keyring(&corpus) else { continue };
        let options = OpenOptions::new().keyring_of(provider.parse().unwrap(), corpus.directory.join(&path));
        let cluster = Cluster::open(corpus.data(), &options).unwrap();
        for scope in cluster.scopes().filter(|scope| scope.principal_key().is_some()) {
            let served = scope.provider().unwrap().name().to_string() == provider;
            let unlocked = matches!(scope.state(), ScopeState::Unlocked(_));
            assert_eq!(unlocked, served, "{} {:?}", corpus.name, scope.state());
        }
    }
}

/// A keyring and the name of the provider whose options end in its file name.
fn one_keyring(corpus: &Corpus) -> Option<(String, String)> {
    let keyring = corpus.list("keyring_files").next()?;
    let provider = corpus
        .files("_providers")
        .flat_map(|file| file["providers"].as_array().unwrap())
        .find(|provider| text(&provider["options"]).contains(text(&keyring["provider_path"])))?;
    Some((text(&keyring["path"]).to_owned(), text(&provider["name"]).to_owned()))
}
