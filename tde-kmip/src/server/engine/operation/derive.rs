//! Derive Key (KMIP 1.4, section 4.6; KMIP 2.1, section 6.1.14).

use tde_kmip_codec::{
    Secret,
    attribute::{
        Attribute, AttributeValue, CryptographicParameters, DerivationParameters, TemplateAttribute,
    },
    operation::{DeriveKeyRequest, DeriveKeyResponse},
    spec::{
        enumeration::{
            CryptographicAlgorithm, DerivationMethod, HashingAlgorithm, LinkType, ObjectType, Operation,
            ResultReason,
        },
        mask::CryptographicUsageMask,
        tag,
    },
};
use zeroize::Zeroizing;

use super::{
    cipher,
    make::{keep_key, key_len, new_attributes},
    rekey::link,
    using::{self, Use},
};
use crate::server::engine::{
    attributes::AttributeSet,
    batch::Batch,
    derivation::{self, DerivationError, Iteration, TooManyRounds},
    failure::{Failure, Outcome, Stop, Why},
    hashing,
    record::Object,
};

/// The most bytes that are derived at once: several keys and initialization vectors in one secret.
const MAX_DERIVED: usize = 64 << 10;

/// Makes a key or a secret of others, and links it to them.
pub(super) fn derive_key(batch: &mut Batch<'_>, request: &DeriveKeyRequest<'_>) -> Outcome {
    let object_type = request.object_type;
    if !matches!(object_type, ObjectType::SYMMETRIC_KEY | ObjectType::SECRET_DATA) {
        return Err(invalid("only symmetric keys and secret data can be derived"));
    }
    let mut bases = Vec::new();
    if request.unique_identifiers.is_empty() {
        bases.push(batch.object(None)?);
    }
    for id in request.unique_identifiers {
        bases.push(batch.object(Some(id))?);
    }
    let mut materials = Vec::with_capacity(bases.len());
    for base in &bases {
        materials.push(material(batch, base)?);
    }
    let (Some(base), Some(key)) = (bases.first(), materials.first()) else {
        return Err(invalid("there is no object to derive of"));
    };
    let data = derivation_data(batch, &request.derivation_parameters, &bases, &materials)?;

    let (set, bits) = attributes(batch, request)?;
    let (algorithm, len) = size(object_type, &set, bits)?;
    let mut derived = Zeroizing::new(vec![0; len]);
    let known = match base.attributes.get(tag::CRYPTOGRAPHIC_PARAMETERS) {
        Some(AttributeValue::CryptographicParameters(known)) => Some(known),
        _ => None,
    };
    let given = request.derivation_parameters.cryptographic_parameters;
    let method = Method { given: &request.derivation_parameters, parameters: given.or(known), key, data };
    method.run(batch, base, request.derivation_method, &mut derived)?;

    let mut new = keep_key(batch, object_type, set, algorithm, bits, &derived)?;
    let mut linked: Vec<&str> = Vec::new();
    for base in &mut bases {
        if linked.contains(&base.id.as_str()) {
            continue;
        }
        link(&mut new, LinkType::DERIVATION_BASE_OBJECT_LINK, &base.id)?;
        link(base, LinkType::DERIVED_KEY_LINK, &new.id)?;
        base.changed(batch.now)?;
        batch.store.put_bounded(base)?;
        linked.push(&base.id);
    }
    batch.store.put(&mut new)?;
    batch.answer(DeriveKeyResponse::new(new.id.as_str().into()))?;
    batch.remember(Operation::DERIVE_KEY, vec![new.id]);
    Ok(())
}

/// The bytes of an object of which keys may be derived.
fn material(batch: &Batch<'_>, base: &Object) -> Outcome<Zeroizing<Vec<u8>>> {
    if !matches!(base.object_type, ObjectType::SYMMETRIC_KEY | ObjectType::SECRET_DATA) {
        let message = "keys are derived of symmetric keys and secret data here";
        return Err(Failure::new(Why::BaseType, message).into());
    }
    let mask = CryptographicUsageMask::DERIVE_KEY;
    if !base.attributes.usage().contains(mask) {
        let message = format!("Cryptographic Usage Mask lacks {mask}");
        return Err(Failure::new(Why::BaseUsage, message).into());
    }
    using::key(batch, base, &Use::new(Operation::DERIVE_KEY, mask).protects())
}

