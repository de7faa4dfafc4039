//! What one client can take from the others.

use core::time::Duration;

use crate::framing::Polling;

/// Limits of a [`Server`](super::Server).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Connections at once; more are closed as they come.
    pub connections: usize,
    /// Connections at once of one client, by the name in its certificate; `None` for as many as there are.
    pub connections_per_client: Option<usize>,
    /// Bytes of a request. Longer ones are refused before anything is allocated for them.
    ///
    /// The engine has a limit of its own, [`EngineOptions::limits`](super::engine::EngineOptions::limits).
    pub message: usize,
    /// From the connection to the end of the TLS handshake.
    pub handshake: Duration,
    /// Between two requests of a connection.
    pub idle: Duration,
    /// From the first byte of a request to its last, and again for the response, however slowly the client goes on.
    pub request: Duration,
    /// How long requests in flight may take to end after a shutdown began.
    pub shutdown: Duration,
    /// How long a connection's thread polls for the next bytes before it sleeps until they come ([`Polling`]); zero for
    /// never.
    pub polling: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            connections_per_client: None,
            message: 1 << 20,
            handshake: Duration::from_secs(10),
            idle: Duration::from_secs(300),
            request: Duration::from_secs(30),
            shutdown: Duration::from_secs(10),
            polling: Polling::LONGEST,
        }
    }
}

impl Limits {
    /// Connections at once.
    #[must_use]
    pub const fn connections(mut self, count: usize) -> Self {
        self.connections = count;
        self
    }

    /// Connections at once of one client.
    #[must_use]
    pub const fn connections_per_client(mut self, count: usize) -> Self {
        self.connections_per_client = Some(count);
        self
    }

    /// Bytes of a request.
    #[must_use]
    pub const fn message(mut self, bytes: usize) -> Self {
        self.message = bytes;
        self
    }

    /// Time for the TLS handshake.
    #[must_use]
    pub const fn handshake(mut self, time: Duration) -> Self {
        self.handshake = time;
        self
    }

    /// Time between two requests.
    #[must_use]
    pub const fn idle(mut self, time: Duration) -> Self {
        self.idle = time;
        self
    }

    /// Time for a request to come, and for its response to go.
    #[must_use]
    pub const fn request(mut self, time: Duration) -> Self {
        self.request = time;
        self
    }

    /// Time for requests in flight after a shutdown began.
    #[must_use]
    pub const fn shutdown(mut self, time: Duration) -> Self {
        self.shutdown = time;
        self
    }

    /// Time to poll for the next bytes.
    #[must_use]
    pub const fn polling(mut self, time: Duration) -> Self {
        self.polling = time;
        self
    }
}
