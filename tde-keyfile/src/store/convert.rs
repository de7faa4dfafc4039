//! The keys of one layout written in the other, into a directory that has none.

use alloc::format;
use alloc::vec::Vec;
use std::io;
use std::path::{Path, PathBuf};

use super::{Contents, Layout, layout_of, one_file, open};
use crate::edit::{Edit, EditError, EditOptions, Step, ensure_stopped, write_contents};
use crate::format::names::DIRECTORY;
use crate::storage::{
    Access, Error, FileKind, NewFileAccess, Operation, Plan, Recovery, Storage, Writer, directory_of,
};

/// A conversion, computed: [`apply`](Self::apply) carries it out.
#[derive(Debug)]
pub struct Conversion<'s> {
    storage: &'s dyn Storage,
    from: Layout,
    to: Layout,
    source: PathBuf,
    target: PathBuf,
    options: EditOptions,
    edit: Edit,
}

/// A conversion was carried out.
#[derive(Debug)]
#[non_exhaustive]
pub struct Converted {
    /// The files that were written, relative to the target.
    pub files: Vec<PathBuf>,
    /// What an earlier writer had left in the target, and what became of it. If it is
    /// [`Completed`](Recovery::Completed), that earlier conversion is what lies there now, and nothing was written.
    pub recovery: Recovery,
}

/// Computes what the keys of `source` look like in another layout, to be written below `target`.
///
/// The source is only read, all of it: a file that cannot be opened is an error. The target must have no key files; it
/// may be absent. Nothing is written yet.
///
/// # Errors
/// [`EditError::SameDirectory`]; [`EditError::NotEmpty`]; those of [`open`]; those of
/// [`contents`](super::KeyStore::contents); [`EditError::SameLayout`].
pub fn convert<'s>(
    storage: &'s dyn Storage,
    source: &Path,
    target: &Path,
    to: Layout,
    options: &EditOptions,
) -> Result<Conversion<'s>, EditError> {
    if is_same(storage, source, target)? {
        return Err(EditError::SameDirectory { path: target.to_path_buf() });
    }
    let store = open(storage, source, options)?;
    let from = store.layout();
    if from == to {
        return Err(EditError::SameLayout { path: source.to_path_buf(), layout: to });
    }
    let edit = plan(&store.contents()?, store.left_out(), to)?;
    drop(store);
    let conversion = Conversion {
        storage,
        from,
        to,
        source: source.to_path_buf(),
        target: target.to_path_buf(),
        options: options.clone(),
        edit,
    };
    conversion.check_target()?;
    Ok(conversion)
}

impl Conversion<'_> {
    /// The layout that the keys have.
    #[must_use]
    pub const fn from(&self) -> Layout {
        self.from
    }

    /// The layout that they are to have.
    #[must_use]
    pub const fn to(&self) -> Layout {
        self.to
    }

    /// What is done, and the files that are made.
    #[must_use]
    pub const fn edit(&self) -> &Edit {
        &self.edit
    }

    /// Makes the target if it is absent, with the access of the source, and writes the files: all of them or none,
    /// durable when this returns.
    ///
    /// # Errors
    /// [`EditError::NotEmpty`]; [`EditError::Storage`]: the target has no key files, except for
    /// [`Interrupted`](Error::Interrupted), which the next conversion into the same target completes.
    pub fn apply(self) -> Result<Converted, EditError> {
        let access =
            self.storage.stat(&self.source.join(".")).map_err(io_error(Operation::Stat, &self.source))?;
        make_directory(self.storage, &self.target, access.access)?;
        let keys = self.target.join(DIRECTORY);
        make_directory(self.storage, &keys, access.access)?;
        let writer = Writer::open(self.storage, &self.target, DIRECTORY, &self.options.program)?;
        let recovery = writer.recovery().clone();
        if matches!(recovery, Recovery::Completed { .. })
            && layout_of(self.storage, &self.target)? == Some(self.to)
        {
            return Ok(Converted { files: Vec::new(), recovery });
        }
        self.check_target()?;
        let files = writer.apply(self.edit.into_plan())?.files;
        Ok(Converted { files, recovery })
    }

    /// No server may be at work in the target, nor any key file be there.
    fn check_target(&self) -> Result<(), EditError> {
        let is_there = |name: &str| self.storage.stat(&self.target.join(name)).is_ok();
        if is_there("postmaster.pid") || is_there("global/pg_control") {
            ensure_stopped(self.storage, &self.target, &self.options)?;
        }
        // An interrupted conversion is completed or undone by the next one.
        if is_there(&format!("{DIRECTORY}/{}", crate::storage::JOURNAL_NAME)) {
            return Ok(());
        }
        let layout = match layout_of(self.storage, &self.target) {
            Err(EditError::Cluster(crate::cluster::ClusterError::NoKeyDirectory { .. })) => None,
            layout => layout?,
        };
        match layout {
            Some(_) => Err(EditError::NotEmpty { path: self.target.join(DIRECTORY) }),
            None => Ok(()),
        }
    }
}

fn plan(contents: &Contents, left_out: Vec<Step>, to: Layout) -> Result<Edit, EditError> {
    let mut plan = Plan::new(&format!("convert keys to the layout {to}"), NewFileAccess::LikeDirectory);
    match to {
        Layout::OneFilePerRelation => one_file::write_contents(contents, &mut plan)?,
        Layout::PgTde => write_contents(contents, &mut plan)?,
    }
    let mut steps = Vec::new();
    for (&scope, found) in &contents.scopes {
        let keys = found.relations.len() + found.ranges.len();
        steps.push(Step::ScopeConverted {
            scope,
            key: *found.info.name(),
            provider: found.info.provider(),
            keys,
        });
    }
    steps.extend(left_out);
    Ok(Edit::new(plan, steps))
}

fn is_same(storage: &dyn Storage, a: &Path, b: &Path) -> Result<bool, EditError> {
    let stat = |path: &Path| storage.stat(&path.join("."));
    let a = stat(a).map_err(io_error(Operation::Stat, a))?;
    Ok(stat(b).is_ok_and(|b| (a.device, a.inode) == (b.device, b.inode)))
}

fn make_directory(storage: &dyn Storage, directory: &Path, access: Access) -> Result<(), EditError> {
    let parent = directory_of(directory);
    match storage.stat(&directory.join(".")) {
        // An earlier run may have been killed before it had made its name durable.
        Ok(stat) if stat.kind == FileKind::Directory => {
            return match storage.sync_directory(parent) {
                // Somebody else made it, then.
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
                synced => synced.map_err(io_error(Operation::Sync, parent)),
            };
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Ok(_) => return Err(io_error(Operation::Create, directory)(io::ErrorKind::NotADirectory.into())),
        Err(error) => return Err(io_error(Operation::Stat, directory)(error)),
    }
    storage.create_directory(directory, access).map_err(io_error(Operation::Create, directory))?;
    storage.sync_directory(parent).map_err(io_error(Operation::Sync, parent))
}

fn io_error(operation: Operation, path: &Path) -> impl FnOnce(io::Error) -> EditError {
    let path = path.to_path_buf();
    move |source| Error::Io { operation, path, source }.into()
}
