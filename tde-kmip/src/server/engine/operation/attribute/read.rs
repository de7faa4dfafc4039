//! Get Attributes and Get Attribute List.

use tde_kmip_codec::{
    attribute::{Attribute, AttributeReference},
    operation::{
        GetAttributeListRequest, GetAttributeListResponse, GetAttributesRequest, GetAttributesResponse,
    },
    spec::enumeration::{Operation, ResultReason},
};

use crate::server::engine::{
    attributes::Key,
    batch::Batch,
    failure::{Failure, Outcome},
    operation::retrieve::check_state,
};

/// The attributes asked for, in that order, or all. What the object does not have is left out.
pub(in crate::server::engine::operation) fn get(
    batch: &mut Batch<'_>,
    request: &GetAttributesRequest<'_>,
) -> Outcome {
    let object = batch.object(request.unique_identifier)?;
    check_state(batch, Operation::GET_ATTRIBUTES, &object)?;
    let shown = object.shown(batch.version);
    let attributes: Vec<Attribute<'_>> = if request.attribute_references.is_empty() {
        shown.into_iter().map(|(_, attribute)| attribute).collect()
    } else {
        let mut keys: Vec<Key> = Vec::new();
        for reference in request.attribute_references {
            // A name that cannot be anybody's is one that the object does not have.
            let Some(key) = Key::of_reference(reference) else { continue };
            if !keys.contains(&key) {
                keys.push(key);
            } else if batch.version.major < 2 {
                // KMIP 1.4, section 11.13.
                let message = "an attribute name is given several times";
                return Err(Failure::exactly(ResultReason::INVALID_MESSAGE, message).into());
            }
        }
        let of = |key: &Key| {
            shown
                .iter()
                .filter(|(known, _)| known == key)
                .map(|(_, attribute)| *attribute)
                .collect::<Vec<_>>()
        };
        keys.iter().flat_map(of).collect()
    };
    let mut response = GetAttributesResponse::new(object.id.as_str().into());
    response.attributes = Some(attributes.as_slice().into());
    batch.answer(response)
}

/// The names of all attributes that the object has.
pub(in crate::server::engine::operation) fn list(
    batch: &mut Batch<'_>,
    request: &GetAttributeListRequest<'_>,
) -> Outcome {
    let object = batch.object(request.unique_identifier)?;
    check_state(batch, Operation::GET_ATTRIBUTE_LIST, &object)?;
    let mut keys: Vec<Key> = object.shown(batch.version).into_iter().map(|(key, _)| key).collect();
    keys.dedup();
    let references: Vec<AttributeReference<'_>> = keys.iter().filter_map(Key::reference).collect();
    let mut response = GetAttributeListResponse::new(object.id.as_str().into());
    response.attribute_references = references.as_slice().into();
    batch.answer(response)
}
