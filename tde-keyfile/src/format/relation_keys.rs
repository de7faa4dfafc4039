//! `<oid>_keys`: a header, then one entry of 96 bytes for each relation key, in no order.
//!
//! Source: `pg_tde` 1.0 to 2.2, `TDEMapEntry`, `pg_tde_find_map_entry`. There is no count, no checksum
//! and no trailer. The file of the default key (`1663_keys`) has a header only.
//!
//! An empty file is normal and means the same as none: no principal key, no relation keys.

mod v3;
mod v4;

use tde_core::{BaseIv, Cipher, InternalKey, WrapKey};

use super::encode::EncodeError;
use super::error::{FileKind, FormatError, FormatErrorKind};
use super::header::{HEADER_SIZE, Magic, UnverifiedHeader};
use super::{TornTail, whole_records};
use crate::oid::{Oid, RelationNumber};

/// How long an entry is in all versions, in bytes.
pub const ENTRY_SIZE: usize = 96;

/// The version of a relation key file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Version {
    /// `pg_tde` 1.0 to 2.1: AES-128 only.
    V3,
    /// `pg_tde` 2.2.
    V4,
}

impl Version {
    /// The magic number of files of this version.
    #[must_use]
    pub const fn magic(self) -> Magic {
        match self {
            Self::V3 => Magic::RelationKeys3,
            Self::V4 => Magic::RelationKeys4,
        }
    }
}

/// The bytes of a free slot.
pub const EMPTY_ENTRY: [u8; ENTRY_SIZE] = [0; ENTRY_SIZE];

/// The bytes of an entry with a relation's key, wrapped under the principal key.
///
/// Draw `iv` anew for every wrap: two wraps with one vector give the keys away.
///
/// # Errors
/// [`EncodeError::Cipher`] for a key that is not one of AES-128 in version 3.
pub fn seal_entry(
    version: Version,
    tablespace: Oid,
    relation: RelationNumber,
    key: &InternalKey,
    wrap_key: &WrapKey,
    iv: &[u8; 16],
) -> Result<[u8; ENTRY_SIZE], EncodeError> {
    match version {
        Version::V3 => v3::seal(tablespace, relation, key, wrap_key, iv),
        Version::V4 => v4::seal(tablespace, relation, key, wrap_key, iv),
    }
}

/// A relation key file that has a header.
#[derive(Debug, Clone, Copy)]
pub struct RelationKeys<'a> {
    header: UnverifiedHeader<'a>,
    entries: Entries<'a>,
    torn_tail: Option<TornTail>,
}

#[derive(Debug, Clone, Copy)]
enum Entries<'a> {
    V3(&'a [v3::EntryLayout]),
    V4(&'a [v4::EntryLayout]),
}

impl<'a> RelationKeys<'a> {
    /// Reads a relation key file; `None` if it is empty.
    ///
    /// ```
    /// use tde_keyfile::format::relation_keys::RelationKeys;
    ///
    /// assert!(RelationKeys::parse(b"").unwrap().is_none());
    /// let error = RelationKeys::parse(b"TDE\x04").unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "relation key file, offset 0, header: 4 bytes, at least 320 expected",
    /// );
    /// ```
    ///
    /// # Errors
    /// Those of the header: 1 to 319 bytes, a magic number of another kind or version, a name that is
    /// empty or does not end. Entries are read one by one, see [`entry`](Self::entry).
    pub fn parse(bytes: &'a [u8]) -> Result<Option<Self>, FormatError> {
        if bytes.is_empty() {
            return Ok(None);
        }
        let (header, rest) = UnverifiedHeader::parse(bytes, FileKind::RelationKeys)?;
        let (entries, torn_tail) = if header.magic() == Magic::RelationKeys3 {
            let (entries, torn_tail) = whole_records(rest, HEADER_SIZE);
            (Entries::V3(entries), torn_tail)
        } else {
            let (entries, torn_tail) = whole_records(rest, HEADER_SIZE);
            (Entries::V4(entries), torn_tail)
        };
        Ok(Some(Self { header, entries, torn_tail }))
    }

    /// The header, to be verified.
    #[must_use]
    pub const fn header(&self) -> &UnverifiedHeader<'a> {
        &self.header
    }

    /// The version of the file.
    #[must_use]
    pub const fn version(&self) -> Version {
        match self.entries {
            Entries::V3(_) => Version::V3,
            Entries::V4(_) => Version::V4,
        }
    }

    /// How many whole entries there are, EMPTY ones included.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self.entries {
            Entries::V3(entries) => entries.len(),
            Entries::V4(entries) => entries.len(),
        }
    }

    /// Whether there is no entry at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes behind the last whole entry. The server takes them for the end of the file and writes
    /// over them.
    #[must_use]
    pub const fn torn_tail(&self) -> Option<TornTail> {
        self.torn_tail
    }

    /// The entry at this place, counted from 0; `None` behind the last.
    #[must_use]
    pub fn entry(&self, index: usize) -> Option<RelationEntry<'a>> {
        let fields = match self.entries {
            Entries::V3(entries) => entries.get(index)?.fields(),
            Entries::V4(entries) => entries.get(index)?.fields(),
        };
        Some(RelationEntry { index, fields })
    }

    /// All entries in the order of the file.
    pub fn entries(&self) -> impl Iterator<Item = RelationEntry<'a>> + use<'a> {
        let keys = *self;
        (0..keys.len()).map_while(move |index| keys.entry(index))
    }

    /// The key entry of a relation: the first KEY entry with this tablespace and relation number, as
    /// the server finds it. `None` means that `pg_tde` takes the relation for plaintext.
    ///
    /// This walks the file; for many look-ups build a `RelationKeyIndex`.
    ///
    /// # Errors
    /// [`FormatErrorKind::UnknownEntryType`] or [`FormatErrorKind::UnknownCipher`] if the first entry
    /// of this relation that is not EMPTY cannot be read.
    pub fn find(
        &self,
        tablespace: Oid,
        relation: RelationNumber,
    ) -> Result<Option<RelationKeyEntry<'a>>, FormatError> {
        for entry in self.entries() {
            if entry.tablespace() == tablespace
                && entry.relation() == relation
                && let EntryState::Key(key) = entry.state()?
            {
                return Ok(Some(key));
            }
        }
        Ok(None)
    }
}

