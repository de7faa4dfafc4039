//! Certificates for a small installation: an authority, a server, clients, each in its own PEM files.
//!
//! [`Pki::init`] makes a directory in which a key server finds all it needs; [`Pki::add_clients`] adds clients later.
//! Whoever has an authority of their own uses that instead: nothing else here depends on how certificates were made.
//!
//! ```
//! use tde_kmip::pki::{Options, Pki};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let directory = directory.path().join("kmip");
//! let hosts = ["kms.example.com".parse()?, "192.0.2.7".parse()?];
//! let pki = Pki::init(&directory, &hosts, &["orders-db"], &Options::default())?;
//! pki.add_clients(&["billing-db"], &Options::default())?;
//! assert!(directory.join("billing-db.key").is_file());
//! # Ok(())
//! # }
//! ```
//!
//! Private keys are PKCS#8, not encrypted, in files that only their owner reads. The authority's key is needed for
//! new clients only: keep it elsewhere where that matters.

mod error;
mod files;
mod issue;

use core::fmt;
use core::str::FromStr;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

pub use error::PkiError;
use files::NewFiles;
use issue::Authority;

/// Certificate of the authority.
const CA: &str = "ca";
/// Certificate of the server.
const SERVER: &str = "server";

/// A directory of certificates and keys: `NAME.pem` and `NAME.key` for `ca`, `server` and each client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pki {
    directory: PathBuf,
}

/// A name or address that the server is reached by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums)]
pub enum Host {
    /// A DNS name; a wildcard may stand for the first label.
    Name(String),
    /// An address.
    Address(IpAddr),
}

/// Algorithm of new keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum KeyKind {
    /// ECDSA over P-256: quick, and known to everything that speaks TLS 1.2 or 1.3.
    #[default]
    EcdsaP256,
    /// ECDSA over P-384.
    EcdsaP384,
    /// RSA with 3072 bits, for clients that know nothing else.
    #[cfg(feature = "aws-lc-rs")]
    Rsa3072,
}

/// How certificates are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Options {
    /// Algorithm of the keys.
    pub keys: KeyKind,
    /// Days that the authority is valid.
    pub authority_days: u32,
    /// Days that servers and clients are valid, but never longer than the authority.
    pub days: u32,
    /// When validity begins, less an hour for clocks that are behind.
    pub now: SystemTime,
}

impl Default for Options {
    /// P-256, ten years for the authority and two for the others, from now.
    fn default() -> Self {
        Self { keys: KeyKind::default(), authority_days: 3653, days: 731, now: SystemTime::now() }
    }
}

impl Options {
    /// With keys of this kind.
    #[must_use]
    pub const fn keys(mut self, keys: KeyKind) -> Self {
        self.keys = keys;
        self
    }

    /// With servers and clients valid for so many days.
    #[must_use]
    pub const fn days(mut self, days: u32) -> Self {
        self.days = days;
        self
    }
}

impl Pki {
    /// The directory at this path, made by [`init`](Self::init) before.
    #[must_use]
    pub fn at(directory: &Path) -> Self {
        Self { directory: directory.to_path_buf() }
    }

    /// Makes an authority, a server certificate for these hosts, and a certificate for each client.
    ///
    /// The directory is made with mode 0700 if it is missing. Either all files are there afterwards, or none.
    ///
    /// # Errors
    /// [`PkiError::Exists`] if one of the files is there already: nothing is ever overwritten.
    /// [`PkiError::ClientName`], [`PkiError::NoHosts`], [`PkiError::Days`], [`PkiError::Certificate`],
    /// [`PkiError::Io`].
    pub fn init<S: AsRef<str>>(
        directory: &Path,
        hosts: &[Host],
        clients: &[S],
        options: &Options,
    ) -> Result<Self, PkiError> {
        if hosts.is_empty() {
            return Err(PkiError::NoHosts);
        }
        let clients: Vec<&str> = clients.iter().map(AsRef::as_ref).collect();
        check_clients(&clients)?;
        let pki = Self::at(directory);
        let mut files = NewFiles::new(directory)?;
        let authority = Authority::new(options)?;
        pki.stage(&mut files, CA, &authority.pem(), &authority.key_pem())?;
        let server = authority.server(hosts, options)?;
        pki.stage(&mut files, SERVER, &server.pem, &server.key)?;
        pki.stage_clients(&mut files, &authority, &clients, options)?;
        files.publish()?;
        Ok(pki)
    }

