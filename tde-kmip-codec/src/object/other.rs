//! Objects that are no keys.

use crate::{
    attribute::Attribute,
    codec::{Decoder, Encoder, Failed, FieldValue, Found, Secret},
    spec::{
        self,
        enumeration::{CertificateRequestType, CertificateType},
    },
    ttlv::Tag,
};

structure! {
    /// Certificate.
    Certificate = spec::structure::CERTIFICATE.fields;

    /// Certificate Type.
    certificate_type: req CertificateType = CERTIFICATE_TYPE;
    /// Certificate Value.
    certificate_value: req &'a [u8] = CERTIFICATE_VALUE;
}

structure! {
    /// Certificate Request; KMIP 2.0 and later.
    CertificateRequest = spec::structure::CERTIFICATE_REQUEST.fields;

    /// Certificate Request Type.
    certificate_request_type: req CertificateRequestType = CERTIFICATE_REQUEST_TYPE;
    /// Certificate Request Value.
    certificate_request_value: req &'a [u8] = CERTIFICATE_REQUEST_VALUE;
}

structure! {
    /// Opaque Object.
    OpaqueObject = spec::structure::OPAQUE_OBJECT.fields;

    /// Opaque Data Type.
    opaque_data_type: req OpaqueDataType = OPAQUE_DATA_TYPE;
    /// Opaque Data Value.
    opaque_data_value: req Secret<'a> = OPAQUE_DATA_VALUE;
}

structure! {
    /// Template; KMIP up to 1.4.
    Template = spec::structure::TEMPLATE.fields;

    /// Attribute.
    attributes: many Attribute<'a> = ATTRIBUTE;
}

/// The type of an Opaque Object's data: the standard lists no values, all are extensions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct OpaqueDataType(pub u32);

impl<'a> FieldValue<'a> for OpaqueDataType {
    fn decode(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Self, Failed> {
        d.enumeration(found).map(Self)
    }

    fn encode(&self, tag: Tag, e: &mut Encoder<'_>) {
        e.writer.enumeration(tag, self.0);
    }
}
