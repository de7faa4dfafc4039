//! `structure!`: one declaration of a structure's fields, from which its type, decoding and encoding come.
//!
//! A declaration names, in wire order, each field, its cardinality, its Rust type and its tag. Versions and presence
//! come from the standard's table given after the name, at compile time; so do the rules between the fields, and the
//! proof that no field is left out or stands in another order than the table's.
//!
//! Cardinalities: `req` always there, `opt` there or not (by version and circumstance), `many` any number;
//! `req_by`/`opt_by` as above, read by what another field says; `attrs` the attributes of KMIP 1.x (repeated
//! Attribute) or 2.x (one Attributes); `object` the managed object. Two tags mean the field's tag in 1.x and in 2.x.
//!
//! Structures are `Clone`. What attributes are made of holds no secret and is declared `Copy` as well.

macro_rules! structure {
    ($(#[$meta:meta])* $name:ident = $facts:expr;
     $($(#[$field_meta:meta])* $field:ident: $card:ident $ty:ty = $($tag:ident)|* $(, by $selector:ident)?;)*) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name<'a> {
            $($(#[$field_meta])* pub $field: field_type!('a $card $ty),)*
            /// Items that the standard does not have here; empty unless leniency let them in.
            pub extensions: $crate::codec::Extensions<'a>,
        }

        impl<'a> $crate::codec::Structure<'a> for $name<'a> {
            const FIELDS: &'static [$crate::spec::FieldFacts] = $facts;
        }

        impl<'a> $crate::codec::FieldValue<'a> for $name<'a> {
            #[inline]
            #[allow(unused_mut)]
            fn decode(
                found: $crate::codec::Found<'a>,
                d: &$crate::codec::Decoder<'a, '_>,
            ) -> Result<Self, $crate::codec::Failed> {
                let mut fields = $crate::codec::Fields::open(found, d, const { &$facts })?;
                $(let $field: field_type!('a $card $ty) =
                    take_field!(fields, $facts, $card, [$($tag)*] $(, $selector)?)?;)*
                let extensions = fields.finish()?;
                if const { $crate::codec::has_rules($facts) }
                    && shape!($facts; $((seen_field!($card, $field)) [$($tag)*])*)
                        .is_suspicious(const { $crate::codec::Quick::of($facts) }, d.cx.version)
                {
                    d.check_rules::<Self>(found, $facts)?;
                }
                Ok(Self { $($field,)* extensions })
            }

            #[allow(unused_mut, unused_variables)]
            fn probe(
                found: $crate::codec::Found<'a>,
                d: &$crate::codec::Decoder<'a, '_>,
            ) -> Result<Option<Self>, $crate::codec::Failed> {
                let mut fields = $crate::codec::Fields::open(found, d, const { &$facts })?;
                $(let $field = probe_field!(fields, $facts, $card, ($ty), [$($tag)*] $(, $selector)?)?;)*
                fields.finish()?;
                if const { $crate::codec::has_rules($facts) }
                    && shape!($facts; $((seen_probed!($card, $field, [$($tag)*])) [$($tag)*])*)
                        .is_suspicious(const { $crate::codec::Quick::of($facts) }, d.cx.version)
                {
                    d.check_rules::<Self>(found, $facts)?;
                }
                Ok(None)
            }

            #[inline]
            fn encode(&self, tag: $crate::ttlv::Tag, e: &mut $crate::codec::Encoder<'_>) {
                let open = e.writer.begin(tag);
                $(put_field!(e, self, $field, $facts, $card, [$($tag)*] $(, $selector)?);)*
                self.extensions.encode(e);
                if const { $crate::codec::has_rules($facts) }
                    && shape!($facts; $((seen_field!($card, self.$field)) [$($tag)*])*)
                        .is_suspicious(const { $crate::codec::Quick::of($facts) }, e.version)
                {
                    e.check_rules(self, $facts, open.item());
                }
                e.writer.end(open);
            }

            #[allow(unused_imports, unused_variables)]
            fn seen(&self, path: &[$crate::ttlv::Tag]) -> $crate::codec::Seen {
                use $crate::codec::{Seen, SelectedValue as _};
                let Some((first, rest)) = path.split_first() else { return Seen::there(0) };
                $(if names_field!($card, first, [$($tag)*]) {
                    return seen_inside!($card, self.$field, path, rest);
                })*
                Seen::ABSENT
            }
        }

        new_of!{ $name [] [] [$($field)*] $($field $card ($ty),)* }

        const _: () = assert!(
            $crate::codec::declared_in_order($facts, &[$($($crate::spec::tag::$tag,)*)*]),
            concat!(stringify!($name), " does not follow the standard's table"),
        );
    };
}

/// The [`crate::codec::Shape`] of a structure: of each field what rules ask, as far as they ask.
macro_rules! shape {
    ($facts:expr; $(($seen:expr) [$($tag:ident)*])*) => {{
        #[allow(unused_imports)]
        use $crate::codec::SelectedValue as _;
        #[allow(unused_mut)] // Nothing to note where there are no fields.
        let mut shape = $crate::codec::Shape::EMPTY;
        $($(shape.note(const { $crate::codec::Asked::about($facts, $crate::spec::tag::$tag) }, $seen);)*)*
        shape
    }};
}

/// What rules ask about a field, by cardinality.
macro_rules! seen_field {
    (req, $value:expr) => {
        $crate::codec::Seen::there($value.number())
    };
    (req_by, $value:expr) => {
        $crate::codec::Seen::there($value.number())
    };
    (opt, $value:expr) => {
        $value
            .as_ref()
            .map_or($crate::codec::Seen::ABSENT, |value| $crate::codec::Seen::there(value.number()))
    };
    (opt_by, $value:expr) => {
        seen_field!(opt, $value)
    };
    (attrs, $value:expr) => {
        $crate::codec::Seen::if_there($value.is_some())
    };
    (many, $value:expr) => {
        $crate::codec::Seen::if_there(!$value.is_empty())
    };
    (object, $value:expr) => {
        $crate::codec::Seen::there(0)
    };
}

/// As `seen_field!`, of what probing has left of the field.
macro_rules! seen_probed {
    (req, $value:expr, [$tag:ident]) => {
        $crate::codec::Seen::there($value.as_ref().map_or(0, |value| value.number()))
    };
    (opt, $value:expr, [$tag:ident]) => {
        match &$value {
            Some(Some(value)) => $crate::codec::Seen::there(value.number()),
            Some(None) => $crate::codec::Seen::ABSENT,
            None => $crate::codec::Seen::there(0),
        }
    };
    (req_by, $value:expr, [$tag:ident]) => {
        $value
    };
    (opt_by, $value:expr, [$tag:ident]) => {
        $value
    };
    ($card:ident, $value:expr, [$($tag:ident)*]) => {
        seen_field!($card, $value)
    };
}

/// Whether a path of tags leads into a field; the level of a managed object is passed over.
macro_rules! names_field {
    (object, $first:ident, []) => { *$first == $crate::spec::tag::KEY_BLOCK };
    ($card:ident, $first:ident, [$($tag:ident)*]) => { [$($crate::spec::tag::$tag),*].contains($first) };
}

/// What a rule asks about a field, or a field in it.
macro_rules! seen_inside {
    (req, $value:expr, $path:ident, $rest:ident) => {
        $value.seen($rest)
    };
    (req_by, $value:expr, $path:ident, $rest:ident) => {
        $value.seen($rest)
    };
    (opt, $value:expr, $path:ident, $rest:ident) => {
        $value.as_ref().map_or(Seen::ABSENT, |value| value.seen($rest))
    };
    (opt_by, $value:expr, $path:ident, $rest:ident) => {
        seen_inside!(opt, $value, $path, $rest)
    };
    (attrs, $value:expr, $path:ident, $rest:ident) => {
        Seen::if_there($value.is_some())
    };
    (many, $value:expr, $path:ident, $rest:ident) => {
        Seen::if_there(!$value.is_empty())
    };
    (object, $value:expr, $path:ident, $rest:ident) => {
        $value.seen($path)
    };
}

/// `new(required fields)` and, where there are none, `Default`.
macro_rules! new_of {
    ($name:ident [] [] [$($field:ident)*]) => {
        impl Default for $name<'_> {
            fn default() -> Self {
                Self { $($field: Default::default(),)* extensions: $crate::codec::Extensions::NONE }
            }
        }
    };
    ($name:ident [$($required:ident ($ty:ty))+] [$($rest:ident)*] [$($field:ident)*]) => {
        impl<'a> $name<'a> {
            /// With the fields that are always there; the others are left out.
            #[must_use]
            pub fn new($($required: $ty),+) -> Self {
                Self {
                    $($required,)+
                    $($rest: Default::default(),)*
                    extensions: $crate::codec::Extensions::NONE,
                }
            }
        }
    };
    ($name:ident [] [$($rest:ident)+] [$($field:ident)*]) => { new_of!{ $name [] [] [$($field)*] } };
    ($name:ident [$($required:tt)*] [$($rest:ident)*] $all:tt $field:ident req ($ty:ty), $($tail:tt)*) => {
        new_of!{ $name [$($required)* $field ($ty)] [$($rest)*] $all $($tail)* }
    };
    ($name:ident [$($required:tt)*] [$($rest:ident)*] $all:tt $field:ident req_by ($ty:ty), $($tail:tt)*) => {
        new_of!{ $name [$($required)* $field ($ty)] [$($rest)*] $all $($tail)* }
    };
    ($name:ident [$($required:tt)*] [$($rest:ident)*] $all:tt $field:ident object ($ty:ty), $($tail:tt)*) => {
        new_of!{ $name [$($required)* $field ($ty)] [$($rest)*] $all $($tail)* }
    };
    ($name:ident [$($required:tt)*] [$($rest:ident)*] $all:tt $field:ident $card:ident ($ty:ty), $($tail:tt)*) => {
        new_of!{ $name [$($required)*] [$($rest)* $field] $all $($tail)* }
    };
}

macro_rules! field_type {
    ($lt:lifetime req $ty:ty) => { $ty };
    ($lt:lifetime req_by $ty:ty) => { $ty };
    ($lt:lifetime object $ty:ty) => { $ty };
    ($lt:lifetime opt $ty:ty) => { Option<$ty> };
    ($lt:lifetime opt_by $ty:ty) => { Option<$ty> };
    ($lt:lifetime attrs $ty:ty) => { Option<$ty> };
    ($lt:lifetime many $ty:ty) => { $crate::codec::Many<$lt, $ty> };
}

/// A field's place in the table and its tag.
macro_rules! place {
    ($facts:expr, $tag:ident) => {
        (const { $crate::codec::presence($facts, $crate::spec::tag::$tag) }, $crate::spec::tag::$tag)
    };
}

macro_rules! take_field {
    ($fields:ident, $facts:expr, req, [$tag:ident]) => {
        $fields.required(place!($facts, $tag))
    };
    ($fields:ident, $facts:expr, opt, [$tag:ident]) => {
        $fields.optional(place!($facts, $tag))
    };
    ($fields:ident, $facts:expr, many, [$tag:ident]) => {
        $fields.many(place!($facts, $tag))
    };
    ($fields:ident, $facts:expr, req_by, [$tag:ident], $selector:ident) => {
        $fields.required_by(place!($facts, $tag), &$selector)
    };
    ($fields:ident, $facts:expr, opt_by, [$tag:ident], $selector:ident) => {
        $fields.optional_by(place!($facts, $tag), &$selector)
    };
    ($fields:ident, $facts:expr, req, [$v1:ident $v2:ident]) => {
        $fields.required_either(place!($facts, $v1), place!($facts, $v2))
    };
    ($fields:ident, $facts:expr, opt, [$v1:ident $v2:ident]) => {
        $fields.optional_either(place!($facts, $v1), place!($facts, $v2))
    };
    ($fields:ident, $facts:expr, many, [$v1:ident $v2:ident]) => {
        $fields.many_either(place!($facts, $v1), place!($facts, $v2))
    };
    ($fields:ident, $facts:expr, attrs, [$v1:ident $v2:ident]) => {
        $fields.attributes(place!($facts, $v1), place!($facts, $v2))
    };
    ($fields:ident, $facts:expr, object, []) => {
        $fields.object()
    };
}

macro_rules! probe_field {
    ($fields:ident, $facts:expr, req, ($ty:ty), [$tag:ident]) => {
        $fields.probe_required::<$ty>(place!($facts, $tag))
    };
    ($fields:ident, $facts:expr, opt, ($ty:ty), [$tag:ident]) => {
        $fields.probe_optional::<$ty>(place!($facts, $tag))
    };
    ($fields:ident, $facts:expr, many, ($ty:ty), [$tag:ident]) => {
        $fields.many::<$ty>(place!($facts, $tag))
    };
    ($fields:ident, $facts:expr, req_by, ($ty:ty), [$tag:ident], $selector:ident) => {
        $fields.probe_required_by::<$ty, _>(place!($facts, $tag), $selector)
    };
    ($fields:ident, $facts:expr, opt_by, ($ty:ty), [$tag:ident], $selector:ident) => {
        $fields.probe_optional_by::<$ty, _>(place!($facts, $tag), $selector)
    };
    ($fields:ident, $facts:expr, req, ($ty:ty), [$v1:ident $v2:ident]) => {
        $fields.required_either::<$ty>(place!($facts, $v1), place!($facts, $v2))
    };
    ($fields:ident, $facts:expr, opt, ($ty:ty), [$v1:ident $v2:ident]) => {
        $fields.optional_either::<$ty>(place!($facts, $v1), place!($facts, $v2))
    };
    ($fields:ident, $facts:expr, many, ($ty:ty), [$v1:ident $v2:ident]) => {
        $fields.many_either::<$ty>(place!($facts, $v1), place!($facts, $v2))
    };
    ($fields:ident, $facts:expr, attrs, ($ty:ty), [$v1:ident $v2:ident]) => {
        $fields.attributes(place!($facts, $v1), place!($facts, $v2))
    };
    ($fields:ident, $facts:expr, object, ($ty:ty), []) => {
        $fields.probe_object()
    };
}

macro_rules! put_field {
    ($e:ident, $self:ident, $field:ident, $facts:expr, req, [$tag:ident]) => {
        $e.required(place!($facts, $tag), &$self.$field)
    };
    ($e:ident, $self:ident, $field:ident, $facts:expr, opt, [$tag:ident]) => {
        $e.optional(place!($facts, $tag), $self.$field.as_ref())
    };
    ($e:ident, $self:ident, $field:ident, $facts:expr, many, [$tag:ident]) => {
        $e.many(place!($facts, $tag), &$self.$field)
    };
    ($e:ident, $self:ident, $field:ident, $facts:expr, req_by, [$tag:ident], $by:ident) => {
        $e.required_by(place!($facts, $tag), &$self.$field, &$self.$by)
    };
    ($e:ident, $self:ident, $field:ident, $facts:expr, opt_by, [$tag:ident], $by:ident) => {
        $e.optional_by(place!($facts, $tag), $self.$field.as_ref(), &$self.$by)
    };
    ($e:ident, $self:ident, $field:ident, $facts:expr, req, [$v1:ident $v2:ident]) => {{
        let place = $e.by_version(place!($facts, $v1), place!($facts, $v2));
        $e.required(place, &$self.$field)
    }};
    ($e:ident, $self:ident, $field:ident, $facts:expr, opt, [$v1:ident $v2:ident]) => {{
        let place = $e.by_version(place!($facts, $v1), place!($facts, $v2));
        $e.optional(place, $self.$field.as_ref())
    }};
    ($e:ident, $self:ident, $field:ident, $facts:expr, many, [$v1:ident $v2:ident]) => {{
        let place = $e.by_version(place!($facts, $v1), place!($facts, $v2));
        $e.many(place, &$self.$field)
    }};
    ($e:ident, $self:ident, $field:ident, $facts:expr, attrs, [$v1:ident $v2:ident]) => {
        $e.attributes(place!($facts, $v1), place!($facts, $v2), $self.$field.as_ref())
    };
    ($e:ident, $self:ident, $field:ident, $facts:expr, object, []) => {
        $self.$field.encode_as_itself($e)
    };
}
