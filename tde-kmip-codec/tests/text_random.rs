//! Random items survive JSON, the tree form and XML; random texts are read or refused, never worse.
#![cfg(all(feature = "json", feature = "xml"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Helpers of tests are tests, too.

use proptest::prelude::*;
use tde_kmip_codec::{
    json,
    pretty::Pretty,
    spec::{self, Names, tag},
    ttlv::{self, BigInteger, Reader, Tag, Visit, Walk, Writer},
    xml,
};

/// An item to be made.
#[derive(Clone, Debug)]
enum Node {
    Structure(Tag, Vec<Node>),
    Integer(Tag, i32),
    LongInteger(Tag, i64),
    BigInteger(Tag, Vec<u64>),
    Enumeration(Tag, u32),
    Boolean(Tag, bool),
    TextString(Tag, String),
    ByteString(Tag, Vec<u8>),
    DateTime(Tag, i64),
    Interval(Tag, u32),
    DateTimeExtended(Tag, i64),
}

fn write(node: &Node, writer: &mut Writer<'_>) {
    match node {
        Node::Structure(tag, nodes) => {
            let open = writer.begin(*tag);
            nodes.iter().for_each(|node| write(node, writer));
            writer.end(open);
        }
        Node::Integer(tag, value) => writer.integer(*tag, *value),
        Node::LongInteger(tag, value) => writer.long_integer(*tag, *value),
        Node::BigInteger(tag, words) => {
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
            writer.big_integer(*tag, BigInteger::from_wire(&bytes).unwrap());
        }
        Node::Enumeration(tag, value) => writer.enumeration(*tag, *value),
        Node::Boolean(tag, value) => writer.boolean(*tag, *value),
        Node::TextString(tag, text) => writer.text_string(*tag, text),
        Node::ByteString(tag, bytes) => writer.byte_string(*tag, bytes),
        Node::DateTime(tag, seconds) => writer.date_time(*tag, *seconds),
        Node::Interval(tag, seconds) => writer.interval(*tag, *seconds),
        Node::DateTimeExtended(tag, value) => writer.date_time_extended(*tag, *value),
    }
}

fn encoded(node: &Node) -> Vec<u8> {
    let mut measure = Writer::measure();
    write(node, &mut measure);
    let mut buffer = vec![0; measure.measured().unwrap()];
    let mut writer = Writer::new(&mut buffer);
    write(node, &mut writer);
    writer.finish().unwrap();
    buffer
}

/// Tags of the standard, the reserved ones between them, and extensions.
fn any_tag() -> impl Strategy<Value = Tag> {
    prop_oneof![
        8 => prop::sample::select(spec::tag::TABLE).prop_map(|facts| facts.tag),
        1 => (0x42_0000_u32..0x43_0000).prop_map(|value| Tag::new(value).unwrap()),
        1 => (0x54_0000_u32..0x55_0000).prop_map(|value| Tag::new(value).unwrap()),
    ]
}

/// A tag and a number that often is one of its values.
fn any_number() -> impl Strategy<Value = (Tag, u32)> {
    (any_tag(), any::<prop::sample::Index>(), any::<u32>(), any::<bool>()).prop_map(
        |(tag, index, value, known)| match spec::tag_facts(tag).map(|facts| facts.names) {
            Some(Names::Enumeration(table) | Names::Mask(table)) if known => {
                (tag, table.values[index.index(table.values.len())].value)
            }
            Some(Names::Tags) if known => {
                (tag, spec::tag::TABLE[index.index(spec::tag::TABLE.len())].tag.get())
            }
            _ => (tag, value),
        },
    )
}

/// The names of attributes make values beside them mean something.
fn any_text() -> impl Strategy<Value = (Tag, String)> {
    prop_oneof![
        (any_tag(), any::<String>()),
        prop::sample::select(spec::attribute::TABLE)
            .prop_map(|facts| (tag::ATTRIBUTE_NAME, facts.name.to_owned())),
    ]
}

