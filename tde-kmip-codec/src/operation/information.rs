//! What a server says of itself.

use crate::{
    operation::ExtensionType,
    spec::{
        self,
        enumeration::{
            DestroyAction, ProfileName, RNGMode, ShreddingAlgorithm, UnwrapMode, ValidationAuthorityType,
            ValidationType,
        },
    },
};

structure! {
    /// Extension Information; KMIP 1.1 and later.
    ExtensionInformation = spec::structure::EXTENSION_INFORMATION.fields;

    /// Extension Name.
    extension_name: req &'a str = EXTENSION_NAME;
    /// Extension Tag.
    extension_tag: opt i32 = EXTENSION_TAG;
    /// Extension Type.
    extension_type: opt ExtensionType = EXTENSION_TYPE;
    /// Extension Enumeration; KMIP 2.0 and later.
    extension_enumeration: opt i32 = EXTENSION_ENUMERATION;
    /// Extension Attribute; KMIP 2.0 and later.
    extension_attribute: opt bool = EXTENSION_ATTRIBUTE;
    /// Extension Parent Structure Tag; KMIP 2.0 and later.
    extension_parent_structure_tag: opt i32 = EXTENSION_PARENT_STRUCTURE_TAG;
    /// Extension Description; KMIP 2.0 and later.
    extension_description: opt &'a str = EXTENSION_DESCRIPTION;
}

structure! {
    /// Server Information.
    ServerInformation = spec::structure::SERVER_INFORMATION.fields;

    /// Server Name; KMIP 2.0 and later.
    server_name: opt &'a str = SERVER_NAME;
    /// Server Serial Number; KMIP 2.0 and later.
    server_serial_number: opt &'a str = SERVER_SERIAL_NUMBER;
    /// Server Version; KMIP 2.0 and later.
    server_version: opt &'a str = SERVER_VERSION;
    /// Server Load; KMIP 2.0 and later.
    server_load: opt &'a str = SERVER_LOAD;
    /// Product Name; KMIP 2.0 and later.
    product_name: opt &'a str = PRODUCT_NAME;
    /// Build Level; KMIP 2.0 and later.
    build_level: opt &'a str = BUILD_LEVEL;
    /// Build Date; KMIP 2.0 and later.
    build_date: opt &'a str = BUILD_DATE;
    /// Cluster Info; KMIP 2.0 and later.
    cluster_info: opt &'a str = CLUSTER_INFO;
    /// Alternate Failover Endpoints; KMIP 2.0 and later.
    alternate_failover_endpoints: many &'a str = ALTERNATE_FAILOVER_ENDPOINTS;
}

structure! {
    /// Profile Information; KMIP 1.3 and later.
    ProfileInformation = spec::structure::PROFILE_INFORMATION.fields;

    /// Profile Name.
    profile_name: req ProfileName = PROFILE_NAME;
    /// Profile Version; KMIP 2.0 and later.
    profile_version: opt ProfileVersion<'a> = PROFILE_VERSION;
    /// Server URI.
    server_uri: opt &'a str = SERVER_URI;
    /// Server Port.
    server_port: opt i32 = SERVER_PORT;
}

structure! {
    /// Profile Version; KMIP 2.0 and later.
    ProfileVersion = spec::structure::PROFILE_VERSION.fields;

    /// Profile Version Major.
    profile_version_major: req i32 = PROFILE_VERSION_MAJOR;
    /// Profile Version Minor.
    profile_version_minor: req i32 = PROFILE_VERSION_MINOR;
}

structure! {
    /// Validation Information; KMIP 1.3 and later.
    ValidationInformation = spec::structure::VALIDATION_INFORMATION.fields;

    /// Validation Authority Type.
    validation_authority_type: req ValidationAuthorityType = VALIDATION_AUTHORITY_TYPE;
    /// Validation Authority Country.
    validation_authority_country: opt &'a str = VALIDATION_AUTHORITY_COUNTRY;
    /// Validation Authority URI.
    validation_authority_uri: opt &'a str = VALIDATION_AUTHORITY_URI;
    /// Validation Version Major.
    validation_version_major: req i32 = VALIDATION_VERSION_MAJOR;
    /// Validation Version Minor.
    validation_version_minor: opt i32 = VALIDATION_VERSION_MINOR;
    /// Validation Type.
    validation_type: req ValidationType = VALIDATION_TYPE;
    /// Validation Level.
    validation_level: req i32 = VALIDATION_LEVEL;
    /// Validation Certificate Identifier.
    validation_certificate_identifier: opt &'a str = VALIDATION_CERTIFICATE_IDENTIFIER;
    /// Validation Certificate URI.
    validation_certificate_uri: opt &'a str = VALIDATION_CERTIFICATE_URI;
    /// Validation Vendor URI.
    validation_vendor_uri: opt &'a str = VALIDATION_VENDOR_URI;
    /// Validation Profile.
    validation_profiles: many &'a str = VALIDATION_PROFILE;
}

structure! {
    /// Capability Information; KMIP 1.3 and later.
    CapabilityInformation = spec::structure::CAPABILITY_INFORMATION.fields;

    /// Streaming Capability.
    streaming_capability: opt bool = STREAMING_CAPABILITY;
    /// Asynchronous Capability.
    asynchronous_capability: opt bool = ASYNCHRONOUS_CAPABILITY;
    /// Attestation Capability.
    attestation_capability: opt bool = ATTESTATION_CAPABILITY;
    /// Batch Undo Capability; KMIP 1.4 and later.
    batch_undo_capability: opt bool = BATCH_UNDO_CAPABILITY;
    /// Batch Continue Capability; KMIP 1.4 and later.
    batch_continue_capability: opt bool = BATCH_CONTINUE_CAPABILITY;
    /// Unwrap Mode.
    unwrap_mode: opt UnwrapMode = UNWRAP_MODE;
    /// Destroy Action.
    destroy_action: opt DestroyAction = DESTROY_ACTION;
    /// Shredding Algorithm.
    shredding_algorithm: opt ShreddingAlgorithm = SHREDDING_ALGORITHM;
    /// RNG Mode.
    rng_mode: opt RNGMode = RNG_MODE;
    /// Quantum Safe Capability; KMIP 2.0 and later.
    quantum_safe_capability: opt bool = QUANTUM_SAFE_CAPABILITY;
}
