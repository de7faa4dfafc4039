//! The standard as tables: tags, enumerations, masks, fields of structures and payloads, rules of attributes and
//! reasons for failure, each with the versions that have it.
//!
//! The tables are generated from the files under `spec-data/` and hold facts only; this module finds rows in them.
//! Nothing here allocates, and every lookup is a direct index or a binary search.
//!
//! ```
//! use tde_kmip_codec::spec::{self, ProtocolVersion, enumeration::CryptographicAlgorithm, tag};
//!
//! let facts = spec::tag_facts(tag::KEY_WRAP_TYPE).expect("a tag of the standard");
//! assert_eq!(facts.camel_name, "KeyWrapType");
//! assert!(!facts.versions.contains(ProtocolVersion::V1_3));
//! assert_eq!(spec::tag_named("KeyWrapType"), Some(tag::KEY_WRAP_TYPE));
//!
//! assert_eq!(CryptographicAlgorithm::AES.camel_name(), Some("AES"));
//! assert_eq!(CryptographicAlgorithm::from_camel_name("DES3"), Some(CryptographicAlgorithm::DES3));
//! assert_eq!(CryptographicAlgorithm(0x8880_0001).to_string(), "0x88800001");
//! ```

#[macro_use]
mod macros;

pub mod attribute;
pub mod enumeration;
mod facts;
pub mod mask;
pub mod operation;
pub mod result_reason;
pub mod structure;
pub mod tag;
pub mod vendor;
mod version;

use core::fmt;

use self::enumeration::{Operation, ResultReason};
pub use self::{
    facts::{
        AppliesTo, AttributeFacts, Condition, Content, Demand, EnumerationFacts, FieldFacts, FieldState,
        FieldTypes, Names, OperationFacts, ReasonFacts, Rule, RuleFacts, SetBy, StructureFacts, TagFacts,
        Types, ValueFacts, VendorFacts,
    },
    version::{ProtocolVersion, Versions},
};
use crate::ttlv::Tag;

/// An enumeration of the standard: a number, most values of which have names.
pub trait Enumerated: Copy + Eq + fmt::Debug + fmt::Display + 'static {
    /// The table of the values.
    const FACTS: &'static EnumerationFacts;

    /// The lowest value.
    #[doc(hidden)]
    const FIRST: u32;

    /// How many values count up from the lowest and are in every version.
    #[doc(hidden)]
    const USUAL: u32;

    /// The value with this number, known or not.
    fn from_value(value: u32) -> Self;

    /// The number.
    fn value(self) -> u32;

    /// Whether the number is in the range for extensions, 0x80000000 to 0x8FFFFFFF (KMIP 1.4, section 9.1.3.2).
    fn is_extension(self) -> bool {
        self.value() >> 28 == 8
    }

    /// The versions that allow the value: all of them for an extension, none for one that no edition defines.
    #[inline(always)]
    fn versions(self) -> Versions {
        // Known without a look at the table.
        if self.value().wrapping_sub(Self::FIRST) < Self::USUAL {
            Versions::ALL
        } else {
            tabled_versions(self)
        }
    }
}

#[inline(never)]
fn tabled_versions<E: Enumerated>(value: E) -> Versions {
    if value.is_extension() {
        return Versions::ALL;
    }
    E::FACTS.value(value.value()).map_or(Versions::NONE, |facts| facts.versions)
}

impl EnumerationFacts {
    /// The lowest value.
    pub(crate) const fn first(&self) -> u32 {
        match self.values {
            [first, ..] => first.value,
            [] => 0,
        }
    }

    /// How many values count up from the lowest and are in every version.
    pub(crate) const fn usual(&self) -> u32 {
        let mut count = 0;
        while (count as usize) < self.values.len()
            && self.values[count as usize].value == self.first() + count
            && self.values[count as usize].versions.includes(Versions::ALL)
        {
            count += 1;
        }
        count
    }

    /// Writes a mask as the names of its bits; what has no name as one number, and no bits as `0x00000000`.
    pub(crate) fn fmt_mask(&self, mask: u32, separator: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = mask;
        let mut between = "";
        for bit in self.values.iter().filter(|bit| mask & bit.value != 0) {
            write!(f, "{between}{}", bit.camel_name)?;
            between = separator;
            rest &= !bit.value;
        }
        if rest != 0 || mask == 0 {
            write!(f, "{between}0x{rest:08X}")?;
        }
        Ok(())
    }
}

