//! Add, Modify, Set and Delete Attribute.

use tde_kmip_codec::{
    attribute::{Attribute, AttributeValue, UniqueIdentifier},
    operation::{
        AddAttributeRequest, AddAttributeResponse, DeleteAttributeRequest, DeleteAttributeResponse,
        ModifyAttributeRequest, ModifyAttributeResponse, SetAttributeRequest, SetAttributeResponse,
    },
    spec::{
        enumeration::{Operation, ResultReason},
        tag,
    },
    state::ObjectState,
};

use crate::server::engine::{
    attributes::{ClientMay, Kept, Key, check_dates, describe_protection, may, single_valued},
    batch::Batch,
    failure::{Failure, Outcome, Why},
    operation::{make::check_names, retrieve::check_state},
    record::Object,
};

/// Another instance; what is there stays as it is.
pub(in crate::server::engine::operation) fn add(
    batch: &mut Batch<'_>,
    request: &AddAttributeRequest<'_>,
) -> Outcome {
    let mut object = changeable(batch, Operation::ADD_ATTRIBUTE, request.unique_identifier)?;
    let key = key_of(&request.attribute)?;
    let single = single_valued(&key, object.object_type, batch.version);
    may(ClientMay::Add, &key, object.object_type, object.state, batch.version)?;
    if single && object.attributes.has(&key) {
        return Err(Failure::new(Why::SingleValued, "the attribute has a value and can have one only").into());
    }
    let mut kept = batch.kept(request.attribute.value)?;
    if object.attributes.instances(&key).any(|known| known.same_value(&kept)) {
        let why = if batch.version.major < 2 { Why::SingleValued } else { Why::BadValue };
        return Err(Failure::new(why, "the attribute has that value already").into());
    }
    kept.index = object.attributes.next_index(&key);
    if request.attribute.index.is_some_and(|index| index != kept.index) {
        // KMIP 1.4, section 4.14: the server chooses the index.
        return Err(Failure::invalid_field("an Attribute Index is not for the client to choose").into());
    }
    let index = kept.index;
    object.attributes.keep(kept.clone());
    finish(batch, &mut object, &key)?;

    let mut response = AddAttributeResponse::new(object.id.as_str().into());
    response.attribute = kept.value().and_then(|value| echo(batch, index, value));
    batch.answer(response)
}

/// Another value for an instance: by index in 1.x, by its value in 2.x.
pub(in crate::server::engine::operation) fn modify(
    batch: &mut Batch<'_>,
    request: &ModifyAttributeRequest<'_>,
) -> Outcome {
    let mut object = changeable(batch, Operation::MODIFY_ATTRIBUTE, request.unique_identifier)?;
    let key = key_of(&request.attribute)?;
    may(ClientMay::Change, &key, object.object_type, object.state, batch.version)?;
    let kept = batch.kept(request.attribute.value)?;
    let index = match &request.current_attribute {
        _ if !object.attributes.has(&key) => return Err(no_attribute()),
        Some(current) if key_of(current)? != key => {
            return Err(
                Failure::invalid_field("Current Attribute and New Attribute are not the same one").into()
            );
        }
        Some(current) => {
            let current = batch.kept(current.value)?;
            let mut known = object.attributes.instances(&key);
            known.find(|known| known.same_value(&current)).ok_or_else(no_instance)?.index
        }
        None if batch.version.major < 2 => request.attribute.index.unwrap_or_default(),
        None => {
            let mut known = object.attributes.instances(&key);
            let first = known.next().map_or(0, |known| known.index);
            if known.next().is_some() {
                let message = "the attribute has several values; Current Attribute must say which is meant";
                return Err(Failure::new(Why::Exactly(ResultReason::MULTI_VALUED_ATTRIBUTE), message).into());
            }
            first
        }
    };
    change(batch, &mut object, &key, index, kept.clone())?;

    let mut response = ModifyAttributeResponse::new(object.id.as_str().into());
    response.attribute = kept.value().and_then(|value| echo(batch, index, value));
    batch.answer(response)
}

/// The value of an attribute that has one only, whether or not it had one (KMIP 2.0 and later).
pub(in crate::server::engine::operation) fn set(
    batch: &mut Batch<'_>,
    request: &SetAttributeRequest<'_>,
) -> Outcome {
    let mut object = changeable(batch, Operation::SET_ATTRIBUTE, request.unique_identifier)?;
    let key = key_of(&request.new_attribute)?;
    if !single_valued(&key, object.object_type, batch.version)
        && object.attributes.instances(&key).count() > 1
    {
        may(ClientMay::Change, &key, object.object_type, object.state, batch.version)?;
        let message = "the attribute may have several values; add or modify one";
        return Err(Failure::new(Why::Exactly(ResultReason::MULTI_VALUED_ATTRIBUTE), message).into());
    }
    let kept = batch.kept(request.new_attribute.value)?;
    if object.attributes.has(&key) {
        may(ClientMay::Change, &key, object.object_type, object.state, batch.version)?;
        let index = object.attributes.instances(&key).next().map_or(0, |known| known.index);
        change(batch, &mut object, &key, index, kept)?;
    } else {
        may(ClientMay::Add, &key, object.object_type, object.state, batch.version)?;
        object.attributes.keep(kept);
        finish(batch, &mut object, &key)?;
    }
    batch.answer(SetAttributeResponse::new(object.id.as_str().into()))
}

