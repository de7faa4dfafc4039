//! The checklist for a data directory: is everything that encryption rests on as it should be?
//!
//! What an operator goes through after a restart or before a backup: the server's configuration, the keys and
//! the providers that they come from, whether relation files really are ciphertext, who may read what is secret,
//! what the host may write to its disks, and what interrupted work has left. [`examine`] only reads, and works
//! beside a running server.
//!
//! ```no_run
//! use tde_keyfile::cluster::{Cluster, OpenOptions};
//! use tde_keyfile::doctor::{DoctorOptions, Status, examine};
//!
//! let keys = OpenOptions::new();
//! let cluster = Cluster::open("/srv/pgdata", &keys)?;
//! for check in examine(&cluster, &keys, &DoctorOptions::default(), &()) {
//!     if check.status == Status::Failure {
//!         eprintln!("{}: {}", check.id, check.text);
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Nothing here proves that data can be decrypted: that is [`verify`](crate::verify).

mod access;
mod configuration;
mod host;
mod keys;
mod leftovers;
#[cfg(feature = "passphrase")]
mod master_key;
mod old_keys;
mod providers;
mod relations;
mod server;
mod settings;
mod wal;

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt;
use std::path::{Path, PathBuf};

use crate::cluster::{Cluster, OpenOptions};
use crate::storage::DiskStorage;
use crate::store::{Layout, layout_of};
use crate::verify::Inventory;

use server::Server;
use settings::Settings;

/// One item of the checklist, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Check {
    /// Which check it is, a word that does not change: `wal-encryption`. Several items have the same when several
    /// things are wrong.
    pub id: &'static str,
    /// How it came out.
    pub status: Status,
    /// What it is about, where that is one thing among several: a file, a provider, a device.
    pub subject: Option<String>,
    /// What was found, one clause.
    pub text: String,
    /// What to do about it, one clause; none where nothing is to be done.
    pub advice: Option<String>,
}

/// How a check came out, from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(clippy::exhaustive_enums)]
pub enum Status {
    /// There was nothing to check, or it cannot be seen from here.
    Skipped,
    /// As it should be.
    Pass,
    /// Nothing is lost or revealed as it stands, but it could be.
    Warning,
    /// The server will not start, data cannot be read, or a secret or plaintext lies open.
    Failure,
}

/// What to look at, and how closely.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DoctorOptions {
    /// The server's configuration file; unless given, the one that the server was last started with, or
    /// `postgresql.conf` in the data directory.
    pub configuration: Option<PathBuf>,
    /// Whether every page of every relation file is looked at, instead of a few pages of each of up to
    /// [`SAMPLED_FILES`] files.
    pub every_page: bool,
    /// A master key file that has to be whole.
    pub master_key_file: Option<PathBuf>,
    /// A directory in which the master key has to be unlocked. The keyrings of providers are looked at anyway.
    pub master_key_directory: Option<PathBuf>,
    /// Where the host's `/proc`, `/sys` and `/etc` are found: `/`.
    pub host: PathBuf,
}

/// How many relation files are looked at unless all of them are.
pub const SAMPLED_FILES: usize = 2000;

impl Default for DoctorOptions {
    fn default() -> Self {
        Self {
            configuration: None,
            every_page: false,
            master_key_file: None,
            master_key_directory: None,
            host: PathBuf::from("/"),
        }
    }
}

/// Is told how far the examination of relation files has come, in bytes.
pub trait Progress: Sync {
    /// How much there is to do; told once.
    fn total(&self, _bytes: u64) {}

    /// How much more of it has been done.
    fn advance(&self, _bytes: u64) {}
}

impl Progress for () {}

impl Check {
    /// A check that came out well.
    #[must_use]
    pub fn pass(id: &'static str, text: impl Into<String>) -> Self {
        Self { id, status: Status::Pass, subject: None, text: text.into(), advice: None }
    }

    /// A check that there is nothing to do for, and why.
    #[must_use]
    pub fn skipped(id: &'static str, text: impl Into<String>) -> Self {
        Self { status: Status::Skipped, ..Self::pass(id, text) }
    }

