//! The `tde` command from the outside: what it prints, what it writes, what it exits with.

// A helper of tests fails the test that called it.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

#[allow(dead_code)]
#[path = "../../../tde-kmip/tests/common/certificates.rs"]
mod certificates;
mod corpus;
mod damage;
mod decrypt;
mod demo;
mod doctor;
mod edit;
mod faults;
mod jobs;
mod key_servers;
mod keyring;
mod keys;
mod kmip;
mod kmip_serve;
mod layout;
mod master_key;
mod output;
mod partial;
mod readme;
mod relation_edit;
mod report;
mod secrets;
mod tde;
mod transcripts;
mod wal_archive;
mod wal_encrypt;
mod wal_ranges;
mod wal_rekey;
mod wal_restore;
