//! `wal_keys`: a header, then one entry for each start of the server with WAL encryption on, in order.
//!
//! Source: `pg_tde` 2.0 to 2.2, `WalKeyFileEntry`, `pg_tde_fetch_wal_keys`. Entries are 96 bytes in version
//! 1 and 104 in version 2. Each begins a range that ends where the next one that counts begins; the
//! rules are those of `tde_wal::KeyRanges`.
//!
//! An empty file means the same as none: no server key, no encrypted WAL.

mod v1;
mod v2;

use tde_core::{BaseIv, Cipher, InternalKey, WrapKey};
use tde_wal::{Location, Lsn, RangeEntry, RangeKind, TimelineId};

use super::encode::{EncodeError, EntryBytes};
use super::error::{FileKind, FormatError, FormatErrorKind};
use super::header::{HEADER_SIZE, Magic, UnverifiedHeader};
use super::{TornTail, whole_records};

/// The version of a WAL key file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Version {
    /// `pg_tde` 2.0 and 2.1: AES-128 only.
    V1,
    /// `pg_tde` 2.2.
    V2,
}

impl Version {
    /// The magic number of files of this version.
    #[must_use]
    pub const fn magic(self) -> Magic {
        match self {
            Self::V1 => Magic::WalKeys1,
            Self::V2 => Magic::WalKeys2,
        }
    }
}

/// The start of an entry that no WAL was written under yet.
pub const NOT_STARTED: Location = Location { timeline: TimelineId::new(0), lsn: Lsn::new(0) };

/// The bytes of an entry, its key wrapped under the server's principal key.
///
/// UNENCRYPTED entries need a key too, which is never used. Draw `iv` anew for every wrap.
///
/// # Errors
/// [`EncodeError::Cipher`] for a key that is not one of AES-128 in version 1.
pub fn seal_entry(
    version: Version,
    range: RangeEntry,
    key: &InternalKey,
    wrap_key: &WrapKey,
    iv: &[u8; 16],
) -> Result<EntryBytes, EncodeError> {
    match version {
        Version::V1 => v1::seal(range, key, wrap_key, iv),
        Version::V2 => v2::seal(range, key, wrap_key, iv),
    }
}

/// A WAL key file that has a header.
#[derive(Debug, Clone, Copy)]
pub struct WalKeys<'a> {
    header: UnverifiedHeader<'a>,
    entries: Entries<'a>,
    torn_tail: Option<TornTail>,
}

#[derive(Debug, Clone, Copy)]
enum Entries<'a> {
    V1(&'a [v1::EntryLayout]),
    V2(&'a [v2::EntryLayout]),
}

impl<'a> WalKeys<'a> {
    /// Reads a WAL key file; `None` if it is empty.
    ///
    /// # Errors
    /// Those of the header: 1 to 319 bytes, a magic number of another kind or version, a name that is
    /// empty or does not end. Entries are read one by one, see [`entry`](Self::entry).
    pub fn parse(bytes: &'a [u8]) -> Result<Option<Self>, FormatError> {
        if bytes.is_empty() {
            return Ok(None);
        }
        let (header, rest) = UnverifiedHeader::parse(bytes, FileKind::WalKeys)?;
        let (entries, torn_tail) = if header.magic() == Magic::WalKeys1 {
            let (entries, torn_tail) = whole_records(rest, HEADER_SIZE);
            (Entries::V1(entries), torn_tail)
        } else {
            let (entries, torn_tail) = whole_records(rest, HEADER_SIZE);
            (Entries::V2(entries), torn_tail)
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
            Entries::V1(_) => Version::V1,
            Entries::V2(_) => Version::V2,
        }
    }

    /// How many whole entries there are, INVALID and unused ones included.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self.entries {
            Entries::V1(entries) => entries.len(),
            Entries::V2(entries) => entries.len(),
        }
    }

    /// Whether there is no entry at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes behind the last whole entry. Readers ignore them, but the server appends behind them, after
    /// which the file cannot be used any more.
    #[must_use]
    pub const fn torn_tail(&self) -> Option<TornTail> {
        self.torn_tail
    }

    /// How long an entry of this version is, in bytes.
    #[must_use]
    pub const fn entry_size(&self) -> usize {
        match self.entries {
            Entries::V1(_) => size_of::<v1::EntryLayout>(),
            Entries::V2(_) => size_of::<v2::EntryLayout>(),
        }
    }

    /// The entry at this place, counted from 0; `None` behind the last.
    ///
    /// # Errors
    /// [`FormatErrorKind::UnknownRangeType`] or [`FormatErrorKind::UnknownCipher`] (the cipher of an
    /// INVALID entry is not looked at).
    pub fn entry(&self, index: usize) -> Option<Result<WalKeyEntry<'a>, FormatError>> {
        let fields = match self.entries {
            Entries::V1(entries) => entries.get(index)?.fields(),
            Entries::V2(entries) => entries.get(index)?.fields(),
        };
        let offset = HEADER_SIZE as u64 + index as u64 * self.entry_size() as u64;
        Some(WalKeyEntry::read(index, offset, fields))
    }

    /// All entries in the order of the file.
    pub fn entries(&self) -> impl Iterator<Item = Result<WalKeyEntry<'a>, FormatError>> + use<'a> {
        let keys = *self;
        (0..keys.len()).map_while(move |index| keys.entry(index))
    }
}

