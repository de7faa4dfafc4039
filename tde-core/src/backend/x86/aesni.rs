//! AES-NI: one block to a register, eight pages in flight. The wider kernels call it for single pages and for
//! what does not fill their registers.

use core::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_aesdec_si128, _mm_aesdeclast_si128, _mm_aesenc_si128, _mm_aesenclast_si128,
    _mm_loadu_si128, _mm_set_epi32, _mm_setzero_si128, _mm_storeu_si128, _mm_xor_si128,
};

use aes::cipher::inout::InOutBuf;
use zeroize::Zeroizing;

use super::first_round;
use super::lines::{Pages, Span, afresh};
use super::schedule::{AES128, AES256, RoundKeys, Schedule};
use crate::backend::Lane;
use crate::key::KeyBytes;

cpufeatures::new!(features, "aes");

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
        // SAFETY: a `CbcKey` exists on CPUs with AES-NI only.
        unsafe {
            if self.encryption.is_aes128() {
                encrypt_any::<AES128>(keys, lanes);
            } else {
                encrypt_any::<AES256>(keys, lanes);
            }
        }
    }

    /// Decrypts pages one after the other.
    pub(crate) fn decrypt(&self, lanes: &mut [Lane<'_>]) {
        let keys = self.decryption.keys();
        // SAFETY: a `CbcKey` exists on CPUs with AES-NI only.
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
        // SAFETY: a `StreamKey` exists on CPUs with AES-NI only.
        unsafe {
            if self.0.is_aes128() {
                let (data, counter) = stream_head::<AES128>(keys, prefix, counter, skip, data);
                stream_blocks::<AES128>(keys, prefix, counter, data);
            } else {
                let (data, counter) = stream_head::<AES256>(keys, prefix, counter, skip, data);
                stream_blocks::<AES256>(keys, prefix, counter, data);
            }
        }
    }
}

