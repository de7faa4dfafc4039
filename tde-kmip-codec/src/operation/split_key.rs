//! Split keys.

use crate::{
    attribute::{TemplateAttribute, UniqueIdentifier},
    operation::ProtectionStorageMasks,
    spec::{
        self,
        enumeration::{ObjectType, SecretDataType, SplitKeyMethod},
    },
    ttlv::BigInteger,
};

structure! {
    /// Request payload of Create Split Key; KMIP 1.2 and later.
    CreateSplitKeyRequest = spec::operation::CREATE_SPLIT_KEY.request;

    /// Object Type.
    object_type: req ObjectType = OBJECT_TYPE;
    /// Unique Identifier.
    unique_identifier: opt UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// Split Key Parts.
    split_key_parts: req i32 = SPLIT_KEY_PARTS;
    /// Split Key Threshold.
    split_key_threshold: req i32 = SPLIT_KEY_THRESHOLD;
    /// Split Key Method.
    split_key_method: req SplitKeyMethod = SPLIT_KEY_METHOD;
    /// Prime Field Size.
    prime_field_size: opt BigInteger<'a> = PRIME_FIELD_SIZE;
    /// Template-Attribute in KMIP 1.x, Attributes in 2.x.
    attributes: req TemplateAttribute<'a> = TEMPLATE_ATTRIBUTE | ATTRIBUTES;
    /// Protection Storage Masks; KMIP 2.0 and later.
    protection_storage_masks: opt ProtectionStorageMasks<'a> = PROTECTION_STORAGE_MASKS;
}

structure! {
    /// Response payload of Create Split Key; KMIP 1.2 and later.
    CreateSplitKeyResponse = spec::operation::CREATE_SPLIT_KEY.response;

    /// Object Type; KMIP 1.2 only; required by the text; the published test case leaves it out.
    object_type: opt ObjectType = OBJECT_TYPE;
    /// Unique Identifier.
    unique_identifiers: many UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// Template-Attribute; KMIP 1.2 to 1.4.
    template_attribute: opt TemplateAttribute<'a> = TEMPLATE_ATTRIBUTE;
}

structure! {
    /// Request payload of Join Split Key; KMIP 1.2 and later.
    JoinSplitKeyRequest = spec::operation::JOIN_SPLIT_KEY.request;

    /// Object Type.
    object_type: req ObjectType = OBJECT_TYPE;
    /// Unique Identifier.
    unique_identifiers: many UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// Secret Data Type.
    secret_data_type: opt SecretDataType = SECRET_DATA_TYPE;
    /// Template-Attribute in KMIP 1.x, Attributes in 2.x.
    attributes: opt TemplateAttribute<'a> = TEMPLATE_ATTRIBUTE | ATTRIBUTES;
    /// Protection Storage Masks; KMIP 2.0 and later.
    protection_storage_masks: opt ProtectionStorageMasks<'a> = PROTECTION_STORAGE_MASKS;
}

structure! {
    /// Response payload of Join Split Key; KMIP 1.2 and later.
    JoinSplitKeyResponse = spec::operation::JOIN_SPLIT_KEY.response;

    /// Object Type; KMIP 1.2 only; required by the text; the published test case leaves it out.
    object_type: opt ObjectType = OBJECT_TYPE;
    /// Unique Identifier.
    unique_identifier: req UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// Template-Attribute; KMIP 1.2 to 1.4.
    template_attribute: opt TemplateAttribute<'a> = TEMPLATE_ATTRIBUTE;
}
