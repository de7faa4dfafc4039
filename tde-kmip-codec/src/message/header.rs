//! Headers.

use crate::{
    codec::DateTime,
    message::{AsynchronousIndicator, Authentication, Nonce},
    spec::{
        self, ProtocolVersion,
        enumeration::{AttestationType, BatchErrorContinuationOption},
    },
};

structure! {
    /// Request Header.
    RequestHeader = spec::structure::REQUEST_HEADER.fields;

    /// Protocol Version.
    protocol_version: req ProtocolVersion = PROTOCOL_VERSION;
    /// Maximum Response Size.
    maximum_response_size: opt i32 = MAXIMUM_RESPONSE_SIZE;
    /// Client Correlation Value; KMIP 1.4 and later.
    client_correlation_value: opt &'a str = CLIENT_CORRELATION_VALUE;
    /// Server Correlation Value; KMIP 1.4 and later.
    server_correlation_value: opt &'a str = SERVER_CORRELATION_VALUE;
    /// Asynchronous Indicator.
    asynchronous_indicator: opt AsynchronousIndicator = ASYNCHRONOUS_INDICATOR;
    /// Attestation Capable Indicator; KMIP 1.2 and later.
    attestation_capable_indicator: opt bool = ATTESTATION_CAPABLE_INDICATOR;
    /// Attestation Type; KMIP 1.2 and later.
    attestation_types: many AttestationType = ATTESTATION_TYPE;
    /// Authentication.
    authentication: opt Authentication<'a> = AUTHENTICATION;
    /// Batch Error Continuation Option.
    batch_error_continuation_option: opt BatchErrorContinuationOption = BATCH_ERROR_CONTINUATION_OPTION;
    /// Batch Order Option.
    batch_order_option: opt bool = BATCH_ORDER_OPTION;
    /// Time Stamp.
    time_stamp: opt DateTime = TIME_STAMP;
    /// Batch Count.
    batch_count: req i32 = BATCH_COUNT;
}

structure! {
    /// Response Header.
    ResponseHeader = spec::structure::RESPONSE_HEADER.fields;

    /// Protocol Version.
    protocol_version: req ProtocolVersion = PROTOCOL_VERSION;
    /// Time Stamp.
    time_stamp: req DateTime = TIME_STAMP;
    /// Nonce; KMIP 1.2 and later.
    nonce: opt Nonce<'a> = NONCE;
    /// Server Hashed Password; KMIP 2.0 and later; there when the request used the Hashed Password credential.
    server_hashed_password: opt &'a [u8] = SERVER_HASHED_PASSWORD;
    /// Attestation Type; KMIP 1.2 and later.
    attestation_types: many AttestationType = ATTESTATION_TYPE;
    /// Client Correlation Value; KMIP 1.4 and later.
    client_correlation_value: opt &'a str = CLIENT_CORRELATION_VALUE;
    /// Server Correlation Value; KMIP 1.4 and later.
    server_correlation_value: opt &'a str = SERVER_CORRELATION_VALUE;
    /// Batch Count.
    batch_count: req i32 = BATCH_COUNT;
}
