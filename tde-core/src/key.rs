//! Keys: the principal key that wraps, and the internal keys that encrypt data.
//!
//! Both are wiped on drop, print nothing of themselves, and compare in constant time only.

use core::fmt;

use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::{BaseIv, Cipher, Error};

/// The key that lives outside the database server and wraps its internal keys with AES-GCM.
///
/// Its length picks the wrap's AES; it says nothing about the internal keys that it wraps.
///
/// There is no `Clone`, `Copy`, `PartialEq` or `Display`, and `Debug` shows the cipher only:
///
/// ```compile_fail,E0599
/// let key = tde_core::PrincipalKey::from_slice(&[7; 16]).unwrap();
/// let copy = key.clone();
/// ```
/// ```compile_fail,E0382
/// let key = tde_core::PrincipalKey::from_slice(&[7; 16]).unwrap();
/// let moved = key;
/// let again = key;
/// ```
/// ```compile_fail,E0277
/// println!("{}", tde_core::PrincipalKey::from_slice(&[7; 16]).unwrap());
/// ```
/// ```compile_fail,E0369
/// let (a, b) = (tde_core::PrincipalKey::from_slice(&[7; 16]), tde_core::PrincipalKey::from_slice(&[7; 16]));
/// let same = a.unwrap() == b.unwrap();
/// ```
pub struct PrincipalKey(KeyBytes);

impl PrincipalKey {
    /// Takes a copy of 16 or 32 key bytes; wiping the source is left to its owner.
    ///
    /// # Errors
    /// [`Error::KeyLength`] for any other length.
    pub fn from_slice(key: &[u8]) -> Result<Self, Error> {
        Ok(Self(KeyBytes::copy(Cipher::from_key_len(key.len())?, key)?))
    }

    /// Draws a key from `rng`.
    #[must_use]
    pub fn generate<R: CryptoRng + ?Sized>(cipher: Cipher, rng: &mut R) -> Self {
        Self(KeyBytes::fill(cipher, |bytes| rng.fill_bytes(bytes)))
    }

    /// Draws a key from the operating system.
    ///
    /// # Errors
    /// [`Error::Random`] when it has no random bytes to give.
    #[cfg(feature = "getrandom")]
    pub fn random(cipher: Cipher) -> Result<Self, Error> {
        Ok(Self(KeyBytes::random(cipher)?))
    }

    pub(crate) fn key(&self) -> &KeyBytes {
        &self.0
    }

    /// The cipher whose keys are as long as this one.
    #[must_use]
    pub fn cipher(&self) -> Cipher {
        self.0.cipher()
    }

    /// The key itself, 16 or 32 bytes. Copies of it are the caller's to wipe.
    #[must_use]
    pub fn expose_bytes(&self) -> &[u8] {
        self.0.expose()
    }

    /// Whether both are the same key, in time that depends on their lengths only.
    #[must_use]
    pub fn ct_eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0)
    }
}

impl fmt::Debug for PrincipalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrincipalKey").field("cipher", &self.cipher()).finish_non_exhaustive()
    }
}

impl ZeroizeOnDrop for PrincipalKey {}

/// The key of one relation or of one WAL range, with the base vector that belongs to it.
///
/// There is no `Clone`, `Copy`, `PartialEq` or `Display`, and `Debug` shows the cipher only:
///
/// ```compile_fail,E0599
/// # use tde_core::{BaseIv, Cipher, InternalKey};
/// let key = InternalKey::from_slice(Cipher::Aes128, &[7; 16], BaseIv::new([0; 16])).unwrap();
/// let copy = key.clone();
/// ```
/// ```compile_fail,E0277
/// # use tde_core::{BaseIv, Cipher, InternalKey};
/// println!("{}", InternalKey::from_slice(Cipher::Aes128, &[7; 16], BaseIv::new([0; 16])).unwrap());
/// ```
pub struct InternalKey {
    key: KeyBytes,
    base_iv: BaseIv,
}

impl InternalKey {
    /// Takes a copy of the key bytes; wiping the source is left to its owner.
    ///
    /// # Errors
    /// [`Error::InternalKeyLength`] unless there are [`Cipher::key_len`] of them.
    pub fn from_slice(cipher: Cipher, key: &[u8], base_iv: BaseIv) -> Result<Self, Error> {
        Ok(Self { key: KeyBytes::copy(cipher, key)?, base_iv })
    }

