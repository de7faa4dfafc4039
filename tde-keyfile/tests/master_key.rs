//! Master keys: the `openssl` command is the peer, and no crash or error loses a key.
#![cfg(all(feature = "passphrase", feature = "testing", unix))]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tde_keyfile::PrincipalKeyName;
use tde_keyfile::master_key::{
    Argon2Params, Error, FileFormat, Identified, MasterKey, MasterKeyFile, NewSecret, OpenOptions,
    Passphrase, PassphraseFault, PassphraseSource, UnlockOptions, UnlockedKey, identify, open, seal,
};
use tde_keyfile::provider::{FileKeyring, KeyProvider};
use tde_keyfile::storage::testing::{FailingStorage, Fault, ForgettingStorage, Persistence, SampleLimit};
use tde_keyfile::storage::{DiskStorage, LOCK_NAME, Storage};

const DISK: DiskStorage = DiskStorage::new();
const NOW: i64 = 1_700_000_000;
const OLD: &str = "correct horse battery staple";
const NEW: &str = "another good passphrase";

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text.as_bytes()).unwrap()
}

/// As cheap as allowed.
fn quick() -> FileFormat {
    FileFormat::Tde(Argon2Params::new(8 << 10, 1, 1).unwrap())
}

/// Gives these, and counts how often it is asked.
struct Given {
    current: &'static str,
    fresh: &'static str,
    asked: usize,
}

fn given(current: &'static str, fresh: &'static str) -> Given {
    Given { current, fresh, asked: 0 }
}

impl PassphraseSource for Given {
    fn current(&mut self) -> Result<Passphrase, Error> {
        self.asked += 1;
        Passphrase::new(self.current.as_bytes())
    }
    fn fresh(&mut self) -> Result<Passphrase, Error> {
        self.asked += 1;
        Passphrase::new(self.fresh.as_bytes())
    }
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

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != LOCK_NAME)
        .collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn what_openssl_writes_is_read() {
    let key = MasterKey::random().unwrap();
    let digits = key.to_hex();
    let pass = format!("pass:{OLD}");
    for iterations in [1, 10_000, 1_000_000] {
        let count = iterations.to_string();
        let arguments = ["-iter", &count, "-pass", &pass];
        for line_end in ["", "\n", "\r\n"] {
            let file = openssl(&arguments, &[&digits[..], line_end.as_bytes()].concat());
            assert!(matches!(identify(&file), Ok(Identified::OpenSsl)));
            let options = OpenOptions { openssl_iterations: iterations, ..OpenOptions::default() };
            assert!(
                open(&file, &passphrase(OLD), &options).unwrap().ct_eq(&key),
                "{iterations} {line_end:?}"
            );
        }
        let upper = openssl(&arguments, &digits.to_ascii_uppercase());
        let options = OpenOptions { openssl_iterations: iterations, ..OpenOptions::default() };
        assert!(open(&upper, &passphrase(OLD), &options).unwrap().ct_eq(&key));
    }
    // A million is the default.
    let file = openssl(&["-iter", "1000000", "-pass", &pass], &digits[..]);
    assert!(open(&file, &passphrase(OLD), &OpenOptions::default()).unwrap().ct_eq(&key));
}

#[test]
fn what_is_written_openssl_reads() {
    let directory = tempfile::tempdir().unwrap();
    let source = directory.path().join("passphrase");
    for text in [OLD, "spaces  and \u{e9}\u{4e2d} and \"quotes\"", " leading"] {
        fs::write(&source, format!("{text}\nsecond line")).unwrap();
        fs::set_permissions(&source, Permissions::from_mode(0o600)).unwrap();
        let passphrase = Passphrase::read_file(&source).unwrap();
        for iterations in [1, 10_000] {
            let key = MasterKey::random().unwrap();
            let file = seal(&key, &passphrase, FileFormat::OpenSsl { iterations }, NOW).unwrap();
            let pass = format!("file:{}", source.display());
            let plain = openssl(&["-d", "-iter", &iterations.to_string(), "-pass", &pass], &file);
            assert_eq!(plain, [&key.to_hex()[..], b"\n"].concat());
        }
    }
}

