//! Names, links and other labels.

use crate::{
    attribute::UniqueIdentifier,
    spec::{
        self,
        enumeration::{AlternativeNameType, KeyValueLocationType, LinkType, NameType, RotateNameType},
    },
};

structure! {
    /// Name.
    #[derive(Copy)]
    Name = spec::structure::NAME.fields;

    /// Name Value.
    name_value: req &'a str = NAME_VALUE;
    /// Name Type.
    name_type: req NameType = NAME_TYPE;
}

structure! {
    /// Alternative Name; KMIP 1.2 and later.
    #[derive(Copy)]
    AlternativeName = spec::structure::ALTERNATIVE_NAME.fields;

    /// Alternative Name Value.
    alternative_name_value: req &'a str = ALTERNATIVE_NAME_VALUE;
    /// Alternative Name Type.
    alternative_name_type: req AlternativeNameType = ALTERNATIVE_NAME_TYPE;
}

structure! {
    /// Rotate Name; KMIP 2.1 only.
    #[derive(Copy)]
    RotateName = spec::structure::ROTATE_NAME.fields;

    /// Rotate Name Value.
    rotate_name_value: req &'a str = ROTATE_NAME_VALUE;
    /// Rotate Name Type.
    rotate_name_type: req RotateNameType = ROTATE_NAME_TYPE;
}

structure! {
    /// Link.
    #[derive(Copy)]
    Link = spec::structure::LINK.fields;

    /// Link Type.
    link_type: req LinkType = LINK_TYPE;
    /// Linked Object Identifier.
    linked_object_identifier: req UniqueIdentifier<'a> = LINKED_OBJECT_IDENTIFIER;
}

structure! {
    /// Application Specific Information.
    #[derive(Copy)]
    ApplicationSpecificInformation = spec::structure::APPLICATION_SPECIFIC_INFORMATION.fields;

    /// Application Namespace.
    application_namespace: req &'a str = APPLICATION_NAMESPACE;
    /// Application Data; required in KMIP up to 1.1.
    application_data: opt &'a str = APPLICATION_DATA;
}

structure! {
    /// Key Value Location; KMIP 1.2 and later.
    #[derive(Copy)]
    KeyValueLocation = spec::structure::KEY_VALUE_LOCATION.fields;

    /// Key Value Location Value.
    key_value_location_value: req &'a str = KEY_VALUE_LOCATION_VALUE;
    /// Key Value Location Type.
    key_value_location_type: req KeyValueLocationType = KEY_VALUE_LOCATION_TYPE;
}
