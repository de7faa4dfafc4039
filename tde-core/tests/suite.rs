//! What must hold of the public interface, through every backend that this CPU has.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod suite {
    mod differential;
    mod error_texts;
    mod gcm_vectors;
    mod page_rules;
    mod page_vectors;
    mod secrets;
    mod stream_vectors;
    mod support;
}