#[test]
fn other_plaintext_of_openssl_is_no_master_key() {
    let pass = format!("pass:{OLD}");
    let options = OpenOptions { openssl_iterations: 10, ..OpenOptions::default() };
    let seal = |plain: &[u8]| openssl(&["-iter", "10", "-pass", &pass], plain);
    for plain in [&[b'a'; 65][..], &[b'g'; 64], &[b'a'; 66], &[0; 64]] {
        assert!(matches!(open(&seal(plain), &passphrase(OLD), &options), Err(Error::WrongOrDamaged)));
    }
    for plain in [&[b'a'; 63][..], b"", &[b'a'; 80]] {
        assert!(matches!(open(&seal(plain), &passphrase(OLD), &options), Err(Error::Damaged { .. })));
    }
    for bytes in [&b""[..], b"Salted_", b"\x7fELF and so on", &[0; 180]] {
        assert!(matches!(open(bytes, &passphrase(OLD), &options), Err(Error::NotMasterKey)));
    }
}

#[test]
fn init_makes_a_private_file_and_never_replaces_one_silently() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("master.key");
    let file = MasterKeyFile::new(&DISK, &path, "test");
    let changed = file.init(&mut given("", OLD), quick(), false, NOW).unwrap();
    assert_eq!((changed.event, changed.format, &changed.archived), ("init", "tde", &None));
    assert_eq!(names(directory.path()), ["master.key", "master.key.log"]);
    assert_eq!((mode(&path), mode(&changed.log)), (0o600, 0o600));
    let first = fs::read(&path).unwrap();
    let key = file.open(&mut given(OLD, ""), &OpenOptions::default()).unwrap();
    assert_eq!(Some(key.fingerprint()), changed.fingerprint);

    let mut source = given("", NEW);
    let refused = file.init(&mut source, quick(), false, NOW).unwrap_err();
    assert!(matches!(refused, Error::Exists { .. }));
    assert_eq!(source.asked, 0, "the passphrase is not asked for in vain");
    assert_eq!(fs::read(&path).unwrap(), first);

    for expected in ["master.key.20231114T221320Z", "master.key.20231114T221320Z-1"] {
        let before = fs::read(&path).unwrap();
        let changed = file.init(&mut given("", NEW), quick(), true, NOW).unwrap();
        let archived = changed.archived.unwrap();
        assert_eq!(archived, directory.path().join(expected));
        assert_eq!(fs::read(&archived).unwrap(), before);
        assert_eq!(mode(&archived), 0o600);
    }
    let status = file.status().unwrap();
    assert_eq!(status.archived.len(), 2);
    assert_eq!(status.log.len(), 3);
    assert!(status.log[2].starts_with("2023-11-14T22:13:20Z init format=tde key="));
    assert!(status.log[2].ends_with(" archived=master.key.20231114T221320Z-1"));
    // The archived file still opens, with the passphrase of its time.
    assert!(open(&first, &passphrase(OLD), &OpenOptions::default()).unwrap().ct_eq(&key));
}

#[test]
fn a_short_passphrase_is_refused_for_new_files_only() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("master.key");
    let file = MasterKeyFile::new(&DISK, &path, "test");
    let refused = file.init(&mut given("", "elevenchars"), quick(), false, NOW).unwrap_err();
    assert!(matches!(refused, Error::Passphrase(PassphraseFault::TooShort { characters: 11 })));
    assert!(names(directory.path()).is_empty());

    let key = MasterKey::random().unwrap();
    fs::write(&path, seal(&key, &passphrase("short"), quick(), NOW).unwrap()).unwrap();
    assert!(file.open(&mut given("short", ""), &OpenOptions::default()).unwrap().ct_eq(&key));
}

#[test]
fn rotation_makes_what_it_was_asked_for_anew_and_keeps_the_rest() {
    for (new, same_key, opens_with) in
        [(NewSecret::Passphrase, true, NEW), (NewSecret::Key, false, OLD), (NewSecret::Both, false, NEW)]
    {
        for format in [quick(), FileFormat::OpenSsl { iterations: 1000 }] {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("master.key");
            let file = MasterKeyFile::new(&DISK, &path, "test");
            let options = OpenOptions { openssl_iterations: 1000, ..OpenOptions::default() };
            file.init(&mut given("", OLD), format, false, NOW).unwrap();
            let before = fs::read(&path).unwrap();
            let key = file.open(&mut given(OLD, ""), &options).unwrap();
            let changed =
                file.rotate(&mut given(OLD, NEW), new, Some(format), &options, NOW + 86_400).unwrap();
            assert_eq!(fs::read(changed.archived.unwrap()).unwrap(), before);
            let rotated = file.open(&mut given(opens_with, ""), &options).unwrap();
            assert_eq!(rotated.ct_eq(&key), same_key, "{new:?}");
            assert_eq!(identify(&fs::read(&path).unwrap()).unwrap().name(), format.name());
            let log = file.status().unwrap().log;
            assert!(log[1].starts_with("2023-11-15T22:13:20Z new-"), "{log:?}");
        }
    }
}

