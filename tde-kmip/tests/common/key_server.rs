//! The embedded key server on a port of its own, with the files that a client needs.

use std::{fs, path::PathBuf, sync::Arc, thread::JoinHandle};

use tde_kmip::{
    client::ServerAddress,
    provider::KmipSettings,
    server::{
        Limits, Server, ServerHandle,
        engine::{Engine, EngineOptions},
        store::MemoryStore,
    },
    tls::{Identity, ServerTls},
};
use tempfile::TempDir;

use crate::certificates::Authority;

/// A running server.
pub(crate) struct KeyServer {
    pub(crate) port: u16,
    pub(crate) folder: TempDir,
    pub(crate) authority: Authority,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl KeyServer {
    pub(crate) fn start() -> Self {
        let authority = Authority::new("Key server CA");
        let folder = tempfile::tempdir().unwrap();
        let issued = authority.server(&["127.0.0.1", "localhost"]);
        let identity = Identity::from_pem(issued.chain.as_bytes(), issued.key.as_bytes(), None).unwrap();
        let tls = ServerTls::new(identity).client_authorities_pem(authority.pem().as_bytes()).unwrap();
        let engine = Engine::new(Arc::new(MemoryStore::new()), EngineOptions::default());
        let server = Server::bind("127.0.0.1:0", &tls.build().unwrap(), engine, Limits::default()).unwrap();
        let (port, handle) = (server.local_addr().unwrap().port(), server.handle());
        let thread = Some(std::thread::spawn(move || drop(server.run())));
        fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
        let this = Self { port, folder, authority, handle, thread };
        this.client_files("client");
        this
    }

    /// Makes `NAME.pem` and `NAME.key` for a client.
    pub(crate) fn client_files(&self, name: &str) {
        let issued = self.authority.client(name);
        fs::write(self.file(&format!("{name}.pem")), issued.chain).unwrap();
        fs::write(self.file(&format!("{name}.key")), issued.key).unwrap();
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn settings(&self) -> KmipSettings {
        let server = ServerAddress::new("127.0.0.1", self.port);
        let mut settings = KmipSettings::new([server], self.file("ca.pem"));
        settings.cert_path = Some(self.file("client.pem"));
        settings.key_path = Some(self.file("client.key"));
        settings
    }
}

impl Drop for KeyServer {
    fn drop(&mut self) {
        self.handle.shutdown();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
