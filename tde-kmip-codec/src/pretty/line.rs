//! One item in one line.

use core::fmt;

use crate::{
    spec::{self, EnumerationFacts, Names},
    text::{date, names},
    ttlv::{Item, Tag, Value},
};

/// How many bytes of a Byte String or Big Integer are printed.
const SHOWN: usize = 64;

/// Name, type and value of an item.
pub(super) fn write(f: &mut fmt::Formatter<'_>, item: &Item<'_>, names: Names, hidden: bool) -> fmt::Result {
    match spec::tag_facts(item.tag) {
        Some(facts) => f.write_str(facts.camel_name)?,
        None => write!(f, "{}", item.tag)?,
    }
    write!(f, " {}", item.value.item_type())?;
    if let Value::Structure(items) = item.value {
        return write!(f, ", {} bytes", items.remaining().len());
    }
    if hidden {
        return write!(f, ", {} bytes hidden", names::size(item));
    }
    f.write_str(" ")?;
    match item.value {
        Value::Structure(_) => Ok(()),
        Value::Integer(value) => match names {
            Names::Mask(table) if value != 0 => {
                table.fmt_mask(value.cast_unsigned(), "|", f)?;
                write!(f, " (0x{value:08X})")
            }
            _ => write!(f, "{value}"),
        },
        Value::LongInteger(value) => write!(f, "{value}"),
        Value::BigInteger(number) => bytes(f, number.as_wire()),
        Value::Enumeration(value) => enumeration(f, names, value),
        Value::Boolean(value) => write!(f, "{value}"),
        // With control characters escaped, as they could write to the terminal.
        Value::TextString(text) => write!(f, "{text:?}"),
        Value::ByteString(value) => bytes(f, value),
        Value::DateTime(seconds) => {
            write!(f, "{}", date::Seconds(seconds))?;
            if date::has_text(seconds) { write!(f, " ({seconds})") } else { Ok(()) }
        }
        Value::Interval(seconds) => write!(f, "{seconds} s"),
        Value::DateTimeExtended(value) => write!(f, "{} ({value})", date::Microseconds(value)),
    }
}

fn enumeration(f: &mut fmt::Formatter<'_>, names: Names, value: u32) -> fmt::Result {
    if let Some(name) = names::value_name(names, value) {
        return write!(f, "{name} (0x{value:08X})");
    }
    write!(f, "0x{value:08X}")?;
    match names {
        Names::Enumeration(table) => vendor(f, table, value),
        Names::Tags => match Tag::new(value) {
            Ok(tag) if tag.is_extension() => f.write_str(" (an extension)"),
            _ => f.write_str(" (no tag)"),
        },
        Names::Mask(_) | Names::None => Ok(()),
    }
}

/// A vendor's name for a value that the standard does not have.
fn vendor(f: &mut fmt::Formatter<'_>, table: &'static EnumerationFacts, value: u32) -> fmt::Result {
    match spec::vendor_values(table).find(|row| row.value == value) {
        Some(row) => write!(f, " ({} of {})", row.camel_name, row.vendor),
        None if value >> 28 == 8 => f.write_str(" (an extension)"),
        None => f.write_str(" (not in the standard)"),
    }
}

fn bytes(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    for byte in bytes.iter().take(SHOWN) {
        write!(f, "{byte:02x}")?;
    }
    match bytes.len() {
        0 => f.write_str("(empty)"),
        len if len > SHOWN => write!(f, "... ({len} bytes)"),
        _ => Ok(()),
    }
}
