//! Identities from PEM files as OpenSSL writes them, and what is said of files that are not right.
#![cfg(feature = "client")]
// A test reports by panicking.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

#[path = "common/certificates.rs"]
mod certificates;

use std::{path::Path, process::Command};

use certificates::Authority;
use tde_kmip::tls::{CertificateFacts, ClientTls, Identity, TlsError};

/// Runs OpenSSL in that folder; `None`, said loudly, where there is none.
fn openssl(folder: &Path, arguments: &str) -> Option<()> {
    let output = match Command::new("openssl").args(arguments.split_whitespace()).current_dir(folder).output()
    {
        Ok(output) => output,
        Err(error) => {
            eprintln!("SKIPPED: no openssl here: {error}");
            return None;
        }
    };
    assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    Some(())
}

fn self_signed(folder: &Path, kind: &str, name: &str) -> Option<()> {
    openssl(folder, &format!("genpkey -algorithm {kind} -out {name}.pkcs8"))?;
    openssl(folder, &format!("req -x509 -new -key {name}.pkcs8 -subj /CN={name} -days 2 -out {name}.pem"))
}

#[test]
fn every_form_of_private_key_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let rsa = self_signed(folder.path(), "RSA -pkeyopt rsa_keygen_bits:2048", "rsa");
    let ec = self_signed(folder.path(), "EC -pkeyopt ec_paramgen_curve:P-256", "ec");
    let ed = self_signed(folder.path(), "ed25519", "ed");
    if rsa.or(ec).or(ed).is_none() {
        return;
    }
    for command in [
        "rsa -in rsa.pkcs8 -traditional -out rsa.pkcs1",
        "ec -in ec.pkcs8 -out ec.sec1",
        "pkcs8 -topk8 -in rsa.pkcs8 -out rsa.encrypted -passout pass:correct",
        "pkcs8 -topk8 -in ec.pkcs8 -out ec.encrypted -passout pass:correct -v2 aes-128-cbc -iter 5000",
        "pkcs8 -topk8 -in ed.pkcs8 -out ed.encrypted -passout pass:correct -scrypt",
        "rsa -in rsa.pkcs8 -traditional -aes256 -out rsa.legacy -passout pass:correct",
        "pkcs8 -topk8 -in rsa.pkcs8 -out rsa.des -passout pass:correct -v2 des3",
    ] {
        openssl(folder.path(), command).unwrap();
    }
    let load = |chain: &str, key: &str, passphrase: Option<&[u8]>| {
        Identity::from_pem_files(at(chain), at(key), passphrase)
    };
    for (chain, key) in [
        ("rsa.pem", "rsa.pkcs8"),
        ("rsa.pem", "rsa.pkcs1"),
        ("ec.pem", "ec.pkcs8"),
        ("ec.pem", "ec.sec1"),
        ("ed.pem", "ed.pkcs8"),
    ] {
        let identity = load(chain, key, None).unwrap_or_else(|error| panic!("{key}: {error}"));
        assert_eq!(identity.certificate().common_name.as_deref(), chain.strip_suffix(".pem"));
    }
    for (chain, key) in [("rsa.pem", "rsa.encrypted"), ("ec.pem", "ec.encrypted"), ("ed.pem", "ed.encrypted")]
    {
        load(chain, key, Some(b"correct")).unwrap_or_else(|error| panic!("{key}: {error}"));
        assert!(matches!(load(chain, key, None), Err(TlsError::PassphraseNeeded { .. })));
        let error = load(chain, key, Some(b"wrong")).unwrap_err();
        assert!(matches!(error, TlsError::NotDecrypted { .. }), "{error}");
        assert!(error.to_string().contains(key), "{error}");
    }
    assert!(matches!(
        load("rsa.pem", "rsa.legacy", Some(b"correct")),
        Err(TlsError::LegacyEncryption { .. })
    ));
    let error = load("rsa.pem", "rsa.des", Some(b"correct")).unwrap_err();
    assert!(error.to_string().contains("rsa.des"), "{error}");

    // Another key than the certificate's, of the same kind and of another.
    self_signed(folder.path(), "RSA -pkeyopt rsa_keygen_bits:2048", "other").unwrap();
    for key in ["other.pkcs8", "ec.sec1"] {
        let error = load("rsa.pem", key, None).unwrap_err();
        assert!(matches!(error, TlsError::KeyMismatch { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains("rsa.pem") && text.contains(key) && text.contains("CN=rsa"), "{text}");
    }
}

#[test]
fn errors_say_which_file_and_what_it_holds_instead() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let authority = Authority::new("test authority");
    let issued = authority.client("client");
    let (chain, key) = (write("chain.pem", &issued.chain), write("key.pem", &issued.key));

    let error = Identity::from_pem_files(folder.path().join("none.pem"), &key, None).unwrap_err();
    assert!(error.to_string().contains("none.pem"), "{error}");

    let swapped = Identity::from_pem_files(&key, &chain, None).unwrap_err().to_string();
    assert!(
        swapped.ends_with("key.pem holds no certificate (CERTIFICATE); its PEM sections are: PRIVATE KEY"),
        "{swapped}"
    );
    let swapped = Identity::from_pem_files(&chain, &chain, None).unwrap_err().to_string();
    assert!(
        swapped.ends_with("chain.pem holds no private key; its PEM sections are: CERTIFICATE"),
        "{swapped}"
    );
    let empty = write("empty.pem", "");
    let error = Identity::from_pem_files(&chain, &empty, None).unwrap_err().to_string();
    assert!(error.ends_with("its PEM sections are: none"), "{error}");

    let twice = write("twice.pem", &format!("{}{}", issued.key, issued.key));
    let error = Identity::from_pem_files(&chain, &twice, None).unwrap_err();
    assert!(matches!(error, TlsError::SeveralKeys { count: 2, .. }), "{error}");

    // Half a key: the error must not show the half.
    let half = write("half.pem", &issued.key[..issued.key.len() / 2]);
    let error = Identity::from_pem_files(&chain, &half, None).unwrap_err();
    let shown = format!("{error} {error:?}");
    let secret = issued.key.lines().nth(1).unwrap();
    assert!(matches!(error, TlsError::BadSection { .. }), "{error}");
    assert!(!shown.contains(&secret[..16]), "{shown}");

    let broken = issued.chain.replacen("MI", "AA", 1);
    let broken = write("broken.pem", &format!("{}{broken}", authority.pem()));
    let error = ClientTls::new().authorities_file(&broken).unwrap_err().to_string();
    assert!(error.starts_with("certificate 2 of") && error.contains("broken.pem"), "{error}");

    assert!(matches!(ClientTls::new().build(), Err(TlsError::NoAuthorities)));
    ClientTls::new().dangerous().without_server_verification().build().unwrap();
    let identity = Identity::from_pem_files(&chain, &key, None).unwrap();
    assert!(!format!("{identity:?}").contains("PRIVATE"));
    ClientTls::new().authorities_pem(authority.pem().as_bytes()).unwrap().identity(identity).build().unwrap();
    assert!(rustls::crypto::CryptoProvider::get_default().is_none(), "no default for the process");
}

#[test]
fn facts_are_what_was_issued() {
    let authority = Authority::new("test authority");
    let issued = authority.server(&["kms.example", "127.0.0.1", "::1"]);
    let identity = Identity::from_pem(issued.chain.as_bytes(), issued.key.as_bytes(), None).unwrap();
    let facts = identity.certificate();
    assert_eq!(facts.subject, "CN=server");
    assert_eq!(facts.common_name.as_deref(), Some("server"));
    assert_eq!(facts.issuer, "CN=test authority");
    assert_eq!(facts.names, ["kms.example", "127.0.0.1", "::1"]);
    assert_eq!((facts.server_auth, facts.client_auth, facts.is_authority), (Some(true), Some(false), false));
    assert_eq!(facts.not_after.0 - facts.not_before.0, 31 * 86_400);
    assert_eq!(CertificateFacts::from_der(&identity.chain()[0]).as_ref(), Some(facts));
}
