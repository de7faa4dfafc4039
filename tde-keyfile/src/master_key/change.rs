//! A master key file, with its dated copies and its log.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use std::path::{Path, PathBuf};

use super::history::{archive_path, is_archive_of, log_path, timestamp};
use super::{
    Argon2Params, Error, FileFormat, Identified, MasterKey, OpenOptions, Passphrase, PassphraseSource,
    identify, open, seal,
};
use crate::storage::{
    self, Before, Change, FileContent, FileStat, NewFileAccess, Plan, Storage, Writer, read_file,
};

/// No master key file is longer; a larger file is something else.
const MAX_FILE: u64 = 4096;
/// Longest log that is appended to: thousands of changes.
const MAX_LOG: u64 = 1 << 20;

/// A file that holds a master key, protected by a passphrase.
#[derive(Debug)]
pub struct MasterKeyFile<'s> {
    storage: &'s dyn Storage,
    path: PathBuf,
    program: String,
}

/// What [`MasterKeyFile::rotate`] makes anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)]
pub enum NewSecret {
    /// The passphrase; the key stays, so nothing else has to change.
    Passphrase,
    /// The key; the passphrase stays. What the old key protects still needs it.
    Key,
    /// Both.
    Both,
}

/// What [`MasterKeyFile::init`] or [`MasterKeyFile::rotate`] did, or would do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Changed {
    /// The master key file.
    pub path: PathBuf,
    /// Where the file that it replaced is kept.
    pub archived: Option<PathBuf>,
    /// The log that has a new line.
    pub log: PathBuf,
    /// What happened, as the log says it: `init`, `new-key`, `new-passphrase`, `new-key-and-passphrase`.
    pub event: &'static str,
    /// `tde` or `openssl`.
    pub format: &'static str,
    /// Fingerprint of the key in the new file; none if nothing was done.
    pub fingerprint: Option<[u8; 8]>,
}

/// What can be told of a master key file without its passphrase.
#[derive(Debug)]
#[non_exhaustive]
pub struct Status {
    /// The file, if there is one.
    pub stat: Option<FileStat>,
    /// What its bytes are, or what is wrong with them.
    pub content: Option<Result<Identified, Error>>,
    /// Dated copies, oldest first.
    pub archived: Vec<PathBuf>,
    /// Lines of the log, oldest first.
    pub log: Vec<String>,
    /// Whether a change was interrupted; the next `init`, `rotate` or `open` completes or undoes it.
    pub interrupted: bool,
}

impl<'s> MasterKeyFile<'s> {
    /// The file at this path, which need not exist. `program` is what another writer is told of this one.
    #[must_use]
    pub fn new(storage: &'s dyn Storage, path: &Path, program: &str) -> Self {
        Self { storage, path: path.to_path_buf(), program: program.into() }
    }

    /// The path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The key in the file. A change of the file that was interrupted is completed or undone first.
    ///
    /// # Errors
    /// Those of [`open`] and [`read_file`], with the path; those of the source.
    pub fn open(&self, source: &mut dyn PassphraseSource, options: &OpenOptions) -> Result<MasterKey, Error> {
        if self.interrupted()? {
            self.writer()?;
        }
        let content = self.read()?;
        // Before the passphrase is asked for.
        identify(content.bytes()).map_err(|error| error.at(&self.path))?;
        let passphrase = source.current()?;
        open(content.bytes(), &passphrase, options).map_err(|error| error.at(&self.path))
    }

    /// What [`init`](Self::init) would do, without doing it.
    ///
    /// # Errors
    /// As `init`, but for the passphrase.
    pub fn plan_init(&self, format: FileFormat, replace: bool, now: i64) -> Result<Changed, Error> {
        let existing = self.existing()?;
        if existing.is_some() && !replace {
            return Err(Error::Exists { path: self.path.clone() });
        }
        self.change("init", format.name(), existing.is_some(), now)
    }

    /// Makes a new key and the file that holds it, mode 0600.
    ///
    /// An existing file is refused, or kept as a dated copy if `replace` says so. `now` is in seconds since 1970.
    ///
    /// # Errors
    /// [`Error::NoDirectory`], [`Error::Exists`], [`Error::Passphrase`] if it is too short; those of the source, of
    /// [`seal`] and of [`Writer::apply`].
    pub fn init(
        &self,
        source: &mut dyn PassphraseSource,
        format: FileFormat,
        replace: bool,
        now: i64,
    ) -> Result<Changed, Error> {
        self.make(source, None, format, replace, now)
    }

