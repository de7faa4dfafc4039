//! Interrupted changes: what they left, and completing or undoing them.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use std::path::{Path, PathBuf};

use super::journal::{JOURNAL_NAME, Journal, JournalEntry, MAX_JOURNAL, Phase, is_temporary_name};
use super::read::{hash_file, read_file, stat_regular};
use super::stage::{directory_of, stat_directory};
use super::{ContentHash, Error, Operation, Storage};

/// What a [`Writer`](super::Writer) found when it was opened, and did about it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Recovery {
    /// No change had been interrupted.
    Nothing,
    /// A change had been recorded, and was completed.
    Completed {
        /// What the change amounted to.
        description: String,
        /// Its files, relative to the root.
        files: Vec<PathBuf>,
    },
    /// A change had been begun but not recorded, or its new contents were lost: everything is as before it.
    Undone {
        /// What the change amounted to.
        description: String,
    },
    /// A change was given up on request, its files left as they were found.
    Abandoned {
        /// What the change amounted to.
        description: String,
    },
}

/// What an interrupted change left, found without changing anything.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct InterruptedWork {
    /// The journal, if there is one.
    pub journal: Option<Journal>,
    /// Temporary files in the home directory.
    pub temporaries: Vec<PathBuf>,
}

/// Looks for interrupted changes below `root`, whose journal lies in the directory `home` below it.
///
/// # Errors
/// [`Error::Journal`] if the journal cannot be understood, [`Error::Io`].
pub fn interrupted_work(
    storage: &dyn Storage,
    root: &Path,
    home: impl AsRef<Path>,
) -> Result<Option<InterruptedWork>, Error> {
    let home = root.join(home);
    let journal = load(storage, &home)?;
    let temporaries = temporaries(storage, &home)?;
    let nothing = journal.is_none() && temporaries.is_empty();
    Ok((!nothing).then_some(InterruptedWork { journal, temporaries }))
}

/// Completes or undoes what the journal tells of. Doing it again, or being interrupted, changes nothing.
pub(super) fn recover(storage: &dyn Storage, root: &Path, home: &Path) -> Result<Recovery, Error> {
    let path = home.join(JOURNAL_NAME);
    let journal = load(storage, home)?;
    if let Some(journal) = &journal {
        check_trust(storage, root, home, journal)?;
    }
    // A process may have died between a rename and making it durable. Acting on a journal that a crash could
    // take back would be a change without one, and a file that it could take back is no ground to build on.
    storage.sync_directory(home).map_err(Error::io(Operation::Sync, home))?;
    let Some(journal) = journal else {
        sweep(storage, home)?;
        return Ok(Recovery::Nothing);
    };
    let description = journal.description.clone();
    let recovery = match next_step(storage, root, &journal)? {
        Step::Complete => {
            complete(storage, root, &journal)?;
            let files = journal.entries.iter().map(|entry| entry.path.clone()).collect();
            Recovery::Completed { description, files }
        }
        Step::Undo => {
            remove_temporaries(storage, root, &journal)?;
            Recovery::Undone { description }
        }
    };
    remove_if_there(storage, &path)?;
    storage.sync_directory(home).map_err(Error::io(Operation::Sync, home))?;
    sweep(storage, home)?;
    Ok(recovery)
}

/// Gives an interrupted change up: removes its temporary files and the journal, whatever state its files are in, unless
/// data would be lost.
pub(super) fn abandon(storage: &dyn Storage, root: &Path, home: &Path) -> Result<Recovery, Error> {
    let Some(journal) = load(storage, home)? else { return recover(storage, root, home) };
    check_trust(storage, root, home, &journal)?;
    check_not_half_in_place(storage, root, home, &journal)?;
    remove_temporaries(storage, root, &journal)?;
    remove_if_there(storage, &home.join(JOURNAL_NAME))?;
    storage.sync_directory(home).map_err(Error::io(Operation::Sync, home))?;
    sweep(storage, home)?;
    Ok(Recovery::Abandoned { description: journal.description })
}

