//! What one row of each table says.

use core::fmt;

use super::{
    enumeration::{ObjectType, Operation, ResultReason},
    version::{ProtocolVersion, Versions},
};
use crate::ttlv::{ItemType, Tag};

/// A set of item types.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Types(u16);

impl Types {
    /// No type: the versions in question have no such field.
    pub const NONE: Self = Self(0);
    /// Every type.
    pub const ANY: Self = Self(0x0FFE);

    /// The set of these types.
    #[must_use]
    pub const fn of(types: &[ItemType]) -> Self {
        let mut set = 0;
        let mut rest = types;
        while let [first, tail @ ..] = rest {
            set |= 1 << first.as_byte();
            rest = tail;
        }
        Self(set)
    }

    /// Whether the type is in the set.
    #[must_use]
    pub const fn contains(self, item_type: ItemType) -> bool {
        self.0 & (1 << item_type.as_byte()) != 0
    }

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The only type of the set, if it holds just one.
    #[must_use]
    pub const fn single(self) -> Option<ItemType> {
        if self.0.count_ones() == 1 { ItemType::from_byte(self.0.trailing_zeros() as u8) } else { None }
    }

    /// The types of the set, in the order of their numbers.
    pub fn iter(self) -> impl Iterator<Item = ItemType> {
        ItemType::ALL.into_iter().filter(move |item_type| self.contains(*item_type))
    }
}

impl fmt::Debug for Types {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Types({self})")
    }
}

/// The names of the types, separated by ` or `; `any type` for all of them.
impl fmt::Display for Types {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ANY {
            return f.write_str("any type");
        }
        for (index, item_type) in self.iter().enumerate() {
            if index != 0 {
                f.write_str(" or ")?;
            }
            f.write_str(item_type.name())?;
        }
        Ok(())
    }
}

/// The types of a field, which differ between the major versions only.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct FieldTypes {
    /// In KMIP 1.0 to 1.4.
    pub v1: Types,
    /// In KMIP 2.0 and 2.1.
    pub v2: Types,
}

impl FieldTypes {
    pub(crate) const fn new(v1: Types, v2: Types) -> Self {
        Self { v1, v2 }
    }

    /// The types in one version; those of the other major version where this one has no such field.
    #[must_use]
    pub const fn at(self, version: ProtocolVersion) -> Types {
        let (first, second) = if version.major >= 2 { (self.v2, self.v1) } else { (self.v1, self.v2) };
        if first.is_empty() { second } else { first }
    }
}

/// What names the numbers under a tag.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Names {
    /// Nothing does.
    None,
    /// The values of an enumeration.
    Enumeration(&'static EnumerationFacts),
    /// The bits of a mask.
    Mask(&'static EnumerationFacts),
    /// The tags themselves.
    Tags,
}

/// A tag (KMIP 1.4, section 9.1.3.1; KMIP 2.1, section 11.56).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct TagFacts {
    /// The tag.
    pub tag: Tag,
    /// The name as the standard prints it, such as `X.509 Certificate Subject`.
    pub name: &'static str,
    /// The name in the XML and JSON encodings, such as `X_509CertificateSubject`.
    pub camel_name: &'static str,
    /// The versions that define it.
    pub versions: Versions,
    /// The version from which it is deprecated.
    pub deprecated_since: Option<ProtocolVersion>,
    /// The types of an item under this tag.
    pub types: FieldTypes,
    /// What names its numbers.
    pub names: Names,
    /// Whether the value, or what the structure holds, is not to be shown unasked.
    pub secret: bool,
}

/// A value of an enumeration, or a bit of a mask.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ValueFacts {
    /// The number.
    pub value: u32,
    /// The name as the standard prints it, such as `AES Key Wrap Padding`.
    pub name: &'static str,
    /// The name in the XML and JSON encodings, such as `AESKeyWrapPadding`.
    pub camel_name: &'static str,
    /// The versions that define it.
    pub versions: Versions,
    /// The version from which it is deprecated.
    pub deprecated_since: Option<ProtocolVersion>,
    /// Other CamelCase names that editions, test cases or peers write, separated by blanks.
    pub aliases: &'static str,
}

