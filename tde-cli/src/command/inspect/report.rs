//! The report of `tde inspect`: what `--json` prints, and what the text is made from.
//!
//! The schema is documented in `docs/json-output.md`. Fields may be added to it; a change to one that
//! exists is a new schema number.

use serde::Serialize;

use tde_core::Cipher;
use tde_keyfile::cluster::{
    Cluster, ListedProvider, Note, ProvidersFile, Scope, ScopeError, ScopeKind, ScopeState, Severity,
};
use tde_keyfile::format::header::{Magic, SetTime};
use tde_keyfile::format::provider_options::ProviderOptions;
use tde_wal::{Location, RangeKind};

use crate::control_file::ControlReport;
use crate::open::lacks_key;

/// Everything that `tde inspect` knows.
#[derive(Debug, Serialize)]
pub(crate) struct InspectReport {
    schema: &'static str,
    pub(super) data_directory: String,
    pub(super) control_file: Option<ControlReport>,
    pub(super) keys_version: Option<KeysVersionReport>,
    pub(super) scopes: Vec<ScopeReport>,
    pub(super) wal_ranges: Vec<RangeReport>,
    pub(super) providers: Vec<ProviderReport>,
    pub(super) notes: Vec<NoteReport>,
}

/// The versions that `keys_version` names.
#[derive(Debug, Serialize)]
pub(super) struct KeysVersionReport {
    pub(super) relation_keys: Option<u8>,
    pub(super) wal_keys: Option<u8>,
}

/// A scope and its principal key.
#[derive(Debug, Serialize)]
pub(super) struct ScopeReport {
    pub(super) kind: &'static str,
    pub(super) oid: u32,
    pub(super) file: String,
    pub(super) file_version: Option<u8>,
    pub(super) header: HeaderState,
    /// Why the header is not verified.
    pub(super) problem: Option<String>,
    pub(super) principal_key: Option<PrincipalKeyReport>,
    pub(super) relation_keys: Option<RelationKeysReport>,
    pub(super) wal_keys: Option<WalKeysReport>,
}

/// How far a header can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum HeaderState {
    /// The principal key confirms it.
    Verified,
    /// Its principal key is not at hand.
    NotVerified,
    /// A principal key of that name does not fit it.
    Wrong,
    /// It cannot be read.
    Unreadable,
    /// There is none: the file is empty.
    None,
}

/// What a header says of its principal key.
#[derive(Debug, Serialize)]
pub(super) struct PrincipalKeyReport {
    pub(super) name: String,
    pub(super) provider_id: i32,
    pub(super) provider_name: Option<String>,
    pub(super) set_at: Option<String>,
    /// Where the key was found.
    pub(super) found_in: Option<String>,
    /// Whether it is also the default key of the cluster.
    pub(super) uses_default_key: bool,
}

/// Relation keys of a scope.
#[derive(Debug, Serialize)]
pub(super) struct RelationKeysReport {
    pub(super) aes_128: usize,
    pub(super) aes_256: usize,
    pub(super) empty: usize,
    pub(super) unreadable: usize,
}

/// WAL keys of the server scope.
#[derive(Debug, Serialize)]
pub(super) struct WalKeysReport {
    pub(super) aes_128: usize,
    pub(super) aes_256: usize,
    pub(super) unencrypted: usize,
    pub(super) not_started: usize,
    pub(super) invalid: usize,
    pub(super) unreadable: usize,
}

/// An entry of `wal_keys`.
#[derive(Debug, Serialize)]
pub(super) struct RangeReport {
    pub(super) index: usize,
    pub(super) offset: u64,
    pub(super) kind: &'static str,
    pub(super) cipher: Option<&'static str>,
    pub(super) started: bool,
    pub(super) start: Option<LocationReport>,
    /// Where the next range that counts begins; none for the last one, and for those that do not count.
    pub(super) end: Option<LocationReport>,
}

