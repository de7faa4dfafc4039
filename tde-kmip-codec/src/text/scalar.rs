//! How the value of each type is spelt in JSON and XML, and read.

use alloc::vec::Vec;

use super::{
    builder::Builder,
    date,
    error::{ErrorKind, quoted},
};
use crate::{
    spec::{self, Names},
    ttlv::{ItemType, Tag},
};

/// A value as its parser hands it over.
#[derive(Clone, Copy)]
#[cfg_attr(not(feature = "json"), allow(dead_code))] // XML has text only.
pub(crate) enum Scalar<'t> {
    /// Text.
    Text(&'t str),
    /// A number; the range is that of any integer that a parser reads.
    Number(i128),
    /// True or false.
    Boolean(bool),
}

/// What differs between the encodings.
#[derive(Clone, Copy)]
pub(crate) struct Spelling {
    /// Numbers as decimal text (XML; JSON has numbers of its own).
    pub(crate) decimal_text: bool,
    /// What stands between the names of a mask.
    pub(crate) mask_separator: char,
    /// Big Integers of any number of digits, sign-extended here (the published XML test cases).
    pub(crate) short_big_integers: bool,
    /// Fractions of seconds in a Date-Time are cut off (Cosmian KMS sends them).
    pub(crate) cut_fractions: bool,
    /// A Date-Time as decimal text (the tree form).
    pub(crate) decimal_dates: bool,
}

/// Puts an item into the buffer, its value read as its type and names ask.
pub(crate) fn put(
    builder: &mut Builder,
    tag: Tag,
    item_type: ItemType,
    scalar: Scalar<'_>,
    names: Names,
    spelling: Spelling,
) -> Result<(), ErrorKind> {
    let invalid = |expected| ErrorKind::InvalidValue { item_type, expected };
    let small = |value: i128, expected| i64::try_from(value).map_err(|_| invalid(expected));
    match item_type {
        ItemType::Structure => return Err(ErrorKind::NotThisValue { item_type }),
        ItemType::Integer => {
            let expected = "a number of 32 bits, signed, or 0x and 8 digits, or names of a mask";
            let value = match scalar {
                Scalar::Text(text) => match (hex_number(text, 8), decimal(text, spelling)) {
                    (Some(value), _) => (value as u32).cast_signed(),
                    (None, Some(value)) => i32::try_from(value).map_err(|_| invalid(expected))?,
                    (None, None) => mask(text, tag, names, spelling)?.cast_signed(),
                },
                Scalar::Number(value) => i32::try_from(value).map_err(|_| invalid(expected))?,
                Scalar::Boolean(_) => return Err(invalid(expected)),
            };
            builder.item(tag, item_type, &value.to_be_bytes());
        }
        ItemType::LongInteger => {
            let expected = "a number of 64 bits, signed, or 0x and 16 digits";
            let value = match scalar {
                Scalar::Text(text) => match hex_number(text, 16) {
                    Some(value) => value.cast_signed(),
                    None => small(decimal(text, spelling).ok_or_else(|| invalid(expected))?, expected)?,
                },
                Scalar::Number(value) => small(value, expected)?,
                Scalar::Boolean(_) => return Err(invalid(expected)),
            };
            builder.item(tag, item_type, &value.to_be_bytes());
        }
        ItemType::BigInteger => {
            let expected = "hexadecimal, a multiple of 16 digits";
            let bytes = match scalar {
                Scalar::Text(text) => {
                    let digits = text.strip_prefix("0x").unwrap_or(text);
                    big_integer(digits, spelling).ok_or_else(|| invalid(expected))?
                }
                Scalar::Number(value) => small(value, expected)?.to_be_bytes().to_vec(),
                Scalar::Boolean(_) => return Err(invalid(expected)),
            };
            builder.item(tag, item_type, &bytes);
        }
        ItemType::Enumeration => {
            let expected = "a number of 32 bits, or 0x and 8 digits, or a name";
            let value = match scalar {
                Scalar::Text(text) => match hex_number(text, 8) {
                    Some(value) => value as u32,
                    None => value_named(text, tag, names)?,
                },
                Scalar::Number(value) => u32::try_from(value).map_err(|_| invalid(expected))?,
                Scalar::Boolean(_) => return Err(invalid(expected)),
            };
            builder.item(tag, item_type, &value.to_be_bytes());
        }
        ItemType::Boolean => {
            let value = match scalar {
                Scalar::Boolean(value) => Some(value),
                Scalar::Text("true") if spelling.decimal_text => Some(true),
                Scalar::Text("false") if spelling.decimal_text => Some(false),
                Scalar::Text(text) => match hex_number(text, 16) {
                    Some(0) => Some(false),
                    Some(1) => Some(true),
                    _ => None,
                },
                Scalar::Number(_) => None,
            };
            let value = value.ok_or_else(|| invalid("true or false"))?;
            builder.item(tag, item_type, &u64::from(value).to_be_bytes());
        }
        ItemType::TextString => {
            let Scalar::Text(text) = scalar else { return Err(invalid("text")) };
            builder.item(tag, item_type, text.as_bytes());
        }
        ItemType::ByteString => {
            let expected = "hexadecimal, two digits a byte";
            let Scalar::Text(text) = scalar else { return Err(invalid(expected)) };
            builder.item(tag, item_type, &hex_bytes(text).ok_or_else(|| invalid(expected))?);
        }
        ItemType::DateTime => {
            let expected = "a date such as 2009-11-12T12:13:14Z, whole seconds, or 0x and 16 digits";
            let Scalar::Text(text) = scalar else { return Err(invalid(expected)) };
            let number = decimal(text, spelling).filter(|_| spelling.decimal_dates);
            let seconds = match (hex_number(text, 16), number, date::parse(text)) {
                (Some(value), ..) => value.cast_signed(),
                (None, Some(value), _) => small(value, expected)?,
                (None, None, Some(date)) if date.nanoseconds == 0 || spelling.cut_fractions => date.seconds,
                _ => return Err(invalid(expected)),
            };
            builder.item(tag, item_type, &seconds.to_be_bytes());
        }
        ItemType::DateTimeExtended => {
            let expected = "a date such as 2009-11-12T12:13:14.000015Z, or a number, or 0x and 16 digits";
            let value = match scalar {
                Scalar::Text(text) => {
                    match (hex_number(text, 16), decimal(text, spelling), date::parse(text)) {
                        (Some(value), ..) => value.cast_signed(),
                        (None, Some(value), _) => small(value, expected)?,
                        (None, None, Some(date)) if date.nanoseconds.is_multiple_of(1000) => {
                            date.seconds * 1_000_000 + i64::from(date.nanoseconds / 1000)
                        }
                        _ => return Err(invalid(expected)),
                    }
                }
                Scalar::Number(value) => small(value, expected)?,
                Scalar::Boolean(_) => return Err(invalid(expected)),
            };
            builder.item(tag, item_type, &value.to_be_bytes());
        }
        ItemType::Interval => {
            let expected = "a number of 32 bits, or 0x and 8 digits";
            let value = match scalar {
                Scalar::Text(text) => match hex_number(text, 8) {
                    Some(value) => i128::from(value),
                    None => decimal(text, spelling).ok_or_else(|| invalid(expected))?,
                },
                Scalar::Number(value) => value,
                Scalar::Boolean(_) => return Err(invalid(expected)),
            };
            let value = u32::try_from(value).map_err(|_| invalid(expected))?;
            builder.item(tag, item_type, &value.to_be_bytes());
        }
    }
    Ok(())
}