/// The fields of an entry, wherever its version keeps them.
#[derive(Debug, Clone, Copy)]
struct Fields<'a> {
    entry_type: (u32, u64),
    cipher: (u32, u64),
    tablespace: u32,
    relation: u32,
    /// The bytes as they stand in the file, undefined ones included.
    associated_data: &'a [u8],
    base_iv: [u8; 16],
    iv: &'a [u8; 16],
    tag: &'a [u8; 16],
    tag_offset: u64,
    wrapped_key: &'a [u8],
    /// All of the entry.
    bytes: &'a [u8],
}

/// One entry, of whatever type.
#[derive(Debug, Clone, Copy)]
pub struct RelationEntry<'a> {
    index: usize,
    fields: Fields<'a>,
}

/// What an entry is.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::exhaustive_enums)]
pub enum EntryState<'a> {
    /// A free slot. The server writes zeros; `zero` tells whether these are.
    Empty {
        /// Whether all 96 bytes are zero.
        zero: bool,
    },
    /// A relation's key.
    Key(RelationKeyEntry<'a>),
}

impl<'a> RelationEntry<'a> {
    /// The entry as it stands in the file, undefined bytes included.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.fields.bytes
    }

    /// The place of the entry, counted from 0.
    #[must_use]
    pub const fn index(&self) -> usize {
        self.index
    }

    /// Where the entry begins, in bytes from the start of the file.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        HEADER_SIZE as u64 + self.index as u64 * ENTRY_SIZE as u64
    }

    /// The tablespace that the entry names; 0 in an EMPTY one.
    #[must_use]
    pub const fn tablespace(&self) -> Oid {
        Oid::new(self.fields.tablespace)
    }

    /// The relation that the entry names; 0 in an EMPTY one.
    #[must_use]
    pub const fn relation(&self) -> RelationNumber {
        RelationNumber::new(self.fields.relation)
    }

    /// Whether the entry is EMPTY or a key.
    ///
    /// # Errors
    /// [`FormatErrorKind::UnknownEntryType`] or [`FormatErrorKind::UnknownCipher`]: the relation may
    /// well be encrypted, so this must not be taken for "no key".
    pub fn state(&self) -> Result<EntryState<'a>, FormatError> {
        match self.fields.entry_type {
            (0, _) => Ok(EntryState::Empty { zero: self.as_bytes().iter().all(|&byte| byte == 0) }),
            (1, _) => {
                let (id, offset) = self.fields.cipher;
                let cipher = Cipher::from_id(id).map_err(|_| {
                    self.error(offset, "cipher", FormatErrorKind::UnknownCipher { found: id })
                })?;
                Ok(EntryState::Key(RelationKeyEntry { entry: *self, cipher }))
            }
            (found, offset) => {
                Err(self.error(offset, "entry type", FormatErrorKind::UnknownEntryType { found }))
            }
        }
    }

    fn error(&self, offset: u64, field: &'static str, kind: FormatErrorKind) -> FormatError {
        FormatError::new(FileKind::RelationKeys, self.offset() + offset, field, kind)
    }
}

/// An entry that holds the wrapped key of a relation.
#[derive(Debug, Clone, Copy)]
pub struct RelationKeyEntry<'a> {
    entry: RelationEntry<'a>,
    cipher: Cipher,
}

impl RelationKeyEntry<'_> {
    /// The place of the entry, counted from 0.
    #[must_use]
    pub const fn index(&self) -> usize {
        self.entry.index
    }

    /// Where the entry begins, in bytes from the start of the file.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.entry.offset()
    }

    /// The relation's tablespace, never 0 in what the server writes.
    #[must_use]
    pub const fn tablespace(&self) -> Oid {
        self.entry.tablespace()
    }

    /// The relation's number.
    #[must_use]
    pub const fn relation(&self) -> RelationNumber {
        self.entry.relation()
    }

    /// The cipher of the relation's pages; version 3 has no other than AES-128.
    #[must_use]
    pub const fn cipher(&self) -> Cipher {
        self.cipher
    }

    /// The base IV, which stands in clear and which **no tag covers**: a change to it goes unnoticed
    /// until pages are decrypted.
    #[must_use]
    pub const fn base_iv(&self) -> BaseIv {
        BaseIv::new(self.entry.fields.base_iv)
    }

    /// Unwraps the relation's internal key.
    ///
    /// # Errors
    /// [`FormatErrorKind::Authentication`]: the principal key is another one, or the entry was changed
    /// or half written.
    pub fn unwrap_key(&self, key: &WrapKey) -> Result<InternalKey, FormatError> {
        let Fields { associated_data, iv, tag, tag_offset, wrapped_key, .. } = self.entry.fields;
        let wrapped = wrapped_key.get(..self.cipher.key_len()).unwrap_or(wrapped_key);
        key.open_internal_key(self.cipher, self.base_iv(), iv, associated_data, wrapped, tag)
            .map_err(|_| self.entry.error(tag_offset, "entry tag", FormatErrorKind::Authentication))
    }
}
