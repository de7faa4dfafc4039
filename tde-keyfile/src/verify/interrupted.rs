//! Changes of key files that a crash interrupted.

use alloc::format;
use alloc::string::{String, ToString as _};
use core::error::Error as _;

use super::finding::{Cause, Place, Problem};
use super::run::Run;
use crate::format::names;
use crate::storage::{
    DiskStorage, Error, JOURNAL_NAME, JournalEntry, Phase, Storage, hash_file, interrupted_work,
};

/// Reports a journal, which is a problem once files may have been replaced, and what else was left.
pub(super) fn look_for_interrupted_work(run: &mut Run<'_>) {
    look(run, &DiskStorage::new());
}

fn look(run: &mut Run<'_>, storage: &dyn Storage) {
    let file = format!("{}/{JOURNAL_NAME}", names::DIRECTORY);
    let work = match interrupted_work(storage, run.data_directory, names::DIRECTORY) {
        Ok(Some(work)) => work,
        Ok(None) => return,
        Err(error @ (Error::Journal { .. } | Error::NotRegular { .. } | Error::TooLarge { .. })) => {
            let problem = Problem::Format { error: error.to_string() };
            return run.finding(file, Place::File, problem, Cause::Damaged);
        }
        // A change that is just going on, or a directory that is not in this copy.
        Err(error @ Error::ChangedWhileRead { .. }) => return run.note(file, error.to_string()),
        Err(error) if error.is_not_found() => return run.note(file, told(&error)),
        // What it would tell of may be half done.
        Err(error) => {
            let problem = Problem::Unreadable { error: told(&error) };
            return run.finding(file, Place::File, problem, Cause::Unknown);
        }
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
        let now = hash_file(storage, &run.data_directory.join(&entry.path));
        now.is_ok_and(|now| now.map(|(_, hash)| hash) == entry.after)
    };
    let pending = journal.entries.iter().filter(|entry| !in_place(entry)).count();
    let problem = Problem::InterruptedChange { description: journal.description.clone(), pending };
    run.finding(file, Place::File, problem, Cause::Interrupted);
}

/// An error with what the system says.
fn told(error: &Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::Report;
    use super::super::{Severity, VerifyOptions};
    use super::*;
    use crate::storage::testing::{FailingStorage, Fault, Persistence};

    #[test]
    fn a_journal_that_cannot_be_read_is_a_finding() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join(names::DIRECTORY)).unwrap();
        std::fs::write(directory.path().join("pg_tde/tde.journal"), "whatever").unwrap();
        for (fail_at, fault) in [(0, Fault::NotPermitted), (1, Fault::Device), (3, Fault::Device)] {
            let storage = FailingStorage::new(DiskStorage::new());
            storage.fail_at(fail_at, fault, Persistence::Once);
            let (options, data_directory) = (VerifyOptions::default(), directory.path());
            let mut run =
                Run { options: &options, data_directory, observer: &mut (), report: Report::default() };
            look(&mut run, &storage);
            let [finding] = &run.report.findings[..] else { panic!("{:?}", run.report) };
            assert!(matches!(&finding.problem, Problem::Unreadable { error } if error.contains("os error")));
            assert_eq!((&*finding.file, &finding.cause), ("pg_tde/tde.journal", &Cause::Unknown));
            assert_eq!(finding.severity, Severity::Error);
        }
    }

    #[test]
    fn a_directory_that_is_not_here_has_no_journal() {
        let directory = tempfile::tempdir().unwrap();
        let (options, data_directory) = (VerifyOptions::default(), directory.path());
        let mut run = Run { options: &options, data_directory, observer: &mut (), report: Report::default() };
        look(&mut run, &DiskStorage::new());
        assert!(run.report.findings.is_empty());
    }
}