    /// Makes the file that holds a key that there is already, mode 0600. An existing file is refused.
    ///
    /// # Errors
    /// As [`init`](Self::init).
    pub fn import(
        &self,
        source: &mut dyn PassphraseSource,
        key: &MasterKey,
        format: FileFormat,
        now: i64,
    ) -> Result<Changed, Error> {
        self.make(source, Some(key), format, false, now)
    }

    fn make(
        &self,
        source: &mut dyn PassphraseSource,
        key: Option<&MasterKey>,
        format: FileFormat,
        replace: bool,
        now: i64,
    ) -> Result<Changed, Error> {
        self.plan_init(format, replace, now)?;
        // From here on nobody else changes the file, and what an earlier run could not finish is finished.
        let writer = self.writer()?;
        let changed = self.plan_init(format, replace, now)?;
        let passphrase = source.fresh()?;
        passphrase.check_new()?;
        let existing = self.existing()?;
        match key {
            Some(key) => self.write(&writer, key, &passphrase, format, existing, changed, now),
            None => self.write(&writer, &MasterKey::random()?, &passphrase, format, existing, changed, now),
        }
    }

    /// What [`rotate`](Self::rotate) would do, without doing it.
    ///
    /// # Errors
    /// As `rotate`, but for the passphrase.
    pub fn plan_rotate(
        &self,
        new: NewSecret,
        format: Option<FileFormat>,
        now: i64,
    ) -> Result<Changed, Error> {
        let content = self.read()?;
        let found = identify(content.bytes()).map_err(|error| error.at(&self.path))?;
        let name = format.map_or(found.name(), |format| format.name());
        self.change(new.event(), name, true, now)
    }

    /// Replaces key or passphrase, and keeps the old file as a dated copy.
    ///
    /// Without `format` the file stays in the one that it has, with today's parameters (ours) or the number of
    /// iterations in `options` (OpenSSL's).
    ///
    /// # Errors
    /// As [`open`](Self::open) and [`init`](Self::init).
    pub fn rotate(
        &self,
        source: &mut dyn PassphraseSource,
        new: NewSecret,
        format: Option<FileFormat>,
        options: &OpenOptions,
        now: i64,
    ) -> Result<Changed, Error> {
        self.plan_rotate(new, format, now)?;
        let writer = self.writer()?;
        let changed = self.plan_rotate(new, format, now)?;
        let content = self.read()?;
        let found = identify(content.bytes()).map_err(|error| error.at(&self.path))?;
        let current = source.current()?;
        let key = open(content.bytes(), &current, options).map_err(|error| error.at(&self.path))?;
        let passphrase = if new == NewSecret::Key {
            current
        } else {
            let fresh = source.fresh()?;
            fresh.check_new()?;
            fresh
        };
        let key = if new == NewSecret::Passphrase { key } else { MasterKey::random()? };
        let format = format.unwrap_or(match found {
            Identified::Tde(_) => FileFormat::Tde(Argon2Params::default()),
            Identified::OpenSsl => FileFormat::OpenSsl { iterations: options.openssl_iterations },
        });
        self.write(&writer, &key, &passphrase, format, Some(content), changed, now)
    }

    /// What can be told without the passphrase.
    ///
    /// # Errors
    /// Those of listing the directory and of [`read_file`], but a missing file is none.
    pub fn status(&self) -> Result<Status, Error> {
        let content = self.existing()?;
        let directory = self.directory();
        let names = self.storage.list(directory).map_err(|source| storage::Error::Io {
            operation: storage::Operation::List,
            path: directory.to_path_buf(),
            source,
        })?;
        let mut archived: Vec<_> = names
            .iter()
            .filter(|name| is_archive_of(&self.path, name))
            .map(|name| self.path.with_file_name(name))
            .collect();
        archived.sort();
        let log = match read_file(self.storage, &log_path(&self.path), MAX_LOG) {
            Ok(log) => String::from_utf8_lossy(log.bytes()).lines().map(String::from).collect(),
            Err(error) if error.is_not_found() => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        Ok(Status {
            stat: content.as_ref().map(|content| *content.stat()),
            content: content.map(|content| identify(content.bytes())),
            archived,
            log,
            interrupted: self.interrupted()?,
        })
    }

    fn change(
        &self,
        event: &'static str,
        format: &'static str,
        archive: bool,
        now: i64,
    ) -> Result<Changed, Error> {
        let archived = archive.then(|| self.free_archive_path(now)).transpose()?;
        let log = log_path(&self.path);
        Ok(Changed { path: self.path.clone(), archived, log, event, format, fingerprint: None })
    }

    /// Whether an earlier change of the file was interrupted.
    fn interrupted(&self) -> Result<bool, Error> {
        let found = match storage::interrupted_work(self.storage, self.directory(), "") {
            // There is no directory, so there is no file either.
            Err(error) if error.is_not_found() => None,
            found => found?,
        };
        Ok(found.is_some_and(|found| found.journal.is_some()))
    }

    fn writer(&self) -> Result<Writer<'s>, Error> {
        Ok(Writer::open(self.storage, self.directory(), "", &self.program)?)
    }

