//! `provider_config`: the key providers of a database or of the server.

use alloc::vec::Vec;

use sha2::{Digest as _, Sha256};
use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::VERSION;
use super::layout::{CHECKSUM_SIZE, check_frame};
use crate::format::providers::{ProviderRecords, RECORD_SIZE};
use crate::format::{EncodeError, FileKind, FormatError, FormatErrorKind};
use crate::oid::Oid;

const MAGIC: &[u8; 8] = b"TDEPROVC";
const FILE: FileKind = FileKind::ProviderConfig;

#[derive(Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct HeaderLayout {
    magic: [u8; 8],
    version: U32,
    scope: U32,
    records: U32,
    reserved: U32,
}

const HEADER_SIZE: usize = size_of::<HeaderLayout>();
const _: () = assert!(HEADER_SIZE == 24);

/// The providers of a scope, in records as `pg_tde` has them ([`providers`](crate::format::providers)). Nothing in
/// this file is authenticated, as it is what leads to the keys; key files bind number and name of their provider.
#[derive(Debug, Clone, Copy)]
pub struct ProviderConfig<'a> {
    scope: Oid,
    records: &'a [u8],
}

impl<'a> ProviderConfig<'a> {
    /// Reads a whole file.
    ///
    /// # Errors
    /// [`FormatErrorKind::UnknownMagic`], [`FormatErrorKind::TooShort`], [`FormatErrorKind::Checksum`],
    /// [`FormatErrorKind::UnsupportedVersion`], [`FormatErrorKind::Length`], [`FormatErrorKind::Value`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FormatError> {
        let min_size = HEADER_SIZE + CHECKSUM_SIZE;
        let body = check_frame(FILE, MAGIC, min_size, bytes)?;
        let error = |offset, field, kind| super::error(FILE, offset, field, kind);
        let short = FormatErrorKind::TooShort { actual: bytes.len() as u64, expected: min_size as u64 };
        let (header, records) = HeaderLayout::ref_from_prefix(body).map_err(|_| error(0, "file", short))?;
        if header.reserved.get() != 0 {
            let found = header.reserved.get();
            return Err(error(20, "reserved bytes", FormatErrorKind::Value { found }));
        }
        let expected = u64::from(header.records.get()) * RECORD_SIZE as u64;
        if records.len() as u64 != expected {
            let (actual, frame) = (bytes.len() as u64, min_size as u64);
            return Err(error(
                16,
                "number of records",
                FormatErrorKind::Length { actual, expected: frame + expected },
            ));
        }
        Ok(Self { scope: Oid::new(header.scope.get()), records })
    }

    /// The database, or 1664 for the global providers.
    #[must_use]
    pub const fn scope(&self) -> Oid {
        self.scope
    }

    /// The records, as a providers file of `pg_tde` has them.
    #[must_use]
    pub const fn record_bytes(&self) -> &'a [u8] {
        self.records
    }

    /// The records.
    #[must_use]
    pub fn records(&self) -> ProviderRecords<'a> {
        ProviderRecords::parse(self.records)
    }

    /// Checks that the file lies where it belongs.
    ///
    /// # Errors
    /// [`FormatErrorKind::Place`].
    pub fn check_place(&self, expected: Oid) -> Result<(), FormatError> {
        let (found, expected) = (self.scope.get(), expected.get());
        match found == expected {
            true => Ok(()),
            false => Err(super::error(FILE, 12, "database", FormatErrorKind::Place { found, expected })),
        }
    }

    /// The bytes of a file with these records, as a providers file of `pg_tde` has them.
    ///
    /// # Errors
    /// [`EncodeError::Entries`] unless they are whole records.
    pub fn encode(scope: Oid, records: &[u8]) -> Result<Vec<u8>, EncodeError> {
        let count = u32::try_from(records.len() / RECORD_SIZE).ok();
        let Some(count) = count.filter(|_| records.len().is_multiple_of(RECORD_SIZE)) else {
            return Err(EncodeError::Entries { reason: "of providers must be whole records" });
        };
        let header = HeaderLayout {
            magic: *MAGIC,
            version: U32::new(VERSION),
            scope: U32::new(scope.get()),
            records: U32::new(count),
            reserved: U32::new(0),
        };
        let mut out = [header.as_bytes(), records].concat();
        let checksum = Sha256::digest(&out);
        out.extend_from_slice(&checksum);
        Ok(out)
    }
}
