//! The storage layer on the real file system: access is kept, and what is odd is refused with a clear error.
#![cfg(all(feature = "testing", unix))]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use tde_keyfile::storage::testing::{FailingStorage, Fault, Persistence};
use tde_keyfile::storage::{
    Access, Before, Change, ContentHash, DiskStorage, Error, FileKind, FileStat, FileSystemSync,
    JOURNAL_NAME, LOCK_NAME, Lock, NewFileAccess, Plan, ReadHandle, Storage, WriteHandle, Writer, read_file,
    replace_file,
};

const DISK: DiskStorage = DiskStorage::new();

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

fn names(directory: &Path) -> Vec<OsString> {
    let mut names: Vec<_> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

fn write_mode(path: &Path, content: &str, mode: u32) {
    fs::write(path, content).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn owner_group_and_mode_are_kept() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("1_keys");
    for kept in [0o600, 0o640, 0o400] {
        write_mode(&path, "old", kept);
        let privileged = rustix::process::geteuid().is_root();
        if privileged {
            std::os::unix::fs::chown(&path, Some(12), Some(34)).unwrap();
        }
        let before = fs::metadata(&path).unwrap();
        replace_file(&DISK, &path, Before::Present, b"new", NewFileAccess::Private).unwrap();
        let after = fs::metadata(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!((after.uid(), after.gid(), after.mode()), (before.uid(), before.gid(), before.mode()));
        assert_ne!(after.ino(), before.ino());
        assert!(!privileged || after.uid() == 12);
        fs::remove_file(&path).unwrap();
    }
    assert!(names(directory.path()).is_empty());
}

#[test]
fn new_files_are_private_or_follow_the_directorys_group_access() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("new");
    for (directory_mode, like_directory) in [(0o700, 0o600), (0o750, 0o640), (0o755, 0o640), (0o710, 0o600)] {
        fs::set_permissions(directory.path(), Permissions::from_mode(directory_mode)).unwrap();
        for (access, expected) in
            [(NewFileAccess::Private, 0o600), (NewFileAccess::LikeDirectory, like_directory)]
        {
            replace_file(&DISK, &path, Before::Absent, b"new", access).unwrap();
            assert_eq!(mode(&path), expected, "{directory_mode:o} {access:?}");
            fs::remove_file(&path).unwrap();
        }
    }
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(directory.path(), Some(12), Some(34)).unwrap();
        replace_file(&DISK, &path, Before::Absent, b"new", NewFileAccess::LikeDirectory).unwrap();
        let metadata = fs::metadata(&path).unwrap();
        assert_eq!((metadata.uid(), metadata.gid()), (12, 34));
    }
}

#[test]
fn a_plan_makes_files_and_directories_with_the_access_of_their_surroundings() {
    let root = tempfile::tempdir().unwrap();
    let home = root.path().join("pg_tde");
    fs::create_dir(&home).unwrap();
    fs::set_permissions(&home, Permissions::from_mode(0o750)).unwrap();
    let writer = Writer::open(&DISK, root.path(), "pg_tde", "test").unwrap();
    let mut plan = Plan::new("two", NewFileAccess::LikeDirectory);
    plan.push(Change::write("pg_tde/16384/1.key", Before::Absent, b"1".to_vec()));
    plan.push(Change::write("pg_tde/16384/2.key", Before::Absent, b"2".to_vec()));
    assert_eq!(writer.apply(plan).unwrap().files.len(), 2);
    assert_eq!(mode(&home.join("16384")), 0o750);
    assert_eq!(mode(&home.join("16384/1.key")), 0o640);
    assert_eq!(names(&home), ["16384", LOCK_NAME]);
    assert_eq!(mode(&home.join(LOCK_NAME)), 0o600);
}

