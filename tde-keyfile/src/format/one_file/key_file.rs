//! A key file as it was found, and opened with its principal key.

use alloc::vec;
use alloc::vec::Vec;

use tde_core::{BaseIv, Cipher, InternalKey, WrapKey};
use tde_wal::{Location, Lsn, RangeEntry, RangeKind, TimelineId};
use zerocopy::FromBytes as _;
use zeroize::Zeroizing;

use super::layout::{
    ENTRY_SIZE, EntryLayout, HEADER_SIZE, HeaderLayout, MAGIC, MIN_SIZE, NONCE_SIZE, TAG_SIZE, check_frame,
};
use super::{Entry, Fingerprint, Place};
use crate::format::header::{Magic, PrincipalKeyInfo, ProviderId, SetTime};
use crate::format::{FileKind, FormatError, FormatErrorKind};
use crate::name::{Name, ProviderName};
use crate::oid::{Oid, RelationNumber};

const FILE: FileKind = FileKind::OneFileKeys;

/// A whole key file. What it says is a claim until [`open`](Self::open) has checked its tag.
#[derive(Debug, Clone)]
pub struct KeyFile<'a> {
    place: Place,
    info: PrincipalKeyInfo,
    provider_name: Option<ProviderName>,
    origin: Option<Magic>,
    cipher: Cipher,
    fingerprint: Fingerprint,
    entries: Vec<(Entry, Cipher, BaseIv)>,
    /// Everything before the nonce.
    associated_data: &'a [u8],
    nonce: &'a [u8; NONCE_SIZE],
    ciphertext: &'a [u8],
    tag: &'a [u8; TAG_SIZE],
}

