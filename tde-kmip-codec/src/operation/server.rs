//! Asking and configuring the server.

use crate::{
    attribute::RngParameters,
    codec::{Nested, Secret},
    operation::{
        CapabilityInformation, Constraints, DefaultsInformation, ExtensionInformation, ObjectGroups,
        ProfileInformation, ProtectionStorageMasks, ServerInformation, ValidationInformation,
    },
    spec::{
        self, ProtocolVersion,
        enumeration::{
            AttestationType, ClientRegistrationMethod, EndpointRole, InteropFunction, ObjectType, Operation,
            PKCS11Function, PKCS11ReturnCode, QueryFunction,
        },
    },
};

structure! {
    /// Request payload of Query.
    QueryRequest = spec::operation::QUERY.request;

    /// Query Function.
    query_functions: many QueryFunction = QUERY_FUNCTION;
    /// Object Groups; KMIP 2.1 only.
    object_groups: opt ObjectGroups<'a> = OBJECT_GROUPS;
}

structure! {
    /// Response payload of Query.
    QueryResponse = spec::operation::QUERY.response;

    /// Operation.
    operations: many Operation = OPERATION;
    /// Object Type.
    object_types: many ObjectType = OBJECT_TYPE;
    /// Vendor Identification.
    vendor_identification: opt &'a str = VENDOR_IDENTIFICATION;
    /// Server Information.
    server_information: opt Nested<'a, ServerInformation<'a>> = SERVER_INFORMATION;
    /// Application Namespace.
    application_namespaces: many &'a str = APPLICATION_NAMESPACE;
    /// Extension Information; KMIP 1.1 and later.
    extensions_information: many ExtensionInformation<'a> = EXTENSION_INFORMATION;
    /// Attestation Type; KMIP 1.2 and later.
    attestation_types: many AttestationType = ATTESTATION_TYPE;
    /// RNG Parameters; KMIP 1.3 and later.
    rng_parameters: many RngParameters<'a> = RNG_PARAMETERS;
    /// Profile Information; KMIP 1.3 and later.
    profiles: many ProfileInformation<'a> = PROFILE_INFORMATION;
    /// Validation Information; KMIP 1.3 and later.
    validations: many ValidationInformation<'a> = VALIDATION_INFORMATION;
    /// Capability Information; KMIP 1.3 and later.
    capabilities: many CapabilityInformation<'a> = CAPABILITY_INFORMATION;
    /// Client Registration Method; KMIP 1.3 and later.
    client_registration_methods: many ClientRegistrationMethod = CLIENT_REGISTRATION_METHOD;
    /// Defaults Information; KMIP 2.0 and later.
    defaults_information: opt DefaultsInformation<'a> = DEFAULTS_INFORMATION;
    /// Protection Storage Masks; KMIP 2.0 and later; there when asked for with Query Storage Protection Masks.
    protection_storage_masks: opt ProtectionStorageMasks<'a> = PROTECTION_STORAGE_MASKS;
}

structure! {
    /// Request payload of Discover Versions; KMIP 1.1 and later.
    DiscoverVersionsRequest = spec::operation::DISCOVER_VERSIONS.request;

    /// Protocol Version.
    protocol_versions: many ProtocolVersion = PROTOCOL_VERSION;
}

structure! {
    /// Response payload of Discover Versions; KMIP 1.1 and later.
    DiscoverVersionsResponse = spec::operation::DISCOVER_VERSIONS.response;

    /// Protocol Version.
    protocol_versions: many ProtocolVersion = PROTOCOL_VERSION;
}

structure! {
    /// Request payload of Set Endpoint Role; KMIP 2.0 and later.
    SetEndpointRoleRequest = spec::operation::SET_ENDPOINT_ROLE.request;

    /// Endpoint Role.
    endpoint_role: req EndpointRole = ENDPOINT_ROLE;
}

