//! Proof that a cluster can be decrypted: every header, every key, every page, every WAL record.
//!
//! [`verify`] reads a data directory, or what there is of it, and says what is wrong with which file where,
//! and what that most likely means: a wrong key, the right key with a wrong IV, a torn or damaged page,
//! plaintext where ciphertext belongs. Nothing is written.
//!
//! ```no_run
//! use tde_keyfile::cluster::{Cluster, OpenOptions};
//! use tde_keyfile::verify::{VerifyOptions, verify};
//!
//! let cluster = Cluster::open("/srv/copy/data", &OpenOptions::new().keyring("/srv/copy/keys"))?;
//! let report = verify(&cluster, &VerifyOptions::default(), &mut ());
//! for finding in &report.findings {
//!     eprintln!("{finding}");
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What a clean report proves
//!
//! `pg_tde` authenticates the principal key's name (header signature) and every internal key (GCM). It does
//! not authenticate base IVs, starts of WAL ranges, pages or WAL. What vouches for those is PostgreSQL's own:
//! page headers and page checksums, WAL page headers and the chain of records with their CRC-32C. All of it
//! detects accidents; none of it stops somebody who can write to the directory and knows what they do. Without
//! data checksums, damage behind a page's header goes unnoticed.
//!
//! Partial copies are fine: what is absent is noted. Files that are not PostgreSQL's are left alone.

#[cfg(feature = "rayon")]
mod ahead;
mod bad_pages;
mod finding;
#[cfg(all(feature = "write", unix))]
mod interrupted;
#[cfg(all(feature = "write", unix))]
mod inventory;
mod iv_search;
mod key_files;
mod key_search;
mod page;
mod relation;
mod report;
mod run;
mod scan;
mod wal;
mod wal_keys;
mod wal_walk;

use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::time::Duration;
use std::thread;

pub use finding::{Cause, Finding, IvEvidence, Note, Place, Problem, Severity};
pub use report::{FileContents, Observer, RelationProtection, Report, VerifiedFile};

#[cfg(all(feature = "write", unix))]
pub(crate) use inventory::Inventory;
#[cfg(all(feature = "write", unix))]
pub(crate) use page::{is_plaintext, looks_random};

use crate::cluster::Cluster;
use crate::file::{FileError, read_bounded};
use crate::postgres::{
    BackupLabel, ClusterState, ControlFile, ControlFileError, PostmasterPid, TablespaceVersion,
};
use crate::relation_file::RelationGeometry;
#[cfg(feature = "rayon")]
use ahead::Ahead;
use key_search::KeySearch;
use relation::{LookedAt, PageRules, SegmentFile};
use run::Run;
use scan::Scan;
use wal::Wal;

/// Longest `pg_control`, `backup_label` and `postmaster.pid` that are read.
const MAX_SMALL_FILE: u64 = 64 << 10;

/// What to verify, and how much to tell.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct VerifyOptions {
    /// Whether the pages of relations without a key are checked too (they are by default): that is how a
    /// removed key entry shows.
    pub plain_relations: bool,
    /// Findings kept of one file; more are counted.
    pub max_findings_per_file: u32,
    /// Findings kept in all; more are counted.
    pub max_findings: usize,
    /// Notes kept in all.
    pub max_notes: usize,
    /// Keys tried in all to tell whose file a file is whose own key does not open it.
    pub max_keys_tried: u64,
}

impl Default for VerifyOptions {
    fn default() -> Self {
        Self {
            plain_relations: true,
            max_findings_per_file: 20,
            max_findings: 10_000,
            max_notes: 10_000,
            max_keys_tried: 1_000_000,
        }
    }
}

/// Verifies a cluster, or what there is of it.
///
/// Memory does not grow with the size of files, only with their number.
pub fn verify(cluster: &Cluster, options: &VerifyOptions, observer: &mut dyn Observer) -> Report {
    verify_with(cluster, options, observer, |_, _, _| Box::new(|_| None))
}

/// As [`verify`], by all threads of the current [rayon] pool: pages of relations are read, decrypted and checked by
/// several at a time, each batch by itself.
///
/// The report is the same, and the observer is told the same in the same order, by the thread that calls.
#[cfg(feature = "rayon")]
pub fn par_verify(cluster: &Cluster, options: &VerifyOptions, observer: &mut dyn Observer) -> Report {
    verify_with(cluster, options, observer, |cluster, rules, files| {
        let mut ahead = Ahead::new(cluster, rules, options.plain_relations, files);
        Box::new(move |place| ahead.take(place))
    })
}

