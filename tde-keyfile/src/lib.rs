#![no_std]
#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

#[cfg(any(feature = "alloc", test))]
extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

#[cfg(feature = "std")]
pub mod cluster;
#[cfg(feature = "std")]
mod file;
pub mod format;
#[cfg(feature = "std")]
mod index;
mod name;
mod oid;
pub mod postgres;
#[cfg(feature = "std")]
pub mod provider;

#[cfg(feature = "std")]
pub use file::{FileError, FileErrorKind};
#[cfg(feature = "std")]
pub use index::{Duplicate, EntryCounts, RelationKeyIndex};
pub use name::{Name, NameError, PrincipalKeyName, ProviderName};
pub use oid::{Oid, RelationLocator, RelationNumber};
