//! Which attribute is meant: by name in 1.x, by tag or vendor and name in 2.x.

use super::{
    name::named,
    value::{name_of, versions_of},
};
use crate::{
    codec::{Decoder, Encoder, Failed, FieldValue, Fields, Found, presence},
    spec::{self, tag},
    ttlv::{ErrorKind, ItemType, Leniency, Tag},
};

/// Names an attribute (KMIP 1.x, Attribute Name; KMIP 2.x, Attribute Reference).
///
/// Encoders translate: a tag becomes the standard's name in 1.x, a name of the standard its tag in 2.x; the custom
/// names `x-NAME` and `y-NAME` of 1.x are NAME of the vendors `x` and `y` in 2.x.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(clippy::exhaustive_enums)] // The forms that the standard gives it.
pub enum AttributeReference<'a> {
    /// An attribute of the standard, by its tag.
    Standard(Tag),
    /// A custom attribute of KMIP 1.x, by its whole name.
    Custom(&'a str),
    /// A vendor's attribute of KMIP 2.x.
    Vendor {
        /// Vendor Identification.
        vendor_identification: &'a str,
        /// Attribute Name.
        attribute_name: &'a str,
    },
}

const FIELDS: &[spec::FieldFacts] = spec::structure::ATTRIBUTE_REFERENCE.fields;

impl<'a> AttributeReference<'a> {
    /// The attribute with this 1.x name; names that the standard does not have are custom.
    #[must_use]
    pub fn named(name: &'a str) -> Self {
        named(name).map_or(Self::Custom(name), Self::Standard)
    }
}

impl<'a> FieldValue<'a> for AttributeReference<'a> {
    fn decode(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Self, Failed> {
        // Attribute Name has the form of 1.x, Attribute Reference one of those of 2.x.
        let is_tag = found.is(ItemType::Enumeration) || found.is(ItemType::Structure);
        if (is_tag || found.is(ItemType::TextString)) && is_tag == (found.tag() == tag::ATTRIBUTE_NAME) {
            d.tolerate_type(Leniency::WRONG_TYPES, found)?;
        }
        if found.is(ItemType::Enumeration) {
            let number = d.enumeration(found)?;
            let known = Tag::new(number)
                .ok()
                .filter(|tag| tag.is_extension() || versions_of(*tag).covers(d.cx.version));
            return match (known, Tag::new(number)) {
                (Some(tag), _) => Ok(Self::Standard(tag)),
                (None, Ok(tag)) if !spec::attribute_rows(tag).is_empty() => {
                    let kind = ErrorKind::EnumerationValueNotInVersion { tag: found.tag(), value: number };
                    d.tolerate_at(Leniency::OTHER_VERSIONS, kind, found)?;
                    Ok(Self::Standard(tag))
                }
                (None, Ok(tag)) => {
                    let kind = ErrorKind::UnknownEnumerationValue { tag: found.tag(), value: number };
                    d.tolerate_at(Leniency::UNKNOWN_ENUMERATION_VALUES, kind, found)?;
                    Ok(Self::Standard(tag))
                }
                (None, Err(_)) => Err(d.invalid(found.tag(), found)),
            };
        }
        if found.is(ItemType::Structure) {
            let mut fields = Fields::open(found, d, const { &FIELDS })?;
            let vendor_identification = fields.required((
                const { presence(FIELDS, tag::VENDOR_IDENTIFICATION) },
                tag::VENDOR_IDENTIFICATION,
            ))?;
            let attribute_name =
                fields.required((const { presence(FIELDS, tag::ATTRIBUTE_NAME) }, tag::ATTRIBUTE_NAME))?;
            fields.finish()?;
            return Ok(Self::Vendor { vendor_identification, attribute_name });
        }
        <&str>::decode(found, d).map(Self::named)
    }

    fn encode(&self, tag: Tag, e: &mut Encoder<'_>) {
        match *self {
            // Attribute Name is the form of 1.x, whatever the version: leniency may have let it in.
            Self::Standard(attribute) if tag == tag::ATTRIBUTE_NAME => {
                match name_of(attribute) {
                    Some(name) => e.writer.text_string(tag, name),
                    None => e.not_in_version(attribute),
                }
                if !versions_of(attribute).covers(e.version) {
                    e.not_in_version(attribute);
                }
            }
            Self::Standard(attribute) => {
                if !attribute.is_extension() && !versions_of(attribute).covers(e.version) {
                    e.not_in_version(attribute);
                }
                e.writer.enumeration(tag, attribute.get());
            }
            Self::Custom(name) if tag == tag::ATTRIBUTE_NAME => e.writer.text_string(tag, name),
            Self::Custom(name) => match split_custom(name) {
                Some((vendor, name)) => encode_vendor(tag, vendor, name, e),
                None => e.fail(ErrorKind::CannotEncodeInVersion { tag }),
            },
            Self::Vendor { vendor_identification, attribute_name } if tag == tag::ATTRIBUTE_NAME => {
                encode_joined(tag, vendor_identification, attribute_name, e);
            }
            Self::Vendor { vendor_identification, attribute_name } => {
                encode_vendor(tag, vendor_identification, attribute_name, e);
            }
        }
    }
}

fn encode_vendor(tag: Tag, vendor: &str, name: &str, e: &mut Encoder<'_>) {
    let open = e.writer.begin(tag);
    e.writer.text_string(tag::VENDOR_IDENTIFICATION, vendor);
    e.writer.text_string(tag::ATTRIBUTE_NAME, name);
    e.writer.end(open);
}

/// `x-NAME` and `y-NAME` as vendor and name.
pub(super) fn split_custom(name: &str) -> Option<(&str, &str)> {
    let (vendor, name) = name.split_once('-')?;
    matches!(vendor, "x" | "y").then_some((vendor, name))
}

/// Vendor and name as `x-NAME` or `y-NAME`; other vendors have no attributes in 1.x.
pub(super) fn encode_joined(tag: Tag, vendor: &str, name: &str, e: &mut Encoder<'_>) {
    let prefix = match vendor {
        "x" => "x-",
        "y" => "y-",
        _ => return e.fail(ErrorKind::CannotEncodeInVersion { tag: tag::VENDOR_IDENTIFICATION }),
    };
    e.writer.text_string_of(tag, prefix, name);
}
