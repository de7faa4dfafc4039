//! The key servers of `pg_tde` clusters as key providers: KMIP, and with the feature `vault` the key-value store of
//! HashiCorp Vault and OpenBao.
//!
//! [`Connector`] opens the providers that a cluster records, as the server would, for
//! [`OpenOptions::connector`](tde_keyfile::cluster::OpenOptions::connector):
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use tde_keyfile::cluster::{Cluster, OpenOptions};
//! use tde_kmip::provider::Connector;
//!
//! let data_directory = "/var/lib/postgresql/17/main";
//! // A key server that is reached in another way than its record says.
//! let connector = Connector::new(data_directory).with_override("kms:host=kms.example".parse()?);
//! let cluster = Cluster::open(data_directory, &OpenOptions::new().connector(Arc::new(connector)))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What differs from `pg_tde` (2.2.0, `keyring_kmip_impl.c` and `keyring_vault.c`), and is meant to:
//!
//! - The server's certificate is verified; for KMIP, `pg_tde` never does.
//! - A server that cannot be reached is an error; for KMIP, `pg_tde` says that there is no such key.
//! - Storing fails if the name exists, also when two programs do it at the same time; `pg_tde` adds another version of a
//!   Vault secret, or another KMIP key that then keeps both from being found.
//! - Tokens are not sent on to other hosts when a Vault server redirects.

#[cfg(unix)]
mod certificates;
mod connector;
mod kmip;
mod overrides;
mod settings;
#[cfg(feature = "vault")]
mod vault;

#[cfg(unix)]
pub use self::certificates::certificate_checks;
#[cfg(feature = "vault")]
pub use self::vault::{VaultError, VaultProvider, VaultSettings};
pub use self::{
    connector::Connector,
    kmip::KmipProvider,
    overrides::{OverrideError, ProviderOverride},
    settings::{KmipSettings, SettingsError, read_secret},
};
