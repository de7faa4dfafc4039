//! Certificates and private keys in PEM (RFC 7468).

use std::{fs, path::Path};

use pkcs8::{EncryptedPrivateKeyInfoRef, SecretDocument};
use rustls::RootCertStore;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject};
use zeroize::Zeroizing;

use super::{CertificateFacts, TlsError};

/// The certificates in a PEM file: authorities to trust.
///
/// # Errors
/// [`TlsError::File`], [`TlsError::NoSection`], [`TlsError::BadSection`] and [`TlsError::BadCertificate`].
pub fn authorities_from_pem_file(path: impl AsRef<Path>) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let path = path.as_ref();
    certificates(&read(path)?, &path.display().to_string())
}

pub(super) fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    fs::read(path).map(Zeroizing::new).map_err(|source| TlsError::File { path: path.to_owned(), source })
}

/// Every certificate, each looked into.
pub(super) fn certificates(pem: &[u8], origin: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let mut certificates = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| broken(origin, "CERTIFICATE", &error))?;
        CertificateFacts::of(&certificate).map_err(|error| TlsError::BadCertificate {
            origin: origin.to_owned(),
            place: certificates.len() + 1,
            detail: error.0,
        })?;
        certificates.push(certificate);
    }
    if certificates.is_empty() {
        return Err(no_section(pem, origin, "certificate (CERTIFICATE)"));
    }
    Ok(certificates)
}

/// The one private key: PKCS#1, PKCS#8, SEC1, or PKCS#8 under a passphrase.
pub(super) fn private_key(
    pem: &[u8],
    origin: &str,
    passphrase: Option<&[u8]>,
) -> Result<PrivateKeyDer<'static>, TlsError> {
    let labels = labels(pem);
    let keys = labels.iter().filter(|label| label.ends_with("PRIVATE KEY"));
    match keys.clone().count() {
        0 => return Err(no_section(pem, origin, "private key")),
        1 => {}
        count => return Err(TlsError::SeveralKeys { origin: origin.to_owned(), count }),
    }
    if keys.clone().any(|label| *label == ENCRYPTED) {
        return decrypted(pem, origin, passphrase);
    }
    if contains(pem, b"Proc-Type: 4,ENCRYPTED") {
        return Err(TlsError::LegacyEncryption { origin: origin.to_owned() });
    }
    match PrivateKeyDer::pem_slice_iter(pem).next() {
        Some(Ok(key)) => Ok(key),
        Some(Err(error)) => Err(broken(origin, "PRIVATE KEY", &error)),
        None => Err(no_section(pem, origin, "private key of a known kind (PKCS#1, PKCS#8 or SEC1)")),
    }
}

const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";

fn decrypted(
    pem: &[u8],
    origin: &str,
    passphrase: Option<&[u8]>,
) -> Result<PrivateKeyDer<'static>, TlsError> {
    let origin = || origin.to_owned();
    let broken =
        |detail: String| TlsError::BadSection { origin: origin(), section: ENCRYPTED.into(), detail };
    let Some(passphrase) = passphrase else { return Err(TlsError::PassphraseNeeded { origin: origin() }) };
    let text = section(pem, ENCRYPTED).ok_or_else(|| broken("its end is missing".into()))?;
    let (_, encrypted) = SecretDocument::from_pem(text).map_err(|error| broken(error.to_string()))?;
    let parsed = EncryptedPrivateKeyInfoRef::try_from(encrypted.as_bytes())
        .map_err(|error| broken(error.to_string()))?;
    let key = parsed.decrypt(passphrase).map_err(|error| TlsError::NotDecrypted {
        origin: origin(),
        detail: format!("it is encrypted in a way that is not supported ({error}); PBES2 with AES is"),
    })?;
    Ok(PrivatePkcs8KeyDer::from(key.as_bytes().to_vec()).into())
}

/// Trusts an authority.
pub(super) fn add_root(
    roots: &mut RootCertStore,
    origin: &str,
    certificate: &CertificateDer<'static>,
) -> Result<(), TlsError> {
    let place = roots.len() + 1;
    roots.add(certificate.clone()).map_err(|error| TlsError::BadCertificate {
        origin: origin.to_owned(),
        place,
        detail: error.to_string(),
    })
}

/// The labels of the sections, in order.
fn labels(pem: &[u8]) -> Vec<&str> {
    pem.split(|byte| *byte == b'\n')
        .filter_map(|line| {
            std::str::from_utf8(line).ok()?.trim().strip_prefix("-----BEGIN ")?.strip_suffix("-----")
        })
        .collect()
}

/// One section, from its first to its last line.
fn section<'a>(pem: &'a [u8], label: &str) -> Option<&'a str> {
    let at = |needle: &str, from: usize| {
        let rest = pem.get(from..)?;
        rest.windows(needle.len()).position(|window| window == needle.as_bytes()).map(|found| from + found)
    };
    let begin = at(&format!("-----BEGIN {label}-----"), 0)?;
    let end_line = format!("-----END {label}-----");
    let end = at(&end_line, begin)? + end_line.len();
    std::str::from_utf8(pem.get(begin..end)?).ok()
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

fn no_section(pem: &[u8], origin: &str, expected: &'static str) -> TlsError {
    let found = labels(pem).into_iter().map(|label| label.escape_debug().to_string()).collect();
    TlsError::NoSection { origin: origin.to_owned(), expected, found }
}

/// Says what is wrong without showing what is there: it may be half a private key.
fn broken(origin: &str, section: &str, error: &rustls_pki_types::pem::Error) -> TlsError {
    use rustls_pki_types::pem::Error;
    let detail = match error {
        Error::MissingSectionEnd { .. } => "its END line is missing",
        Error::IllegalSectionStart { .. } => "a BEGIN line is malformed",
        Error::Base64Decode(_) => "it is not base64",
        Error::SectionTooLarge => "it is too large",
        _ => "it cannot be read",
    };
    TlsError::BadSection { origin: origin.to_owned(), section: section.to_owned(), detail: detail.to_owned() }
}
