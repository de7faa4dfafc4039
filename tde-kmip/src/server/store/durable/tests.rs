use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use zeroize::Zeroizing;

use super::*;
use crate::server::store::contract::{self, record};

mod full;

fn master(byte: u8) -> MasterKey {
    MasterKey::from_bytes(&[byte; 32])
}

#[test]
fn it_does_what_every_store_must() {
    let directory = tempfile::tempdir().unwrap();
    let number = AtomicU64::new(0);
    contract::check(&|| {
        let path = directory.path().join(format!("{}.store", number.fetch_add(1, Ordering::Relaxed)));
        Box::new(DurableStore::create(&path, &master(1)).unwrap())
    });
    // Each of them is whole when it is opened again, and its tables fit each other.
    for number in 0..number.into_inner() {
        let path = directory.path().join(format!("{number}.store"));
        DurableStore::open(&path, &master(1)).unwrap();
    }
}

#[test]
fn records_are_there_again_when_it_is_opened_again_under_the_right_key_only() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("new").join("keys.store");
    let store = DurableStore::open_or_create(&path, &master(1)).unwrap();
    store.apply(vec![Change::Insert(record("a", &["name of a"])), Change::Insert(record("b", &[]))]).unwrap();
    store.apply(vec![Change::Remove { id: "b".into(), revision: 1 }]).unwrap();
    let again = DurableStore::open(&path, &master(1)).unwrap_err();
    assert!(matches!(again, OpenStoreError::InUse { .. }), "{again}");
    drop(store);
    for (path, mode) in [(&*path, 0o600), (path.parent().unwrap(), 0o700)] {
        assert_eq!(fs::metadata(path).unwrap().mode() & 0o777, mode);
    }
    let bytes = fs::read(&path).unwrap();
    for text in ["name of a", "contents of", "CN=client"] {
        assert!(!bytes.windows(text.len()).any(|window| window == text.as_bytes()), "{text} is in clear");
    }
    assert!(matches!(DurableStore::create(&path, &master(1)), Err(OpenStoreError::Exists { .. })));
    let wrong = DurableStore::open(&path, &master(2)).unwrap_err();
    assert!(matches!(wrong, OpenStoreError::WrongKey { .. }), "{wrong}");

    let store = DurableStore::open_or_create(&path, &master(1)).unwrap();
    assert_eq!(&store.get("a").unwrap().unwrap().contents[..], b"contents of a");
    assert_eq!(store.named("name of a").unwrap().len(), 1);
    assert!(store.get("b").unwrap().is_none());
    store.change_master_key(&master(3)).unwrap();
    drop(store);
    assert!(matches!(DurableStore::open(&path, &master(1)), Err(OpenStoreError::WrongKey { .. })));
    let store = DurableStore::open(&path, &master(3)).unwrap();
    assert!(store.get("a").unwrap().is_some());
    // Not the number of the removed one.
    store.apply(vec![Change::Insert(record("c", &[]))]).unwrap();
    assert_eq!(store.get("c").unwrap().unwrap().sequence, 3);
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "a temporary file is left");
}

#[test]
fn a_file_that_others_can_reach_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys.store");
    drop(DurableStore::create(&path, &master(1)).unwrap());
    let refused = |path: &Path| match DurableStore::open(path, &master(1)) {
        Err(OpenStoreError::Access { reason, .. }) => reason,
        other => panic!("{other:?}"),
    };
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(refused(&path).contains("mode 640"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o770)).unwrap();
    assert!(refused(&path).contains("replace the store"));
    assert!(matches!(
        DurableStore::create(&directory.path().join("other"), &master(1)),
        Err(OpenStoreError::Access { .. })
    ));
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o700)).unwrap();
    symlink(&path, directory.path().join("link")).unwrap();
    assert!(refused(&directory.path().join("link")).contains("not a regular file"));
    assert!(DurableStore::open(&path, &master(1)).is_ok());
}

#[test]
fn other_files_are_named_for_what_they_are_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    let open = || DurableStore::open(&path, &master(1));
    assert!(matches!(open(), Err(OpenStoreError::Missing { .. })));
    for bytes in [&b""[..], b"x", &[0; 8192], &b"-----BEGIN CERTIFICATE-----".repeat(1000)] {
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(open(), Err(OpenStoreError::NotStore { .. })), "{:?}", open());
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
    fs::remove_file(&path).unwrap();
    drop(Database::create(&path).unwrap());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(matches!(open(), Err(OpenStoreError::NotStore { .. })), "{:?}", open());
}

/// Opens the tables beside the store, as somebody who can write the file would.
fn tamper(path: &Path, change: impl FnOnce(&redb::WriteTransaction)) {
    let database = Database::open(path).unwrap();
    let transaction = database.begin_write().unwrap();
    change(&transaction);
    transaction.commit().unwrap();
}

