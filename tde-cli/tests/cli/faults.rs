//! Commands that write, and file systems that do not let them: a clear error, status 2, and nothing lost.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tde_testkit::sha256_hex;

use crate::edit::Copy;

/// A user that owns nothing here.
const NOBODY: u32 = 65534;

/// Every command that changes a data directory, with something to do in the recording `B`.
const COMMANDS: &[&[&str]] = &[
    &["rotate", "--scope", "default", "--key", "new", "--create"],
    &["scope", "create", "--scope", "database", "4711", "--key", "first", "--to-provider", "-1", "--create"],
    &["provider", "add", "new", "--type", "file", "--option", "path=/nowhere"],
    &["provider", "change", "global_file", "--type", "file", "--option", "path=/nowhere", "--unchecked"],
    &["repair"],
    &["relation", "encrypt", "base/16477/16713"],
    &["relation", "rekey", "base/16477/16666"],
];

fn copy() -> Copy {
    let copy = Copy::named("B-excerpt").expect("the excerpts are in the repository");
    // Something for `repair`.
    let path = copy.data.join("pg_tde/wal_keys");
    let torn = [&fs::read(&path).unwrap()[..], &[1; 33]].concat();
    fs::write(path, torn).unwrap();
    copy
}

/// The hashes of all files but the lock's, and what a link is.
fn files(directory: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let kind = fs::symlink_metadata(&path).unwrap();
        if kind.is_dir() {
            found.append(&mut files(&path));
        } else if kind.is_symlink() {
            found.insert(path.clone(), fs::read_link(&path).unwrap().display().to_string());
        } else if !path.ends_with("tde.lock") {
            found.insert(path.clone(), sha256_hex(&fs::read(&path).unwrap()));
        }
    }
    found
}

fn command(copy: &Copy, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tde"));
    command.args(copy.arguments(words));
    command
}

#[track_caller]
fn assert_refused(output: &Output, words: &[&str], texts: &[&str]) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{words:?}: {stderr}");
    assert!(stderr.starts_with("tde: error: "), "{words:?}: {stderr}");
    assert!(texts.iter().any(|text| stderr.contains(text)), "{words:?}: {stderr}");
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}

/// As this user; root, whom no mode stops, becomes someone who owns the copy.
fn unprivileged(copy: &Copy, command: &mut Command) {
    if is_root() {
        for directory in [&copy.data, copy.rings.path()] {
            give_away(directory);
        }
        command.uid(NOBODY).gid(NOBODY);
    }
}

fn give_away(path: &Path) {
    chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            give_away(&entry.unwrap().path());
        }
    }
}

/// Whether another user can run the command at all.
fn nobody_may_run_it(copy: &Copy) -> bool {
    let mut version = Command::new(env!("CARGO_BIN_EXE_tde"));
    version.arg("--version");
    unprivileged(copy, &mut version);
    let may = version.output().is_ok_and(|output| output.status.success());
    if !may {
        eprintln!("SKIPPED: another user cannot run the command where it lies");
    }
    may
}

#[test]
fn every_one_of_these_commands_works_where_nothing_is_in_its_way() {
    for words in COMMANDS {
        let copy = copy();
        let before = files(&copy.data);
        let output = command(&copy, words).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert_ne!(files(&copy.data), before, "{words:?} has something to do");
    }
}

#[test]
fn a_second_writer_is_named_and_waited_for_by_no_one() {
    for words in COMMANDS {
        let copy = copy();
        let lock = File::create(copy.data.join("pg_tde/tde.lock")).unwrap();
        fs::write(copy.data.join("pg_tde/tde.lock"), "process 1 (another)").unwrap();
        lock.lock().unwrap();
        let before = files(&copy.data);
        let output = command(&copy, words).output().unwrap();
        assert_refused(&output, words, &["is locked by process 1 (another)"]);
        assert_eq!(files(&copy.data), before, "{words:?}");
    }
}

#[test]
fn a_link_in_the_place_of_a_file_is_neither_followed_nor_replaced() {
    for words in COMMANDS {
        for name in ["pg_tde/1663_keys", "pg_tde/1664_providers", "pg_tde/16477_keys", "base/16477/16713"] {
            let copy = copy();
            let (path, elsewhere) = (copy.data.join(name), copy.rings.path().join("elsewhere"));
            fs::rename(&path, &elsewhere).unwrap();
            symlink(&elsewhere, &path).unwrap();
            let (content, before) = (fs::read(&elsewhere).unwrap(), files(&copy.data));
            let output = command(&copy, words).output().unwrap();
            assert_eq!(fs::read(&elsewhere).unwrap(), content, "{words:?}, {name}");
            assert!(fs::symlink_metadata(&path).unwrap().is_symlink(), "{words:?} replaced the link {name}");
            // Commands that do not need the file go on without it; `repair` names it and goes on.
            if output.status.code() == Some(2) {
                assert_eq!(files(&copy.data), before, "{words:?}, {name}");
                let stderr = String::from_utf8_lossy(&output.stderr);
                assert!(stderr.starts_with("tde: "), "{words:?}, {name}: {stderr}");
            }
        }
    }
    let copy = copy();
    let path = copy.data.join("base/16477/16713");
    fs::rename(&path, copy.data.join("base/16477/elsewhere")).unwrap();
    symlink("elsewhere", &path).unwrap();
    let words = &["relation", "encrypt", "base/16477/16713"];
    let output = command(&copy, words).output().unwrap();
    assert_refused(&output, words, &["is a symbolic link"]);
}

