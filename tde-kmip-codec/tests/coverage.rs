//! `docs/kmip-coverage.md`: what is decoded, encoded, and tested with what, from the tables and from evidence.
//!
//! `KMIP_COVERAGE=write cargo test -p tde-kmip-codec --test coverage` writes the file anew.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::std_instead_of_alloc)] // Helpers of tests are tests, too.

#[path = "common/corpus.rs"]
#[allow(dead_code)]
mod corpus;
#[path = "common/generate.rs"]
#[allow(dead_code)]
mod generate;

use core::fmt::Write as _;
use std::{collections::BTreeSet, fs, path::Path};

use generate::{Fill, Generator};
use tde_kmip_codec::{
    message::{RequestMessage, ResponseMessage},
    spec::{self, Names, ProtocolVersion, Versions, enumeration::ObjectType, tag},
    ttlv::{Leniency, Options, Reader, Tag, Value, Walk},
};

#[derive(PartialEq, Eq, PartialOrd, Ord, Clone, Copy, Debug)]
enum Thing {
    Operation(u32),
    Item(Tag),
    Attribute(Tag),
    Value(Tag, u32),
}

/// What was seen in messages of a version.
type Seen = BTreeSet<(usize, Thing)>;

fn note(bytes: &[u8], version: usize, seen: &mut Seen) {
    let mut around = Vec::new();
    for visit in Walk::new(Reader::new(bytes)) {
        let visit = visit.unwrap();
        let item = visit.item;
        around.truncate(usize::from(visit.depth));
        let parent = around.last().copied();
        seen.insert((version, Thing::Item(item.tag)));
        match (item.tag, item.value) {
            (tag::OPERATION, Value::Enumeration(value)) if parent == Some(tag::BATCH_ITEM) => {
                seen.insert((version, Thing::Operation(value)));
            }
            (tag::ATTRIBUTE_NAME, Value::TextString(name)) if parent == Some(tag::ATTRIBUTE) => {
                if let Some(attribute) = spec::attribute_named(name) {
                    seen.insert((version, Thing::Attribute(attribute)));
                }
            }
            _ => {}
        }
        let holders = [
            tag::ATTRIBUTES,
            tag::COMMON_ATTRIBUTES,
            tag::PRIVATE_KEY_ATTRIBUTES,
            tag::PUBLIC_KEY_ATTRIBUTES,
            tag::NEW_ATTRIBUTE,
            tag::CURRENT_ATTRIBUTE,
        ];
        if parent.is_some_and(|parent| holders.contains(&parent)) {
            seen.insert((version, Thing::Attribute(item.tag)));
        }
        if let Value::Enumeration(value) = item.value {
            seen.insert((version, Thing::Value(item.tag, value)));
        }
        around.push(item.tag);
    }
}

/// Decodes and encodes; the version and whether the bytes are the same.
fn round_trip(bytes: &[u8], leniency: Leniency) -> Option<ProtocolVersion> {
    let mut buffer = vec![0; bytes.len() + 64];
    let options = Options::new().leniency(leniency);
    let (version, encoded) = if bytes[2] == tag::RESPONSE_MESSAGE.get() as u8 {
        let message = ResponseMessage::decode_with(bytes, options, &mut |_| {}).ok()?;
        (message.header.protocol_version, message.encode_with(&mut buffer, leniency).ok()?)
    } else {
        let message = RequestMessage::decode_with(bytes, options, &mut |_| {}).ok()?;
        (message.header.protocol_version, message.encode_with(&mut buffer, leniency).ok()?)
    };
    (encoded == bytes).then_some(version)
}

/// What the typed layer has decoded and encoded, strictly, in messages with every field.
fn generated() -> Seen {
    let mut seen = Seen::new();
    for facts in spec::operation::TABLE {
        for (index, version) in ProtocolVersion::ALL.into_iter().enumerate() {
            for seed in 0..60 {
                if !facts.versions.contains(version) {
                    continue;
                }
                let mut generator = Generator::new(seed * 7 + 1, Fill::All, version);
                for bytes in [generator.request(facts), generator.response(facts)] {
                    assert_eq!(round_trip(&bytes, Leniency::NONE), Some(version), "{} {version}", facts.name);
                    note(&bytes, index, &mut seen);
                }
            }
        }
    }
    seen
}

/// What stands in recordings, and in the published test cases.
fn recorded(root: &Path) -> [Seen; 2] {
    let mut seen = [Seen::new(), Seen::new()];
    for message in corpus::messages(root) {
        if let Some(index) = round_trip(&message.bytes, Leniency::ALL).and_then(ProtocolVersion::index) {
            note(&message.bytes, index, &mut seen[usize::from(message.folder == "oasis")]);
        }
    }
    seen
}

struct Page<'a> {
    text: String,
    generated: &'a Seen,
    recorded: Option<&'a [Seen; 2]>,
}

