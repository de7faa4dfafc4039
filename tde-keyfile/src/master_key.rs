//! A principal key of 256 bits in a file protected by a passphrase, for those who have no key server.
//!
//! - [`seal`] and [`open`] turn a [`MasterKey`] into the bytes of a file and back, in our own authenticated
//!   container or in the format of `openssl enc` ([`FileFormat`]);
//! - [`MasterKeyFile`] is such a file with its archive and its log: [`init`](MasterKeyFile::init),
//!   [`rotate`](MasterKeyFile::rotate);
//! - [`UnlockedKey`] is the key in a memory file system, for a server to read: [`unlock`](UnlockedKey::unlock),
//!   [`lock`](UnlockedKey::lock).
//!
//! Both formats are documented in `docs/format-master-key.md`.
//!
//! ```
//! use tde_keyfile::master_key::{Argon2Params, FileFormat, MasterKey, OpenOptions, Passphrase, open, seal};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let passphrase = Passphrase::new(b"correct horse battery staple")?;
//! let key = MasterKey::random()?;
//!
//! // The smallest parameters, for the sake of this example; see `Argon2Params::default`.
//! let format = FileFormat::Tde(Argon2Params::new(8 << 10, 1, 1)?);
//! let file = seal(&key, &passphrase, format, 1_700_000_000)?;
//!
//! assert!(open(&file, &passphrase, &OpenOptions::default())?.ct_eq(&key));
//! # Ok(())
//! # }
//! ```
//!
//! The protection is that of the passphrase: twelve characters are asked of a new one, but only chance makes them
//! hard to guess. Copies of the key that were on the stack are not wiped.

mod change;
mod container;
mod error;
mod history;
mod key;
mod openssl;
mod passphrase;
mod unlocked;

use alloc::vec::Vec;

pub use change::{Changed, MasterKeyFile, NewSecret, Status};
pub use container::{Argon2Params, ContainerHeader};
pub use error::{Error, PassphraseFault};
pub use key::MasterKey;
pub use passphrase::{MIN_NEW_CHARACTERS, Passphrase, PassphraseSource};
pub use unlocked::{Locked, UnlockOptions, Unlocked, UnlockedFile, UnlockedKey};

/// Iterations of PBKDF2 in OpenSSL's format unless told otherwise.
pub const DEFAULT_OPENSSL_ITERATIONS: u32 = 1_000_000;

/// The format of a master key file, with what a new one is made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)]
pub enum FileFormat {
    /// Our own container.
    Tde(Argon2Params),
    /// What `openssl enc -aes-256-cbc -salt -pbkdf2` writes.
    OpenSsl {
        /// `-iter`.
        iterations: u32,
    },
}

impl FileFormat {
    /// `tde` or `openssl`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Tde(_) => "tde",
            Self::OpenSsl { .. } => "openssl",
        }
    }
}

/// How files are opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)]
pub struct OpenOptions {
    /// Iterations of PBKDF2, which a file in OpenSSL's format does not record.
    pub openssl_iterations: u32,
    /// The most memory that a file may make Argon2 take, in KiB.
    pub max_memory_kib: u32,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self { openssl_iterations: DEFAULT_OPENSSL_ITERATIONS, max_memory_kib: 1 << 20 }
    }
}

/// The bytes of a master key file; `made_at` is in seconds since 1970.
///
/// # Errors
/// [`Error::Parameters`] for zero iterations, [`Error::OutOfMemory`], [`Error::Random`].
pub fn seal(
    key: &MasterKey,
    passphrase: &Passphrase,
    format: FileFormat,
    made_at: i64,
) -> Result<Vec<u8>, Error> {
    match format {
        FileFormat::Tde(params) => container::seal(key, passphrase, params, made_at),
        FileFormat::OpenSsl { iterations } => openssl::seal(key, passphrase, iterations),
    }
}

/// The master key in the bytes of a file.
///
/// # Errors
/// [`Error::NotMasterKey`], [`Error::Damaged`], [`Error::Newer`], [`Error::Parameters`],
/// [`Error::WrongPassphrase`], [`Error::Tampered`]; in OpenSSL's format [`Error::WrongOrDamaged`] instead of the
/// three that cannot be told apart there.
pub fn open(bytes: &[u8], passphrase: &Passphrase, options: &OpenOptions) -> Result<MasterKey, Error> {
    match identify(bytes)? {
        Identified::Tde(_) => container::open(bytes, passphrase, options.max_memory_kib),
        Identified::OpenSsl => openssl::open(bytes, passphrase, options.openssl_iterations),
    }
}

/// What can be told of a file without the passphrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Identified {
    /// Our own container; its header, which only the passphrase proves.
    Tde(ContainerHeader),
    /// OpenSSL's format.
    OpenSsl,
}

impl Identified {
    /// `tde` or `openssl`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Tde(_) => "tde",
            Self::OpenSsl => "openssl",
        }
    }
}

/// Tells the format of a file, and whether it is whole as far as that shows.
///
/// # Errors
/// [`Error::NotMasterKey`], [`Error::Damaged`], [`Error::Newer`].
pub fn identify(bytes: &[u8]) -> Result<Identified, Error> {
    if bytes.starts_with(container::MAGIC) {
        return ContainerHeader::parse(bytes).map(Identified::Tde);
    }
    if bytes.starts_with(openssl::MAGIC) {
        return openssl::check_length(bytes).map(|()| Identified::OpenSsl);
    }
    Err(Error::NotMasterKey)
}
