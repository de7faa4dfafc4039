//! The hashes that signatures and OAEP are made with: all but MD5.

use sha2::Digest as _;
use tde_kmip_codec::spec::enumeration::HashingAlgorithm;

/// Does something with the hash of a name; `None` for one that is not supported.
macro_rules! with_hash {
    ($algorithm:expr, $Hash:ident => $body:expr) => {
        $crate::server::engine::hashing::with_hash!($algorithm, $Hash => $body;
            SHA_1 = sha1::Sha1, SHA_224 = sha2::Sha224, SHA_256 = sha2::Sha256, SHA_384 = sha2::Sha384,
            SHA_512 = sha2::Sha512, SHA_512_224 = sha2::Sha512_224, SHA_512_256 = sha2::Sha512_256)
    };
}
pub(super) use with_hash;

/// How many bytes a hash has; `None` for those that are not supported.
pub(in crate::server::engine) fn hash_size(algorithm: HashingAlgorithm) -> Option<usize> {
    with_hash!(algorithm, Hash => Hash::output_size())
}
