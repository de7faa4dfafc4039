#![no_std]
#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[cfg(feature = "json")]
pub mod json;
pub mod spec;
pub mod state;
mod text;
pub mod ttlv;
#[cfg(feature = "xml")]
pub mod xml;
