//! A storage in memory that knows what of it would survive a crash.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString as _};
use alloc::sync::Arc;
use alloc::vec::Vec;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::super::{Access, FileKind, FileStat, FileSystemSync, Lock, ReadHandle, Storage, WriteHandle};
use super::crash::{SampleLimit, survivors};

/// A storage in memory that models the page cache and the disk.
///
/// What is written goes to the cache. A file's [`sync`](WriteHandle::sync) makes its content and access
/// durable, but not its name; a directory's makes durable which names are in it, but not what they stand for.
/// Everything else may or may not survive a [`crash`](Self::crash), each name and content for itself, in any
/// combination: a rename may survive without what was written before it, a later one without an earlier one,
/// and content may come back old, whole, cut short or as zeros.
///
/// Clones share their state. Symbolic links are not followed, except for nothing: there are none to directories.
#[derive(Debug, Clone)]
pub struct ForgettingStorage {
    state: Arc<Mutex<State>>,
}

pub(super) type NodeId = usize;

#[derive(Debug, Clone, Default)]
pub(super) struct State {
    pub(super) nodes: Vec<Node>,
    locks: BTreeMap<PathBuf, String>,
    clock: i64,
    calls: usize,
    halt_at: Option<usize>,
}

#[derive(Debug, Clone)]
pub(super) enum Node {
    File(FileNode),
    Directory(DirectoryNode),
    Symlink,
}

#[derive(Debug, Clone)]
pub(super) struct FileNode {
    pub(super) cached: Version,
    pub(super) durable: Version,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) content: Vec<u8>,
    pub(super) access: Access,
    pub(super) modified: i64,
}

#[derive(Debug, Clone)]
pub(super) struct DirectoryNode {
    pub(super) access: Access,
    pub(super) cached: BTreeMap<OsString, NodeId>,
    pub(super) durable: BTreeMap<OsString, NodeId>,
    /// What was done to the names since they were last made durable.
    pub(super) pending: Vec<NameChange>,
}

#[derive(Debug, Clone)]
pub(super) enum NameChange {
    Link(OsString, NodeId),
    Unlink(OsString, NodeId),
    Rename(OsString, OsString, NodeId),
}

impl NameChange {
    pub(super) fn apply(&self, names: &mut BTreeMap<OsString, NodeId>) {
        let remove = |names: &mut BTreeMap<OsString, NodeId>, name: &OsString, id: NodeId| {
            if names.get(name) == Some(&id) {
                names.remove(name);
            }
        };
        match self {
            Self::Link(name, id) => {
                names.insert(name.clone(), *id);
            }
            Self::Unlink(name, id) => remove(names, name, *id),
            Self::Rename(from, to, id) => {
                remove(names, from, *id);
                names.insert(to.clone(), *id);
            }
        }
    }
}

const ROOT: NodeId = 0;

impl Default for ForgettingStorage {
    fn default() -> Self {
        Self::new()
    }
}

impl ForgettingStorage {
    /// An empty file system. Its files belong to the user and group of this process.
    #[must_use]
    pub fn new() -> Self {
        Self::from_state(State { nodes: std::vec![directory(0o755)], ..State::default() })
    }

    pub(super) fn from_state(state: State) -> Self {
        Self { state: Arc::new(Mutex::new(state)) }
    }

    pub(super) fn lock_state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a durable file with mode 0600 there, with the directories that it needs (mode 0700).
    pub fn put(&self, path: impl AsRef<Path>, content: &[u8]) {
        let mut state = self.lock_state();
        let now = state.tick();
        let version = Version { content: content.to_vec(), access: ours(0o600), modified: now };
        state.plant(path.as_ref(), Node::File(FileNode { cached: version.clone(), durable: version }));
    }

    /// Puts a symbolic link there that leads nowhere.
    pub fn put_symlink(&self, path: impl AsRef<Path>) {
        self.lock_state().plant(path.as_ref(), Node::Symlink);
    }

    /// Puts a durable, empty directory with mode 0700 there.
    pub fn put_directory(&self, path: impl AsRef<Path>) {
        self.lock_state().plant(path.as_ref(), directory(0o700));
    }

