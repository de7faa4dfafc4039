//! A crash or an error at any instant leaves the old state or the new, never a mix, and a second run completes.
#![cfg(all(feature = "testing", unix))]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tde_keyfile::storage::testing::{FailingStorage, Fault, ForgettingStorage, Persistence, SampleLimit};
use tde_keyfile::storage::{
    Before, Change, ContentHash, Error, JOURNAL_NAME, NewFileAccess, Plan, Recovery, Storage, Writer,
    interrupted_work, replace_file,
};

const ROOT: &str = "/cluster";
const HOME: &str = "pg_tde";

type Files = BTreeMap<PathBuf, Vec<u8>>;
type Content = Option<&'static [u8]>;

/// A plan, and the files around it.
struct Scenario {
    name: &'static str,
    /// Path, content before, content after.
    files: Vec<(String, Content, Content)>,
    /// Whether files are rewritten in pieces.
    transform: bool,
}

impl Scenario {
    fn new(name: &'static str, files: &[(&str, Content, Content)]) -> Self {
        let files = files.iter().map(|(path, old, new)| (path.to_string(), *old, *new)).collect();
        Self { name, files, transform: false }
    }

    fn storage(&self) -> ForgettingStorage {
        let storage = ForgettingStorage::new();
        storage.put_directory("/cluster/pg_tde");
        storage.put("/cluster/pg_tde/bystander_keys", b"untouched");
        for (path, old, _) in &self.files {
            if let Some(old) = old {
                storage.put(Path::new(ROOT).join(path), old);
            }
        }
        storage
    }

    fn plan(&self) -> Plan {
        let mut plan = Plan::new(self.name, NewFileAccess::LikeDirectory);
        for (path, old, new) in &self.files {
            let before = old.map_or(Before::Absent, |old| Before::Content(ContentHash::of(old)));
            plan.push(match new {
                None => Change::remove(path, before),
                Some(new) if self.transform && old.is_some() => {
                    let new = *new;
                    Change::transform(
                        path,
                        Before::Present,
                        Box::new(move |input, output| {
                            // Not all of it: the hash of the old content must be right all the same.
                            input.read_exact(&mut [0; 2])?;
                            new.chunks(3).try_for_each(|piece| output.write_all(piece))
                        }),
                    )
                }
                Some(new) => Change::write(path, before, new.to_vec()),
            });
        }
        plan
    }

    fn expected(&self, pick: fn(Content, Content) -> Content) -> Files {
        let mut files = Files::new();
        files.insert("/cluster/pg_tde/bystander_keys".into(), b"untouched".to_vec());
        for (path, old, new) in &self.files {
            if let Some(content) = pick(*old, *new) {
                files.insert(Path::new(ROOT).join(path), content.to_vec());
            }
        }
        files
    }

    fn old(&self) -> Files {
        self.expected(|old, _| old)
    }

    fn new_files(&self) -> Files {
        self.expected(|_, new| new)
    }

    fn run(&self, storage: &dyn Storage) -> Result<(), Error> {
        Writer::open(storage, Path::new(ROOT), HOME, "test")?.apply(self.plan()).map(|_| ())
    }

    /// Reopens what is left, checks it, and runs the operation again if it was not done.
    fn reopen(&self, storage: &ForgettingStorage, done: bool, context: &dyn Fn() -> String) {
        let name = self.name;
        let writer = Writer::open(storage, Path::new(ROOT), HOME, "test")
            .unwrap_or_else(|error| panic!("{name}, {}: cannot reopen: {error:?}", context()));
        let files = storage.files();
        let is_new = files == self.new_files();
        assert!(is_new || files == self.old(), "{name}, {}: a mix: {files:?}", context());
        assert!(is_new || !done, "{name}, {}: a change that was reported done was lost", context());
        if !is_new {
            writer.apply(self.plan()).expect("a second run completes");
        }
        drop(writer);
        // Durable now, whatever happens next.
        for survivor in storage.crash(SampleLimit(8)) {
            assert_eq!(survivor.files(), self.new_files(), "{name}, {}: after the second run", context());
        }
        assert_eq!(interrupted_work(storage, Path::new(ROOT), HOME).unwrap(), None);
    }
}

