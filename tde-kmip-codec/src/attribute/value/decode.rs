//! Attributes of a message.

use super::{Attribute, AttributeValue, FIELDS, INDEX, NAME, VENDOR, versions_of};
use crate::{
    attribute::{AttributeReference, name::named, reference::split_custom},
    codec::{AnyValue, Decoder, Failed, FieldValue, Fields, Found},
    spec::{self, tag},
    ttlv::{ErrorKind, ItemType, Leniency, Tag},
};

impl<'a> Attribute<'a> {
    /// The structure Attribute of 1.x: name, index, value.
    pub(super) fn decode_v1(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Self, Failed> {
        let parts = Parts::read(found, d)?;
        let index = parts.index;
        let value = match (parts.value, AttributeReference::named(parts.name)) {
            (Some(found), AttributeReference::Standard(attribute)) => {
                not_in_version(attribute, parts.named, d)?;
                if is_odd(attribute, found, d)? {
                    AttributeValue::Custom { name: parts.name, value: AnyValue::decode(found, d)? }
                } else {
                    AttributeValue::decode_standard(attribute, found, d)
                        .unwrap_or_else(|| Err(d.invalid(tag::ATTRIBUTE_NAME, parts.named)))?
                }
            }
            (Some(found), _) => {
                parts.check_custom_name(d)?;
                AttributeValue::Custom { name: parts.name, value: AnyValue::decode(found, d)? }
            }
            (None, reference) => AttributeValue::Absent(reference),
        };
        Ok(Self { index, value })
    }

    pub(super) fn probe_v1(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<(), Failed> {
        let parts = Parts::read(found, d)?;
        match (parts.value, named(parts.name)) {
            (Some(found), Some(attribute)) => {
                not_in_version(attribute, parts.named, d)?;
                if is_odd(attribute, found, d)? {
                    return AnyValue::decode(found, d).map(|_| ());
                }
                AttributeValue::probe_standard(attribute, found, d)
                    .unwrap_or_else(|| Err(d.invalid(tag::ATTRIBUTE_NAME, parts.named)))
            }
            (Some(found), None) => {
                parts.check_custom_name(d)?;
                AnyValue::decode(found, d).map(|_| ())
            }
            (None, _) => Ok(()),
        }
    }

    /// An item inside Attributes, New Attribute or Current Attribute of 2.x: the attribute under its own tag.
    pub(in crate::attribute) fn decode_v2(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Self, Failed> {
        let tag = found.tag();
        if tag == tag::ATTRIBUTE {
            return Self::decode_vendor(found, d);
        }
        if is_odd(tag, found, d)? {
            not_in_version(tag, found, d)?;
            let value = AnyValue::decode(found, d)?;
            return Ok(Self::new(AttributeValue::Extension { tag, value }));
        }
        if let Some(value) = AttributeValue::decode_standard(tag, found, d) {
            not_in_version(tag, found, d)?;
            return value.map(Self::new);
        }
        if !tag.is_extension() {
            d.tolerate_at(Leniency::UNKNOWN_FIELDS, ErrorKind::UnknownField { tag }, found)?;
        }
        let value = AnyValue::decode(found, d)?;
        Ok(Self::new(AttributeValue::Extension { tag, value }))
    }

    /// Checks without building.
    pub(in crate::attribute) fn probe_v2(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<(), Failed> {
        let tag = found.tag();
        // What leniency may keep as it is takes the long way.
        if tag != tag::ATTRIBUTE
            && !d.cx.leniency.contains(Leniency::WRONG_TYPES)
            && let Some(probed) = AttributeValue::probe_standard(tag, found, d)
        {
            not_in_version(tag, found, d)?;
            return probed;
        }
        Self::decode_v2(found, d).map(|_| ())
    }

    /// The structure Attribute of 2.x: vendor, name, value.
    fn decode_vendor(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Self, Failed> {
        let mut fields = Fields::open(found, d, const { &FIELDS })?;
        let vendor_identification = fields.required(VENDOR)?;
        let attribute_name = fields.required(NAME)?;
        let Some(value) = fields.take(tag::ATTRIBUTE_VALUE) else {
            return Err(fields.missing(tag::ATTRIBUTE_VALUE));
        };
        let value = AnyValue::decode(value, d)?;
        fields.finish()?;
        Ok(Self::new(AttributeValue::Vendor { vendor_identification, attribute_name, value }))
    }
}

/// The fields of the structure Attribute of 1.x, before the name has said what the value is.
struct Parts<'a> {
    named: Found<'a>,
    name: &'a str,
    index: Option<i32>,
    value: Option<Found<'a>>,
}

impl<'a> Parts<'a> {
    #[inline]
    fn read(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Self, Failed> {
        let mut fields = Fields::open(found, d, const { &FIELDS })?;
        let Some(named) = fields.take(tag::ATTRIBUTE_NAME) else {
            return Err(fields.missing(tag::ATTRIBUTE_NAME));
        };
        let name = <&str>::decode(named, d)?;
        let index = fields.optional(INDEX)?;
        let value = fields.take(tag::ATTRIBUTE_VALUE);
        if value.is_none() && !d.allows_absent_values() {
            return Err(fields.missing(tag::ATTRIBUTE_VALUE));
        }
        fields.finish()?;
        Ok(Self { named, name, index, value })
    }

    /// A name that is not the standard's begins with `x-` or `y-` (KMIP 1.4, section 3.40).
    fn check_custom_name(&self, d: &Decoder<'_, '_>) -> Result<(), Failed> {
        if split_custom(self.name).is_some() {
            return Ok(());
        }
        let kind = ErrorKind::InvalidValue { tag: tag::ATTRIBUTE_NAME };
        d.tolerate_at(Leniency::UNKNOWN_FIELDS, kind, self.named)
    }
}

/// Whether a value is of another type than the attribute's and leniency allows to keep it as it is.
#[inline]
fn is_odd(attribute: Tag, found: Found<'_>, d: &Decoder<'_, '_>) -> Result<bool, Failed> {
    if !d.cx.leniency.contains(Leniency::WRONG_TYPES) || versions_of(attribute).is_empty() {
        return Ok(false);
    }
    let fits = spec::tag_facts(attribute).zip(ItemType::from_byte(found.type_byte())).is_none_or(
        |(facts, item_type)| {
            let types = if d.cx.is_v1() { facts.types.v1 } else { facts.types.v2 };
            types.is_empty() || types.contains(item_type)
        },
    );
    if fits {
        return Ok(false);
    }
    d.tolerate_type(Leniency::WRONG_TYPES, found)?;
    Ok(true)
}

fn not_in_version(attribute: Tag, found: Found<'_>, d: &Decoder<'_, '_>) -> Result<(), Failed> {
    if versions_of(attribute).covers(d.cx.version) {
        return Ok(());
    }
    let kind = ErrorKind::FieldNotInVersion { tag: attribute };
    d.tolerate_at(Leniency::OTHER_VERSIONS, kind, found)
}