structure! {
    /// Response payload of Set Endpoint Role; KMIP 2.0 and later.
    SetEndpointRoleResponse = spec::operation::SET_ENDPOINT_ROLE.response;

    /// Endpoint Role.
    endpoint_role: req EndpointRole = ENDPOINT_ROLE;
}

structure! {
    /// Request payload of Set Defaults; KMIP 2.1 only.
    SetDefaultsRequest = spec::operation::SET_DEFAULTS.request;

    /// Defaults Information.
    defaults_information: opt DefaultsInformation<'a> = DEFAULTS_INFORMATION;
}

structure! {
    /// Response payload of Set Defaults; KMIP 2.1 only.
    SetDefaultsResponse = spec::operation::SET_DEFAULTS.response;

}

structure! {
    /// Request payload of Set Constraints; KMIP 2.1 only.
    SetConstraintsRequest = spec::operation::SET_CONSTRAINTS.request;

    /// Constraints.
    constraints: req Constraints<'a> = CONSTRAINTS;
}

structure! {
    /// Response payload of Set Constraints; KMIP 2.1 only.
    SetConstraintsResponse = spec::operation::SET_CONSTRAINTS.response;

}

structure! {
    /// Request payload of Get Constraints; KMIP 2.1 only.
    GetConstraintsRequest = spec::operation::GET_CONSTRAINTS.request;

}

structure! {
    /// Response payload of Get Constraints; KMIP 2.1 only.
    GetConstraintsResponse = spec::operation::GET_CONSTRAINTS.response;

    /// Constraints.
    constraints: req Constraints<'a> = CONSTRAINTS;
}

structure! {
    /// Request payload of Log; KMIP 2.0 and later.
    LogRequest = spec::operation::LOG.request;

    /// Log Message.
    log_message: req &'a str = LOG_MESSAGE;
}

structure! {
    /// Response payload of Log; KMIP 2.0 and later.
    LogResponse = spec::operation::LOG.response;

}

structure! {
    /// Request payload of Interop; KMIP 2.0 and later.
    InteropRequest = spec::operation::INTEROP.request;

    /// Interop Function.
    interop_function: req InteropFunction = INTEROP_FUNCTION;
    /// Interop Identifier.
    interop_identifier: req &'a str = INTEROP_IDENTIFIER;
}

structure! {
    /// Response payload of Interop; KMIP 2.0 and later.
    InteropResponse = spec::operation::INTEROP.response;

}

structure! {
    /// Request payload of PKCS#11; KMIP 2.0 and later.
    Pkcs11Request = spec::operation::PKCS_11.request;

    /// PKCS#11 Interface.
    pkcs11_interface: opt &'a str = PKCS_11_INTERFACE;
    /// PKCS#11 Function.
    pkcs11_function: req PKCS11Function = PKCS_11_FUNCTION;
    /// Correlation Value.
    correlation_value: opt &'a [u8] = CORRELATION_VALUE;
    /// PKCS#11 Input Parameters.
    pkcs11_input_parameters: opt Secret<'a> = PKCS_11_INPUT_PARAMETERS;
}

structure! {
    /// Response payload of PKCS#11; KMIP 2.0 and later.
    Pkcs11Response = spec::operation::PKCS_11.response;

    /// PKCS#11 Interface.
    pkcs11_interface: opt &'a str = PKCS_11_INTERFACE;
    /// PKCS#11 Function.
    pkcs11_function: req PKCS11Function = PKCS_11_FUNCTION;
    /// Correlation Value.
    correlation_value: opt &'a [u8] = CORRELATION_VALUE;
    /// PKCS#11 Output Parameters.
    pkcs11_output_parameters: opt Secret<'a> = PKCS_11_OUTPUT_PARAMETERS;
    /// PKCS#11 Return Code.
    pkcs11_return_code: req PKCS11ReturnCode = PKCS_11_RETURN_CODE;
}

structure! {
    /// Request payload of Ping; KMIP 2.1 only.
    PingRequest = spec::operation::PING.request;

}

structure! {
    /// Response payload of Ping; KMIP 2.1 only.
    PingResponse = spec::operation::PING.response;

}
