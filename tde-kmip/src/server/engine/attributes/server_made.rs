//! The attributes that the server gives to a new object.

use sha2::{Digest as _, Sha256};
use tde_kmip_codec::{
    DateTime, Interval, Secret,
    attribute::{AttributeValue, Digest, RngParameters},
    object::{KeyBlock, KeyMaterial, KeyValue, ManagedObject},
    spec::{
        enumeration::{CryptographicAlgorithm, HashingAlgorithm, KeyFormatType, ObjectType, RNGAlgorithm},
        mask::ProtectionStorageMask,
        tag,
    },
    state::ObjectState,
};

use super::{AttributeSet, certificate};
use crate::server::engine::{
    batch::Batch,
    failure::{Failure, Outcome, Why},
    record::Object,
};

/// Gives a new object everything that the server says about it, and its state.
///
/// `generated` objects were made here, others came with the request.
pub(in crate::server::engine) fn describe(
    batch: &Batch<'_>,
    object: &mut Object,
    managed: &ManagedObject<'_>,
    generated: bool,
) -> Outcome {
    let set = &mut object.attributes;
    if let Some(block) = key_block(managed) {
        describe_key(set, block, managed.object_type())?;
    }
    match managed {
        ManagedObject::Certificate(certificate) => certificate::describe(set, certificate)?,
        ManagedObject::OpaqueObject(opaque) => {
            set.set(AttributeValue::OpaqueDataType(opaque.opaque_data_type))?;
        }
        _ => {}
    }
    if let Some((bytes, format)) = digested(managed) {
        let value = Sha256::digest(bytes.expose());
        let mut digest = Digest::new(HashingAlgorithm::SHA_256);
        digest.digest_value = Some(&value);
        digest.key_format_type = format;
        set.set(AttributeValue::Digest(digest))?;
    }
    describe_protection(set)?;
    if !set.has_tag(tag::OPERATION_POLICY_NAME) {
        // Shown in KMIP 1.x. There is one policy: the owner may do everything, others nothing.
        set.set(AttributeValue::OperationPolicyName("default"))?;
    }
    if set.boolean(tag::FRESH).is_none() {
        set.set(AttributeValue::Fresh(true))?;
    }
    if let Some(seconds) = batch.options.lease_time {
        set.set(AttributeValue::LeaseTime(Interval(seconds)))?;
    }
    set.set(AttributeValue::ProtectionStorageMask(ProtectionStorageMask::SOFTWARE))?;
    set.set(AttributeValue::ShortUniqueIdentifier(&short_identifier(&object.id)))?;
    let now = DateTime(batch.now);
    set.set(AttributeValue::InitialDate(now))?;
    set.set(AttributeValue::LastChangeDate(now))?;
    if generated {
        set.set(AttributeValue::OriginalCreationDate(now))?;
        set.set(AttributeValue::RandomNumberGenerator(RngParameters::new(RNGAlgorithm::UNSPECIFIED)))?;
    }
    object.state = ObjectState::initial(set.date(tag::ACTIVATION_DATE), batch.now);
    object.tick(batch.now);
    Ok(())
}

/// Sensitive and Extractable, and what they have always been.
pub(in crate::server::engine) fn describe_protection(set: &mut AttributeSet) -> Outcome {
    let sensitive = set.boolean(tag::SENSITIVE).unwrap_or(false);
    let extractable = set.boolean(tag::EXTRACTABLE).unwrap_or(true);
    set.set(AttributeValue::Sensitive(sensitive))?;
    set.set(AttributeValue::AlwaysSensitive(
        sensitive && set.boolean(tag::ALWAYS_SENSITIVE).unwrap_or(true),
    ))?;
    set.set(AttributeValue::Extractable(extractable))?;
    set.set(AttributeValue::NeverExtractable(
        !extractable && set.boolean(tag::NEVER_EXTRACTABLE).unwrap_or(true),
    ))
}

/// The key block of an object that has one.
pub(in crate::server::engine) fn key_block<'o, 'a>(
    managed: &'o ManagedObject<'a>,
) -> Option<&'o KeyBlock<'a>> {
    match managed {
        ManagedObject::SymmetricKey(key) => Some(&key.key_block),
        ManagedObject::PublicKey(key) => Some(&key.key_block),
        ManagedObject::PrivateKey(key) => Some(&key.key_block),
        ManagedObject::SplitKey(key) => Some(&key.key_block),
        ManagedObject::SecretData(key) => Some(&key.key_block),
        ManagedObject::PgpKey(key) => Some(&key.key_block),
        _ => None,
    }
}

/// The same, to change it.
pub(in crate::server::engine) fn key_block_mut<'o, 'a>(
    managed: &'o mut ManagedObject<'a>,
) -> Option<&'o mut KeyBlock<'a>> {
    match managed {
        ManagedObject::SymmetricKey(key) => Some(&mut key.key_block),
        ManagedObject::PublicKey(key) => Some(&mut key.key_block),
        ManagedObject::PrivateKey(key) => Some(&mut key.key_block),
        ManagedObject::SplitKey(key) => Some(&mut key.key_block),
        ManagedObject::SecretData(key) => Some(&mut key.key_block),
        ManagedObject::PgpKey(key) => Some(&mut key.key_block),
        _ => None,
    }
}

