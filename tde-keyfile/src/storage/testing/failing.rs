//! A storage of which one call fails.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::super::{Access, FileStat, FileSystemSync, Lock, ReadHandle, Storage, WriteHandle};

/// Which error the failing call gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)]
pub enum Fault {
    /// The disk is full. A write puts half of its bytes down before.
    NoSpace,
    /// The device fails.
    Device,
    /// The file system has been mounted read-only.
    ReadOnly,
    /// The operation is not permitted.
    NotPermitted,
}

impl Fault {
    fn error(self) -> io::Error {
        let number = match self {
            Self::NoSpace => rustix::io::Errno::NOSPC,
            Self::Device => rustix::io::Errno::IO,
            Self::ReadOnly => rustix::io::Errno::ROFS,
            Self::NotPermitted => rustix::io::Errno::PERM,
        };
        number.into()
    }
}

/// Whether calls after the failing one work again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)]
pub enum Persistence {
    /// They do, so that cleaning up succeeds.
    Once,
    /// They fail as well.
    FromThenOn,
}

/// Counts the calls to another storage and lets the one with a chosen number fail.
///
/// A file whose [`WriteHandle::sync`] failed never becomes durable through it: a second call fails too.
#[derive(Debug)]
pub struct FailingStorage<S> {
    inner: S,
    plan: Arc<Mutex<FaultPlan>>,
}

#[derive(Debug, Clone, Copy)]
struct FaultPlan {
    calls: usize,
    syncs: usize,
    fail_at: Option<(usize, Fault, Persistence)>,
}

impl FaultPlan {
    fn next(&mut self) -> Option<Fault> {
        let call = self.calls;
        self.calls += 1;
        let (at, fault, persistence) = self.fail_at?;
        (call == at || (call > at && persistence == Persistence::FromThenOn)).then_some(fault)
    }
}

impl<S: Storage> FailingStorage<S> {
    /// A storage that works until told otherwise.
    pub fn new(inner: S) -> Self {
        Self { inner, plan: Arc::new(Mutex::new(FaultPlan { calls: 0, syncs: 0, fail_at: None })) }
    }

    /// Lets the call with this number fail, counted from 0 and from now.
    pub fn fail_at(&self, call: usize, fault: Fault, persistence: Persistence) {
        *lock(&self.plan) = FaultPlan { calls: 0, syncs: 0, fail_at: Some((call, fault, persistence)) };
    }

    /// Lets no call fail any more, and counts from 0 again.
    pub fn heal(&self) {
        *lock(&self.plan) = FaultPlan { calls: 0, syncs: 0, fail_at: None };
    }

    /// Calls since the last [`fail_at`](Self::fail_at) or [`heal`](Self::heal).
    pub fn calls(&self) -> usize {
        lock(&self.plan).calls
    }

    /// Those of them that wait for the disk: syncs of files, directories and file systems.
    pub fn syncs(&self) -> usize {
        lock(&self.plan).syncs
    }

    /// The storage beneath.
    pub const fn inner(&self) -> &S {
        &self.inner
    }

    fn check(&self) -> io::Result<()> {
        check(&self.plan)
    }
}

fn lock(plan: &Mutex<FaultPlan>) -> std::sync::MutexGuard<'_, FaultPlan> {
    plan.lock().unwrap_or_else(PoisonError::into_inner)
}

fn check(plan: &Mutex<FaultPlan>) -> io::Result<()> {
    lock(plan).next().map_or(Ok(()), |fault| Err(fault.error()))
}

impl<S: Storage> Storage for FailingStorage<S> {
    fn stat(&self, path: &Path) -> io::Result<FileStat> {
        self.check()?;
        self.inner.stat(path)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadHandle>> {
        self.check()?;
        let plan = self.plan.clone();
        Ok(Box::new(Failing { inner: self.inner.open(path)?, plan, sync_failed: false }))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        self.check()?;
        self.inner.list(directory)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteHandle>> {
        self.check()?;
        let plan = self.plan.clone();
        Ok(Box::new(Failing { inner: self.inner.create(path)?, plan, sync_failed: false }))
    }

    fn create_directory(&self, path: &Path, access: Access) -> io::Result<()> {
        self.check()?;
        self.inner.create_directory(path, access)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.check()?;
        self.inner.rename(from, to)
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.check()?;
        self.inner.rename_new(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.check()?;
        self.inner.remove(path)
    }

    fn overwrite(&self, path: &Path) -> io::Result<()> {
        lock(&self.plan).syncs += 1;
        self.check()?;
        self.inner.overwrite(path)
    }

    fn remove_directory(&self, path: &Path) -> io::Result<()> {
        self.check()?;
        self.inner.remove_directory(path)
    }

    fn is_memory(&self, directory: &Path) -> io::Result<bool> {
        self.check()?;
        self.inner.is_memory(directory)
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        lock(&self.plan).syncs += 1;
        self.check()?;
        self.inner.sync_directory(directory)
    }

    fn file_system_sync(&self, directory: &Path) -> io::Result<Option<Box<dyn FileSystemSync>>> {
        self.check()?;
        let Some(inner) = self.inner.file_system_sync(directory)? else { return Ok(None) };
        Ok(Some(Box::new(Failing { inner, plan: self.plan.clone(), sync_failed: false })))
    }

    fn lock(&self, path: &Path, holder: &str) -> io::Result<Lock> {
        self.check()?;
        self.inner.lock(path, holder)
    }
}

struct Failing<T: ?Sized> {
    plan: Arc<Mutex<FaultPlan>>,
    sync_failed: bool,
    inner: Box<T>,
}

impl<T: ?Sized> Failing<T> {
    fn check_sync(&mut self) -> io::Result<()> {
        lock(&self.plan).syncs += 1;
        if self.sync_failed {
            return Err(Fault::Device.error());
        }
        check(&self.plan).inspect_err(|_| self.sync_failed = true)
    }
}

impl ReadHandle for Failing<dyn ReadHandle> {
    fn stat(&self) -> io::Result<FileStat> {
        check(&self.plan)?;
        self.inner.stat()
    }
}

impl io::Read for Failing<dyn ReadHandle> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        check(&self.plan)?;
        self.inner.read(buffer)
    }
}

impl WriteHandle for Failing<dyn WriteHandle> {
    fn set_access(&mut self, access: Access) -> io::Result<()> {
        check(&self.plan)?;
        self.inner.set_access(access)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.check_sync()?;
        self.inner.sync()
    }
}

impl io::Write for Failing<dyn WriteHandle> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let fault = lock(&self.plan).next();
        match fault {
            None => self.inner.write(bytes),
            Some(Fault::NoSpace) if bytes.len() > 1 => {
                // Half goes down, and the rest meets a full disk at the next call.
                let mut plan = lock(&self.plan);
                let persistence = plan.fail_at.map_or(Persistence::Once, |(_, _, persistence)| persistence);
                plan.fail_at = Some((plan.calls, Fault::Device, persistence));
                drop(plan);
                self.inner.write(bytes.split_at(bytes.len() / 2).0)
            }
            Some(fault) => Err(fault.error()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl FileSystemSync for Failing<dyn FileSystemSync> {
    fn sync(&mut self) -> io::Result<()> {
        self.check_sync()?;
        self.inner.sync()
    }
}
