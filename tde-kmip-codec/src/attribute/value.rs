//! The attributes, each with its type (KMIP 1.4, section 3; KMIP 2.1, section 4).

use super::{
    AlternativeName, ApplicationSpecificInformation, AttributeReference, CertificateIdentifier,
    CertificateIssuer, CertificateSubject, CryptographicDomainParameters, CryptographicParameters, Digest,
    KeyValueLocation, Link, Name, RevocationReason, RngParameters, RotateName, UniqueIdentifier, UsageLimits,
    X509CertificateIdentifier, X509CertificateIssuer, X509CertificateSubject,
    reference::{encode_joined, split_custom},
};
use crate::{
    codec::{
        AnyValue, DateTime, Decoder, Encoder, Failed, FieldValue, Fields, Found, Interval, Place, presence,
    },
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
    ttlv::{ErrorKind, ItemType, Leniency, Tag, raw, writer::header},
};

/// An attribute of an object.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attribute<'a> {
    /// Which of several values; KMIP up to 1.4. Missing means 0.
    pub index: Option<i32>,
    /// What it is, and its value.
    pub value: AttributeValue<'a>,
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
                $(tag::$tag => const { tabled_name(tag::$tag) },)+
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

/// The name of an attribute, by the standard's table.
const fn tabled_name(attribute: Tag) -> Option<&'static str> {
    let mut rest = spec::attribute::TABLE;
    while let [facts, tail @ ..] = rest {
        if facts.tag.get() == attribute.get() {
            return Some(facts.name);
        }
        rest = tail;
    }
    None
}

/// What encoding an attribute of the standard takes.
struct Standard {
    tag: Tag,
    versions: Versions,
    /// Its Attribute Name, encoded, and how many bytes that takes; none if it has no name.
    name: [u8; NAME_ROOM],
    name_len: usize,
}

/// The room for the longest name, encoded.
const NAME_ROOM: usize = 48;

impl Standard {
    const fn of(attribute: Tag) -> Self {
        let mut facts =
            Self { tag: attribute, versions: tabled_versions(attribute), name: [0; NAME_ROOM], name_len: 0 };
        if let Some(name) = tabled_name(attribute) {
            let head = header(tag::ATTRIBUTE_NAME, ItemType::TextString, name.len() as u32).to_be_bytes();
            let mut at = 0;
            while at < raw::HEADER_LEN + name.len() {
                facts.name[at] = if at < head.len() { head[at] } else { name.as_bytes()[at - head.len()] };
                at += 1;
            }
            facts.name_len = raw::HEADER_LEN + raw::padded(name.len());
        }
        facts
    }
}

/// How many places the table of names has: a power of two, several times the number of names.
const PLACES: usize = 512;

/// Where a name is looked for first.
const fn place_of(name: &[u8]) -> usize {
    let mut hash = name.len() as u32;
    let mut rest = name;
    while let [byte, tail @ ..] = rest {
        hash = hash.wrapping_mul(31).wrapping_add(*byte as u32);
        rest = tail;
    }
    (hash ^ (hash >> 9)) as usize % PLACES
}

/// The rows of the standard's table by name, each at its place or the next free one; 0 is free.
static BY_NAME: [u16; PLACES] = {
    let mut places = [0; PLACES];
    let table = spec::attribute::TABLE;
    let mut row = 0;
    while row < table.len() {
        // Rows of one attribute stand together, and the first is enough.
        if row == 0 || table[row].tag.get() != table[row - 1].tag.get() {
            let mut place = place_of(table[row].name.as_bytes());
            while places[place] != 0 {
                place = (place + 1) % PLACES;
            }
            places[place] = row as u16 + 1;
        }
        row += 1;
    }
    places
};

/// The attribute with this name in KMIP 1.x. As every message of 1.x is full of names, this is not a search.
pub(super) fn named(name: &str) -> Option<Tag> {
    let mut place = place_of(name.as_bytes());
    loop {
        let row = BY_NAME.get(place).copied().unwrap_or_default();
        let facts = spec::attribute::TABLE.get(usize::from(row).checked_sub(1)?)?;
        if facts.name == name {
            return Some(facts.tag);
        }
        place = (place + 1) % PLACES;
    }
}

/// The versions that have an attribute, by the standard's table.
const fn tabled_versions(attribute: Tag) -> Versions {
    let mut versions = Versions::NONE;
    let mut rest = spec::attribute::TABLE;
    while let [facts, tail @ ..] = rest {
        if facts.tag.get() == attribute.get() {
            versions = versions.union(facts.versions);
        }
        rest = tail;
    }
    assert!(!versions.is_empty(), "the standard's table has no such attribute");
    versions
}

const FIELDS: &[spec::FieldFacts] = spec::structure::ATTRIBUTE.fields;
const VENDOR: Place = (presence(FIELDS, tag::VENDOR_IDENTIFICATION), tag::VENDOR_IDENTIFICATION);
const NAME: Place = (presence(FIELDS, tag::ATTRIBUTE_NAME), tag::ATTRIBUTE_NAME);
const INDEX: Place = (presence(FIELDS, tag::ATTRIBUTE_INDEX), tag::ATTRIBUTE_INDEX);

impl<'a> Attribute<'a> {
    /// An attribute without index.
    #[must_use]
    pub const fn new(value: AttributeValue<'a>) -> Self {
        Self { index: None, value }
    }

    /// The structure Attribute of 1.x: name, index, value.
    fn decode_v1(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Self, Failed> {
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

    fn probe_v1(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<(), Failed> {
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
    pub(super) fn decode_v2(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Self, Failed> {
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
    pub(super) fn probe_v2(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<(), Failed> {
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

    /// As the structure Attribute of 1.x.
    pub(super) fn encode_v1(&self, tag: Tag, e: &mut Encoder<'_>) {
        let open = e.writer.begin(tag);
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
                return e.fail(ErrorKind::CannotEncodeInVersion { tag: *tag });
            }
            AttributeValue::Absent(reference) => {
                reference.encode(tag::ATTRIBUTE_NAME, e);
                None
            }
            standard => {
                if let Some(facts) = standard.standard() {
                    e.writer.put_image(&facts.name, facts.name_len);
                    if facts.name_len == 0 || !facts.versions.covers(e.version) {
                        e.not_in_version(facts.tag);
                    }
                }
                None
            }
        };
        e.optional(INDEX, self.index.as_ref());
        match value {
            Some(value) => value.encode(tag::ATTRIBUTE_VALUE, e),
            None => self.value.encode_standard(tag::ATTRIBUTE_VALUE, e),
        }
        e.writer.end(open);
    }

    /// As an item of 2.x under the attribute's own tag.
    pub(super) fn encode_v2(&self, e: &mut Encoder<'_>) {
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

fn encode_vendor_attribute(vendor: &str, name: &str, value: AnyValue<'_>, e: &mut Encoder<'_>) {
    let open = e.writer.begin(tag::ATTRIBUTE);
    e.writer.text_string(tag::VENDOR_IDENTIFICATION, vendor);
    e.writer.text_string(tag::ATTRIBUTE_NAME, name);
    value.encode(tag::ATTRIBUTE_VALUE, e);
    e.writer.end(open);
}

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
            return self.encode_v1(tag, e);
        }
        let open = e.writer.begin(tag);
        self.encode_v2(e);
        e.writer.end(open);
    }
}

impl<'a> From<AttributeValue<'a>> for Attribute<'a> {
    fn from(value: AttributeValue<'a>) -> Self {
        Self::new(value)
    }
}