    /// Content of a file as programs see it.
    #[must_use]
    pub fn get(&self, path: impl AsRef<Path>) -> Option<Vec<u8>> {
        let state = self.lock_state();
        match state.nodes.get(state.find(path.as_ref()).ok()?)? {
            Node::File(file) => Some(file.cached.content.clone()),
            _ => None,
        }
    }

    /// All files as programs see them, with their content.
    #[must_use]
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        fn walk(state: &State, id: NodeId, path: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
            match state.nodes.get(id) {
                Some(Node::File(file)) => {
                    files.insert(path.to_path_buf(), file.cached.content.clone());
                }
                Some(Node::Directory(directory)) => {
                    for (name, &child) in &directory.cached {
                        walk(state, child, &path.join(name), files);
                    }
                }
                _ => {}
            }
        }
        let mut files = BTreeMap::new();
        walk(&self.lock_state(), ROOT, Path::new("/"), &mut files);
        files
    }

    /// From the call with this number on, counted from 0 and from now, every call fails and does nothing, as if
    /// the process were gone.
    pub fn halt_at(&self, call: usize) {
        let mut state = self.lock_state();
        state.calls = 0;
        state.halt_at = Some(call);
    }

    /// Calls since the last [`halt_at`](Self::halt_at), or from the beginning.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.lock_state().calls
    }

    /// The storage after the process was killed: all that it wrote is there, durable or not, and its locks are gone.
    #[must_use]
    pub fn kill(&self) -> Self {
        let mut state = self.lock_state().clone();
        state.locks.clear();
        state.halt_at = None;
        Self::from_state(state)
    }

    /// The storages that a crash of the machine at this moment may leave: all of them if there are no more than
    /// the limit, else a sample that is the same every time.
    #[must_use]
    pub fn crash(&self, limit: SampleLimit) -> Vec<Self> {
        let mut state = self.lock_state().clone();
        state.locks.clear();
        state.halt_at = None;
        survivors(&state, limit).into_iter().map(Self::from_state).collect()
    }

    fn enter(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.lock_state();
        let call = state.calls;
        state.calls += 1;
        match state.halt_at {
            Some(halt_at) if call >= halt_at => Err(io::Error::other("the process was killed")),
            _ => Ok(state),
        }
    }

    fn file(state: &mut State, id: NodeId) -> io::Result<&mut FileNode> {
        match state.nodes.get_mut(id) {
            Some(Node::File(file)) => Ok(file),
            _ => Err(io::ErrorKind::IsADirectory.into()),
        }
    }
}

fn ours(mode: u32) -> Access {
    let owner = rustix::process::geteuid().as_raw();
    let group = rustix::process::getegid().as_raw();
    Access { owner, group, mode }
}

fn directory(mode: u32) -> Node {
    Node::Directory(DirectoryNode {
        access: ours(mode),
        cached: BTreeMap::new(),
        durable: BTreeMap::new(),
        pending: Vec::new(),
    })
}

impl State {
    fn tick(&mut self) -> i64 {
        self.clock += 1;
        self.clock
    }

    fn find(&self, path: &Path) -> io::Result<NodeId> {
        let mut id = ROOT;
        for component in path.components() {
            if let Component::Normal(name) = component {
                id = *self.directory(id)?.cached.get(name).ok_or(io::ErrorKind::NotFound)?;
            }
        }
        Ok(id)
    }

    fn parent_of(&self, path: &Path) -> io::Result<(NodeId, OsString)> {
        let name = path.file_name().map(OsStr::to_os_string).ok_or(io::ErrorKind::InvalidInput)?;
        Ok((self.find(path.parent().unwrap_or(Path::new("/")))?, name))
    }

