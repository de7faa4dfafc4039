//! Certificates.

use crate::{
    attribute::{TemplateAttribute, UniqueIdentifier},
    codec::{DateTime, Interval},
    object::{Certificate, CertificateRequest},
    operation::ProtectionStorageMasks,
    spec::{
        self,
        enumeration::{CertificateRequestType, ValidityIndicator},
    },
};

structure! {
    /// Request payload of Certify.
    CertifyRequest = spec::operation::CERTIFY.request;

    /// Unique Identifier.
    unique_identifier: opt UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// Certificate Request Type; required in KMIP 1.0, later there with the request.
    certificate_request_type: opt CertificateRequestType = CERTIFICATE_REQUEST_TYPE;
    /// Certificate Request in KMIP 1.x, Certificate Request Value in 2.x; required in KMIP 1.0.
    certificate_request: opt &'a [u8] = CERTIFICATE_REQUEST | CERTIFICATE_REQUEST_VALUE;
    /// Template-Attribute in KMIP 1.x, Attributes in 2.x.
    attributes: opt TemplateAttribute<'a> = TEMPLATE_ATTRIBUTE | ATTRIBUTES;
    /// Protection Storage Masks; KMIP 2.0 and later.
    protection_storage_masks: opt ProtectionStorageMasks<'a> = PROTECTION_STORAGE_MASKS;
}

structure! {
    /// Response payload of Certify.
    CertifyResponse = spec::operation::CERTIFY.response;

    /// Unique Identifier.
    unique_identifier: req UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// Template-Attribute; KMIP up to 1.4.
    template_attribute: opt TemplateAttribute<'a> = TEMPLATE_ATTRIBUTE;
}

structure! {
    /// Request payload of Re-certify.
    ReCertifyRequest = spec::operation::RE_CERTIFY.request;

    /// Unique Identifier.
    unique_identifier: opt UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// Certificate Request Unique Identifier; KMIP 2.0 and later.
    certificate_request_unique_identifier: opt UniqueIdentifier<'a> = CERTIFICATE_REQUEST_UNIQUE_IDENTIFIER;
    /// Certificate Request Type; required in KMIP 1.0, later there with the request.
    certificate_request_type: opt CertificateRequestType = CERTIFICATE_REQUEST_TYPE;
    /// Certificate Request in KMIP 1.x, Certificate Request Value in 2.x; required in KMIP 1.0.
    certificate_request: opt &'a [u8] = CERTIFICATE_REQUEST | CERTIFICATE_REQUEST_VALUE;
    /// Offset.
    offset: opt Interval = OFFSET;
    /// Template-Attribute in KMIP 1.x, Attributes in 2.x.
    attributes: opt TemplateAttribute<'a> = TEMPLATE_ATTRIBUTE | ATTRIBUTES;
    /// Protection Storage Masks; KMIP 2.0 and later.
    protection_storage_masks: opt ProtectionStorageMasks<'a> = PROTECTION_STORAGE_MASKS;
}

structure! {
    /// Response payload of Re-certify.
    ReCertifyResponse = spec::operation::RE_CERTIFY.response;

    /// Unique Identifier.
    unique_identifier: req UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// Template-Attribute; KMIP up to 1.4.
    template_attribute: opt TemplateAttribute<'a> = TEMPLATE_ATTRIBUTE;
}

structure! {
    /// Request payload of Validate.
    ValidateRequest = spec::operation::VALIDATE.request;

    /// Certificate.
    certificates: many Certificate<'a> = CERTIFICATE;
    /// Unique Identifier.
    unique_identifiers: many UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// Validity Date.
    validity_date: opt DateTime = VALIDITY_DATE;
}

structure! {
    /// Response payload of Validate.
    ValidateResponse = spec::operation::VALIDATE.response;

    /// Validity Indicator.
    validity_indicator: req ValidityIndicator = VALIDITY_INDICATOR;
}

structure! {
    /// Request payload of Re-Provision; KMIP 2.0 and later.
    ReProvisionRequest = spec::operation::RE_PROVISION.request;

    /// Certificate Request.
    certificate_request: opt CertificateRequest<'a> = CERTIFICATE_REQUEST;
    /// Certificate.
    certificate: opt Certificate<'a> = CERTIFICATE;
}

structure! {
    /// Response payload of Re-Provision; KMIP 2.0 and later.
    ReProvisionResponse = spec::operation::RE_PROVISION.response;

    /// Unique Identifier.
    unique_identifier: opt UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
}