/// The tag with this name or number.
pub(crate) fn tag(name: &str) -> Result<Tag, ErrorKind> {
    let numbered = || name.strip_prefix("0x").filter(|digits| digits.len() == 6).and_then(hex);
    spec::tag_named(name)
        .or_else(|| numbered().and_then(|value| Tag::new(value as u32).ok()))
        .or_else(|| spec::tag_named_loosely(name))
        .ok_or_else(|| ErrorKind::UnknownTag { name: quoted(name) })
}

/// The type with this name.
pub(crate) fn item_type(name: &str) -> Result<ItemType, ErrorKind> {
    ItemType::from_name(name).ok_or_else(|| ErrorKind::UnknownType { name: quoted(name) })
}

fn value_named(name: &str, tag: Tag, names: Names) -> Result<u32, ErrorKind> {
    let unknown = |enumeration| ErrorKind::UnknownName { enumeration, name: quoted(name) };
    match names {
        Names::Enumeration(table) => {
            let vendors =
                || spec::vendor_values(table).find(|row| row.camel_name == name).map(|row| row.value);
            let standard = table.named_loosely(name).map(|row| row.value);
            standard.or_else(vendors).ok_or_else(|| unknown(table.camel_name))
        }
        Names::Tags => spec::tag_named(name).map(Tag::get).ok_or_else(|| unknown("Tag")),
        Names::Mask(_) | Names::None => Err(ErrorKind::NoNames { tag: Some(tag) }),
    }
}

/// Names and numbers of a mask, in any order.
fn mask(text: &str, tag: Tag, names: Names, spelling: Spelling) -> Result<u32, ErrorKind> {
    let Names::Mask(table) = names else { return Err(ErrorKind::NoNames { tag: Some(tag) }) };
    let separator = |c: char| c == spelling.mask_separator || c == '|' || c.is_ascii_whitespace();
    let mut bits = 0;
    for name in text.split(separator).filter(|name| !name.is_empty()) {
        bits |= match hex_number(name, 8) {
            Some(number) => number as u32,
            None => table.named_loosely(name).map(|row| row.value).ok_or_else(|| ErrorKind::UnknownName {
                enumeration: table.camel_name,
                name: quoted(name),
            })?,
        };
    }
    Ok(bits)
}

/// `0x` and so many digits.
fn hex_number(text: &str, digits: usize) -> Option<u64> {
    hex(text.strip_prefix("0x").filter(|number| number.len() == digits)?)
}

fn hex(digits: &str) -> Option<u64> {
    digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u64::from_str_radix(digits, 16).ok())?
}

fn decimal(text: &str, spelling: Spelling) -> Option<i128> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    (spelling.decimal_text && plain).then(|| text.parse().ok())?
}

/// The bytes of hexadecimal text, two digits each.
pub(crate) fn hex_bytes(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| (byte as char).to_digit(16).map(|digit| digit as u8);
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

fn big_integer(digits: &str, spelling: Spelling) -> Option<Vec<u8>> {
    if !digits.is_empty() && digits.len().is_multiple_of(16) {
        return hex_bytes(digits);
    }
    if digits.is_empty() || !spelling.short_big_integers {
        return None;
    }
    // Sign-extended in front; an odd first digit stands for the low half of its byte.
    let odd = digits.len() % 2;
    let first = digits.as_bytes().first()?;
    let negative = odd == 0 && (*first as char).to_digit(16)? >= 8;
    let mut even = alloc::string::String::with_capacity(digits.len() + 17);
    let width = digits.len().next_multiple_of(16);
    even.extend(core::iter::repeat_n(if negative { 'F' } else { '0' }, width - digits.len()));
    even.push_str(digits);
    hex_bytes(&even)
}
