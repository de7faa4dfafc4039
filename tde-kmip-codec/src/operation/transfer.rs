//! Importing and exporting objects.

use crate::{
    attribute::{Attributes, UniqueIdentifier},
    codec::Nested,
    object::{KeyWrappingSpecification, ManagedObject},
    spec::{
        self,
        enumeration::{KeyCompressionType, KeyFormatType, KeyWrapType, ObjectType},
    },
};

structure! {
    /// Request payload of Import; KMIP 1.4 and later.
    ImportRequest = spec::operation::IMPORT.request;

    /// Unique Identifier.
    unique_identifier: req UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// Object Type; KMIP 2.0 and later; required in KMIP 2.0 and later.
    object_type: opt ObjectType = OBJECT_TYPE;
    /// Replace Existing.
    replace_existing: opt bool = REPLACE_EXISTING;
    /// Key Wrap Type; in KMIP 2.0 and later there exactly when the key is wrapped.
    key_wrap_type: opt KeyWrapType = KEY_WRAP_TYPE;
    /// The attributes: repeated Attribute in KMIP 1.x, one Attributes in 2.x.
    attributes: attrs Attributes<'a> = ATTRIBUTE | ATTRIBUTES;
    /// The object.
    object: object ManagedObject<'a> =;
}

structure! {
    /// Response payload of Import; KMIP 1.4 and later.
    ImportResponse = spec::operation::IMPORT.response;

    /// Unique Identifier.
    unique_identifier: req UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
}

structure! {
    /// Request payload of Export; KMIP 1.4 and later.
    ExportRequest = spec::operation::EXPORT.request;

    /// Unique Identifier.
    unique_identifier: opt UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// Key Format Type.
    key_format_type: opt KeyFormatType = KEY_FORMAT_TYPE;
    /// Key Wrap Type.
    key_wrap_type: opt KeyWrapType = KEY_WRAP_TYPE;
    /// Key Compression Type.
    key_compression_type: opt KeyCompressionType = KEY_COMPRESSION_TYPE;
    /// Key Wrapping Specification.
    key_wrapping_specification: opt Nested<'a, KeyWrappingSpecification<'a>> = KEY_WRAPPING_SPECIFICATION;
}

structure! {
    /// Response payload of Export; KMIP 1.4 and later.
    ExportResponse = spec::operation::EXPORT.response;

    /// Object Type.
    object_type: req ObjectType = OBJECT_TYPE;
    /// Unique Identifier.
    unique_identifier: req UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// The attributes: repeated Attribute in KMIP 1.x, one Attributes in 2.x.
    attributes: attrs Attributes<'a> = ATTRIBUTE | ATTRIBUTES;
    /// The object.
    object: object ManagedObject<'a> =;
}
