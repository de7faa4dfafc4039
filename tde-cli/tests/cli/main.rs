//! The `tde` command from the outside: what it prints, what it writes, what it exits with.

// A helper of tests fails the test that called it.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod corpus;
mod damage;
mod decrypt;
mod edit;
mod jobs;
mod keys;
mod kmip;
mod layout;
mod master_key;
mod output;
mod partial;
mod report;
mod secrets;
mod tde;
mod transcripts;
mod wal_archive;
mod wal_encrypt;
mod wal_ranges;
mod wal_rekey;
mod wal_restore;
