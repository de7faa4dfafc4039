use std::{io, path::PathBuf};

use super::UtcTime;

/// Why keys and certificates cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A PEM file has no section of the kind that was looked for.
    #[error("{origin} holds no {expected}; its PEM sections are: {}", or_none(found))]
    NoSection {
        /// The file.
        origin: String,
        /// What was looked for.
        expected: &'static str,
        /// The labels of the sections that are there.
        found: Vec<String>,
    },
    /// A PEM section cannot be read.
    #[error("{origin}: the PEM section {section:?} is broken: {detail}")]
    BadSection {
        /// The file.
        origin: String,
        /// The label of the section.
        section: String,
        /// What is wrong.
        detail: String,
    },
    /// A file holds more than one private key.
    #[error("{origin} holds {count} private keys, and nothing says which one is meant: keep one in a file")]
    SeveralKeys {
        /// The file.
        origin: String,
        /// How many.
        count: usize,
    },
    /// A private key is encrypted, and there is no passphrase.
    #[error("the private key in {origin} is encrypted: its passphrase is needed")]
    PassphraseNeeded {
        /// The file.
        origin: String,
    },
    /// A private key cannot be decrypted.
    #[error("the private key in {origin} cannot be decrypted: the passphrase is wrong, or {detail}")]
    NotDecrypted {
        /// The file.
        origin: String,
        /// What else it may be.
        detail: String,
    },
    /// A private key is encrypted in OpenSSL's old way, which derives its key from a single round of MD5.
    #[error(
        "the private key in {origin} is encrypted the old way (Proc-Type: 4,ENCRYPTED): \
         convert it with `openssl pkcs8 -topk8 -in OLD -out NEW`"
    )]
    LegacyEncryption {
        /// The file.
        origin: String,
    },
    /// The private key is of a kind or size that the crypto provider cannot use.
    #[error("the private key in {origin} cannot be used: {detail}")]
    UnsupportedKey {
        /// The file.
        origin: String,
        /// What the crypto provider said.
        detail: String,
    },
    /// The private key does not belong to the certificate.
    #[error("the private key in {key} does not belong to the certificate in {chain} ({subject})")]
    KeyMismatch {
        /// The file with the certificate.
        chain: String,
        /// The subject of the certificate.
        subject: String,
        /// The file with the key.
        key: String,
    },
    /// A certificate cannot be read.
    #[error("certificate {place} of {origin} is broken: {detail}")]
    BadCertificate {
        /// The file.
        origin: String,
        /// Which one, counted from 1.
        place: usize,
        /// What is wrong.
        detail: String,
    },
    /// There is nobody to trust.
    #[error("no certificate authority is given, so no certificate could be trusted")]
    NoAuthorities,
    /// The server has no certificate.
    #[error("a server needs a certificate and its key")]
    NoIdentity,
    /// The crate was built without cryptography for TLS.
    #[error(
        "tde-kmip was built without a crypto provider: use its feature `ring` or `aws-lc-rs`, or pass one"
    )]
    NoCryptoProvider,
    /// Our own certificate is not valid now.
    #[error("the certificate {subject} is valid from {not_before} to {not_after} only")]
    NotValidNow {
        /// The subject.
        subject: String,
        /// From when it is valid.
        not_before: UtcTime,
        /// Until when it is valid.
        not_after: UtcTime,
    },
    /// The TLS library refuses the combination.
    #[error("the TLS configuration is refused: {detail}")]
    Configuration {
        /// What it said.
        detail: String,
    },
}

fn or_none(labels: &[String]) -> String {
    if labels.is_empty() { "none".to_owned() } else { labels.join(", ") }
}
