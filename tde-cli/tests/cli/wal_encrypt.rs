//! `tde wal encrypt`: what the server has on disk, from plaintext, and from nothing else.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use tde_testkit::sha256_hex;

use crate::corpus::Corpus;
use crate::tde::{Run, tde, tde_in};
use crate::wal_archive::memory;

/// A command on the corpus's data directory, with its keys.
pub(crate) fn wal(corpus: &Corpus, command: &str, words: &[&str]) -> Run {
    tde(arguments(corpus, command, words))
}

pub(crate) fn arguments(corpus: &Corpus, command: &str, words: &[&str]) -> Vec<OsString> {
    let mut line: Vec<OsString> = vec!["wal".into(), command.into(), corpus.data_directory().into()];
    line.extend(corpus.key_options());
    line.extend(words.iter().map(OsString::from));
    line
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Decrypts every segment of the corpus into a directory.
pub(crate) fn plain_segments(corpus: &Corpus, directory: &Path) {
    let names: Vec<_> = corpus.wal_segments().into_iter().map(|segment| segment.path).collect();
    let mut words: Vec<_> = names.iter().map(String::as_str).collect();
    words.extend(["--output-dir", text(directory)]);
    wal(corpus, "decrypt", &words).expect(0);
}

pub(crate) fn stored(corpus: &Corpus, name: &str) -> Vec<u8> {
    fs::read(corpus.data_directory().join("pg_wal").join(name)).unwrap()
}

/// One with WAL, and its first segment.
pub(crate) fn with_wal() -> (Corpus, String) {
    let corpus = Corpus::first_of(&["A", "B-excerpt"]);
    let name = corpus.wal_segments().remove(0).path;
    (corpus, name)
}

#[test]
fn plaintext_becomes_the_bytes_that_the_server_wrote() {
    let mut segments = 0;
    for corpus in Corpus::all().iter().filter(|corpus| !corpus.wal_segments().is_empty()) {
        let out = tempfile::tempdir().unwrap();
        let (plain, encrypted) = (out.path().join("plain"), out.path().join("encrypted"));
        plain_segments(corpus, &plain);
        let inputs: Vec<_> = corpus.wal_segments().iter().map(|s| plain.join(&s.path)).collect();
        let mut words: Vec<_> = inputs.iter().map(|path| text(path)).collect();
        words.extend(["--output-dir", text(&encrypted)]);
        let run = wal(corpus, "encrypt", &words).expect(0);
        for segment in corpus.wal_segments() {
            let name = &segment.path;
            // The plaintext is the one that the recording's own tools gave.
            assert_eq!(sha256_hex(&fs::read(plain.join(name)).unwrap()), segment.plain_sha256, "{name}");
            let made = fs::read(encrypted.join(name)).unwrap();
            assert!(made == stored(corpus, name), "{}: {name}", corpus.name());
            assert!(run.stdout_text().contains(&format!("{name}: encrypted ")), "{run}");
            segments += 1;
        }
    }
    // The excerpts have one.
    let expected = if tde_testkit::corpus_dir("pg_tde").is_some() { 3 } else { 1 };
    assert!(segments >= expected, "only {segments} segments");
}

#[test]
fn what_is_encrypted_already_is_refused() {
    for corpus in Corpus::all().iter().filter(|corpus| !corpus.wal_segments().is_empty()) {
        for segment in corpus.wal_segments() {
            let out = tempfile::tempdir().unwrap();
            let target = out.path().join("twice");
            let input = corpus.data_directory().join("pg_wal").join(&segment.path);
            let run = wal(corpus, "encrypt", &[text(&input), "-o", text(&target)]).expect(1);
            assert!(run.stderr.contains("already") && run.stderr.contains("--no-verify"), "{run}");
            assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0);
        }
    }
    // Whoever insists gets what the operation gives, which is to decrypt.
    let (corpus, name) = with_wal();
    let out = tempfile::tempdir().unwrap();
    let target = out.path().join("twice");
    let input = corpus.data_directory().join("pg_wal").join(&name);
    let run = wal(&corpus, "encrypt", &[text(&input), "-o", text(&target), "--no-verify"]).expect(0);
    assert!(run.stderr.contains("warning"), "{run}");
    assert_eq!(sha256_hex(&fs::read(&target).unwrap()), corpus.wal_segments()[0].plain_sha256);
}

