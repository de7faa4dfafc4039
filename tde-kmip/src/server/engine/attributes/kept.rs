//! Attributes as they are kept: each one encoded, in the form of KMIP 2.1.

use tde_kmip_codec::{
    attribute::{Attribute, AttributeReference, AttributeValue},
    spec::{ProtocolVersion, mask::CryptographicUsageMask, tag},
    ttlv::{self, Item, Leniency, Options, Reader, Tag, Value},
};

use crate::server::engine::{
    failure::{Failure, Outcome},
    record::encoded,
};

/// The version whose form attributes are kept in, those of other versions included.
const FORM: ProtocolVersion = ProtocolVersion::V2_1;

/// Which attribute.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in crate::server::engine) enum Key {
    /// One of the standard's, or one under an extension tag.
    Tag(u32),
    /// A vendor's, or a custom one of KMIP 1.x: `x-NAME` is NAME of the vendor `x`.
    Vendor(String, String),
}

impl Key {
    pub(in crate::server::engine) fn standard(tag: Tag) -> Self {
        Self::Tag(tag.get())
    }

    /// The tag, if it has one.
    pub(in crate::server::engine) fn tag(&self) -> Option<Tag> {
        match self {
            Self::Tag(tag) => Tag::new(*tag).ok(),
            Self::Vendor(..) => None,
        }
    }

    /// What a reference names; none for a name that is neither the standard's nor a custom one.
    pub(in crate::server::engine) fn of_reference(reference: AttributeReference<'_>) -> Option<Self> {
        Some(match reference {
            AttributeReference::Standard(tag) => Self::standard(tag),
            AttributeReference::Custom(name) => {
                let (vendor, name) =
                    name.split_once('-').filter(|(vendor, _)| matches!(*vendor, "x" | "y"))?;
                Self::Vendor(vendor.to_owned(), name.to_owned())
            }
            AttributeReference::Vendor { vendor_identification, attribute_name } => {
                Self::Vendor(vendor_identification.to_owned(), attribute_name.to_owned())
            }
        })
    }

    /// What a value is a value of.
    pub(in crate::server::engine) fn of_value(value: &AttributeValue<'_>) -> Option<Self> {
        match *value {
            AttributeValue::Custom { name, .. } => Self::of_reference(AttributeReference::Custom(name)),
            AttributeValue::Vendor { vendor_identification, attribute_name, .. } => {
                Self::of_reference(AttributeReference::Vendor { vendor_identification, attribute_name })
            }
            AttributeValue::Absent(reference) => Self::of_reference(reference),
            _ => value.tag().map(Self::standard),
        }
    }

    /// As a reference.
    pub(in crate::server::engine) fn reference(&self) -> Option<AttributeReference<'_>> {
        Some(match self {
            Self::Tag(tag) => AttributeReference::Standard(Tag::new(*tag).ok()?),
            Self::Vendor(vendor, name) => {
                AttributeReference::Vendor { vendor_identification: vendor, attribute_name: name }
            }
        })
    }
}

/// One instance of an attribute.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::server::engine) struct Kept {
    pub(in crate::server::engine) key: Key,
    /// Attribute Index of KMIP 1.x.
    pub(in crate::server::engine) index: i32,
    item: Vec<u8>,
}

impl Kept {
    /// Encodes a value.
    pub(in crate::server::engine) fn new(value: AttributeValue<'_>, index: i32) -> Result<Self, ttlv::Error> {
        let attribute = Attribute::new(value);
        let mut item =
            encoded(|room| attribute.to_item(FORM, Leniency::OTHER_VERSIONS, room).map(|item| item.len()))?;
        // What could be encoded has a tag or a vendor's name.
        let key = Key::of_value(&value).unwrap_or_else(|| Key::standard(tag::ATTRIBUTE));
        Ok(Self { key, index, item: std::mem::take(&mut *item) })
    }

    /// What [`Kept::item`] gave.
    pub(in crate::server::engine) fn from_item(item: &Item<'_>, index: i32) -> Option<Self> {
        let key = if item.tag == tag::ATTRIBUTE {
            let mut fields = item.children();
            match (fields.read().ok()?.value, fields.read().ok()?.value) {
                (Value::TextString(vendor), Value::TextString(name)) => {
                    Key::Vendor(vendor.to_owned(), name.to_owned())
                }
                _ => return None,
            }
        } else {
            Key::standard(item.tag)
        };
        Some(Self { key, index, item: item.bytes.to_vec() })
    }

    pub(in crate::server::engine) fn item(&self) -> &[u8] {
        &self.item
    }

    /// The value, as an item says it.
    pub(in crate::server::engine) fn raw(&self) -> Option<Value<'_>> {
        Reader::new(&self.item).read().ok().map(|item| item.value)
    }

    /// The value.
    pub(in crate::server::engine) fn value(&self) -> Option<AttributeValue<'_>> {
        let options = Options::new().leniency(Leniency::OTHER_VERSIONS);
        Attribute::from_item(&self.item, FORM, options).ok().map(|attribute| attribute.value)
    }

    /// Whether both have the same value, whatever their index.
    pub(in crate::server::engine) fn same_value(&self, other: &Self) -> bool {
        self.item == other.item
    }
}

