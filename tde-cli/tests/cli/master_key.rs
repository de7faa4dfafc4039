//! `tde master-key`: the `openssl` command is the peer, and the key never comes to lie where it should not.

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tde_testkit::to_hex;

use crate::tde::{Run, tde, tde_in};

const OLD: &str = "correct horse battery staple";
const NEW: &str = "another good passphrase";
/// As cheap as allowed.
const CHEAP: [&str; 6] = ["--argon2-memory", "8", "--argon2-passes", "1", "--argon2-lanes", "1"];

/// A directory with passphrase files and a place for a master key.
struct Place {
    directory: tempfile::TempDir,
    memory: Option<tempfile::TempDir>,
}

impl Place {
    fn new() -> Self {
        let shm = Path::new("/dev/shm");
        let memory = is_tmpfs(shm).then(|| tempfile::tempdir_in(shm).unwrap());
        // On a disk, whatever /tmp is.
        let place = Self { directory: tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap(), memory };
        for (name, text) in [("old", OLD), ("new", NEW), ("short", "elevenchars")] {
            private(&place.at(name), format!("{text}\n").as_bytes());
        }
        place
    }

    /// With a master key that `OLD` opens.
    fn with_key(format: &str) -> Self {
        let place = Self::new();
        place
            .run(&["init", "--format", format, "--iter", "1000", "--passphrase-file", "old"], &CHEAP)
            .expect(0);
        place
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn key(&self) -> PathBuf {
        self.at("master.key")
    }

    /// Runs a command of `tde master-key` on the key file, in the directory.
    fn run(&self, words: &[&str], more: &[&str]) -> Run {
        let (command, options) = words.split_first().unwrap();
        let file = if *command == "lock" { &[][..] } else { &["master.key"] };
        let arguments = [&["master-key", command], file, options, more].concat();
        tde_in(self.directory.path(), arguments, b"")
    }

    /// A directory to unlock into, which does not exist; `None` without a memory file system.
    fn memory(&self) -> Option<PathBuf> {
        if self.memory.is_none() {
            eprintln!("SKIPPED: /dev/shm is no memory file system here");
        }
        self.memory.as_ref().map(|memory| memory.path().join("tde"))
    }

    fn unlock(&self, passphrase: &str, directory: &Path, more: &[&str]) -> Run {
        let directory = directory.to_str().unwrap();
        self.run(&["unlock", "--iter", "1000", "--passphrase-file", passphrase, "--dir", directory], more)
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !["old", "new", "short", "tde.lock"].contains(&name.as_str()))
            .collect();
        names.sort();
        names
    }
}

