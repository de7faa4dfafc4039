//! The Vault provider against a stand-in (see `tde_testkit::vault`: built from the interface as `pg_tde` uses it, since no
//! real server can be had here).

#![cfg(all(feature = "vault", feature = "pki"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common {
    #![allow(dead_code)]
    pub(crate) mod certificates;
}

use std::{
    error::Error as _,
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use common::certificates::Authority;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use tde_core::{Cipher, PrincipalKey};
use tde_keyfile::{
    PrincipalKeyName,
    provider::{KeyProvider as _, ProviderErrorKind},
};
use tde_kmip::{
    provider::{VaultProvider, VaultSettings},
    tls::default_crypto_provider,
};
use tde_testkit::vault::{Behaviour, MOUNT, TOKEN, VaultStandIn};
use tempfile::TempDir;

fn name(text: &str) -> PrincipalKeyName {
    text.parse().unwrap()
}

fn kv_2() -> Behaviour {
    Behaviour { mount: Some(("kv".into(), Some("2".into()))), ..Behaviour::default() }
}

fn token_file(directory: &Path) -> std::path::PathBuf {
    let path = directory.join("token");
    fs::write(&path, format!("{TOKEN} and a remark\nsecond line\n")).unwrap();
    path
}

struct Fixture {
    server: VaultStandIn,
    directory: TempDir,
}

impl Fixture {
    fn new(behaviour: Behaviour) -> Self {
        let directory = tempfile::tempdir().unwrap();
        token_file(directory.path());
        Self { server: VaultStandIn::plain(behaviour), directory }
    }

    fn settings(&self) -> VaultSettings {
        // Slashes around the mount and behind the address do no harm.
        VaultSettings::new(
            format!("{}/", self.server.url()),
            format!("/{MOUNT}/"),
            self.directory.path().join("token"),
        )
    }

    fn provider(&self) -> VaultProvider {
        VaultProvider::new(self.settings()).unwrap()
    }
}

fn kind_of<T: std::fmt::Debug>(
    result: Result<T, tde_keyfile::provider::ProviderError>,
) -> (ProviderErrorKind, String) {
    let error = result.unwrap_err();
    let text = format!("{error}: {}", error.source().map(ToString::to_string).unwrap_or_default());
    assert!(!text.contains(TOKEN), "{text}");
    (error.kind(), text)
}

#[test]
fn keys_are_made_once_got_and_listed() {
    let fixture = Fixture::new(kv_2());
    let provider = fixture.provider();
    assert!(provider.principal_key(&name("db-key")).unwrap().is_none());
    assert!(provider.list().unwrap().is_empty());
    let made = provider.create(&name("db-key"), Cipher::Aes128).unwrap();
    let long = provider.create(&name("folder/server key"), Cipher::Aes256).unwrap();
    // Base64 of 16 bytes has 24 characters, of 32 bytes 44.
    let stored = fixture.server.versions("db-key");
    assert_eq!(stored.iter().map(|text| text.as_ref().unwrap().len()).collect::<Vec<_>>(), [24]);
    assert!(provider.principal_key(&name("db-key")).unwrap().unwrap().key.ct_eq(&made.key));
    let found = provider.principal_key(&name("folder/server key")).unwrap().unwrap();
    assert!(found.key.ct_eq(&long.key));
    assert_eq!(provider.list().unwrap(), [name("db-key"), name("folder/server key")]);
    assert_eq!(kind_of(provider.create(&name("db-key"), Cipher::Aes128)).0, ProviderErrorKind::Exists);
    assert_eq!(fixture.server.versions("db-key").len(), 1);
    let requests = fixture.server.requests();
    assert!(requests.contains(&format!("GET /v1/{MOUNT}/data/db-key HTTP/1.1")), "{requests:?}");
    assert!(
        requests.contains(&format!("GET /v1/{MOUNT}/metadata/folder/?list=true HTTP/1.1")),
        "{requests:?}"
    );
}

#[test]
fn a_key_that_pg_tde_stored_is_read_in_its_newest_version() {
    let fixture = Fixture::new(kv_2());
    fixture.server.put("key", Some("AAECAwQFBgcICQoLDA0ODw=="));
    fixture.server.put("key", Some("Dw4NDAsKCQgHBgUEAwIBAA=="));
    let found = fixture.provider().principal_key(&name("key")).unwrap().unwrap();
    let expected: Vec<u8> = (0..16).rev().collect();
    assert_eq!(found.key.expose_bytes(), expected);
    // A deleted version is no key, and its name is still taken.
    fixture.server.put("key", None);
    assert!(fixture.provider().principal_key(&name("key")).unwrap().is_none());
    assert_eq!(kind_of(fixture.provider().create(&name("key"), Cipher::Aes128)).0, ProviderErrorKind::Exists);
}

#[test]
fn secrets_that_are_no_keys_are_told_from_answers_that_are_broken() {
    let fixture = Fixture::new(kv_2());
    let get = |key: &str| {
        fixture.server.put("key", Some(key));
        kind_of(fixture.provider().principal_key(&name("key"))).0
    };
    for text in ["", "AAAA", "not base64!", &"A".repeat(44), &"AAAA".repeat(1000)] {
        assert_eq!(get(text), ProviderErrorKind::InvalidKey, "{text}");
    }
    for body in ["", "{}", "<html>", r#"{"data":{"data":{"value":"x"}}}"#, r#"{"data":{"data":{"key":5}}}"#] {
        fixture.server.behave(|behaviour| behaviour.always = Some((200, Vec::new(), body.into())));
        let (kind, text) = kind_of(fixture.provider().principal_key(&name("key")));
        assert_eq!(kind, ProviderErrorKind::Damaged, "{text}");
    }
}

#[test]
fn refusals_say_what_the_server_said() {
    let fixture = Fixture::new(kv_2());
    for (status, kind) in [
        (400, ProviderErrorKind::Failed),
        (401, ProviderErrorKind::Refused),
        (403, ProviderErrorKind::Refused),
        (429, ProviderErrorKind::Unavailable),
        (500, ProviderErrorKind::Unavailable),
        (503, ProviderErrorKind::Unavailable),
    ] {
        let body = br#"{"errors":["1 error occurred:\n\t* Vault is sealed\n\n"]}"#.to_vec();
        fixture.server.behave(|behaviour| behaviour.always = Some((status, Vec::new(), body)));
        let (found, text) = kind_of(fixture.provider().principal_key(&name("key")));
        assert_eq!(found, kind, "{text}");
        assert!(text.contains(&status.to_string()) && text.contains("* Vault is sealed"), "{text}");
        assert!(!text.contains('\n'));
        assert_eq!(kind_of(fixture.provider().create(&name("key"), Cipher::Aes128)).0, kind);
        assert_eq!(kind_of(fixture.provider().list()).0, kind);
    }
}

#[test]
fn token_and_namespace_are_sent_and_a_missing_token_is_an_error_before_anything_is_sent() {
    let fixture = Fixture::new(Behaviour { namespace: Some("team/a".into()), ..kv_2() });
    assert!(fixture.provider().principal_key(&name("key")).unwrap().is_none(), "404 of another namespace");
    assert_eq!(kind_of(fixture.provider().create(&name("key"), Cipher::Aes128)).0, ProviderErrorKind::Failed);
    let mut settings = fixture.settings();
    settings.namespace = Some("team/a".into());
    let provider = VaultProvider::new(settings.clone()).unwrap();
    provider.create(&name("key"), Cipher::Aes128).unwrap();
    assert!(provider.principal_key(&name("key")).unwrap().is_some());
    // The token is read anew each time.
    let before = fixture.server.requests().len();
    fs::write(&settings.token_path, "\n").unwrap();
    assert_eq!(kind_of(provider.principal_key(&name("key"))).0, ProviderErrorKind::Options);
    fs::remove_file(&settings.token_path).unwrap();
    let (kind, text) = kind_of(provider.principal_key(&name("key")));
    assert_eq!(kind, ProviderErrorKind::Options, "{text}");
    assert_eq!(fixture.server.requests().len(), before);
    fs::write(&settings.token_path, "hvs.another\n").unwrap();
    assert_eq!(kind_of(provider.principal_key(&name("key"))).0, ProviderErrorKind::Refused);
}

#[test]
fn a_check_looks_at_the_mount_as_pg_tde_does() {
    let fixture = Fixture::new(kv_2());
    let check = fixture.provider().check().unwrap();
    let warnings: Vec<_> = check.warnings().map(|item| &*item.subject).collect();
    // The token file of this test has the mode that the system gives.
    assert!(warnings.contains(&"connection"), "{check:?}");
    assert!(!warnings.contains(&"mount"), "{check:?}");
    // A mount that may not be looked at is a warning; one of another kind is an error.
    fixture.server.behave(|behaviour| behaviour.mount = None);
    let check = fixture.provider().check().unwrap();
    assert!(check.warnings().any(|item| item.subject == "mount"), "{check:?}");
    for (kind, version) in [("kv", Some("1")), ("kv", None), ("pki", None)] {
        let mount = Some((kind.to_owned(), version.map(str::to_owned)));
        fixture.server.behave(|behaviour| behaviour.mount = mount);
        let (found, text) = kind_of(fixture.provider().check());
        assert_eq!(found, ProviderErrorKind::Options, "{text}");
        assert!(text.contains(kind), "{text}");
    }
}

#[test]
fn redirects_are_followed_within_the_server_and_not_out_of_it() {
    let fixture = Fixture::new(kv_2());
    let provider = fixture.provider();
    fixture.server.behave(|behaviour| behaviour.redirect = Some(String::new()));
    provider.create(&name("key"), Cipher::Aes128).unwrap();
    let own = fixture.server.url();
    fixture.server.behave(|behaviour| behaviour.redirect = Some(own));
    assert!(provider.principal_key(&name("key")).unwrap().is_some());

    let other = VaultStandIn::plain(kv_2());
    let elsewhere = other.url();
    fixture.server.behave(|behaviour| behaviour.redirect = Some(elsewhere.clone()));
    let (kind, text) = kind_of(provider.principal_key(&name("key")));
    assert_eq!(kind, ProviderErrorKind::Unavailable);
    assert!(text.contains(&elsewhere), "{text}");
    assert!(other.requests().is_empty(), "the token went to another server");
    // For ever in a circle.
    let always = (307, vec![("Location".to_owned(), "/v1/x".to_owned())], Vec::new());
    fixture.server.behave(|behaviour| behaviour.always = Some(always));
    assert_eq!(kind_of(provider.principal_key(&name("key"))).0, ProviderErrorKind::Unavailable);
}

#[test]
fn names_that_would_lead_elsewhere_are_refused_without_asking() {
    let fixture = Fixture::new(kv_2());
    for text in ["a?list=true", "../../sys/mounts", "a#b", "%2e", "a//b", &"x".repeat(500)] {
        let Ok(name) = text.parse() else { continue };
        assert_eq!(kind_of(fixture.provider().principal_key(&name)).0, ProviderErrorKind::Name, "{text}");
        assert_eq!(kind_of(fixture.provider().create(&name, Cipher::Aes128)).0, ProviderErrorKind::Name);
    }
    assert!(fixture.server.requests().is_empty());
}

#[test]
fn answers_are_bounded_in_size_and_time() {
    let fixture = Fixture::new(kv_2());
    let endless = vec![("Content-Length".to_owned(), "99999999999".to_owned())];
    fixture.server.behave(|behaviour| behaviour.always = Some((200, endless, vec![b' '; 5 << 20])));
    assert_eq!(kind_of(fixture.provider().principal_key(&name("key"))).0, ProviderErrorKind::Damaged);
    fixture.server.behave(|behaviour| {
        behaviour.always = None;
        behaviour.delay = Duration::from_millis(200);
    });
    let mut settings = fixture.settings();
    settings.request_timeout = Duration::from_secs(1);
    let provider = VaultProvider::new(settings).unwrap();
    let begin = Instant::now();
    let (kind, text) = kind_of(provider.principal_key(&name("key")));
    assert_eq!(kind, ProviderErrorKind::Unavailable, "{text}");
    assert!(begin.elapsed() < Duration::from_secs(4), "{:?}", begin.elapsed());
    let error = provider.store(&name("key"), &PrincipalKey::from_slice(&[1; 16]).unwrap()).unwrap_err();
    assert!(error.advice().unwrap().contains("may have stored"), "{error}");
}

#[test]
fn a_listing_is_bounded_in_requests_and_time() {
    let fixture = Fixture::new(kv_2());
    let answer = |keys: &str| {
        let body = format!(r#"{{"data":{{"keys":[{keys}]}}}}"#);
        fixture.server.behave(|behaviour| behaviour.always = Some((200, Vec::new(), body.into())));
    };
    for empty in [r#""""#, r#""a","/""#] {
        answer(empty);
        assert_eq!(kind_of(fixture.provider().list()).0, ProviderErrorKind::Damaged, "{empty}");
    }
    assert_eq!(fixture.server.requests().len(), 2);
    // A hundred million folders in eight levels.
    answer(r#""0/","1/","2/","3/","4/","5/","6/","7/","8/","9/""#);
    let (kind, text) = kind_of(fixture.provider().list());
    assert_eq!(kind, ProviderErrorKind::Unsupported, "{text}");
    assert!(text.contains("more than 1000 folders"), "{text}");
    assert_eq!(fixture.server.requests().len(), 1002);

    let mut settings = fixture.settings();
    settings.request_timeout = Duration::from_secs(1);
    // Before each of a good hundred bytes, so that one answer comes in time.
    fixture.server.behave(|behaviour| behaviour.delay = Duration::from_millis(2));
    let begin = Instant::now();
    let (kind, text) = kind_of(VaultProvider::new(settings).unwrap().list());
    assert_eq!(kind, ProviderErrorKind::Unavailable, "{text}");
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    assert!(fixture.server.requests().len() > 1004);
}

#[test]
fn a_server_that_is_not_there_and_addresses_that_are_none_are_told_apart() {
    let directory = tempfile::tempdir().unwrap();
    let token = token_file(directory.path());
    let settings = |url: &str| VaultSettings::new(url, MOUNT, &token);
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let provider = VaultProvider::new(settings(&format!("http://127.0.0.1:{port}"))).unwrap();
    assert_eq!(kind_of(provider.principal_key(&name("key"))).0, ProviderErrorKind::Unavailable);
    for url in
        ["", "127.0.0.1:8200", "ftp://a", "http://", "http://a/?x", "http://user:pass@a", "http://a/#x"]
    {
        assert_eq!(kind_of(VaultProvider::new(settings(url))).0, ProviderErrorKind::Options, "{url}");
    }
    // Bytes that are no HTTP.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 1000]);
        let _ = stream.write_all(b"\x42\x00\x7b\x01 nonsense\r\n\r\n");
    });
    let provider = VaultProvider::new(settings(&format!("http://{address}"))).unwrap();
    assert_eq!(kind_of(provider.principal_key(&name("key"))).0, ProviderErrorKind::Unavailable);
}

/// The configuration of a server with that certificate.
fn server_config(authority: &Authority) -> Arc<ServerConfig> {
    let issued = authority.server(&["127.0.0.1"]);
    let chain = CertificateDer::pem_slice_iter(issued.chain.as_bytes()).collect::<Result<_, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(issued.key.as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(default_crypto_provider().unwrap())
        .with_protocol_versions(rustls::ALL_VERSIONS)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    Arc::new(config)
}

#[test]
fn a_key_may_be_stored_whose_answer_cannot_be_read() {
    let directory = tempfile::tempdir().unwrap();
    let token = token_file(directory.path());
    let authority = Authority::new("Vault CA");
    fs::write(directory.path().join("ca.pem"), authority.pem()).unwrap();
    let config = server_config(&authority);
    for answer in ["", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let config = Arc::clone(&config);
        let served = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
            let mut request = Vec::new();
            let mut bytes = [0; 1000];
            while !request.ends_with(b"\"}}") {
                let count = stream.read(&mut bytes).unwrap();
                request.extend(&bytes[..count]);
            }
            stream.write_all(answer.as_bytes()).unwrap();
            stream.flush().unwrap();
            // What no record of TLS begins with.
            let _ = stream.sock.write_all(&[0xff; 64]);
        });
        let mut settings = VaultSettings::new(format!("https://{address}"), MOUNT, &token);
        settings.ca_path = Some(directory.path().join("ca.pem"));
        let provider = VaultProvider::new(settings).unwrap();
        let error = provider.store(&name("key"), &PrincipalKey::from_slice(&[1; 16]).unwrap()).unwrap_err();
        assert!(error.advice().unwrap().contains("may have stored"), "{error}: {:?}", error.source());
        served.join().unwrap();
    }
}

