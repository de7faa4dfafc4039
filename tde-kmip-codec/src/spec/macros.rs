//! The grammar of the generated tables: one macro a table, so that the tables hold facts and nothing else.

/// `first..=last` of protocol versions, or several such ranges, as a set.
macro_rules! versions {
    () => { $crate::spec::Versions::NONE };
    ($($first:ident $last:ident)+) => {
        $crate::spec::Versions::NONE
            $(.union($crate::spec::Versions::range(
                $crate::spec::ProtocolVersion::$first,
                $crate::spec::ProtocolVersion::$last,
            )))+
    };
}

/// Item types, or `Any`, as a set.
macro_rules! types {
    (Any) => { $crate::spec::Types::ANY };
    ($($name:ident)*) => { $crate::spec::Types::of(&[$($crate::ttlv::ItemType::$name),*]) };
}

macro_rules! optional_version {
    () => {
        None
    };
    ($version:ident) => {
        Some($crate::spec::ProtocolVersion::$version)
    };
}

macro_rules! names {
    () => {
        $crate::spec::Names::None
    };
    (tags) => {
        $crate::spec::Names::Tags
    };
    (enumeration $name:ident) => {
        $crate::spec::Names::Enumeration($crate::spec::enumeration::$name::FACTS)
    };
    (mask $name:ident) => {
        $crate::spec::Names::Mask($crate::spec::mask::$name::FACTS)
    };
}

macro_rules! tags {
    (by_name [$($place:literal)*];
     $($constant:ident = $tag:literal, $name:literal, $camel:literal, [$($versions:ident)*], [$($deprecated:ident)?],
       [$($v1:ident)*], [$($v2:ident)*], [$($values:ident)*], $secret:literal;)+) => {
        $(#[doc = $name] pub const $constant: Tag = Tag::known($tag);)+

        /// Every tag of the standard, in the order of the numbers.
        pub static TABLE: &[TagFacts] = &[$(TagFacts {
            tag: $constant,
            name: $name,
            camel_name: $camel,
            versions: versions!($($versions)*),
            deprecated_since: optional_version!($($deprecated)?),
            types: FieldTypes::new(types!($($v1)*), types!($($v2)*)),
            names: names!($($values)*),
            secret: $secret,
        }),+];

        /// The places in [`TABLE`], in the order of the CamelCase names.
        pub(super) static BY_NAME: &[u16] = &[$($place),*];
    };
}

macro_rules! value_facts {
    ($($value:literal, $name:literal, $camel:literal, [$($versions:ident)*], [$($deprecated:ident)?], $aliases:literal;)+) => {
        &[$($crate::spec::ValueFacts {
            value: $value,
            name: $name,
            camel_name: $camel,
            versions: versions!($($versions)*),
            deprecated_since: optional_version!($($deprecated)?),
            aliases: $aliases,
        }),+]
    };
}

macro_rules! enumeration {
    ($type:ident, $camel_type:literal, $title:literal, by_name [$($place:literal)*];
     $($constant:ident = $value:literal, $name:literal, $camel:literal, [$($versions:ident)*], [$($deprecated:ident)?],
       $aliases:literal;)+) => {
        #[doc = concat!("The enumeration ", $title, ". Values that no edition defines are kept.")]
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(pub u32);

        impl $type {
            $(#[doc = $name] pub const $constant: Self = Self($value);)+

            /// The table of the values.
            pub const FACTS: &'static $crate::spec::EnumerationFacts = &$crate::spec::EnumerationFacts {
                name: $title,
                camel_name: $camel_type,
                values: value_facts!($($value, $name, $camel, [$($versions)*], [$($deprecated)?], $aliases;)+),
                by_name: &[$($place),*],
            };

            /// The row of this value, if an edition defines it.
            #[must_use]
            pub fn facts(self) -> Option<&'static $crate::spec::ValueFacts> {
                Self::FACTS.value(self.0)
            }

            /// The name as the standard prints it, if an edition defines the value.
            #[must_use]
            pub fn name(self) -> Option<&'static str> {
                self.facts().map(|facts| facts.name)
            }

            /// The name in the XML and JSON encodings, if an edition defines the value.
            #[must_use]
            pub fn camel_name(self) -> Option<&'static str> {
                self.facts().map(|facts| facts.camel_name)
            }

            /// The versions that allow the value: all of them for an extension (0x8xxxxxxx), none for one that no
            /// edition defines.
            #[must_use]
            pub fn versions(self) -> $crate::spec::Versions {
                $crate::spec::Enumerated::versions(self)
            }

            /// The value with this CamelCase name.
            #[must_use]
            pub fn from_camel_name(name: &str) -> Option<Self> {
                Self::FACTS.named(name).map(|facts| Self(facts.value))
            }
        }

        impl $crate::spec::Enumerated for $type {
            const FACTS: &'static $crate::spec::EnumerationFacts = Self::FACTS;
            const FIRST: u32 = Self::FACTS.first();
            const USUAL: u32 = Self::FACTS.usual();

            #[inline(always)]
            fn from_value(value: u32) -> Self {
                Self(value)
            }

            #[inline(always)]
            fn value(self) -> u32 {
                self.0
            }
        }

        impl core::fmt::Display for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                match self.camel_name() {
                    Some(name) => f.write_str(name),
                    None => write!(f, "0x{:08X}", self.0),
                }
            }
        }

        impl core::fmt::Debug for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, "{}({self})", stringify!($type))
            }
        }

        impl From<u32> for $type {
            fn from(value: u32) -> Self {
                Self(value)
            }
        }

        impl From<$type> for u32 {
            fn from(value: $type) -> Self {
                value.0
            }
        }
    };
}