/// The fields of an entry, wherever its version keeps them.
#[derive(Debug, Clone, Copy)]
struct Fields<'a> {
    range_type: (u32, u64),
    cipher: (u32, u64),
    start_lsn: u64,
    start_timeline: u32,
    /// The bytes as they stand in the file.
    associated_data: &'a [u8],
    base_iv: [u8; 16],
    iv: &'a [u8; 16],
    tag: &'a [u8; 16],
    tag_offset: u64,
    wrapped_key: &'a [u8],
    /// All of the entry.
    bytes: &'a [u8],
}

/// One entry: where its range begins, of what kind the range is, and its wrapped key.
#[derive(Debug, Clone, Copy)]
pub struct WalKeyEntry<'a> {
    index: usize,
    offset: u64,
    kind: RangeKind,
    cipher: Option<Cipher>,
    fields: Fields<'a>,
}

impl<'a> WalKeyEntry<'a> {
    fn read(index: usize, offset: u64, fields: Fields<'a>) -> Result<Self, FormatError> {
        let error = |at, field, kind| FormatError::new(FileKind::WalKeys, offset + at, field, kind);
        let (kind, cipher) = match (fields.range_type, Cipher::from_id(fields.cipher.0)) {
            // Its key is never used, so its cipher does not matter.
            ((0, _), cipher) => (RangeKind::Invalid, cipher.ok()),
            ((1, _), Ok(cipher)) => (RangeKind::Unencrypted, Some(cipher)),
            ((2, _), Ok(cipher)) => (RangeKind::Encrypted, Some(cipher)),
            ((1 | 2, _), Err(_)) => {
                let (found, at) = fields.cipher;
                return Err(error(at, "cipher", FormatErrorKind::UnknownCipher { found }));
            }
            ((found, at), _) => {
                return Err(error(at, "range type", FormatErrorKind::UnknownRangeType { found }));
            }
        };
        Ok(Self { index, offset, kind, cipher, fields })
    }

    /// The entry as it stands in the file, undefined bytes included.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.fields.bytes
    }

    /// The entry with another start and otherwise the same bytes; no tag covers the start.
    #[must_use]
    pub fn with_start(&self, start: Location) -> EntryBytes {
        // The start has the same place in a version, whatever the entry.
        let at = if self.fields.bytes.len() == size_of::<v1::EntryLayout>() { 48 } else { 8 };
        let mut entry = EntryBytes::new(self.fields.bytes);
        entry.put(at, &start.lsn.get().to_le_bytes());
        entry.put(at + 8, &start.timeline.get().to_le_bytes());
        entry.put(at + 12, &[0; 4]);
        entry
    }

    /// The place of the entry, counted from 0.
    #[must_use]
    pub const fn index(&self) -> usize {
        self.index
    }

    /// Where the entry begins, in bytes from the start of the file.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether the range is encrypted, plain, or no longer counts. In version 1 no tag covers this.
    #[must_use]
    pub const fn kind(&self) -> RangeKind {
        self.kind
    }

    /// The cipher of the range's WAL; `None` for an INVALID entry with an unknown one.
    #[must_use]
    pub const fn cipher(&self) -> Option<Cipher> {
        self.cipher
    }

    /// Where the range begins, as it stands in the file. **No tag covers this.**
    #[must_use]
    pub const fn start(&self) -> Location {
        Location {
            timeline: TimelineId::new(self.fields.start_timeline),
            lsn: Lsn::new(self.fields.start_lsn),
        }
    }

    /// Whether WAL was ever written under this entry. One that was made at a start of the server but
    /// never written under has timeline 0 and LSN 0, and counts for nothing.
    #[must_use]
    pub const fn is_started(&self) -> bool {
        self.fields.start_timeline != 0 && self.fields.start_lsn != 0
    }

    /// The base IV, which stands in clear and which **no tag covers**.
    #[must_use]
    pub const fn base_iv(&self) -> BaseIv {
        BaseIv::new(self.fields.base_iv)
    }

    /// Unwraps the range's internal key. UNENCRYPTED entries have one too, without use.
    ///
    /// # Errors
    /// [`FormatErrorKind::NoKey`] for an INVALID entry: in version 2 its tag does not match its type any
    /// more. [`FormatErrorKind::Authentication`]: the principal key is another one, or the entry was
    /// changed or half written.
    pub fn unwrap_key(&self, key: &WrapKey) -> Result<InternalKey, FormatError> {
        let error = |field, kind| {
            FormatError::new(FileKind::WalKeys, self.offset + self.fields.tag_offset, field, kind)
        };
        if self.kind == RangeKind::Invalid {
            return Err(error("entry", FormatErrorKind::NoKey));
        }
        self.unwrap_whatever_kind(key)
    }

    /// As [`unwrap_key`](Self::unwrap_key), for INVALID entries too: in version 1 their tag still matches, and in
    /// version 2 where they were wrapped with that type, as `pg_tde` 2.2 does when it converts version 1.
    ///
    /// # Errors
    /// [`FormatErrorKind::Authentication`]; [`FormatErrorKind::NoKey`] for an INVALID entry of unknown cipher.
    pub fn unwrap_whatever_kind(&self, key: &WrapKey) -> Result<InternalKey, FormatError> {
        let error = |field, kind| {
            FormatError::new(FileKind::WalKeys, self.offset + self.fields.tag_offset, field, kind)
        };
        let Some(cipher) = self.cipher else { return Err(error("entry", FormatErrorKind::NoKey)) };
        let Fields { associated_data, iv, tag, wrapped_key, .. } = self.fields;
        let wrapped = wrapped_key.get(..cipher.key_len()).unwrap_or(wrapped_key);
        key.open_internal_key(cipher, self.base_iv(), iv, associated_data, wrapped, tag)
            .map_err(|_| error("entry tag", FormatErrorKind::Authentication))
    }
}
