//! What the server reads out of an X.509 certificate (KMIP 1.4, sections 3.8 to 3.16; KMIP 2.1, sections 4.6 to 4.8).

use tde_kmip_codec::{
    attribute::{
        AttributeValue, CertificateIdentifier, CertificateIssuer, CertificateSubject,
        X509CertificateIdentifier, X509CertificateIssuer, X509CertificateSubject,
    },
    object::Certificate,
    spec::enumeration::{CertificateType, CryptographicAlgorithm, DigitalSignatureAlgorithm, KeyFormatType},
};
use x509_parser::{
    oid_registry::Oid,
    prelude::{FromDer, X509Certificate},
    public_key::PublicKey,
    x509::{SubjectPublicKeyInfo, X509Name},
};

use super::AttributeSet;
use crate::server::engine::failure::Outcome;

/// Describes a certificate. One that cannot be parsed is kept all the same: the server does not judge it.
pub(super) fn describe(set: &mut AttributeSet, certificate: &Certificate<'_>) -> Outcome {
    let der = certificate.certificate_value;
    let length = i32::try_from(der.len()).unwrap_or(i32::MAX);
    set.set(AttributeValue::CertificateType(certificate.certificate_type))?;
    set.set(AttributeValue::CertificateLength(length))?;
    set.set(AttributeValue::KeyFormatType(KeyFormatType::RAW))?;
    if certificate.certificate_type != CertificateType::X_509 {
        return Ok(());
    }
    match X509Certificate::from_der(der) {
        Ok((_, parsed)) => describe_x509(set, &parsed),
        Err(_) => Ok(()),
    }
}

fn describe_x509(set: &mut AttributeSet, certificate: &X509Certificate<'_>) -> Outcome {
    let (issuer, subject) = (certificate.issuer(), certificate.subject());
    let serial = der_integer(certificate.raw_serial());
    let identifier = X509CertificateIdentifier::new(issuer.as_raw(), &serial);
    set.set(AttributeValue::X509CertificateIdentifier(identifier))?;
    set.set(AttributeValue::X509CertificateIssuer(X509CertificateIssuer::new(issuer.as_raw())))?;
    set.set(AttributeValue::X509CertificateSubject(X509CertificateSubject::new(subject.as_raw())))?;
    describe_names(set, certificate)?;
    if let Some((algorithm, bits)) = key_of(certificate.public_key()) {
        set.set(AttributeValue::CryptographicAlgorithm(algorithm))?;
        set.set(AttributeValue::CryptographicLength(bits))?;
    }
    if let Some(algorithm) = signature_of(&certificate.signature_algorithm.algorithm) {
        set.set(AttributeValue::DigitalSignatureAlgorithm(algorithm))?;
    }
    Ok(())
}

/// Names as text: whole ones of KMIP 1.x, parts of KMIP 2.x.
fn describe_names(set: &mut AttributeSet, certificate: &X509Certificate<'_>) -> Outcome {
    let (issuer, subject) = (certificate.issuer(), certificate.subject());
    let (issuer_text, subject_text) = (text(issuer), text(subject));
    let serial: String = certificate.raw_serial().iter().map(|byte| format!("{byte:02X}")).collect();
    let mut identifier = CertificateIdentifier::new(&issuer_text);
    identifier.serial_number = Some(&serial);
    set.set(AttributeValue::CertificateIdentifier(identifier))?;
    set.set(AttributeValue::CertificateIssuer(CertificateIssuer::new(&issuer_text)))?;
    set.set(AttributeValue::CertificateSubject(CertificateSubject::new(&subject_text)))?;
    for (kind, value) in parts(issuer) {
        let value = match kind {
            "CN" => AttributeValue::CertificateIssuerCN(&value),
            "O" => AttributeValue::CertificateIssuerO(&value),
            "OU" => AttributeValue::CertificateIssuerOU(&value),
            "emailAddress" => AttributeValue::CertificateIssuerEmail(&value),
            "C" => AttributeValue::CertificateIssuerC(&value),
            "ST" => AttributeValue::CertificateIssuerST(&value),
            "L" => AttributeValue::CertificateIssuerL(&value),
            _ => continue,
        };
        set.add(value)?;
    }
    for (kind, value) in parts(subject) {
        let value = match kind {
            "CN" => AttributeValue::CertificateSubjectCN(&value),
            "O" => AttributeValue::CertificateSubjectO(&value),
            "OU" => AttributeValue::CertificateSubjectOU(&value),
            "emailAddress" => AttributeValue::CertificateSubjectEmail(&value),
            "C" => AttributeValue::CertificateSubjectC(&value),
            "ST" => AttributeValue::CertificateSubjectST(&value),
            "L" => AttributeValue::CertificateSubjectL(&value),
            _ => continue,
        };
        set.add(value)?;
    }
    Ok(())
}