/// Each file of the home directory is whole by itself, so some may be new and others old. Files outside of it hold data
/// under keys of that directory: with the temporary files would go the only copy of keys, or of data.
fn check_not_half_in_place(
    storage: &dyn Storage,
    root: &Path,
    home: &Path,
    journal: &Journal,
) -> Result<(), Error> {
    if journal.phase == Phase::Staging || directories(root, journal).iter().all(|directory| directory == home)
    {
        return Ok(());
    }
    let mut in_place = false;
    let mut waiting = None;
    for (index, entry) in journal.entries.iter().enumerate() {
        let path = root.join(&entry.path);
        match state(storage, &path, &journal.temporary(root, index, entry), entry)? {
            State::Unchanged => {}
            State::InPlace => in_place = true,
            State::Pending | State::Lost | State::Foreign => waiting = waiting.or(Some(path)),
        }
    }
    match waiting {
        Some(path) if in_place => Err(Error::HalfInPlace { path, description: journal.description.clone() }),
        _ => Ok(()),
    }
}

/// Puts every entry's new content in place and makes that durable.
pub(super) fn complete(storage: &dyn Storage, root: &Path, journal: &Journal) -> Result<(), Error> {
    for (index, entry) in journal.entries.iter().enumerate() {
        let path = root.join(&entry.path);
        if entry.removed {
            remove_if_there(storage, &path)?;
            continue;
        }
        let temporary = journal.temporary(root, index, entry);
        match storage.rename(&temporary, &path) {
            Ok(()) => {}
            // An earlier writer had come this far.
            Err(error)
                if error.kind() == std::io::ErrorKind::NotFound
                    && hash_file(storage, &path)?.map(|(_, hash)| hash) == entry.after => {}
            Err(error) => return Err(Error::io(Operation::Rename, &path)(error)),
        }
    }
    sync_directories(storage, root, journal)
}

/// Removes every entry's new content and makes that durable.
pub(super) fn remove_temporaries(storage: &dyn Storage, root: &Path, journal: &Journal) -> Result<(), Error> {
    for (index, entry) in journal.entries.iter().enumerate() {
        remove_if_there(storage, &journal.temporary(root, index, entry))?;
    }
    sync_directories(storage, root, journal)
}