/// What is derived with: Derivation Data, one after another, or the secret that is named after the key.
fn derivation_data(
    batch: &Batch<'_>,
    parameters: &DerivationParameters<'_>,
    bases: &[Object],
    materials: &[Zeroizing<Vec<u8>>],
) -> Outcome<Option<Zeroizing<Vec<u8>>>> {
    let given = &parameters.derivation_data;
    match (bases, materials) {
        ([_], _) if given.is_empty() => Ok(None),
        ([_], _) => {
            let len = given.iter().map(|part| part.len()).sum();
            let mut data = Zeroizing::new(Vec::with_capacity(len));
            given.iter().for_each(|part: Secret<'_>| data.extend_from_slice(part.expose()));
            Ok(Some(data))
        }
        ([_, secret], [_, data]) if secret.object_type == ObjectType::SECRET_DATA => {
            if given.is_empty() {
                return Ok(Some(data.clone()));
            }
            // KMIP 1.4, section 11.5.
            let message = "Derivation Data is given twice: in the request and as an object";
            let why = if batch.version.major < 2 {
                Why::Exactly(ResultReason::INVALID_MESSAGE)
            } else {
                Why::Derivation
            };
            Err(Failure::new(why, message).into())
        }
        _ => Err(invalid("a key is derived of one object, and of a secret that stands for Derivation Data")),
    }
}

/// The attributes of the new object, and its length in bits.
fn attributes(batch: &mut Batch<'_>, request: &DeriveKeyRequest<'_>) -> Outcome<(AttributeSet, i32)> {
    let given = &request.attributes;
    // In 1.x, secrets have neither of the two; the request says the length all the same.
    let only_asks = |attribute: &Attribute<'_>| {
        let tag = attribute.value.tag();
        batch.version.major < 2
            && request.object_type == ObjectType::SECRET_DATA
            && matches!(tag, Some(tag::CRYPTOGRAPHIC_LENGTH | tag::CRYPTOGRAPHIC_ALGORITHM))
    };
    let kept: Vec<Attribute<'_>> =
        given.attributes.iter().filter(|attribute| !only_asks(attribute)).collect();
    let template = TemplateAttribute { names: given.names, attributes: kept.as_slice().into() };
    let set = new_attributes(batch, request.object_type, Some(&template))?;
    let asked = match given.attributes.get(tag::CRYPTOGRAPHIC_LENGTH).map(|attribute| attribute.value) {
        Some(AttributeValue::CryptographicLength(bits)) => Some(bits),
        _ => set.integer(tag::CRYPTOGRAPHIC_LENGTH),
    };
    Ok((set, asked.ok_or_else(|| missing("Cryptographic Length"))?))
}

/// The algorithm of the new object, and its length in bytes.
fn size(
    object_type: ObjectType,
    set: &AttributeSet,
    bits: i32,
) -> Outcome<(Option<CryptographicAlgorithm>, usize)> {
    if object_type == ObjectType::SYMMETRIC_KEY {
        let algorithm = set.enumeration(tag::CRYPTOGRAPHIC_ALGORITHM).map(CryptographicAlgorithm);
        let algorithm = algorithm.ok_or_else(|| missing("Cryptographic Algorithm"))?;
        return Ok((Some(algorithm), key_len(algorithm, bits)?));
    }
    let bytes = usize::try_from(bits).ok().filter(|bits| bits % 8 == 0).map(|bits| bits / 8);
    let bytes = bytes.filter(|bytes| (1..=MAX_DERIVED).contains(bytes)).ok_or_else(|| {
        let message = format!("{bits} bits are no whole number of bytes from 1 to {MAX_DERIVED}");
        Failure::new(Why::BadValue, message)
    })?;
    Ok((None, bytes))
}

/// A derivation, but for which one it is.
struct Method<'a> {
    given: &'a DerivationParameters<'a>,
    parameters: Option<CryptographicParameters<'a>>,
    key: &'a [u8],
    data: Option<Zeroizing<Vec<u8>>>,
}

