//! Create and Register (KMIP 1.4, sections 4.1 and 4.3; KMIP 2.1, sections 6.1.8 and 6.1.43).

use tde_kmip_codec::{
    Secret,
    attribute::TemplateAttribute,
    object::{KeyBlock, KeyValue, ManagedObject, PlainKeyValue, SecretData, SymmetricKey},
    operation::{CreateRequest, CreateResponse, RegisterRequest, RegisterResponse},
    spec::{
        enumeration::{
            CryptographicAlgorithm, KeyFormatType, ObjectType, Operation, ResultReason, SecretDataType,
        },
        tag,
    },
    state::ObjectState,
};
use zeroize::Zeroizing;

use crate::server::engine::{
    attributes::{AttributeSet, NewAttributes, check_dates, describe},
    batch::Batch,
    failure::{Failure, Outcome, Why},
    record::{Material, Object},
};

/// Makes a symmetric key, or (2.x) a secret.
pub(super) fn create(batch: &mut Batch<'_>, request: &CreateRequest<'_>) -> Outcome {
    let object_type = request.object_type;
    let is_secret = object_type == ObjectType::SECRET_DATA && batch.version.major >= 2;
    if object_type != ObjectType::SYMMETRIC_KEY && !is_secret {
        let message = "only symmetric keys can be created";
        return Err(Failure::new(Why::BadValue, message).into());
    }
    let set = new_attributes(batch, object_type, Some(&request.attributes))?;
    let id = create_key(batch, object_type, set)?.id;
    let response = CreateResponse::new(object_type, id.as_str().into());
    batch.answer(response)?;
    batch.remember(Operation::CREATE, vec![id]);
    Ok(())
}

/// Makes a key with these attributes and keeps it.
pub(super) fn create_key(
    batch: &mut Batch<'_>,
    object_type: ObjectType,
    set: AttributeSet,
) -> Outcome<Object> {
    let missing = |name: &str| Failure::new(Why::BadValue, format!("{name} is needed to create a key"));
    let symmetric = object_type == ObjectType::SYMMETRIC_KEY;
    let algorithm = set.enumeration(tag::CRYPTOGRAPHIC_ALGORITHM).map(CryptographicAlgorithm);
    let bits = match (set.integer(tag::CRYPTOGRAPHIC_LENGTH), algorithm) {
        (Some(bits), _) => bits,
        (None, Some(CryptographicAlgorithm::AES)) if batch.version.major >= 2 => 256,
        (None, Some(_)) if symmetric => return Err(missing("Cryptographic Length").into()),
        (None, _) => 256,
    };
    let algorithm = match algorithm {
        None if symmetric && batch.version.major < 2 => return Err(missing("Cryptographic Algorithm").into()),
        None if symmetric => Some(CryptographicAlgorithm::AES),
        algorithm => algorithm,
    };
    let bytes = match algorithm {
        Some(algorithm) => key_len(algorithm, bits)?,
        None => usize::try_from(bits).unwrap_or_default().div_ceil(8).clamp(1, 512),
    };
    if set.integer(tag::CRYPTOGRAPHIC_USAGE_MASK).is_none() && symmetric && batch.version.major < 2 {
        return Err(missing("Cryptographic Usage Mask").into());
    }
    let mut key = Zeroizing::new(vec![0; bytes]);
    batch.options.randomness.fill(&mut key)?;
    keep_key(batch, object_type, set, algorithm, bits, &key)
}

/// Keeps a symmetric key or a secret that the server made.
pub(super) fn keep_key(
    batch: &mut Batch<'_>,
    object_type: ObjectType,
    mut set: AttributeSet,
    algorithm: Option<CryptographicAlgorithm>,
    bits: i32,
    key: &[u8],
) -> Outcome<Object> {
    let symmetric = object_type == ObjectType::SYMMETRIC_KEY;
    let mut block = KeyBlock::new(KeyFormatType::RAW);
    block.key_value = Some(KeyValue::Plain(PlainKeyValue::new(Secret::new(key).into())));
    if symmetric {
        block.cryptographic_algorithm = algorithm;
        block.cryptographic_length = Some(bits);
    }
    let managed: ManagedObject<'_> = if symmetric {
        SymmetricKey::new(block).into()
    } else {
        set.remove(|kept| kept.key.tag() == Some(tag::CRYPTOGRAPHIC_ALGORITHM));
        SecretData::new(SecretDataType::SEED, block).into()
    };
    keep_new(batch, &managed, set, true)
}

