//! The operations as methods: each encodes for the version that is spoken and gives back what it owns.

use tde_kmip_codec::{
    DateTime, Interval,
    attribute::{
        Attribute, AttributeReference, AttributeValue, CryptographicParameters, Name, RevocationReason,
        TemplateAttribute, UniqueIdentifier,
    },
    object::{KeyBlock, KeyValue, ManagedObject, PlainKeyValue, SymmetricKey},
    operation::{
        ActivateRequest, AddAttributeRequest, CreateRequest, Data, DecryptRequest, DeleteAttributeRequest,
        DestroyRequest, DiscoverVersionsRequest, EncryptRequest, GetAttributeListRequest,
        GetAttributesRequest, GetRequest, LocateRequest, ModifyAttributeRequest, QueryRequest, ReKeyRequest,
        RegisterRequest, RequestPayload, ResponsePayload, RevokeRequest, RngRetrieveRequest,
    },
    spec::{
        self, ProtocolVersion,
        enumeration::{
            CryptographicAlgorithm, KeyFormatType, NameType, ObjectType, Operation, QueryFunction,
            RevocationReasonCode,
        },
        mask::CryptographicUsageMask,
    },
};
use zeroize::Zeroizing;

use super::{AttributesOf, CallOptions, Client, Error, ProtocolError, Reply, Retrieved, refusal::printable};

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

/// What a server says of itself.
#[derive(Debug)]
#[non_exhaustive]
pub struct ServerFacts {
    /// The operations that it has.
    pub operations: Vec<Operation>,
    /// The types of objects that it has.
    pub object_types: Vec<ObjectType>,
    /// Vendor Identification.
    pub vendor_identification: Option<String>,
    /// Application Namespaces.
    pub application_namespaces: Vec<String>,
    /// The whole answer, for what else was asked.
    pub reply: Reply,
}

/// Which value of an attribute Delete Attribute means.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub enum AttributeTarget<'a> {
    /// All values; of an attribute with one value, that one. KMIP 1.x deletes the value with index 0.
    All(AttributeReference<'a>),
    /// The value with that Attribute Index: KMIP 1.x.
    Index(AttributeReference<'a>, i32),
    /// That value: KMIP 2.x.
    Value(Attribute<'a>),
}

/// What to encrypt, and how.
#[derive(Clone, Copy, Default, Debug)]
pub struct Encryption<'a> {
    /// Block Cipher Mode, Padding Method and the like; `None` for those of the key.
    pub parameters: Option<CryptographicParameters<'a>>,
    /// IV/Counter/Nonce; `None` lets the server choose.
    pub iv_counter_nonce: Option<&'a [u8]>,
    /// Authenticated Encryption Additional Data; KMIP 1.4 and later.
    pub additional_data: Option<&'a [u8]>,
}

/// What Encrypt gave.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Encrypted {
    /// The ciphertext.
    pub data: Vec<u8>,
    /// IV/Counter/Nonce, where the server chose it.
    pub iv_counter_nonce: Option<Vec<u8>>,
    /// Authenticated Encryption Tag, for modes that have one; KMIP 1.4 and later.
    pub tag: Option<Vec<u8>>,
}

/// How something was encrypted.
#[derive(Clone, Copy, Default, Debug)]
pub struct Decryption<'a> {
    /// Block Cipher Mode, Padding Method and the like; `None` for those of the key.
    pub parameters: Option<CryptographicParameters<'a>>,
    /// IV/Counter/Nonce.
    pub iv_counter_nonce: Option<&'a [u8]>,
    /// Authenticated Encryption Additional Data; KMIP 1.4 and later.
    pub additional_data: Option<&'a [u8]>,
    /// Authenticated Encryption Tag; KMIP 1.4 and later.
    pub tag: Option<&'a [u8]>,
}

/// Takes the payload that belongs to the operation.
macro_rules! expect {
    ($payload:expr, $variant:ident, $operation:ident) => {
        match $payload {
            Some(ResponsePayload::$variant(payload)) => payload,
            _ => return Err(lacking(Operation::$operation, "its payload")),
        }
    };
}

