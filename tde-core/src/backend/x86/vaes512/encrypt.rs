//! CBC encryption of up to 32 pages side by side.
//!
//! A register holds four pages, block b of each. Memory is touched a cache line at a time: 64 bytes of four pages are
//! loaded, transposed in registers into four registers of one block of each page, taken through four chained steps,
//! transposed back and stored. (Pages at a stride of 8 KiB fall into one set of the first-level cache; a second touch
//! of a line would find it gone.)

use core::arch::asm;
use core::arch::x86_64::{
    __m128i, __m512i, _mm_loadu_si128, _mm_storeu_si128, _mm512_aesenc_epi128, _mm512_aesenclast_epi128,
    _mm512_castsi128_si512, _mm512_extracti32x4_epi32, _mm512_inserti32x4, _mm512_loadu_si512,
    _mm512_setzero_si512, _mm512_shuffle_i64x2, _mm512_storeu_si512, _mm512_ternarylogic_epi64,
    _mm512_xor_si512,
};

use super::super::aesni;
use super::super::lines::{Pages, afresh};
use super::super::schedule::RoundKeys;
use super::key;
use crate::backend::Lane;

#[target_feature(enable = "aes,avx,avx2,avx512f,vaes")]
pub(super) fn pages<const ROUNDS: usize>(keys: &RoundKeys, lanes: &mut [Lane<'_>]) {
    let long = lanes.first().is_some_and(|lane| lane.data.len() >= SKEWED_LEN);
    match lanes.len() {
        0 => {}
        // One chain gains nothing from wide registers.
        1 => aesni::encrypt_pages::<ROUNDS, 1>(keys, lanes),
        2..=4 => encrypt_groups::<ROUNDS, 1>(keys, lanes),
        5..=8 => encrypt_groups::<ROUNDS, 2>(keys, lanes),
        9..=12 => encrypt_groups::<ROUNDS, 3>(keys, lanes),
        13..=16 => encrypt_groups::<ROUNDS, 4>(keys, lanes),
        17..=24 if long => encrypt_skewed::<ROUNDS, 6>(keys, lanes),
        25..=32 if long => encrypt_skewed::<ROUNDS, 8>(keys, lanes),
        count => {
            let (now, later) = lanes.split_at_mut(count.div_ceil(2).min(16));
            pages::<ROUNDS>(keys, now);
            pages::<ROUNDS>(keys, later);
        }
    }
}

/// Encrypts up to four groups of four pages, the last of which may have fewer.
#[inline(never)]
#[target_feature(enable = "avx512f,vaes")]
fn encrypt_groups<const ROUNDS: usize, const GROUPS: usize>(keys: &RoundKeys, lanes: &mut [Lane<'_>]) {
    let pages = Pages::<16>::new(lanes);
    let mut chained = load_vectors::<16, GROUPS>(&pages);
    let mut at = 0;
    while at + 64 <= pages.len {
        encrypt_lines::<ROUNDS, 16, GROUPS, 0>(keys, &pages, 0, at, &mut chained);
        at += 64;
    }
    encrypt_rest::<ROUNDS, 16>(keys, &pages, at, &mut chained);
}

/// How many bytes a pair of groups is behind the pair before it. Two lines: with one, loads catch up with stores to
/// the same place in other pages, which the CPU tells apart by the lower address bits only (32 pages of 8 KiB: 27.3
/// GB/s with one line, 28.2 with two, 27.9 with four; without any, 16).
const LAG: usize = 64 * 2;

/// From this page size on more than 16 pages are encrypted at once; before, getting started takes more than is won.
const SKEWED_LEN: usize = 2048;

/// Encrypts six or eight groups of four pages, of which the last may have fewer or none.
///
/// So many pages at once keep the AES units busier than the latency of 16 chains allows, but their lines no longer
/// fit one set of the first-level cache. So the groups work at different lines, each pair of them one line behind
/// the pair before, which leaves eight lines to a set at a time.
#[inline(never)]
#[target_feature(enable = "avx512f,vaes")]
fn encrypt_skewed<const ROUNDS: usize, const GROUPS: usize>(keys: &RoundKeys, lanes: &mut [Lane<'_>]) {
    let pages = Pages::<32>::new(lanes);
    let mut chained = load_vectors::<32, GROUPS>(&pages);
    let whole = pages.len / 64 * 64;
    // How far the last pair is behind the first.
    let behind = LAG * (GROUPS / 2 - 1);
    let mut at = 0;
    while at < behind.min(whole) {
        part::<ROUNDS, GROUPS>(keys, &pages, 0, at / LAG + 1, at, &mut chained);
        at += 64;
    }
    while at < whole {
        encrypt_lines::<ROUNDS, 32, GROUPS, LAG>(keys, &pages, 0, at, &mut chained);
        at += 64;
    }
    while at < whole + behind {
        let first = (at - whole) / LAG + 1;
        part::<ROUNDS, GROUPS>(keys, &pages, first, GROUPS / 2, at, &mut chained);
        at += 64;
    }
    encrypt_rest::<ROUNDS, 32>(keys, &pages, whole, &mut chained);
}

/// The pairs of groups from `first` up to but without `end` take their lines at time `at`.
#[inline]
#[target_feature(enable = "avx512f,vaes")]
fn part<const ROUNDS: usize, const GROUPS: usize>(
    keys: &RoundKeys,
    pages: &Pages<32>,
    first: usize,
    end: usize,
    at: usize,
    chained: &mut [__m512i; GROUPS],
) {
    let group = 2 * first;
    let chained = &mut chained[group..2 * end];
    if let Ok(chained) = <&mut [_; 2]>::try_from(&mut *chained) {
        encrypt_lines::<ROUNDS, 32, 2, LAG>(keys, pages, group, at, chained);
    } else if let Ok(chained) = <&mut [_; 4]>::try_from(&mut *chained) {
        encrypt_lines::<ROUNDS, 32, 4, LAG>(keys, pages, group, at, chained);
    } else if let Ok(chained) = <&mut [_; 6]>::try_from(chained) {
        encrypt_lines::<ROUNDS, 32, 6, LAG>(keys, pages, group, at, chained);
    }
}

/// The vectors of all pages, four to a register.
#[inline]
#[target_feature(enable = "avx512f")]
fn load_vectors<const PAGES: usize, const GROUPS: usize>(pages: &Pages<PAGES>) -> [__m512i; GROUPS] {
    let mut vectors = [_mm512_setzero_si512(); GROUPS];
    for (group, vectors) in vectors.iter_mut().enumerate() {
        // SAFETY: four vectors of 16 bytes each stand here, or slicing panics.
        *vectors = unsafe { _mm512_loadu_si512(pages.ivs[4 * group..4 * group + 4].as_ptr().cast()) };
    }
    vectors
}

/// Encrypts one cache line of each page of `GROUPS` groups from group `first` on: the line at `at`, less `SKEW`
/// for every pair of groups before.
#[inline]
#[target_feature(enable = "avx512f,vaes")]
fn encrypt_lines<const ROUNDS: usize, const PAGES: usize, const GROUPS: usize, const SKEW: usize>(
    keys: &RoundKeys,
    pages: &Pages<PAGES>,
    first_group: usize,
    at: usize,
    chained: &mut [__m512i; GROUPS],
) {
    let at = |group: usize| at - (first_group + group) / 2 * SKEW;
    let keys = afresh(keys);
    let (first, last) = (key(keys, 0), key(keys, ROUNDS));
    let both = _mm512_xor_si512(first, last);
    let mut x = [[first; 4]; GROUPS];
    for group in 0..GROUPS {
        let mut lines = [first; 4];
        for (i, line) in lines.iter_mut().enumerate() {
            let from = pages.from[4 * (first_group + group) + i];
            // SAFETY: the caller sees to it that `at + 64` bytes can be read from every page.
            *line = unsafe { _mm512_loadu_si512(from.add(at(group)).cast()) };
        }
        x[group] = transpose(lines);
        chained[group] = xor3(chained[group], x[group][0], first);
        // The last round key of a block and the first of the next are XORed to the next block's plaintext
        // beforehand, so that `aesenclast` makes the next block's start in one step: that takes the XORs out of
        // the chain, whose latency is what limits CBC.
        for block in 1..4 {
            x[group][block] = _mm512_xor_si512(x[group][block], both);
        }
    }
    // Written out, since a loop over blocks is not always unrolled, and `x` must stay in registers.
    chain::<ROUNDS, GROUPS, 0>(keys, last, chained, &mut x);
    chain::<ROUNDS, GROUPS, 1>(keys, last, chained, &mut x);
    chain::<ROUNDS, GROUPS, 2>(keys, last, chained, &mut x);
    chain::<ROUNDS, GROUPS, 3>(keys, last, chained, &mut x);
    for group in 0..GROUPS {
        for (i, line) in transpose(x[group]).into_iter().enumerate() {
            let page = 4 * (first_group + group) + i;
            // Only the last groups may lack pages.
            if (SKEW == 0 && group + 1 < GROUPS) || page < pages.count {
                // SAFETY: the caller sees to it that `at + 64` bytes can be written to every page that is there.
                unsafe { _mm512_storeu_si512(pages.to[page].add(at(group)).cast(), line) };
            }
        }
    }
}

/// Encrypts the up to three blocks of each page that do not fill a cache line.
#[inline]
#[target_feature(enable = "avx512f,vaes")]
fn encrypt_rest<const ROUNDS: usize, const PAGES: usize>(
    keys: &RoundKeys,
    pages: &Pages<PAGES>,
    mut at: usize,
    chained: &mut [__m512i],
) {
    while at < pages.len {
        for (group, chained) in chained.iter_mut().enumerate() {
            // SAFETY: `at + 16` bytes can be read from every page, since lengths are multiples of 16.
            let block = |i: usize| unsafe { _mm_loadu_si128(pages.from[4 * group + i].add(at).cast()) };
            let blocks = four(block(0), block(1), block(2), block(3));
            *chained = encrypt_once::<ROUNDS>(keys, _mm512_xor_si512(*chained, blocks));
            for (i, block) in apart(*chained).into_iter().enumerate() {
                if 4 * group + i < pages.count {
                    // SAFETY: `at + 16` bytes can be written to every page that is there.
                    unsafe { _mm_storeu_si128(pages.to[4 * group + i].add(at).cast(), block) };
                }
            }
        }
        at += 16;
    }
}

/// Takes block `BLOCK` of each page through the cipher, from its start in `chained`, and leaves the next block's
/// start there (after the last block of a line, the block itself). The plaintext in `x` is replaced.
#[inline]
#[target_feature(enable = "avx512f,vaes")]
fn chain<const ROUNDS: usize, const GROUPS: usize, const BLOCK: usize>(
    keys: &RoundKeys,
    last: __m512i,
    chained: &mut [__m512i; GROUPS],
    x: &mut [[__m512i; 4]; GROUPS],
) {
    let keys = afresh(keys);
    for round in 1..ROUNDS {
        let key = key(keys, round);
        for chained in chained.iter_mut() {
            *chained = _mm512_aesenc_epi128(*chained, key);
        }
    }
    for (chained, x) in chained.iter_mut().zip(x) {
        if BLOCK < 3 {
            let next = x[BLOCK + 1];
            *chained = _mm512_aesenclast_epi128(*chained, next);
            if GROUPS > 4 {
                *chained = pin(*chained);
            }
            x[BLOCK] = xor3(*chained, next, last);
        } else {
            *chained = _mm512_aesenclast_epi128(*chained, last);
            if GROUPS > 4 {
                *chained = pin(*chained);
            }
            x[BLOCK] = *chained;
        }
    }
}

/// Keeps the optimiser from computing this later than here. It would put off the rounds of the groups whose stores
/// are conditional until after the condition, one group after the other, and park round keys on the stack meanwhile.
#[inline]
#[target_feature(enable = "avx512f")]
fn pin(mut x: __m512i) -> __m512i {
    // SAFETY: the assembly is empty: it leaves the register as it was and touches nothing else.
    unsafe { asm!("/* {0} */", inout(zmm_reg) x, options(nomem, nostack, preserves_flags)) };
    x
}

/// AES of four blocks.
#[inline]
#[target_feature(enable = "avx512f,vaes")]
fn encrypt_once<const ROUNDS: usize>(keys: &RoundKeys, blocks: __m512i) -> __m512i {
    let mut state = _mm512_xor_si512(blocks, key(keys, 0));
    for round in 1..ROUNDS {
        state = _mm512_aesenc_epi128(state, key(keys, round));
    }
    _mm512_aesenclast_epi128(state, key(keys, ROUNDS))
}

/// Turns four registers of one page's blocks each into four registers of one block of each page, and back.
#[inline]
#[target_feature(enable = "avx512f")]
fn transpose(x: [__m512i; 4]) -> [__m512i; 4] {
    let low01 = _mm512_shuffle_i64x2::<0x44>(x[0], x[1]);
    let high01 = _mm512_shuffle_i64x2::<0xee>(x[0], x[1]);
    let low23 = _mm512_shuffle_i64x2::<0x44>(x[2], x[3]);
    let high23 = _mm512_shuffle_i64x2::<0xee>(x[2], x[3]);
    [
        _mm512_shuffle_i64x2::<0x88>(low01, low23),
        _mm512_shuffle_i64x2::<0xdd>(low01, low23),
        _mm512_shuffle_i64x2::<0x88>(high01, high23),
        _mm512_shuffle_i64x2::<0xdd>(high01, high23),
    ]
}

#[inline]
#[target_feature(enable = "avx512f")]
fn xor3(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
    _mm512_ternarylogic_epi64::<0x96>(a, b, c)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn four(a: __m128i, b: __m128i, c: __m128i, d: __m128i) -> __m512i {
    let two = _mm512_inserti32x4::<1>(_mm512_castsi128_si512(a), b);
    _mm512_inserti32x4::<3>(_mm512_inserti32x4::<2>(two, c), d)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn apart(x: __m512i) -> [__m128i; 4] {
    [
        _mm512_extracti32x4_epi32::<0>(x),
        _mm512_extracti32x4_epi32::<1>(x),
        _mm512_extracti32x4_epi32::<2>(x),
        _mm512_extracti32x4_epi32::<3>(x),
    ]
}
