//! Making objects.

use crate::{
    attribute::{DerivationParameters, TemplateAttribute, UniqueIdentifier},
    codec::Interval,
    object::ManagedObject,
    operation::ProtectionStorageMasks,
    spec::{
        self,
        enumeration::{DerivationMethod, ObjectType},
    },
};

structure! {
    /// Request payload of Create.
    CreateRequest = spec::operation::CREATE.request;

    /// Object Type.
    object_type: req ObjectType = OBJECT_TYPE;
    /// Template-Attribute in KMIP 1.x, Attributes in 2.x.
    attributes: req TemplateAttribute<'a> = TEMPLATE_ATTRIBUTE | ATTRIBUTES;
    /// Protection Storage Masks; KMIP 2.0 and later.
    protection_storage_masks: opt ProtectionStorageMasks<'a> = PROTECTION_STORAGE_MASKS;
}

structure! {
    /// Response payload of Create.
    CreateResponse = spec::operation::CREATE.response;

    /// Object Type.
    object_type: req ObjectType = OBJECT_TYPE;
    /// Unique Identifier.
    unique_identifier: req UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// Template-Attribute; KMIP up to 1.4.
    template_attribute: opt TemplateAttribute<'a> = TEMPLATE_ATTRIBUTE;
}

structure! {
    /// Request payload of Create Key Pair.
    CreateKeyPairRequest = spec::operation::CREATE_KEY_PAIR.request;

    /// Common Template-Attribute in KMIP 1.x, Common Attributes in 2.x.
    common_attributes: opt TemplateAttribute<'a> = COMMON_TEMPLATE_ATTRIBUTE | COMMON_ATTRIBUTES;
    /// Private Key Template-Attribute in KMIP 1.x, Private Key Attributes in 2.x.
    private_key_attributes: opt TemplateAttribute<'a> = PRIVATE_KEY_TEMPLATE_ATTRIBUTE | PRIVATE_KEY_ATTRIBUTES;
    /// Public Key Template-Attribute in KMIP 1.x, Public Key Attributes in 2.x.
    public_key_attributes: opt TemplateAttribute<'a> = PUBLIC_KEY_TEMPLATE_ATTRIBUTE | PUBLIC_KEY_ATTRIBUTES;
    /// Common Protection Storage Masks; KMIP 2.0 and later.
    common_protection_storage_masks: opt ProtectionStorageMasks<'a> = COMMON_PROTECTION_STORAGE_MASKS;
    /// Private Protection Storage Masks; KMIP 2.0 and later.
    private_protection_storage_masks: opt ProtectionStorageMasks<'a> = PRIVATE_PROTECTION_STORAGE_MASKS;
    /// Public Protection Storage Masks; KMIP 2.0 and later.
    public_protection_storage_masks: opt ProtectionStorageMasks<'a> = PUBLIC_PROTECTION_STORAGE_MASKS;
}

structure! {
    /// Response payload of Create Key Pair.
    CreateKeyPairResponse = spec::operation::CREATE_KEY_PAIR.response;

    /// Private Key Unique Identifier.
    private_key_unique_identifier: req UniqueIdentifier<'a> = PRIVATE_KEY_UNIQUE_IDENTIFIER;
    /// Public Key Unique Identifier.
    public_key_unique_identifier: req UniqueIdentifier<'a> = PUBLIC_KEY_UNIQUE_IDENTIFIER;
    /// Private Key Template-Attribute; KMIP up to 1.4.
    private_key_template_attribute: opt TemplateAttribute<'a> = PRIVATE_KEY_TEMPLATE_ATTRIBUTE;
    /// Public Key Template-Attribute; KMIP up to 1.4.
    public_key_template_attribute: opt TemplateAttribute<'a> = PUBLIC_KEY_TEMPLATE_ATTRIBUTE;
}

structure! {
    /// Request payload of Register.
    RegisterRequest = spec::operation::REGISTER.request;

    /// Object Type.
    object_type: req ObjectType = OBJECT_TYPE;
    /// Template-Attribute in KMIP 1.x, Attributes in 2.x.
    attributes: req TemplateAttribute<'a> = TEMPLATE_ATTRIBUTE | ATTRIBUTES;
    /// The object.
    object: object ManagedObject<'a> =;
    /// Protection Storage Masks; KMIP 2.0 and later.
    protection_storage_masks: opt ProtectionStorageMasks<'a> = PROTECTION_STORAGE_MASKS;
}

structure! {
    /// Response payload of Register.
    RegisterResponse = spec::operation::REGISTER.response;

    /// Unique Identifier.
    unique_identifier: req UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// Template-Attribute; KMIP up to 1.4.
    template_attribute: opt TemplateAttribute<'a> = TEMPLATE_ATTRIBUTE;
}

