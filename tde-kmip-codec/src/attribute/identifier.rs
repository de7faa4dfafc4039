//! Identifiers of objects: text, and in 2.x requests also a place in the batch.

use crate::{
    codec::{Decoder, Encoder, Failed, FieldValue, Found},
    spec::enumeration,
    ttlv::{ItemType, Leniency, Tag},
};

/// Which object is meant (KMIP 2.1, section 4.58: Text String, Enumeration or Integer; KMIP 1.x: Text String).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(clippy::exhaustive_enums)] // The three forms that the standard gives it.
pub enum UniqueIdentifier<'a> {
    /// The server's identifier.
    Text(&'a str),
    /// What an earlier item of the batch made; KMIP 2.0 and later, requests only.
    Placeholder(enumeration::UniqueIdentifier),
    /// The n-th identifier of the response so far, from the end if negative; KMIP 2.0 and later, requests only.
    Index(i32),
}

impl<'a> UniqueIdentifier<'a> {
    /// The text, if this is one.
    #[must_use]
    pub const fn as_text(&self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Placeholder(_) | Self::Index(_) => None,
        }
    }

    /// What is no text, apart from the usual way.
    #[inline(never)]
    fn encode_number(&self, tag: Tag, e: &mut Encoder<'_>) {
        match self {
            Self::Text(_) => {}
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

impl<'a> From<&'a str> for UniqueIdentifier<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> FieldValue<'a> for UniqueIdentifier<'a> {
    #[inline]
    fn decode(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Self, Failed> {
        if found.is(ItemType::TextString) {
            return <&str>::decode(found, d).map(Self::Text);
        }
        let by_number = found.is(ItemType::Enumeration) || found.is(ItemType::Integer);
        if d.cx.is_v1() && by_number {
            d.tolerate_type(Leniency::OTHER_VERSIONS, found)?;
        }
        if found.is(ItemType::Enumeration) {
            enumeration::UniqueIdentifier::decode(found, d).map(Self::Placeholder)
        } else if found.is(ItemType::Integer) {
            i32::decode(found, d).map(Self::Index)
        } else {
            <&str>::decode(found, d).map(Self::Text)
        }
    }

    #[inline(always)]
    fn encode(&self, tag: Tag, e: &mut Encoder<'_>) {
        match self {
            Self::Text(text) => text.encode(tag, e),
            Self::Placeholder(_) | Self::Index(_) => self.encode_number(tag, e),
        }
    }
}
