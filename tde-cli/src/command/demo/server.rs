//! The key server of the demonstration: in this process, on a port that is free, with certificates of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use serde_json::json;
use tde_kmip::pki::{Host, Options, Pki};
use tde_kmip::server::engine::{Engine, EngineOptions};
use tde_kmip::server::store::MemoryStore;
use tde_kmip::server::{Limits, Server, ServerHandle, Stopped};
use tde_kmip::tls::{Identity, ServerTls};

use crate::failure::Failure;

const CLIENT: &str = "demo-database";

/// The running server. Dropping it ends it.
#[derive(Debug)]
pub(super) struct KeyServer {
    address: SocketAddr,
    pki: Pki,
    handle: ServerHandle,
    thread: Option<JoinHandle<std::io::Result<Stopped>>>,
}

impl KeyServer {
    /// Starts it, with its certificates in a directory that is made for them.
    pub(super) fn start(certificates: &Path) -> Result<Self, Failure> {
        let host = Host::Address(Ipv4Addr::LOCALHOST.into());
        let pki = Pki::init(certificates, &[host], &[CLIENT], &Options::default())?;
        let identity = Identity::from_pem_files(pki.server_certificate(), pki.server_key(), None)?;
        let tls = ServerTls::new(identity).client_authorities_file(pki.authority_certificate())?.build()?;
        let engine = Engine::new(Arc::new(MemoryStore::new()), EngineOptions::default());
        let server = Server::bind((Ipv4Addr::LOCALHOST, 0), &tls, engine, Limits::default())?;
        let (address, handle) = (server.local_addr()?, server.handle());
        let thread = thread::Builder::new().name("key server".into()).spawn(move || server.run())?;
        Ok(Self { address, pki, handle, thread: Some(thread) })
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The options of a provider record that lead to it, as JSON.
    pub(super) fn provider_options(&self) -> String {
        json!({
            "host": self.address.ip().to_string(),
            "port": self.address.port().to_string(),
            "caPath": self.pki.authority_certificate(),
            "certPath": self.pki.client_certificate(CLIENT),
            "keyPath": self.pki.client_key(CLIENT),
        })
        .to_string()
    }
}

impl Drop for KeyServer {
    fn drop(&mut self) {
        self.handle.shutdown();
        // What came of it matters to nobody any more.
        drop(self.thread.take().map(JoinHandle::join));
    }
}
