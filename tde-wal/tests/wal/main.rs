//! The public behaviour of the crate, against real servers' files and against logs made by hand.
//!
//! Run with `--all-features`.

#![cfg(all(feature = "std", feature = "fuzzing"))]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "helpers of tests are tests"
)]

mod bad_input;
mod builder;
mod corpus;
mod damage;
mod rekeying;
mod streams;
mod transforming;
mod vectors;
mod walking;
