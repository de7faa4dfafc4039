//! Fields of headers and credentials whose form the version or another field chooses.

use super::{
    AttestationCredential, DeviceCredential, HashedPassword, OneTimePassword, TicketCredential,
    UsernameAndPassword,
};
use crate::{
    codec::{AnyStructure, Decoder, Encoder, FieldValue, Fields, Found, SelectedValue, presence},
    spec::{self, ProtocolVersion, enumeration, enumeration::CredentialType, tag},
    ttlv::{ErrorKind, Tag, error::Fault},
};

/// Whether the server may answer later (KMIP 1.4, section 6.7: Boolean; KMIP 2.1, section 9.1: Enumeration).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct AsynchronousIndicator(pub enumeration::AsynchronousIndicator);

impl AsynchronousIndicator {
    /// Whether the server may answer later: in KMIP 1.x the value itself.
    #[must_use]
    pub fn allows(self) -> bool {
        self.0 != enumeration::AsynchronousIndicator::PROHIBITED
    }
}

/// In 1.x, true is read as Optional and false as Prohibited, and Mandatory is written as true.
impl<'a> FieldValue<'a> for AsynchronousIndicator {
    fn decode(found: Found, d: &Decoder<'a, '_>) -> Result<Self, Fault> {
        if !d.cx.is_v1() {
            return enumeration::AsynchronousIndicator::decode(found, d).map(Self);
        }
        Ok(Self(if bool::decode(found, d)? {
            enumeration::AsynchronousIndicator::OPTIONAL
        } else {
            enumeration::AsynchronousIndicator::PROHIBITED
        }))
    }

    fn encode(&self, tag: Tag, e: &mut Encoder<'_>) {
        if e.is_v1() { e.writer.boolean(tag, self.allows()) } else { self.0.encode(tag, e) }
    }
}

macro_rules! credentials {
    ($($(#[$meta:meta])* $variant:ident($ty:ident) = $credential_type:ident;)+) => {
        /// What proves who asks, in the form that the Credential Type says.
        #[derive(Clone, Copy, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum CredentialValue<'a> {
            $($(#[$meta])* $variant($ty<'a>),)+
            /// Of an extension's type.
            Other(AnyStructure<'a>),
        }

        impl<'a> SelectedValue<'a, CredentialType> for CredentialValue<'a> {
            fn decode_by(found: Found, d: &Decoder<'a, '_>, by: &CredentialType) -> Result<Self, Fault> {
                match *by {
                    $(CredentialType::$credential_type => $ty::decode(found, d).map(Self::$variant),)+
                    _ => AnyStructure::decode(found, d).map(Self::Other),
                }
            }

            fn encode_by(&self, tag: Tag, e: &mut Encoder<'_>, by: &CredentialType) {
                match (self, *by) {
                    $((Self::$variant(value), CredentialType::$credential_type) => value.encode(tag, e),)+
                    (Self::Other(items), by) if by.0 >> 28 == 8 => items.encode(tag, e),
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
    fn decode(found: Found, d: &Decoder<'a, '_>) -> Result<Self, Fault> {
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
        let open = e.writer.begin(tag);
        e.writer.integer(tag::PROTOCOL_VERSION_MAJOR, self.major);
        e.writer.integer(tag::PROTOCOL_VERSION_MINOR, self.minor);
        e.writer.end(open);
    }
}
