//! What the tests of the tde crates share.
//!
//! Recorded clusters with their expected plaintext come from two places: the excerpts that live in
//! `test-data/`, which everybody has, and the full recordings in the directory that `TDE_CORPUS` names
//! (or `../shared/corpus` beside the checkout), which are swept as well when they are there.

#![forbid(unsafe_code)]
// A helper of tests fails the test that called it: there is nobody to hand an error to.
#![allow(clippy::expect_used, clippy::missing_panics_doc, clippy::panic)]

mod cluster;
mod manifest;
pub mod vault;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub use cluster::{RecordedCluster, recorded_clusters};
pub use manifest::{
    DatabaseKey, KeyringFile, KeyringKey, Manifest, PgTdeFile, RelationFile, WalRange, WalSegment,
};
use sha2::{Digest, Sha256};

/// The root of the workspace.
pub fn workspace_root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("testkit lies in the workspace")
}

/// The directory of the full recordings, if there is one: `TDE_CORPUS`, or `../shared/corpus`.
pub fn corpus_root() -> Option<PathBuf> {
    let root = std::env::var_os("TDE_CORPUS")
        .map_or_else(|| workspace_root().join("../shared/corpus"), PathBuf::from);
    root.is_dir().then_some(root)
}

/// A directory of the full recordings (`"pg_tde"`, `"kmip"`); says on standard error that it is absent.
pub fn corpus_dir(name: &str) -> Option<PathBuf> {
    let dir = corpus_root().map(|root| root.join(name)).filter(|dir| dir.is_dir());
    if dir.is_none() {
        eprintln!(
            "SKIPPED: the full {name} recordings are not here (set TDE_CORPUS); only test-data/ is swept"
        );
    }
    dir
}

/// The script that reads what these crates write and shares no code with them: the one that `TDE_REFERENCE_READER` names,
/// or `../shared/tools/pgtde-ref.py`; says on standard error why it cannot be asked.
pub fn reference_reader() -> Option<PathBuf> {
    let path = std::env::var_os("TDE_REFERENCE_READER")
        .map_or_else(|| workspace_root().join("../shared/tools/pgtde-ref.py"), PathBuf::from);
    let python = Command::new("python3").args(["-c", "import cryptography"]).output();
    if path.is_file() && python.is_ok_and(|output| output.status.success()) {
        return Some(path);
    }
    eprintln!("SKIPPED: no independent reader (set TDE_REFERENCE_READER; it needs Python's cryptography)");
    None
}

/// Copies a directory with the modes that a server gives its files: 0600, and 0700 for directories.
#[cfg(unix)]
pub fn copy_as_a_server_has_it(from: &Path, to: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let private = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a file of the test");
    };
    fs::create_dir(to).expect("no directory yet");
    private(to, 0o700);
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("its entries");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_as_a_server_has_it(&entry.path(), &target);
        } else {
            // Not `fs::copy`, which keeps the mode of what may be read only.
            fs::write(&target, fs::read(entry.path()).expect("a file")).expect("room for a copy");
            private(&target, 0o600);
        }
    }
}

/// SHA-256 as lower-case hexadecimal digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    to_hex(&Sha256::digest(bytes))
}

/// Lower-case hexadecimal digits.
pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of hexadecimal digits.
pub fn from_hex(digits: &str) -> Vec<u8> {
    assert!(digits.len().is_multiple_of(2), "odd number of hexadecimal digits");
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal digits"))
        .collect()
}