    #[allow(clippy::too_many_arguments)] // Two callers, in this file.
    fn write(
        &self,
        writer: &Writer<'_>,
        key: &MasterKey,
        passphrase: &Passphrase,
        format: FileFormat,
        existing: Option<FileContent>,
        changed: Changed,
        now: i64,
    ) -> Result<Changed, Error> {
        let sealed = seal(key, passphrase, format, now)?;
        // The old file goes only when the new one is known to open.
        let iterations = match format {
            FileFormat::OpenSsl { iterations } => iterations,
            FileFormat::Tde(_) => super::DEFAULT_OPENSSL_ITERATIONS,
        };
        let options = OpenOptions { openssl_iterations: iterations, ..OpenOptions::default() };
        if !open(&sealed, passphrase, &options)?.ct_eq(key) {
            return Err(Error::Damaged { reason: "the new file did not open to the key that was put in" });
        }
        let changed = Changed { fingerprint: Some(key.fingerprint()), ..changed };

        let relative = |path: &Path| path.file_name().map(PathBuf::from).unwrap_or_default();
        let mut plan = Plan::new(&format!("master key: {}", changed.event), NewFileAccess::Private);
        if let (Some(archived), Some(existing)) = (&changed.archived, &existing) {
            plan.push(Change::write(relative(archived), Before::Absent, existing.bytes().to_vec()));
        }
        plan.push(self.log_change(&changed, now)?);
        let before = existing.map_or(Before::Absent, |content| Before::Content(content.hash()));
        plan.push(Change::write(relative(&self.path), before, sealed));
        writer.apply(plan)?;
        Ok(changed)
    }

    fn log_change(&self, changed: &Changed, now: i64) -> Result<Change, Error> {
        let (mut log, before) = match read_file(self.storage, &changed.log, MAX_LOG) {
            Ok(content) => (content.bytes().to_vec(), Before::Content(content.hash())),
            Err(error) if error.is_not_found() => (Vec::new(), Before::Absent),
            Err(error) => return Err(error.into()),
        };
        let mut line = format!("{} {} format={}", timestamp(now), changed.event, changed.format);
        if let Some(fingerprint) = changed.fingerprint {
            let digits: String = fingerprint.iter().map(|byte| format!("{byte:02x}")).collect();
            line.push_str(&format!(" key={digits}"));
        }
        if let Some(name) = changed.archived.as_ref().and_then(|path| path.file_name()) {
            line.push_str(&format!(" archived={}", name.display()));
        }
        line.push('\n');
        log.extend_from_slice(line.as_bytes());
        let name = changed.log.file_name().map(PathBuf::from).unwrap_or_default();
        Ok(Change::write(name, before, log))
    }

    fn read(&self) -> Result<FileContent, Error> {
        read_file(self.storage, &self.path, MAX_FILE).map_err(|error| match error {
            storage::Error::TooLarge { .. } => Error::NotMasterKey.at(&self.path),
            other => other.into(),
        })
    }

    /// The file, if there is one; the directory must be there.
    fn existing(&self) -> Result<Option<FileContent>, Error> {
        let directory = self.directory();
        if self.path.file_name().is_none() || self.storage.stat(&directory.join(".")).is_err() {
            return Err(Error::NoDirectory { path: directory.to_path_buf() });
        }
        match self.read() {
            Err(Error::Storage(error)) if error.is_not_found() => Ok(None),
            read => read.map(Some),
        }
    }

    fn directory(&self) -> &Path {
        storage::directory_of(&self.path)
    }

    fn free_archive_path(&self, now: i64) -> Result<PathBuf, Error> {
        for number in 0..1000 {
            let path = archive_path(&self.path, now, number);
            match self.storage.stat(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(path),
                Ok(_) => {}
                Err(source) => {
                    let operation = storage::Operation::Stat;
                    return Err(storage::Error::Io { operation, path, source }.into());
                }
            }
        }
        Err(Error::Exists { path: archive_path(&self.path, now, 0) })
    }
}

impl NewSecret {
    const fn event(self) -> &'static str {
        match self {
            Self::Passphrase => "new-passphrase",
            Self::Key => "new-key",
            Self::Both => "new-key-and-passphrase",
        }
    }
}
