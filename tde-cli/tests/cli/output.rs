//! Output files: complete or absent, the owner's alone, never in the place of something else.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tde_testkit::sha256_hex;

use crate::corpus::Corpus;
use crate::tde::{spawn, tde};
use crate::wal_encrypt::{arguments, plain_segments, text, with_wal};

fn decrypt(corpus: &Corpus, files: &[&str], output: &[&str]) -> Vec<OsString> {
    let mut command: Vec<OsString> =
        vec!["relation".into(), "decrypt".into(), corpus.data_directory().into()];
    command.extend(files.iter().map(OsString::from));
    command.extend(output.iter().map(OsString::from));
    command.extend(corpus.key_options());
    command
}

fn entries(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn plaintext_is_for_the_owner_alone() {
    let corpus = Corpus::first_of(&["E-excerpt"]);
    let out = tempfile::tempdir().unwrap();
    let directory = out.path().join("new");
    let file = corpus.relation_files().remove(0);
    tde(decrypt(&corpus, &[&file.path], &["--output-dir", directory.to_str().unwrap()])).expect(0);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&directory.join(&file.path)), 0o600);
    assert_eq!(mode(&directory), 0o700);
    assert_eq!(mode(directory.join(&file.path).parent().unwrap()), 0o700);
}

#[test]
fn an_existing_file_is_replaced_only_by_force() {
    let corpus = Corpus::first_of(&["E-excerpt"]);
    let out = tempfile::tempdir().unwrap();
    let target = out.path().join("plain");
    fs::write(&target, "precious").unwrap();
    let file = corpus.relation_files().remove(0);
    let output = ["-o", target.to_str().unwrap()];
    let run = tde(decrypt(&corpus, &[&file.path], &output)).expect(2);
    assert!(run.stderr.contains("exists already") && run.stderr.contains("--force"), "{run}");
    assert_eq!(fs::read(&target).unwrap(), b"precious");
    tde(decrypt(&corpus, &[&file.path], &[&output[..], &["--force"]].concat())).expect(0);
    assert_eq!(sha256_hex(&fs::read(&target).unwrap()), file.plain_sha256);
    assert_eq!(entries(out.path()), ["plain"]);
}

#[test]
fn the_encrypted_file_is_never_replaced() {
    let corpus = Corpus::first_of(&["E-excerpt"]);
    let copy = corpus.cluster.copy_data();
    let data = copy.path();
    let file = corpus.relation_files().remove(0);
    let before = fs::read(data.join(&file.path)).unwrap();
    let mut command = decrypt(&corpus, &[&file.path], &["--force", "--output-dir", data.to_str().unwrap()]);
    command[2] = data.into();
    let run = tde(command).expect(2);
    assert!(run.stderr.contains("encrypted input"), "{run}");
    assert_eq!(fs::read(data.join(&file.path)).unwrap(), before);
}

#[test]
fn a_failure_leaves_nothing_behind() {
    let corpus = Corpus::first_of(&["E-excerpt"]);
    let out = tempfile::tempdir().unwrap();
    let directory = out.path().join("new");
    let run = tde(decrypt(&corpus, &["base/16384/99999"], &["--output-dir", directory.to_str().unwrap()]));
    assert!(run.expect(2).stderr.contains("base/16384/99999"));
    assert!(entries(out.path()).is_empty());

    // The other inputs are still done.
    let file = corpus.relation_files().remove(0);
    let files = ["base/16384/99999", &file.path];
    tde(decrypt(&corpus, &files, &["--output-dir", directory.to_str().unwrap()])).expect(2);
    assert_eq!(sha256_hex(&fs::read(directory.join(&file.path)).unwrap()), file.plain_sha256);
}

#[test]
fn a_device_and_a_closed_pipe_are_no_errors() {
    let corpus = Corpus::first_of(&["A", "B-excerpt"]);
    let file = corpus.relation_files().into_iter().find(|file| file.encrypted).unwrap();
    tde(decrypt(&corpus, &[&file.path], &["-o", "/dev/null"])).expect(0);

    let mut child = spawn(decrypt(&corpus, &[&file.path], &["-o", "-"]));
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
    assert!(ended.stderr.is_empty(), "{}", String::from_utf8_lossy(&ended.stderr));

    let run = tde(decrypt(&corpus, &[&file.path], &["-o", "/dev/full"])).expect(2);
    assert!(run.stderr.contains("/dev/full"), "{run}");
}

