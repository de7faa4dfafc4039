//! `kmip-protocol` over `kmip-ttlv`, the serde-based codec.
//!
//! Its types write requests and read responses. The other two directions get types of the same kind here, as a user of
//! `kmip-ttlv` would declare them: tags in names, choices by what was read before.

use kmip_protocol::types::{common, request, response};
use serde::{Deserialize, Serialize};

/// Responses to be written.
pub mod written {
    use super::{Serialize, common, request};

    /// Response Message.
    #[derive(Debug, Serialize)]
    #[serde(rename = "0x42007B")]
    pub struct ResponseMessage(pub ResponseHeader, pub Vec<BatchItem>);

    /// Response Header.
    #[derive(Debug, Serialize)]
    #[serde(rename = "0x42007A")]
    pub struct ResponseHeader(pub request::ProtocolVersion, pub TimeStamp, pub request::BatchCount);

    /// Time Stamp.
    #[derive(Debug, Serialize)]
    #[serde(rename = "Transparent:0x420092")]
    pub struct TimeStamp(pub u64);

    /// Batch Item.
    #[derive(Debug, Serialize)]
    #[serde(rename = "0x42000F")]
    pub struct BatchItem(
        pub common::Operation,
        pub common::UniqueBatchItemID,
        pub ResultStatus,
        pub GetResponsePayload,
    );

    /// Result Status.
    #[derive(Debug, Serialize)]
    #[serde(rename = "0x42007F")]
    pub enum ResultStatus {
        /// Success.
        #[serde(rename = "0x00000000")]
        Success,
    }

    /// Response Payload of Get.
    #[derive(Debug, Serialize)]
    #[serde(rename = "0x42007C")]
    pub struct GetResponsePayload(
        pub common::ObjectType,
        pub common::UniqueIdentifier,
        pub request::SymmetricKey,
    );
}

/// Requests to be read.
pub mod read {
    use super::{Deserialize, common, response};

    /// Request Message.
    #[derive(Debug, Deserialize)]
    #[serde(rename = "0x420078")]
    pub struct RequestMessage {
        /// Request Header.
        #[serde(rename = "0x420077")]
        pub header: RequestHeader,
        /// Batch Item.
        #[serde(rename = "0x42000F")]
        pub batch_items: Vec<BatchItem>,
    }

    /// Request Header.
    #[derive(Debug, Deserialize)]
    #[serde(rename = "0x420077")]
    pub struct RequestHeader {
        /// Protocol Version.
        #[serde(rename = "0x420069")]
        pub protocol_version: response::ProtocolVersion,
        /// Batch Count.
        #[serde(rename = "0x42000D")]
        pub batch_count: i32,
    }

    /// Batch Item.
    #[derive(Debug, Deserialize)]
    #[serde(rename = "0x42000F")]
    pub struct BatchItem {
        /// Operation.
        #[serde(rename = "0x42005C")]
        pub operation: common::Operation,
        /// Request Payload.
        #[serde(rename = "0x420079")]
        pub payload: RequestPayload,
    }

    /// Request Payload.
    #[derive(Debug, Deserialize)]
    #[allow(clippy::large_enum_variant)] // As the peer's own types are.
    pub enum RequestPayload {
        /// Of Register.
        #[serde(rename = "if 0x42005C==0x00000003")]
        Register(RegisterRequestPayload),
        /// Of Locate.
        #[serde(rename = "if 0x42005C==0x00000008")]
        Locate(LocateRequestPayload),
    }

    /// Request Payload of Locate.
    #[derive(Debug, Deserialize)]
    #[serde(rename = "0x420079")]
    pub struct LocateRequestPayload {
        /// Attribute.
        #[serde(rename = "0x420008")]
        pub attributes: Vec<response::Attribute>,
    }

    /// Request Payload of Register.
    #[derive(Debug, Deserialize)]
    #[serde(rename = "0x420079")]
    pub struct RegisterRequestPayload {
        /// Object Type.
        #[serde(rename = "0x420057")]
        pub object_type: common::ObjectType,
        /// Template-Attribute.
        #[serde(rename = "0x420091")]
        pub template_attribute: TemplateAttribute,
        /// Symmetric Key.
        #[serde(rename = "0x42008F")]
        pub symmetric_key: SymmetricKey,
    }

    /// Template-Attribute.
    #[derive(Debug, Deserialize)]
    #[serde(rename = "0x420091")]
    pub struct TemplateAttribute {
        /// Attribute.
        #[serde(rename = "0x420008")]
        pub attributes: Vec<response::Attribute>,
    }

    /// Symmetric Key.
    #[derive(Debug, Deserialize)]
    #[serde(rename = "0x42008F")]
    pub struct SymmetricKey {
        /// Key Block.
        #[serde(rename = "0x420040")]
        pub key_block: response::KeyBlock,
    }
}

fn version() -> request::ProtocolVersion {
    request::ProtocolVersion(request::ProtocolVersionMajor(1), request::ProtocolVersionMinor(0))
}

fn request(operation: common::Operation, payload: request::RequestPayload) -> request::RequestMessage {
    request::RequestMessage(
        request::RequestHeader(version(), None, None, request::BatchCount(1)),
        vec![request::BatchItem(operation, None, payload)],
    )
}

/// A Locate request for a symmetric key of that name.
#[must_use]
pub fn locate_request(name: &str) -> request::RequestMessage {
    let attributes = vec![
        request::Attribute::ObjectType(common::ObjectType::SymmetricKey),
        request::Attribute::Name(name.into()),
    ];
    request(common::Operation::Locate, request::RequestPayload::Locate(attributes))
}

/// A Register request for an AES-256 key of that name.
#[must_use]
pub fn register_request(name: &str, key: &[u8]) -> request::RequestMessage {
    let mask = common::CryptographicUsageMask::Encrypt | common::CryptographicUsageMask::Decrypt;
    let attributes = vec![
        request::Attribute::CryptographicAlgorithm(common::CryptographicAlgorithm::AES),
        request::Attribute::CryptographicLength(256),
        request::Attribute::CryptographicUsageMask(mask),
        request::Attribute::Name(name.into()),
    ];
    request(
        common::Operation::Register,
        request::RequestPayload::Register(
            common::ObjectType::SymmetricKey,
            request::TemplateAttribute(None, Some(attributes)),
            Some(request::ManagedObject::SymmetricKey(symmetric_key(key))),
        ),
    )
}

/// A message of so many Get responses with an AES-256 key.
#[must_use]
pub fn get_responses(time: u64, identifier: &str, key: &[u8], count: usize) -> written::ResponseMessage {
    let item = || {
        written::BatchItem(
            common::Operation::Get,
            common::UniqueBatchItemID(vec![1]),
            written::ResultStatus::Success,
            written::GetResponsePayload(
                common::ObjectType::SymmetricKey,
                common::UniqueIdentifier(identifier.into()),
                symmetric_key(key),
            ),
        )
    };
    written::ResponseMessage(
        written::ResponseHeader(version(), written::TimeStamp(time), request::BatchCount(count as i32)),
        (0..count).map(|_| item()).collect(),
    )
}

fn symmetric_key(key: &[u8]) -> request::SymmetricKey {
    request::SymmetricKey(request::KeyBlock(
        common::KeyFormatType::Raw,
        None,
        Some(request::KeyValue(common::KeyMaterial::Bytes(key.to_vec()), None)),
        Some(common::CryptographicAlgorithm::AES),
        Some(common::CryptographicLength(256)),
        None,
    ))
}
