//! Fields whose type the version or the sender chooses.

use crate::{
    codec::{Decoder, Encoder, Failed, FieldValue, Found, Secret},
    spec::enumeration,
    ttlv::{ItemType, Leniency, Tag},
};

/// Data to work on, or what came of it (KMIP 2.1, section 7.9: Byte String, Enumeration or Integer; before, Byte
/// String).
#[derive(Clone, PartialEq, Debug)]
#[allow(clippy::exhaustive_enums)] // The three forms that the standard gives it.
pub enum Data<'a> {
    /// The bytes.
    Bytes(Secret<'a>),
    /// The data of an earlier item of the batch; KMIP 2.0 and later, requests only.
    Placeholder(enumeration::Data),
    /// The n-th data of the response so far, from the end if negative; KMIP 2.0 and later, requests only.
    Index(i32),
}

impl<'a> From<&'a [u8]> for Data<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(Secret::new(bytes))
    }
}

impl<'a> FieldValue<'a> for Data<'a> {
    fn decode(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Self, Failed> {
        let by_number = found.is(ItemType::Enumeration) || found.is(ItemType::Integer);
        if by_number && d.cx.is_v1() {
            d.tolerate_type(Leniency::OTHER_VERSIONS, found)?;
        }
        if found.is(ItemType::Enumeration) {
            enumeration::Data::decode(found, d).map(Self::Placeholder)
        } else if found.is(ItemType::Integer) {
            i32::decode(found, d).map(Self::Index)
        } else {
            Secret::decode(found, d).map(Self::Bytes)
        }
    }

    fn encode(&self, tag: Tag, e: &mut Encoder<'_>) {
        match self {
            Self::Bytes(bytes) => bytes.encode(tag, e),
            Self::Placeholder(value) => value.encode(tag, e),
            Self::Index(index) => {
                if e.is_v1() {
                    e.not_in_version(tag);
                }
                index.encode(tag, e);
            }
        }
    }
}

/// The item type of a server's extension: an Integer in KMIP 1.x, an Enumeration in 2.x; the numbers are the same.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ExtensionType(pub enumeration::ItemType);

impl<'a> FieldValue<'a> for ExtensionType {
    fn decode(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Self, Failed> {
        let value = if d.cx.is_v1() { i32::decode(found, d)?.cast_unsigned() } else { d.enumeration(found)? };
        Ok(Self(enumeration::ItemType(value)))
    }

    fn encode(&self, tag: Tag, e: &mut Encoder<'_>) {
        if e.is_v1() {
            e.writer.integer(tag, self.0.0.cast_signed());
        } else {
            e.writer.enumeration(tag, self.0.0);
        }
    }
}
