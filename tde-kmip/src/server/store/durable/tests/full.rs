//! Devices that have no room left, or take no writes: what is there is read, and once there is room, changes are made.

use std::fs::File;
use std::io::Write as _;
use std::process::Command;

use super::*;

#[test]
fn a_full_device_refuses_changes_and_goes_on_reading_and_recovers() {
    let device = Device::new(u64::MAX);
    let store = create_on(&device).unwrap();
    device.room.store(device.current.lock().unwrap().len() as u64, Ordering::Relaxed);
    let mut made = 0;
    let full = loop {
        let mut large = record(&format!("{made}"), &[]);
        large.contents = Zeroizing::new(vec![7; 100_000]);
        match store.apply(vec![Change::Insert(large)]) {
            Ok(()) => made += 1,
            Err(error) => break error,
        }
        assert!(made < 1000);
    };
    assert!(matches!(full, StoreError::Full), "{full}");
    for id in 0..made {
        assert!(store.get(&id.to_string()).unwrap().is_some());
    }
    assert!(store.get(&made.to_string()).unwrap().is_none());
    device.room.store(u64::MAX, Ordering::Relaxed);
    store.apply(vec![Change::Insert(record("more", &[]))]).unwrap();
    drop(store);
    let store = open_on(&device).unwrap();
    assert!(store.get("more").unwrap().is_some() && store.get("0").unwrap().is_some());
}

#[test]
fn a_device_that_takes_no_writes_from_any_operation_on_is_read() {
    let device = Device::new(u64::MAX);
    let store = create_on(&device).unwrap();
    let before = device.operations.load(Ordering::Relaxed);
    work(&store, |_, made| made.unwrap());
    let after = device.operations.load(Ordering::Relaxed);
    drop(store);

    let (mut full, mut unknown) = (0, 0);
    for refuses_from in before..after {
        let device = Device::new(u64::MAX);
        let store = create_on(&device).unwrap();
        device.refuses_from.store(refuses_from, Ordering::Relaxed);
        // The last change that was acknowledged, and one that may have been made.
        let (mut last, mut maybe) = (0, None);
        work(&store, |round, made| {
            match made {
                Ok(()) => last = round,
                Err(StoreError::Full) => full += 1,
                Err(StoreError::Failed { .. }) if maybe.is_none() => {
                    maybe = Some(round);
                    unknown += 1;
                }
                Err(error) => panic!("{error}"),
            }
            let served = round_of(&store);
            assert!(served == last || Some(served) == maybe, "{served} after {last}, from {refuses_from} on");
            for keep in [0, 1, 2, 3] {
                let found = round_of(&open_on(&device.crashed(keep)).unwrap());
                assert!(
                    found == last || Some(found) == maybe,
                    "{found} after {last}, from {refuses_from} on"
                );
            }
        });
        // The server starts again while there is no room yet.
        let found = round_of(&store);
        drop(store);
        let store = open_on(&device).unwrap();
        assert_eq!(round_of(&store), found);
        let error = store.apply(vec![Change::Insert(record("new", &[]))]).unwrap_err();
        assert!(matches!(error, StoreError::Full), "{error}");

        // With room, everything is as always, without opening it again.
        device.refuses_from.store(u64::MAX, Ordering::Relaxed);
        work(&store, |_, made| made.unwrap());
        assert_eq!(round_of(&store), 6);
        drop(store);
        assert_eq!(round_of(&open_on(&device).unwrap()), 6);
    }
    assert!(full > 20 && unknown > 0, "{full} full, {unknown} of which nobody knew");
}

