//! What deviates in one way, refused strictly at its place, read by the leniency of its name, and written rightly again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Helpers of tests are tests, too.

#[path = "common/node.rs"]
#[allow(dead_code)]
mod node;
#[path = "common/typed.rs"]
mod typed;

use node::{
    Node::{self, Bytes, Flag, Integer, Items, Number, Text},
    header, request,
};
use tde_kmip_codec::{
    message::RequestMessage,
    spec::{ProtocolVersion, enumeration::Operation, tag},
    ttlv::{self, ErrorKind, ItemType, Leniency, Options, Tag},
};
use typed::round_trip;

const V1_4: ProtocolVersion = ProtocolVersion::V1_4;
const V2_1: ProtocolVersion = ProtocolVersion::V2_1;

fn strictly(bytes: &[u8]) -> ErrorKind {
    round_trip(bytes, Leniency::NONE).unwrap_err().kind()
}

#[test]
fn an_attribute_is_named_in_the_form_of_its_version() {
    let id = || Text(tag::UNIQUE_IDENTIFIER, "1");
    let ask =
        |version, reference: Node| request(version, Operation::GET_ATTRIBUTES, vec![id(), reference]).bytes();
    let by_tag = |tag| Number(tag, tag::STATE.get());
    let by_vendor = |reference| {
        let names = vec![Text(tag::VENDOR_IDENTIFICATION, "x"), Text(tag::ATTRIBUTE_NAME, "colour")];
        Items(reference, names)
    };
    let good = [
        ask(V1_4, Text(tag::ATTRIBUTE_NAME, "State")),
        ask(V1_4, Text(tag::ATTRIBUTE_NAME, "x-colour")),
        ask(V2_1, by_tag(tag::ATTRIBUTE_REFERENCE)),
        ask(V2_1, by_vendor(tag::ATTRIBUTE_REFERENCE)),
    ];
    for bytes in &good {
        assert_eq!(round_trip(bytes, Leniency::NONE).unwrap(), (bytes.clone(), vec![]));
    }
    for (bad, rewritten, found) in [
        (ask(V1_4, by_tag(tag::ATTRIBUTE_NAME)), &good[0], ItemType::Enumeration),
        (ask(V2_1, Text(tag::ATTRIBUTE_REFERENCE, "State")), &good[2], ItemType::TextString),
        (ask(V2_1, Text(tag::ATTRIBUTE_REFERENCE, "x-colour")), &good[3], ItemType::TextString),
    ] {
        assert!(matches!(strictly(&bad), ErrorKind::WrongType { found: told, .. } if told == found));
        let (written, heard) = round_trip(&bad, Leniency::WRONG_TYPES).unwrap();
        assert_eq!((&written, heard.len()), (rewritten, 1));
        assert_eq!(heard[0].switch, Leniency::WRONG_TYPES);
    }
    let bad = ask(V1_4, by_vendor(tag::ATTRIBUTE_NAME));
    assert!(matches!(strictly(&bad), ErrorKind::WrongType { found: ItemType::Structure, .. }));
    assert_eq!(round_trip(&bad, Leniency::ALL).unwrap().0, good[1]);
}

/// Writes the lengths of the structures at these offsets anew: so much less than they were.
fn shorten(bytes: &mut [u8], structures: &[usize], by: u32) {
    for offset in structures {
        let slot = &mut bytes[offset + 4..offset + 8];
        let length = u32::from_be_bytes(slot.try_into().unwrap()) - by;
        slot.copy_from_slice(&length.to_be_bytes());
    }
}

/// Where the items under a tag begin.
fn offsets(bytes: &[u8], wanted: Tag) -> Vec<usize> {
    let walk = ttlv::Walk::new(ttlv::Reader::new(bytes));
    walk.map(Result::unwrap).filter(|visit| visit.item.tag == wanted).map(|visit| visit.item.offset).collect()
}

/// A request whose vendor extension ends with an Integer.
fn extended() -> Vec<u8> {
    let extension = Items(
        tag::MESSAGE_EXTENSION,
        vec![
            Text(tag::VENDOR_IDENTIFICATION, "vendor"),
            Flag(tag::CRITICALITY_INDICATOR, false),
            Items(tag::VENDOR_EXTENSION, vec![Integer(Tag::new(0x54_0001).unwrap(), 7)]),
        ],
    );
    let payload = Items(tag::REQUEST_PAYLOAD, vec![Text(tag::UNIQUE_IDENTIFIER, "abcd")]);
    let item = Items(tag::BATCH_ITEM, vec![Number(tag::OPERATION, Operation::GET.0), payload, extension]);
    Items(tag::REQUEST_MESSAGE, vec![header(tag::REQUEST_HEADER, V1_4, vec![]), item]).bytes()
}

