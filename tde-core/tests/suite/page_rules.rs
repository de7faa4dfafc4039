//! The rules around the page cipher: pages never written, lengths, block numbers, untouched buffers.

use tde_core::{
    BlockNumber, Error, Fork, Keystream, KeystreamPrefix, Page, PageCipher, PagePair, PageRead, PageSize,
    PrincipalKey, WrapKey, is_never_written,
};

use super::support::{counting, each_backend, internal_key};

const MAIN: Fork = Fork::Main;
const ZERO: BlockNumber = BlockNumber::new(0);

fn ciphers() -> Vec<PageCipher> {
    let mut ciphers = Vec::new();
    for key in [internal_key(&counting::<16>(1), counting(9)), internal_key(&counting::<32>(1), counting(9))]
    {
        each_backend(|backend| ciphers.push(PageCipher::with_backend(&key, backend).unwrap()));
    }
    ciphers
}

#[test]
fn a_stored_page_with_32_zero_bytes_first_is_handed_back_unchanged() {
    for cipher in ciphers() {
        let mut stored = vec![0xaa; 8192];
        stored[..32].fill(0);
        let mut page = stored.clone();
        assert_eq!(cipher.decrypt_page(MAIN, ZERO, &mut page), Ok(PageRead::NeverWritten));
        assert_eq!(page, stored);
        let mut out = vec![0x5a; 8192];
        assert_eq!(cipher.decrypt_page_to(MAIN, ZERO, &stored, &mut out), Ok(PageRead::NeverWritten));
        assert_eq!(out, stored);
        // One bit in the 32 bytes makes it a page like any other.
        for bit in [0, 255] {
            let mut page = stored.clone();
            page[bit / 8] |= 1 << (bit % 8);
            assert_eq!(cipher.decrypt_page(MAIN, ZERO, &mut page), Ok(PageRead::Decrypted));
            assert_ne!(page[32..], stored[32..]);
        }
    }
}

#[test]
fn pages_never_written_inside_a_run_do_not_shift_the_others() {
    let size = PageSize::new(64).unwrap();
    for cipher in ciphers() {
        let plain: Vec<u8> = (0..64 * 9).map(|i| i as u8 | 1).collect();
        let first = BlockNumber::new(70);
        let mut stored = plain.clone();
        cipher.encrypt_pages(size, MAIN, first, &mut stored).unwrap();
        let mut expected = plain.clone();
        for hole in [0, 3, 4, 8] {
            stored[64 * hole..64 * (hole + 1)].fill(0);
            expected[64 * hole..64 * (hole + 1)].fill(0);
        }
        let mut out = vec![0x5a; stored.len()];
        cipher.decrypt_pages_to(size, MAIN, first, &stored, &mut out).unwrap();
        assert_eq!(out, expected);

        out.fill(0x5a);
        let mut scattered: Vec<PagePair<'_>> = stored
            .chunks(64)
            .zip(out.chunks_mut(64))
            .zip(70..)
            .map(|((from, to), block)| PagePair { fork: MAIN, block: BlockNumber::new(block), from, to })
            .collect();
        cipher.decrypt_scattered_to(&mut scattered).unwrap();
        assert_eq!(out, expected);

        cipher.decrypt_pages(size, MAIN, first, &mut stored).unwrap();
        assert_eq!(stored, expected);
    }
}

#[test]
fn only_the_first_32_bytes_tell_whether_a_page_was_written() {
    let mut page = [0; 64];
    assert!(is_never_written(&page));
    page[32] = 1;
    assert!(is_never_written(&page));
    page[31] = 1;
    assert!(!is_never_written(&page));
    assert!(is_never_written(&[0; 16]));
    assert!(!is_never_written(&[1; 16]));
}

#[test]
fn wrong_lengths_are_refused_before_anything_is_written() {
    for cipher in ciphers() {
        for len in [0, 1, 15, 17, 8191, 8193] {
            let bad = Error::PageSize { actual: len };
            let (mut page, mut out) = (vec![3; len], vec![4; len]);
            assert_eq!(PageSize::new(len), Err(bad));
            assert_eq!(cipher.encrypt_page(MAIN, ZERO, &mut page), Err(bad));
            assert_eq!(cipher.decrypt_page(MAIN, ZERO, &mut page), Err(bad));
            assert_eq!(cipher.encrypt_page_to(MAIN, ZERO, &page, &mut out), Err(bad));
            assert_eq!(cipher.decrypt_page_to(MAIN, ZERO, &page, &mut out), Err(bad));
            assert!(page.iter().all(|byte| *byte == 3) && out.iter().all(|byte| *byte == 4));
        }
        let (page, mut out) = ([3; 64], [4; 48]);
        let bad = Error::BufferLength { expected: 64, actual: 48 };
        assert_eq!(cipher.encrypt_page_to(MAIN, ZERO, &page, &mut out), Err(bad));
        assert_eq!(cipher.decrypt_page_to(MAIN, ZERO, &page, &mut out), Err(bad));
        let size = PageSize::new(32).unwrap();
        assert_eq!(cipher.encrypt_pages_to(size, MAIN, ZERO, &page, &mut out), Err(bad));
        assert_eq!(cipher.decrypt_pages_to(size, MAIN, ZERO, &page, &mut out), Err(bad));
        let bad = Error::RunLength { page_size: 32, actual: 48 };
        assert_eq!(cipher.encrypt_pages(size, MAIN, ZERO, &mut out), Err(bad));
        assert_eq!(cipher.decrypt_pages(size, MAIN, ZERO, &mut out), Err(bad));
        assert_eq!(out, [4; 48]);
    }
}

