//! Output files that appear complete or not at all.
//!
//! A file is written under a temporary name in the directory it is meant for, readable by its owner
//! only (0600) unless it is [shared](OutputFile::share_as_in), synced, and then given its name; the directory
//! is synced after that. Without `--force` the last step fails rather than replace a file that somebody else
//! made meanwhile. Whatever goes wrong before that leaves nothing behind.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::failure::{ClosedStdout, Failure};
use crate::{interrupt, output, write_behind};

/// Where the plaintext of one input goes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    Stdout,
    File(PathBuf),
}

impl Target {
    /// `-` is standard output.
    pub(crate) fn from_argument(argument: &Path) -> Self {
        if argument.as_os_str() == OsStr::new("-") {
            Self::Stdout
        } else {
            Self::File(argument.to_path_buf())
        }
    }
}

/// How an output file comes about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    /// Replace an existing file; write binary data to a terminal.
    pub(crate) replace: bool,
    /// Have it on disk before it gets its name.
    pub(crate) sync: bool,
}

/// An output that is being written; [`OutputFile::finish`] makes it appear, dropping it removes it.
#[derive(Debug)]
pub(crate) struct OutputFile {
    sink: Sink,
}

#[derive(Debug)]
enum Sink {
    /// Not through the line buffer that `io::stdout` has: this is binary.
    Stdout(File),
    /// A device or FIFO that exists already: there is nothing to replace.
    Special(PathBuf, File),
    Temporary(Pending),
}

#[derive(Debug)]
struct Pending {
    /// `None` only while it is being given its name.
    file: Option<NamedTempFile>,
    temporary_path: PathBuf,
    target: PathBuf,
    policy: Policy,
    created_directories: Vec<PathBuf>,
}

