//! The client that waits: servers, connections, time and repetition.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rustls::ClientConfig;
use tde_kmip_codec::{
    operation::{RequestPayload, ResponsePayload},
    spec::{ProtocolVersion, enumeration::Operation},
};

use super::{
    ClientBuilder, Error, Exchange, MessageOptions, Outcome, Protocol, ProtocolError, Refusal, Reply,
    ServerAddress, TransportFacts, connection::Connection, transport::Connector,
};
use crate::framing::{Deadline, FramingError};

/// A client of one key server, or of several that hold the same keys.
///
/// It keeps one connection, which calls from several threads take turns with. Servers are tried in their order.
#[derive(Debug)]
pub struct Client {
    config: ClientBuilder,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    kept: Option<Connection>,
    /// What is known of each server.
    known: Vec<Known>,
}

/// What earlier connections to a server taught.
#[derive(Clone, Copy, Default, Debug)]
struct Known {
    /// The version that it agreed to, so that a new connection need not ask again.
    agreed: Option<ProtocolVersion>,
    /// Whether it closed the last connection on which it was asked for its versions.
    hung_up: bool,
}

impl Known {
    /// A server that hangs up once may just be ending, and another have its place on the next connection: it is not
    /// taken for one of 1.0 for good until it has done so twice in a row.
    fn learn(&mut self, protocol: &Protocol) {
        let hung_up = protocol.hung_up;
        let certain = !hung_up || self.hung_up || !protocol.server_versions().is_empty();
        *self = Self { agreed: protocol.version().filter(|_| certain), hung_up };
    }
}

/// What is known of the connection in use.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ConnectionFacts {
    /// The server.
    pub server: ServerAddress,
    /// TCP and TLS.
    pub transport: TransportFacts,
    /// The version that is spoken.
    pub version: ProtocolVersion,
    /// The versions that the server says it has; empty if it was not asked, or cannot say.
    pub server_versions: Vec<ProtocolVersion>,
}

/// How one call is made.
#[derive(Clone, Copy, Default, Debug)]
pub struct CallOptions<'a> {
    /// Credential, and what happens to a batch when an item fails.
    pub message: MessageOptions<'a>,
    /// The longest that the call may take, instead of the client's request time-out.
    pub timeout: Option<Duration>,
}

/// Operations that change nothing on a server, so that asking twice is as good as once.
const REPEATABLE: &[Operation] = &[
    Operation::LOCATE,
    Operation::CHECK,
    Operation::GET,
    Operation::GET_ATTRIBUTES,
    Operation::GET_ATTRIBUTE_LIST,
    Operation::VALIDATE,
    Operation::QUERY,
    Operation::DISCOVER_VERSIONS,
    Operation::RNG_RETRIEVE,
    Operation::HASH,
    Operation::PING,
];

impl Client {
    /// Begins a client over TLS with that configuration: of [`crate::tls::ClientTls`], or the application's own.
    #[must_use]
    pub fn builder(tls: Arc<ClientConfig>) -> ClientBuilder {
        ClientBuilder::tls(tls)
    }

    /// Begins a client over something else than TLS and TCP, such as a tunnel, or memory in tests.
    #[must_use]
    pub fn with_connector(connector: Arc<dyn Connector>) -> ClientBuilder {
        ClientBuilder::new(connector)
    }

    pub(super) fn new(config: ClientBuilder) -> Self {
        let known = vec![Known::default(); config.servers.len()];
        Self { config, state: Mutex::new(State { kept: None, known }) }
    }

    /// Connects unless there is a connection, and says what is known of it.
    ///
    /// # Errors
    /// [`Error::Connect`], [`Error::Connection`] and [`Error::Protocol`], or [`Error::AllServers`].
    pub fn connect(&self) -> Result<ConnectionFacts, Error> {
        let mut state = self.lock();
        let deadline = Deadline::after(self.config.request_timeout);
        let connection = self.connected(&mut state, true, 0, deadline)?;
        let facts = ConnectionFacts {
            server: connection.server.clone(),
            transport: connection.facts(),
            version: connection.protocol.version().unwrap_or(ProtocolVersion::V1_0),
            server_versions: connection.protocol.server_versions().to_vec(),
        };
        state.kept = Some(connection);
        Ok(facts)
    }

    /// Closes the connection, if there is one; the next call makes another.
    pub fn disconnect(&self) {
        self.lock().kept = None;
    }

