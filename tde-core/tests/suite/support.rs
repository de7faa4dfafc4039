//! What the tests share.

use tde_core::{Backend, BaseIv, Cipher, InternalKey};

/// The bytes that hexadecimal digits stand for; blanks between them are skipped.
pub(crate) fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let digit = |byte: u8| char::from(byte).to_digit(16).expect("a hexadecimal digit") as u8;
    digits.chunks(2).map(|pair| 16 * digit(pair[0]) + digit(pair[1])).collect()
}

/// As many bytes as an array has.
pub(crate) fn hex_array<const N: usize>(digits: &str) -> [u8; N] {
    hex(digits).try_into().expect("as many digits as the array takes")
}

/// The bytes first, first + 1, and so on.
pub(crate) fn counting<const N: usize>(first: u8) -> [u8; N] {
    core::array::from_fn(|i| first.wrapping_add(i as u8))
}

/// A key from its bytes, the cipher from their number.
pub(crate) fn internal_key(key: &[u8], base_iv: [u8; 16]) -> InternalKey {
    let cipher = Cipher::from_key_len(key.len()).expect("a key of 16 or 32 bytes");
    InternalKey::from_slice(cipher, key, BaseIv::new(base_iv)).expect("a key of the cipher's length")
}

/// Runs a test through each backend of this CPU and prints those that it has to skip.
pub(crate) fn each_backend(mut test: impl FnMut(Backend)) {
    for backend in Backend::all() {
        if backend.is_available() {
            test(backend);
        } else {
            println!("skipped backend {backend}: this CPU does not have it");
        }
    }
}

/// SHA-256 in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
