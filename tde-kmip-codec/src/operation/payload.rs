//! The payload that belongs to an operation.

use super::{
    ActivateRequest, ActivateResponse, AddAttributeRequest, AddAttributeResponse, AdjustAttributeRequest,
    AdjustAttributeResponse, ArchiveRequest, ArchiveResponse, CancelRequest, CancelResponse, CertifyRequest,
    CertifyResponse, CheckRequest, CheckResponse, CreateKeyPairRequest, CreateKeyPairResponse, CreateRequest,
    CreateResponse, CreateSplitKeyRequest, CreateSplitKeyResponse, DecryptRequest, DecryptResponse,
    DelegatedLoginRequest, DelegatedLoginResponse, DeleteAttributeRequest, DeleteAttributeResponse,
    DeriveKeyRequest, DeriveKeyResponse, DestroyRequest, DestroyResponse, DiscoverVersionsRequest,
    DiscoverVersionsResponse, EncryptRequest, EncryptResponse, ExportRequest, ExportResponse,
    GetAttributeListRequest, GetAttributeListResponse, GetAttributesRequest, GetAttributesResponse,
    GetConstraintsRequest, GetConstraintsResponse, GetRequest, GetResponse, GetUsageAllocationRequest,
    GetUsageAllocationResponse, HashRequest, HashResponse, ImportRequest, ImportResponse, InteropRequest,
    InteropResponse, JoinSplitKeyRequest, JoinSplitKeyResponse, LocateRequest, LocateResponse, LogRequest,
    LogResponse, LoginRequest, LoginResponse, LogoutRequest, LogoutResponse, MacRequest, MacResponse,
    MacVerifyRequest, MacVerifyResponse, ModifyAttributeRequest, ModifyAttributeResponse, NotifyRequest,
    NotifyResponse, ObtainLeaseRequest, ObtainLeaseResponse, PingRequest, PingResponse, Pkcs11Request,
    Pkcs11Response, PollRequest, PollResponse, ProcessRequest, ProcessResponse, PutRequest, PutResponse,
    QueryAsynchronousRequestsRequest, QueryAsynchronousRequestsResponse, QueryRequest, QueryResponse,
    ReCertifyRequest, ReCertifyResponse, ReKeyKeyPairRequest, ReKeyKeyPairResponse, ReKeyRequest,
    ReKeyResponse, ReProvisionRequest, ReProvisionResponse, RecoverRequest, RecoverResponse, RegisterRequest,
    RegisterResponse, RevokeRequest, RevokeResponse, RngRetrieveRequest, RngRetrieveResponse, RngSeedRequest,
    RngSeedResponse, SetAttributeRequest, SetAttributeResponse, SetConstraintsRequest,
    SetConstraintsResponse, SetDefaultsRequest, SetDefaultsResponse, SetEndpointRoleRequest,
    SetEndpointRoleResponse, SignRequest, SignResponse, SignatureVerifyRequest, SignatureVerifyResponse,
    ValidateRequest, ValidateResponse,
};
use crate::{
    codec::{AnyStructure, Decoder, Encoder, Failed, FieldValue, Found, SelectedValue},
    spec::{self, Versions, enumeration::Operation},
    ttlv::{ErrorKind, Leniency, Tag},
};

