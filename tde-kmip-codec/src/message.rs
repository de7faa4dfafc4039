//! Whole messages: headers, batches, credentials (KMIP 1.4, sections 6 and 7; KMIP 2.1, sections 8 and 9).

mod batch;
mod choice;
mod credential;
mod envelope;
mod header;

pub use self::{
    batch::{MessageExtension, RequestBatchItem, ResponseBatchItem},
    choice::{AsynchronousIndicator, CredentialValue},
    credential::{
        AttestationCredential, Authentication, Credential, DeviceCredential, HashedPassword, Nonce,
        OneTimePassword, Ticket, TicketCredential, UsernameAndPassword,
    },
    envelope::{RequestMessage, ResponseMessage},
    header::{RequestHeader, ResponseHeader},
};
