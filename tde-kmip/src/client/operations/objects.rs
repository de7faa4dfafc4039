//! Making, finding, reading and ending objects.

use tde_kmip_codec::{
    DateTime, Interval, Secret,
    attribute::{Attribute, AttributeValue, Name, RevocationReason, TemplateAttribute},
    object::{KeyBlock, KeyValue, ManagedObject, PlainKeyValue, SymmetricKey},
    operation::{
        ActivateRequest, CreateRequest, DestroyRequest, GetRequest, LocateRequest, ReKeyRequest,
        RegisterRequest, ResponsePayload, RevokeRequest,
    },
    spec::{
        enumeration::{
            CryptographicAlgorithm, KeyFormatType, NameType, ObjectType, Operation, RevocationReasonCode,
        },
        mask::CryptographicUsageMask,
    },
};

use super::{identifier, lacking, same};
use crate::client::{CallOptions, Client, Error, Retrieved};

/// What Create made.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Created {
    /// Object Type.
    pub object_type: ObjectType,
    /// Unique Identifier.
    pub unique_identifier: String,
}

/// What Locate found.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
#[non_exhaustive]
pub struct Located {
    /// The Unique Identifiers, in the server's order.
    pub unique_identifiers: Vec<String>,
    /// How many objects match, where the server says so (KMIP 1.3 and later): more than were asked for, perhaps.
    pub located_items: Option<i32>,
}

impl Client {
    /// Create: the server makes an object.
    ///
    /// # Errors
    /// [`Error`]. If [`Error::may_have_happened`], there may be an object that nobody knows the identifier of.
    pub fn create(&self, object_type: ObjectType, attributes: &[Attribute<'_>]) -> Result<Created, Error> {
        let request = CreateRequest::new(object_type, TemplateAttribute::new(attributes));
        self.ask(request.into(), |payload| {
            let payload = expect!(payload, Create, CREATE);
            let unique_identifier = identifier(Operation::CREATE, payload.unique_identifier)?;
            Ok(Created { object_type: payload.object_type, unique_identifier })
        })
    }

    /// Create of a symmetric key of `length` bits with a name.
    ///
    /// # Errors
    /// As [`Client::create`].
    pub fn create_symmetric_key(
        &self,
        name: &str,
        algorithm: CryptographicAlgorithm,
        length: i32,
        usage: CryptographicUsageMask,
    ) -> Result<Created, Error> {
        self.create(ObjectType::SYMMETRIC_KEY, &key_attributes(name, algorithm, length, usage))
    }

    /// Register: the server keeps an object of ours. Gives its Unique Identifier.
    ///
    /// # Errors
    /// As [`Client::create`].
    pub fn register(&self, object: ManagedObject<'_>, attributes: &[Attribute<'_>]) -> Result<String, Error> {
        let request = RegisterRequest::new(object.object_type(), TemplateAttribute::new(attributes), object);
        self.ask(request.into(), |payload| {
            identifier(Operation::REGISTER, expect!(payload, Register, REGISTER).unique_identifier)
        })
    }

    /// Register of a raw symmetric key with a name, as `pg_tde` does it: without activation, so that the key stays
    /// pre-active. Gives its Unique Identifier.
    ///
    /// # Errors
    /// As [`Client::create`].
    pub fn register_symmetric_key(
        &self,
        name: &str,
        key: &[u8],
        algorithm: CryptographicAlgorithm,
        usage: CryptographicUsageMask,
    ) -> Result<String, Error> {
        let length = i32::try_from(key.len().saturating_mul(8)).unwrap_or(i32::MAX);
        let mut block = KeyBlock::new(KeyFormatType::RAW);
        block.key_value = Some(KeyValue::Plain(PlainKeyValue::new(Secret::new(key).into())));
        block.cryptographic_algorithm = Some(algorithm);
        block.cryptographic_length = Some(length);
        let attributes = key_attributes(name, algorithm, length, usage);
        self.register(SymmetricKey::new(block).into(), &attributes)
    }

