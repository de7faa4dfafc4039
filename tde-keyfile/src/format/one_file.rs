//! The files of the layout with one file per relation, as documented in `docs/format-one-file-per-relation.md`.
//!
//! This layout is ours: `pg_tde` does not read it. [`KeyFile`] is a key file as it was found, [`seal`] writes one;
//! [`ProviderConfig`] lists key providers; [`names`] says where the files lie.
//!
//! ```
//! use tde_core::{BaseIv, Cipher, InternalKey, PrincipalKey, WrapKey};
//! use tde_keyfile::Oid;
//! use tde_keyfile::format::header::{PrincipalKeyInfo, ProviderId, SetTime};
//! use tde_keyfile::format::one_file::{Entry, Header, KeyFile, Place, seal};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let principal = WrapKey::new(&PrincipalKey::from_slice(&[7; 16])?);
//! let key = InternalKey::random(Cipher::Aes256)?;
//! let place = Place::Relation { database: Oid::new(5), relation: 16397.into() };
//! let time = SetTime { seconds: 1_750_000_000, microseconds: 0 };
//! let info = PrincipalKeyInfo::new(Oid::new(5), ProviderId::new(1), time, "demo-key".parse()?);
//! let header = Header { place, info, provider_name: None, origin: None };
//! let bytes = seal(&header, &[(Entry::Relation { tablespace: Oid::PG_DEFAULT }, &key)], &principal)?;
//!
//! let file = KeyFile::parse(&bytes)?;
//! assert_eq!(file.place(), place);
//! let keys = file.open(&principal)?;
//! assert!(keys[0].1.ct_eq(&key));
//! # Ok(())
//! # }
//! ```

mod fingerprint;
mod key_file;
mod layout;
pub mod names;
mod provider_config;
mod seal;

use core::fmt;

use tde_wal::RangeEntry;

pub use fingerprint::Fingerprint;
pub use key_file::KeyFile;
pub use provider_config::ProviderConfig;
#[cfg(any(test, feature = "testing", feature = "fuzzing"))]
#[doc(hidden)]
pub use seal::seal_with_nonce;
pub use seal::{Header, seal};

use crate::format::{FileKind, FormatError, FormatErrorKind};
use crate::oid::{Oid, RelationNumber};

/// The version of both formats.
pub const VERSION: u32 = 1;

/// What a key file is for. The tag binds it, so that a file in another place is noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(clippy::exhaustive_enums)]
pub enum Place {
    /// The keys of a relation number of a database: one for each tablespace that has this number.
    Relation {
        /// The database.
        database: Oid,
        /// The relation number.
        relation: RelationNumber,
    },
    /// The principal key of a database; no internal keys.
    Database(Oid),
    /// The default principal key; no internal keys.
    Default,
    /// The principal key of the server, and the keys of its WAL ranges.
    Server,
}

impl Place {
    /// The file of a scope: a database, 1663 for the default key, 1664 for the server.
    #[must_use]
    pub fn of_scope(scope: Oid) -> Self {
        match scope {
            Oid::PG_DEFAULT => Self::Default,
            Oid::PG_GLOBAL => Self::Server,
            database => Self::Database(database),
        }
    }

    /// The scope that the file belongs to.
    #[must_use]
    pub const fn scope(self) -> Oid {
        match self {
            Self::Relation { database, .. } | Self::Database(database) => database,
            Self::Default => Oid::PG_DEFAULT,
            Self::Server => Oid::PG_GLOBAL,
        }
    }

    const fn kind(self) -> u32 {
        match self {
            Self::Relation { .. } => 1,
            Self::Database(_) => 2,
            Self::Default => 3,
            Self::Server => 4,
        }
    }

    fn relation(self) -> RelationNumber {
        match self {
            Self::Relation { relation, .. } => relation,
            _ => RelationNumber::new(0),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Relation { database, relation } => write!(f, "relation {relation} of database {database}"),
            Self::Database(database) => write!(f, "database {database}"),
            Self::Default => f.write_str("the default key"),
            Self::Server => f.write_str("the server (WAL)"),
        }
    }
}

/// What a key of a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)]
pub enum Entry {
    /// The relation in a tablespace.
    Relation {
        /// The tablespace, never 0.
        tablespace: Oid,
    },
    /// A range of WAL.
    Range(RangeEntry),
}

fn error(file: FileKind, offset: usize, field: &'static str, kind: FormatErrorKind) -> FormatError {
    FormatError::new(file, offset as u64, field, kind)
}