fn private(path: &Path, content: &[u8]) {
    fs::write(path, content).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

fn is_tmpfs(path: &Path) -> bool {
    let output = Command::new("stat").args(["-f", "-c", "%T"]).arg(path).output();
    output.is_ok_and(|output| output.stdout.starts_with(b"tmpfs"))
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

fn openssl(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("openssl")
        .args(["enc", "-aes-256-cbc", "-salt", "-pbkdf2"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the openssl command is needed");
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    output.stdout
}

fn json(run: &Run) -> Value {
    serde_json::from_slice(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run}"))
}

#[test]
fn openssl_reads_what_init_writes() {
    let place = Place::new();
    for iterations in ["1000", "1000000"] {
        let more = if iterations == "1000000" { &[][..] } else { &["--iter", iterations] };
        place.run(&["init", "--replace", "--format", "openssl", "--passphrase-file", "old"], more).expect(0);
        let file = fs::read(place.key()).unwrap();
        let plain = openssl(&["-d", "-iter", iterations, "-pass", &format!("pass:{OLD}")], &file);
        let digits = plain.strip_suffix(b"\n").unwrap();
        assert_eq!(digits.len(), 64);
        assert!(digits.iter().all(u8::is_ascii_hexdigit));
    }
}

#[test]
fn unlock_reads_what_openssl_writes() {
    let place = Place::new();
    let Some(memory) = place.memory() else { return };
    let digits = to_hex(&[0xa7; 32]);
    for (iterations, line_end) in [("1000000", "\n"), ("10000", "")] {
        let plain = format!("{digits}{line_end}");
        let file = openssl(&["-iter", iterations, "-pass", &format!("pass:{OLD}")], plain.as_bytes());
        private(&place.key(), &file);
        let directory = memory.to_str().unwrap();
        let words = ["unlock", "--passphrase-file", "old", "--iter", iterations, "--dir", directory];
        place.run(&words, &[]).expect(0);
        assert_eq!(fs::read(memory.join("master-key.hex")).unwrap(), digits.as_bytes());
        tde(["master-key", "lock", "--dir", directory]).expect(0);
    }
    // Wrong iterations and a wrong passphrase look the same.
    let run = place.unlock("old", &memory, &[]).expect(1);
    assert!(run.stderr.contains("--iter"), "{run}");
    assert!(!memory.exists());
}

#[test]
fn the_key_is_unlocked_and_locked_and_both_may_be_done_again() {
    for format in ["tde", "openssl"] {
        let place = Place::with_key(format);
        let Some(memory) = place.memory() else { return };
        let (hex, keyring) = (memory.join("master-key.hex"), memory.join("master-key.per"));
        for written in [true, false] {
            let run = place.unlock("old", &memory, &["--keyring-name", "server-key", "--json"]).expect(0);
            let report = json(&run);
            assert_eq!(report["schema"], "tde.master-key/1");
            assert_eq!(report["files"][0]["written"], written);
            assert_eq!(report["files"][1]["path"], keyring.to_str().unwrap());
            assert_eq!((mode(&memory), mode(&hex), mode(&keyring)), (0o700, 0o600, 0o600));
            assert_eq!(fs::read(&hex).unwrap().len(), 64);
            assert_eq!(fs::read(&keyring).unwrap().len(), 292);
            // Nothing printed gives it away.
            let digits = fs::read_to_string(&hex).unwrap();
            assert!(!run.to_string().contains(&digits[..8]), "{run}");
        }
        let directory = memory.to_str().unwrap();
        let status = json(&place.run(&["status", "--dir", directory, "--json"], &[]).expect(0));
        assert_eq!((&status["state"], &status["format"]), (&"whole".into(), &format.into()));
        assert_eq!(status["unlocked"]["state"], "unlocked");
        assert_eq!(status["unlocked"]["memory_file_system"], true);

        let would = json(&tde(["master-key", "lock", "--dir", directory, "--dry-run", "--json"]).expect(0));
        assert_eq!(would["removed"].as_array().unwrap().len(), 2);
        assert!(hex.exists());
        for removed in [2, 0] {
            let run = tde(["master-key", "lock", "--dir", directory, "--json"]).expect(0);
            assert_eq!(json(&run)["removed"].as_array().unwrap().len(), removed);
            assert!(!memory.exists());
        }
    }
}

#[test]
fn init_refuses_to_replace_silently_and_keeps_a_dated_copy() {
    let place = Place::with_key("tde");
    let first = fs::read(place.key()).unwrap();
    assert_eq!(mode(&place.key()), 0o600);
    let run = place.run(&["init", "--passphrase-file", "new"], &CHEAP).expect(2);
    assert!(run.stderr.contains("exists already") && run.stderr.contains("--replace"), "{run}");
    assert_eq!(fs::read(place.key()).unwrap(), first);

    let run = place.run(&["init", "--replace", "--passphrase-file", "new", "--json"], &CHEAP).expect(0);
    let archived = json(&run)["archived"].as_str().unwrap().to_owned();
    assert!(archived.starts_with("master.key.2"), "{archived}");
    assert_eq!(fs::read(place.at(&archived)).unwrap(), first);
    assert_ne!(fs::read(place.key()).unwrap(), first);
    let log = fs::read_to_string(place.at("master.key.log")).unwrap();
    assert_eq!(log.lines().count(), 2);
    assert!(log.lines().nth(1).unwrap().ends_with(&format!("archived={archived}")));
}

#[test]
fn a_dry_run_asks_nothing_and_writes_nothing() {
    let place = Place::new();
    // No passphrase is given, and there is no terminal: it would fail if it asked.
    let run = place.run(&["init", "--dry-run", "--json"], &[]).expect(0);
    assert_eq!((json(&run)["dry_run"].clone(), json(&run)["event"].clone()), (true.into(), "init".into()));
    assert!(place.names().is_empty());
    place.run(&["rotate", "--dry-run", "--new-key"], &[]).expect(2);
    place.run(&["unlock", "--dry-run", "--dir", "/dev/shm/tde-none"], &[]).expect(2);

    let place = Place::with_key("tde");
    let before = place.names();
    let run = place.run(&["init", "--replace", "--dry-run"], &[]).expect(0);
    assert!(run.stdout_text().contains("would keep the old file as master.key.2"), "{run}");
    place.run(&["rotate", "--dry-run", "--new-passphrase"], &[]).expect(0);
    if let Some(memory) = place.memory() {
        let words = ["unlock", "--dry-run", "--dir", memory.to_str().unwrap()];
        assert!(place.run(&words, &[]).expect(0).stdout_text().contains("would write"));
        assert!(!memory.exists());
    }
    assert_eq!(place.names(), before);
}

#[test]
fn rotation_changes_the_passphrase_or_the_key_and_logs_it() {
    for format in ["tde", "openssl"] {
        let place = Place::with_key(format);
        let Some(memory) = place.memory() else { return };
        let directory = memory.to_str().unwrap();
        let unlocked = |passphrase| {
            place.unlock(passphrase, &memory, &[]).expect(0);
            let digits = fs::read(memory.join("master-key.hex")).unwrap();
            tde(["master-key", "lock", "--dir", directory]).expect(0);
            digits
        };
        let original = unlocked("old");
        let rotate = |more: &[&str]| {
            place.run(&[&["rotate", "--iter", "1000", "--json"], more].concat(), &CHEAP).expect(0)
        };
        rotate(&["--new-passphrase", "--passphrase-file", "old", "--new-passphrase-file", "new"]);
        assert_eq!(unlocked("new"), original);
        place.unlock("old", &memory, &[]).expect(1);
        let run = rotate(&["--new-key", "--passphrase-file", "new"]);
        assert!(run.stderr.contains("old key"), "{run}");
        assert_ne!(unlocked("new"), original);
        let status = json(&place.run(&["status", "--json"], &[]).expect(0));
        assert_eq!(status["archived"].as_array().unwrap().len(), 2);
        assert_eq!(status["format"], format);
        let log: Vec<_> =
            status["log"].as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned()).collect();
        let events: Vec<_> = log.iter().map(|line| line.split(' ').nth(1).unwrap()).collect();
        assert_eq!(events, ["init", "new-passphrase", "new-key"]);
        // Same key, same fingerprint.
        let prints: Vec<_> =
            log.iter().map(|line| line.split("key=").last().unwrap()[..16].to_owned()).collect();
        assert!(prints[0] == prints[1] && prints[1] != prints[2], "{log:?}");
    }
    Place::with_key("tde").run(&["rotate", "--passphrase-file", "old"], &[]).expect(2);
}

#[test]
fn a_wrong_passphrase_is_told_from_each_damaged_byte() {
    let place = Place::with_key("tde");
    let Some(memory) = place.memory() else { return };
    let run = place.unlock("new", &memory, &[]).expect(1);
    assert!(run.stderr.contains("wrong passphrase"), "{run}");
    let whole = fs::read(place.key()).unwrap();
    // One byte of each field, and the last of the file; every byte is tried in the library's tests.
    for at in [9, 13, 17, 21, 25, 29, 33, 41, 73, 85, 101, 133, 149, 179] {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x40;
        private(&place.key(), &damaged);
        let run = place.unlock("old", &memory, &[]).expect(1);
        assert!(run.stderr.contains("damaged") && !run.stderr.contains("wrong passphrase"), "{at}: {run}");
        let status = place.run(&["status", "--json"], &[]).expect(1);
        assert_eq!(json(&status)["state"], "damaged");
    }
    private(&place.key(), &whole[..100]);
    assert!(place.unlock("old", &memory, &[]).expect(1).stderr.contains("damaged"));
    private(&place.key(), b"something else");
    assert!(place.unlock("old", &memory, &[]).expect(2).stderr.contains("not a master key file"));
    fs::remove_file(place.key()).unwrap();
    assert!(place.unlock("old", &memory, &[]).expect(2).stderr.contains("master-key init"));
    assert_eq!(json(&place.run(&["status", "--json"], &[]).expect(1))["state"], "missing");
    assert!(!memory.exists());
}

#[test]
fn a_hostile_file_is_refused_before_it_takes_memory() {
    use sha2::{Digest, Sha256};
    let place = Place::with_key("tde");
    let Some(memory) = place.memory() else { return };
    for (at, value) in [(16, u32::MAX), (20, u32::MAX), (24, 17)] {
        let mut file = fs::read(place.key()).unwrap();
        file[at..at + 4].copy_from_slice(&u32::to_le_bytes(value));
        let checksum = Sha256::digest(&file[..148]);
        file[148..].copy_from_slice(&checksum);
        private(&place.key(), &file);
        let run = place.unlock("old", &memory, &[]).expect(2);
        assert!(run.stderr.contains("Argon2") && run.stderr.contains(&value.to_string()), "{run}");
        let again = Place::with_key("tde");
        fs::copy(again.key(), place.key()).unwrap();
    }
    for option in [["--argon2-memory", "7"], ["--argon2-memory", "1025"], ["--argon2-passes", "0"]] {
        let run = place.run(&["init", "--replace", "--passphrase-file", "old"], &option).expect(2);
        assert!(run.stderr.contains("is not within"), "{run}");
    }
}

#[test]
fn a_disk_a_missing_directory_and_open_modes_are_refused() {
    let place = Place::with_key("tde");
    if is_tmpfs(place.directory.path()) {
        eprintln!("SKIPPED: the build directory is in memory");
    } else {
        let disk = place.at("unlocked");
        let run = place.unlock("old", &disk, &[]).expect(2);
        assert!(run.stderr.contains("memory file system") && !disk.exists(), "{run}");
        place.unlock("old", &disk, &["--force"]).expect(0);
        let words = ["status", "--dir", disk.to_str().unwrap(), "--json"];
        let status = json(&place.run(&words, &[]).expect(1));
        assert!(status["problems"][0].as_str().unwrap().contains("lies on a disk"), "{status}");
        tde(["master-key", "lock", "--dir", disk.to_str().unwrap()]).expect(0);
        assert!(!disk.exists());
    }
    let Some(memory) = place.memory() else { return };
    assert!(
        place.unlock("old", &memory.join("deeper/still"), &[]).expect(2).stderr.contains("does not exist")
    );
    fs::create_dir(&memory).unwrap();
    for open in [0o750, 0o707, 0o755] {
        fs::set_permissions(&memory, Permissions::from_mode(open)).unwrap();
        let run = place.unlock("old", &memory, &[]).expect(2);
        assert!(run.stderr.contains("other users"), "{run}");
    }
    let link = memory.with_file_name("link");
    symlink(&memory, &link).unwrap();
    assert!(place.unlock("old", &link, &[]).expect(2).stderr.contains("symbolic link"));
    assert_eq!(fs::read_dir(&memory).unwrap().count(), 0);

    let missing = tde_in(place.directory.path(), ["master-key", "init", "no/master.key"], b"").expect(2);
    assert!(missing.stderr.contains("does not exist"), "{missing}");
    symlink("elsewhere", place.at("linked.key")).unwrap();
    let linked =
        tde_in(place.directory.path(), ["master-key", "init", "linked.key", "--replace"], b"").expect(2);
    assert!(linked.stderr.contains("symbolic link"), "{linked}");
}

#[test]
fn another_unlocked_key_is_left_alone() {
    let place = Place::with_key("tde");
    let Some(memory) = place.memory() else { return };
    place.unlock("old", &memory, &[]).expect(0);
    let digits = fs::read(memory.join("master-key.hex")).unwrap();
    place.run(&["init", "--replace", "--passphrase-file", "old"], &CHEAP).expect(0);
    let run = place.unlock("old", &memory, &[]).expect(2);
    assert!(run.stderr.contains("another key") && run.stderr.contains("lock"), "{run}");
    assert_eq!(fs::read(memory.join("master-key.hex")).unwrap(), digits);
}

#[test]
fn a_passphrase_comes_from_a_private_file_or_a_descriptor() {
    let place = Place::new();
    let init = |more: &[&str]| place.run(&[&["init"], more].concat(), &CHEAP);
    assert!(init(&["--passphrase-file", "short"]).expect(2).stderr.contains("at least 12"));
    assert!(init(&["--passphrase-file", "absent"]).expect(2).stderr.contains("absent"));
    fs::set_permissions(place.at("old"), Permissions::from_mode(0o644)).unwrap();
    assert!(init(&["--passphrase-file", "old"]).expect(2).stderr.contains("chmod 600"));
    private(&place.at("empty"), b"\nsecond line");
    assert!(init(&["--passphrase-file", "empty"]).expect(2).stderr.contains("empty"));
    assert!(init(&["--passphrase-fd", "97"]).expect(2).stderr.contains("descriptor 97"));
    fs::remove_file(place.at("empty")).unwrap();
    assert!(place.names().is_empty());

    let arguments = [&["master-key", "init", "master.key", "--passphrase-fd", "0"], &CHEAP[..]].concat();
    tde_in(place.directory.path(), arguments, format!("{OLD}\nrest").as_bytes()).expect(0);
    fs::set_permissions(place.at("old"), Permissions::from_mode(0o600)).unwrap();
    // The shell hands a pipe over as descriptor 3.
    let script = r#"echo "$TEXT" | "$0" master-key rotate master.key --new-passphrase --passphrase-fd 3 \
        --new-passphrase-file new --argon2-memory 8 --argon2-passes 1 3<&0 </dev/null"#;
    let status = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_tde")])
        .env("TEXT", OLD)
        .current_dir(place.directory.path())
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    if let Some(memory) = place.memory() {
        place.unlock("new", &memory, &[]).expect(0);
    }
}

#[test]
fn neither_an_argument_nor_the_environment_gives_a_passphrase() {
    let help = tde(["master-key", "init", "--help"]).expect(0).stdout_text();
    assert!(!help.contains("[env"), "{help}");
    let place = Place::new();
    place.run(&["init", "--passphrase", OLD], &[]).expect(2);
    place.run(&["init", "--passphrase-file", "old", "--passphrase-fd", "0"], &[]).expect(2);
}

/// `script` of util-linux gives the command a terminal.
#[test]
fn a_new_passphrase_is_asked_for_twice_on_the_terminal() {
    let place = Place::new();
    let type_in = |typed: &str| {
        let command = format!("{} master-key init master.key {}", env!("CARGO_BIN_EXE_tde"), CHEAP.join(" "));
        let child = Command::new("script")
            .args(["-qec", &command, "/dev/null"])
            .current_dir(place.directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut child) = child else {
            eprintln!("SKIPPED: script(1) is not here");
            return None;
        };
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(typed.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        drop(stdin);
        Some((output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned()))
    };
    let Some((status, shown)) = type_in(&format!("{OLD}\n{NEW}\n")) else { return };
    assert_eq!(status, Some(2), "{shown}");
    assert!(shown.contains("The same again") && shown.contains("not the same"), "{shown}");
    let (status, shown) = type_in("elevenchars\n").unwrap();
    assert!(status == Some(2) && !shown.contains("The same again"), "{shown}");
    assert!(place.names().is_empty());
    let (status, shown) = type_in(&format!("{OLD}\n{OLD}\n")).unwrap();
    assert_eq!(status, Some(0), "{shown}");
    assert_eq!(place.names(), ["master.key", "master.key.log"]);
}

/// Interrupted at the prompt, the command leaves a terminal that shows what is typed.
#[test]
fn the_terminal_echoes_again_after_an_interrupt_at_the_prompt() {
    let place = Place::new();
    let tde = env!("CARGO_BIN_EXE_tde");
    let command = format!("trap : INT; stty echo; {tde} master-key init master.key; echo status $?; stty -a");
    let child = Command::new("script")
        .args(["-qec", &format!("sh -c '{command}'"), "/dev/null"])
        .current_dir(place.directory.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else { return eprintln!("SKIPPED: script(1) is not here") };
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut shown = Vec::new();
    let mut byte = [0];
    while !shown.ends_with(b"New passphrase: ") && stdout.read(&mut byte).unwrap() > 0 {
        shown.push(byte[0]);
    }
    // The prompt is there; the echo goes off before or right after it.
    std::thread::sleep(std::time::Duration::from_millis(300));
    stdin.write_all(b"\x03").unwrap();
    stdout.read_to_end(&mut shown).unwrap();
    child.wait().unwrap();
    let shown = String::from_utf8_lossy(&shown);
    assert!(shown.contains("status 130"), "{shown}");
    assert!(shown.split_whitespace().any(|mode| mode == "echo"), "{shown}");
    assert!(!shown.split_whitespace().any(|mode| mode == "-echo"), "{shown}");
    assert!(place.names().is_empty());
}
