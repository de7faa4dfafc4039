//! What the tde crates are measured against, and how.

#![deny(unsafe_code)]

pub mod buffers;
pub mod interleaved;
pub mod peers;
