//! Attributes for a message.

use super::{Attribute, AttributeValue, INDEX};
use crate::{
    attribute::reference::{encode_joined, split_custom},
    codec::{AnyValue, Encoder, FieldValue},
    spec::tag,
    ttlv::ErrorKind,
};

impl Attribute<'_> {
    /// As the structure Attribute of 1.x.
    pub(in crate::attribute) fn encode_v1(&self, e: &mut Encoder<'_>) {
        let Some(facts) = self.value.standard() else { return self.encode_v1_of_no_standard(e) };
        if !facts.versions.covers(e.version) {
            e.not_in_version(facts.tag);
        }
        let open = e.writer.begin_with(&facts.image, facts.image_len);
        e.optional(INDEX, self.index.as_ref());
        self.value.encode_standard(tag::ATTRIBUTE_VALUE, e);
        e.writer.end(open);
    }

    fn encode_v1_of_no_standard(&self, e: &mut Encoder<'_>) {
        let open = e.writer.begin(tag::ATTRIBUTE);
        let value = match &self.value {
            AttributeValue::Custom { name, value } => {
                e.writer.text_string(tag::ATTRIBUTE_NAME, name);
                Some(value)
            }
            AttributeValue::Vendor { vendor_identification, attribute_name, value } => {
                encode_joined(tag::ATTRIBUTE_NAME, vendor_identification, attribute_name, e);
                Some(value)
            }
            AttributeValue::Extension { tag, .. } => {
                e.fail(ErrorKind::CannotEncodeInVersion { tag: *tag });
                None
            }
            AttributeValue::Absent(reference) => {
                reference.encode(tag::ATTRIBUTE_NAME, e);
                None
            }
            _ => None,
        };
        e.optional(INDEX, self.index.as_ref());
        if let Some(value) = value {
            value.encode(tag::ATTRIBUTE_VALUE, e);
        }
        e.writer.end(open);
    }

    /// As an item of 2.x under the attribute's own tag.
    pub(in crate::attribute) fn encode_v2(&self, e: &mut Encoder<'_>) {
        if self.index.is_some_and(|index| index != 0) {
            e.fail(ErrorKind::CannotEncodeInVersion { tag: tag::ATTRIBUTE_INDEX });
        }
        match &self.value {
            AttributeValue::Custom { name, value } => match split_custom(name) {
                Some((vendor, name)) => encode_vendor_attribute(vendor, name, *value, e),
                None => e.fail(ErrorKind::CannotEncodeInVersion { tag: tag::ATTRIBUTE_NAME }),
            },
            AttributeValue::Vendor { vendor_identification, attribute_name, value } => {
                encode_vendor_attribute(vendor_identification, attribute_name, *value, e);
            }
            AttributeValue::Extension { tag, value } => value.encode(*tag, e),
            AttributeValue::Absent(_) => {
                e.fail(ErrorKind::CannotEncodeInVersion { tag: tag::ATTRIBUTE_NAME });
            }
            standard => {
                if let Some(facts) = standard.standard() {
                    if !facts.versions.covers(e.version) {
                        e.not_in_version(facts.tag);
                    }
                    standard.encode_standard(facts.tag, e);
                }
            }
        }
    }
}

fn encode_vendor_attribute(vendor: &str, name: &str, value: AnyValue<'_>, e: &mut Encoder<'_>) {
    let open = e.writer.begin(tag::ATTRIBUTE);
    e.writer.text_string(tag::VENDOR_IDENTIFICATION, vendor);
    e.writer.text_string(tag::ATTRIBUTE_NAME, name);
    value.encode(tag::ATTRIBUTE_VALUE, e);
    e.writer.end(open);
}
