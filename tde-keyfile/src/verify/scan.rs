//! Which files there are to verify: nothing but names and lengths is looked at.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::finding::{Cause, Place, Problem};
use super::relation::SegmentFile;
use super::run::Run;
use crate::RelationLocator;
use crate::postgres::{DataFile, TablespaceVersion};

/// The files of a data directory that there is something to say about.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Sorted by relation, fork and segment.
    pub(super) relations: Vec<SegmentFile>,
    /// Names and lengths of what is in `pg_wal`, sorted.
    pub(super) wal: Vec<(String, u64)>,
    /// Files by the words that say why they are left alone, with the directory they are in.
    left_alone: BTreeMap<(String, &'static str), u64>,
}

/// An entry of a directory.
struct Entry {
    name: String,
    /// None if the name leads nowhere.
    metadata: Option<fs::Metadata>,
}

impl Entry {
    fn is_directory(&self) -> bool {
        self.metadata.as_ref().is_some_and(fs::Metadata::is_dir)
    }

    /// The length, if it is a file.
    fn length(&self) -> Option<u64> {
        self.metadata.as_ref().filter(|metadata| metadata.is_file()).map(fs::Metadata::len)
    }
}

impl Scan {
    /// Lists the data directory. `version` is that of its server, if known.
    pub(super) fn of(run: &mut Run<'_>, version: Option<TablespaceVersion>) -> Self {
        let mut scan = Self::default();
        scan.database(run, "global");
        for database in scan.directories(run, "base") {
            scan.database(run, &format!("base/{database}"));
        }
        for tablespace in scan.directories(run, "pg_tblspc") {
            let tablespace = format!("pg_tblspc/{tablespace}");
            for directory in scan.directories(run, &tablespace) {
                let found = TablespaceVersion::parse(&directory);
                let directory = format!("{tablespace}/{directory}");
                if found.is_some() && version.is_some() && found != version {
                    run.note(directory, "of another PostgreSQL version; left alone");
                    continue;
                }
                for database in scan.directories(run, &directory) {
                    scan.database(run, &format!("{directory}/{database}"));
                }
            }
        }
        for entry in list(run, "pg_wal") {
            if let Some(length) = entry.length() {
                scan.wal.push((entry.name, length));
            }
        }
        scan.relations.sort_unstable();
        scan.wal.sort_unstable();
        for ((directory, words), count) in core::mem::take(&mut scan.left_alone) {
            run.note(directory, format!("{words}: {count}"));
        }
        scan
    }

    /// Whether any file of a relation is here.
    pub(super) fn has_relation(&self, locator: &RelationLocator) -> bool {
        self.relations.binary_search_by(|file| file.path.locator.cmp(locator)).is_ok()
    }

    /// Bytes in relation files.
    pub(super) fn relation_bytes(&self) -> u64 {
        self.relations.iter().map(|file| file.length).fold(0, u64::saturating_add)
    }

    fn directories(&mut self, run: &mut Run<'_>, path: &str) -> Vec<String> {
        let mut names = Vec::new();
        for entry in list(run, path) {
            if entry.is_directory() {
                names.push(entry.name);
            } else if entry.metadata.is_none() {
                run.note(format!("{path}/{}", entry.name), "leads nowhere: the tablespace is not here");
            }
        }
        names
    }

    fn database(&mut self, run: &mut Run<'_>, path: &str) {
        for entry in list(run, path) {
            let Some(length) = entry.length() else { continue };
            let words = match DataFile::classify(&format!("{path}/{}", entry.name)) {
                DataFile::Relation(path) => {
                    self.relations.push(SegmentFile { path, length });
                    continue;
                }
                DataFile::TemporaryRelation => {
                    "files of temporary relations, which nobody can decrypt, left alone"
                }
                DataFile::TemporaryFile => "temporary files, left alone",
                DataFile::Incremental => "files of an incremental backup, which have to be combined first",
                DataFile::Other => "files that are not PostgreSQL's, left alone",
                _ => continue,
            };
            *self.left_alone.entry((path.to_string(), words)).or_default() += 1;
        }
    }
}

/// The entries of a directory, sorted; none if it is absent, which is normal in a partial copy.
fn list(run: &mut Run<'_>, path: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    match read(&run.data_directory.join(path), &mut entries) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            let problem = Problem::Unreadable { error: error.to_string() };
            run.finding(path.to_string(), Place::File, problem, Cause::Unknown);
        }
        _ => {}
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    entries
}

fn read(path: &Path, entries: &mut Vec<Entry>) -> std::io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        // Links are followed: a tablespace is one.
        let metadata = match fs::metadata(entry.path()) {
            Ok(metadata) => Some(metadata),
            // A link that leads nowhere, or a file that is gone since.
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        // A name that is no text is none of PostgreSQL's.
        let Ok(name) = entry.file_name().into_string() else { continue };
        entries.push(Entry { name, metadata });
    }
    Ok(())
}
