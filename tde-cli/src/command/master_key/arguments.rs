//! Options that several of the commands share.

use std::path::PathBuf;
use std::time::SystemTime;

use clap::{Args, ValueEnum};
use tde_keyfile::master_key::{
    Argon2Params, DEFAULT_OPENSSL_ITERATIONS, FileFormat, OpenOptions, UnlockedKey,
};
use tde_keyfile::storage::DiskStorage;

use super::failure::failure;
use crate::failure::Failure;

/// The file system of this machine.
pub(crate) static DISK: DiskStorage = DiskStorage::new();

/// Seconds since 1970.
pub(super) fn now() -> i64 {
    let age = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(age.as_secs()).unwrap_or(i64::MAX)
}

/// `--iter`.
#[derive(Args, Debug)]
pub(crate) struct IterationsArgs {
    /// Iterations of PBKDF2 of a file in OpenSSL's format, which does not record them
    #[arg(
        long = "iter", value_name = "N", default_value_t = DEFAULT_OPENSSL_ITERATIONS,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub(super) iterations: u32,
}

impl IterationsArgs {
    pub(crate) fn open_options(&self) -> OpenOptions {
        OpenOptions { openssl_iterations: self.iterations, ..OpenOptions::default() }
    }
}

/// The format of a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum FormatName {
    /// Our own container: authenticated, Argon2id and AES-256-GCM
    Tde,
    /// What `openssl enc -aes-256-cbc -salt -pbkdf2` reads and writes
    Openssl,
}

/// What a new file is made with.
#[derive(Args, Debug)]
#[command(next_help_heading = "Key derivation of a new file in our own format")]
pub(super) struct DerivationArgs {
    /// Memory in MiB, 8 to 1024
    #[arg(long, value_name = "MIB", default_value_t = Argon2Params::default().memory_kib() >> 10)]
    argon2_memory: u32,

    /// Passes over the memory, 1 to 64
    #[arg(long, value_name = "N", default_value_t = Argon2Params::default().passes())]
    argon2_passes: u32,

    /// Lanes, 1 to 16
    #[arg(long, value_name = "N", default_value_t = Argon2Params::default().lanes())]
    argon2_lanes: u32,
}

impl DerivationArgs {
    pub(super) fn format(&self, name: FormatName, iterations: u32) -> Result<FileFormat, Failure> {
        Ok(match name {
            FormatName::Openssl => FileFormat::OpenSsl { iterations },
            FormatName::Tde => {
                let memory = self.argon2_memory.saturating_mul(1024);
                let params = Argon2Params::new(memory, self.argon2_passes, self.argon2_lanes);
                FileFormat::Tde(params.map_err(failure)?)
            }
        })
    }
}

/// `--dir`.
#[derive(Args, Debug)]
pub(super) struct DirectoryArgs {
    /// Directory of the unlocked key, on a memory file system [default: /run/tde for root, else
    /// /run/user/UID/tde]
    #[arg(long = "dir", value_name = "DIR")]
    directory: Option<PathBuf>,
}

impl DirectoryArgs {
    pub(super) fn unlocked_key(&self) -> UnlockedKey<'static> {
        let directory = self.directory.clone().unwrap_or_else(|| match rustix::process::geteuid() {
            user if user.is_root() => "/run/tde".into(),
            user => format!("/run/user/{}/tde", user.as_raw()).into(),
        });
        UnlockedKey::new(&DISK, &directory)
    }
}

/// `--dry-run` and `--json`.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct ReportArgs {
    /// Check everything that can be checked without a passphrase, say what would be done, and do nothing
    #[arg(long)]
    pub(super) dry_run: bool,

    /// Print one JSON document instead (schema `tde.master-key/1`)
    #[arg(long)]
    pub(super) json: bool,
}
