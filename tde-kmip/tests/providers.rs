//! The KMIP provider: the bytes that pg_tde sends and the answers that real servers gave to them, as recorded; against the
//! embedded server and PyKMIP; and a recorded cluster that opens with its keys served through its own provider record.

#![cfg(all(feature = "providers", feature = "server", feature = "pki"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[allow(dead_code)]
#[path = "common/certificates.rs"]
mod certificates;
#[allow(dead_code)]
#[path = "common/key_server.rs"]
mod key_server;
#[allow(dead_code)]
#[path = "common/memory.rs"]
mod memory;
#[allow(dead_code)]
#[path = "common/pykmip.rs"]
mod pykmip;

use std::{
    error::Error as _,
    fs,
    net::TcpListener,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use key_server::KeyServer;
use pykmip::PyKmip;
use tde_core::{Cipher, PrincipalKey};
use tde_keyfile::{
    Oid, PrincipalKeyName,
    cluster::{Cluster, OpenOptions, PrincipalKeyErrorKind, RelationKey, ScopeError, ScopeState},
    provider::{KeyProvider, ProviderConnector as _, ProviderErrorKind},
};
use tde_kmip::{
    client::Client,
    provider::{Connector, KmipProvider},
};
use tde_kmip_codec::{
    DateTime,
    attribute::UniqueIdentifier,
    message::{RequestMessage, ResponseBatchItem, ResponseHeader, ResponseMessage},
    operation::{DiscoverVersionsResponse, LocateResponse},
    spec::{
        ProtocolVersion,
        enumeration::{CryptographicAlgorithm, ObjectType, Operation, ResultReason, ResultStatus},
        mask::CryptographicUsageMask,
    },
    ttlv::Options,
};
use tde_testkit::{corpus_dir, from_hex, recorded_clusters, workspace_root};

fn name(text: &str) -> PrincipalKeyName {
    text.parse().unwrap()
}

/// The recordings of pg_tde's calls: in the repository, and all of them where they are.
fn recordings() -> Vec<PathBuf> {
    let mut folders = vec![workspace_root().join("test-data/kmip")];
    folders.extend(corpus_dir("kmip"));
    let servers = ["libkmip-pykmip", "libkmip-cosmian"];
    folders
        .iter()
        .flat_map(|folder| servers.map(|server| folder.join(server)))
        .filter(|path| path.is_dir())
        .collect()
}

/// A recorded message; the first whose label ends so.
fn recorded(folder: &std::path::Path, label: &str) -> Option<Vec<u8>> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let found = files.iter().find(|path| path.file_name().unwrap().to_str().unwrap().ends_with(label))?;
    Some(fs::read(found).unwrap())
}

/// The batch item alone, which stands behind the header: headers have the time in them.
fn batch_item(message: &[u8]) -> Vec<u8> {
    let header = u32::from_be_bytes(message[12..16].try_into().unwrap());
    message[16 + header as usize..].to_vec()
}

/// The same answer in another version.
fn in_version(version: ProtocolVersion, bytes: &[u8]) -> Vec<u8> {
    let options = Options::new().leniency(tde_kmip_codec::ttlv::Leniency::ALL);
    let answer = ResponseMessage::decode_with(bytes, options, &mut |_| {}).unwrap();
    let header = ResponseHeader::new(version, answer.header.time_stamp, 1);
    ResponseMessage { header, batch_items: answer.batch_items }.encode_to_vec().unwrap()
}

/// A provider whose server answers what was recorded, and what it was asked.
fn replayed(folder: PathBuf, version: ProtocolVersion) -> (KmipProvider, Arc<Mutex<Vec<Vec<u8>>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    let mut registered = false;
    let client = memory::client(move |request| {
        log.lock().unwrap().push(request.to_vec());
        let message = RequestMessage::decode(request).unwrap();
        let operation = message.batch_items.first().unwrap().operation;
        let label = match operation {
            // Before a key is stored, its name is free.
            Operation::LOCATE if version == ProtocolVersion::V1_4 && !registered => {
                "pg_tde-locate-none.response.ttlv"
            }
            Operation::LOCATE => "pg_tde-locate.response.ttlv",
            Operation::GET => "pg_tde-get-16.response.ttlv",
            Operation::REGISTER => {
                registered = true;
                "pg_tde-register-16.response.ttlv"
            }
            other => panic!("{other} was asked"),
        };
        // pg_tde looks in 1.0 and stores in 1.4.
        in_version(version, &recorded(&folder, label).unwrap())
    });
    let client = client.versions([version]).build().unwrap();
    (KmipProvider::with_client(client, "recorded"), asked)
}

