//! Requests in a line, answers taken apart.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use tde_kmip::server::{
    engine::{ClientIdentity, Clock, Engine, EngineOptions},
    store::MemoryStore,
};
use tde_kmip_codec::{
    DateTime, Secret,
    attribute::{Attribute, AttributeValue, Name},
    message::{RequestBatchItem, RequestHeader, RequestMessage, ResponseBatchItem, ResponseMessage},
    object::{KeyBlock, KeyMaterial, KeyValue, ManagedObject, PlainKeyValue, SecretData, SymmetricKey},
    operation::{GetRequest, RegisterRequest, RequestPayload, ResponsePayload},
    spec::{
        ProtocolVersion,
        enumeration::{
            BatchErrorContinuationOption, CryptographicAlgorithm, KeyFormatType, NameType, ObjectType,
            ResultReason, ResultStatus, SecretDataType,
        },
        mask::CryptographicUsageMask,
    },
    ttlv::Leniency,
};

/// When the tests begin.
pub(crate) const NOW: i64 = 1_700_000_000;

/// A clock that stands still until it is set.
#[derive(Debug)]
pub(crate) struct Time(AtomicI64);

impl Clock for Time {
    fn now(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// An engine over a store in memory, a clock, and who asks.
pub(crate) struct Server {
    pub(crate) engine: Engine,
    time: Arc<Time>,
    pub(crate) client: ClientIdentity,
}

impl Server {
    pub(crate) fn new() -> Self {
        Self::with(|_| ())
    }

    pub(crate) fn with(change: impl FnOnce(&mut EngineOptions)) -> Self {
        let time = Arc::new(Time(AtomicI64::new(NOW)));
        let mut options = EngineOptions::default();
        options.clock = Arc::<Time>::clone(&time);
        change(&mut options);
        let engine = Engine::new(Arc::new(MemoryStore::new()), options);
        Self { engine, time, client: ClientIdentity::new("alice") }
    }

    pub(crate) fn set_time(&self, now: i64) {
        self.time.0.store(now, Ordering::Relaxed);
    }

    /// The same server, asked by another client.
    pub(crate) fn asked_by(&self, name: &str) -> Self {
        Self { engine: self.engine.clone(), time: Arc::clone(&self.time), client: ClientIdentity::new(name) }
    }

    pub(crate) fn respond(&self, request: &[u8]) -> Vec<u8> {
        let mut response = Vec::new();
        self.engine.respond(&self.client, request, &mut response);
        response
    }

    /// Sends one item and gives what came back.
    pub(crate) fn ask<'a>(&self, version: ProtocolVersion, payload: impl Into<RequestPayload<'a>>) -> Answer {
        let items = [item(payload)];
        self.send(RequestHeader::new(version, 1), &items).remove(0)
    }

    /// Sends a batch.
    pub(crate) fn batch(
        &self,
        version: ProtocolVersion,
        option: Option<BatchErrorContinuationOption>,
        payloads: Vec<RequestPayload<'_>>,
    ) -> Vec<Answer> {
        let ids: Vec<[u8; 1]> = (0..payloads.len()).map(|place| [place as u8]).collect();
        let items: Vec<RequestBatchItem<'_>> = payloads
            .into_iter()
            .zip(&ids)
            .map(|(payload, id)| RequestBatchItem { unique_batch_item_id: Some(id), ..item(payload) })
            .collect();
        let mut header = RequestHeader::new(version, items.len() as i32);
        header.batch_error_continuation_option = option;
        self.send(header, &items)
    }

    pub(crate) fn send(&self, header: RequestHeader<'_>, items: &[RequestBatchItem<'_>]) -> Vec<Answer> {
        let request = RequestMessage { header, batch_items: items.into() };
        // What breaks a rule between fields is for the server to refuse.
        let mut room = vec![0; 64 << 10];
        let request = request.encode_with(&mut room, Leniency::CONDITIONAL_FIELDS).unwrap();
        let response = self.respond(request);
        let count = ResponseMessage::decode(&response).unwrap().batch_items.len();
        (0..count).map(|place| Answer { response: response.clone(), place }).collect()
    }

    /// Registers an AES key of this name, and gives its identifier.
    pub(crate) fn register(
        &self,
        version: ProtocolVersion,
        name: &str,
        more: &[AttributeValue<'_>],
    ) -> Answer {
        let mut attributes = vec![
            AttributeValue::CryptographicUsageMask(
                CryptographicUsageMask::ENCRYPT | CryptographicUsageMask::DECRYPT,
            ),
            AttributeValue::Name(Name::new(name, NameType::UNINTERPRETED_TEXT_STRING)),
        ];
        attributes.extend(more.iter().cloned());
        let attributes: Vec<Attribute<'_>> = attributes.into_iter().map(Attribute::new).collect();
        let key = [7; 16];
        let request = RegisterRequest::new(
            ObjectType::SYMMETRIC_KEY,
            attributes.as_slice().into(),
            SymmetricKey::new(key_block(&key)).into(),
        );
        self.ask(version, request)
    }
}

impl Server {
    /// Registers an AES key that is active and may be used so, and gives its identifier.
    pub(crate) fn active_key(
        &self,
        version: ProtocolVersion,
        key: &[u8],
        mask: CryptographicUsageMask,
    ) -> String {
        let key = SymmetricKey::new(key_block(key));
        self.active(version, ObjectType::SYMMETRIC_KEY, key.into(), mask)
    }

