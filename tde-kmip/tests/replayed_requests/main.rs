//! Recorded requests against the engine: the answers match the recorded ones in every field that the standard fixes,
//! or differ in a way that `known.rs` names with its reason.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Helpers of tests are tests, too.

mod cases;
mod compare;
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
    spec::tag,
    ttlv::{Leniency, Options},
};

use self::{
    cases::Case,
    compare::{Known, differences},
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
    /// What differs, and where.
    differ: Vec<(String, String)>,
    /// Requests about objects that were made in exchanges that are not here.
    skipped: usize,
}

/// The time at which the recorded server answered.
///
/// The published cases count from `$NOW`, which is 1700000000 in the corpus; the stamps of some are older.
fn stamp(response: &[u8], set: &str) -> i64 {
    if set.starts_with("oasis/") {
        return 1_700_000_000;
    }
    ResponseMessage::decode_with(response, Options::new().leniency(Leniency::ALL), &mut |_| ())
        .map_or(1_700_000_000, |response| response.header.time_stamp.0)
}

fn replay(case: &Case, tally: &mut Tally) {
    let clock = Arc::new(Set::default());
    let mut options = EngineOptions::default();
    options.clock = Arc::<Set>::clone(&clock);
    let engine = Engine::new(Arc::new(MemoryStore::new()), options);
    let client = ClientIdentity::new("replay");
    let mut known = Known::default();
    for exchange in &case.exchanges {
        tally.exchanges += 1;
        clock.0.store(stamp(&exchange.response, &case.set), Ordering::Relaxed);
        let recorded = Node::parse(&exchange.response);
        let request = match tde_kmip_codec::ttlv::decode(&exchange.request) {
            Ok(_) => {
                let request = Node::parse(&exchange.request);
                let went_well = recorded
                    .items()
                    .all(|item| item.find(tag::RESULT_STATUS).and_then(Node::number) == Some(0));
                if went_well && request.ids().iter().any(|id| !known.ids.contains_key(*id)) {
                    tally.skipped += 1;
                    continue;
                }
                request.with_ids(&known.ids).encode()
            }
            Err(_) => exchange.request.clone(),
        };
        let mut response = Vec::new();
        engine.respond(&client, &request, &mut response);
        let decoding =
            Options::new().leniency(Leniency::OTHER_VERSIONS | Leniency::UNKNOWN_ENUMERATION_VALUES);
        ResponseMessage::decode_with(&response, decoding, &mut |_| ())
            .unwrap_or_else(|error| panic!("{} {}: {error}", case.name, exchange.label));
        let found = differences(&recorded, &Node::parse(&response), &mut known);
        if found.is_empty() {
            tally.same += 1;
        } else {
            let place = format!("{} {} {}", case.set, case.name, exchange.label);
            tally.differ.push((place, found.join("; ")));
        }
    }
}

fn report(name: &str, tally: &Tally) {
    println!(
        "{name}: {} exchanges, {} the same, {} differ, {} skipped",
        tally.exchanges,
        tally.same,
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

#[test]
fn recordings() {
    let Some(root) = cases::full() else { return };
    for set in ["pykmip", "cosmian", "libkmip-pykmip", "libkmip-cosmian"] {
        let mut tally = Tally::default();
        cases::recordings(&root, set).iter().for_each(|case| replay(case, &mut tally));
        report(set, &tally);
    }
    for set in ["pykmip-oasis", "cosmian-oasis"] {
        let mut tally = Tally::default();
        cases::answered(&root, set).iter().for_each(|case| replay(case, &mut tally));
        report(set, &tally);
    }
}

#[test]
fn published() {
    let Some(root) = cases::full() else { return };
    let mut sets: BTreeMap<String, Tally> = BTreeMap::new();
    for case in cases::published(&root) {
        replay(&case, sets.entry(case.set.clone()).or_default());
    }
    sets.iter().for_each(|(name, tally)| report(name, tally));
}

#[test]
fn excerpts() {
    for set in ["pykmip", "cosmian", "libkmip-pykmip", "libkmip-cosmian"] {
        let mut tally = Tally::default();
        cases::recordings(&cases::bundled(), set).iter().for_each(|case| replay(case, &mut tally));
        report(set, &tally);
    }
}