impl<'a> KeyFile<'a> {
    /// Reads a whole file; whatever is not exactly what [`seal`](super::seal) writes is an error.
    ///
    /// # Errors
    /// [`FormatErrorKind::UnknownMagic`], [`FormatErrorKind::TooShort`], [`FormatErrorKind::Checksum`] (damage),
    /// [`FormatErrorKind::UnsupportedVersion`], then those of single fields.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FormatError> {
        let body = check_frame(FILE, MAGIC, MIN_SIZE, bytes)?;
        let short = FormatErrorKind::TooShort { actual: bytes.len() as u64, expected: MIN_SIZE as u64 };
        let (header, rest) = HeaderLayout::ref_from_prefix(body).map_err(|_| error(0, "file", short))?;
        let place = place(header)?;
        let count = header.entries.get();
        let right_count = match place {
            Place::Relation { .. } => count > 0,
            Place::Database(_) | Place::Default => count == 0,
            Place::Server => true,
        };
        // Far below what would overflow, and above what a file can hold.
        let clear = usize::try_from(count).ok().and_then(|count| count.checked_mul(ENTRY_SIZE));
        let (true, Some(clear)) = (right_count, clear.filter(|&clear| clear <= rest.len())) else {
            return Err(error(24, "number of entries", FormatErrorKind::Value { found: count }));
        };
        let (associated_data, sealed) = body.split_at(HEADER_SIZE + clear);
        let layouts = <[EntryLayout]>::ref_from_bytes(rest.get(..clear).unwrap_or_default());
        let entries = entries(place, layouts.unwrap_or_default())?;
        let keys: usize = entries.iter().map(|(_, cipher, _)| cipher.key_len()).sum();
        let parts = sealed
            .split_first_chunk::<NONCE_SIZE>()
            .and_then(|(nonce, rest)| Some((nonce, rest.split_last_chunk::<TAG_SIZE>()?)))
            .filter(|(_, (ciphertext, _))| ciphertext.len() == keys);
        let Some((nonce, (ciphertext, tag))) = parts else {
            let expected = (bytes.len() - sealed.len() + NONCE_SIZE + keys + TAG_SIZE) as u64;
            let kind = FormatErrorKind::Length { actual: bytes.len() as u64, expected };
            return Err(error(associated_data.len(), "wrapped keys", kind));
        };
        let set_time = SetTime { seconds: header.seconds.get(), microseconds: header.microseconds.get() };
        let name = padded(&header.key_name, 200, "principal key name")?;
        Ok(Self {
            place,
            info: PrincipalKeyInfo::new(
                place.scope(),
                ProviderId::new(header.provider.get()),
                set_time,
                name,
            ),
            provider_name: match header.provider_name.iter().any(|&byte| byte != 0) {
                true => Some(padded(&header.provider_name, 72, "provider name")?),
                false => None,
            },
            origin: origin(place, header.origin.get())?,
            cipher: cipher(header.cipher.get(), 48, "principal key cipher")?,
            fingerprint: Fingerprint::from_bytes(header.fingerprint),
            entries,
            associated_data,
            nonce,
            ciphertext,
            tag,
        })
    }

    /// What the file is for.
    #[must_use]
    pub const fn place(&self) -> Place {
        self.place
    }

    /// The principal key, its provider, and when it was set.
    #[must_use]
    pub const fn principal_key(&self) -> &PrincipalKeyInfo {
        &self.info
    }

    /// The name of the provider, unless it was not known when the file was written.
    #[must_use]
    pub const fn provider_name(&self) -> Option<&ProviderName> {
        self.provider_name.as_ref()
    }

    /// The version of `pg_tde`'s file that a scope was converted from.
    #[must_use]
    pub const fn origin(&self) -> Option<Magic> {
        self.origin
    }

    /// The cipher of the principal key.
    #[must_use]
    pub const fn cipher(&self) -> Cipher {
        self.cipher
    }

    /// Which principal key it is.
    #[must_use]
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// What the keys are for, with their ciphers, in the order of the file.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = (Entry, Cipher)> {
        self.entries.iter().map(|(entry, cipher, _)| (*entry, *cipher))
    }

    /// Checks that the file lies where it belongs. Its tag binds what it says of that.
    ///
    /// # Errors
    /// [`FormatErrorKind::Place`].
    pub fn check_place(&self, expected: Place) -> Result<(), FormatError> {
        match (self.place, expected) {
            (found, expected) if found == expected => Ok(()),
            (
                Place::Relation { database, relation },
                Place::Relation { database: in_path, relation: in_name },
            ) => Err(match database == in_path {
                true => other_place(20, "relation number", relation.get(), in_name.get()),
                false => other_place(16, "database", database.get(), in_path.get()),
            }),
            (Place::Database(found), Place::Database(expected)) => {
                Err(other_place(16, "database", found.get(), expected.get()))
            }
            (found, expected) => Err(other_place(12, "kind", found.kind(), expected.kind())),
        }
    }

    /// Checks the tag, which binds every byte before it, and unwraps the keys.
    ///
    /// # Errors
    /// [`FormatErrorKind::Fingerprint`]: this is not the principal key that the file names.
    /// [`FormatErrorKind::Authentication`]: it is, but the file was changed.
    pub fn open(&self, key: &WrapKey) -> Result<Vec<(Entry, InternalKey)>, FormatError> {
        if Fingerprint::of(key) != self.fingerprint {
            return Err(error(56, "principal key fingerprint", FormatErrorKind::Fingerprint));
        }
        let mut plain = Zeroizing::new(vec![0; self.ciphertext.len()]);
        let tag_offset = self.associated_data.len() + NONCE_SIZE + self.ciphertext.len();
        let refused = |_| error(tag_offset, "tag", FormatErrorKind::Authentication);
        if key.cipher() != self.cipher {
            return Err(error(48, "principal key cipher", FormatErrorKind::Authentication));
        }
        key.open(self.nonce, self.associated_data, self.ciphertext, self.tag, &mut plain).map_err(refused)?;
        let mut rest = &plain[..];
        let mut keys = Vec::with_capacity(self.entries.len());
        for (entry, cipher, base_iv) in &self.entries {
            let (bytes, behind) = rest.split_at_checked(cipher.key_len()).unwrap_or((rest, &[]));
            keys.push((*entry, InternalKey::from_slice(*cipher, bytes, *base_iv).map_err(refused)?));
            rest = behind;
        }
        Ok(keys)
    }
}

fn error(offset: usize, field: &'static str, kind: FormatErrorKind) -> FormatError {
    super::error(FILE, offset, field, kind)
}

