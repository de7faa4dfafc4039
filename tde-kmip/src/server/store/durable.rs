//! A store in one file, sealed under a master key.
//!
//! The file is a `redb` database. Its header holds the store's own random key, wrapped by the master key, so that
//! the master key can be changed without touching the records. Ids, names, owners and contents are all sealed;
//! what a reader of the file without the key sees is the number of records and their sizes.

mod error;
mod file;
mod overlay;
mod seal;
mod tables;
#[cfg(test)]
mod tests;

use core::fmt;
use core::ops::ControlFlow;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use redb::{Database, StorageBackend};
use tde_keyfile::master_key::MasterKey;

pub use error::OpenStoreError;
use file::StoreFile;
use overlay::Overlay;
use seal::{HeaderFault, StoreKeys};
use tables::{Fault, Marks, Reading, Writing};

use super::{Change, ObjectStore, Record, StoreError};

/// Memory for pages of the file, in bytes: some ten thousand objects.
const CACHE: usize = 32 << 20;
/// Records that a scan takes at a time.
const SCAN_CHUNK: usize = 64;

/// Records in a file, sealed with AES-256-GCM under a master key.
///
/// One process has the store open at a time. A change is on the device when [`apply`](ObjectStore::apply) returns.
/// While the device takes no writes, because it is full or for another reason, changes fail and reading goes on; changes
/// are made again once it takes them.
pub struct DurableStore {
    path: PathBuf,
    keys: StoreKeys,
    backend: Box<dyn Fn() -> Box<dyn Backend> + Send + Sync>,
    /// None while the last failure keeps the database from being opened again.
    database: RwLock<Option<OpenDatabase>>,
}

/// A database whose closing, too, is guarded.
struct OpenDatabase {
    database: Option<Database>,
    /// Whether what is written reaches the device.
    writable: bool,
}

/// What a database is wanted for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Reading,
    Writing,
}

/// A [`StorageBackend`] that can be handed on in a box.
trait Backend: StorageBackend {}
impl<T: StorageBackend> Backend for T {}

#[derive(Debug)]
struct Boxed(Box<dyn Backend>);

impl DurableStore {
    /// Makes a new, empty store, mode 0600; its directory, if missing, with mode 0700.
    ///
    /// The file has its name only once it is whole.
    ///
    /// # Errors
    /// [`OpenStoreError::Exists`], [`OpenStoreError::Access`], [`OpenStoreError::Random`], [`OpenStoreError::Io`].
    pub fn create(path: &Path, master: &MasterKey) -> Result<Self, OpenStoreError> {
        file::make_directory(path)?;
        let (file, staged) = StoreFile::stage(path)?;
        let store = Self::create_on(path, master, move || Box::new(file.clone()))?;
        staged.publish()?;
        Ok(store)
    }

    /// Opens an existing store and checks all of it: every record, and that none is missing.
    ///
    /// # Errors
    /// Each [`OpenStoreError`] but `Exists`.
    pub fn open(path: &Path, master: &MasterKey) -> Result<Self, OpenStoreError> {
        let file = StoreFile::open(path)?;
        Self::open_on(path, master, move || Box::new(file.clone()))
    }

    /// Opens the store, or makes it if there is none.
    ///
    /// # Errors
    /// Those of [`open`](Self::open) and [`create`](Self::create).
    pub fn open_or_create(path: &Path, master: &MasterKey) -> Result<Self, OpenStoreError> {
        match Self::open(path, master) {
            Err(OpenStoreError::Missing { .. }) => Self::create(path, master),
            store => store,
        }
    }

    /// Wraps the store's key under another master key, all or nothing. Records are not written again.
    ///
    /// # Errors
    /// [`StoreError::Failed`]; whether the change was made shows when the store is opened.
    pub fn change_master_key(&self, master: &MasterKey) -> Result<(), StoreError> {
        self.write("change the master key", |keys, writing| {
            writing.put_header(&keys.wrap(master)?)?;
            Ok(())
        })
    }

    fn create_on(
        path: &Path,
        master: &MasterKey,
        backend: impl Fn() -> Box<dyn Backend> + Send + Sync + 'static,
    ) -> Result<Self, OpenStoreError> {
        let store = Self::with(path, StoreKeys::random(), backend)?;
        let made = store.write("make its tables", |keys, writing| {
            writing.put_header(&keys.wrap(master)?)?;
            writing.put_first_state(keys)?;
            Ok(())
        });
        match made {
            Ok(()) => Ok(store),
            Err(error) => Err(file::io_error("write", path)(io::Error::other(error))),
        }
    }

