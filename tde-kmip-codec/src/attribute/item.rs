//! One attribute as an item of its own: the form in which a server keeps it.

use super::Attribute;
use crate::{
    codec::{Decoder, Encoder},
    spec::ProtocolVersion,
    ttlv::{Error, Leniency, Options, Writer},
};

impl<'a> Attribute<'a> {
    /// Decodes an attribute that stands under its own tag, as inside Attributes of KMIP 2.x.
    ///
    /// With [`Leniency::OTHER_VERSIONS`] an attribute of any version is read, which makes the form fit for keeping.
    ///
    /// # Errors
    /// Every error of the item and message layers that `options` does not tolerate.
    pub fn from_item(input: &'a [u8], version: ProtocolVersion, options: Options) -> Result<Self, Error> {
        Decoder::item(input, version, options, Self::decode_v2)
    }

    /// Encodes the attribute under its own tag, as inside Attributes of KMIP 2.x, and returns the part of `buffer`
    /// that it takes. The index is no part of that form and must be 0 or missing.
    ///
    /// # Errors
    /// [`crate::ttlv::ErrorKind::BufferTooSmall`] with the size that is needed; what the version does not have and
    /// `leniency` does not allow.
    pub fn to_item<'b>(
        &self,
        version: ProtocolVersion,
        leniency: Leniency,
        buffer: &'b mut [u8],
    ) -> Result<&'b mut [u8], Error> {
        let mut encoder = Encoder::new(Writer::new(buffer), version, leniency);
        self.encode_v2(&mut encoder);
        encoder.finish()
    }

    /// How many bytes the attribute takes in a message of that version, in the form of the version.
    ///
    /// # Errors
    /// What the version does not have.
    pub fn encoded_len(&self, version: ProtocolVersion) -> Result<usize, Error> {
        let mut encoder = Encoder::new(Writer::measure(), version, Leniency::NONE);
        if encoder.is_v1() {
            self.encode_v1(&mut encoder);
        } else {
            self.encode_v2(&mut encoder);
        }
        encoder.measured()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        attribute::{AttributeValue, Name},
        spec::enumeration::NameType,
    };

    const KEEP: Leniency = Leniency::OTHER_VERSIONS;

    #[test]
    fn attributes_of_every_version_are_kept_in_one_form() {
        let options = Options::new().leniency(KEEP);
        for value in [
            AttributeValue::Name(Name::new("orders", NameType::UNINTERPRETED_TEXT_STRING)),
            AttributeValue::OperationPolicyName("default"),
            AttributeValue::Sensitive(true),
            AttributeValue::Custom {
                name: "x-colour",
                value: crate::ttlv::Value::TextString("green").into(),
            },
        ] {
            let mut buffer = [0; 128];
            let kept = Attribute::new(value).to_item(ProtocolVersion::V2_1, KEEP, &mut buffer).unwrap();
            let read = Attribute::from_item(kept, ProtocolVersion::V2_1, options).unwrap();
            match (value, read.value) {
                (
                    AttributeValue::Custom { value, .. },
                    AttributeValue::Vendor {
                        vendor_identification: "x",
                        attribute_name: "colour",
                        value: read,
                    },
                ) => assert_eq!(read, value),
                (value, read) => assert_eq!(read, value),
            }
        }
    }

    #[test]
    fn what_a_version_lacks_has_no_length_in_it() {
        let policy = Attribute::new(AttributeValue::OperationPolicyName("default"));
        assert_eq!(policy.encoded_len(ProtocolVersion::V1_4).unwrap(), 56);
        assert!(policy.encoded_len(ProtocolVersion::V2_0).is_err());
    }
}
