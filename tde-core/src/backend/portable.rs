//! The readable specification of the transforms, over the `aes` crate; the kernels are held to it.
//!
//! Blocks that do not wait for each other are handed to the `aes` crate together, so that it can use its
//! parallel paths (on 64-bit Arm as well): one block of each page when encrypting, consecutive blocks when
//! decrypting and for the keystream.

use aes::cipher::array::Array;
use aes::cipher::inout::InOutBuf;
use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use aes::{Aes128Dec, Aes128Enc, Aes256Dec, Aes256Enc};
use zeroize::Zeroizing;

use crate::backend::{Lane, MAX_LANES};
use crate::key::KeyBytes;

/// Blocks handed over together where the data alone sets no limit: a multiple of every parallel width of the
/// `aes` crate, small enough for the stack.
const BATCH: usize = 64;

/// One expanded key, as an enum over the sizes.
enum Encryptor {
    Aes128(Aes128Enc),
    Aes256(Aes256Enc),
}

impl Encryptor {
    fn new(key: &KeyBytes) -> Self {
        match key {
            KeyBytes::Aes128(key) => Self::Aes128(Aes128Enc::new((&**key).into())),
            KeyBytes::Aes256(key) => Self::Aes256(Aes256Enc::new((&**key).into())),
        }
    }

    fn encrypt(&self, blocks: &mut [[u8; 16]]) {
        let blocks = Array::cast_slice_from_core_mut(blocks);
        match self {
            Self::Aes128(key) => key.encrypt_blocks(blocks),
            Self::Aes256(key) => key.encrypt_blocks(blocks),
        }
    }
}

enum Decryptor {
    Aes128(Aes128Dec),
    Aes256(Aes256Dec),
}

impl Decryptor {
    fn new(key: &KeyBytes) -> Self {
        match key {
            KeyBytes::Aes128(key) => Self::Aes128(Aes128Dec::new((&**key).into())),
            KeyBytes::Aes256(key) => Self::Aes256(Aes256Dec::new((&**key).into())),
        }
    }

    fn decrypt(&self, blocks: &mut [[u8; 16]]) {
        let blocks = Array::cast_slice_from_core_mut(blocks);
        match self {
            Self::Aes128(key) => key.decrypt_blocks(blocks),
            Self::Aes256(key) => key.decrypt_blocks(blocks),
        }
    }
}

/// See [`super::CbcKey`].
pub(crate) struct CbcKey {
    encryptor: Encryptor,
    decryptor: Decryptor,
}

impl CbcKey {
    pub(super) fn new(key: &KeyBytes) -> Self {
        Self { encryptor: Encryptor::new(key), decryptor: Decryptor::new(key) }
    }

    /// CBC (NIST SP 800-38A, section 6.2): C\[i\] = E(P\[i\] ^ C\[i - 1\]), where C\[-1\] is the vector.
    pub(super) fn encrypt(&self, lanes: &mut [Lane<'_>]) {
        let Some(len) = lanes.first().map(|lane| lane.data.len()) else { return };
        let mut chained = [[0; 16]; MAX_LANES];
        let chained = &mut chained[..lanes.len()];
        for (block, lane) in chained.iter_mut().zip(lanes.iter()) {
            *block = lane.iv;
        }
        for at in (0..len).step_by(16) {
            for (block, lane) in chained.iter_mut().zip(lanes.iter()) {
                xor(block, &lane.data.get_in()[at..at + 16]);
            }
            self.encryptor.encrypt(chained);
            for (block, lane) in chained.iter().zip(lanes.iter_mut()) {
                lane.data.get_out()[at..at + 16].copy_from_slice(block);
            }
        }
    }

    /// CBC (NIST SP 800-38A, section 6.2): P\[i\] = D(C\[i\]) ^ C\[i - 1\].
    pub(super) fn decrypt(&self, lane: Lane<'_>) {
        let mut before = lane.iv;
        let mut blocks = Zeroizing::new([[0; 16]; BATCH]);
        let mut rest = lane.data;
        while !rest.is_empty() {
            let (mut now, later) = split(rest, 16 * BATCH);
            rest = later;
            let blocks = &mut blocks[..now.len() / 16];
            for (block, from) in blocks.iter_mut().zip(now.get_in().chunks_exact(16)) {
                block.copy_from_slice(from);
            }
            self.decryptor.decrypt(blocks);
            for (i, block) in blocks.iter_mut().enumerate() {
                let at = 16 * i;
                xor(block, &before);
                // Read before it is written over: the buffers may be the same.
                before.copy_from_slice(&now.get_in()[at..at + 16]);
                now.get_out()[at..at + 16].copy_from_slice(block);
            }
        }
    }
}

/// See [`super::StreamKey`].
pub(crate) struct StreamKey(Encryptor);

impl StreamKey {
    pub(super) fn new(key: &KeyBytes) -> Self {
        Self(Encryptor::new(key))
    }

    /// Block j of the stream is E(prefix, then j as four little-endian bytes).
    pub(super) fn apply(
        &self,
        prefix: &[u8; 12],
        mut counter: u32,
        mut skip: usize,
        mut data: InOutBuf<'_, '_, u8>,
    ) {
        let mut stream = Zeroizing::new([[0; 16]; BATCH]);
        while !data.is_empty() {
            let blocks = &mut stream[..(skip + data.len()).div_ceil(16).min(BATCH)];
            for block in blocks.iter_mut() {
                block[..12].copy_from_slice(prefix);
                block[12..].copy_from_slice(&counter.to_le_bytes());
                counter = counter.wrapping_add(1);
            }
            self.0.encrypt(blocks);
            let made = 16 * blocks.len();
            let cut = data.len().min(made - skip);
            let (mut now, later) = data.split_at(cut);
            now.xor_in2out(&blocks.as_flattened()[skip..skip + cut]);
            (data, skip) = (later, 0);
        }
    }
}

/// The first `len` bytes, if there are so many, and the rest.
fn split<'i, 'o>(data: InOutBuf<'i, 'o, u8>, len: usize) -> (InOutBuf<'i, 'o, u8>, InOutBuf<'i, 'o, u8>) {
    let len = len.min(data.len());
    data.split_at(len)
}

fn xor(block: &mut [u8; 16], with: &[u8]) {
    for (byte, with) in block.iter_mut().zip(with) {
        *byte ^= with;
    }
}
