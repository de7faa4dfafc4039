//! `tde wal rekey`: from one cluster's keys to another's and back, read by a reader that is not ours.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::corpus::Corpus;
use crate::tde::{Run, tde};
use crate::wal_encrypt::{stored, text};

/// The keys of a corpus in a directory without a control file, as for WAL of another cluster.
struct Keys {
    directory: TempDir,
    options: Vec<OsString>,
    keyrings: Vec<PathBuf>,
}

impl Keys {
    fn of(corpus: &Corpus) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("pg_tde");
        fs::create_dir(&target).unwrap();
        for entry in fs::read_dir(corpus.data_directory().join("pg_tde")).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), target.join(entry.file_name())).unwrap();
        }
        Self { directory, options: corpus.key_options(), keyrings: corpus.cluster.keyrings() }
    }

    /// `--to` and its keys.
    fn as_target(&self) -> Vec<OsString> {
        let mut words: Vec<OsString> = vec!["--to".into(), self.directory.path().into()];
        words.extend(self.options.iter().map(|word| match word.to_str() {
            Some("--keyring") => "--to-keyring".into(),
            Some("--principal-key") => "--to-principal-key".into(),
            _ => word.clone(),
        }));
        words
    }
}

/// Two clusters with different ranges, of the same segment size.
fn two() -> Option<(Corpus, Corpus)> {
    let (a, c) = (Corpus::first_of(&["A", "B-excerpt"]), Corpus::first_of(&["C", "B-excerpt"]));
    if a.name() != "A" || c.name() != "C" {
        eprintln!("SKIPPED: the recordings of two clusters with WAL are not here (set TDE_CORPUS)");
        return None;
    }
    Some((a, c))
}

fn rekey(from: &Path, keys: &[OsString], to: &Keys, words: &[&str]) -> Run {
    let mut line: Vec<OsString> = vec!["wal".into(), "rekey".into(), from.into()];
    line.extend(keys.iter().cloned());
    line.extend(to.as_target());
    line.extend(words.iter().map(OsString::from));
    tde(line)
}

fn pg_wal(corpus: &Corpus) -> PathBuf {
    corpus.data_directory().join("pg_wal")
}

#[test]
fn there_and_back_is_the_same_and_another_reader_sees_the_same_wal_on_the_way() {
    let Some((a, c)) = two() else { return };
    let (keys_of_a, keys_of_c) = (Keys::of(&a), Keys::of(&c));
    let there = keys_of_c.directory.path().join("pg_wal");
    let words = [text(&pg_wal(&a)).to_owned(), "--output-dir".into(), text(&there).into()];
    let words = words.each_ref().map(String::as_str);
    let run = rekey(&a.data_directory(), &a.key_options(), &keys_of_c, &words).expect(0);
    for segment in a.wal_segments() {
        assert!(run.stdout_text().contains(&format!("{}: decrypted", segment.path)), "{run}");
        let (before, after) = (stored(&a, &segment.path), fs::read(there.join(&segment.path)).unwrap());
        assert_eq!(before.len(), after.len());
        let pages = before.chunks(8192).zip(after.chunks(8192));
        assert!(pages.filter(|(before, after)| before == after).count() == 0, "{}", segment.path);
    }
    assert_eq!(fs::read_dir(&there).unwrap().count(), a.wal_segments().len());

    // What the other cluster's ranges make of it, according to a program that shares no code with this one.
    if let Some(seen) = reference_reader(keys_of_c.directory.path(), &keys_of_c.keyrings) {
        for segment in a.wal_segments() {
            let file = format!("pg_wal/{}", segment.path);
            assert_eq!(seen[&file]["plain_sha256"], segment.plain_sha256.as_str(), "{file}");
        }
    }

    // Back: A has a range without encryption, where C's bytes would lose theirs.
    let back = keys_of_a.directory.path().join("pg_wal");
    let words = [text(&there), "--output-dir", text(&back)];
    let run = rekey(keys_of_c.directory.path(), &c.key_options(), &keys_of_a, &words).expect(1);
    assert!(
        run.stderr.contains("in no encrypted range") && run.stderr.contains("--allow-plaintext"),
        "{run}"
    );
    let words = [&words[..], &["--allow-plaintext", "--skip-existing", "--json"]].concat();
    let run = rekey(keys_of_c.directory.path(), &c.key_options(), &keys_of_a, &words).expect(0);
    for segment in a.wal_segments() {
        assert!(fs::read(back.join(&segment.path)).unwrap() == stored(&a, &segment.path), "{}", segment.path);
    }
    let report: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(report["schema"], "tde.wal-rekey/1");
    let actions: Vec<_> =
        report["segments"].as_array().unwrap().iter().map(|s| s["action"].as_str()).collect();
    // The first segment has the plain range; the others had been written before the refusal.
    assert_eq!(actions, [Some("rekeyed"), Some("skipped"), Some("skipped")]);
}

