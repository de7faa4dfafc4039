//! Benches of the tde crates.
