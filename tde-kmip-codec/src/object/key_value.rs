//! Key Value and Key Material, whose form depends on the Key Format Type (KMIP 1.4, section 2.1.3 to 2.1.7).

use super::{
    PlainKeyValue, TransparentDhPrivateKey, TransparentDhPublicKey, TransparentDsaPrivateKey,
    TransparentDsaPublicKey, TransparentEcPrivateKey, TransparentEcPublicKey, TransparentEcdhPrivateKey,
    TransparentEcdhPublicKey, TransparentEcdsaPrivateKey, TransparentEcdsaPublicKey,
    TransparentEcmqvPrivateKey, TransparentEcmqvPublicKey, TransparentRsaPrivateKey, TransparentRsaPublicKey,
    TransparentSymmetricKey,
};
use crate::{
    codec::{AnyStructure, Decoder, Encoder, Failed, FieldValue, Found, Nested, Secret, SelectedValue},
    spec::{ProtocolVersion, enumeration::KeyFormatType},
    ttlv::{Error, ItemType, Options, Tag},
};

/// The value of a key: in the clear, or wrapped.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::exhaustive_enums)] // The two forms that the standard gives it.
pub enum KeyValue<'a> {
    /// In the clear.
    Plain(PlainKeyValue<'a>),
    /// Wrapped as Key Wrapping Data says: unwrapped, it is the encoding of a Key Value (see
    /// [`KeyValue::from_unwrapped`]) or, with Encoding Option No Encoding, the key material alone.
    Wrapped(&'a [u8]),
}

impl<'a> KeyValue<'a> {
    /// Decodes the Key Value structure that unwrapping gave, strictly.
    ///
    /// # Errors
    /// Every error of the item and message layers.
    pub fn from_unwrapped(
        input: &'a [u8],
        key_format_type: KeyFormatType,
        version: ProtocolVersion,
    ) -> Result<PlainKeyValue<'a>, Error> {
        let decoder = Decoder::new(input, version, Options::new(), None);
        decoder.key_format.set(key_format_type.0);
        let decoded = decoder.root().and_then(|found| PlainKeyValue::decode(found, &decoder));
        decoded.map_err(|failed| decoder.error(failed))
    }

    /// The value, if it is in the clear.
    #[must_use]
    pub const fn plain(&self) -> Option<&PlainKeyValue<'a>> {
        match self {
            Self::Plain(value) => Some(value),
            Self::Wrapped(_) => None,
        }
    }
}

impl<'a> SelectedValue<'a, KeyFormatType> for KeyValue<'a> {
    #[inline]
    fn decode_by(found: Found<'a>, d: &Decoder<'a, '_>, format: &KeyFormatType) -> Result<Self, Failed> {
        if found.is(ItemType::ByteString) {
            return <&[u8]>::decode(found, d).map(Self::Wrapped);
        }
        let outer = d.key_format.replace(format.0);
        let value = PlainKeyValue::decode(found, d).map(Self::Plain);
        d.key_format.set(outer);
        value
    }

    fn probe_by(found: Found<'a>, d: &Decoder<'a, '_>, format: &KeyFormatType) -> Result<u32, Failed> {
        if found.is(ItemType::ByteString) {
            return <&[u8]>::decode(found, d).map(|_| ItemType::ByteString as u32);
        }
        let outer = d.key_format.replace(format.0);
        let probed = PlainKeyValue::probe(found, d);
        d.key_format.set(outer);
        probed.map(|_| ItemType::Structure as u32)
    }

    #[inline]
    fn encode_by(&self, tag: Tag, e: &mut Encoder<'_>, format: &KeyFormatType) {
        match self {
            Self::Plain(value) => {
                value.key_material.check(*format, e);
                value.encode(tag, e);
            }
            Self::Wrapped(bytes) => bytes.encode(tag, e),
        }
    }

    #[inline(always)]
    fn number(&self) -> u32 {
        match self {
            Self::Plain(_) => ItemType::Structure as u32,
            Self::Wrapped(_) => ItemType::ByteString as u32,
        }
    }
}

