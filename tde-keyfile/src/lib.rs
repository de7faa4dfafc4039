#![no_std]
#![warn(clippy::alloc_instead_of_core, clippy::std_instead_of_alloc, clippy::std_instead_of_core)]
#![forbid(unsafe_code)]
// Its examples need std.
#![cfg_attr(feature = "std", doc = include_str!("../README.md"))]
#![cfg_attr(not(feature = "std"), doc = "Reads the key files of PostgreSQL's `pg_tde`, as views over bytes.")]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(any(feature = "alloc", test))]
extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

#[cfg(feature = "std")]
pub mod cluster;
#[cfg(all(feature = "write", unix))]
pub mod doctor;
#[cfg(all(feature = "write", unix))]
pub mod edit;
#[cfg(feature = "std")]
mod file;
pub mod format;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(feature = "std")]
mod index;
#[cfg(all(feature = "passphrase", unix))]
pub mod master_key;
mod name;
mod oid;
#[cfg(feature = "rayon")]
pub mod positional;
pub mod postgres;
#[cfg(feature = "std")]
pub mod provider;
#[cfg(feature = "std")]
pub mod relation_file;
#[cfg(all(feature = "write", unix))]
pub mod storage;
#[cfg(all(feature = "write", unix))]
pub mod store;
#[cfg(feature = "rayon")]
mod threads;
#[cfg(feature = "std")]
pub mod verify;
#[cfg(feature = "std")]
pub mod wal_file;

#[cfg(feature = "std")]
pub use file::{FileError, FileErrorKind};
#[cfg(feature = "std")]
pub use index::{Duplicate, EntryCounts, RelationKeyIndex};
pub use name::{Name, NameError, PrincipalKeyName, ProviderName};
pub use oid::{Oid, RelationLocator, RelationNumber};
