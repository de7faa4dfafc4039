//! The typed layer against recordings of real peers, the published test cases and broken messages.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::std_instead_of_alloc)] // Helpers of tests are tests, too.

#[path = "common/corpus.rs"]
#[allow(dead_code)]
mod corpus;
#[path = "common/typed.rs"]
mod typed;

use std::collections::BTreeMap;

use tde_kmip_codec::{
    spec::tag,
    ttlv::{self, ErrorKind, Item, Layer, Leniency, Tag, Value},
};
use typed::round_trip;

/// The switches that each folder of recordings needs, and no others: what its peers do against the standard.
fn allowed(folder: &str) -> Leniency {
    let requests = Leniency::OTHER_VERSIONS
        | Leniency::MISSING_FIELDS
        | Leniency::UNKNOWN_VERSION
        | Leniency::BATCH_ITEM_IDS;
    match folder {
        // Operations of later versions asked for on purpose, version 0.1, a batch without identifiers, and 2.0 messages
        // of a 1.x shape.
        "pykmip" => requests,
        // The same requests; and the server answers 1.x with result reasons, operations and attributes of 2.x, leaves
        // out the attribute that was deleted, and gives Short Unique Identifier as text.
        "cosmian" => requests | Leniency::WRONG_TYPES,
        "libkmip-cosmian" => Leniency::OTHER_VERSIONS,
        // Alternative Name and Usage Limits in another order, a usage mask as Enumeration.
        "cosmian-oasis" => Leniency::OTHER_VERSIONS | Leniency::ANY_ORDER | Leniency::WRONG_TYPES,
        // One case of 1.2 has a Digest of 1.1 in a message of 1.0.
        "oasis" | "pykmip-oasis" => Leniency::OTHER_VERSIONS,
        _ => Leniency::NONE,
    }
}

/// The values of a message in one order, to compare what came in another.
fn sorted(item: &Item<'_>) -> Vec<(u32, Vec<u8>)> {
    let mut leaves = Vec::new();
    collect(item, &mut leaves);
    leaves.sort();
    leaves
}

fn collect(item: &Item<'_>, leaves: &mut Vec<(u32, Vec<u8>)>) {
    match item.value {
        Value::Structure(items) => items.for_each(|item| collect(&item.unwrap(), leaves)),
        _ => leaves.push((item.tag.get(), item.bytes.to_vec())),
    }
}

#[test]
fn every_message_decodes_typed_and_encodes_to_its_bytes_with_the_leniency_its_peer_needs() {
    for root in corpus::roots() {
        let mut strict = BTreeMap::<String, [usize; 3]>::new();
        let mut used = BTreeMap::<String, Leniency>::new();
        let mut reshaped = Vec::new();
        for message in corpus::messages(&root) {
            let counts = strict.entry(message.folder.clone()).or_default();
            counts[0] += 1;
            if let Ok((encoded, heard)) = round_trip(&message.bytes, Leniency::NONE) {
                assert_eq!(encoded, message.bytes, "{}", message.name);
                assert!(heard.is_empty());
                counts[1] += 1;
                continue;
            }
            counts[2] += 1;
            let leniency = allowed(&message.folder);
            let (encoded, heard) = round_trip(&message.bytes, leniency)
                .unwrap_or_else(|error| panic!("{}: {error}", message.name));
            assert!(!heard.is_empty(), "{}: leniency was needed and nobody was told", message.name);
            for tolerated in heard {
                assert!(tolerated.offset < message.bytes.len());
                *used.entry(message.folder.clone()).or_default() |= tolerated.switch;
            }
            if encoded != message.bytes {
                // Written in the standard's order, or a 2.x message's Template-Attribute as Attributes.
                let before = sorted(&ttlv::decode(&message.bytes).unwrap());
                let after = sorted(&ttlv::decode(&encoded).unwrap());
                if before != after {
                    assert!(message.name.contains("rekey-unsupported"), "{}", message.name);
                }
                reshaped.push(message.name);
            }
        }
        for (folder, [all, strict, lenient]) in &strict {
            let switches = used.get(folder).copied().unwrap_or_default();
            eprintln!("{folder}: {all} messages, {strict} strict, {lenient} with leniency ({switches})");
            if root == corpus::full().unwrap_or_default() {
                assert_eq!(switches, allowed(folder), "{folder} does not need all that it is allowed");
            }
        }
        eprintln!("{} reshaped: {reshaped:#?}", reshaped.len());
        assert!(reshaped.len() < 10);
    }
}