#[test]
fn requests_are_byte_for_byte_those_of_pg_tde() {
    let mut compared = 0;
    for folder in recordings() {
        let Some(get) = recorded(&folder, "pg_tde-get-16.request.ttlv") else { continue };
        let (provider, asked) = replayed(folder.clone(), ProtocolVersion::V1_0);
        let found = provider.principal_key(&name("kmip-key")).unwrap().unwrap();
        let asked = asked.lock().unwrap();
        let locate = recorded(&folder, "pg_tde-locate.request.ttlv").unwrap();
        assert_eq!(
            asked.iter().map(|sent| batch_item(sent)).collect::<Vec<_>>(),
            [batch_item(&locate), batch_item(&get)]
        );
        // Storing the same key again, in the version in which pg_tde does that.
        let (provider, asked) = replayed(folder.clone(), ProtocolVersion::V1_4);
        provider.store(&name("kmip-key"), &found.key).unwrap();
        let register = recorded(&folder, "pg_tde-register-16.request.ttlv").unwrap();
        assert_eq!(batch_item(&asked.lock().unwrap()[1]), batch_item(&register), "{}", folder.display());
        compared += 1;
    }
    assert!(compared > 0, "no recording");
}

#[test]
fn answers_of_both_known_servers_are_understood() {
    for folder in recordings() {
        let Some(register) = recorded(&folder, "pg_tde-register-16.request.ttlv") else { continue };
        let (provider, _) = replayed(folder.clone(), ProtocolVersion::V1_0);
        let found = provider.principal_key(&name("kmip-key")).unwrap().unwrap();
        let key = found.key.expose_bytes();
        assert!(register.windows(16).any(|window| window == key), "{}", folder.display());
    }
}

/// What any server has to do for a provider.
fn contract(provider: &dyn KeyProvider, client: &Client, prefix: &str) {
    let key_name = |suffix: &str| name(&format!("{prefix}-{suffix}"));
    assert!(provider.principal_key(&key_name("short")).unwrap().is_none());
    let short = provider.create(&key_name("short"), Cipher::Aes128).unwrap();
    let long = provider.create(&key_name("long"), Cipher::Aes256).unwrap();
    for made in [&short, &long] {
        let found = provider.principal_key(&made.name).unwrap().unwrap();
        assert!(found.key.ct_eq(&made.key));
        assert_eq!(found.name, made.name);
    }
    let taken = provider.create(&key_name("short"), Cipher::Aes128).unwrap_err();
    assert_eq!(taken.kind(), ProviderErrorKind::Exists);
    let listed = provider.list().unwrap();
    assert!(listed.contains(&short.name) && listed.contains(&long.name), "{listed:?}");
    let check = provider.check().unwrap();
    assert!(check.items.iter().any(|item| item.subject == "TLS"), "{check:?}");
    // The certificates of these tests are good for a month.
    let odd = check.warnings().filter(|item| !item.text.contains("expires within 30 days")).count();
    assert_eq!(odd, 0, "{check:?}");

    // A name that pg_tde cuts at 250 bytes, and what it would make of two such names.
    let longest = name(&format!("{prefix}-{}", "n".repeat(250 - prefix.len() - 1)));
    let cut = provider.create(&longest, Cipher::Aes128).unwrap();
    let longer = name(&format!("{longest}tail"));
    assert!(provider.principal_key(&longer).unwrap().unwrap().key.ct_eq(&cut.key));
    assert_eq!(provider.create(&longer, Cipher::Aes128).unwrap_err().kind(), ProviderErrorKind::Exists);

    // Another key of the same name, as pg_tde may leave it behind: neither is used, and both are named.
    let usage = CryptographicUsageMask::ENCRYPT | CryptographicUsageMask::DECRYPT;
    let aes = CryptographicAlgorithm::AES;
    let twice = key_name("short").to_string();
    match client.register_symmetric_key(&twice, &[7; 16], aes, usage) {
        // A server that keeps names unique.
        Err(error) => assert!(error.refusal().is_some(), "{error}"),
        Ok(second) => {
            let ids = client.locate_by_name(&twice, ObjectType::SYMMETRIC_KEY).unwrap().unique_identifiers;
            assert_eq!(ids.len(), 2);
            let error = provider.principal_key(&key_name("short")).unwrap_err();
            assert_eq!(error.kind(), ProviderErrorKind::Ambiguous);
            let listed = error.source().unwrap().to_string();
            assert!(ids.iter().all(|id| listed.contains(id.as_str())), "{listed}");
            client.destroy(&second).unwrap();
        }
    }
    assert!(provider.principal_key(&key_name("short")).unwrap().unwrap().key.ct_eq(&short.key));

    // A key that is no principal key.
    let odd = key_name("odd").to_string();
    client.register_symmetric_key(&odd, &[1; 24], aes, usage).unwrap();
    assert_eq!(provider.principal_key(&name(&odd)).unwrap_err().kind(), ProviderErrorKind::InvalidKey);
}

