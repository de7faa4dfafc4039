//! Messages written item by item, so that anything can be wrong with them.

use tde_kmip_codec::{
    spec::{
        ProtocolVersion,
        enumeration::{Operation, ResultStatus},
        tag,
    },
    ttlv::{BigInteger, Tag, Writer},
};

/// An item to be written.
#[derive(Clone)]
pub(crate) enum Node {
    Items(Tag, Vec<Node>),
    Number(Tag, u32),
    Integer(Tag, i32),
    Text(Tag, &'static str),
    Bytes(Tag, &'static [u8]),
    Flag(Tag, bool),
    Date(Tag, i64),
    Big(Tag),
}
use Node::{Big, Bytes, Date, Flag, Integer, Items, Number, Text};

impl Node {
    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        match self {
            Items(tag, items) => {
                let open = writer.begin(*tag);
                items.iter().for_each(|item| item.write(writer));
                writer.end(open);
            }
            Number(tag, value) => writer.enumeration(*tag, *value),
            Integer(tag, value) => writer.integer(*tag, *value),
            Text(tag, value) => writer.text_string(*tag, value),
            Bytes(tag, value) => writer.byte_string(*tag, value),
            Flag(tag, value) => writer.boolean(*tag, *value),
            Date(tag, value) => writer.date_time(*tag, *value),
            Big(tag) => writer.big_integer(*tag, BigInteger::from_wire(&[1; 8]).unwrap()),
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut buffer = vec![0; 4096];
        let mut writer = Writer::new(&mut buffer);
        self.write(&mut writer);
        writer.finish().unwrap().to_vec()
    }
}

pub(crate) fn header(tag: Tag, version: ProtocolVersion, more: Vec<Node>) -> Node {
    let numbers = vec![
        Integer(tag::PROTOCOL_VERSION_MAJOR, version.major),
        Integer(tag::PROTOCOL_VERSION_MINOR, version.minor),
    ];
    let mut fields = vec![Items(tag::PROTOCOL_VERSION, numbers)];
    fields.extend(more);
    fields.push(Integer(tag::BATCH_COUNT, 1));
    Items(tag, fields)
}

pub(crate) fn request(version: ProtocolVersion, operation: Operation, payload: Vec<Node>) -> Node {
    asked(version, vec![], operation, payload)
}

/// A request whose header has further fields.
pub(crate) fn asked(
    version: ProtocolVersion,
    more: Vec<Node>,
    operation: Operation,
    payload: Vec<Node>,
) -> Node {
    let item = vec![Number(tag::OPERATION, operation.0), Items(tag::REQUEST_PAYLOAD, payload)];
    let header = header(tag::REQUEST_HEADER, version, more);
    Items(tag::REQUEST_MESSAGE, vec![header, Items(tag::BATCH_ITEM, item)])
}

pub(crate) fn response(version: ProtocolVersion, status: ResultStatus, rest: Vec<Node>) -> Node {
    let mut item = vec![Number(tag::OPERATION, Operation::ACTIVATE.0), Number(tag::RESULT_STATUS, status.0)];
    item.extend(rest);
    let header = header(tag::RESPONSE_HEADER, version, vec![Date(tag::TIME_STAMP, 1_700_000_000)]);
    Items(tag::RESPONSE_MESSAGE, vec![header, Items(tag::BATCH_ITEM, item)])
}