macro_rules! payloads {
    ($($variant:ident = $operation:ident, $request:ident, $response:ident, $title:literal;)+) => {
        /// The payload of a request.
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum RequestPayload<'a> {
            $(#[doc = concat!("Of ", $title, ".")] $variant($request<'a>),)+
            /// Of an operation that this crate does not know.
            Unknown(Operation, AnyStructure<'a>),
        }

        /// The payload of a response.
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum ResponsePayload<'a> {
            $(#[doc = concat!("Of ", $title, ".")] $variant($response<'a>),)+
            /// Of an operation that this crate does not know, or that the response does not name.
            Unknown(Option<Operation>, AnyStructure<'a>),
        }

        impl RequestPayload<'_> {
            /// The operation that this is the payload of.
            #[must_use]
            pub const fn operation(&self) -> Operation {
                match self {
                    $(Self::$variant(_) => Operation::$operation,)+
                    Self::Unknown(operation, _) => *operation,
                }
            }
        }

        impl ResponsePayload<'_> {
            /// The operation that this is the payload of, if it is known.
            #[must_use]
            pub const fn operation(&self) -> Option<Operation> {
                match self {
                    $(Self::$variant(_) => Some(Operation::$operation),)+
                    Self::Unknown(operation, _) => *operation,
                }
            }
        }

        // Not `inline`: whoever reads a batch item would compile every payload anew, a minute without optimisation.
        impl<'a> SelectedValue<'a, Operation> for RequestPayload<'a> {
            fn decode_by(found: Found<'a>, d: &Decoder<'a, '_>, operation: &Operation) -> Result<Self, Failed> {
                check_version(*operation, found, d)?;
                // KMIP 1.4, section 5.1: Notify names deleted attributes without a value.
                d.allow_absent_values(*operation == Operation::NOTIFY);
                Ok(match *operation {
                    $(Operation::$operation => Self::$variant($request::decode(found, d)?),)+
                    other => Self::Unknown(other, AnyStructure::decode(found, d)?),
                })
            }

            fn probe_by(found: Found<'a>, d: &Decoder<'a, '_>, operation: &Operation) -> Result<u32, Failed> {
                check_version(*operation, found, d)?;
                d.allow_absent_values(*operation == Operation::NOTIFY);
                match *operation {
                    $(Operation::$operation => $request::probe(found, d).map(|_| 0),)+
                    _ => AnyStructure::decode(found, d).map(|_| 0),
                }
            }

            fn encode_by(&self, tag: Tag, e: &mut Encoder<'_>, operation: &Operation) {
                match self {
                    $(Self::$variant(payload) => {
                        check_encoded(Some(Operation::$operation), Some(*operation), e);
                        payload.encode(tag, e);
                    })+
                    Self::Unknown(own, items) => {
                        check_encoded(Some(*own), Some(*operation), e);
                        items.encode(tag, e);
                    }
                }
            }
        }

        impl<'a> SelectedValue<'a, Option<Operation>> for ResponsePayload<'a> {
            fn decode_by(
                found: Found<'a>,
                d: &Decoder<'a, '_>,
                operation: &Option<Operation>,
            ) -> Result<Self, Failed> {
                if let Some(operation) = operation {
                    check_version(*operation, found, d)?;
                }
                Ok(match *operation {
                    $(Some(Operation::$operation) => Self::$variant($response::decode(found, d)?),)+
                    other => Self::Unknown(other, AnyStructure::decode(found, d)?),
                })
            }

            fn probe_by(
                found: Found<'a>,
                d: &Decoder<'a, '_>,
                operation: &Option<Operation>,
            ) -> Result<u32, Failed> {
                if let Some(operation) = operation {
                    check_version(*operation, found, d)?;
                }
                match *operation {
                    $(Some(Operation::$operation) => $response::probe(found, d).map(|_| 0),)+
                    _ => AnyStructure::decode(found, d).map(|_| 0),
                }
            }

            fn encode_by(&self, tag: Tag, e: &mut Encoder<'_>, operation: &Option<Operation>) {
                match self {
                    $(Self::$variant(payload) => {
                        check_encoded(Some(Operation::$operation), *operation, e);
                        payload.encode(tag, e);
                    })+
                    Self::Unknown(own, items) => {
                        check_encoded(*own, *operation, e);
                        items.encode(tag, e);
                    }
                }
            }
        }

        const fn versions_of(operation: Operation) -> Versions {
            match operation {
                $(Operation::$operation => spec::operation::$operation.versions,)+
                _ => Versions::NONE,
            }
        }

        $(impl<'a> From<$request<'a>> for RequestPayload<'a> {
            fn from(payload: $request<'a>) -> Self {
                Self::$variant(payload)
            }
        }

        impl<'a> From<$response<'a>> for ResponsePayload<'a> {
            fn from(payload: $response<'a>) -> Self {
                Self::$variant(payload)
            }
        })+
    };
}

