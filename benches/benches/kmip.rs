//! The KMIP codec against the serde-based `kmip-protocol` over `kmip-ttlv`.
//!
//! `cargo bench -p tde-benches --bench kmip`
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use core::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use kmip_protocol::types as peer;
use tde_kmip_codec::{
    DateTime, Secret,
    attribute::{Attribute, AttributeValue, Attributes, Name, TemplateAttribute, UniqueIdentifier},
    message::{
        RequestBatchItem, RequestHeader, RequestMessage, ResponseBatchItem, ResponseHeader, ResponseMessage,
    },
    object::{KeyBlock, KeyMaterial, KeyValue, ManagedObject, PlainKeyValue, SymmetricKey},
    operation::{GetResponse, LocateRequest, RegisterRequest, RequestPayload, ResponsePayload},
    spec::{
        ProtocolVersion,
        enumeration::{CryptographicAlgorithm, KeyFormatType, NameType, ObjectType, Operation, ResultStatus},
        mask::CryptographicUsageMask,
    },
};

const KEY: &[u8; 32] = b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f0123456789abcdef";

fn symmetric_key() -> ManagedObject<'static> {
    let mut block = KeyBlock::new(KeyFormatType::RAW);
    block.key_value = Some(KeyValue::Plain(PlainKeyValue::new(KeyMaterial::Bytes(Secret::new(KEY)))));
    block.cryptographic_algorithm = Some(CryptographicAlgorithm::AES);
    block.cryptographic_length = Some(256);
    SymmetricKey::new(block).into()
}

fn get_item() -> ResponseBatchItem<'static> {
    let mut item = ResponseBatchItem::new(ResultStatus::SUCCESS);
    item.operation = Some(Operation::GET);
    item.unique_batch_item_id = Some(&[1]);
    item.payload = Some(ResponsePayload::Get(GetResponse::new(
        ObjectType::SYMMETRIC_KEY,
        UniqueIdentifier::Text("49a1ca88-6bea-4fb2-b450-7e58802c3038"),
        symmetric_key(),
    )));
    item
}