impl OutputFile {
    /// Begins an output. `input` is the file that the output is made from, if there is one: it is never
    /// replaced, whatever the policy says. Missing directories are made, for the owner alone (0700).
    ///
    /// # Errors
    /// If the target exists and is not to be replaced, is the input, a directory or a symbolic link, if
    /// standard output is a terminal, or the directory cannot be written to.
    pub(crate) fn create(target: &Target, policy: Policy, input: Option<&Path>) -> Result<Self, Failure> {
        let path = match target {
            Target::Stdout if output::stdout_is_terminal() && !policy.replace => {
                return Err(Failure::message("will not write binary data to a terminal").advise(
                    "redirect standard output, name a file with `-o FILE`, or insist with `--force`",
                ));
            }
            Target::Stdout => {
                let stdout = io::stdout().as_fd().try_clone_to_owned()?;
                return Ok(Self { sink: Sink::Stdout(stdout.into()) });
            }
            Target::File(path) => path,
        };
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Failure::new(error).context(format!("{}", path.display()))),
            Ok(found) => {
                if let Some(special) = open_special(path)? {
                    return Ok(Self { sink: Sink::Special(path.clone(), special) });
                }
                check_replaceable(path, &found, policy.replace, input)?;
            }
        }
        Pending::begin(path, policy).map(|pending| Self { sink: Sink::Temporary(pending) })
    }

    /// Lets those have the file who may have the rest of a data directory, if that is where it will be: the group, where
    /// it may read the directory, and the directory's owner, if we are root. Not for what has been decrypted.
    ///
    /// # Errors
    /// If owner or mode cannot be set.
    pub(crate) fn share_as_in(&self, data_directory: &Path) -> Result<(), Failure> {
        let Sink::Temporary(Pending { file: Some(file), target, .. }) = &self.sink else { return Ok(()) };
        let Some(found) = metadata_if_inside(data_directory, &directory_of(target)) else { return Ok(()) };
        let share = || {
            if rustix::process::geteuid().is_root() {
                fchown(file.as_file(), Some(found.uid()), Some(found.gid()))?;
            }
            // Not with a group that is another one than the directory's.
            let group =
                if file.as_file().metadata()?.gid() == found.gid() { found.mode() & 0o040 } else { 0 };
            file.as_file().set_permissions(Permissions::from_mode(0o600 | group))
        };
        share().map_err(|error| Failure::new(self.name(error)))
    }

    /// Makes the output appear under its name, durably.
    ///
    /// # Errors
    /// If it cannot be written out completely, or a file of that name has appeared meanwhile.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        self.flush()?;
        match self.sink {
            Sink::Stdout(_) | Sink::Special(..) => Ok(()),
            Sink::Temporary(pending) => pending.finish(),
        }
    }

    /// What has been written so far, to be read again; `None` if the output does not keep it.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub(crate) fn written(&mut self) -> Result<Option<File>, Failure> {
        self.flush()?;
        match &self.sink {
            Sink::Temporary(pending) => Ok(Some(File::open(&pending.temporary_path)?)),
            Sink::Stdout(_) | Sink::Special(..) => Ok(None),
        }
    }

    /// The file, if bytes can be written at any offset of it.
    pub(crate) fn regular(&self) -> Option<&File> {
        match &self.sink {
            Sink::Stdout(_) | Sink::Special(..) => None,
            Sink::Temporary(pending) => pending.file.as_ref().map(NamedTempFile::as_file),
        }
    }

    /// Does `work`, which says how many bytes it has written to [`Self::regular`]. What has to be on disk in the
    /// end is put there meanwhile.
    ///
    /// # Errors
    /// Those of the work, and of the disk.
    pub(crate) fn while_written<T>(
        &self,
        work: impl FnOnce(&(dyn Fn(u64) + Sync)) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        match (&self.sink, self.regular()) {
            (Sink::Temporary(pending), Some(file)) if pending.policy.sync => {
                let (done, synced) = write_behind::run(file, work);
                let done = done?;
                synced.map_err(|error| self.name(error))?;
                Ok(done)
            }
            _ => work(&|_| {}),
        }
    }

    /// The error with the name of the output in front; its kind stays.
    pub(crate) fn name(&self, error: io::Error) -> io::Error {
        let name = match &self.sink {
            Sink::Stdout(_) if error.kind() == io::ErrorKind::BrokenPipe => return ClosedStdout::mark(error),
            Sink::Stdout(_) => "standard output".into(),
            Sink::Special(path, _) => path.display().to_string(),
            Sink::Temporary(pending) => pending.target.display().to_string(),
        };
        io::Error::new(error.kind(), format!("{name}: {error}"))
    }
}

impl Write for OutputFile {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = match &mut self.sink {
            Sink::Stdout(stdout) => stdout.write(buffer),
            Sink::Special(_, file) => file.write(buffer),
            Sink::Temporary(pending) => pending.write(buffer),
        };
        written.map_err(|error| self.name(error))
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = match &mut self.sink {
            Sink::Stdout(stdout) => stdout.flush(),
            Sink::Special(_, file) => file.flush(),
            // Synced as a whole when it is finished; the file has no buffer of ours.
            Sink::Temporary(_) => Ok(()),
        };
        flushed.map_err(|error| self.name(error))
    }
}

