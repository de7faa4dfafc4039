//! The hashes that signatures and OAEP are made with.

use sha2::Digest as _;
use tde_kmip_codec::spec::enumeration::HashingAlgorithm;

/// Does something with the hash of a name; `None` for one that is not supported.
macro_rules! with_hash {
    ($algorithm:expr, $hash:ident => $body:expr) => {
        match $algorithm {
            HashingAlgorithm::SHA_1 => {
                type $hash = sha1::Sha1;
                Some($body)
            }
            HashingAlgorithm::SHA_224 => {
                type $hash = sha2::Sha224;
                Some($body)
            }
            HashingAlgorithm::SHA_256 => {
                type $hash = sha2::Sha256;
                Some($body)
            }
            HashingAlgorithm::SHA_384 => {
                type $hash = sha2::Sha384;
                Some($body)
            }
            HashingAlgorithm::SHA_512 => {
                type $hash = sha2::Sha512;
                Some($body)
            }
            HashingAlgorithm::SHA_512_224 => {
                type $hash = sha2::Sha512_224;
                Some($body)
            }
            HashingAlgorithm::SHA_512_256 => {
                type $hash = sha2::Sha512_256;
                Some($body)
            }
            _ => None,
        }
    };
}
pub(super) use with_hash;

/// The hash of data; `None` for algorithms that are not supported.
pub(in crate::server::engine) fn digest(algorithm: HashingAlgorithm, data: &[u8]) -> Option<Vec<u8>> {
    with_hash!(algorithm, Hash => Hash::digest(data).to_vec())
}
