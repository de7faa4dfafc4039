//! Recorded clusters, and the command-line options that open them.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use tde_testkit::{Manifest, RecordedCluster, recorded_clusters, to_hex};
use tempfile::TempDir;

/// A recorded cluster.
#[derive(Debug)]
pub(crate) struct Corpus {
    pub(crate) cluster: RecordedCluster,
    keys: TempDir,
}

/// One file of it and its plaintext's hash.
#[derive(Debug)]
pub(crate) struct Expected {
    /// Relative to the data directory; of a WAL segment, its name.
    pub(crate) path: String,
    pub(crate) encrypted: bool,
    pub plain_sha256: String,
}

impl Corpus {
    /// Every cluster there is: the excerpts in the repository, and the full recordings if they are here.
    pub(crate) fn all() -> Vec<Self> {
        recorded_clusters()
            .into_iter()
            .map(|cluster| Self { cluster, keys: tempfile::tempdir().unwrap() })
            .collect()
    }

    /// The first of these that is here.
    pub(crate) fn first_of(names: &[&str]) -> Self {
        let mut all = Self::all();
        let found = names.iter().find_map(|name| all.iter().position(|corpus| corpus.name() == *name));
        all.swap_remove(found.expect("one of the excerpts"))
    }

    pub(crate) fn name(&self) -> &str {
        &self.cluster.name
    }

    pub(crate) fn manifest(&self) -> &Manifest {
        &self.cluster.manifest
    }

    pub(crate) fn data_directory(&self) -> PathBuf {
        self.cluster.data_dir()
    }

    /// The options that give every provider its keyring file, by the provider's name; for a cluster
    /// without keyring files, the options that give the principal keys themselves.
    pub(crate) fn key_options(&self) -> Vec<OsString> {
        let mut options = Vec::new();
        for provider in self.manifest().pg_tde_files.iter().flat_map(|file| &file.providers) {
            let recorded = provider["options"].as_str().unwrap();
            let ring = self
                .manifest()
                .keyring_files
                .iter()
                .find(|ring| recorded.contains(&format!("\"{}\"", ring.provider_path)));
            if let Some(ring) = ring {
                let mut mapping = OsString::from(format!("{}=", provider["name"].as_str().unwrap()));
                mapping.push(self.cluster.root.join(&ring.path));
                options.extend(["--keyring".into(), mapping]);
            }
        }
        if options.is_empty() { self.principal_key_options() } else { options }
    }

    /// The options that give every keyring file without saying which provider it is for.
    pub(crate) fn unnamed_keyring_options(&self) -> Vec<OsString> {
        self.cluster
            .keyrings()
            .into_iter()
            .flat_map(|ring| ["--keyring".into(), ring.into_os_string()])
            .collect()
    }

    /// The options that give every principal key in use by a file of its own, in hexadecimal.
    pub(crate) fn principal_key_options(&self) -> Vec<OsString> {
        self.principal_key_files(|key| to_hex(key).into_bytes())
    }

    /// The same with files of the caller's making.
    pub(crate) fn principal_key_files(&self, contents: impl Fn(&[u8]) -> Vec<u8>) -> Vec<OsString> {
        let mut options = Vec::new();
        for (name, key) in self.cluster.principal_keys() {
            let file = self.keys.path().join(&name);
            fs::write(&file, contents(&key)).unwrap();
            options.extend(["--principal-key".into(), format!("{name}={}", file.display()).into()]);
        }
        options
    }

    pub(crate) fn relation_files(&self) -> Vec<Expected> {
        self.manifest()
            .files
            .iter()
            .map(|file| Expected {
                path: file.path.strip_prefix("data/").unwrap().to_owned(),
                encrypted: file.encrypted,
                plain_sha256: file.plain_sha256.clone(),
            })
            .collect()
    }

    pub(crate) fn wal_segments(&self) -> Vec<Expected> {
        self.manifest()
            .wal
            .iter()
            .map(|file| Expected {
                path: file.path.strip_prefix("data/pg_wal/").unwrap().to_owned(),
                encrypted: true,
                plain_sha256: file.plain_sha256.clone(),
            })
            .collect()
    }

    /// Every secret that the manifest names.
    pub(crate) fn secrets(&self) -> Vec<Vec<u8>> {
        let manifest = self.manifest();
        let rings = manifest.keyring_files.iter().flat_map(|ring| &ring.keys).map(|key| &key.key);
        let principal = manifest.principal_keys_in_use.iter().map(|key| &key.key);
        let relations = manifest.files.iter().filter_map(|file| file.internal_key.as_ref());
        let wal = manifest.wal_key_ranges.iter().map(|range| &range.key);
        let mut secrets: Vec<_> = rings
            .chain(principal)
            .chain(relations)
            .chain(wal)
            .map(|digits| tde_testkit::from_hex(digits))
            .collect();
        secrets.sort();
        secrets.dedup();
        secrets
    }
}
