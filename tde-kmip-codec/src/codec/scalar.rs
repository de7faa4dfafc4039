use super::{Decoder, Encoder, FieldValue, Found};
use crate::{
    spec::{
        Enumerated,
        mask::{CryptographicUsageMask, ProtectionStorageMask, StorageStatusMask},
    },
    ttlv::{BigInteger, ErrorKind, ItemType, Leniency, Tag, error::Fault, raw, reader},
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
fn word(found: Found<'_>, d: &Decoder<'_, '_>, item_type: ItemType) -> Result<u32, Fault> {
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
fn long(found: Found<'_>, d: &Decoder<'_, '_>, item_type: ItemType) -> Result<i64, Fault> {
    if !found.is_exactly(item_type, 8) {
        reinterpret(found, d, item_type)?;
    }
    Ok(found.word().cast_signed())
}

#[inline(always)]
fn bytes<'a>(found: Found<'a>, d: &Decoder<'a, '_>, item_type: ItemType) -> Result<&'a [u8], Fault> {
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
fn reinterpret(found: Found<'_>, d: &Decoder<'_, '_>, wanted: ItemType) -> Result<(), Fault> {
    let wrong_type = d.wrong_type(found);
    let Some(actual) = ItemType::from_byte(found.type_byte()) else { return Err(wrong_type) };
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
            return Err(wrong_type);
        }
        d.tolerate(Leniency::WRONG_TYPES, wrong_type.kind, wrong_type.offset as usize)?;
    }
    if actual.length_is_valid(found.len() as u32) { Ok(()) } else { Err(d.invalid_length(found, actual)) }
}

impl Decoder<'_, '_> {
    /// The number of an enumeration whose values are open.
    pub(crate) fn enumeration(&self, found: Found<'_>) -> Result<u32, Fault> {
        word(found, self, ItemType::Enumeration)
    }
}

impl<'a> FieldValue<'a> for i32 {
    #[inline(always)]
    fn decode(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Self, Fault> {
        word(found, d, ItemType::Integer).map(u32::cast_signed)
    }

    #[inline(always)]
    fn encode(&self, tag: Tag, e: &mut Encoder<'_>) {
        e.writer.integer(tag, *self);
    }
}

impl<'a> FieldValue<'a> for i64 {
    #[inline(always)]
    fn decode(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Self, Fault> {
        long(found, d, ItemType::LongInteger)
    }

    #[inline(always)]
    fn encode(&self, tag: Tag, e: &mut Encoder<'_>) {
        e.writer.long_integer(tag, *self);
    }
}

impl<'a> FieldValue<'a> for bool {
    #[inline(always)]
    fn decode(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Self, Fault> {
        match long(found, d, ItemType::Boolean)? {
            0 => Ok(false),
            1 => Ok(true),
            value => {
                let kind = ErrorKind::InvalidBoolean { value: value.cast_unsigned() };
                Err(Fault::new(kind, found.offset()))
            }
        }
    }

    #[inline(always)]
    fn encode(&self, tag: Tag, e: &mut Encoder<'_>) {
        e.writer.boolean(tag, *self);
    }
}

impl<'a> FieldValue<'a> for &'a str {
    #[inline(always)]
    fn decode(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Self, Fault> {
        reader::text(bytes(found, d, ItemType::TextString)?, found.offset())
    }

    #[inline(always)]
    fn encode(&self, tag: Tag, e: &mut Encoder<'_>) {
        e.writer.text_string(tag, self);
    }
}

impl<'a> FieldValue<'a> for &'a [u8] {
    #[inline(always)]
    fn decode(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Self, Fault> {
        bytes(found, d, ItemType::ByteString)
    }

    #[inline(always)]
    fn encode(&self, tag: Tag, e: &mut Encoder<'_>) {
        e.writer.byte_string(tag, self);
    }
}

impl<'a> FieldValue<'a> for BigInteger<'a> {
    fn decode(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Self, Fault> {
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
    #[inline(always)]
    fn decode(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Self, Fault> {
        long(found, d, ItemType::DateTime).map(Self)
    }

    #[inline(always)]
    fn encode(&self, tag: Tag, e: &mut Encoder<'_>) {
        e.writer.date_time(tag, self.0);
    }
}

impl<'a> FieldValue<'a> for DateTimeExtended {
    fn decode(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Self, Fault> {
        long(found, d, ItemType::DateTimeExtended).map(Self)
    }

    fn encode(&self, tag: Tag, e: &mut Encoder<'_>) {
        e.writer.date_time_extended(tag, self.0);
    }
}

impl<'a> FieldValue<'a> for Interval {
    fn decode(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Self, Fault> {
        word(found, d, ItemType::Interval).map(Self)
    }

    fn encode(&self, tag: Tag, e: &mut Encoder<'_>) {
        e.writer.interval(tag, self.0);
    }
}

impl<'a, E: Enumerated> FieldValue<'a> for E {
    #[inline(always)]
    fn decode(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Self, Fault> {
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
}

#[cold]
#[inline(never)]
fn odd_value<E: Enumerated>(value: E, found: Found<'_>, d: &Decoder<'_, '_>) -> Result<(), Fault> {
    let (tag, number) = (found.tag(), value.value());
    if value.versions().is_empty() {
        let kind = ErrorKind::UnknownEnumerationValue { tag, value: number };
        d.tolerate(Leniency::UNKNOWN_ENUMERATION_VALUES, kind, found.offset())
    } else {
        let kind = ErrorKind::EnumerationValueNotInVersion { tag, value: number };
        d.tolerate(Leniency::OTHER_VERSIONS, kind, found.offset())
    }
}

macro_rules! masks {
    ($($mask:ty),+) => {
        $(impl<'a> FieldValue<'a> for $mask {
            #[inline(always)]
            fn decode(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Self, Fault> {
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
