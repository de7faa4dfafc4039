//! Keys of pairs in use: whether they may be used so, and how.

use tde_kmip_codec::{
    attribute::{AttributeValue, CryptographicParameters},
    spec::{
        enumeration::{
            CryptographicAlgorithm, DigitalSignatureAlgorithm, HashingAlgorithm, MaskGenerator, ObjectType,
            PaddingMethod, ResultReason,
        },
        tag,
    },
};

use super::using::{self, Use};
use crate::server::engine::{
    asymmetric::{EncryptionPadding, KeyError, PairKey, Scheme, SignaturePadding},
    attributes::key_block,
    batch::Batch,
    failure::{Failure, Outcome, Stop, Why},
    record::Object,
};

/// The key of a pair that may be used so.
pub(super) fn key(
    batch: &Batch<'_>,
    object: &Object,
    object_type: ObjectType,
    wanted: &Use,
) -> Outcome<PairKey> {
    if object.object_type != object_type {
        let message = if object_type == ObjectType::PRIVATE_KEY {
            "the operation takes a private key"
        } else {
            "the operation takes a public key"
        };
        return Err(using::wrong_type(batch, message));
    }
    using::allowed(batch, object, wanted)?;
    let material = object.material.as_ref().ok_or_else(|| Failure::no_object(&object.id))?;
    let managed = material
        .object()
        .map_err(|error| Failure::general(format!("the record of the object cannot be read: {error}")))?;
    let block = key_block(&managed).ok_or_else(|| failed(KeyError::Unsupported))?;
    if block.key_value.is_none() {
        let message = "the server does not have the key's value";
        return Err(Failure::exactly(ResultReason::KEY_VALUE_NOT_PRESENT, message).into());
    }
    PairKey::read(object_type, block, batch.options.max_rsa_bits_used).map_err(failed)
}

/// What a failure is called in an answer.
pub(super) fn failed(error: KeyError) -> Stop {
    Failure::exactly(ResultReason::CRYPTOGRAPHIC_FAILURE, error.to_string()).into()
}

/// The parameters of the request, or the first of the key.
pub(super) fn parameters<'a>(
    object: &'a Object,
    given: Option<&CryptographicParameters<'a>>,
) -> Option<CryptographicParameters<'a>> {
    match (given, object.attributes.get(tag::CRYPTOGRAPHIC_PARAMETERS)) {
        (Some(given), _) => Some(*given),
        (None, Some(AttributeValue::CryptographicParameters(known))) => Some(known),
        _ => None,
    }
}

impl Scheme {
    /// From Digital Signature Algorithm, or from Cryptographic Algorithm, Hashing Algorithm and Padding Method (KMIP
    /// 1.4, section 3.6).
    pub(super) fn new(key: &PairKey, given: Option<&CryptographicParameters<'_>>) -> Outcome<Self> {
        let none = CryptographicParameters::default();
        let given = given.unwrap_or(&none);
        let named = given.digital_signature_algorithm;
        let (hash, padding) = match named {
            Some(algorithm) => {
                let (hash, padding) =
                    of_name(algorithm).ok_or_else(|| unfit("Digital Signature Algorithm"))?;
                if hash.is_some_and(|hash| given.hashing_algorithm.is_some_and(|given| given != hash)) {
                    return Err(unfit("Hashing Algorithm"));
                }
                (hash.or(given.hashing_algorithm), padding)
            }
            None => (given.hashing_algorithm, given.padding_method),
        };
        if let PairKey::EcPrivate(_) | PairKey::EcPublic(_) = key {
            // A published case (CS-AC-M-3-ECC) has a key of a curve verify with the parameters of RSA: beside the
            // key, which knows what it is, only the hash counts.
            if named.is_some() && padding.is_some() {
                return Err(unfit("Digital Signature Algorithm"));
            }
            let hash = hash.or_else(|| key.curve().map(|curve| curve.hash()));
            let hash = hash.ok_or_else(|| unfit("Hashing Algorithm"))?;
            return Ok(Self { hash, padding: SignaturePadding::Pkcs1 });
        }
        check_rsa(given)?;
        let hash = hash.ok_or_else(|| unfit("Hashing Algorithm"))?;
        let padding = match padding {
            Some(PaddingMethod::PKCS1_V1_5) => SignaturePadding::Pkcs1,
            Some(PaddingMethod::PSS) => {
                check_mask(given)?;
                // The mask is made with the hash itself, and the last byte is 0xBC (RFC 8017, section 9.1).
                if given.mask_generator_hashing_algorithm.is_some_and(|mask| mask != hash) {
                    return Err(unfit("Mask Generator Hashing Algorithm"));
                }
                if given.trailer_field.is_some_and(|trailer| trailer != 1) {
                    return Err(unfit("Trailer Field"));
                }
                let salt = given.salt_length.map(usize::try_from).transpose();
                SignaturePadding::Pss(salt.map_err(|_| unfit("Salt Length"))?)
            }
            _ => return Err(unfit("Padding Method")),
        };
        Ok(Self { hash, padding })
    }
}

