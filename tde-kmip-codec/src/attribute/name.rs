//! The names of the attributes in KMIP 1.x, found in a message and written into one.

use crate::{
    spec::{self, Versions, tag},
    ttlv::{ItemType, Tag, raw, writer::header},
};

/// The name of an attribute, by the standard's table.
#[allow(clippy::panic)] // Only ever evaluated by the compiler.
pub(super) const fn tabled_name(attribute: Tag) -> &'static str {
    let mut rest = spec::attribute::TABLE;
    while let [facts, tail @ ..] = rest {
        if facts.tag.get() == attribute.get() {
            return facts.name;
        }
        rest = tail;
    }
    panic!("the standard's table has no such attribute")
}

/// What encoding an attribute of the standard takes.
pub(super) struct Standard {
    pub(super) tag: Tag,
    pub(super) versions: Versions,
    /// The beginning of the structure Attribute: its header, without the length, and Attribute Name.
    pub(super) image: [u8; IMAGE_ROOM],
    /// How many bytes of the image that takes.
    pub(super) image_len: usize,
}

/// The room for the beginning of an Attribute with the longest name.
const IMAGE_ROOM: usize = 56;

impl Standard {
    pub(super) const fn of(attribute: Tag) -> Self {
        let mut image = [0; IMAGE_ROOM];
        let versions = tabled_versions(attribute);
        let name = tabled_name(attribute);
        // Until the structure is ended, its length is one that no reader accepts.
        let structure = header(tag::ATTRIBUTE, ItemType::Structure, u32::MAX).to_be_bytes();
        let named = header(tag::ATTRIBUTE_NAME, ItemType::TextString, name.len() as u32).to_be_bytes();
        let mut at = 0;
        while at < 2 * raw::HEADER_LEN + name.len() {
            image[at] = if at < raw::HEADER_LEN {
                structure[at]
            } else if at < 2 * raw::HEADER_LEN {
                named[at - raw::HEADER_LEN]
            } else {
                name.as_bytes()[at - 2 * raw::HEADER_LEN]
            };
            at += 1;
        }
        Self { tag: attribute, versions, image, image_len: 2 * raw::HEADER_LEN + raw::padded(name.len()) }
    }
}

/// How many places the table of names has: a power of two, several times the number of names.
const PLACES: usize = 512;

/// Where a name is looked for first.
const fn place_of(name: &[u8]) -> usize {
    let mut hash = name.len() as u32;
    let mut rest = name;
    while let [byte, tail @ ..] = rest {
        hash = hash.wrapping_mul(31).wrapping_add(*byte as u32);
        rest = tail;
    }
    (hash ^ (hash >> 9)) as usize % PLACES
}

/// The rows of the standard's table by name, each at its place or the next free one; 0 is free.
static BY_NAME: [u16; PLACES] = {
    let mut places = [0; PLACES];
    let table = spec::attribute::TABLE;
    let mut row = 0;
    while row < table.len() {
        // Rows of one attribute stand together, and the first is enough.
        if row == 0 || table[row].tag.get() != table[row - 1].tag.get() {
            let mut place = place_of(table[row].name.as_bytes());
            while places[place] != 0 {
                place = (place + 1) % PLACES;
            }
            places[place] = row as u16 + 1;
        }
        row += 1;
    }
    places
};

/// The attribute with this name in KMIP 1.x. As every message of 1.x is full of names, this is not a search.
pub(super) fn named(name: &str) -> Option<Tag> {
    let mut place = place_of(name.as_bytes());
    loop {
        let row = BY_NAME.get(place).copied().unwrap_or_default();
        let facts = spec::attribute::TABLE.get(usize::from(row).checked_sub(1)?)?;
        if facts.name == name {
            return Some(facts.tag);
        }
        place = (place + 1) % PLACES;
    }
}

/// The versions that have an attribute, by the standard's table.
pub(super) const fn tabled_versions(attribute: Tag) -> Versions {
    let mut versions = Versions::NONE;
    let mut rest = spec::attribute::TABLE;
    while let [facts, tail @ ..] = rest {
        if facts.tag.get() == attribute.get() {
            versions = versions.union(facts.versions);
        }
        rest = tail;
    }
    assert!(!versions.is_empty(), "the standard's table has no such attribute");
    versions
}
