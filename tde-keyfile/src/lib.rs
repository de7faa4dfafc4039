#![no_std]
#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod oid;
pub mod postgres;

pub use oid::{Oid, RelationLocator, RelationNumber};
