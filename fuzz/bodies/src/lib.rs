//! The bodies of the fuzz targets.
//!
//! `fuzz/fuzz_targets/` holds a line for each; `cargo test` runs the same functions over `fuzz/seeds/`, so that a
//! target which no longer holds what it claims fails without a fuzzer. A body takes any bytes and panics when a promise
//! is broken.

#![forbid(unsafe_code)]
// To panic is how a body reports what it found.
#![allow(clippy::expect_used, clippy::missing_panics_doc, clippy::panic)]

mod core;
mod kmip;
mod kmip_client;
mod kmip_server;

pub use core::{keystream, page_cipher};
pub use kmip::{
    kmip_items, kmip_json, kmip_lenient_messages, kmip_messages, kmip_peer, kmip_texts, kmip_versions,
    kmip_xml, same_as_kmip_ttlv,
};
pub use kmip_client::kmip_client;
pub use kmip_server::kmip_server;

pub use tde_keyfile::fuzzing::one_file::{one_file_keys, one_file_sealed, provider_config};
pub use tde_keyfile::fuzzing::postgres::{
    control_file, data_page, filenode_map, path as data_paths, relation_file,
};
pub use tde_keyfile::fuzzing::writing::{journal, master_key};
pub use tde_keyfile::fuzzing::{
    file_names, keyring, keys_version, provider_options, providers, relation_keys, wal_keys,
};
pub use tde_wal::fuzz::{names as wal_names, segment as wal_segment, stream as wal_stream};

/// A target: its name, which is its seeds' directory as well, and its body.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: &[Target] = &[
    ("page_cipher", page_cipher),
    ("keystream", keystream),
    ("wal_names", wal_names),
    ("wal_segment", wal_segment),
    ("wal_stream", wal_stream),
    ("file_names", file_names),
    ("keyring", keyring),
    ("keys_version", keys_version),
    ("provider_options", provider_options),
    ("providers", providers),
    ("relation_keys", relation_keys),
    ("wal_keys", wal_keys),
    ("data_page", data_page),
    ("data_paths", data_paths),
    ("control_file", control_file),
    ("filenode_map", filenode_map),
    ("relation_file", relation_file),
    ("journal", journal),
    ("master_key", master_key),
    ("one_file_keys", one_file_keys),
    ("one_file_sealed", one_file_sealed),
    ("provider_config", provider_config),
    ("kmip_items", kmip_items),
    ("kmip_messages", kmip_messages),
    ("kmip_lenient_messages", kmip_lenient_messages),
    ("kmip_versions", kmip_versions),
    ("kmip_json", kmip_json),
    ("kmip_xml", kmip_xml),
    ("kmip_texts", kmip_texts),
    ("kmip_peer", kmip_peer),
    ("kmip_client", kmip_client),
    ("kmip_server", kmip_server),
];