/// The row of a tag, if an edition defines it.
#[must_use]
pub fn tag_facts(tag: Tag) -> Option<&'static TagFacts> {
    // The tags count up from 0x420001; three numbers are reserved.
    let place = (tag.get() as usize).wrapping_sub(0x42_0001);
    let skipped = usize::from(place >= 0x137) + 2 * usize::from(place >= 0x13F);
    tag::TABLE.get(place.checked_sub(skipped)?).filter(|facts| facts.tag == tag)
}

/// The tag with this CamelCase name.
#[must_use]
pub fn tag_named(camel_name: &str) -> Option<Tag> {
    let row = |place: &u16| tag::TABLE.get(usize::from(*place));
    let at = tag::BY_NAME
        .binary_search_by(|place| row(place).map_or("", |row| row.camel_name).cmp(camel_name))
        .ok()?;
    row(tag::BY_NAME.get(at)?).map(|row| row.tag)
}

/// The tag with this CamelCase name as peers spell it: in another case, without the underscores, or a vendor's own.
#[must_use]
pub fn tag_named_loosely(name: &str) -> Option<Tag> {
    let vendors = || {
        let mut rows = vendor::TABLE.iter().filter(|row| row.enumeration == "Tag");
        rows.find(|row| row.camel_name == name).and_then(|row| Tag::new(row.value).ok())
    };
    let loose = || tag::TABLE.iter().find(|row| facts::same_letters(row.camel_name, name)).map(|row| row.tag);
    tag_named(name).or_else(loose).or_else(vendors)
}

/// The row of an operation, if an edition defines it.
#[must_use]
pub fn operation_facts(operation: Operation) -> Option<&'static OperationFacts> {
    let place = (operation.0 as usize).checked_sub(1)?;
    operation::TABLE.get(place).copied().filter(|facts| facts.operation == operation)
}

/// The structures that stand under a tag: one, or several where another field selects the form.
#[must_use]
pub fn structures_of(tag: Tag) -> &'static [&'static StructureFacts] {
    let first = structure::TABLE.partition_point(|facts| facts.tag < tag);
    let rest = structure::TABLE.get(first..).unwrap_or_default();
    let count = rest.iter().take_while(|facts| facts.tag == tag).count();
    rest.get(..count).unwrap_or_default()
}

/// The rules of an attribute in one version, if that version has the attribute.
#[must_use]
pub fn attribute_facts(tag: Tag, version: ProtocolVersion) -> Option<&'static AttributeFacts> {
    attribute_rows(tag).iter().find(|facts| facts.versions.contains(version))
}

/// All rules of an attribute, oldest versions first; none if the tag is not that of an attribute.
#[must_use]
pub fn attribute_rows(tag: Tag) -> &'static [AttributeFacts] {
    let first = attribute::TABLE.partition_point(|facts| facts.tag < tag);
    let rest = attribute::TABLE.get(first..).unwrap_or_default();
    let count = rest.iter().take_while(|facts| facts.tag == tag).count();
    rest.get(..count).unwrap_or_default()
}

/// The tag of the attribute with this name, as Attribute Name spells it in KMIP 1.x (`Cryptographic Usage Mask`).
///
/// Names that begin with `x-` or `y-` are custom attributes and belong to no tag.
#[must_use]
pub fn attribute_named(name: &str) -> Option<Tag> {
    let row = |place: &u16| attribute::TABLE.get(usize::from(*place));
    let at =
        attribute::BY_NAME.binary_search_by(|place| row(place).map_or("", |row| row.name).cmp(name)).ok()?;
    row(attribute::BY_NAME.get(at)?).map(|row| row.tag)
}

/// The reasons that the text of a version names for an operation, those for any operation included.
pub fn result_reasons(operation: Operation, version: ProtocolVersion) -> impl Iterator<Item = ResultReason> {
    result_reason::TABLE
        .iter()
        .filter(move |facts| facts.operation.is_none_or(|row| row == operation))
        .filter(move |facts| facts.versions.contains(version))
        .map(|facts| facts.reason)
}

/// The values that vendors added to an enumeration.
pub fn vendor_values(enumeration: &'static EnumerationFacts) -> impl Iterator<Item = &'static VendorFacts> {
    vendor::TABLE.iter().filter(|facts| facts.enumeration == enumeration.camel_name)
}
