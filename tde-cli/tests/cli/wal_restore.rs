//! `tde wal restore`: the server's own bytes, all or nothing, and statuses that a server does not misread.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::corpus::Corpus;
use crate::tde::{Run, can_be_interrupted, tde, tde_in};
use crate::wal_archive::{interrupted, is_empty, memory};
use crate::wal_encrypt::{arguments, plain_segments, stored, text, wal, with_wal};

fn line(corpus: &Corpus, memory: &Path, name: &str, path: &Path, command: &[&str]) -> Vec<OsString> {
    let mut words = vec!["--memory-dir", text(memory), "--name", name, "--path", text(path), "--"];
    words.extend(command);
    arguments(corpus, "restore", &words)
}

fn restore(corpus: &Corpus, memory: &Path, name: &str, path: &Path, command: &[&str]) -> Run {
    let run = tde(line(corpus, memory, name, path, command));
    assert!(is_empty(memory), "left behind by {command:?}");
    run
}

#[test]
fn what_comes_back_is_what_the_server_wrote() {
    let memory = memory();
    for corpus in Corpus::all().iter().filter(|corpus| !corpus.wal_segments().is_empty()) {
        let archive = tempfile::tempdir().unwrap();
        plain_segments(corpus, archive.path());
        for segment in corpus.wal_segments() {
            let name = &segment.path;
            let target = archive.path().join("RECOVERYXLOG");
            let from = format!("{}/%f", archive.path().display());
            restore(corpus, memory.path(), name, &target, &["cp", &from, "%p"]).expect(0);
            assert!(fs::read(&target).unwrap() == stored(corpus, name), "{}: {name}", corpus.name());
            assert_eq!(fs::metadata(&target).unwrap().permissions().mode() & 0o7777, 0o600);

            // A tool that renames within the directory, and a target that is there already.
            fs::write(&target, "something older").unwrap();
            let line = format!("cat {from} > %p.new && mv %p.new %p");
            restore(corpus, memory.path(), name, &target, &[&line]).expect(0);
            assert!(fs::read(&target).unwrap() == stored(corpus, name));
            fs::remove_file(&target).unwrap();
        }
    }
}

#[test]
fn a_file_that_the_archive_does_not_have_is_told_as_the_command_tells_it() {
    let (corpus, name) = with_wal();
    let memory = memory();
    let out = tempfile::tempdir().unwrap();
    let target = out.path().join("RECOVERYXLOG");
    for (command, status) in [
        (&["cp", "/nonexistent/%f", "%p"][..], 1),
        (&["exit 1"], 1),
        (&["exit 125"], 125),
        (&["/nonexistent/program"], 127),
        (&["/nonexistent/program", "%p"], 127),
        (&["kill -TERM $$"], 143),
        (&["kill -KILL $$"], 137),
        // Half of it came before the command failed.
        (&["echo half > %p; exit 2"], 2),
    ] {
        restore(&corpus, memory.path(), &name, &target, command).expect(status);
        assert!(is_empty(out.path()), "{command:?}");
    }
}

#[test]
fn whatever_else_goes_wrong_stops_the_server() {
    let (corpus, name) = with_wal();
    let memory = memory();
    let out = tempfile::tempdir().unwrap();
    let archive = tempfile::tempdir().unwrap();
    plain_segments(&corpus, archive.path());
    let plain = archive.path().join(&name);
    let target = out.path().join("RECOVERYXLOG");
    let fetch = format!("cp {} %p", plain.display());
    let fails = |command: &str, message: &str| {
        let run = restore(&corpus, memory.path(), &name, &target, &[command]).expect(255);
        assert!(run.stderr.contains(message), "{command}: {run}");
        assert!(is_empty(out.path()), "{command}");
    };
    fails("true", "there is no file at its `%p`");
    fails("mkdir %p", "not a file");
    fails(&format!("ln -s {} %p", plain.display()), "what the command left");
    fails(&format!("(cat {0}; echo) > %p", plain.display()), "bytes, but a segment");
    let encrypted = corpus.data_directory().join("pg_wal").join(&name);
    fails(&format!("cp {} %p", encrypted.display()), "already");
    fails(&format!("head -c {} /dev/zero > %p", fs::metadata(&plain).unwrap().len()), "does not begin with");
    fails("cp %x %p", "must be followed");

    // Another segment than the one that was asked for.
    let run = restore(&corpus, memory.path(), "0000000100000000000000FF", &target, &[&fetch]).expect(255);
    assert!(run.stderr.contains("page address"), "{run}");
    // A place that cannot be written to.
    for target in ["/proc/RECOVERYXLOG", "/nonexistent/pg_wal/RECOVERYXLOG", "/dev/null/RECOVERYXLOG"] {
        restore(&corpus, memory.path(), &name, Path::new(target), &[&fetch]).expect(255);
    }
    // No keys; no cluster; no command; nonsense.
    let data = corpus.data_directory();
    let (data, target) = (text(&data), text(&target));
    let run = tde(["wal", "restore", data, "--name", &name, "--path", target, "--", &fetch]).expect(255);
    assert!(run.stderr.contains("--keyring"), "{run}");
    tde(["wal", "restore", "/nonexistent", "--name", &name, "--path", target, "--", &fetch]).expect(255);
    tde(["wal", "restore", data, "--name", &name, "--path", target]).expect(255);
    tde(["-v", "wal", "restore", "--nonsense"]).expect(255);
    tde(["wal", "restore", data, "--name", "0000000100000000FFFFFFFF", "--path", target, "--", "true"])
        .expect(255);
    assert!(is_empty(out.path()));
}

