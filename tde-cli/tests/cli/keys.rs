//! Where principal keys come from, and what happens when they do not.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use tde_testkit::to_hex;

use crate::corpus::Corpus;
use crate::tde::{Run, tde};

fn verify(data: &Path, options: Vec<OsString>) -> Run {
    let mut command: Vec<OsString> = vec!["verify".into(), data.into()];
    command.extend(options);
    tde(command)
}

#[test]
fn keyrings_may_be_given_without_the_providers_they_are_for() {
    for corpus in Corpus::all() {
        let options = corpus.unnamed_keyring_options();
        if !options.is_empty() {
            verify(&corpus.data_directory(), options).expect(0);
        }
    }
}

#[test]
fn principal_keys_may_be_given_one_by_one_in_hexadecimal_or_raw() {
    for corpus in Corpus::all() {
        verify(&corpus.data_directory(), corpus.principal_key_options()).expect(0);
        verify(&corpus.data_directory(), corpus.principal_key_files(<[u8]>::to_vec)).expect(0);
        let with_newline = corpus.principal_key_files(|key| (to_hex(key) + "\n").into_bytes());
        verify(&corpus.data_directory(), with_newline).expect(0);
    }
}

#[test]
fn without_principal_keys_verify_could_not_run() {
    for corpus in Corpus::all() {
        let run = verify(&corpus.data_directory(), Vec::new()).expect(2);
        assert!(run.stderr.contains("--keyring") || run.stderr.contains("--principal-key"), "{run}");
        // `inspect` needs no keys: it says that the headers are not verified.
        let run = tde(["inspect".as_ref(), corpus.data_directory().as_os_str()]).expect(0);
        assert!(run.stdout_text().contains("not verified"), "{run}");
    }
}

#[test]
fn a_keyring_that_is_not_there_is_an_error_that_names_it() {
    let corpus = Corpus::first_of(&["D_before-excerpt"]);
    for option in ["/nonexistent/keys.per", "db_file=/nonexistent/keys.per"] {
        let run = verify(&corpus.data_directory(), vec!["--keyring".into(), option.into()]).expect(2);
        assert!(run.stderr.contains("/nonexistent/keys.per"), "{run}");
    }
    let options = vec!["--principal-key".into(), "acme-db-key=/nonexistent/key".into()];
    let run = verify(&corpus.data_directory(), options).expect(2);
    assert!(run.stderr.contains("/nonexistent/key"), "{run}");
}

#[test]
fn a_provider_that_does_not_exist_is_said_to_be_unknown() {
    let corpus = Corpus::first_of(&["D_before-excerpt"]);
    let mut options = corpus.key_options();
    options.extend(["--keyring".into(), {
        let mut mapping = OsString::from("db_flie=");
        mapping.push(corpus.cluster.root.join("keyring/db_file.per"));
        mapping
    }]);
    let run = verify(&corpus.data_directory(), options);
    assert!(run.stderr.contains("db_flie"), "{run}");
}

#[test]
fn a_wrong_principal_key_is_a_finding() {
    for corpus in Corpus::all() {
        let options = corpus.principal_key_files(|key| {
            let mut key = key.to_vec();
            key[3] ^= 0x10;
            key
        });
        let run = verify(&corpus.data_directory(), options.clone()).expect(1);
        assert!(run.stdout_text().contains("wrong principal key"), "{run}");

        let Some(file) = corpus.relation_files().into_iter().find(|file| file.encrypted) else { continue };
        let out = tempfile::tempdir().unwrap();
        let mut command: Vec<OsString> = vec!["relation".into(), "decrypt".into()];
        command.extend([corpus.data_directory().into(), file.path.into()]);
        command.extend(["--output-dir".into(), out.path().join("new").into()]);
        command.extend(options);
        let run = tde(command).expect(1);
        assert!(run.stderr.contains("wrong principal key"), "{run}");
        assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0, "{run}");
    }
}

#[test]
fn a_key_file_of_a_wrong_length_is_refused() {
    let corpus = Corpus::first_of(&["G-excerpt"]);
    let options = corpus.principal_key_options();
    for contents in ["", "00", "not a key", "000102030405060708090a0b0c0d0e0f00"] {
        let (_, file) = options[1].to_str().unwrap().split_once('=').unwrap();
        fs::write(file, contents).unwrap();
        let run = verify(&corpus.data_directory(), options.clone()).expect(2);
        assert!(run.stderr.contains(file), "{run}");
    }
}