/// `look_ahead` makes, for all relation files, what looks at their pages before it is asked.
fn verify_with(
    cluster: &Cluster,
    options: &VerifyOptions,
    observer: &mut dyn Observer,
    look_ahead: impl for<'a> FnOnce(&'a Cluster, &'a PageRules, &'a [SegmentFile]) -> Box<LookedAt<'a>>,
) -> Report {
    let mut run = Run { options, data_directory: cluster.directory(), observer, report: Report::default() };
    let control = read_control_file(&mut run);
    let rules = page_rules(&mut run, control.as_ref());
    let version = control.and_then(|control| control.major).and_then(TablespaceVersion::of);
    let scan = Scan::of(&mut run, version);
    let wal = Wal::of(&mut run, control.as_ref(), &scan.wal);
    let wal_bytes = wal.as_ref().map_or(0, Wal::bytes);
    run.observer.total(scan.relation_bytes().saturating_add(wal_bytes));
    #[cfg(all(feature = "write", unix))]
    interrupted::look_for_interrupted_work(&mut run);
    key_files::verify_key_files(&mut run, cluster, &scan);
    let mut keys = KeySearch::new(options.max_keys_tried);
    let mut looked_at = look_ahead(cluster, &rules, &scan.relations);
    let mut number = 0;
    for files in scan.relations.chunk_by(|a, b| a.path.locator == b.path.locator) {
        relation::verify_relation(&mut run, cluster, &rules, &mut keys, (number, files), &mut *looked_at);
        number += files.len();
    }
    if let Some(wal) = wal {
        wal.verify(&mut run, cluster, control.as_ref());
    }
    run.report
}

/// Reads `pg_control`, several times if need be: a copy of a running cluster may be torn at that instant.
fn read_control_file(run: &mut Run<'_>) -> Option<ControlFile> {
    let path = run.data_directory.join(ControlFile::PATH);
    for attempt in 0..4 {
        let bytes = match read_bounded(&path, MAX_SMALL_FILE) {
            Ok(bytes) => bytes,
            Err(error) if error.is_not_found() => {
                run.note(
                    ControlFile::PATH,
                    "absent: pages of 8192 bytes in segments of 131072 pages are assumed, checksums are not \
                     checked, and where WAL has to end is not known",
                );
                return None;
            }
            Err(error) => {
                unreadable(run, ControlFile::PATH, &error);
                return None;
            }
        };
        match ControlFile::parse(&bytes) {
            Ok(control) => {
                if control.major.is_none() {
                    let version = control.catalog_version;
                    run.note(ControlFile::PATH, alloc::format!("catalog version {version} is unknown"));
                }
                return Some(control);
            }
            Err(ControlFileError::Checksum { .. }) if attempt < 3 => thread::sleep(Duration::from_millis(20)),
            Err(error) => {
                let cause = match error {
                    ControlFileError::Checksum { .. } | ControlFileError::TooShort { .. } => Cause::Damaged,
                    _ => Cause::Unknown,
                };
                let problem = Problem::Format { error: error.to_string() };
                run.finding(ControlFile::PATH.to_string(), Place::File, problem, cause);
                return None;
            }
        }
    }
    None
}

fn unreadable(run: &mut Run<'_>, file: &str, error: &FileError) {
    let problem = Problem::Unreadable { error: error.reason() };
    run.finding(file.to_string(), Place::File, problem, Cause::Unknown);
}

/// A small file whose presence alone says something.
enum Small {
    Absent,
    Present(Vec<u8>),
    /// Which was told of.
    Unreadable,
}

fn read_small(run: &mut Run<'_>, name: &str) -> Small {
    match read_bounded(&run.data_directory.join(name), MAX_SMALL_FILE) {
        Ok(bytes) => Small::Present(bytes),
        Err(error) if error.is_not_found() => Small::Absent,
        Err(error) => {
            unreadable(run, name, &error);
            Small::Unreadable
        }
    }
}

fn page_rules(run: &mut Run<'_>, control: Option<&ControlFile>) -> PageRules {
    let label = read_small(run, BackupLabel::PATH);
    let process = read_small(run, PostmasterPid::PATH);
    // Only then is the last checkpoint the end of WAL.
    let at_rest = matches!((&label, &process), (Small::Absent, Small::Absent));
    let running = matches!(process, Small::Present(_));
    let replayed_from = match label {
        Small::Present(label) => BackupLabel::parse(&label).map(|label| label.start),
        _ => None,
    };
    if let Some(start) = replayed_from {
        run.note(
            BackupLabel::PATH,
            alloc::format!(
                "a base backup that was not yet recovered: pages changed from LSN {start} on may be torn until \
                 WAL is replayed"
            ),
        );
    }
    if running {
        run.note(
            PostmasterPid::PATH,
            "a server runs, crashed, or ran while this copy was made: files may be of different moments",
        );
    }
    let shut_down = control.filter(|control| control.state == ClusterState::ShutDown);
    PageRules {
        geometry: control.map_or_else(RelationGeometry::default, RelationGeometry::from),
        checksums: control.is_some_and(ControlFile::has_data_checksums),
        last_lsn: shut_down.filter(|_| at_rest).map(|control| control.checkpoint),
        replayed_from,
    }
}
