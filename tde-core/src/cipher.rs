//! Which AES an internal key is for, and the vector that starts its pages.

use core::fmt;

use crate::Error;

/// The cipher of an internal key, by its length.
///
/// Source: pg_tde 2.2, `pg_tde_cipher` (cipher ids 0 and 1); releases before it know AES-128 only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_enums, reason = "pg_tde defines these two")]
pub enum Cipher {
    /// AES-128: 16-byte keys, cipher id 0.
    Aes128,
    /// AES-256: 32-byte keys, cipher id 1.
    Aes256,
}

impl Cipher {
    /// The cipher that a key file's id stands for.
    ///
    /// # Errors
    /// [`Error::UnknownCipher`] for any id but 0 and 1.
    pub const fn from_id(id: u32) -> Result<Self, Error> {
        match id {
            0 => Ok(Self::Aes128),
            1 => Ok(Self::Aes256),
            _ => Err(Error::UnknownCipher { id }),
        }
    }

    /// The cipher whose keys are `len` bytes long.
    ///
    /// # Errors
    /// [`Error::KeyLength`] for any length but 16 and 32.
    pub const fn from_key_len(len: usize) -> Result<Self, Error> {
        match len {
            16 => Ok(Self::Aes128),
            32 => Ok(Self::Aes256),
            actual => Err(Error::KeyLength { actual }),
        }
    }

    /// The id in key files: 0 or 1.
    #[must_use]
    pub const fn id(self) -> u32 {
        match self {
            Self::Aes128 => 0,
            Self::Aes256 => 1,
        }
    }

    /// Bytes in a key: 16 or 32.
    #[must_use]
    pub const fn key_len(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::Aes256 => 32,
        }
    }
}

impl fmt::Display for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Aes128 => "AES-128",
            Self::Aes256 => "AES-256",
        })
    }
}

/// The 16 random bytes that are kept beside an internal key and that start the vector of every page and the
/// prefix of every WAL keystream. They stand in key files in the clear: not a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BaseIv([u8; 16]);

impl BaseIv {
    /// A base vector of these bytes, in file order.
    #[must_use]
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes, in file order.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl From<[u8; 16]> for BaseIv {
    fn from(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}
