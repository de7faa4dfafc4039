//! Commands that change a data directory: what they change, and what they leave alone.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::corpus::Corpus;
use crate::tde::{Run, spawn, tde};

/// A copy of a recording and of its keyrings.
pub(crate) struct Copy {
    _directory: tempfile::TempDir,
    pub(crate) rings: tempfile::TempDir,
    pub(crate) data: PathBuf,
    options: Vec<OsString>,
    scopes: Vec<String>,
}

impl Copy {
    pub(crate) fn of(corpus: &Corpus) -> Option<Self> {
        let (directory, rings) = (corpus.cluster.copy_data(), tempfile::tempdir().unwrap());
        let data = directory.path().to_path_buf();
        let mut options = Vec::new();
        for option in corpus.key_options() {
            // `PROVIDER=FILE`: the keyring is copied too, for it is written to.
            let text = option.to_str().unwrap();
            let copied = text.split_once('=').map(|(provider, ring)| {
                let copy = rings.path().join(provider);
                fs::copy(ring, &copy).unwrap();
                format!("{provider}={}", copy.display())
            });
            options.push(copied.map_or(option, OsString::from));
        }
        if options.iter().any(|option| option == "--principal-key") {
            return None;
        }
        let inspected = tde(["inspect".as_ref(), data.as_os_str(), "--json".as_ref()]).expect(0);
        let report: Value = serde_json::from_slice(&inspected.stdout).unwrap();
        let scopes = report["scopes"].as_array().unwrap().iter().map(|scope| match &scope["oid"] {
            oid if oid == 1664 => "server".to_owned(),
            oid if oid == 1663 => "default".to_owned(),
            oid => format!("database {oid}"),
        });
        Some(Self { scopes: scopes.collect(), _directory: directory, rings, data, options })
    }

    pub(crate) fn all() -> Vec<Self> {
        Corpus::all().iter().filter_map(Self::of).collect()
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Corpus::all().iter().find(|corpus| corpus.name() == name).and_then(Self::of)
    }

    pub(crate) fn run(&self, words: &[&str]) -> Run {
        tde(self.arguments(words))
    }

    pub(crate) fn arguments(&self, words: &[&str]) -> Vec<OsString> {
        let at = usize::from(matches!(words[0], "provider" | "relation" | "scope")) + 1;
        let mut arguments: Vec<OsString> = words[..at].iter().map(OsString::from).collect();
        arguments.push(self.data.clone().into());
        arguments.extend(words[at..].iter().map(OsString::from));
        arguments.extend(self.options.clone());
        let writes = !matches!(
            words,
            ["verify" | "inspect", ..] | ["provider", "list", ..] | ["relation", "decrypt", ..]
        );
        if writes && !self.data.join("global/pg_control").exists() {
            arguments.push("--allow-unclean-shutdown".into());
        }
        arguments
    }

    fn key_files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let entries = fs::read_dir(self.data.join("pg_tde")).unwrap();
        let files = entries.map(|entry| entry.unwrap().path()).filter(|path| !path.ends_with("tde.lock"));
        files.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
    }

    pub(crate) fn verify(&self) {
        self.run(&["verify"]).expect(0);
    }
}

pub(crate) fn json(run: &Run) -> Value {
    serde_json::from_slice(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run}"))
}

#[test]
fn every_scope_is_rotated_to_a_key_that_is_made_and_everything_still_decrypts() {
    for copy in Copy::all() {
        for (number, scope) in copy.scopes.iter().enumerate() {
            let key = format!("rotated-{number}");
            let words: Vec<_> = ["rotate", "--scope"].into_iter().chain(scope.split(' ')).collect();
            let words = [&words[..], &["--key", &key, "--create"]].concat();
            let before = copy.key_files();
            let dry = copy.run(&[&words[..], &["--dry-run", "--json"]].concat()).expect(0);
            assert_eq!(copy.key_files(), before, "a dry run changes nothing");
            let (dry, files) = (json(&dry), |report: &Value| report["files"].as_array().unwrap().len());
            assert_eq!((&dry["schema"], &dry["dry_run"]), (&"tde.edit/1".into(), &true.into()));
            let done = json(&copy.run(&[&words[..], &["--json"]].concat()).expect(0));
            assert_eq!(files(&done), files(&dry));
            assert_eq!(done["steps"][0]["action"], "scope_rotated");
            assert_ne!(copy.key_files(), before);
            copy.verify();
            // The name is taken now.
            let again = copy.run(&words).expect(2);
            assert!(again.stderr.contains("already"), "{again}");
            // Without `--create` it is the same key once more.
            let words: Vec<_> = words.iter().copied().filter(|word| *word != "--create").collect();
            copy.run(&words).expect(0);
            copy.verify();
        }
    }
}

#[test]
fn key_files_are_upgraded_and_taken_back() {
    let Some(copy) = Copy::named("D_before") else { return };
    let upgraded = copy.run(&["upgrade"]).expect(0);
    assert!(upgraded.stdout_text().contains("convert wal_keys from version 1 to 2"), "{upgraded}");
    assert!(copy.data.join("pg_tde/keys_version").exists());
    copy.verify();
    let again = copy.run(&["upgrade"]).expect(0);
    assert!(again.stdout_text().contains("nothing to change"), "{again}");
    copy.run(&["upgrade", "--to", "2.1"]).expect(0);
    assert!(!copy.data.join("pg_tde/keys_version").exists());
    copy.verify();
}