/// The attributes of an object, but for those that are elsewhere: Unique Identifier, Object Type, State.
#[derive(Clone, Default, Debug)]
pub(in crate::server::engine) struct AttributeSet(Vec<Kept>);

fn made(value: AttributeValue<'_>) -> Outcome<Kept> {
    Ok(Kept::new(value, 0)
        .map_err(|error| Failure::general(format!("an attribute cannot be kept: {error}")))?)
}

impl AttributeSet {
    /// Every attribute, in the order in which they came.
    pub(in crate::server::engine) fn kept(&self) -> impl Iterator<Item = &Kept> {
        self.0.iter()
    }

    /// The instances of one attribute.
    pub(in crate::server::engine) fn instances<'s>(&'s self, key: &Key) -> impl Iterator<Item = &'s Kept> {
        self.0.iter().filter(move |kept| kept.key == *key)
    }

    pub(in crate::server::engine) fn has(&self, key: &Key) -> bool {
        self.instances(key).next().is_some()
    }

    pub(in crate::server::engine) fn has_tag(&self, tag: Tag) -> bool {
        self.first(tag).is_some()
    }

    fn first(&self, tag: Tag) -> Option<&Kept> {
        self.0.iter().find(|kept| matches!(kept.key, Key::Tag(number) if number == tag.get()))
    }

    /// The first value of an attribute of the standard.
    pub(in crate::server::engine) fn get(&self, tag: Tag) -> Option<AttributeValue<'_>> {
        self.first(tag)?.value()
    }

    pub(in crate::server::engine) fn date(&self, tag: Tag) -> Option<i64> {
        match self.first(tag)?.raw()? {
            Value::DateTime(seconds) => Some(seconds),
            _ => None,
        }
    }

    pub(in crate::server::engine) fn boolean(&self, tag: Tag) -> Option<bool> {
        match self.first(tag)?.raw()? {
            Value::Boolean(value) => Some(value),
            _ => None,
        }
    }

    pub(in crate::server::engine) fn integer(&self, tag: Tag) -> Option<i32> {
        match self.first(tag)?.raw()? {
            Value::Integer(value) => Some(value),
            _ => None,
        }
    }

    pub(in crate::server::engine) fn enumeration(&self, tag: Tag) -> Option<u32> {
        match self.first(tag)?.raw()? {
            Value::Enumeration(value) => Some(value),
            _ => None,
        }
    }

    pub(in crate::server::engine) fn usage(&self) -> CryptographicUsageMask {
        let mask = self.integer(tag::CRYPTOGRAPHIC_USAGE_MASK).unwrap_or_default();
        CryptographicUsageMask::from_integer(mask)
    }

    /// The values of Name.
    pub(in crate::server::engine) fn names(&self) -> impl Iterator<Item = &str> {
        self.instances_of(tag::NAME).filter_map(|kept| match kept.value()? {
            AttributeValue::Name(name) => Some(name.name_value),
            _ => None,
        })
    }

    pub(in crate::server::engine) fn instances_of(&self, tag: Tag) -> impl Iterator<Item = &Kept> {
        self.0.iter().filter(move |kept| matches!(kept.key, Key::Tag(number) if number == tag.get()))
    }

    /// The index that the next instance gets: those of deleted instances stay free.
    pub(in crate::server::engine) fn next_index(&self, key: &Key) -> i32 {
        self.instances(key).map(|kept| kept.index.saturating_add(1)).max().unwrap_or(0)
    }

    /// Another instance, as it is.
    pub(in crate::server::engine) fn keep(&mut self, kept: Kept) {
        self.0.push(kept);
    }

    /// Another instance that the server makes, with the next index.
    pub(in crate::server::engine) fn add(&mut self, value: AttributeValue<'_>) -> Outcome {
        let mut kept = made(value)?;
        kept.index = self.next_index(&kept.key);
        self.keep(kept);
        Ok(())
    }

    /// The only value of an attribute, which the server makes.
    pub(in crate::server::engine) fn set(&mut self, value: AttributeValue<'_>) -> Outcome {
        let kept = made(value)?;
        match self.0.iter_mut().find(|old| old.key == kept.key) {
            Some(old) => *old = kept,
            None => self.keep(kept),
        }
        Ok(())
    }

    /// Puts another value in the place of the instance with this index.
    pub(in crate::server::engine) fn replace(&mut self, index: i32, kept: Kept) {
        if let Some(old) = self.0.iter_mut().find(|old| old.key == kept.key && old.index == index) {
            *old = Kept { index, ..kept };
        }
    }

    /// Every attribute that the other set has, as it has it.
    pub(in crate::server::engine) fn take_over(&mut self, other: &Self) {
        self.remove(|kept| other.has(&kept.key));
        self.0.extend(other.kept().cloned());
    }

    /// Takes away the instances for which `which` holds.
    pub(in crate::server::engine) fn remove(&mut self, mut which: impl FnMut(&Kept) -> bool) {
        self.0.retain(|kept| !which(kept));
    }
}
