//! What interrupted work has left.

use alloc::format;
use alloc::string::ToString as _;
use alloc::vec::Vec;

use super::{Check, listed, pass_unless_told};
use crate::cluster::{Cluster, NoteKind};
use crate::format::names;
use crate::storage::{DiskStorage, Phase, interrupted_work};

pub(super) fn check(checks: &mut Vec<Check>, cluster: &Cluster) {
    interrupted(checks, cluster);
    let foreign = cluster.notes().iter().filter(|note| *note.kind() == NoteKind::ForeignFile);
    let foreign: Vec<_> = foreign.map(|note| note.path().display()).collect();
    checks.push(if foreign.is_empty() {
        Check::pass("foreign-files", format!("nothing but pg_tde's files is in {}/", names::DIRECTORY))
    } else {
        Check::warning(
            "foreign-files",
            format!("pg_tde has no use for {}", listed(foreign)),
            "move them out: they go into every backup, and copies of key files still open under old principal keys",
        )
    });
}

fn interrupted(checks: &mut Vec<Check>, cluster: &Cluster) {
    const ID: &str = "interrupted-work";
    const REPAIR: &str = "stop the server and run `tde repair DATADIR`, which completes or undoes it";
    let before = checks.len();
    match interrupted_work(&DiskStorage::new(), cluster.directory(), names::DIRECTORY) {
        Ok(None) => {}
        Err(error) => checks.push(Check::failure(ID, error.to_string(), REPAIR)),
        Ok(Some(work)) => checks.push(match &work.journal {
            Some(journal) if journal.phase == Phase::Staging => Check::warning(
                ID,
                format!("a change ({}) was interrupted before it changed anything", journal.description),
                REPAIR,
            ),
            Some(journal) => Check::failure(
                ID,
                format!("a change of key files ({}) was interrupted half-way", journal.description),
                REPAIR,
            ),
            None => {
                let files = work.temporaries.iter().filter_map(|path| path.file_name());
                let files = listed(files.map(|name| name.to_string_lossy()));
                Check::warning(ID, format!("temporary files of an interrupted change: {files}"), REPAIR)
            }
        }),
    }
    for note in cluster.notes().iter().filter(|note| *note.kind() == NoteKind::InterruptedRotation) {
        checks.push(Check::warning(ID, note.kind().to_string(), REPAIR).about(note.path().display()));
    }
    pass_unless_told(checks, before, Check::pass(ID, "nothing was left by interrupted changes of key files"));
}
