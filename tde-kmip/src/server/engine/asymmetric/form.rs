//! The forms of asymmetric keys (KMIP 1.4, sections 2.1.3 to 2.1.7 and 9.1.3.2.3; KMIP 2.1, sections 3.2 and 11.25).

use pkcs8::{
    AlgorithmIdentifierRef, ObjectIdentifier, PrivateKeyInfoRef, SubjectPublicKeyInfoRef,
    der::{
        Decode as _, Encode as _,
        asn1::{BitStringRef, OctetStringRef},
    },
};
use rsa::pkcs1;
use sec1::EcPrivateKey;
use tde_kmip_codec::{
    Nested, Secret,
    object::{
        KeyBlock, KeyMaterial, KeyValue, ManagedObject, PlainKeyValue, PrivateKey, PublicKey,
        TransparentEcPrivateKey, TransparentEcPublicKey, TransparentEcdhPrivateKey, TransparentEcdhPublicKey,
        TransparentEcdsaPrivateKey, TransparentEcdsaPublicKey, TransparentEcmqvPrivateKey,
        TransparentEcmqvPublicKey, TransparentRsaPrivateKey, TransparentRsaPublicKey,
    },
    spec::{
        ProtocolVersion,
        enumeration::{CryptographicAlgorithm, KeyFormatType, ObjectType},
    },
    ttlv::BigInteger,
};
use zeroize::Zeroizing;

use super::{Curve, EcPrivate, EcPublic, KeyError, PairKey, RsaPrivate, RsaPublic, rsa_key::RsaNumbers};
use crate::server::engine::record::Material;

/// id-ecPublicKey (RFC 5480, section 2.1.1).
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

/// The key in a block that is not wrapped.
pub(super) fn read(
    object_type: ObjectType,
    block: &KeyBlock<'_>,
    max_bits: usize,
) -> Result<PairKey, KeyError> {
    let material = match (&block.key_value, &block.key_wrapping_data) {
        (Some(KeyValue::Plain(value)), None) => &value.key_material,
        _ => return Err(KeyError::Unsupported),
    };
    match (object_type, material) {
        (ObjectType::PRIVATE_KEY, KeyMaterial::Bytes(bytes)) => {
            let bytes = bytes.expose();
            match block.key_format_type {
                KeyFormatType::PKCS_1 => RsaPrivate::from_pkcs1(bytes, max_bits).map(PairKey::RsaPrivate),
                KeyFormatType::EC_PRIVATE_KEY => ec_private(bytes, None).map(PairKey::EcPrivate),
                KeyFormatType::PKCS_8 => pkcs8_private(bytes, max_bits),
                _ => Err(KeyError::Unsupported),
            }
        }
        (ObjectType::PUBLIC_KEY, KeyMaterial::Bytes(bytes)) => {
            let bytes = bytes.expose();
            match block.key_format_type {
                KeyFormatType::PKCS_1 => RsaPublic::from_pkcs1(bytes, max_bits).map(PairKey::RsaPublic),
                KeyFormatType::X_509 => spki_public(bytes, max_bits),
                _ => Err(KeyError::Unsupported),
            }
        }
        (ObjectType::PRIVATE_KEY, material) => transparent_private(material, max_bits),
        (ObjectType::PUBLIC_KEY, material) => transparent_public(material, max_bits),
        _ => Err(KeyError::Unsupported),
    }
}

/// PrivateKeyInfo, RFC 5958.
fn pkcs8_private(der: &[u8], max_bits: usize) -> Result<PairKey, KeyError> {
    let info = PrivateKeyInfoRef::from_der(der).map_err(|_| KeyError::Malformed)?;
    let inner = info.private_key.as_bytes();
    match info.algorithm.oid {
        pkcs1::ALGORITHM_OID => RsaPrivate::from_pkcs1(inner, max_bits).map(PairKey::RsaPrivate),
        EC_PUBLIC_KEY => ec_private(inner, Some(named(info.algorithm)?)).map(PairKey::EcPrivate),
        _ => Err(KeyError::Unsupported),
    }
}

/// SubjectPublicKeyInfo, RFC 5280, section 4.1.2.7.
fn spki_public(der: &[u8], max_bits: usize) -> Result<PairKey, KeyError> {
    let info = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| KeyError::Malformed)?;
    let inner = info.subject_public_key.as_bytes().ok_or(KeyError::Malformed)?;
    match info.algorithm.oid {
        pkcs1::ALGORITHM_OID => RsaPublic::from_pkcs1(inner, max_bits).map(PairKey::RsaPublic),
        EC_PUBLIC_KEY => EcPublic::new(named(info.algorithm)?, inner).map(PairKey::EcPublic),
        _ => Err(KeyError::Unsupported),
    }
}

