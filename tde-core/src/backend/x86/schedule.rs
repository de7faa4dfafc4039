//! Key expansion (FIPS 197, section 5.2) by AES-NI instructions: no look-up table is indexed by a secret.

use core::arch::x86_64::{
    __m128i, _mm_aesimc_si128, _mm_aeskeygenassist_si128, _mm_loadu_si128, _mm_setzero_si128,
    _mm_shuffle_epi32, _mm_slli_si128, _mm_xor_si128,
};

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::key::KeyBytes;

/// Round keys in the order of their use. AES-128 uses 11 of them, AES-256 all.
pub(super) type RoundKeys = [__m128i; 15];

/// The rounds of AES-128 and of AES-256.
pub(super) const AES128: usize = 10;
pub(super) const AES256: usize = 14;

/// The round keys of one direction, wiped on drop.
pub(super) struct Schedule {
    keys: RoundKeys,
    rounds: usize,
}

impl Schedule {
    /// Round keys for encryption.
    #[target_feature(enable = "aes")]
    pub(super) fn encryption(key: &KeyBytes) -> Self {
        let mut schedule = Self { keys: [_mm_setzero_si128(); 15], rounds: AES256 };
        match key {
            KeyBytes::Aes128(key) => {
                schedule.rounds = AES128;
                expand_128(&mut schedule.keys, load(key));
            }
            KeyBytes::Aes256(key) => {
                let [low, high] = halves(key);
                expand_256(&mut schedule.keys, load(low), load(high));
            }
        }
        schedule
    }

    /// Round keys for decryption by the equivalent inverse cipher (FIPS 197, section 5.3.5).
    #[target_feature(enable = "aes")]
    pub(super) fn decryption(encryption: &Self) -> Self {
        let rounds = encryption.rounds;
        let mut schedule = Self { keys: [_mm_setzero_si128(); 15], rounds };
        for (i, key) in schedule.keys[..=rounds].iter_mut().enumerate() {
            let from = encryption.keys[rounds - i];
            *key = if i == 0 || i == rounds { from } else { _mm_aesimc_si128(from) };
        }
        schedule
    }

    pub(super) fn keys(&self) -> &RoundKeys {
        &self.keys
    }

    pub(super) fn is_aes128(&self) -> bool {
        self.rounds == AES128
    }
}

impl Drop for Schedule {
    fn drop(&mut self) {
        self.keys.zeroize();
    }
}

impl ZeroizeOnDrop for Schedule {}

#[target_feature(enable = "aes")]
fn expand_128(keys: &mut RoundKeys, key: __m128i) {
    /// One step: the next round key from the last, with its round constant.
    macro_rules! next {
        ($at:literal, $constant:literal) => {
            let last = keys[$at - 1];
            let word = _mm_shuffle_epi32::<0xff>(_mm_aeskeygenassist_si128::<$constant>(last));
            keys[$at] = _mm_xor_si128(running_xor(last), word);
        };
    }
    keys[0] = key;
    next!(1, 0x01);
    next!(2, 0x02);
    next!(3, 0x04);
    next!(4, 0x08);
    next!(5, 0x10);
    next!(6, 0x20);
    next!(7, 0x40);
    next!(8, 0x80);
    next!(9, 0x1b);
    next!(10, 0x36);
}

#[target_feature(enable = "aes")]
fn expand_256(keys: &mut RoundKeys, low: __m128i, high: __m128i) {
    /// The even round keys take a rotated word and a round constant, the odd ones neither.
    macro_rules! next {
        ($at:literal, $constant:literal, $word:literal) => {
            let assist = _mm_aeskeygenassist_si128::<$constant>(keys[$at - 1]);
            let word = _mm_shuffle_epi32::<$word>(assist);
            keys[$at] = _mm_xor_si128(running_xor(keys[$at - 2]), word);
        };
    }
    keys[0] = low;
    keys[1] = high;
    next!(2, 0x01, 0xff);
    next!(3, 0x00, 0xaa);
    next!(4, 0x02, 0xff);
    next!(5, 0x00, 0xaa);
    next!(6, 0x04, 0xff);
    next!(7, 0x00, 0xaa);
    next!(8, 0x08, 0xff);
    next!(9, 0x00, 0xaa);
    next!(10, 0x10, 0xff);
    next!(11, 0x00, 0xaa);
    next!(12, 0x20, 0xff);
    next!(13, 0x00, 0xaa);
    next!(14, 0x40, 0xff);
}

/// Each 32-bit word XORed with all words below it.
#[target_feature(enable = "sse2")]
fn running_xor(words: __m128i) -> __m128i {
    let words = _mm_xor_si128(words, _mm_slli_si128::<4>(words));
    _mm_xor_si128(words, _mm_slli_si128::<8>(words))
}

#[target_feature(enable = "sse2")]
fn load(bytes: &[u8; 16]) -> __m128i {
    // SAFETY: `_mm_loadu_si128` reads 16 bytes at any alignment, and the reference is to 16 bytes.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

fn halves(key: &[u8; 32]) -> [&[u8; 16]; 2] {
    let (blocks, _) = key.as_chunks::<16>();
    [&blocks[0], &blocks[1]]
}

#[cfg(test)]
mod tests {
    use core::mem::ManuallyDrop;

    use super::Schedule;
    use crate::{BaseIv, Cipher, InternalKey, PrincipalKey};

    /// Drops a value in its place and hands the place back, to be looked at.
    fn dropped<T>(value: T) -> ManuallyDrop<T> {
        let mut place = ManuallyDrop::new(value);
        // SAFETY: the value is dropped once. What is read of it afterwards is memory that it owned by itself: plain
        // integers, without a pointer to anything that was freed.
        unsafe { ManuallyDrop::drop(&mut place) };
        place
    }

    fn words(schedule: &Schedule) -> [u128; 15] {
        // SAFETY: both types are 16 bytes of any value.
        schedule.keys.map(|key| unsafe { core::mem::transmute::<core::arch::x86_64::__m128i, u128>(key) })
    }

    #[test]
    fn round_keys_are_gone_after_drop() {
        if !super::super::aesni::is_available() {
            return;
        }
        for (cipher, used) in [(Cipher::Aes128, 11), (Cipher::Aes256, 15)] {
            let key =
                InternalKey::from_slice(cipher, &[7; 32][..cipher.key_len()], BaseIv::new([0; 16])).unwrap();
            // SAFETY: the CPU has AES-NI, as was just found.
            let encryption = unsafe { Schedule::encryption(key.key()) };
            // SAFETY: as before.
            let decryption = unsafe { Schedule::decryption(&encryption) };
            for schedule in [encryption, decryption] {
                assert_eq!(words(&schedule).iter().filter(|key| **key != 0).count(), used);
                assert_eq!(words(&dropped(schedule)), [0; 15]);
            }
        }
    }

    #[test]
    fn keys_are_gone_after_drop() {
        for len in [16, 32] {
            let key = dropped(PrincipalKey::from_slice(&[7; 32][..len]).unwrap());
            assert!(key.expose_bytes().iter().all(|byte| *byte == 0));
            let cipher = Cipher::from_key_len(len).unwrap();
            let key =
                dropped(InternalKey::from_slice(cipher, &[7; 32][..len], BaseIv::new([0; 16])).unwrap());
            assert!(key.expose_bytes().iter().all(|byte| *byte == 0));
        }
    }
}
