//! Every backend against the portable path, which is the specification, on random input.

use proptest::prelude::*;
use tde_core::{
    Backend, BlockNumber, Fork, InternalKey, Keystream, KeystreamPrefix, Page, PageCipher, PagePair,
    PageRead, PageSize, is_never_written,
};

use super::support::{counting, each_backend, internal_key};

const FORKS: [Fork; 4] = [Fork::Main, Fork::Fsm, Fork::Vm, Fork::Init];

fn portable(key: &InternalKey) -> PageCipher {
    PageCipher::with_backend(key, Backend::Portable).unwrap()
}

/// Bytes without a pattern, from a seed.
fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        // A multiplicative generator (Knuth's constant) is random enough to tell bytes apart.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bytes.extend_from_slice(&(state ^ (state >> 29)).to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

fn any_key() -> impl Strategy<Value = (Vec<u8>, [u8; 16])> {
    let key = prop_oneof![prop::collection::vec(any::<u8>(), 16), prop::collection::vec(any::<u8>(), 32)];
    (key, any::<[u8; 16]>())
}

/// Multiples of 16: often small, often PostgreSQL's, and others up to 32768.
fn any_page_size() -> impl Strategy<Value = usize> {
    prop_oneof![
        4 => (1..=20_usize).prop_map(|blocks| 16 * blocks),
        2 => (0..=5_u32).prop_map(|power| 1024 << power),
        1 => (1..=2048_usize).prop_map(|blocks| 16 * blocks),
    ]
}

/// First blocks that leave room for 40 pages, often hard against the end.
fn any_first() -> impl Strategy<Value = u32> {
    prop_oneof![0..=u32::MAX - 40, u32::MAX - 45..=u32::MAX - 39]
}

/// The blocks from `first` on. The last there is ends nothing: nobody asks for the one after it.
fn blocks(first: u32) -> impl Iterator<Item = BlockNumber> {
    (0..).map(move |page| BlockNumber::new(first.wrapping_add(page)))
}

/// Page by page through the portable path.
fn expected(key: &InternalKey, size: usize, fork: Fork, first: u32, pages: &[u8]) -> Vec<u8> {
    let cipher = portable(key);
    let mut expected = pages.to_vec();
    for (page, block) in expected.chunks_mut(size).zip(blocks(first)) {
        cipher.encrypt_page(fork, block, page).unwrap();
    }
    expected
}

/// All multi-page calls of one backend, in place and not, runs and scattered, with `skew` bytes of misalignment.
fn check_pages(
    cipher: &PageCipher,
    size: usize,
    fork: Fork,
    first: u32,
    plaintext: &[u8],
    ciphertext: &[u8],
    skew: usize,
) {
    let backend = cipher.backend();
    let page_size = PageSize::new(size).unwrap();
    let block = BlockNumber::new(first);
    let shared = plaintext.to_vec();
    let aside = |bytes: &[u8]| [&vec![0x77; skew], bytes].concat();

    let mut run = aside(plaintext);
    cipher.encrypt_pages(page_size, fork, block, &mut run[skew..]).unwrap();
    assert_eq!(&run[skew..], ciphertext, "{backend}: a run");
    cipher.decrypt_pages(page_size, fork, block, &mut run[skew..]).unwrap();
    assert_eq!(&run[skew..], plaintext, "{backend}: a run, back");

    let mut out = aside(&vec![0x5a; plaintext.len()]);
    cipher.encrypt_pages_to(page_size, fork, block, &shared, &mut out[skew..]).unwrap();
    assert_eq!(&out[skew..], ciphertext, "{backend}: a run to a buffer");
    assert_eq!(shared, plaintext, "{backend}: the source is not changed");
    let stored = out.clone();
    cipher.decrypt_pages_to(page_size, fork, block, &stored[skew..], &mut out[skew..]).unwrap();
    assert_eq!(&out[skew..], plaintext, "{backend}: a run to a buffer, back");
    assert!(out[..skew].iter().all(|byte| *byte == 0x77), "{backend}: bytes before the buffer");

    // Scattered, in an order of its own: backwards.
    let mut scattered = plaintext.to_vec();
    let mut pages: Vec<Page<'_>> = scattered
        .chunks_mut(size)
        .zip(blocks(first))
        .map(|(data, block)| Page { fork, block, data })
        .collect();
    pages.reverse();
    cipher.encrypt_scattered(&mut pages).unwrap();
    drop(pages);
    assert_eq!(scattered, ciphertext, "{backend}: scattered");
    let mut pages: Vec<Page<'_>> = scattered
        .chunks_mut(size)
        .zip(blocks(first))
        .map(|(data, block)| Page { fork, block, data })
        .collect();
    cipher.decrypt_scattered(&mut pages).unwrap();
    drop(pages);
    assert_eq!(scattered, plaintext, "{backend}: scattered, back");

    let mut out = vec![0x5a; plaintext.len()];
    let mut pages: Vec<PagePair<'_>> = out
        .chunks_mut(size)
        .zip(shared.chunks(size))
        .zip(blocks(first))
        .map(|((to, from), block)| PagePair { fork, block, from, to })
        .collect();
    cipher.encrypt_scattered_to(&mut pages).unwrap();
    drop(pages);
    assert_eq!(out, ciphertext, "{backend}: scattered to buffers");
    assert_eq!(shared, plaintext, "{backend}: the sources are not changed");
}