    /// The version that is spoken, connecting if that is not known yet.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub fn version(&self) -> Result<ProtocolVersion, Error> {
        self.connect().map(|facts| facts.version)
    }

    /// Asks for any one operation; the raw form of the typed methods.
    ///
    /// # Errors
    /// [`Error::Refused`] and [`Error::Pending`] if it was not done, and every other [`Error`].
    pub fn call(&self, payload: RequestPayload<'_>, options: &CallOptions<'_>) -> Result<Reply, Error> {
        let operation = payload.operation();
        let (server, reply) =
            self.transfer(&[payload], options, |exchange, bytes| Reply::new(bytes, exchange))?;
        match reply.outcomes().into_iter().next() {
            Some(Outcome::Done(_)) => {}
            other => return Err(Undone::from(other).at(&server, operation)),
        }
        Ok(reply)
    }

    /// Asks for several operations in one message, done in their order; what came of each is in the reply.
    ///
    /// A later item without identifier means the object that an earlier one made or found.
    ///
    /// # Errors
    /// Every [`Error`] but [`Error::Refused`] and [`Error::Pending`].
    pub fn batch(&self, payloads: &[RequestPayload<'_>], options: &CallOptions<'_>) -> Result<Reply, Error> {
        self.transfer(payloads, options, |exchange, bytes| Reply::new(bytes, exchange))
            .map(|(_, reply)| reply)
    }

    /// Asks for one operation and reads what is wanted of its answer, which is wiped then.
    pub(super) fn ask<T>(
        &self,
        payload: RequestPayload<'_>,
        read: impl Fn(Option<ResponsePayload<'_>>) -> Result<T, ProtocolError>,
    ) -> Result<T, Error> {
        let operation = payload.operation();
        let (server, result) = self.transfer(&[payload], &CallOptions::default(), |exchange, bytes| {
            match exchange.outcomes(bytes)?.into_iter().next() {
                Some(Outcome::Done(payload)) => read(payload).map(Ok),
                other => Ok(Err(Undone::from(other))),
            }
        })?;
        result.map_err(|undone| undone.at(&server, operation))
    }

    /// The version that is spoken, for requests that look different in 1.x and 2.x.
    pub(super) fn spoken(&self) -> Result<ProtocolVersion, Error> {
        let mut state = self.lock();
        if let Some(version) = state.kept.as_ref().and_then(|kept| kept.protocol.version()) {
            return Ok(version);
        }
        let connection = self.connected(&mut state, true, 0, Deadline::after(self.config.request_timeout))?;
        let version = connection.protocol.version().unwrap_or(ProtocolVersion::V1_0);
        state.kept = Some(connection);
        Ok(version)
    }

    /// An answer that is not one to the request, of the server that was asked last.
    pub(super) fn misanswered(&self, operation: Operation, source: ProtocolError) -> Error {
        let kept = self.lock().kept.as_ref().map(|kept| kept.server.clone());
        match kept.or_else(|| self.config.servers.first().cloned()) {
            Some(server) => Error::Protocol { server, operation, source },
            None => Error::NoServer,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while it was held leaves a connection whose next bytes are unknown.
        self.state.lock().unwrap_or_else(|poisoned: PoisonError<MutexGuard<'_, State>>| {
            let mut state = poisoned.into_inner();
            state.kept = None;
            self.state.clear_poison();
            state
        })
    }

    fn transfer<T>(
        &self,
        payloads: &[RequestPayload<'_>],
        options: &CallOptions<'_>,
        read: impl Fn(Exchange, &[u8]) -> Result<T, ProtocolError>,
    ) -> Result<(ServerAddress, T), Error> {
        let mut state = self.lock();
        let deadline = Deadline::after(options.timeout.unwrap_or(self.config.request_timeout));
        let repeatable = payloads.iter().all(|payload| REPEATABLE.contains(&payload.operation()));
        // The server to begin with when there is no connection.
        let mut begin = 0;
        let mut repeats = 0;
        let mut unlearnt = false;
        loop {
            let mut connection = self.connected(&mut state, !repeatable, begin, deadline)?;
            let error = match connection.exchange(payloads, &options.message, deadline, &read) {
                Ok(value) => {
                    let server = connection.server.clone();
                    state.kept = Some(connection);
                    return Ok((server, value));
                }
                Err(error) => error,
            };
            let safe = repeatable || !error.may_have_happened();
            let doubtful = connection.unproven && questions_version(&error);
            let refused = matches!(&error, Error::Protocol { source: ProtocolError::Refused(_), .. });
            if let (true, Some(known)) = (doubtful || refused, state.known.get_mut(connection.place)) {
                // It may no longer be the server that agreed to the version.
                known.agreed = None;
            }
            match &error {
                // The next connection settles the version anew: for this call too, if that cannot do harm.
                Error::Protocol { .. } if doubtful => {
                    let denied = error.refusal().is_some_and(Refusal::denies_access);
                    if safe && !denied && !unlearnt && !deadline.is_past() {
                        tracing::debug!(%error, "the version is settled anew");
                        begin = connection.place;
                        unlearnt = true;
                        continue;
                    }
                }
                // Nothing was sent, or a whole response came: the stream is where it should be.
                Error::Protocol {
                    source:
                        ProtocolError::Encode { .. } | ProtocolError::NothingAsked | ProtocolError::Refused(_),
                    ..
                } => state.kept = Some(connection),
                Error::Connection { source, .. }
                    if is_passing(source) && safe && repeats < self.config.retries && !deadline.is_past() =>
                {
                    tracing::debug!(%error, "the request is repeated");
                    begin = connection.place + 1;
                    repeats += 1;
                    continue;
                }
                _ => {}
            }
            return Err(error);
        }
    }

    /// The kept connection if it can be used, else a new one: to the first server that can be reached, from the one at
    /// that place on. Each is given its share of the time that is left. A request that must not be repeated wants a
    /// careful look at a kept one.
    fn connected(
        &self,
        state: &mut State,
        careful: bool,
        begin: usize,
        deadline: Deadline,
    ) -> Result<Connection, Error> {
        if let Some(mut kept) = state.kept.take()
            && !kept.is_stale(self.config.idle_limit, careful)
        {
            return Ok(kept);
        }
        let servers = &self.config.servers;
        let mut attempts = Vec::new();
        for (tried, place) in (begin..begin + servers.len()).map(|place| place % servers.len()).enumerate() {
            let Some(server) = servers.get(place) else { continue };
            match self.open(state, place, server, deadline.share(servers.len() - tried)) {
                Ok(connection) => return Ok(connection),
                Err(error) => {
                    tracing::debug!(%error, "the server cannot be used");
                    attempts.push(error);
                }
            }
            if deadline.is_past() {
                break;
            }
        }
        match attempts.pop() {
            Some(only) if attempts.is_empty() => Err(only),
            Some(last) => {
                attempts.push(last);
                Err(Error::AllServers { attempts })
            }
            None => Err(Error::NoServer),
        }
    }

    fn open(
        &self,
        state: &mut State,
        place: usize,
        server: &ServerAddress,
        deadline: Deadline,
    ) -> Result<Connection, Error> {
        let deadline = deadline.earlier(Deadline::after(self.config.connect_timeout));
        let connect = || {
            let connected = self.config.connector.connect(server, deadline);
            connected.map_err(|source| Error::Connect { server: server.clone(), source })
        };
        let options = self.config.protocol.clone();
        let agreed = state.known.get(place).and_then(|known| known.agreed);
        // The only version that may be spoken is not up for negotiation.
        let unproven = agreed.is_some() && options.versions.len() > 1;
        let protocol = match agreed {
            Some(version) => Protocol::resumed(options, version),
            None => Protocol::new(options),
        };
        let mut connection = Connection::new((place, server.clone()), connect()?, protocol, unproven);
        connection.settle_version(deadline, connect)?;
        if let Some(known) = state.known.get_mut(place) {
            known.learn(&connection.protocol);
        }
        Ok(connection)
    }
}

/// Whether the server may not speak the version: it refused the message, answered in another, or hung up.
const fn questions_version(error: &Error) -> bool {
    match error {
        Error::Protocol { source, .. } => {
            matches!(source, ProtocolError::Refused(_) | ProtocolError::OtherVersion { .. })
        }
        Error::Connection { source, .. } => is_passing(source),
        _ => false,
    }
}

/// Whether another connection may do better.
const fn is_passing(error: &FramingError) -> bool {
    matches!(error, FramingError::Closed | FramingError::Truncated { .. } | FramingError::Io(_))
}

/// Why an item was not done.
enum Undone {
    Refused(Refusal),
    Pending(Vec<u8>),
    Unanswered,
}

impl From<Option<Outcome<'_>>> for Undone {
    fn from(outcome: Option<Outcome<'_>>) -> Self {
        match outcome {
            Some(Outcome::Refused(refusal)) => Self::Refused(refusal),
            Some(Outcome::Pending(value)) => Self::Pending(value.unwrap_or_default().to_vec()),
            Some(Outcome::Done(_) | Outcome::NotReached) | None => Self::Unanswered,
        }
    }
}

impl Undone {
    fn at(self, server: &ServerAddress, operation: Operation) -> Error {
        let server = server.clone();
        match self {
            Self::Refused(refusal) => Error::Refused { server, operation, refusal },
            Self::Pending(correlation_value) => Error::Pending { server, operation, correlation_value },
            Self::Unanswered => Error::Protocol {
                server,
                operation,
                source: ProtocolError::Unanswered { place: 1, operation },
            },
        }
    }
}