    fn open_on(
        path: &Path,
        master: &MasterKey,
        backend: impl Fn() -> Box<dyn Backend> + Send + Sync + 'static,
    ) -> Result<Self, OpenStoreError> {
        if backend().len().map_err(file::io_error("look at", path))? == 0 {
            // `redb` would make a database of it.
            return Err(OpenStoreError::NotStore { path: path.to_path_buf() });
        }
        let database = open_database(backend()).or_else(|fault| {
            open_for_reading(path, &backend, &fault).ok_or_else(|| open_error(path, fault))
        })?;
        let keys = guard(|| Reading::begin(database.get()?)?.header())
            .and_then(|header| Ok(StoreKeys::unwrap(&header, master)?))
            .map_err(|fault| open_error(path, fault))?;
        guard(|| Reading::begin(database.get()?)?.check(&keys)).map_err(|fault| open_error(path, fault))?;
        Ok(Self {
            path: path.to_path_buf(),
            keys,
            backend: Box::new(backend),
            database: RwLock::new(Some(database)),
        })
    }

    fn with(
        path: &Path,
        keys: Result<StoreKeys, HeaderFault>,
        backend: impl Fn() -> Box<dyn Backend> + Send + Sync + 'static,
    ) -> Result<Self, OpenStoreError> {
        let keys = keys.map_err(|fault| open_error(path, fault.into()))?;
        let database = open_database(backend()).map_err(|fault| open_error(path, fault))?;
        Ok(Self {
            path: path.to_path_buf(),
            keys,
            backend: Box::new(backend),
            database: RwLock::new(Some(database)),
        })
    }

    fn read<T>(
        &self,
        operation: &'static str,
        read: impl Fn(&Reading) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let attempt = || {
            let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
            let Some(database) = &*database else { return Err(Fault::closed()) };
            guard(|| read(&Reading::begin(database.get()?)?))
        };
        // A failed write closes the database for readers too; they need not notice.
        let result = match attempt() {
            Err(Fault::Storage(_)) => self.reopen(Wanted::Reading).and_then(|()| attempt()),
            result => result,
        };
        result.map_err(|fault| fault.into_store_error(operation))
    }

    fn write(
        &self,
        operation: &'static str,
        write: impl FnOnce(&StoreKeys, &mut Writing) -> Result<(), Fault>,
    ) -> Result<(), StoreError> {
        let mut before = None;
        let result = self.writable().and_then(|()| {
            let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
            // Somebody else's failure may have made it one for reading just now: what is written there is lost.
            let Some(database) = database.as_ref().filter(|database| database.writable) else {
                return Err(Fault::closed());
            };
            guard(|| {
                let transaction = tables::begin_write(database.get()?)?;
                let mut writing = Writing::begin(&transaction)?;
                before = Some(writing.marks()?);
                write(&self.keys, &mut writing)?;
                drop(writing);
                tables::commit(transaction)
            })
        });
        let Err(fault) = result else { return Ok(()) };
        if matches!(fault, Fault::Storage(_)) {
            // So that what comes next is served from what is on the device.
            let _ = self.reopen(Wanted::Reading);
        }
        Err(match fault.into_store_error(operation) {
            // It may have become full when all was written but the last.
            StoreError::Full if before.is_some_and(|before| !self.is_still_at(&before)) => {
                let source = "the device became full at the end of it".into();
                StoreError::Failed { operation, source }
            }
            error => error,
        })
    }

    fn writable(&self) -> Result<(), Fault> {
        let writable = {
            let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
            database.as_ref().is_some_and(|database| database.writable)
        };
        if writable { Ok(()) } else { self.reopen(Wanted::Writing) }
    }

    /// Whether no change was made since these marks.
    fn is_still_at(&self, marks: &Marks) -> bool {
        self.read("look at its state", Reading::marks).is_ok_and(|now| now == *marks)
    }

    /// `redb` does nothing more after an error of the file, until the database is opened anew. If the device takes no
    /// writes, that is for reading.
    fn reopen(&self, wanted: Wanted) -> Result<(), Fault> {
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        match database.as_ref().filter(|database| works(database)) {
            Some(working) if working.writable || wanted == Wanted::Reading => return Ok(()),
            // It is for reading, and goes on for as long as there is none for writing.
            Some(_) => {}
            None => *database = None,
        }
        match open_database((self.backend)()) {
            Ok(opened) => {
                if database.replace(opened).is_some() {
                    tracing::info!(path = %self.path.display(), "the store takes changes again");
                }
                Ok(())
            }
            Err(fault) => {
                if database.is_none() {
                    *database = open_for_reading(&self.path, &*self.backend, &fault);
                }
                if database.is_some() && wanted == Wanted::Reading { Ok(()) } else { Err(fault) }
            }
        }
    }
}

