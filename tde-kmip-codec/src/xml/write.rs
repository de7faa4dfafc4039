use alloc::string::String;
use core::fmt::{self, Write as _};

use crate::{
    spec::{self, Names, tag},
    text::{date, names},
    ttlv::{self, Item, Tag, Value},
};

/// Why an item cannot be written as XML.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum WriteError {
    /// The item layer finds something wrong inside the item.
    Item(ttlv::Error),
    /// A Text String holds a character that XML cannot.
    Character {
        /// Where its item begins, in bytes from the start of the input.
        offset: usize,
    },
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Item(_) => f.write_str("the item is malformed"),
            Self::Character { offset } => {
                write!(f, "the text string at byte {offset} holds a control character, which XML cannot")
            }
        }
    }
}

impl core::error::Error for WriteError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Item(error) => Some(error),
            Self::Character { .. } => None,
        }
    }
}

impl From<ttlv::Error> for WriteError {
    fn from(error: ttlv::Error) -> Self {
        Self::Item(error)
    }
}

/// Writes an item as XML, one element a line, two blanks a level.
///
/// # Errors
/// [`WriteError`]: what the item layer finds wrong inside the item, or a character that XML cannot hold.
pub fn write(item: &Item<'_>) -> Result<String, WriteError> {
    let mut text = String::new();
    element(&mut text, item, 0, &mut None)?;
    Ok(text)
}

fn element(
    text: &mut String,
    item: &Item<'_>,
    level: usize,
    attribute: &mut Option<Tag>,
) -> Result<(), WriteError> {
    let indent = |text: &mut String| text.extend(core::iter::repeat_n("  ", level));
    indent(text);
    let name = spec::tag_facts(item.tag).map(|facts| facts.camel_name);
    match name {
        Some(name) => add(text, format_args!("<{name}")),
        None => add(text, format_args!("<TTLV tag=\"{}\"", item.tag)),
    }
    if let Value::Structure(items) = item.value {
        if items.is_empty() {
            text.push_str("/>\n");
            return Ok(());
        }
        text.push_str(">\n");
        let mut attribute = None;
        for item in items {
            element(text, &item?, level + 1, &mut attribute)?;
        }
        indent(text);
        add(text, format_args!("</{}>\n", name.unwrap_or("TTLV")));
        return Ok(());
    }
    add(text, format_args!(" type=\"{}\" value=\"", item.value.item_type().name()));
    let names = names::names_of(item.tag, *attribute);
    match item.value {
        Value::Structure(_) => {}
        Value::Integer(value) => match names {
            Names::Mask(table) if value != 0 => {
                add(text, format_args!("{}", Mask(table, value.cast_unsigned())))
            }
            _ => add(text, format_args!("{value}")),
        },
        Value::LongInteger(value) => add(text, format_args!("{value}")),
        Value::Interval(value) => add(text, format_args!("{value}")),
        Value::BigInteger(value) => hex(text, value.as_wire()),
        Value::ByteString(value) => hex(text, value),
        Value::Enumeration(value) => match names::value_name(names, value) {
            Some(name) => text.push_str(name),
            None => add(text, format_args!("0x{value:08X}")),
        },
        Value::Boolean(value) => add(text, format_args!("{value}")),
        Value::TextString(value) => {
            escape(text, value).map_err(|()| WriteError::Character { offset: item.offset })?
        }
        Value::DateTime(value) if date::has_text(value) => {
            offset_form(text, format_args!("{}", date::Seconds(value)))
        }
        Value::DateTimeExtended(value) if date::has_text(value.div_euclid(1_000_000)) => {
            offset_form(text, format_args!("{}", date::Microseconds(value)));
        }
        Value::DateTime(value) | Value::DateTimeExtended(value) => {
            add(text, format_args!("0x{:016X}", value.cast_unsigned()));
        }
    }
    text.push_str("\"/>\n");
    if let (tag::ATTRIBUTE_NAME, Value::TextString(name)) = (item.tag, item.value) {
        *attribute = names::attribute(name);
    }
    Ok(())
}

/// A mask as names separated by blanks.
struct Mask(&'static spec::EnumerationFacts, u32);

impl fmt::Display for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt_mask(self.1, " ", f)
    }
}

/// Writing to a String cannot fail.
fn add(text: &mut String, what: fmt::Arguments<'_>) {
    let _ = text.write_fmt(what);
}

fn hex(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        add(text, format_args!("{byte:02x}"));
    }
}

/// A date with `+00:00` for `Z`, as the published test cases have it.
fn offset_form(text: &mut String, date: fmt::Arguments<'_>) {
    add(text, date);
    if text.pop() == Some('Z') {
        text.push_str("+00:00");
    }
}

/// The text of an attribute; what XML would change is written by number.
fn escape(text: &mut String, value: &str) -> Result<(), ()> {
    for c in value.chars() {
        match c {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            '\t' | '\n' | '\r' => add(text, format_args!("&#{};", u32::from(c))),
            // XML 1.0, production 2.
            '\0'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}' => return Err(()),
            c => text.push(c),
        }
    }
    Ok(())
}
