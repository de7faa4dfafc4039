#![no_std]
#![warn(clippy::alloc_instead_of_core, clippy::std_instead_of_alloc, clippy::std_instead_of_core)]
#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod oid;
pub mod postgres;
#[cfg(all(feature = "write", unix))]
pub mod storage;

pub use oid::{Oid, RelationLocator, RelationNumber};