#[test]
fn every_number_of_pages_to_40_is_encrypted_the_same_by_all_backends() {
    for key in [&noise(3, 16), &noise(4, 32)] {
        let key = internal_key(key, counting(5));
        // Sizes with every number of blocks left over from a cache line.
        for size in [16, 32, 48, 64, 80, 128 + 16, 256 + 32, 512 + 48, 1024] {
            for count in 0..=40 {
                let plaintext = noise(count as u64 + 77, size * count);
                let ciphertext = expected(&key, size, Fork::Fsm, 9, &plaintext);
                each_backend(|backend| {
                    let cipher = PageCipher::with_backend(&key, backend).unwrap();
                    check_pages(&cipher, size, Fork::Fsm, 9, &plaintext, &ciphertext, 0);
                });
            }
        }
    }
}

#[test]
fn scattered_pages_of_mixed_lengths_and_forks_are_each_their_own() {
    let sizes = [64, 64, 64, 16, 16, 8192, 8192, 64, 48, 48, 48, 48, 48, 32_768, 16];
    for key in [&noise(3, 16), &noise(4, 32)] {
        let key = internal_key(key, counting(5));
        let plaintext: Vec<Vec<u8>> = sizes.iter().map(|size| noise(*size as u64, *size)).collect();
        let place = |i: usize| (FORKS[i % 4], BlockNumber::new(u32::MAX - i as u32));
        let mut expected = plaintext.clone();
        for (i, page) in expected.iter_mut().enumerate() {
            portable(&key).encrypt_page(place(i).0, place(i).1, page).unwrap();
        }
        each_backend(|backend| {
            let cipher = PageCipher::with_backend(&key, backend).unwrap();
            let mut pages = plaintext.clone();
            let mut list: Vec<Page<'_>> = pages
                .iter_mut()
                .enumerate()
                .map(|(i, data)| Page { fork: place(i).0, block: place(i).1, data })
                .collect();
            cipher.encrypt_scattered(&mut list).unwrap();
            drop(list);
            assert_eq!(pages, expected, "{backend}");
        });
    }
}