#[test]
fn rotation_converts_between_the_formats() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("master.key");
    let file = MasterKeyFile::new(&DISK, &path, "test");
    let options = OpenOptions { openssl_iterations: 1000, ..OpenOptions::default() };
    let old = FileFormat::OpenSsl { iterations: 1000 };
    file.init(&mut given("", OLD), old, false, NOW).unwrap();
    let key = file.open(&mut given(OLD, ""), &options).unwrap();
    file.rotate(&mut given(OLD, NEW), NewSecret::Passphrase, Some(quick()), &options, NOW).unwrap();
    assert!(matches!(identify(&fs::read(&path).unwrap()), Ok(Identified::Tde(_))));
    assert!(file.open(&mut given(NEW, ""), &options).unwrap().ct_eq(&key));
}

#[test]
fn a_wrong_passphrase_or_a_damaged_file_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("master.key");
    let file = MasterKeyFile::new(&DISK, &path, "test");
    file.init(&mut given("", OLD), quick(), false, NOW).unwrap();
    let before = fs::read(&path).unwrap();
    let listed = names(directory.path());
    let rotate = |source: &mut Given| {
        file.rotate(source, NewSecret::Both, None, &OpenOptions::default(), NOW).unwrap_err()
    };
    assert!(matches!(rotate(&mut given(NEW, OLD)).kind(), Error::WrongPassphrase));
    assert!(matches!(rotate(&mut given(OLD, "short")).kind(), Error::Passphrase(_)));
    let mut damaged = before.clone();
    damaged[120] ^= 1;
    fs::write(&path, &damaged).unwrap();
    let mut source = given(OLD, NEW);
    let error = rotate(&mut source);
    assert!(matches!(error.kind(), Error::Damaged { .. }));
    assert!(error.to_string().contains("master.key"), "{error}");
    assert_eq!(source.asked, 0);
    assert_eq!(fs::read(&path).unwrap(), damaged);
    assert_eq!(names(directory.path()), listed);
}

#[test]
fn what_cannot_hold_a_master_key_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let init = |path: PathBuf| {
        MasterKeyFile::new(&DISK, &path, "test").init(&mut given("", OLD), quick(), true, NOW).unwrap_err()
    };
    assert!(matches!(init(at("missing/master.key")), Error::NoDirectory { .. }));
    fs::create_dir(at("directory")).unwrap();
    symlink(at("nowhere"), at("link")).unwrap();
    for name in ["directory", "link"] {
        assert!(init(at(name)).to_string().contains(name));
    }
    fs::File::create(at("huge")).unwrap().set_len(1 << 30).unwrap();
    assert!(matches!(init(at("huge")).kind(), Error::NotMasterKey));
    assert_eq!(names(directory.path()), ["directory", "huge", "link"]);
}

/// What is left of a rotation opens with the old or the new secret, at every crash; and the old file is never lost.
#[test]
fn a_crash_during_rotation_at_every_call_keeps_a_file_that_opens() {
    let path = Path::new("/etc/master.key");
    let cheap = FileFormat::OpenSsl { iterations: 1 };
    let options = OpenOptions { openssl_iterations: 1, ..OpenOptions::default() };
    let key = MasterKey::random().unwrap();
    let before = seal(&key, &passphrase(OLD), cheap, NOW).unwrap();
    let open_with = |storage: &dyn Storage, text| {
        MasterKeyFile::new(storage, path, "test").open(&mut given(text, ""), &options)
    };
    let mut journals = 0;
    for halt_at in 0.. {
        let storage = ForgettingStorage::new();
        storage.put(path, &before);
        storage.halt_at(halt_at);
        let rotated = MasterKeyFile::new(&storage, path, "test").rotate(
            &mut given(OLD, NEW),
            NewSecret::Both,
            Some(cheap),
            &options,
            NOW,
        );
        for survivor in storage.crash(SampleLimit(64)).into_iter().chain([storage.kill()]) {
            let interrupted = MasterKeyFile::new(&survivor, path, "test").status().unwrap().interrupted;
            journals += usize::from(interrupted);
            // Opening recovers.
            let opened = open_with(&survivor, NEW);
            let status = MasterKeyFile::new(&survivor, path, "test").status().unwrap();
            assert!(!status.interrupted);
            match opened {
                Ok(_) => {
                    assert_eq!(survivor.get(&status.archived[0]).unwrap(), before);
                    assert_eq!((status.archived.len(), status.log.len()), (1, 1));
                }
                Err(_) => {
                    assert!(rotated.is_err());
                    assert!(open_with(&survivor, OLD).unwrap().ct_eq(&key));
                    assert_eq!((status.archived.len(), status.log.len()), (0, 0));
                }
            }
        }
        if rotated.is_ok() {
            assert!(halt_at > 40 && journals > 40, "{halt_at} {journals}");
            break;
        }
    }
}

