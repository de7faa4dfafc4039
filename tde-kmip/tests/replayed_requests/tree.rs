//! Messages as trees of items, for comparing them and for putting other identifiers into them.

use std::collections::BTreeMap;

use tde_kmip_codec::{
    spec::{self, tag},
    ttlv::{self, Item, Tag, Value, Writer},
};

/// An item.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Node {
    pub(crate) tag: Tag,
    pub(crate) value: Leaf,
}

/// The value of an item.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Leaf {
    Structure(Vec<Node>),
    Text(String),
    Enumeration(u32),
    Integer(i32),
    /// Any other value, as its item's bytes.
    Other(Vec<u8>),
}

impl Node {
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        Self::of(&ttlv::decode(bytes).expect("a sound message"))
    }

    fn of(item: &Item<'_>) -> Self {
        let value = match item.value {
            Value::Structure(items) => Leaf::Structure(items.map(|item| Self::of(&item.unwrap())).collect()),
            Value::TextString(text) => Leaf::Text(text.to_owned()),
            Value::Enumeration(value) => Leaf::Enumeration(value),
            Value::Integer(value) => Leaf::Integer(value),
            _ => Leaf::Other(item.bytes.to_vec()),
        };
        Self { tag: item.tag, value }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut measure = Writer::measure();
        self.write(&mut measure);
        let mut bytes = vec![0; measure.len()];
        let mut writer = Writer::new(&mut bytes);
        self.write(&mut writer);
        writer.finish().unwrap();
        bytes
    }

    fn write(&self, writer: &mut Writer<'_>) {
        match &self.value {
            Leaf::Structure(children) => {
                let open = writer.begin(self.tag);
                children.iter().for_each(|child| child.write(writer));
                writer.end(open);
            }
            Leaf::Text(text) => writer.text_string(self.tag, text),
            Leaf::Enumeration(value) => writer.enumeration(self.tag, *value),
            Leaf::Integer(value) => writer.integer(self.tag, *value),
            Leaf::Other(bytes) => writer.item(&ttlv::decode(bytes).unwrap()),
        }
    }

    pub(crate) fn children(&self) -> &[Self] {
        match &self.value {
            Leaf::Structure(children) => children,
            _ => &[],
        }
    }

    pub(crate) fn find(&self, tag: Tag) -> Option<&Self> {
        self.children().iter().find(|child| child.tag == tag)
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Leaf::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn number(&self) -> Option<u32> {
        match self.value {
            Leaf::Enumeration(value) => Some(value),
            _ => None,
        }
    }

    pub(crate) fn integer(&self) -> Option<i32> {
        match self.value {
            Leaf::Integer(value) => Some(value),
            _ => None,
        }
    }

    /// The name of the tag.
    pub(crate) fn name(&self) -> String {
        spec::tag_facts(self.tag).map_or_else(|| self.tag.to_string(), |facts| facts.camel_name.to_owned())
    }

    /// The attribute that this is: by its tag, or by its name in 1.x.
    pub(crate) fn attribute(&self) -> Option<Tag> {
        if self.tag != tag::ATTRIBUTE {
            return Some(self.tag);
        }
        spec::attribute_named(self.find(tag::ATTRIBUTE_NAME)?.text()?)
    }

    /// The batch items of a message.
    pub(crate) fn items(&self) -> impl Iterator<Item = &Self> {
        self.children().iter().filter(|child| child.tag == tag::BATCH_ITEM)
    }

    /// Puts other identifiers in the place of those in the map.
    pub(crate) fn with_ids(&self, ids: &BTreeMap<String, String>) -> Self {
        self.mapped(ids, false)
    }

    /// Puts other Correlation Values in the place of those in the map.
    pub(crate) fn with_correlations(&self, correlations: &BTreeMap<Vec<u8>, Vec<u8>>) -> Self {
        let value = match &self.value {
            Leaf::Structure(children) => {
                Leaf::Structure(children.iter().map(|child| child.with_correlations(correlations)).collect())
            }
            Leaf::Other(item) if self.tag == tag::CORRELATION_VALUE => {
                Leaf::Other(correlations.get(item).unwrap_or(item).clone())
            }
            other => other.clone(),
        };
        Self { tag: self.tag, value }
    }

    fn mapped(&self, ids: &BTreeMap<String, String>, named: bool) -> Self {
        let value = match &self.value {
            Leaf::Structure(children) => {
                let name = self.find(tag::ATTRIBUTE_NAME).and_then(Self::text);
                let named = name == Some("Unique Identifier");
                Leaf::Structure(children.iter().map(|child| child.mapped(ids, named)).collect())
            }
            Leaf::Text(text) if is_identifier(self.tag) || (named && self.tag == tag::ATTRIBUTE_VALUE) => {
                Leaf::Text(ids.get(text).unwrap_or(text).clone())
            }
            // The published cases break names over lines.
            Leaf::Text(text) if self.tag == tag::ATTRIBUTE_NAME => {
                Leaf::Text(text.split_whitespace().collect::<Vec<_>>().join(" "))
            }
            other => other.clone(),
        };
        Self { tag: self.tag, value }
    }

    /// Whether a Locate in it asks for some of what there is.
    pub(crate) fn asks_for_a_part(&self) -> bool {
        matches!(self.tag, tag::MAXIMUM_ITEMS | tag::OFFSET_ITEMS)
            || self.children().iter().any(Self::asks_for_a_part)
    }

    /// The dates in it.
    pub(crate) fn dates(&self) -> Vec<i64> {
        match &self.value {
            Leaf::Other(bytes) => match ttlv::decode(bytes).map(|item| item.value) {
                Ok(Value::DateTime(date)) => vec![date],
                _ => Vec::new(),
            },
            _ => self.children().iter().flat_map(Self::dates).collect(),
        }
    }

    /// The identifiers in it.
    pub(crate) fn ids(&self) -> Vec<&str> {
        let mut found = Vec::new();
        if is_identifier(self.tag) {
            found.extend(self.text());
        }
        self.children().iter().for_each(|child| found.extend(child.ids()));
        found
    }
}

pub(crate) fn is_identifier(tag: Tag) -> bool {
    matches!(
        tag,
        tag::UNIQUE_IDENTIFIER
            | tag::PRIVATE_KEY_UNIQUE_IDENTIFIER
            | tag::PUBLIC_KEY_UNIQUE_IDENTIFIER
            | tag::LINKED_OBJECT_IDENTIFIER
            | tag::CERTIFICATE_REQUEST_UNIQUE_IDENTIFIER
    )
}
