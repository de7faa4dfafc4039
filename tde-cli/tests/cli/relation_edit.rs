//! `tde relation encrypt` and `rekey`: what is decrypted afterwards is what was there before.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tde_testkit::sha256_hex;

use crate::corpus::Corpus;
use crate::edit::{Copy, json};
use crate::tde::spawn;

/// A relation of the recording, by one of its files; all of its files, with the hashes of their plaintext.
type Relations = BTreeMap<(u32, u32, u32), Relation>;

#[derive(Default)]
struct Relation {
    encrypted: bool,
    files: BTreeMap<String, String>,
}

fn relations(corpus: &Corpus) -> Relations {
    let mut relations = Relations::new();
    for file in &corpus.cluster.manifest.files {
        let relation = relations.entry((file.tablespace, file.database, file.relation)).or_default();
        let path = file.path.strip_prefix("data/").unwrap().to_owned();
        relation.encrypted = file.encrypted;
        relation.files.insert(path, file.plain_sha256.clone());
    }
    // Of some relations the excerpts have later segments, or other forks, only.
    relations.retain(|(_, _, number), relation| {
        relation.files.keys().any(|path| path.ends_with(&format!("/{number}")))
    });
    relations
}

fn assert_plaintext(copy: &Copy, relations: &Relations) {
    let files: Vec<&str> =
        relations.values().flat_map(|relation| relation.files.keys()).map(String::as_str).collect();
    let out = tempfile::tempdir().unwrap();
    let mut words = vec!["relation", "decrypt"];
    words.extend(&files);
    words.extend(["--output-dir", out.path().to_str().unwrap()]);
    copy.run(&words).expect(0);
    for (path, hash) in relations.values().flat_map(|relation| &relation.files) {
        let plain = fs::read(out.path().join(path)).unwrap();
        assert_eq!(&sha256_hex(&plain), hash, "{path}");
    }
}

fn stored(copy: &Copy, relations: &Relations) -> BTreeMap<String, Vec<u8>> {
    let files = relations.values().flat_map(|relation| relation.files.keys());
    files.map(|path| (path.clone(), fs::read(copy.data.join(path)).unwrap())).collect()
}

#[test]
fn relations_of_every_recording_are_encrypted_and_rekeyed() {
    let (mut encrypted, mut rekeyed) = (0, 0);
    for corpus in Corpus::all() {
        let Some(copy) = Copy::of(&corpus) else { continue };
        let relations = relations(&corpus);
        for plain in [true, false] {
            let chosen: Vec<&str> = relations
                .values()
                .filter(|relation| relation.encrypted != plain)
                .map(|relation| relation.files.keys().next_back().unwrap().as_str())
                .collect();
            if chosen.is_empty() {
                continue;
            }
            let command = if plain { "encrypt" } else { "rekey" };
            let words = [&["relation", command][..], &chosen].concat();
            let before = stored(&copy, &relations);
            let dry = json(&copy.run(&[&words[..], &["--dry-run", "--json"]].concat()).expect(0));
            assert_eq!(stored(&copy, &relations), before, "a dry run changes nothing");
            let done = json(&copy.run(&[&words[..], &["--json"]].concat()).expect(0));
            assert_eq!(done["files"].as_array().unwrap().len(), dry["files"].as_array().unwrap().len());
            assert_eq!(done["operation"], format!("relation {command}"));
            let action = if plain { "relation_encrypted" } else { "relation_rekeyed" };
            let steps = done["steps"].as_array().unwrap().iter();
            assert_eq!(steps.filter(|step| step["action"] == action).count(), chosen.len());
            *(if plain { &mut encrypted } else { &mut rekeyed }) += chosen.len();
            assert_plaintext(&copy, &relations);
            if plain {
                let again = copy.run(&words).expect(0);
                assert!(again.stdout_text().contains("nothing to change"), "{again}");
            }
        }
        copy.verify();
    }
    assert!(encrypted > 1 && rekeyed > 10, "{encrypted} and {rekeyed}");
}

