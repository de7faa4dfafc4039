//! AVX2 with VAES: two blocks to a register.

use aes::cipher::inout::InOutBuf;

use super::aesni::{decrypt_blocks, encrypt_any as encrypt, stream_blocks, stream_head};
use super::schedule::{AES128, AES256, Schedule};
use crate::backend::Lane;
use crate::key::KeyBytes;

cpufeatures::new!(features, "aes", "sse4.1", "avx", "avx2", "vaes");

/// Whether this CPU has all the instructions used here.
pub(crate) fn is_available() -> bool {
    features::get()
}

/// A key expanded for CBC both ways; to hold one is to know that [`is_available`].
pub(crate) struct CbcKey {
    encryption: Schedule,
    decryption: Schedule,
}

impl CbcKey {
    pub(crate) fn new(key: &KeyBytes) -> Option<Self> {
        if !is_available() {
            return None;
        }
        // SAFETY: the CPU has AES-NI, as was just found.
        unsafe {
            let encryption = Schedule::encryption(key);
            let decryption = Schedule::decryption(&encryption);
            Some(Self { encryption, decryption })
        }
    }

    /// Encrypts up to 16 equally long pages.
    pub(crate) fn encrypt(&self, lanes: &mut [Lane<'_>]) {
        let keys = self.encryption.keys();
        // SAFETY: a `CbcKey` exists on CPUs with these instructions only.
        unsafe {
            if self.encryption.is_aes128() {
                encrypt::<AES128>(keys, lanes);
            } else {
                encrypt::<AES256>(keys, lanes);
            }
        }
    }

    /// Decrypts one page.
    pub(crate) fn decrypt(&self, lane: Lane<'_>) {
        let keys = self.decryption.keys();
        // SAFETY: a `CbcKey` exists on CPUs with these instructions only.
        unsafe {
            if self.decryption.is_aes128() {
                decrypt_blocks::<AES128>(keys, lane);
            } else {
                decrypt_blocks::<AES256>(keys, lane);
            }
        }
    }
}

/// A key expanded for the keystream; to hold one is to know that [`is_available`].
pub(crate) struct StreamKey(Schedule);

impl StreamKey {
    pub(crate) fn new(key: &KeyBytes) -> Option<Self> {
        // SAFETY: the CPU has AES-NI, as is found first.
        is_available().then(|| Self(unsafe { Schedule::encryption(key) }))
    }

    /// See [`crate::backend::StreamKey::apply`].
    pub(crate) fn apply(&self, prefix: &[u8; 12], counter: u32, skip: usize, data: InOutBuf<'_, '_, u8>) {
        let keys = self.0.keys();
        // SAFETY: a `StreamKey` exists on CPUs with these instructions only.
        unsafe {
            if self.0.is_aes128() {
                let (data, counter) = stream_head::<AES128>(keys, prefix, counter, skip, data);
                stream_blocks::<AES128>(keys, prefix, counter, data);
            } else {
                let (data, counter) = stream_head::<AES256>(keys, prefix, counter, skip, data);
                stream_blocks::<AES256>(keys, prefix, counter, data);
            }
        }
    }
}
