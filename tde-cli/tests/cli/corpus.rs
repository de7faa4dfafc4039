//! Data directories that real servers wrote, described by a manifest each.
//!
//! They are found in `TDE_CORPUS`, or in `shared/corpus` beside the checkout.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// One data directory with its manifest.
#[derive(Debug)]
pub struct Corpus {
    pub name: String,
    pub root: PathBuf,
    pub manifest: Value,
    keys: TempDir,
}

/// One encrypted file (or one that turned out to be plain) and its plaintext's hash.
#[derive(Debug)]
pub struct Expected {
    /// Relative to the data directory.
    pub path: String,
    pub encrypted: bool,
    pub plain_sha256: String,
}

impl Corpus {
    /// Every corpus there is; says so when there is none.
    pub fn all() -> Vec<Self> {
        let Some(directory) = directory() else {
            eprintln!("SKIPPED: no corpora; set TDE_CORPUS to the directory that holds `pg_tde/`");
            return Vec::new();
        };
        let mut found: Vec<_> = fs::read_dir(&directory)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.join("MANIFEST.json").is_file())
            .map(Self::open)
            .collect();
        found.sort_by(|a, b| a.name.cmp(&b.name));
        assert!(!found.is_empty(), "{} holds no corpus", directory.display());
        found
    }

    /// The corpus of this name, if there are corpora.
    pub fn named(name: &str) -> Option<Self> {
        let directory = directory().or_else(|| {
            eprintln!("SKIPPED: no corpora; set TDE_CORPUS to the directory that holds `pg_tde/`");
            None
        })?;
        Some(Self::open(directory.join(name)))
    }

    fn open(root: PathBuf) -> Self {
        let manifest = fs::read(root.join("MANIFEST.json")).unwrap();
        Self {
            name: root.file_name().unwrap().to_str().unwrap().to_owned(),
            manifest: serde_json::from_slice(&manifest).unwrap(),
            root,
            keys: tempfile::tempdir().unwrap(),
        }
    }

    pub fn data_directory(&self) -> PathBuf {
        self.root.join("data")
    }

    /// The options that give every provider its keyring file, by the provider's name; for a corpus
    /// without keyring files, the options that give the principal keys themselves.
    pub fn key_options(&self) -> Vec<OsString> {
        let mut options = Vec::new();
        for provider in self.list("pg_tde_files").iter().flat_map(|file| array(file, "providers")) {
            let recorded = text(provider, "options");
            let ring = self
                .list("keyring_files")
                .iter()
                .find(|ring| recorded.contains(&format!("\"{}\"", text(ring, "provider_path"))));
            if let Some(ring) = ring {
                let mut mapping = OsString::from(format!("{}=", text(provider, "name")));
                mapping.push(self.root.join(text(ring, "path")));
                options.extend(["--keyring".into(), mapping]);
            }
        }
        if options.is_empty() { self.principal_key_options() } else { options }
    }

    /// The options that give every keyring file without saying which provider it is for.
    pub fn unnamed_keyring_options(&self) -> Vec<OsString> {
        self.list("keyring_files")
            .iter()
            .flat_map(|ring| ["--keyring".into(), self.root.join(text(ring, "path")).into_os_string()])
            .collect()
    }

    /// The options that give every principal key in use by a file of its own, in hexadecimal.
    pub fn principal_key_options(&self) -> Vec<OsString> {
        let mut options = Vec::new();
        let mut named = BTreeSet::new();
        for key in self.list("principal_keys_in_use") {
            let name = text(key, "name");
            let file = self.keys.path().join(&name);
            // Several scopes may use one key.
            if !named.insert(name.clone()) {
                continue;
            }
            fs::write(&file, text(key, "key")).unwrap();
            let mut mapping = OsString::from(format!("{name}="));
            mapping.push(file);
            options.extend(["--principal-key".into(), mapping]);
        }
        options
    }

    pub fn relation_files(&self) -> Vec<Expected> {
        self.list("files")
            .iter()
            .map(|file| Expected {
                path: text(file, "path").strip_prefix("data/").unwrap().to_owned(),
                encrypted: file["encrypted"].as_bool().unwrap(),
                plain_sha256: text(file, "plain_sha256"),
            })
            .collect()
    }

    pub fn wal_segments(&self) -> Vec<Expected> {
        self.list("wal")
            .iter()
            .map(|file| Expected {
                path: text(file, "path").strip_prefix("data/pg_wal/").unwrap().to_owned(),
                encrypted: true,
                plain_sha256: text(file, "plain_sha256"),
            })
            .collect()
    }

    /// Every secret that the manifest names, in hexadecimal.
    pub fn secrets(&self) -> Vec<String> {
        let mut found = Vec::new();
        collect_secrets(&self.manifest, &mut found);
        found.sort();
        found.dedup();
        found
    }

    /// A copy of the data directory that a test may damage. The plaintext files stay behind.
    pub fn copy(&self) -> (TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("data");
        copy(&self.data_directory(), &target);
        (directory, target)
    }

    fn list(&self, name: &str) -> &[Value] {
        array(&self.manifest, name)
    }
}

pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn unhex(digits: &str) -> Vec<u8> {
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

fn directory() -> Option<PathBuf> {
    let directory = match std::env::var_os("TDE_CORPUS") {
        Some(directory) => PathBuf::from(directory),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus"),
    };
    [directory.join("pg_tde"), directory].into_iter().find(|directory| {
        fs::read_dir(directory)
            .is_ok_and(|entries| entries.flatten().any(|entry| entry.path().join("MANIFEST.json").is_file()))
    })
}

fn array<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("{name} in {value}")).to_owned()
}

fn collect_secrets(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str() {
                    Some(secret) if name == "key" || name == "internal_key" => found.push(secret.to_owned()),
                    _ => collect_secrets(value, found),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| collect_secrets(value, found)),
        _ => {}
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else if !target.to_str().unwrap().ends_with(".plain") {
            // Not `fs::copy`: the originals may be read-only.
            fs::write(target, fs::read(entry.path()).unwrap()).unwrap();
        }
    }
}