#[test]
fn the_embedded_server_is_a_key_provider_in_every_version() {
    let server = KeyServer::start();
    for version in ProtocolVersion::ALL {
        let mut settings = server.settings();
        settings.versions = vec![version];
        let provider = KmipProvider::new(settings).unwrap();
        contract(&provider, provider.client(), &format!("v{version}"));
    }
    // Keys stored in one version are found in another, and by their owner only.
    let provider = KmipProvider::new(server.settings()).unwrap();
    assert!(provider.principal_key(&name("v1.0-long")).unwrap().is_some());
    server.client_files("other");
    let mut settings = server.settings();
    settings.cert_path = Some(server.file("other.pem"));
    settings.key_path = Some(server.file("other.key"));
    let other = KmipProvider::new(settings).unwrap();
    assert!(other.principal_key(&name("v1.0-long")).unwrap().is_none());
}

#[test]
fn pykmip_is_a_key_provider_in_every_version() {
    let Some(server) = PyKmip::start(&[]) else { return };
    for version in ProtocolVersion::ALL.iter().filter(|version| **version != ProtocolVersion::V2_1) {
        let build = || server.client("client").versions([*version]).build().unwrap();
        let provider = KmipProvider::with_client(build(), "PyKMIP");
        contract(&provider, &build(), &format!("v{version}"));
    }
}

