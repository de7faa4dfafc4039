//! `tde wal archive`: what the inner command sees, what its end means, and that nothing stays behind.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use tde_testkit::sha256_hex;
use tempfile::TempDir;

use crate::corpus::Corpus;
use crate::tde::{Run, can_be_interrupted, spawn, tde};
use crate::wal_encrypt::{arguments, text, wal, with_wal};

/// A place in memory of the test's own, so that tests do not see each other's leftovers.
pub(crate) fn memory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap()
}

pub(crate) fn is_empty(directory: &Path) -> bool {
    fs::read_dir(directory).unwrap().next().is_none()
}

/// The line of an archive command on a segment of the corpus.
fn line(corpus: &Corpus, memory: &Path, path: &Path, command: &[&str]) -> Vec<OsString> {
    let mut words = vec!["--memory-dir", text(memory), "--path", text(path), "--"];
    words.extend(command);
    arguments(corpus, "archive", &words)
}

fn archive(corpus: &Corpus, memory: &Path, path: &Path, command: &[&str]) -> Run {
    let run = tde(line(corpus, memory, path, command));
    assert!(is_empty(memory), "left behind by {command:?}");
    run
}

fn segment_path(corpus: &Corpus, name: &str) -> PathBuf {
    corpus.data_directory().join("pg_wal").join(name)
}

#[test]
fn the_command_is_given_plaintext_under_the_segments_name() {
    let memory = memory();
    for corpus in Corpus::all().iter().filter(|corpus| !corpus.wal_segments().is_empty()) {
        for segment in corpus.wal_segments() {
            let out = tempfile::tempdir().unwrap();
            let path = segment_path(corpus, &segment.path);
            let target = format!("{}/%f", out.path().display());
            let run = archive(corpus, memory.path(), &path, &["cp", "%p", &target]).expect(0);
            assert!(run.stdout_text().contains("the command succeeded"), "{run}");
            let archived = fs::read(out.path().join(&segment.path)).unwrap();
            assert_eq!(sha256_hex(&archived), segment.plain_sha256, "{}", segment.path);

            // As a line for a shell; what it sees is private, and has the name that archivers look for.
            let line =
                format!("stat -c '%%a %%n' %p > {0}/seen && gzip < %p > {0}/%f.gz", out.path().display());
            archive(corpus, memory.path(), &path, &[&line]).expect(0);
            let seen = fs::read_to_string(out.path().join("seen")).unwrap();
            let (mode, name) = seen.trim().split_once(' ').unwrap();
            assert_eq!(mode, "600");
            assert!(name.starts_with(text(memory.path())) && name.ends_with(&segment.path), "{name}");
            let unzipped = Command::new("gzip")
                .args(["-dc", text(&out.path().join(format!("{}.gz", segment.path)))])
                .output()
                .unwrap();
            assert_eq!(sha256_hex(&unzipped.stdout), segment.plain_sha256);
        }
    }
}

#[test]
fn the_directory_is_for_the_owner_alone_and_in_memory() {
    let (corpus, name) = with_wal();
    let memory = memory();
    let out = tempfile::tempdir().unwrap();
    let seen = out.path().join("seen");
    let command = format!("stat -c %%a $(dirname %p) > {}; stat -fc %%T %p >> {0}", seen.display());
    archive(&corpus, memory.path(), &segment_path(&corpus, &name), &[&command]).expect(0);
    assert_eq!(fs::read_to_string(&seen).unwrap(), "700\ntmpfs\n");

    let disk = Path::new("/proc");
    let run = tde(line(&corpus, disk, &segment_path(&corpus, &name), &["true"])).expect(2);
    assert!(run.stderr.contains("not on a memory file system"), "{run}");
}

