//! The checklist of `tde_keyfile::doctor` for a cluster whose keys are in a KMIP server.

#![cfg(all(feature = "pki", feature = "providers", feature = "ring", feature = "server", unix))]
#![allow(clippy::panic, clippy::unwrap_used, reason = "helpers of tests fail the test that called them")]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

use tde_core::{Cipher, PrincipalKey};
use tde_keyfile::Oid;
use tde_keyfile::cluster::{Cluster, OpenOptions};
use tde_keyfile::doctor::{Check, DoctorOptions, Status, examine};
use tde_keyfile::edit::{EditOptions, Editor, NewPrincipalKey};
use tde_keyfile::format::header::ProviderId;
use tde_keyfile::format::providers::ProviderKind;
use tde_keyfile::storage::DiskStorage;
use tde_kmip::pki::{Host, Options, Pki};
use tde_kmip::provider::{Connector, certificate_checks};
use tde_kmip::server::engine::{Engine, EngineOptions};
use tde_kmip::server::store::MemoryStore;
use tde_kmip::server::{Limits, Server};
use tde_kmip::tls::{Identity, ServerTls};

fn change(data: &Path, keys: OpenOptions, edit: impl FnOnce(&mut tde_keyfile::edit::Draft<'_>)) {
    let storage = DiskStorage::new();
    let mut options = EditOptions::new("test");
    options.allow_unclean_shutdown = true;
    options.keys = keys;
    let editor = Editor::open(&storage, data, &options).unwrap();
    let mut draft = editor.draft();
    edit(&mut draft);
    let edit = draft.finish("test");
    editor.apply(edit).unwrap();
}

fn found(data: &Path, keys: &OpenOptions, id: &str) -> (Status, String) {
    let cluster = Cluster::open(data, keys).unwrap();
    let checks: Vec<Check> = examine(&cluster, keys, &DoctorOptions::default(), &());
    let checks: Vec<_> = checks.iter().filter(|check| check.id == id).collect();
    let said: Vec<_> = checks.iter().map(ToString::to_string).collect();
    let worst = checks.iter().map(|check| check.status).max();
    (worst.unwrap_or_else(|| panic!("no check `{id}`")), said.join("\n"))
}

#[test]
fn a_kmip_provider_is_asked_and_its_certificates_are_looked_at() {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("data");
    fs::create_dir_all(data.join("pg_tde")).unwrap();
    for directory in [&data, &data.join("pg_tde")] {
        fs::set_permissions(directory, Permissions::from_mode(0o700)).unwrap();
    }
    let host: Host = "127.0.0.1".parse().unwrap();
    let pki =
        Pki::init(&root.path().join("tls"), &[host], &["database"], &Options::default().days(100)).unwrap();
    let identity = Identity::from_pem_files(pki.server_certificate(), pki.server_key(), None).unwrap();
    let tls = ServerTls::new(identity)
        .client_authorities_file(pki.authority_certificate())
        .unwrap()
        .build()
        .unwrap();
    let engine = Engine::new(Arc::new(MemoryStore::new()), EngineOptions::default());
    let server = Server::bind("127.0.0.1:0", &tls, engine, Limits::default()).unwrap();
    let (port, handle) = (server.local_addr().unwrap().port(), server.handle());
    let running = thread::spawn(move || server.run().unwrap());

    let options = format!(
        r#"{{"host":"127.0.0.1","port":"{port}","caPath":"{}","certPath":"{}","keyPath":"{}"}}"#,
        pki.authority_certificate().display(),
        pki.client_certificate("database").display(),
        pki.client_key("database").display()
    );
    let connected = || OpenOptions::new().connector(Arc::new(Connector::new(&data)));
    let (mut provider, key) = (ProviderId::new(0), PrincipalKey::random(Cipher::Aes256).unwrap());
    change(&data, OpenOptions::new(), |draft| {
        provider =
            draft.add_provider(Oid::PG_GLOBAL, "kms".parse().unwrap(), ProviderKind::Kmip, &options).unwrap();
    });
    let keys = connected();
    let (status, said) = found(&data, &keys, "provider-connection");
    assert_eq!(status, Status::Pass, "{said}");
    assert!(said.contains("TLS") && said.contains("KMIP"), "{said}");

    // A scope that names a key which the server does not have.
    change(&data, OpenOptions::new(), |draft| {
        draft
            .create_scope(Oid::PG_GLOBAL, &NewPrincipalKey::new(provider, "absent".parse().unwrap(), &key))
            .unwrap();
    });
    let (status, said) = found(&data, &keys, "scope-keys");
    assert_eq!(status, Status::Failure, "{said}");

    let cluster = Cluster::open(&data, &OpenOptions::new()).unwrap();
    let certificates = |soon: u64| {
        let soon = Duration::from_secs(soon * 24 * 3600);
        certificate_checks(&cluster, SystemTime::now(), soon)
            .iter()
            .map(|check| check.status)
            .collect::<Vec<_>>()
    };
    assert_eq!(certificates(30), [Status::Pass, Status::Pass]);
    assert_eq!(certificates(200), [Status::Pass, Status::Warning], "the client's ends after 100 days");
    let later = SystemTime::now() + Duration::from_secs(200 * 24 * 3600);
    let expired = certificate_checks(&cluster, later, Duration::ZERO);
    assert!(expired.iter().any(|check| check.status == Status::Failure && check.text.contains("expired")));

    handle.shutdown();
    running.join().unwrap();
    let (status, said) = found(&data, &connected(), "provider-connection");
    assert_eq!(status, Status::Failure, "a scope needs it: {said}");
    assert!(said.contains(&port.to_string()), "{said}");
}
