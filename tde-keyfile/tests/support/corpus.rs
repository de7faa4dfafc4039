//! The corpora: data directories that real servers wrote, each with a manifest of what is in it.
//!
//! They are in `$TDE_CORPUS`, or in `../shared/corpus/pg_tde` beside the checkout; the sweeps over them say
//! so and stop when there are none.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tde_keyfile::cluster::{Cluster, OpenOptions};

pub(crate) struct Corpus {
    pub(crate) name: String,
    pub(crate) directory: PathBuf,
    pub(crate) manifest: Value,
}

/// All corpora, or none with a word on standard error.
pub(crate) fn all() -> Vec<Corpus> {
    let root = std::env::var_os("TDE_CORPUS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus"), PathBuf::from);
    let mut corpora = Vec::new();
    for base in [root.join("pg_tde"), root.clone()] {
        for entry in fs::read_dir(base).into_iter().flatten().flatten() {
            let directory = entry.path();
            let Ok(text) = fs::read(directory.join("MANIFEST.json")) else { continue };
            let manifest: Value = serde_json::from_slice(&text).unwrap();
            if manifest["pg_tde_files"].is_array() {
                let name = entry.file_name().to_string_lossy().into_owned();
                corpora.push(Corpus { name, directory, manifest });
            }
        }
    }
    corpora.sort_by(|a, b| a.name.cmp(&b.name));
    if corpora.is_empty() {
        eprintln!("SKIPPED: no corpora in {} (set TDE_CORPUS)", root.display());
    }
    corpora
}

impl Corpus {
    pub(crate) fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    pub(crate) fn read(&self, path: &str) -> Vec<u8> {
        fs::read(self.directory.join(path)).unwrap()
    }

    /// The items of a list in the manifest; none if it is absent or null.
    pub(crate) fn list(&self, key: &str) -> impl Iterator<Item = &Value> {
        self.manifest[key].as_array().into_iter().flatten()
    }

    pub(crate) fn files(&self, suffix: &str) -> impl Iterator<Item = &Value> {
        self.list("pg_tde_files").filter(move |file| text(&file["path"]).ends_with(suffix))
    }

    /// The options with which everything in the corpus opens: its keyrings, or where a key server held
    /// the keys, the keys that its manifest tells, written to files below `scratch`.
    pub(crate) fn options(&self, scratch: &Path) -> OpenOptions {
        let mut options = OpenOptions::new();
        for keyring in self.list("keyring_files") {
            options = options.keyring(self.directory.join(text(&keyring["path"])));
        }
        if self.list("keyring_files").next().is_none() {
            for (number, key) in self.list("principal_keys_in_use").enumerate() {
                let path = scratch.join(format!("{}-{number}", self.name));
                fs::write(&path, format!("{}\n", text(&key["key"]))).unwrap();
                options = options.principal_key(text(&key["name"]).parse().unwrap(), path);
            }
        }
        options
    }

    pub(crate) fn open(&self, scratch: &Path) -> Cluster {
        Cluster::open(self.data(), &self.options(scratch)).unwrap()
    }

    pub(crate) fn principal_key(&self, oid: u64) -> Option<&Value> {
        self.list("principal_keys_in_use").find(|key| key["oid"] == oid)
    }
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

pub(crate) fn number(value: &Value) -> u32 {
    u32::try_from(value.as_u64().unwrap()).unwrap()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn unhex(digits: &str) -> Vec<u8> {
    let digits: String = digits.chars().filter(|c| !c.is_whitespace()).collect();
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}