#[target_feature(enable = "aes")]
pub(super) fn encrypt_any<const ROUNDS: usize>(keys: &RoundKeys, lanes: &mut [Lane<'_>]) {
    for lanes in lanes.chunks_mut(8) {
        match lanes.len() {
            0 => {}
            1 => encrypt_pages::<ROUNDS, 1>(keys, lanes),
            2 => encrypt_pages::<ROUNDS, 2>(keys, lanes),
            3 => encrypt_pages::<ROUNDS, 3>(keys, lanes),
            4 => encrypt_pages::<ROUNDS, 4>(keys, lanes),
            5 => encrypt_pages::<ROUNDS, 5>(keys, lanes),
            6 => encrypt_pages::<ROUNDS, 6>(keys, lanes),
            7 => encrypt_pages::<ROUNDS, 7>(keys, lanes),
            _ => encrypt_pages::<ROUNDS, 8>(keys, lanes),
        }
    }
}

/// Encrypts `N` pages side by side, block after block.
#[inline]
#[target_feature(enable = "aes")]
pub(super) fn encrypt_pages<const ROUNDS: usize, const N: usize>(keys: &RoundKeys, lanes: &mut [Lane<'_>]) {
    let pages = Pages::<N>::new(lanes);
    assert!(pages.count == N);
    if pages.len == 0 {
        return;
    }
    let both = _mm_xor_si128(keys[0], keys[ROUNDS]);
    // SAFETY: `at + 16` bytes can be read from every page.
    let read = |page: usize, at: usize| unsafe { _mm_loadu_si128(pages.from[page].add(at).cast()) };
    let mut state = [_mm_setzero_si128(); N];
    for (page, state) in state.iter_mut().enumerate() {
        // SAFETY: the vector has 16 bytes.
        let iv = unsafe { _mm_loadu_si128(pages.ivs[page].as_ptr().cast()) };
        *state = _mm_xor_si128(_mm_xor_si128(iv, read(page, 0)), keys[0]);
    }
    let mut at = 0;
    loop {
        let keys = if N == 1 { keys } else { afresh(keys) };
        for round in 1..ROUNDS {
            for state in &mut state {
                *state = _mm_aesenc_si128(*state, keys[round]);
            }
        }
        let next = at + 16;
        let more = next < pages.len;
        for (page, state) in state.iter_mut().enumerate() {
            let block = _mm_aesenclast_si128(*state, keys[ROUNDS]);
            if more {
                // The chain goes on from a second last round, whose key has the next block's plaintext and
                // first round key in it: no XOR lengthens the chain, whose latency is what limits CBC.
                let next = _mm_xor_si128(read(page, next), both);
                *state = _mm_aesenclast_si128(*state, next);
            }
            // SAFETY: `at + 16` bytes can be written to every page.
            unsafe { _mm_storeu_si128(pages.to[page].add(at).cast(), block) };
        }
        if !more {
            return;
        }
        at = next;
    }
}

/// Registers in flight where blocks do not wait for each other.
const IN_FLIGHT: usize = 8;

#[target_feature(enable = "aes")]
fn decrypt<const ROUNDS: usize>(keys: &RoundKeys, lanes: &mut [Lane<'_>]) {
    for lane in lanes {
        let span = Span::new(&mut lane.data);
        // SAFETY: the vector has 16 bytes.
        let mut before = unsafe { _mm_loadu_si128(lane.iv.as_ptr().cast()) };
        let mut at = 0;
        decrypt_many::<ROUNDS, IN_FLIGHT>(keys, &span, &mut at, &mut before);
        decrypt_blocks::<ROUNDS>(keys, &span, &mut at, before);
    }
}

/// Decrypts the few blocks that are left from `at` on, which `before` precedes.
#[inline]
#[target_feature(enable = "aes")]
pub(super) fn decrypt_blocks<const ROUNDS: usize>(
    keys: &RoundKeys,
    span: &Span,
    at: &mut usize,
    mut before: __m128i,
) {
    decrypt_many::<ROUNDS, 1>(keys, span, at, &mut before);
}

/// Decrypts as many times `N` blocks as there are from `at` on.
#[inline]
#[target_feature(enable = "aes")]
fn decrypt_many<const ROUNDS: usize, const N: usize>(
    keys: &RoundKeys,
    span: &Span,
    at: &mut usize,
    before: &mut __m128i,
) {
    while *at + 16 * N <= span.len {
        let keys = afresh(keys);
        // SAFETY: `at + 16 * N` bytes can be read.
        let read = |i: usize| unsafe { _mm_loadu_si128(span.from.add(*at + 16 * i).cast()) };
        let mut state = [*before; N];
        for (i, state) in state.iter_mut().enumerate() {
            *state = _mm_xor_si128(read(i), keys[0]);
        }
        for round in 1..ROUNDS {
            for state in &mut state {
                *state = _mm_aesdec_si128(*state, keys[round]);
            }
        }
        for (i, state) in state.into_iter().enumerate() {
            let plaintext = _mm_aesdeclast_si128(state, _mm_xor_si128(*before, keys[ROUNDS]));
            *before = read(i);
            // SAFETY: `at + 16 * N` bytes can be written; this block was read before.
            unsafe { _mm_storeu_si128(span.to.add(*at + 16 * i).cast(), plaintext) };
        }
        *at += 16 * N;
    }
}

/// XORs what is left of a block of which `skip` bytes are used up, and gives what remains with its counter.
#[inline]
#[target_feature(enable = "aes")]
pub(super) fn stream_head<'i, 'o, const ROUNDS: usize>(
    keys: &RoundKeys,
    prefix: &[u8; 12],
    counter: u32,
    skip: usize,
    data: InOutBuf<'i, 'o, u8>,
) -> (InOutBuf<'i, 'o, u8>, u32) {
    if skip == 0 {
        return (data, counter);
    }
    let len = data.len().min(16 - skip);
    let (mut head, rest) = data.split_at(len);
    let stream = stream_block::<ROUNDS>(keys, prefix, counter);
    head.xor_in2out(&stream[skip..skip + len]);
    (rest, counter.wrapping_add(1))
}

/// XORs the keystream from a whole block on.
#[inline]
#[target_feature(enable = "aes")]
pub(super) fn stream_blocks<const ROUNDS: usize>(
    keys: &RoundKeys,
    prefix: &[u8; 12],
    mut counter: u32,
    mut data: InOutBuf<'_, '_, u8>,
) {
    let span = Span::new(&mut data);
    let mut at = 0;
    if span.len >= first_round::WORTHWHILE {
        stream_long::<ROUNDS>(keys, prefix, &mut counter, &span, &mut at);
    }
    stream_many::<ROUNDS, IN_FLIGHT>(keys, prefix, &mut counter, &span, &mut at);
    stream_many::<ROUNDS, 1>(keys, prefix, &mut counter, &span, &mut at);
    let (_, mut tail) = data.split_at(at);
    if !tail.is_empty() {
        let stream = stream_block::<ROUNDS>(keys, prefix, counter);
        let len = tail.len();
        tail.xor_in2out(&stream[..len]);
    }
}

/// XORs the keystream onto a long range without its last blocks, by first rounds made beforehand.
#[inline(never)]
#[target_feature(enable = "aes")]
fn stream_long<const ROUNDS: usize>(
    keys: &RoundKeys,
    prefix: &[u8; 12],
    counter: &mut u32,
    span: &Span,
    at: &mut usize,
) {
    let mut differences = first_round::room();
    first_round::fill(&mut differences, keys);
    let (groups, _) = differences.as_chunks::<IN_FLIGHT>();
    // Up to a counter from which on the groups are aligned.
    let unaligned = (counter.wrapping_neg() as usize) % IN_FLIGHT;
    stream_many::<ROUNDS, 1>(keys, prefix, counter, &span.up_to(*at + 16 * unaligned), at);
    let mut low_zero = first_round::of_low_zero(keys, prefix, *counter);
    while *at + 16 * IN_FLIGHT <= span.len {
        let keys = afresh(keys);
        let low = (*counter & 0xff) as usize;
        if low == 0 {
            low_zero = first_round::of_low_zero(keys, prefix, *counter);
        }
        let mut state = groups[low / IN_FLIGHT];
        for state in &mut state {
            *state = _mm_xor_si128(*state, low_zero);
        }
        for round in 2..ROUNDS {
            for state in &mut state {
                *state = _mm_aesenc_si128(*state, keys[round]);
            }
        }
        for (i, state) in state.into_iter().enumerate() {
            // SAFETY: `at + 16 * IN_FLIGHT` bytes can be read and written.
            unsafe {
                let block = _mm_loadu_si128(span.from.add(*at + 16 * i).cast());
                let block = _mm_aesenclast_si128(state, _mm_xor_si128(block, keys[ROUNDS]));
                _mm_storeu_si128(span.to.add(*at + 16 * i).cast(), block);
            }
        }
        *at += 16 * IN_FLIGHT;
        *counter = counter.wrapping_add(IN_FLIGHT as u32);
    }
}

/// XORs the keystream onto as many times `N` blocks as there are from `at` on.
#[inline]
#[target_feature(enable = "aes")]
fn stream_many<const ROUNDS: usize, const N: usize>(
    keys: &RoundKeys,
    prefix: &[u8; 12],
    counter: &mut u32,
    span: &Span,
    at: &mut usize,
) {
    let one = _mm_set_epi32(1, 0, 0, 0);
    let mut counters = counter_block(prefix, *counter);
    while *at + 16 * N <= span.len {
        let keys = afresh(keys);
        let mut state = [one; N];
        for state in &mut state {
            *state = _mm_xor_si128(counters, keys[0]);
            counters = _mm_add_epi32(counters, one);
        }
        for round in 1..ROUNDS {
            for state in &mut state {
                *state = _mm_aesenc_si128(*state, keys[round]);
            }
        }
        for (i, state) in state.into_iter().enumerate() {
            // SAFETY: `at + 16 * N` bytes can be read and written.
            unsafe {
                let block = _mm_loadu_si128(span.from.add(*at + 16 * i).cast());
                let block = _mm_aesenclast_si128(state, _mm_xor_si128(block, keys[ROUNDS]));
                _mm_storeu_si128(span.to.add(*at + 16 * i).cast(), block);
            }
        }
        *at += 16 * N;
        *counter = counter.wrapping_add(N as u32);
    }
}

/// The prefix, then the counter as four little-endian bytes.
#[inline]
#[target_feature(enable = "sse2")]
pub(super) fn counter_block(prefix: &[u8; 12], counter: u32) -> __m128i {
    let mut block = [0; 16];
    block[..12].copy_from_slice(prefix);
    block[12..].copy_from_slice(&counter.to_le_bytes());
    // SAFETY: the block has 16 bytes.
    unsafe { _mm_loadu_si128(block.as_ptr().cast()) }
}

/// One block of the keystream, for the bytes that do not fill one.
#[inline]
#[target_feature(enable = "aes")]
fn stream_block<const ROUNDS: usize>(
    keys: &RoundKeys,
    prefix: &[u8; 12],
    counter: u32,
) -> Zeroizing<[u8; 16]> {
    let mut state = _mm_xor_si128(counter_block(prefix, counter), keys[0]);
    for round in 1..ROUNDS {
        state = _mm_aesenc_si128(state, keys[round]);
    }
    state = _mm_aesenclast_si128(state, keys[ROUNDS]);
    let mut block = Zeroizing::new([0; 16]);
    // SAFETY: the block has 16 bytes.
    unsafe { _mm_storeu_si128(block.as_mut_ptr().cast(), state) };
    block
}
