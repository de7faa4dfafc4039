//! What an edit amounts to, in steps for people and programs.

use alloc::string::String;
use core::fmt;

use tde_core::Cipher;
use tde_wal::{Location, RangeKind};

use super::error::ScopeName;
use crate::format::header::{Magic, ProviderId};
use crate::name::{PrincipalKeyName, ProviderName};
use crate::oid::{Oid, RelationLocator};
use crate::postgres::RelationPath;

/// One step of an edit.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[allow(clippy::large_enum_variant, reason = "an edit has a handful of them")]
pub enum Step {
    /// A scope got its first principal key.
    ScopeCreated {
        /// The scope.
        scope: Oid,
        /// The key.
        key: PrincipalKeyName,
        /// Where it is.
        provider: ProviderId,
    },
    /// A scope got another principal key, and all its internal keys were wrapped anew.
    ScopeRotated {
        /// The scope.
        scope: Oid,
        /// The old key and where it is.
        from: (PrincipalKeyName, ProviderId),
        /// The new key and where it is.
        to: (PrincipalKeyName, ProviderId),
        /// How many internal keys there are.
        keys: usize,
    },
    /// A relation got a key.
    RelationKeyWritten {
        /// The relation.
        locator: RelationLocator,
        /// Whether it had one before.
        replaced: bool,
    },
    /// A relation's key was removed.
    RelationKeyFreed {
        /// The relation.
        locator: RelationLocator,
    },
    /// A plaintext relation was encrypted.
    RelationEncrypted {
        /// The first segment of its main fork.
        path: RelationPath,
        /// The cipher of its key.
        cipher: Cipher,
        /// Files of all forks.
        files: usize,
        /// Bytes in them.
        length: u64,
    },
    /// A relation was encrypted with another key and base vector.
    RelationRekeyed {
        /// The first segment of its main fork.
        path: RelationPath,
        /// The cipher of its new key.
        cipher: Cipher,
        /// Files of all forks.
        files: usize,
        /// Bytes in them.
        length: u64,
    },
    /// A relation that was to be encrypted has a key already, and stays as it is.
    RelationKept {
        /// The first segment of its main fork.
        path: RelationPath,
    },
    /// Pages changed without a trace in the WAL.
    FullBackupNeeded,
    /// A WAL range was made, to begin at the next write.
    WalRangeAppended {
        /// The place of its entry, from 0.
        index: usize,
        /// Its kind.
        kind: RangeKind,
    },
    /// A WAL range began.
    WalRangeStarted {
        /// The place of its entry, from 0.
        index: usize,
        /// Where.
        start: Location,
    },
    /// A scope was written in another layout.
    ScopeConverted {
        /// The scope.
        scope: Oid,
        /// Its principal key.
        key: PrincipalKeyName,
        /// Where that is.
        provider: ProviderId,
        /// How many internal keys there are.
        keys: usize,
    },
    /// A file was converted to another version.
    Converted {
        /// The file in `pg_tde/`.
        file: String,
        /// The old version.
        from: Magic,
        /// The new version.
        to: Magic,
        /// How many internal keys it has.
        keys: usize,
    },
    /// `keys_version` was written, or removed so that the server looks for itself.
    KeysVersion {
        /// Whether it is there now.
        written: bool,
    },
    /// Bytes behind the last whole record were cut off.
    TornTailDropped {
        /// The file in `pg_tde/`.
        file: String,
        /// How many bytes.
        length: u64,
    },
    /// An INVALID entry of `wal_keys` that kept the server key from being rotated was dropped.
    InvalidRangeDropped {
        /// Its place before, from 0.
        index: usize,
        /// Where the range had begun.
        start: Location,
    },
    /// A temporary file of an interrupted rotation was removed.
    LeftoverRemoved {
        /// The file in `pg_tde/`.
        file: String,
    },
    /// A temporary file that holds the only copy of a scope's keys was given its name.
    LeftoverRestored {
        /// The temporary file in `pg_tde/`.
        file: String,
        /// Its name now.
        name: String,
    },
    /// Something that repair could not, or would not, do.
    LeftAlone {
        /// The file in `pg_tde/`.
        file: String,
        /// Why, and what to do.
        reason: String,
    },
    /// A key provider was added.
    ProviderAdded {
        /// The database, or 1664 for a global one.
        scope: Oid,
        /// Its number.
        id: ProviderId,
        /// Its name.
        name: ProviderName,
    },
    /// A key provider got other settings.
    ProviderChanged {
        /// The database, or 1664 for a global one.
        scope: Oid,
        /// Its number.
        id: ProviderId,
        /// Its name.
        name: ProviderName,
        /// How many scopes were found to have their key with the new settings.
        verified: usize,
    },
    /// A key provider was deleted.
    ProviderDeleted {
        /// The database, or 1664 for a global one.
        scope: Oid,
        /// Its number, which is not given out again.
        id: ProviderId,
        /// Its name.
        name: ProviderName,
    },
    /// The new principal key was given as a file: nobody has asked its provider for it.
    KeyNotAskedFor {
        /// The key.
        key: PrincipalKeyName,
        /// The provider that must have it.
        provider: ProviderId,
    },
}

