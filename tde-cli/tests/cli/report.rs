//! What `inspect` and `verify` print, as recorded. A change to the JSON of an existing schema number is
//! a broken promise: add fields, or raise the number.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use crate::corpus::Corpus;
use crate::tde::{Run, tde};

fn run(corpus: &Corpus, data: &Path, words: &[&str], options: Vec<OsString>) -> Run {
    let mut command: Vec<OsString> = words.iter().map(Into::into).collect();
    command.insert(1, data.into());
    command.extend(options);
    let mut run = tde(command);
    // Paths of this run are not those of the next.
    let shown = run
        .stdout_text()
        .replace(data.to_str().unwrap(), "DATADIR")
        .replace(corpus.cluster.root.to_str().unwrap(), "ROOT");
    run.stdout = shown.into_bytes();
    run
}

fn excerpt(name: &str) -> Corpus {
    Corpus::first_of(&[name])
}

#[test]
fn inspect_as_text() {
    let corpus = excerpt("B-excerpt");
    let run = run(&corpus, &corpus.data_directory(), &["inspect"], corpus.key_options()).expect(0);
    insta::assert_snapshot!(run.stdout_text());
}

#[test]
fn inspect_as_json() {
    let corpus = excerpt("B-excerpt");
    let run = run(&corpus, &corpus.data_directory(), &["inspect", "--json"], corpus.key_options()).expect(0);
    insta::assert_snapshot!(run.stdout_text());
}

#[test]
fn inspect_without_keys_and_with_odd_files() {
    let corpus = excerpt("D_before-excerpt");
    let copy = corpus.cluster.copy_data();
    let keys = copy.path().join("pg_tde");
    fs::write(keys.join("5_keys"), "").unwrap();
    fs::write(keys.join("16477_keys.r"), "left").unwrap();
    fs::write(keys.join("1664_keys"), "old").unwrap();
    fs::write(keys.join("notes.txt"), "foreign").unwrap();
    let mut torn = fs::read(keys.join("16571_keys")).unwrap();
    torn.extend([0; 40]);
    fs::write(keys.join("16571_keys"), torn).unwrap();
    fs::remove_file(copy.path().join("global/pg_control")).unwrap();
    let report = run(&corpus, copy.path(), &["inspect"], Vec::new()).expect(0);
    insta::assert_snapshot!("inspect_odd_text", report.stdout_text());
    let report = run(&corpus, copy.path(), &["inspect", "--json"], Vec::new()).expect(0);
    insta::assert_snapshot!("inspect_odd_json", report.stdout_text());
}

#[test]
fn verify_of_a_good_cluster() {
    let corpus = excerpt("B-excerpt");
    let data = corpus.data_directory();
    let report = run(&corpus, &data, &["verify", "-v"], corpus.key_options()).expect(0);
    insta::assert_snapshot!("verify_good_text", report.stdout_text());
    let report = run(&corpus, &data, &["verify", "-v", "--json"], corpus.key_options()).expect(0);
    insta::assert_snapshot!("verify_good_json", report.stdout_text());
}

#[test]
fn verify_of_a_damaged_cluster() {
    let corpus = excerpt("D_before-excerpt");
    let copy = corpus.cluster.copy_data();
    let change = |name: &str, at: usize| {
        let path = copy.path().join(name);
        let mut bytes = fs::read(&path).unwrap();
        bytes[at] ^= 1;
        fs::write(path, bytes).unwrap();
    };
    change("base/16477/16672", 8192 + 4000);
    change("pg_tde/16571_keys", 320 + 16);
    let report = run(&corpus, copy.path(), &["verify"], corpus.key_options()).expect(1);
    insta::assert_snapshot!("verify_damaged_text", report.stdout_text());
    let report = run(&corpus, copy.path(), &["verify", "--json"], corpus.key_options()).expect(1);
    insta::assert_snapshot!("verify_damaged_json", report.stdout_text());
}

#[test]
fn verify_without_keys() {
    let corpus = excerpt("G-excerpt");
    let data = corpus.data_directory();
    let report = run(&corpus, &data, &["verify", "--offline"], Vec::new()).expect(2);
    insta::assert_snapshot!("verify_without_keys_text", report.to_string());
    let report = run(&corpus, &data, &["verify", "--offline", "--json"], Vec::new()).expect(2);
    insta::assert_snapshot!("verify_without_keys_json", report.stdout_text());
}

#[test]
fn json_is_one_document_that_names_its_schema() {
    for corpus in Corpus::all() {
        for command in ["inspect", "verify"] {
            let data = corpus.data_directory();
            let report = run(&corpus, &data, &[command, "--json"], corpus.key_options()).expect(0);
            let json: serde_json::Value = serde_json::from_slice(&report.stdout).unwrap();
            assert_eq!(json["schema"], format!("tde.{command}/1"), "{}", corpus.name());
        }
    }
}
