//! What the server sends unasked.

use crate::{
    attribute::{AttributeReference, Attributes, UniqueIdentifier},
    object::ManagedObject,
    spec::{self, enumeration::PutFunction},
};

structure! {
    /// Payload of Notify, which the server sends.
    NotifyRequest = spec::operation::NOTIFY.request;

    /// Unique Identifier.
    unique_identifier: req UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// The attributes: repeated Attribute in KMIP 1.x, one Attributes in 2.x.
    attributes: attrs Attributes<'a> = ATTRIBUTE | ATTRIBUTES;
    /// Attribute Reference; KMIP 2.0 and later.
    attribute_references: many AttributeReference<'a> = ATTRIBUTE_REFERENCE;
}

structure! {
    /// Response payload of Notify.
    NotifyResponse = spec::operation::NOTIFY.response;

}

structure! {
    /// Payload of Put, which the server sends.
    PutRequest = spec::operation::PUT.request;

    /// Unique Identifier.
    unique_identifier: req UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// Put Function.
    put_function: req PutFunction = PUT_FUNCTION;
    /// Replaced Unique Identifier; there when Put Function is Replace.
    replaced_unique_identifier: opt UniqueIdentifier<'a> = REPLACED_UNIQUE_IDENTIFIER;
    /// The object.
    object: object ManagedObject<'a> =;
    /// The attributes: repeated Attribute in KMIP 1.x, one Attributes in 2.x.
    attributes: attrs Attributes<'a> = ATTRIBUTE | ATTRIBUTES;
}

structure! {
    /// Response payload of Put.
    PutResponse = spec::operation::PUT.response;

}