#[test]
fn what_is_no_wal_of_that_place_is_refused() {
    let (corpus, name) = with_wal();
    let out = tempfile::tempdir().unwrap();
    plain_segments(&corpus, out.path());
    let target = out.path().join("target");
    let refuse = |input: &Path, name: &str, message: &str| {
        let run = wal(&corpus, "encrypt", &[text(input), "--name", name, "-o", text(&target)]).expect(1);
        assert!(run.stderr.contains(message), "{run}");
        assert!(!target.exists());
    };
    let plain = out.path().join(&name);
    refuse(&plain, "0000000100000000000000FF", "page address");
    let mut bytes = fs::read(&plain).unwrap();
    let noise = out.path().join("noise");
    fs::write(&noise, bytes.iter().map(|byte| byte ^ 0x5A).collect::<Vec<_>>()).unwrap();
    refuse(&noise, &name, "does not begin with");
    bytes.pop();
    fs::write(&noise, &bytes).unwrap();
    refuse(&noise, &name, "bytes, but a segment");
    bytes.extend([0, 0]);
    fs::write(&noise, &bytes).unwrap();
    refuse(&noise, &name, "bytes, but a segment");
    // A name that is none is a mistake of the caller's.
    let run = wal(&corpus, "encrypt", &[text(&plain), "--name", "07", "-o", text(&target)]).expect(2);
    assert!(run.stderr.contains("--name"), "{run}");
}

#[test]
fn output_is_private_complete_and_replaces_nothing_unasked() {
    let (corpus, name) = with_wal();
    let out = tempfile::tempdir().unwrap();
    plain_segments(&corpus, out.path());
    let plain = out.path().join(&name);
    let target = out.path().join("new/target");
    let words = [text(&plain), "-o", text(&target)];
    wal(&corpus, "encrypt", &words).expect(0);
    assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o7777, 0o600);
    fs::write(&target, "precious").unwrap();
    let run = wal(&corpus, "encrypt", &words).expect(2);
    assert!(run.stderr.contains("exists already"), "{run}");
    assert_eq!(fs::read(&target).unwrap(), b"precious");
    wal(&corpus, "encrypt", &[&words[..], &["--force"]].concat()).expect(0);
    assert!(fs::read(&target).unwrap() == stored(&corpus, &name));
    // The input is never replaced.
    let run = wal(&corpus, "encrypt", &[text(&plain), "-o", text(&plain), "--force"]).expect(2);
    assert!(run.stderr.contains("not replaced"), "{run}");
}

#[test]
fn a_dry_run_checks_everything_and_writes_nothing() {
    let (corpus, name) = with_wal();
    let out = tempfile::tempdir().unwrap();
    let directory = out.path().join("plain");
    plain_segments(&corpus, &directory);
    let plain = directory.join(&name);
    let target = out.path().join("target");
    let words = [text(&plain), "-o", text(&target), "--dry-run", "--json"];
    let run = wal(&corpus, "encrypt", &words).expect(0);
    let report: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(report["schema"], "tde.wal-encrypt/1");
    assert_eq!(report["dry_run"], true);
    let segment = &report["segments"][0];
    assert_eq!((segment["name"].as_str(), segment["action"].as_str()), (Some(&*name), Some("encrypted")));
    assert!(segment["encrypted_bytes"].as_u64().unwrap() > 0);
    assert!(segment["pages"]["valid"].as_u64().unwrap() > 0);
    assert!(!target.exists());
    let input = corpus.data_directory().join("pg_wal").join(&name);
    wal(&corpus, "encrypt", &[text(&input), "-o", text(&target), "--dry-run"]).expect(1);
}

#[test]
fn standard_input_and_output_are_for_a_single_segment() {
    let (corpus, name) = with_wal();
    let out = tempfile::tempdir().unwrap();
    plain_segments(&corpus, out.path());
    let plain = fs::read(out.path().join(&name)).unwrap();
    let line = arguments(&corpus, "encrypt", &["-", "--name", &name, "-o", "-"]);
    let run = tde_in(out.path(), line, &plain).expect(0);
    assert!(run.stdout == stored(&corpus, &name));
    assert!(run.stderr.contains("encrypted"), "{}", run.stderr);
    wal(&corpus, "encrypt", &["-", "--name", &name, "-o", "-", "--json"]).expect(2);
    wal(&corpus, "encrypt", &["-", "-o", "-"]).expect(2);
}