/// Of clients that store the same name at the same time, one succeeds where the server keeps names unique.
#[test]
fn of_several_that_store_a_name_at_the_same_time_one_succeeds() {
    let server = KeyServer::start();
    for round in 0..20 {
        let wanted = name(&format!("race-{round}"));
        let settings = server.settings();
        let results: Vec<_> = std::thread::scope(|scope| {
            let spawn = |byte: u8| {
                let settings = settings.clone();
                scope.spawn(move || {
                    let provider = KmipProvider::new(settings).unwrap();
                    provider.store(&wanted, &PrincipalKey::from_slice(&[byte; 16]).unwrap())
                })
            };
            let threads = [spawn(1), spawn(2), spawn(3)];
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let stored = results.iter().filter(|result| result.is_ok()).count();
        assert_eq!(stored, 1, "{results:?}");
        for error in results.into_iter().filter_map(Result::err) {
            assert_eq!(error.kind(), ProviderErrorKind::Exists, "{error}");
        }
        // Whatever is there now can be used.
        let provider = KmipProvider::new(settings).unwrap();
        assert!(provider.principal_key(&wanted).unwrap().is_some());
    }
}

#[test]
fn settings_that_lead_nowhere_are_told_from_servers_that_are_not_there() {
    let server = KeyServer::start();
    let mut settings = server.settings();
    settings.ca_path = server.file("absent.pem");
    assert_eq!(KmipProvider::new(settings).unwrap_err().kind(), ProviderErrorKind::Options);
    let mut settings = server.settings();
    settings.key_path = Some(server.file("ca.pem"));
    assert_eq!(KmipProvider::new(settings).unwrap_err().kind(), ProviderErrorKind::Options);
    // The certificate is for 127.0.0.1 and localhost.
    let mut settings = server.settings();
    settings.server_name = Some("kms.example".into());
    let error = KmipProvider::new(settings).unwrap().principal_key(&name("a")).unwrap_err();
    assert_eq!(error.kind(), ProviderErrorKind::Unavailable);
    assert!(error.source().unwrap().to_string().contains("kms.example"), "{error:?}");
    let mut settings = server.settings();
    settings.server_name = Some("localhost".into());
    assert!(KmipProvider::new(settings).unwrap().principal_key(&name("a")).unwrap().is_none());
}

/// The cluster whose principal keys are in a KMIP server: all of it where it is, else the excerpt.
fn kmip_clusters() -> impl Iterator<Item = tde_testkit::RecordedCluster> {
    recorded_clusters().into_iter().filter(|cluster| cluster.name.starts_with('G'))
}

fn served_by(connector: Connector, server: &KeyServer) -> Connector {
    let mut connector = connector;
    for provider in ["kmip_db", "kmip_global"] {
        // The record says 127.0.0.1, another port, and files that are not here.
        let settings = [
            ("port", server.port.to_string()),
            ("caPath", server.file("ca.pem").display().to_string()),
            ("certPath", server.file("client.pem").display().to_string()),
            ("keyPath", server.file("client.key").display().to_string()),
        ];
        for (setting, value) in settings {
            connector = connector.with_override(format!("{provider}:{setting}={value}").parse().unwrap());
        }
    }
    connector
}

#[test]
fn a_recorded_cluster_opens_with_its_keys_served_through_its_own_records() {
    let server = KeyServer::start();
    let provider = KmipProvider::new(server.settings()).unwrap();
    let mut opened = 0;
    for recorded in kmip_clusters() {
        for (key_name, bytes) in recorded.principal_keys() {
            let key = PrincipalKey::from_slice(&bytes).unwrap();
            match provider.store(&name(&key_name), &key) {
                Err(error) if error.kind() == ProviderErrorKind::Exists => {}
                stored => stored.unwrap(),
            }
        }
        let connector = served_by(Connector::new(recorded.data_dir()), &server);
        let options = OpenOptions::new().connector(Arc::new(connector));
        let cluster = Cluster::open(recorded.data_dir(), &options).unwrap();
        for scope in cluster.scopes() {
            let ScopeState::Unlocked(key) = scope.state() else { panic!("{:?}", scope.state()) };
            assert_eq!(key.place(), format!("KMIP server 127.0.0.1:{}", server.port));
        }
        // The internal keys that come out are those of the recording.
        let mut compared = 0;
        for file in &recorded.manifest.files {
            let Some(expected) = &file.internal_key else { continue };
            let locator = tde_keyfile::RelationLocator {
                tablespace: Oid::new(file.tablespace),
                database: Oid::new(file.database),
                relation: tde_keyfile::RelationNumber::new(file.relation),
            };
            let RelationKey::Key(key) = cluster.relation_key(&locator).unwrap() else { panic!("{locator}") };
            assert_eq!(key.expose_bytes(), from_hex(expected));
            compared += 1;
        }
        assert!(compared > 0 && !cluster.wal_internal_keys().unwrap().is_empty());
        opened += 1;
    }
    assert!(opened > 0);
}

#[test]
fn a_server_that_does_not_answer_costs_its_time_once() {
    // Accepts and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let server = KeyServer::start();
    for recorded in kmip_clusters() {
        let mut connector = served_by(Connector::new(recorded.data_dir()), &server);
        for provider in ["kmip_db", "kmip_global"] {
            for (setting, value) in [("port", port), ("timeout", 1)] {
                connector = connector.with_override(format!("{provider}:{setting}={value}").parse().unwrap());
            }
        }
        let begin = Instant::now();
        let options = OpenOptions::new().connector(Arc::new(connector));
        let cluster = Cluster::open(recorded.data_dir(), &options).unwrap();
        assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
        for scope in cluster.scopes() {
            let ScopeState::Locked(error) = scope.state() else { panic!("{:?}", scope.state()) };
            let ScopeError::PrincipalKey { error, .. } = &**error else { panic!("{error}") };
            let PrincipalKeyErrorKind::Failed(error) = error.kind() else { panic!("{error}") };
            assert_eq!(error.kind(), ProviderErrorKind::Unavailable);
        }
    }
}

/// Two records may lead to one server in different ways: what became of one says nothing of the other.
#[test]
fn a_provider_whose_certificate_is_refused_keeps_no_other_from_the_same_server() {
    let (server, other) = (KeyServer::start(), KeyServer::start());
    for recorded in kmip_clusters() {
        let mut connector = served_by(Connector::new(recorded.data_dir()), &server);
        for (setting, file) in [("certPath", "client.pem"), ("keyPath", "client.key")] {
            let value = other.file(file);
            let given = format!("kmip_db:{setting}={}", value.display());
            connector = connector.with_override(given.parse().unwrap());
        }
        let cluster = Cluster::open(recorded.data_dir(), &OpenOptions::new()).unwrap();
        let records = cluster.providers().flat_map(|file| file.records());
        let providers: Vec<_> = records.filter_map(|record| record.provider().unwrap().cloned()).collect();
        let ask = |wanted: &str| {
            let provider = providers.iter().find(|provider| provider.name().as_bytes() == wanted.as_bytes());
            connector.connect(provider.unwrap()).unwrap().unwrap().principal_key(&name("absent"))
        };
        assert_eq!(ask("kmip_db").unwrap_err().kind(), ProviderErrorKind::Unavailable);
        assert!(ask("kmip_global").unwrap().is_none());
    }
}

/// A provider whose server fails so whatever it is asked.
fn failing(reason: Option<ResultReason>) -> KmipProvider {
    let client = memory::client(move |request| {
        let request = RequestMessage::decode(request).unwrap();
        let mut item = ResponseBatchItem::new(ResultStatus::OPERATION_FAILED);
        item.result_reason = reason;
        // Versions that no client here speaks.
        if reason.is_none() {
            item = ResponseBatchItem::new(ResultStatus::SUCCESS);
            item.operation = Some(Operation::DISCOVER_VERSIONS);
            item.payload = Some(DiscoverVersionsResponse::default().into());
        }
        let header = ResponseHeader::new(request.header.protocol_version, DateTime(0), 1);
        ResponseMessage { header, batch_items: (&[item]).into() }.encode_to_vec().unwrap()
    });
    KmipProvider::with_client(client.build().unwrap(), "a server that fails")
}

#[test]
fn what_a_server_refuses_as_a_whole_is_not_taken_for_damage() {
    for (reason, kind) in [
        (Some(ResultReason::AUTHENTICATION_NOT_SUCCESSFUL), ProviderErrorKind::Refused),
        (Some(ResultReason::INVALID_MESSAGE), ProviderErrorKind::Failed),
        (None, ProviderErrorKind::Unsupported),
    ] {
        let error = failing(reason).principal_key(&name("key")).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}: {:?}", error.source());
    }
}

#[test]
fn an_error_after_a_key_was_stored_says_that_it_was() {
    let folder = recordings().remove(0);
    let mut looked = 0;
    let client = memory::client(move |request| {
        let message = RequestMessage::decode(request).unwrap();
        let label = match message.batch_items.first().unwrap().operation {
            Operation::LOCATE if looked == 0 => "pg_tde-locate-none.response.ttlv",
            // The second look finds nobody.
            Operation::LOCATE => return Vec::new(),
            _ => "pg_tde-register-16.response.ttlv",
        };
        looked += 1;
        in_version(ProtocolVersion::V1_4, &recorded(&folder, label).unwrap())
    });
    let client = client.versions([ProtocolVersion::V1_4]).retries(0).build().unwrap();
    let provider = KmipProvider::with_client(client, "recorded");
    let key = PrincipalKey::from_slice(&[1; 16]).unwrap();
    let error = provider.store(&name("it's a key"), &key).unwrap_err();
    assert_eq!(error.kind(), ProviderErrorKind::Unavailable);
    let text = error.source().unwrap().to_string();
    assert!(text.starts_with("the key was stored as "), "{text}");
    let command = r"`tde kmip locate --name 'it'\''s a key'`";
    assert!(error.advice().unwrap().contains(command), "{:?}", error.advice());
}

#[test]
fn identifiers_move_no_cursor() {
    let client = memory::client(|request| {
        let request = RequestMessage::decode(request).unwrap();
        let ids = [UniqueIdentifier::from("1\u{1b}[2J"), "2\ntde: all is well".into()];
        let payload = LocateResponse { unique_identifiers: (&ids).into(), ..LocateResponse::default() };
        let mut item = ResponseBatchItem::new(ResultStatus::SUCCESS);
        item.operation = Some(Operation::LOCATE);
        item.payload = Some(payload.into());
        let header = ResponseHeader::new(request.header.protocol_version, DateTime(0), 1);
        ResponseMessage { header, batch_items: (&[item]).into() }.encode_to_vec().unwrap()
    });
    let client = client.versions([ProtocolVersion::V1_4]).build().unwrap();
    let provider = KmipProvider::with_client(client, "a server with odd identifiers");
    let key = PrincipalKey::from_slice(&[1; 16]).unwrap();
    for error in
        [provider.principal_key(&name("key")).unwrap_err(), provider.store(&name("key"), &key).unwrap_err()]
    {
        let text = error.source().unwrap().to_string();
        assert!(text.contains("1 [2J") && !text.contains(char::is_control), "{text:?}");
    }
}