const OLD: Content = Some(b"old content");
const NEW: Content = Some(b"the new content");

fn scenarios() -> Vec<Scenario> {
    let a = ("pg_tde/1_keys", OLD, NEW);
    let b = ("pg_tde/2_keys", Some(&b"another"[..]), Some(&b""[..]));
    let c = ("pg_tde/3_keys", None, NEW);
    let d = ("base/5/16384", OLD, NEW);
    let e = ("pg_tde/4_keys", OLD, None);
    let mut transformed = Scenario::new("rewrite a relation and its key", &[a, d]);
    transformed.transform = true;
    vec![
        Scenario::new("replace one", &[a]),
        Scenario::new("create one", &[c]),
        Scenario::new("remove one", &[e]),
        Scenario::new("replace one elsewhere", &[d]),
        Scenario::new("replace two", &[a, b]),
        Scenario::new("three", &[a, b, c]),
        Scenario::new("four", &[a, b, c, d]),
        Scenario::new("five", &[a, b, c, d, e]),
        Scenario::new(
            "into new directories",
            &[("pg_tde/5/6.key", None, NEW), ("pg_tde/5/7.key", None, NEW)],
        ),
        Scenario::new("one that stays the same", &[("pg_tde/1_keys", OLD, OLD), b]),
        transformed,
    ]
}

fn scenario(name: &str) -> Scenario {
    scenarios().into_iter().find(|scenario| scenario.name == name).expect("a scenario of this name")
}

/// More files than are made durable one by one.
fn many() -> Scenario {
    let names: Vec<_> = (0..18).map(|number| format!("pg_tde/{number}_keys")).collect();
    let files: Vec<_> = names.iter().map(|name| (name.as_str(), OLD, NEW)).collect();
    Scenario::new("many", &files)
}

/// Runs with the process halted at each call in turn; `check` gets the halted storage.
fn for_every_halt(scenario: &Scenario, mut check: impl FnMut(&ForgettingStorage, bool, usize)) {
    for halt_at in 0.. {
        let storage = scenario.storage();
        storage.halt_at(halt_at);
        let done = scenario.run(&storage).is_ok();
        check(&storage, done, halt_at);
        if done {
            assert!(halt_at > 8, "{}: only {halt_at} calls", scenario.name);
            return;
        }
    }
}

#[test]
fn a_machine_crash_at_every_call_leaves_old_or_new() {
    let mut states = 0;
    for scenario in scenarios() {
        for_every_halt(&scenario, |storage, done, halt_at| {
            for (index, survivor) in storage.crash(SampleLimit(2048)).iter().enumerate() {
                scenario.reopen(survivor, done, &|| format!("halted at {halt_at}, state {index}"));
                states += 1;
            }
        });
    }
    assert!(states > 2_000, "only {states} states were looked at");
}

#[test]
fn a_machine_crash_leaves_old_or_new_when_whole_file_systems_are_synced() {
    let scenario = many();
    for_every_halt(&scenario, |storage, done, halt_at| {
        for survivor in storage.crash(SampleLimit(24)) {
            scenario.reopen(&survivor, done, &|| format!("halted at {halt_at}"));
        }
    });
}

#[test]
fn a_killed_process_at_every_call_leaves_old_or_new() {
    for scenario in scenarios().iter().chain([&many()]) {
        for_every_halt(scenario, |storage, done, halt_at| {
            scenario.reopen(&storage.kill(), done, &|| format!("killed at {halt_at}"));
        });
    }
}

/// The process is killed, and the machine crashes while the next run recovers.
#[test]
fn a_crash_during_recovery_at_every_call_leaves_old_or_new() {
    let mut states = 0;
    for scenario in scenarios().into_iter().filter(|scenario| scenario.files.len() > 1) {
        for_every_halt(&scenario, |storage, done, halt_at| {
            for recovery_halt in 0.. {
                let killed = storage.kill();
                killed.halt_at(recovery_halt);
                let recovered = Writer::open(&killed, Path::new(ROOT), HOME, "test").is_ok();
                for survivor in killed.crash(SampleLimit(12)) {
                    let context = || format!("killed at {halt_at}, halted at {recovery_halt}");
                    scenario.reopen(&survivor, done, &context);
                    states += 1;
                }
                if recovered {
                    break;
                }
            }
        });
    }
    assert!(states > 20_000, "only {states} states were looked at");
}

