//! What the engine encrypts with: AES in the modes that KMIP names. Primitives from RustCrypto.

mod gcm;

use aes::{
    Aes128, Aes192, Aes256,
    cipher::{
        BlockCipherDecrypt as _, BlockCipherEncrypt as _, BlockModeDecrypt as _, BlockModeEncrypt as _,
        KeyInit as _, KeyIvInit as _, StreamCipher as _, consts::U12, inout::InOutBuf,
    },
};
use aes_gcm::{AesGcm, aead::AeadInOut as _};
use tde_kmip_codec::spec::enumeration::PaddingMethod;
use zeroize::Zeroizing;

use gcm::Gcm;
pub(super) use gcm::MAX_NONCE;

/// The size of a block of AES, in bytes.
pub(super) const BLOCK: usize = 16;
/// The size of the tag of GCM, in bytes.
pub(super) const TAG: usize = 16;

/// Why data cannot be worked on. Says nothing of what the data is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum CryptoError {
    /// AES has no keys of this size.
    KeySize,
    /// The initialization vector has not the size that the mode takes.
    VectorSize,
    /// The data is no whole number of blocks.
    DataSize,
    /// Decryption failed: another key, other data, or other parameters.
    Failed,
}

/// A mode with what it needs besides the key.
pub(super) enum Mode<'a> {
    Ecb,
    Cbc { vector: &'a [u8] },
    Ctr { counter: &'a [u8] },
    Gcm { nonce: &'a [u8], additional: &'a [u8] },
}

/// Does something with the cipher that fits the size of the key.
macro_rules! with_aes {
    ($key:expr, $aes:ident => $body:expr) => {
        match $key.len() {
            16 => {
                type $aes = Aes128;
                $body
            }
            24 => {
                type $aes = Aes192;
                $body
            }
            32 => {
                type $aes = Aes256;
                $body
            }
            _ => Err(CryptoError::KeySize),
        }
    };
}

fn blocks(data: &mut [u8]) -> Result<&mut [[u8; BLOCK]], CryptoError> {
    match data.as_chunks_mut::<BLOCK>() {
        (blocks, []) => Ok(blocks),
        _ => Err(CryptoError::DataSize),
    }
}

/// Encrypts in place; GCM gives a tag.
pub(super) fn encrypt(
    mode: &Mode<'_>,
    key: &[u8],
    data: &mut [u8],
) -> Result<Option<[u8; TAG]>, CryptoError> {
    with_aes!(key, Aes => {
        match mode {
            Mode::Ecb => {
                let cipher = Aes::new_from_slice(key).map_err(|_| CryptoError::KeySize)?;
                blocks(data)?.iter_mut().for_each(|block| cipher.encrypt_block(block.into()));
                Ok(None)
            }
            Mode::Cbc { vector } => {
                let cipher = cbc::Encryptor::<Aes>::new_from_slices(key, vector);
                let mut cipher = cipher.map_err(|_| CryptoError::VectorSize)?;
                blocks(data)?.iter_mut().for_each(|block| cipher.encrypt_block(block.into()));
                Ok(None)
            }
            Mode::Ctr { counter } => {
                let cipher = ctr::Ctr128BE::<Aes>::new_from_slices(key, counter);
                let mut cipher = cipher.map_err(|_| CryptoError::VectorSize)?;
                cipher.try_apply_keystream(data).map_err(|_| CryptoError::DataSize)?;
                Ok(None)
            }
            Mode::Gcm { nonce, additional } => {
                let Ok(usual) = <&[u8; 12]>::try_from(*nonce) else {
                    return Gcm::<Aes>::new(key)?.encrypt(nonce, additional, data).map(Some);
                };
                let cipher = AesGcm::<Aes, U12>::new_from_slice(key).map_err(|_| CryptoError::KeySize)?;
                let tag = cipher.encrypt_inout_detached(usual.into(), additional, InOutBuf::from(data));
                tag.map(|tag| Some(tag.into())).map_err(|_| CryptoError::DataSize)
            }
        }
    })
}

/// Decrypts in place. With GCM the tag is checked first, and unless it is right, the data stays as it is. On
/// other failures it is not to be used.
pub(super) fn decrypt(
    mode: &Mode<'_>,
    key: &[u8],
    data: &mut [u8],
    tag: Option<&[u8]>,
) -> Result<(), CryptoError> {
    with_aes!(key, Aes => {
        match mode {
            Mode::Ecb => {
                let cipher = Aes::new_from_slice(key).map_err(|_| CryptoError::KeySize)?;
                blocks(data)?.iter_mut().for_each(|block| cipher.decrypt_block(block.into()));
                Ok(())
            }
            Mode::Cbc { vector } => {
                let cipher = cbc::Decryptor::<Aes>::new_from_slices(key, vector);
                let mut cipher = cipher.map_err(|_| CryptoError::VectorSize)?;
                blocks(data)?.iter_mut().for_each(|block| cipher.decrypt_block(block.into()));
                Ok(())
            }
            Mode::Ctr { .. } => encrypt(mode, key, data).map(|_| ()),
            Mode::Gcm { nonce, additional } => {
                let tag = tag.ok_or(CryptoError::Failed)?;
                let (Ok(usual), Ok(whole)) =
                    (<&[u8; 12]>::try_from(*nonce), <&[u8; TAG]>::try_from(tag))
                else {
                    return Gcm::<Aes>::new(key)?.decrypt(nonce, additional, data, tag);
                };
                let cipher = AesGcm::<Aes, U12>::new_from_slice(key).map_err(|_| CryptoError::KeySize)?;
                let data = InOutBuf::from(data);
                let opened = cipher.decrypt_inout_detached(usual.into(), additional, data, whole.into());
                opened.map_err(|_| CryptoError::Failed)
            }
        }
    })
}

/// Fills the last block up. `None` for methods that are not supported.
pub(super) fn pad(data: &[u8], method: PaddingMethod) -> Option<Zeroizing<Vec<u8>>> {
    // At most one block more, so that the buffer does not move.
    let mut padded = Zeroizing::new(Vec::with_capacity(data.len() + BLOCK));
    padded.extend_from_slice(data);
    let missing = BLOCK - data.len() % BLOCK;
    let count = missing as u8;
    match method {
        PaddingMethod::NONE => {}
        PaddingMethod::PKCS5 => padded.extend(std::iter::repeat_n(count, missing)),
        PaddingMethod::ANSI_X9_23 => {
            padded.extend(std::iter::repeat_n(0, missing - 1));
            padded.push(count);
        }
        _ => return None,
    }
    Some(padded)
}

/// Takes the padding away.
pub(super) fn unpad(data: &mut Zeroizing<Vec<u8>>, method: PaddingMethod) -> Result<(), CryptoError> {
    if method == PaddingMethod::NONE {
        return Ok(());
    }
    let count = data.last().copied().ok_or(CryptoError::Failed)?;
    let start = data.len().checked_sub(count.into()).ok_or(CryptoError::Failed)?;
    let padding = data.get(start..).unwrap_or_default();
    let filler = if method == PaddingMethod::PKCS5 { count } else { 0 };
    let (_, before) = padding.split_last().ok_or(CryptoError::Failed)?;
    let wrong = before.iter().fold(0, |wrong, byte| wrong | (byte ^ filler));
    if usize::from(count) > BLOCK || wrong != 0 {
        return Err(CryptoError::Failed);
    }
    data.truncate(start);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_comes_off_again_and_bad_padding_is_refused() {
        for method in [PaddingMethod::PKCS5, PaddingMethod::ANSI_X9_23] {
            for len in 0..40 {
                let data = vec![7; len];
                let mut padded = pad(&data, method).unwrap();
                assert_eq!(padded.len() % BLOCK, 0);
                assert!(padded.len() > len);
                unpad(&mut padded, method).unwrap();
                assert_eq!(*padded, data);
            }
            for bad in [&[0; 16][..], &[17; 17], &[1, 2, 3, 4], &[]] {
                assert!(unpad(&mut Zeroizing::new(bad.to_vec()), method).is_err(), "{bad:?}");
            }
        }
        assert!(pad(b"", PaddingMethod::OAEP).is_none());
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        let mut data = [0; 16];
        let cbc = Mode::Cbc { vector: &[0; 12] };
        assert_eq!(encrypt(&cbc, &[0; 16], &mut data), Err(CryptoError::VectorSize));
        assert_eq!(encrypt(&Mode::Ecb, &[0; 15], &mut data), Err(CryptoError::KeySize));
        assert_eq!(encrypt(&Mode::Ecb, &[0; 32], &mut [0; 15]), Err(CryptoError::DataSize));
        let gcm = Mode::Gcm { nonce: &[], additional: &[] };
        assert_eq!(encrypt(&gcm, &[0; 16], &mut data), Err(CryptoError::VectorSize));
    }
}
