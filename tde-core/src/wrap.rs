//! AES-GCM under a principal key: wrapping internal keys, signing key-file headers.
//!
//! pg_tde always draws a 16-byte vector, which AES-GCM hashes into its first counter block (NIST SP 800-38D,
//! section 7.1); 12-byte vectors are accepted too.

use core::fmt;

use aes::cipher::consts::{U12, U16};
use aes::cipher::inout::InOutBuf;
use aes::{Aes128, Aes256};
use aes_gcm::aead::AeadInOut;
use aes_gcm::{AesGcm, KeyInit, Tag};
use zeroize::ZeroizeOnDrop;

use crate::key::KeyBytes;
use crate::{BaseIv, Cipher, Error, InternalKey, PrincipalKey};

/// Bytes in the initialisation vector of a wrap or a signature made by pg_tde.
pub const IV_LEN: usize = 16;

/// Bytes in a tag.
pub const TAG_LEN: usize = 16;

/// A principal key made ready for AES-GCM, wiped on drop.
///
/// Making one costs a key expansion: make it once and use it for all entries of a key file.
///
/// ```
/// # fn main() -> Result<(), tde_core::Error> {
/// use tde_core::{PrincipalKey, WrapKey};
///
/// let wrap = WrapKey::new(&PrincipalKey::from_slice(&[7; 16])?);
/// let mut wrapped = [0; 16];
/// let tag = wrap.seal(&[1; 16], b"entry", &[9; 16], &mut wrapped)?;
///
/// let mut key = [0; 16];
/// wrap.open(&[1; 16], b"entry", &wrapped, &tag, &mut key)?;
/// assert_eq!(key, [9; 16]);
/// assert!(wrap.open(&[1; 16], b"other", &wrapped, &tag, &mut key).is_err());
/// # Ok(()) }
/// ```
pub struct WrapKey(Gcm);

impl WrapKey {
    /// Expands the key.
    #[must_use]
    pub fn new(key: &PrincipalKey) -> Self {
        Self(match key.key() {
            KeyBytes::Aes128(key) => Gcm::Aes128(AesGcm::new((&**key).into()), AesGcm::new((&**key).into())),
            KeyBytes::Aes256(key) => Gcm::Aes256(AesGcm::new((&**key).into()), AesGcm::new((&**key).into())),
        })
    }

    /// The cipher of the principal key, which is the wrap's.
    #[must_use]
    pub fn cipher(&self) -> Cipher {
        match self.0 {
            Gcm::Aes128(..) => Cipher::Aes128,
            Gcm::Aes256(..) => Cipher::Aes256,
        }
    }

    /// Encrypts `plaintext` into `out` and gives the tag over it and `aad`.
    ///
    /// Never use one `iv` twice under one key: that gives away the plaintexts and the power to forge tags.
    ///
    /// # Errors
    /// [`Error::IvLength`] unless `iv` has 12 or 16 bytes, [`Error::BufferLength`] unless `out` is as long as
    /// `plaintext`, [`Error::MessageLength`] beyond 64 GiB; nothing is written then.
    pub fn seal(
        &self,
        iv: &[u8],
        aad: &[u8],
        plaintext: &[u8],
        out: &mut [u8],
    ) -> Result<[u8; TAG_LEN], Error> {
        let (iv, data) = (Iv::new(iv)?, pair(plaintext, out)?);
        let tag = match (&self.0, iv) {
            (Gcm::Aes128(gcm, _), Iv::Bytes12(iv)) => gcm.encrypt_inout_detached(iv.into(), aad, data),
            (Gcm::Aes128(_, gcm), Iv::Bytes16(iv)) => gcm.encrypt_inout_detached(iv.into(), aad, data),
            (Gcm::Aes256(gcm, _), Iv::Bytes12(iv)) => gcm.encrypt_inout_detached(iv.into(), aad, data),
            (Gcm::Aes256(_, gcm), Iv::Bytes16(iv)) => gcm.encrypt_inout_detached(iv.into(), aad, data),
        };
        tag.map(Into::into).map_err(|_| Error::MessageLength { actual: plaintext.len() })
    }

