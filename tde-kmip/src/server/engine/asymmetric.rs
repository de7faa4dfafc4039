//! The keys of pairs: RSA and elliptic curves, out of the forms that KMIP gives them and into others, and what is done
//! with them. Primitives from RustCrypto.
//!
//! What the `rsa` crate does with private keys takes time that depends on them (RUSTSEC-2023-0071). It always gets
//! randomness here, so that it blinds its operands, and PKCS#1 v1.5 decryption answers bad padding with made-up data
//! (implicit rejection) instead of an error.

mod curve;
mod form;
mod hash;
mod random;
mod rsa_key;

use std::fmt;

use tde_kmip_codec::{
    object::KeyBlock,
    spec::{
        ProtocolVersion,
        enumeration::{CryptographicAlgorithm, HashingAlgorithm, KeyFormatType, ObjectType},
    },
};
use zeroize::Zeroizing;

pub(super) use self::{
    curve::{Curve, EcPrivate, EcPublic},
    form::default_format,
    hash::hash_size,
    random::Source,
    rsa_key::{MIN_RSA_BITS, RsaPrivate, RsaPublic},
};
use super::record::Material;

/// A key of a pair, apart from how it is written.
pub(super) enum PairKey {
    RsaPrivate(RsaPrivate),
    RsaPublic(RsaPublic),
    EcPrivate(EcPrivate),
    EcPublic(EcPublic),
}

/// Why a key cannot be had or used. Says nothing of what the key is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum KeyError {
    /// The form, the algorithm or the curve is not supported.
    Unsupported,
    /// The bytes are not the key that they should be.
    Malformed,
    /// RSA keys of this size are not worked with.
    Size,
    /// There is no randomness.
    Random,
    /// The data has not the size that the key takes, or cannot be what the key made.
    Data,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unsupported => "the key is not of a form, algorithm or curve that can be used here",
            Self::Malformed => "the key is not what its format says",
            Self::Size => "RSA keys of this size are not used here",
            Self::Random => "the system gives no random bytes",
            Self::Data => "the data cannot be worked on so",
        })
    }
}

/// How to sign.
#[derive(Clone, Copy)]
pub(super) struct Scheme {
    pub(super) hash: HashingAlgorithm,
    /// Of RSA only.
    pub(super) padding: SignaturePadding,
}

/// How RSA pads what it signs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SignaturePadding {
    Pkcs1,
    /// With a salt of this length; if none is given, the longest one that fits, and any when verifying.
    Pss(Option<usize>),
}

/// How RSA pads what it encrypts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum EncryptionPadding<'a> {
    Pkcs1,
    Oaep { hash: HashingAlgorithm, mask: HashingAlgorithm, label: &'a [u8] },
}

impl PairKey {
    /// The key in a block that is not wrapped; of RSA, if its modulus has no more bits than this.
    pub(super) fn read(
        object_type: ObjectType,
        block: &KeyBlock<'_>,
        max_rsa_bits: usize,
    ) -> Result<Self, KeyError> {
        form::read(object_type, block, max_rsa_bits)
    }

    /// The key as the bytes of a format that has bytes.
    pub(super) fn to_bytes(&self, format: KeyFormatType) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        form::to_bytes(self, format)
    }

    /// The key as an object in a format, with what its key block says besides.
    pub(super) fn to_object(
        &self,
        format: KeyFormatType,
        algorithm: Option<CryptographicAlgorithm>,
        bits: Option<i32>,
        version: ProtocolVersion,
    ) -> Result<Material, KeyError> {
        form::to_object(self, format, algorithm, bits, version)
    }

    pub(super) const fn is_private(&self) -> bool {
        matches!(self, Self::RsaPrivate(_) | Self::EcPrivate(_))
    }

    /// The curve that it is on; none for RSA.
    pub(super) const fn curve(&self) -> Option<Curve> {
        match self {
            Self::EcPrivate(key) => Some(key.curve()),
            Self::EcPublic(key) => Some(key.curve()),
            _ => None,
        }
    }

    /// The public key of a pair.
    pub(super) fn public(&self) -> Result<Self, KeyError> {
        match self {
            Self::RsaPrivate(key) => key.public().map(Self::RsaPublic),
            Self::EcPrivate(key) => key.public().map(Self::EcPublic),
            _ => Err(KeyError::Unsupported),
        }
    }

    /// Signs a hash.
    pub(super) fn sign(
        &self,
        scheme: Scheme,
        digest: &[u8],
        source: &mut Source<'_>,
    ) -> Result<Vec<u8>, KeyError> {
        match self {
            Self::RsaPrivate(key) => key.sign(scheme, digest, source),
            Self::EcPrivate(key) => key.sign(digest),
            _ => Err(KeyError::Unsupported),
        }
    }

    /// Whether a signature is that of a hash.
    pub(super) fn verify(&self, scheme: Scheme, digest: &[u8], signature: &[u8]) -> Result<bool, KeyError> {
        match self {
            Self::RsaPublic(key) => key.verify(scheme, digest, signature),
            Self::EcPublic(key) => key.verify(digest, signature),
            _ => Err(KeyError::Unsupported),
        }
    }
}
