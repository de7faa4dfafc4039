//! The operations as methods: each encodes for the version that is spoken and gives back what it owns.

use tde_kmip_codec::{attribute::UniqueIdentifier, spec::enumeration::Operation};

use super::ProtocolError;

/// Takes the payload that belongs to the operation.
macro_rules! expect {
    ($payload:expr, $variant:ident, $operation:ident) => {
        match $payload {
            Some(ResponsePayload::$variant(payload)) => payload,
            _ => return Err(lacking(Operation::$operation, "its payload")),
        }
    };
}

mod attributes;
mod cryptography;
mod key_pairs;
mod objects;
mod server;

pub use self::{
    attributes::AttributeTarget,
    cryptography::{Decryption, Encrypted, Encryption},
    key_pairs::CreatedKeyPair,
    objects::{Created, Located},
    server::ServerFacts,
};

const fn lacking(operation: Operation, what: &'static str) -> ProtocolError {
    ProtocolError::Lacking { operation, what }
}

fn identifier(operation: Operation, given: UniqueIdentifier<'_>) -> Result<String, ProtocolError> {
    let text = given.as_text().ok_or(lacking(operation, "a Unique Identifier that is text"))?;
    Ok(text.to_owned())
}

/// The identifier in an answer, which must be the one asked about. Some servers write a UUID in another case.
fn same(operation: Operation, asked: &str, given: UniqueIdentifier<'_>) -> Result<String, ProtocolError> {
    let given = identifier(operation, given)?;
    if given.eq_ignore_ascii_case(asked) { Ok(given) } else { Err(ProtocolError::OtherObject { operation }) }
}