#[test]
fn providers_are_listed_added_changed_and_deleted() {
    let Some(copy) = Copy::named("A") else { return };
    let list = |copy: &Copy| json(&copy.run(&["provider", "list", "--json"]))["providers"].clone();
    let before = list(&copy);
    assert_eq!(before.as_array().unwrap().len(), 2);
    let path = ["--type", "file", "--option", "path=/srv/x \"y\""];
    copy.run(&[&["provider", "add", "new"][..], &path].concat()).expect(0);
    let taken = copy.run(&[&["provider", "add", "NEW"][..], &path].concat()).expect(2);
    assert!(taken.stderr.contains("already"), "{taken}");
    let now = list(&copy);
    let added = now.as_array().unwrap().iter().find(|provider| provider["name"] == "new").unwrap();
    assert_eq!((&added["id"], &added["options"]["path"]), (&(-2).into(), &r#"/srv/x "y""#.into()));
    copy.run(&["provider", "change", "new", "--type", "file", "--option", "path=/z"]).expect(0);
    let bad = copy.run(&["provider", "change", "new", "--type", "kmip", "--option", "host=h"]).expect(2);
    assert!(bad.stderr.contains("\"port\" is missing"), "{bad}");
    let in_use = copy.run(&["provider", "delete", "global_file"]).expect(2);
    assert!(in_use.stderr.contains("uses"), "{in_use}");
    copy.run(&["provider", "delete", "-2"]).expect(0);
    assert_eq!(list(&copy).as_array().unwrap().iter().filter(|one| one["state"] == "deleted").count(), 1);
    copy.verify();
}

#[test]
fn what_a_crash_left_is_repaired_and_named() {
    let Some(copy) = Copy::named("A") else { return };
    let pg_tde = copy.data.join("pg_tde");
    let clean = copy.key_files();
    let mut wal = fs::read(pg_tde.join("wal_keys")).unwrap();
    wal.extend([1; 33]);
    fs::write(pg_tde.join("wal_keys"), wal).unwrap();
    fs::write(pg_tde.join("wal_keys.r"), b"half a file").unwrap();
    fs::write(pg_tde.join("keys_version"), b"short").unwrap();
    let repaired = copy.run(&["repair"]).expect(0);
    for what in ["cut the last 33 bytes off wal_keys", "remove wal_keys.r", "write keys_version"] {
        assert!(repaired.stdout_text().contains(what), "{what}: {repaired}");
    }
    assert_eq!(copy.key_files(), clean);
    // The only copy of keys that do not verify is not touched.
    fs::write(pg_tde.join("5_keys.r"), [7; 400]).unwrap();
    let left = copy.run(&["repair"]).expect(1);
    assert!(left.stderr.contains("5_keys.r"), "{left}");
    assert_eq!(fs::read(pg_tde.join("5_keys.r")).unwrap(), [7; 400]);
}

#[test]
fn a_running_server_and_an_unclean_shutdown_are_refused() {
    let Some(copy) = Copy::named("A") else { return };
    let before = copy.key_files();
    fs::write(copy.data.join("backup_label"), "START WAL LOCATION: 0/1 (file 1)\n").unwrap();
    let unclean = copy.run(&["upgrade"]).expect(2);
    assert!(unclean.stderr.contains("backup_label"), "{unclean}");
    copy.run(&["upgrade", "--allow-unclean-shutdown"]).expect(0);
    fs::write(copy.data.join("postmaster.pid"), format!("{}\n", std::process::id())).unwrap();
    for dry in [&[][..], &["--dry-run"]] {
        let running = copy.run(&[&["repair", "--allow-unclean-shutdown"][..], dry].concat()).expect(2);
        assert!(running.stderr.contains("stop the server"), "{running}");
    }
    assert_eq!(copy.key_files(), before);
}

/// The process is killed at some instant, again and again; what it left is always put right.
#[test]
fn a_rotation_that_is_killed_at_any_instant_is_completed_or_undone() {
    let Some(copy) = Copy::named("B") else { return };
    let principal_keys = |copy: &Copy| {
        let report = json(&copy.run(&["inspect", "--json"]).expect(0));
        let names = report["scopes"].as_array().unwrap().iter();
        let mut names: Vec<_> = names.map(|scope| scope["principal_key"]["name"].to_string()).collect();
        names.dedup();
        names
    };
    let mut interrupted = 0;
    for round in 0..40_u64 {
        let key = format!("round-{round}");
        let arguments = copy.arguments(&["rotate", "--scope", "default", "--key", &key, "--create"]);
        let mut child = spawn(arguments);
        std::thread::sleep(Duration::from_micros(2000 + round * 700));
        child.kill().unwrap();
        child.wait().unwrap();
        interrupted += u32::from(Path::new(&copy.data.join("pg_tde/tde.journal")).exists());
        copy.run(&["repair"]).expect(0);
        assert_eq!(
            principal_keys(&copy).len(),
            1,
            "the default key, the server and the databases go together"
        );
        copy.verify();
        let leftovers: Vec<_> = copy.key_files().into_keys().collect();
        assert_eq!(leftovers.len(), 6, "{leftovers:?}");
    }
    eprintln!("{interrupted} of 40 rotations were killed while a journal was there");
}
