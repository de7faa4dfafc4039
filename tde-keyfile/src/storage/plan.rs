//! Changes computed as values: they can be printed, tested, and then applied.

use alloc::boxed::Box;
use alloc::fmt;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};

use zeroize::Zeroizing;

use super::{ContentHash, Error, NewFileAccess};

/// Computes a file's new content from its old one, in pieces, for files too large to hold in memory.
pub type Transform = Box<dyn FnOnce(&mut dyn Read, &mut dyn Write) -> io::Result<()> + Send>;

/// Longest path and description that a journal records, in bytes.
pub(super) const MAX_TEXT: usize = 4096;

/// Changes of one or more files that take place together or not at all.
#[derive(Debug)]
pub struct Plan {
    description: String,
    new_files: NewFileAccess,
    changes: Vec<Change>,
}

impl Plan {
    /// No changes yet. `description` says what they amount to, in a few words that may be shown to anyone who
    /// finds the journal; `new_files` is the access of files that do not exist yet.
    #[must_use]
    pub fn new(description: &str, new_files: NewFileAccess) -> Self {
        let mut description = description.to_string();
        let end = (0..=MAX_TEXT.min(description.len())).rev().find(|&end| description.is_char_boundary(end));
        description.truncate(end.unwrap_or(0));
        Self { description, new_files, changes: Vec::new() }
    }

    /// Adds a change. They are put in place in this order, although a crash may keep a later one and lose an
    /// earlier one until the next [`Writer`](super::Writer) completes them.
    pub fn push(&mut self, change: Change) {
        self.changes.push(change);
    }

    /// What the changes amount to.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The changes, in order.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    pub(super) const fn new_files(&self) -> NewFileAccess {
        self.new_files
    }

    pub(super) fn into_changes(self) -> Vec<Change> {
        self.changes
    }

    /// Whether the paths are fit for a journal: below the root, each only once.
    pub(super) fn check(&self) -> Result<(), Error> {
        let fault = |path: &Path, reason| Err(Error::Plan { path: path.to_path_buf(), reason });
        let mut paths = alloc::collections::BTreeSet::new();
        for change in &self.changes {
            if !is_below_root(&change.path) {
                return fault(&change.path, "a planned file must lie below the root, named without `..`");
            }
            if !paths.insert(&change.path) {
                return fault(&change.path, "is planned to be changed twice");
            }
            if matches!(
                (change.before, &change.after),
                (Before::Absent, After::Removed | After::Transformed(_))
            ) {
                return fault(&change.path, "is planned to be removed or transformed although it is absent");
            }
        }
        Ok(())
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.description)?;
        self.changes.iter().try_for_each(|change| write!(f, "\n  {change}"))
    }
}

/// A change of one file.
pub struct Change {
    pub(super) path: PathBuf,
    pub(super) before: Before,
    pub(super) after: After,
}

impl Change {
    /// Gives the file new content.
    ///
    /// `path` is relative to the root of the [`Writer`](super::Writer).
    #[must_use]
    pub fn write(path: impl Into<PathBuf>, before: Before, content: impl Into<Zeroizing<Vec<u8>>>) -> Self {
        Self { path: path.into(), before, after: After::Content(content.into()) }
    }

    /// Gives the file new content computed from the old in pieces.
    ///
    /// With [`Before::Present`] the old content is read once, and hashed on the way.
    #[must_use]
    pub fn transform(path: impl Into<PathBuf>, before: Before, transform: Transform) -> Self {
        Self { path: path.into(), before, after: After::Transformed(transform) }
    }

    /// Removes the file.
    #[must_use]
    pub fn remove(path: impl Into<PathBuf>, before: Before) -> Self {
        Self { path: path.into(), before, after: After::Removed }
    }

    /// The file, relative to the root.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the file must be for the change to take place.
    #[must_use]
    pub const fn before(&self) -> Before {
        self.before
    }

    /// What it becomes.
    #[must_use]
    pub const fn after(&self) -> &After {
        &self.after
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match (self.before, &self.after) {
            (Before::Absent, After::Content(content)) => write!(f, "create {path} ({} bytes)", content.len()),
            (Before::Content(old), After::Content(content)) => {
                write!(f, "replace {path} ({} -> {} bytes)", old.size(), content.len())
            }
            (Before::Present, After::Content(content)) => {
                write!(f, "replace {path} ({} bytes)", content.len())
            }
            (_, After::Transformed(_)) => write!(f, "rewrite {path}"),
            (_, After::Removed) => write!(f, "remove {path}"),
        }
    }
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The content may be a keyring.
        f.debug_tuple("Change").field(&self.to_string()).finish()
    }
}

/// What a file must be for a change to take place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)]
pub enum Before {
    /// There is no such file.
    Absent,
    /// It has this content: the one that the change was computed from.
    Content(ContentHash),
    /// It is there, with any content.
    Present,
}

/// What a file becomes.
#[non_exhaustive]
pub enum After {
    /// This content.
    Content(Zeroizing<Vec<u8>>),
    /// What this function makes of the old content.
    Transformed(Transform),
    /// Nothing: it is removed.
    Removed,
}

impl fmt::Debug for After {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Content(_) => "Content(..)",
            Self::Transformed(_) => "Transformed(..)",
            Self::Removed => "Removed",
        })
    }
}

/// Whether a path is relative, not empty, short enough, and made of plain names alone.
pub(super) fn is_below_root(path: &Path) -> bool {
    let bytes = path.as_os_str().as_encoded_bytes();
    let plain = path.components().all(|component| matches!(component, Component::Normal(_)));
    // `components` hides `.`, `//` and a slash at the end: rebuild, so that one file has one spelling.
    let rebuilt: PathBuf = path.components().collect();
    !bytes.is_empty()
        && bytes.len() <= MAX_TEXT
        && !bytes.contains(&0)
        && plain
        && rebuilt.as_os_str().as_encoded_bytes() == bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_relative_paths_lie_below_the_root() {
        for good in ["a", "pg_tde/16384_keys", "base/1/2.3", "..a", "-1294967296_keys"] {
            assert!(is_below_root(Path::new(good)), "{good}");
        }
        for bad in ["", "/a", "..", "a/../b", "a/..", ".", "./a", "a/./b", "a//b", "a/", "a\0b"] {
            assert!(!is_below_root(Path::new(bad)), "{bad}");
        }
        assert!(!is_below_root(Path::new(&"a".repeat(MAX_TEXT + 1))));
    }

    #[test]
    fn a_plan_names_its_changes_but_never_shows_content() {
        let mut plan = Plan::new("rotate", NewFileAccess::Private);
        plan.push(Change::write("a", Before::Absent, b"SECRET".to_vec()));
        plan.push(Change::write("b", Before::Content(ContentHash::of(b"12")), b"SECRET".to_vec()));
        plan.push(Change::remove("c", Before::Present));
        assert_eq!(plan.to_string(), "rotate:\n  create a (6 bytes)\n  replace b (2 -> 6 bytes)\n  remove c");
        assert!(!std::format!("{plan:?}").contains("SECRET"));
        assert!(plan.check().is_ok());
        plan.push(Change::remove("c", Before::Present));
        assert!(plan.check().is_err());
    }

    #[test]
    fn a_long_description_is_cut_at_a_character() {
        let plan = Plan::new(&"é".repeat(MAX_TEXT), NewFileAccess::Private);
        assert_eq!(plan.description().len(), MAX_TEXT);
        let plan = Plan::new(&std::format!("x{}", "é".repeat(MAX_TEXT)), NewFileAccess::Private);
        assert_eq!(plan.description().len(), MAX_TEXT - 1);
    }
}