    /// Locate: the objects that have all these attributes; at most `maximum_items`, if that is given.
    ///
    /// Nothing found is no error.
    ///
    /// # Errors
    /// [`Error`].
    pub fn locate(&self, attributes: &[Attribute<'_>], maximum_items: Option<i32>) -> Result<Located, Error> {
        let attributes = (!attributes.is_empty()).then(|| attributes.into());
        let request = LocateRequest { maximum_items, attributes, ..LocateRequest::default() };
        self.ask(request.into(), |payload| {
            let Some(payload) = payload else { return Ok(Located::default()) };
            let payload = expect!(Some(payload), Locate, LOCATE);
            let identifiers = payload.unique_identifiers.iter();
            Ok(Located {
                unique_identifiers: identifiers
                    .map(|given| identifier(Operation::LOCATE, given))
                    .collect::<Result<_, _>>()?,
                located_items: payload.located_items,
            })
        })
    }

    /// Locate by name and Object Type, which is how `pg_tde` finds a key. More than one match is for the caller to
    /// judge: names are unique for a client at most.
    ///
    /// # Errors
    /// [`Error`].
    pub fn locate_by_name(&self, name: &str, object_type: ObjectType) -> Result<Located, Error> {
        // As many as pg_tde asks for.
        self.locate(&name_and_type(name, object_type), Some(16))
    }

    /// Get: an object, with its key material.
    ///
    /// # Errors
    /// [`Error`].
    pub fn get(&self, unique_identifier: &str) -> Result<Retrieved, Error> {
        let request =
            GetRequest { unique_identifier: Some(unique_identifier.into()), ..GetRequest::default() };
        self.get_with(request)
    }

    /// Get, with a Key Format Type, wrapped, or whatever else the request can say.
    ///
    /// # Errors
    /// [`Error`].
    pub fn get_with(&self, request: GetRequest<'_>) -> Result<Retrieved, Error> {
        let asked = request.unique_identifier.and_then(|asked| asked.as_text());
        let reply = self.call(request.into(), &CallOptions::default())?;
        let facts = match reply.payload() {
            Some(ResponsePayload::Get(payload)) => match asked {
                Some(asked) => same(Operation::GET, asked, payload.unique_identifier),
                None => identifier(Operation::GET, payload.unique_identifier),
            }
            .map(|unique_identifier| (unique_identifier, payload.object_type)),
            _ => Err(lacking(Operation::GET, "its payload")),
        };
        let (unique_identifier, object_type) =
            facts.map_err(|source| self.misanswered(Operation::GET, source))?;
        Ok(Retrieved { reply, unique_identifier, object_type })
    }

    /// Activate: a pre-active key becomes active.
    ///
    /// # Errors
    /// [`Error`].
    pub fn activate(&self, unique_identifier: &str) -> Result<(), Error> {
        let request = ActivateRequest {
            unique_identifier: Some(unique_identifier.into()),
            ..ActivateRequest::default()
        };
        self.ask(request.into(), |payload| {
            let given = expect!(payload, Activate, ACTIVATE).unique_identifier;
            same(Operation::ACTIVATE, unique_identifier, given).map(|_| ())
        })
    }

    /// Revoke: a key is deactivated, or with a compromise as reason marked as compromised (since when, perhaps).
    ///
    /// # Errors
    /// [`Error`].
    pub fn revoke(
        &self,
        unique_identifier: &str,
        reason: RevocationReasonCode,
        message: Option<&str>,
        compromise_occurrence_date: Option<DateTime>,
    ) -> Result<(), Error> {
        let mut why = RevocationReason::new(reason);
        why.revocation_message = message;
        let mut request = RevokeRequest::new(why);
        request.unique_identifier = Some(unique_identifier.into());
        request.compromise_occurrence_date = compromise_occurrence_date;
        self.ask(request.into(), |payload| {
            let given = expect!(payload, Revoke, REVOKE).unique_identifier;
            same(Operation::REVOKE, unique_identifier, given).map(|_| ())
        })
    }

    /// Destroy: the key material is gone for good.
    ///
    /// # Errors
    /// [`Error`].
    pub fn destroy(&self, unique_identifier: &str) -> Result<(), Error> {
        let request =
            DestroyRequest { unique_identifier: Some(unique_identifier.into()), ..DestroyRequest::default() };
        self.ask(request.into(), |payload| {
            let given = expect!(payload, Destroy, DESTROY).unique_identifier;
            same(Operation::DESTROY, unique_identifier, given).map(|_| ())
        })
    }

    /// Re-key: the server makes a new key in place of this one and gives it its name. Gives the new Unique Identifier.
    /// `offset`, in seconds, shifts the dates.
    ///
    /// # Errors
    /// As [`Client::create`].
    pub fn re_key(
        &self,
        unique_identifier: &str,
        offset: Option<u32>,
        attributes: &[Attribute<'_>],
    ) -> Result<String, Error> {
        let request = ReKeyRequest {
            unique_identifier: Some(unique_identifier.into()),
            offset: offset.map(Interval),
            attributes: (!attributes.is_empty()).then(|| TemplateAttribute::new(attributes)),
            ..ReKeyRequest::default()
        };
        self.ask(request.into(), |payload| {
            identifier(Operation::RE_KEY, expect!(payload, ReKey, RE_KEY).unique_identifier)
        })
    }
}

/// The attributes by which pg_tde finds a key: its name and its type.
fn name_and_type(name: &str, object_type: ObjectType) -> [Attribute<'_>; 2] {
    let name = Name::new(name, NameType::UNINTERPRETED_TEXT_STRING);
    [AttributeValue::ObjectType(object_type), AttributeValue::Name(name)]
        .map(|value| Attribute { index: None, value })
}

/// The attributes of a new symmetric key, in the order in which `pg_tde` writes them.
fn key_attributes(
    name: &str,
    algorithm: CryptographicAlgorithm,
    length: i32,
    usage: CryptographicUsageMask,
) -> [Attribute<'_>; 4] {
    [
        AttributeValue::CryptographicAlgorithm(algorithm),
        AttributeValue::CryptographicLength(length),
        AttributeValue::CryptographicUsageMask(usage),
        AttributeValue::Name(Name::new(name, NameType::UNINTERPRETED_TEXT_STRING)),
    ]
    .map(|value| Attribute { index: None, value })
}
