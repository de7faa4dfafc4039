//! Keys that leave wrapped, and wrapped ones that leave in the clear (KMIP 1.4, sections 2.1.5, 2.1.6 and 4.11; KMIP
//! 2.1, sections 2.2.5 and 6.1.21).

use tde_kmip_codec::{
    Nested, Secret, Structure,
    attribute::{Attribute, AttributeReference, AttributeValue, CryptographicParameters, UniqueIdentifier},
    object::{
        EncryptionKeyInformation, KeyBlock, KeyMaterial, KeyValue, KeyWrappingData, KeyWrappingSpecification,
        ManagedObject, PlainKeyValue,
    },
    spec::{
        self, ProtocolVersion,
        enumeration::{EncodingOption, ObjectType, Operation, ResultReason, WrappingMethod},
        mask::CryptographicUsageMask,
        tag,
    },
    state::{self, Answer, Event, ObjectState},
};
use zeroize::Zeroizing;

use super::using::{self, Use};
use crate::server::engine::{
    attributes::{Key, key_block, key_block_mut},
    batch::Batch,
    crypto::CryptoError,
    failure::{Failure, Outcome, Stop, Why},
    key_wrap::KeyWrap,
    record::{Object, encoded},
};

/// Hands an object on as the specification has it wrapped.
pub(super) fn wrapped(
    batch: &mut Batch<'_>,
    object: &Object,
    managed: ManagedObject<'_>,
    specification: &KeyWrappingSpecification<'_>,
    answer: impl FnOnce(&mut Batch<'_>, ManagedObject<'_>) -> Outcome,
) -> Outcome {
    let information = match &specification.encryption_key_information {
        Some(information) if specification.wrapping_method == WrappingMethod::ENCRYPT => information,
        _ => {
            let message = "keys are wrapped by encrypting alone here";
            return Err(Failure::exactly(ResultReason::FEATURE_NOT_SUPPORTED, message).into());
        }
    };
    let block = key_block(&managed)
        .ok_or_else(|| Failure::new(Why::WrongType, "only keys and secrets can be wrapped"))?;
    let Some(KeyValue::Plain(value)) = &block.key_value else {
        let message = "the server does not have the key's value in the clear";
        return Err(Failure::exactly(ResultReason::KEY_VALUE_NOT_PRESENT, message).into());
    };
    let mut wrapping = WrappingKey::find(batch, information, Event::Protect)?;

    // KMIP 1.4, section 2.1.6: TTLV unless the request says otherwise.
    let bare = specification.encoding_option == Some(EncodingOption::NO_ENCODING);
    let encoded;
    let data = if bare {
        if !specification.attribute_names.is_empty() {
            let message = "attributes cannot be wrapped without encoding";
            return Err(Failure::new(Why::Encoding, message).into());
        }
        bytes(value)?.expose()
    } else {
        encoded = encoded_value(batch, object, value, specification)?;
        encoded.as_slice()
    };
    let result = wrapping.way.wrap(&wrapping.key, data);
    using::allocate(batch, &mut wrapping.object, data.len())?;
    let result = result.map_err(refused)?;

    let mut data = KeyWrappingData::new(WrappingMethod::ENCRYPT);
    let mut used = EncryptionKeyInformation::new(UniqueIdentifier::Text(&wrapping.object.id));
    used.cryptographic_parameters = Some(wrapping.parameters);
    data.encryption_key_information = Some(used);
    data.encoding_option = said_in(batch.version, specification.encoding_option);
    let key_value = if bare {
        // The text has Key Value a Byte String here as well. PyKMIP and Cosmian leave what is wrapped in Key Material,
        // and PyKMIP's client reads nothing else.
        KeyValue::Plain(PlainKeyValue::new(Secret::new(&result).into()))
    } else {
        KeyValue::Wrapped(&result)
    };
    let mut managed = managed;
    if let Some(block) = key_block_mut(&mut managed) {
        block.key_value = Some(key_value);
        block.key_wrapping_data = Some(Nested::from(&data));
    }
    answer(batch, managed)
}

