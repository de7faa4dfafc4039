#![no_std]
#![warn(clippy::alloc_instead_of_core, clippy::std_instead_of_alloc, clippy::std_instead_of_core)]
#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[macro_use]
mod codec;

pub mod attribute;
#[cfg(feature = "json")]
pub mod json;
pub mod message;
pub mod object;
pub mod operation;
pub mod pretty;
pub mod spec;
pub mod state;
mod text;
pub mod ttlv;
#[cfg(feature = "xml")]
pub mod xml;

pub use self::codec::{
    AnyStructure, AnyValue, DateTime, DateTimeExtended, Extensions, FieldValue, Interval, Many, ManyIter,
    Nested, Secret, SecretText, Structure,
};
