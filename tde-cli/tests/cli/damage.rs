//! Damage is found, and the finding says where.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use crate::corpus::{Corpus, Expected};
use crate::tde::{Run, tde};

fn verify(corpus: &Corpus, data: &Path) -> Run {
    let mut command: Vec<OsString> = vec!["verify".into(), data.into()];
    command.extend(corpus.key_options());
    tde(command)
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

/// The encrypted file of a main fork, first segment, with the most pages that were written.
fn largest_main_fork(corpus: &Corpus) -> Expected {
    let main = |path: &str| path.rsplit('/').next().unwrap().bytes().all(|byte| byte.is_ascii_digit());
    let files = &corpus.manifest().files;
    let found = files
        .iter()
        .zip(corpus.relation_files())
        .filter(|(file, _)| file.encrypted && file.zero_blocks.is_empty() && main(&file.path))
        .max_by_key(|(file, _)| file.blocks);
    found.unwrap().1
}

#[track_caller]
fn assert_finding(run: &Run, words: &[&str]) {
    let text = run.stdout_text();
    let found = text.lines().any(|line| words.iter().all(|word| line.contains(word)));
    assert!(found, "no finding with {words:?}\n{run}");
}

#[test]
fn a_changed_byte_in_a_page_is_found_by_its_checksum() {
    let corpus = Corpus::first_of(&["A", "G-excerpt"]);
    let copy = corpus.cluster.copy_data();
    let data = copy.path();
    let file = largest_main_fork(&corpus);
    change(&data.join(&file.path), |bytes| bytes[8192 + 4000] ^= 1);
    assert_finding(&verify(&corpus, data).expect(1), &[&file.path, "block 1"]);
}

#[test]
fn a_page_of_noise_is_found_without_checksums() {
    let corpus = Corpus::first_of(&["B", "B-excerpt"]);
    let copy = corpus.cluster.copy_data();
    let data = copy.path();
    let file = largest_main_fork(&corpus);
    change(&data.join(&file.path), |bytes| {
        bytes[8192..2 * 8192].iter_mut().enumerate().for_each(|(at, byte)| *byte = (at * 37 + 11) as u8);
    });
    assert_finding(&verify(&corpus, data).expect(1), &[&file.path, "block 1"]);
}

#[test]
fn a_page_in_plaintext_among_encrypted_ones_is_called_not_encrypted() {
    let corpus = Corpus::first_of(&["A", "G-excerpt"]);
    let copy = corpus.cluster.copy_data();
    let data = copy.path();
    let file = largest_main_fork(&corpus);
    let mut command: Vec<OsString> = vec!["relation".into(), "decrypt".into(), data.into()];
    command.extend([OsString::from(&file.path), "-o".into(), "-".into()]);
    command.extend(corpus.key_options());
    let plain = tde(command).expect(0).stdout;
    change(&data.join(&file.path), |bytes| bytes[8192..2 * 8192].copy_from_slice(&plain[8192..2 * 8192]));
    assert_finding(&verify(&corpus, data).expect(1), &[&file.path, "block 1", "not encrypted"]);
}

#[test]
fn swapped_relation_files_are_found() {
    let corpus = Corpus::first_of(&["A", "G-excerpt"]);
    let copy = corpus.cluster.copy_data();
    let data = copy.path();
    let first = largest_main_fork(&corpus);
    let second = corpus
        .manifest()
        .files
        .iter()
        .zip(corpus.relation_files())
        .rfind(|(file, expected)| file.encrypted && file.blocks > 0 && expected.path != first.path)
        .unwrap()
        .1;
    let (one, two) = (fs::read(data.join(&first.path)).unwrap(), fs::read(data.join(&second.path)).unwrap());
    fs::write(data.join(&first.path), two).unwrap();
    fs::write(data.join(&second.path), one).unwrap();
    let run = verify(&corpus, data).expect(1);
    assert_finding(&run, &[&first.path, "wrong key"]);
    assert_finding(&run, &[&second.path, "wrong key"]);
}

#[test]
fn a_changed_entry_of_a_key_file_is_found() {
    for corpus in Corpus::all() {
        let copy = corpus.cluster.copy_data();
        let data = copy.path();
        let name = fs::read_dir(data.join("pg_tde"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with("_keys") && !name.starts_with("1663"))
            .min()
            .unwrap();
        // Wrapped key (version 3) or tag (version 4) of the first entry.
        change(&data.join("pg_tde").join(&name), |bytes| bytes[320 + 20] ^= 4);
        assert_finding(&verify(&corpus, data).expect(1), &[&name, "320"]);
    }
}

#[test]
fn a_changed_header_is_found() {
    for corpus in Corpus::all() {
        let copy = corpus.cluster.copy_data();
        let data = copy.path();
        let path = data.join("pg_tde/wal_keys");
        if !path.exists() {
            continue;
        }
        change(&path, |bytes| bytes[17] ^= 1);
        assert_finding(&verify(&corpus, data).expect(1), &["wal_keys"]);
    }
}

#[test]
fn a_cut_off_key_file_is_found() {
    let corpus = Corpus::first_of(&["D_before-excerpt"]);
    for length in [1, 319] {
        let copy = corpus.cluster.copy_data();
        change(&copy.path().join("pg_tde/16477_keys"), |bytes| bytes.truncate(length));
        assert_finding(&verify(&corpus, copy.path()).expect(1), &["16477_keys"]);
    }
    // With whole entries lost, the relations say so: nothing authenticates how many there are.
    let copy = corpus.cluster.copy_data();
    change(&copy.path().join("pg_tde/16477_keys"), |bytes| bytes.truncate(320 + 50));
    let run = verify(&corpus, copy.path()).expect(1);
    assert_finding(&run, &["16477_keys", "50 bytes"]);
    assert_finding(&run, &["base/16477/", "no key is on record"]);
}

#[test]
fn a_changed_byte_in_a_wal_record_is_found() {
    for corpus in Corpus::all() {
        for segment in &corpus.manifest().wal {
            let copy = corpus.cluster.copy_data();
            let low = segment.last_record_lsn.split_once('/').unwrap().1;
            let record = u64::from_str_radix(low, 16).unwrap() % segment.size;
            let path = segment.path.strip_prefix("data/").unwrap();
            // The second byte of the record's CRC.
            change(&copy.path().join(path), |bytes| bytes[usize::try_from(record).unwrap() + 21] ^= 0x40);
            assert_finding(&verify(&corpus, copy.path()).expect(1), &[path]);
        }
    }
}

#[test]
fn a_file_that_ends_inside_a_page_is_found() {
    let corpus = Corpus::first_of(&["A", "G-excerpt"]);
    let copy = corpus.cluster.copy_data();
    let data = copy.path();
    let file = largest_main_fork(&corpus);
    change(&data.join(&file.path), |bytes| bytes.truncate(8192 + 100));
    assert_finding(&verify(&corpus, data).expect(1), &[&file.path]);
}

fn decrypt(corpus: &Corpus, data: &Path, file: &str, target: &Path) -> Run {
    let mut command: Vec<OsString> = vec!["relation".into(), "decrypt".into(), data.into()];
    command.extend([file.into(), "-o".into(), target.into()]);
    command.extend(corpus.key_options());
    tde(command)
}

#[test]
fn a_file_that_is_not_the_one_its_key_is_for_is_not_decrypted() {
    let corpus = Corpus::first_of(&["A", "G-excerpt"]);
    let copy = corpus.cluster.copy_data();
    let file = largest_main_fork(&corpus);
    let path = copy.path().join(&file.path);
    let noise: Vec<u8> = (0..fs::metadata(&path).unwrap().len()).map(|at| (at * at / 7 + 11) as u8).collect();
    fs::write(&path, noise).unwrap();
    let target = copy.path().join("plain");
    let run = decrypt(&corpus, copy.path(), &file.path, &target).expect(1);
    assert!(run.stderr.contains(&file.path) && run.stderr.contains("no page makes sense"), "{run}");
    assert!(!target.exists());
}

#[test]
fn a_file_with_some_bad_pages_is_decrypted_with_a_warning() {
    let corpus = Corpus::first_of(&["A", "G-excerpt"]);
    let copy = corpus.cluster.copy_data();
    let file = largest_main_fork(&corpus);
    // The second cipher block of the second page: its size and layout turn to noise.
    change(&copy.path().join(&file.path), |bytes| bytes[8192 + 16] ^= 1);
    let target = copy.path().join("plain");
    let run = decrypt(&corpus, copy.path(), &file.path, &target).expect(1);
    assert!(run.stderr.contains("tde: warning:") && run.stderr.contains("block 1"), "{run}");
    assert_eq!(
        fs::metadata(&target).unwrap().len(),
        fs::metadata(copy.path().join(&file.path)).unwrap().len()
    );
}

#[test]
fn a_relation_whose_key_entry_is_missing_is_not_passed_off_as_plaintext() {
    let corpus = Corpus::first_of(&["A", "G-excerpt"]);
    let copy = corpus.cluster.copy_data();
    let file = largest_main_fork(&corpus);
    let database = file.path.split('/').nth(1).unwrap();
    fs::remove_file(copy.path().join(format!("pg_tde/{database}_keys"))).unwrap();
    let target = copy.path().join("plain");
    let run = decrypt(&corpus, copy.path(), &file.path, &target).expect(1);
    assert!(run.stderr.contains("key entry is missing"), "{run}");
    assert!(!target.exists());
}

#[test]
fn a_cut_off_file_is_not_decrypted() {
    let corpus = Corpus::first_of(&["B", "B-excerpt"]);
    let copy = corpus.cluster.copy_data();
    let target = copy.path().join("plain");
    let file = largest_main_fork(&corpus);
    change(&copy.path().join(&file.path), |bytes| bytes.truncate(8192 + 100));
    let run = decrypt(&corpus, copy.path(), &file.path, &target).expect(1);
    assert!(run.stderr.contains("100 bytes into a page"), "{run}");
    assert!(!target.exists());

    let segment = corpus.wal_segments().pop().unwrap();
    change(&copy.path().join("pg_wal").join(&segment.path), |bytes| bytes.truncate(70_000));
    let mut command: Vec<OsString> = vec!["wal".into(), "decrypt".into(), copy.path().into()];
    command.extend([segment.path.into(), "-o".into(), target.clone().into()]);
    command.extend(corpus.key_options());
    let run = tde(command).expect(1);
    assert!(run.stderr.contains("70000 bytes"), "{run}");
    assert!(!target.exists());
}
