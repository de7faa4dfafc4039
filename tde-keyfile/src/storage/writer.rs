//! The exclusive right to change files below a directory, and changes of several files at once.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};
use std::format;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::journal::{JOURNAL_NAME, Journal, JournalEntry, MAX_JOURNAL, Phase};
use super::plan::{After, Before, Change, Plan};
use super::read::{CheckedReader, hash_file};
use super::recovery::{
    Recovery, abandon, check_directory_owner, complete, recover, remove_if_there, remove_temporaries,
    sync_directories,
};
use super::replace::replace_file;
use super::rewrite::transform_checked;
use super::stage::{
    Durability, NewFileAccess, access_for, check_before, check_unchanged, directory_of, random_id, stage,
    stat_directory,
};
use super::{Access, ContentHash, Error, FileKind, FileStat, FileSystemSync, Lock, Operation, Storage};

/// Name of the lock file in the home directory of a [`Writer`]; it stays there.
pub const LOCK_NAME: &str = "tde.lock";

/// From this many files on, the file systems are made durable as a whole: one call instead of one a file.
/// Below, that would only make the change wait for what other programs wrote.
const WHOLE_FILE_SYSTEM_FROM: usize = 17;

/// The exclusive right to change the files below a directory.
///
/// Two writers of the same directory exclude each other, also in different processes.
pub struct Writer<'s> {
    storage: &'s dyn Storage,
    root: PathBuf,
    home: PathBuf,
    recovery: Recovery,
    /// A change was recorded that may not be in place; the next writer completes it.
    interrupted: AtomicBool,
    _lock: Box<dyn Send + Sync>,
}

impl core::fmt::Debug for Writer<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Writer").field("root", &self.root).field("home", &self.home).finish_non_exhaustive()
    }
}

/// A plan was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Applied {
    /// The files that were written or removed, relative to the root, in the plan's order.
    pub files: Vec<PathBuf>,
}

impl<'s> Writer<'s> {
    /// Locks, and completes or undoes what an earlier writer could not finish ([`recovery`](Self::recovery)).
    ///
    /// Lock and journal lie in the directory `home` below `root` (`"pg_tde"` in a data directory; empty: the root
    /// itself). `program` is what another writer is told of this one, after its process number.
    ///
    /// # Errors
    /// [`Error::Locked`]; [`Error::Journal`], [`Error::JournalAccess`] and [`Error::Conflict`] if an interrupted
    /// change stands in the way; [`Error::Io`].
    pub fn open(
        storage: &'s dyn Storage,
        root: &Path,
        home: impl AsRef<Path>,
        program: &str,
    ) -> Result<Self, Error> {
        Self::open_with(storage, root, home.as_ref(), program, recover)
    }

