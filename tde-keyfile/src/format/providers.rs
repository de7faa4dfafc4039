//! `<oid>_providers`: an array of records of 1160 bytes, one for each key provider.
//!
//! Source: `pg_tde` 1.0 to 2.2, `KeyringProviderRecord`. There is no header, and nothing in this file is
//! authenticated.
//!
//! | offset | size | field |
//! |---|---|---|
//! | 0 | 4 | provider id, negative in `1664_providers` |
//! | 4 | 128 | name, NUL-terminated |
//! | 132 | 1024 | options, JSON text, NUL-terminated |
//! | 1156 | 4 | type: 0 deleted, 1 file, 2 vault-v2, 3 kmip |
//!
//! A deleted record is zero but for its id, so that the id is never given out again.

use core::fmt;

use zerocopy::little_endian::{I32, U32};
use zerocopy::{FromBytes, FromZeros as _, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::encode::{EncodeError, put_text};
use super::error::{FileKind, FormatError, FormatErrorKind};
use super::header::ProviderId;
use super::{TornTail, whole_records};
use crate::name::ProviderName;

/// How long a record is, in bytes.
pub const RECORD_SIZE: usize = size_of::<RecordLayout>();

/// What kind of key store a provider is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProviderKind {
    /// `file`: a keyring file with the keys in clear.
    File,
    /// `vault-v2`: the key-value store, version 2, of Vault or OpenBao.
    VaultV2,
    /// `kmip`: a KMIP server.
    Kmip,
}

impl fmt::Display for ProviderKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "file",
            Self::VaultV2 => "vault-v2",
            Self::Kmip => "kmip",
        })
    }
}

/// A providers file.
#[derive(Debug, Clone, Copy)]
pub struct ProviderRecords<'a> {
    records: &'a [RecordLayout],
    torn_tail: Option<TornTail>,
}

impl<'a> ProviderRecords<'a> {
    /// Reads a providers file of any length. A file that does not end with a whole record is damaged,
    /// see [`check_whole`](Self::check_whole); the records before can be read all the same.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Self {
        let (records, torn_tail) = whole_records(bytes, 0);
        Self { records, torn_tail }
    }

    /// All whole records in the order of the file, deleted ones included.
    pub fn records(&self) -> impl ExactSizeIterator<Item = ProviderRecord<'a>> + use<'a> {
        self.records.iter().enumerate().map(|(index, layout)| ProviderRecord { index, layout })
    }

    /// The first record with this id that is not deleted.
    ///
    /// # Errors
    /// [`FormatErrorKind::TornRecord`] if there is none and the file ends inside a record, where the
    /// server's search stops with an error.
    pub fn find(&self, id: ProviderId) -> Result<Option<ProviderRecord<'a>>, FormatError> {
        match self.records().find(|record| record.id() == id && !record.is_deleted()) {
            Some(record) => Ok(Some(record)),
            None => self.check_whole().map(|()| None),
        }
    }

    /// Bytes behind the last whole record.
    #[must_use]
    pub const fn torn_tail(&self) -> Option<TornTail> {
        self.torn_tail
    }

    /// Whether the file ends with a whole record; the server refuses one that does not.
    ///
    /// # Errors
    /// [`FormatErrorKind::TornRecord`].
    pub const fn check_whole(&self) -> Result<(), FormatError> {
        match self.torn_tail {
            None => Ok(()),
            Some(TornTail { offset, length }) => Err(FormatError::new(
                FileKind::Providers,
                offset,
                "record",
                FormatErrorKind::TornRecord { length },
            )),
        }
    }
}

/// One record of a providers file.
#[derive(Debug, Clone, Copy)]
pub struct ProviderRecord<'a> {
    index: usize,
    layout: &'a RecordLayout,
}

impl<'a> ProviderRecord<'a> {
    /// Where the record begins, in bytes from the start of the file.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.index as u64 * RECORD_SIZE as u64
    }

    /// The provider's id.
    #[must_use]
    pub const fn id(&self) -> ProviderId {
        ProviderId::new(self.layout.id.get())
    }

    /// The record as it stands in the file.
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.layout.as_bytes()
    }

    /// Whether the provider was deleted, so that only its id is left.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.layout.kind.get() == 0
    }

    /// The kind of key store; `None` for a deleted provider.
    ///
    /// # Errors
    /// [`FormatErrorKind::UnknownProviderType`].
    pub fn kind(&self) -> Result<Option<ProviderKind>, FormatError> {
        match self.layout.kind.get() {
            0 => Ok(None),
            1 => Ok(Some(ProviderKind::File)),
            2 => Ok(Some(ProviderKind::VaultV2)),
            3 => Ok(Some(ProviderKind::Kmip)),
            found => Err(self.error(1156, "provider type", FormatErrorKind::UnknownProviderType { found })),
        }
    }

    /// The provider's name.
    ///
    /// # Errors
    /// [`FormatErrorKind::Name`] if it is empty (as that of a deleted provider) or does not end.
    pub fn name(&self) -> Result<ProviderName, FormatError> {
        ProviderName::from_field(&self.layout.name)
            .map_err(|error| self.error(4, "provider name", FormatErrorKind::Name(error)))
    }

    /// The provider's options as they were given, JSON text.
    ///
    /// # Errors
    /// [`FormatErrorKind::Text`] if they do not end with a NUL or are not UTF-8.
    pub fn options(&self) -> Result<&'a str, FormatError> {
        let field = &self.layout.options;
        let end = field.iter().position(|&byte| byte == 0);
        end.and_then(|end| core::str::from_utf8(field.get(..end)?).ok())
            .ok_or_else(|| self.error(132, "provider options", FormatErrorKind::Text))
    }

    fn error(&self, offset: u64, field: &'static str, kind: FormatErrorKind) -> FormatError {
        FormatError::new(FileKind::Providers, self.offset() + offset, field, kind)
    }
}

/// The bytes of a record. `options` is the JSON text as it is to stand there; it is not looked at here.
///
/// # Errors
/// [`EncodeError::Text`] for options of more than 1023 bytes or with a NUL, and for a name of 127 bytes, which
/// the field would hold but `pg_tde` does not accept.
pub fn encode_record(
    id: ProviderId,
    name: &ProviderName,
    kind: ProviderKind,
    options: &str,
) -> Result<[u8; RECORD_SIZE], EncodeError> {
    let mut layout = RecordLayout::new_zeroed();
    layout.id.set(id.get());
    put_text(&mut layout.name, name.as_bytes(), "provider name", 126)?;
    put_text(&mut layout.options, options.as_bytes(), "provider options", 1023)?;
    layout.kind.set(match kind {
        ProviderKind::File => 1,
        ProviderKind::VaultV2 => 2,
        ProviderKind::Kmip => 3,
    });
    Ok(zerocopy::transmute!(layout))
}

/// The bytes of a deleted record: zeros but for the id.
#[must_use]
pub fn encode_deleted(id: ProviderId) -> [u8; RECORD_SIZE] {
    let mut layout = RecordLayout::new_zeroed();
    layout.id.set(id.get());
    zerocopy::transmute!(layout)
}

/// `KeyringProviderRecord`.
#[derive(Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct RecordLayout {
    id: I32,
    name: [u8; 128],
    options: [u8; 1024],
    kind: U32,
}

const _: () = {
    use core::mem::offset_of;
    assert!(size_of::<RecordLayout>() == 1160);
    assert!(offset_of!(RecordLayout, name) == 4);
    assert!(offset_of!(RecordLayout, options) == 132);
    assert!(offset_of!(RecordLayout, kind) == 1156);
};
