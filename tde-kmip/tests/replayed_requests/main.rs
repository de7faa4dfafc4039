//! Recorded requests against the engine: the answers match the recorded ones in every field that the standard fixes,
//! or what the published case expects, or differ in a way that `known.rs` names with its reason. `REPLAY_VERBOSE=1`
//! lists what each reason covers.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Helpers of tests are tests, too.

mod cases;
mod compare;
mod known;
#[path = "../../../tde-kmip-codec/tests/common/corpus.rs"]
#[allow(dead_code)]
mod recordings;
mod tree;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use tde_kmip::server::{
    engine::{ClientIdentity, Clock, Engine, EngineOptions},
    store::MemoryStore,
};
use tde_kmip_codec::{
    message::ResponseMessage,
    spec::{enumeration::ResultReason, tag},
    ttlv::{Leniency, Options},
};

use self::{
    cases::Case,
    compare::{Known, differences},
    known::Deviation,
    tree::Node,
};

/// A clock that stands still until it is set.
#[derive(Debug, Default)]
struct Set(AtomicI64);

impl Clock for Set {
    fn now(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How a set went.
#[derive(Default, Debug)]
struct Tally {
    exchanges: usize,
    same: usize,
    /// Other than what the recorded server answered, and what the published case expects.
    as_published: usize,
    /// What differs from both, and where.
    differ: Vec<(String, String)>,
    /// Requests about objects that were made in exchanges that are not here.
    skipped: usize,
}

/// The time at which the recorded server answered.
fn stamp(response: &[u8]) -> i64 {
    ResponseMessage::decode_with(response, Options::new().leniency(Leniency::ALL), &mut |_| ())
        .map_or(cases::NOW, |response| response.header.time_stamp.0)
}

/// An engine of its own, and what is known of its objects.
struct Server {
    clock: Arc<Set>,
    engine: Engine,
    known: Known,
    /// The same for the identifiers that the published case has.
    published: Known,
}

impl Server {
    fn new() -> Self {
        let clock = Arc::new(Set::default());
        let mut options = EngineOptions::default();
        options.clock = Arc::<Set>::clone(&clock);
        let engine = Engine::new(Arc::new(MemoryStore::new()), options);
        Self { clock, engine, known: Known::default(), published: Known::default() }
    }
}

fn replay(case: &Case, server: &mut Server, tally: &mut Tally) {
    let Server { clock, engine, known, published } = server;
    let client = ClientIdentity::new("replay");
    known.gaps = !case.set.starts_with("oasis/");
    // Some cases wait for a date to come.
    let first = case.exchanges.first().map_or(0, |exchange| stamp(&exchange.response));
    let offset = if case.counts_from_now() { cases::NOW - first } else { 0 };
    for exchange in &case.exchanges {
        tally.exchanges += 1;
        clock.0.store(stamp(&exchange.response) + offset, Ordering::Relaxed);
        let recorded = Node::parse(&exchange.response);
        let request = match tde_kmip_codec::ttlv::decode(&exchange.request) {
            Ok(_) => {
                let request = Node::parse(&exchange.request);
                // Unless the recorded server did not know the object either.
                let not_found = recorded.items().any(|item| {
                    let reason = item.find(tag::RESULT_REASON).and_then(Node::number).map(ResultReason);
                    matches!(reason, Some(ResultReason::ITEM_NOT_FOUND | ResultReason::OBJECT_NOT_FOUND))
                });
                known.partial = request.asks_for_a_part();
                if !not_found && request.ids().iter().any(|id| !known.ids.contains_key(*id)) {
                    tally.skipped += 1;
                    continue;
                }
                request.with_ids(&known.ids).with_items(&known.made).encode()
            }
            Err(_) => exchange.request.clone(),
        };
        let mut response = Vec::new();
        engine.respond(&client, &request, &mut response);
        let decoding =
            Options::new().leniency(Leniency::OTHER_VERSIONS | Leniency::UNKNOWN_ENUMERATION_VALUES);
        ResponseMessage::decode_with(&response, decoding, &mut |_| ())
            .unwrap_or_else(|error| panic!("{} {}: {error}", case.name, exchange.label));
        let ours = Node::parse(&response);
        let found = differences(&recorded, &ours, known);
        let expected = exchange.expected.as_ref().map(|expected| Node::parse(expected));
        let expected = expected.map(|expected| differences(&expected, &ours, published));
        if found.is_empty() {
            tally.same += 1;
        } else if expected.is_some_and(|differences| differences.is_empty()) {
            tally.as_published += 1;
        } else {
            let place = format!("{} {} {}", case.set, case.name, exchange.label);
            tally.differ.push((place, found.join("; ")));
        }
    }
}

fn report(name: &str, tally: &Tally) {
    println!(
        "{name}: {} exchanges, {} the same, {} as the published case has it, {} differ, {} skipped",
        tally.exchanges,
        tally.same,
        tally.as_published,
        tally.differ.len(),
        tally.skipped
    );
    if std::env::var_os("REPLAY_VERBOSE").is_some() {
        let mut kinds: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (place, what) in &tally.differ {
            kinds.entry(what).or_default().push(place);
        }
        for (what, places) in kinds {
            println!(
                "  {}x {what}\n      {}",
                places.len(),
                places.iter().take(3).copied().collect::<Vec<_>>().join("\n      ")
            );
        }
    }
}

/// The cases of a set; those that go on where another one ended share a server.
fn replay_all(cases: &[Case], tally: &mut BTreeMap<String, Tally>) {
    let mut servers: BTreeMap<String, Server> = BTreeMap::new();
    for case in cases {
        let server = servers.entry(format!("{} {}", case.set, case.family())).or_insert_with(Server::new);
        replay(case, server, tally.entry(case.set.clone()).or_default());
    }
}

/// `least` is the least number of exchanges that must come out the same.
fn run(name: &str, cases: &[Case], known: &[Deviation], least: usize) {
    let mut tallies = BTreeMap::new();
    replay_all(cases, &mut tallies);
    let mut covered = vec![Vec::new(); known.len()];
    let mut unknown = Vec::new();
    for (set, tally) in &tallies {
        report(set, tally);
        for (place, what) in &tally.differ {
            match known.iter().position(|known| known.covers(place, what)) {
                Some(index) => covered[index].push(format!("{place}: {what}")),
                None => unknown.push(format!("{place}: {what}")),
            }
        }
    }
    let total = |count: fn(&Tally) -> usize| tallies.values().map(count).sum::<usize>();
    println!(
        "{name}: {} exchanges, {} the same, {} as the published case has it, {} known deviations, {} about objects \
         that are not here",
        total(|tally| tally.exchanges),
        total(|tally| tally.same),
        total(|tally| tally.as_published),
        covered.iter().map(Vec::len).sum::<usize>(),
        total(|tally| tally.skipped),
    );
    let verbose = std::env::var_os("REPLAY_VERBOSE").is_some();
    for (known, covered) in known.iter().zip(&covered) {
        println!("  {:4} {}", covered.len(), known.reason);
        for one in covered.iter().filter(|_| verbose) {
            println!("         {one}");
        }
    }
    if !verbose {
        assert!(unknown.is_empty(), "{} unexplained:\n{}", unknown.len(), unknown.join("\n"));
        let same = total(|tally| tally.same);
        assert!(same >= least, "{name}: {same} the same, not {least}");
    }
}

#[test]
fn recordings_of_real_servers() {
    let Some(root) = recordings::full() else { return };
    for (set, least) in [("pykmip", 629), ("cosmian", 509), ("libkmip-pykmip", 12), ("libkmip-cosmian", 10)] {
        run(set, &cases::recordings(&root, set), known::of(set), least);
    }
    for (set, least) in [("pykmip-oasis", 959), ("cosmian-oasis", 902)] {
        run(set, &cases::answered(&root, set), known::of(set), least);
    }
}

#[test]
fn published_cases() {
    let Some(root) = recordings::full() else { return };
    run("oasis", &cases::published(&root), known::of("oasis"), 2021);
}

#[test]
fn excerpts() {
    for (set, least) in [("pykmip", 13), ("cosmian", 13), ("libkmip-pykmip", 6), ("libkmip-cosmian", 5)] {
        run(set, &cases::recordings(&recordings::bundled(), set), known::of(set), least);
    }
}

/// What pg_tde sends is answered as PyKMIP answers it, in every field but identifiers, time and messages.
#[test]
fn pg_tde_is_answered_as_by_pykmip() {
    let mut tally = BTreeMap::new();
    replay_all(&cases::recordings(&recordings::bundled(), "libkmip-pykmip"), &mut tally);
    let tally = &tally["libkmip-pykmip"];
    assert!(tally.exchanges >= 6, "{tally:?}");
    assert_eq!((tally.same, tally.skipped), (tally.exchanges, 0), "{tally:?}");
}
