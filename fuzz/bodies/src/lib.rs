//! The bodies of the fuzz targets.
//!
//! `fuzz/fuzz_targets/` holds a line for each; `cargo test` runs the same functions over `fuzz/seeds/`, so that a
//! target which no longer holds what it claims fails without a fuzzer. A body takes any bytes and panics when a promise
//! is broken.

#![forbid(unsafe_code)]
// To panic is how a body reports what it found.
#![allow(clippy::expect_used, clippy::missing_panics_doc, clippy::panic)]

mod core;

pub use core::{keystream, page_cipher};

/// A target: its name, which is its seeds' directory as well, and its body.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: &[Target] = &[("page_cipher", page_cipher), ("keystream", keystream)];
