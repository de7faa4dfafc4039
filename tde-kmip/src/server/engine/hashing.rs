//! Hashes and HMACs, of data as a whole or of one part after another. Primitives from RustCrypto.
//!
//! MD5 and SHA-1 are here because KMIP's clients ask for them: for old protocols, and as the hash of PBKDF2.

use hmac::{Hmac, KeyInit as _, Mac};
use sha2::Digest;
use tde_kmip_codec::spec::enumeration::{CryptographicAlgorithm, HashingAlgorithm};
use zeroize::Zeroizing;

/// Does something with the hash of a Hashing Algorithm, of all or of those named; `None` for others.
macro_rules! with_hash {
    ($algorithm:expr, $Hash:ident => $body:expr) => {
        with_hash!($algorithm, $Hash => $body;
            MD5 = md5::Md5, SHA_1 = sha1::Sha1, SHA_224 = sha2::Sha224, SHA_256 = sha2::Sha256,
            SHA_384 = sha2::Sha384, SHA_512 = sha2::Sha512, SHA_512_224 = sha2::Sha512_224,
            SHA_512_256 = sha2::Sha512_256)
    };
    ($algorithm:expr, $Hash:ident => $body:expr; $($known:ident = $ty:ty),+) => {
        match $algorithm {
            $(tde_kmip_codec::spec::enumeration::HashingAlgorithm::$known => {
                type $Hash = $ty;
                Some($body)
            })+
            _ => None,
        }
    };
}
pub(super) use with_hash;

/// A hash or an HMAC of which a part has been done.
pub(super) trait Running: Send + Sync {
    fn update(&mut self, data: &[u8]);

    /// The value for everything so far.
    fn finish(self: Box<Self>) -> Zeroizing<Vec<u8>>;

    /// Another one that stands where this one stands.
    fn copy(&self) -> Box<dyn Running>;
}

struct Hashing<H>(H);

impl<H: Digest + Clone + Send + Sync + 'static> Running for Hashing<H> {
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn finish(self: Box<Self>) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.0.finalize().to_vec())
    }

    fn copy(&self) -> Box<dyn Running> {
        Box::new(Self(self.0.clone()))
    }
}

struct Authenticating<M>(M);

impl<M: Mac + Clone + Send + Sync + 'static> Running for Authenticating<M> {
    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn finish(self: Box<Self>) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.0.finalize().into_bytes().to_vec())
    }

    fn copy(&self) -> Box<dyn Running> {
        Box::new(Self(self.0.clone()))
    }
}

/// The beginning of a hash; `None` for algorithms that are not supported.
pub(super) fn hashing(algorithm: HashingAlgorithm) -> Option<Box<dyn Running>> {
    with_hash!(algorithm, Hash => Box::new(Hashing(Hash::new())))
}

/// The beginning of an HMAC; `None` for hashes that are not supported.
pub(super) fn authenticating(hash: HashingAlgorithm, key: &[u8]) -> Option<Box<dyn Running>> {
    with_hash!(hash, Hash => Box::new(Authenticating(Hmac::<Hash>::new_from_slice(key).ok()?)))
}

/// How many bytes a hash has.
pub(super) fn size(algorithm: HashingAlgorithm) -> Option<usize> {
    with_hash!(algorithm, Hash => <Hash as Digest>::output_size())
}

/// The hash of data.
pub(super) fn hash(algorithm: HashingAlgorithm, data: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut running = hashing(algorithm)?;
    running.update(data);
    Some(running.finish())
}

/// The HMAC of data.
pub(super) fn hmac(hash: HashingAlgorithm, key: &[u8], data: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut running = authenticating(hash, key)?;
    running.update(data);
    Some(running.finish())
}

/// The hash inside an algorithm that is an HMAC.
pub(super) const fn hash_of_hmac(algorithm: CryptographicAlgorithm) -> Option<HashingAlgorithm> {
    Some(match algorithm {
        CryptographicAlgorithm::HMAC_MD5 => HashingAlgorithm::MD5,
        CryptographicAlgorithm::HMAC_SHA1 => HashingAlgorithm::SHA_1,
        CryptographicAlgorithm::HMAC_SHA224 => HashingAlgorithm::SHA_224,
        CryptographicAlgorithm::HMAC_SHA256 => HashingAlgorithm::SHA_256,
        CryptographicAlgorithm::HMAC_SHA384 => HashingAlgorithm::SHA_384,
        CryptographicAlgorithm::HMAC_SHA512 => HashingAlgorithm::SHA_512,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn hashes_are_those_of_the_standards() {
        // RFC 1321, section A.5; FIPS 180-4's examples of "abc".
        for (algorithm, expected) in [
            (HashingAlgorithm::MD5, "900150983cd24fb0d6963f7d28e17f72"),
            (HashingAlgorithm::SHA_1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (HashingAlgorithm::SHA_224, "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"),
            (HashingAlgorithm::SHA_256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ] {
            assert_eq!(hex(&hash(algorithm, b"abc").unwrap()), expected, "{algorithm}");
        }
        assert!(hash(HashingAlgorithm::MD2, b"abc").is_none());
    }

    #[test]
    fn hmacs_are_those_of_the_standards() {
        // RFC 2202 and RFC 4231, test case 2.
        let (key, data) = (b"Jefe", b"what do ya want for nothing?");
        for (algorithm, expected) in [
            (CryptographicAlgorithm::HMAC_MD5, "750c783e6ab0b503eaa86e310a5db738"),
            (CryptographicAlgorithm::HMAC_SHA1, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
            (CryptographicAlgorithm::HMAC_SHA224, "a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44"),
            (
                CryptographicAlgorithm::HMAC_SHA256,
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
        ] {
            let hash = hash_of_hmac(algorithm).unwrap();
            assert_eq!(hex(&hmac(hash, key, data).unwrap()), expected, "{algorithm}");
            let mut parts = authenticating(hash, key).unwrap();
            for part in data.chunks(5) {
                parts = parts.copy();
                parts.update(part);
            }
            assert_eq!(hex(&parts.finish()), expected, "{algorithm} in parts");
        }
        assert!(hash_of_hmac(CryptographicAlgorithm::AES).is_none());
    }
}
