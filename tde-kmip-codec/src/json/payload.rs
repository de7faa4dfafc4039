use alloc::{string::String, vec::Vec};
use core::cell::Cell;

use super::{Error, Options, read::read_naming, write::write_as};
use crate::{
    spec::{self, enumeration::Operation, operation, tag},
    text::error::{ErrorKind, quoted},
    ttlv::{self, Item},
};

/// Which way a payload goes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(clippy::exhaustive_enums)] // There are two.
pub enum Direction {
    /// To the one who answers.
    Request,
    /// Back.
    Response,
}

/// A payload without a message around it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Payload {
    /// The operation.
    pub operation: Operation,
    /// Which way it goes.
    pub direction: Direction,
    /// The Request Payload or Response Payload item as TTLV.
    pub bytes: Vec<u8>,
}

impl core::fmt::Debug for Payload {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Payload")
            .field("operation", &self.operation)
            .field("direction", &self.direction)
            .finish_non_exhaustive()
    }
}

/// Reads a bare payload, whose outermost name is not that of a tag but of an operation, such as `Create` or
/// `CreateResponse`: what Cosmian KMS takes and gives at `/kmip/2_1`.
///
/// # Errors
/// What is wrong, at which line and column; values are not quoted.
pub fn read_payload(text: &str, options: Options) -> Result<Payload, Error> {
    let found = Cell::new(None);
    let bytes = read_naming(text, options, |name| {
        let parsed = payload_name(name).ok_or_else(|| ErrorKind::NotAPayload { name: quoted(name) })?;
        found.set(Some(parsed));
        Ok(match parsed.1 {
            Direction::Request => tag::REQUEST_PAYLOAD,
            Direction::Response => tag::RESPONSE_PAYLOAD,
        })
    })?;
    // Reading cannot succeed without an outermost name.
    let (operation, direction) = found.get().unwrap_or((Operation(0), Direction::Request));
    Ok(Payload { operation, direction, bytes })
}

/// Writes the items of a payload under the name of its operation.
///
/// # Errors
/// What the item layer finds wrong inside the payload.
pub fn write_payload(
    operation: Operation,
    direction: Direction,
    payload: &Item<'_>,
) -> Result<String, ttlv::Error> {
    let mut name = alloc::format!("{operation}");
    if direction == Direction::Response {
        name.push_str("Response");
    }
    let mut text = String::new();
    write_as(&mut text, &name, payload, &mut None)?;
    Ok(text)
}

fn payload_name(name: &str) -> Option<(Operation, Direction)> {
    let named =
        |name: &str| operation::TABLE.iter().find(|facts: &&&spec::OperationFacts| facts.camel_name == name);
    if let Some(facts) = named(name) {
        return Some((facts.operation, Direction::Request));
    }
    let facts = named(name.strip_suffix("Response")?)?;
    Some((facts.operation, Direction::Response))
}
