//! What can be wrong with a call.

use core::fmt;

use crate::{Backend, BlockNumber, Cipher};

/// Why a call was refused.
///
/// Every check comes before the first byte is written: after an error, all buffers are as they were.
/// No variant carries key material or plaintext.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A key is neither 16 nor 32 bytes long.
    KeyLength {
        /// Bytes given.
        actual: usize,
    },
    /// An internal key does not have the length that its cipher needs.
    InternalKeyLength {
        /// The cipher that was named.
        cipher: Cipher,
        /// Bytes given.
        actual: usize,
    },
    /// A cipher id that pg_tde does not define; 0 is AES-128, 1 is AES-256.
    UnknownCipher {
        /// The id found.
        id: u32,
    },
    /// A fork number outside 0..=3.
    UnknownFork {
        /// The number found.
        number: u32,
    },
    /// An AES-GCM initialisation vector that is neither 12 nor 16 bytes long.
    IvLength {
        /// Bytes given.
        actual: usize,
    },
    /// A page that is empty or no multiple of 16 bytes.
    PageSize {
        /// Bytes given.
        actual: usize,
    },
    /// A run of pages whose length is no multiple of the page size.
    RunLength {
        /// Bytes in a page.
        page_size: usize,
        /// Bytes given.
        actual: usize,
    },
    /// The two buffers of a call differ in length.
    BufferLength {
        /// Bytes in the source.
        expected: usize,
        /// Bytes in the destination.
        actual: usize,
    },
    /// A run of pages reaches beyond the last block number, 4294967295.
    BlockOverflow {
        /// The run's first block.
        first: BlockNumber,
        /// Pages in the run.
        pages: usize,
    },
    /// A range of the keystream whose block counter does not fit 32 bits, that is, which ends beyond 64 GiB.
    KeystreamRange {
        /// The range's first byte.
        offset: u64,
        /// Bytes in the range.
        len: usize,
    },
    /// A message longer than AES-GCM allows under one initialisation vector (64 GiB less 32 bytes).
    MessageLength {
        /// Bytes given.
        actual: usize,
    },
    /// The tag does not match: another key, another initialisation vector, or changed bytes.
    Authentication,
    /// A backend that this CPU or this build does not have.
    BackendUnavailable {
        /// The backend asked for.
        backend: Backend,
    },
    /// The operating system gave no random bytes.
    Random,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::KeyLength { actual } => write!(f, "key is {actual} bytes long, must be 16 or 32"),
            Self::InternalKeyLength { cipher, actual } => {
                write!(f, "internal key for {cipher} is {actual} bytes long, must be {}", cipher.key_len())
            }
            Self::UnknownCipher { id } => {
                write!(f, "unknown cipher id {id}, must be 0 (AES-128) or 1 (AES-256)")
            }
            Self::UnknownFork { number } => write!(f, "unknown fork number {number}, must be 0 to 3"),
            Self::IvLength { actual } => {
                write!(f, "initialisation vector is {actual} bytes long, must be 12 or 16")
            }
            Self::PageSize { actual } => {
                write!(f, "page is {actual} bytes long, must be a positive multiple of 16")
            }
            Self::RunLength { page_size, actual } => {
                write!(
                    f,
                    "run of pages is {actual} bytes long, must be a multiple of the page size {page_size}"
                )
            }
            Self::BufferLength { expected, actual } => {
                write!(f, "destination is {actual} bytes long, must be as long as the source, {expected}")
            }
            Self::BlockOverflow { first, pages } => {
                write!(
                    f,
                    "{pages} pages from block {first} on reach beyond the last block number, 4294967295"
                )
            }
            Self::KeystreamRange { offset, len } => {
                write!(f, "{len} bytes at keystream offset {offset} reach beyond the 32-bit block counter")
            }
            Self::MessageLength { actual } => {
                write!(
                    f,
                    "message is {actual} bytes long, more than AES-GCM allows for one initialisation vector"
                )
            }
            Self::Authentication => {
                f.write_str("authentication failed: wrong key, wrong vector or changed bytes")
            }
            Self::BackendUnavailable { backend } => {
                write!(f, "backend {backend} is not available on this CPU or in this build")
            }
            Self::Random => f.write_str("the operating system's random number generator failed"),
        }
    }
}

impl core::error::Error for Error {}