/// What the typed layer must say about the broken messages that a reader of items accepts.
fn expected(name: &str) -> Option<(ErrorKind, usize)> {
    let missing = |tag: Tag| ErrorKind::MissingField { tag };
    Some(match name {
        "attribute-without-value" => (missing(tag::ATTRIBUTE_VALUE), 128),
        "batch-two-items-no-ids" => (missing(tag::UNIQUE_BATCH_ITEM_ID), 72),
        "batchcount-1-items-2" => (ErrorKind::BatchCount { claimed: 1, found: 2 }, 56),
        "batchcount-2-items-1" => (ErrorKind::BatchCount { claimed: 2, found: 1 }, 56),
        "batchcount-negative" => (ErrorKind::BatchCount { claimed: -1, found: 1 }, 56),
        "header-after-item" => (ErrorKind::FieldOutOfOrder { tag: tag::REQUEST_HEADER }, 88),
        "header-missing" => (missing(tag::REQUEST_HEADER), 0),
        "operation-missing" => (missing(tag::OPERATION), 72),
        "payload-twice" => (ErrorKind::RepeatedField { tag: tag::REQUEST_PAYLOAD }, 152),
        "payload-wrong-order" => (ErrorKind::FieldOutOfOrder { tag: tag::UNIQUE_IDENTIFIER }, 120),
        "type-batchcount-longinteger" => {
            (ErrorKind::WrongType { tag: tag::BATCH_COUNT, found: ttlv::ItemType::LongInteger }, 59)
        }
        "type-payload-bytestring" => {
            (ErrorKind::WrongType { tag: tag::REQUEST_PAYLOAD, found: ttlv::ItemType::ByteString }, 99)
        }
        "type-uid-integer" => {
            (ErrorKind::WrongType { tag: tag::UNIQUE_IDENTIFIER, found: ttlv::ItemType::Integer }, 107)
        }
        "version-9-9" => (ErrorKind::UnknownVersion { major: 9, minor: 9 }, 16),
        "version-minor-missing" => (missing(tag::PROTOCOL_VERSION_MINOR), 16),
        _ => return None,
    })
}

#[test]
fn broken_messages_are_refused_for_the_right_reason_at_the_right_byte() {
    let Some(root) = corpus::full() else { return };
    let mut counts = [0; 3];
    let mut wrong = Vec::new();
    for path in corpus::files(&root.join("malformed"), ".json") {
        let case = corpus::json(&path);
        let bytes = std::fs::read(path.with_extension("ttlv")).unwrap();
        let name = case["name"].as_str().unwrap();
        let result = round_trip(&bytes, Leniency::NONE);
        match (case["verdict"].as_str().unwrap(), case["layer"].as_str().unwrap()) {
            ("accept", "message") => {
                assert_eq!(result.unwrap_or_else(|error| panic!("{name}: {error}")).0, bytes, "{name}");
                counts[0] += 1;
            }
            // Well-formed items; whether the message is good is another question.
            ("accept", _) => {}
            ("reject", "ttlv") => {
                assert!(result.is_err(), "{name}");
                counts[1] += 1;
            }
            ("reject", _) => {
                let error = result.expect_err(name);
                assert_eq!(error.kind().layer(), Layer::Message, "{name}: {error}");
                assert!(error.offset() < bytes.len());
                eprintln!("{name}: {error}");
                if expected(name).is_some_and(|expected| expected != (error.kind(), error.offset())) {
                    wrong.push(format!("{name}: {error:?}"));
                }
                counts[2] += 1;
            }
            other => panic!("{name}: {other:?}"),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(counts[0] >= 4 && counts[1] >= 30 && counts[2] >= 15, "{counts:?}");
}
