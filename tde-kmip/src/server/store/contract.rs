use std::ops::ControlFlow;
use std::sync::Arc;
use std::thread;

use zeroize::Zeroizing;

use super::{Change, ObjectStore, Record, StoreError};

/// A record whose contents tell its id.
pub(crate) fn record(id: &str, names: &[&str]) -> Record {
    Record {
        id: id.into(),
        owner: "CN=client".into(),
        revision: 77,
        sequence: 77,
        names: names.iter().map(|&name| name.into()).collect(),
        contents: Zeroizing::new(format!("contents of {id}").into_bytes()),
    }
}

pub(crate) fn check(make: &dyn Fn() -> Box<dyn ObjectStore>) {
    records_come_back_in_the_order_of_creation(&*make());
    names_find_what_has_them_now(&*make());
    a_change_of_what_has_changed_is_refused_whole(&*make());
    a_visitor_stops_the_scan_and_may_read(&*make());
    one_of_many_writers_wins(&*make());
    readers_see_whole_changes(&*make());
}

fn scanned(store: &dyn ObjectStore) -> Vec<Arc<Record>> {
    let mut all = Vec::new();
    store
        .scan(&mut |record| {
            all.push(Arc::clone(record));
            ControlFlow::Continue(())
        })
        .unwrap();
    all
}

fn ids(records: &[Arc<Record>]) -> Vec<&str> {
    records.iter().map(|record| record.id.as_str()).collect()
}

fn conflict(result: Result<(), StoreError>) -> Option<String> {
    match result {
        Err(StoreError::Conflict { id }) => Some(id),
        _ => None,
    }
}

fn records_come_back_in_the_order_of_creation(store: &dyn ObjectStore) {
    assert!(store.get("a").unwrap().is_none() && scanned(store).is_empty());
    store.apply(Vec::new()).unwrap();
    store.apply(vec![Change::Insert(record("b", &[])), Change::Insert(record("a", &["n"]))]).unwrap();
    for number in 0..600 {
        store.apply(vec![Change::Insert(record(&format!("x{:03}", 599 - number), &[]))]).unwrap();
    }
    let all = scanned(store);
    assert_eq!(all.len(), 602);
    assert_eq!(ids(&all)[..4], ["b", "a", "x599", "x598"]);
    assert!(all.is_sorted_by(|a, b| a.sequence < b.sequence));

    let a = store.get("a").unwrap().unwrap();
    assert_eq!((a.owner.as_str(), a.revision, &a.names[..]), ("CN=client", 1, &["n".to_owned()][..]));
    assert_eq!(&a.contents[..], b"contents of a");
    let mut newer = record("a", &["n"]);
    newer.contents = Zeroizing::new(b"newer".to_vec());
    store.apply(vec![Change::Replace { record: newer, revision: 1 }]).unwrap();
    let b = store.get("a").unwrap().unwrap();
    assert_eq!((b.revision, b.sequence, &b.contents[..]), (2, a.sequence, &b"newer"[..]));

    // The number of a removed record is not given again.
    let last = all.last().unwrap();
    store.apply(vec![Change::Remove { id: last.id.clone(), revision: 1 }]).unwrap();
    assert!(store.get(&last.id).unwrap().is_none());
    store.apply(vec![Change::Insert(record("z", &[]))]).unwrap();
    assert!(store.get("z").unwrap().unwrap().sequence > last.sequence);
}

fn names_find_what_has_them_now(store: &dyn ObjectStore) {
    store
        .apply(vec![Change::Insert(record("1", &["x", "y"])), Change::Insert(record("2", &["x", "x"]))])
        .unwrap();
    assert_eq!(ids(&store.named("x").unwrap()), ["1", "2"]);
    assert_eq!(ids(&store.named("y").unwrap()), ["1"]);
    for none in ["", "X", "xy", "x\0"] {
        assert!(store.named(none).unwrap().is_empty());
    }
    store.apply(vec![Change::Replace { record: record("1", &["y", "z"]), revision: 1 }]).unwrap();
    assert_eq!(ids(&store.named("x").unwrap()), ["2"]);
    assert_eq!(ids(&store.named("z").unwrap()), ["1"]);
    store.apply(vec![Change::Remove { id: "2".into(), revision: 1 }]).unwrap();
    assert!(store.named("x").unwrap().is_empty());
}

fn a_change_of_what_has_changed_is_refused_whole(store: &dyn ObjectStore) {
    store.apply(vec![Change::Insert(record("old", &["n"]))]).unwrap();
    let new = || Change::Insert(record("new", &["n"]));
    let replace = |id, revision| Change::Replace { record: record(id, &[]), revision };
    let remove = |id: &str, revision| Change::Remove { id: id.into(), revision };
    for refused in [
        Change::Insert(record("old", &[])),
        replace("old", 2),
        replace("old", 0),
        remove("old", 2),
        replace("absent", 0),
        replace("absent", 1),
        remove("absent", 1),
        new(),
    ] {
        let id = refused.id().to_owned();
        assert_eq!(conflict(store.apply(vec![new(), refused])), Some(id));
    }
    assert_eq!(conflict(store.apply(vec![replace("old", 1), remove("old", 1)])), Some("old".into()));
    assert_eq!(ids(&scanned(store)), ["old"]);
    assert_eq!(ids(&store.named("n").unwrap()), ["old"]);
    assert_eq!(store.get("old").unwrap().unwrap().revision, 1);
}

fn a_visitor_stops_the_scan_and_may_read(store: &dyn ObjectStore) {
    store.apply(["a", "b", "c"].map(|id| Change::Insert(record(id, &[]))).into()).unwrap();
    let mut seen = Vec::new();
    store
        .scan(&mut |record| {
            seen.push(store.get(&record.id).unwrap().unwrap().id.clone());
            if record.id == "b" { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap();
    assert_eq!(seen, ["a", "b"]);
}

fn one_of_many_writers_wins(store: &dyn ObjectStore) {
    store.apply(vec![Change::Insert(record("counted", &[]))]).unwrap();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..25 {
                    loop {
                        let revision = store.get("counted").unwrap().unwrap().revision;
                        let change = Change::Replace { record: record("counted", &[]), revision };
                        match store.apply(vec![change]) {
                            Ok(()) => break,
                            Err(StoreError::Conflict { .. }) => {}
                            Err(other) => panic!("{other}"),
                        }
                    }
                }
            });
        }
    });
    assert_eq!(store.get("counted").unwrap().unwrap().revision, 101);
}

fn readers_see_whole_changes(store: &dyn ObjectStore) {
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for round in 0..50 {
                let pair = [format!("l{round}"), format!("r{round}")];
                store.apply(pair.map(|id| Change::Insert(record(&id, &["pair"]))).into()).unwrap();
            }
        });
        while !writer.is_finished() {
            assert_eq!(store.named("pair").unwrap().len() % 2, 0);
        }
    });
    assert_eq!(store.named("pair").unwrap().len(), 100);
}
