//! XML TTLV against the published test cases and every recorded message.
#![cfg(feature = "xml")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Helpers of tests are tests, too.

#[path = "common/corpus.rs"]
#[allow(dead_code)]
mod corpus;
#[path = "common/typed.rs"]
mod typed;

use core::fmt::Write as _;
use std::fs;

use quick_xml::events::{BytesStart, Event};
use tde_kmip_codec::{
    spec::tag,
    ttlv::{self, ItemType, Leniency},
    xml::{self, ErrorKind, Options, WriteError},
};

/// An element of a test case, or the end of one.
#[derive(Debug, Clone, PartialEq)]
enum Part {
    Start { name: String, tag: Option<String>, item_type: Option<String>, value: Option<String> },
    End,
}

/// What stands in a test case, remarks and the outermost element left out.
fn parts(text: &str) -> Vec<Part> {
    let mut parser = quick_xml::Reader::from_str(text);
    let mut parts = Vec::new();
    let start = |element: &BytesStart<'_>| {
        let member = |key: &str| {
            let attribute = element.try_get_attribute(key).unwrap()?;
            Some(attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0).unwrap().into_owned())
        };
        let name = element.name().as_ref().to_owned();
        Part::Start { name, tag: member("tag"), item_type: member("type"), value: member("value") }
    };
    loop {
        match parser.read_event().unwrap() {
            Event::Eof => return parts,
            Event::Start(element) if ["KMIP", "KmipTestCase"].contains(&element.name().as_ref()) => {}
            Event::End(element) if ["KMIP", "KmipTestCase"].contains(&element.name().as_ref()) => {}
            Event::Start(element) => parts.push(start(&element)),
            Event::Empty(element) => parts.extend([start(&element), Part::End]),
            Event::End(_) => parts.push(Part::End),
            _ => {}
        }
    }
}

/// The messages of a test case.
fn messages(parts: Vec<Part>) -> Vec<Vec<Part>> {
    let mut messages = vec![Vec::new()];
    let mut depth = 0;
    for part in parts {
        depth += if part == Part::End { -1 } else { 1 };
        messages.last_mut().unwrap().push(part);
        if depth == 0 {
            messages.push(Vec::new());
        }
    }
    assert!(messages.pop().unwrap().is_empty());
    messages
}

fn text_of(parts: &[Part]) -> String {
    let mut text = String::new();
    let mut open = Vec::new();
    for part in parts {
        let Part::Start { name, tag, item_type, value } = part else {
            write!(text, "</{}>", open.pop().unwrap()).unwrap();
            continue;
        };
        write!(text, "<{name}").unwrap();
        for (key, value) in [("tag", tag), ("type", item_type), ("value", value)] {
            if let Some(value) = value {
                write!(text, " {key}=\"{}\"", quick_xml::escape::escape(value.as_str())).unwrap();
            }
        }
        text.push('>');
        open.push(name);
    }
    text
}

/// Whether two spellings say the same.
fn same_value(item_type: &str, ours: &str, theirs: &str) -> bool {
    let letters = |text: &str| text.to_lowercase().replace('_', "");
    match item_type {
        "Integer" => {
            let words = |text: &str| {
                // The test cases name this bit as KMIP 2.x does.
                let text = text.replace("ContentCommitmentNonRepudiation", "ContentCommitment");
                let mut words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
                words.sort();
                words
            };
            words(ours) == words(theirs)
        }
        "BigInteger" => ours.trim_start_matches('0') == letters(theirs).trim_start_matches('0'),
        "DateTime" => {
            let instant = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
            instant(ours) == instant(theirs)
        }
        "Enumeration" | "ByteString" => letters(ours) == letters(theirs),
        _ => ours == theirs,
    }
}