/// The process is killed at some instant, again and again; what it left is always put right.
#[test]
fn a_change_of_a_relation_that_is_killed_at_any_instant_is_completed_or_undone() {
    let corpus = Corpus::first_of(&["E", "E-excerpt"]);
    let Some(copy) = Copy::of(&corpus) else { return };
    let mut relations = relations(&corpus);
    relations.retain(|_, relation| relation.encrypted);
    let chosen: Vec<&str> =
        relations.values().map(|relation| relation.files.keys().next().unwrap().as_str()).collect();
    let words = [&["relation", "rekey"][..], &chosen].concat();
    let (mut interrupted, mut outcomes) = (0, BTreeSet::new());
    for round in 0..40_u64 {
        let before = stored(&copy, &relations);
        let mut child = spawn(copy.arguments(&words));
        std::thread::sleep(Duration::from_micros(2000 + round * 1000));
        child.kill().unwrap();
        child.wait().unwrap();
        let journal = copy.data.join("pg_tde/tde.journal").exists();
        interrupted += u32::from(journal);
        let repaired = json(&copy.run(&["repair", "--json"]).expect(0));
        outcomes.insert(repaired["recovered"]["outcome"].to_string());
        let changed: BTreeSet<bool> = stored(&copy, &relations)
            .iter()
            .filter(|(path, bytes)| !bytes.is_empty() && !before[*path].iter().all(|byte| *byte == 0))
            .map(|(path, bytes)| before[path] != *bytes)
            .collect();
        assert_eq!(changed.len(), 1, "all files, or none: {repaired}");
        assert_plaintext(&copy, &relations);
        copy.verify();
        assert_no_leftovers(&copy.data);
    }
    eprintln!("{interrupted} of 40 were killed while a journal was there: {outcomes:?}");
}

fn assert_no_leftovers(directory: &Path) {
    for entry in fs::read_dir(directory).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(!name.starts_with("tde-") && name != "tde.journal", "{}", path.display());
        if path.is_dir() {
            assert_no_leftovers(&path);
        }
    }
}

#[test]
fn what_is_no_relation_to_be_encrypted_is_refused() {
    let Some(copy) = Copy::named("B-excerpt") else { return };
    let refused = |words: &[&str], status: i32, text: &str| {
        let run = copy.run(words).expect(status);
        assert!(run.stderr.contains(text), "{run}");
    };
    refused(&["relation", "encrypt", "global/1262"], 2, "all databases share");
    refused(&["relation", "encrypt", "base/16477/99999"], 2, "no such relation");
    refused(&["relation", "encrypt", "base/16477/t3_16713"], 2, "temporary relation");
    refused(&["relation", "encrypt", "PG_VERSION"], 2, "pg_relation_filepath");
    refused(&["relation", "rekey", "base/16477/16713"], 2, "has no key");
    fs::write(copy.data.join("base/16477/14000"), [0; 8192]).unwrap();
    refused(&["relation", "encrypt", "base/16477/14000"], 2, "initdb");
    fs::write(copy.data.join("base/16477/70000"), [1; 8192]).unwrap();
    refused(&["relation", "encrypt", "base/16477/70000"], 1, "block 0 makes no sense as plaintext");
    refused(&["relation", "encrypt", "base/16477/70000", "--dry-run"], 1, "block 0 makes no sense");
    fs::write(copy.data.join("base/16477/70000"), [1; 8191]).unwrap();
    refused(&["relation", "encrypt", "base/16477/70000"], 1, "ends within a page");
    // A standby, a crash, a backup: WAL will be replayed, which may drop the key.
    fs::write(copy.data.join("backup_label"), "START WAL LOCATION: 0/1 (file 1)\n").unwrap();
    refused(&["relation", "encrypt", "base/16477/16713", "--allow-unclean-shutdown"], 2, "replay WAL");
}
