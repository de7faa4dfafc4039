//! What certificates say.

use crate::spec::{self};

structure! {
    /// Certificate Identifier; KMIP up to 1.4.
    #[derive(Copy)]
    CertificateIdentifier = spec::structure::CERTIFICATE_IDENTIFIER.fields;

    /// Issuer.
    issuer: req &'a str = ISSUER;
    /// Serial Number; a PGP certificate has none.
    serial_number: opt &'a str = SERIAL_NUMBER;
}

structure! {
    /// Certificate Issuer; KMIP up to 1.4.
    #[derive(Copy)]
    CertificateIssuer = spec::structure::CERTIFICATE_ISSUER.fields;

    /// Certificate Issuer Distinguished Name.
    certificate_issuer_distinguished_name: req &'a str = CERTIFICATE_ISSUER_DISTINGUISHED_NAME;
    /// Certificate Issuer Alternative Name.
    certificate_issuer_alternative_names: many &'a str = CERTIFICATE_ISSUER_ALTERNATIVE_NAME;
}

structure! {
    /// Certificate Subject; KMIP up to 1.4.
    #[derive(Copy)]
    CertificateSubject = spec::structure::CERTIFICATE_SUBJECT.fields;

    /// Certificate Subject Distinguished Name.
    certificate_subject_distinguished_name: req &'a str = CERTIFICATE_SUBJECT_DISTINGUISHED_NAME;
    /// Certificate Subject Alternative Name.
    certificate_subject_alternative_names: many &'a str = CERTIFICATE_SUBJECT_ALTERNATIVE_NAME;
}

structure! {
    /// X.509 Certificate Identifier; KMIP 1.1 and later.
    #[derive(Copy)]
    X509CertificateIdentifier = spec::structure::X_509_CERTIFICATE_IDENTIFIER.fields;

    /// Issuer Distinguished Name.
    issuer_distinguished_name: req &'a [u8] = ISSUER_DISTINGUISHED_NAME;
    /// Certificate Serial Number.
    certificate_serial_number: req &'a [u8] = CERTIFICATE_SERIAL_NUMBER;
}

structure! {
    /// X.509 Certificate Issuer; KMIP 1.1 and later.
    #[derive(Copy)]
    X509CertificateIssuer = spec::structure::X_509_CERTIFICATE_ISSUER.fields;

    /// Issuer Distinguished Name.
    issuer_distinguished_name: req &'a [u8] = ISSUER_DISTINGUISHED_NAME;
    /// Issuer Alternative Name.
    issuer_alternative_names: many &'a [u8] = ISSUER_ALTERNATIVE_NAME;
}

structure! {
    /// X.509 Certificate Subject; KMIP 1.1 and later.
    #[derive(Copy)]
    X509CertificateSubject = spec::structure::X_509_CERTIFICATE_SUBJECT.fields;

    /// Subject Distinguished Name.
    subject_distinguished_name: req &'a [u8] = SUBJECT_DISTINGUISHED_NAME;
    /// Subject Alternative Name; there when Subject Distinguished Name is empty.
    subject_alternative_names: many &'a [u8] = SUBJECT_ALTERNATIVE_NAME;
}
