//! From items to typed structures and back: what every declared structure is made with.

#[macro_use]
mod declare;
mod any;
mod decoder;
mod encoder;
mod extensions;
mod fields;
mod found;
mod many;
mod nested;
mod rules;
mod scalar;
mod secret;
mod structure;

pub use self::{
    any::{AnyStructure, AnyValue},
    extensions::Extensions,
    many::{Many, ManyIter},
    nested::Nested,
    scalar::{DateTime, DateTimeExtended, Interval},
    secret::{Secret, SecretText},
    structure::{FieldValue, Structure},
};
pub(crate) use self::{
    decoder::{Context, Decoder, Failed, nearest},
    encoder::Encoder,
    fields::{Fields, Place, Presence},
    found::Found,
    rules::{Asked, Quick, Seen, Shape, has_rules},
    structure::{SelectedValue, declared_in_order, presence},
};