#[test]
fn the_end_of_the_command_is_passed_on() {
    let (corpus, name) = with_wal();
    let memory = memory();
    let path = segment_path(&corpus, &name);
    for (command, status) in [
        (&["exit 1"][..], 1),
        (&["exit 125"], 125),
        (&["/nonexistent/program %p"], 127),
        (&["/nonexistent/program", "%p"], 127),
        (&["/dev/null", "%p"], 126),
        (&["kill -KILL $$"], 137),
        (&["kill -TERM $$"], 143),
        (&["sh", "-c", "exit 255"], 255),
        (&["true"], 0),
    ] {
        archive(&corpus, memory.path(), &path, command).expect(status);
    }
}

/// The inner commands of the examples in a text, for an archive elsewhere.
fn examples(text: &str, archive: &Path) -> Vec<String> {
    let settings = text.split("archive_command = '").skip(1).map(|rest| rest.split('\'').next().unwrap());
    let inner = settings.map(|setting| setting.split('"').nth(1).expect("a line for a shell"));
    let in_one_line = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    inner
        .map(|line| in_one_line(line).replace("%%", "%").replace("/archive", archive.to_str().unwrap()))
        .collect()
}

#[test]
fn the_examples_replace_nothing_and_leave_no_half_of_a_file() {
    let (corpus, name) = with_wal();
    let memory = memory();
    let path = segment_path(&corpus, &name);
    let out = tempfile::tempdir().unwrap();
    let help = tde(["wal", "archive", "--help"]).expect(0).stdout_text();
    let guide = fs::read_to_string(tde_testkit::workspace_root().join("docs/wal-archiving.md")).unwrap();
    let lines = [examples(&help, out.path()), examples(&guide, out.path())].concat();
    assert_eq!(lines.len(), 3);
    for line in lines {
        archive(&corpus, memory.path(), &path, &[&line]).expect(0);
        let archived = fs::read_dir(out.path()).unwrap().map(|entry| entry.unwrap().path());
        let archived: Vec<_> = archived.collect();
        assert_eq!(archived.len(), 1, "{line}");
        assert!(text(&archived[0]).contains(&name) && !text(&archived[0]).ends_with(".tmp"), "{line}");

        fs::write(&archived[0], "precious").unwrap();
        archive(&corpus, memory.path(), &path, &[&line]).expect(1);
        assert_eq!(fs::read(&archived[0]).unwrap(), b"precious", "{line}");
        fs::remove_file(&archived[0]).unwrap();

        // It ends halfway: nothing has the segment's name.
        let ends = line.replace("&& mv", "&& false && mv");
        assert_ne!(ends, line);
        archive(&corpus, memory.path(), &path, &[&ends]).expect(1);
        let left: Vec<_> = fs::read_dir(out.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(left.len() == 1 && text(&left[0]).ends_with(".tmp"), "{left:?}");
        archive(&corpus, memory.path(), &path, &[&line]).expect(0);
        fs::remove_dir_all(out.path()).unwrap();
        fs::create_dir(out.path()).unwrap();
    }
}

#[test]
fn files_that_are_not_segments_go_through_as_they_are() {
    let (corpus, name) = with_wal();
    let memory = memory();
    let out = tempfile::tempdir().unwrap();
    let wal = out.path().join("pg_wal");
    fs::create_dir(&wal).unwrap();
    for file in ["00000002.history".to_owned(), format!("{name}.00000028.backup")] {
        let path = wal.join(&file);
        fs::write(&path, "1\t0/CED2F8\tno recovery target specified\n").unwrap();
        let target = format!("{}/%f", out.path().display());
        // Not even a key is needed.
        let data = corpus.data_directory();
        let words = ["wal", "archive", text(&data), "--path", text(&path), "--", "cp", "%p", &target];
        let run = tde(words).expect(0);
        assert!(run.stdout_text().contains("not a segment"), "{run}");
        assert_eq!(fs::read(out.path().join(&file)).unwrap(), fs::read(&path).unwrap());
        archive(&corpus, memory.path(), &path, &["exit 3"]).expect(3);
    }
    // It looks like a segment, and must not pass for something else.
    let path = wal.join("0000000100000000FFFFFFFF");
    fs::write(&path, vec![0; 1 << 20]).unwrap();
    archive(&corpus, memory.path(), &path, &["true"]).expect(2);
}

#[test]
fn partial_segments_are_segments() {
    let (corpus, name) = with_wal();
    let memory = memory();
    let out = tempfile::tempdir().unwrap();
    let partial = out.path().join(format!("{name}.partial"));
    fs::copy(segment_path(&corpus, &name), &partial).unwrap();
    let target = out.path().join("archived");
    archive(&corpus, memory.path(), &partial, &["cp", "%p", text(&target)]).expect(0);
    assert_eq!(sha256_hex(&fs::read(&target).unwrap()), corpus.wal_segments()[0].plain_sha256);
}

#[test]
fn nothing_is_archived_that_is_not_the_plaintext() {
    let (corpus, name) = with_wal();
    let memory = memory();
    let out = tempfile::tempdir().unwrap();
    let ran = out.path().join("ran");
    let touch = format!("touch {}", ran.display());
    let path = segment_path(&corpus, &name);

    // Another segment's name.
    let words =
        ["--memory-dir", text(memory.path()), "--path", text(&path), "--name", "0000000100000000000000FF"];
    let run = wal(&corpus, "archive", &[&words[..], &["--", &touch]].concat()).expect(1);
    assert!(run.stderr.contains("does not begin with the WAL page"), "{run}");
    // Plaintext where there should be none.
    let plain = out.path().join(&name);
    wal(&corpus, "decrypt", &[&name, "-o", text(&plain)]).expect(0);
    let run = archive(&corpus, memory.path(), &plain, &[&touch]).expect(1);
    assert!(run.stderr.contains("already"), "{run}");
    // Cut off; absent; a directory.
    fs::write(&plain, &fs::read(&path).unwrap()[..8192]).unwrap();
    archive(&corpus, memory.path(), &plain, &[&touch]).expect(1);
    archive(&corpus, memory.path(), &out.path().join("absent/000000010000000000000001"), &[&touch]).expect(2);
    // No key.
    let data = corpus.data_directory();
    let run = tde(["wal", "archive", text(&data), "--path", text(&path), "--", &touch]).expect(2);
    assert!(run.stderr.contains("--keyring"), "{run}");
    // A placeholder that is none.
    archive(&corpus, memory.path(), &path, &["cp", "%p", "%x"]).expect(2);
    assert!(!ran.exists());
}

#[test]
fn odd_names_do_no_harm() {
    let (corpus, name) = with_wal();
    let memory = memory();
    let out = tempfile::tempdir().unwrap();
    let odd = out.path().join("a b;$(touch x)'\"\n%p");
    fs::create_dir(&odd).unwrap();
    fs::copy(segment_path(&corpus, &name), odd.join(&name)).unwrap();
    let target = odd.join("target");
    let escaped = text(&target).replace('%', "%%");
    archive(&corpus, memory.path(), &odd.join(&name), &["cp", "%p", &escaped]).expect(0);
    assert_eq!(sha256_hex(&fs::read(&target).unwrap()), corpus.wal_segments()[0].plain_sha256);
    // A shell would take the name of this one apart.
    let history = odd.join("00000002.history");
    fs::write(&history, "").unwrap();
    let run = archive(&corpus, memory.path(), &history, &["cat %p"]).expect(2);
    assert!(run.stderr.contains("separate words"), "{run}");
    archive(&corpus, memory.path(), &history, &["cat", "%p"]).expect(0);
}

#[test]
fn a_dry_run_runs_nothing_and_json_tells_what_was_done() {
    let (corpus, name) = with_wal();
    let memory = memory();
    let out = tempfile::tempdir().unwrap();
    let path = segment_path(&corpus, &name);
    let target = out.path().join("archived");
    let words = ["--memory-dir", text(memory.path()), "--path", text(&path), "--json"];
    let command = ["--", "cp", "-v", "%p", text(&target)];
    let run = wal(&corpus, "archive", &[&words[..], &["--dry-run"], &command].concat()).expect(0);
    let report: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!((&report["dry_run"], &report["outcome"]), (&true.into(), &serde_json::Value::Null));
    assert_eq!(report["command"][0], "cp");
    assert!(!target.exists());

    let run = wal(&corpus, "archive", &[&words[..], &command].concat()).expect(0);
    let report: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(report["schema"], "tde.wal-archive/1");
    assert_eq!(report["outcome"], serde_json::json!({ "exited": 0 }));
    assert_eq!(report["segment"]["bytes"], corpus.manifest().wal[0].size);
    assert!(report["segment"]["decrypted_bytes"].as_u64().unwrap() > 0);
    // What the command says goes elsewhere.
    assert!(run.stderr.contains("->"), "{run}");
    let quiet = ["--path", text(&path), "--memory-dir", text(memory.path()), "-q", "--", "true"];
    assert_eq!(wal(&corpus, "archive", &quiet).expect(0).stdout_text(), "");
}

/// Waits for a file that the inner command writes its process id to.
pub(crate) fn wait_for_pid(path: &Path) -> String {
    let since = Instant::now();
    loop {
        if let Ok(pid) = fs::read_to_string(path)
            && pid.ends_with('\n')
        {
            return pid.trim().to_owned();
        }
        assert!(since.elapsed() < Duration::from_secs(60), "the inner command has not started");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn send(signal: &str, pid: &str) -> bool {
    Command::new("kill")
        .args(["-s", signal, pid])
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap()
        .success()
}

/// Runs a slow command, sends the signal to `tde` alone, and gives back how it ended.
pub(crate) fn interrupted(line: Vec<OsString>, pid_file: &Path, signal: &str) -> (Child, String) {
    let child = spawn(line);
    let inner = wait_for_pid(pid_file);
    assert!(send(signal, &child.id().to_string()));
    (child, inner)
}

#[test]
fn a_signal_reaches_the_command_and_nothing_stays_behind() {
    if !can_be_interrupted() {
        return;
    }
    let (corpus, name) = with_wal();
    let memory = memory();
    for (signal, number) in [("TERM", 15), ("INT", 2), ("QUIT", 3), ("HUP", 1)] {
        let out = tempfile::tempdir().unwrap();
        let pid_file = out.path().join("pid");
        let slow = format!("echo $$ > {}; exec sleep 300", pid_file.display());
        let line = line(&corpus, memory.path(), &segment_path(&corpus, &name), &["sh", "-c", &slow]);
        let (child, inner) = interrupted(line, &pid_file, signal);
        let output = child.wait_with_output().unwrap();
        // It dies of the signal, as the caller expects of it.
        assert_eq!(output.status.signal(), Some(number), "{signal}");
        assert!(is_empty(memory.path()), "{signal}");
        // The command has ended, rather than being left alone.
        assert!(!send("0", &inner) || is_zombie(&inner), "{signal}: {inner} is still running");
    }
}

fn is_zombie(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
}

#[test]
fn what_a_killed_run_leaves_goes_with_the_next() {
    let (corpus, name) = with_wal();
    let memory = memory();
    let out = tempfile::tempdir().unwrap();
    let pid_file = out.path().join("pid");
    let slow = format!("echo $$ > {}; exec sleep 300", pid_file.display());
    let path = segment_path(&corpus, &name);
    let (mut child, inner) =
        interrupted(line(&corpus, memory.path(), &path, &["sh", "-c", &slow]), &pid_file, "KILL");
    child.wait().unwrap();
    send("KILL", &inner);
    let left: Vec<_> = fs::read_dir(memory.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(left.len(), 1);
    assert_eq!(fs::metadata(&left[0]).unwrap().permissions().mode() & 0o777, 0o700);
    let run = archive(&corpus, memory.path(), &path, &["true"]).expect(0);
    assert!(run.stderr.contains("a run that was killed"), "{run}");
}
