//! The attributes of an object as a version shows them.

use tde_kmip_codec::{
    attribute::{Attribute, AttributeValue, UniqueIdentifier},
    spec::{ProtocolVersion, tag},
    state,
};

use super::{Key, rules};
use crate::server::engine::record::Object;

/// A value without what the version has no field for.
fn said_in(version: ProtocolVersion, value: AttributeValue<'_>) -> AttributeValue<'_> {
    match value {
        AttributeValue::Digest(mut digest) if version < ProtocolVersion::V1_1 => {
            digest.key_format_type = None;
            AttributeValue::Digest(digest)
        }
        value => value,
    }
}

impl Object {
    /// Every attribute that the version has a form for, in the order of the tags, then the vendors'.
    pub(in crate::server::engine) fn shown(&self, version: ProtocolVersion) -> Vec<(Key, Attribute<'_>)> {
        let mut shown: Vec<(Key, Attribute<'_>)> = self
            .attributes
            .kept()
            .filter(|kept| rules::shows(&kept.key, self.object_type, version))
            .filter_map(|kept| {
                let index = Some(kept.index).filter(|index| version.major < 2 && *index != 0);
                Some((kept.key.clone(), Attribute { index, value: said_in(version, kept.value()?) }))
            })
            .collect();
        let mut made = vec![
            (tag::UNIQUE_IDENTIFIER, AttributeValue::UniqueIdentifier(UniqueIdentifier::Text(&self.id))),
            (tag::OBJECT_TYPE, AttributeValue::ObjectType(self.object_type)),
        ];
        if state::has_state(self.object_type, version) {
            made.push((tag::STATE, AttributeValue::State(self.state.to_wire())));
        }
        shown.extend(made.into_iter().map(|(tag, value)| (Key::standard(tag), Attribute::new(value))));
        // What another version put there and this one cannot say, such as a vendor's attribute of 2.x in 1.x.
        shown.retain(|(_, attribute)| attribute.encoded_len(version).is_ok());
        shown.sort_by(|(left, _), (right, _)| left.cmp(right));
        shown
    }
}