#[test]
fn padding_that_was_missing_or_not_zero_is_written_rightly_everywhere() {
    let good = extended();
    let at = |wanted| offsets(&good, wanted)[0];
    // The padding of the last Integer, and of the identifier in the payload.
    let (extension, payload) = (good.len() - 4, at(tag::UNIQUE_IDENTIFIER) + 12);
    let around = [tag::REQUEST_MESSAGE, tag::BATCH_ITEM];
    let in_extension: Vec<usize> = [&around[..], &[tag::MESSAGE_EXTENSION, tag::VENDOR_EXTENSION]]
        .concat()
        .into_iter()
        .map(at)
        .collect();
    let in_payload: Vec<usize> =
        [&around[..], &[tag::REQUEST_PAYLOAD]].concat().into_iter().map(at).collect();
    for (place, structures) in [(extension, &in_extension), (payload, &in_payload)] {
        let mut short = good.clone();
        short.drain(place..place + 4);
        shorten(&mut short, structures, 4);
        assert!(strictly(&short) != ErrorKind::NoItem);
        // Alone as with all the others: fields are then read in order, or searched for.
        for leniency in [Leniency::SHORT_PADDING, Leniency::ALL] {
            let (written, heard) = round_trip(&short, leniency).unwrap();
            assert_eq!(written, good, "{leniency}");
            assert!(heard.iter().all(|heard| heard.switch == Leniency::SHORT_PADDING));
        }
        let mut odd = good.clone();
        odd[place + 1] = 0xFF;
        assert_eq!(strictly(&odd), ErrorKind::NonZeroPadding);
        let options = Options::new().leniency(Leniency::NONZERO_PADDING);
        let request = RequestMessage::decode_with(&odd, options, &mut |_| ()).unwrap();
        let mut buffer = vec![0xA5; good.len()];
        assert_eq!(request.encode(&mut buffer).unwrap(), good);
    }
}

#[test]
fn the_path_goes_on_behind_a_structure_of_odd_length() {
    let mut bytes = extended();
    let at = |wanted| offsets(&bytes, wanted)[0];
    let place = at(tag::UNIQUE_IDENTIFIER) + 12;
    let structures: Vec<usize> =
        [tag::REQUEST_MESSAGE, tag::BATCH_ITEM, tag::REQUEST_PAYLOAD].into_iter().map(at).collect();
    bytes.drain(place..place + 4);
    shorten(&mut bytes, &structures, 4);
    let last = bytes.len() - 1;
    bytes[last] = 1;
    let error = round_trip(&bytes, Leniency::ALL.without(Leniency::NONZERO_PADDING)).unwrap_err();
    assert_eq!((error.kind(), error.offset()), (ErrorKind::NonZeroPadding, last));
    let path = [tag::REQUEST_MESSAGE, tag::BATCH_ITEM, tag::MESSAGE_EXTENSION, tag::VENDOR_EXTENSION];
    assert_eq!(error.path().as_slice()[..4], path);
}

#[test]
fn several_items_of_a_request_have_identifiers() {
    let item = |id: Option<Node>| {
        let payload = Items(tag::REQUEST_PAYLOAD, vec![Text(tag::UNIQUE_IDENTIFIER, "1")]);
        let fields =
            [vec![Number(tag::OPERATION, Operation::GET.0)], id.into_iter().collect(), vec![payload]];
        Items(tag::BATCH_ITEM, fields.concat())
    };
    let mut head = header(tag::REQUEST_HEADER, V1_4, vec![]);
    if let Items(_, fields) = &mut head {
        *fields.last_mut().unwrap() = Integer(tag::BATCH_COUNT, 2);
    }
    let named = || Some(Bytes(tag::UNIQUE_BATCH_ITEM_ID, b"1"));
    let ask =
        |items: [Node; 2]| Items(tag::REQUEST_MESSAGE, [vec![head.clone()], items.to_vec()].concat()).bytes();
    round_trip(&ask([item(named()), item(named())]), Leniency::NONE).unwrap();
    let bytes = ask([item(named()), item(None)]);
    assert_eq!(strictly(&bytes), ErrorKind::MissingField { tag: tag::UNIQUE_BATCH_ITEM_ID });
    // Read with leniency, it is not written without.
    let options = Options::new().leniency(Leniency::BATCH_ITEM_IDS);
    let request = RequestMessage::decode_with(&bytes, options, &mut |_| ()).unwrap();
    let error = request.encode(&mut vec![0; bytes.len()]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::CannotEncodeWithout { tag: tag::UNIQUE_BATCH_ITEM_ID });
    assert_eq!(request.encode_with(&mut vec![0; bytes.len()], Leniency::BATCH_ITEM_IDS).unwrap(), bytes);
}

#[test]
fn a_length_that_reaches_past_everything_is_too_long() {
    for length in [0xFFFF_FFF0_u32, 0xFFFF_FFF1, 0xFFFF_FFF8, 0xFFFF_FFFF] {
        let mut bytes = request(V2_1, Operation::QUERY, vec![Number(tag::QUERY_FUNCTION, 1)]).bytes();
        let at = offsets(&bytes, tag::REQUEST_PAYLOAD)[0];
        bytes[at + 4..at + 8].copy_from_slice(&length.to_be_bytes());
        assert!(matches!(strictly(&bytes), ErrorKind::ValueTooLong { length: told, .. } if told == length));
    }
}
