//! The formats that only this project writes.

use alloc::string::ToString as _;
use alloc::vec::Vec;

use sha2::{Digest as _, Sha256};

use crate::master_key::{self, OpenOptions, Passphrase};
use crate::storage::Journal;

/// A journal that is accepted is written back identically; with a right checksum, so that the fields are reached.
pub fn journal(bytes: &[u8]) {
    for bytes in [bytes.to_vec(), with_checksum(bytes)] {
        match Journal::parse(&bytes) {
            Ok(journal) => assert_eq!(journal.to_bytes(), bytes, "not written back identically"),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

/// A master key file is identified or refused, and never takes more memory than it may.
pub fn master_key(bytes: &[u8]) {
    let passphrase = Passphrase::new(b"correct horse battery staple").expect("a passphrase");
    let options = OpenOptions { openssl_iterations: 1, max_memory_kib: 64 };
    for bytes in [bytes.to_vec(), with_checksum(bytes)] {
        let identified = master_key::identify(&bytes).is_ok();
        let opened = master_key::open(&bytes, &passphrase, &options);
        assert!(identified || opened.is_err(), "opened without being identified");
        if let Err(error) = opened {
            assert!(!error.to_string().is_empty());
        }
    }
}

/// The last 32 bytes replaced by the SHA-256 of those before, as both formats end.
fn with_checksum(bytes: &[u8]) -> Vec<u8> {
    match bytes.split_last_chunk::<32>() {
        Some((body, _)) => [body, &Sha256::digest(body)[..]].concat(),
        None => bytes.to_vec(),
    }
}
