//! Where the files of the layout lie, relative to the data directory.

use alloc::format;
use std::path::PathBuf;

use super::Place;
use crate::format::names::DIRECTORY;
use crate::oid::{Oid, RelationNumber};

/// The directory of the server's files below `pg_tde/`.
pub const GLOBAL: &str = "global";
/// The file of a scope's key providers.
pub const PROVIDER_CONFIG: &str = "provider_config";
/// The file of the server's principal key and its WAL ranges.
pub const SERVER_KEY: &str = "server_key.key";
/// The file of the default principal key.
pub const DEFAULT_KEY: &str = "default_key.key";
/// The file of a database's principal key.
pub const DATABASE_KEY: &str = "database_key.key";

/// What the name of a file or directory of the layout says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FileName {
    /// `<relation number>.key`.
    Relation(RelationNumber),
    /// `database_key.key`, `default_key.key` or `server_key.key`.
    PrincipalKey,
    /// `provider_config`.
    ProviderConfig,
    /// `tde-<id>-<index>.new`: of the writers of this project.
    Writer,
    /// Not a name of the layout.
    Foreign,
}

impl FileName {
    /// What `name` is the name of, in the directory of a database or, with [`GLOBAL`], in that of the server.
    #[must_use]
    pub fn parse(name: &str, is_global: bool) -> Self {
        match (name, is_global) {
            (PROVIDER_CONFIG, _) => Self::ProviderConfig,
            (SERVER_KEY | DEFAULT_KEY, true) | (DATABASE_KEY, false) => Self::PrincipalKey,
            (name, _) if name.starts_with("tde-") && name.ends_with(".new") => Self::Writer,
            (name, false) => {
                let number = name.strip_suffix(".key").and_then(number);
                number.map_or(Self::Foreign, |number| Self::Relation(RelationNumber::new(number)))
            }
            _ => Self::Foreign,
        }
    }
}

/// The database whose files are in a directory of this name below `pg_tde/`.
#[must_use]
pub fn database(directory: &str) -> Option<Oid> {
    let oid = Oid::new(number(directory)?);
    (oid != Oid::PG_DEFAULT && oid != Oid::PG_GLOBAL).then_some(oid)
}

/// The directory of a scope.
#[must_use]
pub fn directory(scope: Oid) -> PathBuf {
    let is_database = scope != Oid::PG_DEFAULT && scope != Oid::PG_GLOBAL;
    PathBuf::from(DIRECTORY).join(if is_database { format!("{scope}") } else { GLOBAL.into() })
}

/// The key file of a place.
#[must_use]
pub fn key_file(place: Place) -> PathBuf {
    let directory = directory(place.scope());
    match place {
        Place::Relation { relation, .. } => directory.join(format!("{relation}.key")),
        Place::Database(_) => directory.join(DATABASE_KEY),
        Place::Default => directory.join(DEFAULT_KEY),
        Place::Server => directory.join(SERVER_KEY),
    }
}

/// The file of a scope's key providers; 1664 holds the global ones.
#[must_use]
pub fn provider_config(scope: Oid) -> PathBuf {
    directory(scope).join(PROVIDER_CONFIG)
}

/// A decimal number as it is printed: no sign, no zeros in front.
fn number(text: &str) -> Option<u32> {
    text.parse().ok().filter(|number: &u32| format!("{number}") == text)
}
