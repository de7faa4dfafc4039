//! Query and Discover Versions (KMIP 1.4, sections 4.25 and 4.26; KMIP 2.1, sections 6.1.16 and 6.1.40).

use tde_kmip_codec::{
    Nested,
    attribute::RngParameters,
    operation::{
        CapabilityInformation, DiscoverVersionsRequest, DiscoverVersionsResponse, ProfileInformation,
        ProfileVersion, ProtectionStorageMasks, QueryRequest, QueryResponse, ServerInformation,
    },
    spec::{
        self, ProtocolVersion,
        enumeration::{
            ClientRegistrationMethod, DestroyAction, ObjectType, Operation, ProfileName, QueryFunction,
            RNGAlgorithm, RNGMode, ShreddingAlgorithm, UnwrapMode,
        },
        mask::ProtectionStorageMask,
    },
};

use super::SUPPORTED;
use crate::server::engine::{batch::Batch, failure::Outcome};

/// Every object type is kept.
const OBJECT_TYPES: [ObjectType; 10] = [
    ObjectType::CERTIFICATE,
    ObjectType::SYMMETRIC_KEY,
    ObjectType::PUBLIC_KEY,
    ObjectType::PRIVATE_KEY,
    ObjectType::SPLIT_KEY,
    ObjectType::TEMPLATE,
    ObjectType::SECRET_DATA,
    ObjectType::OPAQUE_OBJECT,
    ObjectType::PGP_KEY,
    ObjectType::CERTIFICATE_REQUEST,
];

/// What the server says of itself: only what was asked for, and of that what the version has a form for.
pub(super) fn query(batch: &mut Batch<'_>, request: &QueryRequest<'_>) -> Outcome {
    let version = batch.version;
    let asked = |function| request.query_functions.iter().any(|asked| asked == function);
    let mut response = QueryResponse::default();

    let operations: Vec<Operation> = SUPPORTED
        .iter()
        .copied()
        .filter(|operation| {
            spec::operation_facts(*operation).is_some_and(|facts| facts.versions.contains(version))
        })
        .collect();
    if asked(QueryFunction::QUERY_OPERATIONS) {
        response.operations = operations.as_slice().into();
    }
    let object_types =
        OBJECT_TYPES.map(Some).map(|kind| kind.filter(|kind| kind.versions().contains(version)));
    let object_types: Vec<ObjectType> = object_types.into_iter().flatten().collect();
    if asked(QueryFunction::QUERY_OBJECTS) {
        response.object_types = object_types.as_slice().into();
    }
    let mut server = ServerInformation::default();
    if version.major >= 2 {
        server.server_name = Some(&batch.options.server_name);
        server.server_version = Some(env!("CARGO_PKG_VERSION"));
        server.product_name = Some("tde-kmip");
    }
    if asked(QueryFunction::QUERY_SERVER_INFORMATION) {
        response.vendor_identification = Some("tde-kmip");
        response.server_information = (version.major >= 2).then(|| Nested::from(&server));
    }
    let rngs = [RngParameters::new(RNGAlgorithm::UNSPECIFIED)];
    if asked(QueryFunction::QUERY_RNGS) {
        response.rng_parameters = (&rngs).into();
    }
    let profiles = profiles(version);
    if asked(QueryFunction::QUERY_PROFILES) {
        response.profiles = profiles.as_slice().into();
    }
    let capabilities = [capabilities(version)];
    if asked(QueryFunction::QUERY_CAPABILITIES) {
        response.capabilities = (&capabilities).into();
    }
    let methods = [ClientRegistrationMethod::UNSPECIFIED];
    if asked(QueryFunction::QUERY_CLIENT_REGISTRATION_METHODS) {
        response.client_registration_methods = (&methods).into();
    }
    let masks = [ProtectionStorageMask::SOFTWARE];
    if asked(QueryFunction::QUERY_STORAGE_PROTECTION_MASKS) {
        let all = ProtectionStorageMasks { masks: (&masks).into(), ..ProtectionStorageMasks::default() };
        response.protection_storage_masks = Some(all);
    }
    batch.answer(response)
}

