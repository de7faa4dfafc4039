//! The corpora: data directories that real servers wrote, each with a manifest of what is in it.
//!
//! A few files of them are in the repository; the whole set is in `$TDE_CORPUS` or beside the checkout,
//! and a sweep that does without it says so.

#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, reason = "helpers of tests; the lint knows only the tests themselves")]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tde_keyfile::cluster::{Cluster, OpenOptions};

pub(crate) struct Corpus {
    pub(crate) name: String,
    pub(crate) directory: PathBuf,
    pub(crate) manifest: Value,
}

/// The whole set of corpora; none, with a word on standard error, if it is not there.
pub(crate) fn all() -> Vec<Corpus> {
    let set = std::env::var_os("TDE_CORPUS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus"), PathBuf::from);
    let corpora: Vec<_> =
        [set.join("pg_tde"), set.clone()].iter().flat_map(|base| within(base, "")).collect();
    if corpora.is_empty() {
        eprintln!("SKIPPED: no corpora in {} (set TDE_CORPUS)", set.display());
    }
    corpora
}

/// The same and the excerpts in the repository, which lack plaintext and some relation files.
pub(crate) fn all_and_excerpts() -> Vec<Corpus> {
    let excerpts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../test-data/pg_tde");
    let mut corpora = within(&excerpts, "test-data/");
    assert!(!corpora.is_empty(), "the repository's own test data is missing");
    corpora.extend(all());
    corpora
}

fn within(base: &Path, prefix: &str) -> Vec<Corpus> {
    let mut corpora = Vec::new();
    for entry in fs::read_dir(base).into_iter().flatten().flatten() {
        let directory = entry.path();
        let Ok(text) = fs::read(directory.join("MANIFEST.json")) else { continue };
        let manifest: Value = serde_json::from_slice(&text).unwrap();
        if manifest["pg_tde_files"].is_array() {
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            corpora.push(Corpus { name, directory, manifest });
        }
    }
    corpora.sort_by(|a, b| a.name.cmp(&b.name));
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
                let path = scratch.join(format!("{}-{number}", self.name.replace('/', "-")));
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
