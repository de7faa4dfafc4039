//! Why key files cannot be changed as asked.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use std::path::PathBuf;

use crate::cluster::{ClusterError, ScopeError};
use crate::file::FileError;
use crate::format::header::{Magic, ProviderId};
use crate::format::provider_options::OptionsError;
use crate::format::providers::ProviderKind;
use crate::format::{EncodeError, FormatError};
use crate::name::{PrincipalKeyName, ProviderName};
use crate::oid::{Oid, RelationLocator};
use crate::postgres::RelationPath;
use crate::provider::ProviderError;
use crate::storage;
use crate::store::Layout;

/// A change that cannot be made. Unless [`Storage`](Self::Storage) says otherwise, nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// Files could not be read, locked or written, or the server is not known to be stopped.
    #[error(transparent)]
    Storage(#[from] storage::Error),
    /// There is no key directory.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// A file that would have to be read cannot be.
    #[error(transparent)]
    File(#[from] FileError),
    /// The principal key of a scope is not at hand, or its file is damaged.
    #[error(transparent)]
    Scope(#[from] Arc<ScopeError>),
    /// A file is damaged, or not fully understood: then it is not rewritten.
    #[error("{}: {error}", path.display())]
    Format {
        /// The file, relative to the data directory.
        path: PathBuf,
        /// What is wrong with it.
        error: FormatError,
    },
    /// Something does not fit the format that it is to be written in.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// An earlier change of several files was interrupted, and planning cannot see beyond its completion.
    #[error("an interrupted change ({description}) has to be completed or undone first")]
    Interrupted {
        /// What the change was.
        description: String,
    },
    /// The scope has no principal key, nor is there a default key.
    #[error("{} has no principal key yet", ScopeName(*scope))]
    NoPrincipalKey {
        /// The scope.
        scope: Oid,
    },
    /// The scope has a principal key already.
    #[error("{} has a principal key already", ScopeName(*scope))]
    ScopeExists {
        /// The scope.
        scope: Oid,
    },
    /// A principal key of 32 bytes for a file that is read by releases that take 16 only.
    #[error(
        "principal key \"{name}\" has 32 bytes, but pg_tde before 2.2, which reads {} version {}, takes 16 only",
        version.file(), version.version()
    )]
    PrincipalKeyLength {
        /// The key.
        name: Box<PrincipalKeyName>,
        /// The version of the file.
        version: Magic,
    },
    /// Only the first 16 of the principal key's 32 bytes are in use, which pg_tde 2.2 does not do.
    #[error("{} uses the first 16 bytes of a principal key of 32, as pg_tde 1.0 did", ScopeName(*scope))]
    TruncatedPrincipalKey {
        /// The scope.
        scope: Oid,
    },
    /// The provider has no key of this name.
    #[error("principal key \"{name}\" of provider {provider}: no such key in {}", searched.join(", "))]
    PrincipalKeyNotFound {
        /// The key.
        name: Box<PrincipalKeyName>,
        /// The provider.
        provider: ProviderId,
        /// The places that were searched.
        searched: alloc::vec::Vec<String>,
    },
    /// The provider has a key of this name already (names are compared without regard to case).
    #[error("{place} has a principal key \"{name}\" already")]
    PrincipalKeyExists {
        /// The key, as it is spelled there.
        name: Box<PrincipalKeyName>,
        /// The place.
        place: String,
    },
    /// The provider could not be asked.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// There is no such provider.
    #[error("there is no key provider {provider} for {}", ScopeName(*scope))]
    ProviderNotFound {
        /// Its name or number.
        provider: String,
        /// The scope that was to use it.
        scope: Oid,
    },
    /// A database's own provider and a global one have the same name.
    #[error(
        "\"{name}\" is the name of provider {local} of the database and of the global provider {global}: give the number"
    )]
    ProviderAmbiguous {
        /// The name.
        name: Box<ProviderName>,
        /// The database's own.
        local: ProviderId,
        /// The global one.
        global: ProviderId,
    },
    /// The server key and the default key can be in global providers only.
    #[error("{} needs a global key provider, and {provider} is one of a database", ScopeName(*scope))]
    ProviderNotGlobal {
        /// The scope.
        scope: Oid,
        /// The provider.
        provider: ProviderId,
    },
    /// A provider of this kind is not reached from here.
    #[error("provider {provider} is of type {kind}, which is not reached from here")]
    ProviderNotReached {
        /// The provider.
        provider: ProviderId,
        /// Its kind.
        kind: ProviderKind,
    },
    /// Another provider has this name.
    #[error("there is a key provider \"{name}\" already (number {id})")]
    ProviderExists {
        /// The name.
        name: Box<ProviderName>,
        /// The other provider.
        id: ProviderId,
    },
    /// A scope's principal key is in this provider.
    #[error("key provider {id} has the principal key \"{key}\", which {} uses", ScopeName(*scope))]
    ProviderInUse {
        /// The provider.
        id: ProviderId,
        /// The key.
        key: Box<PrincipalKeyName>,
        /// The scope.
        scope: Oid,
    },
    /// With the new settings, a provider does not have a key that is in use.
    #[error("with these settings, provider {id} does not have the principal key \"{key}\" that {} uses", ScopeName(*scope))]
    ProviderLosesKey {
        /// The provider.
        id: ProviderId,
        /// The key.
        key: Box<PrincipalKeyName>,
        /// The scope.
        scope: Oid,
    },
    /// All numbers of providers are used up.
    #[error("no number is left for another key provider")]
    ProviderNumbers,
    /// The options of a provider cannot be used.
    #[error("provider options: {0}")]
    Options(#[from] OptionsError),
    /// The relation has no key.
    #[error("relation {locator} has no key")]
    NoRelationKey {
        /// The relation.
        locator: RelationLocator,
    },
    /// The relation has a key already.
    #[error("relation {locator} has a key already, without which its pages cannot be read")]
    RelationKeyExists {
        /// The relation.
        locator: RelationLocator,
    },
    /// A relation of a kind that is never encrypted.
    #[error("{path}: {reason}")]
    NotEncrypted {
        /// The relation.
        path: RelationPath,
        /// Which kind.
        reason: &'static str,
    },
    /// The relation has no files.
    #[error("{path}: there is no such relation")]
    NoRelationFiles {
        /// The relation.
        path: RelationPath,
    },
    /// The lengths of a relation's files leave open which blocks they hold.
    #[error("{path} ({length} bytes): {reason}")]
    RelationLength {
        /// The file.
        path: RelationPath,
        /// Its length in bytes.
        length: u64,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The server would replay WAL before anything else, which may drop or replace keys of relations.
    #[error(
        "{}: {reason}, so the server will replay WAL when it starts, which may drop a key written here or replace it",
        path.display()
    )]
    RecoveryPending {
        /// The file that says so.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// Keys of relations belong to databases, not to the server or the default key.
    #[error("{} holds no relation keys", ScopeName(*scope))]
    NotADatabase {
        /// The scope.
        scope: Oid,
    },
    /// An INVALID range of WAL whose key does not unwrap any more.
    #[error("{}: entry {index} is INVALID and its key does not unwrap, so the file cannot be re-wrapped", path.display())]
    InvalidRange {
        /// The file, relative to the data directory.
        path: PathBuf,
        /// The place of the entry, from 0.
        index: usize,
    },
    /// There is no range that could be started or ended so.
    #[error("WAL ranges: {reason}")]
    WalRange {
        /// Why.
        reason: &'static str,
    },
    /// Files of `pg_tde`'s layout and of the one with one file per relation lie side by side.
    #[error("{} has key files of both layouts, pg_tde's and one file per relation", path.display())]
    MixedLayouts {
        /// The `pg_tde` directory.
        path: PathBuf,
    },
    /// The directory that keys are to be converted into has some already.
    #[error("{} has key files already; nothing was written", path.display())]
    NotEmpty {
        /// The `pg_tde` directory.
        path: PathBuf,
    },
    /// A database has key files of relations, but none that names its principal key.
    #[error("{} is missing, which names the principal key of the scope", path.display())]
    NoScopeFile {
        /// The file, relative to the data directory.
        path: PathBuf,
    },
    /// The key files have the wanted layout already.
    #[error("the key files of {} have the layout {layout} already", path.display())]
    SameLayout {
        /// The directory.
        path: PathBuf,
        /// The layout.
        layout: Layout,
    },
    /// The key files are to be converted into their own directory.
    #[error("{} is the directory that the keys are in; convert into another", path.display())]
    SameDirectory {
        /// The directory.
        path: PathBuf,
    },
    /// The provider's number belongs to another provider than the key file was bound to.
    #[error(
        "{}: it is bound to key provider {id} \"{bound}\", but provider_config has \"{found}\" under that number",
        path.display()
    )]
    OtherProvider {
        /// The key file, relative to the data directory.
        path: PathBuf,
        /// The number.
        id: ProviderId,
        /// The name that the key file binds.
        bound: Box<ProviderName>,
        /// The name of the provider that has the number.
        found: Box<ProviderName>,
    },
    /// The system gave no random bytes.
    #[error("the system gives no random bytes")]
    Random,
}

