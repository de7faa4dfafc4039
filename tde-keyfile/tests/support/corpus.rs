//! Recorded clusters with their manifests in JSON form, for tests that compare every field of them.

#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, reason = "helpers of tests; the lint knows only the tests themselves")]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tde_keyfile::cluster::{Cluster, OpenOptions};
use tde_testkit::{RecordedCluster, recorded_clusters};

pub(crate) struct Corpus {
    pub(crate) name: String,
    pub(crate) directory: PathBuf,
    pub(crate) manifest: Value,
    // Holds the directory.
    _recorded: RecordedCluster,
}

/// The full recordings, where they are at hand.
pub(crate) fn all() -> Vec<Corpus> {
    all_and_excerpts().into_iter().filter(|corpus| !corpus.name.ends_with("-excerpt")).collect()
}

/// The same and the excerpts in the repository, which lack plaintext and some relation files.
pub(crate) fn all_and_excerpts() -> Vec<Corpus> {
    let recorded = recorded_clusters().into_iter();
    recorded
        .map(|recorded| Corpus {
            name: recorded.name.clone(),
            directory: recorded.root.clone(),
            manifest: serde_json::from_slice(&recorded.read("MANIFEST.json")).unwrap(),
            _recorded: recorded,
        })
        .collect()
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
    tde_testkit::to_hex(bytes)
}

pub(crate) fn unhex(digits: &str) -> Vec<u8> {
    tde_testkit::from_hex(&digits.split_whitespace().collect::<String>())
}