    /// As [`open`](Self::open), but gives an interrupted change up instead of completing it: the way out of
    /// [`Error::Conflict`]. Those of its files that have their new content already keep it.
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`Error::HalfInPlace`].
    pub fn open_abandoning(
        storage: &'s dyn Storage,
        root: &Path,
        home: impl AsRef<Path>,
        program: &str,
    ) -> Result<Self, Error> {
        Self::open_with(storage, root, home.as_ref(), program, abandon)
    }

    fn open_with(
        storage: &'s dyn Storage,
        root: &Path,
        home: &Path,
        program: &str,
        recover: fn(&dyn Storage, &Path, &Path) -> Result<Recovery, Error>,
    ) -> Result<Self, Error> {
        let home = root.join(home);
        let path = home.join(LOCK_NAME);
        let holder = format!("process {} ({program})", std::process::id());
        let lock = match storage.lock(&path, &holder).map_err(Error::io(Operation::Lock, &path))? {
            Lock::Held(lock) => lock,
            Lock::Taken(holder) => return Err(Error::Locked { path, holder }),
        };
        let recovery = recover(storage, root, &home)?;
        let interrupted = AtomicBool::new(false);
        Ok(Self { storage, root: root.to_path_buf(), home, recovery, interrupted, _lock: lock })
    }

    /// What was left by an earlier writer.
    #[must_use]
    pub const fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// The storage that is written to.
    #[must_use]
    pub fn storage(&self) -> &'s dyn Storage {
        self.storage
    }

    /// The directory that paths of changes are relative to.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Carries a plan out: all of it or nothing, and durable when this returns.
    ///
    /// The new contents of all files are written beside them and made durable, then a journal is, which is the
    /// moment from which the change counts; then they are renamed. The number of calls that wait for the disk does
    /// not grow with the number of files, beyond a few, as long as they lie in a fixed number of directories.
    /// Missing directories are made, with the access of the one that they are in; they stay if the plan fails.
    ///
    /// # Errors
    /// Any: nothing was changed. Except for [`Error::Interrupted`]: the change is recorded, and the next writer
    /// will complete it, while this one refuses any other ([`Error::Unfinished`]); and [`Error::NotDurable`]: the only file of the plan has its new content, but after a
    /// crash of the machine it may have the old one.
    pub fn apply(&self, plan: Plan) -> Result<Applied, Error> {
        self.apply_if(plan, &|| Ok(()))
    }

    /// As [`apply`](Self::apply), if `still` says so when all new contents are written and the change is about to
    /// count: writing them may take long.
    ///
    /// # Errors
    /// As [`apply`](Self::apply), and those of `still`; then nothing was changed.
    pub fn apply_if(&self, plan: Plan, still: &dyn Fn() -> Result<(), Error>) -> Result<Applied, Error> {
        plan.check()?;
        let files = plan.changes().iter().map(|change| change.path.clone()).collect();
        if !plan.changes().is_empty() {
            self.ensure_finished()?;
        }
        let new_files = plan.new_files();
        for directory in self.directories(&plan) {
            self.make_directory(&directory)?;
            check_directory_owner(self.storage, &self.root, &directory)?;
        }
        match plan.changes() {
            [] => {}
            // A rename alone is atomic, and what a crash leaves in the home directory is swept.
            [Change { path, before, after: After::Content(content) }]
                if directory_of(&self.root.join(path)) == self.home =>
            {
                still()?;
                replace_file(self.storage, &self.root.join(path), *before, content, new_files)?;
            }
            _ => self.apply_journalled(plan, still).inspect_err(|error| {
                if matches!(error, Error::Interrupted { .. }) {
                    self.interrupted.store(true, Ordering::Relaxed);
                }
            })?,
        }
        Ok(Applied { files })
    }

    /// Another change would put its journal in the place of the one that is needed to complete the last, or change
    /// files under it.
    fn ensure_finished(&self) -> Result<(), Error> {
        let path = self.home.join(JOURNAL_NAME);
        // Even if the journal is gone: its removal may not be durable.
        if self.interrupted.load(Ordering::Relaxed) {
            return Err(Error::Unfinished { path });
        }
        match self.storage.stat(&path) {
            Ok(_) => Err(Error::Unfinished { path }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(Error::io(Operation::Stat, &path)(error)),
        }
    }

    fn apply_journalled(&self, plan: Plan, still: &dyn Fn() -> Result<(), Error>) -> Result<(), Error> {
        let begun = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |age| age.as_secs());
        let mut journal = Journal {
            id: random_id()?,
            phase: Phase::Staging,
            begun: i64::try_from(begun).unwrap_or(0),
            description: plan.description().into(),
            entries: plan
                .changes()
                .iter()
                .map(|change| JournalEntry {
                    path: change.path.clone(),
                    removed: matches!(change.after, After::Removed),
                    before: None,
                    after: None,
                })
                .collect(),
        };
        let recorded = match self.write_journal(&journal, Before::Absent) {
            Ok(hash) => hash,
            Err((error, in_place)) => {
                // Nothing is staged yet, and a journal that is not ours is not ours to remove.
                if in_place {
                    self.undo(&journal);
                }
                return Err(error);
            }
        };
        let staged = self.stage_all(plan, &mut journal).and_then(|seen| {
            for (entry, seen) in journal.entries.iter().zip(&seen) {
                check_unchanged(self.storage, &self.root.join(&entry.path), seen.as_ref())?;
            }
            still()
        });
        if let Err(error) = staged {
            self.undo(&journal);
            return Err(error);
        }
        journal.phase = Phase::Committed;
        let interrupted = |source| Error::Interrupted { source: Box::new(source) };
        match self.write_journal(&journal, Before::Content(recorded)) {
            Ok(_) => {}
            Err((error, false)) => {
                self.undo(&journal);
                return Err(error);
            }
            // In the page cache the change is recorded, on the disk perhaps: only the next writer may decide.
            Err((error, true)) => return Err(interrupted(error)),
        }
        complete(self.storage, &self.root, &journal).and_then(|()| self.remove_journal()).map_err(interrupted)
    }

    /// Writes all new contents beside their files and makes them durable; fills the journal's hashes in.
    fn stage_all(&self, plan: Plan, journal: &mut Journal) -> Result<Vec<Option<FileStat>>, Error> {
        let new_files = plan.new_files();
        let mut whole = self.file_systems(&plan)?;
        let durability = if whole.is_empty() { Durability::Now } else { Durability::Later };
        let mut seen = Vec::new();
        for (index, change) in plan.into_changes().into_iter().enumerate() {
            let path = self.root.join(&change.path);
            let temporary = path.with_file_name(journal.temporary_name(index));
            let staged = self.stage_change(change, &path, &temporary, new_files, durability)?;
            if let Some(entry) = journal.entries.get_mut(index) {
                (entry.before, entry.after) = (staged.before, staged.after);
            }
            seen.push(staged.seen);
        }
        for (directory, file_system) in &mut whole {
            file_system.sync().map_err(Error::io(Operation::Sync, directory))?;
        }
        sync_directories(self.storage, &self.root, journal)?;
        Ok(seen)
    }

    fn stage_change(
        &self,
        change: Change,
        path: &Path,
        temporary: &Path,
        new_files: NewFileAccess,
        durability: Durability,
    ) -> Result<StagedChange, Error> {
        let storage = self.storage;
        let found = check_before(storage, path, change.before)?;
        let seen = found.map(|(stat, _)| stat);
        let mut before = found.and_then(|(_, hash)| hash);
        let access = || access_for(storage, path, seen.as_ref(), new_files);
        let after = match change.after {
            After::Content(content) => Some(stage(storage, temporary, access()?, durability, |output| {
                output.write_all(&content).map_err(Error::io(Operation::Write, temporary))
            })?),
            After::Transformed(transform) => {
                let stat = seen.ok_or_else(|| Error::ChangedSincePlanned { path: path.to_path_buf() })?;
                let mut input = CheckedReader::open(storage, path, stat)?;
                let after = stage(storage, temporary, access()?, durability, |output| {
                    transform_checked(storage, transform, (path, &mut input), (temporary, output))
                })?;
                // A planned hash was compared already, but this is what the new content was made from.
                let read = input.finish(storage)?;
                if before.is_some_and(|planned| planned != read) {
                    return Err(Error::ChangedSincePlanned { path: path.to_path_buf() });
                }
                before = Some(read);
                Some(after)
            }
            After::Removed => None,
        };
        if change.before == Before::Present && before.is_none() {
            before = hash_file(storage, path)?.map(|(_, hash)| hash);
        }
        Ok(StagedChange { seen, before, after })
    }

    /// The file systems of the planned files, to be made durable as a whole; none if there are few files, or if
    /// one of the file systems cannot do it.
    #[allow(clippy::type_complexity)]
    fn file_systems(&self, plan: &Plan) -> Result<Vec<(PathBuf, Box<dyn FileSystemSync>)>, Error> {
        let written = plan.changes().iter().filter(|change| !matches!(change.after, After::Removed)).count();
        if written < WHOLE_FILE_SYSTEM_FROM {
            return Ok(Vec::new());
        }
        let mut by_device = BTreeMap::new();
        for directory in self.directories(plan) {
            by_device.insert(stat_directory(self.storage, &directory)?.device, directory);
        }
        let mut whole = Vec::new();
        for directory in by_device.into_values() {
            match self.storage.file_system_sync(&directory).map_err(Error::io(Operation::Sync, &directory))? {
                Some(file_system) => whole.push((directory, file_system)),
                None => return Ok(Vec::new()),
            }
        }
        Ok(whole)
    }

    fn directories(&self, plan: &Plan) -> BTreeSet<PathBuf> {
        plan.changes()
            .iter()
            .map(|change| directory_of(&self.root.join(&change.path)).to_path_buf())
            .collect()
    }

    fn make_directory(&self, directory: &Path) -> Result<(), Error> {
        match stat_directory(self.storage, directory) {
            Ok(stat) if stat.kind == FileKind::Directory => return Ok(()),
            Ok(_) => {
                let reason = "is not a directory, so no file can be in it";
                return Err(Error::Plan { path: directory.to_path_buf(), reason });
            }
            Err(error) if error.is_not_found() && directory != self.root => {}
            Err(error) => return Err(error),
        }
        let parent = directory_of(directory);
        self.make_directory(parent)?;
        let access: Access = stat_directory(self.storage, parent)?.access;
        match self.storage.create_directory(directory, access) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(Error::io(Operation::Create, directory)(error));
            }
            _ => {}
        }
        self.storage.sync_directory(parent).map_err(Error::io(Operation::Sync, parent))
    }

    /// Writes the journal durably; an error tells whether the new one may be in place.
    fn write_journal(&self, journal: &Journal, before: Before) -> Result<ContentHash, (Error, bool)> {
        let path = self.home.join(JOURNAL_NAME);
        let bytes = journal.to_bytes();
        if bytes.len() as u64 > MAX_JOURNAL {
            let reason = "would not hold so many files: change them in several steps";
            return Err((Error::Plan { path, reason }, false));
        }
        replace_file(self.storage, &path, before, &bytes, NewFileAccess::LikeDirectory).map_err(|error| {
            match error {
                Error::NotDurable { .. } => (error, true),
                Error::Exists { path } => (Error::Unfinished { path }, false),
                _ => (error, false),
            }
        })
    }

    fn remove_journal(&self) -> Result<(), Error> {
        remove_if_there(self.storage, &self.home.join(JOURNAL_NAME))?;
        self.storage.sync_directory(&self.home).map_err(Error::io(Operation::Sync, &self.home))
    }

    /// Best effort: what remains is undone by the next writer, for the journal stays until all is gone.
    fn undo(&self, journal: &Journal) {
        let _ = remove_temporaries(self.storage, &self.root, journal).and_then(|()| self.remove_journal());
    }
}

struct StagedChange {
    seen: Option<FileStat>,
    before: Option<ContentHash>,
    after: Option<ContentHash>,
}