/// A directory on a memory file system, if this machine has one.
fn memory_directory() -> Option<tempfile::TempDir> {
    let found = Path::new("/dev/shm").is_dir() && DISK.is_memory(Path::new("/dev/shm")).unwrap_or(false);
    if !found {
        eprintln!("SKIPPED: /dev/shm is no memory file system here");
    }
    found.then(|| tempfile::tempdir_in("/dev/shm").unwrap())
}

fn with_keyring(name: &str) -> UnlockOptions {
    UnlockOptions { keyring_name: Some(name.parse().unwrap()), allow_disk: false }
}

#[test]
fn the_key_is_unlocked_into_memory_and_locked_again() {
    let Some(memory) = memory_directory() else { return };
    let key = MasterKey::random().unwrap();
    let unlocked = UnlockedKey::new(&DISK, &memory.path().join("tde"));
    let name: PrincipalKeyName = "server-key".parse().unwrap();
    for first in [true, false] {
        let files = unlocked.unlock(&key, &with_keyring("server-key")).unwrap();
        assert_eq!(files.iter().map(|file| file.written).collect::<Vec<_>>(), [first, first]);
        assert_eq!(mode(unlocked.directory()), 0o700);
        assert_eq!((mode(&unlocked.hex_path()), mode(&unlocked.keyring_path())), (0o600, 0o600));
        assert_eq!(fs::read(unlocked.hex_path()).unwrap(), &key.to_hex()[..]);
        let keyring = fs::read(unlocked.keyring_path()).unwrap();
        assert_eq!(keyring.len(), 292);
        assert_eq!(keyring[..11], *b"server-key\0");
        assert_eq!(keyring[256..288], *key.as_principal_key().expose_bytes());
        assert_eq!(keyring[288..], [32, 0, 0, 0]);
    }
    let found = FileKeyring::new(unlocked.keyring_path()).principal_key(&name).unwrap().unwrap();
    assert!(found.key.ct_eq(key.as_principal_key()));
    let status = unlocked.status().unwrap();
    assert!(status.memory && status.hex.is_some() && status.keyring.is_some());

    assert_eq!(unlocked.lock(false).unwrap().removed.len(), 2);
    assert!(!unlocked.directory().exists());
    assert!(unlocked.lock(false).unwrap().removed.is_empty());
    assert!(unlocked.status().unwrap().hex.is_none());
}

#[test]
fn locking_overwrites_before_it_removes() {
    let Some(memory) = memory_directory() else { return };
    let unlocked = UnlockedKey::new(&DISK, &memory.path().join("tde"));
    unlocked.unlock(&MasterKey::random().unwrap(), &with_keyring("k")).unwrap();
    // A second name shows what becomes of the content.
    let (hex, keyring) = (memory.path().join("hex"), memory.path().join("keyring"));
    fs::hard_link(unlocked.hex_path(), &hex).unwrap();
    fs::hard_link(unlocked.keyring_path(), &keyring).unwrap();
    let leftover = unlocked.directory().join("tde-00000000000000000000000000000000-0.new");
    fs::write(&leftover, "left by an interrupted run").unwrap();
    assert_eq!(unlocked.lock(false).unwrap().removed.len(), 3);
    assert_eq!(fs::read(hex).unwrap(), [0; 64]);
    assert_eq!(fs::read(keyring).unwrap(), [0; 292]);
    assert!(!leftover.exists());
}

#[test]
fn another_key_in_the_way_stays() {
    let Some(memory) = memory_directory() else { return };
    let unlocked = UnlockedKey::new(&DISK, &memory.path().join("tde"));
    let first = MasterKey::random().unwrap();
    unlocked.unlock(&first, &with_keyring("one")).unwrap();
    let second = MasterKey::random().unwrap();
    assert!(matches!(unlocked.unlock(&second, &UnlockOptions::default()), Err(Error::OtherKey { .. })));
    assert!(matches!(unlocked.unlock(&first, &with_keyring("two")), Err(Error::OtherKey { .. })));
    assert_eq!(fs::read(unlocked.hex_path()).unwrap(), &first.to_hex()[..]);
}