/// The Encoding Option, if the version has one.
pub(super) fn said_in(version: ProtocolVersion, option: Option<EncodingOption>) -> Option<EncodingOption> {
    option.filter(|_| version >= ProtocolVersion::V1_1)
}

/// The Key Value as TTLV, with the attributes that the specification names and the object has.
fn encoded_value(
    batch: &Batch<'_>,
    object: &Object,
    value: &PlainKeyValue<'_>,
    specification: &KeyWrappingSpecification<'_>,
) -> Outcome<Zeroizing<Vec<u8>>> {
    let named: Vec<Key> = specification.attribute_names.iter().filter_map(named).collect();
    let shown = object.shown(batch.version);
    let attributes: Vec<Attribute<'_>> =
        shown.iter().filter(|(key, _)| named.contains(key)).map(|(_, attribute)| *attribute).collect();
    let mut whole = PlainKeyValue::new(value.key_material.clone());
    whole.attributes = Some(attributes.as_slice().into()).filter(|_| !attributes.is_empty());
    let encoded = encoded(|room| whole.to_item(tag::KEY_VALUE, batch.version, room).map(|item| item.len()));
    Ok(encoded.map_err(|error| {
        Failure::general(format!("the key does not fit into KMIP {}: {error}", batch.version))
    })?)
}

/// The attribute of a name; none for a name that is nobody's.
fn named(name: &str) -> Option<Key> {
    let reference = match spec::attribute_named(name) {
        Some(tag) => AttributeReference::Standard(tag),
        None => AttributeReference::Custom(name),
    };
    Key::of_reference(reference)
}

/// What was wrapped in a key that was registered so, if the wrapping key is here and may unwrap.
pub(super) struct Unwrapped {
    bytes: Zeroizing<Vec<u8>>,
    encoded: bool,
    version: ProtocolVersion,
}

impl Unwrapped {
    /// Unwraps the key in a block that was kept in the form of `version`.
    pub(super) fn new(
        batch: &mut Batch<'_>,
        block: &KeyBlock<'_>,
        version: ProtocolVersion,
    ) -> Outcome<Self> {
        let data = block.key_wrapping_data.as_ref().and_then(|data| data.get());
        let information = match &data {
            Some(KeyWrappingData {
                wrapping_method: WrappingMethod::ENCRYPT,
                encryption_key_information: Some(information),
                ..
            }) => information,
            _ => {
                let message = "keys are unwrapped by decrypting alone here";
                return Err(Failure::exactly(ResultReason::FEATURE_NOT_SUPPORTED, message).into());
            }
        };
        let wrapping = WrappingKey::find(batch, information, Event::Process)?;
        let (wrapped, inside) = match &block.key_value {
            Some(KeyValue::Wrapped(bytes)) => (*bytes, false),
            Some(KeyValue::Plain(value)) => (bytes(value)?.expose(), true),
            None => {
                let message = "the server does not have the key's value";
                return Err(Failure::exactly(ResultReason::KEY_VALUE_NOT_PRESENT, message).into());
            }
        };
        let bytes = wrapping.way.unwrap(&wrapping.key, wrapped).map_err(refused)?;
        let option = data.and_then(|data| data.encoding_option);
        let encoded = !inside && option != Some(EncodingOption::NO_ENCODING);
        Ok(Self { bytes, encoded, version })
    }

    /// Puts the key into its block, in the clear.
    pub(super) fn put<'a>(&'a self, block: &mut KeyBlock<'a>) -> Outcome {
        let value = if self.encoded {
            let read = KeyValue::from_unwrapped(&self.bytes, block.key_format_type, self.version);
            // What exactly is wrong with it may tell something of the key.
            read.map_err(|_| {
                let message = "what was unwrapped is no Key Value";
                Failure::exactly(ResultReason::CRYPTOGRAPHIC_FAILURE, message)
            })?
        } else {
            PlainKeyValue::new(Secret::new(&self.bytes).into())
        };
        block.key_value = Some(KeyValue::Plain(value));
        block.key_wrapping_data = None;
        Ok(())
    }
}