impl Step {
    /// A short name for programs, which stays the same.
    #[must_use]
    pub const fn action(&self) -> &'static str {
        match self {
            Self::ScopeCreated { .. } => "scope_created",
            Self::ScopeRotated { .. } => "scope_rotated",
            Self::RelationKeyWritten { .. } => "relation_key_written",
            Self::RelationKeyFreed { .. } => "relation_key_freed",
            Self::RelationEncrypted { .. } => "relation_encrypted",
            Self::RelationRekeyed { .. } => "relation_rekeyed",
            Self::RelationKept { .. } => "relation_kept",
            Self::FullBackupNeeded => "full_backup_needed",
            Self::WalRangeAppended { .. } => "wal_range_appended",
            Self::WalRangeStarted { .. } => "wal_range_started",
            Self::ScopeConverted { .. } => "scope_converted",
            Self::Converted { .. } => "converted",
            Self::KeysVersion { written: true } => "keys_version_written",
            Self::KeysVersion { written: false } => "keys_version_removed",
            Self::TornTailDropped { .. } => "torn_tail_dropped",
            Self::InvalidRangeDropped { .. } => "invalid_range_dropped",
            Self::LeftoverRemoved { .. } => "leftover_removed",
            Self::LeftoverRestored { .. } => "leftover_restored",
            Self::LeftAlone { .. } => "left_alone",
            Self::ProviderAdded { .. } => "provider_added",
            Self::ProviderChanged { .. } => "provider_changed",
            Self::ProviderDeleted { .. } => "provider_deleted",
            Self::KeyNotAskedFor { .. } => "key_not_asked_for",
        }
    }

    /// Whether this asks for somebody's attention, as opposed to telling what is done.
    #[must_use]
    pub const fn is_warning(&self) -> bool {
        matches!(self, Self::LeftAlone { .. } | Self::KeyNotAskedFor { .. } | Self::FullBackupNeeded)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ScopeCreated { scope, key, provider } => {
                write!(f, "give {} the principal key \"{key}\" of provider {provider}", ScopeName(*scope))
            }
            Self::ScopeRotated { scope, from: (old, old_provider), to: (new, provider), keys } => write!(
                f,
                "rotate {} from principal key \"{old}\" of provider {old_provider} to \"{new}\" of provider \
                 {provider}: {keys} internal {} wrapped anew",
                ScopeName(*scope),
                if *keys == 1 { "key" } else { "keys" }
            ),
            Self::RelationKeyWritten { locator, replaced: false } => {
                write!(f, "add the key of relation {locator}")
            }
            Self::RelationKeyWritten { locator, replaced: true } => {
                write!(f, "replace the key of relation {locator}")
            }
            Self::RelationKeyFreed { locator } => write!(f, "remove the key of relation {locator}"),
            Self::RelationEncrypted { path, cipher, files, length } => {
                write!(f, "encrypt {path} with {}: {}", cipher_name(*cipher), Amount(*files, *length))
            }
            Self::RelationRekeyed { path, cipher, files, length } => write!(
                f,
                "encrypt {path} with another key, {}: {}",
                cipher_name(*cipher),
                Amount(*files, *length)
            ),
            Self::RelationKept { path } => write!(f, "keep {path}, which has a key already"),
            Self::FullBackupNeeded => f.write_str(
                "pages are changed without a trace in the WAL: take a full backup before the next incremental one",
            ),
            Self::WalRangeAppended { index, kind } => {
                write!(f, "append WAL range {index} ({})", kind_name(*kind))
            }
            Self::WalRangeStarted { index, start } => write!(f, "begin WAL range {index} at {start}"),
            Self::ScopeConverted { scope, key, provider, keys } => write!(
                f,
                "write {} under principal key \"{key}\" of provider {provider}: {keys} internal {}",
                ScopeName(*scope),
                if *keys == 1 { "key" } else { "keys" }
            ),
            Self::Converted { file, from, to, keys } => write!(
                f,
                "convert {file} from version {} to {}: {keys} internal {}",
                from.version(),
                to.version(),
                if *keys == 1 { "key" } else { "keys" }
            ),
            Self::KeysVersion { written: true } => f.write_str("write keys_version as pg_tde 2.2 does"),
            Self::KeysVersion { written: false } => {
                f.write_str("remove keys_version, so that a server looks for itself")
            }
            Self::TornTailDropped { file, length } => {
                write!(f, "cut the last {length} bytes off {file}, which are not a whole record")
            }
            Self::InvalidRangeDropped { index, start } => {
                write!(f, "drop the INVALID WAL range {index} (begun at {start}), which no reader uses")
            }
            Self::LeftoverRemoved { file } => write!(f, "remove {file}, left by an interrupted rotation"),
            Self::LeftoverRestored { file, name } => {
                write!(f, "rename {file} to {name}: it is the only copy of these keys, and whole")
            }
            Self::LeftAlone { file, reason } => write!(f, "leave {file} alone: {reason}"),
            Self::ProviderAdded { id, name, .. } => write!(f, "add key provider {id} \"{name}\""),
            Self::ProviderChanged { id, name, verified, .. } => write!(
                f,
                "change key provider {id} \"{name}\" ({verified} {} verified with the new settings)",
                if *verified == 1 { "scope" } else { "scopes" }
            ),
            Self::ProviderDeleted { id, name, .. } => write!(f, "delete key provider {id} \"{name}\""),
            Self::KeyNotAskedFor { key, provider } => write!(
                f,
                "principal key \"{key}\" was given as a file: see to it that provider {provider} has it under this name"
            ),
        }
    }
}

const fn kind_name(kind: RangeKind) -> &'static str {
    match kind {
        RangeKind::Invalid => "INVALID",
        RangeKind::Unencrypted => "unencrypted",
        RangeKind::Encrypted => "encrypted",
    }
}

const fn cipher_name(cipher: Cipher) -> &'static str {
    match cipher {
        Cipher::Aes128 => "AES-128",
        Cipher::Aes256 => "AES-256",
    }
}

/// Files and bytes.
struct Amount(usize, u64);

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}, {} bytes", self.0, if self.0 == 1 { "file" } else { "files" }, self.1)
    }
}