#[test]
fn keys_that_a_server_added_to_the_keyring_are_not_destroyed() {
    let Some(memory) = memory_directory() else { return };
    let unlocked = UnlockedKey::new(&DISK, &memory.path().join("tde"));
    let key = MasterKey::random().unwrap();
    unlocked.unlock(&key, &with_keyring("one")).unwrap();
    let mut keyring = fs::read(unlocked.keyring_path()).unwrap();
    let mut added = keyring.clone();
    added[0] = b'b';
    added[256] ^= 1;
    keyring.extend_from_slice(&added);
    fs::write(unlocked.keyring_path(), &keyring).unwrap();
    assert!(!unlocked.unlock(&key, &with_keyring("one")).unwrap()[1].written);
    assert!(matches!(unlocked.lock(false), Err(Error::OtherKeys { .. })));
    assert_eq!(fs::read(unlocked.keyring_path()).unwrap(), keyring);
    assert_eq!(unlocked.lock(true).unwrap().removed.len(), 2);
}

#[test]
fn a_disk_and_an_open_directory_are_refused() {
    let disk = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let key = MasterKey::random().unwrap();
    if DISK.is_memory(disk.path()).unwrap() {
        eprintln!("SKIPPED: the build directory is in memory");
    } else {
        for directory in [disk.path().to_path_buf(), disk.path().join("new")] {
            let unlocked = UnlockedKey::new(&DISK, &directory);
            assert!(matches!(unlocked.unlock(&key, &UnlockOptions::default()), Err(Error::NotMemory { .. })));
        }
        assert!(names(disk.path()).is_empty());
        let forced = UnlockOptions { allow_disk: true, ..UnlockOptions::default() };
        let unlocked = UnlockedKey::new(&DISK, &disk.path().join("new"));
        assert!(unlocked.unlock(&key, &forced).unwrap()[0].written);
        assert!(!unlocked.status().unwrap().memory);
        unlocked.lock(false).unwrap();
    }

    let Some(memory) = memory_directory() else { return };
    let refused =
        |directory: &Path| match UnlockedKey::new(&DISK, directory).unlock(&key, &UnlockOptions::default()) {
            Err(error) => error,
            Ok(_) => panic!("{} was accepted", directory.display()),
        };
    assert!(matches!(refused(&memory.path().join("a/b")), Error::NoDirectory { .. }));
    let open = memory.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, Permissions::from_mode(0o750)).unwrap();
    assert!(matches!(refused(&open), Error::Access { .. }));
    let file = memory.path().join("file");
    fs::write(&file, "").unwrap();
    let link = memory.path().join("link");
    symlink(&open, &link).unwrap();
    for path in [file, link] {
        assert!(matches!(refused(&path), Error::Access { .. }));
    }
    if rustix::process::geteuid().is_root() {
        fs::set_permissions(&open, Permissions::from_mode(0o700)).unwrap();
        std::os::unix::fs::chown(&open, Some(1234), None).unwrap();
        assert!(matches!(refused(&open), Error::Access { .. }));
    }
    // A file that others may read was not left by us.
    let unlocked = UnlockedKey::new(&DISK, &memory.path().join("tde"));
    unlocked.unlock(&key, &UnlockOptions::default()).unwrap();
    fs::set_permissions(unlocked.hex_path(), Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(refused(unlocked.directory()), Error::Access { .. }));
}

#[test]
fn an_error_at_every_call_of_unlocking_leaves_no_half_written_key() {
    let Some(memory) = memory_directory() else { return };
    let key = MasterKey::random().unwrap();
    for fault in [Fault::NoSpace, Fault::Device] {
        for fail_at in 0.. {
            let storage = FailingStorage::new(DISK);
            let unlocked = UnlockedKey::new(&storage, &memory.path().join("tde"));
            storage.fail_at(fail_at, fault, Persistence::Once);
            let done = unlocked.unlock(&key, &with_keyring("k"));
            let calls = storage.calls();
            storage.heal();
            for (path, size) in [(unlocked.hex_path(), 64), (unlocked.keyring_path(), 292)] {
                assert!(!path.exists() || fs::metadata(&path).unwrap().len() == size);
            }
            unlocked.unlock(&key, &with_keyring("k")).unwrap();
            unlocked.lock(false).unwrap();
            assert!(!unlocked.directory().exists());
            if calls <= fail_at {
                done.unwrap();
                break;
            }
        }
    }
}
