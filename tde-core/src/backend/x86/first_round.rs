//! The first AES round of 256 counter blocks at once.
//!
//! Counter blocks that follow each other differ in the counter's low byte alone, 256 in a row. In the first round
//! that byte passes through one S-box into one column, whatever the other bytes are: so the state after the first
//! round is that of low byte 0 with a difference XORed in, which depends on the low byte and the key, but not on
//! prefix or upper counter. 256 such differences, made once for a long range, save every block a round in ten (or in
//! fourteen). They are walked through in order of the counter, which is no secret, and wiped afterwards.

use core::arch::x86_64::{__m128i, _mm_aesenc_si128, _mm_set_epi32, _mm_setzero_si128, _mm_xor_si128};

use zeroize::Zeroizing;

use super::aesni::counter_block;
use super::schedule::RoundKeys;

/// Ranges from this many bytes on are worth the differences. (Measured with AES-NI against OpenSSL's CTR, with and
/// without: 8 KiB 1.14 and 1.41, 16 KiB 1.15 and 1.17, 32 KiB 1.15 and 1.10, 64 KiB 1.16 and 1.07, 1 MiB 1.15 and
/// 1.03.)
pub(super) const WORTHWHILE: usize = 32 * 1024;

/// By low byte: what it changes in the state after the first round.
pub(super) type Differences = Zeroizing<[__m128i; 256]>;

/// Room for the differences, to be filled in place so that no copy is left behind.
#[target_feature(enable = "sse2")]
pub(super) fn room() -> Differences {
    Zeroizing::new([_mm_setzero_si128(); 256])
}

#[target_feature(enable = "aes")]
pub(super) fn fill(differences: &mut Differences, keys: &RoundKeys) {
    // The round key cancels out of a difference.
    let after = |low: i32| {
        let start = _mm_xor_si128(keys[0], _mm_set_epi32(low, 0, 0, 0));
        _mm_aesenc_si128(start, _mm_setzero_si128())
    };
    let of_zero = after(0);
    for (difference, low) in differences.iter_mut().zip(0..) {
        *difference = _mm_xor_si128(after(low), of_zero);
    }
}

/// The state after the first round of the block whose counter is `counter` with its low byte zero.
#[inline]
#[target_feature(enable = "aes")]
pub(super) fn of_low_zero(keys: &RoundKeys, prefix: &[u8; 12], counter: u32) -> __m128i {
    let start = _mm_xor_si128(counter_block(prefix, counter & !0xff), keys[0]);
    _mm_aesenc_si128(start, keys[1])
}