/// The key that others are wrapped with.
struct WrappingKey<'a> {
    object: Object,
    key: Zeroizing<Vec<u8>>,
    way: KeyWrap,
    parameters: CryptographicParameters<'a>,
}

impl<'a> WrappingKey<'a> {
    fn find(
        batch: &mut Batch<'_>,
        information: &EncryptionKeyInformation<'a>,
        event: Event,
    ) -> Outcome<WrappingKey<'a>> {
        let id = batch.identifier(Some(information.unique_identifier))?;
        let object = batch
            .find(&id)?
            .ok_or_else(|| Failure::new(Why::NoWrappingKey, "there is no such wrapping key"))?;
        batch.touched.push(id);
        if object.object_type != ObjectType::SYMMETRIC_KEY {
            return Err(Failure::new(Why::WrongType, "keys are wrapped with symmetric keys here").into());
        }
        check_state(&object, event)?;
        let (mask, operation) = match event {
            Event::Protect => (CryptographicUsageMask::WRAP_KEY, Operation::ENCRYPT),
            _ => (CryptographicUsageMask::UNWRAP_KEY, Operation::DECRYPT),
        };
        let wanted = Use::new(operation, mask);
        let wanted = if event == Event::Protect { wanted.protects() } else { wanted };
        let key = using::key(batch, &object, &wanted)?;
        let parameters = match (information.cryptographic_parameters, first_mode(&object)) {
            (Some(given), _) => given,
            (None, Some(mode)) => CryptographicParameters {
                block_cipher_mode: Some(mode),
                ..CryptographicParameters::default()
            },
            // KMIP 1.4, section 11.11.
            (None, None) => {
                let message = "neither the request nor the wrapping key has Cryptographic Parameters";
                return Err(Failure::new(Why::NoParameters, message).into());
            }
        };
        let way = parameters.block_cipher_mode.and_then(KeyWrap::of).ok_or_else(|| {
            let message = "Block Cipher Mode is not one that keys are wrapped with here";
            Failure::new(Why::WrapParameters, message)
        })?;
        Ok(WrappingKey { object, key, way, parameters })
    }
}

/// The Block Cipher Mode that the wrapping key has of its own.
fn first_mode(object: &Object) -> Option<spec::enumeration::BlockCipherMode> {
    match object.attributes.get(tag::CRYPTOGRAPHIC_PARAMETERS) {
        Some(AttributeValue::CryptographicParameters(known)) => known.block_cipher_mode,
        _ => None,
    }
}

/// Whether the state of a wrapping key allows it.
fn check_state(object: &Object, event: Event) -> Outcome {
    let why = if object.is_archived() {
        Why::WrappingKeyArchived
    } else {
        match (object.state, state::step(object.state, event)) {
            (ObjectState::Destroyed | ObjectState::DestroyedCompromised, _) => Why::WrappingKeyDestroyed,
            (_, Answer::Stay) => return Ok(()),
            _ => Why::WrongState,
        }
    };
    let archived = if object.is_archived() { " and archived" } else { "" };
    Err(Failure::new(why, format!("the wrapping key is {:?}{archived}", object.state)).into())
}

/// Key material that is one string of bytes.
fn bytes<'a>(value: &PlainKeyValue<'a>) -> Outcome<Secret<'a>> {
    match &value.key_material {
        KeyMaterial::Bytes(bytes) => Ok(bytes.clone()),
        _ => Err(Failure::new(Why::Encoding, "the key is no string of bytes without encoding").into()),
    }
}

fn refused(error: CryptoError) -> Stop {
    let message = match error {
        CryptoError::KeySize => "the wrapping key has no size of AES",
        CryptoError::Failed => "the key cannot be unwrapped so",
        _ => "the key has not a size that can be wrapped so; AES Key Wrap Padding takes any",
    };
    Failure::exactly(ResultReason::CRYPTOGRAPHIC_FAILURE, message).into()
}
