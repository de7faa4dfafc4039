//! `tde layout`: keys converted to one file per relation and back, listed, verified, rotated.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::corpus::Corpus;
use crate::tde::{Run, spawn, tde};

/// A recording, a place to convert its keys to, and a keyring that may be written to.
struct Scene {
    data: tempfile::TempDir,
    scratch: tempfile::TempDir,
    options: Vec<OsString>,
    unclean: bool,
}

impl Scene {
    fn of(corpus: &Corpus) -> Self {
        let data = corpus.cluster.copy_data();
        let unclean = !data.path().join("global/pg_control").exists();
        Self { data, scratch: tempfile::tempdir().unwrap(), options: corpus.key_options(), unclean }
    }

    fn data(&self) -> PathBuf {
        self.data.path().to_path_buf()
    }

    fn at(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// `tde WORDS DIRECTORY MORE`, with the keys.
    fn arguments(&self, words: &[&str], directory: &Path, more: &[&str]) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = words.iter().map(OsString::from).collect();
        arguments.push(directory.into());
        arguments.extend(more.iter().map(OsString::from));
        arguments.extend(self.options.clone());
        arguments
    }

    fn run(&self, words: &[&str], directory: &Path, more: &[&str]) -> Run {
        tde(self.arguments(words, directory, more))
    }

    fn convert(&self, from: &Path, to: &str, output: &Path, more: &[&str]) -> Run {
        let output = output.to_str().unwrap();
        let mut all = vec!["--to", to, "--output", output];
        all.extend(more);
        if self.unclean {
            all.push("--allow-unclean-shutdown");
        }
        self.run(&["layout", "convert"], from, &all)
    }

    /// Copied with one file per relation to `there`.
    fn there(&self) -> PathBuf {
        self.convert(&self.data(), "one-file-per-relation", &self.at("there"), &[]).expect(0);
        self.at("there")
    }
}

fn json(run: &Run) -> Value {
    serde_json::from_slice(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run}"))
}

fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut directories = vec![directory.to_path_buf()];
    while let Some(directory) = directories.pop() {
        let Ok(entries) = fs::read_dir(&directory) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                directories.push(path);
            } else if !path.ends_with("tde.lock") {
                found.insert(path.clone(), fs::read(path).unwrap());
            }
        }
    }
    found
}

#[test]
fn keys_are_converted_there_and_back_and_the_cluster_verifies_with_them() {
    for corpus in Corpus::all() {
        let scene = Scene::of(&corpus);
        let (before, there, back) = (files(&scene.data()), scene.at("there"), scene.at("back"));
        let dry =
            scene.convert(&scene.data(), "one-file-per-relation", &there, &["--dry-run", "--json"]).expect(0);
        assert!(!there.exists(), "a dry run makes nothing");
        let done = scene.convert(&scene.data(), "one-file-per-relation", &there, &["--json"]).expect(0);
        let (dry, done) = (json(&dry), json(&done));
        assert_eq!(
            (&done["operation"], &done["to"]),
            (&"layout convert".into(), &"one-file-per-relation".into())
        );
        assert_eq!(dry["files"].as_array().unwrap().len(), done["files"].as_array().unwrap().len());
        assert_eq!(files(&scene.data()), before, "the source is only read");
        let verified = scene.run(&["layout", "verify"], &there, &[]).expect(0);
        assert!(verified.stdout_text().contains("all good"), "{verified}");
        let listed = |directory: &Path| {
            let mut listed =
                json(&scene.run(&["layout", "list"], directory, &["--relations", "--json"]).expect(0));
            for scope in listed["scopes"].as_array_mut().unwrap() {
                // Entries here, files there: a file may hold several.
                scope.as_object_mut().unwrap().remove("keys");
            }
            listed["scopes"].clone()
        };
        assert_eq!(listed(&there), listed(&scene.data()));
        scene.convert(&there, "pg_tde", &back, &[]).expect(0);
        assert_eq!(listed(&back), listed(&scene.data()));
        // In the place of the original.
        scene.run(&["verify"], &scene.data(), &[]).expect(0);
        fs::remove_dir_all(scene.data().join("pg_tde")).unwrap();
        fs::rename(back.join("pg_tde"), scene.data().join("pg_tde")).unwrap();
        scene.run(&["verify"], &scene.data(), &[]).expect(0);
    }
}

#[test]
fn commands_that_do_not_read_the_layout_say_which_do() {
    let corpus = Corpus::first_of(&["A", "E-excerpt"]);
    let scene = Scene::of(&corpus);
    let there = scene.there();
    let before = files(&there);
    for (words, more) in [
        (&["inspect"][..], &[][..]),
        (&["verify"], &[]),
        (&["upgrade"], &[]),
        (&["provider", "list"], &[]),
        (&["relation", "decrypt"], &["base/1/1", "-o", "/nonexistent/out"]),
    ] {
        let refused = scene.run(words, &there, more).expect(2);
        assert!(refused.stderr.contains("one file per relation"), "{words:?}: {refused}");
        assert!(refused.stderr.contains("tde layout list"), "{words:?}: {refused}");
    }
    let taken = scene.convert(&scene.data(), "one-file-per-relation", &there, &[]).expect(2);
    assert!(taken.stderr.contains("has key files already"), "{taken}");
    let same = scene.convert(&there, "one-file-per-relation", &scene.at("other"), &[]).expect(2);
    assert!(same.stderr.contains("have the layout one-file-per-relation already"), "{same}");
    let itself = scene.convert(&scene.data(), "one-file-per-relation", &scene.data(), &[]).expect(2);
    assert!(itself.stderr.contains("convert into another"), "{itself}");
    assert_eq!(files(&there), before);
    let none = scene.run(&["layout", "list"], scene.scratch.path(), &[]).expect(2);
    assert!(none.stderr.contains("pg_tde"), "{none}");
}

