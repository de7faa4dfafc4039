//! The WAL keystream: a seekable stream of AES blocks, XORed onto bytes.
//!
//! Source: pg_tde 2.2, `enc_aes.c` (`AesCtrEncryptedZeroBlocks`) and `enc_tde.c` (`pg_tde_stream_crypt`).

use core::fmt;

use aes::cipher::inout::InOutBuf;
use zeroize::ZeroizeOnDrop;

use crate::backend::StreamKey;
use crate::page::pair;
use crate::{Backend, Cipher, Error, InternalKey};

/// Bytes that the 32-bit block counter can number.
const STREAM_LEN: u64 = 16 << 32;

/// The first 12 bytes of every counter block, which name the stream. Two ranges of data under one key must
/// never share a prefix and an offset: their XOR would be that of the plaintexts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeystreamPrefix([u8; 12]);

impl KeystreamPrefix {
    /// A prefix of these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 12]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 12] {
        &self.0
    }
}

impl From<[u8; 12]> for KeystreamPrefix {
    fn from(bytes: [u8; 12]) -> Self {
        Self(bytes)
    }
}

/// XORs the keystream of one internal key onto bytes: applying it twice gives the bytes back.
///
/// Block j of a stream is the AES encryption of its prefix followed by j as four *little-endian* bytes, and byte
/// i belongs to block i / 16. Standard CTR counts big-endian: another keystream from block 1 on.
///
/// ```
/// # fn main() -> Result<(), tde_core::Error> {
/// use tde_core::{BaseIv, Cipher, InternalKey, Keystream, KeystreamPrefix};
///
/// let key = InternalKey::from_slice(Cipher::Aes128, &[7; 16], BaseIv::new([1; 16]))?;
/// let (keystream, prefix) = (Keystream::new(&key), KeystreamPrefix::new(*b"segment no 3"));
///
/// let mut bytes = *b"some WAL records";
/// keystream.apply(&prefix, 8195, &mut bytes)?;
/// // Any part can be had back by itself.
/// keystream.apply(&prefix, 8195 + 5, &mut bytes[5..8])?;
/// assert_eq!(&bytes[5..8], b"WAL");
/// # Ok(()) }
/// ```
pub struct Keystream {
    key: StreamKey,
    cipher: Cipher,
}

impl Keystream {
    /// Expands the key for the fastest backend of this CPU.
    #[must_use]
    pub fn new(key: &InternalKey) -> Self {
        Self::expand(key, Backend::detect())
    }

    /// Expands the key for a backend of the caller's choice, for tests and measurements.
    ///
    /// # Errors
    /// [`Error::BackendUnavailable`] when this CPU or this build does not have it.
    pub fn with_backend(key: &InternalKey, backend: Backend) -> Result<Self, Error> {
        backend.require()?;
        Ok(Self::expand(key, backend))
    }

    fn expand(key: &InternalKey, backend: Backend) -> Self {
        Self { key: StreamKey::new(key.key(), backend), cipher: key.cipher() }
    }

    /// The backend that does the work.
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.key.backend()
    }

    /// The cipher of the key.
    #[must_use]
    pub fn cipher(&self) -> Cipher {
        self.cipher
    }

    /// Applies the stream to bytes that stand `offset` bytes from its start, in place.
    ///
    /// # Errors
    /// [`Error::KeystreamRange`] when the range ends beyond the 64 GiB that a 32-bit block counter can number.
    pub fn apply(&self, prefix: &KeystreamPrefix, offset: u64, buf: &mut [u8]) -> Result<(), Error> {
        self.run(prefix, offset, buf.into())
    }

    /// Applies the stream from one buffer to another; `from` is not changed.
    ///
    /// # Errors
    /// As [`apply`](Self::apply), and [`Error::BufferLength`] unless `to` is as long as `from`.
    pub fn apply_to(
        &self,
        prefix: &KeystreamPrefix,
        offset: u64,
        from: &[u8],
        to: &mut [u8],
    ) -> Result<(), Error> {
        self.run(prefix, offset, pair(from, to)?)
    }

    fn run(&self, prefix: &KeystreamPrefix, offset: u64, data: InOutBuf<'_, '_, u8>) -> Result<(), Error> {
        let len = data.len();
        let out_of_range = Error::KeystreamRange { offset, len };
        let end = u64::try_from(len).ok().and_then(|len| offset.checked_add(len)).ok_or(out_of_range)?;
        if end > STREAM_LEN {
            return Err(out_of_range);
        }
        if len > 0 {
            let counter = u32::try_from(offset / 16).map_err(|_| out_of_range)?;
            self.key.apply(&prefix.0, counter, (offset % 16) as usize, data);
        }
        Ok(())
    }
}

impl fmt::Debug for Keystream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keystream")
            .field("cipher", &self.cipher)
            .field("backend", &self.backend())
            .finish_non_exhaustive()
    }
}

impl ZeroizeOnDrop for Keystream {}