    /// Makes certificates for more clients, signed by the authority in the directory.
    ///
    /// # Errors
    /// [`PkiError::Exists`], [`PkiError::ClientName`], [`PkiError::Authority`], [`PkiError::Days`],
    /// [`PkiError::Certificate`], [`PkiError::Io`].
    pub fn add_clients<S: AsRef<str>>(&self, names: &[S], options: &Options) -> Result<(), PkiError> {
        let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
        check_clients(&names)?;
        let mut files = NewFiles::new(&self.directory)?;
        let authority = Authority::open(&self.certificate(CA), &self.key(CA))?;
        self.stage_clients(&mut files, &authority, &names, options)?;
        files.publish()
    }

    /// Certificate of the authority, PEM.
    #[must_use]
    pub fn authority_certificate(&self) -> PathBuf {
        self.certificate(CA)
    }

    /// Certificate of the server, PEM.
    #[must_use]
    pub fn server_certificate(&self) -> PathBuf {
        self.certificate(SERVER)
    }

    /// Private key of the server, PEM.
    #[must_use]
    pub fn server_key(&self) -> PathBuf {
        self.key(SERVER)
    }

    /// Certificate of a client, PEM.
    #[must_use]
    pub fn client_certificate(&self, name: &str) -> PathBuf {
        self.certificate(name)
    }

    /// Private key of a client, PEM.
    #[must_use]
    pub fn client_key(&self, name: &str) -> PathBuf {
        self.key(name)
    }

    fn certificate(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}.pem"))
    }

    fn key(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}.key"))
    }

    fn stage_clients(
        &self,
        files: &mut NewFiles,
        authority: &Authority,
        names: &[&str],
        options: &Options,
    ) -> Result<(), PkiError> {
        for name in names {
            let issued = authority.client(name, options)?;
            self.stage(files, name, &issued.pem, &issued.key)?;
        }
        Ok(())
    }

    fn stage(&self, files: &mut NewFiles, name: &str, pem: &str, key: &str) -> Result<(), PkiError> {
        files.check_absent(&self.key(name))?;
        files.check_absent(&self.certificate(name))?;
        // The key first: a certificate is only there when its key is.
        files.stage(self.key(name), key.as_bytes(), 0o600)?;
        files.stage(self.certificate(name), pem.as_bytes(), 0o644)
    }
}

impl FromStr for Host {
    type Err = PkiError;

    fn from_str(text: &str) -> Result<Self, PkiError> {
        if let Ok(address) = text.trim_start_matches('[').trim_end_matches(']').parse() {
            return Ok(Self::Address(address));
        }
        let labels = text.strip_prefix("*.").unwrap_or(text);
        let labels = labels.strip_suffix('.').unwrap_or(labels);
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if labels.len() > 253 || !labels.split('.').all(label) {
            return Err(PkiError::HostName { name: text.to_owned() });
        }
        Ok(Self::Name(text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase()))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
        }
    }
}

fn check_clients(names: &[&str]) -> Result<(), PkiError> {
    for (index, name) in names.iter().enumerate() {
        check_client(name)?;
        if names[..index].contains(name) {
            return Err(PkiError::ClientName { name: (*name).to_owned(), reason: "is given twice" });
        }
    }
    Ok(())
}

/// The name becomes a common name and part of a file name.
fn check_client(name: &str) -> Result<(), PkiError> {
    let fault = |reason| Err(PkiError::ClientName { name: name.to_owned(), reason });
    if [CA, SERVER].contains(&name) {
        return fault("is the name of another file");
    }
    if name.is_empty() || name.chars().count() > 64 {
        return fault("does not have 1 to 64 characters, as a common name must");
    }
    if name.starts_with('.') || name.chars().any(|c| c.is_control() || c == '/' || c == '\\') {
        return fault("begins with a dot, or has a slash, a backslash or a control character");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