/// The hash and, of RSA, the padding that a Digital Signature Algorithm names.
fn of_name(
    algorithm: DigitalSignatureAlgorithm,
) -> Option<(Option<HashingAlgorithm>, Option<PaddingMethod>)> {
    use DigitalSignatureAlgorithm as D;
    use HashingAlgorithm as H;
    let rsa = |hash| Some((Some(hash), Some(PaddingMethod::PKCS1_V1_5)));
    let ecdsa = |hash| Some((Some(hash), None));
    match algorithm {
        D::SHA_1_WITH_RSA_ENCRYPTION => rsa(H::SHA_1),
        D::SHA_224_WITH_RSA_ENCRYPTION => rsa(H::SHA_224),
        D::SHA_256_WITH_RSA_ENCRYPTION => rsa(H::SHA_256),
        D::SHA_384_WITH_RSA_ENCRYPTION => rsa(H::SHA_384),
        D::SHA_512_WITH_RSA_ENCRYPTION => rsa(H::SHA_512),
        D::RSASSA_PSS => Some((None, Some(PaddingMethod::PSS))),
        D::ECDSA_WITH_SHA_1 => ecdsa(H::SHA_1),
        D::ECDSA_WITH_SHA224 => ecdsa(H::SHA_224),
        D::ECDSA_WITH_SHA256 => ecdsa(H::SHA_256),
        D::ECDSA_WITH_SHA384 => ecdsa(H::SHA_384),
        D::ECDSA_WITH_SHA512 => ecdsa(H::SHA_512),
        _ => None,
    }
}

/// How RSA encrypts: Padding Method, and of OAEP the hashes and P Source.
pub(super) fn encryption_padding<'a>(
    given: Option<&CryptographicParameters<'a>>,
) -> Outcome<EncryptionPadding<'a>> {
    let given = given.ok_or_else(|| unfit("Cryptographic Parameters"))?;
    check_rsa(given)?;
    match given.padding_method {
        Some(PaddingMethod::PKCS1_V1_5) => Ok(EncryptionPadding::Pkcs1),
        Some(PaddingMethod::OAEP) => {
            check_mask(given)?;
            let hash = given.hashing_algorithm.ok_or_else(|| unfit("Hashing Algorithm"))?;
            // As every client without the field of KMIP 1.4 has it.
            let mask = given.mask_generator_hashing_algorithm.unwrap_or(hash);
            Ok(EncryptionPadding::Oaep { hash, mask, label: given.p_source.unwrap_or_default() })
        }
        _ => Err(unfit("Padding Method")),
    }
}

fn check_rsa(given: &CryptographicParameters<'_>) -> Outcome {
    match given.cryptographic_algorithm {
        None | Some(CryptographicAlgorithm::RSA) => Ok(()),
        Some(_) => Err(unfit("Cryptographic Algorithm")),
    }
}

fn check_mask(given: &CryptographicParameters<'_>) -> Outcome {
    match given.mask_generator {
        None | Some(MaskGenerator::MGF1) => Ok(()),
        Some(_) => Err(unfit("Mask Generator")),
    }
}

/// What to say of parameters that do not do.
pub(super) fn unfit(name: &str) -> Stop {
    Failure::new(Why::Parameters, format!("{name} is missing or not supported here")).into()
}