#[test]
fn the_servers_certificate_is_verified() {
    let directory = tempfile::tempdir().unwrap();
    let token = token_file(directory.path());
    let authority = Authority::new("Vault CA");
    let config = server_config(&authority);
    let server = VaultStandIn::start(kv_2(), move |stream| {
        let connection = ServerConnection::new(Arc::clone(&config)).ok()?;
        Some(StreamOwned::new(connection, stream))
    });
    let port = server.address.port();
    let settings = |host: &str, ca: &Authority| {
        let ca_path = directory.path().join("ca.pem");
        fs::write(&ca_path, ca.pem()).unwrap();
        let mut settings = VaultSettings::new(format!("https://{host}:{port}"), MOUNT, &token);
        settings.ca_path = Some(ca_path);
        VaultProvider::new(settings).unwrap()
    };
    let provider = settings("127.0.0.1", &authority);
    let made = provider.create(&name("key"), Cipher::Aes256).unwrap();
    assert!(provider.principal_key(&name("key")).unwrap().unwrap().key.ct_eq(&made.key));
    assert_eq!(provider.check().unwrap().warnings().filter(|item| item.subject == "connection").count(), 0);
    let asked = server.requests().len();
    // Another authority; a name that the certificate is not for.
    let other = Authority::new("Other CA");
    for provider in [settings("127.0.0.1", &other), settings("localhost", &authority)] {
        let (kind, text) = kind_of(provider.principal_key(&name("key")));
        assert_eq!(kind, ProviderErrorKind::Unavailable, "{text}");
        assert!(text.contains("certificate"), "{text}");
    }
    assert_eq!(server.requests().len(), asked);
    let mut settings = VaultSettings::new("https://127.0.0.1", MOUNT, &token);
    settings.ca_path = Some(directory.path().join("absent.pem"));
    assert_eq!(kind_of(VaultProvider::new(settings)).0, ProviderErrorKind::Options);
}
