use alloc::string::String;

use super::write::{add, quote};
use crate::{
    spec::{self, Names},
    text::names,
    ttlv::{Error, Item, Value},
};

/// Writes an item in the tree form, in one line: tags as numbers with their names beside them, every type spelt out.
///
/// A node is `{"tag": "0x420078", "name": "RequestMessage" or null, "type": …, "value": …}`; an Enumeration whose value
/// has a name under its tag gets an `"enum"`. Long Integers and dates are decimal text, Big Integers and Byte Strings
/// hexadecimal in lower case, Enumerations `"0x"` and 8 digits. [`super::read`] reads this form, too.
///
/// # Errors
/// What the item layer finds wrong inside the item.
pub fn write_tree(item: &Item<'_>) -> Result<String, Error> {
    let mut text = String::new();
    node(&mut text, item, Secrets::Shown)?;
    Ok(text)
}

/// As [`write_tree`], but what is not to be shown unasked has the value `null` and a `"hidden"` with its size in bytes.
///
/// # Errors
/// What the item layer finds wrong inside the item.
pub fn write_tree_without_secrets(item: &Item<'_>) -> Result<String, Error> {
    let mut text = String::new();
    node(&mut text, item, Secrets::Hidden)?;
    Ok(text)
}

/// What becomes of secrets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Secrets {
    Shown,
    Hidden,
    /// Everything from here on is one.
    Inside,
}

fn node(text: &mut String, item: &Item<'_>, secrets: Secrets) -> Result<(), Error> {
    add(text, format_args!("{{\"tag\":\"{}\",\"name\":", item.tag));
    match spec::tag_facts(item.tag) {
        Some(facts) => quote(text, facts.camel_name),
        None => text.push_str("null"),
    }
    add(text, format_args!(",\"type\":\"{}\",\"value\":", item.value.item_type().name()));
    let secrets = match secrets {
        Secrets::Hidden if names::is_secret(item) => Secrets::Inside,
        secrets => secrets,
    };
    match item.value {
        Value::Structure(items) => {
            text.push('[');
            for (index, item) in items.enumerate() {
                if index != 0 {
                    text.push(',');
                }
                node(text, &item?, secrets)?;
            }
            text.push(']');
        }
        _ if secrets == Secrets::Inside => {
            add(text, format_args!("null,\"hidden\":{}", names::size(item)));
        }
        Value::Integer(value) => add(text, format_args!("{value}")),
        Value::Interval(value) => add(text, format_args!("{value}")),
        Value::LongInteger(value) | Value::DateTime(value) | Value::DateTimeExtended(value) => {
            add(text, format_args!("\"{value}\""));
        }
        Value::BigInteger(value) => hex(text, value.as_wire()),
        Value::ByteString(value) => hex(text, value),
        Value::Enumeration(value) => {
            add(text, format_args!("\"0x{value:08X}\""));
            let names = names::names_of(item.tag, None);
            // An Attribute Reference is a tag, which is no value of an enumeration.
            if let (Names::Enumeration(_), Some(name)) = (names, names::value_name(names, value)) {
                text.push_str(",\"enum\":");
                quote(text, name);
            }
        }
        Value::Boolean(value) => add(text, format_args!("{value}")),
        Value::TextString(value) => quote(text, value),
    }
    text.push('}');
    Ok(())
}

fn hex(text: &mut String, bytes: &[u8]) {
    text.push('"');
    for byte in bytes {
        add(text, format_args!("{byte:02x}"));
    }
    text.push('"');
}
