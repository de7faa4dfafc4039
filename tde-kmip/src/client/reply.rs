use std::fmt;

use tde_kmip_codec::{
    attribute::Attributes,
    object::{KeyMaterial, KeyValue, ManagedObject},
    operation::ResponsePayload,
    spec::enumeration::ObjectType,
};
use zeroize::Zeroizing;

use super::protocol::{Exchange, Outcome, ProtocolError};

/// A response that was held against its request; it owns its bytes and wipes them on drop.
///
/// Its contents are views into those bytes, made when they are asked for.
pub struct Reply {
    bytes: Zeroizing<Vec<u8>>,
    exchange: Exchange,
}

impl Reply {
    /// Takes the bytes of a response.
    ///
    /// # Errors
    /// As [`Exchange::outcomes`].
    pub fn new(bytes: &[u8], exchange: Exchange) -> Result<Self, ProtocolError> {
        exchange.outcomes(bytes)?;
        Ok(Self { bytes: Zeroizing::new(bytes.to_vec()), exchange })
    }

    /// What came of each item of the request, in its order.
    #[must_use]
    pub fn outcomes(&self) -> Vec<Outcome<'_>> {
        // It could be decoded when this was made.
        self.exchange.outcomes(&self.bytes).unwrap_or_default()
    }

    /// The payload of the first item, if that was done and has one.
    #[must_use]
    pub fn payload(&self) -> Option<ResponsePayload<'_>> {
        match self.outcomes().into_iter().next()? {
            Outcome::Done(payload) => payload,
            _ => None,
        }
    }

    /// The whole message as it came. It may hold secrets.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The request that this answers.
    #[must_use]
    pub const fn exchange(&self) -> &Exchange {
        &self.exchange
    }
}

/// Shows what was asked and how much came.
impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("operations", &self.exchange.operations())
            .field("bytes", &self.bytes.len())
            .finish()
    }
}

/// An object that the server gave out. Key material in it is wiped on drop.
#[derive(Debug)]
pub struct Retrieved {
    pub(super) reply: Reply,
    pub(super) unique_identifier: String,
    pub(super) object_type: ObjectType,
}

impl Retrieved {
    /// Unique Identifier.
    #[must_use]
    pub fn unique_identifier(&self) -> &str {
        &self.unique_identifier
    }

    /// Object Type.
    #[must_use]
    pub const fn object_type(&self) -> ObjectType {
        self.object_type
    }

    /// The object, as a view into the response.
    #[must_use]
    pub fn object(&self) -> Option<ManagedObject<'_>> {
        match self.reply.payload()? {
            ResponsePayload::Get(payload) => Some(payload.object),
            _ => None,
        }
    }

    /// The bytes of a key that came in the clear: of a symmetric key, secret data, or a key in an encoded format such
    /// as PKCS#8. `None` for wrapped keys, keys as numbers, and objects that are no keys.
    #[must_use]
    pub fn key_material(&self) -> Option<&[u8]> {
        let block = match self.object()? {
            ManagedObject::SymmetricKey(key) => key.key_block,
            ManagedObject::PublicKey(key) => key.key_block,
            ManagedObject::PrivateKey(key) => key.key_block,
            ManagedObject::SecretData(data) => data.key_block,
            ManagedObject::SplitKey(key) => key.key_block,
            ManagedObject::PgpKey(key) => key.key_block,
            _ => return None,
        };
        let Some(KeyValue::Plain(value)) = block.key_value else { return None };
        match value.key_material {
            KeyMaterial::Bytes(bytes) => Some(bytes.expose()),
            KeyMaterial::TransparentSymmetricKey(key) => Some(key.key.expose()),
            _ => None,
        }
    }

    /// The whole response.
    #[must_use]
    pub const fn reply(&self) -> &Reply {
        &self.reply
    }
}

/// Attributes of an object.
#[derive(Debug)]
pub struct AttributesOf {
    pub(super) reply: Reply,
    pub(super) unique_identifier: String,
}

impl AttributesOf {
    /// Unique Identifier of the object.
    #[must_use]
    pub fn unique_identifier(&self) -> &str {
        &self.unique_identifier
    }

    /// The attributes, as a view into the response.
    #[must_use]
    pub fn attributes(&self) -> Attributes<'_> {
        match self.reply.payload() {
            Some(ResponsePayload::GetAttributes(payload)) => payload.attributes.unwrap_or_default(),
            _ => Attributes::NONE,
        }
    }
}
