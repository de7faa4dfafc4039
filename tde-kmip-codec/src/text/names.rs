//! Which names the numbers under a tag have.

use crate::{
    spec::{self, Names, tag},
    ttlv::Tag,
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