/// A place in WAL.
#[derive(Clone, Debug, Serialize)]
pub(super) struct LocationReport {
    pub(super) timeline: u32,
    pub(super) lsn: String,
}

/// A provider's record.
#[derive(Debug, Serialize)]
pub(super) struct ProviderReport {
    pub(super) scope: u32,
    pub(super) file: String,
    pub(super) offset: u64,
    pub(super) id: i32,
    pub(super) deleted: bool,
    pub(super) name: Option<String>,
    pub(super) kind: Option<String>,
    /// Where it is: the keyring's path, the server's address.
    pub(super) location: Option<String>,
    pub(super) problem: Option<String>,
}

/// Something odd.
#[derive(Debug, Serialize)]
pub(super) struct NoteReport {
    pub(super) severity: &'static str,
    pub(super) file: String,
    pub(super) text: String,
}

impl InspectReport {
    pub(crate) fn of(cluster: &Cluster) -> Self {
        let mut notes: Vec<_> = cluster.notes().iter().map(NoteReport::of).collect();
        let (control_file, note) = ControlReport::read(cluster.directory());
        notes.extend(note.map(|(severity, text)| NoteReport {
            severity,
            file: ControlReport::PATH.to_owned(),
            text,
        }));
        let default = cluster.scope(tde_keyfile::Oid::PG_DEFAULT);
        Self {
            schema: "tde.inspect/1",
            data_directory: cluster.directory().display().to_string(),
            control_file,
            keys_version: cluster.keys_version().map(|version| KeysVersionReport {
                relation_keys: version.relation_keys().map(Magic::version),
                wal_keys: version.wal_keys().map(Magic::version),
            }),
            scopes: cluster.scopes().map(|scope| ScopeReport::of(scope, default)).collect(),
            wal_ranges: cluster.scope(tde_keyfile::Oid::PG_GLOBAL).map(ranges).unwrap_or_default(),
            providers: cluster
                .providers()
                .flat_map(|file| file.records().iter().map(|record| ProviderReport::of(file, record)))
                .collect(),
            notes,
        }
    }

    /// Whether a key file or a principal key is wrong, rather than merely odd or not at hand.
    pub(crate) fn is_wrong(&self) -> bool {
        self.scopes.iter().any(|scope| matches!(scope.header, HeaderState::Wrong | HeaderState::Unreadable))
            || self.notes.iter().any(|note| note.severity == "problem")
    }
}

impl ScopeReport {
    fn of(scope: &Scope, default: Option<&Scope>) -> Self {
        let (header, problem) = match scope.state() {
            ScopeState::Empty => (HeaderState::None, None),
            ScopeState::Unlocked(_) => (HeaderState::Verified, None),
            ScopeState::Locked(error) => {
                let state = if lacks_key(error) { HeaderState::NotVerified } else { HeaderState::Wrong };
                (state, Some(without_path(error)))
            }
            ScopeState::Unreadable(error) => (HeaderState::Unreadable, Some(without_path(error))),
        };
        let default = default.filter(|default| default.oid() != scope.oid());
        Self {
            kind: match scope.kind() {
                ScopeKind::Database => "database",
                ScopeKind::DefaultKey => "default",
                ScopeKind::Server => "server",
            },
            oid: scope.oid().get(),
            file: scope.path().display().to_string(),
            file_version: scope.magic().map(Magic::version),
            header,
            problem,
            principal_key: scope.principal_key().map(|key| PrincipalKeyReport {
                name: key.name().to_string(),
                provider_id: key.provider().get(),
                provider_name: scope.provider().map(|provider| provider.name().to_string()),
                set_at: timestamp(key.set_time()),
                found_in: match scope.state() {
                    ScopeState::Unlocked(key) => Some(key.place().to_owned()),
                    _ => None,
                },
                uses_default_key: default
                    .and_then(Scope::principal_key)
                    .is_some_and(|default| default.is_same_key(key)),
            }),
            relation_keys: scope.entry_counts().map(|counts| RelationKeysReport {
                aes_128: counts.aes_128,
                aes_256: counts.aes_256,
                empty: counts.empty,
                unreadable: counts.unreadable,
            }),
            wal_keys: scope.range_counts().map(|counts| WalKeysReport {
                aes_128: counts.aes_128,
                aes_256: counts.aes_256,
                unencrypted: counts.unencrypted,
                not_started: counts.not_started,
                invalid: counts.invalid,
                unreadable: counts.unreadable,
            }),
        }
    }
}