#[test]
fn what_is_not_a_regular_file_is_neither_read_nor_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let target = directory.path().join("target");
    fs::write(&target, "target").unwrap();
    let link = directory.path().join("link");
    symlink(&target, &link).unwrap();
    let dangling = directory.path().join("dangling");
    symlink("nowhere", &dangling).unwrap();
    let pipe = directory.path().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0)
        .unwrap();
    let kinds = [
        (link, FileKind::Symlink),
        (dangling, FileKind::Symlink),
        (pipe, FileKind::Other),
        (directory.path().to_path_buf(), FileKind::Directory),
    ];
    for (path, expected) in kinds {
        for result in [
            read_file(&DISK, &path, 100).map(|_| ()),
            replace_file(&DISK, &path, Before::Present, b"new", NewFileAccess::Private).map(|_| ()),
            replace_file(&DISK, &path, Before::Absent, b"new", NewFileAccess::Private).map(|_| ()),
        ] {
            match result {
                Err(Error::NotRegular { kind, path: named }) => {
                    assert_eq!((kind, named), (expected, path.clone()))
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(fs::read(&target).unwrap(), b"target");
    // The door behind the check is shut as well.
    assert!(DISK.open(&directory.path().join("link")).is_err());
}

#[test]
fn an_oversized_file_is_not_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("big");
    fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
    assert!(matches!(
        read_file(&DISK, &path, 1 << 20),
        Err(Error::TooLarge { size, limit, .. }) if size == 1 << 40 && limit == 1 << 20
    ));
    fs::File::create(&path).unwrap().set_len(1 << 20).unwrap();
    assert_eq!(read_file(&DISK, &path, 1 << 20).unwrap().bytes().len(), 1 << 20);
    assert!(read_file(&DISK, &directory.path().join("absent"), 1).unwrap_err().is_not_found());
}

#[test]
fn a_file_that_is_not_as_planned_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("1_keys");
    let replace = |before| replace_file(&DISK, &path, before, b"new", NewFileAccess::Private);
    let old = Before::Content(ContentHash::of(b"old"));
    assert!(matches!(replace(old), Err(Error::ChangedSincePlanned { .. })));
    fs::write(&path, "odl").unwrap();
    assert!(matches!(replace(old), Err(Error::ChangedSincePlanned { .. })));
    assert!(matches!(replace(Before::Absent), Err(Error::Exists { .. })));
    assert_eq!(fs::read(&path).unwrap(), b"odl");
    assert_eq!(names(directory.path()), ["1_keys"]);
}

#[test]
fn two_writers_exclude_each_other_and_the_second_is_told_of_the_first() {
    let directory = tempfile::tempdir().unwrap();
    let first = Writer::open(&DISK, directory.path(), "", "tde rotate").unwrap();
    let second = Writer::open(&DISK, directory.path(), "", "tde repair").unwrap_err();
    let message = second.to_string();
    assert!(matches!(second, Error::Locked { .. }));
    let expected = format!("process {} (tde rotate)", std::process::id());
    assert!(message.contains(&expected) && message.contains(LOCK_NAME), "{message}");
    drop(first);
    Writer::open(&DISK, directory.path(), "", "tde repair").unwrap();
}

#[test]
fn another_process_holding_the_lock_excludes_us() {
    let directory = tempfile::tempdir().unwrap();
    let lock = directory.path().join(LOCK_NAME);
    fs::write(&lock, "process 1 (other)").unwrap();
    // flock(1) of util-linux: `-o` keeps the descriptor from the child, `-n` fails instead of waiting.
    let child = std::process::Command::new("flock")
        .arg(&lock)
        .args(["sh", "-c", "echo locked; cat"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        eprintln!("SKIPPED: flock(1) is not here");
        return;
    };
    let mut line = [0; 7];
    io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut line).unwrap();
    let error = Writer::open(&DISK, directory.path(), "", "test").unwrap_err();
    assert!(error.to_string().contains("process 1 (other)"), "{error}");
    drop(child.stdin.take());
    child.wait().unwrap();
    Writer::open(&DISK, directory.path(), "", "test").unwrap();
}

#[test]
fn a_full_or_read_only_disk_is_named_and_leaves_nothing_behind() {
    for fault in [Fault::NoSpace, Fault::ReadOnly, Fault::NotPermitted] {
        for fail_at in 0.. {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("1_keys");
            fs::write(&path, "old").unwrap();
            let storage = FailingStorage::new(DISK);
            storage.fail_at(fail_at, fault, Persistence::Once);
            let replaced = replace_file(&storage, &path, Before::Present, b"new", NewFileAccess::Private);
            if storage.calls() <= fail_at {
                replaced.unwrap();
                break;
            }
            let error = replaced.unwrap_err();
            let content = fs::read(&path).unwrap();
            assert_eq!(content == b"new", matches!(error, Error::NotDurable { .. }), "{error:?}");
            assert_eq!(names(directory.path()), ["1_keys"], "{error:?}");
            assert!(error.to_string().contains(&*directory.path().to_string_lossy()), "{error}");
        }
    }
}

#[test]
fn a_planted_journal_is_not_obeyed() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: needs another user to plant a file");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let writer = Writer::open(&DISK, directory.path(), "", "test").unwrap();
    drop(writer);
    let journal = directory.path().join(JOURNAL_NAME);
    let bytes = {
        // A real one, of a change that a crash interrupted.
        use tde_keyfile::storage::testing::ForgettingStorage;
        let storage = ForgettingStorage::new();
        storage.put("/d/victim", b"old");
        storage.put("/d/other", b"old");
        let mut halt_at = 0;
        loop {
            let run = storage.kill();
            run.halt_at(halt_at);
            let mut plan = Plan::new("planted", NewFileAccess::Private);
            plan.push(Change::remove("victim", Before::Present));
            plan.push(Change::remove("other", Before::Present));
            let result =
                Writer::open(&run, Path::new("/d"), "", "test").and_then(|writer| writer.apply(plan));
            if matches!(result, Err(Error::Interrupted { .. }))
                && let Some(bytes) = run.get("/d/tde.journal")
            {
                break bytes;
            }
            halt_at += 1;
        }
    };
    fs::write(directory.path().join("victim"), "old").unwrap();
    fs::write(directory.path().join("other"), "old").unwrap();
    let open = || Writer::open(&DISK, directory.path(), "", "test");
    write_mode(&journal, "", 0o600);
    fs::write(&journal, &bytes).unwrap();
    std::os::unix::fs::chown(&journal, Some(1234), None).unwrap();
    assert!(matches!(open(), Err(Error::JournalAccess { owner: 1234, .. })));
    std::os::unix::fs::chown(&journal, Some(0), None).unwrap();
    fs::set_permissions(&journal, Permissions::from_mode(0o620)).unwrap();
    assert!(matches!(open(), Err(Error::JournalAccess { mode: 0o620, .. })));
    assert_eq!(fs::read(directory.path().join("victim")).unwrap(), b"old");
    fs::set_permissions(&journal, Permissions::from_mode(0o600)).unwrap();
    open().unwrap();
    assert!(!directory.path().join("victim").exists());
}

