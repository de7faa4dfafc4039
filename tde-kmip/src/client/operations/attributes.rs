//! Reading and changing attributes.

use tde_kmip_codec::{
    attribute::{Attribute, AttributeReference},
    operation::{
        AddAttributeRequest, DeleteAttributeRequest, GetAttributeListRequest, GetAttributesRequest,
        ModifyAttributeRequest, ResponsePayload,
    },
    spec::{self, ProtocolVersion, enumeration::Operation},
};

use super::{lacking, same};
use crate::client::{AttributesOf, CallOptions, Client, Error, refusal::printable};

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

impl Client {
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
        let request = GetAttributesRequest {
            unique_identifier: Some(unique_identifier.into()),
            attribute_references: names.into(),
            ..GetAttributesRequest::default()
        };
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
        let request = GetAttributeListRequest {
            unique_identifier: Some(unique_identifier.into()),
            ..GetAttributeListRequest::default()
        };
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
        let mut request = DeleteAttributeRequest {
            unique_identifier: Some(unique_identifier.into()),
            ..DeleteAttributeRequest::default()
        };
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