    /// Draws a key and its base vector from `rng`.
    #[must_use]
    pub fn generate<R: CryptoRng + ?Sized>(cipher: Cipher, rng: &mut R) -> Self {
        let key = KeyBytes::fill(cipher, |bytes| rng.fill_bytes(bytes));
        let mut iv = [0; 16];
        rng.fill_bytes(&mut iv);
        Self { key, base_iv: BaseIv::new(iv) }
    }

    /// Draws a key and its base vector from the operating system.
    ///
    /// # Errors
    /// [`Error::Random`] when it has no random bytes to give.
    #[cfg(feature = "getrandom")]
    pub fn random(cipher: Cipher) -> Result<Self, Error> {
        Ok(Self { key: KeyBytes::random(cipher)?, base_iv: BaseIv::new(crate::random_iv()?) })
    }

    /// Lets `fill` write the key in place, so that no copy of it is made on the way.
    pub(crate) fn try_from_fn(
        cipher: Cipher,
        base_iv: BaseIv,
        fill: impl FnOnce(&mut [u8]) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        Ok(Self { key: KeyBytes::try_fill(cipher, fill)?, base_iv })
    }

    pub(crate) fn key(&self) -> &KeyBytes {
        &self.key
    }

    /// What the key is for.
    #[must_use]
    pub fn cipher(&self) -> Cipher {
        self.key.cipher()
    }

    /// The base vector that goes with the key.
    #[must_use]
    pub fn base_iv(&self) -> &BaseIv {
        &self.base_iv
    }

    /// The key itself, [`Cipher::key_len`] bytes. Copies of it are the caller's to wipe.
    #[must_use]
    pub fn expose_bytes(&self) -> &[u8] {
        self.key.expose()
    }

    /// Whether both have the same key and base vector, in time that depends on the ciphers only.
    #[must_use]
    pub fn ct_eq(&self, other: &Self) -> bool {
        self.key.ct_eq(&other.key) & bool::from(self.base_iv.as_bytes().ct_eq(other.base_iv.as_bytes()))
    }
}

impl fmt::Debug for InternalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InternalKey").field("cipher", &self.cipher()).finish_non_exhaustive()
    }
}

impl ZeroizeOnDrop for InternalKey {}

/// Key bytes, wiped on drop. The variant is the length; lengths are no secret, key files give them in the clear.
pub(crate) enum KeyBytes {
    Aes128(Zeroizing<[u8; 16]>),
    Aes256(Zeroizing<[u8; 32]>),
}

impl KeyBytes {
    fn copy(cipher: Cipher, key: &[u8]) -> Result<Self, Error> {
        if key.len() != cipher.key_len() {
            return Err(Error::InternalKeyLength { cipher, actual: key.len() });
        }
        Ok(Self::fill(cipher, |bytes| bytes.copy_from_slice(key)))
    }

    fn zero(cipher: Cipher) -> Self {
        match cipher {
            Cipher::Aes128 => Self::Aes128(Zeroizing::new([0; 16])),
            Cipher::Aes256 => Self::Aes256(Zeroizing::new([0; 32])),
        }
    }

    fn fill(cipher: Cipher, fill: impl FnOnce(&mut [u8])) -> Self {
        let mut key = Self::zero(cipher);
        fill(key.expose_mut());
        key
    }

    fn try_fill(cipher: Cipher, fill: impl FnOnce(&mut [u8]) -> Result<(), Error>) -> Result<Self, Error> {
        let mut key = Self::zero(cipher);
        fill(key.expose_mut())?;
        Ok(key)
    }

    #[cfg(feature = "getrandom")]
    fn random(cipher: Cipher) -> Result<Self, Error> {
        Self::try_fill(cipher, |bytes| getrandom::fill(bytes).map_err(|_| Error::Random))
    }

    fn cipher(&self) -> Cipher {
        match self {
            Self::Aes128(_) => Cipher::Aes128,
            Self::Aes256(_) => Cipher::Aes256,
        }
    }

    fn expose(&self) -> &[u8] {
        match self {
            Self::Aes128(key) => &key[..],
            Self::Aes256(key) => &key[..],
        }
    }

    fn expose_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Aes128(key) => &mut key[..],
            Self::Aes256(key) => &mut key[..],
        }
    }

    fn ct_eq(&self, other: &Self) -> bool {
        // Slices of different lengths are unequal at once.
        self.expose().ct_eq(other.expose()).into()
    }
}