/// Makes the names in the directories of all entries durable; those that were never made are passed over.
pub(super) fn sync_directories(storage: &dyn Storage, root: &Path, journal: &Journal) -> Result<(), Error> {
    for directory in directories(root, journal) {
        match storage.sync_directory(&directory) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::io(Operation::Sync, &directory)(error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Removes what crashes between a temporary file's creation and its rename left in the home directory.
pub(super) fn sweep(storage: &dyn Storage, home: &Path) -> Result<(), Error> {
    temporaries(storage, home)?.iter().try_for_each(|path| remove_if_there(storage, path))
}

pub(super) fn remove_if_there(storage: &dyn Storage, path: &Path) -> Result<(), Error> {
    match storage.remove(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io(Operation::Remove, path)(error))
        }
        _ => Ok(()),
    }
}

/// The directories that hold a journal's files.
fn directories(root: &Path, journal: &Journal) -> BTreeSet<PathBuf> {
    journal.entries.iter().map(|entry| directory_of(&root.join(&entry.path)).to_path_buf()).collect()
}

fn temporaries(storage: &dyn Storage, home: &Path) -> Result<Vec<PathBuf>, Error> {
    let names = storage.list(home).map_err(Error::io(Operation::List, home))?;
    let mut paths: Vec<_> =
        names.iter().filter(|name| is_temporary_name(name)).map(|name| home.join(name)).collect();
    paths.sort();
    Ok(paths)
}

fn load(storage: &dyn Storage, home: &Path) -> Result<Option<Journal>, Error> {
    let path = home.join(JOURNAL_NAME);
    let content = match read_file(storage, &path, MAX_JOURNAL) {
        Err(error) if error.is_not_found() => return Ok(None),
        content => content?,
    };
    Journal::parse(content.bytes()).map(Some).map_err(|reason| Error::Journal { path, reason })
}

/// A privileged process must not do to files what another user wrote into a journal.
fn check_trust(storage: &dyn Storage, root: &Path, home: &Path, journal: &Journal) -> Result<(), Error> {
    let path = home.join(JOURNAL_NAME);
    let us = rustix::process::geteuid().as_raw();
    let access = storage.stat(&path).map_err(Error::io(Operation::Stat, &path))?.access;
    let home_owner = stat_directory(storage, home)?.access.owner;
    if (access.owner != us && access.owner != home_owner) || access.mode & 0o022 != 0 {
        return Err(Error::JournalAccess { path, owner: access.owner, mode: access.mode });
    }
    directories(root, journal)
        .iter()
        .try_for_each(|directory| check_directory_owner(storage, root, directory))
}

/// A link below the root must not lead to a directory of someone else.
pub(super) fn check_directory_owner(
    storage: &dyn Storage,
    root: &Path,
    directory: &Path,
) -> Result<(), Error> {
    let root_owner = stat_directory(storage, root)?.access.owner;
    match stat_directory(storage, directory) {
        Ok(stat) if stat.access.owner != root_owner => Err(Error::Plan {
            path: directory.to_path_buf(),
            reason: "has another owner than the root of these files; nothing is changed in it",
        }),
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(()),
    }
}

enum Step {
    Complete,
    Undo,
}

/// Looks at all files before any of them is touched.
fn next_step(storage: &dyn Storage, root: &Path, journal: &Journal) -> Result<Step, Error> {
    if journal.phase == Phase::Staging {
        return Ok(Step::Undo);
    }
    let mut in_place = None;
    let mut lost = None;
    for (index, entry) in journal.entries.iter().enumerate() {
        let path = root.join(&entry.path);
        match state(storage, &path, &journal.temporary(root, index, entry), entry)? {
            State::Pending | State::Unchanged => {}
            State::InPlace => in_place = Some(path),
            State::Lost => lost = Some(path),
            State::Foreign => return Err(conflict(journal, path)),
        }
    }
    match (lost, in_place) {
        (None, _) => Ok(Step::Complete),
        (Some(_), None) => Ok(Step::Undo),
        (Some(path), Some(_)) => Err(conflict(journal, path)),
    }
}

fn conflict(journal: &Journal, path: PathBuf) -> Error {
    Error::Conflict { path, description: journal.description.clone() }
}

/// State of one file of a recorded change.
enum State {
    /// Old content; the new one lies beside it.
    Pending,
    /// New content.
    InPlace,
    /// The change does not change this file.
    Unchanged,
    /// Old content, and the new one is missing or damaged.
    Lost,
    /// Neither old nor new.
    Foreign,
}

fn state(storage: &dyn Storage, path: &Path, temporary: &Path, entry: &JournalEntry) -> Result<State, Error> {
    let content = |path: &Path, candidates: [Option<ContentHash>; 2]| {
        let Some(stat) = stat_regular(storage, path)? else { return Ok(None) };
        // A file of another size needs no reading to be told apart.
        if candidates.into_iter().flatten().all(|hash| hash.size() != stat.size) {
            return Ok(Some(ContentHash::from_parts(stat.size, [0; 32])));
        }
        Ok::<_, Error>(hash_file(storage, path)?.map(|(_, hash)| hash))
    };
    let now = content(path, [entry.before, entry.after])?;
    if entry.before == entry.after && now == entry.after {
        return Ok(State::Unchanged);
    }
    if now == entry.after {
        return Ok(State::InPlace);
    }
    if now != entry.before {
        return Ok(State::Foreign);
    }
    if entry.removed || content(temporary, [entry.after, None])? == entry.after {
        return Ok(State::Pending);
    }
    Ok(State::Lost)
}
