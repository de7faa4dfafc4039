//! Import and Export (KMIP 1.4, sections 4.40 and 4.41; KMIP 2.1, sections 6.1.18 and 6.1.25).

use tde_kmip_codec::{
    Secret,
    attribute::{Attribute, AttributeValue, Attributes, UniqueIdentifier},
    object::{
        Certificate, CertificateRequest, KeyBlock, ManagedObject, OpaqueDataType, OpaqueObject, PrivateKey,
        PublicKey, SecretData, SymmetricKey,
    },
    operation::{ExportRequest, ExportResponse, ImportRequest, ImportResponse},
    spec::{
        enumeration::{
            CertificateRequestType, CertificateType, CryptographicAlgorithm, KeyFormatType, KeyWrapType,
            ObjectType, Operation, ResultReason, SecretDataType,
        },
        tag,
    },
    state::ObjectState,
};

use super::{
    make::check_names,
    retrieve::{Form, check_state, hand_out},
    wrapping::Unwrapped,
};
use crate::server::engine::{
    attributes::{AttributeSet, Key, describe, key_block, key_block_mut},
    batch::Batch,
    failure::{Failure, Outcome, Why},
    record::{Material, Object},
};

/// The longest identifier that an imported object may bring, in bytes.
const MAX_IDENTIFIER: usize = 256;

/// An object with all of its attributes. Of a destroyed one, what is left: the attributes, and an object without value.
pub(super) fn export(batch: &mut Batch<'_>, request: &ExportRequest<'_>) -> Outcome {
    let object = batch.object(request.unique_identifier)?;
    let is_destroyed = object.material.is_none();
    if !is_destroyed {
        check_state(batch, Operation::EXPORT, &object)?;
    }
    let shown = object.shown(batch.version);
    let attributes: Vec<Attribute<'_>> = shown.into_iter().map(|(_, attribute)| attribute).collect();
    let respond = |batch: &mut Batch<'_>, managed: ManagedObject<'_>| {
        let id = object.id.as_str().into();
        let mut response = ExportResponse::new(object.object_type, id, managed);
        response.attributes = Some(attributes.as_slice().into());
        batch.answer(response)
    };
    if is_destroyed {
        respond(batch, emptied(&object)?)?;
    } else {
        let form = Form {
            key_format_type: request.key_format_type,
            key_wrap_type: request.key_wrap_type,
            key_compression_type: request.key_compression_type,
            wrapping: request.key_wrapping_specification.clone(),
        };
        // It stays fresh, as the published case TC-IMPEXP-3 has it.
        hand_out(batch, &object, form, respond)?;
    }
    batch.remember(Operation::EXPORT, vec![object.id]);
    Ok(())
}

/// What is left of a destroyed object.
fn emptied(object: &Object) -> Outcome<ManagedObject<'static>> {
    let attributes = &object.attributes;
    let number = |tag| attributes.enumeration(tag);
    let format = number(tag::KEY_FORMAT_TYPE).map_or(KeyFormatType::RAW, KeyFormatType);
    let mut block = KeyBlock::new(format);
    block.cryptographic_algorithm = number(tag::CRYPTOGRAPHIC_ALGORITHM).map(CryptographicAlgorithm);
    block.cryptographic_length = attributes.integer(tag::CRYPTOGRAPHIC_LENGTH);
    if block.cryptographic_algorithm.is_none() || block.cryptographic_length.is_none() {
        // One goes with the other.
        block.cryptographic_algorithm = None;
        block.cryptographic_length = None;
    }
    Ok(match object.object_type {
        ObjectType::SYMMETRIC_KEY => SymmetricKey::new(block).into(),
        ObjectType::PUBLIC_KEY => PublicKey::new(block).into(),
        ObjectType::PRIVATE_KEY => PrivateKey::new(block).into(),
        ObjectType::SECRET_DATA => SecretData::new(SecretDataType::PASSWORD, KeyBlock::new(format)).into(),
        ObjectType::CERTIFICATE => {
            let kind = number(tag::CERTIFICATE_TYPE).map_or(CertificateType::X_509, CertificateType);
            Certificate::new(kind, &[]).into()
        }
        ObjectType::CERTIFICATE_REQUEST => {
            CertificateRequest::new(CertificateRequestType::PKCS_10, &[]).into()
        }
        ObjectType::OPAQUE_OBJECT => {
            // Kept since the object came.
            let kind = number(tag::OPAQUE_DATA_TYPE).map_or(OpaqueDataType(0x8000_0000), OpaqueDataType);
            OpaqueObject::new(kind, Secret::new(&[])).into()
        }
        _ => return Err(Failure::no_object(&object.id).into()),
    })
}