structure! {
    /// Request payload of Derive Key.
    DeriveKeyRequest = spec::operation::DERIVE_KEY.request;

    /// Object Type.
    object_type: req ObjectType = OBJECT_TYPE;
    /// Unique Identifier.
    unique_identifiers: many UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// Derivation Method.
    derivation_method: req DerivationMethod = DERIVATION_METHOD;
    /// Derivation Parameters.
    derivation_parameters: req DerivationParameters<'a> = DERIVATION_PARAMETERS;
    /// Template-Attribute in KMIP 1.x, Attributes in 2.x.
    attributes: req TemplateAttribute<'a> = TEMPLATE_ATTRIBUTE | ATTRIBUTES;
}

structure! {
    /// Response payload of Derive Key.
    DeriveKeyResponse = spec::operation::DERIVE_KEY.response;

    /// Unique Identifier.
    unique_identifier: req UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// Template-Attribute; KMIP up to 1.4.
    template_attribute: opt TemplateAttribute<'a> = TEMPLATE_ATTRIBUTE;
}

structure! {
    /// Request payload of Re-key.
    ReKeyRequest = spec::operation::RE_KEY.request;

    /// Unique Identifier.
    unique_identifier: opt UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// Offset.
    offset: opt Interval = OFFSET;
    /// Template-Attribute in KMIP 1.x, Attributes in 2.x.
    attributes: opt TemplateAttribute<'a> = TEMPLATE_ATTRIBUTE | ATTRIBUTES;
    /// Protection Storage Masks; KMIP 2.0 and later.
    protection_storage_masks: opt ProtectionStorageMasks<'a> = PROTECTION_STORAGE_MASKS;
}

structure! {
    /// Response payload of Re-key.
    ReKeyResponse = spec::operation::RE_KEY.response;

    /// Unique Identifier.
    unique_identifier: req UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// Template-Attribute; KMIP up to 1.4.
    template_attribute: opt TemplateAttribute<'a> = TEMPLATE_ATTRIBUTE;
}

structure! {
    /// Request payload of Re-key Key Pair; KMIP 1.1 and later.
    ReKeyKeyPairRequest = spec::operation::RE_KEY_KEY_PAIR.request;

    /// Private Key Unique Identifier.
    private_key_unique_identifier: opt UniqueIdentifier<'a> = PRIVATE_KEY_UNIQUE_IDENTIFIER;
    /// Offset.
    offset: opt Interval = OFFSET;
    /// Common Template-Attribute in KMIP 1.x, Common Attributes in 2.x.
    common_attributes: opt TemplateAttribute<'a> = COMMON_TEMPLATE_ATTRIBUTE | COMMON_ATTRIBUTES;
    /// Private Key Template-Attribute in KMIP 1.x, Private Key Attributes in 2.x.
    private_key_attributes: opt TemplateAttribute<'a> = PRIVATE_KEY_TEMPLATE_ATTRIBUTE | PRIVATE_KEY_ATTRIBUTES;
    /// Public Key Template-Attribute in KMIP 1.x, Public Key Attributes in 2.x.
    public_key_attributes: opt TemplateAttribute<'a> = PUBLIC_KEY_TEMPLATE_ATTRIBUTE | PUBLIC_KEY_ATTRIBUTES;
    /// Common Protection Storage Masks; KMIP 2.0 and later.
    common_protection_storage_masks: opt ProtectionStorageMasks<'a> = COMMON_PROTECTION_STORAGE_MASKS;
    /// Private Protection Storage Masks; KMIP 2.0 and later.
    private_protection_storage_masks: opt ProtectionStorageMasks<'a> = PRIVATE_PROTECTION_STORAGE_MASKS;
    /// Public Protection Storage Masks; KMIP 2.0 and later.
    public_protection_storage_masks: opt ProtectionStorageMasks<'a> = PUBLIC_PROTECTION_STORAGE_MASKS;
}

structure! {
    /// Response payload of Re-key Key Pair; KMIP 1.1 and later.
    ReKeyKeyPairResponse = spec::operation::RE_KEY_KEY_PAIR.response;

    /// Private Key Unique Identifier.
    private_key_unique_identifier: req UniqueIdentifier<'a> = PRIVATE_KEY_UNIQUE_IDENTIFIER;
    /// Public Key Unique Identifier.
    public_key_unique_identifier: req UniqueIdentifier<'a> = PUBLIC_KEY_UNIQUE_IDENTIFIER;
    /// Private Key Template-Attribute; KMIP 1.1 to 1.4.
    private_key_template_attribute: opt TemplateAttribute<'a> = PRIVATE_KEY_TEMPLATE_ATTRIBUTE;
    /// Public Key Template-Attribute; KMIP 1.1 to 1.4.
    public_key_template_attribute: opt TemplateAttribute<'a> = PUBLIC_KEY_TEMPLATE_ATTRIBUTE;
}
