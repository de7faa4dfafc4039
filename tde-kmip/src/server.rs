//! An embedded KMIP key server, for development, tests and small installations.
//!
//! - [`Server`]: the listener over mutual TLS, with its [`Limits`] and an orderly end;
//! - [`engine`]: requests in, responses out, without I/O;
//! - [`store`]: where managed objects are kept, in memory or in one file;
//! - [`Passwords`]: users with passwords, beside the certificates;
//! - [`audit`]: who did what to which key.
//!
//! ```no_run
//! use std::sync::Arc;
//! use tde_kmip::server::engine::{Engine, EngineOptions};
//! use tde_kmip::server::store::MemoryStore;
//! use tde_kmip::server::{Limits, Server};
//! use tde_kmip::tls::{Identity, ServerTls};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let identity = Identity::from_pem_files("server.pem", "server.key", None)?;
//! let tls = ServerTls::new(identity).client_authorities_file("ca.pem")?.build()?;
//! let engine = Engine::new(Arc::new(MemoryStore::new()), EngineOptions::default());
//! let server = Server::bind("127.0.0.1:5696", &tls, engine, Limits::default())?;
//! println!("listening on {}", server.local_addr()?);
//! server.run()?;
//! # Ok(())
//! # }
//! ```

pub mod audit;
mod connection;
pub mod engine;
mod limits;
mod listener;
mod passwords;
pub mod store;

pub use limits::Limits;
pub use listener::{Server, ServerHandle, Stopped};
pub use passwords::{Passwords, PasswordsError};