    /// Something that could become worse.
    #[must_use]
    pub fn warning(id: &'static str, text: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { status: Status::Warning, advice: Some(advice.into()), ..Self::pass(id, text) }
    }

    /// Something that is wrong.
    #[must_use]
    pub fn failure(id: &'static str, text: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { status: Status::Failure, advice: Some(advice.into()), ..Self::pass(id, text) }
    }

    /// The same about one thing among several.
    #[must_use]
    pub fn about(mut self, subject: impl fmt::Display) -> Self {
        self.subject = Some(subject.to_string());
        self
    }

    /// The same with something that may be done.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }
}

impl Status {
    /// `skipped`, `pass`, `warning` or `failure`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Skipped => "skipped",
            Self::Pass => "pass",
            Self::Warning => "warning",
            Self::Failure => "failure",
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(subject) = &self.subject {
            write!(f, "{subject}: ")?;
        }
        f.write_str(&self.text)?;
        match &self.advice {
            Some(advice) => write!(f, "; {advice}"),
            None => Ok(()),
        }
    }
}

/// Goes through the checklist. `keys` are the options that the cluster was opened with.
///
/// What cannot be read becomes an item of the list, so that one missing file does not hide the rest.
#[must_use]
pub fn examine(
    cluster: &Cluster,
    keys: &OpenOptions,
    options: &DoctorOptions,
    progress: &dyn Progress,
) -> Vec<Check> {
    let directory = cluster.directory();
    let server = Server::find(directory, &options.host);
    let settings = Settings::load(directory, options.configuration.as_deref());
    let inventory = Inventory::of(directory);
    let mut checks = Vec::new();
    server::check(&mut checks, server);
    configuration::check(&mut checks, &settings);
    wal::check(&mut checks, cluster, &settings, server);
    let readable = layout(&mut checks, directory);
    if readable {
        keys::check(&mut checks, cluster);
        providers::check(&mut checks, cluster, keys);
        old_keys::check(&mut checks, cluster, keys);
    }
    #[cfg(feature = "passphrase")]
    master_key::check(&mut checks, cluster, options);
    access::check(&mut checks, cluster, keys, server);
    if readable {
        relations::check(
            &mut checks,
            &relations::Subject { cluster, keys, inventory: &inventory, settings: &settings, server },
            options.every_page,
            progress,
        );
    }
    leftovers::check(&mut checks, cluster);
    host::check(&mut checks, &options.host, server);
    checks
}

/// Whether the key files are laid out as a server reads them; what has to be known of the other layout if not.
fn layout(checks: &mut Vec<Check>, directory: &Path) -> bool {
    const ID: &str = "layout";
    match layout_of(&DiskStorage::new(), directory) {
        Ok(Some(Layout::OneFilePerRelation)) => {
            checks.push(Check::failure(
                ID,
                "one key file for each relation, which no server reads: to it, everything is plaintext",
                "check these keys with `tde layout verify`; before a server starts, convert them with `tde layout convert`",
            ));
            false
        }
        Err(error) => {
            checks.push(Check::failure(ID, error.to_string(), "keep the files of one layout in pg_tde/"));
            true
        }
        Ok(_) => true,
    }
}

/// Adds an item that passes, unless one with its id has been added since there were `before` items.
fn pass_unless_told(checks: &mut Vec<Check>, before: usize, pass: Check) {
    let told = checks.iter().skip(before).any(|check| check.id == pass.id && check.status > Status::Pass);
    if !told {
        checks.push(pass);
    }
}

/// `1 page`, `2 pages`.
fn counted(count: usize, noun: &str) -> String {
    alloc::format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// The first few of many, and how many more there are.
fn listed<T: fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    const SHOWN: usize = 5;
    let mut text = String::new();
    let mut more = 0;
    for (index, item) in items.into_iter().enumerate() {
        match index {
            0 => text.push_str(&item.to_string()),
            1..SHOWN => {
                text.push_str(", ");
                text.push_str(&item.to_string());
            }
            _ => more += 1,
        }
    }
    if more > 0 {
        text.push_str(&alloc::format!(" and {more} more"));
    }
    text
}
