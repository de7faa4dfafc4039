//! The bodies of the fuzz targets over seeds: files made here, those of the corpora, and cuts and flips of them.

#![allow(clippy::unwrap_used, clippy::panic, clippy::std_instead_of_core, reason = "a test")]

#[path = "support/corpus.rs"]
mod corpus;
#[path = "support/sample.rs"]
mod sample;

use corpus::text;
use sample::{DEMO, Header, SERVER, count, wrap_key};
use tde_keyfile::fuzzing;

fn run(target: fn(&[u8]), seed: &[u8]) {
    target(seed);
    for length in (0..seed.len()).step_by(7) {
        target(&seed[..length]);
    }
    let mut bytes = seed.to_vec();
    for at in (0..bytes.len()).step_by(3) {
        bytes[at] ^= 1 << (at % 8);
        target(&bytes);
    }
}

#[test]
fn key_files_keep_the_promises_of_their_parsers() {
    let key = wrap_key(16);
    let relation_keys = [
        [DEMO.bytes(&key), sample::v4_entry(&key, 1663, 16397, &count::<16>(0x20))].concat(),
        [
            Header { magic: b"TDE\x03", ..DEMO }.bytes(&key),
            sample::v3_entry(&key, 1663, 16397, &count(0x20), [1, 2]),
        ]
        .concat(),
    ];
    let wal_keys = [
        [SERVER.bytes(&key), sample::wal_v2_entry(&key, 2, (1, 1), &count::<32>(0x20))].concat(),
        [
            Header { magic: b"WEK\x01", ..SERVER }.bytes(&key),
            sample::wal_v1_entry(&key, 2, (1, 1), &count(0x20)),
        ]
        .concat(),
    ];
    for seed in relation_keys.iter().chain(&wal_keys) {
        run(fuzzing::relation_keys, seed);
        run(fuzzing::wal_keys, seed);
    }
}

#[test]
fn providers_and_keyrings_keep_the_promises_of_their_parsers() {
    let options = r#"{"path" : "/srv/keys/demo.keys", "path":7}"#;
    run(fuzzing::providers, &sample::provider_record(-1, "ring-a", options, 1));
    run(fuzzing::provider_options, options.as_bytes());
    run(fuzzing::keyring, &sample::keyring_record("demo-key", &count::<16>(0)));
    run(fuzzing::keys_version, b"TDE\x04WEK\x02");
    for name in ["16384_keys", "-1294967296_providers", "wal_keys", "keys_version", "pg_tde_5_map"] {
        run(fuzzing::file_names, name.as_bytes());
    }
}

#[test]
fn files_of_real_servers_keep_the_promises_of_their_parsers() {
    for corpus in corpus::all_and_excerpts() {
        for file in corpus.list("pg_tde_files").chain(corpus.list("keyring_files")) {
            let path = text(&file["path"]);
            let bytes = corpus.read(path);
            let target = match path {
                _ if path.ends_with("/wal_keys") => fuzzing::wal_keys,
                _ if path.ends_with("_keys") => fuzzing::relation_keys,
                _ if path.ends_with("_providers") => fuzzing::providers,
                _ if path.ends_with("keys_version") => fuzzing::keys_version,
                _ => fuzzing::keyring,
            };
            run(target, &bytes);
        }
    }
}
