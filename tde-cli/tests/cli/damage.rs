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

fn main_fork_of(corpus: &Corpus, data: &Path, pages: u64) -> Expected {
    corpus
        .relation_files()
        .into_iter()
        .find(|file| {
            let path = data.join(&file.path);
            let name = path.file_name().unwrap().to_str().unwrap();
            file.encrypted
                && name.bytes().all(|byte| byte.is_ascii_digit())
                && fs::metadata(&path).unwrap().len() >= pages * 8192
        })
        .unwrap()
}

#[track_caller]
fn assert_finding(run: &Run, words: &[&str]) {
    let text = run.stdout_text();
    let found = text.lines().any(|line| words.iter().all(|word| line.contains(word)));
    assert!(found, "no finding with {words:?}\n{run}");
}

#[test]
fn a_changed_byte_in_a_page_is_found_by_its_checksum() {
    let Some(corpus) = Corpus::named("A") else { return };
    let (_guard, data) = corpus.copy();
    let file = main_fork_of(&corpus, &data, 3);
    change(&data.join(&file.path), |bytes| bytes[2 * 8192 + 4000] ^= 1);
    assert_finding(&verify(&corpus, &data).expect(1), &[&file.path, "block 2"]);
}

#[test]
fn a_page_of_noise_is_found_without_checksums() {
    let Some(corpus) = Corpus::named("B") else { return };
    let (_guard, data) = corpus.copy();
    let file = main_fork_of(&corpus, &data, 2);
    change(&data.join(&file.path), |bytes| {
        bytes[8192..2 * 8192].iter_mut().enumerate().for_each(|(at, byte)| *byte = (at * 37 + 11) as u8);
    });
    assert_finding(&verify(&corpus, &data).expect(1), &[&file.path, "block 1"]);
}

#[test]
fn a_page_in_plaintext_among_encrypted_ones_is_called_not_encrypted() {
    let Some(corpus) = Corpus::named("A") else { return };
    let (_guard, data) = corpus.copy();
    let file = main_fork_of(&corpus, &data, 2);
    let plain = fs::read(corpus.data_directory().join(format!("{}.plain", file.path))).unwrap();
    change(&data.join(&file.path), |bytes| bytes[8192..2 * 8192].copy_from_slice(&plain[8192..2 * 8192]));
    assert_finding(&verify(&corpus, &data).expect(1), &[&file.path, "block 1", "not encrypted"]);
}

#[test]
fn swapped_relation_files_are_found() {
    let Some(corpus) = Corpus::named("A") else { return };
    let (_guard, data) = corpus.copy();
    let first = main_fork_of(&corpus, &data, 1);
    let second = corpus
        .relation_files()
        .into_iter()
        .rfind(|file| file.encrypted && !file.path.contains('_') && file.path != first.path)
        .unwrap();
    let (one, two) = (fs::read(data.join(&first.path)).unwrap(), fs::read(data.join(&second.path)).unwrap());
    fs::write(data.join(&first.path), two).unwrap();
    fs::write(data.join(&second.path), one).unwrap();
    let run = verify(&corpus, &data).expect(1);
    assert_finding(&run, &[&first.path, "wrong key"]);
    assert_finding(&run, &[&second.path, "wrong key"]);
}

#[test]
fn a_changed_entry_of_a_key_file_is_found() {
    for corpus in Corpus::all() {
        let (_guard, data) = corpus.copy();
        let name = fs::read_dir(data.join("pg_tde"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with("_keys") && !name.starts_with("1663"))
            .min()
            .unwrap();
        // Wrapped key (version 3) or tag (version 4) of the first entry.
        change(&data.join("pg_tde").join(&name), |bytes| bytes[320 + 20] ^= 4);
        assert_finding(&verify(&corpus, &data).expect(1), &[&name, "320"]);
    }
}

#[test]
fn a_changed_header_is_found() {
    for corpus in Corpus::all() {
        let (_guard, data) = corpus.copy();
        let path = data.join("pg_tde/wal_keys");
        if !path.exists() {
            continue;
        }
        change(&path, |bytes| bytes[17] ^= 1);
        assert_finding(&verify(&corpus, &data).expect(1), &["wal_keys"]);
    }
}

#[test]
fn a_cut_off_key_file_is_found() {
    let Some(corpus) = Corpus::named("A") else { return };
    for length in [1, 319, 320 + 50] {
        let (_guard, data) = corpus.copy();
        change(&data.join("pg_tde/16477_keys"), |bytes| bytes.truncate(length));
        let run = verify(&corpus, &data).expect(1);
        assert_finding(&run, &["16477_keys"]);
    }
}

#[test]
fn a_changed_byte_in_a_wal_record_is_found() {
    for name in ["A", "B", "C", "F"] {
        let Some(corpus) = Corpus::named(name) else { return };
        let (_guard, data) = corpus.copy();
        let segment = corpus.wal_segments().remove(0);
        change(&data.join("pg_wal").join(&segment.path), |bytes| bytes[3 * 8192 + 5000] ^= 0x40);
        assert_finding(&verify(&corpus, &data).expect(1), &[&segment.path]);
    }
}

#[test]
fn a_file_that_ends_inside_a_page_is_found() {
    let Some(corpus) = Corpus::named("A") else { return };
    let (_guard, data) = corpus.copy();
    let file = main_fork_of(&corpus, &data, 2);
    change(&data.join(&file.path), |bytes| bytes.truncate(8192 + 100));
    assert_finding(&verify(&corpus, &data).expect(1), &[&file.path]);
}
