//! Get (KMIP 1.4, section 4.11; KMIP 2.1, section 6.1.19).

use tde_kmip_codec::{
    Nested,
    attribute::AttributeValue,
    object::{KeyWrappingSpecification, ManagedObject},
    operation::{GetRequest, GetResponse},
    spec::{
        enumeration::{KeyCompressionType, KeyFormatType, KeyWrapType, Operation, ResultReason},
        tag,
    },
    state,
};

use super::{
    key_format,
    wrapping::{self, Unwrapped},
};
use crate::server::engine::{
    attributes::{key_block, key_block_mut},
    batch::Batch,
    failure::{Failure, Outcome, Why},
    record::Object,
};

/// Hands out an object.
pub(super) fn get(batch: &mut Batch<'_>, request: &GetRequest<'_>) -> Outcome {
    let mut object = batch.object(request.unique_identifier)?;
    check_state(batch, Operation::GET, &object)?;
    let form = Form {
        key_format_type: request.key_format_type,
        key_wrap_type: request.key_wrap_type,
        key_compression_type: request.key_compression_type,
        wrapping: request.key_wrapping_specification.clone(),
    };
    hand_out(batch, &object, form, |batch, managed| {
        batch.answer(GetResponse::new(object.object_type, object.id.as_str().into(), managed))
    })?;
    // KMIP 1.4, section 3.34: an object is fresh until it has been served.
    if object.attributes.boolean(tag::FRESH) == Some(true) {
        object.set(AttributeValue::Fresh(false))?;
        batch.store.put(&mut object)?;
    }
    Ok(())
}

/// How an object is wanted.
pub(super) struct Form<'a> {
    pub(super) key_format_type: Option<KeyFormatType>,
    pub(super) key_wrap_type: Option<KeyWrapType>,
    pub(super) key_compression_type: Option<KeyCompressionType>,
    pub(super) wrapping: Option<Nested<'a, KeyWrappingSpecification<'a>>>,
}

/// Hands an object on in the form in which it is wanted.
pub(super) fn hand_out(
    batch: &mut Batch<'_>,
    object: &Object,
    form: Form<'_>,
    answer: impl FnOnce(&mut Batch<'_>, ManagedObject<'_>) -> Outcome,
) -> Outcome {
    let material = object.material.as_ref().ok_or_else(|| Failure::no_object(&object.id))?;
    let unreadable = |error| Failure::general(format!("the record of the object cannot be read: {error}"));
    let mut managed = material.object().map_err(unreadable)?;

    if form.key_compression_type.is_some() {
        let message = "key compression is not supported";
        return Err(Failure::exactly(ResultReason::KEY_COMPRESSION_TYPE_NOT_SUPPORTED, message).into());
    }
    let specification = form.wrapping.and_then(|wrapping| wrapping.get());
    // A key that was registered wrapped leaves so, unless it is wanted in the clear or wrapped otherwise.
    let mut wrapped = key_block(&managed).is_some_and(|block| block.key_wrapping_data.is_some());
    let unwrapped;
    if wrapped
        && (form.key_wrap_type == Some(KeyWrapType::NOT_WRAPPED) || specification.is_some())
        && let Some(block) = key_block_mut(&mut managed)
    {
        unwrapped = Unwrapped::new(batch, block, material.version())?;
        unwrapped.put(block)?;
        wrapped = false;
    }
    let converted = key_format::converted(batch, &managed, form.key_format_type)?;
    if let Some(converted) = &converted {
        managed = converted.object().map_err(unreadable)?;
    }
    let said;
    if let Some(block) = key_block_mut(&mut managed)
        && let Some(mut data) = block.key_wrapping_data.as_ref().and_then(|data| data.get())
    {
        data.encoding_option = wrapping::said_in(batch.version, data.encoding_option);
        said = data;
        block.key_wrapping_data = Some(Nested::from(&said));
    }
    check_secrecy(object, wrapped || specification.is_some())?;
    match specification {
        None => answer(batch, managed),
        Some(specification) => wrapping::wrapped(batch, object, managed, &specification, answer),
    }
}

/// KMIP 1.4, sections 3.48 and 3.50: sensitive keys leave wrapped only, others not at all.
fn check_secrecy(object: &Object, wrapped: bool) -> Outcome {
    if object.attributes.boolean(tag::EXTRACTABLE) == Some(false) {
        return Err(Failure::new(Why::NotExtractable, "the object is not to be extracted").into());
    }
    if object.attributes.boolean(tag::SENSITIVE) == Some(true) && !wrapped {
        return Err(
            Failure::new(Why::Sensitive, "the object is sensitive and cannot be had in the clear").into()
        );
    }
    Ok(())
}

/// Whether the state of the object allows the operation.
pub(super) fn check_state(batch: &Batch<'_>, operation: Operation, object: &Object) -> Outcome {
    let always = matches!(
        operation,
        Operation::GET_ATTRIBUTES | Operation::GET_ATTRIBUTE_LIST | Operation::RECOVER | Operation::DESTROY
    );
    if !always {
        check_archived(object)?;
    }
    let decided = state::decide(operation, None, object.object_type, object.state, batch.version);
    decided.map(|_| ()).map_err(|reason| refused(operation, object, reason))
}

/// Whether the object is there, or put aside.
pub(super) fn check_archived(object: &Object) -> Outcome {
    if object.is_archived() {
        let message = "the object is archived; recover it first";
        return Err(Failure::exactly(ResultReason::OBJECT_ARCHIVED, message).into());
    }
    Ok(())
}

/// What to say when the state does not allow an operation.
pub(super) fn refused(
    operation: Operation,
    object: &Object,
    reason: ResultReason,
) -> crate::server::engine::failure::Stop {
    let name = tde_kmip_codec::spec::operation_facts(operation).map_or("the operation", |row| row.name);
    let message = format!("the object is {:?}, which does not allow {name}", object.state);
    Failure::exactly(reason, message).into()
}
