//! JSON TTLV and the tree form against recordings of Cosmian KMS, its client, and every other message there is.
#![cfg(feature = "json")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Helpers of tests are tests, too.

#[path = "common/corpus.rs"]
#[allow(dead_code)]
mod corpus;

use std::fs;

use serde_json::Value as Json;
use tde_kmip_codec::{
    json::{self, Direction, ErrorKind, Options},
    spec::{enumeration::Operation, tag},
    ttlv::{self, ItemType},
};

fn parsed(text: &str) -> Json {
    serde_json::from_str(text).unwrap()
}

#[test]
fn requests_of_the_json_profile_become_the_recorded_bytes() {
    let Some(root) = corpus::full() else { return };
    let mut count = 0;
    for path in corpus::files(&root.join("cosmian-json"), ".request.json") {
        let expected = fs::read(path.with_extension("ttlv")).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let bytes = json::read(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(bytes, expected, "{}", path.display());
        // Back: the same JSON, but for the attribute values that the recorder wrote as numbers.
        let item = ttlv::decode(&bytes).unwrap();
        let written = json::write(&item).unwrap();
        assert_eq!(json::read(&written).unwrap(), bytes);
        assert_same(&parsed(&written), &parsed(&text), &path.display().to_string());
        count += 1;
    }
    assert!(count > 100, "{count}");
}

/// Both trees say the same; names and numbers of enumerations count as equal if they were read to the same bytes.
fn assert_same(ours: &Json, theirs: &Json, place: &str) {
    assert_eq!(ours["tag"], theirs["tag"], "{place}");
    match (&ours["value"], &theirs["value"]) {
        (Json::Array(ours), Json::Array(theirs)) => {
            assert_eq!(ours.len(), theirs.len(), "{place}");
            for (ours, theirs) in ours.iter().zip(theirs) {
                assert_same(ours, theirs, place);
            }
        }
        (our_value, their_value) => {
            assert_eq!(ours["type"], theirs["type"], "{place}");
            let number = |value: &Json| value.as_str().is_some_and(|text| text.starts_with("0x"));
            if ours["type"] != "Enumeration" {
                assert_eq!(our_value, their_value, "{place}");
            } else if number(our_value) == number(their_value) {
                // Cosmian writes some names with and some without underscores.
                let letters = |value: &Json| value.as_str().unwrap().replace('_', "");
                assert_eq!(letters(our_value), letters(their_value), "{place}");
            }
        }
    }
}

#[test]
fn responses_of_cosmian_are_read_and_written_as_it_wrote_them() {
    let Some(root) = corpus::full() else { return };
    let (mut count, mut fractions, mut refused) = (0, 0, 0);
    for path in corpus::files(&root.join("cosmian-json"), ".response.json") {
        let text = fs::read_to_string(&path).unwrap();
        let bytes = json::read(&text);
        if bytes.as_ref().is_err_and(|error| only_in_cosmians_json(error.kind())) {
            refused += 1;
            continue;
        }
        let bytes = bytes.or_else(|error| {
            // Now and then Cosmian sends the time with a fraction, which a Date-Time cannot hold.
            assert!(
                matches!(error.kind(), ErrorKind::InvalidValue { item_type: ItemType::DateTime, .. }),
                "{error}"
            );
            fractions += 1;
            json::read_with(&text, Options::new().cut_fractions(true))
        });
        let bytes = bytes.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let written = json::write(&ttlv::decode(&bytes).unwrap()).unwrap();
        if !text.contains("TimeStamp\",\"type\":\"DateTime\",\"value\":\"2026-11-21T23:03:58.") {
            assert_same(&parsed(&written), &parsed(&text), &path.display().to_string());
        }
        count += 1;
    }
    assert!(count > 100 && fractions <= 3 && refused <= 1, "{count}, {fractions}, {refused}");
}

#[test]
fn bare_payloads_of_cosmians_client_are_read_and_written() {
    let Some(root) = corpus::full() else { return };
    let (mut count, mut refused) = (0, 0);
    for path in corpus::files(&root.join("cosmian-ckms-json"), ".json") {
        let exchange = corpus::json(&path);
        for (member, direction) in [("request", Direction::Request), ("response", Direction::Response)] {
            if !exchange[member].is_object() {
                continue;
            }
            let place = format!("{} {member}", path.display());
            let text = exchange[member].to_string();
            let payload = match json::read_payload(&text, Options::new()) {
                Ok(payload) => payload,
                Err(error) => {
                    assert!(only_in_cosmians_json(error.kind()), "{place}: {error}");
                    refused += 1;
                    continue;
                }
            };
            assert_eq!(payload.direction, direction, "{place}");
            let item = ttlv::decode(&payload.bytes).unwrap();
            let written = json::write_payload(payload.operation, direction, &item).unwrap();
            assert_eq!(json::read_payload(&written, Options::new()).unwrap(), payload, "{place}");
            assert_eq!(parsed(&written)["tag"], exchange[member]["tag"], "{place}");
            count += 1;
        }
    }
    assert!(count > 80 && refused <= 4, "{count}, {refused}");
}

/// Names in Cosmian's JSON for which there is no number in any table, so that they have no TTLV.
fn only_in_cosmians_json(kind: &ErrorKind) -> bool {
    match kind {
        ErrorKind::UnknownTag { name } => {
            ["Cascade", "ExpectedObjectType", "AmountOfSeedData"].contains(&&**name)
        }
        ErrorKind::NoNames { tag } => *tag == Some(tag::OPAQUE_DATA_TYPE),
        _ => false,
    }
}

#[test]
fn every_message_survives_both_json_forms_and_the_tree_is_the_recorded_one() {
    let (mut count, mut trees) = (0, 0);
    for root in corpus::roots() {
        for message in corpus::messages(&root) {
            // A few recordings end within a message, on purpose.
            let Ok(item) = ttlv::decode(&message.bytes) else { continue };
            let text = json::write(&item).unwrap();
            assert!(json::read(&text).unwrap() == message.bytes, "{}: {text}", message.name);
            let text = json::write_tree(&item).unwrap();
            assert!(json::read(&text).unwrap() == message.bytes, "{}: {text}", message.name);
            if let Some(tree) = &message.tree {
                assert_eq!(parsed(&text), *tree, "{}", message.name);
                trees += 1;
            }
            count += 1;
        }
    }
    if corpus::full().is_some() {
        assert!(count > 9000 && trees > 3500, "{count} messages, {trees} trees");
    }
}

#[test]
fn the_tree_without_secrets_has_their_sizes_only() {
    let text = r#"{"tag":"KeyValue","value":[{"tag":"KeyMaterial","type":"ByteString","value":"DEADBEEF"},{"tag":"Attributes","value":[{"tag":"State","type":"Enumeration","value":"Active"}]}]}"#;
    let bytes = json::read(text).unwrap();
    let tree = json::write_tree_without_secrets(&ttlv::decode(&bytes).unwrap()).unwrap();
    assert_eq!(
        tree,
        r#"{"tag":"0x420045","name":"KeyValue","type":"Structure","value":[{"tag":"0x420043","name":"KeyMaterial","type":"ByteString","value":null,"hidden":4},{"tag":"0x420125","name":"Attributes","type":"Structure","value":[{"tag":"0x42008D","name":"State","type":"Enumeration","value":"0x00000002","enum":"Active"}]}]}"#
    );
    assert_eq!(kind_of(&tree), ErrorKind::UnknownKey { key: "hidden".into() });
}

fn kind_of(text: &str) -> ErrorKind {
    json::read(text).unwrap_err().kind().clone()
}

#[test]
fn errors_say_what_and_where() {
    let at = |text: &str| {
        let error = json::read(text).unwrap_err();
        (error.line(), error.column(), error.path().to_owned())
    };
    let text = "{\"tag\": \"Name\", \"value\": [\n  {\"tag\": \"NameValue\", \"type\": \"TextString\", \"value\": true}\n]}";
    assert_eq!(at(text), (2, 59, "Name/NameValue".to_owned()));
    assert!(matches!(kind_of(text), ErrorKind::InvalidValue { item_type: ItemType::TextString, .. }));
    assert_eq!(at("[]").0, 1);
    assert!(matches!(kind_of("{"), ErrorKind::Syntax { .. }));
    assert!(matches!(kind_of(""), ErrorKind::Syntax { .. }));
    assert_eq!(kind_of("{}"), ErrorKind::MissingKey { key: "tag" });
    assert_eq!(kind_of(r#"{"tag": "Name"}"#), ErrorKind::MissingKey { key: "value" });
    assert_eq!(kind_of(r#"{"tag": "State", "value": 1}"#), ErrorKind::MissingKey { key: "type" });
    assert_eq!(kind_of(r#"{"tag": "Nme", "value": []}"#), ErrorKind::UnknownTag { name: "Nme".into() });
    assert_eq!(
        kind_of(r#"{"tag": "0x430001", "value": []}"#),
        ErrorKind::UnknownTag { name: "0x430001".into() }
    );
    assert_eq!(
        kind_of(r#"{"tag": "Name", "value": [], "value": []}"#),
        ErrorKind::RepeatedKey { key: "value" }
    );
    assert_eq!(kind_of(r#"{"tag": "Name", "value": [], "x": 1}"#), ErrorKind::UnknownKey { key: "x".into() });
    assert_eq!(
        kind_of(r#"{"tag": "State", "type": "Enumeration", "value": "Sleepy"}"#),
        ErrorKind::UnknownName { enumeration: "State", name: "Sleepy".into() }
    );
    assert_eq!(
        kind_of(r#"{"tag": "State", "type": "Integer", "value": []}"#),
        ErrorKind::NotThisValue { item_type: ItemType::Integer }
    );
    assert_eq!(
        kind_of(r#"{"tag": "OpaqueDataType", "type": "Enumeration", "value": "Big"}"#),
        ErrorKind::NoNames { tag: Some(tag::OPAQUE_DATA_TYPE) }
    );
    assert_eq!(kind_of(r#"{"tag": "Name", "value": []} {}"#), ErrorKind::TrailingContent);
}

#[test]
fn no_error_quotes_a_value() {
    for text in [
        r#"{"tag": "Password", "type": "ByteString", "value": "hunter2"}"#,
        r#"{"tag": "KeyMaterial", "type": "ByteString", "value": "hunter2", "x": 1}"#,
        r#"{"tag": "Password", "type": "Integer", "value": "hunter2"}"#,
        r#"{"tag": "Password", "type": "DateTime", "value": "hunter2"}"#,
        r#"{"tag": "Password", "value": "hunter2"}"#,
        r#"{"tag": "Password", "type": "TextString", "value": "hunter2"#,
        r#"{"tag": "Password", "type": "TextString", "value": "hunter2"} "hunter2""#,
        r#"{"tag": "Password", "value": ["hunter2"]}"#,
        r#"{"tag": "Password", "type": "Integer", "value": 4711.25}"#,
        r#"{"tag": "Password", "type": "TextString", "value": {"hunter2": 1}}"#,
        r#""hunter2""#,
    ] {
        let error = json::read(text).unwrap_err();
        let told = format!("{error} {error:?}");
        assert!(!told.contains("hunter2") && !told.contains("4711"), "{error:?}");
    }
}

#[test]
fn an_error_does_not_write_to_the_terminal() {
    let error = json::read(r#"{"tag": "\u001b[2J", "value": []}"#).unwrap_err();
    assert!(!error.to_string().contains('\u{1b}'), "{error:?}");
}

#[test]
fn values_out_of_range_and_of_the_wrong_kind_are_refused() {
    for (item_type, value) in [
        ("Integer", "2147483648"),
        ("Integer", "1.5"),
        ("Integer", "\"0x123\""),
        ("Integer", "\"Encrypt\""),
        ("LongInteger", "9223372036854775808"),
        ("BigInteger", "\"0x00\""),
        ("BigInteger", "\"\""),
        ("Enumeration", "-1"),
        ("Enumeration", "4294967296"),
        ("Boolean", "1"),
        ("Boolean", "\"0x0000000000000002\""),
        ("ByteString", "\"0\""),
        ("ByteString", "\"0x00\""),
        ("ByteString", "\"zz\""),
        ("DateTime", "\"2009-11-12\""),
        ("DateTime", "1"),
        ("Interval", "-1"),
        ("TextString", "null"),
        ("DateTimeExtended", "\"2009-11-12T12:13:14.0000001Z\""),
    ] {
        let text = format!(r#"{{"tag": "AttributeValue", "type": "{item_type}", "value": {value}}}"#);
        assert!(json::read(&text).is_err(), "{text}");
    }
}

#[test]
fn members_may_stand_in_any_order_and_masks_have_names() {
    let in_order =
        r#"{"tag":"Attributes","value":[{"tag":"CryptographicUsageMask","type":"Integer","value":12}]}"#;
    let bytes = json::read(in_order).unwrap();
    for same in [
        r#"{"value":[{"value":12,"type":"Integer","tag":"CryptographicUsageMask"}],"tag":"Attributes"}"#,
        r#"{"tag":"0x420125","type":"Structure","value":[{"tag":"CryptographicUsageMask","type":"Integer","value":"Decrypt|Encrypt"}]}"#,
        r#"{"tag":"Attributes","value":[{"tag":"CryptographicUsageMask","type":"Integer","value":"Decrypt|0x00000004"}]}"#,
        r#"{"tag":"Attributes","value":[{"tag":"CryptographicUsageMask","type":"Integer","value":"0x0000000C"}]}"#,
    ] {
        assert_eq!(json::read(same).unwrap(), bytes, "{same}");
    }
    assert_eq!(json::write(&ttlv::decode(&bytes).unwrap()).unwrap(), in_order);
    let empty = json::read(r#"{"tag":"RequestPayload","value":null}"#).unwrap();
    assert_eq!(
        json::write(&ttlv::decode(&empty).unwrap()).unwrap(),
        r#"{"tag":"RequestPayload","value":[]}"#
    );
}

#[test]
fn an_attribute_value_is_named_by_the_attribute_name_beside_it() {
    let text = r#"{"tag":"Attribute","value":[{"tag":"AttributeName","type":"TextString","value":"State"},{"tag":"AttributeValue","type":"Enumeration","value":"PreActive"}]}"#;
    let bytes = json::read(text).unwrap();
    assert_eq!(json::write(&ttlv::decode(&bytes).unwrap()).unwrap(), text);
    let custom = text.replace("\"State\"", "\"x-state\"");
    assert!(matches!(kind_of(&custom), ErrorKind::NoNames { .. }));
}

#[test]
fn dates_outside_the_calendar_survive() {
    for seconds in
        [i64::MIN, -62_167_219_201, -62_167_219_200, -1, 0, 253_402_300_799, 253_402_300_800, i64::MAX]
    {
        for extended in [false, true] {
            let mut buffer = [0; 16];
            let mut writer = ttlv::Writer::new(&mut buffer);
            if extended {
                writer.date_time_extended(tag::ACTIVATION_DATE, seconds);
            } else {
                writer.date_time(tag::ACTIVATION_DATE, seconds);
            }
            let bytes = writer.finish().unwrap().to_vec();
            let text = json::write(&ttlv::decode(&bytes).unwrap()).unwrap();
            assert_eq!(json::read(&text).unwrap(), bytes, "{seconds}: {text}");
        }
    }
}

#[test]
fn depth_and_size_are_limited() {
    let nested =
        |levels: usize| format!("{}{}", r#"{"tag":"Name","value":["#.repeat(levels), "]}".repeat(levels));
    assert!(json::read(&nested(64)).is_ok());
    assert_eq!(kind_of(&nested(65)), ErrorKind::TooDeep { limit: 64 });
    assert_eq!(kind_of(&r#"{"tag":"Name","value":["#.repeat(1_000_000)), ErrorKind::TooDeep { limit: 64 });
    assert!(json::read(&"[".repeat(1_000_000)).is_err());
    assert!(json::read(&format!(r#"{{"tag":"Name","name":{}"#, "[".repeat(1_000_000))).is_err());
    let small = Options::new().max_size(10).max_depth(1000);
    assert!(matches!(
        json::read_with(&nested(1), small).unwrap_err().kind(),
        ErrorKind::TooLarge { limit: 10 }
    ));
}

#[test]
fn only_operations_name_bare_payloads() {
    let read = |text: &str| json::read_payload(text, Options::new());
    let destroy = read(r#"{"tag": "DestroyResponse", "value": []}"#).unwrap();
    assert_eq!((destroy.operation, destroy.direction), (Operation::DESTROY, Direction::Response));
    for text in [r#"{"tag": "Name", "value": []}"#, r#"{"tag": "NameResponse", "value": []}"#] {
        assert!(matches!(read(text).unwrap_err().kind(), ErrorKind::NotAPayload { .. }));
    }
}
