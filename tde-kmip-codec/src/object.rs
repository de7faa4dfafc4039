//! Managed objects and what they are made of (KMIP 1.4, section 2; KMIP 2.1, section 2).

mod item;
mod key;
mod key_block;
mod key_value;
mod other;
mod transparent;

pub use self::{
    key::{PgpKey, PrivateKey, PublicKey, SecretData, SplitKey, SymmetricKey},
    key_block::{
        EncryptionKeyInformation, KeyBlock, KeyWrappingData, KeyWrappingSpecification,
        MacSignatureKeyInformation, PlainKeyValue,
    },
    key_value::{KeyMaterial, KeyValue},
    other::{Certificate, CertificateRequest, OpaqueDataType, OpaqueObject, Template},
    transparent::{
        TransparentDhPrivateKey, TransparentDhPublicKey, TransparentDsaPrivateKey, TransparentDsaPublicKey,
        TransparentEcPrivateKey, TransparentEcPublicKey, TransparentEcdhPrivateKey, TransparentEcdhPublicKey,
        TransparentEcdsaPrivateKey, TransparentEcdsaPublicKey, TransparentEcmqvPrivateKey,
        TransparentEcmqvPublicKey, TransparentRsaPrivateKey, TransparentRsaPublicKey,
        TransparentSymmetricKey,
    },
};
use crate::{
    codec::{Decoder, Encoder, Failed, FieldValue, Found, Seen},
    spec::{Versions, enumeration::ObjectType, tag},
    ttlv::{ErrorKind, Leniency, Tag},
};

macro_rules! objects {
    ($($(#[$meta:meta])* $variant:ident = $tag:ident, $object_type:ident, $versions:expr;)+) => {
        /// One of the objects that a server manages.
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum ManagedObject<'a> {
            $($(#[$meta])* $variant($variant<'a>),)+
        }

        /// The tags of the objects.
        pub(crate) const TAGS: &[Tag] = &[$(tag::$tag),+];

        impl<'a> ManagedObject<'a> {
            /// The type of the object.
            #[must_use]
            pub const fn object_type(&self) -> ObjectType {
                match self {
                    $(Self::$variant(_) => ObjectType::$object_type,)+
                }
            }

            /// The tag that it stands under.
            #[must_use]
            pub const fn tag(&self) -> Tag {
                match self {
                    $(Self::$variant(_) => tag::$tag,)+
                }
            }

            pub(crate) fn decode(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Self, Failed> {
                match found.tag() {
                    $(tag::$tag => {
                        check_version($versions, found, d)?;
                        $variant::decode(found, d).map(Self::$variant)
                    })+
                    tag => Err(d.fail_at(ErrorKind::UnknownField { tag }, found)),
                }
            }

            /// Checks without building.
            pub(crate) fn probe(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<(), Failed> {
                match found.tag() {
                    $(tag::$tag => {
                        check_version($versions, found, d)?;
                        $variant::probe(found, d).map(|_| ())
                    })+
                    tag => Err(d.fail_at(ErrorKind::UnknownField { tag }, found)),
                }
            }

            /// What a rule asks about a field of the object.
            pub(crate) fn seen(&self, path: &[Tag]) -> Seen {
                match self {
                    $(Self::$variant(object) => object.seen(path),)+
                }
            }

            /// Encodes the object under its own tag.
            pub(crate) fn encode_as_itself(&self, e: &mut Encoder<'_>) {
                match self {
                    $(Self::$variant(object) => {
                        if !$versions.covers(e.version) {
                            e.not_in_version(tag::$tag);
                        }
                        encode_apart(object, tag::$tag, e);
                    })+
                }
            }
        }

        $(impl<'a> From<$variant<'a>> for ManagedObject<'a> {
            fn from(object: $variant<'a>) -> Self {
                Self::$variant(object)
            }
        })+
    };
}

objects! {
    /// A certificate.
    Certificate = CERTIFICATE, CERTIFICATE, Versions::ALL;
    /// A symmetric key.
    SymmetricKey = SYMMETRIC_KEY, SYMMETRIC_KEY, Versions::ALL;
    /// The public half of a key pair.
    PublicKey = PUBLIC_KEY, PUBLIC_KEY, Versions::ALL;
    /// The private half of a key pair.
    PrivateKey = PRIVATE_KEY, PRIVATE_KEY, Versions::ALL;
    /// A part of a key.
    SplitKey = SPLIT_KEY, SPLIT_KEY, Versions::ALL;
    /// A template; gone in KMIP 2.0.
    Template = TEMPLATE, TEMPLATE, Versions::V1;
    /// A secret that is no key, such as a password.
    SecretData = SECRET_DATA, SECRET_DATA, Versions::ALL;
    /// Something the server does not look into.
    OpaqueObject = OPAQUE_OBJECT, OPAQUE_OBJECT, Versions::ALL;
    /// A PGP key; KMIP 1.2 and later.
    PgpKey = PGP_KEY, PGP_KEY, Versions::since(crate::spec::ProtocolVersion::V1_2);
    /// A certificate request; KMIP 2.0 and later.
    CertificateRequest = CERTIFICATE_REQUEST, CERTIFICATE_REQUEST, Versions::V2;
}

/// Whether a managed object stands under this tag.
pub(crate) fn is_object(tag: Tag) -> bool {
    TAGS.contains(&tag)
}

/// Apart, so that each object's encoding keeps no more of the stack in order than it needs.
#[inline(never)]
fn encode_apart<'a, T: FieldValue<'a>>(object: &T, tag: Tag, e: &mut Encoder<'_>) {
    object.encode(tag, e);
}

#[inline]
fn check_version(versions: Versions, found: Found<'_>, d: &Decoder<'_, '_>) -> Result<(), Failed> {
    if versions.covers(d.cx.version) {
        return Ok(());
    }
    let kind = ErrorKind::FieldNotInVersion { tag: found.tag() };
    d.tolerate_at(Leniency::OTHER_VERSIONS, kind, found)
}