    /// Checks `tag` over `ciphertext` and `aad`, and only then decrypts into `out`.
    ///
    /// # Errors
    /// [`Error::Authentication`] when the tag is wrong; [`Error::IvLength`] and [`Error::BufferLength`] as
    /// for [`seal`](Self::seal). `out` is untouched then.
    pub fn open(
        &self,
        iv: &[u8],
        aad: &[u8],
        ciphertext: &[u8],
        tag: &[u8; TAG_LEN],
        out: &mut [u8],
    ) -> Result<(), Error> {
        let (iv, data, tag): (_, _, &Tag) = (Iv::new(iv)?, pair(ciphertext, out)?, tag.into());
        // `aes-gcm` computes and compares the tag before it touches the output; a test holds it to that.
        match (&self.0, iv) {
            (Gcm::Aes128(gcm, _), Iv::Bytes12(iv)) => gcm.decrypt_inout_detached(iv.into(), aad, data, tag),
            (Gcm::Aes128(_, gcm), Iv::Bytes16(iv)) => gcm.decrypt_inout_detached(iv.into(), aad, data, tag),
            (Gcm::Aes256(gcm, _), Iv::Bytes12(iv)) => gcm.decrypt_inout_detached(iv.into(), aad, data, tag),
            (Gcm::Aes256(_, gcm), Iv::Bytes16(iv)) => gcm.decrypt_inout_detached(iv.into(), aad, data, tag),
        }
        .map_err(|_| Error::Authentication)
    }

    /// Wraps an internal key into `out` ([`Cipher::key_len`] bytes) and gives the tag.
    ///
    /// # Errors
    /// As for [`seal`](Self::seal).
    pub fn seal_internal_key(
        &self,
        key: &InternalKey,
        iv: &[u8],
        aad: &[u8],
        out: &mut [u8],
    ) -> Result<[u8; TAG_LEN], Error> {
        self.seal(iv, aad, key.expose_bytes(), out)
    }

    /// Unwraps an internal key; its cipher and base vector stand beside it in the key file.
    ///
    /// # Errors
    /// [`Error::InternalKeyLength`] unless `ciphertext` is as long as keys of `cipher` are; otherwise as for
    /// [`open`](Self::open).
    pub fn open_internal_key(
        &self,
        cipher: Cipher,
        base_iv: BaseIv,
        iv: &[u8],
        aad: &[u8],
        ciphertext: &[u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<InternalKey, Error> {
        if ciphertext.len() != cipher.key_len() {
            return Err(Error::InternalKeyLength { cipher, actual: ciphertext.len() });
        }
        InternalKey::try_from_fn(cipher, base_iv, |out| self.open(iv, aad, ciphertext, tag, out))
    }

    /// The tag over `message` alone, which stays in the clear: how pg_tde signs the header of a key file.
    ///
    /// # Errors
    /// [`Error::IvLength`] unless `iv` has 12 or 16 bytes.
    pub fn sign(&self, iv: &[u8], message: &[u8]) -> Result<[u8; TAG_LEN], Error> {
        self.seal(iv, message, &[], &mut [])
    }

    /// Checks a tag that [`sign`](Self::sign) gave, in constant time.
    ///
    /// # Errors
    /// [`Error::Authentication`] when it is wrong, [`Error::IvLength`] unless `iv` has 12 or 16 bytes.
    pub fn verify(&self, iv: &[u8], message: &[u8], tag: &[u8; TAG_LEN]) -> Result<(), Error> {
        self.open(iv, message, &[], tag, &mut [])
    }
}

impl fmt::Debug for WrapKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WrapKey").field("cipher", &self.cipher()).finish_non_exhaustive()
    }
}

impl ZeroizeOnDrop for WrapKey {}

/// A fresh vector for a wrap or a signature, from the operating system.
///
/// # Errors
/// [`Error::Random`] when it has no random bytes to give.
#[cfg(feature = "getrandom")]
pub fn random_iv() -> Result<[u8; IV_LEN], Error> {
    let mut iv = [0; IV_LEN];
    getrandom::fill(&mut iv).map_err(|_| Error::Random)?;
    Ok(iv)
}

/// One expanded key for each length of vector: the length is part of `AesGcm`'s type.
#[allow(clippy::large_enum_variant, reason = "there is no heap to put the larger one on")]
enum Gcm {
    Aes128(AesGcm<Aes128, U12>, AesGcm<Aes128, U16>),
    Aes256(AesGcm<Aes256, U12>, AesGcm<Aes256, U16>),
}

enum Iv<'a> {
    Bytes12(&'a [u8; 12]),
    Bytes16(&'a [u8; 16]),
}

impl<'a> Iv<'a> {
    fn new(iv: &'a [u8]) -> Result<Self, Error> {
        if let Ok(iv) = iv.try_into() {
            Ok(Self::Bytes12(iv))
        } else if let Ok(iv) = iv.try_into() {
            Ok(Self::Bytes16(iv))
        } else {
            Err(Error::IvLength { actual: iv.len() })
        }
    }
}

fn pair<'a>(from: &'a [u8], to: &'a mut [u8]) -> Result<InOutBuf<'a, 'a, u8>, Error> {
    let (expected, actual) = (from.len(), to.len());
    InOutBuf::new(from, to).map_err(|_| Error::BufferLength { expected, actual })
}