#[test]
fn a_scope_is_rotated_and_a_file_that_was_changed_is_named() {
    let corpus = Corpus::first_of(&["A", "E-excerpt"]);
    let scene = Scene::of(&corpus);
    let there = scene.there();
    let ring = scene.at("new-key");
    fs::write(&ring, [0x42; 16]).unwrap();
    let key = format!("fresh={}", ring.display());
    let scopes = json(&scene.run(&["layout", "list"], &there, &["--json"]).expect(0))["scopes"].clone();
    for scope in scopes.as_array().unwrap() {
        let name = scope["scope"].as_str().unwrap();
        let mut more = vec!["--scope"];
        more.extend(name.split(' '));
        more.extend(["--key", "fresh", "--principal-key", &key]);
        let before = files(&there);
        let dry =
            json(&scene.run(&["rotate"], &there, &[&more[..], &["--dry-run", "--json"]].concat()).expect(0));
        assert_eq!(files(&there), before);
        let files_of_relations =
            if name.starts_with("database") { scope["keys"].as_u64().unwrap() } else { 0 };
        assert_eq!(dry["files"].as_array().unwrap().len() as u64, 1 + files_of_relations);
        let done = scene.run(&["rotate"], &there, &more).expect(0);
        assert!(done.stdout_text().contains("from principal key"), "{done}");
    }
    let more = ["--principal-key", &key];
    let listed = json(&scene.run(&["layout", "list"], &there, &[&more[..], &["--json"]].concat()).expect(0));
    for scope in listed["scopes"].as_array().unwrap() {
        assert_eq!((&scope["principal_key"], &scope["problem"]), (&"fresh".into(), &Value::Null));
    }
    scene.run(&["layout", "verify"], &there, &more).expect(0);
    let blind = scene.run(&["layout", "verify"], &there, &[]).expect(1);
    assert!(blind.stdout_text().contains("\"fresh\""), "{blind}");

    let relation = files(&there).into_keys().find(|path| {
        path.file_name().is_some_and(|name| name.to_str().unwrap().starts_with(|c: char| c.is_ascii_digit()))
    });
    let relation = relation.unwrap();
    let moved = relation.with_file_name("4000000000.key");
    fs::rename(&relation, &moved).unwrap();
    let found = json(&scene.run(&["layout", "verify"], &there, &[&more[..], &["--json"]].concat()).expect(1));
    let problem = found["problems"][0]["problem"].as_str().unwrap();
    assert!(problem.contains("4000000000.key") && problem.contains("relation number"), "{problem}");
    let refused = scene.convert(&there, "pg_tde", &scene.at("back"), &more).expect(1);
    assert!(refused.stderr.contains("4000000000.key"), "{refused}");
    assert!(!scene.at("back").exists());
}

/// The process is killed at some instant, again and again; what it left is always put right.
#[test]
fn a_conversion_and_a_rotation_that_are_killed_at_any_instant_are_completed_or_undone() {
    let corpus = Corpus::first_of(&["B", "B-excerpt"]);
    let scene = Scene::of(&corpus);
    let there = scene.at("there");
    let key = scene.at("key");
    let mut interrupted = 0;
    for round in 0..12_u64 {
        let output = there.to_str().unwrap();
        let mut more = vec!["--to", "one-file-per-relation", "--output", output];
        if scene.unclean {
            more.push("--allow-unclean-shutdown");
        }
        let mut child = spawn(scene.arguments(&["layout", "convert"], &scene.data(), &more));
        std::thread::sleep(Duration::from_micros(2000 + round * 1500));
        child.kill().unwrap();
        child.wait().unwrap();
        interrupted += u32::from(there.join("pg_tde/tde.journal").exists());
        let again = scene.convert(&scene.data(), "one-file-per-relation", &there, &[]);
        assert!(again.status == 0 || again.stderr.contains("has key files already"), "{again}");
        scene.run(&["layout", "verify"], &there, &[]).expect(0);

        fs::write(&key, [round as u8 + 1; 16]).unwrap();
        let option = format!("round={}", key.display());
        let more = ["--scope", "server", "--key", "round", "--principal-key", &option];
        let mut child = spawn(scene.arguments(&["rotate"], &there, &more));
        std::thread::sleep(Duration::from_micros(2000 + round * 700));
        child.kill().unwrap();
        child.wait().unwrap();
        interrupted += u32::from(there.join("pg_tde/tde.journal").exists());
        scene.run(&["repair"], &there, &["--principal-key", &option]).expect(0);
        scene.run(&["layout", "verify"], &there, &["--principal-key", &option]).expect(0);
        assert!(!files(&there).into_keys().any(|path| path.extension().is_some_and(|end| end == "new")));
        fs::remove_dir_all(&there).unwrap();
    }
    eprintln!("{interrupted} of 24 changes were killed while a journal was there");
}
