//! Which names the numbers under a tag have.

use crate::{
    spec::{self, Names, tag},
    ttlv::{Item, Tag, Value},
};

/// What names the numbers of an item: its tag does, or, for Attribute Value, the attribute named beside it.
pub(crate) fn names_of(tag: Tag, attribute: Option<Tag>) -> Names {
    let tag = if tag == tag::ATTRIBUTE_VALUE { attribute } else { Some(tag) };
    tag.and_then(spec::tag_facts).map_or(Names::None, |facts| facts.names)
}

/// The CamelCase name of an Enumeration's value, if it has one.
pub(crate) fn value_name(names: Names, value: u32) -> Option<&'static str> {
    match names {
        Names::Enumeration(table) => table.value(value).map(|row| row.camel_name),
        Names::Tags => spec::tag_facts(Tag::new(value).ok()?).map(|facts| facts.camel_name),
        Names::Mask(_) | Names::None => None,
    }
}

/// The attribute that an Attribute Name names, as far as names and numbers of its value go.
pub(crate) fn attribute(name: &str) -> Option<Tag> {
    spec::attribute_named(name)
}

/// Whether the item, or what is inside it, is not to be shown unasked.
pub(crate) fn is_secret(item: &Item<'_>) -> bool {
    // A Key Value in the clear holds attributes beside its Key Material.
    let open = item.tag == tag::KEY_VALUE && matches!(item.value, Value::Structure(_));
    !open && is_secret_tag(item.tag)
}

/// Whether what stands under the tag is not to be shown unasked.
pub(crate) fn is_secret_tag(tag: Tag) -> bool {
    spec::tag_facts(tag).is_some_and(|facts| facts.secret)
}

/// How many bytes the value has, padding apart.
#[cfg_attr(not(feature = "json"), allow(dead_code))]
pub(crate) fn size(item: &Item<'_>) -> usize {
    match item.value {
        Value::Structure(items) => items.remaining().len(),
        Value::TextString(text) => text.len(),
        Value::ByteString(bytes) => bytes.len(),
        Value::BigInteger(number) => number.as_wire().len(),
        Value::Integer(_) | Value::Enumeration(_) | Value::Interval(_) => 4,
        Value::LongInteger(_) | Value::Boolean(_) | Value::DateTime(_) | Value::DateTimeExtended(_) => 8,
    }
}
