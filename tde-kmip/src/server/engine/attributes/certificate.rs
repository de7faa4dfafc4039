//! What the server reads out of an X.509 certificate (KMIP 1.4, sections 3.8 to 3.15; KMIP 2.1, sections 4.3 to 4.9).

use tde_kmip_codec::{
    attribute::{AttributeValue, X509CertificateIdentifier, X509CertificateIssuer, X509CertificateSubject},
    object::Certificate,
    spec::enumeration::CertificateType,
};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::AttributeSet;
use crate::server::engine::failure::{Failure, Outcome};

/// Describes a certificate. One that cannot be parsed is kept all the same: the server does not judge it.
pub(super) fn describe(set: &mut AttributeSet, certificate: &Certificate<'_>) -> Outcome {
    let der = certificate.certificate_value;
    let length = i32::try_from(der.len()).unwrap_or(i32::MAX);
    let mut values = vec![
        AttributeValue::CertificateType(certificate.certificate_type),
        AttributeValue::CertificateLength(length),
    ];
    let parsed = X509Certificate::from_der(der)
        .ok()
        .filter(|_| certificate.certificate_type == CertificateType::X_509);
    if let Some((_, parsed)) = &parsed {
        let (issuer, subject) = (parsed.issuer().as_raw(), parsed.subject().as_raw());
        values.push(AttributeValue::X509CertificateIdentifier(X509CertificateIdentifier::new(
            issuer,
            parsed.raw_serial(),
        )));
        values.push(AttributeValue::X509CertificateIssuer(X509CertificateIssuer::new(issuer)));
        values.push(AttributeValue::X509CertificateSubject(X509CertificateSubject::new(subject)));
    }
    values.into_iter().try_for_each(|value| {
        let set = set.set(value);
        set.map_err(|error| Failure::general(format!("an attribute cannot be kept: {error}")))
    })?;
    Ok(())
}
