//! What can be wrong with the bytes of a file, and where.

use core::fmt;

use crate::name::NameError;

/// Which of `pg_tde`'s files is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FileKind {
    /// `<oid>_keys`: the principal key of a scope and its relation keys.
    RelationKeys,
    /// `wal_keys`: the server's principal key and the WAL keys.
    WalKeys,
    /// `keys_version`: the newest versions known to be in use.
    KeysVersion,
    /// `<oid>_providers`: key providers of a database or of the server.
    Providers,
    /// A keyring of the file provider: principal keys in clear.
    Keyring,
    /// A key file of the layout with one file per relation.
    OneFileKeys,
    /// `provider_config` of the layout with one file per relation.
    ProviderConfig,
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RelationKeys => "relation key file",
            Self::WalKeys => "WAL key file",
            Self::KeysVersion => "key version file",
            Self::Providers => "providers file",
            Self::Keyring => "keyring file",
            Self::OneFileKeys => "key file (one file per relation)",
            Self::ProviderConfig => "provider configuration",
        })
    }
}

/// Bytes that are not what their file should hold: the kind of file, the offset, the field, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FormatError {
    file: FileKind,
    offset: u64,
    field: &'static str,
    kind: FormatErrorKind,
}

/// What is wrong with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FormatErrorKind {
    /// The file has bytes, but fewer than it must have.
    TooShort {
        /// Bytes in the file.
        actual: u64,
        /// Bytes it must have at least.
        expected: u64,
    },
    /// The first four bytes are those of no key file.
    UnknownMagic {
        /// The bytes found.
        found: [u8; 4],
    },
    /// The file is a good one, but of another kind than its name says.
    OtherKind {
        /// The kind its first bytes tell.
        found: FileKind,
    },
    /// A version that this crate does not read: from before the first release, or newer.
    UnsupportedVersion {
        /// The version, from the magic number.
        found: u8,
    },
    /// A name that is empty or does not end.
    Name(NameError),
    /// An entry type that no release writes.
    UnknownEntryType {
        /// The number found; 0 and 1 are known.
        found: u32,
    },
    /// A range type that no release writes.
    UnknownRangeType {
        /// The number found; 0, 1 and 2 are known.
        found: u32,
    },
    /// A cipher id that no release writes.
    UnknownCipher {
        /// The number found; 0 and 1 are known.
        found: u32,
    },
    /// A provider type that no release writes.
    UnknownProviderType {
        /// The number found; 0 to 3 are known.
        found: u32,
    },
    /// A principal key that is neither 16 nor 32 bytes long.
    KeyLength {
        /// The length found.
        found: u32,
    },
    /// The file ends inside a record.
    TornRecord {
        /// Bytes of the fragment.
        length: u64,
    },
    /// The options of a provider do not end, or are not UTF-8.
    Text,
    /// The SHA-256 at the end does not match.
    Checksum,
    /// The file has not the length that its fields tell.
    Length {
        /// Bytes in the file.
        actual: u64,
        /// Bytes it must have.
        expected: u64,
    },
    /// A value that is never written.
    Value {
        /// The value found.
        found: u32,
    },
    /// The file belongs to another place than the one where it lies.
    Place {
        /// What the file says.
        found: u32,
        /// What its path says.
        expected: u32,
    },
    /// The principal key is another one than the file was sealed with.
    Fingerprint,
    /// A tag does not match: the principal key is another one, or bytes were changed. Nothing more
    /// can be told.
    Authentication,
    /// The entry holds no key to unwrap: it is EMPTY or INVALID.
    NoKey,
}

impl FormatError {
    pub(crate) const fn new(file: FileKind, offset: u64, field: &'static str, kind: FormatErrorKind) -> Self {
        Self { file, offset, field, kind }
    }

    /// The kind of file.
    #[must_use]
    pub const fn file(&self) -> FileKind {
        self.file
    }

