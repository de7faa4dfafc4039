//! The attributes, each with its type (KMIP 1.4, section 3; KMIP 2.1, section 4).

mod decode;
mod encode;

use super::{
    AlternativeName, ApplicationSpecificInformation, AttributeReference, CertificateIdentifier,
    CertificateIssuer, CertificateSubject, CryptographicDomainParameters, CryptographicParameters, Digest,
    KeyValueLocation, Link, Name, RevocationReason, RngParameters, RotateName, UniqueIdentifier, UsageLimits,
    X509CertificateIdentifier, X509CertificateIssuer, X509CertificateSubject,
    name::{Standard, tabled_name, tabled_versions},
};
use crate::{
    codec::{AnyValue, DateTime, Decoder, Encoder, Failed, FieldValue, Found, Interval, Place, presence},
    object::OpaqueDataType,
    spec::{
        self, Versions,
        enumeration::{
            CertificateType, CryptographicAlgorithm, DigitalSignatureAlgorithm, KeyFormatType, NISTKeyType,
            ObjectType, ProtectionLevel, State,
        },
        mask::{CryptographicUsageMask, ProtectionStorageMask},
        tag,
    },
    ttlv::{ErrorKind, ItemType, Tag},
};

/// An attribute of an object.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attribute<'a> {
    /// Which of several values; KMIP up to 1.4. Missing means 0.
    pub index: Option<i32>,
    /// What it is, and its value.
    pub value: AttributeValue<'a>,
}

impl<'a> Attribute<'a> {
    /// An attribute without index.
    #[must_use]
    pub const fn new(value: AttributeValue<'a>) -> Self {
        Self { index: None, value }
    }
}

impl<'a> From<AttributeValue<'a>> for Attribute<'a> {
    fn from(value: AttributeValue<'a>) -> Self {
        Self::new(value)
    }
}

const FIELDS: &[spec::FieldFacts] = spec::structure::ATTRIBUTE.fields;
const VENDOR: Place = (presence(FIELDS, tag::VENDOR_IDENTIFICATION), tag::VENDOR_IDENTIFICATION);
const NAME: Place = (presence(FIELDS, tag::ATTRIBUTE_NAME), tag::ATTRIBUTE_NAME);
const INDEX: Place = (presence(FIELDS, tag::ATTRIBUTE_INDEX), tag::ATTRIBUTE_INDEX);