impl Page<'_> {
    fn heading(&mut self, title: &str, first: &str) {
        write!(self.text, "\n## {title}\n\n| {first} | 1.0 | 1.1 | 1.2 | 1.3 | 1.4 | 2.0 | 2.1 |\n").unwrap();
        self.text.push_str("| --- | --- | --- | --- | --- | --- | --- | --- |\n");
    }

    fn row(&mut self, name: &str, versions: Versions, thing: Thing) {
        write!(self.text, "| {name} |").unwrap();
        for (index, version) in ProtocolVersion::ALL.into_iter().enumerate() {
            if !versions.contains(version) {
                self.text.push_str("  |");
                continue;
            }
            assert!(
                self.generated.contains(&(index, thing)),
                "{name} is not decoded and encoded in {version}"
            );
            self.text.push_str(" de");
            for (seen, mark) in self.recorded.into_iter().flatten().zip(["r", "o"]) {
                self.text.push_str(if seen.contains(&(index, thing)) { mark } else { "-" });
            }
            self.text.push_str(" |");
        }
        self.text.push('\n');
    }

    fn enumeration_row(&mut self, facts: &spec::EnumerationFacts, tags: &[Tag]) {
        write!(self.text, "| {} |", facts.name).unwrap();
        for (index, version) in ProtocolVersion::ALL.into_iter().enumerate() {
            let values: Vec<u32> = facts
                .values
                .iter()
                .filter(|row| row.versions.contains(version))
                .map(|row| row.value)
                .collect();
            let used = |seen: &Seen, value: u32| {
                tags.iter().any(|tag| seen.contains(&(index, Thing::Value(*tag, value))))
            };
            if values.is_empty() {
                self.text.push_str("  |");
                continue;
            }
            // One table decides for every value; that the field is read at all is what needs evidence.
            let field = values.iter().any(|value| used(self.generated, *value));
            assert!(field, "no field with {} is decoded and encoded in {version}", facts.name);
            write!(self.text, " de {}", values.len()).unwrap();
            for (seen, mark) in self.recorded.into_iter().flatten().zip(["r", "o"]) {
                write!(self.text, " {mark}{}", values.iter().filter(|value| used(seen, **value)).count())
                    .unwrap();
            }
            self.text.push_str(" |");
        }
        self.text.push('\n');
    }
}

const INTRODUCTION: &str = "# What the KMIP codec covers

Written by `tde-kmip-codec/tests/coverage.rs` from the crate's tables and from evidence; a test fails when it is out of date.

- `d`, `e`: decoded and encoded by the typed layer, strictly and to the same bytes, in messages with every field that the version has.
- `r`: also met in a recorded message of a real client or server; `o`: also met in a published OASIS test case; `-` in their places: not met there.
- An empty cell: the version does not have it. The values of an enumeration are counted: all of them, those recorded, those in test cases.
";

#[test]
fn the_coverage_table_is_complete_and_up_to_date() {
    let generated = generated();
    let full = corpus::full();
    let recorded = full.as_deref().map(recorded);
    let mut page = Page { text: INTRODUCTION.to_owned(), generated: &generated, recorded: recorded.as_ref() };

    page.heading("Operations", "operation");
    for facts in spec::operation::TABLE {
        page.row(facts.name, facts.versions, Thing::Operation(facts.operation.0));
    }
    page.heading("Objects", "object");
    for object in ObjectType::FACTS.values {
        let tag = spec::tag_named(object.camel_name).unwrap();
        page.row(object.name, object.versions, Thing::Item(tag));
    }
    page.heading("Attributes", "attribute");
    let tags: BTreeSet<Tag> = spec::attribute::TABLE.iter().map(|facts| facts.tag).collect();
    for attribute in tags.into_iter().filter(|tag| *tag != tag::CUSTOM_ATTRIBUTE) {
        let rows = spec::attribute_rows(attribute);
        let versions = rows.iter().fold(Versions::NONE, |all, row| all.union(row.versions));
        page.row(rows[0].name, versions, Thing::Attribute(attribute));
    }
    page.heading("Structures", "structure");
    let mut done = BTreeSet::new();
    for facts in spec::structure::TABLE {
        // Attributes of 1.x stand under Attribute Value; their structures are among the attributes above.
        let versions = facts.versions;
        let is_attribute = !spec::attribute_rows(facts.tag).is_empty();
        if done.insert(facts.tag) && !is_attribute {
            page.row(facts.name, versions, Thing::Item(facts.tag));
        }
    }
    page.heading("Enumerations", "enumeration");
    let mut enumerations = Vec::<(&spec::EnumerationFacts, Vec<Tag>)>::new();
    for facts in spec::tag::TABLE {
        if let Names::Enumeration(values) = facts.names {
            match enumerations.iter_mut().find(|(known, _)| known.name == values.name) {
                Some((_, tags)) => tags.push(facts.tag),
                None => enumerations.push((values, vec![facts.tag])),
            }
        }
    }
    enumerations.sort_by_key(|(facts, _)| facts.name);
    for (facts, mut tags) in enumerations {
        tags.push(tag::ATTRIBUTE_VALUE);
        page.enumeration_row(facts, &tags);
    }

    let text = page.text;
    if full.is_none() {
        eprintln!("SKIPPED: the recordings are not there, so the page cannot be compared");
        return;
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/kmip-coverage.md");
    if std::env::var_os("KMIP_COVERAGE").is_some_and(|value| value == "write") {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &text).unwrap();
    }
    assert!(
        fs::read_to_string(&path).unwrap_or_default() == text,
        "docs/kmip-coverage.md is out of date: {}",
        "KMIP_COVERAGE=write"
    );
}
