//! Telling principal keys apart without revealing anything of them.

use core::fmt;

use tde_core::WrapKey;

/// A fixed nonce, which no wrap ever draws but with a chance of 1 in 2^96.
const NONCE: &[u8; 12] = b"tde:keyprint";

/// Tells which principal keys are the same, and nothing else of a random key.
///
/// One block of the cipher under the key, at a fixed point: the first 16 bytes that AES-GCM makes of zeros with the
/// nonce `tde:keyprint`. The same key has the same fingerprint everywhere.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 16]);

impl Fingerprint {
    /// That of a principal key.
    #[must_use]
    pub fn of(key: &WrapKey) -> Self {
        let mut block = [0; 16];
        match key.seal(NONCE, &[], &[0; 16], &mut block) {
            Ok(_) => Self(block),
            Err(_) => unreachable!("a nonce of 12 bytes and buffers of one length"),
        }
    }

    /// One that a file tells.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}
