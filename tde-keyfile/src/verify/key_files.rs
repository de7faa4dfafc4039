//! The key files: every header's signature, every entry.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;

use super::finding::{Cause, Place, Problem, Severity};
use super::report::FileContents;
use super::run::Run;
use super::scan::Scan;
use crate::RelationLocator;
use crate::cluster::{self, Cluster, NoteKind, PrincipalKeyErrorKind, Scope, ScopeError, ScopeState};
use crate::format::relation_keys::EntryState;
use tde_wal::RangeKind;

/// Verifies all key files of a cluster.
pub(super) fn verify_key_files(run: &mut Run<'_>, cluster: &Cluster, scan: &Scan) {
    for note in cluster.notes() {
        let file = note.path().display().to_string();
        match (note.severity(), note.kind()) {
            // Found again, with its place, when the entries are walked.
            (_, NoteKind::UnreadableEntry(_)) => {}
            (cluster::Severity::Problem, kind) => {
                run.finding(file, Place::File, Problem::Format { error: kind.to_string() }, Cause::Damaged);
            }
            (_, kind) => run.note(file, kind.to_string()),
        }
    }
    for scope in cluster.scopes() {
        verify_scope(run, scope, scan);
    }
}

fn verify_scope(run: &mut Run<'_>, scope: &Scope, scan: &Scan) {
    let file = scope.path().display().to_string();
    run.report.key_files += 1;
    let opened = match scope.state() {
        ScopeState::Empty => false,
        ScopeState::Unlocked(_) => true,
        ScopeState::Locked(error) | ScopeState::Unreadable(error) => {
            let (problem, cause) = scope_problem(error);
            run.finding(file.clone(), Place::File, problem, cause);
            false
        }
    };
    let mut done = run.file(file);
    let (mut keys, mut without_file) = (0, 0usize);
    let mut entry_problem = |run: &mut Run<'_>, index, offset, error: String, cause| {
        let place = Place::Entry { index, offset };
        done.finding(run, place, Problem::KeyEntry { error }, cause, Severity::Error);
    };
    let key = scope.unlocked_key().ok().flatten();
    for entry in scope.relation_keys().iter().flat_map(|keys| keys.entries()) {
        match entry.state() {
            Ok(EntryState::Key(entry)) => {
                keys += 1;
                let (tablespace, relation) = (entry.tablespace(), entry.relation());
                let locator = RelationLocator { tablespace, database: scope.oid(), relation };
                without_file += usize::from(!scan.has_relation(&locator));
                if let Some(key) = key
                    && let Err(error) = entry.unwrap_key(key.wrap_key())
                {
                    let error = format!(
                        "the key of relation {} in tablespace {}: {error}",
                        entry.relation(),
                        entry.tablespace()
                    );
                    entry_problem(run, entry.index(), entry.offset(), error, Cause::Damaged);
                }
            }
            Ok(_) => {}
            Err(error) => {
                entry_problem(run, entry.index(), entry.offset(), error.to_string(), Cause::Damaged);
            }
        }
    }
    for (index, entry) in scope.wal_keys().iter().flat_map(|keys| keys.entries()).enumerate() {
        match entry {
            Ok(entry) if entry.kind() == RangeKind::Invalid => {}
            Ok(entry) => {
                keys += 1;
                if let Some(key) = key
                    && let Err(error) = entry.unwrap_key(key.wrap_key())
                {
                    let error = format!("the key of the WAL range from {}: {error}", entry.start());
                    entry_problem(run, entry.index(), entry.offset(), error, Cause::Damaged);
                }
            }
            Err(error) => entry_problem(run, index, error.offset(), error.to_string(), Cause::Damaged),
        }
    }
    if without_file > 0 {
        run.note(done.name(), format!("{without_file} of {keys} keys are of relations without a file here"));
    }
    if opened {
        run.report.keys += keys as u64;
    }
    done.done(run, FileContents::Keys { keys, opened });
}

fn scope_problem(error: &Arc<ScopeError>) -> (Problem, Cause) {
    match &**error {
        ScopeError::PrincipalKey { error, .. } => match error.kind() {
            PrincipalKeyErrorKind::WrongKey { .. } => {
                (Problem::HeaderSignature { error: error.to_string() }, Cause::WrongPrincipalKey)
            }
            _ => (Problem::PrincipalKey { error: error.to_string() }, Cause::KeyUnavailable),
        },
        ScopeError::Format { error, .. } => (Problem::Format { error: error.to_string() }, Cause::Damaged),
        other => (Problem::Unreadable { error: other.to_string() }, Cause::Unknown),
    }
}
