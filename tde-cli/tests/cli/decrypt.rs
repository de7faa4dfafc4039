//! Every file of every corpus comes out as the server's own plaintext.

use std::ffi::OsString;
use std::fs;

use tde_testkit::sha256_hex;

use crate::corpus::Corpus;
use crate::tde::{tde, tde_in};

fn arguments(corpus: &Corpus, words: &[&str]) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = words.iter().map(Into::into).collect();
    arguments.insert(2, corpus.data_directory().into());
    arguments
}

#[test]
fn every_relation_file_decrypts_to_the_plaintext_of_its_manifest() {
    for corpus in Corpus::all() {
        let out = tempfile::tempdir().unwrap();
        let files = corpus.relation_files();
        let mut command = arguments(&corpus, &["relation", "decrypt"]);
        command.extend(files.iter().map(|file| OsString::from(&file.path)));
        command.extend(["--output-dir".into(), out.path().into()]);
        command.extend(corpus.key_options());
        let run = tde(command).expect(0);
        for file in &files {
            let plain = fs::read(out.path().join(&file.path)).unwrap();
            assert_eq!(sha256_hex(&plain), file.plain_sha256, "{} {}", corpus.name(), file.path);
            // A relation without a key entry is copied, and never silently.
            let warned = run.stderr.lines().any(|line| {
                line.starts_with("tde: warning:")
                    && line.split([' ', ':']).any(|word| word == file.path)
                    && line.contains("plaintext")
            });
            assert_eq!(warned, !file.encrypted, "{} {}\n{run}", corpus.name(), file.path);
        }
    }
}

#[test]
fn every_wal_segment_decrypts_to_the_plaintext_of_its_manifest() {
    for corpus in Corpus::all() {
        let segments = corpus.wal_segments();
        if segments.is_empty() {
            continue;
        }
        let out = tempfile::tempdir().unwrap();
        let mut command = arguments(&corpus, &["wal", "decrypt"]);
        command.extend(segments.iter().map(|segment| OsString::from(&segment.path)));
        command.extend(["--output-dir".into(), out.path().into()]);
        command.extend(corpus.key_options());
        tde(command).expect(0);
        for segment in &segments {
            let plain = fs::read(out.path().join(&segment.path)).unwrap();
            assert_eq!(sha256_hex(&plain), segment.plain_sha256, "{} {}", corpus.name(), segment.path);
        }
    }
}

#[test]
fn one_thread_and_several_give_the_same_bytes() {
    let corpus = Corpus::first_of(&["A", "B-excerpt"]);
    let largest = corpus
        .relation_files()
        .into_iter()
        .filter(|file| file.encrypted)
        .max_by_key(|file| fs::metadata(corpus.data_directory().join(&file.path)).unwrap().len())
        .unwrap();
    for jobs in ["1", "2", "7"] {
        let mut command = arguments(&corpus, &["relation", "decrypt", &largest.path, "-o", "-", "-j", jobs]);
        command.extend(corpus.key_options());
        assert_eq!(sha256_hex(&tde(command).expect(0).stdout), largest.plain_sha256, "{jobs} jobs");
    }
}

#[test]
fn a_file_is_found_by_any_path_that_leads_into_the_data_directory() {
    let corpus = Corpus::first_of(&["A", "B-excerpt"]);
    let file = corpus.relation_files().into_iter().find(|file| file.path.ends_with("_fsm")).unwrap();
    let data = corpus.data_directory();
    let absolute = data.canonicalize().unwrap().join(&file.path);
    let dotted = format!("./{}", file.path);
    for given in [file.path.as_ref(), dotted.as_ref(), absolute.as_os_str()] {
        let mut command = arguments(&corpus, &["relation", "decrypt"]);
        command.extend([given.to_owned(), "-o".into(), "-".into()]);
        command.extend(corpus.key_options());
        assert_eq!(sha256_hex(&tde(command).expect(0).stdout), file.plain_sha256, "{}", given.display());
    }
    // Relative to the working directory, which is not the data directory.
    let mut command: Vec<OsString> = ["relation", "decrypt", "data"].map(Into::into).into();
    command.extend([format!("data/{}", file.path).into(), "-o".into(), "-".into()]);
    command.extend(corpus.principal_key_options());
    let run = tde_in(&corpus.cluster.root, command, b"").expect(0);
    assert_eq!(sha256_hex(&run.stdout), file.plain_sha256);
}

#[test]
fn standard_input_decrypts_like_the_file_it_is_named_after() {
    let corpus = Corpus::first_of(&["E", "E-excerpt"]);
    // A later segment: the name decides the block numbers.
    let file = corpus.relation_files().into_iter().find(|file| file.path.contains('.')).unwrap();
    let encrypted = fs::read(corpus.data_directory().join(&file.path)).unwrap();
    let mut command = arguments(&corpus, &["relation", "decrypt", "-", "--name", &file.path, "-o", "-"]);
    command.extend(corpus.key_options());
    let run = tde_in(".".as_ref(), command, &encrypted).expect(0);
    assert_eq!(sha256_hex(&run.stdout), file.plain_sha256);

    let corpus = Corpus::first_of(&["F", "B-excerpt"]);
    let segment = &corpus.wal_segments()[0];
    let encrypted = fs::read(corpus.data_directory().join("pg_wal").join(&segment.path)).unwrap();
    let mut command = arguments(&corpus, &["wal", "decrypt", "-", "--name", &segment.path, "-o", "-"]);
    command.extend(corpus.key_options());
    let run = tde_in(".".as_ref(), command, &encrypted).expect(0);
    assert_eq!(sha256_hex(&run.stdout), segment.plain_sha256);
}

#[test]
fn a_segment_is_found_by_name_and_by_path_and_may_be_partial() {
    let corpus = Corpus::first_of(&["C", "B-excerpt"]);
    let segment = corpus.wal_segments().pop().unwrap();
    let source = corpus.data_directory().join("pg_wal").join(&segment.path);
    let archive = tempfile::tempdir().unwrap();
    let partial = archive.path().join(format!("{}.partial", segment.path));
    fs::copy(&source, &partial).unwrap();
    let in_data_directory = format!("pg_wal/{}", segment.path);
    let given = [segment.path.as_ref(), in_data_directory.as_ref(), source.as_os_str(), partial.as_os_str()];
    for given in given {
        let mut command = arguments(&corpus, &["wal", "decrypt"]);
        command.extend([given.to_owned(), "-o".into(), "-".into()]);
        command.extend(corpus.key_options());
        let run = tde(command).expect(0);
        assert_eq!(sha256_hex(&run.stdout), segment.plain_sha256, "{}", given.display());
    }
}
