//! No field is read where it has another type than the standard gives it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Helpers of tests are tests, too.

#[path = "common/generate.rs"]
#[allow(dead_code)]
mod generate;
#[path = "common/typed.rs"]
mod typed;

use generate::{Fill, Generator};
use tde_kmip_codec::{
    spec::{self, FieldFacts, ProtocolVersion, tag},
    ttlv::{self, Item, ItemType, Leniency, Reader, Tag, Value, Writer},
};
use typed::round_trip;

/// Values that are good ones of their type.
const VALUES: [Value<'static>; 9] = [
    Value::Integer(1),
    Value::LongInteger(1),
    Value::Enumeration(1),
    Value::Boolean(true),
    Value::TextString("State"),
    Value::ByteString(b"State"),
    Value::DateTime(1),
    Value::Interval(1),
    Value::DateTimeExtended(1),
];

/// The types that fields of an operation's payload have under a tag, by any of the field's rows.
fn may_be(fields: &[FieldFacts], tag: Tag, version: ProtocolVersion, item_type: ItemType) -> Option<bool> {
    let mut rows = fields
        .iter()
        .filter(|field| matches!(field.content, spec::Content::Tagged(declared) if declared == tag))
        .peekable();
    rows.peek()?;
    Some(rows.any(|field| field.types.at(version).contains(item_type)))
}

/// The message with another value in the place of the item at `place`.
fn with_value(message: &Item<'_>, place: usize, value: &Value<'_>) -> Vec<u8> {
    fn write(item: &Item<'_>, place: usize, value: &Value<'_>, writer: &mut Writer<'_>) {
        match item.value {
            _ if item.offset == place => writer.value(item.tag, value),
            Value::Structure(items) => {
                let open = writer.begin(item.tag);
                items.for_each(|item| write(&item.unwrap(), place, value, writer));
                writer.end(open);
            }
            other => writer.value(item.tag, &other),
        }
    }
    let mut buffer = vec![0; message.bytes.len() + 64];
    let mut writer = Writer::new(&mut buffer);
    write(message, place, value, &mut writer);
    writer.finish().unwrap().to_vec()
}

/// The items of the payload.
fn payload<'a>(message: &Item<'a>) -> Reader<'a> {
    let inside = |items: Reader<'a>, wanted: &[Tag]| {
        items.map(Result::unwrap).find(|item| wanted.contains(&item.tag)).unwrap().children()
    };
    inside(inside(message.children(), &[tag::BATCH_ITEM]), &[tag::REQUEST_PAYLOAD, tag::RESPONSE_PAYLOAD])
}

#[test]
fn no_field_of_a_payload_is_read_in_another_type() {
    let mut count = 0;
    for facts in spec::operation::TABLE {
        for version in ProtocolVersion::ALL.into_iter().filter(|version| facts.versions.contains(*version)) {
            for (is_response, fields) in [(false, facts.request), (true, facts.response)] {
                let mut generator = Generator::new(7, Fill::All, version);
                let bytes = if is_response { generator.response(facts) } else { generator.request(facts) };
                let message = ttlv::decode(&bytes).unwrap();
                for field in payload(&message).map(Result::unwrap) {
                    for value in &VALUES {
                        if may_be(fields, field.tag, version, value.item_type()) != Some(false) {
                            continue;
                        }
                        let changed = with_value(&message, field.offset, value);
                        let what =
                            format!("{} {version}: {} as {}", facts.name, field.tag, value.item_type());
                        assert!(round_trip(&changed, Leniency::NONE).is_err(), "{what}");
                        count += 1;
                    }
                }
            }
        }
    }
    assert!(count > 5000, "{count}");
}