#[test]
fn a_lack_of_descriptors_stops_the_server() {
    let (corpus, name) = with_wal();
    let memory = memory();
    let out = tempfile::tempdir().unwrap();
    let line = line(&corpus, memory.path(), &name, &out.path().join("RECOVERYXLOG"), &["true"]);
    // From too few to wait for signals up to too few to read keys.
    for descriptors in 4..10 {
        let ended = Command::new("/bin/sh")
            .args(["-c", "ulimit -n \"$0\" && exec \"$@\"", &descriptors.to_string()])
            .arg(env!("CARGO_BIN_EXE_tde"))
            .args(&line)
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(255), "{descriptors}: {stderr}");
        assert!(stderr.contains("tde: error: "), "{descriptors}: {stderr}");
    }
}

#[test]
fn a_segment_that_is_still_being_copied_is_for_the_server_to_judge() {
    let (corpus, name) = with_wal();
    let memory = memory();
    let out = tempfile::tempdir().unwrap();
    let archive = tempfile::tempdir().unwrap();
    plain_segments(&corpus, archive.path());
    let plain = archive.path().join(&name);
    let target = out.path().join("RECOVERYXLOG");
    let stored = stored(&corpus, &name);
    for length in [0, 1, 39, 40, 8192, 100_000, stored.len() - 1] {
        let fetch = format!("head -c {length} {} > %p", plain.display());
        let run = restore(&corpus, memory.path(), &name, &target, &[&fetch]).expect(0);
        assert!(run.stderr.contains(&format!("{length} bytes, but a segment has")), "{run}");
        assert!(fs::read(&target).unwrap() == stored[..length], "{length}");
        fs::remove_file(&target).unwrap();
    }
    // The beginning of something else, or of what is encrypted already.
    let encrypted = corpus.data_directory().join("pg_wal").join(&name);
    for command in ["head -c 8192 /dev/zero > %p", &format!("head -c 8192 {} > %p", encrypted.display())] {
        restore(&corpus, memory.path(), &name, &target, &[command]).expect(255);
        assert!(is_empty(out.path()), "{command}");
    }

    // Without a control file nobody knows how long it should be.
    let data = corpus.cluster.copy_data();
    fs::remove_file(data.path().join("global/pg_control")).unwrap();
    let fetch = format!("head -c 8192 {} > %p", plain.display());
    let mut line = line(&corpus, memory.path(), &name, &target, &[&fetch]);
    line[2] = data.path().into();
    tde(line).expect(255);
    assert!(is_empty(out.path()));
}

/// A tmpfs of this size, until it is dropped.
struct Mounted(tempfile::TempDir);

impl Mounted {
    /// Needs root, and a system that lets it mount.
    fn new(size: &str) -> Option<Self> {
        let mounted = Self(tempfile::tempdir().unwrap());
        fs::create_dir(mounted.path()).unwrap();
        let options = format!("size={size},mode=0700");
        let path = mounted.path();
        run("mount", &["-t", "tmpfs", "-o", &options, "tmpfs", text(&path)]).then_some(mounted)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("mounted")
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        run("umount", &[text(&self.path())]);
    }
}

fn run(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
}