    /// Where the field begins, in bytes from the start of the file.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// The field, in the words of the format's description.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        self.field
    }

    /// What is wrong with it.
    #[must_use]
    pub const fn kind(&self) -> FormatErrorKind {
        self.kind
    }

    /// What somebody who meets this error can do.
    #[must_use]
    pub const fn advice(&self) -> &'static str {
        match self.kind {
            FormatErrorKind::TooShort { .. } | FormatErrorKind::TornRecord { .. } => {
                "a write did not finish or the copy is incomplete: copy the file again, or restore it"
            }
            FormatErrorKind::UnknownMagic { .. } | FormatErrorKind::OtherKind { .. } => {
                "check that the file is where pg_tde put it, and restore it if it is damaged"
            }
            FormatErrorKind::UnsupportedVersion { .. }
                if matches!(self.file, FileKind::OneFileKeys | FileKind::ProviderConfig) =>
            {
                "written by another release, or changed: use that release, or restore the file"
            }
            FormatErrorKind::UnsupportedVersion { found } => {
                if found < 3 {
                    "written before pg_tde 1.0: open the cluster with that release and dump it"
                } else {
                    "written by a newer pg_tde: use a newer release of this crate"
                }
            }
            FormatErrorKind::Checksum | FormatErrorKind::Length { .. } => {
                "the file is damaged or cut short: copy it again, or restore it"
            }
            FormatErrorKind::Place { .. } => {
                "put the file back where it belongs, and restore the right one here"
            }
            FormatErrorKind::Fingerprint => "give the principal key that the file was written with",
            FormatErrorKind::Authentication if matches!(self.file, FileKind::OneFileKeys) => {
                "the file was changed after it was written: restore it"
            }
            FormatErrorKind::Authentication => {
                "give the principal key that the header names; if it is the right one, restore the file"
            }
            FormatErrorKind::NoKey => "look for a valid entry: this one is not in use",
            FormatErrorKind::Text => "change the provider with pg_tde, which rewrites its record",
            FormatErrorKind::KeyLength { .. } => "give a principal key of 16 or 32 bytes",
            FormatErrorKind::Name(_)
            | FormatErrorKind::Value { .. }
            | FormatErrorKind::UnknownEntryType { .. }
            | FormatErrorKind::UnknownRangeType { .. }
            | FormatErrorKind::UnknownCipher { .. }
            | FormatErrorKind::UnknownProviderType { .. } => {
                "the bytes are damaged or from an unknown release: restore the file"
            }
        }
    }
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, offset {}, {}: {}", self.file, self.offset, self.field, self.kind)
    }
}

impl fmt::Display for FormatErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort { actual, expected } => write!(f, "{actual} bytes, at least {expected} expected"),
            Self::UnknownMagic { found: [a, b, c, d] } => {
                write!(f, "the bytes {a:02x} {b:02x} {c:02x} {d:02x} begin no key file")
            }
            Self::OtherKind { found } => write!(f, "the file is a {found}"),
            Self::UnsupportedVersion { found } => write!(f, "version {found} cannot be read"),
            Self::Name(error) => error.fmt(f),
            Self::UnknownEntryType { found } => write!(f, "entry type {found} is neither EMPTY nor KEY"),
            Self::UnknownRangeType { found } => {
                write!(f, "range type {found} is neither INVALID, UNENCRYPTED nor ENCRYPTED")
            }
            Self::UnknownCipher { found } => write!(f, "cipher id {found} is unknown"),
            Self::UnknownProviderType { found } => write!(f, "provider type {found} is unknown"),
            Self::KeyLength { found } => write!(f, "a key of {found} bytes, 16 or 32 expected"),
            Self::TornRecord { length } => write!(f, "the file ends {length} bytes into a record"),
            Self::Text => f.write_str("the text is not UTF-8 or does not end"),
            Self::Checksum => f.write_str("the SHA-256 at the end does not match"),
            Self::Length { actual, expected } => write!(f, "{actual} bytes, {expected} expected"),
            Self::Value { found } => write!(f, "{found} is never written here"),
            Self::Place { found, expected } => {
                write!(f, "it is {found}, but the file lies where {expected} belongs")
            }
            Self::Fingerprint => {
                f.write_str("the principal key is another one than the file was sealed with")
            }
            Self::Authentication => f.write_str("the tag does not match"),
            Self::NoKey => f.write_str("the entry holds no key"),
        }
    }
}

impl core::error::Error for FormatError {}
