#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

#[cfg(any(feature = "client", feature = "server"))]
pub mod framing;
#[cfg(feature = "server")]
pub mod server;
#[cfg(any(feature = "client", feature = "server"))]
pub mod tls;
