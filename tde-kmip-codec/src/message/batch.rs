//! Batch items.

use crate::{
    codec::AnyStructure,
    operation::{RequestPayload, ResponsePayload},
    spec::{
        self,
        enumeration::{Operation, ResultReason, ResultStatus},
    },
};

structure! {
    /// Batch Item (request).
    RequestBatchItem = spec::structure::REQUEST_BATCH_ITEM.fields;

    /// Operation.
    operation: req Operation = OPERATION;
    /// Ephemeral; KMIP 2.0 and later.
    ephemeral: opt bool = EPHEMERAL;
    /// Unique Batch Item ID; there when Batch Count is greater than 1.
    unique_batch_item_id: opt &'a [u8] = UNIQUE_BATCH_ITEM_ID;
    /// Request Payload.
    payload: req_by RequestPayload<'a> = REQUEST_PAYLOAD, by operation;
    /// Message Extension.
    message_extensions: many MessageExtension<'a> = MESSAGE_EXTENSION;
}

structure! {
    /// Batch Item (response).
    ResponseBatchItem = spec::structure::RESPONSE_BATCH_ITEM.fields;

    /// Operation; there when the request item had one.
    operation: opt Operation = OPERATION;
    /// Unique Batch Item ID; there when the request item had one.
    unique_batch_item_id: opt &'a [u8] = UNIQUE_BATCH_ITEM_ID;
    /// Result Status.
    result_status: req ResultStatus = RESULT_STATUS;
    /// Result Reason; there when Result Status is Operation Failed.
    result_reason: opt ResultReason = RESULT_REASON;
    /// Result Message.
    result_message: opt &'a str = RESULT_MESSAGE;
    /// Asynchronous Correlation Value; there when Result Status is Operation Pending.
    asynchronous_correlation_value: opt &'a [u8] = ASYNCHRONOUS_CORRELATION_VALUE;
    /// Response Payload; there when Result Status is not Operation Failed.
    payload: opt_by ResponsePayload<'a> = RESPONSE_PAYLOAD, by operation;
    /// Message Extension.
    message_extensions: many MessageExtension<'a> = MESSAGE_EXTENSION;
}

structure! {
    /// Message Extension.
    MessageExtension = spec::structure::MESSAGE_EXTENSION.fields;

    /// Vendor Identification.
    vendor_identification: req &'a str = VENDOR_IDENTIFICATION;
    /// Criticality Indicator.
    criticality_indicator: req bool = CRITICALITY_INDICATOR;
    /// Vendor Extension.
    vendor_extension: req AnyStructure<'a> = VENDOR_EXTENSION;
}