/// Any call may fail; what is called after it works, or does not.
#[test]
fn an_error_at_every_call_leaves_old_or_new() {
    for scenario in scenarios().iter().chain([&many()]) {
        for fault in [Fault::NoSpace, Fault::Device] {
            for persistence in [Persistence::Once, Persistence::FromThenOn] {
                for fail_at in 0.. {
                    let storage = FailingStorage::new(scenario.storage());
                    storage.fail_at(fail_at, fault, persistence);
                    let result = scenario.run(&storage);
                    let done = result.is_ok();
                    let open = matches!(result, Err(Error::Interrupted { .. } | Error::NotDurable { .. }));
                    let context = || format!("{fault:?} {persistence:?} at {fail_at}: {result:?}");
                    for survivor in storage.inner().crash(SampleLimit(16)) {
                        if !done && !open {
                            assert_old_but_for_leftovers(scenario, &survivor, &context);
                        }
                        scenario.reopen(&survivor, done, &context);
                    }
                    scenario.reopen(&storage.inner().kill(), done, &context);
                    if storage.calls() <= fail_at {
                        assert!(done, "{}: {}", scenario.name, context());
                        break;
                    }
                }
            }
        }
    }
}

/// Its journal is all that tells how to complete the change.
#[test]
fn a_writer_whose_change_was_interrupted_writes_nothing_more() {
    fn open(storage: &dyn Storage) -> Writer<'_> {
        Writer::open(storage, Path::new(ROOT), HOME, "test").unwrap()
    }
    let scenario = scenario("replace two");
    let mut interrupted = 0;
    for fail_at in 0.. {
        let storage = FailingStorage::new(scenario.storage());
        let writer = open(&storage);
        storage.fail_at(fail_at, Fault::Device, Persistence::Once);
        let result = writer.apply(scenario.plan());
        let failed = storage.calls() > fail_at;
        storage.heal();
        if matches!(result, Err(Error::Interrupted { .. })) {
            interrupted += 1;
            let before = storage.inner().files();
            let one = ("pg_tde/3_keys", None, NEW);
            for files in [&[one][..], &[one, ("pg_tde/4_keys", None, NEW)]] {
                let another = writer.apply(Scenario::new("another", files).plan());
                assert!(matches!(another, Err(Error::Unfinished { .. })), "at {fail_at}: {another:?}");
            }
            assert_eq!(storage.inner().files(), before, "at {fail_at}");
            drop(writer);
            let next = open(&storage);
            assert_eq!(storage.inner().files(), scenario.new_files(), "at {fail_at}");
            next.apply(Scenario::new("another", &[one]).plan()).unwrap();
        }
        if !failed {
            break;
        }
    }
    assert!(interrupted > 3, "{interrupted}");
}

/// An error that does not say otherwise means that the files themselves are as they were, even before recovery.
fn assert_old_but_for_leftovers(
    scenario: &Scenario,
    survivor: &ForgettingStorage,
    context: &dyn Fn() -> String,
) {
    let mut files = survivor.files();
    files.retain(|path, _| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        !(name.starts_with("tde-") || name == JOURNAL_NAME)
    });
    assert_eq!(files, scenario.old(), "{} {}", scenario.name, context());
}

#[test]
fn a_single_replacement_leaves_old_or_new_at_every_call() {
    for old in [None, OLD] {
        for halt_at in 0.. {
            let storage = ForgettingStorage::new();
            storage.put_directory("/d");
            if let Some(old) = old {
                storage.put("/d/file", old);
            }
            storage.halt_at(halt_at);
            let before = old.map_or(Before::Absent, |old| Before::Content(ContentHash::of(old)));
            let path = Path::new("/d/file");
            let done = replace_file(&storage, path, before, b"new", NewFileAccess::Private).is_ok();
            for survivor in storage.crash(SampleLimit::default()) {
                let content = survivor.get("/d/file");
                assert!(
                    content.as_deref() == Some(b"new") || (content.as_deref() == old && !done),
                    "halted at {halt_at}: {content:?}"
                );
            }
            if done {
                break;
            }
        }
    }
}

