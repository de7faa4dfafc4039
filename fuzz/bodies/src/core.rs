//! The page cipher and the WAL keystream on every backend, against plain RustCrypto blocks.

use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Aes256, Block};
use arbitrary::{Arbitrary, Unstructured};
use tde_core::{Backend, BaseIv, BlockNumber, Cipher, Fork, InternalKey, Keystream, KeystreamPrefix};
use tde_core::{PageCipher, PageSize, is_never_written};

enum Aes {
    Of128(Box<Aes128>),
    Of256(Box<Aes256>),
}

impl Aes {
    fn encrypt(&self, block: &mut Block) {
        match self {
            Self::Of128(aes) => aes.encrypt_block(block),
            Self::Of256(aes) => aes.encrypt_block(block),
        }
    }

    fn decrypt(&self, block: &mut Block) {
        match self {
            Self::Of128(aes) => aes.decrypt_block(block),
            Self::Of256(aes) => aes.decrypt_block(block),
        }
    }
}

fn key(input: &mut Unstructured<'_>) -> arbitrary::Result<(InternalKey, Aes, [u8; 16])> {
    let base_iv = <[u8; 16]>::arbitrary(input)?;
    let bytes = <[u8; 32]>::arbitrary(input)?;
    let (cipher, bytes, aes) = if bool::arbitrary(input)? {
        let aes = Aes::Of256(Box::new(Aes256::new_from_slice(&bytes).expect("32 bytes")));
        (Cipher::Aes256, &bytes[..], aes)
    } else {
        let aes = Aes::Of128(Box::new(Aes128::new_from_slice(&bytes[..16]).expect("16 bytes")));
        (Cipher::Aes128, &bytes[..16], aes)
    };
    Ok((InternalKey::from_slice(cipher, bytes, BaseIv::new(base_iv)).expect("a fitting key"), aes, base_iv))
}

fn page_iv(base_iv: [u8; 16], fork: Fork, block: u32) -> Block {
    let mut iv = base_iv;
    iv[7] ^= if fork == Fork::Init { 0 } else { fork.number() };
    for (byte, of_block) in iv[12..].iter_mut().zip(block.to_be_bytes()) {
        *byte ^= of_block;
    }
    iv.into()
}

fn xor(block: &mut Block, other: &Block) {
    for (byte, other) in block.iter_mut().zip(other) {
        *byte ^= other;
    }
}

/// A run of pages encrypts on every backend to what single blocks chained by hand make of it, and decrypts back.
pub fn page_cipher(data: &[u8]) {
    let _too_short = try_page_cipher(Unstructured::new(data));
}

fn try_page_cipher(mut input: Unstructured<'_>) -> arbitrary::Result<()> {
    let (key, aes, base_iv) = key(&mut input)?;
    let fork = Fork::from_number(input.int_in_range(0..=3)?).expect("a fork");
    let size = PageSize::new(16 * input.int_in_range(1..=12)?).expect("a page size");
    let first = u32::arbitrary(&mut input)?;
    let bytes = input.take_rest();
    let pages = &bytes[..bytes.len() - bytes.len() % size.get()];

    let fits = u64::from(first) + (pages.len() / size.get()) as u64 <= 1 << 32;
    let mut expected = pages.to_vec();
    for (page, block) in expected.chunks_exact_mut(size.get()).zip(u64::from(first)..) {
        // Past the last block number the run is refused, and what is expected of it does not matter.
        let mut chain = page_iv(base_iv, fork, block as u32);
        for bytes in page.chunks_exact_mut(16) {
            let mut block = Block::try_from(&*bytes).expect("16 bytes");
            xor(&mut block, &chain);
            aes.encrypt(&mut block);
            bytes.copy_from_slice(&block);
            chain = block;
        }
    }
    for backend in Backend::available() {
        let cipher = PageCipher::with_backend(&key, backend).expect("an available backend");
        let mut run = pages.to_vec();
        let result = cipher.encrypt_pages(size, fork, BlockNumber::new(first), &mut run);
        assert_eq!(result.is_ok(), fits, "{backend}");
        if !fits {
            assert_eq!(run, pages, "{backend}: refused, yet written to");
            continue;
        }
        assert_eq!(run, expected, "{backend}");
        let mut out = vec![0xee; run.len()];
        cipher.decrypt_pages_to(size, fork, BlockNumber::new(first), &run, &mut out).expect("it fits");
        assert_eq!(run, expected, "{backend}: the source was changed");
        for (n, (out, stored)) in out.chunks(size.get()).zip(run.chunks(size.get())).enumerate() {
            let plain = &pages[n * size.get()..][..size.get()];
            // A ciphertext of zeros does happen to a fuzzer that knows the key.
            assert_eq!(out, if is_never_written(stored) { stored } else { plain }, "{backend}: page {n}");
        }
    }
    // The other way round: any bytes are somebody's ciphertext.
    if fits {
        for backend in Backend::available() {
            let cipher = PageCipher::with_backend(&key, backend).expect("an available backend");
            let mut run = pages.to_vec();
            cipher.decrypt_pages(size, fork, BlockNumber::new(first), &mut run).expect("it fits");
            for (n, (run, stored)) in run.chunks(size.get()).zip(pages.chunks(size.get())).enumerate() {
                if is_never_written(stored) {
                    assert_eq!(run, stored, "{backend}: page {n}");
                    continue;
                }
                let mut chain = page_iv(base_iv, fork, (u64::from(first) + n as u64) as u32);
                for (bytes, stored) in run.chunks(16).zip(stored.chunks(16)) {
                    let stored = Block::try_from(stored).expect("16 bytes");
                    let mut block = stored;
                    aes.decrypt(&mut block);
                    xor(&mut block, &chain);
                    assert_eq!(bytes, block.as_slice(), "{backend}: page {n}");
                    chain = stored;
                }
            }
        }
    }
    Ok(())
}

/// The keystream at any offset is, on every backend, the blocks `AES(prefix, LE32(counter))` strung together.
pub fn keystream(data: &[u8]) {
    let _too_short = try_keystream(Unstructured::new(data));
}

fn try_keystream(mut input: Unstructured<'_>) -> arbitrary::Result<()> {
    let (key, aes, _) = key(&mut input)?;
    let prefix = <[u8; 12]>::arbitrary(&mut input)?;
    let offset = match input.int_in_range(0..=2)? {
        0 => u64::from(u16::arbitrary(&mut input)?),
        1 => (1 << 36) - u64::from(u16::arbitrary(&mut input)?),
        _ => u64::arbitrary(&mut input)?,
    };
    let bytes = input.take_rest();
    // The counter has 32 bits: 2^36 bytes of keystream.
    let fits = offset.checked_add(bytes.len() as u64).is_some_and(|end| end <= 1 << 36);
    let mut expected = bytes.to_vec();
    if fits {
        for (at, byte) in (offset..).zip(&mut expected) {
            let mut block = Block::default();
            block[..12].copy_from_slice(&prefix);
            block[12..].copy_from_slice(&((at / 16) as u32).to_le_bytes());
            aes.encrypt(&mut block);
            *byte ^= block[(at % 16) as usize];
        }
    }
    for backend in Backend::available() {
        let stream = Keystream::with_backend(&key, backend).expect("an available backend");
        let mut buffer = bytes.to_vec();
        let result = stream.apply(&KeystreamPrefix::new(prefix), offset, &mut buffer);
        assert!(result.is_ok() == fits || bytes.is_empty(), "{backend}: {result:?} at {offset}");
        assert_eq!(buffer, expected, "{backend}: at {offset}");
    }
    Ok(())
}