#[test]
fn a_key_that_is_not_at_hand_stops_it() {
    let (corpus, name) = with_wal();
    let out = tempfile::tempdir().unwrap();
    plain_segments(&corpus, out.path());
    let plain = out.path().join(&name);
    let target = out.path().join("target");
    let data = corpus.data_directory();
    let run = tde(["wal", "encrypt", text(&data), text(&plain), "-o", text(&target)]).expect(2);
    assert!(run.stderr.contains("--keyring"), "{run}");
    assert!(!target.exists());
}

#[test]
fn ciphertext_in_a_data_directory_is_for_those_who_may_have_the_rest_of_it() {
    let (corpus, name) = with_wal();
    let (out, memory) = (tempfile::tempdir().unwrap(), memory());
    plain_segments(&corpus, out.path());
    let plain = out.path().join(&name);
    let history = out.path().join("00000002.history");
    fs::write(&history, "1\t0/CED2F8\tx\n").unwrap();
    let copy = corpus.cluster.copy_data();
    let data = copy.path();
    let target = data.join("pg_wal/target");
    let encrypted = data.join("pg_wal").join(&name);
    let run = |command: &str, words: &[&str]| {
        let mut line = arguments(&corpus, command, words);
        line[2] = data.into();
        tde(line).expect(0);
    };
    let fetch = format!("cp {} %p", plain.display());
    let to_keys = corpus.key_options().into_iter().map(|word| word.into_string().unwrap());
    let to_keys: Vec<_> = to_keys.map(|word| word.replace("--", "--to-")).collect();
    let rekeyed = |input: &Path, target: &Path| {
        let words = ["--to", text(data), text(input), "-o", text(target), "--force"];
        run("rekey", &[&words[..], &to_keys.iter().map(String::as_str).collect::<Vec<_>>()].concat());
    };
    let commands: [&dyn Fn(&Path); 4] = [
        &|target| run("encrypt", &[text(&plain), "-o", text(target), "--force"]),
        &|target| {
            let words = ["--memory-dir", text(memory.path()), "--name", &name, "--path", text(target)];
            run("restore", &[&words[..], &["--", &fetch]].concat());
        },
        &|target| rekeyed(&encrypted, target),
        &|target| rekeyed(&history, target),
    ];
    let access = |path: &Path| {
        let found = fs::metadata(path).unwrap();
        (found.mode() & 0o7777, found.uid(), found.gid())
    };
    let (_, uid, gid) = access(out.path());
    // Only root may give files away.
    let owners = if uid == 0 { vec![(uid, gid), (65534, 65533)] } else { vec![(uid, gid)] };
    for owner in owners {
        std::os::unix::fs::chown(data, Some(owner.0), Some(owner.1)).unwrap();
        for (mode, expected) in [(0o700, 0o600), (0o750, 0o640)] {
            fs::set_permissions(data, fs::Permissions::from_mode(mode)).unwrap();
            for (i, command) in commands.iter().enumerate() {
                command(&target);
                assert_eq!(access(&target), (expected, owner.0, owner.1), "{mode:o}, command {i}");
                fs::remove_file(&target).unwrap();
                let elsewhere = out.path().join("elsewhere");
                command(&elsewhere);
                assert_eq!(access(&elsewhere), (0o600, uid, gid), "{mode:o}, command {i}");
                fs::remove_file(&elsewhere).unwrap();
            }
            // Plaintext is nobody else's, wherever it is.
            run("decrypt", &[&name, "-o", text(&target)]);
            assert_eq!(access(&target), (0o600, uid, gid));
            fs::remove_file(&target).unwrap();
        }
    }

    // WAL on another disk.
    let disk = tempfile::tempdir().unwrap();
    fs::rename(data.join("pg_wal"), disk.path().join("wal")).unwrap();
    std::os::unix::fs::symlink(disk.path().join("wal"), data.join("pg_wal")).unwrap();
    commands[0](&target);
    assert_eq!(access(&target).0, 0o640);
}
