//! The item layer against recordings of real peers and against broken messages.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::std_instead_of_alloc)] // Helpers of tests are tests, too.

#[path = "common/corpus.rs"]
#[allow(dead_code)]
mod corpus;

use core::fmt::Write as _;

use serde_json::{Value as Json, json};
use tde_kmip_codec::ttlv::{self, Item, Leniency, Options, Reader, Value, Walk, Writer};

fn tree(item: &Item<'_>) -> Json {
    let value = match item.value {
        Value::Structure(items) => items.map(|item| tree(&item.unwrap())).collect(),
        Value::Integer(value) => json!(value),
        Value::Interval(value) => json!(value),
        Value::LongInteger(value) | Value::DateTime(value) | Value::DateTimeExtended(value) => {
            json!(value.to_string())
        }
        Value::BigInteger(value) => json!(hex(value.as_wire())),
        Value::ByteString(value) => json!(hex(value)),
        Value::Enumeration(value) => json!(format!("0x{value:08X}")),
        Value::Boolean(value) => json!(value),
        Value::TextString(value) => json!(value),
    };
    json!({"tag": item.tag.to_string(), "type": item.value.item_type().name(), "value": value})
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// The corpus tree without names, with hex in lower case.
fn plain(node: &Json) -> Json {
    let kind = node["type"].as_str().unwrap();
    let value = match (&node["value"], kind) {
        (Json::Array(children), _) => children.iter().map(plain).collect(),
        (Json::String(text), "ByteString" | "BigInteger") => json!(text.to_lowercase()),
        (Json::String(text), "Enumeration") => json!(format!("0x{}", text[2..].to_uppercase())),
        (other, _) => other.clone(),
    };
    json!({"tag": format!("0x{}", node["tag"].as_str().unwrap()[2..].to_uppercase()), "type": kind, "value": value})
}

fn copy(writer: &mut Writer<'_>, item: &Item<'_>) {
    if let Value::Structure(items) = item.value {
        let open = writer.begin(item.tag);
        for child in items {
            copy(writer, &child.unwrap());
        }
        writer.end(open);
    } else {
        writer.value(item.tag, &item.value);
    }
}

#[test]
fn every_recorded_message_decodes_to_its_tree_and_encodes_to_its_bytes() {
    for root in corpus::roots() {
        let messages = corpus::messages(&root);
        assert!(messages.len() > 100, "only {} messages in {}", messages.len(), root.display());
        let mut trees = 0;
        for message in &messages {
            let item =
                ttlv::decode(&message.bytes).unwrap_or_else(|error| panic!("{}: {error}", message.name));
            if let Some(expected) = &message.tree {
                assert_eq!(tree(&item), plain(expected), "{}", message.name);
                trees += 1;
            }
            let mut measure = Writer::measure();
            copy(&mut measure, &item);
            assert_eq!(measure.measured(), Ok(message.bytes.len()), "{}", message.name);
            let mut buffer = vec![0xA5; message.bytes.len()];
            let mut writer = Writer::new(&mut buffer);
            copy(&mut writer, &item);
            assert_eq!(writer.finish().unwrap(), message.bytes, "{}", message.name);
        }
        eprintln!("{}: {} messages, {trees} trees", root.display(), messages.len());
    }
}

#[test]
fn byte_strings_from_other_implementations_get_the_verdict_of_the_independent_decoder() {
    let Some(root) = corpus::full() else { return };
    let mut seen = [0; 2];
    for path in corpus::files(&root.join("from-tests"), ".json") {
        let file = corpus::json(&path);
        let entries =
            file.as_array().or_else(|| file["entries"].as_array()).or_else(|| file["samples"].as_array());
        let entries = entries.unwrap_or_else(|| {
            panic!("{}: {:?}", path.display(), file.as_object().map(|o| o.keys().collect::<Vec<_>>()))
        });
        for entry in entries {
            let verdict = entry["strict_decoder"].as_str().unwrap();
            let bytes = corpus::hex(entry["hex"].as_str().unwrap());
            let ours: Result<usize, _> =
                Walk::new(Reader::new(&bytes)).try_fold(0, |count, visit| visit.map(|_| count + 1));
            let ours = ours.is_ok_and(|items| items > 0);
            assert_eq!(ours, verdict.starts_with("ok"), "{} {}: {verdict}", path.display(), entry["file"]);
            seen[usize::from(ours)] += 1;
        }
    }
    eprintln!("{} refused, {} accepted", seen[0], seen[1]);
    assert!(seen[1] > 100);
}

#[test]
fn broken_items_are_refused_at_the_byte_that_is_wrong() {
    let Some(root) = corpus::full() else { return };
    let mut counts = [0; 2];
    for path in corpus::files(&root.join("malformed"), ".json") {
        let case = corpus::json(&path);
        let bytes = std::fs::read(path.with_extension("ttlv")).unwrap();
        let result = ttlv::decode(&bytes);
        let independent = case["independent_ttlv_decoder"].as_str().unwrap();
        assert_eq!(result.is_ok(), independent == "accept", "{}: {independent} {result:?}", path.display());
        counts[usize::from(result.is_ok())] += 1;
        let Err(error) = result else { continue };
        assert!(error.offset() <= bytes.len());
        if let Some(place) = independent.rsplit(" at ").next().and_then(|text| text.split(':').next())
            && let Ok(offset) = place.parse::<usize>()
        {
            assert_eq!(error.offset(), offset, "{}: {independent}, ours: {error}", path.display());
        }
        eprintln!("{}: {error}", case["name"].as_str().unwrap());
    }
    assert!(counts[0] > 20 && counts[1] > 5, "{counts:?}");
}

#[test]
fn padding_deviations_are_read_and_reported_when_allowed() {
    let mut wrong = [0_u8; 16];
    let mut writer = Writer::new(&mut wrong);
    writer.integer(ttlv::Tag::known(0x42_0020), 8);
    writer.finish().unwrap();
    wrong[13] = 7;
    let strict = ttlv::decode(&wrong).unwrap_err();
    assert_eq!((strict.kind(), strict.offset()), (ttlv::ErrorKind::NonZeroPadding, 13));

    let mut heard = Vec::new();
    let options = Options::new().leniency(Leniency::NONZERO_PADDING);
    let item = ttlv::decode_with(&wrong, options, |tolerated| heard.push(tolerated)).unwrap();
    assert_eq!(item.value, Value::Integer(8));
    assert_eq!(heard.len(), 1);
    assert_eq!(
        (heard[0].switch, heard[0].kind, heard[0].offset),
        (Leniency::NONZERO_PADDING, strict.kind(), 13)
    );

    // The four bytes after the Integer are missing, inside a structure and at the end of the input.
    let short = [0x42, 0, 0x20, 1, 0, 0, 0, 12, 0x42, 0, 0x20, 2, 0, 0, 0, 4, 0, 0, 0, 8];
    assert_eq!(ttlv::decode(&short).unwrap_err().offset(), 0);
    assert_eq!(ttlv::decode(&short[8..]).unwrap_err().offset(), 0);
    let options = Options::new().leniency(Leniency::SHORT_PADDING);
    let mut heard = Vec::new();
    let item = ttlv::decode_with(&short, options, |tolerated| heard.push(tolerated.offset)).unwrap();
    assert_eq!(item.children().read().unwrap().value, Value::Integer(8));
    assert_eq!(heard, [0, 8]);
    assert!(ttlv::decode_with(&short[8..], options, |_| {}).is_ok());
}

#[test]
fn limits_are_kept() {
    let message = [0x42, 0, 0x20, 1, 0, 0, 0, 16, 0x42, 0, 0x20, 2, 0, 0, 0, 4, 0, 0, 0, 8, 0, 0, 0, 0];
    let limited =
        |options| ttlv::decode_with(&message, options, |_| {}).map(|_| ()).map_err(|error| error.kind());
    assert_eq!(limited(Options::new().max_size(24).max_items(2).max_depth(1)), Ok(()));
    assert_eq!(limited(Options::new().max_size(23)), Err(ttlv::ErrorKind::TooLarge { limit: 23 }));
    assert_eq!(limited(Options::new().max_items(1)), Err(ttlv::ErrorKind::TooManyItems { limit: 1 }));
    assert_eq!(limited(Options::new().max_depth(0)), Err(ttlv::ErrorKind::TooDeep { limit: 0 }));
}

#[test]
fn a_writer_says_how_large_its_buffer_should_have_been() {
    let tag = ttlv::Tag::known(0x42_0020);
    let mut buffer = [0; 23];
    let mut writer = Writer::new(&mut buffer);
    writer.text_string(tag, "Hello World");
    let error = writer.finish().unwrap_err();
    assert_eq!(error.kind(), ttlv::ErrorKind::BufferTooSmall { needed: 24 });
}
