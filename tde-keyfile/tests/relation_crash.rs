//! A crash, a kill or an error at any call while a relation is encrypted leaves it readable, with the old key or the
//! new one, and a second run completes.
#![cfg(all(feature = "testing", unix))]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::std_instead_of_core)]

#[path = "support/crash.rs"]
mod crash;
#[path = "support/edit.rs"]
mod edit;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crash::{Interrupted, crash_at_every_call, crash_while_recovering, fail_at_every_call, for_every_halt};
use edit::{Keys, ROOT, durable, full_cluster, internal_key, locator, shown};
use tde_core::{BlockNumber, Fork, PageCipher, PageSize};
use tde_keyfile::cluster::RelationKey;
use tde_keyfile::edit::{Draft, EditError, Editor, Existing, KeyFiles, ReencryptOptions, RelationFiles};
use tde_keyfile::postgres::RelationPath;
use tde_keyfile::storage::testing::{ForgettingStorage, SampleLimit};
use tde_keyfile::storage::{self, Storage};

const PLAIN: u32 = 20_000;
const ENCRYPTED: u32 = 20_001;

/// File, fork, first block, pages that were written. Segments have two pages.
const FILES: [(&str, Fork, u32, &[bool]); 4] = [
    ("", Fork::Main, 0, &[true, false]),
    (".1", Fork::Main, 2, &[false, true]),
    (".2", Fork::Main, 4, &[true]),
    ("_fsm", Fork::Fsm, 0, &[true, false]),
];

/// A page that a server takes; the block number is in it.
fn page(relation: u32, block: u32) -> Vec<u8> {
    let mut page = vec![0; 8192];
    for (at, value) in [(12, 24_u16), (14, 8000), (16, 8192), (18, 0x2004)] {
        page[at..at + 2].copy_from_slice(&value.to_le_bytes());
    }
    page[8000..8004].copy_from_slice(&relation.to_le_bytes());
    page[8004..8008].copy_from_slice(&block.to_le_bytes());
    page
}

fn path_of(relation: u32, suffix: &str) -> PathBuf {
    Path::new(ROOT).join(format!("base/5/{relation}{suffix}"))
}

/// The plaintext of every file; zeros where nothing was written.
fn plaintext(relation: u32) -> BTreeMap<PathBuf, Vec<u8>> {
    let content = |first: u32, pages: &[bool]| {
        let pages = pages.iter().zip(first..);
        pages
            .flat_map(|(written, block)| if *written { page(relation, block) } else { vec![0; 8192] })
            .collect()
    };
    FILES
        .iter()
        .map(|(suffix, _, first, pages)| (path_of(relation, suffix), content(*first, pages)))
        .collect()
}

fn cluster(keys: &Keys) -> ForgettingStorage {
    let storage = full_cluster(keys);
    let key = internal_key(77, true);
    keys.edit(&storage, |draft| draft.put_relation_key(locator(5, ENCRYPTED), &key, Existing::Refuse))
        .unwrap();
    let cipher = PageCipher::new(&key);
    for (relation, encrypted) in [(PLAIN, false), (ENCRYPTED, true)] {
        let plain = plaintext(relation);
        for (suffix, fork, first, written) in FILES {
            let path = path_of(relation, suffix);
            let mut pages = plain[&path].clone();
            for ((page, block), written) in pages.chunks_exact_mut(8192).zip(first..).zip(written) {
                if encrypted && *written {
                    cipher.encrypt_page(fork, BlockNumber::new(block), page).unwrap();
                }
            }
            storage.put(&path, &pages);
        }
    }
    durable(&storage)
}

/// The key in the files, and whether the pages are the plaintext under it.
fn look(keys: &Keys, storage: &dyn Storage, relation: u32) -> (Option<String>, bool) {
    let files = KeyFiles::read(storage, Path::new(ROOT), &keys.open_options()).unwrap();
    let key = match files.cluster().relation_key(&locator(5, relation)).unwrap() {
        RelationKey::Key(key) => Some(key),
        RelationKey::NoEntry => None,
    };
    let mut same = true;
    for (suffix, fork, first, _) in FILES {
        let path = path_of(relation, suffix);
        let mut pages = storage::read_file(storage, &path, 1 << 20).unwrap().bytes().to_vec();
        if let Some(key) = &key {
            let size = PageSize::DEFAULT;
            PageCipher::new(key).decrypt_pages(size, fork, BlockNumber::new(first), &mut pages).unwrap();
        }
        same &= pages == plaintext(relation)[&path];
    }
    (key.as_ref().map(shown), same)
}

struct Scenario {
    keys: Keys,
    relation: u32,
    old: ForgettingStorage,
    old_key: Option<String>,
}

impl Scenario {
    fn all() -> [Self; 2] {
        [PLAIN, ENCRYPTED].map(|relation| {
            let keys = Keys::new();
            let old = cluster(&keys);
            let (old_key, same) = look(&keys, &old, relation);
            assert!(same);
            Self { keys, relation, old, old_key }
        })
    }

