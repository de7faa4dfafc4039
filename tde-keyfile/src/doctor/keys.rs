//! The key files, and whether each scope's principal key opens it.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::error::Error as _;

use super::{Check, counted, pass_unless_told};
use crate::cluster::{
    Cluster, NoteKind, PrincipalKeyErrorKind, Scope, ScopeError, ScopeKind, ScopeState, Severity,
};

pub(super) fn check(checks: &mut Vec<Check>, cluster: &Cluster) {
    key_files(checks, cluster);
    scope_keys(checks, cluster);
}

/// What was odd when the files were read; what others of these checks are about is left to them.
fn key_files(checks: &mut Vec<Check>, cluster: &Cluster) {
    const ID: &str = "key-files";
    let before = checks.len();
    for note in cluster.notes() {
        let (text, file) = (note.kind().to_string(), note.path().display());
        checks.push(match (note.kind(), note.severity()) {
            (_, Severity::Notice)
            | (NoteKind::InterruptedRotation | NoteKind::ForeignFile | NoteKind::DamagedProvider { .. }, _) =>
            {
                continue;
            }
            (NoteKind::ServerKeys1 | NoteKind::BetaKeys, _) => {
                Check::warning(ID, text, "move it out of the data directory once nothing needs it")
                    .about(file)
            }
            (NoteKind::OtherDatabase { .. }, _) => {
                Check::warning(ID, text, "look whether files of two databases were mixed up").about(file)
            }
            (NoteKind::TruncatedPrincipalKey, _) => {
                Check::warning(ID, text, "set a new principal key: later releases use all of the key")
                    .about(file)
            }
            (_, Severity::Warning) => {
                Check::warning(ID, text, "look at `tde repair DATADIR --dry-run`").about(file)
            }
            (NoteKind::StaleKeysVersion { .. } | NoteKind::UnknownKeysVersion, _) => {
                Check::failure(ID, text, "run `tde upgrade DATADIR` with the server stopped").about(file)
            }
            (NoteKind::UnreadableFile, _) => {
                Check::failure(ID, text, "check its owner and mode, or restore it from a backup").about(file)
            }
            (_, Severity::Problem) => Check::failure(
                ID,
                text,
                "restore the file from a backup; `tde repair DATADIR --dry-run` says what can be mended",
            )
            .about(file),
        });
    }
    for scope in cluster.scopes() {
        if let ScopeState::Unreadable(error) = scope.state() {
            checks.push(Check::failure(ID, with_source(error), error.advice()).about(scope.path().display()));
        }
    }
    let keys: usize = cluster.scopes().filter_map(Scope::entry_counts).map(|counts| counts.keys()).sum();
    let text = format!(
        "{} with {} read",
        counted(cluster.scopes().len(), "key file"),
        counted(keys, "relation key")
    );
    pass_unless_told(checks, before, Check::pass(ID, text));
}

fn scope_keys(checks: &mut Vec<Check>, cluster: &Cluster) {
    const ID: &str = "scope-keys";
    let before = checks.len();
    let mut verified = 0;
    for scope in cluster.scopes() {
        match scope.state() {
            ScopeState::Unlocked(_) => verified += 1,
            ScopeState::Empty | ScopeState::Unreadable(_) => {}
            ScopeState::Locked(error) => {
                checks.push(Check::failure(ID, with_source(error), advice(error)).about(name(scope)));
            }
        }
    }
    let text = match verified {
        0 => "no scope has a principal key".into(),
        count => format!("{}: the principal key is at hand and verifies", counted(count, "scope")),
    };
    pass_unless_told(checks, before, Check::pass(ID, text));
}

fn advice(error: &ScopeError) -> &'static str {
    match error {
        ScopeError::PrincipalKey { error, .. } => match error.kind() {
            PrincipalKeyErrorKind::ProviderAbsent => "restore the providers file from a backup",
            PrincipalKeyErrorKind::ProviderDamaged(_) => "set it right with `tde provider change`",
            PrincipalKeyErrorKind::NotFound { .. } => {
                "restore the key at its provider, or name the keyring that has it with `--keyring`; without the key \
                 the data is lost"
            }
            _ => error.advice(),
        },
        _ => error.advice(),
    }
}

fn with_source(error: &ScopeError) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

fn name(scope: &Scope) -> String {
    match scope.kind() {
        ScopeKind::Database => format!("database {}", scope.oid()),
        ScopeKind::DefaultKey => "default key".into(),
        ScopeKind::Server => "server key".into(),
    }
}
