//! Get (KMIP 1.4, section 4.11; KMIP 2.1, section 6.1.21).

use tde_kmip_codec::{
    attribute::AttributeValue,
    operation::{GetRequest, GetResponse},
    spec::{
        enumeration::{KeyWrapType, Operation, ResultReason},
        tag,
    },
    state,
};

use super::key_format;
use crate::server::engine::{
    attributes::key_block,
    batch::Batch,
    failure::{Failure, Outcome, Why},
    record::Object,
};

/// Hands out an object.
pub(super) fn get(batch: &mut Batch<'_>, request: &GetRequest<'_>) -> Outcome {
    let mut object = batch.object(request.unique_identifier)?;
    check_state(batch, Operation::GET, &object)?;
    let kept = object.material.clone().ok_or_else(|| Failure::no_object(&object.id))?;
    let unreadable = |error| Failure::general(format!("the record of the object cannot be read: {error}"));
    let converted =
        key_format::converted(batch, &kept.object().map_err(unreadable)?, request.key_format_type)?;
    let material = converted.unwrap_or(kept);
    let managed = material.object().map_err(unreadable)?;

    if request.key_compression_type.is_some() {
        let message = "key compression is not supported";
        return Err(Failure::exactly(ResultReason::KEY_COMPRESSION_TYPE_NOT_SUPPORTED, message).into());
    }
    let block = key_block(&managed);
    let wrapped = block.is_some_and(|block| block.key_wrapping_data.is_some());
    if request.key_wrap_type == Some(KeyWrapType::NOT_WRAPPED) && wrapped {
        let message = "the key was registered wrapped and is kept so";
        return Err(Failure::exactly(ResultReason::FEATURE_NOT_SUPPORTED, message).into());
    }
    if request.key_wrapping_specification.is_some() {
        let message = "wrapping keys for Get is not supported";
        return Err(Failure::exactly(ResultReason::FEATURE_NOT_SUPPORTED, message).into());
    }
    check_secrecy(&object, wrapped)?;

    let response = GetResponse::new(object.object_type, object.id.as_str().into(), managed);
    batch.answer(response)?;
    // KMIP 1.4, section 3.34: an object is fresh until it has been served.
    if object.attributes.boolean(tag::FRESH) == Some(true) {
        object.set(AttributeValue::Fresh(false))?;
        batch.store.put(&mut object)?;
    }
    Ok(())
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
    if object.is_archived() && !always {
        return Err(Failure::exactly(
            ResultReason::OBJECT_ARCHIVED,
            "the object is archived; recover it first",
        )
        .into());
    }
    let decided = state::decide(operation, None, object.object_type, object.state, batch.version);
    decided.map(|_| ()).map_err(|reason| refused(operation, object, reason))
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