/// An enumeration or a bit mask (KMIP 1.4, sections 9.1.3.2 and 9.1.3.3; KMIP 2.1, section 11).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct EnumerationFacts {
    /// The name as the standard prints it.
    pub name: &'static str,
    /// The name in the XML and JSON encodings.
    pub camel_name: &'static str,
    /// Its values, in rising order.
    pub values: &'static [ValueFacts],
    /// The places in `values`, in the order of the CamelCase names.
    pub(crate) by_name: &'static [u16],
}

impl EnumerationFacts {
    /// The row of a value.
    #[must_use]
    pub fn value(&self, value: u32) -> Option<&'static ValueFacts> {
        let first = self.values.first()?;
        // Nearly every enumeration counts up from 1 without a gap.
        let guess = value.wrapping_sub(first.value) as usize;
        match self.values.get(guess) {
            Some(row) if row.value == value => Some(row),
            _ => {
                let at = self.values.binary_search_by_key(&value, |row| row.value).ok()?;
                self.values.get(at)
            }
        }
    }

    /// The row of a CamelCase name.
    #[must_use]
    pub fn named(&self, camel_name: &str) -> Option<&'static ValueFacts> {
        let row = |place: &u16| self.values.get(usize::from(*place));
        let at = self
            .by_name
            .binary_search_by(|place| row(place).map_or("", |row| row.camel_name).cmp(camel_name))
            .ok()?;
        row(self.by_name.get(at)?)
    }

    /// The row of a CamelCase name as peers spell it: under one of its aliases, or in another case, or without the
    /// underscores, such as `X509` for `X_509`.
    #[must_use]
    pub fn named_loosely(&self, name: &str) -> Option<&'static ValueFacts> {
        self.named(name).or_else(|| {
            self.values.iter().find(|row| {
                same_letters(row.camel_name, name)
                    || row.aliases.split_whitespace().any(|alias| alias == name)
            })
        })
    }
}

/// Whether two names differ in case and underscores only.
pub(super) fn same_letters(one: &str, other: &str) -> bool {
    fn letters(name: &str) -> impl Iterator<Item = u8> {
        name.bytes().filter(|byte| *byte != b'_').map(|byte| byte.to_ascii_lowercase())
    }
    letters(one).eq(letters(other))
}

/// What stands in a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Content {
    /// An item under this tag.
    Tagged(Tag),
    /// One of the object structures, such as Symmetric Key.
    ManagedObject,
    /// An item under the tag of an attribute (KMIP 2.x).
    AnyAttribute,
    /// Any item.
    Any,
}

/// A field of a structure or payload.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct FieldFacts {
    /// The name of the tag, or of the choice.
    pub name: &'static str,
    /// What stands there.
    pub content: Content,
    /// The types that its item may have.
    pub types: FieldTypes,
    /// The versions that have the field.
    pub versions: Versions,
    /// The versions in which it is always there.
    pub required: Versions,
    /// The versions in which it is there under the condition.
    pub conditional: Versions,
    /// The versions in which it may stand several times, one after another.
    pub repeatable: Versions,
    /// When it is there, in words; empty if there is nothing to say.
    pub condition: &'static str,
    /// When it must be there, or may not, because of what other fields say.
    pub rules: &'static [RuleFacts],
}

/// A rule between fields: one of them must be there, or may not, when the others are so.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RuleFacts {
    /// The field that the rule is about, after the structures of this one that it stands in.
    pub field: &'static [Tag],
    /// What is demanded of it.
    pub demand: Demand,
    /// The versions that demand it.
    pub versions: Versions,
    /// When: all of these hold.
    pub when: &'static [Condition],
    /// Where the standard says so.
    pub source: &'static str,
}

/// What a rule demands of a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(clippy::exhaustive_enums)] // It is there or not.
pub enum Demand {
    /// It must be there.
    Required,
    /// It may not be there.
    Forbidden,
}

