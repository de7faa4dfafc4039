//! What must hold of the public interface, through every backend that this CPU has.

mod suite {
    mod differential;
    mod gcm_vectors;
    mod page_rules;
    mod page_vectors;
    mod stream_vectors;
    mod support;
}
