//! Activate, Revoke, Destroy (KMIP 1.4, sections 4.19 to 4.21; KMIP 2.1, sections 6.1.1, 6.1.15, 6.1.44).

use tde_kmip_codec::{
    DateTime,
    attribute::AttributeValue,
    operation::{
        ActivateRequest, ActivateResponse, DestroyRequest, DestroyResponse, RevokeRequest, RevokeResponse,
    },
    spec::{
        enumeration::{Operation, RevocationReasonCode},
        tag,
    },
    state::{self, ObjectState},
};

use super::retrieve::{check_archived, refused};
use crate::server::engine::{batch::Batch, failure::Outcome, record::Object};

/// Pre-Active becomes Active.
pub(super) fn activate(batch: &mut Batch<'_>, request: &ActivateRequest<'_>) -> Outcome {
    let mut object = batch.object(request.unique_identifier)?;
    check_archived(&object)?;
    object.state = next(batch, Operation::ACTIVATE, None, &object)?;
    object.set(AttributeValue::ActivationDate(DateTime(batch.now)))?;
    object.changed(batch.now)?;
    batch.store.put(&mut object)?;
    batch.answer(ActivateResponse::new(object.id.as_str().into()))
}

/// Active becomes Deactivated; with a compromise, everything becomes Compromised.
pub(super) fn revoke(batch: &mut Batch<'_>, request: &RevokeRequest<'_>) -> Outcome {
    let mut object = batch.object(request.unique_identifier)?;
    check_archived(&object)?;
    let reason = request.revocation_reason;
    let code = reason.revocation_reason_code;
    let compromise =
        matches!(code, RevocationReasonCode::KEY_COMPROMISE | RevocationReasonCode::CA_COMPROMISE);
    object.state = next(batch, Operation::REVOKE, Some(code), &object)?;
    object.set(AttributeValue::RevocationReason(reason))?;
    let now = DateTime(batch.now);
    if compromise {
        object.set(AttributeValue::CompromiseDate(now))?;
        // KMIP 1.4, section 3.29: not known means since the object exists.
        let since = request
            .compromise_occurrence_date
            .or_else(|| object.attributes.date(tag::INITIAL_DATE).map(DateTime));
        object.set(AttributeValue::CompromiseOccurrenceDate(since.unwrap_or(now)))?;
    } else {
        object.set(AttributeValue::DeactivationDate(now))?;
    }
    object.changed(batch.now)?;
    batch.store.put(&mut object)?;
    batch.answer(RevokeResponse::new(object.id.as_str().into()))
}

/// The material goes, the attributes stay.
pub(super) fn destroy(batch: &mut Batch<'_>, request: &DestroyRequest<'_>) -> Outcome {
    let mut object = batch.object(request.unique_identifier)?;
    object.state = next(batch, Operation::DESTROY, None, &object)?;
    object.material = None;
    object.set(AttributeValue::DestroyDate(DateTime(batch.now)))?;
    object.changed(batch.now)?;
    batch.store.put(&mut object)?;
    batch.answer(DestroyResponse::new(object.id.as_str().into()))
}

fn next(
    batch: &Batch<'_>,
    operation: Operation,
    code: Option<RevocationReasonCode>,
    object: &Object,
) -> Outcome<ObjectState> {
    let decided = state::decide(operation, code, object.object_type, object.state, batch.version);
    decided.map_err(|reason| refused(operation, object, reason))
}
