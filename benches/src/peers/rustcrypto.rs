//! RustCrypto's `aes`, `cbc` and `ctr`, as one would use them without this project.

use aes::cipher::{
    BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, InnerIvInit, KeyInit, StreamCipher,
};
use aes::{Aes128, Aes128Dec, Aes128Enc};

/// AES-128-CBC of a page with an expanded key.
pub fn cbc_encrypt(key: &Aes128Enc, iv: &[u8; 16], page: &mut [u8]) {
    let mut mode = cbc::Encryptor::inner_iv_init(key.clone(), iv.into());
    mode.encrypt_blocks(aes::Block::slice_as_chunks_mut(page).0);
}

/// AES-128-CBC of a page with an expanded key, the other way.
pub fn cbc_decrypt(key: &Aes128Dec, iv: &[u8; 16], page: &mut [u8]) {
    let mut mode = cbc::Decryptor::inner_iv_init(key.clone(), iv.into());
    mode.decrypt_blocks(aes::Block::slice_as_chunks_mut(page).0);
}

/// AES-128-CTR with a 128-bit big-endian counter.
pub fn ctr_apply(key: &Aes128Enc, iv: &[u8; 16], data: &mut [u8]) {
    let core = ctr::CtrCore::<_, ctr::flavors::Ctr128BE>::inner_iv_init(key.clone(), iv.into());
    aes::cipher::StreamCipherCoreWrapper::from_core(core).apply_keystream(data);
}

/// AES of every block by itself: what the CPU's AES units can do at most.
pub fn units_limit(key: &Aes128, data: &mut [u8]) {
    key.encrypt_blocks(aes::Block::slice_as_chunks_mut(data).0);
}

/// An expanded AES-128 key.
#[must_use]
pub fn aes128(key: &[u8; 16]) -> Aes128 {
    Aes128::new(key.into())
}
