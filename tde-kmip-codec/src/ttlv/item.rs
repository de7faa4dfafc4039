use core::fmt;

use super::{BigInteger, ErrorKind, ItemType, Leniency, Reader, Tag, Tolerated, raw};

/// One item: what it is, what it holds, and where it stood.
///
/// `Debug` shows the tag and the shape, not the value: an item cannot know whether it holds a secret.
#[derive(Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Item<'a> {
    /// The tag.
    pub tag: Tag,
    /// The value.
    pub value: Value<'a>,
    /// Where the item begins, in bytes from the start of the input.
    pub offset: usize,
    /// The item's own bytes, header and padding included.
    pub bytes: &'a [u8],
    /// Which deviations this item itself (not its children) has.
    pub tolerated: Leniency,
}

impl<'a> Item<'a> {
    /// A reader of the items inside; empty unless this is a structure.
    #[must_use]
    pub fn children(&self) -> Reader<'a> {
        match self.value {
            Value::Structure(reader) => reader,
            _ => Reader::new(&[]),
        }
    }
}

impl Item<'_> {
    /// What a strict reader would have said about one of the deviations in [`Item::tolerated`].
    #[must_use]
    pub fn deviation(&self, switch: Leniency) -> Tolerated {
        let header = raw::Header::load(self.bytes, 0, self.bytes.len());
        let length = header.map_or(0, raw::Header::length);
        let room = (self.bytes.len() - raw::HEADER_LEN.min(self.bytes.len())) as u32;
        let (kind, offset) = if switch == Leniency::NONZERO_PADDING {
            let value_end = raw::HEADER_LEN + length as usize;
            let padding = self.bytes.get(value_end..).unwrap_or_default();
            let bad = padding.iter().position(|byte| *byte != 0).unwrap_or_default();
            (ErrorKind::NonZeroPadding, self.offset + value_end + bad)
        } else if self.value.item_type() == ItemType::Structure {
            (ErrorKind::InvalidLength { item_type: ItemType::Structure, length }, self.offset)
        } else {
            (ErrorKind::ValueTooLong { length, room }, self.offset)
        };
        Tolerated { switch, kind, offset }
    }
}

impl fmt::Debug for Item<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Item")
            .field("tag", &self.tag)
            .field("value", &self.value)
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}

/// What an item holds.
#[derive(Clone, Copy, PartialEq)]
#[allow(clippy::exhaustive_enums)] // As complete as `ItemType`.
pub enum Value<'a> {
    /// The items inside.
    Structure(Reader<'a>),
    /// A signed 32-bit number.
    Integer(i32),
    /// A signed 64-bit number.
    LongInteger(i64),
    /// A number of any size.
    BigInteger(BigInteger<'a>),
    /// The number of an enumeration value.
    Enumeration(u32),
    /// True or false.
    Boolean(bool),
    /// Text.
    TextString(&'a str),
    /// Bytes.
    ByteString(&'a [u8]),
    /// Seconds since 1970-01-01T00:00:00Z.
    DateTime(i64),
    /// Seconds.
    Interval(u32),
    /// Microseconds since 1970-01-01T00:00:00Z.
    DateTimeExtended(i64),
}

impl Value<'_> {
    /// The type of item that holds such a value.
    #[must_use]
    pub const fn item_type(&self) -> ItemType {
        match self {
            Self::Structure(_) => ItemType::Structure,
            Self::Integer(_) => ItemType::Integer,
            Self::LongInteger(_) => ItemType::LongInteger,
            Self::BigInteger(_) => ItemType::BigInteger,
            Self::Enumeration(_) => ItemType::Enumeration,
            Self::Boolean(_) => ItemType::Boolean,
            Self::TextString(_) => ItemType::TextString,
            Self::ByteString(_) => ItemType::ByteString,
            Self::DateTime(_) => ItemType::DateTime,
            Self::Interval(_) => ItemType::Interval,
            Self::DateTimeExtended(_) => ItemType::DateTimeExtended,
        }
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TextString(text) => write!(f, "TextString({} bytes)", text.len()),
            Self::ByteString(bytes) => write!(f, "ByteString({} bytes)", bytes.len()),
            Self::BigInteger(number) => write!(f, "{number:?}"),
            other => f.write_str(other.item_type().name()),
        }
    }
}
