//! Copies of recorded clusters that are edited, and an independent reader that looks at them.

#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use tde_keyfile::cluster::{Cluster, OpenOptions};
use tde_keyfile::edit::{Draft, EditError, EditOptions, Editor};
use tde_keyfile::storage::DiskStorage;
use tde_keyfile::verify::{VerifyOptions, verify};
use tde_testkit::{RecordedCluster, to_hex};

use super::edit;

/// A copy of a recorded cluster that is edited.
pub(crate) struct Copy {
    pub(crate) name: String,
    pub(crate) directory: tempfile::TempDir,
    pub(crate) keys: BTreeMap<String, Vec<u8>>,
    key_files: tempfile::TempDir,
    reader: Option<PathBuf>,
    segment_blocks: u32,
}

impl Copy {
    pub(crate) fn of(cluster: &RecordedCluster, reader: Option<&PathBuf>) -> Self {
        let mut copy = Self {
            name: cluster.name.clone(),
            directory: cluster.copy_data(),
            keys: BTreeMap::new(),
            key_files: tempfile::tempdir().unwrap(),
            reader: reader.cloned(),
            segment_blocks: cluster.manifest.relation_segment_blocks,
        };
        for (name, key) in cluster.principal_keys() {
            copy.add_key(&name, &key);
        }
        copy
    }

    pub(crate) fn add_key(&mut self, name: &str, key: &[u8]) {
        std::fs::write(self.key_files.path().join(name), key).unwrap();
        self.keys.insert(name.into(), key.into());
    }

    pub(crate) fn open_options(&self) -> OpenOptions {
        self.keys.keys().fold(OpenOptions::new(), |options, name| {
            options.principal_key(name.parse().unwrap(), self.key_files.path().join(name))
        })
    }

    pub(crate) fn edit(
        &self,
        edits: impl FnOnce(&mut Draft<'_>) -> Result<(), EditError>,
    ) -> Result<usize, EditError> {
        let mut options = EditOptions::new("test");
        options.keys = self.open_options();
        // The excerpts have no control file; the recordings were shut down cleanly.
        options.allow_unclean_shutdown = !self.directory.path().join("global/pg_control").exists();
        let storage = DiskStorage::new();
        let editor = Editor::open(&storage, self.directory.path(), &options)?;
        let edit = edit::plan(editor.files(), edits)?;
        let files = edit.plan().changes().len();
        editor.apply(edit)?;
        Ok(files)
    }

    pub(crate) fn cluster(&self) -> Cluster {
        Cluster::open(self.directory.path(), &self.open_options()).unwrap()
    }

    pub(crate) fn ask(&self, what: &str) -> Option<Value> {
        let mut command = Command::new("python3");
        command.arg(self.reader.as_ref()?).arg(what).arg(self.directory.path());
        if what == "files" {
            command.args(["--segsize", &self.segment_blocks.to_string()]);
        }
        for (name, key) in &self.keys {
            command.arg("--key").arg(format!("{name}={}", to_hex(key)));
        }
        let output = command.output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: the independent reader: {errors}", self.name);
        Some(serde_json::from_slice(&output.stdout).unwrap())
    }

    /// Relation keys by database and relation, and WAL ranges, as the independent reader sees them.
    pub(crate) fn seen(&self) -> Option<(BTreeMap<String, Value>, Value)> {
        let seen = self.ask("keys")?;
        let mut relations = BTreeMap::new();
        for (database, keys) in seen["relations"].as_object().unwrap() {
            for key in keys.as_array().unwrap() {
                relations.insert(format!("{database}/{}/{}", key["spc"], key["rel"]), key.clone());
            }
        }
        Some((relations, seen["wal"]["ranges"].clone()))
    }

    /// Every key, page and WAL record is as good as before, by our own reckoning.
    pub(crate) fn assert_verifies(&self, what: &str) {
        let report = verify(&self.cluster(), &VerifyOptions::default(), &mut ());
        assert_eq!(report.findings, [], "{} after {what}", self.name);
    }
}
