//! Changing keys: principal keys rotated, files converted and repaired, relation keys, WAL ranges and providers
//! written. Every change takes place as a whole or not at all.
//!
//! Plan, then do: a [`Draft`] computes new file contents from [`KeyFiles`] and writes nothing; [`Draft::finish`] makes
//! an [`Edit`] of it, a value that can be printed and tested; [`Editor::apply`] carries it out through
//! [`storage`](crate::storage), journalled when several files change.
//!
//! ```
//! use tde_core::{Cipher, PrincipalKey};
//! use tde_keyfile::cluster::OpenOptions;
//! use tde_keyfile::edit::{EditOptions, Editor, NewPrincipalKey};
//! use tde_keyfile::format::header::ProviderId;
//! use tde_keyfile::format::providers::ProviderKind;
//! use tde_keyfile::storage::DiskStorage;
//! use tde_keyfile::Oid;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let data_directory = directory.path();
//! # std::fs::create_dir(data_directory.join("pg_tde"))?;
//! let storage = DiskStorage::new();
//! let mut options = EditOptions::new("example");
//! // This directory is no more than an example: no server ever stopped in it.
//! options.allow_unclean_shutdown = true;
//! let editor = Editor::open(&storage, data_directory, &options)?;
//!
//! let mut draft = editor.draft();
//! let id = draft.add_provider(Oid::PG_GLOBAL, "ring".parse()?, ProviderKind::File, r#"{"path":"/srv/ring"}"#)?;
//! let key = NewPrincipalKey::new(id, "server-key".parse()?, &PrincipalKey::random(Cipher::Aes128)?);
//! draft.create_scope(Oid::PG_GLOBAL, &key)?;
//! let edit = draft.finish("set up WAL encryption");
//! assert_eq!(edit.steps().len(), 2);
//! editor.apply(edit)?;
//! assert!(data_directory.join("pg_tde/wal_keys").exists());
//! # Ok(())
//! # }
//! ```
//!
//! A file that is not fully understood (an unknown version, entry type or cipher) is never rewritten. What is written
//! is what `pg_tde` 2.0 to 2.2 read, with zeros where they leave bytes undefined, and with a fresh vector for every
//! wrap and every signature.
//!
//! # What this cannot do
//!
//! The server must be stopped ([`Editor::open`] sees to it). Nothing is written to the WAL, so standbys do not follow:
//! they keep working with the keys that their own files name, as do older backups.

mod convert;
mod draft;
mod error;
mod files;
mod import;
mod keyring;
mod principal_key;
mod providers;
mod reencrypt;
mod relation_files;
mod relation_keys;
mod repair;
mod rewrap;
mod rotate;
mod scope;
mod step;
mod wal_ranges;

use alloc::string::String;
use std::path::Path;

pub(crate) use draft::now;
pub use draft::{Draft, Edit, Generation};
pub use error::EditError;
pub use files::KeyFiles;
pub(crate) use import::write_contents;
pub use keyring::KeyringEdit;
pub use principal_key::NewPrincipalKey;
pub(crate) use principal_key::{fetch_key, find_provider, key_provider, keyring_path};
pub use providers::KeyCheck;
pub use reencrypt::ReencryptOptions;
pub use relation_files::RelationFiles;
pub use relation_keys::Existing;
pub use step::Step;

use crate::cluster::OpenOptions;
use crate::format::names;
use crate::storage::{Applied, Recovery, ServerCheck, Storage, Writer, ensure_server_stopped};

/// How an [`Editor`] is opened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EditOptions {
    /// Where principal keys are.
    pub keys: OpenOptions,
    /// Accept a cluster that was not shut down cleanly, a copy without `pg_control`, or a stale `postmaster.pid`. **The
    /// server's recovery may then replay changes of the same files, over those made here.** A running server is
    /// never accepted.
    pub allow_unclean_shutdown: bool,
    /// Give an interrupted change up instead of completing it.
    pub abandon_interrupted: bool,
    /// What other writers are told of this one.
    pub program: String,
}

impl EditOptions {
    /// Keys as the provider records say, and a cluster that was shut down cleanly.
    #[must_use]
    pub fn new(program: &str) -> Self {
        Self {
            keys: OpenOptions::new(),
            allow_unclean_shutdown: false,
            abandon_interrupted: false,
            program: program.into(),
        }
    }
}

/// The exclusive right to change the key files of a data directory.
#[derive(Debug)]
pub struct Editor<'s> {
    writer: Writer<'s>,
    files: KeyFiles,
    options: EditOptions,
}

impl<'s> Editor<'s> {
    /// Makes sure that the server is stopped, locks other writers out, completes or undoes a change that was
    /// interrupted ([`recovery`](Self::recovery)), and reads the files.
    ///
    /// # Errors
    /// [`EditError::Storage`] with [`ServerRunning`](crate::storage::Error::ServerRunning),
    /// [`NotShutDown`](crate::storage::Error::NotShutDown), [`Locked`](crate::storage::Error::Locked) or
    /// [`Conflict`](crate::storage::Error::Conflict) among others; [`EditError::Cluster`].
    pub fn open(
        storage: &'s dyn Storage,
        data_directory: &Path,
        options: &EditOptions,
    ) -> Result<Self, EditError> {
        ensure_stopped(storage, data_directory, options)?;
        let open = if options.abandon_interrupted { Writer::open_abandoning } else { Writer::open };
        let writer = match open(storage, data_directory, names::DIRECTORY, &options.program) {
            // No key directory: reading says so better.
            Err(error) if error.is_not_found() => {
                KeyFiles::read(storage, data_directory, &options.keys)?;
                return Err(error.into());
            }
            writer => writer?,
        };
        let files = KeyFiles::read(storage, data_directory, &options.keys)?;
        Ok(Self { writer, files, options: options.clone() })
    }

    /// What an earlier writer had left, and what became of it.
    #[must_use]
    pub const fn recovery(&self) -> &Recovery {
        self.writer.recovery()
    }

    /// The files as they are.
    #[must_use]
    pub const fn files(&self) -> &KeyFiles {
        &self.files
    }

    /// New edits of them.
    #[must_use]
    pub fn draft(&self) -> Draft<'_> {
        Draft::new(&self.files)
    }

    /// Carries edits out, all of them or none, durable when this returns.
    ///
    /// # Errors
    /// [`EditError::Storage`]: nothing was changed, except for
    /// [`Interrupted`](crate::storage::Error::Interrupted), which the next [`open`](Self::open) completes, and
    /// [`NotDurable`](crate::storage::Error::NotDurable).
    pub fn apply(self, edit: Edit) -> Result<Applied, EditError> {
        // It may have been started since, or while files are written.
        let check = ServerCheck { allow_unclean: self.options.allow_unclean_shutdown };
        let still = || ensure_server_stopped(self.writer.storage(), self.writer.root(), check);
        still()?;
        Ok(self.writer.apply_if(edit.into_plan(), &still)?)
    }
}

/// Makes sure that no server uses the data directory and that none has to recover it.
///
/// # Errors
/// [`EditError::Storage`].
pub fn ensure_stopped(
    storage: &dyn Storage,
    data_directory: &Path,
    options: &EditOptions,
) -> Result<(), EditError> {
    let check = ServerCheck { allow_unclean: options.allow_unclean_shutdown };
    Ok(ensure_server_stopped(storage, data_directory, check)?)
}
