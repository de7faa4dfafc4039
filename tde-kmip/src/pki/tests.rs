use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

use super::*;

fn host(text: &str) -> Host {
    text.parse().unwrap()
}

#[test]
fn a_directory_holds_what_both_sides_need_and_openssl_agrees() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path().join("kmip");
    let hosts = [host("KMS.example.com"), host("192.0.2.7"), host("::1"), host("*.db.example.com")];
    let pki = Pki::init(&directory, &hosts, &["orders-db", "Ünïcode client"], &Options::default()).unwrap();
    pki.add_clients(&["later"], &Options::default().keys(KeyKind::EcdsaP384)).unwrap();

    assert_eq!(fs::metadata(&directory).unwrap().mode() & 0o777, 0o700);
    let names = ["ca", "server", "orders-db", "Ünïcode client", "later"];
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 2 * names.len());
    for name in names {
        assert_eq!(fs::metadata(pki.key(name)).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(pki.certificate(name)).unwrap().mode() & 0o777, 0o644);
    }
    let openssl = |arguments: &[&str]| {
        let output = Command::new("openssl").args(arguments).current_dir(&directory).output();
        let Ok(output) = output else {
            eprintln!("SKIPPED: no openssl here");
            return None;
        };
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        Some(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    for (purpose, name) in [("sslserver", "server"), ("sslclient", "orders-db"), ("sslclient", "later")] {
        let file = format!("{name}.pem");
        openssl(&["verify", "-x509_strict", "-CAfile", "ca.pem", "-purpose", purpose, &file]);
        if let (Some(of_certificate), Some(of_key)) = (
            openssl(&["x509", "-in", &file, "-noout", "-pubkey"]),
            openssl(&["pkey", "-in", &format!("{name}.key"), "-pubout"]),
        ) {
            assert_eq!(of_certificate, of_key);
        }
    }
    if let Some(text) = openssl(&["x509", "-in", "server.pem", "-noout", "-text"]) {
        for expected in [
            "DNS:kms.example.com",
            "IP Address:192.0.2.7",
            "IP Address:0:0:0:0:0:0:0:1",
            "DNS:*.db.example.com",
            "TLS Web Server Authentication",
            "CN = kms.example.com",
        ] {
            assert!(
                text.contains(expected) || text.contains(&expected.replace(" = ", "=")),
                "{expected}: {text}"
            );
        }
    }
}

#[test]
fn nothing_is_overwritten_and_nothing_is_left_half() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    fs::write(directory.join("b.pem"), "mine").unwrap();
    let init = |clients: &[&str]| Pki::init(directory, &[host("localhost")], clients, &Options::default());
    assert!(matches!(init(&["a", "b"]), Err(PkiError::Exists { path }) if path.ends_with("b.pem")));
    assert_eq!(fs::read_dir(directory).unwrap().count(), 1);
    assert_eq!(fs::read(directory.join("b.pem")).unwrap(), b"mine");
    let pki = init(&["a"]).unwrap();
    let before = fs::read(pki.key("a")).unwrap();
    assert!(matches!(init(&[]), Err(PkiError::Exists { .. })));
    assert!(matches!(pki.add_clients(&["a"], &Options::default()), Err(PkiError::Exists { .. })));
    assert_eq!(fs::read(pki.key("a")).unwrap(), before);
}

#[test]
fn what_cannot_be_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let options = Options::default();
    for name in ["", ".hidden", "a/b", "../up", "ca", "server", "a\nb", &"x".repeat(65)] {
        let refused = Pki::init(directory, &[host("localhost")], &[name], &options);
        assert!(matches!(refused, Err(PkiError::ClientName { .. })), "{name:?}");
    }
    assert!(matches!(
        Pki::init(directory, &[host("x")], &["a", "a"], &options),
        Err(PkiError::ClientName { .. })
    ));
    assert!(matches!(Pki::init(directory, &[], &["a"], &options), Err(PkiError::NoHosts)));
    for days in [0, 36526, u32::MAX] {
        let refused = Pki::init(directory, &[host("x")], &["c"], &options.days(days));
        assert!(matches!(refused, Err(PkiError::Days { .. })), "{days}");
    }
    for name in ["", "-a", "a..b", "a b", "a/b", "300.1.1.1:80", &"x".repeat(64)] {
        assert!(matches!(name.parse::<Host>(), Err(PkiError::HostName { .. })), "{name:?}");
    }
    assert_eq!(fs::read_dir(directory).unwrap().count(), 0);
    // An authority that is not one.
    let pki = Pki::init(directory, &[host("localhost")], &["a"], &options).unwrap();
    fs::copy(pki.key("server"), pki.key("ca")).unwrap();
    let refused = pki.add_clients(&["b"], &options).unwrap_err();
    assert!(refused.to_string().contains("does not belong"), "{refused}");
    assert!(!pki.key("b").exists());
}

#[test]
fn no_certificate_outlives_its_authority() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options { authority_days: 10, ..Options::default() }.days(3000);
    let pki = Pki::init(directory.path(), &[host("localhost")], &["a"], &options).unwrap();
    let expiry = |name: &str| {
        use rustls_pki_types::pem::PemObject as _;
        let pem = fs::read(pki.certificate(name)).unwrap();
        let der = rustls_pki_types::CertificateDer::from_pem_slice(&pem).unwrap();
        let (_, parsed) = x509_parser::parse_x509_certificate(&der).unwrap();
        parsed.validity().not_after.timestamp()
    };
    assert_eq!(expiry("a"), expiry("ca"));
    let late = Options { now: SystemTime::now() + std::time::Duration::from_secs(11 * 86_400), ..options };
    assert!(matches!(pki.add_clients(&["b"], &late), Err(PkiError::Authority { .. })));
}
