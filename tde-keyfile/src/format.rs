//! The files under `pg_tde/` and the file provider's keyring, as views that borrow from their bytes.
//!
//! Nothing here allocates, touches a file, or knows where a principal key comes from. Every parser
//! takes any bytes and answers with a view or a [`FormatError`] that names file kind, offset and field.
//! Beside each stands what writes the same layout: one header, entry or record at a time, into an array.
//! Bytes without a meaning are written as zeros; those that were read are handed back as they stood.
//!
//! | file | module | written by `pg_tde` |
//! |---|---|---|
//! | `<oid>_keys` | [`relation_keys`] | 1.0 to 2.1 (version 3), 2.2 (version 4) |
//! | `wal_keys` | [`wal_keys`] | 2.0 and 2.1 (version 1), 2.2 (version 2) |
//! | `<oid>_providers` | [`providers`] | 1.0 to 2.2 |
//! | `keys_version` | [`keys_version`] | 2.2 |
//! | the file provider's keyring | [`keyring`] | 1.0 to 2.2 |
//!
//! Beside them stands our own layout with a file for each relation, `one_file` (feature `write`).
//!
//! All numbers are little-endian: `pg_tde` writes the byte order of its host, and every layout here is
//! that of 64-bit little-endian Linux.
//!
//! What a file says is a claim until it is verified: [`header::UnverifiedHeader`] shows the principal
//! key's name and provider so that the key can be fetched, [`header::VerifiedHeader`] comes only out of
//! checking the signature with that key, and an internal key only out of unwrapping an entry.

use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

mod encode;
mod error;
pub mod header;
pub mod keyring;
pub mod keys_version;
pub mod names;
#[cfg(all(feature = "write", unix))]
pub mod one_file;
#[cfg(feature = "alloc")]
pub mod provider_options;
pub mod providers;
pub mod relation_keys;
pub mod wal_keys;

pub use encode::{EncodeError, EntryBytes};
pub use error::{FileKind, FormatError, FormatErrorKind};

/// The bytes after the last whole record of a file, left by a write that did not finish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)]
pub struct TornTail {
    /// Where the fragment begins, in bytes from the start of the file.
    pub offset: u64,
    /// How long it is, in bytes; always less than a record.
    pub length: u64,
}

/// Splits `bytes` into whole records of layout `T`, and tells what is left at the end.
///
/// `start` is the offset of `bytes` in the file.
fn whole_records<T>(bytes: &[u8], start: usize) -> (&[T], Option<TornTail>)
where
    T: FromBytes + KnownLayout + Immutable + Unaligned,
{
    let count = bytes.len() / size_of::<T>();
    // The prefix exists and nothing needs alignment, so the fallback is never taken.
    let (records, rest) =
        <[T]>::ref_from_prefix_with_elems(bytes, count).unwrap_or((Default::default(), bytes));
    let tail = (!rest.is_empty())
        .then(|| TornTail { offset: (start + bytes.len() - rest.len()) as u64, length: rest.len() as u64 });
    (records, tail)
}