#[test]
fn full_memory_is_not_a_file_that_the_archive_does_not_have() {
    let (corpus, name) = with_wal();
    let out = tempfile::tempdir().unwrap();
    let archive = tempfile::tempdir().unwrap();
    plain_segments(&corpus, archive.path());
    let plain = archive.path().join(&name);
    let target = out.path().join("RECOVERYXLOG");
    let size = fs::metadata(&plain).unwrap().len();
    let fetch = format!("touch {0}/ran && cp {1} %p", out.path().display(), plain.display());

    let Some(small) = Mounted::new(&size.to_string()) else {
        eprintln!("SKIPPED: no tmpfs can be mounted here");
        return;
    };
    let run = restore(&corpus, &small.path(), &name, &target, &[&fetch]).expect(255);
    assert!(run.stderr.contains("too few for a segment") && run.stderr.contains("--memory-dir"), "{run}");
    assert!(is_empty(out.path()), "the command was run");

    let mounted = Mounted::new(&(2 * size).to_string()).unwrap();
    let memory = mounted.path();
    restore(&corpus, &memory, &name, &target, &[&fetch]).expect(0);
    fs::remove_file(&target).unwrap();
    restore(&corpus, &memory, &name, &target, &["exit 1"]).expect(1);
    restore(&corpus, &memory, &name, &target, &["echo half > %p; exit 2"]).expect(2);
    // Something else takes the room meanwhile.
    let fills = format!("cat /dev/zero > %p.other; cp {} %p", plain.display());
    for command in ["cat /dev/zero > %p", &fills] {
        let run = restore(&corpus, &memory, &name, &target, &[command]).expect(255);
        assert!(run.stderr.contains("ended with status 1: 0 bytes are free"), "{run}");
    }
    restore(&corpus, &memory, &name, &target, &["cat /dev/zero > %p; kill -TERM $$"]).expect(143);
    assert!(!target.exists());

    // Without bounds there is nothing to compare with.
    let unbounded = Mounted::new("0").unwrap();
    restore(&corpus, &unbounded.path(), &name, &target, &[&fetch]).expect(0);
}

#[test]
fn history_files_are_put_in_place_by_the_command_itself() {
    let (corpus, _) = with_wal();
    let memory = memory();
    let out = tempfile::tempdir().unwrap();
    let target = out.path().join("RECOVERYHISTORY");
    let command = ["sh", "-c", "echo history of %f > \"$1\"", "sh", "%p"];
    let run = restore(&corpus, memory.path(), "00000002.history", &target, &command).expect(0);
    assert!(run.stdout_text().contains("not a segment"), "{run}");
    assert_eq!(fs::read_to_string(&target).unwrap(), "history of 00000002.history\n");
    restore(&corpus, memory.path(), "00000003.history", &target, &["exit 1"]).expect(1);
}

#[test]
fn paths_are_relative_to_where_the_server_runs_it() {
    let (corpus, name) = with_wal();
    let memory = memory();
    let archive = tempfile::tempdir().unwrap();
    plain_segments(&corpus, archive.path());
    let data = corpus.cluster.copy_data();
    fs::remove_file(data.path().join("pg_wal").join(&name)).unwrap();
    let mut line: Vec<OsString> = ["wal", "restore", "."].map(OsString::from).to_vec();
    line.extend(corpus.key_options());
    let from = format!("{}/%f", archive.path().display());
    let path = "pg_wal/RECOVERYXLOG";
    let rest =
        ["--name", &name, "--path", path, "--memory-dir", text(memory.path()), "--", "cp", &from, "%p"];
    line.extend(rest.map(OsString::from));
    tde_in(data.path(), line, b"").expect(0);
    assert!(fs::read(data.path().join(path)).unwrap() == stored(&corpus, &name));
}

#[test]
fn a_dry_run_fetches_nothing_and_says_how_much_it_would_encrypt() {
    let (corpus, name) = with_wal();
    let memory = memory();
    let out = tempfile::tempdir().unwrap();
    let target = out.path().join("RECOVERYXLOG");
    let words = ["--memory-dir", text(memory.path()), "--name", &name, "--path", text(&target)];
    let touch = format!("touch {}/ran", out.path().display());
    let run = wal(&corpus, "restore", &[&words[..], &["--dry-run", "--", &touch]].concat()).expect(0);
    assert!(run.stdout_text().contains("would run: touch"), "{run}");
    assert!(is_empty(out.path()));
    let archive = tempfile::tempdir().unwrap();
    plain_segments(&corpus, archive.path());
    let fetch = format!("cp -v {}/%f %p", archive.path().display());
    let run = wal(&corpus, "restore", &[&words[..], &["--json", "--", &fetch]].concat()).expect(0);
    let report: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(report["schema"], "tde.wal-restore/1");
    assert!(report["segment"]["encrypted_bytes"].as_u64().unwrap() > 0);
}

#[test]
fn a_signal_during_the_command_leaves_neither_plaintext_nor_a_target() {
    if !can_be_interrupted() {
        return;
    }
    let (corpus, name) = with_wal();
    let memory = memory();
    for (signal, number) in [("TERM", 15), ("INT", 2)] {
        let out = tempfile::tempdir().unwrap();
        let pid_file = out.path().join("pid");
        let target = out.path().join("pg_wal");
        fs::create_dir(&target).unwrap();
        let slow = format!("echo plaintext > \"$1\"; echo $$ > {}; exec sleep 300", pid_file.display());
        let command = ["sh", "-c", &slow, "sh", "%p"];
        let line = line(&corpus, memory.path(), &name, &target.join("RECOVERYXLOG"), &command);
        let (child, _) = interrupted(line, &pid_file, signal);
        assert_eq!(child.wait_with_output().unwrap().status.signal(), Some(number));
        assert!(is_empty(memory.path()) && is_empty(&target), "{signal}");
    }
}
