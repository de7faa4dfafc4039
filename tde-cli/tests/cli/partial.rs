//! Partial copies: what is absent is noted, not an error.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use tde_testkit::sha256_hex;

use crate::corpus::Corpus;
use crate::tde::tde;

fn copy_some(corpus: &Corpus, files: &[&str]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let data = corpus.data_directory();
    for name in fs::read_dir(data.join("pg_tde")).unwrap() {
        let name = format!("pg_tde/{}", name.unwrap().file_name().to_str().unwrap());
        place(&data, directory.path(), &name);
    }
    for name in files {
        place(&data, directory.path(), name);
    }
    directory
}

fn place(from: &Path, to: &Path, name: &str) {
    let target = to.join(name);
    fs::create_dir_all(target.parent().unwrap()).unwrap();
    fs::copy(from.join(name), target).unwrap();
}

#[test]
fn one_relation_file_beside_the_key_files_is_enough() {
    let corpus = Corpus::first_of(&["A", "B-excerpt"]);
    let file = corpus.relation_files().into_iter().find(|file| file.encrypted).unwrap();
    let copy = copy_some(&corpus, &[&file.path]);
    fs::write(copy.path().join("notes.txt"), "foreign").unwrap();
    fs::write(copy.path().join("base/notes.txt"), "foreign").unwrap();

    let mut command: Vec<OsString> = vec!["relation".into(), "decrypt".into(), copy.path().into()];
    command.extend([file.path.into(), "-o".into(), "-".into()]);
    command.extend(corpus.key_options());
    assert_eq!(sha256_hex(&tde(command).expect(0).stdout), file.plain_sha256);

    for name in ["verify", "inspect"] {
        let mut command: Vec<OsString> = vec![name.into(), copy.path().into()];
        command.extend(corpus.key_options());
        let run = tde(command).expect(0);
        assert!(run.stdout_text().contains("pg_control"), "{run}");
    }
    assert_eq!(fs::read(copy.path().join("notes.txt")).unwrap(), b"foreign");
}

#[test]
fn one_wal_segment_beside_the_key_files_is_enough() {
    for corpus in Corpus::all() {
        let Some(segment) = corpus.wal_segments().pop() else { continue };
        let copy = copy_some(&corpus, &[&format!("pg_wal/{}", segment.path)]);
        let mut command: Vec<OsString> = vec!["wal".into(), "decrypt".into(), copy.path().into()];
        command.extend([segment.path.into(), "-o".into(), "-".into()]);
        command.extend(corpus.key_options());
        assert_eq!(sha256_hex(&tde(command).expect(0).stdout), segment.plain_sha256, "{}", corpus.name());

        let mut command: Vec<OsString> = vec!["verify".into(), copy.path().into()];
        command.extend(corpus.key_options());
        tde(command).expect(0);
    }
}

#[test]
fn a_directory_without_key_files_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    for command in ["inspect", "verify"] {
        let run = tde([command.as_ref(), directory.path().as_os_str()]).expect(2);
        assert!(run.stderr.starts_with("tde: error:") && run.stderr.contains("pg_tde"), "{run}");
        let run = tde([command, "/nonexistent/data"]).expect(2);
        assert!(run.stderr.contains("/nonexistent/data"), "{run}");
    }
}

#[test]
fn a_later_segment_is_not_decrypted_without_a_word_when_its_block_numbers_are_guessed() {
    let corpus = Corpus::first_of(&["E-excerpt"]);
    let copy = corpus.cluster.copy_data();
    let decrypt = |file: &str| {
        let mut arguments: Vec<OsString> = vec!["relation".into(), "decrypt".into(), copy.path().into()];
        arguments.extend([file, "-o", "-"].map(OsString::from));
        arguments.extend(corpus.key_options());
        tde(arguments)
    };
    assert!(decrypt("base/16384/16571.2").expect(0).stderr.is_empty());
    fs::remove_file(copy.path().join("global/pg_control")).unwrap();
    // Of this file, every page header shows that the guess is wrong.
    let guessed = decrypt("base/16384/16571.2").expect(1);
    assert!(guessed.stderr.contains("without global/pg_control"), "{}", guessed.stderr);
    assert!(decrypt("base/16384/16575").expect(0).stderr.is_empty());
}
