//! AVX-512 with VAES: four blocks to a register. Encryption, where pages stand side by side, has a file of its own.

use core::arch::x86_64::{
    __m128i, __m512i, _mm_loadu_si128, _mm512_add_epi32, _mm512_aesdec_epi128, _mm512_aesdeclast_epi128,
    _mm512_aesenc_epi128, _mm512_aesenclast_epi128, _mm512_alignr_epi64, _mm512_broadcast_i32x4,
    _mm512_inserti32x4, _mm512_loadu_si512, _mm512_set_epi32, _mm512_storeu_si512, _mm512_xor_si512,
};

use aes::cipher::inout::InOutBuf;

use super::aesni;
use super::lines::Span;
use super::schedule::{AES128, AES256, RoundKeys, Schedule};
use crate::backend::Lane;
use crate::key::KeyBytes;

mod encrypt;

cpufeatures::new!(features, "aes", "sse4.1", "avx", "avx2", "avx512f", "vaes");

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

    /// Encrypts equally long pages, side by side.
    pub(crate) fn encrypt(&self, lanes: &mut [Lane<'_>]) {
        let keys = self.encryption.keys();
        // SAFETY: a `CbcKey` exists on CPUs with these instructions only.
        unsafe {
            if self.encryption.is_aes128() {
                encrypt::pages::<AES128>(keys, lanes);
            } else {
                encrypt::pages::<AES256>(keys, lanes);
            }
        }
    }

    /// Decrypts pages one after the other.
    pub(crate) fn decrypt(&self, lanes: &mut [Lane<'_>]) {
        let keys = self.decryption.keys();
        // SAFETY: a `CbcKey` exists on CPUs with these instructions only.
        unsafe {
            if self.decryption.is_aes128() {
                decrypt::<AES128>(keys, lanes);
            } else {
                decrypt::<AES256>(keys, lanes);
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
                stream::<AES128>(keys, prefix, counter, skip, data);
            } else {
                stream::<AES256>(keys, prefix, counter, skip, data);
            }
        }
    }
}

/// Registers in flight where blocks do not wait for each other. An AES round takes four cycles and two start
/// in each, so that eight fill the units.
const IN_FLIGHT: usize = 8;

/// Sixteen registers are in flight under AES-128: eight would fill the units, but leave gaps where one batch ends
/// and the next begins (16 pages of 8 KiB, beside the `aes` crate's bare blocks: 0.95 with eight, 0.98 with sixteen).
/// The round keys of AES-256 leave no room for so many (30.4 GB/s with sixteen, 34.0 with eight).
#[target_feature(enable = "aes,avx,avx2,avx512f,vaes")]
fn decrypt<const ROUNDS: usize>(keys: &RoundKeys, lanes: &mut [Lane<'_>]) {
    for lane in lanes {
        let span = Span::new(&mut lane.data);
        let mut at = 0;
        // SAFETY: the vector has 16 bytes.
        let before = unsafe { _mm_loadu_si128(lane.iv.as_ptr().cast()) };
        let before = if ROUNDS == AES128 {
            decrypt_lines::<ROUNDS, 16>(keys, &span, &mut at, before)
        } else {
            decrypt_lines::<ROUNDS, 8>(keys, &span, &mut at, before)
        };
        let before = decrypt_lines::<ROUNDS, 4>(keys, &span, &mut at, before);
        let before = decrypt_lines::<ROUNDS, 1>(keys, &span, &mut at, before);
        aesni::decrypt_blocks::<ROUNDS>(keys, &span, &mut at, before);
    }
}

/// Decrypts as many times `N` cache lines as there are from `at` on, and gives the last block of ciphertext.
#[inline]
#[target_feature(enable = "avx512f,vaes")]
fn decrypt_lines<const ROUNDS: usize, const N: usize>(
    keys: &RoundKeys,
    span: &Span,
    at: &mut usize,
    mut before: __m128i,
) -> __m128i {
    while *at + 64 * N <= span.len {
        // SAFETY: `at + 64 * N` bytes can be read.
        let read = |from: usize| unsafe { _mm512_loadu_si512(span.from.add(from).cast()) };
        let first = key(keys, 0);
        let mut state = [first; N];
        for (i, state) in state.iter_mut().enumerate() {
            *state = _mm512_xor_si512(read(*at + 64 * i), first);
        }
        // SAFETY: as before.
        let next = unsafe { _mm_loadu_si128(span.from.add(*at + 64 * N - 16).cast()) };
        for round in 1..ROUNDS {
            let key = key(keys, round);
            for state in &mut state {
                *state = _mm512_aesdec_epi128(*state, key);
            }
        }
        let last = key(keys, ROUNDS);
        // Backwards, so that the blocks before are still ciphertext when plaintext goes over them. They are
        // loaded once more rather than shifted together from what was: loads cost nothing here, while shuffles
        // would take turns with the AES units.
        for i in (0..N).rev() {
            let shifted = if i == 0 {
                let line = _mm512_inserti32x4::<3>(read(*at), before);
                _mm512_alignr_epi64::<6>(read(*at), line)
            } else {
                read(*at + 64 * i - 16)
            };
            let plaintext = _mm512_aesdeclast_epi128(state[i], _mm512_xor_si512(shifted, last));
            // SAFETY: `at + 64 * N` bytes can be written.
            unsafe { _mm512_storeu_si512(span.to.add(*at + 64 * i).cast(), plaintext) };
        }
        before = next;
        *at += 64 * N;
    }
    before
}

#[target_feature(enable = "aes,avx,avx2,avx512f,vaes")]
fn stream<const ROUNDS: usize>(
    keys: &RoundKeys,
    prefix: &[u8; 12],
    counter: u32,
    skip: usize,
    data: InOutBuf<'_, '_, u8>,
) {
    let (data, mut counter) = aesni::stream_head::<ROUNDS>(keys, prefix, counter, skip, data);
    let mut data = data;
    let span = Span::new(&mut data);
    let mut at = 0;
    stream_lines::<ROUNDS, IN_FLIGHT>(keys, prefix, &mut counter, &span, &mut at);
    stream_lines::<ROUNDS, 1>(keys, prefix, &mut counter, &span, &mut at);
    let (_, data) = data.split_at(at);
    aesni::stream_blocks::<ROUNDS>(keys, prefix, counter, data);
}

/// XORs the keystream onto as many times `N` cache lines as there are from `at` on.
#[inline]
#[target_feature(enable = "aes,avx512f,vaes")]
fn stream_lines<const ROUNDS: usize, const N: usize>(
    keys: &RoundKeys,
    prefix: &[u8; 12],
    counter: &mut u32,
    span: &Span,
    at: &mut usize,
) {
    let mut counters = _mm512_add_epi32(
        _mm512_broadcast_i32x4(aesni::counter_block(prefix, *counter)),
        _mm512_set_epi32(3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0),
    );
    let four = _mm512_set_epi32(4, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0);
    while *at + 64 * N <= span.len {
        let first = key(keys, 0);
        let mut state = [first; N];
        for state in &mut state {
            *state = _mm512_xor_si512(counters, first);
            counters = _mm512_add_epi32(counters, four);
        }
        for round in 1..ROUNDS {
            let key = key(keys, round);
            for state in &mut state {
                *state = _mm512_aesenc_epi128(*state, key);
            }
        }
        let last = key(keys, ROUNDS);
        for (i, state) in state.into_iter().enumerate() {
            // SAFETY: `at + 64 * N` bytes can be read and written.
            unsafe {
                let line = _mm512_loadu_si512(span.from.add(*at + 64 * i).cast());
                let line = _mm512_aesenclast_epi128(state, _mm512_xor_si512(line, last));
                _mm512_storeu_si512(span.to.add(*at + 64 * i).cast(), line);
            }
        }
        *at += 64 * N;
        *counter = counter.wrapping_add(4 * N as u32);
    }
}

/// A round key, once for each block of a register. Loading does it in one step.
#[inline]
#[target_feature(enable = "avx512f")]
fn key(keys: &RoundKeys, round: usize) -> __m512i {
    _mm512_broadcast_i32x4(keys[round])
}
