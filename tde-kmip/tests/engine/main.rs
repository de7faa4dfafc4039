//! The engine of the key server: batches, states, owners, attributes, and any bytes.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Helpers of tests are tests, too.
#![allow(clippy::field_reassign_with_default)] // Reads as the request does: field by field.

mod attributes;
mod batches;
mod bytes;
mod derive;
mod objects;
mod pair_openssl;
mod pair_wycheproof;
mod pairs;
mod parts;
mod states;
mod support;
mod transfer;
mod wrapping;
