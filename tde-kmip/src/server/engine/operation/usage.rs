//! Check, Obtain Lease, Get Usage Allocation (KMIP 1.4, sections 4.10, 4.17, 4.18).

use tde_kmip_codec::{
    DateTime, Interval,
    attribute::AttributeValue,
    operation::{
        CheckRequest, CheckResponse, GetUsageAllocationRequest, GetUsageAllocationResponse,
        ObtainLeaseRequest, ObtainLeaseResponse,
    },
    spec::{
        enumeration::{Operation, ResultReason},
        tag,
    },
    state::ObjectState,
    ttlv::Value,
};

use super::{retrieve::check_state, using};
use crate::server::engine::{
    batch::Batch,
    failure::{Failure, Outcome, Why},
    record::Object,
};

/// Whether a key may be used so: in 1.x what is refused comes back, in 2.x it is a failure.
pub(super) fn check(batch: &mut Batch<'_>, request: &CheckRequest<'_>) -> Outcome {
    let object = batch.object(request.unique_identifier)?;
    check_state(batch, Operation::CHECK, &object)?;
    let mut response = CheckResponse::default();
    let mask = request.cryptographic_usage_mask.filter(|mask| !object.attributes.usage().contains(*mask));
    response.cryptographic_usage_mask = mask;
    response.usage_limits_count =
        request.usage_limits_count.filter(|count| left(&object).is_some_and(|left| *count > left));
    let lease = lease(&object).unwrap_or(0);
    response.lease_time = request.lease_time.filter(|wanted| wanted.0 > lease);
    let refused = mask.is_some() || response.usage_limits_count.is_some() || response.lease_time.is_some();
    if refused && batch.version.major >= 2 {
        let why = if mask.is_some() {
            Why::Usage
        } else if response.usage_limits_count.is_some() {
            Why::UsageLimits
        } else {
            Why::Exactly(ResultReason::PERMISSION_DENIED)
        };
        return Err(Failure::new(why, "the key may not be used so").into());
    }
    response.unique_identifier = (!refused).then(|| object.id.as_str().into());
    batch.answer(response)
}

/// How many units the usage limits leave, if the object has any.
fn left(object: &Object) -> Option<i64> {
    match object.attributes.get(tag::USAGE_LIMITS)? {
        AttributeValue::UsageLimits(limits) => {
            Some(limits.usage_limits_count.unwrap_or(limits.usage_limits_total))
        }
        _ => None,
    }
}

fn lease(object: &Object) -> Option<u32> {
    let mut kept = object.attributes.instances_of(tag::LEASE_TIME);
    match kept.next()?.raw()? {
        Value::Interval(seconds) => Some(seconds),
        _ => None,
    }
}

/// How long the client may use the object before it asks again.
pub(super) fn obtain_lease(batch: &mut Batch<'_>, request: &ObtainLeaseRequest<'_>) -> Outcome {
    let object = batch.object(request.unique_identifier)?;
    check_state(batch, Operation::OBTAIN_LEASE, &object)?;
    // KMIP 1.4, section 11.16: no lease for what may not be used.
    if matches!(object.state, ObjectState::Deactivated | ObjectState::Compromised) {
        return Err(Failure::new(Why::WrongState, "the object is not to be used any more").into());
    }
    let seconds = lease(&object).ok_or_else(|| {
        Failure::exactly(ResultReason::PERMISSION_DENIED, "no lease is to be had for the object")
    })?;
    let changed = object.attributes.date(tag::LAST_CHANGE_DATE).unwrap_or(batch.now);
    let id = object.id.as_str().into();
    batch.answer(ObtainLeaseResponse::new(id, Interval(seconds), DateTime(changed)))
}

/// Takes from the usage limits before the key is used elsewhere.
pub(super) fn get_usage_allocation(
    batch: &mut Batch<'_>,
    request: &GetUsageAllocationRequest<'_>,
) -> Outcome {
    let mut object = batch.object(request.unique_identifier)?;
    check_state(batch, Operation::GET_USAGE_ALLOCATION, &object)?;
    if left(&object).is_none() {
        let why = if batch.version.major < 2 {
            Why::Exactly(ResultReason::ILLEGAL_OPERATION)
        } else {
            Why::NoAttribute
        };
        return Err(Failure::new(why, "the object has no usage limits").into());
    }
    if request.usage_limits_count < 0 {
        return Err(Failure::invalid_field("Usage Limits Count is negative").into());
    }
    if object.state != ObjectState::Active {
        return Err(Failure::new(Why::WrongState, "the object is not active").into());
    }
    using::take(batch, &mut object, request.usage_limits_count)?;
    batch.answer(GetUsageAllocationResponse::new(object.id.as_str().into()))
}
