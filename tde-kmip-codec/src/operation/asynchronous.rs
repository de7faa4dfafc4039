//! Asynchronous work.

use crate::{
    operation::{AsynchronousCorrelationValues, AsynchronousRequest, Operations},
    spec::{self, enumeration::CancellationResult},
};

structure! {
    /// Request payload of Cancel.
    CancelRequest = spec::operation::CANCEL.request;

    /// Asynchronous Correlation Value.
    asynchronous_correlation_value: req &'a [u8] = ASYNCHRONOUS_CORRELATION_VALUE;
}

structure! {
    /// Response payload of Cancel.
    CancelResponse = spec::operation::CANCEL.response;

    /// Asynchronous Correlation Value.
    asynchronous_correlation_value: req &'a [u8] = ASYNCHRONOUS_CORRELATION_VALUE;
    /// Cancellation Result.
    cancellation_result: req CancellationResult = CANCELLATION_RESULT;
}

structure! {
    /// Request payload of Poll.
    PollRequest = spec::operation::POLL.request;

    /// Asynchronous Correlation Value.
    asynchronous_correlation_value: req &'a [u8] = ASYNCHRONOUS_CORRELATION_VALUE;
}

structure! {
    /// Response payload of Poll.
    PollResponse = spec::operation::POLL.response;

}

structure! {
    /// Request payload of Query Asynchronous Requests; KMIP 2.1 only.
    QueryAsynchronousRequestsRequest = spec::operation::QUERY_ASYNCHRONOUS_REQUESTS.request;

    /// Asynchronous Correlation Values.
    asynchronous_correlation_values: opt AsynchronousCorrelationValues<'a> = ASYNCHRONOUS_CORRELATION_VALUES;
    /// Operations.
    operations: opt Operations<'a> = OPERATIONS;
}

structure! {
    /// Response payload of Query Asynchronous Requests; KMIP 2.1 only.
    QueryAsynchronousRequestsResponse = spec::operation::QUERY_ASYNCHRONOUS_REQUESTS.response;

    /// Asynchronous Request.
    asynchronous_requests: many AsynchronousRequest<'a> = ASYNCHRONOUS_REQUEST;
}

structure! {
    /// Request payload of Process; KMIP 2.1 only.
    ProcessRequest = spec::operation::PROCESS.request;

    /// Asynchronous Correlation Value.
    asynchronous_correlation_value: req &'a [u8] = ASYNCHRONOUS_CORRELATION_VALUE;
}

structure! {
    /// Response payload of Process; KMIP 2.1 only.
    ProcessResponse = spec::operation::PROCESS.response;

}