/// The structure Attribute of 1.x, or New Attribute and Current Attribute of 2.x, which hold one attribute.
impl<'a> FieldValue<'a> for Attribute<'a> {
    fn decode(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Self, Failed> {
        if found.tag() == tag::ATTRIBUTE {
            return Self::decode_v1(found, d);
        }
        if !found.is(ItemType::Structure) {
            return Err(d.wrong_type(found));
        }
        if found.bytes().is_empty() {
            return Err(d.fail_at(ErrorKind::NoItem, found));
        }
        d.enter(found)?;
        let (item, next) = d.split(found.bytes()).map_err(|fault| d.failed(fault))?;
        let attribute = Self::decode_v2(item, d)?;
        if !next.is_empty() {
            let (second, _) = d.split(next).map_err(|fault| d.failed(fault))?;
            return Err(d.fail_at(ErrorKind::RepeatedField { tag: second.tag() }, second));
        }
        d.leave();
        Ok(attribute)
    }

    fn probe(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Option<Self>, Failed> {
        if found.tag() == tag::ATTRIBUTE {
            return Self::probe_v1(found, d).map(|()| None);
        }
        Self::decode(found, d).map(|_| None)
    }

    fn encode(&self, tag: Tag, e: &mut Encoder<'_>) {
        if tag == tag::ATTRIBUTE {
            return self.encode_v1(e);
        }
        let open = e.writer.begin(tag);
        self.encode_v2(e);
        e.writer.end(open);
    }
}

/// Each attribute of the standard: its variant, type and tag. Names and versions come from the standard's table.
macro_rules! attribute_values {
    ($($(#[$meta:meta])* $variant:ident($ty:ty) = $tag:ident;)+) => {
        /// What an attribute is, and its value.
        #[derive(Clone, Copy, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum AttributeValue<'a> {
            $($(#[$meta])* $variant($ty),)+
            /// A custom attribute of KMIP 1.x.
            Custom {
                /// The whole name, such as `x-colour`.
                name: &'a str,
                /// The value.
                value: AnyValue<'a>,
            },
            /// A vendor's attribute of KMIP 2.x.
            Vendor {
                /// Vendor Identification.
                vendor_identification: &'a str,
                /// Attribute Name.
                attribute_name: &'a str,
                /// The value.
                value: AnyValue<'a>,
            },
            /// An attribute of KMIP 2.x under a tag that the standard does not have.
            Extension {
                /// The tag.
                tag: Tag,
                /// The value.
                value: AnyValue<'a>,
            },
            /// An attribute of KMIP 1.x without a value, as Notify may have it: it was deleted.
            Absent(AttributeReference<'a>),
        }

        impl<'a> AttributeValue<'a> {
            /// The tag of an attribute that has one.
            #[must_use]
            pub const fn tag(&self) -> Option<Tag> {
                match self {
                    $(Self::$variant(_) => Some(tag::$tag),)+
                    Self::Extension { tag, .. } | Self::Absent(AttributeReference::Standard(tag)) => Some(*tag),
                    Self::Custom { .. } | Self::Vendor { .. } | Self::Absent(_) => None,
                }
            }

            fn decode_standard(attribute: Tag, found: Found<'a>, d: &Decoder<'a, '_>) -> Option<Result<Self, Failed>> {
                Some(match attribute {
                    $(tag::$tag => <$ty>::decode(found, d).map(Self::$variant),)+
                    _ => return None,
                })
            }

            fn probe_standard(
                attribute: Tag,
                found: Found<'a>,
                d: &Decoder<'a, '_>,
            ) -> Option<Result<(), Failed>> {
                Some(match attribute {
                    $(tag::$tag => <$ty>::probe(found, d).map(|_| ()),)+
                    _ => return None,
                })
            }

            /// What the standard says of the attribute, known to the variant alone.
            #[inline(always)]
            const fn standard(&self) -> Option<&'static Standard> {
                match self {
                    $(Self::$variant(_) => Some(const { &Standard::of(tag::$tag) }),)+
                    _ => None,
                }
            }

            /// Encodes a value of the standard's under that tag; others not at all.
            #[inline]
            fn encode_standard(&self, tag: Tag, e: &mut Encoder<'_>) {
                match self {
                    $(Self::$variant(value) => value.encode(tag, e),)+
                    Self::Custom { .. } | Self::Vendor { .. } | Self::Extension { .. } | Self::Absent(_) => {}
                }
            }
        }

        /// The name of an attribute in KMIP 1.x.
        pub(super) const fn name_of(attribute: Tag) -> Option<&'static str> {
            match attribute {
                $(tag::$tag => Some(const { tabled_name(tag::$tag) }),)+
                _ => None,
            }
        }

        /// The versions that have an attribute; none if the tag is not that of an attribute.
        pub(super) const fn versions_of(attribute: Tag) -> Versions {
            match attribute {
                $(tag::$tag => const { tabled_versions(tag::$tag) },)+
                _ => Versions::NONE,
            }
        }
    };
}

attribute_values! {
    /// Activation Date.
    ActivationDate(DateTime) = ACTIVATION_DATE;
    /// Application Specific Information.
    ApplicationSpecificInformation(ApplicationSpecificInformation<'a>) = APPLICATION_SPECIFIC_INFORMATION;
    /// Archive Date.
    ArchiveDate(DateTime) = ARCHIVE_DATE;
    /// Certificate Identifier.
    CertificateIdentifier(CertificateIdentifier<'a>) = CERTIFICATE_IDENTIFIER;
    /// Certificate Issuer.
    CertificateIssuer(CertificateIssuer<'a>) = CERTIFICATE_ISSUER;
    /// Certificate Subject.
    CertificateSubject(CertificateSubject<'a>) = CERTIFICATE_SUBJECT;
    /// Certificate Type.
    CertificateType(CertificateType) = CERTIFICATE_TYPE;
    /// Compromise Date.
    CompromiseDate(DateTime) = COMPROMISE_DATE;
    /// Compromise Occurrence Date.
    CompromiseOccurrenceDate(DateTime) = COMPROMISE_OCCURRENCE_DATE;
    /// Contact Information.
    ContactInformation(&'a str) = CONTACT_INFORMATION;
    /// Cryptographic Algorithm.
    CryptographicAlgorithm(CryptographicAlgorithm) = CRYPTOGRAPHIC_ALGORITHM;
    /// Cryptographic Domain Parameters.
    CryptographicDomainParameters(CryptographicDomainParameters<'a>) = CRYPTOGRAPHIC_DOMAIN_PARAMETERS;
    /// Cryptographic Length.
    CryptographicLength(i32) = CRYPTOGRAPHIC_LENGTH;
    /// Cryptographic Parameters.
    CryptographicParameters(CryptographicParameters<'a>) = CRYPTOGRAPHIC_PARAMETERS;
    /// Cryptographic Usage Mask.
    CryptographicUsageMask(CryptographicUsageMask) = CRYPTOGRAPHIC_USAGE_MASK;
    /// Deactivation Date.
    DeactivationDate(DateTime) = DEACTIVATION_DATE;
    /// Destroy Date.
    DestroyDate(DateTime) = DESTROY_DATE;
    /// Digest.
    Digest(Digest<'a>) = DIGEST;
    /// Initial Date.
    InitialDate(DateTime) = INITIAL_DATE;
    /// Key Format Type.
    KeyFormatType(KeyFormatType) = KEY_FORMAT_TYPE;
    /// Last Change Date.
    LastChangeDate(DateTime) = LAST_CHANGE_DATE;
    /// Lease Time.
    LeaseTime(Interval) = LEASE_TIME;
    /// Link.
    Link(Link<'a>) = LINK;
    /// Name.
    Name(Name<'a>) = NAME;
    /// Object Group.
    ObjectGroup(&'a str) = OBJECT_GROUP;
    /// Object Type.
    ObjectType(ObjectType) = OBJECT_TYPE;
    /// Opaque Data Type.
    OpaqueDataType(OpaqueDataType) = OPAQUE_DATA_TYPE;
    /// Operation Policy Name.
    OperationPolicyName(&'a str) = OPERATION_POLICY_NAME;
    /// Process Start Date.
    ProcessStartDate(DateTime) = PROCESS_START_DATE;
    /// Protect Stop Date.
    ProtectStopDate(DateTime) = PROTECT_STOP_DATE;
    /// Revocation Reason.
    RevocationReason(RevocationReason<'a>) = REVOCATION_REASON;
    /// State.
    State(State) = STATE;
    /// Unique Identifier.
    UniqueIdentifier(UniqueIdentifier<'a>) = UNIQUE_IDENTIFIER;
    /// Usage Limits.
    UsageLimits(UsageLimits<'a>) = USAGE_LIMITS;
    /// Fresh.
    Fresh(bool) = FRESH;
    /// Certificate Length.
    CertificateLength(i32) = CERTIFICATE_LENGTH;
    /// Digital Signature Algorithm.
    DigitalSignatureAlgorithm(DigitalSignatureAlgorithm) = DIGITAL_SIGNATURE_ALGORITHM;
    /// X.509 Certificate Identifier.
    X509CertificateIdentifier(X509CertificateIdentifier<'a>) = X_509_CERTIFICATE_IDENTIFIER;
    /// X.509 Certificate Issuer.
    X509CertificateIssuer(X509CertificateIssuer<'a>) = X_509_CERTIFICATE_ISSUER;
    /// X.509 Certificate Subject.
    X509CertificateSubject(X509CertificateSubject<'a>) = X_509_CERTIFICATE_SUBJECT;
    /// Key Value Location.
    KeyValueLocation(KeyValueLocation<'a>) = KEY_VALUE_LOCATION;
    /// Key Value Present.
    KeyValuePresent(bool) = KEY_VALUE_PRESENT;
    /// Original Creation Date.
    OriginalCreationDate(DateTime) = ORIGINAL_CREATION_DATE;
    /// Alternative Name.
    AlternativeName(AlternativeName<'a>) = ALTERNATIVE_NAME;
    /// Random Number Generator.
    RandomNumberGenerator(RngParameters<'a>) = RANDOM_NUMBER_GENERATOR;
    /// PKCS#12 Friendly Name.
    Pkcs12FriendlyName(&'a str) = PKCS_12_FRIENDLY_NAME;
    /// Description.
    Description(&'a str) = DESCRIPTION;
    /// Comment.
    Comment(&'a str) = COMMENT;
    /// Certificate Subject CN.
    CertificateSubjectCN(&'a str) = CERTIFICATE_SUBJECT_CN;
    /// Certificate Subject O.
    CertificateSubjectO(&'a str) = CERTIFICATE_SUBJECT_O;
    /// Certificate Subject OU.
    CertificateSubjectOU(&'a str) = CERTIFICATE_SUBJECT_OU;
    /// Certificate Subject Email.
    CertificateSubjectEmail(&'a str) = CERTIFICATE_SUBJECT_EMAIL;
    /// Certificate Subject C.
    CertificateSubjectC(&'a str) = CERTIFICATE_SUBJECT_C;
    /// Certificate Subject ST.
    CertificateSubjectST(&'a str) = CERTIFICATE_SUBJECT_ST;
    /// Certificate Subject L.
    CertificateSubjectL(&'a str) = CERTIFICATE_SUBJECT_L;
    /// Certificate Subject UID.
    CertificateSubjectUID(&'a str) = CERTIFICATE_SUBJECT_UID;
    /// Certificate Subject Serial Number.
    CertificateSubjectSerialNumber(&'a str) = CERTIFICATE_SUBJECT_SERIAL_NUMBER;
    /// Certificate Subject Title.
    CertificateSubjectTitle(&'a str) = CERTIFICATE_SUBJECT_TITLE;
    /// Certificate Subject DC.
    CertificateSubjectDC(&'a str) = CERTIFICATE_SUBJECT_DC;
    /// Certificate Subject DN Qualifier.
    CertificateSubjectDNQualifier(&'a str) = CERTIFICATE_SUBJECT_DN_QUALIFIER;
    /// Certificate Issuer CN.
    CertificateIssuerCN(&'a str) = CERTIFICATE_ISSUER_CN;
    /// Certificate Issuer O.
    CertificateIssuerO(&'a str) = CERTIFICATE_ISSUER_O;
    /// Certificate Issuer OU.
    CertificateIssuerOU(&'a str) = CERTIFICATE_ISSUER_OU;
    /// Certificate Issuer Email.
    CertificateIssuerEmail(&'a str) = CERTIFICATE_ISSUER_EMAIL;
    /// Certificate Issuer C.
    CertificateIssuerC(&'a str) = CERTIFICATE_ISSUER_C;
    /// Certificate Issuer ST.
    CertificateIssuerST(&'a str) = CERTIFICATE_ISSUER_ST;
    /// Certificate Issuer L.
    CertificateIssuerL(&'a str) = CERTIFICATE_ISSUER_L;
    /// Certificate Issuer UID.
    CertificateIssuerUID(&'a str) = CERTIFICATE_ISSUER_UID;
    /// Certificate Issuer Serial Number.
    CertificateIssuerSerialNumber(&'a str) = CERTIFICATE_ISSUER_SERIAL_NUMBER;
    /// Certificate Issuer Title.
    CertificateIssuerTitle(&'a str) = CERTIFICATE_ISSUER_TITLE;
    /// Certificate Issuer DC.
    CertificateIssuerDC(&'a str) = CERTIFICATE_ISSUER_DC;
    /// Certificate Issuer DN Qualifier.
    CertificateIssuerDNQualifier(&'a str) = CERTIFICATE_ISSUER_DN_QUALIFIER;
    /// Sensitive.
    Sensitive(bool) = SENSITIVE;
    /// Always Sensitive.
    AlwaysSensitive(bool) = ALWAYS_SENSITIVE;
    /// Extractable.
    Extractable(bool) = EXTRACTABLE;
    /// Never Extractable.
    NeverExtractable(bool) = NEVER_EXTRACTABLE;
    /// Short Unique Identifier.
    ShortUniqueIdentifier(&'a [u8]) = SHORT_UNIQUE_IDENTIFIER;
    /// NIST Key Type.
    NistKeyType(NISTKeyType) = NIST_KEY_TYPE;
    /// Protection Level.
    ProtectionLevel(ProtectionLevel) = PROTECTION_LEVEL;
    /// Protection Period.
    ProtectionPeriod(Interval) = PROTECTION_PERIOD;
    /// Quantum Safe.
    QuantumSafe(bool) = QUANTUM_SAFE;
    /// Protection Storage Mask.
    ProtectionStorageMask(ProtectionStorageMask) = PROTECTION_STORAGE_MASK;
    /// Rotate Interval.
    RotateInterval(Interval) = ROTATE_INTERVAL;
    /// Rotate Automatic.
    RotateAutomatic(bool) = ROTATE_AUTOMATIC;
    /// Rotate Offset.
    RotateOffset(Interval) = ROTATE_OFFSET;
    /// Rotate Date.
    RotateDate(DateTime) = ROTATE_DATE;
    /// Rotate Generation.
    RotateGeneration(i32) = ROTATE_GENERATION;
    /// Rotate Name.
    RotateName(RotateName<'a>) = ROTATE_NAME;
    /// Rotate Latest.
    RotateLatest(bool) = ROTATE_LATEST;
}
