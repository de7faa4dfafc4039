//! Who may set, change and delete an attribute (KMIP 1.4, section 3; KMIP 2.1, section 4).

use tde_kmip_codec::{
    spec::{self, AttributeFacts, ProtocolVersion, Rule, SetBy, enumeration::ObjectType, tag},
    state::ObjectState,
    ttlv::Tag,
};

use super::Key;
use crate::server::engine::failure::{Failure, Why};

/// What a client wants to do to an attribute.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::server::engine) enum ClientMay {
    /// Give an object that is being made its value.
    Make,
    /// Give an object that exists another value.
    Add,
    /// Change a value.
    Change,
    /// Take a value away.
    Delete,
}

/// The rules of an attribute for objects of a type, if such objects have it in the version.
fn facts(tag: Tag, object_type: ObjectType, version: ProtocolVersion) -> Option<&'static AttributeFacts> {
    spec::attribute_facts(tag, version).filter(|facts| facts.applies_to.includes(object_type))
}

/// What stands in the way of a client that wants to do this to an attribute.
pub(in crate::server::engine) fn may(
    wants: ClientMay,
    key: &Key,
    object_type: ObjectType,
    state: ObjectState,
    version: ProtocolVersion,
) -> Result<(), Failure> {
    let Some(tag) = key.tag() else { return may_custom(key) };
    if tag.is_extension() {
        return Err(Failure::new(Why::Unsupported, format!("attributes under {tag} are not supported")));
    }
    let Some(facts) = facts(tag, object_type, version) else {
        let what = spec::attribute_rows(tag).first().map_or("this attribute", |row| row.name);
        return Err(Failure::new(
            Why::Unsupported,
            format!("such an object has no {what} in KMIP {version}"),
        ));
    };
    let allowed = match wants {
        ClientMay::Make => facts.set_by != SetBy::Server || tells_what_to_make(tag),
        ClientMay::Add => facts.set_by != SetBy::Server && !only_at_first(tag),
        ClientMay::Change => match facts.client_may_change {
            Rule::Yes => true,
            Rule::Conditional => state == ObjectState::PreActive || changes_while_active(tag, state),
            _ => false,
        },
        ClientMay::Delete => facts.client_may_delete != Rule::No,
    };
    if allowed {
        return Ok(());
    }
    let verb = match wants {
        ClientMay::Make | ClientMay::Add => "set",
        ClientMay::Change => "changed",
        ClientMay::Delete => "deleted",
    };
    Err(Failure::new(Why::ReadOnly, format!("{} cannot be {verb} by the client here", facts.name)))
}

/// Attributes of the server's vendor `y` are the server's; others belong to the client.
fn may_custom(key: &Key) -> Result<(), Failure> {
    match key {
        Key::Vendor(vendor, _) if vendor == "y" => {
            Err(Failure::new(Why::ReadOnly, "attributes of the vendor \"y\" are the server's"))
        }
        _ => Ok(()),
    }
}

/// Attributes that the table gives to the server and that requests carry all the same, to say what is to be made.
fn tells_what_to_make(tag: Tag) -> bool {
    matches!(
        tag,
        tag::CRYPTOGRAPHIC_ALGORITHM
            | tag::CRYPTOGRAPHIC_LENGTH
            | tag::OBJECT_TYPE
            | tag::CERTIFICATE_TYPE
            | tag::OPAQUE_DATA_TYPE
            | tag::USAGE_LIMITS
            | tag::PROTECTION_STORAGE_MASK
    )
}

/// Attributes that cannot come later, since the object has been made without them.
fn only_at_first(tag: Tag) -> bool {
    matches!(tag, tag::ORIGINAL_CREATION_DATE | tag::RANDOM_NUMBER_GENERATOR | tag::FRESH)
}

/// Of the dates: Process Start and Protect Stop until they have come, Deactivation Date while the object is active
/// (KMIP 1.4, sections 3.24 to 3.27). Usage Limits until something has been allocated, which the operation looks at.
fn changes_while_active(tag: Tag, state: ObjectState) -> bool {
    match tag {
        tag::PROCESS_START_DATE | tag::PROTECT_STOP_DATE | tag::DEACTIVATION_DATE => {
            state == ObjectState::Active
        }
        tag::USAGE_LIMITS | tag::APPLICATION_SPECIFIC_INFORMATION | tag::OBJECT_GROUP | tag::LINK => true,
        _ => false,
    }
}

/// Whether an object has one value of the attribute at most.
pub(in crate::server::engine) fn single_valued(
    key: &Key,
    object_type: ObjectType,
    version: ProtocolVersion,
) -> bool {
    key.tag().and_then(|tag| facts(tag, object_type, version)).is_some_and(|facts| facts.multiple == Rule::No)
}

/// Whether objects of this type show the attribute in this version.
pub(in crate::server::engine) fn shows(key: &Key, object_type: ObjectType, version: ProtocolVersion) -> bool {
    key.tag().is_none_or(|tag| facts(tag, object_type, version).is_some())
}