/// XML to TTLV to typed messages to TTLV to XML: nothing is lost on the way.
#[test]
fn published_test_cases_survive_bytes_and_typed_messages() {
    let Some(root) = corpus::full() else { return };
    let (mut cases, mut count, mut values, mut lenient) = (0, 0, 0, 0);
    for path in corpus::files(&root.join("oasis"), ".xml") {
        let text = fs::read_to_string(&path).unwrap();
        let found = messages(parts(&text));
        let expected = corpus::json(&path.with_extension("ttlv.json"));
        for entry in expected["messages"].as_array().unwrap() {
            let place = format!("{} #{}", path.display(), entry["index"]);
            let bytes = corpus::hex(entry["ttlv"].as_str().unwrap());
            let mut original = found[usize::try_from(entry["index"].as_u64().unwrap()).unwrap()].clone();
            let written = xml::write(&ttlv::decode(&bytes).unwrap()).unwrap();
            assert_eq!(xml::read(&written).unwrap(), bytes, "{place}");

            let ours = parts(&written);
            assert_eq!(ours.len(), original.len(), "{place}");
            for (ours, theirs) in ours.iter().zip(&mut original) {
                let (
                    Part::Start { name: our_name, item_type: our_type, value: Some(our_value), .. },
                    Part::Start { name, item_type, value: Some(value), .. },
                ) = (ours, &mut *theirs)
                else {
                    if let (Part::Start { name: ours, .. }, Part::Start { name: theirs, .. }) =
                        (ours, &*theirs)
                    {
                        assert_eq!(ours, theirs, "{place}");
                    } else {
                        assert_eq!(*ours, *theirs, "{place}");
                    }
                    continue;
                };
                assert_eq!((our_name, our_type), (&*name, &*item_type), "{place}");
                if value.contains('$') {
                    value.clone_from(our_value);
                }
                let item_type = item_type.as_deref().unwrap();
                assert!(same_value(item_type, our_value, value), "{place}, {name}: {our_value} for {value}");
                values += 1;
            }
            let read = xml::read(&text_of(&original)).unwrap_or_else(|error| panic!("{place}: {error}"));
            assert!(read == bytes, "{place}");

            let typed = typed::round_trip(&read, Leniency::NONE).or_else(|_| {
                // A Digest of 1.1 in a message of 1.0.
                lenient += 1;
                typed::round_trip(&read, Leniency::OTHER_VERSIONS)
            });
            let (encoded, _) = typed.unwrap_or_else(|error| panic!("{place}: {error}"));
            assert!(encoded == bytes, "{place}");
            // That this is the published text has been seen above.
            assert_eq!(xml::write(&ttlv::decode(&encoded).unwrap()).unwrap(), written, "{place}");
            count += 1;
        }
        cases += 1;
    }
    assert!(lenient < 5, "{lenient} messages need leniency");
    assert!(
        cases > 350 && count > 4000 && values > 40_000,
        "{cases} cases, {count} messages, {values} values"
    );
}

