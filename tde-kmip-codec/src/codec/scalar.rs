use super::{Decoder, Encoder, Failed, FieldValue, Found};
use crate::{
    spec::{
        Enumerated, Versions,
        mask::{CryptographicUsageMask, ProtectionStorageMask, StorageStatusMask},
    },
    ttlv::{BigInteger, ErrorKind, ItemType, Leniency, Tag, raw},
};

/// A point in time: seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct DateTime(pub i64);

/// A point in time: microseconds since 1970-01-01T00:00:00Z; KMIP 2.0 and later.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct DateTimeExtended(pub i64);

/// A length of time in seconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Interval(pub u32);

/// A 32-bit value with its four bytes of padding.
#[inline(always)]
fn word(found: Found<'_>, d: &Decoder<'_, '_>, item_type: ItemType) -> Result<u32, Failed> {
    if !found.is_exactly(item_type, 4) {
        reinterpret(found, d, item_type)?;
    }
    let word = found.word();
    if word as u32 != 0 {
        d.bad_padding(found)?;
    }
    Ok((word >> 32) as u32)
}

#[inline(always)]
fn long(found: Found<'_>, d: &Decoder<'_, '_>, item_type: ItemType) -> Result<i64, Failed> {
    if !found.is_exactly(item_type, 8) {
        reinterpret(found, d, item_type)?;
    }
    Ok(found.word().cast_signed())
}

#[inline(always)]
fn bytes<'a>(found: Found<'a>, d: &Decoder<'a, '_>, item_type: ItemType) -> Result<&'a [u8], Failed> {
    if !found.is(item_type) {
        reinterpret(found, d, item_type)?;
    }
    let length = found.len();
    if !length.is_multiple_of(8) {
        // Of the last eight bytes, all but the first few are padding.
        match found.padded().last_chunk::<8>() {
            Some(last) if u64::from_be_bytes(*last) << (8 * (length & 7)) == 0 => {}
            _ => d.bad_padding(found)?,
        }
    }
    Ok(found.bytes())
}

/// The type or the length is wrong; with leniency, another type whose bits mean the same is as good.
#[cold]
#[inline(never)]
fn reinterpret(found: Found<'_>, d: &Decoder<'_, '_>, wanted: ItemType) -> Result<(), Failed> {
    let Some(actual) = ItemType::from_byte(found.type_byte()) else { return Err(d.wrong_type(found)) };
    let same_bits = actual == wanted
        || matches!(
            (actual, wanted),
            (
                ItemType::Integer | ItemType::Enumeration | ItemType::Interval,
                ItemType::Integer | ItemType::Enumeration | ItemType::Interval,
            ) | (
                ItemType::LongInteger | ItemType::DateTime | ItemType::DateTimeExtended,
                ItemType::LongInteger | ItemType::DateTime | ItemType::DateTimeExtended,
            ) | (ItemType::TextString | ItemType::ByteString, ItemType::TextString | ItemType::ByteString)
        );
    if actual != wanted {
        if !same_bits {
            return Err(d.wrong_type(found));
        }
        d.tolerate_type(Leniency::WRONG_TYPES, found)?;
    }
    if actual.length_is_valid(found.len() as u32) { Ok(()) } else { Err(d.invalid_length(found, actual)) }
}

/// What the header of an item of one length says of type and length.
const fn fixed(item_type: ItemType) -> u64 {
    let length = match item_type {
        ItemType::Integer | ItemType::Enumeration | ItemType::Interval => 4,
        _ => 8,
    };
    (item_type.as_byte() as u64) << 32 | length
}

/// The four bytes before four bytes of zeros.
#[inline(always)]
const fn upper(word: u64) -> Option<u32> {
    if word as u32 == 0 { Some((word >> 32) as u32) } else { None }
}

impl Decoder<'_, '_> {
    /// The number of an enumeration whose values are open.
    pub(crate) fn enumeration(&self, found: Found<'_>) -> Result<u32, Failed> {
        word(found, self, ItemType::Enumeration)
    }
}

