use core::fmt;

/// The type byte of an item (KMIP 1.4, section 9.1.1.2; Date-Time Extended from KMIP 2.0).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
#[allow(clippy::exhaustive_enums)] // Complete up to KMIP 2.1; a new type changes every reader anyway.
pub enum ItemType {
    /// Items one after another; length is a multiple of 8.
    Structure = 0x01,
    /// Signed, 32 bits, and 4 bytes of padding.
    Integer = 0x02,
    /// Signed, 64 bits.
    LongInteger = 0x03,
    /// Two's complement of any size, sign-extended to a multiple of 8 bytes.
    BigInteger = 0x04,
    /// Unsigned, 32 bits, and 4 bytes of padding.
    Enumeration = 0x05,
    /// 0 or 1 in 64 bits.
    Boolean = 0x06,
    /// UTF-8, padded to a multiple of 8 bytes.
    TextString = 0x07,
    /// Bytes, padded to a multiple of 8.
    ByteString = 0x08,
    /// Seconds since 1970-01-01T00:00:00Z, signed, 64 bits.
    DateTime = 0x09,
    /// Seconds, unsigned, 32 bits, and 4 bytes of padding.
    Interval = 0x0A,
    /// Microseconds since 1970-01-01T00:00:00Z, signed, 64 bits; KMIP 2.0 and later.
    DateTimeExtended = 0x0B,
}

impl ItemType {
    /// Every type, in the order of its number.
    pub const ALL: [Self; 11] = [
        Self::Structure,
        Self::Integer,
        Self::LongInteger,
        Self::BigInteger,
        Self::Enumeration,
        Self::Boolean,
        Self::TextString,
        Self::ByteString,
        Self::DateTime,
        Self::Interval,
        Self::DateTimeExtended,
    ];

    /// The type with this number, if there is one.
    #[must_use]
    pub const fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            0x01 => Self::Structure,
            0x02 => Self::Integer,
            0x03 => Self::LongInteger,
            0x04 => Self::BigInteger,
            0x05 => Self::Enumeration,
            0x06 => Self::Boolean,
            0x07 => Self::TextString,
            0x08 => Self::ByteString,
            0x09 => Self::DateTime,
            0x0A => Self::Interval,
            0x0B => Self::DateTimeExtended,
            _ => return None,
        })
    }

    /// The number on the wire.
    #[must_use]
    pub const fn as_byte(self) -> u8 {
        self as u8
    }

    /// The name that the JSON and XML encodings use, such as `TextString`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Structure => "Structure",
            Self::Integer => "Integer",
            Self::LongInteger => "LongInteger",
            Self::BigInteger => "BigInteger",
            Self::Enumeration => "Enumeration",
            Self::Boolean => "Boolean",
            Self::TextString => "TextString",
            Self::ByteString => "ByteString",
            Self::DateTime => "DateTime",
            Self::Interval => "Interval",
            Self::DateTimeExtended => "DateTimeExtended",
        }
    }

    /// The type with this JSON and XML name, if there is one.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|item_type| item_type.name() == name)
    }

    /// Whether a value of this type may have this many bytes.
    ///
    /// No edition allows an empty Big Integer in words; as it would hold no number it is refused.
    #[must_use]
    pub(crate) const fn length_is_valid(self, length: u32) -> bool {
        match self {
            Self::Structure => length.is_multiple_of(8),
            Self::Integer | Self::Enumeration | Self::Interval => length == 4,
            Self::LongInteger | Self::Boolean | Self::DateTime | Self::DateTimeExtended => length == 8,
            Self::BigInteger => length != 0 && length.is_multiple_of(8),
            Self::TextString | Self::ByteString => true,
        }
    }
}

impl fmt::Display for ItemType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_lead_back_to_the_type() {
        for (index, item_type) in ItemType::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(item_type.as_byte()), index + 1);
            assert_eq!(ItemType::from_byte(item_type.as_byte()), Some(item_type));
            assert_eq!(ItemType::from_name(item_type.name()), Some(item_type));
        }
        assert_eq!(ItemType::from_byte(0), None);
        assert_eq!(ItemType::from_byte(0x0C), None);
        assert_eq!(ItemType::from_name("textstring"), None);
    }
}