#[test]
fn a_part_of_a_page_at_the_end_of_the_file_is_no_damage() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys.store");
    let store = DurableStore::create(&path, &master(1)).unwrap();
    store.apply(vec![Change::Insert(record("a", &[]))]).unwrap();
    // As if the process had ended inside a request for more room.
    let file = File::options().write(true).open(&path).unwrap();
    file.set_len(fs::metadata(&path).unwrap().len() + 5 * 4096 + 1024).unwrap();
    std::mem::forget(store);
    let copy = directory.path().join("copy.store");
    fs::copy(&path, &copy).unwrap();
    let store = DurableStore::open(&copy, &master(1)).unwrap();
    let mut large = record("b", &[]);
    large.contents = Zeroizing::new(vec![7; 1 << 20]);
    store.apply(vec![Change::Insert(large)]).unwrap();
    drop(store);
    let store = DurableStore::open(&copy, &master(1)).unwrap();
    assert!(store.get("a").unwrap().is_some() && store.get("b").unwrap().is_some());
}

/// A small file system, until it is dropped.
struct Mounted(tempfile::TempDir);

impl Mounted {
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join("mounted").join(name)
    }

    /// Needs root, and a system that lets it mount.
    fn new(kind: &str) -> Option<Self> {
        let mounted = Self(tempfile::tempdir().unwrap());
        let (image, target) = (mounted.0.path().join("image"), mounted.0.path().join("mounted"));
        fs::create_dir(&target).unwrap();
        let target = target.to_str()?;
        let done = if kind == "tmpfs" {
            run("mount", &["-t", "tmpfs", "-o", "size=16m,mode=0700", "tmpfs", target])
        } else {
            let image = image.to_str()?;
            File::create(image).unwrap().set_len(16 << 20).unwrap();
            run(&format!("mkfs.{kind}"), &["-q", image]) && run("mount", &["-o", "loop", image, target])
        };
        done.then_some(mounted)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        run("umount", &[self.0.path().join("mounted").to_str().unwrap_or_default()]);
    }
}

fn run(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
}

/// Takes all the room that is left.
fn fill(path: &Path) {
    let mut file = File::create(path).unwrap();
    for size in [1 << 16, 4096, 1] {
        while file.write_all(&vec![0xA5; size]).is_ok() {}
    }
}

#[test]
fn a_full_file_system_refuses_changes_and_goes_on_reading_and_recovers() {
    for kind in ["tmpfs", "ext4"] {
        let Some(mounted) = Mounted::new(kind) else {
            eprintln!("SKIPPED: no {kind} can be mounted here");
            continue;
        };
        let path = mounted.path("keys.store");
        File::create(mounted.path("ballast")).unwrap().write_all(&vec![0x5A; 8 << 20]).unwrap();
        let store = DurableStore::create(&path, &master(1)).unwrap();
        let mut made = 0;
        // Large ones until there is no room to grow, and small ones until there is none inside.
        for size in [200_000, 5000, 10] {
            let full = loop {
                let mut record = record(&format!("{made}"), &["name"]);
                record.contents = Zeroizing::new(vec![made as u8; size]);
                match store.apply(vec![Change::Insert(record)]) {
                    Ok(()) => made += 1,
                    Err(error) => break error,
                }
                assert!(made < 3000, "16 MiB do not fill");
            };
            assert!(matches!(full, StoreError::Full), "{full}");
            fill(&mounted.path(&format!("filler {size}")));
        }
        let whole = |store: &DurableStore, count: usize| {
            assert_eq!(store.named("name").unwrap().len(), count, "{kind}");
            for number in 0..count {
                let found = store.get(&number.to_string()).unwrap().unwrap();
                assert!(found.contents.iter().all(|byte| *byte == number as u8), "{kind}");
            }
        };
        whole(&store, made);
        // The server starts again while there is no room yet.
        drop(store);
        let store = DurableStore::open(&path, &master(1)).unwrap();
        whole(&store, made);
        let large = || {
            let mut record = record(&format!("{made}"), &["name"]);
            record.contents = Zeroizing::new(vec![made as u8; 300_000]);
            vec![Change::Insert(record)]
        };
        let full = store.apply(large()).unwrap_err();
        assert!(matches!(full, StoreError::Full), "{full}");
        whole(&store, made);

        fs::remove_file(mounted.path("ballast")).unwrap();
        store.apply(large()).unwrap();
        whole(&store, made + 1);
        drop(store);
        whole(&DurableStore::open(&path, &master(1)).unwrap(), made + 1);
    }
}