fn any_leaf() -> impl Strategy<Value = Node> {
    let date = prop_oneof![any::<i64>(), -100_000_000_000_i64..300_000_000_000];
    prop_oneof![
        any_number().prop_map(|(tag, value)| Node::Integer(tag, value.cast_signed())),
        any_number().prop_map(|(_, value)| Node::Integer(tag::ATTRIBUTE_VALUE, value.cast_signed())),
        any_number().prop_map(|(tag, value)| Node::Enumeration(tag, value)),
        any_number().prop_map(|(_, value)| Node::Enumeration(tag::ATTRIBUTE_VALUE, value)),
        (any_tag(), any::<i64>()).prop_map(|(tag, value)| Node::LongInteger(tag, value)),
        (any_tag(), prop::collection::vec(any::<u64>(), 1..5))
            .prop_map(|(tag, words)| Node::BigInteger(tag, words)),
        (any_tag(), any::<bool>()).prop_map(|(tag, value)| Node::Boolean(tag, value)),
        any_text().prop_map(|(tag, text)| Node::TextString(tag, text)),
        (any_tag(), any::<Vec<u8>>()).prop_map(|(tag, bytes)| Node::ByteString(tag, bytes)),
        (any_tag(), date.clone()).prop_map(|(tag, seconds)| Node::DateTime(tag, seconds)),
        (any_tag(), any::<u32>()).prop_map(|(tag, seconds)| Node::Interval(tag, seconds)),
        (any_tag(), date).prop_map(|(tag, value)| Node::DateTimeExtended(tag, value)),
    ]
}

fn any_node() -> impl Strategy<Value = Node> {
    any_leaf().prop_recursive(5, 40, 8, |inner| {
        (any_tag(), prop::collection::vec(inner, 0..8)).prop_map(|(tag, nodes)| Node::Structure(tag, nodes))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn random_items_survive(node in any_node()) {
        let bytes = encoded(&node);
        let item = ttlv::decode(&bytes).unwrap();
        let text = json::write(&item).unwrap();
        prop_assert_eq!(&json::read(&text).unwrap(), &bytes, "{}", text);
        let text = json::write_tree(&item).unwrap();
        prop_assert_eq!(&json::read(&text).unwrap(), &bytes, "{}", text);
        // Text with control characters is all that XML cannot hold.
        if let Ok(text) = xml::write(&item) {
            prop_assert_eq!(&xml::read(&text).unwrap(), &bytes, "{}", text);
        } else {
            let debug = format!("{node:?}");
            prop_assert!(debug.contains('\\'), "{}", debug);
        }
        // One line for each item and nothing else: no deviation, and no text that breaks out of its line.
        let text = Pretty::new(&bytes).to_string();
        let mut lines = text.lines();
        for visit in Walk::new(Reader::new(&bytes)) {
            let Visit { item, depth, .. } = visit.unwrap();
            let name = item.value.item_type().name();
            let start = format!("{:04X}  {:width$}", item.offset, "", width = 2 * usize::from(depth));
            let line = lines.next().unwrap_or_default();
            let rest = line.strip_prefix(&start).filter(|rest| !rest.starts_with([' ', '!']) && rest.contains(name));
            prop_assert!(rest.is_some(), "{line}: {start}... {name}");
        }
        prop_assert_eq!(lines.next(), None);
    }

    #[test]
    fn changed_texts_are_read_or_refused(node in any_node(), at: prop::sample::Index, with in "[\\PC\"<>{}\\[\\]:,0x]{0,4}", cut in 0_usize..5) {
        let bytes = encoded(&node);
        let item = ttlv::decode(&bytes).unwrap();
        for (text, is_json) in [(json::write(&item).ok(), true), (xml::write(&item).ok(), false)] {
            let Some(text) = text else { continue };
            let chars: Vec<char> = text.chars().collect();
            let at = at.index(chars.len());
            let changed: String =
                chars[..at].iter().copied().chain(with.chars()).chain(chars[at..].iter().copied().skip(cut)).collect();
            let read = if is_json { json::read(&changed) } else { xml::read(&changed) };
            match read {
                // Whatever is read is canonical.
                Ok(bytes) => prop_assert!(ttlv::decode(&bytes).is_ok(), "{}", changed),
                Err(error) => {
                    let lines = changed.lines().count() + 1;
                    prop_assert!(error.line() <= lines, "{error}: {changed}");
                }
            }
        }
    }

    #[test]
    fn random_texts_are_read_or_refused(text in "[\\PC\"<>{}\\[\\]:,=/&;#0-9a-z ]{0,60}") {
        let _ = json::read(&text);
        let _ = xml::read_all(&text);
    }
}