macro_rules! transparent {
    ($($(#[$meta:meta])* $variant:ident($ty:ty) = $format:ident;)+) => {
        /// The key itself, in the form that the Key Format Type says. Large forms are windows onto the message.
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum KeyMaterial<'a> {
            /// The bytes of the key, for Raw, Opaque, PKCS#1, PKCS#8, X.509 and other formats of bytes.
            Bytes(Secret<'a>),
            $($(#[$meta])* $variant($ty),)+
            /// Numbers in a form that this crate does not know: of an extension's format, or of no known one.
            Structure(AnyStructure<'a>),
        }

        impl<'a> KeyMaterial<'a> {
            /// The transparent format that this is the material of, if it is of one.
            #[must_use]
            pub const fn transparent_format(&self) -> Option<KeyFormatType> {
                match self {
                    $(Self::$variant(_) => Some(KeyFormatType::$format),)+
                    Self::Bytes(_) | Self::Structure(_) => None,
                }
            }

            fn decode_structure(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Self, Failed> {
                match KeyFormatType(d.key_format.get()) {
                    $(KeyFormatType::$format => <$ty>::decode(found, d).map(Self::$variant),)+
                    KeyFormatType(0) => AnyStructure::decode(found, d).map(Self::Structure),
                    format if format.0 >> 28 == 8 => AnyStructure::decode(found, d).map(Self::Structure),
                    _ => Err(d.wrong_type(found)),
                }
            }

            fn is_transparent(format: KeyFormatType) -> bool {
                matches!(format, $(KeyFormatType::$format)|+)
            }

            /// What is no bytes, apart from the usual way: its many forms would crowd that.
            #[inline(never)]
            fn encode_numbers(&self, tag: Tag, e: &mut Encoder<'_>) {
                match self {
                    Self::Bytes(_) => {}
                    $(Self::$variant(material) => material.encode(tag, e),)+
                    Self::Structure(items) => items.encode(tag, e),
                }
            }
        }

        $(impl<'a> From<$ty> for KeyMaterial<'a> {
            fn from(material: $ty) -> Self {
                Self::$variant(material)
            }
        })+
    };
}

transparent! {
    /// A symmetric key.
    TransparentSymmetricKey(TransparentSymmetricKey<'a>) = TRANSPARENT_SYMMETRIC_KEY;
    /// A DSA private key.
    TransparentDsaPrivateKey(Nested<'a, TransparentDsaPrivateKey<'a>>) = TRANSPARENT_DSA_PRIVATE_KEY;
    /// A DSA public key.
    TransparentDsaPublicKey(Nested<'a, TransparentDsaPublicKey<'a>>) = TRANSPARENT_DSA_PUBLIC_KEY;
    /// An RSA private key.
    TransparentRsaPrivateKey(Nested<'a, TransparentRsaPrivateKey<'a>>) = TRANSPARENT_RSA_PRIVATE_KEY;
    /// An RSA public key.
    TransparentRsaPublicKey(Nested<'a, TransparentRsaPublicKey<'a>>) = TRANSPARENT_RSA_PUBLIC_KEY;
    /// A Diffie-Hellman private key.
    TransparentDhPrivateKey(Nested<'a, TransparentDhPrivateKey<'a>>) = TRANSPARENT_DH_PRIVATE_KEY;
    /// A Diffie-Hellman public key.
    TransparentDhPublicKey(Nested<'a, TransparentDhPublicKey<'a>>) = TRANSPARENT_DH_PUBLIC_KEY;
    /// An ECDSA private key; gone in KMIP 2.0.
    TransparentEcdsaPrivateKey(Nested<'a, TransparentEcdsaPrivateKey<'a>>) = TRANSPARENT_ECDSA_PRIVATE_KEY;
    /// An ECDSA public key; gone in KMIP 2.0.
    TransparentEcdsaPublicKey(Nested<'a, TransparentEcdsaPublicKey<'a>>) = TRANSPARENT_ECDSA_PUBLIC_KEY;
    /// An ECDH private key; gone in KMIP 2.0.
    TransparentEcdhPrivateKey(Nested<'a, TransparentEcdhPrivateKey<'a>>) = TRANSPARENT_ECDH_PRIVATE_KEY;
    /// An ECDH public key; gone in KMIP 2.0.
    TransparentEcdhPublicKey(Nested<'a, TransparentEcdhPublicKey<'a>>) = TRANSPARENT_ECDH_PUBLIC_KEY;
    /// An ECMQV private key; gone in KMIP 2.0.
    TransparentEcmqvPrivateKey(Nested<'a, TransparentEcmqvPrivateKey<'a>>) = TRANSPARENT_ECMQV_PRIVATE_KEY;
    /// An ECMQV public key; gone in KMIP 2.0.
    TransparentEcmqvPublicKey(Nested<'a, TransparentEcmqvPublicKey<'a>>) = TRANSPARENT_ECMQV_PUBLIC_KEY;
    /// An elliptic-curve private key; KMIP 1.3 and later.
    TransparentEcPrivateKey(Nested<'a, TransparentEcPrivateKey<'a>>) = TRANSPARENT_EC_PRIVATE_KEY;
    /// An elliptic-curve public key; KMIP 1.3 and later.
    TransparentEcPublicKey(Nested<'a, TransparentEcPublicKey<'a>>) = TRANSPARENT_EC_PUBLIC_KEY;
}

impl KeyMaterial<'_> {
    /// A Key Block that says one thing and holds another is not written.
    fn check(&self, format: KeyFormatType, e: &mut Encoder<'_>) {
        let fits = match self {
            Self::Bytes(_) => !Self::is_transparent(format),
            Self::Structure(_) => format.0 >> 28 == 8,
            _ => self.transparent_format() == Some(format),
        };
        if !fits {
            e.fail(crate::ttlv::ErrorKind::InvalidValue { tag: crate::spec::tag::KEY_MATERIAL });
        }
    }
}

impl<'a> FieldValue<'a> for KeyMaterial<'a> {
    #[inline]
    fn decode(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Self, Failed> {
        if found.is(ItemType::Structure) {
            return Self::decode_structure(found, d);
        }
        if Self::is_transparent(KeyFormatType(d.key_format.get())) {
            return Err(d.wrong_type(found));
        }
        Secret::decode(found, d).map(Self::Bytes)
    }

    #[inline]
    fn probe(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Option<Self>, Failed> {
        if found.is(ItemType::Structure) { Self::decode_structure(found, d) } else { Self::decode(found, d) }
            .map(|_| None)
    }

    #[inline(always)]
    fn encode(&self, tag: Tag, e: &mut Encoder<'_>) {
        match self {
            Self::Bytes(bytes) => bytes.encode(tag, e),
            _ => self.encode_numbers(tag, e),
        }
    }
}

impl<'a> From<Secret<'a>> for KeyMaterial<'a> {
    fn from(bytes: Secret<'a>) -> Self {
        Self::Bytes(bytes)
    }
}