/// Takes an instance away: by name and index in 1.x; in 2.x by its value, or all of them by reference.
pub(in crate::server::engine::operation) fn delete(
    batch: &mut Batch<'_>,
    request: &DeleteAttributeRequest<'_>,
) -> Outcome {
    let mut object = changeable(batch, Operation::DELETE_ATTRIBUTE, request.unique_identifier)?;
    let key = match (&request.current_attribute, request.attribute_reference) {
        (Some(current), _) => key_of(current)?,
        (None, Some(reference)) => Key::of_reference(reference).ok_or_else(no_attribute)?,
        (None, None) => {
            let message = "neither Current Attribute nor Attribute Reference says what to delete";
            return Err(Failure::exactly(ResultReason::INVALID_MESSAGE, message).into());
        }
    };
    may(ClientMay::Delete, &key, object.object_type, object.state, batch.version)?;
    if !object.attributes.has(&key) {
        return Err(no_attribute());
    }
    check_usage_limits(&object, &key)?;
    let wanted = request.current_attribute.map(|current| batch.kept(current.value)).transpose()?;
    let index = (batch.version.major < 2).then(|| request.attribute_index.unwrap_or_default());
    let meant = |kept: &Kept| {
        kept.key == key
            && wanted.as_ref().is_none_or(|wanted| kept.same_value(wanted))
            && index.is_none_or(|index| kept.index == index)
    };
    let before = object.attributes.clone();
    let Some(first) = before.kept().find(|kept| meant(kept)) else { return Err(no_instance()) };
    object.attributes.remove(meant);
    finish(batch, &mut object, &key)?;

    let mut response = DeleteAttributeResponse::new(object.id.as_str().into());
    response.attribute = first.value().and_then(|value| echo(batch, first.index, value));
    batch.answer(response)
}

/// The object whose attributes are to be changed.
pub(super) fn changeable(
    batch: &mut Batch<'_>,
    operation: Operation,
    id: Option<UniqueIdentifier<'_>>,
) -> Outcome<Object> {
    let object = batch.object(id)?;
    check_state(batch, operation, &object)?;
    Ok(object)
}

fn key_of(attribute: &Attribute<'_>) -> Outcome<Key> {
    let key = Key::of_value(&attribute.value);
    Ok(key.ok_or_else(|| {
        Failure::invalid_field("an attribute is named neither by the standard nor x- or y-")
    })?)
}

pub(super) fn no_attribute() -> crate::server::engine::failure::Stop {
    Failure::new(Why::NoAttribute, "the object does not have the attribute").into()
}

fn no_instance() -> crate::server::engine::failure::Stop {
    Failure::new(Why::NoInstance, "the attribute has no such instance").into()
}

/// What 1.x repeats in the answer.
fn echo<'a>(batch: &Batch<'_>, index: i32, value: AttributeValue<'a>) -> Option<Attribute<'a>> {
    (batch.version.major < 2).then_some(Attribute { index: Some(index).filter(|index| *index != 0), value })
}

/// Puts another value in the place of an instance.
pub(super) fn change(
    batch: &mut Batch<'_>,
    object: &mut Object,
    key: &Key,
    index: i32,
    kept: Kept,
) -> Outcome {
    if !object.attributes.instances(key).any(|known| known.index == index) {
        return Err(no_instance());
    }
    check_date(batch, object, key)?;
    check_usage_limits(object, key)?;
    object.attributes.replace(index, kept);
    finish(batch, object, key)
}

/// KMIP 1.4, sections 3.25 and 3.26: Process Start and Protect Stop stay once they have come.
fn check_date(batch: &Batch<'_>, object: &Object, key: &Key) -> Outcome {
    let tag = key.tag().filter(|tag| {
        matches!(*tag, tag::PROCESS_START_DATE | tag::PROTECT_STOP_DATE | tag::DEACTIVATION_DATE)
    });
    if object.state != ObjectState::PreActive
        && tag.and_then(|tag| object.attributes.date(tag)).is_some_and(|date| date <= batch.now)
    {
        return Err(Failure::new(Why::ReadOnly, "the date has come and cannot be changed any more").into());
    }
    Ok(())
}

/// KMIP 1.4, section 3.21: Usage Limits stay once something has been taken from them.
fn check_usage_limits(object: &Object, key: &Key) -> Outcome {
    if key.tag() == Some(tag::USAGE_LIMITS)
        && let Some(AttributeValue::UsageLimits(limits)) = object.attributes.get(tag::USAGE_LIMITS)
        && limits.usage_limits_count.is_some_and(|count| count != limits.usage_limits_total)
    {
        let message = "Usage Limits cannot be changed or deleted once something has been allocated";
        return Err(Failure::new(Why::ReadOnly, message).into());
    }
    Ok(())
}

/// What follows from a changed attribute, and the record.
pub(super) fn finish(batch: &mut Batch<'_>, object: &mut Object, key: &Key) -> Outcome {
    match key.tag() {
        Some(tag::NAME) => check_names(batch, &object.attributes, Some(&object.id))?,
        Some(tag::SENSITIVE | tag::EXTRACTABLE) => describe_protection(&mut object.attributes)?,
        Some(
            tag::ACTIVATION_DATE | tag::PROCESS_START_DATE | tag::PROTECT_STOP_DATE | tag::DEACTIVATION_DATE,
        ) => {
            check_dates(&object.attributes)?;
            object.tick(batch.now);
        }
        _ => {}
    }
    object.changed(batch.now)?;
    batch.store.put_bounded(object)
}