impl Method<'_> {
    /// Fills `room`.
    fn run(
        &self,
        batch: &mut Batch<'_>,
        base: &Object,
        method: DerivationMethod,
        room: &mut [u8],
    ) -> Outcome {
        match method {
            DerivationMethod::PBKDF2 => self.pbkdf2(batch, room),
            DerivationMethod::HASH => {
                if self.data.is_some() {
                    return Err(derivation(
                        "HASH is taken of the key: there is no place for Derivation Data",
                    ));
                }
                let hash = self.hash()?;
                cut(&hashing::hash(hash, self.key).ok_or_else(unsupported_hash)?, room)
            }
            // The text has a salt for PBKDF2 only; PyKMIP has one here and takes it to mean HKDF.
            DerivationMethod::HMAC if self.given.salt.is_some() => self.hkdf(room),
            DerivationMethod::HMAC => {
                let hash = self.hash()?;
                cut(&hashing::hmac(hash, self.key, self.data()?).ok_or_else(unsupported_hash)?, room)
            }
            DerivationMethod::HKDF => self.hkdf(room),
            DerivationMethod::ENCRYPT => {
                let vector = self.given.initialization_vector.unwrap_or_default();
                let parameters = self.parameters.as_ref();
                cut(&cipher::derive(base, parameters, self.key, vector, self.data()?)?, room)
            }
            DerivationMethod::NIST800_108_C => self.iterated(Iteration::Counter, room),
            DerivationMethod::NIST800_108_F => {
                let vector = self.given.initialization_vector.unwrap_or_default();
                self.iterated(Iteration::Feedback { vector }, room)
            }
            DerivationMethod::NIST800_108_DPI => self.iterated(Iteration::DoublePipeline, room),
            method => Err(invalid(format!("the derivation method {method} is not supported"))),
        }
    }

    fn pbkdf2(&self, batch: &mut Batch<'_>, room: &mut [u8]) -> Outcome {
        if self.data.is_some() {
            return Err(derivation(
                "the password of PBKDF2 is the object: there is no place for Derivation Data",
            ));
        }
        let salt = self.given.salt.ok_or_else(|| derivation("PBKDF2 needs a Salt"))?;
        let rounds = self.given.iteration_count.and_then(|count| u32::try_from(count).ok());
        let rounds = rounds.filter(|rounds| *rounds > 0);
        let rounds = rounds.ok_or_else(|| derivation("PBKDF2 needs an Iteration Count of 1 or more"))?;
        // RFC 8018, section A.2: SHA-1 unless another hash is named.
        let hash = self.named_hash().unwrap_or(HashingAlgorithm::SHA_1);
        let output = hashing::size(hash).ok_or_else(unsupported_hash)?;
        let most = batch.options.max_derivation_rounds;
        let len = room.len();
        let done = batch.derived.pbkdf2(most, (hash, output), (self.key, salt), rounds, room);
        let done = done.map_err(|TooManyRounds { before }| {
            let hashes = len.div_ceil(output);
            derivation(format!(
                "{rounds} iterations for each of {hashes} hashes, and {before} in the batch before, are more than {most}"
            ))
        })?;
        done.map_err(refused)
    }

    fn hkdf(&self, room: &mut [u8]) -> Outcome {
        let info = self.data.as_ref().map_or(&[][..], |data| data.as_slice());
        derivation::hkdf(self.hash()?, self.key, self.given.salt, info, room).map_err(refused)
    }

    fn iterated(&self, iteration: Iteration<'_>, room: &mut [u8]) -> Outcome {
        derivation::iterated(self.hash()?, iteration, self.key, self.data()?, room).map_err(refused)
    }

    fn data(&self) -> Outcome<&[u8]> {
        let data = self.data.as_ref().ok_or_else(|| derivation("Derivation Data is missing"))?;
        Ok(data)
    }

    fn hash(&self) -> Outcome<HashingAlgorithm> {
        self.named_hash().ok_or_else(|| derivation("Hashing Algorithm is missing"))
    }

    /// The hash by its own name, or by that of its HMAC.
    fn named_hash(&self) -> Option<HashingAlgorithm> {
        let parameters = self.parameters.as_ref()?;
        let of_hmac = || parameters.cryptographic_algorithm.and_then(hashing::hash_of_hmac);
        parameters.hashing_algorithm.or_else(of_hmac)
    }
}

/// The beginning of what a method gave.
fn cut(output: &[u8], room: &mut [u8]) -> Outcome {
    let start = output.get(..room.len()).ok_or_else(|| refused(DerivationError::Length))?;
    room.copy_from_slice(start);
    Ok(())
}

fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Stop {
    Failure::invalid_field(message).into()
}

fn derivation(message: impl Into<std::borrow::Cow<'static, str>>) -> Stop {
    Failure::new(Why::Derivation, message).into()
}

fn missing(name: &str) -> Stop {
    Failure::new(Why::BadValue, format!("{name} is needed to derive a key")).into()
}

fn unsupported_hash() -> Stop {
    refused(DerivationError::Hash)
}

fn refused(error: DerivationError) -> Stop {
    match error {
        DerivationError::Hash => derivation("Hashing Algorithm is not supported here"),
        DerivationError::Length => {
            let message = "Cryptographic Length is more than the derivation method gives";
            Failure::exactly(ResultReason::CRYPTOGRAPHIC_FAILURE, message).into()
        }
    }
}
