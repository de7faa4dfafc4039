//! tde-core through every backend against OpenSSL, on random input.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use openssl::symm::{Cipher as OpenSslCipher, Crypter, Mode, decrypt_aead, encrypt_aead};
use proptest::prelude::*;
use tde_core::{
    Backend, BaseIv, BlockNumber, Cipher, Error, Fork, InternalKey, Keystream, KeystreamPrefix, PageCipher,
    PageRead, PageSize, PrincipalKey, WrapKey, is_never_written,
};

const FORKS: [Fork; 4] = [Fork::Main, Fork::Fsm, Fork::Vm, Fork::Init];

fn any_key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![prop::collection::vec(any::<u8>(), 16), prop::collection::vec(any::<u8>(), 32)]
}

/// Whole pages of a size that is a multiple of 16.
fn any_pages() -> impl Strategy<Value = (usize, Vec<u8>)> {
    let sizes = prop_oneof![
        3 => (1..=40_usize).prop_map(|blocks| 16 * blocks),
        1 => Just(8192_usize),
        1 => (1..=2048_usize).prop_map(|blocks| 16 * blocks),
    ];
    (sizes, 0..=40_usize).prop_flat_map(|(size, count)| {
        // Random bytes cost most of the time; a few, repeated at an odd period, do as well.
        prop::collection::vec(any::<u8>(), 1009)
            .prop_map(move |some| (size, some.iter().copied().cycle().take(size * count).collect()))
    })
}

fn internal_key(key: &[u8], base_iv: [u8; 16]) -> InternalKey {
    InternalKey::from_slice(Cipher::from_key_len(key.len()).unwrap(), key, BaseIv::new(base_iv)).unwrap()
}

fn each_backend(mut test: impl FnMut(Backend)) {
    for backend in Backend::all() {
        if backend.is_available() {
            test(backend);
        } else {
            println!("skipped backend {backend}: this CPU does not have it");
        }
    }
}

/// A block mode of OpenSSL without padding.
fn openssl(cipher: OpenSslCipher, mode: Mode, key: &[u8], iv: Option<&[u8]>, data: &[u8]) -> Vec<u8> {
    let mut crypter = Crypter::new(cipher, mode, key, iv).unwrap();
    crypter.pad(false);
    let mut out = vec![0; data.len() + 16];
    let mut len = crypter.update(data, &mut out).unwrap();
    len += crypter.finalize(&mut out[len..]).unwrap();
    out.truncate(len);
    out
}

fn cbc(key: &[u8]) -> OpenSslCipher {
    if key.len() == 16 { OpenSslCipher::aes_128_cbc() } else { OpenSslCipher::aes_256_cbc() }
}

fn gcm(key: &[u8]) -> OpenSslCipher {
    if key.len() == 16 { OpenSslCipher::aes_128_gcm() } else { OpenSslCipher::aes_256_gcm() }
}