    fn directory(&self, id: NodeId) -> io::Result<&DirectoryNode> {
        match self.nodes.get(id) {
            Some(Node::Directory(directory)) => Ok(directory),
            _ => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    fn directory_mut(&mut self, id: NodeId) -> io::Result<&mut DirectoryNode> {
        match self.nodes.get_mut(id) {
            Some(Node::Directory(directory)) => Ok(directory),
            _ => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    fn change_name(&mut self, parent: NodeId, change: NameChange) -> io::Result<()> {
        let directory = self.directory_mut(parent)?;
        change.apply(&mut directory.cached);
        directory.pending.push(change);
        Ok(())
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let (parent, from) = self.parent_of(from)?;
        let (other, to) = self.parent_of(to)?;
        if parent != other {
            return Err(io::ErrorKind::CrossesDevices.into());
        }
        let id = *self.directory(parent)?.cached.get(&from).ok_or(io::ErrorKind::NotFound)?;
        self.change_name(parent, NameChange::Rename(from, to, id))
    }

    fn add(&mut self, path: &Path, node: Node) -> io::Result<NodeId> {
        let (parent, name) = self.parent_of(path)?;
        if self.directory(parent)?.cached.contains_key(&name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.nodes.push(node);
        let id = self.nodes.len() - 1;
        self.change_name(parent, NameChange::Link(name, id))?;
        Ok(id)
    }

    fn plant(&mut self, path: &Path, node: Node) {
        let mut parent = ROOT;
        let mut components: Vec<_> =
            path.components().filter(|c| matches!(c, Component::Normal(_))).collect();
        let name = components.pop().map(|name| name.as_os_str().to_os_string()).unwrap_or_default();
        let enter = |state: &mut Self, parent: NodeId, name: OsString, node: Node| {
            state.nodes.push(node);
            let id = state.nodes.len() - 1;
            if let Ok(directory) = state.directory_mut(parent) {
                directory.cached.insert(name.clone(), id);
                directory.durable.insert(name, id);
            }
            id
        };
        for component in components {
            let name = component.as_os_str();
            parent = match self.directory(parent).ok().and_then(|directory| directory.cached.get(name)) {
                Some(&id) => id,
                None => enter(self, parent, name.to_os_string(), directory(0o700)),
            };
        }
        enter(self, parent, name, node);
    }

    fn stat_node(&self, id: NodeId) -> io::Result<FileStat> {
        let stat = |kind, access, size: usize, modified| FileStat {
            kind,
            access,
            size: size as u64,
            device: 1,
            inode: id as u64,
            modified: (modified, 0),
        };
        match self.nodes.get(id) {
            Some(Node::File(file)) => {
                let version = &file.cached;
                Ok(stat(FileKind::Regular, version.access, version.content.len(), version.modified))
            }
            Some(Node::Directory(directory)) => Ok(stat(FileKind::Directory, directory.access, 0, 0)),
            Some(Node::Symlink) => Ok(stat(FileKind::Symlink, ours(0o777), 0, 0)),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

impl Storage for ForgettingStorage {
    fn stat(&self, path: &Path) -> io::Result<FileStat> {
        let state = self.enter()?;
        state.stat_node(state.find(path)?)
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadHandle>> {
        let mut state = self.enter()?;
        let id = state.find(path)?;
        Self::file(&mut state, id)?;
        Ok(Box::new(Open { storage: self.clone(), id, offset: 0 }))
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        let state = self.enter()?;
        Ok(state.directory(state.find(directory)?)?.cached.keys().cloned().collect())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteHandle>> {
        let mut state = self.enter()?;
        let version = Version { content: Vec::new(), access: ours(0o600), modified: state.tick() };
        let id = state.add(path, Node::File(FileNode { cached: version.clone(), durable: version }))?;
        Ok(Box::new(Open { storage: self.clone(), id, offset: 0 }))
    }

    fn create_directory(&self, path: &Path, access: Access) -> io::Result<()> {
        let mut state = self.enter()?;
        let mut node = directory(0o700);
        if let Node::Directory(directory) = &mut node {
            directory.access = access;
        }
        state.add(path, node).map(|_| ())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.enter()?.rename(from, to)
    }

    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.enter()?;
        if state.find(to).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.enter()?;
        let (parent, name) = state.parent_of(path)?;
        let id = *state.directory(parent)?.cached.get(&name).ok_or(io::ErrorKind::NotFound)?;
        if state.directory(id).is_ok() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        state.change_name(parent, NameChange::Unlink(name, id))
    }

    fn overwrite(&self, path: &Path) -> io::Result<()> {
        let mut state = self.enter()?;
        let id = state.find(path)?;
        let now = state.tick();
        let file = Self::file(&mut state, id)?;
        file.cached.content.fill(0);
        file.cached.modified = now;
        file.durable = file.cached.clone();
        Ok(())
    }

    fn remove_directory(&self, path: &Path) -> io::Result<()> {
        let mut state = self.enter()?;
        let (parent, name) = state.parent_of(path)?;
        let id = *state.directory(parent)?.cached.get(&name).ok_or(io::ErrorKind::NotFound)?;
        if !state.directory(id)?.cached.is_empty() {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        state.change_name(parent, NameChange::Unlink(name, id))
    }

    /// It models a disk.
    fn is_memory(&self, _directory: &Path) -> io::Result<bool> {
        self.enter().map(|_| false)
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        let mut state = self.enter()?;
        let id = state.find(directory)?;
        state.directory_mut(id)?.make_durable();
        Ok(())
    }

    fn file_system_sync(&self, directory: &Path) -> io::Result<Option<Box<dyn FileSystemSync>>> {
        let state = self.enter()?;
        state.directory(state.find(directory)?)?;
        Ok(Some(Box::new(self.clone())))
    }

    fn lock(&self, path: &Path, holder: &str) -> io::Result<Lock> {
        let mut state = self.enter()?;
        if let Some(holder) = state.locks.get(path) {
            return Ok(Lock::Taken(holder.clone()));
        }
        state.directory(state.find(path.parent().unwrap_or(Path::new("/")))?)?;
        state.locks.insert(path.to_path_buf(), holder.to_string());
        Ok(Lock::Held(Box::new(HeldLock { storage: self.clone(), path: path.to_path_buf() })))
    }
}

impl FileSystemSync for ForgettingStorage {
    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.enter()?;
        for node in &mut state.nodes {
            match node {
                Node::File(file) => file.durable = file.cached.clone(),
                Node::Directory(directory) => directory.make_durable(),
                Node::Symlink => {}
            }
        }
        Ok(())
    }
}

impl DirectoryNode {
    fn make_durable(&mut self) {
        self.durable = self.cached.clone();
        self.pending.clear();
    }
}

struct HeldLock {
    storage: ForgettingStorage,
    path: PathBuf,
}

impl Drop for HeldLock {
    fn drop(&mut self) {
        self.storage.lock_state().locks.remove(&self.path);
    }
}

struct Open {
    storage: ForgettingStorage,
    id: NodeId,
    offset: usize,
}

impl ReadHandle for Open {
    fn stat(&self) -> io::Result<FileStat> {
        self.storage.enter()?.stat_node(self.id)
    }
}

impl io::Read for Open {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut state = self.storage.enter()?;
        let file = ForgettingStorage::file(&mut state, self.id)?;
        let rest = file.cached.content.get(self.offset..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(rest) {
            *to = *from;
        }
        self.offset += count;
        Ok(count)
    }
}

impl WriteHandle for Open {
    fn set_access(&mut self, access: Access) -> io::Result<()> {
        ForgettingStorage::file(&mut *self.storage.enter()?, self.id)?.cached.access = access;
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.storage.enter()?;
        let file = ForgettingStorage::file(&mut state, self.id)?;
        file.durable = file.cached.clone();
        Ok(())
    }
}

impl io::Write for Open {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.storage.enter()?;
        let now = state.tick();
        let file = ForgettingStorage::file(&mut state, self.id)?;
        file.cached.content.extend_from_slice(bytes);
        file.cached.modified = now;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl State {
    /// Files that can be reached, or could be after a crash.
    pub(super) fn reachable_files(&self) -> BTreeSet<NodeId> {
        let mut files = BTreeSet::new();
        for node in &self.nodes {
            if let Node::Directory(directory) = node {
                let pending = directory.pending.iter().map(|change| match change {
                    NameChange::Link(_, id) | NameChange::Unlink(_, id) | NameChange::Rename(_, _, id) => id,
                });
                files.extend(directory.durable.values().chain(directory.cached.values()).chain(pending));
            }
        }
        files.retain(|&id| matches!(self.nodes.get(id), Some(Node::File(_))));
        files
    }
}