/// Keeps an object under the identifier and with the attributes that it comes with, its state included.
pub(super) fn import(batch: &mut Batch<'_>, request: &ImportRequest<'_>) -> Outcome {
    if request.object_type.is_some_and(|object_type| object_type != request.object.object_type()) {
        return Err(Failure::invalid_field("Object Type is not that of the object that follows").into());
    }
    let id = batch.identifier(Some(request.unique_identifier))?;
    check_identifier(&id)?;
    let existing = existing(batch, &id, request.replace_existing == Some(true))?;

    let mut managed = request.object.clone();
    let is_wrapped = key_block(&managed).is_some_and(|block| block.key_wrapping_data.is_some());
    let unwrapped;
    if request.key_wrap_type == Some(KeyWrapType::NOT_WRAPPED)
        && is_wrapped
        && let Some(block) = key_block_mut(&mut managed)
    {
        unwrapped = Unwrapped::new(batch, block, batch.version)?;
        unwrapped.put(block)?;
    }
    let material = Material::new(&managed, batch.version)
        .map_err(|error| Failure::invalid_field(format!("the object cannot be kept: {error}")))?;
    let given = Given::new(batch, &id, managed.object_type(), request.attributes)?;
    check_names(batch, &given.set, Some(&id))?;
    let mut object = Object {
        id,
        owner: batch.owner.clone(),
        revision: existing.as_ref().and_then(|existing| existing.revision),
        sequence: existing.map_or(u64::MAX, |existing| existing.sequence),
        object_type: managed.object_type(),
        state: ObjectState::PreActive,
        attributes: given.set.clone(),
        material: Some(material),
    };
    describe(batch, &mut object, &managed, false)?;
    // What the request says comes before what this server would have said.
    object.attributes.take_over(&given.set);
    if let Some(state) = given.state {
        object.state = state;
    }
    if matches!(object.state, ObjectState::Destroyed | ObjectState::DestroyedCompromised) {
        object.material = None;
    }
    batch.store.put_bounded(&mut object)?;
    batch.answer(ImportResponse::new(object.id.as_str().into()))?;
    batch.remember(Operation::IMPORT, vec![object.id]);
    Ok(())
}

/// Identifiers stand in logs and in other objects' links.
fn check_identifier(id: &str) -> Outcome {
    let good = (1..=MAX_IDENTIFIER).contains(&id.len())
        && !id.chars().any(|letter| letter.is_control() || letter.is_whitespace());
    if good {
        return Ok(());
    }
    let message =
        format!("a Unique Identifier has 1 to {MAX_IDENTIFIER} bytes, and no blanks or control characters");
    Err(Failure::invalid_field(message).into())
}

/// The object that is to be replaced, if there is one.
fn existing(batch: &Batch<'_>, id: &str, replace: bool) -> Outcome<Option<Object>> {
    if batch.store.get(id)?.is_none() {
        return Ok(None);
    }
    // Of another client's object, no more can be said than that its identifier is taken.
    match batch.find(id)?.filter(|_| replace) {
        Some(object) => Ok(Some(object)),
        None => {
            let message = "an object with this Unique Identifier exists";
            Err(Failure::exactly(ResultReason::OBJECT_ALREADY_EXISTS, message).into())
        }
    }
}

/// The attributes of the request: whatever they are, since the rules for who sets them are not enforced here.
struct Given {
    set: AttributeSet,
    state: Option<ObjectState>,
}

impl Given {
    fn new(
        batch: &Batch<'_>,
        id: &str,
        object_type: ObjectType,
        attributes: Option<Attributes<'_>>,
    ) -> Outcome<Self> {
        let mut given = Self { set: AttributeSet::default(), state: None };
        for attribute in attributes.unwrap_or_default() {
            match attribute.value {
                AttributeValue::UniqueIdentifier(said) => {
                    if said != UniqueIdentifier::Text(id) {
                        return Err(contradiction("Unique Identifier"));
                    }
                }
                AttributeValue::ObjectType(said) => {
                    if said != object_type {
                        return Err(contradiction("Object Type"));
                    }
                }
                AttributeValue::State(state) => {
                    let state = ObjectState::from_wire(state);
                    given.state =
                        Some(state.ok_or_else(|| Failure::new(Why::BadValue, "there is no such State"))?);
                }
                value => {
                    if Key::of_value(&value).is_none() {
                        let message = "an attribute is named neither by the standard nor x- or y-";
                        return Err(Failure::invalid_field(message).into());
                    }
                    let mut kept = batch.kept(value)?;
                    if !given.set.instances(&kept.key).any(|known| known.same_value(&kept)) {
                        kept.index = given.set.next_index(&kept.key);
                        given.set.keep(kept);
                    }
                }
            }
        }
        Ok(given)
    }
}

fn contradiction(name: &str) -> crate::server::engine::failure::Stop {
    Failure::new(Why::BadValue, format!("the attribute {name} contradicts the request")).into()
}