#[test]
fn a_closed_pipe_is_an_error_unless_it_is_standard_output() {
    let (corpus, name) = with_wal();
    let out = tempfile::tempdir().unwrap();
    plain_segments(&corpus, out.path());
    let plain = out.path().join(&name);
    let fifo = out.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    for (command, segment) in [("decrypt", name.as_str()), ("encrypt", text(&plain))] {
        let child = spawn(arguments(&corpus, command, &[segment, "-o", text(&fifo)]));
        // There is more than a pipe takes.
        drop(fs::File::open(&fifo).unwrap());
        let ended = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(2), "{command}: {stderr}");
        assert!(stderr.contains(text(&fifo)), "{command}: {stderr}");

        let mut child = spawn(arguments(&corpus, command, &[segment, "-o", "-"]));
        drop(child.stdout.take());
        let ended = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&ended.stderr);
        assert_eq!((ended.status.code(), &*stderr), (Some(0), ""), "{command}");
    }
}

#[test]
fn usage_errors_write_nothing_and_end_with_two() {
    let corpus = Corpus::first_of(&["E-excerpt"]);
    let out = tempfile::tempdir().unwrap();
    let target = out.path().join("plain");
    let target = target.to_str().unwrap();
    let files = corpus.relation_files();
    let (first, second) = (files[0].path.as_str(), files[1].path.as_str());
    let cases: [(&[&str], &[&str], &str); 6] = [
        (&[first, second], &["-o", target], "--output-dir"),
        (&[first], &[], "--output-dir"),
        (&[first], &["-o", target, "--output-dir", target], "--output"),
        (&[first, first], &["--output-dir", target], "two inputs"),
        (&["-"], &["-o", target], "--name"),
        (&[], &["-o", target], "FILE"),
    ];
    for (files, output, expected) in cases {
        let run = tde(decrypt(&corpus, files, output)).expect(2);
        assert!(run.stderr.starts_with("tde: error:"), "{run}");
        assert!(run.stderr.contains(expected), "{expected} {run}");
    }
    assert!(entries(out.path()).is_empty());
}

#[test]
fn an_interrupt_removes_the_unfinished_file() {
    let corpus = Corpus::first_of(&["E-excerpt"]);
    let out = tempfile::tempdir().unwrap();
    let target = out.path().join("plain");
    let file = corpus.relation_files().remove(0);
    // Standard input stays open, so the command waits in the middle of its work.
    let command = decrypt(&corpus, &["-"], &["--name", &file.path, "-o", target.to_str().unwrap()]);
    let mut child = spawn(command);
    // Waiting for the child would close its input otherwise, and let it finish before the signal is dealt with.
    let input = child.stdin.take();
    while entries(out.path()).is_empty() {
        assert!(child.try_wait().unwrap().is_none(), "ended before it was interrupted");
        std::thread::yield_now();
    }
    let killed =
        std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let ended = child.wait().unwrap();
    drop(input);
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&ended), Some(15));
    assert!(entries(out.path()).is_empty());
}

#[test]
fn binary_data_is_not_written_to_a_terminal() {
    let corpus = Corpus::first_of(&["E-excerpt"]);
    let file = corpus.relation_files().remove(0);
    let on_terminal = |options: &[&str]| {
        use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        let name = ptsname(&terminal, Vec::new()).unwrap();
        let screen = fs::OpenOptions::new().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        let ended = std::process::Command::new(env!("CARGO_BIN_EXE_tde"))
            .args(decrypt(&corpus, &[&file.path], options))
            .stdout(screen)
            .output()
            .unwrap();
        (ended.status.code(), String::from_utf8(ended.stderr).unwrap())
    };
    let (status, stderr) = on_terminal(&["-o", "-"]);
    assert_eq!(status, Some(2), "{stderr}");
    assert!(stderr.contains("terminal") && stderr.contains("--force"), "{stderr}");
}

#[test]
fn an_output_that_need_not_be_on_disk_is_the_same() {
    let corpus = Corpus::first_of(&["E-excerpt"]);
    let out = tempfile::tempdir().unwrap();
    let target = out.path().join("plain");
    let file = corpus.relation_files().remove(0);
    tde(decrypt(&corpus, &[&file.path], &["--no-sync", "-o", target.to_str().unwrap()])).expect(0);
    assert_eq!(sha256_hex(&fs::read(&target).unwrap()), file.plain_sha256);
}

#[test]
fn a_name_leads_nowhere_but_below_the_output_directory() {
    let corpus = Corpus::first_of(&["E-excerpt"]);
    let out = tempfile::tempdir().unwrap();
    let file = corpus.relation_files().remove(0);
    let source = corpus.data_directory().join(&file.path);
    for name in [format!("/{}", file.path), format!(".//{}", file.path)] {
        let output = ["--name", &name, "--force", "--output-dir", out.path().to_str().unwrap()];
        tde(decrypt(&corpus, &[source.to_str().unwrap()], &output)).expect(0);
        assert_eq!(sha256_hex(&fs::read(out.path().join(&file.path)).unwrap()), file.plain_sha256);
    }
    let escaping = format!("../{}", file.path);
    let output = ["--name", &escaping, "--output-dir", out.path().to_str().unwrap()];
    tde(decrypt(&corpus, &[source.to_str().unwrap()], &output)).expect(2);
}