impl ObjectStore for DurableStore {
    fn get(&self, id: &str) -> Result<Option<Arc<Record>>, StoreError> {
        self.read("read an object", |reading| Ok(reading.by_id(&self.keys, id)?.map(Arc::new)))
    }

    fn named(&self, name: &str) -> Result<Vec<Arc<Record>>, StoreError> {
        self.read("look up a name", |reading| {
            Ok(reading.by_name(&self.keys, name)?.into_iter().map(Arc::new).collect())
        })
    }

    fn scan(&self, visit: &mut dyn FnMut(&Arc<Record>) -> ControlFlow<()>) -> Result<(), StoreError> {
        let mut after = 0;
        loop {
            let chunk =
                self.read("read all objects", |reading| reading.after(&self.keys, after, SCAN_CHUNK))?;
            let Some(last) = chunk.last() else { return Ok(()) };
            after = last.sequence;
            for record in chunk.into_iter().map(Arc::new) {
                if visit(&record).is_break() {
                    return Ok(());
                }
            }
        }
    }

    fn apply(&self, changes: Vec<Change>) -> Result<(), StoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        self.write("change objects", |keys, writing| writing.apply(keys, changes))
    }
}

impl fmt::Debug for DurableStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DurableStore").field("path", &self.path).finish_non_exhaustive()
    }
}

impl OpenDatabase {
    fn get(&self) -> Result<&Database, Fault> {
        self.database.as_ref().ok_or_else(Fault::closed)
    }
}

impl Drop for OpenDatabase {
    fn drop(&mut self) {
        let _ = catch_unwind(AssertUnwindSafe(|| drop(self.database.take())));
    }
}

impl StorageBackend for Boxed {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.0.close()
    }
}

fn open_database(backend: Box<dyn Backend>) -> Result<OpenDatabase, Fault> {
    guard(|| {
        let mut builder = Database::builder();
        builder.set_cache_size(CACHE);
        let database = Some(builder.create_with_backend(Boxed(backend))?);
        Ok(OpenDatabase { database, writable: true })
    })
}

/// Opens the database for reading, if the device is at fault that it cannot be opened for more: what `redb` writes to
/// open it then stays in memory.
fn open_for_reading(
    path: &Path,
    backend: &dyn Fn() -> Box<dyn Backend>,
    fault: &Fault,
) -> Option<OpenDatabase> {
    let Fault::Storage(error) = fault else { return None };
    if !matches!(**error, redb::Error::Io(_) | redb::Error::PreviousIo) {
        return None;
    }
    let overlay = Overlay::new(backend()).ok()?;
    let mut database = open_database(Box::new(overlay)).ok()?;
    database.writable = false;
    tracing::warn!(path = %path.display(), %error, "the store can be read, but takes no changes");
    Some(database)
}

/// Whether the database still takes transactions.
fn works(database: &OpenDatabase) -> bool {
    guard(|| {
        Reading::begin(database.get()?)?.header()?;
        Ok(tables::begin_write(database.get()?)?.abort()?)
    })
    .is_ok()
}

/// `redb` trusts its file and may panic where the file was changed by others; that is an error of the file.
fn guard<T>(run: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or(Err(Fault::Panicked))
}

fn open_error(path: &Path, fault: Fault) -> OpenStoreError {
    let path = path.to_path_buf();
    let damaged = |path, reason: &str| OpenStoreError::Damaged { path, reason: reason.to_owned() };
    match fault {
        Fault::Header(HeaderFault::NotStore) => OpenStoreError::NotStore { path },
        Fault::Header(HeaderFault::Newer(version)) => OpenStoreError::Newer { path, version },
        Fault::Header(HeaderFault::WrongKey) => OpenStoreError::WrongKey { path },
        Fault::Header(HeaderFault::Damaged(reason)) => damaged(path, reason),
        Fault::Header(HeaderFault::Random) => OpenStoreError::Random,
        Fault::Record { id, reason } => damaged(path, &format!("object {id} {reason}")),
        Fault::State(reason) => damaged(path, reason),
        Fault::Panicked => damaged(path, "its pages contradict each other"),
        Fault::Conflict { .. } => damaged(path, "it changed while it was opened"),
        Fault::Storage(error) => match *error {
            redb::Error::Io(source) if source.kind() == io::ErrorKind::InvalidData => {
                OpenStoreError::NotStore { path }
            }
            redb::Error::Io(source) => OpenStoreError::Io { operation: "read", path, source },
            other => damaged(path, &other.to_string()),
        },
    }
}
