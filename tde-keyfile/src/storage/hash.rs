//! SHA-256 of a file's content.

use alloc::fmt;
use std::io;

use sha2::{Digest, Sha256};

/// Bytes and SHA-256 of a file's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContentHash {
    size: u64,
    sha256: [u8; 32],
}

impl ContentHash {
    /// Of bytes at hand.
    #[must_use]
    pub fn of(content: &[u8]) -> Self {
        Self { size: content.len() as u64, sha256: Sha256::digest(content).into() }
    }

    pub(super) const fn from_parts(size: u64, sha256: [u8; 32]) -> Self {
        Self { size, sha256 }
    }

    /// Bytes.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// SHA-256.
    #[must_use]
    pub const fn sha256(&self) -> &[u8; 32] {
        &self.sha256
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.sha256.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Passes bytes on and hashes them.
pub(super) struct Hashing<T> {
    inner: T,
    digest: Sha256,
    size: u64,
}

impl<T> Hashing<T> {
    pub(super) fn new(inner: T) -> Self {
        Self { inner, digest: Sha256::new(), size: 0 }
    }

    pub(super) fn finish(self) -> (T, ContentHash) {
        (self.inner, ContentHash { size: self.size, sha256: self.digest.finalize().into() })
    }

    fn add(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
        self.size = self.size.saturating_add(bytes.len() as u64);
    }
}

impl<T: io::Read> io::Read for Hashing<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.add(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

impl<T: io::Write> io::Write for Hashing<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.add(bytes.get(..count).unwrap_or_default());
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