/// That a field is so.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Condition {
    /// The field, after the structures that it stands in; the level of a managed object's own tag is passed over.
    pub field: &'static [Tag],
    /// How it is.
    pub state: FieldState,
}

/// How a field is.
///
/// Numbers stand for values: that of an Enumeration or a Boolean, the length of a text or of bytes, the number of its
/// item type for a Key Value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum FieldState {
    /// It is there.
    Present,
    /// It is not there.
    Absent,
    /// It is there and has one of these values.
    OneOf(&'static [u32]),
    /// It has none of these values, or is not there.
    NoneOf(&'static [u32]),
}

/// A structure: its fields in wire order.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct StructureFacts {
    /// The tag that it stands under.
    pub tag: Tag,
    /// The name as the standard prints it.
    pub name: &'static str,
    /// The name in the XML and JSON encodings; the two forms of Batch Item are told apart here.
    pub camel_name: &'static str,
    /// The value of another field that selects this form, such as a Key Format Type; empty if there is one form.
    pub variant: &'static str,
    /// The versions that have it.
    pub versions: Versions,
    /// Its fields in wire order, whatever the version.
    pub fields: &'static [FieldFacts],
}

/// An operation: the fields of its payloads in wire order.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct OperationFacts {
    /// The operation.
    pub operation: Operation,
    /// The name as the standard prints it.
    pub name: &'static str,
    /// The name in the XML and JSON encodings.
    pub camel_name: &'static str,
    /// The versions that have it.
    pub versions: Versions,
    /// Whether the server sends the request and the client answers (Notify, Put).
    pub from_server: bool,
    /// The fields of the request payload.
    pub request: &'static [FieldFacts],
    /// The fields of the response payload.
    pub response: &'static [FieldFacts],
}

/// The answer to a yes-or-no question about an attribute.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Rule {
    /// Yes.
    Yes,
    /// No.
    No,
    /// Sometimes: it depends on the object's state, kind, or on what happened before.
    Conditional,
}

/// Who gives an attribute its first value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SetBy {
    /// The client.
    Client,
    /// The server.
    Server,
    /// Either.
    Both,
}

/// The object types that may have an attribute.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum AppliesTo {
    /// All.
    All,
    /// These.
    Only(&'static [ObjectType]),
}

impl AppliesTo {
    /// Whether an object of this type may have the attribute.
    #[must_use]
    pub fn includes(self, object_type: ObjectType) -> bool {
        match self {
            Self::All => true,
            Self::Only(types) => types.contains(&object_type),
        }
    }
}

/// The rules of an attribute in some versions (KMIP 1.4, section 3; KMIP 2.1, section 4).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct AttributeFacts {
    /// The tag of the attribute.
    pub tag: Tag,
    /// The name of the attribute: in KMIP 1.x the text of Attribute Name.
    pub name: &'static str,
    /// The versions that these rules hold for.
    pub versions: Versions,
    /// Whether an object of a fitting type always has a value.
    pub always_has_value: Rule,
    /// Who gives the first value.
    pub set_by: SetBy,
    /// Whether the server may change it unasked.
    pub server_may_change: Rule,
    /// Whether the client may change it.
    pub client_may_change: Rule,
    /// Whether the client may delete it.
    pub client_may_delete: Rule,
    /// Whether there may be several values.
    pub multiple: Rule,
    /// The operations that may set it unasked.
    pub implicitly_set_by: &'static [Operation],
    /// The object types that may have it.
    pub applies_to: AppliesTo,
}

/// A reason that an operation may fail for, as the tables of error handling name it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ReasonFacts {
    /// The operation; none for the reasons that any operation may fail for.
    pub operation: Option<Operation>,
    /// The reason.
    pub reason: ResultReason,
    /// The versions whose text names it.
    pub versions: Versions,
}

/// A value that a vendor added to an enumeration.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct VendorFacts {
    /// The vendor's program.
    pub vendor: &'static str,
    /// The CamelCase name of the enumeration; `Tag` for a tag.
    pub enumeration: &'static str,
    /// The number.
    pub value: u32,
    /// The name that the vendor's programs write in JSON.
    pub camel_name: &'static str,
}
