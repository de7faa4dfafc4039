//! Asking a server about itself.

use tde_kmip_codec::{
    operation::{DiscoverVersionsRequest, QueryRequest, ResponsePayload},
    spec::{
        ProtocolVersion,
        enumeration::{ObjectType, Operation, QueryFunction},
    },
};

use super::lacking;
use crate::client::{CallOptions, Client, Error, Reply, refusal::printable};

/// What a server says of itself.
#[derive(Debug)]
#[non_exhaustive]
pub struct ServerFacts {
    /// The operations that it has.
    pub operations: Vec<Operation>,
    /// The types of objects that it has.
    pub object_types: Vec<ObjectType>,
    /// Vendor Identification.
    pub vendor_identification: Option<String>,
    /// Application Namespaces.
    pub application_namespaces: Vec<String>,
    /// The whole answer, for what else was asked.
    pub reply: Reply,
}

impl Client {
    /// Query: what the server is and has.
    ///
    /// # Errors
    /// [`Error`].
    pub fn query(&self, functions: &[QueryFunction]) -> Result<ServerFacts, Error> {
        let request = QueryRequest { query_functions: functions.into(), ..QueryRequest::default() };
        let reply = self.call(request.into(), &CallOptions::default())?;
        let Some(ResponsePayload::Query(payload)) = reply.payload() else {
            return Err(self.misanswered(Operation::QUERY, lacking(Operation::QUERY, "its payload")));
        };
        Ok(ServerFacts {
            operations: payload.operations.iter().collect(),
            object_types: payload.object_types.iter().collect(),
            vendor_identification: payload.vendor_identification.map(printable),
            application_namespaces: payload.application_namespaces.iter().map(printable).collect(),
            reply,
        })
    }

    /// Discover Versions: what the server says it speaks, newest first; KMIP 1.1 and later.
    ///
    /// # Errors
    /// [`Error`].
    pub fn discover_versions(&self) -> Result<Vec<ProtocolVersion>, Error> {
        self.ask(DiscoverVersionsRequest::default().into(), |payload| {
            let payload = expect!(payload, DiscoverVersions, DISCOVER_VERSIONS);
            Ok(payload.protocol_versions.iter().collect())
        })
    }
}
