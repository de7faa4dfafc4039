//! The first 320 bytes of `<oid>_keys` and `wal_keys`: the magic number and the signed principal key info.
//!
//! Source: `pg_tde` 1.0 to 2.2, `TDEPrincipalKeyInfo`, `TDESignedPrincipalKeyInfo`, `TDEFileHeader`; the
//! signature is that of `pg_tde_sign_principal_key_info`.
//!
//! | offset | size | field | signed |
//! |---|---|---|---|
//! | 0 | 4 | magic | no |
//! | 4 | 4 | padding, undefined | no |
//! | 8 | 4 | OID of the database (1663 default key, 1664 server) | yes |
//! | 12 | 4 | provider id, negative for a global provider | yes |
//! | 16 | 8 | when the key was set for this scope, seconds since 1970 | yes |
//! | 24 | 8 | the same, microseconds | yes |
//! | 32 | 256 | name of the principal key, NUL-terminated | yes |
//! | 288 | 16 | signature IV | |
//! | 304 | 16 | signature tag | |

use core::fmt;

use tde_core::WrapKey;
use zerocopy::little_endian::{I32, I64, U32};
use zerocopy::{FromBytes, FromZeros as _, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::encode::{EncodeError, put_text};
use super::error::{FileKind, FormatError, FormatErrorKind};
use crate::name::PrincipalKeyName;
use crate::oid::Oid;

/// How long a header is, in bytes.
pub const HEADER_SIZE: usize = size_of::<HeaderLayout>();

/// The magic number at the start of a key file: its kind and its version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Magic {
    /// Relation keys as written by `pg_tde` 1.0 to 2.1.
    RelationKeys3,
    /// Relation keys as written by `pg_tde` 2.2.
    RelationKeys4,
    /// WAL keys as written by `pg_tde` 2.0 and 2.1.
    WalKeys1,
    /// WAL keys as written by `pg_tde` 2.2.
    WalKeys2,
}

impl Magic {
    /// The four bytes in the file.
    #[must_use]
    pub const fn bytes(self) -> [u8; 4] {
        match self {
            Self::RelationKeys3 => *b"TDE\x03",
            Self::RelationKeys4 => *b"TDE\x04",
            Self::WalKeys1 => *b"WEK\x01",
            Self::WalKeys2 => *b"WEK\x02",
        }
    }

    /// The magic number with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 4]) -> Option<Self> {
        match &bytes {
            b"TDE\x03" => Some(Self::RelationKeys3),
            b"TDE\x04" => Some(Self::RelationKeys4),
            b"WEK\x01" => Some(Self::WalKeys1),
            b"WEK\x02" => Some(Self::WalKeys2),
            _ => None,
        }
    }

    /// The kind of file.
    #[must_use]
    pub const fn file(self) -> FileKind {
        match self {
            Self::RelationKeys3 | Self::RelationKeys4 => FileKind::RelationKeys,
            Self::WalKeys1 | Self::WalKeys2 => FileKind::WalKeys,
        }
    }

    /// The version of that kind.
    #[must_use]
    pub const fn version(self) -> u8 {
        let [.., version] = self.bytes();
        version
    }
}

/// The number of a key provider; negative for the global ones (`1664_providers`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProviderId(i32);

impl ProviderId {
    /// The provider with this number.
    #[must_use]
    pub const fn new(number: i32) -> Self {
        Self(number)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> i32 {
        self.0
    }

    /// Whether the provider's record is in `1664_providers`.
    #[must_use]
    pub const fn is_global(self) -> bool {
        self.0 < 0
    }

    /// The OID in the name of the providers file that holds this provider's record, for a key of
    /// `scope` (`pg_tde` 2.2.0, `GetKeyProviderByID`).
    #[must_use]
    pub const fn providers_file(self, scope: Oid) -> Oid {
        if self.is_global() { Oid::PG_GLOBAL } else { scope }
    }
}

impl fmt::Display for ProviderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// When a principal key was set for its scope (not when it was made).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(clippy::exhaustive_structs)]
pub struct SetTime {
    /// Seconds since 1970-01-01 00:00 UTC.
    pub seconds: i64,
    /// Microseconds within the second.
    pub microseconds: i64,
}

/// What a header says of its principal key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrincipalKeyInfo {
    database: Oid,
    provider: ProviderId,
    set_time: SetTime,
    name: PrincipalKeyName,
}

