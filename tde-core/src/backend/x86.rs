//! The x86-64 kernels. What they share is here: round keys, the proof that the CPU has the instructions, and the
//! choice between key sizes.
//!
//! Each kernel module exposes a key type whose constructor gives `None` on a CPU without its instructions, so
//! that holding a key is the proof on which its calls into `#[target_feature]` functions rest.

#![allow(unsafe_code, reason = "CPU kernels: memory is reached through vector loads and stores")]
#![allow(
    clippy::needless_range_loop,
    reason = "rounds, groups and lines are walked in step through several arrays"
)]

pub(super) mod aesni;
mod first_round;
mod lines;
mod schedule;
pub(super) mod vaes256;
pub(super) mod vaes512;
