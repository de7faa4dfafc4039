//! What can go wrong when files are read and changed.

use alloc::boxed::Box;
use alloc::fmt;
use alloc::string::String;
use std::io;
use std::path::{Path, PathBuf};

use super::{FileKind, JournalError};

/// What was being done to a file when the system refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation {
    /// Looking at it.
    Stat,
    /// Reading it.
    Read,
    /// Listing a directory.
    List,
    /// Making it.
    Create,
    /// Writing it.
    Write,
    /// Setting its owner and mode.
    SetAccess,
    /// Making it durable.
    Sync,
    /// Giving it its final name.
    Rename,
    /// Removing it.
    Remove,
    /// Locking it.
    Lock,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stat => "look at",
            Self::Read => "read",
            Self::List => "list",
            Self::Create => "create",
            Self::Write => "write",
            Self::SetAccess => "set owner and mode of",
            Self::Sync => "make durable",
            Self::Rename => "rename",
            Self::Remove => "remove",
            Self::Lock => "lock",
        })
    }
}

/// A file could not be read or changed. Unless it says otherwise, everything is as it was before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("cannot {operation} {}", path.display())]
    Io {
        /// What was being done.
        operation: Operation,
        /// To which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Something else stands where a file must be.
    #[error("{} is {kind}, not a regular file; nothing is read from it or written in its place", path.display())]
    NotRegular {
        /// The path.
        path: PathBuf,
        /// What it is.
        kind: FileKind,
    },
    /// The file is larger than anything of its kind can be.
    #[error("{} has {size} bytes, more than the {limit} that are read of such a file", path.display())]
    TooLarge {
        /// The path.
        path: PathBuf,
        /// Bytes found.
        size: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// The file was replaced or changed while it was being read.
    #[error("{} was changed by another program while it was being read; stop that program and try again", path.display())]
    ChangedWhileRead {
        /// The path.
        path: PathBuf,
    },
    /// The file is not what the change was planned for.
    #[error("{} was changed since this operation was planned; nothing was written, try again", path.display())]
    ChangedSincePlanned {
        /// The path.
        path: PathBuf,
    },
    /// The file exists although the change was to make it.
    #[error("{} exists already; it was not replaced", path.display())]
    Exists {
        /// The path.
        path: PathBuf,
    },
    /// The new content cannot be made of the old one.
    #[error("{} is left as it is", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A plan that cannot be carried out.
    #[error("{}: {reason}", path.display())]
    Plan {
        /// The path of the change.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Another writer is at work.
    #[error("{} is locked by {holder}; wait until it is done", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// What the other writer says of itself.
        holder: String,
    },
    /// The journal of an interrupted change cannot be understood.
    #[error("journal {}: {reason}; see where it comes from before you remove it", path.display())]
    Journal {
        /// The journal.
        path: PathBuf,
        /// What is wrong with it.
        reason: JournalError,
    },
    /// The journal may have been planted.
    #[error(
        "journal {} belongs to user {owner} with mode {mode:03o}, so that another user could have written it; \
         nothing that it asks for was done",
        path.display()
    )]
    JournalAccess {
        /// The journal.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// Its permission bits.
        mode: u32,
    },
    /// An interrupted change can neither be completed nor undone, since someone has changed its files since.
    #[error(
        "an interrupted change ({description}) cannot be completed: {} is neither as it was before nor as it was \
         to become; put that file back, or abandon the change",
        path.display()
    )]
    Conflict {
        /// The file.
        path: PathBuf,
        /// What the interrupted change was.
        description: String,
    },
    /// An interrupted change cannot be given up: data would be left under keys that only its new files have.
    #[error(
        "an interrupted change ({description}) cannot be given up: some of its files are in place and {} is not, \
         and the data needs both or neither; put that file back as it was",
        path.display()
    )]
    HalfInPlace {
        /// A file that is not in place.
        path: PathBuf,
        /// What the interrupted change was.
        description: String,
    },
    /// The journal was made durable, or may have been, but the rest failed.
    #[error(
        "the change was recorded, but not all of it is in place; run any command that writes here to complete it"
    )]
    Interrupted {
        /// Why.
        #[source]
        source: Box<Error>,
    },
    /// An earlier change of the same writer is recorded and not in place.
    #[error(
        "the change recorded in {} is not completed yet, so nothing else was written; run any command that writes \
         here to complete it",
        path.display()
    )]
    Unfinished {
        /// The journal.
        path: PathBuf,
    },
    /// The new file is in place but may not survive a crash of the machine.
    #[error("{} was replaced, but the system could not make that durable", path.display())]
    NotDurable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<Error>,
    },
    /// A server uses the data directory, or may.
    #[error("{}: {reason}; stop the server first", path.display())]
    ServerRunning {
        /// `postmaster.pid`.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// The cluster was not shut down cleanly, or is a backup that was never started.
    #[error(
        "{}: {reason}; start the server and stop it cleanly first, for it may still have to change these files",
        path.display()
    )]
    NotShutDown {
        /// The file that says so.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// The system gave no random bytes.
    #[error("the system gives no random bytes")]
    Random,
}

impl Error {
    pub(super) fn io(operation: Operation, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { operation, path, source }
    }

    /// Whether the file was not there.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}
