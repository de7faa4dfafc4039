//! Attributes of managed objects, and the structures that stand in them (KMIP 1.4, section 3; KMIP 2.1, section 4).

mod certificate;
mod cryptography;
mod identifier;
mod identity;
mod item;
mod list;
mod name;
mod reference;
mod usage;
mod value;

pub use self::{
    certificate::{
        CertificateIdentifier, CertificateIssuer, CertificateSubject, X509CertificateIdentifier,
        X509CertificateIssuer, X509CertificateSubject,
    },
    cryptography::{
        CryptographicDomainParameters, CryptographicParameters, DerivationParameters, Digest, RngParameters,
    },
    identifier::UniqueIdentifier,
    identity::{AlternativeName, ApplicationSpecificInformation, KeyValueLocation, Link, Name, RotateName},
    list::{Attributes, AttributesIter, TemplateAttribute},
    reference::AttributeReference,
    usage::{RevocationReason, UsageLimits},
    value::{Attribute, AttributeValue},
};