#[test]
fn what_was_tampered_with_is_refused_by_name() {
    const RECORDS: redb::TableDefinition<u64, &[u8]> = redb::TableDefinition::new("records");
    const IDS: redb::TableDefinition<&[u8; 32], u64> = redb::TableDefinition::new("ids");
    use redb::{ReadableDatabase as _, ReadableTable as _};

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys.store");
    let store = DurableStore::create(&path, &master(1)).unwrap();
    for id in ["a", "b", "c"] {
        store.apply(vec![Change::Insert(record(id, &[id]))]).unwrap();
    }
    drop(store);
    let row = |sequence: u64| {
        let database = Database::open(&path).unwrap();
        let table = database.begin_read().unwrap().open_table(RECORDS).unwrap();
        table.get(sequence).unwrap().unwrap().value().to_vec()
    };
    let older = row(2);
    let store = DurableStore::open(&path, &master(1)).unwrap();
    store.apply(vec![Change::Replace { record: record("b", &["b"]), revision: 1 }]).unwrap();
    drop(store);
    let (first, second) = (row(1), row(2));
    let whole = fs::read(&path).unwrap();

    let refused = |change: &dyn Fn(&redb::WriteTransaction)| {
        fs::write(&path, &whole).unwrap();
        tamper(&path, change);
        match DurableStore::open(&path, &master(1)) {
            Err(OpenStoreError::Damaged { reason, .. }) => reason,
            other => panic!("{other:?}"),
        }
    };
    let put = |transaction: &redb::WriteTransaction, sequence: u64, row: &[u8]| {
        transaction.open_table(RECORDS).unwrap().insert(sequence, row).unwrap();
    };
    let mut flipped = second.clone();
    flipped[30] ^= 1;
    assert_eq!(refused(&|t| put(t, 2, &flipped)), "object number 2 fails its authentication tag");
    assert_eq!(refused(&|t| put(t, 2, &first)), "object number 2 fails its authentication tag");
    assert_eq!(refused(&|t| put(t, 2, &second[..20])), "object number 2 is cut short");
    assert_eq!(refused(&|t| put(t, 2, &older)), "records are missing, or were put back to an older state");
    let removed = refused(&|t| drop(t.open_table(RECORDS).unwrap().remove(3).unwrap()));
    assert_eq!(removed, "records are missing, or were put back to an older state");
    let unindexed = refused(&|t| t.open_table(IDS).unwrap().retain(|_, sequence| sequence != 1).unwrap());
    assert_eq!(unindexed, "object a is missing from the index");
    let swapped = refused(&|t| {
        let mut ids = t.open_table(IDS).unwrap();
        let entries: Vec<([u8; 32], u64)> =
            ids.iter().unwrap().map(|entry| entry.unwrap()).map(|(k, v)| (*k.value(), v.value())).collect();
        for (key, sequence) in entries {
            ids.insert(&key, 4 - sequence).unwrap();
        }
    });
    assert!(swapped.ends_with("is missing from the index"), "{swapped}");
}

#[test]
fn flipped_bytes_of_the_file_are_refused_or_harmless() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys.store");
    let store = DurableStore::create(&path, &master(1)).unwrap();
    for number in 0..20 {
        store.apply(vec![Change::Insert(record(&format!("id {number}"), &["name"]))]).unwrap();
    }
    drop(store);
    let whole = fs::read(&path).unwrap();
    let (mut refused, mut harmless) = (0, 0);
    for at in (0..512).chain((512..whole.len()).step_by(whole.len() / 400)) {
        let mut changed = whole.clone();
        changed[at] ^= 0x41;
        fs::write(&path, &changed).unwrap();
        match DurableStore::open(&path, &master(1)) {
            Ok(store) => {
                harmless += 1;
                for number in 0..20 {
                    let id = format!("id {number}");
                    let found = store.get(&id).unwrap().unwrap();
                    assert_eq!(found.contents[..], *format!("contents of {id}").as_bytes());
                }
            }
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 20 && harmless > 20, "{refused} refused, {harmless} harmless");
}

/// A device that fails at one operation, and forgets what was not synced when it crashes.
#[derive(Debug, Default)]
struct Device {
    /// What readers see.
    current: Mutex<Vec<u8>>,
    /// What a crash leaves.
    synced: Mutex<Vec<u8>>,
    /// Writes since the last sync, any of which a crash may keep.
    pending: Mutex<Vec<(u64, Vec<u8>)>>,
    operations: AtomicU64,
    fails_at: AtomicU64,
    /// The first operation from which on only reading is possible.
    refuses_from: AtomicU64,
    /// Bytes that there is room for.
    room: AtomicU64,
}

#[derive(Debug, Clone)]
struct Handle(Arc<Device>);

impl Device {
    fn new(fails_at: u64) -> Arc<Self> {
        let (refuses_from, room) = (u64::MAX.into(), u64::MAX.into());
        Arc::new(Self { fails_at: fails_at.into(), refuses_from, room, ..Self::default() })
    }

    fn step(&self) -> io::Result<()> {
        let number = self.operations.fetch_add(1, Ordering::Relaxed);
        if number == self.fails_at.load(Ordering::Relaxed) {
            Err(io::Error::from_raw_os_error(5))
        } else {
            Ok(())
        }
    }