payloads! {
    Create = CREATE, CreateRequest, CreateResponse, "Create";
    CreateKeyPair = CREATE_KEY_PAIR, CreateKeyPairRequest, CreateKeyPairResponse, "Create Key Pair";
    Register = REGISTER, RegisterRequest, RegisterResponse, "Register";
    ReKey = RE_KEY, ReKeyRequest, ReKeyResponse, "Re-key";
    DeriveKey = DERIVE_KEY, DeriveKeyRequest, DeriveKeyResponse, "Derive Key";
    Certify = CERTIFY, CertifyRequest, CertifyResponse, "Certify";
    ReCertify = RE_CERTIFY, ReCertifyRequest, ReCertifyResponse, "Re-certify";
    Locate = LOCATE, LocateRequest, LocateResponse, "Locate";
    Check = CHECK, CheckRequest, CheckResponse, "Check";
    Get = GET, GetRequest, GetResponse, "Get";
    GetAttributes = GET_ATTRIBUTES, GetAttributesRequest, GetAttributesResponse, "Get Attributes";
    GetAttributeList = GET_ATTRIBUTE_LIST, GetAttributeListRequest, GetAttributeListResponse, "Get Attribute List";
    AddAttribute = ADD_ATTRIBUTE, AddAttributeRequest, AddAttributeResponse, "Add Attribute";
    ModifyAttribute = MODIFY_ATTRIBUTE, ModifyAttributeRequest, ModifyAttributeResponse, "Modify Attribute";
    DeleteAttribute = DELETE_ATTRIBUTE, DeleteAttributeRequest, DeleteAttributeResponse, "Delete Attribute";
    ObtainLease = OBTAIN_LEASE, ObtainLeaseRequest, ObtainLeaseResponse, "Obtain Lease";
    GetUsageAllocation = GET_USAGE_ALLOCATION, GetUsageAllocationRequest, GetUsageAllocationResponse, "Get Usage Allocation";
    Activate = ACTIVATE, ActivateRequest, ActivateResponse, "Activate";
    Revoke = REVOKE, RevokeRequest, RevokeResponse, "Revoke";
    Destroy = DESTROY, DestroyRequest, DestroyResponse, "Destroy";
    Archive = ARCHIVE, ArchiveRequest, ArchiveResponse, "Archive";
    Recover = RECOVER, RecoverRequest, RecoverResponse, "Recover";
    Validate = VALIDATE, ValidateRequest, ValidateResponse, "Validate";
    Query = QUERY, QueryRequest, QueryResponse, "Query";
    Cancel = CANCEL, CancelRequest, CancelResponse, "Cancel";
    Poll = POLL, PollRequest, PollResponse, "Poll";
    Notify = NOTIFY, NotifyRequest, NotifyResponse, "Notify";
    Put = PUT, PutRequest, PutResponse, "Put";
    ReKeyKeyPair = RE_KEY_KEY_PAIR, ReKeyKeyPairRequest, ReKeyKeyPairResponse, "Re-key Key Pair";
    DiscoverVersions = DISCOVER_VERSIONS, DiscoverVersionsRequest, DiscoverVersionsResponse, "Discover Versions";
    Encrypt = ENCRYPT, EncryptRequest, EncryptResponse, "Encrypt";
    Decrypt = DECRYPT, DecryptRequest, DecryptResponse, "Decrypt";
    Sign = SIGN, SignRequest, SignResponse, "Sign";
    SignatureVerify = SIGNATURE_VERIFY, SignatureVerifyRequest, SignatureVerifyResponse, "Signature Verify";
    Mac = MAC, MacRequest, MacResponse, "MAC";
    MacVerify = MAC_VERIFY, MacVerifyRequest, MacVerifyResponse, "MAC Verify";
    RngRetrieve = RNG_RETRIEVE, RngRetrieveRequest, RngRetrieveResponse, "RNG Retrieve";
    RngSeed = RNG_SEED, RngSeedRequest, RngSeedResponse, "RNG Seed";
    Hash = HASH, HashRequest, HashResponse, "Hash";
    CreateSplitKey = CREATE_SPLIT_KEY, CreateSplitKeyRequest, CreateSplitKeyResponse, "Create Split Key";
    JoinSplitKey = JOIN_SPLIT_KEY, JoinSplitKeyRequest, JoinSplitKeyResponse, "Join Split Key";
    Import = IMPORT, ImportRequest, ImportResponse, "Import";
    Export = EXPORT, ExportRequest, ExportResponse, "Export";
    Log = LOG, LogRequest, LogResponse, "Log";
    Login = LOGIN, LoginRequest, LoginResponse, "Login";
    Logout = LOGOUT, LogoutRequest, LogoutResponse, "Logout";
    DelegatedLogin = DELEGATED_LOGIN, DelegatedLoginRequest, DelegatedLoginResponse, "Delegated Login";
    AdjustAttribute = ADJUST_ATTRIBUTE, AdjustAttributeRequest, AdjustAttributeResponse, "Adjust Attribute";
    SetAttribute = SET_ATTRIBUTE, SetAttributeRequest, SetAttributeResponse, "Set Attribute";
    SetEndpointRole = SET_ENDPOINT_ROLE, SetEndpointRoleRequest, SetEndpointRoleResponse, "Set Endpoint Role";
    Pkcs11 = PKCS_11, Pkcs11Request, Pkcs11Response, "PKCS#11";
    Interop = INTEROP, InteropRequest, InteropResponse, "Interop";
    ReProvision = RE_PROVISION, ReProvisionRequest, ReProvisionResponse, "Re-Provision";
    SetDefaults = SET_DEFAULTS, SetDefaultsRequest, SetDefaultsResponse, "Set Defaults";
    SetConstraints = SET_CONSTRAINTS, SetConstraintsRequest, SetConstraintsResponse, "Set Constraints";
    GetConstraints = GET_CONSTRAINTS, GetConstraintsRequest, GetConstraintsResponse, "Get Constraints";
    QueryAsynchronousRequests = QUERY_ASYNCHRONOUS_REQUESTS, QueryAsynchronousRequestsRequest, QueryAsynchronousRequestsResponse, "Query Asynchronous Requests";
    Process = PROCESS, ProcessRequest, ProcessResponse, "Process";
    Ping = PING, PingRequest, PingResponse, "Ping";
}

#[inline]
fn check_version(operation: Operation, found: Found<'_>, d: &Decoder<'_, '_>) -> Result<(), Failed> {
    let versions = versions_of(operation);
    if versions.covers(d.cx.version) {
        return Ok(());
    }
    let value = operation.0;
    if versions.is_empty() {
        d.tolerate_at(Leniency::UNKNOWN_OPERATIONS, ErrorKind::UnknownOperation { value }, found)
    } else {
        d.tolerate_at(Leniency::OTHER_VERSIONS, ErrorKind::OperationNotInVersion { value }, found)
    }
}

/// A batch item that names one operation and carries the payload of another is not written.
#[inline]
fn check_encoded(payload: Option<Operation>, operation: Option<Operation>, e: &mut Encoder<'_>) {
    if payload != operation {
        e.fail(ErrorKind::InvalidValue { tag: spec::tag::OPERATION });
    }
}