fn response<'a>(items: &'a [ResponseBatchItem<'a>]) -> ResponseMessage<'a> {
    ResponseMessage {
        header: ResponseHeader::new(ProtocolVersion::V1_0, DateTime(1_700_000_000), items.len() as i32),
        batch_items: items.into(),
    }
}

fn request<'a>(items: &'a [RequestBatchItem<'a>]) -> RequestMessage<'a> {
    RequestMessage {
        header: RequestHeader::new(ProtocolVersion::V1_0, items.len() as i32),
        batch_items: items.into(),
    }
}

fn name() -> Attribute<'static> {
    Attribute::new(AttributeValue::Name(Name::new("pg_tde_key_16384_1", NameType::UNINTERPRETED_TEXT_STRING)))
}

fn decoding(c: &mut Criterion) {
    let one = [get_item()];
    let hundred = [(); 100].map(|()| get_item());
    let name = [Attribute::new(AttributeValue::ObjectType(ObjectType::SYMMETRIC_KEY)), name()];
    let register_attributes = [
        Attribute::new(AttributeValue::CryptographicAlgorithm(CryptographicAlgorithm::AES)),
        Attribute::new(AttributeValue::CryptographicLength(256)),
        Attribute::new(AttributeValue::CryptographicUsageMask(
            CryptographicUsageMask::ENCRYPT | CryptographicUsageMask::DECRYPT,
        )),
        name[1],
    ];
    let locate = LocateRequest {
        maximum_items: Some(16),
        attributes: Some(Attributes::from(&name)),
        ..LocateRequest::default()
    };
    let locate = [RequestBatchItem::new(Operation::LOCATE, RequestPayload::Locate(locate))];
    let register = [RequestBatchItem::new(
        Operation::REGISTER,
        RequestPayload::Register(RegisterRequest::new(
            ObjectType::SYMMETRIC_KEY,
            TemplateAttribute::from(&register_attributes),
            symmetric_key(),
        )),
    )];

    let responses = [("get response", response(&one)), ("100 get responses", response(&hundred))];
    let requests = [("locate request", request(&locate)), ("register request", request(&register))];

    let mut group = c.benchmark_group("decode");
    for (label, message) in &responses {
        let bytes = message.encode_to_vec().unwrap();
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(BenchmarkId::new("tde-kmip-codec", label), |b| {
            b.iter(|| ResponseMessage::decode(black_box(&bytes)).unwrap());
        });
        group.bench_function(BenchmarkId::new("tde-kmip-codec, items looked at", label), |b| {
            b.iter(|| {
                let message = ResponseMessage::decode(black_box(&bytes)).unwrap();
                message.batch_items.iter().filter(|item| item.payload.is_some()).count()
            });
        });
        group.bench_function(BenchmarkId::new("kmip-protocol", label), |b| {
            b.iter(|| {
                kmip_ttlv::de::from_slice::<peer::response::ResponseMessage>(black_box(&bytes)).unwrap()
            });
        });
    }
    for (label, message) in &requests {
        let bytes = message.encode_to_vec().unwrap();
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(BenchmarkId::new("tde-kmip-codec", label), |b| {
            b.iter(|| RequestMessage::decode(black_box(&bytes)).unwrap());
        });
    }
    group.finish();

    let mut group = c.benchmark_group("encode");
    let mut buffer = vec![0; 1 << 16];
    for (label, message) in &responses {
        group.bench_function(BenchmarkId::new("tde-kmip-codec", label), |b| {
            b.iter(|| black_box(message).encode(black_box(&mut buffer)).unwrap().len());
        });
    }
    // The peer writes requests only, and reads responses only.
    let peers = [peer_locate(), peer_register()];
    for ((label, message), peer) in requests.iter().zip(&peers) {
        group.bench_function(BenchmarkId::new("tde-kmip-codec", label), |b| {
            b.iter(|| black_box(message).encode(black_box(&mut buffer)).unwrap().len());
        });
        group.bench_function(BenchmarkId::new("kmip-protocol", label), |b| {
            b.iter(|| kmip_ttlv::ser::to_vec(black_box(peer)).unwrap().len());
        });
    }
    group.finish();
}

fn peer_request(
    operation: peer::common::Operation,
    payload: peer::request::RequestPayload,
) -> peer::request::RequestMessage {
    use peer::request::{
        BatchCount, BatchItem, ProtocolVersion, ProtocolVersionMajor, ProtocolVersionMinor, RequestHeader,
    };
    let version = ProtocolVersion(ProtocolVersionMajor(1), ProtocolVersionMinor(0));
    peer::request::RequestMessage(
        RequestHeader(version, None, None, BatchCount(1)),
        vec![BatchItem(operation, None, payload)],
    )
}

fn peer_locate() -> peer::request::RequestMessage {
    use peer::request::{Attribute, RequestPayload};
    let attributes = vec![
        Attribute::ObjectType(peer::common::ObjectType::SymmetricKey),
        Attribute::Name("pg_tde_key_16384_1".into()),
    ];
    peer_request(peer::common::Operation::Locate, RequestPayload::Locate(attributes))
}

fn peer_register() -> peer::request::RequestMessage {
    use peer::{
        common::{
            CryptographicAlgorithm, CryptographicLength, CryptographicUsageMask, KeyFormatType, KeyMaterial,
        },
        request::{
            Attribute, KeyBlock, KeyValue, ManagedObject, RequestPayload, SymmetricKey, TemplateAttribute,
        },
    };
    let attributes = vec![
        Attribute::CryptographicAlgorithm(CryptographicAlgorithm::AES),
        Attribute::CryptographicLength(256),
        Attribute::CryptographicUsageMask(CryptographicUsageMask::Encrypt | CryptographicUsageMask::Decrypt),
        Attribute::Name("pg_tde_key_16384_1".into()),
    ];
    let key = SymmetricKey(KeyBlock(
        KeyFormatType::Raw,
        None,
        Some(KeyValue(KeyMaterial::Bytes(KEY.to_vec()), None)),
        Some(CryptographicAlgorithm::AES),
        Some(CryptographicLength(256)),
        None,
    ));
    peer_request(
        peer::common::Operation::Register,
        RequestPayload::Register(
            peer::common::ObjectType::SymmetricKey,
            TemplateAttribute(None, Some(attributes)),
            Some(ManagedObject::SymmetricKey(key)),
        ),
    )
}

criterion_group!(benches, decoding);
criterion_main!(benches);