    /// The same for a secret.
    pub(crate) fn active_secret(
        &self,
        version: ProtocolVersion,
        secret: &[u8],
        mask: CryptographicUsageMask,
    ) -> String {
        let mut block = KeyBlock::new(KeyFormatType::RAW);
        block.key_value = Some(KeyValue::Plain(PlainKeyValue::new(Secret::new(secret).into())));
        let secret = SecretData::new(SecretDataType::SEED, block);
        self.active(version, ObjectType::SECRET_DATA, secret.into(), mask)
    }

    fn active(
        &self,
        version: ProtocolVersion,
        object_type: ObjectType,
        object: ManagedObject<'_>,
        mask: CryptographicUsageMask,
    ) -> String {
        let attributes = [
            Attribute::new(AttributeValue::CryptographicUsageMask(mask)),
            Attribute::new(AttributeValue::ActivationDate(DateTime(NOW - 1))),
        ];
        self.ask(version, RegisterRequest::new(object_type, (&attributes).into(), object)).id()
    }

    /// The bytes of a key in the clear.
    #[track_caller]
    pub(crate) fn material(&self, version: ProtocolVersion, id: &str) -> Vec<u8> {
        let get = GetRequest { unique_identifier: Some(id.into()), ..GetRequest::default() };
        let answer = self.ask(version, get);
        let ResponsePayload::Get(got) = answer.payload() else { panic!("{id}") };
        match plain(&got.object) {
            KeyMaterial::Bytes(bytes) => bytes.expose().to_vec(),
            other => panic!("{other:?}"),
        }
    }
}

/// The key block of an object.
#[track_caller]
pub(crate) fn block<'a>(object: &ManagedObject<'a>) -> KeyBlock<'a> {
    match object {
        ManagedObject::SymmetricKey(key) => key.key_block.clone(),
        ManagedObject::SecretData(key) => key.key_block.clone(),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn plain<'a>(object: &ManagedObject<'a>) -> KeyMaterial<'a> {
    match block(object).key_value {
        Some(KeyValue::Plain(value)) => value.key_material,
        other => panic!("{other:?}"),
    }
}

/// A raw AES key.
pub(crate) fn key_block(key: &[u8]) -> KeyBlock<'_> {
    let mut block = KeyBlock::new(KeyFormatType::RAW);
    block.key_value = Some(KeyValue::Plain(PlainKeyValue::new(Secret::new(key).into())));
    block.cryptographic_algorithm = Some(CryptographicAlgorithm::AES);
    block.cryptographic_length = Some(key.len() as i32 * 8);
    block
}

pub(crate) fn item<'a>(payload: impl Into<RequestPayload<'a>>) -> RequestBatchItem<'a> {
    let payload = payload.into();
    RequestBatchItem::new(payload.operation(), payload)
}

/// An item of a response.
pub(crate) struct Answer {
    response: Vec<u8>,
    place: usize,
}

impl Answer {
    pub(crate) fn message(&self) -> ResponseMessage<'_> {
        ResponseMessage::decode(&self.response).unwrap()
    }

    pub(crate) fn item(&self) -> ResponseBatchItem<'_> {
        self.message().batch_items.iter().nth(self.place).unwrap()
    }

    pub(crate) fn status(&self) -> ResultStatus {
        self.item().result_status
    }

    pub(crate) fn reason(&self) -> Option<ResultReason> {
        self.item().result_reason
    }

    #[track_caller]
    pub(crate) fn payload(&self) -> ResponsePayload<'_> {
        let item = self.item();
        item.payload.unwrap_or_else(|| panic!("{:?} {:?}", item.result_reason, item.result_message))
    }

    /// The identifier of what was registered, created or re-keyed.
    #[track_caller]
    pub(crate) fn id(&self) -> String {
        let id = match self.payload() {
            ResponsePayload::Register(made) => made.unique_identifier,
            ResponsePayload::Create(made) => made.unique_identifier,
            ResponsePayload::ReKey(made) => made.unique_identifier,
            ResponsePayload::DeriveKey(made) => made.unique_identifier,
            other => panic!("{other:?}"),
        };
        id.as_text().unwrap().to_owned()
    }

    /// The identifiers that were located.
    #[track_caller]
    pub(crate) fn located(&self) -> Vec<String> {
        match self.payload() {
            ResponsePayload::Locate(found) => {
                found.unique_identifiers.iter().map(|id| id.as_text().unwrap().to_owned()).collect()
            }
            other => panic!("{other:?}"),
        }
    }
}