#[test]
fn a_read_only_directory_is_named_and_nothing_is_written() {
    if !nobody_may_run_it(&copy()) {
        return;
    }
    for words in COMMANDS {
        let copy = copy();
        let mut command = command(&copy, words);
        unprivileged(&copy, &mut command);
        let directory = copy.data.join("pg_tde");
        fs::set_permissions(&directory, Permissions::from_mode(0o500)).unwrap();
        let before = files(&copy.data);
        let output = command.output().unwrap();
        fs::set_permissions(&directory, Permissions::from_mode(0o700)).unwrap();
        assert_refused(&output, words, &["Permission denied"]);
        assert_eq!(files(&copy.data), before, "{words:?}");
    }
    // The relation's directory alone: the key file must not change either.
    let copy = copy();
    let words = &["relation", "encrypt", "base/16477/16713"];
    let mut command = command(&copy, words);
    unprivileged(&copy, &mut command);
    fs::set_permissions(copy.data.join("base/16477"), Permissions::from_mode(0o500)).unwrap();
    let before = files(&copy.data);
    let output = command.output().unwrap();
    fs::set_permissions(copy.data.join("base/16477"), Permissions::from_mode(0o700)).unwrap();
    assert_refused(&output, words, &["Permission denied"]);
    assert_eq!(files(&copy.data), before);
}

#[test]
fn files_of_another_user_are_left_alone() {
    if !is_root() {
        return eprintln!("SKIPPED: only root can give files away");
    }
    if !nobody_may_run_it(&copy()) {
        return;
    }
    for words in COMMANDS {
        let copy = copy();
        let mut command = command(&copy, words);
        unprivileged(&copy, &mut command);
        chown(copy.data.join("pg_tde"), Some(0), Some(0)).unwrap();
        let before = files(&copy.data);
        let output = command.output().unwrap();
        assert_refused(&output, words, &["Permission denied"]);
        assert_eq!(files(&copy.data), before, "{words:?}");
    }
    // A directory of relations that another user could have put there.
    let copy = copy();
    chown(copy.data.join("base/16477"), Some(NOBODY), Some(NOBODY)).unwrap();
    let before = files(&copy.data);
    let words = &["relation", "encrypt", "base/16477/16713"];
    let output = command_of(&copy, words);
    assert_refused(&output, words, &["another owner"]);
    assert_eq!(files(&copy.data), before);
}

fn command_of(copy: &Copy, words: &[&str]) -> Output {
    command(copy, words).output().unwrap()
}

/// A limit on the size of files stands for the full disk: with SIGXFSZ ignored a write fails, half done.
#[test]
fn a_disk_that_is_full_is_named_and_everything_is_as_it_was() {
    for words in COMMANDS {
        for blocks in [0, 1] {
            for kills in [false, true] {
                let copy = copy();
                let before = files(&copy.data);
                let script =
                    format!("{}ulimit -f {blocks}; exec \"$@\"", if kills { "" } else { "trap '' XFSZ; " });
                let mut arguments: Vec<OsString> = ["-c", &script, "sh"].map(OsString::from).to_vec();
                arguments.push(env!("CARGO_BIN_EXE_tde").into());
                arguments.extend(copy.arguments(words));
                let output = Command::new("sh").args(&arguments).output().unwrap();
                if output.status.success() {
                    // The command's files are smaller than that.
                    assert!(blocks > 0, "{words:?}");
                    continue;
                }
                if kills {
                    assert!(output.status.signal().is_some(), "{words:?}: {output:?}");
                } else {
                    assert_refused(&output, words, &["File too large", "too large"]);
                    assert_eq!(files(&copy.data), before, "{words:?}, {blocks}");
                }
                // The key directory is whole, and the next command puts right what is left.
                let again = command_of(&copy, &["repair"]);
                assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
                copy.verify();
            }
        }
    }
}

#[test]
fn a_keyring_is_lost_to_no_fault() {
    let directory = tempfile::tempdir().unwrap();
    let ring = directory.path().join("ring");
    let tde = env!("CARGO_BIN_EXE_tde");
    let add = |prefix: &str, key: &str| {
        let script = format!("{prefix} exec {tde} keyring add {} --key {key}", ring.display());
        Command::new("sh").args(["-c", &script]).output().unwrap()
    };
    assert!(add("", "one").status.success());
    let before = fs::read(&ring).unwrap();
    let full = add("trap '' XFSZ; ulimit -f 0;", "two");
    assert_refused(&full, &["keyring add"], &["too large"]);
    let lock = File::create(directory.path().join("tde.lock")).unwrap();
    lock.lock().unwrap();
    assert_refused(&add("", "two"), &["keyring add"], &["is locked by"]);
    drop(lock);
    assert_eq!(fs::read(&ring).unwrap(), before);
    let target = directory.path().join("target");
    fs::rename(&ring, &target).unwrap();
    symlink("target", &ring).unwrap();
    assert_refused(&add("", "two"), &["keyring add"], &["is a symbolic link"]);
    assert_eq!(fs::read(&target).unwrap(), before);
    assert_eq!(files(directory.path()).len(), 2, "nothing is left over");
}