/// The parts of a name, in the order of the certificate.
fn parts(name: &X509Name<'_>) -> Vec<(&'static str, String)> {
    let all = name
        .iter_attributes()
        .filter_map(|part| Some((short_name(part.attr_type())?, part.as_str().ok()?.to_owned())));
    all.collect()
}

/// A name as RFC 4514 writes it: the last part first.
fn text(name: &X509Name<'_>) -> String {
    let parts: Vec<String> =
        parts(name).into_iter().rev().map(|(kind, value)| format!("{kind}={value}")).collect();
    parts.join(",")
}

/// The short names of RFC 4514, section 3, and that of an e-mail address.
fn short_name(oid: &Oid<'_>) -> Option<&'static str> {
    Some(match oid.to_id_string().as_str() {
        "2.5.4.3" => "CN",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "1.2.840.113549.1.9.1" => "emailAddress",
        _ => return None,
    })
}

/// An INTEGER of DER around its contents.
fn der_integer(contents: &[u8]) -> Vec<u8> {
    // Serial numbers have 20 bytes at most (RFC 5280, section 4.1.2.2).
    let mut der = vec![0x02, u8::try_from(contents.len()).ok().filter(|len| *len < 0x80).unwrap_or(0)];
    der.extend_from_slice(contents);
    der
}

fn key_of(key: &SubjectPublicKeyInfo<'_>) -> Option<(CryptographicAlgorithm, i32)> {
    let (algorithm, bits) = match key.parsed().ok()? {
        PublicKey::RSA(key) => (CryptographicAlgorithm::RSA, key.key_size()),
        PublicKey::EC(point) => (CryptographicAlgorithm::ECDSA, point.key_size()),
        PublicKey::DSA(_) => (CryptographicAlgorithm::DSA, 0),
        _ => return None,
    };
    Some((algorithm, i32::try_from(bits).ok().filter(|bits| *bits > 0)?))
}

fn signature_of(oid: &Oid<'_>) -> Option<DigitalSignatureAlgorithm> {
    Some(match oid.to_id_string().as_str() {
        "1.2.840.113549.1.1.4" => DigitalSignatureAlgorithm::MD5_WITH_RSA_ENCRYPTION,
        "1.2.840.113549.1.1.5" => DigitalSignatureAlgorithm::SHA_1_WITH_RSA_ENCRYPTION,
        "1.2.840.113549.1.1.11" => DigitalSignatureAlgorithm::SHA_256_WITH_RSA_ENCRYPTION,
        "1.2.840.113549.1.1.12" => DigitalSignatureAlgorithm::SHA_384_WITH_RSA_ENCRYPTION,
        "1.2.840.113549.1.1.13" => DigitalSignatureAlgorithm::SHA_512_WITH_RSA_ENCRYPTION,
        "1.2.840.10045.4.3.2" => DigitalSignatureAlgorithm::ECDSA_WITH_SHA256,
        "1.2.840.10045.4.3.3" => DigitalSignatureAlgorithm::ECDSA_WITH_SHA384,
        "1.2.840.10045.4.3.4" => DigitalSignatureAlgorithm::ECDSA_WITH_SHA512,
        _ => return None,
    })
}
