//! Elliptic curves: keys and ECDSA (FIPS 186-5), signatures in DER as X.509 has them (RFC 3279, section 2.2.3).

use ecdsa::signature::hazmat::{PrehashSigner as _, PrehashVerifier as _};
use p256::elliptic_curve::Generate as _;
use pkcs8::{EncodePrivateKey as _, EncodePublicKey as _, ObjectIdentifier};
use tde_kmip_codec::spec::enumeration::{HashingAlgorithm, RecommendedCurve};
use zeroize::Zeroizing;

use super::{KeyError, Source};

/// A curve that keys can be on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::server::engine) enum Curve {
    P256,
    P384,
    P521,
    /// secp256k1: not made unless it is named, used where it is brought.
    K256,
}

/// Does something with the crate of a curve.
macro_rules! on_curve {
    ($curve:expr, $krate:ident => $body:expr) => {
        match $curve {
            Curve::P256 => {
                use p256 as $krate;
                $body
            }
            Curve::P384 => {
                use p384 as $krate;
                $body
            }
            Curve::P521 => {
                use p521 as $krate;
                $body
            }
            Curve::K256 => {
                use k256 as $krate;
                $body
            }
        }
    };
}

impl Curve {
    const ALL: [Self; 4] = [Self::P256, Self::P384, Self::P521, Self::K256];

    /// What KMIP calls it.
    pub(in crate::server::engine) const fn recommended(self) -> RecommendedCurve {
        match self {
            Self::P256 => RecommendedCurve::P_256,
            Self::P384 => RecommendedCurve::P_384,
            Self::P521 => RecommendedCurve::P_521,
            Self::K256 => RecommendedCurve::SECP256K1,
        }
    }

    pub(in crate::server::engine) fn of_recommended(name: RecommendedCurve) -> Option<Self> {
        Self::ALL.into_iter().find(|curve| curve.recommended() == name)
    }

    /// The curve of the NIST that has this many bits.
    pub(in crate::server::engine) const fn of_bits(bits: i32) -> Option<Self> {
        match bits {
            256 => Some(Self::P256),
            384 => Some(Self::P384),
            521 => Some(Self::P521),
            _ => None,
        }
    }

    /// Its object identifier (RFC 5480, section 2.1.1.1; SEC 2, section A.2).
    pub(super) const fn oid(self) -> ObjectIdentifier {
        ObjectIdentifier::new_unwrap(match self {
            Self::P256 => "1.2.840.10045.3.1.7",
            Self::P384 => "1.3.132.0.34",
            Self::P521 => "1.3.132.0.35",
            Self::K256 => "1.3.132.0.10",
        })
    }

    pub(super) fn of_oid(oid: ObjectIdentifier) -> Option<Self> {
        Self::ALL.into_iter().find(|curve| curve.oid() == oid)
    }

    /// The length of its numbers.
    pub(in crate::server::engine) const fn bits(self) -> i32 {
        match self {
            Self::P256 | Self::K256 => 256,
            Self::P384 => 384,
            Self::P521 => 521,
        }
    }