    fn edits(&self, storage: &dyn Storage, draft: &mut Draft<'_>) -> Result<(), EditError> {
        let path = RelationPath::parse(&format!("base/5/{}_fsm", self.relation)).unwrap();
        let files = RelationFiles::find(storage, Path::new(ROOT), &path)?;
        assert_eq!(files.files().len(), FILES.len());
        if self.old_key.is_some() {
            draft.rekey_relation(&files, ReencryptOptions::default())
        } else if draft.has_relation_key(files.locator())? {
            draft.keep_relation(&files);
            Ok(())
        } else {
            draft.encrypt_relation(&files, ReencryptOptions::default())
        }
    }
}

impl Interrupted for Scenario {
    fn name(&self) -> &str {
        if self.relation == PLAIN { "encrypt" } else { "rekey" }
    }

    fn fresh(&self) -> ForgettingStorage {
        durable(&self.old)
    }

    fn run(&self, storage: &dyn Storage) -> Result<(), EditError> {
        self.keys.edit(storage, |draft| self.edits(storage, draft)).map(|_| ())
    }

    fn reopen(&self, storage: &ForgettingStorage, done: bool, context: &dyn Fn() -> String) {
        let opened = Editor::open(storage, Path::new(ROOT), &self.keys.options());
        drop(opened.unwrap_or_else(|error| panic!("{}: cannot reopen: {error:?}", context())));
        let (key, same) = look(&self.keys, storage, self.relation);
        assert!(same, "{}: the pages are not under the key that is there", context());
        if key == self.old_key {
            assert!(!done, "{}: a change that was reported done was lost", context());
            assert_eq!(storage.files(), self.old.files(), "{}", context());
            self.run(storage).expect("a second run completes");
        }
        for survivor in storage.crash(SampleLimit(2)) {
            let (key, same) = look(&self.keys, &survivor, self.relation);
            assert!(same && key != self.old_key && key.is_some(), "{}: not durable", context());
            let other = if self.relation == PLAIN { ENCRYPTED } else { PLAIN };
            assert!(look(&self.keys, &survivor, other).1, "{}: another relation", context());
        }
        edit::assert_tidy(storage);
    }
}

#[test]
fn a_machine_crash_at_every_call_leaves_the_relation_readable() {
    let states: usize =
        Scenario::all().iter().map(|scenario| crash_at_every_call(scenario, SampleLimit(12))).sum();
    assert!(states > 500, "only {states} states were looked at");
}

#[test]
fn an_error_at_every_call_leaves_the_relation_readable() {
    Scenario::all().iter().for_each(fail_at_every_call);
}

/// Killed at every call, and the machine crashes at every call of the recovery.
#[test]
fn a_crash_while_an_interrupted_change_is_completed_leaves_the_relation_readable() {
    for scenario in Scenario::all() {
        crash_while_recovering(&scenario, (3, 7), SampleLimit(2), |killed| {
            Editor::open(killed, Path::new(ROOT), &scenario.keys.options()).is_ok()
        });
    }
}

/// With half of the files under the new key, giving the change up would throw one of the keys away.
#[test]
fn a_change_that_is_half_in_place_is_not_given_up() {
    for scenario in Scenario::all() {
        let mut refused = 0;
        for_every_halt(&scenario, 1, |storage, _, halt_at| {
            let killed = storage.kill();
            let mut options = scenario.keys.options();
            options.abandon_interrupted = true;
            match Editor::open(&killed, Path::new(ROOT), &options) {
                Ok(editor) => drop(editor),
                Err(EditError::Storage(storage::Error::HalfInPlace { .. })) => {
                    refused += 1;
                    drop(Editor::open(&killed, Path::new(ROOT), &scenario.keys.options()).unwrap());
                }
                Err(error) => panic!("{error:?}"),
            }
            assert!(look(&scenario.keys, &killed, scenario.relation).1, "halted at {halt_at}");
        });
        assert!(refused >= 3, "{refused}");
    }
}

/// A server that was started while the files were being written finds everything as it was.
#[test]
fn a_server_that_starts_meanwhile_stops_the_change() {
    for scenario in Scenario::all() {
        let storage = durable(&scenario.old);
        let check = storage.clone();
        let mut plan = storage::Plan::new("another", storage::NewFileAccess::Private);
        // As the transformation of a page's file does, but with a server that starts in the middle.
        plan.push(storage::Change::transform(
            format!("base/5/{}", scenario.relation),
            storage::Before::Present,
            Box::new(move |input, output| {
                check.put("/data/postmaster.pid", format!("{}\n", std::process::id()).as_bytes());
                std::io::copy(input, output).map(|_| ())
            }),
        ));
        let writer = storage::Writer::open(&storage, Path::new(ROOT), "pg_tde", "test").unwrap();
        let server = storage::ServerCheck { allow_unclean: true };
        let still = || storage::ensure_server_stopped(&storage, Path::new(ROOT), server);
        let result = writer.apply_if(plan, &still);
        assert!(matches!(result, Err(storage::Error::ServerRunning { .. })), "{result:?}");
        let mut files = storage.files();
        files.remove(Path::new("/data/postmaster.pid"));
        files.remove(Path::new("/data/pg_tde/tde.lock"));
        let mut old = scenario.old.files();
        old.remove(Path::new("/data/pg_tde/tde.lock"));
        assert_eq!(files, old);
    }
}