#[test]
fn test_cases_without_placeholders_are_read_as_they_stand() {
    let Some(root) = corpus::full() else { return };
    let mut count = 0;
    for path in corpus::files(&root.join("oasis"), ".xml") {
        let text = fs::read_to_string(&path).unwrap().replace("\"$NOW\"", "\"2023-11-14T22:13:20+00:00\"");
        if text.contains('$') {
            continue;
        }
        let read = xml::read_all(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let expected = corpus::json(&path.with_extension("ttlv.json"));
        for (bytes, entry) in read.iter().zip(expected["messages"].as_array().unwrap()) {
            assert!(*bytes == corpus::hex(entry["ttlv"].as_str().unwrap()), "{}", path.display());
            count += 1;
        }
    }
    assert!(count > 100, "{count}");
}

#[test]
fn every_message_survives() {
    let mut count = 0;
    for root in corpus::roots() {
        for message in corpus::messages(&root) {
            let Ok(item) = ttlv::decode(&message.bytes) else { continue };
            let text = xml::write(&item).unwrap_or_else(|error| panic!("{}: {error}", message.name));
            assert!(xml::read(&text).unwrap() == message.bytes, "{}: {text}", message.name);
            count += 1;
        }
    }
    if corpus::full().is_some() {
        assert!(count > 9000, "{count}");
    }
}

fn kind_of(text: &str) -> ErrorKind {
    xml::read(text).unwrap_err().kind().clone()
}

#[test]
fn errors_say_what_and_where() {
    let error = xml::read("<Name>\n  <NameValue type=\"TextString\"/>\n</Name>").unwrap_err();
    assert_eq!((error.line(), error.column(), error.path()), (2, 3, "Name"));
    assert_eq!(error.to_string(), "the item has no \"value\" at line 2, column 3, in Name");
    assert!(matches!(kind_of("<Name>"), ErrorKind::Syntax { .. }));
    assert!(matches!(kind_of("<KMIP><Name/>"), ErrorKind::Syntax { .. }));
    assert!(matches!(kind_of("<Name></Nme>"), ErrorKind::Syntax { .. }));
    assert!(matches!(kind_of("<!DOCTYPE x><Name/>"), ErrorKind::Syntax { .. }));
    assert!(matches!(kind_of("<Name type/>"), ErrorKind::Syntax { .. }));
    assert_eq!(kind_of(""), ErrorKind::NoItem);
    assert_eq!(kind_of("<KMIP/>"), ErrorKind::NoItem);
    assert_eq!(kind_of("<Name/><Name/>"), ErrorKind::TrailingContent);
    assert_eq!(kind_of("<KMIP><Name/></KMIP><Name/>"), ErrorKind::TrailingContent);
    assert_eq!(kind_of("<KMIP><Name/><Name/></KMIP>"), ErrorKind::TrailingContent);
    assert_eq!(kind_of("<Nme/>"), ErrorKind::UnknownTag { name: "Nme".into() });
    assert_eq!(kind_of("<TTLV/>"), ErrorKind::MissingKey { key: "tag" });
    assert_eq!(kind_of("<Name tag=\"0x420053\"/>"), ErrorKind::UnknownKey { key: "tag".into() });
    assert_eq!(kind_of("<Name value=\"1\"/>"), ErrorKind::MissingKey { key: "type" });
    assert_eq!(
        kind_of("<Name type=\"Structure\" type=\"Structure\"/>"),
        ErrorKind::RepeatedKey { key: "type" }
    );
    assert_eq!(kind_of("<Name what=\"\"/>"), ErrorKind::UnknownKey { key: "what".into() });
    assert_eq!(kind_of("<Name>text</Name>"), ErrorKind::TextAmongItems);
    assert_eq!(kind_of("<Name>&lt;</Name>"), ErrorKind::TextAmongItems);
    assert_eq!(
        kind_of("<State type=\"Integer\" value=\"1\"><Name/></State>"),
        ErrorKind::NotThisValue { item_type: ItemType::Integer }
    );
    assert_eq!(
        kind_of("<State type=\"Enumeration\" value=\"Sleepy\"/>"),
        ErrorKind::UnknownName { enumeration: "State", name: "Sleepy".into() }
    );
}

#[test]
fn no_error_quotes_a_value() {
    for text in [
        "<Password type=\"ByteString\" value=\"hunter2\"/>",
        "<Password type=\"Integer\" value=\"hunter2\"/>",
        "<Password type=\"TextString\" value=\"&hunter2;\"/>",
        "<Password type=\"TextString\" value=\"hunter2<\"/>",
        "<Password type=\"TextString\" value=\"hunter2",
        "<Password value=\"hunter2\"/>",
        "<Password type=\"TextString\" value=\"a\">hunter2</Password>",
    ] {
        let Err(error) = xml::read(text) else { continue };
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
}

#[test]
fn text_of_any_kind_survives_but_for_control_characters() {
    let write = |text: &str| {
        let mut buffer = vec![0; text.len() + 16];
        let mut writer = ttlv::Writer::new(&mut buffer);
        writer.text_string(tag::NAME_VALUE, text);
        let bytes = writer.finish().unwrap().to_vec();
        let written = xml::write(&ttlv::decode(&bytes).unwrap());
        (bytes, written)
    };
    for text in ["", " a  b ", "a\nb\r\nc\td", "<&>\"' &amp; &#10;", "grüße 𝄞 \u{85} \u{2028} \u{7F}", "]]>"]
    {
        let (bytes, written) = write(text);
        assert_eq!(xml::read(&written.unwrap()).unwrap(), bytes, "{text:?}");
    }
    for text in ["\0", "a\u{1}", "\u{1F}", "\u{FFFF}"] {
        assert_eq!(write(text).1.unwrap_err(), WriteError::Character { offset: 0 });
    }
}

#[test]
fn depth_and_size_are_limited() {
    let nested = |levels: usize| format!("{}{}", "<Name>".repeat(levels), "</Name>".repeat(levels));
    assert!(xml::read(&nested(64)).is_ok());
    assert_eq!(kind_of(&nested(65)), ErrorKind::TooDeep { limit: 64 });
    assert_eq!(kind_of(&"<Name>".repeat(1_000_000)), ErrorKind::TooDeep { limit: 64 });
    let small = Options::new().max_size(10).max_depth(1000);
    let error = xml::read_with(&nested(2), small).unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::TooLarge { limit: 10 });
}

#[test]
fn tags_without_a_name_and_namespaces_are_read() {
    let text = r#"<k:VendorExtension xmlns:k="urn:oasis:tc:kmip:xmlns"><TTLV tag="0x540001" name="Mine" type="Interval" value="7"/></k:VendorExtension>"#;
    let bytes = xml::read(text).unwrap();
    let written = xml::write(&ttlv::decode(&bytes).unwrap()).unwrap();
    assert_eq!(
        written,
        "<VendorExtension>\n  <TTLV tag=\"0x540001\" type=\"Interval\" value=\"7\"/>\n</VendorExtension>\n"
    );
    assert_eq!(xml::read(&written).unwrap(), bytes);
}
