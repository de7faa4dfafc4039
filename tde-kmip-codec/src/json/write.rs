use alloc::string::String;
use core::fmt::Write as _;

use crate::{
    spec::{self, tag},
    text::{date, names},
    ttlv::{Error, Item, Tag, Value},
};

/// Writes an item as the JSON profile has it, in one line.
///
/// # Errors
/// What the item layer finds wrong inside the item.
pub fn write(item: &Item<'_>) -> Result<String, Error> {
    let mut text = String::new();
    write_as(&mut text, &name(item.tag), item, &mut None)?;
    Ok(text)
}

/// The name of a tag, or its number where it has none.
pub(super) fn name(tag: Tag) -> String {
    spec::tag_facts(tag).map_or_else(|| alloc::format!("{tag}"), |facts| facts.camel_name.into())
}

/// Writes an item under a name; `attribute` is what the Attribute Name before it named.
pub(super) fn write_as(
    text: &mut String,
    name: &str,
    item: &Item<'_>,
    attribute: &mut Option<Tag>,
) -> Result<(), Error> {
    text.push_str("{\"tag\":");
    quote(text, name);
    let item_type = item.value.item_type();
    if let Value::Structure(items) = item.value {
        text.push_str(",\"value\":[");
        let mut attribute = None;
        for (index, item) in items.enumerate() {
            let item = item?;
            if index != 0 {
                text.push(',');
            }
            write_as(text, &self::name(item.tag), &item, &mut attribute)?;
        }
        text.push_str("]}");
        return Ok(());
    }
    add(text, format_args!(",\"type\":\"{}\",\"value\":", item_type.name()));
    match item.value {
        Value::Structure(_) => {}
        Value::Integer(value) => add(text, format_args!("{value}")),
        Value::Interval(value) => add(text, format_args!("{value}")),
        Value::LongInteger(value) => add(text, format_args!("\"0x{:016X}\"", value.cast_unsigned())),
        Value::BigInteger(value) => {
            text.push_str("\"0x");
            hex(text, value.as_wire());
            text.push('"');
        }
        Value::Enumeration(value) => match names::value_name(names::names_of(item.tag, *attribute), value) {
            Some(name) => quote(text, name),
            None => add(text, format_args!("\"0x{value:08X}\"")),
        },
        Value::Boolean(value) => add(text, format_args!("{value}")),
        Value::TextString(value) => quote(text, value),
        Value::ByteString(value) => {
            text.push('"');
            hex(text, value);
            text.push('"');
        }
        Value::DateTime(value) if date::has_text(value) => {
            add(text, format_args!("\"{}\"", date::Seconds(value)))
        }
        Value::DateTimeExtended(value) if date::has_text(value.div_euclid(1_000_000)) => {
            add(text, format_args!("\"{}\"", date::Microseconds(value)));
        }
        Value::DateTime(value) | Value::DateTimeExtended(value) => {
            add(text, format_args!("\"0x{:016X}\"", value.cast_unsigned()));
        }
    }
    text.push('}');
    if let (tag::ATTRIBUTE_NAME, Value::TextString(name)) = (item.tag, item.value) {
        *attribute = names::attribute(name);
    }
    Ok(())
}

/// Writing to a String cannot fail.
pub(super) fn add(text: &mut String, what: core::fmt::Arguments<'_>) {
    let _ = text.write_fmt(what);
}

/// Hexadecimal in upper case, as Cosmian KMS writes it.
pub(super) fn hex(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        add(text, format_args!("{byte:02X}"));
    }
}

/// Text in quotes, with what JSON wants escaped.
pub(super) fn quote(text: &mut String, value: &str) {
    // Text always has a JSON form.
    text.push_str(&serde_json::to_string(value).unwrap_or_default());
}