#[test]
fn what_is_under_the_targets_keys_already_is_copied() {
    let Some((a, c)) = two() else { return };
    let keys_of_c = Keys::of(&c);
    let out = tempfile::tempdir().unwrap();
    let (once, twice) = (out.path().join("once"), out.path().join("twice"));
    let name = a.wal_segments().remove(0).path;
    let from = pg_wal(&a).join(&name);
    fs::create_dir(out.path().join("mixed")).unwrap();
    let words = [text(&from), "--output-dir", text(&once)];
    rekey(&a.data_directory(), &a.key_options(), &keys_of_c, &words).expect(0);
    fs::write(once.join("00000002.history"), "1\t0/CED2F8\tx\n").unwrap();
    fs::write(once.join("notes.txt"), "not WAL").unwrap();
    let words = [text(&once), "--output-dir", text(&twice)];
    let run = rekey(&a.data_directory(), &a.key_options(), &keys_of_c, &words).expect(0);
    assert!(run.stdout_text().contains("as they are"), "{run}");
    for file in [&*name, "00000002.history"] {
        assert!(fs::read(once.join(file)).unwrap() == fs::read(twice.join(file)).unwrap(), "{file}");
    }
    assert_eq!(fs::read_dir(&twice).unwrap().count(), 2);
}

#[test]
fn plaintext_never_reaches_the_disk_even_if_it_is_what_is_asked_for() {
    let Some((a, c)) = two() else { return };
    // A target without ranges.
    let mut target = Keys::of(&c);
    fs::remove_file(target.directory.path().join("pg_tde/wal_keys")).unwrap();
    target.options.clear();
    let out = tempfile::tempdir().unwrap();
    let words = [text(&pg_wal(&a)).to_owned(), "--output-dir".into(), text(&out.path().join("new")).into()];
    let words = words.each_ref().map(String::as_str);
    let run = rekey(&a.data_directory(), &a.key_options(), &target, &words).expect(1);
    assert!(run.stderr.contains("in no encrypted range of the target"), "{run}");
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0);
}

#[test]
fn wal_of_other_keys_is_refused_and_nothing_is_written() {
    let Some((a, c)) = two() else { return };
    let keys_of_c = Keys::of(&c);
    let out = tempfile::tempdir().unwrap();
    let target = out.path().join("target");
    // C's segment, said to be A's.
    let from = pg_wal(&c).join(c.wal_segments().remove(0).path);
    let words = [text(&from), "-o", text(&target)];
    let other = Keys::of(&a);
    let third = Corpus::first_of(&["B", "B-excerpt"]);
    let keys_of_third = Keys::of(&third);
    let run = rekey(other.directory.path(), &a.key_options(), &keys_of_third, &words).expect(1);
    assert!(run.stderr.contains("does not begin with the WAL page"), "{run}");
    // A's own, in a dry run: checked, not written.
    let from = pg_wal(&a).join(a.wal_segments().remove(0).path);
    let words = [text(&from), "-o", text(&target), "--dry-run"];
    let run = rekey(&a.data_directory(), &a.key_options(), &keys_of_c, &words).expect(0);
    assert!(run.stdout_text().starts_with("(dry run) "), "{run}");
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0);
    let words = [text(&from), "-o", "-"];
    rekey(&a.data_directory(), &a.key_options(), &keys_of_c, &words).expect(2);
}

