//! Recorded clusters, laid out as a data directory.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{Manifest, corpus_dir, from_hex, sha256_hex, workspace_root};

/// A recorded cluster.
#[derive(Debug)]
pub struct RecordedCluster {
    /// Short name; excerpts from `test-data/` end in `-excerpt`.
    pub name: String,
    /// Holds `data/` and `keyring/`.
    pub root: PathBuf,
    /// What the recording says of itself.
    pub manifest: Manifest,
    // Removed with the value: excerpts are laid out in a directory of their own.
    _temporary: Option<tempfile::TempDir>,
}

impl RecordedCluster {
    /// The data directory.
    pub fn data_dir(&self) -> PathBuf {
        self.root.join("data")
    }

    /// The file at a manifest path.
    pub fn read(&self, path: &str) -> Vec<u8> {
        let path = self.root.join(path);
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The plaintext beside a file of the full recordings.
    pub fn plaintext(&self, path: &str) -> Option<Vec<u8>> {
        fs::read(self.root.join(format!("{path}.plain"))).ok()
    }

    /// All keyring files; the paths in the cluster's provider records do not exist here.
    pub fn keyrings(&self) -> Vec<PathBuf> {
        self.manifest.keyring_files.iter().map(|file| self.root.join(&file.path)).collect()
    }

    /// Name and bytes of the principal key of each scope.
    pub fn principal_keys(&self) -> Vec<(String, Vec<u8>)> {
        let mut keys: Vec<_> = self
            .manifest
            .principal_keys_in_use
            .iter()
            .map(|key| (key.name.clone(), from_hex(&key.key)))
            .collect();
        keys.sort();
        keys.dedup();
        keys
    }

    /// A copy of the data directory that a test may damage, without the `.plain` files.
    pub fn copy_data(&self) -> tempfile::TempDir {
        let copy = tempfile::tempdir().expect("a temporary directory");
        copy_tree(&self.data_dir(), copy.path());
        copy
    }
}

/// Every recorded cluster at hand: the excerpts, and the full recordings where they are.
pub fn recorded_clusters() -> Vec<RecordedCluster> {
    let mut clusters = Vec::new();
    for dir in subdirectories(&workspace_root().join("test-data/pg_tde")) {
        let temporary = tempfile::tempdir().expect("a temporary directory");
        copy_tree(&dir, temporary.path());
        let manifest = read_manifest(&dir);
        for segment in &manifest.wal {
            restore_length(&temporary.path().join(&segment.path), segment.size, &segment.sha256);
        }
        clusters.push(RecordedCluster {
            name: format!("{}-excerpt", file_name(&dir)),
            root: temporary.path().to_path_buf(),
            manifest,
            _temporary: Some(temporary),
        });
    }
    assert!(!clusters.is_empty(), "test-data/pg_tde holds no recorded cluster");
    for dir in corpus_dir("pg_tde").map(|dir| subdirectories(&dir)).unwrap_or_default() {
        clusters.push(RecordedCluster {
            name: file_name(&dir),
            manifest: read_manifest(&dir),
            root: dir,
            _temporary: None,
        });
    }
    clusters
}

/// The repository keeps WAL segments without the zero pages at their end.
fn restore_length(path: &Path, size: u64, sha256: &str) {
    fs::OpenOptions::new()
        .write(true)
        .open(path)
        .and_then(|file| file.set_len(size))
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(sha256_hex(&fs::read(path).expect("readable")), sha256, "{}", path.display());
}

fn read_manifest(dir: &Path) -> Manifest {
    let path = dir.join("MANIFEST.json");
    let text = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn subdirectories(dir: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = fs::read_dir(dir)
        .unwrap_or_else(|error| panic!("{}: {error}", dir.display()))
        .map(|entry| entry.expect("a directory entry").path())
        .filter(|path| path.join("MANIFEST.json").is_file())
        .collect();
    found.sort();
    found
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a writable directory");
    for entry in fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())) {
        let entry = entry.expect("a directory entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a file type").is_dir() {
            copy_tree(&entry.path(), &target);
        } else if entry.path().extension().is_none_or(|extension| extension != "plain") {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().expect("a name").to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_every_recording_is_as_its_manifest_says() {
        for cluster in recorded_clusters() {
            for file in &cluster.manifest.files {
                assert_eq!(
                    sha256_hex(&cluster.read(&file.path)),
                    file.sha256,
                    "{}: {}",
                    cluster.name,
                    file.path
                );
            }
            for file in &cluster.manifest.pg_tde_files {
                assert_eq!(
                    sha256_hex(&cluster.read(&file.path)),
                    file.sha256,
                    "{}: {}",
                    cluster.name,
                    file.path
                );
            }
            for segment in &cluster.manifest.wal {
                let bytes = cluster.read(&segment.path);
                assert_eq!(sha256_hex(&bytes), segment.sha256, "{}: {}", cluster.name, segment.path);
            }
        }
    }
}
