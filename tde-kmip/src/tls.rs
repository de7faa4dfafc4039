//! Who we are and whom we trust: keys and certificates from PEM files, TLS configurations, and what went wrong.
//!
//! KMIP is mutual TLS with a private authority: both sides show a certificate (KMIP Profiles 1.4 and 2.1, Basic
//! Authentication Suite). [`ClientTls`] and [`ServerTls`] make rustls configurations from [`Identity`] and authority
//! files, for TLS 1.2 and 1.3, with an explicit crypto provider: nothing here installs a default for the process.
//!
//! ```no_run
//! use tde_kmip::tls::{ClientTls, Identity};
//!
//! let identity = Identity::from_pem_files("client.pem", "client.key", None)?;
//! let config = ClientTls::new().authorities_file("ca.pem")?.identity(identity).build()?;
//! # Ok::<(), tde_kmip::tls::TlsError>(())
//! ```

mod certificate;
#[cfg(feature = "client")]
mod client;
mod error;
#[cfg(feature = "client")]
mod failure;
mod identity;
mod pem;
mod provider;
#[cfg(feature = "server")]
mod server;
#[cfg(feature = "client")]
mod verifier;

#[cfg(feature = "server")]
pub use self::server::{ClientCertificates, ServerTls};
pub use self::{
    certificate::{CertificateFacts, UtcTime},
    error::TlsError,
    identity::Identity,
    pem::authorities_from_pem_file,
    provider::{CIPHER_SUITES, default_crypto_provider},
};
#[cfg(feature = "client")]
pub use self::{
    client::{ClientTls, DangerousClientTls},
    failure::HandshakeFailure,
};
