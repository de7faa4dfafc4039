//! The file provider's keyring: an array of records of 292 bytes, one for each principal key, **in clear**.
//!
//! Source: `pg_tde` 1.0 to 2.2, `KeyInfo` of `keyring_file.c`. There is no header. Whoever reads this file
//! can decrypt the database; wipe the bytes when they are no longer needed.
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 256 | name, NUL-terminated |
//! | 256 | 32 | key; the second half is zero for 16 bytes |
//! | 288 | 4 | length of the key in bytes, 16 or 32 |

use core::fmt;

use tde_core::PrincipalKey;
use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use super::error::{FileKind, FormatError, FormatErrorKind};
use super::{TornTail, whole_records};
use crate::name::PrincipalKeyName;

/// How long a record is, in bytes.
pub const RECORD_SIZE: usize = size_of::<RecordLayout>();

/// A keyring file.
#[derive(Clone, Copy)]
pub struct KeyringRecords<'a> {
    records: &'a [RecordLayout],
    torn_tail: Option<TornTail>,
}

impl<'a> KeyringRecords<'a> {
    /// Reads a keyring of any length; an empty one has no keys. One that does not end with a whole
    /// record is damaged, see [`torn_tail`](Self::torn_tail).
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Self {
        let (records, torn_tail) = whole_records(bytes, 0);
        Self { records, torn_tail }
    }

    /// All whole records in the order of the file.
    pub fn records(&self) -> impl ExactSizeIterator<Item = KeyringRecord<'a>> + use<'a> {
        self.records.iter().enumerate().map(|(index, layout)| KeyringRecord { index, layout })
    }

    /// The first record whose name matches without regard to ASCII case, as the server searches.
    ///
    /// # Errors
    /// [`FormatErrorKind::TornRecord`] if there is none and the file ends inside a record, where the
    /// server's search stops with an error.
    pub fn find(&self, name: &PrincipalKeyName) -> Result<Option<KeyringRecord<'a>>, FormatError> {
        let named = |record: &KeyringRecord<'_>| record.name().is_ok_and(|found| found.matches(name));
        match self.records().find(named) {
            Some(record) => Ok(Some(record)),
            None => self.check_whole().map(|()| None),
        }
    }

    /// That the file ends with a whole record.
    ///
    /// # Errors
    /// [`FormatErrorKind::TornRecord`].
    pub const fn check_whole(&self) -> Result<(), FormatError> {
        match self.torn_tail {
            None => Ok(()),
            Some(TornTail { offset, length }) => {
                let kind = FormatErrorKind::TornRecord { length };
                Err(FormatError::new(FileKind::Keyring, offset, "record", kind))
            }
        }
    }

    /// Bytes behind the last whole record.
    #[must_use]
    pub const fn torn_tail(&self) -> Option<TornTail> {
        self.torn_tail
    }
}

impl fmt::Debug for KeyringRecords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.records()).finish()
    }
}

/// One record of a keyring: a name and a principal key.
#[derive(Clone, Copy)]
pub struct KeyringRecord<'a> {
    index: usize,
    layout: &'a RecordLayout,
}

impl KeyringRecord<'_> {
    /// Where the record begins, in bytes from the start of the file.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.index as u64 * RECORD_SIZE as u64
    }

    /// The key's name.
    ///
    /// # Errors
    /// [`FormatErrorKind::Name`] if it is empty or does not end.
    pub fn name(&self) -> Result<PrincipalKeyName, FormatError> {
        PrincipalKeyName::from_field(&self.layout.name)
            .map_err(|error| self.error(0, "key name", FormatErrorKind::Name(error)))
    }

    /// The principal key.
    ///
    /// # Errors
    /// [`FormatErrorKind::KeyLength`].
    pub fn key(&self) -> Result<PrincipalKey, FormatError> {
        let found = self.layout.length.get();
        let error = || self.error(288, "key length", FormatErrorKind::KeyLength { found });
        let length = usize::try_from(found).map_err(|_| error())?;
        let bytes = self.layout.key.get(..length).ok_or_else(error)?;
        PrincipalKey::from_slice(bytes).map_err(|_| error())
    }

    fn error(&self, offset: u64, field: &'static str, kind: FormatErrorKind) -> FormatError {
        FormatError::new(FileKind::Keyring, self.offset() + offset, field, kind)
    }
}

impl fmt::Debug for KeyringRecord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyringRecord")
            .field("offset", &self.offset())
            .field("name", &self.name())
            .finish_non_exhaustive()
    }
}

/// The bytes of a record, to be appended to a keyring. They hold the key **in clear**: wipe them.
#[must_use]
pub fn encode_record(name: &PrincipalKeyName, key: &PrincipalKey) -> [u8; RECORD_SIZE] {
    let mut record = [0; RECORD_SIZE];
    let (name_field, rest) = record.split_at_mut(256);
    let (key_field, length_field) = rest.split_at_mut(32);
    let key = key.expose_bytes();
    let fields = [
        (name_field, name.as_bytes()),
        (key_field, key),
        (length_field, &[u8::try_from(key.len()).unwrap_or(0)][..]),
    ];
    for (field, value) in fields {
        // Names and keys are shorter than their fields by construction; the rest stays zero.
        for (byte, value) in field.iter_mut().zip(value) {
            *byte = *value;
        }
    }
    record
}

/// `KeyInfo`. No `Debug`: it holds a key in clear.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct RecordLayout {
    name: [u8; 256],
    key: [u8; 32],
    length: U32,
}

const _: () = {
    use core::mem::offset_of;
    assert!(size_of::<RecordLayout>() == 292);
    assert!(offset_of!(RecordLayout, key) == 256);
    assert!(offset_of!(RecordLayout, length) == 288);
};