#[test]
fn an_archive_can_have_a_key_of_its_own() {
    let out = tempfile::tempdir().unwrap();
    let (keys, ring) = (out.path().join("keys"), out.path().join("archive.per"));
    let make = ["wal", "archive-key", text(&keys), "--keyring", text(&ring), "--key", "archive-key"];
    let run = tde(make).expect(2);
    assert!(run.stderr.contains("has no key") && run.stderr.contains("--create"), "{run}");
    tde([&make[..], &["--create", "--dry-run"]].concat()).expect(0);
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0);
    let run = tde([&make[..], &["--create", "--json"]].concat()).expect(0);
    let report: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!((&report["schema"], &report["cipher"]), (&"tde.wal-archive-key/1".into(), &"aes_256".into()));
    for (path, mode) in
        [("", 0o700), ("pg_tde", 0o700), ("pg_tde/wal_keys", 0o600), ("pg_tde/1664_providers", 0o600)]
    {
        let found = fs::metadata(keys.join(path)).unwrap().permissions().mode() & 0o7777;
        assert_eq!(found, mode, "{path}");
    }
    assert_eq!(fs::read_dir(&keys).unwrap().count(), 1);
    assert_eq!(fs::metadata(&ring).unwrap().permissions().mode() & 0o7777, 0o600);
    // Keys that segments may be under are never replaced.
    let before = fs::read(keys.join("pg_tde/wal_keys")).unwrap();
    let run = tde(make).expect(2);
    assert!(run.stderr.contains("exists already"), "{run}");
    assert_eq!(fs::read(keys.join("pg_tde/wal_keys")).unwrap(), before);
    let run = tde(["wal", "ranges", text(&keys)]).expect(0);
    assert!(run.stdout_text().contains("1 0/1") && run.stdout_text().contains("open"), "{run}");
    let run = tde(["verify", text(&keys)]).expect(0);
    assert!(!run.stdout_text().contains("error"), "{run}");

    // Whatever cluster the WAL is of, and whichever timeline.
    let mut segments = 0;
    for corpus in Corpus::all().iter().filter(|corpus| !corpus.wal_segments().is_empty()) {
        let archive = keys.join("pg_wal");
        let mut line: Vec<OsString> = vec!["wal".into(), "rekey".into(), corpus.data_directory().into()];
        line.extend(corpus.key_options());
        line.extend(["--to", text(&keys)].map(OsString::from));
        line.extend([pg_wal(corpus).into(), "--output-dir".into(), archive.clone().into()]);
        tde(&line).expect(0);
        let seen = reference_reader(&keys, std::slice::from_ref(&ring));
        for segment in corpus.wal_segments() {
            let file = format!("pg_wal/{}", segment.path);
            if let Some(seen) = &seen {
                assert_eq!(seen[&file]["plain_sha256"], segment.plain_sha256.as_str(), "{file}");
            }
            let stored = stored(corpus, &segment.path);
            let archived = fs::read(archive.join(&segment.path)).unwrap();
            assert!(archived != stored);
            let plain = out.path().join("plain");
            let line = ["wal", "decrypt", text(&keys), &segment.path, "-o", text(&plain), "--force"];
            tde(line).expect(0);
            assert_eq!(tde_testkit::sha256_hex(&fs::read(&plain).unwrap()), segment.plain_sha256);
            segments += 1;
        }
        fs::remove_dir_all(&archive).unwrap();
    }
    // The excerpts have one.
    let expected = if tde_testkit::corpus_dir("pg_tde").is_some() { 3 } else { 1 };
    assert!(segments >= expected, "only {segments} segments");
}

/// What the independent reader makes of a data directory.
pub(crate) fn reference_reader(data_directory: &Path, keyrings: &[PathBuf]) -> Option<serde_json::Value> {
    let reader = tde_testkit::reference_reader()?;
    let mut command = Command::new("python3");
    command.arg(&reader).arg("files").arg(data_directory);
    for ring in keyrings {
        command.arg("--keyring").arg(ring);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}
