//! Reading and changing attributes.

use crate::{
    attribute::{Attribute, AttributeReference, Attributes, UniqueIdentifier},
    codec::AnyValue,
    spec::{self, enumeration::AdjustmentType},
};

structure! {
    /// Request payload of Get Attributes.
    GetAttributesRequest = spec::operation::GET_ATTRIBUTES.request;

    /// Unique Identifier.
    unique_identifier: opt UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// Names of attributes: Attribute Name in KMIP 1.x, Attribute Reference in 2.x.
    attribute_references: many AttributeReference<'a> = ATTRIBUTE_NAME | ATTRIBUTE_REFERENCE;
}

structure! {
    /// Response payload of Get Attributes.
    GetAttributesResponse = spec::operation::GET_ATTRIBUTES.response;

    /// Unique Identifier.
    unique_identifier: req UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// The attributes: repeated Attribute in KMIP 1.x, one Attributes in 2.x.
    attributes: attrs Attributes<'a> = ATTRIBUTE | ATTRIBUTES;
}

structure! {
    /// Request payload of Get Attribute List.
    GetAttributeListRequest = spec::operation::GET_ATTRIBUTE_LIST.request;

    /// Unique Identifier.
    unique_identifier: opt UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
}

structure! {
    /// Response payload of Get Attribute List.
    GetAttributeListResponse = spec::operation::GET_ATTRIBUTE_LIST.response;

    /// Unique Identifier.
    unique_identifier: req UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// Names of attributes: Attribute Name in KMIP 1.x, Attribute Reference in 2.x.
    attribute_references: many AttributeReference<'a> = ATTRIBUTE_NAME | ATTRIBUTE_REFERENCE;
}

structure! {
    /// Request payload of Add Attribute.
    AddAttributeRequest = spec::operation::ADD_ATTRIBUTE.request;

    /// Unique Identifier.
    unique_identifier: opt UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// The attribute: Attribute in KMIP 1.x, New Attribute in 2.x.
    attribute: req Attribute<'a> = ATTRIBUTE | NEW_ATTRIBUTE;
}

structure! {
    /// Response payload of Add Attribute.
    AddAttributeResponse = spec::operation::ADD_ATTRIBUTE.response;

    /// Unique Identifier.
    unique_identifier: req UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// Attribute; KMIP up to 1.4, required there.
    attribute: opt Attribute<'a> = ATTRIBUTE;
}

structure! {
    /// Request payload of Modify Attribute.
    ModifyAttributeRequest = spec::operation::MODIFY_ATTRIBUTE.request;

    /// Unique Identifier.
    unique_identifier: opt UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// Current Attribute; KMIP 2.0 and later.
    current_attribute: opt Attribute<'a> = CURRENT_ATTRIBUTE;
    /// The attribute: Attribute in KMIP 1.x, New Attribute in 2.x.
    attribute: req Attribute<'a> = ATTRIBUTE | NEW_ATTRIBUTE;
}

structure! {
    /// Response payload of Modify Attribute.
    ModifyAttributeResponse = spec::operation::MODIFY_ATTRIBUTE.response;

    /// Unique Identifier.
    unique_identifier: req UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// Attribute; KMIP up to 1.4, required there.
    attribute: opt Attribute<'a> = ATTRIBUTE;
}

structure! {
    /// Request payload of Set Attribute; KMIP 2.0 and later.
    SetAttributeRequest = spec::operation::SET_ATTRIBUTE.request;

    /// Unique Identifier.
    unique_identifier: opt UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// New Attribute.
    new_attribute: req Attribute<'a> = NEW_ATTRIBUTE;
}

structure! {
    /// Response payload of Set Attribute; KMIP 2.0 and later.
    SetAttributeResponse = spec::operation::SET_ATTRIBUTE.response;

    /// Unique Identifier.
    unique_identifier: req UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
}

structure! {
    /// Request payload of Adjust Attribute; KMIP 2.0 and later.
    AdjustAttributeRequest = spec::operation::ADJUST_ATTRIBUTE.request;

    /// Unique Identifier.
    unique_identifier: opt UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// Attribute Reference.
    attribute_reference: req AttributeReference<'a> = ATTRIBUTE_REFERENCE;
    /// Adjustment Type.
    adjustment_type: req AdjustmentType = ADJUSTMENT_TYPE;
    /// Adjustment Value.
    adjustment_value: opt AnyValue<'a> = ADJUSTMENT_VALUE;
}

structure! {
    /// Response payload of Adjust Attribute; KMIP 2.0 and later.
    AdjustAttributeResponse = spec::operation::ADJUST_ATTRIBUTE.response;

    /// Unique Identifier.
    unique_identifier: req UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
}

structure! {
    /// Request payload of Delete Attribute.
    DeleteAttributeRequest = spec::operation::DELETE_ATTRIBUTE.request;

    /// Unique Identifier.
    unique_identifier: opt UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// Current Attribute; KMIP 2.0 and later.
    current_attribute: opt Attribute<'a> = CURRENT_ATTRIBUTE;
    /// The attribute: Attribute Name in KMIP 1.x, Attribute Reference in 2.x.
    attribute_reference: opt AttributeReference<'a> = ATTRIBUTE_NAME | ATTRIBUTE_REFERENCE;
    /// Attribute Index; KMIP up to 1.4.
    attribute_index: opt i32 = ATTRIBUTE_INDEX;
}

structure! {
    /// Response payload of Delete Attribute.
    DeleteAttributeResponse = spec::operation::DELETE_ATTRIBUTE.response;

    /// Unique Identifier.
    unique_identifier: req UniqueIdentifier<'a> = UNIQUE_IDENTIFIER;
    /// Attribute; KMIP up to 1.4, required there.
    attribute: opt Attribute<'a> = ATTRIBUTE;
}