/// The error without the file's name, which stands beside it.
fn without_path(error: &ScopeError) -> String {
    match error {
        ScopeError::Format { error, .. } => error.to_string(),
        ScopeError::PrincipalKey { error, .. } => error.to_string(),
        error => error.to_string(),
    }
}

fn ranges(server: &Scope) -> Vec<RangeReport> {
    let Some(keys) = server.wal_keys() else { return Vec::new() };
    let mut ranges: Vec<RangeReport> = Vec::new();
    let mut open: Option<usize> = None;
    for entry in keys.entries() {
        // Entries that cannot be read are among the notes.
        let Ok(entry) = entry else { continue };
        let start = entry.is_started().then(|| LocationReport::of(entry.start()));
        if entry.is_started() && entry.kind() != RangeKind::Invalid {
            if let Some(before) = open.and_then(|at| ranges.get_mut(at)) {
                before.end.clone_from(&start);
            }
            open = Some(ranges.len());
        }
        ranges.push(RangeReport {
            index: entry.index(),
            offset: entry.offset(),
            kind: match entry.kind() {
                RangeKind::Encrypted => "encrypted",
                RangeKind::Unencrypted => "unencrypted",
                _ => "invalid",
            },
            cipher: entry.cipher().filter(|_| entry.kind() == RangeKind::Encrypted).map(cipher_code),
            started: entry.is_started(),
            start,
            end: None,
        });
    }
    ranges
}

fn cipher_code(cipher: Cipher) -> &'static str {
    match cipher {
        Cipher::Aes128 => "aes_128",
        Cipher::Aes256 => "aes_256",
    }
}

impl LocationReport {
    fn of(location: Location) -> Self {
        Self { timeline: location.timeline.get(), lsn: location.lsn.to_string() }
    }
}

impl ProviderReport {
    fn of(file: &ProvidersFile, record: &ListedProvider) -> Self {
        let (provider, problem) = match record.provider() {
            Ok(provider) => (provider, None),
            Err(error) => (None, Some(error.to_string())),
        };
        Self {
            scope: file.scope().get(),
            file: file.path().display().to_string(),
            offset: record.offset(),
            id: record.id().get(),
            deleted: record.is_deleted(),
            name: provider.map(|provider| provider.name().to_string()),
            kind: provider.map(|provider| provider.kind().to_string()),
            location: provider.and_then(|provider| match provider.options() {
                ProviderOptions::File { path } => Some(path.clone()),
                ProviderOptions::VaultV2 { url, mount_path, .. } => Some(format!("{url} {mount_path}")),
                ProviderOptions::Kmip { host, port, .. } => Some(format!("{host}:{port}")),
                _ => None,
            }),
            problem,
        }
    }
}

impl NoteReport {
    fn of(note: &Note) -> Self {
        Self {
            severity: match note.severity() {
                Severity::Notice => "notice",
                Severity::Warning => "warning",
                Severity::Problem => "problem",
            },
            file: note.path().display().to_string(),
            text: note.kind().to_string(),
        }
    }
}

/// Microseconds in RFC 3339; none for a time that no calendar has.
fn timestamp(time: SetTime) -> Option<String> {
    let micros = i128::from(time.seconds) * 1_000_000 + i128::from(time.microseconds);
    let timestamp = jiff::Timestamp::from_microsecond(i64::try_from(micros).ok()?).ok()?;
    Some(timestamp.to_string())
}