/// The bytes of a key in the clear that is one string of bytes.
pub(in crate::server::engine) fn key_bytes<'a>(block: &KeyBlock<'a>) -> Option<Secret<'a>> {
    match &block.key_value {
        Some(KeyValue::Plain(value)) => match &value.key_material {
            KeyMaterial::Bytes(bytes) => Some(bytes.clone()),
            KeyMaterial::TransparentSymmetricKey(key) => Some(key.key.clone()),
            _ => None,
        },
        _ => None,
    }
}

fn describe_key(set: &mut AttributeSet, block: &KeyBlock<'_>, object_type: ObjectType) -> Outcome {
    if let Some(algorithm) = block.cryptographic_algorithm {
        if set.enumeration(tag::CRYPTOGRAPHIC_ALGORITHM).is_some_and(|given| given != algorithm.0) {
            return Err(contradiction("Cryptographic Algorithm"));
        }
        set.set(AttributeValue::CryptographicAlgorithm(algorithm))?;
    }
    if let Some(length) = block.cryptographic_length {
        if set.integer(tag::CRYPTOGRAPHIC_LENGTH).is_some_and(|given| given != length) {
            return Err(contradiction("Cryptographic Length"));
        }
        set.set(AttributeValue::CryptographicLength(length))?;
    }
    set.set(AttributeValue::KeyFormatType(block.key_format_type))?;
    if block.key_value.is_none() {
        set.set(AttributeValue::KeyValuePresent(false))?;
    }
    if let Some(bytes) = key_bytes(block)
        && object_type == ObjectType::SYMMETRIC_KEY
        && block.key_wrapping_data.is_none()
    {
        let bits = i32::try_from(bytes.len().saturating_mul(8)).unwrap_or(i32::MAX);
        match set.integer(tag::CRYPTOGRAPHIC_LENGTH) {
            None => set.set(AttributeValue::CryptographicLength(bits))?,
            Some(length) if length != bits && is_aes(set) => {
                let message = format!("the key has {bits} bits, but Cryptographic Length says {length}");
                return Err(Failure::new(Why::BadValue, message).into());
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// AES keys have the length that their bytes have; others count parity bits or not.
fn is_aes(set: &AttributeSet) -> bool {
    set.enumeration(tag::CRYPTOGRAPHIC_ALGORITHM) == Some(CryptographicAlgorithm::AES.0)
}

fn contradiction(name: &str) -> crate::server::engine::failure::Stop {
    Failure::new(Why::BadValue, format!("{name} is not the one in the key block")).into()
}

/// What the digest of an object is taken of (KMIP 1.4, section 3.17), if the server can see it.
fn digested<'a>(managed: &ManagedObject<'a>) -> Option<(Secret<'a>, Option<KeyFormatType>)> {
    match managed {
        ManagedObject::Certificate(certificate) => {
            Some((Secret::new(certificate.certificate_value), Some(KeyFormatType::RAW)))
        }
        ManagedObject::CertificateRequest(request) => {
            Some((Secret::new(request.certificate_request_value), None))
        }
        ManagedObject::OpaqueObject(opaque) => {
            Some((opaque.opaque_data_value.clone(), Some(KeyFormatType::OPAQUE)))
        }
        _ => {
            let block = key_block(managed)?;
            Some((key_bytes(block)?, Some(block.key_format_type)))
        }
    }
}

/// Sixteen bytes that stand for the identifier (KMIP 2.1, section 4.56).
fn short_identifier(id: &str) -> [u8; 16] {
    let mut short = [0; 16];
    for (to, from) in short.iter_mut().zip(Sha256::digest(id.as_bytes())) {
        *to = from;
    }
    short
}

impl Object {
    /// Moves the state on as far as the dates say (KMIP 1.4, section 3.22).
    pub(in crate::server::engine) fn tick(&mut self, now: i64) {
        let come = |tag| self.attributes.date(tag).is_some_and(|date| date <= now);
        if self.state == ObjectState::PreActive && come(tag::ACTIVATION_DATE) {
            self.state = ObjectState::Active;
        }
        if self.state == ObjectState::Active && come(tag::DEACTIVATION_DATE) {
            self.state = ObjectState::Deactivated;
        }
    }

    /// Whether it was archived and not recovered yet.
    pub(in crate::server::engine) fn is_archived(&self) -> bool {
        self.attributes.has_tag(tag::ARCHIVE_DATE)
    }

    /// Sets an attribute that only the server sets.
    pub(in crate::server::engine) fn set(&mut self, value: AttributeValue<'_>) -> Outcome {
        self.attributes.set(value)
    }

    /// Notes that the object or its attributes changed.
    pub(in crate::server::engine) fn changed(&mut self, now: i64) -> Outcome {
        self.set(AttributeValue::LastChangeDate(DateTime(now)))
    }
}