macro_rules! mask {
    ($type:ident, $camel_type:literal, $title:literal, by_name [$($place:literal)*];
     $($constant:ident = $value:literal, $name:literal, $camel:literal, [$($versions:ident)*], [$($deprecated:ident)?],
       $aliases:literal;)+) => {
        #[doc = concat!("The bit mask ", $title, ". Bits that no edition defines are kept.")]
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
        pub struct $type(pub u32);

        impl $type {
            $(#[doc = $name] pub const $constant: Self = Self($value);)+

            /// The table of the bits.
            pub const FACTS: &'static $crate::spec::EnumerationFacts = &$crate::spec::EnumerationFacts {
                name: $title,
                camel_name: $camel_type,
                values: value_facts!($($value, $name, $camel, [$($versions)*], [$($deprecated)?], $aliases;)+),
                by_name: &[$($place),*],
            };

            /// The mask that an Integer item carries.
            #[must_use]
            pub const fn from_integer(value: i32) -> Self {
                Self(value.cast_unsigned())
            }

            /// The value for an Integer item.
            #[must_use]
            pub const fn to_integer(self) -> i32 {
                self.0.cast_signed()
            }

            /// Whether all bits of `other` are set.
            #[must_use]
            pub const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// The bits of both.
            #[must_use]
            pub const fn union(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// The bits that no edition defines.
            #[must_use]
            pub fn unknown(self) -> u32 {
                Self::FACTS.values.iter().fold(self.0, |rest, bit| rest & !bit.value)
            }

            /// The rows of the bits that are set and known, lowest first.
            pub fn known(self) -> impl Iterator<Item = &'static $crate::spec::ValueFacts> {
                Self::FACTS.values.iter().filter(move |bit| self.0 & bit.value != 0)
            }
        }

        impl core::ops::BitOr for $type {
            type Output = Self;

            fn bitor(self, other: Self) -> Self {
                self.union(other)
            }
        }

        /// The names of the bits, joined by `|`; what has no name as a number.
        impl core::fmt::Display for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                Self::FACTS.fmt_mask(self.0, "|", f)
            }
        }

        impl core::fmt::Debug for $type {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, "{}({self})", stringify!($type))
            }
        }
    };
}

macro_rules! content {
    (ManagedObject) => {
        Content::ManagedObject
    };
    (AnyAttribute) => {
        Content::AnyAttribute
    };
    (Any) => {
        Content::Any
    };
    ($tag:ident) => {
        Content::Tagged(tag::$tag)
    };
}

