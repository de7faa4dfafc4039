//! The request engine: bytes of a request in, bytes of the response out.
//!
//! No I/O, and no clock or randomness of its own: both are in [`EngineOptions`]. What is kept goes to an
//! [`ObjectStore`]. KMIP 1.0, 1.1, 1.2, 1.3, 1.4, 2.0 and 2.1.
//!
//! ```
//! use std::sync::Arc;
//! use tde_kmip::server::{
//!     engine::{ClientIdentity, Engine, EngineOptions},
//!     store::MemoryStore,
//! };
//! use tde_kmip_codec::{
//!     message::{RequestBatchItem, RequestHeader, RequestMessage, ResponseMessage},
//!     operation::QueryRequest,
//!     spec::{
//!         ProtocolVersion,
//!         enumeration::{Operation, QueryFunction, ResultStatus},
//!     },
//! };
//!
//! let engine = Engine::new(Arc::new(MemoryStore::new()), EngineOptions::default());
//! let functions = [QueryFunction::QUERY_OPERATIONS];
//! let query = QueryRequest { query_functions: (&functions).into(), ..QueryRequest::default() };
//! let items = [RequestBatchItem::new(Operation::QUERY, query.into())];
//! let header = RequestHeader::new(ProtocolVersion::V1_4, 1);
//! let request = RequestMessage { header, batch_items: (&items).into() }.encode_to_vec()?;
//!
//! let mut response = Vec::new();
//! let answered = engine.respond(&ClientIdentity::new("orders-db"), &request, &mut response);
//! assert_eq!(answered.items[0].status, ResultStatus::SUCCESS);
//! let response = ResponseMessage::decode(&response)?;
//! assert_eq!(response.header.protocol_version, ProtocolVersion::V1_4);
//! # Ok::<(), tde_kmip_codec::ttlv::Error>(())
//! ```
//!
//! What the standard leaves to the server, and what this one does:
//!
//! - **Identifiers** are UUIDs (version 4). **Names** are unique among the objects of one owner that still exist.
//! - **Owners**: an object belongs to the client that made it; to every other client it does not exist (Item Not Found,
//!   in 2.x Object Not Found), so that nobody learns what others have.
//! - **Destroyed objects** keep their attributes. Locate finds them only where Storage Status Mask asks for them.
//! - **Dates** move states: an object whose Activation Date has come is Active when it is next looked at.
//! - **Batches** run in their order. What one item changes is kept as a whole or not at all; with Undo, so is what the
//!   batch changes. An item whose answer would exceed Maximum Response Size or
//!   [`EngineOptions::max_response`] changes nothing.
//! - **Key pairs** are RSA of at most [`EngineOptions::max_rsa_bits_made`] bits, or on P-256, P-384, P-521 and
//!   secp256k1. Keys that clients bring are kept as they come, and judged when they are used. Get turns them into every
//!   format that the standard has for them. ECDSA signatures are in DER; the salt of RSA's PSS is as long as fits,
//!   unless a length is given, and of any length when verifying.
//! - **Wrapped keys** are kept as they were registered. What leaves wrapped without encoding stands in Key Material, where
//!   PyKMIP's clients look for it; the standard has a Byte String in the place of Key Value.
//! - **Data in several parts** is worked on as it comes. What is remembered between the parts is in memory, bounded for each
//!   client, and forgotten after a while; with GCM nothing comes out before the last part.
//! - **Asynchronous** work is never done: a request that insists on it is refused, one that allows it is answered at
//!   once.

mod access;
mod answered;
mod asymmetric;
mod attributes;
mod batch;
mod cipher_stream;
mod crypto;
mod derivation;
mod envelope;
mod failure;
mod hashing;
mod identity;
mod key_wrap;
mod operation;
mod options;
mod record;
mod reply;
mod streams;
mod transaction;

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use self::streams::Streams;
pub use self::{
    answered::{Answered, AnsweredItem},
    identity::{AuthenticationError, Authenticator, ClientIdentity},
    options::{Clock, EngineOptions, Randomness, RandomnessError, SystemClock, SystemRandomness},
};
use super::store::ObjectStore;

/// Answers requests; shared between the threads of a server.
#[derive(Clone)]
pub struct Engine {
    store: Arc<dyn ObjectStore>,
    options: EngineOptions,
    applying: Arc<Mutex<()>>,
    streams: Arc<Streams>,
}

impl Engine {
    /// An engine over a store.
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>, options: EngineOptions) -> Self {
        Self { store, options, applying: Arc::default(), streams: Arc::default() }
    }

    /// One request in, one response out.
    ///
    /// `out` is overwritten; it holds secrets, so the caller wipes it after sending. What cannot be answered in kind is
    /// answered with Invalid Message, in the request's version, or the nearest that is spoken here.
    pub fn respond(&self, client: &ClientIdentity, request: &[u8], out: &mut Vec<u8>) -> Answered {
        batch::respond(self, client, request, out)
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("options", &self.options).finish_non_exhaustive()
    }
}