impl EditError {
    /// What somebody who meets this error can do, if its text does not say.
    #[must_use]
    pub fn advice(&self) -> Option<&'static str> {
        Some(match self {
            Self::Scope(error) => error.advice(),
            Self::Format { error, .. } => error.advice(),
            Self::Cluster(error) => error.advice(),
            Self::Interrupted { .. } => "run `tde repair` first, or this command without `--dry-run`",
            Self::NoPrincipalKey { .. } => {
                "`tde scope create` gives it its first, as do pg_tde's SQL functions"
            }
            Self::PrincipalKeyLength { .. } => {
                "take a key of 16 bytes, or convert the files to those of pg_tde 2.2"
            }
            Self::TruncatedPrincipalKey { .. } => "rotate to a key of 16 bytes first",
            Self::PrincipalKeyNotFound { .. } => {
                "make it first (`--create` does so at the provider), or give it with `--principal-key NAME=FILE`"
            }
            Self::PrincipalKeyExists { .. } => "use the key that is there, or choose another name",
            Self::ProviderNotFound { .. } => "`tde provider list` shows the providers",
            Self::ProviderNotReached { .. } => "give the key with `--principal-key NAME=FILE`",
            Self::ProviderInUse { .. } => "rotate that scope to a key of another provider first",
            Self::ProviderLosesKey { .. } => "copy the key to the new place first",
            Self::NoRelationKey { .. } => "`tde relation encrypt` gives it one",
            Self::RecoveryPending { .. } => {
                "start it as a primary and stop it cleanly first; copies and standbys cannot do without"
            }
            Self::RelationLength { .. } => {
                "`tde verify` says more; copy the file again, or let the server repair it"
            }
            Self::Storage(storage::Error::Content { .. }) => "`tde verify` says more about its pages",
            Self::InvalidRange { .. } => "drop such entries with `tde repair`: no reader uses them",
            Self::MixedLayouts { .. } => "move the files of one of them away",
            Self::NoScopeFile { .. } => {
                "restore it; the key of each relation can be read without it, but not all of them together"
            }
            Self::NotEmpty { .. } => "give a directory without key files",
            Self::OtherProvider { .. } => "restore provider_config, or give the principal key itself",
            _ => return None,
        })
    }
}

/// A scope as people call it.
#[derive(Debug, Clone, Copy)]
pub(super) struct ScopeName(pub(super) Oid);

impl core::fmt::Display for ScopeName {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.0 {
            Oid::PG_DEFAULT => f.write_str("the default key"),
            Oid::PG_GLOBAL => f.write_str("the server (WAL)"),
            database => write!(f, "database {database}"),
        }
    }
}