impl PrincipalKeyInfo {
    /// What a new header is to say.
    #[must_use]
    pub const fn new(database: Oid, provider: ProviderId, set_time: SetTime, name: PrincipalKeyName) -> Self {
        Self { database, provider, set_time, name }
    }

    /// The database that the key was set for; 1663 is the default key, 1664 the server.
    #[must_use]
    pub const fn database(&self) -> Oid {
        self.database
    }

    /// The provider that has the key.
    #[must_use]
    pub const fn provider(&self) -> ProviderId {
        self.provider
    }

    /// When the key was set.
    #[must_use]
    pub const fn set_time(&self) -> SetTime {
        self.set_time
    }

    /// The key's name at the provider.
    #[must_use]
    pub const fn name(&self) -> &PrincipalKeyName {
        &self.name
    }

    /// Whether both name the same key of the same provider, by which `pg_tde` decides that a database
    /// uses the default key (`pg_tde` 2.2.0, `pg_tde_is_same_principal_key`).
    #[must_use]
    pub fn is_same_key(&self, other: &Self) -> bool {
        self.provider == other.provider && self.name == other.name
    }
}

/// A header whose signature has not been checked: what it says are claims, good for fetching the key.
#[derive(Debug, Clone, Copy)]
pub struct UnverifiedHeader<'a> {
    layout: &'a HeaderLayout,
    magic: Magic,
    claims: PrincipalKeyInfo,
}

impl<'a> UnverifiedHeader<'a> {
    /// Reads the header of a file of the given kind, and hands back the entries behind it.
    ///
    /// # Errors
    /// [`FormatErrorKind::TooShort`], [`FormatErrorKind::UnknownMagic`], [`FormatErrorKind::OtherKind`],
    /// [`FormatErrorKind::UnsupportedVersion`] or [`FormatErrorKind::Name`].
    pub(super) fn parse(bytes: &'a [u8], file: FileKind) -> Result<(Self, &'a [u8]), FormatError> {
        let error = |offset, field, kind| FormatError::new(file, offset, field, kind);
        let Ok((layout, entries)) = HeaderLayout::ref_from_prefix(bytes) else {
            let kind = FormatErrorKind::TooShort { actual: bytes.len() as u64, expected: HEADER_SIZE as u64 };
            return Err(error(0, "header", kind));
        };
        let magic = match Magic::from_bytes(layout.magic) {
            Some(magic) if magic.file() == file => magic,
            Some(magic) => {
                return Err(error(0, "magic", FormatErrorKind::OtherKind { found: magic.file() }));
            }
            None => return Err(error(0, "magic", unknown_magic(layout.magic, file))),
        };
        let info = &layout.signed.info;
        let name = PrincipalKeyName::from_field(&info.name)
            .map_err(|reason| error(32, "principal key name", FormatErrorKind::Name(reason)))?;
        let claims = PrincipalKeyInfo {
            database: Oid::new(info.database.get()),
            provider: ProviderId(info.provider.get()),
            set_time: SetTime { seconds: info.seconds.get(), microseconds: info.microseconds.get() },
            name,
        };
        Ok((Self { layout, magic, claims }, entries))
    }

    /// The header as it stands in the file, undefined bytes included.
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.layout.as_bytes()
    }

    /// Kind and version of the file.
    #[must_use]
    pub const fn magic(&self) -> Magic {
        self.magic
    }

    /// What the header claims of its principal key.
    #[must_use]
    pub const fn claims(&self) -> &PrincipalKeyInfo {
        &self.claims
    }

    /// Checks the signature with the principal key that was fetched by the claimed name.
    ///
    /// # Errors
    /// [`FormatErrorKind::Authentication`]: the key is another one, or the header was changed.
    pub fn verify(&self, key: &WrapKey) -> Result<VerifiedHeader<'a>, FormatError> {
        let signed = &self.layout.signed;
        key.verify(&signed.iv, signed.info.as_bytes(), &signed.tag).map_err(|_| {
            FormatError::new(self.magic.file(), 304, "header signature", FormatErrorKind::Authentication)
        })?;
        Ok(VerifiedHeader(*self))
    }
}