impl Pending {
    fn begin(target: &Path, policy: Policy) -> Result<Self, Failure> {
        let directory = directory_of(target);
        let mut created_directories = Vec::new();
        let file = create_directories(&directory, &mut created_directories).and_then(|()| {
            interrupt::create_registered(
                || tempfile::Builder::new().prefix(".tde-").suffix(".unfinished").tempfile_in(&directory),
                |file| file.path(),
            )
        });
        match file {
            Ok(file) => Ok(Self {
                temporary_path: file.path().to_path_buf(),
                file: Some(file),
                target: target.to_path_buf(),
                policy,
                created_directories,
            }),
            Err(error) => {
                remove_directories(&created_directories);
                Err(Failure::new(error)
                    .context(format!("{}: cannot write here", target.display()))
                    .advise("name another place with `-o` or `--output-dir`"))
            }
        }
    }

    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match &mut self.file {
            Some(file) => file.as_file_mut().write(buffer),
            // Taken only by `finish`, which consumes the value.
            None => Err(io::Error::other("written to after it was finished")),
        }
    }

    fn finish(mut self) -> Result<(), Failure> {
        let Some(file) = self.file.take() else { return Ok(()) };
        let synced = if self.policy.sync { file.as_file().sync_all() } else { Ok(()) };
        let named = synced.and_then(|()| {
            let named = if self.policy.replace {
                file.persist(&self.target)
            } else {
                file.persist_noclobber(&self.target)
            };
            named.map_err(|error| error.error)
        });
        match named {
            Ok(_) => {
                self.created_directories.clear();
                if !self.policy.sync {
                    return Ok(());
                }
                sync_directory(&directory_of(&self.target))
                    .map_err(|error| Failure::new(error).context(format!("{}", self.target.display())))
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(already_exists(&self.target)),
            Err(error) => Err(Failure::new(error).context(format!("{}", self.target.display()))),
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        // Unlinks the temporary file unless it has got its name.
        drop(self.file.take());
        interrupt::forget(&self.temporary_path);
        remove_directories(&self.created_directories);
    }
}

/// Opens a device or FIFO; `None` for everything else.
fn open_special(path: &Path) -> Result<Option<File>, Failure> {
    let Ok(found) = fs::metadata(path) else { return Ok(None) };
    let kind = found.file_type();
    if !(kind.is_char_device() || kind.is_fifo()) {
        return Ok(None);
    }
    OpenOptions::new()
        .write(true)
        .open(path)
        .map(Some)
        .map_err(|error| Failure::new(error).context(format!("{}", path.display())))
}

fn check_replaceable(
    path: &Path,
    found: &fs::Metadata,
    replace: bool,
    input: Option<&Path>,
) -> Result<(), Failure> {
    let shown = path.display();
    let same_as_input = input.and_then(|input| fs::metadata(input).ok()).is_some_and(|input| {
        fs::metadata(path).is_ok_and(|found| (input.dev(), input.ino()) == (found.dev(), found.ino()))
    });
    if same_as_input {
        Err(Failure::message(format!("{shown}: this is the encrypted input itself and is not replaced"))
            .advise("write the plaintext to another place"))
    } else if found.is_dir() {
        Err(Failure::message(format!("{shown}: is a directory"))
            .advise("use `--output-dir` to write into a directory"))
    } else if !replace {
        Err(already_exists(path))
    } else if found.is_file() {
        Ok(())
    } else {
        Err(Failure::message(format!("{shown}: neither a regular file nor a device, not replaced"))
            .advise("name the file itself, not a link to it"))
    }
}

fn already_exists(path: &Path) -> Failure {
    Failure::message(format!("{}: exists already and is left as it is", path.display()))
        .advise("write somewhere else, or replace it with `--force`")
}

fn directory_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// Of the data directory, if `directory` is in it, or in its WAL directory, which may be a link to elsewhere.
fn metadata_if_inside(data_directory: &Path, directory: &Path) -> Option<fs::Metadata> {
    let directory = fs::canonicalize(directory).ok()?;
    let is_in = |outer: &Path| fs::canonicalize(outer).is_ok_and(|outer| directory.starts_with(outer));
    let inside = is_in(data_directory) || is_in(&data_directory.join("pg_wal"));
    fs::metadata(data_directory).ok().filter(|_| inside)
}

/// Makes `directory` and what is missing above it, and notes which were made, outermost first.
fn create_directories(directory: &Path, created: &mut Vec<PathBuf>) -> io::Result<()> {
    if directory.as_os_str().is_empty() || directory.is_dir() {
        return Ok(());
    }
    if let Some(parent) = directory.parent() {
        create_directories(parent, created)?;
    }
    match DirBuilder::new().mode(0o700).create(directory) {
        Ok(()) => {
            created.push(directory.to_path_buf());
            sync_directory(&directory_of(directory))
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Takes back what [`create_directories`] made, as far as it is still empty.
fn remove_directories(created: &[PathBuf]) {
    for directory in created.iter().rev() {
        let _ = fs::remove_dir(directory);
    }
}

fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    const KEEP: Policy = Policy { replace: false, sync: true };
    const REPLACE: Policy = Policy { replace: true, sync: true };

    fn entries(directory: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn write(target: &Path, replace: bool, bytes: &[u8]) -> Result<(), Failure> {
        let mut file =
            OutputFile::create(&Target::File(target.into()), Policy { replace, sync: true }, None)?;
        file.write_all(bytes)?;
        file.finish()
    }

    #[test]
    fn a_finished_file_is_complete_and_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("new/deeper/out");
        write(&target, false, b"plaintext").unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"plaintext");
        assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(fs::metadata(dir.path().join("new")).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(entries(target.parent().unwrap()), ["out"]);
    }

    #[test]
    fn an_unfinished_file_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("new/deeper/out");
        let mut file = OutputFile::create(&Target::File(target), KEEP, None).unwrap();
        file.write_all(b"half").unwrap();
        assert_eq!(entries(&dir.path().join("new/deeper")).len(), 1);
        drop(file);
        assert!(entries(dir.path()).is_empty());
    }

    #[test]
    fn an_existing_file_stays_unless_forced() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("out");
        fs::write(&target, b"old").unwrap();
        let refused = write(&target, false, b"new").unwrap_err();
        assert!(refused.to_string().contains("exists already"), "{refused}");
        assert_eq!(refused.status(), crate::failure::Status::CouldNotRun);
        assert_eq!(fs::read(&target).unwrap(), b"old");
        write(&target, true, b"new").unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"new");
        assert_eq!(entries(dir.path()), ["out"]);
    }

    #[test]
    fn a_file_that_appears_while_writing_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("out");
        let mut file = OutputFile::create(&Target::File(target.clone()), KEEP, None).unwrap();
        file.write_all(b"ours").unwrap();
        fs::write(&target, b"theirs").unwrap();
        assert!(file.finish().unwrap_err().to_string().contains("exists already"));
        assert_eq!(fs::read(&target).unwrap(), b"theirs");
        assert_eq!(entries(dir.path()), ["out"]);
    }

    #[test]
    fn the_input_is_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let input = dir.path().join("in");
        fs::write(&input, b"ciphertext").unwrap();
        let other_name = dir.path().join("hard-link");
        fs::hard_link(&input, &other_name).unwrap();
        for target in [&input, &other_name] {
            let refused =
                OutputFile::create(&Target::File(target.clone()), REPLACE, Some(&input)).unwrap_err();
            assert!(refused.to_string().contains("encrypted input"), "{refused}");
        }
    }

    #[test]
    fn links_and_directories_are_not_replaced_even_when_forced() {
        let dir = tempfile::tempdir().unwrap();
        let victim = dir.path().join("victim");
        fs::write(&victim, b"old").unwrap();
        let link = dir.path().join("link");
        symlink(&victim, &link).unwrap();
        let dangling = dir.path().join("dangling");
        symlink(dir.path().join("nowhere"), &dangling).unwrap();
        let directory = dir.path().join("directory");
        fs::create_dir(&directory).unwrap();
        for target in [&link, &dangling, &directory] {
            assert!(write(target, true, b"new").is_err(), "{}", target.display());
        }
        assert_eq!(fs::read(&victim).unwrap(), b"old");
        assert_eq!(entries(dir.path()), ["dangling", "directory", "link", "victim"]);
    }

    #[test]
    fn a_device_is_written_to_and_stays_a_device() {
        write(Path::new("/dev/null"), true, b"bytes").unwrap();
        assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    }
}
