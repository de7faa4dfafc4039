//! Fields of headers and credentials whose form the version or another field chooses.

use super::{
    AttestationCredential, DeviceCredential, HashedPassword, OneTimePassword, TicketCredential,
    UsernameAndPassword,
};
use crate::{
    codec::{AnyStructure, Decoder, Encoder, Failed, FieldValue, Fields, Found, SelectedValue, presence},
    spec::{self, ProtocolVersion, enumeration, enumeration::CredentialType, tag},
    ttlv::{ErrorKind, ItemType, Leniency, Tag, writer::header},
};

/// Whether the server may answer later.
///
/// The encoder translates: a Boolean becomes Optional or Prohibited in 2.x, and a mode true or false in 1.x.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(clippy::exhaustive_enums)] // The two forms that the standard gives it.
pub enum AsynchronousIndicator {
    /// As KMIP 1.x has it (KMIP 1.4, section 6.7).
    Boolean(bool),
    /// As KMIP 2.x has it (KMIP 2.1, section 9.2).
    Mode(enumeration::AsynchronousIndicator),
}

impl AsynchronousIndicator {
    /// Whether the server may answer later.
    #[must_use]
    pub fn allows(self) -> bool {
        match self {
            Self::Boolean(allows) => allows,
            Self::Mode(mode) => mode != enumeration::AsynchronousIndicator::PROHIBITED,
        }
    }
}

impl<'a> FieldValue<'a> for AsynchronousIndicator {
    fn decode(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Self, Failed> {
        let boolean = found.is(ItemType::Boolean);
        if boolean != d.cx.is_v1() && (boolean || found.is(ItemType::Enumeration)) {
            d.tolerate_type(Leniency::OTHER_VERSIONS, found)?;
        }
        if boolean {
            bool::decode(found, d).map(Self::Boolean)
        } else {
            enumeration::AsynchronousIndicator::decode(found, d).map(Self::Mode)
        }
    }

    fn encode(&self, tag: Tag, e: &mut Encoder<'_>) {
        let as_it_is = e.leniency.contains(Leniency::OTHER_VERSIONS);
        match *self {
            Self::Boolean(allows) if as_it_is || e.is_v1() => e.writer.boolean(tag, allows),
            Self::Mode(mode) if as_it_is || !e.is_v1() => mode.encode(tag, e),
            Self::Mode(_) => e.writer.boolean(tag, self.allows()),
            Self::Boolean(true) => enumeration::AsynchronousIndicator::OPTIONAL.encode(tag, e),
            Self::Boolean(false) => enumeration::AsynchronousIndicator::PROHIBITED.encode(tag, e),
        }
    }
}

macro_rules! credentials {
    ($($(#[$meta:meta])* $variant:ident($ty:ident) = $credential_type:ident;)+) => {
        /// What proves who asks, in the form that the Credential Type says.
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum CredentialValue<'a> {
            $($(#[$meta])* $variant($ty<'a>),)+
            /// Of an extension's type.
            Other(AnyStructure<'a>),
        }

        impl<'a> SelectedValue<'a, CredentialType> for CredentialValue<'a> {
            fn decode_by(found: Found<'a>, d: &Decoder<'a, '_>, by: &CredentialType) -> Result<Self, Failed> {
                match *by {
                    $(CredentialType::$credential_type => $ty::decode(found, d).map(Self::$variant),)+
                    _ => AnyStructure::decode(found, d).map(Self::Other),
                }
            }

            fn probe_by(found: Found<'a>, d: &Decoder<'a, '_>, by: &CredentialType) -> Result<u32, Failed> {
                Self::decode_by(found, d, by).map(|_| 0)
            }

            fn encode_by(&self, tag: Tag, e: &mut Encoder<'_>, by: &CredentialType) {
                match (self, *by) {
                    $((Self::$variant(value), CredentialType::$credential_type) => value.encode(tag, e),)+
                    (Self::Other(items), by)
                        if by.0 >> 28 == 8 || e.leniency.contains(Leniency::UNKNOWN_ENUMERATION_VALUES) =>
                    {
                        items.encode(tag, e);
                    }
                    _ => e.fail(ErrorKind::InvalidValue { tag: tag::CREDENTIAL_TYPE }),
                }
            }
        }
    };
}

credentials! {
    /// A name and a password.
    UsernameAndPassword(UsernameAndPassword) = USERNAME_AND_PASSWORD;
    /// A device; KMIP 1.1 and later.
    Device(DeviceCredential) = DEVICE;
    /// A measurement or an assertion; KMIP 1.2 and later.
    Attestation(AttestationCredential) = ATTESTATION;
    /// A name, a password and one that is good once; KMIP 2.0 and later.
    OneTimePassword(OneTimePassword) = ONE_TIME_PASSWORD;
    /// A name and the hash of a password; KMIP 2.0 and later.
    HashedPassword(HashedPassword) = HASHED_PASSWORD;
    /// The ticket that Login gave; KMIP 2.0 and later.
    Ticket(TicketCredential) = TICKET;
}

const VERSION_FIELDS: &[spec::FieldFacts] = spec::structure::PROTOCOL_VERSION.fields;

impl<'a> FieldValue<'a> for ProtocolVersion {
    #[inline]
    fn decode(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Self, Failed> {
        if let Some(version) = canonical_version(found.item())
            && !d.cx.searches()
        {
            d.enter(found)?;
            d.leave();
            return Ok(version);
        }
        let mut fields = Fields::open(found, d, const { &VERSION_FIELDS })?;
        let major = fields.required((
            const { presence(VERSION_FIELDS, tag::PROTOCOL_VERSION_MAJOR) },
            tag::PROTOCOL_VERSION_MAJOR,
        ))?;
        let minor = fields.required((
            const { presence(VERSION_FIELDS, tag::PROTOCOL_VERSION_MINOR) },
            tag::PROTOCOL_VERSION_MINOR,
        ))?;
        fields.finish()?;
        Ok(Self { major, minor })
    }

    #[inline]
    fn encode(&self, tag: Tag, e: &mut Encoder<'_>) {
        let number = |number: i32| u64::from(number.cast_unsigned()) << 32;
        e.writer.put_words([
            header(tag, ItemType::Structure, 32),
            VERSION_HEADERS[0],
            number(self.major),
            VERSION_HEADERS[1],
            number(self.minor),
        ]);
    }
}

/// The headers of the two numbers.
const VERSION_HEADERS: [u64; 2] = [
    header(tag::PROTOCOL_VERSION_MAJOR, ItemType::Integer, 4),
    header(tag::PROTOCOL_VERSION_MINOR, ItemType::Integer, 4),
];

/// The version in an item that is as every good message has it; `None` for any other form, good or not.
#[inline(always)]
pub(super) fn canonical_version(item: &[u8]) -> Option<ProtocolVersion> {
    const HEADER: u64 = header(tag::PROTOCOL_VERSION, ItemType::Structure, 32);
    let (words, []) = item.first_chunk::<40>()?.as_chunks::<8>() else { return None };
    let words = <&[[u8; 8]; 5]>::try_from(words).ok()?.map(u64::from_be_bytes);
    let [structure, major_header, major, minor_header, minor] = words;
    let number = |word: u64| ((word >> 32) as u32).cast_signed();
    (structure == HEADER && [major_header, minor_header] == VERSION_HEADERS && (major | minor) as u32 == 0)
        .then(|| ProtocolVersion::new(number(major), number(minor)))
}