impl<'a> FieldValue<'a> for i32 {
    const FIXED: u64 = fixed(ItemType::Integer);

    #[inline(always)]
    fn from_word(word: u64, _version: Versions) -> Option<Self> {
        upper(word).map(u32::cast_signed)
    }

    #[inline(always)]
    fn decode(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Self, Failed> {
        word(found, d, ItemType::Integer).map(u32::cast_signed)
    }

    #[inline(always)]
    fn encode(&self, tag: Tag, e: &mut Encoder<'_>) {
        e.writer.integer(tag, *self);
    }
}

impl<'a> FieldValue<'a> for i64 {
    const FIXED: u64 = fixed(ItemType::LongInteger);

    #[inline(always)]
    fn from_word(word: u64, _version: Versions) -> Option<Self> {
        Some(word.cast_signed())
    }

    #[inline(always)]
    fn decode(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Self, Failed> {
        long(found, d, ItemType::LongInteger)
    }

    #[inline(always)]
    fn encode(&self, tag: Tag, e: &mut Encoder<'_>) {
        e.writer.long_integer(tag, *self);
    }
}

impl<'a> FieldValue<'a> for bool {
    const FIXED: u64 = fixed(ItemType::Boolean);

    #[inline(always)]
    fn from_word(word: u64, _version: Versions) -> Option<Self> {
        match word {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    #[inline(always)]
    fn decode(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Self, Failed> {
        match long(found, d, ItemType::Boolean)? {
            0 => Ok(false),
            1 => Ok(true),
            value => {
                let kind = ErrorKind::InvalidBoolean { value: value.cast_unsigned() };
                Err(d.fail_at(kind, found))
            }
        }
    }

    #[inline(always)]
    fn encode(&self, tag: Tag, e: &mut Encoder<'_>) {
        e.writer.boolean(tag, *self);
    }

    #[inline(always)]
    fn number(&self) -> u32 {
        u32::from(*self)
    }
}

impl<'a> FieldValue<'a> for &'a str {
    #[inline(always)]
    fn decode(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Self, Failed> {
        let bytes = bytes(found, d, ItemType::TextString)?;
        core::str::from_utf8(bytes).map_err(|error| bad_text(error.valid_up_to(), found, d))
    }

    #[inline(always)]
    fn encode(&self, tag: Tag, e: &mut Encoder<'_>) {
        e.writer.text_string(tag, self);
    }

    #[inline(always)]
    fn number(&self) -> u32 {
        self.len() as u32
    }
}

#[cold]
#[inline(never)]
fn bad_text(valid_up_to: usize, found: Found<'_>, d: &Decoder<'_, '_>) -> Failed {
    d.fail_at(ErrorKind::InvalidUtf8 { valid_up_to: valid_up_to as u32 }, found)
}

impl<'a> FieldValue<'a> for &'a [u8] {
    #[inline(always)]
    fn decode(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Self, Failed> {
        bytes(found, d, ItemType::ByteString)
    }

    #[inline(always)]
    fn encode(&self, tag: Tag, e: &mut Encoder<'_>) {
        e.writer.byte_string(tag, self);
    }

    #[inline(always)]
    fn number(&self) -> u32 {
        self.len() as u32
    }
}

impl<'a> FieldValue<'a> for BigInteger<'a> {
    fn decode(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Self, Failed> {
        if !found.is(ItemType::BigInteger) {
            reinterpret(found, d, ItemType::BigInteger)?;
        }
        BigInteger::from_wire(found.bytes()).ok_or_else(|| d.invalid_length(found, ItemType::BigInteger))
    }

    fn encode(&self, tag: Tag, e: &mut Encoder<'_>) {
        e.writer.big_integer(tag, *self);
    }
}

impl<'a> FieldValue<'a> for DateTime {
    const FIXED: u64 = fixed(ItemType::DateTime);

    #[inline(always)]
    fn from_word(word: u64, _version: Versions) -> Option<Self> {
        Some(Self(word.cast_signed()))
    }

    #[inline(always)]
    fn decode(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Self, Failed> {
        long(found, d, ItemType::DateTime).map(Self)
    }

    #[inline(always)]
    fn encode(&self, tag: Tag, e: &mut Encoder<'_>) {
        e.writer.date_time(tag, self.0);
    }
}

impl<'a> FieldValue<'a> for DateTimeExtended {
    const FIXED: u64 = fixed(ItemType::DateTimeExtended);

    #[inline(always)]
    fn from_word(word: u64, _version: Versions) -> Option<Self> {
        Some(Self(word.cast_signed()))
    }

    fn decode(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Self, Failed> {
        long(found, d, ItemType::DateTimeExtended).map(Self)
    }

    fn encode(&self, tag: Tag, e: &mut Encoder<'_>) {
        e.writer.date_time_extended(tag, self.0);
    }
}

impl<'a> FieldValue<'a> for Interval {
    const FIXED: u64 = fixed(ItemType::Interval);

    #[inline(always)]
    fn from_word(word: u64, _version: Versions) -> Option<Self> {
        upper(word).map(Self)
    }

    fn decode(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Self, Failed> {
        word(found, d, ItemType::Interval).map(Self)
    }

    fn encode(&self, tag: Tag, e: &mut Encoder<'_>) {
        e.writer.interval(tag, self.0);
    }
}

impl<'a, E: Enumerated> FieldValue<'a> for E {
    const FIXED: u64 = fixed(ItemType::Enumeration);

    #[inline(always)]
    fn from_word(word: u64, version: Versions) -> Option<Self> {
        upper(word).map(Self::from_value).filter(|value| value.versions().covers(version))
    }

    #[inline(always)]
    fn decode(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Self, Failed> {
        let value = Self::from_value(word(found, d, ItemType::Enumeration)?);
        if !value.versions().covers(d.cx.version) {
            odd_value(value, found, d)?;
        }
        Ok(value)
    }

    #[inline(always)]
    fn encode(&self, tag: Tag, e: &mut Encoder<'_>) {
        if !self.versions().covers(e.version) {
            e.odd_value(tag, self.value(), self.versions());
        }
        e.writer.enumeration(tag, self.value());
    }

    #[inline(always)]
    fn number(&self) -> u32 {
        self.value()
    }
}

#[cold]
#[inline(never)]
fn odd_value<E: Enumerated>(value: E, found: Found<'_>, d: &Decoder<'_, '_>) -> Result<(), Failed> {
    let (tag, number) = (found.tag(), value.value());
    if value.versions().is_empty() {
        let kind = ErrorKind::UnknownEnumerationValue { tag, value: number };
        d.tolerate_at(Leniency::UNKNOWN_ENUMERATION_VALUES, kind, found)
    } else {
        let kind = ErrorKind::EnumerationValueNotInVersion { tag, value: number };
        d.tolerate_at(Leniency::OTHER_VERSIONS, kind, found)
    }
}

macro_rules! masks {
    ($($mask:ty),+) => {
        $(impl<'a> FieldValue<'a> for $mask {
            const FIXED: u64 = fixed(ItemType::Integer);

            #[inline(always)]
            fn from_word(word: u64, _version: Versions) -> Option<Self> {
                upper(word).map(|bits| Self::from_integer(bits.cast_signed()))
            }

            #[inline(always)]
            fn decode(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Self, Failed> {
                i32::decode(found, d).map(Self::from_integer)
            }

            #[inline(always)]
            fn encode(&self, tag: Tag, e: &mut Encoder<'_>) {
                e.writer.integer(tag, self.to_integer());
            }
        })+
    };
}

masks!(CryptographicUsageMask, ProtectionStorageMask, StorageStatusMask);

const _: () = assert!(raw::HEADER_LEN == 8);
