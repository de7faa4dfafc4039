//! Prints how fast the KMIP codec is beside the serde-based `kmip-protocol` over `kmip-ttlv`, measured turn by turn in
//! one run.
//!
//! `cargo bench -p tde-benches --bench kmip [-- FILTER]` prints the rows whose name has FILTER in it; the exit status
//! is 1 when a row misses its ratio. `... --bench kmip -- --calls REPEATS NAME` only makes calls of ours, for a
//! profiler or a counter of instructions.

#![allow(clippy::expect_used, reason = "a bench may panic")]

use core::hint::black_box;
use std::process::ExitCode;

use kmip_protocol::types::response;
use serde::{Serialize, de::DeserializeOwned};
use tde_benches::{
    interleaved::{Times, measure},
    peers::kmip_serde::{self, read},
};
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
const IDENTIFIER: &str = "49a1ca88-6bea-4fb2-b450-7e58802c3038";
const NAME: &str = "pg_tde_key_16384_1";
const TIME: i64 = 1_700_000_000;

/// Least ratio of a row: decoding one Get response; all else.
const GET: f64 = 40.0;
const OTHERS: f64 = 20.0;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let mut rows = Rows::default();
    match &arguments[..] {
        [calls, repeats, name] if calls == "--calls" => {
            rows.calls = Some(repeats.parse().expect("a number of calls"));
            rows.filter = Some(name.clone());
        }
        _ => {
            rows.filter = arguments.into_iter().find(|argument| !argument.starts_with('-'));
            println!("| work | bytes | at least | measured | by minima | ours ns | theirs ns |");
            println!("|---|---:|---:|---:|---:|---:|---:|");
        }
    }
    messages(&mut rows);
    if rows.missed == 0 {
        ExitCode::SUCCESS
    } else {
        println!("\n{} rows miss their ratio", rows.missed);
        ExitCode::FAILURE
    }
}

#[derive(Default)]
struct Rows {
    filter: Option<String>,
    /// Only make this many calls of ours.
    calls: Option<u32>,
    missed: usize,
}

impl Rows {
    fn row(
        &mut self,
        work: &str,
        bytes: usize,
        least: f64,
        mut ours: impl FnMut(),
        mut theirs: impl FnMut(),
    ) {
        if self.filter.as_ref().is_some_and(|filter| !work.contains(filter)) {
            return;
        }
        if let Some(calls) = self.calls {
            return (0..calls).for_each(|_| ours());
        }
        let Times { median, best } = measure(&mut ours, &mut theirs);
        let ratio = median[1] / median[0];
        let miss = if ratio < least { " MISSED" } else { "" };
        self.missed += usize::from(ratio < least);
        println!(
            "| {work} | {bytes} | {least}x | {ratio:.1}x{miss} | {:.1}x | {:.1} | {:.0} |",
            best[1] / best[0],
            median[0] * 1e9,
            median[1] * 1e9,
        );
    }

    /// Both directions of a response, by ours and by theirs, which make the same bytes of it.
    fn response(&mut self, label: &str, least: f64, ours: &ResponseMessage<'_>, theirs: &impl Serialize) {
        let bytes = ours.encode_to_vec().expect("a good message");
        same_bytes(&bytes, theirs);
        self.row(
            &format!("decode {label}"),
            bytes.len(),
            least,
            || {
                black_box(ResponseMessage::decode(black_box(&bytes)).expect("a good message"));
            },
            || decode_theirs::<response::ResponseMessage>(&bytes),
        );
        let mut buffer = Buffer::new(bytes.len());
        self.row(
            &format!("encode {label}"),
            bytes.len(),
            OTHERS,
            || {
                black_box(black_box(ours).encode(black_box(buffer.next())).expect("a good message").len());
            },
            || encode_theirs(theirs),
        );
    }

    /// Both directions of a request.
    fn request(&mut self, label: &str, ours: &RequestMessage<'_>, theirs: &impl Serialize) {
        let bytes = ours.encode_to_vec().expect("a good message");
        same_bytes(&bytes, theirs);
        self.row(
            &format!("decode {label}"),
            bytes.len(),
            OTHERS,
            || {
                black_box(RequestMessage::decode(black_box(&bytes)).expect("a good message"));
            },
            || decode_theirs::<read::RequestMessage>(&bytes),
        );
        let mut buffer = Buffer::new(bytes.len());
        self.row(
            &format!("encode {label}"),
            bytes.len(),
            OTHERS,
            || {
                black_box(black_box(ours).encode(black_box(buffer.next())).expect("a good message").len());
            },
            || encode_theirs(theirs),
        );
    }
}

