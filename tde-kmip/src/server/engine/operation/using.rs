//! Using keys: whether type, state, dates, usage mask and usage limits allow it, and the bytes of the key.

use tde_kmip_codec::{
    attribute::AttributeValue,
    operation::Data,
    spec::{
        enumeration::{self, ObjectType, Operation, ResultReason, UsageLimitsUnit},
        mask::CryptographicUsageMask,
        tag,
    },
};
use zeroize::Zeroizing;

use super::retrieve::check_state;
use crate::server::engine::{
    attributes::{key_block, key_bytes},
    batch::Batch,
    failure::{Failure, Outcome, Stop, Why},
    record::Object,
};

/// What a key is to be used for.
pub(super) struct Use {
    operation: Operation,
    mask: CryptographicUsageMask,
    protects: bool,
}

impl Use {
    /// Processing what was protected before.
    pub(super) const fn new(operation: Operation, mask: CryptographicUsageMask) -> Self {
        Self { operation, mask, protects: false }
    }

    /// Protecting.
    pub(super) const fn protects(self) -> Self {
        Self { protects: true, ..self }
    }
}

/// The bytes of a key that may be used so.
pub(super) fn key(batch: &Batch<'_>, object: &Object, wanted: &Use) -> Outcome<Zeroizing<Vec<u8>>> {
    if !matches!(object.object_type, ObjectType::SYMMETRIC_KEY | ObjectType::SECRET_DATA) {
        return Err(wrong_type(batch, "only symmetric keys can be used so here"));
    }
    allowed(batch, object, wanted)?;
    let material = object.material.as_ref().ok_or_else(|| Failure::no_object(&object.id))?;
    let managed = material
        .object()
        .map_err(|error| Failure::general(format!("the record of the object cannot be read: {error}")))?;
    let block = key_block(&managed);
    let plain = block.filter(|block| block.key_wrapping_data.is_none());
    match plain.and_then(key_bytes) {
        Some(bytes) => Ok(Zeroizing::new(bytes.expose().to_vec())),
        None if block.is_some_and(|block| block.key_value.is_none()) => {
            let message = "the server does not have the key's value";
            Err(Failure::exactly(ResultReason::KEY_VALUE_NOT_PRESENT, message).into())
        }
        None => {
            let message = "the key is wrapped, or not of a form that can be used here";
            Err(Failure::exactly(ResultReason::CRYPTOGRAPHIC_FAILURE, message).into())
        }
    }
}

/// What to say of an object that is no key for the operation.
pub(super) fn wrong_type(batch: &Batch<'_>, message: &'static str) -> Stop {
    let why =
        if batch.version.major < 2 { Why::Exactly(ResultReason::PERMISSION_DENIED) } else { Why::WrongType };
    Failure::new(why, message).into()
}

/// Whether state, dates and usage mask of a key allow that it is used so.
pub(super) fn allowed(batch: &Batch<'_>, object: &Object, wanted: &Use) -> Outcome {
    check_state(batch, wanted.operation, object)?;
    // KMIP 1.4, sections 3.25 and 3.26.
    let date = |tag| object.attributes.date(tag);
    let (forbidden, name) = if wanted.protects {
        (date(tag::PROTECT_STOP_DATE).is_some_and(|date| date <= batch.now), "Protect Stop Date")
    } else {
        (date(tag::PROCESS_START_DATE).is_some_and(|date| date > batch.now), "Process Start Date")
    };
    if forbidden {
        return Err(Failure::new(Why::Dates, format!("{name} does not allow it")).into());
    }
    if !object.attributes.usage().contains(wanted.mask) {
        let message = format!("Cryptographic Usage Mask lacks {}", wanted.mask);
        return Err(Failure::new(Why::Usage, message).into());
    }
    Ok(())
}

/// Takes from the usage limits what protecting this much data uses (KMIP 1.4, section 3.21).
pub(super) fn allocate(batch: &mut Batch<'_>, object: &mut Object, bytes: usize) -> Outcome {
    let Some(AttributeValue::UsageLimits(limits)) = object.attributes.get(tag::USAGE_LIMITS) else {
        return Ok(());
    };
    let needed = match limits.usage_limits_unit {
        UsageLimitsUnit::BYTE => i64::try_from(bytes).unwrap_or(i64::MAX),
        _ => 1,
    };
    take(batch, object, needed)
}

/// Takes a number of units from the usage limits.
pub(super) fn take(batch: &mut Batch<'_>, object: &mut Object, units: i64) -> Outcome {
    let Some(AttributeValue::UsageLimits(mut limits)) = object.attributes.get(tag::USAGE_LIMITS) else {
        return Ok(());
    };
    let left = limits.usage_limits_count.unwrap_or(limits.usage_limits_total);
    if units > left {
        return Err(Failure::new(Why::UsageLimits, "the usage limits do not allow that much").into());
    }
    limits.usage_limits_count = Some(left - units);
    let limits = AttributeValue::UsageLimits(limits);
    let mut changed = object.clone();
    changed.set(limits)?;
    *object = changed;
    batch.store.put(object)
}

impl Batch<'_> {
    /// The data of a request, in one of its forms (KMIP 2.1, section 7.9).
    pub(super) fn data(&self, data: Option<&Data<'_>>) -> Outcome<Zeroizing<Vec<u8>>> {
        use enumeration::Data as Form;
        let given_by = |operation: Operation| {
            self.given.iter().rev().find(|(by, _)| *by == operation).map(|(_, data)| data.clone())
        };
        let found = match data {
            Some(Data::Bytes(bytes)) => Some(Zeroizing::new(bytes.expose().to_vec())),
            Some(Data::Index(index)) => {
                let back = index.unsigned_abs() as usize;
                let place = if *index < 0 { self.given.len().checked_sub(back) } else { Some(back) };
                place.and_then(|place| self.given.get(place)).map(|(_, data)| data.clone())
            }
            Some(Data::Placeholder(form)) => match *form {
                Form::DECRYPT => given_by(Operation::DECRYPT),
                Form::ENCRYPT => given_by(Operation::ENCRYPT),
                Form::HASH => given_by(Operation::HASH),
                Form::MAC_MAC_DATA => given_by(Operation::MAC),
                Form::RNG_RETRIEVE => given_by(Operation::RNG_RETRIEVE),
                Form::SIGN_SIGNATURE_DATA => given_by(Operation::SIGN),
                _ => None,
            },
            None => None,
        };
        Ok(found
            .ok_or_else(|| Failure::exactly(ResultReason::MISSING_DATA, "there is no data to work on"))?)
    }
}