#[test]
fn a_link_to_a_directory_of_another_user_is_not_written_through() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: needs a directory of another user");
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    std::os::unix::fs::chown(elsewhere.path(), Some(1234), None).unwrap();
    symlink(elsewhere.path(), root.path().join("link")).unwrap();
    let writer = Writer::open(&DISK, root.path(), "", "test").unwrap();
    let mut plan = Plan::new("through a link", NewFileAccess::LikeDirectory);
    plan.push(Change::write("link/file", Before::Absent, b"x".to_vec()));
    assert!(matches!(writer.apply(plan), Err(Error::Plan { .. })));
    assert!(names(elsewhere.path()).is_empty());
}

/// When [`Meddling`] does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    BeforeOpen,
    AfterOpen,
    BeforeRename,
}

/// Replaces the file once, at a chosen moment of its being read or written.
#[derive(Debug)]
struct Meddling {
    moment: Moment,
    done: AtomicBool,
    with: &'static [u8],
}

impl Meddling {
    fn meddle(&self, now: Moment, path: &Path) {
        if now == self.moment && !self.done.swap(true, Ordering::Relaxed) {
            let other = path.with_extension("other");
            fs::write(&other, self.with).unwrap();
            fs::rename(other, path).unwrap();
        }
    }
}

impl Storage for Meddling {
    fn stat(&self, path: &Path) -> io::Result<FileStat> {
        DISK.stat(path)
    }
    fn open(&self, path: &Path) -> io::Result<Box<dyn ReadHandle>> {
        self.meddle(Moment::BeforeOpen, path);
        let handle = DISK.open(path);
        self.meddle(Moment::AfterOpen, path);
        handle
    }
    fn list(&self, directory: &Path) -> io::Result<Vec<OsString>> {
        DISK.list(directory)
    }
    fn create(&self, path: &Path) -> io::Result<Box<dyn WriteHandle>> {
        DISK.create(path)
    }
    fn create_directory(&self, path: &Path, access: Access) -> io::Result<()> {
        DISK.create_directory(path, access)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.meddle(Moment::BeforeRename, to);
        DISK.rename(from, to)
    }
    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.meddle(Moment::BeforeRename, to);
        DISK.rename_new(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        DISK.remove(path)
    }
    fn overwrite(&self, path: &Path) -> io::Result<()> {
        DISK.overwrite(path)
    }
    fn remove_directory(&self, path: &Path) -> io::Result<()> {
        DISK.remove_directory(path)
    }
    fn is_memory(&self, directory: &Path) -> io::Result<bool> {
        DISK.is_memory(directory)
    }
    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        DISK.sync_directory(directory)
    }
    fn file_system_sync(&self, directory: &Path) -> io::Result<Option<Box<dyn FileSystemSync>>> {
        DISK.file_system_sync(directory)
    }
    fn lock(&self, path: &Path, holder: &str) -> io::Result<Lock> {
        DISK.lock(path, holder)
    }
}