    fn step_of_change(&self) -> io::Result<()> {
        let number = self.operations.load(Ordering::Relaxed);
        self.step()?;
        if number >= self.refuses_from.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    /// What is on the device after a power failure that kept every `keep`th unsynced write.
    fn crashed(&self, keep: usize) -> Arc<Self> {
        let mut bytes = self.synced.lock().unwrap().clone();
        for (index, (offset, data)) in self.pending.lock().unwrap().iter().enumerate() {
            if keep != 0 && index % keep == 0 {
                let start = *offset as usize;
                bytes.resize(bytes.len().max(start + data.len()), 0);
                bytes[start..start + data.len()].copy_from_slice(data);
            }
        }
        let device = Self::new(u64::MAX);
        *device.current.lock().unwrap() = bytes.clone();
        *device.synced.lock().unwrap() = bytes;
        device
    }
}

impl StorageBackend for Handle {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.current.lock().unwrap().len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.step()?;
        let current = self.0.current.lock().unwrap();
        let start = offset as usize;
        let bytes = current.get(start..start + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.0.step_of_change()?;
        if length > self.0.room.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0.current.lock().unwrap().resize(length as usize, 0);
        // Metadata of a file may reach the device at any time.
        self.0.synced.lock().unwrap().resize(length as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.step_of_change()?;
        *self.0.synced.lock().unwrap() = self.0.current.lock().unwrap().clone();
        self.0.pending.lock().unwrap().clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.step_of_change()?;
        let start = offset as usize;
        self.0.current.lock().unwrap()[start..start + data.len()].copy_from_slice(data);
        self.0.pending.lock().unwrap().push((offset, data.to_vec()));
        Ok(())
    }
}

fn create_on(device: &Arc<Device>) -> Result<DurableStore, OpenStoreError> {
    let device = Arc::clone(device);
    DurableStore::create_on(Path::new("device"), &master(1), move || Box::new(Handle(Arc::clone(&device))))
}

fn open_on(device: &Arc<Device>) -> Result<DurableStore, OpenStoreError> {
    let device = Arc::clone(device);
    DurableStore::open_on(Path::new("device"), &master(1), move || Box::new(Handle(Arc::clone(&device))))
}

/// Changes that move a value between two records, so that half of one would show.
fn work(store: &DurableStore, mut told: impl FnMut(u64, Result<(), StoreError>)) {
    let pair = |round: u64| {
        ["left", "right"].map(|id| {
            let mut record = record(id, &[&format!("round {round}")]);
            record.contents = Zeroizing::new(vec![round as u8; 3000]);
            record
        })
    };
    for round in 1..=6 {
        let changes = pair(round).map(|record| match store.get(&record.id) {
            Ok(Some(old)) => Change::Replace { record, revision: old.revision },
            _ => Change::Insert(record),
        });
        told(round, store.apply(changes.into()));
    }
}

/// The round that the store is at, which must be one and the same everywhere.
fn round_of(store: &DurableStore) -> u64 {
    let found = ["left", "right"].map(|id| store.get(id).unwrap());
    let rounds = found.map(|record| record.map_or(0, |record| u64::from(record.contents[0])));
    assert_eq!(rounds[0], rounds[1], "half a change is served");
    let named = store.named(&format!("round {}", rounds[0])).unwrap().len();
    assert_eq!(named, if rounds[0] == 0 { 0 } else { 2 });
    rounds[0]
}

#[test]
fn a_failure_or_a_crash_at_any_operation_loses_nothing_acknowledged() {
    let device = Device::new(u64::MAX);
    let store = create_on(&device).unwrap();
    let before = device.operations.load(Ordering::Relaxed);
    work(&store, |_, made| made.unwrap());
    let after = device.operations.load(Ordering::Relaxed);
    assert!(after - before > 20);
    drop(store);

    for fails_at in before..after {
        let device = Device::new(u64::MAX);
        let store = create_on(&device).unwrap();
        device.fails_at.store(fails_at, Ordering::Relaxed);
        let (mut last, mut failures) = (0, BTreeMap::new());
        work(&store, |round, made| {
            let made = made.is_ok();
            if made {
                last = round;
            } else {
                failures.insert(round, last);
            }
            // The power fails now: all that was acknowledged is there, nothing half.
            for keep in [0, 1, 2, 3] {
                let crashed = open_on(&device.crashed(keep)).unwrap();
                let found = round_of(&crashed);
                assert!(
                    found == last || (!made && found == round),
                    "{found} after {last}, failure at {fails_at}"
                );
            }
        });
        // One failure is not the end: the store goes on by itself.
        assert!(failures.len() <= 1, "{failures:?}, failure at {fails_at}");
        let found = round_of(&store);
        assert!(found == 6 || (found == 5 && failures.contains_key(&6)), "{found}, failure at {fails_at}");
        drop(store);
        assert_eq!(round_of(&open_on(&device).unwrap()), found);
    }
}
