//! Any bytes get an answer that can be read, in a version that is spoken.

use proptest::prelude::*;
use tde_kmip_codec::{
    message::ResponseMessage,
    ttlv::{Leniency, Options},
};

use crate::support::Server;

fn check(server: &Server, request: &[u8]) {
    let response = server.respond(request);
    // The operation of the request is repeated, whether or not the version has it.
    let options = Options::new().leniency(
        Leniency::OTHER_VERSIONS | Leniency::UNKNOWN_ENUMERATION_VALUES | Leniency::UNKNOWN_OPERATIONS,
    );
    let message = ResponseMessage::decode_with(&response, options, &mut |_| ()).unwrap();
    assert!(message.header.protocol_version.is_known());
    assert!(!message.batch_items.is_empty());
}

fn seeds() -> Vec<Vec<u8>> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../test-data/kmip");
    let mut folders = vec![root];
    let mut seeds = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(".request.ttlv") {
                seeds.push(std::fs::read(path).unwrap());
            }
        }
    }
    seeds.sort();
    assert!(seeds.len() > 20);
    seeds
}

#[test]
fn every_cut_of_a_request_is_answered() {
    let server = Server::new();
    for seed in seeds() {
        for len in (0..seed.len()).step_by(7) {
            check(&server, &seed[..len]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn changed_requests_are_answered(
        seed in proptest::sample::select(seeds()),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let server = Server::new();
        let mut request = seed.clone();
        for (place, byte) in changes {
            let place = place.index(request.len());
            request[place] = byte;
        }
        check(&server, &request);
    }

    #[test]
    fn random_bytes_are_answered(request in proptest::collection::vec(any::<u8>(), 0..300)) {
        check(&Server::new(), &request);
    }
}