fn other_place(offset: usize, field: &'static str, found: u32, expected: u32) -> FormatError {
    error(offset, field, FormatErrorKind::Place { found, expected })
}

fn place(header: &HeaderLayout) -> Result<Place, FormatError> {
    let (kind, database, relation) = (header.kind.get(), header.database.get(), header.relation.get());
    let scope = Oid::new(database);
    let is_database = scope != Oid::PG_DEFAULT && scope != Oid::PG_GLOBAL;
    let (place, right_scope) = match kind {
        1 => (Place::Relation { database: scope, relation: RelationNumber::new(relation) }, is_database),
        2 => (Place::Database(scope), is_database),
        3 => (Place::Default, scope == Oid::PG_DEFAULT),
        4 => (Place::Server, scope == Oid::PG_GLOBAL),
        found => return Err(error(12, "kind", FormatErrorKind::Value { found })),
    };
    if !right_scope {
        return Err(error(16, "database", FormatErrorKind::Value { found: database }));
    }
    if place.relation().get() != relation {
        return Err(error(20, "relation number", FormatErrorKind::Value { found: relation }));
    }
    Ok(place)
}

fn entries(place: Place, layouts: &[EntryLayout]) -> Result<Vec<(Entry, Cipher, BaseIv)>, FormatError> {
    let mut entries = Vec::with_capacity(layouts.len());
    let mut last_tablespace = 0;
    for (index, layout) in layouts.iter().enumerate() {
        let at = HEADER_SIZE + index * ENTRY_SIZE;
        let value = |offset, field, found| error(at + offset, field, FormatErrorKind::Value { found });
        let (subject, lsn, timeline) = (layout.subject.get(), layout.lsn.get(), layout.timeline.get());
        let entry = if place == Place::Server {
            let kind = RangeKind::from_id(subject).ok_or_else(|| {
                error(at, "range type", FormatErrorKind::UnknownRangeType { found: subject })
            })?;
            let start = Location { timeline: TimelineId::new(timeline), lsn: Lsn::new(lsn) };
            Entry::Range(RangeEntry { start, kind })
        } else {
            // In order, each once: there is one way to write a file.
            if subject <= last_tablespace {
                return Err(value(0, "tablespace", subject));
            }
            if lsn != 0 || timeline != 0 {
                return Err(value(8, "start", timeline));
            }
            last_tablespace = subject;
            Entry::Relation { tablespace: Oid::new(subject) }
        };
        if layout.reserved.get() != 0 {
            return Err(value(20, "reserved bytes", layout.reserved.get()));
        }
        let cipher = cipher(layout.cipher.get(), at + 4, "cipher")?;
        entries.push((entry, cipher, BaseIv::new(layout.base_iv)));
    }
    Ok(entries)
}

fn cipher(id: u32, offset: usize, field: &'static str) -> Result<Cipher, FormatError> {
    Cipher::from_id(id).map_err(|_| error(offset, field, FormatErrorKind::UnknownCipher { found: id }))
}

fn origin(place: Place, found: u32) -> Result<Option<Magic>, FormatError> {
    Ok(Some(match (place, found) {
        (_, 0) => return Ok(None),
        (Place::Database(_) | Place::Default, 3) => Magic::RelationKeys3,
        (Place::Database(_) | Place::Default, 4) => Magic::RelationKeys4,
        (Place::Server, 1) => Magic::WalKeys1,
        (Place::Server, 2) => Magic::WalKeys2,
        _ => return Err(error(52, "version of origin", FormatErrorKind::Value { found })),
    }))
}

/// A name with zeros behind it up to the end of the field.
fn padded<const N: usize>(bytes: &[u8], offset: usize, field: &'static str) -> Result<Name<N>, FormatError> {
    let name =
        Name::<N>::from_field(bytes).map_err(|reason| error(offset, field, FormatErrorKind::Name(reason)))?;
    let behind = bytes.get(name.as_bytes().len()..).unwrap_or_default();
    match behind.iter().find(|&&byte| byte != 0) {
        Some(&found) => Err(error(offset, field, FormatErrorKind::Value { found: found.into() })),
        None => Ok(name),
    }
}