/// The curve that an algorithm identifier names.
fn named(algorithm: AlgorithmIdentifierRef<'_>) -> Result<Curve, KeyError> {
    let oid = algorithm.parameters_oid().map_err(|_| KeyError::Unsupported)?;
    Curve::of_oid(oid).ok_or(KeyError::Unsupported)
}

/// ECPrivateKey, RFC 5915: the curve may stand around it or in it.
fn ec_private(der: &[u8], outer: Option<Curve>) -> Result<EcPrivate, KeyError> {
    let key = EcPrivateKey::from_der(der).map_err(|_| KeyError::Malformed)?;
    let inner = match key.parameters {
        Some(sec1::EcParameters::NamedCurve(oid)) => Some(Curve::of_oid(oid).ok_or(KeyError::Unsupported)?),
        _ => None,
    };
    match (outer, inner) {
        (Some(outer), Some(inner)) if outer != inner => Err(KeyError::Malformed),
        (Some(curve), _) | (None, Some(curve)) => EcPrivate::new(curve, key.private_key),
        (None, None) => Err(KeyError::Unsupported),
    }
}

/// A number that is not negative.
fn positive(number: BigInteger<'_>) -> Result<&[u8], KeyError> {
    if number.is_negative() { Err(KeyError::Malformed) } else { Ok(number.minimal()) }
}

/// Does the same with the forms of elliptic curves, which differ in their names alone.
macro_rules! on_curve {
    ($key:ident, $number:ident, $read:expr) => {{
        let key = $key.get().ok_or(KeyError::Malformed)?;
        let curve = Curve::of_recommended(key.recommended_curve).ok_or(KeyError::Unsupported)?;
        $read(curve, key.$number)
    }};
}

fn transparent_private(material: &KeyMaterial<'_>, max_bits: usize) -> Result<PairKey, KeyError> {
    let ec = |curve, number| EcPrivate::new(curve, positive(number)?).map(PairKey::EcPrivate);
    match material {
        KeyMaterial::TransparentRsaPrivateKey(key) => {
            let key = key.get().ok_or(KeyError::Malformed)?;
            let numbers = RsaNumbers {
                modulus: positive(key.modulus)?,
                public_exponent: key.public_exponent.map(positive).transpose()?,
                private_exponent: key.private_exponent.map(positive).transpose()?,
                primes: match (key.p, key.q) {
                    (Some(p), Some(q)) => Some((positive(p)?, positive(q)?)),
                    _ => None,
                },
            };
            RsaPrivate::from_numbers(&numbers, max_bits).map(PairKey::RsaPrivate)
        }
        KeyMaterial::TransparentEcPrivateKey(key) => on_curve!(key, d, ec),
        KeyMaterial::TransparentEcdsaPrivateKey(key) => on_curve!(key, d, ec),
        KeyMaterial::TransparentEcdhPrivateKey(key) => on_curve!(key, d, ec),
        KeyMaterial::TransparentEcmqvPrivateKey(key) => on_curve!(key, d, ec),
        _ => Err(KeyError::Unsupported),
    }
}

fn transparent_public(material: &KeyMaterial<'_>, max_bits: usize) -> Result<PairKey, KeyError> {
    let ec = |curve, point| EcPublic::new(curve, point).map(PairKey::EcPublic);
    match material {
        KeyMaterial::TransparentRsaPublicKey(key) => {
            let key = key.get().ok_or(KeyError::Malformed)?;
            let (modulus, exponent) = (positive(key.modulus)?, positive(key.public_exponent)?);
            RsaPublic::from_numbers(modulus, exponent, max_bits).map(PairKey::RsaPublic)
        }
        KeyMaterial::TransparentEcPublicKey(key) => on_curve!(key, q_string, ec),
        KeyMaterial::TransparentEcdsaPublicKey(key) => on_curve!(key, q_string, ec),
        KeyMaterial::TransparentEcdhPublicKey(key) => on_curve!(key, q_string, ec),
        KeyMaterial::TransparentEcmqvPublicKey(key) => on_curve!(key, q_string, ec),
        _ => Err(KeyError::Unsupported),
    }
}