/// Room for a message, each time at another place in a page.
///
/// Stores and loads whose addresses have the same low twelve bits wait for each other, so that a buffer that stays where
/// the allocator put it can cost a third of the speed, or not, by chance.
struct Buffer {
    room: Vec<u8>,
    len: usize,
    at: usize,
}

impl Buffer {
    const PAGE: usize = 4096;
    /// Odd, in units of the 16 bytes that allocators align to, so that every place in the page comes.
    const STEP: usize = 5 * 16;

    fn new(len: usize) -> Self {
        Self { room: vec![0; Self::PAGE + len], len, at: 0 }
    }

    fn next(&mut self) -> &mut [u8] {
        self.at = (self.at + Self::STEP) % Self::PAGE;
        &mut self.room[self.at..self.at + self.len]
    }
}

fn same_bytes(ours: &[u8], theirs: &impl Serialize) {
    assert_eq!(ours, kmip_ttlv::ser::to_vec(theirs).expect("a good message"), "the peers differ");
}

fn decode_theirs<T: DeserializeOwned>(bytes: &[u8]) {
    black_box(kmip_ttlv::de::from_slice::<T>(black_box(bytes)).expect("a good message"));
}

fn encode_theirs(message: &impl Serialize) {
    black_box(kmip_ttlv::ser::to_vec(black_box(message)).expect("a good message").len());
}

fn messages(rows: &mut Rows) {
    let time = TIME as u64;
    let one = [get_item()];
    rows.response(
        "a Get response",
        GET,
        &response(&one),
        &kmip_serde::get_responses(time, IDENTIFIER, KEY, 1),
    );

    let object_type = Attribute::new(AttributeValue::ObjectType(ObjectType::SYMMETRIC_KEY));
    let attributes = [object_type, name()];
    let locate =
        LocateRequest { attributes: Some(Attributes::from(&attributes)), ..LocateRequest::default() };
    let items = [RequestBatchItem::new(Operation::LOCATE, RequestPayload::Locate(locate))];
    rows.request("a Locate request", &request(&items), &kmip_serde::locate_request(NAME));

    let attributes = [
        Attribute::new(AttributeValue::CryptographicAlgorithm(CryptographicAlgorithm::AES)),
        Attribute::new(AttributeValue::CryptographicLength(256)),
        Attribute::new(AttributeValue::CryptographicUsageMask(
            CryptographicUsageMask::ENCRYPT | CryptographicUsageMask::DECRYPT,
        )),
        name(),
    ];
    let register = RegisterRequest::new(
        ObjectType::SYMMETRIC_KEY,
        TemplateAttribute::from(&attributes),
        symmetric_key(),
    );
    let items = [RequestBatchItem::new(Operation::REGISTER, RequestPayload::Register(register))];
    rows.request("a Register request", &request(&items), &kmip_serde::register_request(NAME, KEY));

    let hundred = [(); 100].map(|()| get_item());
    let theirs = kmip_serde::get_responses(time, IDENTIFIER, KEY, 100);
    rows.response("100 Get responses", OTHERS, &response(&hundred), &theirs);

    // Decoding checks all items and builds none; this builds each as well, down to the key.
    for (label, message) in [("a Get response", response(&one)), ("100 Get responses", response(&hundred))] {
        let bytes = message.encode_to_vec().expect("a good message");
        rows.row(
            &format!("read {label}, every key"),
            bytes.len(),
            OTHERS,
            || assert_eq!(read_keys(&bytes), message.batch_items.len()),
            || decode_theirs::<response::ResponseMessage>(&bytes),
        );
    }
}

/// Decodes and looks at each key; how many there are.
fn read_keys(bytes: &[u8]) -> usize {
    let message = ResponseMessage::decode(black_box(bytes)).expect("a good message");
    let is_key = |item: &ResponseBatchItem<'_>| {
        if let Some(ResponsePayload::Get(get)) = &item.payload
            && let ManagedObject::SymmetricKey(key) = &get.object
            && let Some(KeyValue::Plain(value)) = &key.key_block.key_value
            && let KeyMaterial::Bytes(secret) = &value.key_material
        {
            black_box(secret.expose()).len() == KEY.len()
        } else {
            false
        }
    };
    message.batch_items.iter().filter(is_key).count()
}

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
        UniqueIdentifier::Text(IDENTIFIER),
        symmetric_key(),
    )));
    item
}

fn response<'a>(items: &'a [ResponseBatchItem<'a>]) -> ResponseMessage<'a> {
    ResponseMessage {
        header: ResponseHeader::new(ProtocolVersion::V1_0, DateTime(TIME), items.len() as i32),
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
    Attribute::new(AttributeValue::Name(Name::new(NAME, NameType::UNINTERPRETED_TEXT_STRING)))
}
