//! Changes of key files that a crash interrupted.

use alloc::format;
use alloc::string::ToString as _;

use super::finding::{Cause, Place, Problem};
use super::run::Run;
use crate::format::names;
use crate::storage::{DiskStorage, Error, JOURNAL_NAME, JournalEntry, Phase, hash_file, interrupted_work};

/// Reports a journal, which is a problem once files may have been replaced, and what else was left.
pub(super) fn look_for_interrupted_work(run: &mut Run<'_>) {
    let storage = DiskStorage::new();
    let file = format!("{}/{JOURNAL_NAME}", names::DIRECTORY);
    let work = match interrupted_work(&storage, run.data_directory, names::DIRECTORY) {
        Ok(Some(work)) => work,
        Ok(None) => return,
        Err(error @ (Error::Journal { .. } | Error::NotRegular { .. } | Error::TooLarge { .. })) => {
            let problem = Problem::Format { error: error.to_string() };
            return run.finding(file, Place::File, problem, Cause::Damaged);
        }
        Err(error) => return run.note(file, error.to_string()),
    };
    for path in &work.temporaries {
        let name = path.strip_prefix(run.data_directory).unwrap_or(path).display().to_string();
        let known = work.journal.is_some();
        let what = if known { "new content of" } else { "left by" };
        run.note(
            name,
            format!("{what} an interrupted change; the next command that writes here takes care of it"),
        );
    }
    let Some(journal) = work.journal else { return };
    if journal.phase == Phase::Staging {
        let what = &journal.description;
        return run.note(
            file,
            format!("a change ({what}) was interrupted before it changed anything; `tde repair` removes what it left"),
        );
    }
    let in_place = |entry: &JournalEntry| {
        let now = hash_file(&storage, &run.data_directory.join(&entry.path));
        now.is_ok_and(|now| now.map(|(_, hash)| hash) == entry.after)
    };
    let pending = journal.entries.iter().filter(|entry| !in_place(entry)).count();
    let problem = Problem::InterruptedChange { description: journal.description.clone(), pending };
    run.finding(file, Place::File, problem, Cause::Interrupted);
}