/// The format that a key has where none is asked for (KMIP 2.1, section 4.26).
pub(in crate::server::engine) fn default_format(
    key: &PairKey,
    algorithm: CryptographicAlgorithm,
    version: ProtocolVersion,
) -> KeyFormatType {
    use KeyFormatType as F;
    let one_form = version >= ProtocolVersion::V1_3;
    match (key, algorithm) {
        (PairKey::RsaPrivate(_) | PairKey::RsaPublic(_), _) => F::PKCS_1,
        (PairKey::EcPrivate(_), _) if one_form => F::TRANSPARENT_EC_PRIVATE_KEY,
        (PairKey::EcPublic(_), _) if one_form => F::TRANSPARENT_EC_PUBLIC_KEY,
        (PairKey::EcPrivate(_), CryptographicAlgorithm::ECDH) => F::TRANSPARENT_ECDH_PRIVATE_KEY,
        (PairKey::EcPublic(_), CryptographicAlgorithm::ECDH) => F::TRANSPARENT_ECDH_PUBLIC_KEY,
        (PairKey::EcPrivate(_), CryptographicAlgorithm::ECMQV) => F::TRANSPARENT_ECMQV_PRIVATE_KEY,
        (PairKey::EcPublic(_), CryptographicAlgorithm::ECMQV) => F::TRANSPARENT_ECMQV_PUBLIC_KEY,
        (PairKey::EcPrivate(_), _) => F::TRANSPARENT_ECDSA_PRIVATE_KEY,
        (PairKey::EcPublic(_), _) => F::TRANSPARENT_ECDSA_PUBLIC_KEY,
    }
}

/// The key as the bytes of a format that has bytes.
pub(super) fn to_bytes(key: &PairKey, format: KeyFormatType) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    match (key, format) {
        (PairKey::RsaPrivate(key), KeyFormatType::PKCS_1) => Ok(Zeroizing::new(key.pkcs1().to_vec())),
        (PairKey::RsaPrivate(key), KeyFormatType::PKCS_8) => {
            let inner = OctetStringRef::new(key.pkcs1()).map_err(|_| KeyError::Malformed)?;
            let info = PrivateKeyInfoRef::new(pkcs1::ALGORITHM_ID, inner);
            info.to_der().map(Zeroizing::new).map_err(|_| KeyError::Malformed)
        }
        (PairKey::RsaPublic(key), KeyFormatType::PKCS_1) => Ok(Zeroizing::new(key.pkcs1().to_vec())),
        (PairKey::RsaPublic(key), KeyFormatType::X_509) => {
            let inner = BitStringRef::from_bytes(key.pkcs1()).map_err(|_| KeyError::Malformed)?;
            let info = SubjectPublicKeyInfoRef { algorithm: pkcs1::ALGORITHM_ID, subject_public_key: inner };
            info.to_der().map(Zeroizing::new).map_err(|_| KeyError::Malformed)
        }
        (PairKey::EcPrivate(key), KeyFormatType::EC_PRIVATE_KEY) => key.to_sec1(),
        (PairKey::EcPrivate(key), KeyFormatType::PKCS_8) => key.to_pkcs8(),
        (PairKey::EcPublic(key), KeyFormatType::X_509) => key.to_spki().map(Zeroizing::new),
        _ => Err(KeyError::Unsupported),
    }
}