/// The vector of a page, written anew from the format's description.
fn page_iv(base: [u8; 16], fork: usize, block: u32) -> [u8; 16] {
    let fork = if fork == 3 { 0 } else { fork as u128 };
    (u128::from_be_bytes(base) ^ (fork << 64) ^ u128::from(block)).to_be_bytes()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn pages_are_openssls_cbc_under_the_pages_vector(
        key in any_key(),
        base in any::<[u8; 16]>(),
        (size, pages) in any_pages(),
        fork in 0..4_usize,
        first in prop_oneof![0..=u32::MAX - 40, u32::MAX - 45..=u32::MAX - 39],
    ) {
        let mut expected = Vec::new();
        for (page, i) in pages.chunks(size).zip(0..) {
            let iv = page_iv(base, fork, first.wrapping_add(i));
            expected.extend(openssl(cbc(&key), Mode::Encrypt, &key, Some(&iv), page));
        }
        let internal = internal_key(&key, base);
        let (page_size, first) = (PageSize::new(size).unwrap(), BlockNumber::new(first));
        each_backend(|backend| {
            let cipher = PageCipher::with_backend(&internal, backend).unwrap();
            let mut run = pages.clone();
            cipher.encrypt_pages(page_size, FORKS[fork], first, &mut run).unwrap();
            assert!(run == expected, "{backend}: encryption");
            cipher.decrypt_pages(page_size, FORKS[fork], first, &mut run).unwrap();
            assert!(run == pages, "{backend}: decryption");
        });
    }

    #[test]
    fn stored_bytes_decrypt_as_openssl_decrypts_them(
        key in any_key(),
        base in any::<[u8; 16]>(),
        stored in prop::collection::vec(any::<[u8; 16]>(), 1..600),
        fork in 0..4_usize,
        block: u32,
    ) {
        let stored = stored.as_flattened();
        prop_assume!(!is_never_written(stored));
        let iv = page_iv(base, fork, block);
        let expected = openssl(cbc(&key), Mode::Decrypt, &key, Some(&iv), stored);
        let internal = internal_key(&key, base);
        each_backend(|backend| {
            let cipher = PageCipher::with_backend(&internal, backend).unwrap();
            let mut page = stored.to_vec();
            let read = cipher.decrypt_page(FORKS[fork], BlockNumber::new(block), &mut page).unwrap();
            assert_eq!(read, PageRead::Decrypted);
            assert!(page == expected, "{backend}");
        });
    }

    #[test]
    fn the_keystream_is_openssls_ecb_of_the_counter_blocks(
        key in any_key(),
        prefix: [u8; 12],
        first in prop_oneof![any::<u32>(), u32::MAX - 1000..=u32::MAX],
        skip in 0..16_usize,
        len in 0..9000_usize,
    ) {
        let blocks = (skip + len).div_ceil(16);
        prop_assume!(u64::from(first) + blocks as u64 <= 1 << 32);
        let counters: Vec<u8> = (u64::from(first)..)
            .take(blocks)
            .flat_map(|counter| [&prefix[..], &(counter as u32).to_le_bytes()].concat())
            .collect();
        let ecb = if key.len() == 16 { OpenSslCipher::aes_128_ecb() } else { OpenSslCipher::aes_256_ecb() };
        let expected = openssl(ecb, Mode::Encrypt, &key, None, &counters);
        let internal = internal_key(&key, [0; 16]);
        let offset = 16 * u64::from(first) + skip as u64;
        each_backend(|backend| {
            let stream = Keystream::with_backend(&internal, backend).unwrap();
            let mut data = vec![0; len];
            stream.apply(&KeystreamPrefix::new(prefix), offset, &mut data).unwrap();
            assert!(data == expected[skip..skip + len], "{backend}");
        });
    }

    #[test]
    fn the_key_wrap_is_openssls_gcm(
        key in any_key(),
        iv in prop_oneof![prop::collection::vec(any::<u8>(), 12), prop::collection::vec(any::<u8>(), 16)],
        aad in prop::collection::vec(any::<u8>(), 0..300),
        plaintext in prop::collection::vec(any::<u8>(), 0..200),
        flip in any::<prop::sample::Index>(),
    ) {
        let mut tag = [0; 16];
        let expected = encrypt_aead(gcm(&key), &key, Some(&iv), &aad, &plaintext, &mut tag).unwrap();
        let wrap = WrapKey::new(&PrincipalKey::from_slice(&key).unwrap());
        let mut out = vec![0; plaintext.len()];
        prop_assert_eq!(wrap.seal(&iv, &aad, &plaintext, &mut out), Ok(tag));
        prop_assert_eq!(&out, &expected);
        out.fill(0x5a);
        prop_assert_eq!(wrap.open(&iv, &aad, &expected, &tag, &mut out), Ok(()));
        prop_assert_eq!(&out, &plaintext);

        // One bit anywhere in vector, associated data, ciphertext or tag: both refuse, and nothing is written.
        let mut parts = [iv, aad, expected, tag.to_vec()];
        let mut bit = flip.index(8 * parts.iter().map(Vec::len).sum::<usize>());
        for part in &mut parts {
            if let Some(byte) = part.get_mut(bit / 8) {
                *byte ^= 1 << (bit % 8);
                break;
            }
            bit -= 8 * part.len();
        }
        let [iv, aad, ciphertext, tag] = parts;
        prop_assert!(decrypt_aead(gcm(&key), &key, Some(&iv), &aad, &ciphertext, &tag).is_err());
        out.fill(0x5a);
        let tag: [u8; 16] = tag.try_into().unwrap();
        prop_assert_eq!(wrap.open(&iv, &aad, &ciphertext, &tag, &mut out), Err(Error::Authentication));
        prop_assert!(out.iter().all(|byte| *byte == 0x5a));
    }
}