const fn lacking(operation: Operation, what: &'static str) -> ProtocolError {
    ProtocolError::Lacking { operation, what }
}

fn identifier(operation: Operation, given: UniqueIdentifier<'_>) -> Result<String, ProtocolError> {
    let text = given.as_text().ok_or(lacking(operation, "a Unique Identifier that is text"))?;
    Ok(text.to_owned())
}

/// The identifier in an answer, which must be the one asked about. Some servers write a UUID in another case.
fn same(operation: Operation, asked: &str, given: UniqueIdentifier<'_>) -> Result<String, ProtocolError> {
    let given = identifier(operation, given)?;
    if given.eq_ignore_ascii_case(asked) { Ok(given) } else { Err(ProtocolError::OtherObject { operation }) }
}

fn bytes(operation: Operation, data: Option<Data<'_>>) -> Result<&[u8], ProtocolError> {
    match data {
        Some(Data::Bytes(bytes)) => Ok(bytes.expose()),
        _ => Err(lacking(operation, "Data")),
    }
}

/// The attributes by which pg_tde finds a key: its name and its type.
fn name_and_type(name: &str, object_type: ObjectType) -> [Attribute<'_>; 2] {
    let name = Name::new(name, NameType::UNINTERPRETED_TEXT_STRING);
    [AttributeValue::ObjectType(object_type), AttributeValue::Name(name)]
        .map(|value| Attribute { index: None, value })
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
        block.key_value = Some(KeyValue::Plain(PlainKeyValue::new(tde_kmip_codec::Secret::new(key).into())));
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
        let mut request = LocateRequest::default();
        request.maximum_items = maximum_items;
        if !attributes.is_empty() {
            request.attributes = Some(attributes.into());
        }
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
        let mut request = GetRequest::default();
        request.unique_identifier = Some(unique_identifier.into());
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
        let mut request = ActivateRequest::default();
        request.unique_identifier = Some(unique_identifier.into());
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
        let mut request = DestroyRequest::default();
        request.unique_identifier = Some(unique_identifier.into());
        self.ask(request.into(), |payload| {
            let given = expect!(payload, Destroy, DESTROY).unique_identifier;
            same(Operation::DESTROY, unique_identifier, given).map(|_| ())
        })
    }

    /// Query: what the server is and has.
    ///
    /// # Errors
    /// [`Error`].
    pub fn query(&self, functions: &[QueryFunction]) -> Result<ServerFacts, Error> {
        let mut request = QueryRequest::default();
        request.query_functions = functions.into();
        let reply = self.call(request.into(), &CallOptions::default())?;
        let Some(ResponsePayload::Query(payload)) = reply.payload() else {
            return Err(self.misanswered(Operation::QUERY, lacking(Operation::QUERY, "its payload")));
        };
        Ok(ServerFacts {
            operations: payload.operations.iter().collect(),
            object_types: payload.object_types.iter().collect(),
            vendor_identification: payload.vendor_identification.map(printable),
            application_namespaces: payload.application_namespaces.iter().map(printable).collect(),
            reply,
        })
    }

    /// Discover Versions: what the server says it speaks, newest first; KMIP 1.1 and later.
    ///
    /// # Errors
    /// [`Error`].
    pub fn discover_versions(&self) -> Result<Vec<ProtocolVersion>, Error> {
        self.ask(DiscoverVersionsRequest::default().into(), |payload| {
            let payload = expect!(payload, DiscoverVersions, DISCOVER_VERSIONS);
            Ok(payload.protocol_versions.iter().collect())
        })
    }

    /// Get Attributes: those named, or all if none is. Those that the object does not have are left out.
    ///
    /// # Errors
    /// [`Error`].
    pub fn get_attributes(
        &self,
        unique_identifier: &str,
        names: &[AttributeReference<'_>],
    ) -> Result<AttributesOf, Error> {
        let operation = Operation::GET_ATTRIBUTES;
        let mut request = GetAttributesRequest::default();
        request.unique_identifier = Some(unique_identifier.into());
        request.attribute_references = names.into();
        let reply = self.call(request.into(), &CallOptions::default())?;
        let checked = match reply.payload() {
            Some(ResponsePayload::GetAttributes(payload)) => {
                same(operation, unique_identifier, payload.unique_identifier)
            }
            _ => Err(lacking(operation, "its payload")),
        };
        let unique_identifier = checked.map_err(|source| self.misanswered(operation, source))?;
        Ok(AttributesOf { reply, unique_identifier })
    }

    /// Get Attribute List: the names of the attributes that an object has, as KMIP 1.x writes them; a vendor's of 2.x
    /// as `VENDOR-NAME`.
    ///
    /// # Errors
    /// [`Error`].
    pub fn get_attribute_list(&self, unique_identifier: &str) -> Result<Vec<String>, Error> {
        let mut request = GetAttributeListRequest::default();
        request.unique_identifier = Some(unique_identifier.into());
        self.ask(request.into(), |payload| {
            let payload = expect!(payload, GetAttributeList, GET_ATTRIBUTE_LIST);
            same(Operation::GET_ATTRIBUTE_LIST, unique_identifier, payload.unique_identifier)?;
            Ok(payload.attribute_references.iter().map(name_of).collect())
        })
    }

    /// Add Attribute: one more value.
    ///
    /// # Errors
    /// [`Error`].
    pub fn add_attribute(&self, unique_identifier: &str, attribute: Attribute<'_>) -> Result<(), Error> {
        let mut request = AddAttributeRequest::new(attribute);
        request.unique_identifier = Some(unique_identifier.into());
        self.ask(request.into(), |payload| {
            let given = expect!(payload, AddAttribute, ADD_ATTRIBUTE).unique_identifier;
            same(Operation::ADD_ATTRIBUTE, unique_identifier, given).map(|_| ())
        })
    }

    /// Modify Attribute: `new` replaces the value with its Attribute Index (KMIP 1.x; 0 if it has none), or `current`
    /// (KMIP 2.x; may be left out where there is one value only).
    ///
    /// # Errors
    /// [`Error::NotExpressible`] for a current value and no index with KMIP 1.x; every other [`Error`].
    pub fn modify_attribute(
        &self,
        unique_identifier: &str,
        current: Option<Attribute<'_>>,
        new: Attribute<'_>,
    ) -> Result<(), Error> {
        let operation = Operation::MODIFY_ATTRIBUTE;
        let version = self.spoken()?;
        let is_v1 = version < ProtocolVersion::V2_0;
        if is_v1 && current.is_some() && new.index.is_none() {
            let why = "it finds a value by its Attribute Index, not by the value";
            return Err(Error::NotExpressible { operation, version, why });
        }
        let index = new.index.filter(|_| is_v1);
        let mut request = ModifyAttributeRequest::new(Attribute { index, value: new.value });
        request.unique_identifier = Some(unique_identifier.into());
        request.current_attribute = current.filter(|_| !is_v1);
        self.ask(request.into(), |payload| {
            let given = expect!(payload, ModifyAttribute, MODIFY_ATTRIBUTE).unique_identifier;
            same(operation, unique_identifier, given).map(|_| ())
        })
    }

    /// Delete Attribute.
    ///
    /// # Errors
    /// [`Error::NotExpressible`] for a value with KMIP 1.x and an index with 2.x; every other [`Error`].
    pub fn delete_attribute(
        &self,
        unique_identifier: &str,
        target: AttributeTarget<'_>,
    ) -> Result<(), Error> {
        let operation = Operation::DELETE_ATTRIBUTE;
        let version = self.spoken()?;
        let is_v1 = version < ProtocolVersion::V2_0;
        let mut request = DeleteAttributeRequest::default();
        request.unique_identifier = Some(unique_identifier.into());
        match target {
            AttributeTarget::All(reference) => request.attribute_reference = Some(reference),
            AttributeTarget::Index(reference, index) if is_v1 => {
                request.attribute_reference = Some(reference);
                request.attribute_index = Some(index);
            }
            AttributeTarget::Value(attribute) if !is_v1 => {
                request.current_attribute = Some(Attribute { index: None, value: attribute.value });
            }
            AttributeTarget::Index(..) => {
                let why = "its attributes have no index";
                return Err(Error::NotExpressible { operation, version, why });
            }
            AttributeTarget::Value(_) => {
                let why = "it finds a value by its Attribute Index, not by the value";
                return Err(Error::NotExpressible { operation, version, why });
            }
        }
        self.ask(request.into(), |payload| {
            let given = expect!(payload, DeleteAttribute, DELETE_ATTRIBUTE).unique_identifier;
            same(operation, unique_identifier, given).map(|_| ())
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
        let mut request = ReKeyRequest::default();
        request.unique_identifier = Some(unique_identifier.into());
        request.offset = offset.map(Interval);
        if !attributes.is_empty() {
            request.attributes = Some(TemplateAttribute::new(attributes));
        }
        self.ask(request.into(), |payload| {
            identifier(Operation::RE_KEY, expect!(payload, ReKey, RE_KEY).unique_identifier)
        })
    }

    /// Encrypt, on the server; KMIP 1.2 and later.
    ///
    /// # Errors
    /// [`Error`].
    pub fn encrypt(
        &self,
        unique_identifier: &str,
        data: &[u8],
        how: &Encryption<'_>,
    ) -> Result<Encrypted, Error> {
        let operation = Operation::ENCRYPT;
        let mut request = EncryptRequest::default();
        request.unique_identifier = Some(unique_identifier.into());
        request.cryptographic_parameters = how.parameters;
        request.data = Some(data.into());
        request.iv_counter_nonce = how.iv_counter_nonce;
        request.authenticated_encryption_additional_data = how.additional_data;
        self.ask(request.into(), |payload| {
            let payload = expect!(payload, Encrypt, ENCRYPT);
            same(operation, unique_identifier, payload.unique_identifier)?;
            Ok(Encrypted {
                data: bytes(operation, payload.data)?.to_vec(),
                iv_counter_nonce: payload.iv_counter_nonce.map(<[u8]>::to_vec),
                tag: payload.authenticated_encryption_tag.map(<[u8]>::to_vec),
            })
        })
    }

    /// Decrypt, on the server; KMIP 1.2 and later. The plaintext is wiped on drop.
    ///
    /// # Errors
    /// [`Error`].
    pub fn decrypt(
        &self,
        unique_identifier: &str,
        data: &[u8],
        how: &Decryption<'_>,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let operation = Operation::DECRYPT;
        let mut request = DecryptRequest::default();
        request.unique_identifier = Some(unique_identifier.into());
        request.cryptographic_parameters = how.parameters;
        request.data = Some(data.into());
        request.iv_counter_nonce = how.iv_counter_nonce;
        request.authenticated_encryption_additional_data = how.additional_data;
        request.authenticated_encryption_tag = how.tag;
        self.ask(request.into(), |payload| {
            let payload = expect!(payload, Decrypt, DECRYPT);
            same(operation, unique_identifier, payload.unique_identifier)?;
            Ok(Zeroizing::new(bytes(operation, payload.data)?.to_vec()))
        })
    }

    /// RNG Retrieve: random bytes of the server's, fewer than asked for if it has no more; KMIP 1.2 and later.
    ///
    /// # Errors
    /// [`Error`].
    pub fn rng_retrieve(&self, length: u32) -> Result<Zeroizing<Vec<u8>>, Error> {
        let length = i32::try_from(length).unwrap_or(i32::MAX);
        self.ask(RequestPayload::from(RngRetrieveRequest::new(length)), |payload| {
            let payload = expect!(payload, RngRetrieve, RNG_RETRIEVE);
            Ok(Zeroizing::new(bytes(Operation::RNG_RETRIEVE, Some(payload.data))?.to_vec()))
        })
    }
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

fn name_of(reference: AttributeReference<'_>) -> String {
    match reference {
        AttributeReference::Standard(tag) => {
            spec::attribute_rows(tag).first().map_or_else(|| tag.to_string(), |facts| facts.name.to_owned())
        }
        AttributeReference::Custom(name) => printable(name),
        AttributeReference::Vendor { vendor_identification, attribute_name } => {
            printable(&format!("{vendor_identification}-{attribute_name}"))
        }
    }
}