/// The key as an object in a format.
pub(super) fn to_object(
    key: &PairKey,
    format: KeyFormatType,
    algorithm: Option<CryptographicAlgorithm>,
    bits: Option<i32>,
    version: ProtocolVersion,
) -> Result<Material, KeyError> {
    use KeyFormatType as F;
    let object = |material: KeyMaterial<'_>| {
        let mut block = KeyBlock::new(format);
        block.key_value = Some(KeyValue::Plain(PlainKeyValue::new(material)));
        block.cryptographic_algorithm = algorithm;
        block.cryptographic_length = bits;
        let object: ManagedObject<'_> = match key {
            PairKey::RsaPrivate(_) | PairKey::EcPrivate(_) => PrivateKey::new(block).into(),
            PairKey::RsaPublic(_) | PairKey::EcPublic(_) => PublicKey::new(block).into(),
        };
        Material::new(&object, version).map_err(|_| KeyError::Unsupported)
    };
    match (key, format) {
        (PairKey::RsaPrivate(key), F::TRANSPARENT_RSA_PRIVATE_KEY) => {
            let key = key.numbers()?;
            let numbers = [
                key.modulus,
                key.private_exponent,
                key.public_exponent,
                key.prime1,
                key.prime2,
                key.exponent1,
                key.exponent2,
                key.coefficient,
            ]
            .map(|number| wire(number.as_bytes()));
            let [modulus, private, public, p, q, prime_p, prime_q, coefficient] = &numbers;
            let mut form = TransparentRsaPrivateKey::new(big(modulus)?);
            form.private_exponent = Some(big(private)?);
            form.public_exponent = Some(big(public)?);
            (form.p, form.q) = (Some(big(p)?), Some(big(q)?));
            (form.prime_exponent_p, form.prime_exponent_q) = (Some(big(prime_p)?), Some(big(prime_q)?));
            form.crt_coefficient = Some(big(coefficient)?);
            object(Nested::from(&form).into())
        }
        (PairKey::RsaPublic(key), F::TRANSPARENT_RSA_PUBLIC_KEY) => {
            let key = key.numbers()?;
            let (modulus, exponent) = (wire(key.modulus.as_bytes()), wire(key.public_exponent.as_bytes()));
            object(Nested::from(&TransparentRsaPublicKey::new(big(&modulus)?, big(&exponent)?)).into())
        }
        (PairKey::EcPrivate(key), _) if !has_bytes(format) => {
            let (curve, number) = (key.curve().recommended(), wire(key.scalar()));
            let d = big(&number)?;
            match format {
                F::TRANSPARENT_EC_PRIVATE_KEY => {
                    object(Nested::from(&TransparentEcPrivateKey::new(curve, d)).into())
                }
                F::TRANSPARENT_ECDSA_PRIVATE_KEY => {
                    object(Nested::from(&TransparentEcdsaPrivateKey::new(curve, d)).into())
                }
                F::TRANSPARENT_ECDH_PRIVATE_KEY => {
                    object(Nested::from(&TransparentEcdhPrivateKey::new(curve, d)).into())
                }
                F::TRANSPARENT_ECMQV_PRIVATE_KEY => {
                    object(Nested::from(&TransparentEcmqvPrivateKey::new(curve, d)).into())
                }
                _ => Err(KeyError::Unsupported),
            }
        }
        (PairKey::EcPublic(key), _) if !has_bytes(format) => {
            let (curve, q) = (key.curve().recommended(), key.point());
            match format {
                F::TRANSPARENT_EC_PUBLIC_KEY => {
                    object(Nested::from(&TransparentEcPublicKey::new(curve, q)).into())
                }
                F::TRANSPARENT_ECDSA_PUBLIC_KEY => {
                    object(Nested::from(&TransparentEcdsaPublicKey::new(curve, q)).into())
                }
                F::TRANSPARENT_ECDH_PUBLIC_KEY => {
                    object(Nested::from(&TransparentEcdhPublicKey::new(curve, q)).into())
                }
                F::TRANSPARENT_ECMQV_PUBLIC_KEY => {
                    object(Nested::from(&TransparentEcmqvPublicKey::new(curve, q)).into())
                }
                _ => Err(KeyError::Unsupported),
            }
        }
        _ => {
            let bytes = to_bytes(key, format)?;
            object(Secret::new(&bytes).into())
        }
    }
}

fn has_bytes(format: KeyFormatType) -> bool {
    matches!(
        format,
        KeyFormatType::PKCS_1 | KeyFormatType::PKCS_8 | KeyFormatType::X_509 | KeyFormatType::EC_PRIVATE_KEY
    )
}

/// A number that is not negative, as long as KMIP has it: a multiple of eight bytes, the first bit for the sign.
fn wire(number: &[u8]) -> Zeroizing<Vec<u8>> {
    let leading = number.iter().take_while(|byte| **byte == 0).count();
    let number = number.get(leading..).unwrap_or_default();
    let signed = usize::from(number.first().is_some_and(|first| *first >= 0x80));
    let length = (number.len() + signed).div_ceil(8).max(1) * 8;
    let mut wire = Zeroizing::new(Vec::with_capacity(length));
    wire.resize(length - number.len(), 0);
    wire.extend_from_slice(number);
    wire
}

fn big(wire: &[u8]) -> Result<BigInteger<'_>, KeyError> {
    BigInteger::from_wire(wire).ok_or(KeyError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_sign_on_the_wire() {
        for (number, expected) in [
            (&[0_u8][..], &[0_u8; 8][..]),
            (&[1, 0, 1], &[0, 0, 0, 0, 0, 1, 0, 1]),
            (&[0x80, 0, 0, 0, 0, 0, 0, 1], &[0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 1]),
            (&[0, 0x7F, 0, 0, 0, 0, 0, 0, 1], &[0x7F, 0, 0, 0, 0, 0, 0, 1]),
        ] {
            let written = wire(number);
            assert_eq!(*written, expected, "{number:?}");
            assert!(!big(&written).unwrap().is_negative());
        }
    }
}