fn capabilities(version: ProtocolVersion) -> CapabilityInformation<'static> {
    let from = |first, value| (version >= first).then_some(value);
    CapabilityInformation {
        streaming_capability: Some(true),
        asynchronous_capability: Some(false),
        attestation_capability: Some(false),
        batch_undo_capability: from(ProtocolVersion::V1_4, true),
        batch_continue_capability: from(ProtocolVersion::V1_4, true),
        unwrap_mode: Some(UnwrapMode::NOT_PROCESSED),
        destroy_action: Some(DestroyAction::KEY_MATERIAL_DELETED),
        shredding_algorithm: Some(ShreddingAlgorithm::UNSUPPORTED),
        rng_mode: Some(RNGMode::SHARED_INSTANTIATION),
        quantum_safe_capability: from(ProtocolVersion::V2_0, false),
        ..CapabilityInformation::default()
    }
}

/// The profiles whose test cases this server passes.
fn profiles(version: ProtocolVersion) -> Vec<ProfileInformation<'static>> {
    let names: &[ProfileName] = match version {
        ProtocolVersion::V1_3 => &[
            ProfileName::BASELINE_SERVER_TLS_V1_2_KMIP_V1_3,
            ProfileName::SYMMETRIC_KEY_LIFECYCLE_SERVER_KMIP_V1_3,
            ProfileName::ASYMMETRIC_KEY_LIFECYCLE_SERVER_KMIP_V1_3,
            ProfileName::SYMMETRIC_KEY_FOUNDRY_SERVER_KMIP_V1_3,
            ProfileName::OPAQUE_MANAGED_OBJECT_STORE_SERVER_KMIP_V1_3,
        ],
        ProtocolVersion::V1_4 => &[
            ProfileName::BASELINE_SERVER_TLS_V1_2_KMIP_V1_4,
            ProfileName::SYMMETRIC_KEY_LIFECYCLE_SERVER_KMIP_V1_4,
            ProfileName::ASYMMETRIC_KEY_LIFECYCLE_SERVER_KMIP_V1_4,
            ProfileName::SYMMETRIC_KEY_FOUNDRY_SERVER_KMIP_V1_4,
            ProfileName::OPAQUE_MANAGED_OBJECT_STORE_SERVER_KMIP_V1_4,
        ],
        version if version.major >= 2 => &[
            ProfileName::BASELINE_SERVER,
            ProfileName::SYMMETRIC_KEY_LIFECYCLE_SERVER,
            ProfileName::ASYMMETRIC_KEY_LIFECYCLE_SERVER,
            ProfileName::SYMMETRIC_KEY_FOUNDRY_SERVER,
            ProfileName::OPAQUE_MANAGED_OBJECT_STORE_SERVER,
        ],
        _ => &[],
    };
    let mut profiles: Vec<_> = names.iter().map(|name| ProfileInformation::new(*name)).collect();
    if version.major >= 2 {
        for profile in &mut profiles {
            profile.profile_version = Some(ProfileVersion::new(version.major, version.minor));
        }
    }
    profiles
}

/// The versions that both sides speak, newest first.
pub(super) fn discover_versions(batch: &mut Batch<'_>, request: &DiscoverVersionsRequest<'_>) -> Outcome {
    let wanted = request.protocol_versions;
    let both =
        |version: &ProtocolVersion| wanted.is_empty() || wanted.iter().any(|wanted| wanted == *version);
    let versions: Vec<ProtocolVersion> = batch.options.spoken().filter(both).collect();
    let protocol_versions = versions.as_slice().into();
    let response = DiscoverVersionsResponse { protocol_versions, ..DiscoverVersionsResponse::default() };
    batch.answer(response)
}
