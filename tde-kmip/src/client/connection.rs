//! One connection to one server: requests and their responses, in order.

use std::{
    io,
    time::{Duration, Instant},
};

use tde_kmip_codec::{operation::RequestPayload, spec::enumeration::Operation};
use zeroize::Zeroizing;

use super::{
    Error, Exchange, MessageOptions, Protocol, ProtocolError, ServerAddress, TransportFacts,
    transport::Transport,
};
use crate::{
    framing::{Deadline, Direction, FramingError, MessageBuffer, read_message, write_message},
    tls::HandshakeFailure,
};

/// A connection to a server, ready for requests once its version is settled.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) server: ServerAddress,
    /// Which of the servers it is.
    pub(super) place: usize,
    pub(super) protocol: Protocol,
    /// Whether its version is one that an earlier connection agreed on and that nothing was answered in yet: another
    /// server may be there by now.
    pub(super) unproven: bool,
    transport: Box<dyn Transport>,
    received: MessageBuffer,
    to_send: Zeroizing<Vec<u8>>,
    last_used: Instant,
}

impl Connection {
    pub(super) fn new(
        (place, server): (usize, ServerAddress),
        transport: Box<dyn Transport>,
        protocol: Protocol,
        unproven: bool,
    ) -> Self {
        let limit = protocol.options.maximum_response_size;
        Self {
            server,
            place,
            protocol,
            unproven,
            transport,
            received: MessageBuffer::new(Direction::Response, limit),
            to_send: Zeroizing::default(),
            last_used: Instant::now(),
        }
    }

    /// Settles the version. A server that hangs up on the question is asked once more, in 1.0, on a connection that
    /// `reconnect` makes.
    pub(super) fn settle_version(
        &mut self,
        deadline: Deadline,
        reconnect: impl FnOnce() -> Result<Box<dyn Transport>, Error>,
    ) -> Result<(), Error> {
        let error = match self.negotiate(deadline) {
            Err(Error::Connection { source, .. }) if is_hang_up(&source) && self.protocol.hung_up() => source,
            settled => return settled,
        };
        tracing::debug!(server = %self.server, %error, "the server is asked again, in KMIP 1.0");
        self.transport = reconnect()?;
        self.negotiate(deadline).map_err(|error| match error {
            Error::Connection { server, source, .. } if is_hang_up(&source) => {
                Error::HangsUp { server, operation: Operation::DISCOVER_VERSIONS, source }
            }
            error => error,
        })
    }

    fn negotiate(&mut self, deadline: Deadline) -> Result<(), Error> {
        let mut operation = Operation::DISCOVER_VERSIONS;
        loop {
            let wrong = |source| Error::Protocol { server: self.server.clone(), operation, source };
            let Some(exchange) = self.protocol.negotiate(&mut self.to_send).map_err(wrong)? else {
                return Ok(());
            };
            operation = exchange.operations.first().copied().unwrap_or(operation);
            self.transfer(operation, deadline)?;
            let negotiated = self.protocol.negotiated(&exchange, self.received.message());
            self.received.clear();
            negotiated.map_err(|source| Error::Protocol {
                server: self.server.clone(),
                operation,
                source,
            })?;
        }
    }

    /// Sends a request and hands its response to `read`.
    pub(super) fn exchange<T>(
        &mut self,
        payloads: &[RequestPayload<'_>],
        options: &MessageOptions<'_>,
        deadline: Deadline,
        read: impl FnOnce(Exchange, &[u8]) -> Result<T, ProtocolError>,
    ) -> Result<T, Error> {
        let operation = payloads.first().map_or(Operation(0), RequestPayload::operation);
        let server = self.server.clone();
        let wrong = |source| Error::Protocol { server, operation, source };
        let exchange = match self.protocol.request(payloads, options, &mut self.to_send) {
            Ok(exchange) => exchange,
            Err(error) => return Err(wrong(error)),
        };
        self.transfer(operation, deadline)?;
        let result = read(exchange, self.received.message()).map_err(wrong);
        self.received.clear();
        self.unproven &= result.is_err();
        self.last_used = Instant::now();
        result
    }

    /// Sends what is to send and waits for a whole message.
    fn transfer(&mut self, operation: Operation, deadline: Deadline) -> Result<(), Error> {
        self.transport.set_deadline(deadline);
        let before = self.transport.written();
        let sent = write_message(&mut self.transport, &self.to_send);
        zeroize::Zeroize::zeroize(&mut *self.to_send);
        let received = sent.and_then(|()| read_message(&mut self.transport, &mut self.received).map(|_| ()));
        received.map_err(|source| {
            let failure = match &source {
                // Only what TLS itself said: what the stream did is told by the framing error.
                FramingError::Io(error)
                    if error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) =>
                {
                    Some(Box::new(HandshakeFailure::from_io(error)))
                }
                _ => None,
            };
            let sent = self.transport.written() != before;
            Error::Connection { server: self.server.clone(), operation, source, failure, sent }
        })
    }

    /// Whether it was idle for that long, or the server has closed it: then it is not used again. The look costs
    /// system calls: what can be repeated does without when the last request was a moment ago.
    pub(super) fn is_stale(&mut self, limit: Duration, careful: bool) -> bool {
        let idle = self.last_used.elapsed();
        idle >= limit || ((careful || idle >= Duration::from_secs(1)) && self.transport.is_closed())
    }

    pub(super) fn facts(&self) -> TransportFacts {
        self.transport.facts()
    }
}

/// Whether the server closed the connection without a word, be it one of TLS.
fn is_hang_up(error: &FramingError) -> bool {
    let is_end = |kind| {
        matches!(
            kind,
            io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe
        )
    };
    match error {
        FramingError::Closed => true,
        FramingError::Io(error) => is_end(error.kind()),
        _ => false,
    }
}