#[test]
fn a_file_replaced_while_it_is_read_is_noticed() {
    for moment in [Moment::BeforeOpen, Moment::AfterOpen] {
        for with in [&b"old"[..], b"longer than before", b""] {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("1_keys");
            fs::write(&path, "old").unwrap();
            let storage = Meddling { moment, done: AtomicBool::new(false), with };
            assert!(matches!(read_file(&storage, &path, 100), Err(Error::ChangedWhileRead { .. })));
            assert_eq!(read_file(&storage, &path, 100).unwrap().bytes(), with);
        }
    }
}

/// Whoever makes a key file holds no lock.
#[test]
fn of_two_that_make_a_file_the_second_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("key");
    let storage = Meddling { moment: Moment::BeforeRename, done: AtomicBool::new(false), with: b"first" };
    let made = replace_file(&storage, &path, Before::Absent, b"second", NewFileAccess::Private);
    assert!(matches!(&made, Err(Error::Exists { path: named }) if *named == path), "{made:?}");
    assert_eq!(fs::read(&path).unwrap(), b"first");
    assert_eq!(names(directory.path()), ["key"]);
}

/// Where syncfs(2) says little, each file is made durable by itself.
#[cfg(target_os = "linux")]
#[test]
fn only_file_systems_known_to_sync_as_a_whole_are() {
    assert!(DISK.file_system_sync(Path::new("/proc")).unwrap().is_none());
    let memory = Path::new("/dev/shm");
    if memory.is_dir() && DISK.is_memory(memory).unwrap() {
        DISK.file_system_sync(memory).unwrap().expect("Linux 5.8 or newer").sync().unwrap();
    } else {
        eprintln!("SKIPPED: /dev/shm is no memory file system here");
    }
}

/// Thousands of files in one go; the wall time is for the reader of the log.
#[test]
fn many_files_are_changed_together_on_a_real_disk() {
    let root = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let write = |old: Option<&[u8]>, new: &[u8]| {
        let writer = Writer::open(&DISK, root.path(), "", "test").unwrap();
        let mut plan = Plan::new("many", NewFileAccess::LikeDirectory);
        for number in 0..2000 {
            let before = old.map_or(Before::Absent, |old| Before::Content(ContentHash::of(old)));
            plan.push(Change::write(format!("16384/{number}.key"), before, new.to_vec()));
        }
        let begun = std::time::Instant::now();
        writer.apply(plan).unwrap();
        eprintln!("2000 files: {:?}", begun.elapsed());
    };
    write(None, &[1; 400]);
    write(Some(&[1; 400]), &[2; 400]);
    let directory = root.path().join("16384");
    assert_eq!(names(&directory).len(), 2000);
    assert!(names(&directory).iter().all(|name| fs::read(directory.join(name)).unwrap() == [2; 400]));
}
