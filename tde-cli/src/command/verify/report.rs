//! The report of `tde verify` in words, and what `--json` prints.
//!
//! The schema is documented in `docs/json-output.md`. Fields may be added to it; a change to one that
//! exists is a new schema number.

use serde::Serialize;
use tde_keyfile::cluster::Cluster;
use tde_keyfile::verify::{FileContents, Finding, Place, RelationProtection, Report, Severity, VerifiedFile};

use crate::output::counted;

/// What came out, from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Outcome {
    /// All that is there was checked and is good.
    Good,
    /// Nothing wrong was found, but not everything could be checked.
    Incomplete,
    /// Something is wrong.
    Wrong,
}

/// The JSON document.
#[derive(Debug, Serialize)]
pub(super) struct VerifyReport {
    schema: &'static str,
    data_directory: String,
    outcome: Outcome,
    counts: CountsReport,
    findings: Vec<FindingReport>,
    findings_left_out: u64,
    notes: Vec<NoteReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<Vec<FileReport>>,
}

#[derive(Debug, Serialize)]
struct CountsReport {
    key_files: u64,
    keys: u64,
    relation_files: u64,
    relation_files_encrypted: u64,
    relation_files_not_checked: u64,
    pages: u64,
    pages_never_written: u64,
    wal_segments: u64,
    wal_records: u64,
}

#[derive(Debug, Serialize)]
struct FindingReport {
    severity: &'static str,
    file: String,
    place: PlaceReport,
    problem: &'static str,
    cause: &'static str,
    text: String,
}

#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum PlaceReport {
    File,
    Bytes { offset: u64, end: u64 },
    Blocks { first: u32, last: u32, count: u32, offset: u64 },
    Entry { index: usize, offset: u64 },
    Wal { timeline: u32, lsn: String, offset: u64 },
}

#[derive(Debug, Serialize)]
struct NoteReport {
    file: String,
    text: String,
}

#[derive(Debug, Serialize)]
struct FileReport {
    file: String,
    findings: u64,
    #[serde(flatten)]
    contents: ContentsReport,
}

#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum ContentsReport {
    Keys { keys: usize, opened: bool },
    Relation { protection: &'static str, pages: u64, never_written: u64 },
    Wal { records: u64, encrypted_bytes: u64 },
    Other,
}

impl VerifyReport {
    pub(super) fn of(
        cluster: &Cluster,
        report: &Report,
        outcome: Outcome,
        files: Option<Vec<VerifiedFile>>,
    ) -> Self {
        Self {
            schema: "tde.verify/1",
            data_directory: cluster.directory().display().to_string(),
            outcome,
            counts: CountsReport {
                key_files: report.key_files,
                keys: report.keys,
                relation_files: report.relation_files,
                relation_files_encrypted: report.encrypted_relation_files,
                relation_files_not_checked: report.relation_files_without_key,
                pages: report.pages,
                pages_never_written: report.pages_never_written,
                wal_segments: report.wal_segments,
                wal_records: report.wal_records,
            },
            findings: report.findings.iter().map(FindingReport::of).collect(),
            findings_left_out: report.findings_left_out,
            notes: report
                .notes
                .iter()
                .map(|note| NoteReport { file: note.file.clone(), text: note.text.clone() })
                .collect(),
            files: files.map(|files| files.into_iter().map(FileReport::of).collect()),
        }
    }
}

impl FindingReport {
    fn of(finding: &Finding) -> Self {
        Self {
            severity: match finding.severity {
                Severity::Minor => "minor",
                _ => "error",
            },
            file: finding.file.clone(),
            place: match &finding.place {
                Place::Bytes(range) => PlaceReport::Bytes { offset: range.start, end: range.end },
                Place::Blocks { first, last, count, offset } => PlaceReport::Blocks {
                    first: first.get(),
                    last: last.get(),
                    count: *count,
                    offset: *offset,
                },
                Place::Entry { index, offset } => PlaceReport::Entry { index: *index, offset: *offset },
                Place::Wal { location, offset } => PlaceReport::Wal {
                    timeline: location.timeline.get(),
                    lsn: location.lsn.to_string(),
                    offset: *offset,
                },
                _ => PlaceReport::File,
            },
            problem: finding.problem.code(),
            cause: finding.cause.code(),
            text: finding.to_string(),
        }
    }
}

impl FileReport {
    fn of(file: VerifiedFile) -> Self {
        Self {
            findings: file.findings,
            contents: match file.contents {
                FileContents::Keys { keys, opened } => ContentsReport::Keys { keys, opened },
                FileContents::Relation { protection, pages, never_written } => ContentsReport::Relation {
                    protection: match protection {
                        RelationProtection::Encrypted => "encrypted",
                        RelationProtection::Plain => "plain",
                        _ => "key-unavailable",
                    },
                    pages,
                    never_written,
                },
                FileContents::Wal { records, encrypted } => {
                    ContentsReport::Wal { records, encrypted_bytes: encrypted }
                }
                _ => ContentsReport::Other,
            },
            file: file.file,
        }
    }
}

/// What has been checked, in one line.
pub(super) fn counts(report: &Report) -> String {
    format!(
        "{} with {}, {} ({} encrypted) with {}, {} with {}",
        counted(report.key_files, "key file"),
        counted(report.keys, "key"),
        counted(report.relation_files, "relation file"),
        report.encrypted_relation_files,
        counted(report.pages, "page"),
        counted(report.wal_segments, "WAL segment"),
        counted(report.wal_records, "record")
    )
}

/// What was in a file, in one line.
pub(super) fn contents(contents: &FileContents) -> String {
    match contents {
        FileContents::Keys { keys, opened } => {
            let keys = counted(*keys as u64, "key");
            if *opened { keys } else { format!("{keys}, not opened") }
        }
        FileContents::Relation { protection, pages, never_written } => {
            let protection = match protection {
                RelationProtection::Encrypted => "encrypted",
                RelationProtection::Plain => "plaintext",
                _ => "encrypted, not checked",
            };
            let unwritten = match never_written {
                0 => String::new(),
                count => format!(", {count} never written"),
            };
            format!("{}{unwritten}, {protection}", counted(*pages, "page"))
        }
        FileContents::Wal { records, encrypted } => {
            format!("{}, {} encrypted", counted(*records, "record"), counted(*encrypted, "byte"))
        }
        _ => "checked".into(),
    }
}