/// The bytes of a header, signed with the principal key that it names.
///
/// Draw `iv` anew for every header: two signatures with one vector give the power to forge more.
///
/// ```
/// use tde_core::{PrincipalKey, WrapKey};
/// use tde_keyfile::Oid;
/// use tde_keyfile::format::header::{Magic, PrincipalKeyInfo, ProviderId, SetTime, sign};
/// use tde_keyfile::format::relation_keys::RelationKeys;
///
/// let key = WrapKey::new(&PrincipalKey::from_slice(&[7; 16])?);
/// let time = SetTime { seconds: 1_750_000_000, microseconds: 0 };
/// let info = PrincipalKeyInfo::new(Oid::new(16384), ProviderId::new(1), time, "demo-key".parse()?);
/// let file = sign(Magic::RelationKeys4, &info, &key, &[0xa0; 16])?;
/// let keys = RelationKeys::parse(&file)?.expect("it is not empty");
/// assert_eq!(keys.header().verify(&key)?.info(), &info);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
///
/// # Errors
/// [`EncodeError::Wrap`], which a vector of 16 bytes never causes.
pub fn sign(
    magic: Magic,
    info: &PrincipalKeyInfo,
    key: &WrapKey,
    iv: &[u8; 16],
) -> Result<[u8; HEADER_SIZE], EncodeError> {
    let mut layout = HeaderLayout::new_zeroed();
    layout.magic = magic.bytes();
    let signed = &mut layout.signed;
    signed.info.database.set(info.database.get());
    signed.info.provider.set(info.provider.get());
    signed.info.seconds.set(info.set_time.seconds);
    signed.info.microseconds.set(info.set_time.microseconds);
    put_text(&mut signed.info.name, info.name.as_bytes(), "principal key name", 255)?;
    signed.iv = *iv;
    signed.tag = key.sign(iv, signed.info.as_bytes())?;
    Ok(zerocopy::transmute!(layout))
}

/// Damage, or a version that is not read here? The low three bytes tell the kind, the last the version.
fn unknown_magic(found: [u8; 4], file: FileKind) -> FormatErrorKind {
    let [a, b, c, version] = found;
    match (&[a, b, c], file) {
        (b"TDE", FileKind::RelationKeys) | (b"WEK", FileKind::WalKeys) => {
            FormatErrorKind::UnsupportedVersion { found: version }
        }
        _ => FormatErrorKind::UnknownMagic { found },
    }
}

/// A header whose signature the principal key has confirmed. Only [`UnverifiedHeader::verify`] makes one.
///
/// The signature covers what [`info`](Self::info) tells. It covers neither the magic number nor any
/// entry: entries have tags of their own, their number and order have nothing.
#[derive(Debug, Clone, Copy)]
pub struct VerifiedHeader<'a>(UnverifiedHeader<'a>);

impl VerifiedHeader<'_> {
    /// Kind and version of the file (not covered by the signature).
    #[must_use]
    pub const fn magic(&self) -> Magic {
        self.0.magic
    }

    /// What the header says of its principal key.
    #[must_use]
    pub const fn info(&self) -> &PrincipalKeyInfo {
        &self.0.claims
    }
}

/// `TDEPrincipalKeyInfo`; as a whole the associated data of the signature.
#[derive(Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct InfoLayout {
    database: U32,
    provider: I32,
    seconds: I64,
    microseconds: I64,
    name: [u8; 256],
}

/// `TDESignedPrincipalKeyInfo`.
#[derive(Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct SignedInfoLayout {
    info: InfoLayout,
    iv: [u8; 16],
    tag: [u8; 16],
}

/// `TDEFileHeader`.
#[derive(Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct HeaderLayout {
    magic: [u8; 4],
    padding: [u8; 4],
    signed: SignedInfoLayout,
}

const _: () = {
    use core::mem::offset_of;
    assert!(size_of::<InfoLayout>() == 280);
    assert!(offset_of!(InfoLayout, provider) == 4);
    assert!(offset_of!(InfoLayout, seconds) == 8);
    assert!(offset_of!(InfoLayout, microseconds) == 16);
    assert!(offset_of!(InfoLayout, name) == 24);
    assert!(size_of::<SignedInfoLayout>() == 312);
    assert!(offset_of!(SignedInfoLayout, iv) == 280);
    assert!(offset_of!(SignedInfoLayout, tag) == 296);
    assert!(size_of::<HeaderLayout>() == 320);
    assert!(offset_of!(HeaderLayout, signed) == 8);
};
