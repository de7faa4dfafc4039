//! Operations that change nothing here.

use tde_kmip_codec::operation::{InteropResponse, LogRequest, LogResponse, PingResponse};

use crate::server::engine::{batch::Batch, failure::Outcome};

/// Log (KMIP 2.1, section 6.1.29): the message goes to the server's log, escaped, under the client's name.
pub(super) fn log(batch: &mut Batch<'_>, request: &LogRequest<'_>) -> Outcome {
    tracing::info!(client = batch.client.name(), message = ?request.log_message, "log message of a client");
    batch.answer(LogResponse::default())
}

/// Interop (KMIP 2.1, section 6.1.26): the marks of a test case.
pub(super) fn interop(batch: &mut Batch<'_>) -> Outcome {
    batch.answer(InteropResponse::default())
}

/// Ping (KMIP 2.1, section 6.1.36).
pub(super) fn ping(batch: &mut Batch<'_>) -> Outcome {
    batch.answer(PingResponse::default())
}
