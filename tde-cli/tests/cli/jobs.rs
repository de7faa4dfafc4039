//! Several threads do what one does, in bounded memory, and leave nothing behind when they fail.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::corpus::Corpus;
use crate::tde::tde;

/// An encrypted relation of eight pages.
const RELATION: &str = "base/16477/16667";
const MIB: u64 = 1 << 20;

/// A copy of a cluster in which that relation is longer: by pages that were never written.
struct Long {
    corpus: Corpus,
    data: TempDir,
    out: TempDir,
}

impl Long {
    fn of(length: u64) -> Self {
        let corpus = Corpus::first_of(&["B-excerpt"]);
        let data = corpus.cluster.copy_data();
        let long = Self { corpus, data, out: tempfile::tempdir().unwrap() };
        let file = OpenOptions::new().write(true).open(long.relation()).unwrap();
        file.set_len(length).unwrap();
        long
    }

    fn relation(&self) -> PathBuf {
        self.data.path().join(RELATION)
    }

    fn command(&self, words: &[&str], options: &[&str]) -> Vec<OsString> {
        let mut command: Vec<OsString> = words.iter().map(OsString::from).collect();
        command.push(self.data.path().into());
        command.extend(options.iter().map(OsString::from));
        command.extend(self.corpus.key_options());
        command
    }

    fn decrypt(&self, options: &[&str]) -> Vec<OsString> {
        let mut command = self.command(&["relation", "decrypt"], &[RELATION]);
        command.extend(options.iter().map(OsString::from));
        command
    }

    fn target(&self) -> String {
        self.out.path().join("plain").to_str().unwrap().to_owned()
    }

    /// Runs the command in a shell that has done something to itself before.
    fn limited(&self, limits: &str, arguments: Vec<OsString>) -> Output {
        Command::new("sh")
            .args(["-c", &format!("{limits}; exec \"$@\""), "sh", env!("CARGO_BIN_EXE_tde")])
            .args(arguments)
            // Each arena of the C library's allocator takes 64 MiB of addresses, none of it memory.
            .env("MALLOC_ARENA_MAX", "1")
            .output()
            .unwrap()
    }
}

fn is_empty(directory: &Path) -> bool {
    fs::read_dir(directory).unwrap().next().is_none()
}

#[test]
fn any_number_of_threads_writes_the_same_plaintext() {
    let long = Long::of(40 * MIB);
    let streamed = tde(long.decrypt(&["-o", "-"])).expect(0).stdout;
    assert_eq!(streamed.len() as u64, 40 * MIB);
    for jobs in ["1", "2", "5"] {
        tde(long.decrypt(&["-o", &long.target(), "--force", "--no-sync", "--jobs", jobs])).expect(0);
        assert!(fs::read(long.target()).unwrap() == streamed, "--jobs {jobs}");
    }
    tde(long.decrypt(&["-o", &long.target(), "--jobs", "0"])).expect(2);
}

#[test]
fn any_number_of_threads_finds_the_same() {
    let long = Long::of(20 * MIB + 17);
    let mut bytes = fs::read(long.relation()).unwrap();
    for at in [3 * 8192 + 20, 12 * (1 << 20) + 5] {
        bytes[at] ^= 1;
    }
    fs::write(long.relation(), bytes).unwrap();
    let found = |jobs| tde(long.command(&["verify"], &["-v", "--jobs", jobs])).expect(1).stdout_text();
    let one = found("1");
    assert!(one.matches("WRONG").count() == 3, "{one}");
    assert_eq!(found("2"), one);
    assert_eq!(found("5"), one);
}

#[test]
fn a_file_that_is_cut_off_leaves_nothing_behind() {
    let long = Long::of(20 * MIB + 17);
    let run = tde(long.decrypt(&["-o", &long.target(), "--jobs", "3"])).expect(1);
    assert!(run.stderr.contains("ends 17 bytes into a page"), "{run}");
    assert!(is_empty(long.out.path()));
}

#[test]
fn a_write_that_fails_in_the_middle_leaves_nothing_behind() {
    let long = Long::of(20 * MIB);
    // Blocks of 512 or 1024 bytes, as the shell likes.
    let limits = "trap '' XFSZ; ulimit -f 8192";
    let ended = long.limited(limits, long.decrypt(&["-o", &long.target(), "--jobs", "3"]));
    let stderr = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains(RELATION) && stderr.contains(&long.target()), "{stderr}");
    assert!(is_empty(long.out.path()));
}

#[test]
fn memory_does_not_grow_with_the_file() {
    let long = Long::of(256 * MIB);
    // Not even enough addresses for half of it.
    let limits = "ulimit -v 131072";
    let decrypt = long.decrypt(&["-o", &long.target(), "--no-sync", "--jobs", "4"]);
    for command in [decrypt, long.command(&["verify"], &["--jobs", "4"])] {
        let ended = long.limited(limits, command);
        let stderr = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(0), "{stderr}");
    }
    assert_eq!(fs::metadata(long.target()).unwrap().len(), 256 * MIB);
}
