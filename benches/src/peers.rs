//! Other implementations of the same work, each used as well as its interface allows.

#[cfg(feature = "ipsec-mb")]
pub mod ipsec_mb;
pub mod kmip_serde;
pub mod openssl;
pub mod rustcrypto;