/// How many bytes a key has, if keys of this algorithm can be made with that length.
pub(super) fn key_len(algorithm: CryptographicAlgorithm, bits: i32) -> Result<usize, Failure> {
    use CryptographicAlgorithm as A;
    let fits = match algorithm {
        A::AES | A::ARIA | A::CAMELLIA => matches!(bits, 128 | 192 | 256),
        // With or without the parity bits.
        A::DES3 => matches!(bits, 112 | 128 | 168 | 192),
        A::CHACHA20 | A::CHACHA20POLY1305 | A::POLY1305 => bits == 256,
        A::BLOWFISH => (32..=448).contains(&bits) && bits % 8 == 0,
        A::CAST5 => (40..=128).contains(&bits) && bits % 8 == 0,
        A::IDEA | A::SEED | A::SM4 => bits == 128,
        A::TWOFISH => matches!(bits, 128 | 192 | 256),
        A::RC4 => (40..=2048).contains(&bits) && bits % 8 == 0,
        A::HMAC_SHA1
        | A::HMAC_SHA224
        | A::HMAC_SHA256
        | A::HMAC_SHA384
        | A::HMAC_SHA512
        | A::HMAC_MD5
        | A::HMAC_SHA3_224
        | A::HMAC_SHA3_256
        | A::HMAC_SHA3_384
        | A::HMAC_SHA3_512 => (8..=4096).contains(&bits) && bits % 8 == 0,
        _ => {
            let message = format!("symmetric keys of the algorithm {algorithm} cannot be created");
            return Err(Failure::new(Why::BadValue, message));
        }
    };
    if !fits {
        return Err(Failure::new(Why::BadValue, format!("{algorithm} has no keys of {bits} bits")));
    }
    Ok(match (algorithm, bits) {
        (A::DES3, 112) => 16,
        (A::DES3, 168) => 24,
        _ => usize::try_from(bits).unwrap_or_default() / 8,
    })
}

/// Keeps an object that the client brings.
pub(super) fn register(batch: &mut Batch<'_>, request: &RegisterRequest<'_>) -> Outcome {
    if request.object.object_type() != request.object_type {
        return Err(Failure::invalid_field("Object Type is not that of the object that follows").into());
    }
    let set = new_attributes(batch, request.object_type, Some(&request.attributes))?;
    let id = keep_new(batch, &request.object, set, false)?.id;
    batch.answer(RegisterResponse::new(id.as_str().into()))?;
    batch.remember(Operation::REGISTER, vec![id]);
    Ok(())
}

/// The attributes that a request gives, those of the templates that it names included.
pub(super) fn new_attributes(
    batch: &mut Batch<'_>,
    object_type: ObjectType,
    given: Option<&TemplateAttribute<'_>>,
) -> Outcome<AttributeSet> {
    let mut new = NewAttributes::new(object_type, batch.version);
    if let Some(given) = given {
        add_templates(batch, &mut new, given)?;
        new.add(batch, given.attributes.iter())?;
    }
    Ok(new.finish())
}

/// The attributes of the templates that a request names.
pub(super) fn add_templates(
    batch: &Batch<'_>,
    new: &mut NewAttributes,
    given: &TemplateAttribute<'_>,
) -> Outcome {
    for name in given.names {
        let template = named_template(batch, name.name_value)?;
        if let Some(ManagedObject::Template(template)) =
            template.material.as_ref().and_then(|material| material.object().ok())
        {
            new.add_weak(batch, template.attributes.iter())?;
        }
    }
    Ok(())
}

fn named_template(batch: &Batch<'_>, name: &str) -> Outcome<Object> {
    for record in batch.store.named(name)? {
        if let Some(object) =
            batch.find(&record.id)?.filter(|object| object.object_type == ObjectType::TEMPLATE)
        {
            return Ok(object);
        }
    }
    Err(Failure::exactly(ResultReason::ITEM_NOT_FOUND, "there is no template of that name").into())
}

/// Gives an object its identifier and everything that the server says about it, and keeps it.
pub(super) fn keep_new(
    batch: &mut Batch<'_>,
    managed: &ManagedObject<'_>,
    set: AttributeSet,
    generated: bool,
) -> Outcome<Object> {
    check_dates(&set)?;
    check_names(batch, &set, None)?;
    let material = Material::new(managed, batch.version)
        .map_err(|error| Failure::invalid_field(format!("the object cannot be kept: {error}")))?;
    let mut object = Object {
        id: new_identifier(batch)?,
        owner: batch.owner.clone(),
        revision: None,
        sequence: u64::MAX,
        object_type: managed.object_type(),
        state: ObjectState::PreActive,
        attributes: set,
        material: Some(material),
    };
    describe(batch, &mut object, managed, generated)?;
    batch.store.put_bounded(&mut object)?;
    Ok(object)
}

/// A UUID of version 4 (RFC 9562, section 5.4).
fn new_identifier(batch: &Batch<'_>) -> Outcome<String> {
    let mut bytes = [0; 16];
    batch.options.randomness.fill(&mut bytes)?;
    let number = u128::from_be_bytes(bytes);
    let number = number & !(0xF << 76 | 0b11 << 62) | 4 << 76 | 0b10 << 62;
    let hex = format!("{number:032x}");
    let mut id = String::with_capacity(36);
    for (place, digit) in hex.chars().enumerate() {
        if matches!(place, 8 | 12 | 16 | 20) {
            id.push('-');
        }
        id.push(digit);
    }
    Ok(id)
}

/// Names are unique among the objects of an owner that still exist (KMIP 1.4, section 3.2; KMIP 2.1, section 4.32).
pub(super) fn check_names(batch: &Batch<'_>, set: &AttributeSet, except: Option<&str>) -> Outcome {
    for name in set.names() {
        for record in batch.store.named(name)? {
            if Some(record.id.as_str()) == except {
                continue;
            }
            let object = Object::load(&record)?;
            if object.material.is_some() {
                return Err(Failure::new(Why::NameTaken, "another object has this name").into());
            }
        }
    }
    Ok(())
}
