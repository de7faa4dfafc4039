//! Items beside `kmip-ttlv`: both codecs see the same tree in every recorded message and in random ones.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // A test.

#[path = "../../tde-kmip-codec/tests/common/corpus.rs"]
#[allow(dead_code)]
mod corpus;
#[path = "../../tde-kmip-codec/tests/common/generate.rs"]
#[allow(dead_code)]
mod generate;

use generate::{Fill, Generator};
use tde_fuzz_bodies::same_as_kmip_ttlv;
use tde_kmip_codec::spec::{self, ProtocolVersion};

/// `kmip-ttlv` knows neither Interval nor Date-Time Extended, and shows no difference between an empty structure and
/// an error; messages with these are left out.
#[test]
fn every_recorded_message_is_the_same_tree() {
    let (mut count, mut compared) = (0, 0);
    for root in corpus::roots() {
        for message in corpus::messages(&root) {
            count += 1;
            compared += usize::from(same_as_kmip_ttlv(&message.bytes));
        }
    }
    eprintln!("{compared} of {count} messages compared");
    assert!(compared * 10 > count * 7, "only {compared} of {count} messages could be compared");
}

#[test]
fn random_messages_of_every_operation_and_version_are_the_same_tree() {
    let (mut count, mut compared, mut operations) = (0, 0, 0);
    for facts in spec::operation::TABLE {
        let before = compared;
        for version in ProtocolVersion::ALL.into_iter().filter(|version| facts.versions.contains(*version)) {
            for seed in 0..40 {
                let mut generator = Generator::new(seed, Fill::Some, version);
                for message in [generator.request(facts), generator.response(facts)] {
                    count += 1;
                    compared += usize::from(same_as_kmip_ttlv(&message));
                }
            }
        }
        operations += usize::from(compared > before);
    }
    eprintln!("{compared} of {count} messages compared, of {operations} operations");
    assert!(compared > 1000, "only {compared} of {count} messages could be compared");
    assert!(operations > 40, "messages of {operations} operations only");
}
