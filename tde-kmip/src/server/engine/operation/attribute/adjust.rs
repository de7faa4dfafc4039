//! Adjust Attribute (KMIP 2.0 and later).

use tde_kmip_codec::{
    attribute::Attribute,
    operation::{AdjustAttributeRequest, AdjustAttributeResponse},
    spec::{
        ProtocolVersion,
        enumeration::{AdjustmentType, Operation, ResultReason},
    },
    ttlv::{Leniency, Options, Value, Writer},
};

use super::write::{change, changeable, no_attribute};
use crate::server::engine::{
    attributes::{ClientMay, Key, may, single_valued},
    batch::Batch,
    failure::{Failure, Outcome, Why},
};

/// Adds to a number or a date, takes from it, or turns it around.
pub(in crate::server::engine::operation) fn adjust(
    batch: &mut Batch<'_>,
    request: &AdjustAttributeRequest<'_>,
) -> Outcome {
    let mut object = changeable(batch, Operation::ADJUST_ATTRIBUTE, request.unique_identifier)?;
    let key = Key::of_reference(request.attribute_reference).ok_or_else(no_attribute)?;
    let Some(tag) = key.tag() else {
        return Err(Failure::new(Why::Unsupported, "only attributes of the standard can be adjusted").into());
    };
    if !single_valued(&key, object.object_type, batch.version)
        && object.attributes.instances(&key).count() > 1
    {
        let message = "the attribute has several values";
        return Err(Failure::exactly(ResultReason::MULTI_VALUED_ATTRIBUTE, message).into());
    }
    may(ClientMay::Change, &key, object.object_type, object.state, batch.version)?;
    let Some(known) = object.attributes.instances(&key).next() else { return Err(no_attribute()) };
    let index = known.index;
    let by = request.adjustment_value.as_ref().map(|value| value.get());
    let new = known.raw().and_then(|old| adjusted(&old, request.adjustment_type, by));
    let Some(new) = new else {
        let message = "the value cannot be adjusted that way";
        return Err(Failure::exactly(ResultReason::NUMERIC_RANGE, message).into());
    };
    // Read back as the attribute, which checks it.
    let mut item = [0; 16];
    let mut writer = Writer::new(&mut item);
    writer.value(tag, &new);
    let written = writer.finish().map_err(|error| Failure::general(error.to_string()))?;
    let options = Options::new().leniency(Leniency::OTHER_VERSIONS);
    let attribute = Attribute::from_item(written, ProtocolVersion::V2_1, options)
        .map_err(|error| Failure::new(Why::BadValue, error.to_string()))?;
    let kept = batch.kept(attribute.value)?;
    change(batch, &mut object, &key, index, kept)?;
    batch.answer(AdjustAttributeResponse::new(object.id.as_str().into()))
}

/// The new value, unless there is none of that type.
fn adjusted(old: &Value<'_>, how: AdjustmentType, by: Option<Value<'_>>) -> Option<Value<'static>> {
    let by = match by {
        None => 1,
        Some(Value::Integer(by)) => i64::from(by),
        Some(Value::LongInteger(by)) => by,
        Some(Value::Interval(by)) => i64::from(by),
        Some(_) => return None,
    };
    let number = |old: i64| match how {
        AdjustmentType::INCREMENT => old.checked_add(by),
        AdjustmentType::DECREMENT => old.checked_sub(by),
        AdjustmentType::NEGATE => old.checked_neg(),
        _ => None,
    };
    Some(match *old {
        Value::Boolean(value) if how == AdjustmentType::NEGATE => Value::Boolean(!value),
        Value::Integer(value) => Value::Integer(i32::try_from(number(value.into())?).ok()?),
        Value::LongInteger(value) => Value::LongInteger(number(value)?),
        Value::Interval(value) => Value::Interval(u32::try_from(number(value.into())?).ok()?),
        Value::DateTime(value) if how != AdjustmentType::NEGATE => Value::DateTime(number(value)?),
        _ => return None,
    })
}