macro_rules! fields {
    ($($content:ident, $name:literal, [$($v1:ident)*], [$($v2:ident)*], [$($versions:ident)*],
       [$($required:ident)*], [$($conditional:ident)*], [$($repeatable:ident)*], $condition:literal;
       $(=> $demand:ident [$($path:ident)+], [$($since:ident)*],
          $(([$($other:ident)+] $state:ident $([$($number:literal)+])?))+, $source:literal;)*)*) => {
        &[$(FieldFacts {
            name: $name,
            content: content!($content),
            types: FieldTypes::new(types!($($v1)*), types!($($v2)*)),
            versions: versions!($($versions)*),
            required: versions!($($required)*),
            conditional: versions!($($conditional)*),
            repeatable: versions!($($repeatable)*),
            condition: $condition,
            rules: &[$($crate::spec::RuleFacts {
                field: &[$(tag::$path),+],
                demand: $crate::spec::Demand::$demand,
                versions: versions!($($since)*),
                when: &[$($crate::spec::Condition {
                    field: &[$(tag::$other),+],
                    state: $crate::spec::FieldState::$state $((&[$($number),+]))?,
                }),+],
                source: $source,
            }),*],
        }),*]
    };
}

macro_rules! structures {
    ($($constant:ident = $tag:ident, $name:literal, $camel:literal, $variant:literal, [$($versions:ident)*] { $($fields:tt)* })+) => {
        $(#[doc = concat!("The fields of ", $name, ", in wire order.")]
        pub static $constant: StructureFacts = StructureFacts {
            tag: tag::$tag,
            name: $name,
            camel_name: $camel,
            variant: $variant,
            versions: versions!($($versions)*),
            fields: fields!($($fields)*),
        };)+

        /// Every structure of the standard, in the order of the tags.
        pub static TABLE: &[&StructureFacts] = &[$(&$constant),+];
    };
}

macro_rules! operations {
    ($($constant:ident, $name:literal, $camel:literal, [$($versions:ident)*], $from_server:literal
       { $($request:tt)* } { $($response:tt)* })+) => {
        $(#[doc = concat!("The payloads of ", $name, ", fields in wire order.")]
        pub static $constant: OperationFacts = OperationFacts {
            operation: Operation::$constant,
            name: $name,
            camel_name: $camel,
            versions: versions!($($versions)*),
            from_server: $from_server,
            request: fields!($($request)*),
            response: fields!($($response)*),
        };)+

        /// Every operation of the standard, in the order of the codes.
        pub static TABLE: &[&OperationFacts] = &[$(&$constant),+];
    };
}

macro_rules! applies_to {
    ([All]) => { AppliesTo::All };
    ([$($object_type:ident)+]) => { AppliesTo::Only(&[$(ObjectType::$object_type),+]) };
}

macro_rules! attributes {
    (by_name [$($place:literal)*];
     $($tag:ident, $name:literal, [$($versions:ident)*], $always:ident, $set_by:ident, $server:ident, $client:ident,
       $delete:ident, $multiple:ident, [$($operation:ident)*], $applies:tt;)+) => {
        /// Every attribute, in the order of the tags; one row for each set of versions whose rules agree.
        pub static TABLE: &[AttributeFacts] = &[$(AttributeFacts {
            tag: tag::$tag,
            name: $name,
            versions: versions!($($versions)*),
            always_has_value: Rule::$always,
            set_by: SetBy::$set_by,
            server_may_change: Rule::$server,
            client_may_change: Rule::$client,
            client_may_delete: Rule::$delete,
            multiple: Rule::$multiple,
            implicitly_set_by: &[$(Operation::$operation),*],
            applies_to: applies_to!($applies),
        }),+];

        /// The places in [`TABLE`], in the order of the names.
        pub(super) static BY_NAME: &[u16] = &[$($place),*];
    };
}

macro_rules! reasons {
    ($([$($operation:ident)?] $reason:ident [$($versions:ident)*];)+) => {
        /// Every reason, grouped by operation, those for any operation first.
        pub static TABLE: &[ReasonFacts] = &[$(ReasonFacts {
            operation: reasons!(@operation $($operation)?),
            reason: ResultReason::$reason,
            versions: versions!($($versions)*),
        }),+];
    };
    (@operation) => { None };
    (@operation $operation:ident) => { Some(Operation::$operation) };
}

macro_rules! vendor_values {
    ($($vendor:literal, $enumeration:literal, $value:literal, $camel:literal;)+) => {
        /// Every such value, grouped by enumeration.
        pub static TABLE: &[VendorFacts] = &[$(VendorFacts {
            vendor: $vendor,
            enumeration: $enumeration,
            value: $value,
            camel_name: $camel,
        }),+];
    };
}
