#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

#[cfg(feature = "client")]
pub mod client;
#[cfg(any(feature = "client", feature = "server"))]
pub mod framing;
#[cfg(feature = "pki")]
pub mod pki;
#[cfg(feature = "providers")]
pub mod provider;
#[cfg(feature = "server")]
pub mod server;
#[cfg(any(feature = "client", feature = "server"))]
pub mod tls;