#[test]
fn one_bad_page_in_a_scattered_call_leaves_all_pages_as_they_were() {
    for cipher in ciphers() {
        let (mut good, mut bad) = (vec![3; 64], vec![3; 40]);
        let mut pages = [
            Page { fork: MAIN, block: ZERO, data: &mut good },
            Page { fork: MAIN, block: ZERO, data: &mut bad },
        ];
        assert_eq!(cipher.encrypt_scattered(&mut pages), Err(Error::PageSize { actual: 40 }));
        assert_eq!(cipher.decrypt_scattered(&mut pages), Err(Error::PageSize { actual: 40 }));
        assert!(good.iter().all(|byte| *byte == 3));

        let (mut long, mut short) = (vec![3; 64], vec![3; 48]);
        let mut pages = [
            PagePair { fork: MAIN, block: ZERO, from: &[1; 64], to: &mut long },
            PagePair { fork: MAIN, block: ZERO, from: &[1; 64], to: &mut short },
        ];
        let refused = Err(Error::BufferLength { expected: 64, actual: 48 });
        assert_eq!(cipher.encrypt_scattered_to(&mut pages), refused);
        assert_eq!(cipher.decrypt_scattered_to(&mut pages), refused);
        assert!(long.iter().all(|byte| *byte == 3));
    }
}

#[test]
fn a_run_ends_at_the_last_block_number_or_before() {
    let size = PageSize::new(16).unwrap();
    for cipher in ciphers() {
        let first = BlockNumber::new(u32::MAX - 2);
        let mut pages = [3; 16 * 4];
        let refused = Err(Error::BlockOverflow { first, pages: 4 });
        assert_eq!(cipher.encrypt_pages(size, MAIN, first, &mut pages), refused);
        assert_eq!(cipher.decrypt_pages(size, MAIN, first, &mut pages), refused);
        assert_eq!(pages, [3; 16 * 4]);
        assert_eq!(cipher.encrypt_pages(size, MAIN, first, &mut pages[..48]), Ok(()));
        let mut last = [3; 16];
        cipher.encrypt_page(MAIN, BlockNumber::MAX, &mut last).unwrap();
        assert_eq!(pages[32..48], last);
        assert_eq!(cipher.encrypt_pages(size, MAIN, BlockNumber::MAX, &mut []), Ok(()));
        assert_eq!(cipher.encrypt_scattered(&mut []), Ok(()));
    }
}

#[test]
fn the_keystream_ends_where_its_counter_does() {
    let key = internal_key(&counting::<16>(1), counting(9));
    let prefix = KeystreamPrefix::new(counting(3));
    const END: u64 = 16 << 32;
    each_backend(|backend| {
        let stream = Keystream::with_backend(&key, backend).unwrap();
        let mut last = [0; 40];
        assert_eq!(stream.apply(&prefix, END - 40, &mut last), Ok(()));
        let mut page = [0; 16];
        stream.apply(&prefix, END - 16, &mut page).unwrap();
        assert_eq!(last[24..], page);
        for (offset, len) in [(END - 39, 40), (END, 1), (u64::MAX, 2), (u64::MAX - 1, 1)] {
            let mut buf = [7; 40];
            let refused = Err(Error::KeystreamRange { offset, len });
            assert_eq!(stream.apply(&prefix, offset, &mut buf[..len]), refused);
            assert_eq!(stream.apply_to(&prefix, offset, &page[..1].repeat(len), &mut buf[..len]), refused);
            assert_eq!(buf, [7; 40]);
        }
        assert_eq!(stream.apply(&prefix, END, &mut []), Ok(()));
        assert_eq!(
            stream.apply_to(&prefix, 0, &[0; 5], &mut [0; 4]),
            Err(Error::BufferLength { expected: 5, actual: 4 })
        );
    });
}

#[test]
fn a_wrap_refuses_vectors_and_buffers_of_other_lengths() {
    let wrap = WrapKey::new(&PrincipalKey::from_slice(&[1; 32]).unwrap());
    for len in (0..40).filter(|len| ![12, 16].contains(len)) {
        let (iv, mut out) = (vec![1; len], [3; 4]);
        let refused = Error::IvLength { actual: len };
        assert_eq!(wrap.seal(&iv, &[], &[0; 4], &mut out), Err(refused));
        assert_eq!(wrap.open(&iv, &[], &[0; 4], &[0; 16], &mut out), Err(refused));
        assert_eq!(wrap.sign(&iv, &[]), Err(refused));
        assert_eq!(out, [3; 4]);
    }
    let refused = Error::BufferLength { expected: 5, actual: 4 };
    assert_eq!(wrap.seal(&[0; 16], &[], &[0; 5], &mut [0; 4]), Err(refused));
    assert_eq!(wrap.open(&[0; 16], &[], &[0; 5], &[0; 16], &mut [0; 4]), Err(refused));
}