#[test]
fn every_offset_in_a_cache_line_gets_the_same_keystream_from_all_backends() {
    for key in [&noise(3, 16), &noise(4, 32)] {
        let key = internal_key(key, counting(5));
        let specification = Keystream::with_backend(&key, Backend::Portable).unwrap();
        let prefix = KeystreamPrefix::new(counting(1));
        // The counter's low bytes carry over within this.
        let start = 16 * 0xff00;
        let mut whole = vec![0; 16 * 0x300];
        specification.apply(&prefix, start, &mut whole).unwrap();
        each_backend(|backend| {
            let stream = Keystream::with_backend(&key, backend).unwrap();
            for offset in 0..130 {
                for len in (0..66).chain([127, 128, 129, 511, 512, 513, 575, 640, 1024, 1500, 9000]) {
                    let mut buf = vec![0; len];
                    stream.apply(&prefix, start + offset as u64, &mut buf).unwrap();
                    assert!(buf == whole[offset..offset + len], "{backend}: {len} bytes at {offset}");
                }
            }
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn pages_are_the_same_through_all_backends(
        (key, iv) in any_key(),
        size in any_page_size(),
        count in 0..=40_usize,
        fork in 0..4_usize,
        first in any_first(),
        seed: u64,
        skew in 0..64_usize,
    ) {
        let key = internal_key(&key, iv);
        let plaintext = noise(seed, size * count);
        let ciphertext = expected(&key, size, FORKS[fork], first, &plaintext);
        each_backend(|backend| {
            let cipher = PageCipher::with_backend(&key, backend).unwrap();
            check_pages(&cipher, size, FORKS[fork], first, &plaintext, &ciphertext, skew);
        });
    }

    #[test]
    fn stored_pages_read_the_same_through_all_backends(
        (key, iv) in any_key(),
        size in any_page_size(),
        zeros in 0..=64_usize,
        block: u32,
        seed: u64,
    ) {
        let key = internal_key(&key, iv);
        let mut stored = noise(seed, size);
        let zeros = zeros.min(size);
        stored[..zeros].fill(0);
        let mut expected = stored.clone();
        let read = portable(&key).decrypt_page(Fork::Vm, BlockNumber::new(block), &mut expected).unwrap();
        prop_assert_eq!(read == PageRead::NeverWritten, is_never_written(&stored));
        prop_assert_eq!(read == PageRead::NeverWritten, expected == stored);
        each_backend(|backend| {
            let cipher = PageCipher::with_backend(&key, backend).unwrap();
            let mut out = vec![0x5a; size];
            let found = cipher.decrypt_page_to(Fork::Vm, BlockNumber::new(block), &stored, &mut out).unwrap();
            assert_eq!((found, &out), (read, &expected), "{backend}");
        });
    }

    #[test]
    fn the_keystream_is_the_same_through_all_backends(
        (key, iv) in any_key(),
        prefix: [u8; 12],
        block in prop_oneof![any::<u32>(), u32::MAX - 3000..=u32::MAX],
        within in 0..16_u64,
        len in prop_oneof![0..300_usize, 0..40_000_usize, 65_000..80_000_usize],
        seed: u64,
        skew in 0..64_usize,
    ) {
        let key = internal_key(&key, iv);
        let prefix = KeystreamPrefix::new(prefix);
        let offset = 16 * u64::from(block) + within;
        let from = noise(seed, len);
        let mut expected = from.clone();
        let answer = Keystream::with_backend(&key, Backend::Portable).unwrap().apply(&prefix, offset, &mut expected);
        prop_assert_eq!(answer.is_err(), offset + len as u64 > 16 << 32);
        each_backend(|backend| {
            let stream = Keystream::with_backend(&key, backend).unwrap();
            let mut buf = [&vec![0x77; skew], &from[..]].concat();
            assert_eq!(stream.apply(&prefix, offset, &mut buf[skew..]), answer);
            assert!(buf[skew..] == expected, "{backend}: in place");
            let shared = from.clone();
            assert_eq!(stream.apply_to(&prefix, offset, &shared, &mut buf[skew..]), answer);
            assert!(buf[skew..] == expected, "{backend}: to a buffer");
            assert!(shared == from && buf[..skew].iter().all(|byte| *byte == 0x77), "{backend}: other bytes");
        });
    }
}