    /// The same in bytes.
    pub(super) const fn bytes(self) -> usize {
        match self {
            Self::P256 | Self::K256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    /// The hash of the curve's own strength, where none is named.
    pub(in crate::server::engine) const fn hash(self) -> HashingAlgorithm {
        match self {
            Self::P256 | Self::K256 => HashingAlgorithm::SHA_256,
            Self::P384 => HashingAlgorithm::SHA_384,
            Self::P521 => HashingAlgorithm::SHA_512,
        }
    }
}

/// A private key: a number between 0 and the order of the curve.
pub(in crate::server::engine) struct EcPrivate {
    curve: Curve,
    scalar: Zeroizing<Vec<u8>>,
}

/// A public key: a point on the curve.
pub(in crate::server::engine) struct EcPublic {
    curve: Curve,
    /// Not compressed (SEC 1, section 2.3.3).
    point: Vec<u8>,
}

impl EcPrivate {
    /// A new key.
    pub(in crate::server::engine) fn generate(
        curve: Curve,
        source: &mut Source<'_>,
    ) -> Result<Self, KeyError> {
        let scalar = on_curve!(curve, krate => {
            let key = krate::SecretKey::try_generate_from_rng(source).map_err(|_| KeyError::Random)?;
            Zeroizing::new(Zeroizing::new(key.to_bytes()).to_vec())
        });
        Ok(Self { curve, scalar })
    }

    /// A key from its number, big-endian, of any length that it fits into.
    pub(super) fn new(curve: Curve, number: &[u8]) -> Result<Self, KeyError> {
        let start = number.iter().position(|byte| *byte != 0).ok_or(KeyError::Malformed)?;
        let number = number.get(start..).unwrap_or_default();
        let missing = curve.bytes().checked_sub(number.len()).ok_or(KeyError::Malformed)?;
        let mut scalar = Zeroizing::new(Vec::with_capacity(curve.bytes()));
        scalar.resize(missing, 0);
        scalar.extend_from_slice(number);
        on_curve!(curve, krate => {
            krate::SecretKey::from_slice(&scalar).map_err(|_| KeyError::Malformed)?;
        });
        Ok(Self { curve, scalar })
    }

    pub(in crate::server::engine) const fn curve(&self) -> Curve {
        self.curve
    }

    /// The number, as long as the curve's numbers are.
    pub(super) fn scalar(&self) -> &[u8] {
        &self.scalar
    }

    pub(in crate::server::engine) fn public(&self) -> Result<EcPublic, KeyError> {
        let point = on_curve!(self.curve, krate => {
            let key = krate::SecretKey::from_slice(&self.scalar).map_err(|_| KeyError::Malformed)?;
            key.public_key().to_sec1_bytes().to_vec()
        });
        EcPublic::new(self.curve, &point)
    }

    /// PKCS#8, RFC 5958.
    pub(super) fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        on_curve!(self.curve, krate => {
            let key = krate::SecretKey::from_slice(&self.scalar).map_err(|_| KeyError::Malformed)?;
            key.to_pkcs8_der().map(|der| der.to_bytes()).map_err(|_| KeyError::Malformed)
        })
    }

    /// ECPrivateKey, RFC 5915.
    pub(super) fn to_sec1(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        on_curve!(self.curve, krate => {
            let key = krate::SecretKey::from_slice(&self.scalar).map_err(|_| KeyError::Malformed)?;
            key.to_sec1_der().map_err(|_| KeyError::Malformed)
        })
    }

    /// Signs a hash; the number that must never come twice is made as RFC 6979 says.
    pub(super) fn sign(&self, digest: &[u8]) -> Result<Vec<u8>, KeyError> {
        on_curve!(self.curve, krate => {
            let key = krate::ecdsa::SigningKey::from_slice(&self.scalar).map_err(|_| KeyError::Malformed)?;
            let signature: krate::ecdsa::Signature = key.sign_prehash(digest).map_err(|_| KeyError::Data)?;
            Ok(signature.to_der().as_bytes().to_vec())
        })
    }
}

impl EcPublic {
    /// A key from its point, compressed or not.
    pub(super) fn new(curve: Curve, point: &[u8]) -> Result<Self, KeyError> {
        let point = on_curve!(curve, krate => {
            let key = krate::ecdsa::VerifyingKey::from_sec1_bytes(point).map_err(|_| KeyError::Malformed)?;
            key.to_sec1_point(false).as_bytes().to_vec()
        });
        Ok(Self { curve, point })
    }

    pub(in crate::server::engine) const fn curve(&self) -> Curve {
        self.curve
    }

    pub(super) fn point(&self) -> &[u8] {
        &self.point
    }

    /// SubjectPublicKeyInfo, RFC 5480.
    pub(super) fn to_spki(&self) -> Result<Vec<u8>, KeyError> {
        on_curve!(self.curve, krate => {
            let key = krate::PublicKey::from_sec1_bytes(&self.point).map_err(|_| KeyError::Malformed)?;
            key.to_public_key_der().map(|der| der.into_vec()).map_err(|_| KeyError::Malformed)
        })
    }

    /// Whether a signature is that of a hash. One that is no signature at all is not.
    pub(super) fn verify(&self, digest: &[u8], signature: &[u8]) -> Result<bool, KeyError> {
        on_curve!(self.curve, krate => {
            let key = krate::ecdsa::VerifyingKey::from_sec1_bytes(&self.point);
            let key = key.map_err(|_| KeyError::Malformed)?;
            let Ok(signature) = krate::ecdsa::Signature::from_der(signature) else { return Ok(false) };
            // Of both numbers that hold, the crate for secp256k1 takes the smaller one only; others write either.
            Ok(key.verify_prehash(digest, &signature.normalize_s()).is_ok())
        })
    }
}
