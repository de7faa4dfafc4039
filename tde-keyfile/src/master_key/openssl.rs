//! What `openssl enc -aes-256-cbc -salt -pbkdf2` reads and writes.

use alloc::vec::Vec;

use aes::Aes256;
use aes::cipher::{BlockModeDecrypt as _, BlockModeEncrypt as _, KeyIvInit as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::key::DIGITS;
use super::{Error, MasterKey, Passphrase};

pub(super) const MAGIC: &[u8; 8] = b"Salted__";

const SALT: usize = 8;
const BLOCK: usize = 16;
/// Blocks of 64 digits, perhaps a line end, and padding.
const BLOCKS: usize = DIGITS / BLOCK + 1;
const SIZE: usize = MAGIC.len() + SALT + BLOCKS * BLOCK;

pub(super) fn seal(key: &MasterKey, passphrase: &Passphrase, iterations: u32) -> Result<Vec<u8>, Error> {
    let mut salt = [0; SALT];
    getrandom::fill(&mut salt).map_err(|_| Error::Random)?;
    seal_with(key, passphrase, iterations, salt)
}

fn seal_with(
    key: &MasterKey,
    passphrase: &Passphrase,
    iterations: u32,
    salt: [u8; SALT],
) -> Result<Vec<u8>, Error> {
    let derived = derive(passphrase, salt, iterations)?;
    let mut blocks = Zeroizing::new([[0_u8; BLOCK]; BLOCKS]);
    let text = blocks.as_flattened_mut();
    let digits = key.to_hex();
    // PKCS #7: every byte of padding is the number of bytes of padding.
    let padding = BLOCKS * BLOCK - DIGITS - 1;
    let tail = core::iter::once(b'\n').chain(core::iter::repeat_n(padding as u8, padding));
    for (byte, value) in text.iter_mut().zip(digits.iter().copied().chain(tail)) {
        *byte = value;
    }
    let mut cipher = cbc::Encryptor::<Aes256>::new((&*derived.key).into(), (&derived.iv).into());
    for block in blocks.iter_mut() {
        cipher.encrypt_block(block.into());
    }
    Ok([&MAGIC[..], &salt, blocks.as_flattened()].concat())
}

pub(super) fn open(bytes: &[u8], passphrase: &Passphrase, iterations: u32) -> Result<MasterKey, Error> {
    check_length(bytes)?;
    let parts = bytes.split_first_chunk::<8>().and_then(|(_, rest)| rest.split_first_chunk::<SALT>());
    let Some((salt, ciphertext)) = parts else { return Err(Error::NotMasterKey) };
    let derived = derive(passphrase, *salt, iterations)?;
    let mut blocks = Zeroizing::new([[0_u8; BLOCK]; BLOCKS]);
    blocks.as_flattened_mut().copy_from_slice(ciphertext);
    let mut cipher = cbc::Decryptor::<Aes256>::new((&*derived.key).into(), (&derived.iv).into());
    for block in blocks.iter_mut() {
        cipher.decrypt_block(block.into());
    }
    let text = blocks.as_flattened();
    let unpadded = text
        .split_last()
        .map(|(&padding, _)| usize::from(padding))
        .filter(|padding| (1..=BLOCK).contains(padding))
        .and_then(|padding| text.split_at_checked(text.len() - padding))
        .filter(|(_, padding)| padding.iter().all(|&byte| usize::from(byte) == padding.len()));
    let (digits, _) = unpadded.ok_or(Error::WrongOrDamaged)?;
    let digits = digits.strip_suffix(b"\n").unwrap_or(digits);
    let digits = digits.strip_suffix(b"\r").unwrap_or(digits);
    MasterKey::from_hex(digits).ok_or(Error::WrongOrDamaged)
}

pub(super) fn check_length(bytes: &[u8]) -> Result<(), Error> {
    if bytes.len() == SIZE {
        return Ok(());
    }
    Err(Error::Damaged { reason: "it has not the 96 bytes that 64 hexadecimal digits make" })
}

struct Derived {
    key: Zeroizing<[u8; 32]>,
    iv: [u8; BLOCK],
}

fn derive(passphrase: &Passphrase, salt: [u8; SALT], iterations: u32) -> Result<Derived, Error> {
    if iterations == 0 {
        let (field, found, min, max) = ("number of iterations", iterations, 1, u32::MAX);
        return Err(Error::Parameters { field, found, min, max });
    }
    let mut output = Zeroizing::new([0; 48]);
    pbkdf2::pbkdf2_hmac::<Sha256>(passphrase.expose_bytes(), &salt, iterations, &mut *output);
    let mut derived = Derived { key: Zeroizing::new([0; 32]), iv: [0; BLOCK] };
    let (key, iv) = output.split_at(32);
    derived.key.copy_from_slice(key);
    derived.iv.copy_from_slice(iv);
    Ok(derived)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::master_key::container::tests::documented_vector;

    fn passphrase() -> Passphrase {
        Passphrase::new(b"correct horse battery staple").unwrap()
    }

    #[test]
    fn the_documented_vector_is_written_and_read() {
        let key = MasterKey::from_bytes(&core::array::from_fn(|i| i as u8));
        let bytes = seal_with(&key, &passphrase(), 1000, [1, 2, 3, 4, 5, 6, 7, 8]).unwrap();
        assert_eq!(bytes, documented_vector(1));
        assert!(open(&bytes, &passphrase(), 1000).unwrap().ct_eq(&key));
    }

    #[test]
    fn a_wrong_passphrase_count_or_byte_never_gives_the_key() {
        let key = MasterKey::random().unwrap();
        let bytes = seal(&key, &passphrase(), 10).unwrap();
        assert!(matches!(open(&bytes, &passphrase(), 11), Err(Error::WrongOrDamaged)));
        let wrong = Passphrase::new(b"correct horse battery stable").unwrap();
        assert!(matches!(open(&bytes, &wrong, 10), Err(Error::WrongOrDamaged)));
        assert!(matches!(open(&bytes, &passphrase(), 0), Err(Error::Parameters { .. })));
        for at in 8..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << bit;
                // Unauthenticated: what decrypts to digits again is another key, but never the right one.
                if let Ok(found) = open(&changed, &passphrase(), 10) {
                    assert!(!found.ct_eq(&key) || at >= 80, "byte {at}");
                }
            }
            assert!(matches!(open(&bytes[..at], &passphrase(), 10), Err(Error::Damaged { .. })));
        }
    }
}
