//! The payloads of every operation (KMIP 1.4, sections 4 and 5; KMIP 2.1, section 6).

mod asynchronous;
mod attributes;
mod certificates;
mod choice;
mod create;
mod cryptography;
mod from_server;
mod information;
mod lifecycle;
mod payload;
mod policy;
mod retrieve;
mod server;
mod session;
mod split_key;
mod transfer;

pub use self::{
    asynchronous::{
        CancelRequest, CancelResponse, PollRequest, PollResponse, ProcessRequest, ProcessResponse,
        QueryAsynchronousRequestsRequest, QueryAsynchronousRequestsResponse,
    },
    attributes::{
        AddAttributeRequest, AddAttributeResponse, AdjustAttributeRequest, AdjustAttributeResponse,
        DeleteAttributeRequest, DeleteAttributeResponse, GetAttributeListRequest, GetAttributeListResponse,
        GetAttributesRequest, GetAttributesResponse, ModifyAttributeRequest, ModifyAttributeResponse,
        SetAttributeRequest, SetAttributeResponse,
    },
    certificates::{
        CertifyRequest, CertifyResponse, ReCertifyRequest, ReCertifyResponse, ReProvisionRequest,
        ReProvisionResponse, ValidateRequest, ValidateResponse,
    },
    choice::{Data, ExtensionType},
    create::{
        CreateKeyPairRequest, CreateKeyPairResponse, CreateRequest, CreateResponse, DeriveKeyRequest,
        DeriveKeyResponse, ReKeyKeyPairRequest, ReKeyKeyPairResponse, ReKeyRequest, ReKeyResponse,
        RegisterRequest, RegisterResponse,
    },
    cryptography::{
        DecryptRequest, DecryptResponse, EncryptRequest, EncryptResponse, HashRequest, HashResponse,
        MacRequest, MacResponse, MacVerifyRequest, MacVerifyResponse, RngRetrieveRequest,
        RngRetrieveResponse, RngSeedRequest, RngSeedResponse, SignRequest, SignResponse,
        SignatureVerifyRequest, SignatureVerifyResponse,
    },
    from_server::{NotifyRequest, NotifyResponse, PutRequest, PutResponse},
    information::{
        CapabilityInformation, ExtensionInformation, ProfileInformation, ProfileVersion, ServerInformation,
        ValidationInformation,
    },
    lifecycle::{
        ActivateRequest, ActivateResponse, ArchiveRequest, ArchiveResponse, DestroyRequest, DestroyResponse,
        RecoverRequest, RecoverResponse, RevokeRequest, RevokeResponse,
    },
    payload::{RequestPayload, ResponsePayload},
    policy::{
        AsynchronousCorrelationValues, AsynchronousRequest, Constraint, Constraints, DefaultsInformation,
        ObjectDefaults, ObjectGroups, ObjectTypes, Objects, Operations, ProtectionStorageMasks, Right,
        Rights,
    },
    retrieve::{
        CheckRequest, CheckResponse, GetRequest, GetResponse, GetUsageAllocationRequest,
        GetUsageAllocationResponse, LocateRequest, LocateResponse, ObtainLeaseRequest, ObtainLeaseResponse,
    },
    server::{
        DiscoverVersionsRequest, DiscoverVersionsResponse, GetConstraintsRequest, GetConstraintsResponse,
        InteropRequest, InteropResponse, LogRequest, LogResponse, PingRequest, PingResponse, Pkcs11Request,
        Pkcs11Response, QueryRequest, QueryResponse, SetConstraintsRequest, SetConstraintsResponse,
        SetDefaultsRequest, SetDefaultsResponse, SetEndpointRoleRequest, SetEndpointRoleResponse,
    },
    session::{
        DelegatedLoginRequest, DelegatedLoginResponse, LoginRequest, LoginResponse, LogoutRequest,
        LogoutResponse,
    },
    split_key::{CreateSplitKeyRequest, CreateSplitKeyResponse, JoinSplitKeyRequest, JoinSplitKeyResponse},
    transfer::{ExportRequest, ExportResponse, ImportRequest, ImportResponse},
};
