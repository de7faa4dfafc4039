//! OpenSSL through its EVP interface.

use openssl::cipher::Cipher;
use openssl::cipher_ctx::CipherCtx;
use openssl::error::ErrorStack;

/// The library's own description of its version.
#[must_use]
pub fn version() -> &'static str {
    openssl::version::version()
}

/// Bytes of room beyond a page that is worked on in place.
pub const SLACK: usize = 16;

/// One cipher context, set up again with key and vector for each page or range: what `pg_tde` does, except that
/// the algorithm is looked up once and not each time, which is to OpenSSL's advantage.
pub struct Context {
    context: CipherCtx,
    key: Vec<u8>,
    encrypting: bool,
}

impl Context {
    /// CBC without padding.
    ///
    /// # Errors
    /// OpenSSL's.
    pub fn cbc(key: &[u8], encrypting: bool) -> Result<Self, ErrorStack> {
        let cipher = if key.len() == 16 { Cipher::aes_128_cbc() } else { Cipher::aes_256_cbc() };
        Self::new(cipher, key, encrypting)
    }

    /// CTR with its big-endian counter, which is not `pg_tde`'s but the same amount of work.
    ///
    /// # Errors
    /// OpenSSL's.
    pub fn ctr(key: &[u8]) -> Result<Self, ErrorStack> {
        let cipher = if key.len() == 16 { Cipher::aes_128_ctr() } else { Cipher::aes_256_ctr() };
        Self::new(cipher, key, true)
    }

    fn new(cipher: &openssl::cipher::CipherRef, key: &[u8], encrypting: bool) -> Result<Self, ErrorStack> {
        let mut context = CipherCtx::new()?;
        if encrypting {
            context.encrypt_init(Some(cipher), Some(key), Some(&[0; 16]))?;
        } else {
            context.decrypt_init(Some(cipher), Some(key), Some(&[0; 16]))?;
        }
        context.set_padding(false);
        Ok(Self { context, key: key.to_vec(), encrypting })
    }

    fn restart(&mut self, iv: &[u8; 16]) -> Result<(), ErrorStack> {
        if self.encrypting {
            self.context.encrypt_init(None, Some(&self.key), Some(iv))
        } else {
            self.context.decrypt_init(None, Some(&self.key), Some(iv))
        }
    }

    /// Key and vector set up, then the whole buffer.
    ///
    /// # Errors
    /// OpenSSL's.
    pub fn apply(&mut self, iv: &[u8; 16], from: &[u8], to: &mut [u8]) -> Result<(), ErrorStack> {
        self.restart(iv)?;
        self.context.cipher_update(from, Some(to)).map(|_| ())
    }

    /// The same in place on the first `len` bytes of `data`, which in CBC must have [`SLACK`] bytes more: the
    /// safe interface asks for that much room even where padding is off and nothing is written there.
    ///
    /// # Errors
    /// OpenSSL's.
    pub fn apply_in_place(&mut self, iv: &[u8; 16], data: &mut [u8], len: usize) -> Result<(), ErrorStack> {
        self.restart(iv)?;
        self.context.cipher_update_inplace(data, len).map(|_| ())
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("encrypting", &self.encrypting).finish_non_exhaustive()
    }
}

/// The WAL keystream as `pg_tde` makes it: batches of counter blocks through ECB, then XORed byte by byte.
pub struct EcbStream {
    context: CipherCtx,
    key: Vec<u8>,
}

/// Counter blocks to a batch in `pg_tde` (2.2, `enc_tde.c`, `NUM_AES_BLOCKS_IN_BATCH`).
const BATCH: usize = 200;

impl EcbStream {
    /// A context for this key.
    ///
    /// # Errors
    /// OpenSSL's.
    pub fn new(key: &[u8]) -> Result<Self, ErrorStack> {
        let cipher = if key.len() == 16 { Cipher::aes_128_ecb() } else { Cipher::aes_256_ecb() };
        let mut context = CipherCtx::new()?;
        context.encrypt_init(Some(cipher), Some(key), None)?;
        context.set_padding(false);
        Ok(Self { context, key: key.to_vec() })
    }

    /// XORs the keystream of `prefix` from byte `offset` on onto `data`.
    ///
    /// # Errors
    /// OpenSSL's.
    pub fn apply(&mut self, prefix: &[u8; 12], offset: u64, data: &mut [u8]) -> Result<(), ErrorStack> {
        let mut blocks = [[0; 16]; BATCH];
        let mut stream = [0; 16 * BATCH + SLACK];
        let mut counter = (offset / 16) as u32;
        let mut skip = (offset % 16) as usize;
        let mut done = 0;
        while done < data.len() {
            let count = (skip + data.len() - done).div_ceil(16).min(BATCH);
            for block in &mut blocks[..count] {
                block[..12].copy_from_slice(prefix);
                block[12..].copy_from_slice(&counter.to_le_bytes());
                counter = counter.wrapping_add(1);
            }
            self.context.encrypt_init(None, Some(&self.key), None)?;
            self.context
                .cipher_update(blocks[..count].as_flattened(), Some(&mut stream[..16 * count + SLACK]))?;
            let len = (16 * count - skip).min(data.len() - done);
            for i in 0..len {
                data[done + i] ^= stream[skip + i];
            }
            done += len;
            skip = 0;
        }
        Ok(())
    }
}

impl std::fmt::Debug for EcbStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EcbStream").finish_non_exhaustive()
    }
}