#[test]
fn recovery_says_what_it_did() {
    let mut seen = Vec::new();
    for_every_halt(&scenario("five"), |storage, _, _| {
        let killed = storage.kill();
        let found = interrupted_work(&killed, Path::new(ROOT), HOME).unwrap();
        let writer = Writer::open(&killed, Path::new(ROOT), HOME, "test").unwrap();
        let recovery = writer.recovery().clone();
        let journal = found.and_then(|found| found.journal);
        assert_eq!(journal.is_some(), recovery != Recovery::Nothing);
        match &recovery {
            Recovery::Completed { description, files } => {
                assert_eq!((description.as_str(), files.len()), ("five", 5));
            }
            Recovery::Undone { description } => assert_eq!(description, "five"),
            _ => {}
        }
        seen.push(std::mem::discriminant(&recovery));
    });
    seen.dedup();
    // Nothing, then undone, then completed, then nothing again.
    assert_eq!(seen.len(), 4);
    assert_eq!(seen[0], seen[3]);
}

/// A sound storage keeps what it made durable; if it does not, nothing more is lost.
#[test]
fn lost_new_content_is_undone_before_and_refused_after_the_first_rename() {
    let scenario = scenario("replace two");
    let mut outcomes = [0, 0];
    for_every_halt(&scenario, |storage, _, _| {
        let killed = storage.kill();
        let Some(found) = interrupted_work(&killed, Path::new(ROOT), HOME).unwrap() else { return };
        let Some(last) = found.temporaries.last() else { return };
        killed.put(last, b"damaged");
        match Writer::open(&killed, Path::new(ROOT), HOME, "test") {
            Ok(_) => {
                assert_eq!(killed.files(), scenario.old());
                outcomes[0] += 1;
            }
            Err(Error::Conflict { path, .. }) => {
                assert!(path.ends_with("2_keys"));
                outcomes[1] += 1;
                // The way out keeps what is there.
                let writer = Writer::open_abandoning(&killed, Path::new(ROOT), HOME, "test").unwrap();
                assert!(matches!(writer.recovery(), Recovery::Abandoned { .. }));
                let after = killed.files();
                assert_eq!(after.get(Path::new("/cluster/pg_tde/1_keys")).map(Vec::as_slice), NEW);
                assert_eq!(after.get(Path::new("/cluster/pg_tde/2_keys")).unwrap(), b"another");
                assert_eq!(after.len(), 3, "{after:?}");
            }
            Err(error) => panic!("{error:?}"),
        }
    });
    assert!(outcomes[0] > 3 && outcomes[1] >= 1, "{outcomes:?}");
}

#[test]
fn a_file_written_after_the_crash_is_never_overwritten() {
    let mut refused = 0;
    for_every_halt(&scenario("replace two"), |storage, _, _| {
        let killed = storage.kill();
        killed.put("/cluster/pg_tde/2_keys", b"written by a server since");
        match Writer::open(&killed, Path::new(ROOT), HOME, "test") {
            Err(Error::Conflict { path, .. }) => {
                assert!(path.ends_with("2_keys"));
                refused += 1;
            }
            Ok(_) => {}
            Err(error) => panic!("{error:?}"),
        }
        assert_eq!(killed.get("/cluster/pg_tde/2_keys").unwrap(), b"written by a server since");
    });
    assert!(refused >= 2, "{refused}");
}

#[test]
fn the_number_of_syncs_does_not_grow_with_the_number_of_files() {
    let syncs = |count: usize| {
        let names: Vec<_> = (0..count).map(|number| format!("pg_tde/{number}_keys")).collect();
        let files: Vec<_> = names.iter().map(|name| (name.as_str(), OLD, NEW)).collect();
        let storage = FailingStorage::new(Scenario::new("count", &files).storage());
        Scenario::new("count", &files).run(&storage).unwrap();
        storage.syncs()
    };
    assert_eq!(syncs(17), syncs(500));
    assert!(syncs(500) <= 10, "{}", syncs(500));
}
