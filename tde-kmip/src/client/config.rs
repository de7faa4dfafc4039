use std::{sync::Arc, time::Duration};

use rustls::ClientConfig;
use tde_kmip_codec::spec::ProtocolVersion;

use super::{
    Client, Error, Password, ServerAddress,
    protocol::ProtocolOptions,
    transport::{Connector, TlsConnector},
};

/// Puts a [`Client`] together. Nothing is connected before the first call.
#[derive(Debug)]
pub struct ClientBuilder {
    pub(super) servers: Vec<ServerAddress>,
    pub(super) connector: Arc<dyn Connector>,
    pub(super) protocol: ProtocolOptions,
    pub(super) connect_timeout: Duration,
    pub(super) request_timeout: Duration,
    pub(super) idle_limit: Duration,
    pub(super) retries: u32,
}

impl ClientBuilder {
    pub(super) fn new(connector: Arc<dyn Connector>) -> Self {
        Self {
            servers: Vec::new(),
            connector,
            protocol: ProtocolOptions::default(),
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(30),
            idle_limit: Duration::from_secs(8),
            retries: 1,
        }
    }

    pub(super) fn tls(config: Arc<ClientConfig>) -> Self {
        Self::new(Arc::new(TlsConnector::new(config)))
    }

    /// Uses this server when those named before it cannot be reached.
    #[must_use]
    pub fn server(mut self, server: ServerAddress) -> Self {
        self.servers.push(server);
        self
    }

    /// Speaks one of these versions, the best first; all seven, newest first, unless this says otherwise. One alone is
    /// spoken without asking the server.
    #[must_use]
    pub fn versions(mut self, versions: impl Into<Vec<ProtocolVersion>>) -> Self {
        self.protocol.versions = versions.into();
        self
    }

    /// The longest that connecting to one server may take, its name, TCP, TLS and the version together; 5 seconds by
    /// default. With several servers none gets more than its share of the time that the call has left.
    #[must_use]
    pub const fn connect_timeout(mut self, time: Duration) -> Self {
        self.connect_timeout = time;
        self
    }

    /// The longest that a call may take, connecting and repeating included; 30 seconds by default.
    #[must_use]
    pub const fn request_timeout(mut self, time: Duration) -> Self {
        self.request_timeout = time;
        self
    }

    /// A connection idle for this long is not used again; 8 seconds by default, below the 10 after which `PyKMIP`
    /// closes. Zero makes a connection for each request.
    #[must_use]
    pub const fn idle_limit(mut self, time: Duration) -> Self {
        self.idle_limit = time;
        self
    }

    /// How often a request is repeated when its connection fails; once by default. Only what changes nothing on the
    /// server is repeated, and what did not go out.
    #[must_use]
    pub const fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// The largest response, in bytes; 16 MiB by default. Nothing is allocated for more.
    #[must_use]
    pub const fn maximum_response_size(mut self, bytes: usize) -> Self {
        self.protocol.maximum_response_size = bytes;
        self
    }

    /// Sends this name and password with each request.
    #[must_use]
    pub fn password(mut self, password: Password) -> Self {
        self.protocol.password = Some(password);
        self
    }

    /// Sends a Client Correlation Value with each request of KMIP 1.4 and later; some servers refuse it.
    #[must_use]
    pub const fn client_correlation(mut self, on: bool) -> Self {
        self.protocol.client_correlation = on;
        self
    }

    /// The client.
    ///
    /// # Errors
    /// [`Error::NoServer`].
    pub fn build(self) -> Result<Client, Error> {
        if self.servers.is_empty() {
            return Err(Error::NoServer);
        }
        Ok(Client::new(self))
    }
}
