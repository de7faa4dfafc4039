//! Random messages of every operation, structure and version, and broken copies of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::std_instead_of_alloc)] // Helpers of tests are tests, too.

#[path = "common/generate.rs"]
#[allow(dead_code)]
mod generate;

use generate::{Fill, Generator};
use proptest::prelude::*;
use tde_kmip_codec::{
    message::{RequestMessage, ResponseMessage},
    spec::{self, ProtocolVersion, tag},
    ttlv::{self, Leniency, Options},
};

fn generated(
    seed: u64,
    fill: Fill,
    version: ProtocolVersion,
    operation: usize,
    response: bool,
) -> Option<Vec<u8>> {
    let facts = spec::operation::TABLE[operation % spec::operation::TABLE.len()];
    let mut generator = Generator::new(seed, fill, version);
    facts
        .versions
        .contains(version)
        .then(|| if response { generator.response(facts) } else { generator.request(facts) })
}

fn round_trip(bytes: &[u8]) -> Result<Vec<u8>, ttlv::Error> {
    let mut buffer = vec![0xA5; bytes.len()];
    if bytes[2] == tag::RESPONSE_MESSAGE.get() as u8 {
        ResponseMessage::decode(bytes)?.encode(&mut buffer)?;
    } else {
        RequestMessage::decode(bytes)?.encode(&mut buffer)?;
    }
    Ok(buffer)
}

#[test]
fn a_message_with_every_field_decodes_and_encodes_in_every_operation_and_version() {
    let mut count = 0;
    for operation in 0..spec::operation::TABLE.len() {
        for version in ProtocolVersion::ALL {
            for response in [false, true] {
                for seed in 0..20 {
                    let Some(bytes) = generated(seed, Fill::All, version, operation, response) else {
                        continue;
                    };
                    let facts = spec::operation::TABLE[operation];
                    let encoded = round_trip(&bytes).unwrap_or_else(|error| {
                        panic!("{} {version} response: {response}: {error}", facts.name)
                    });
                    assert_eq!(encoded, bytes, "{} {version}", facts.name);
                    count += 1;
                }
            }
        }
    }
    assert!(count > 10_000, "{count}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_messages_decode_and_encode_to_the_same_bytes(
        seed: u64, version in 0_usize..7, operation: usize, response: bool,
    ) {
        if let Some(bytes) = generated(seed, Fill::Some, ProtocolVersion::ALL[version], operation, response) {
            prop_assert_eq!(round_trip(&bytes).unwrap(), bytes);
        }
    }

    #[test]
    fn broken_messages_never_panic_and_errors_point_into_the_input(
        seed: u64, version in 0_usize..7, operation: usize, response: bool,
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4), cut: prop::sample::Index,
    ) {
        if let Some(mut bytes) = generated(seed, Fill::Some, ProtocolVersion::ALL[version], operation, response) {
            for (index, value) in flips {
                let at = index.index(bytes.len());
                bytes[at] = value;
            }
            if seed % 3 == 0 {
                bytes.truncate(cut.index(bytes.len()));
            }
            for leniency in [Leniency::NONE, Leniency::ALL] {
                let options = Options::new().leniency(leniency);
                let request = RequestMessage::decode_with(&bytes, options, &mut |_| {}).map(|message| format!("{message:?}").len());
                let response = ResponseMessage::decode_with(&bytes, options, &mut |_| {}).map(|message| format!("{message:?}").len());
                for error in [request.err(), response.err()].into_iter().flatten() {
                    prop_assert!(error.offset() <= bytes.len());
                }
                // Whatever the typed layer accepts strictly is good TTLV.
                if leniency.is_empty() && (request.is_ok() || response.is_ok()) {
                    prop_assert!(ttlv::decode(&bytes).is_ok());
                }
            }
        }
    }
}
