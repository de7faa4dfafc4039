//! Which item of a response answers which item of the request.

use tde_kmip_codec::{
    message::{ResponseBatchItem, ResponseMessage},
    spec::{ProtocolVersion, enumeration::ResultStatus},
};

use super::{
    Refusal,
    protocol::{Exchange, Outcome, ProtocolError},
    refusal::printable,
};

/// The outcomes in the order of the request (KMIP 1.4, section 6.4 and 7.2; KMIP 2.1, section 9.21).
pub(super) fn outcomes<'a>(
    exchange: &Exchange,
    response: &ResponseMessage<'a>,
) -> Result<Vec<Outcome<'a>>, ProtocolError> {
    let answered = response.header.protocol_version;
    let asked = exchange.operations.len();
    let items = response.batch_items.len();
    // The whole message: refused in whatever version the server fell back to.
    if let (1, Some(item)) = (items, response.batch_items.first())
        && item.operation.is_none()
        && item.result_status == ResultStatus::OPERATION_FAILED
    {
        return Err(ProtocolError::Refused(refusal(&item, answered)));
    }
    if answered != exchange.version {
        return Err(ProtocolError::OtherVersion { asked: exchange.version, answered });
    }
    let correlation = response.header.client_correlation_value;
    if correlation.is_some() && correlation != exchange.client_correlation.as_deref() {
        return Err(ProtocolError::OtherRequest);
    }
    if items > asked {
        return Err(ProtocolError::TooManyItems { asked, answered: items });
    }
    let ordered = response.batch_items.iter().all(|item| item.unique_batch_item_id.is_none());
    let mut outcomes = vec![None; asked];
    for (place, item) in response.batch_items.iter().enumerate() {
        // A server that leaves the identifiers out keeps the order; one that gives some gives all.
        let which = match item.unique_batch_item_id {
            None => ordered.then_some(place),
            Some(id) => exchange.ids.iter().position(|ours| ours == id),
        };
        let slot = which.and_then(|which| Some((outcomes.get_mut(which)?, *exchange.operations.get(which)?)));
        let Some((slot @ None, asked)) = slot else {
            return Err(ProtocolError::UnknownItem { place: place + 1 });
        };
        let unnamed_failure =
            item.operation.is_none() && item.result_status == ResultStatus::OPERATION_FAILED;
        if item.operation != Some(asked) && !unnamed_failure {
            return Err(ProtocolError::OtherOperation { asked, answered: item.operation });
        }
        *slot = Some(outcome(&item, answered));
    }
    let stopped =
        !exchange.continues && outcomes.iter().any(|outcome| matches!(outcome, Some(Outcome::Refused(_))));
    (outcomes.into_iter().zip(&exchange.operations).enumerate())
        .map(|(place, (outcome, operation))| match outcome {
            Some(outcome) => Ok(outcome),
            None if stopped => Ok(Outcome::NotReached),
            None => Err(ProtocolError::Unanswered { place: place + 1, operation: *operation }),
        })
        .collect()
}

fn outcome<'a>(item: &ResponseBatchItem<'a>, version: ProtocolVersion) -> Outcome<'a> {
    match item.result_status {
        ResultStatus::SUCCESS => Outcome::Done(item.payload.clone()),
        ResultStatus::OPERATION_PENDING => Outcome::Pending(item.asynchronous_correlation_value),
        _ => Outcome::Refused(refusal(item, version)),
    }
}

fn refusal(item: &ResponseBatchItem<'_>, version: ProtocolVersion) -> Refusal {
    Refusal {
        operation: item.operation,
        status: item.result_status,
        reason: item.result_reason,
        message: item.result_message.map(printable),
        version,
    }
}
