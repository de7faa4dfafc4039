use std::{io, net::SocketAddr};

use tde_kmip_codec::{
    spec::{
        ProtocolVersion,
        enumeration::{Operation, ResultReason},
    },
    ttlv::ErrorKind,
};

use super::{ProtocolError, Refusal, ServerAddress};
use crate::{
    framing::FramingError,
    tls::{HandshakeFailure, TlsError},
};

/// Why a connection did not come about: the step that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The host is neither a DNS name nor an IP address, so that no certificate could be for it.
    #[error("{host:?} is neither a DNS name nor an IP address")]
    BadName {
        /// The host.
        host: String,
    },
    /// The host has no address.
    #[error("the host {host} cannot be resolved: {source}")]
    Resolve {
        /// The host.
        host: String,
        /// What the system said.
        source: io::Error,
    },
    /// The host may have an address, but nobody said so while there was time.
    #[error("the host {host} could not be resolved in time")]
    ResolveTimedOut {
        /// The host.
        host: String,
    },
    /// No TCP connection.
    #[error("no connection to {address}: {source}")]
    Tcp {
        /// The address that was tried last.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// No TLS on the connection.
    #[error("no TLS with {address}: {failure}")]
    Tls {
        /// The address.
        address: SocketAddr,
        /// Why.
        failure: Box<HandshakeFailure>,
    },
    /// A transport of the application's failed.
    #[error("{0}")]
    Other(io::Error),
}

impl ConnectError {
    /// What to try.
    #[must_use]
    pub fn advice(&self) -> String {
        match self {
            Self::BadName { .. } | Self::Resolve { .. } => "Check the host name.".to_owned(),
            Self::ResolveTimedOut { .. } => {
                "Check the name servers that this machine asks, name the server by its address, or allow more time."
                    .to_owned()
            }
            Self::Tcp { .. } => {
                "Check host and port, that the server runs, and that no firewall is in between.".to_owned()
            }
            Self::Tls { failure, .. } => failure.advice(),
            Self::Other(_) => "See the error of the transport.".to_owned(),
        }
    }
}

/// Why a call to a key server failed. Each names the server it is about, and [`Error::advice`] says what to try.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server could not be connected to.
    #[error("{server}: {source}")]
    Connect {
        /// The server.
        server: ServerAddress,
        /// Why.
        source: ConnectError,
    },
    /// None of several servers could be used.
    #[error("none of {} servers can be used: {}", attempts.len(), joined(attempts))]
    AllServers {
        /// Why, server by server.
        attempts: Vec<Error>,
    },
    /// No server is configured.
    #[error("no server is given")]
    NoServer,
    /// The TLS configuration cannot be made.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The connection failed while a request was under way.
    #[error("{server}: {operation}: {}", because(failure.as_deref(), source))]
    Connection {
        /// The server.
        server: ServerAddress,
        /// What was asked; the first of a batch.
        operation: Operation,
        /// What happened to the stream.
        source: FramingError,
        /// What it means, if TLS ended.
        failure: Option<Box<HandshakeFailure>>,
        /// Whether bytes of the request went out, so that the server may have done it.
        sent: bool,
    },
    /// The server closes the connection on whatever settles the version to speak.
    #[error(
        "{server}: {operation}: the server closes the connection instead of answering, in KMIP 1.0 too: {source}"
    )]
    HangsUp {
        /// The server.
        server: ServerAddress,
        /// What was asked.
        operation: Operation,
        /// What happened to the stream at last.
        source: FramingError,
    },
    /// The server did not do it.
    #[error("{server}: {operation}: {refusal}")]
    Refused {
        /// The server.
        server: ServerAddress,
        /// What was asked.
        operation: Operation,
        /// What the server said.
        refusal: Refusal,
    },
    /// The server does it later, which this client does not wait for.
    #[error("{server}: {operation}: the server answered that it will do it later")]
    Pending {
        /// The server.
        server: ServerAddress,
        /// What was asked.
        operation: Operation,
        /// The value to Poll with.
        correlation_value: Vec<u8>,
    },
    /// The request cannot be made, or what came back is no response to it.
    #[error("{server}: {operation}: {source}")]
    Protocol {
        /// The server.
        server: ServerAddress,
        /// What was asked; the first of a batch.
        operation: Operation,
        /// What is wrong.
        source: ProtocolError,
    },
    /// The version that is spoken has no way to say it.
    #[error("{operation}: KMIP {version} has no way to say this: {why}")]
    NotExpressible {
        /// What was asked.
        operation: Operation,
        /// The version.
        version: ProtocolVersion,
        /// Why.
        why: &'static str,
    },
}

fn joined(attempts: &[Error]) -> String {
    attempts.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn because(failure: Option<&HandshakeFailure>, source: &FramingError) -> String {
    failure.map_or_else(|| source.to_string(), ToString::to_string)
}

impl Error {
    /// The server that it is about, if it is about one.
    #[must_use]
    pub const fn server(&self) -> Option<&ServerAddress> {
        match self {
            Self::Connect { server, .. }
            | Self::Connection { server, .. }
            | Self::HangsUp { server, .. }
            | Self::Refused { server, .. }
            | Self::Pending { server, .. }
            | Self::Protocol { server, .. } => Some(server),
            Self::AllServers { .. } | Self::NoServer | Self::Tls(_) | Self::NotExpressible { .. } => None,
        }
    }

    /// The operation that it is about, if it is about one.
    #[must_use]
    pub const fn operation(&self) -> Option<Operation> {
        match self {
            Self::Connection { operation, .. }
            | Self::HangsUp { operation, .. }
            | Self::Refused { operation, .. }
            | Self::Pending { operation, .. }
            | Self::NotExpressible { operation, .. }
            | Self::Protocol { operation, .. } => Some(*operation),
            Self::Connect { .. } | Self::AllServers { .. } | Self::NoServer | Self::Tls(_) => None,
        }
    }

    /// What the server said, if it refused.
    #[must_use]
    pub const fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused { refusal, .. }
            | Self::Protocol { source: ProtocolError::Refused(refusal), .. } => Some(refusal),
            _ => None,
        }
    }

    /// Whether the server said that there is no such object: [`ResultReason::ITEM_NOT_FOUND`], or the code of 2.x.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        let reason = self.refusal().and_then(|refusal| refusal.reason);
        matches!(reason, Some(ResultReason::ITEM_NOT_FOUND | ResultReason::OBJECT_NOT_FOUND))
    }

    /// Whether the server may have done what was asked, although the call failed: look before you ask again.
    #[must_use]
    pub const fn may_have_happened(&self) -> bool {
        match self {
            Self::Connection { sent, .. } => *sent,
            Self::Pending { .. } => true,
            Self::Protocol { source, .. } => !matches!(
                source,
                ProtocolError::Encode { .. }
                    | ProtocolError::NotNegotiated
                    | ProtocolError::NothingAsked
                    | ProtocolError::NoCommonVersion { .. }
                    | ProtocolError::Refused(_)
            ),
            _ => false,
        }
    }

    /// What to try, if there is something that usually helps.
    #[must_use]
    pub fn advice(&self) -> Option<String> {
        match self {
            Self::Connect { source, .. } => Some(source.advice()),
            Self::AllServers { attempts } => attempts.iter().find_map(Self::advice),
            Self::NoServer => Some("Name at least one server.".to_owned()),
            Self::Connection { failure: Some(failure), .. } => Some(failure.advice()),
            Self::Connection { source, .. } => Some(stream_advice(source).to_owned()),
            Self::HangsUp { .. } => Some(
                "Read the server's log: it may be refusing the client certificate. If it wants one version of KMIP \
                 only, name that one, so that the server is not asked."
                    .to_owned(),
            ),
            Self::Refused { refusal, .. }
            | Self::Protocol { source: ProtocolError::Refused(refusal), .. } => {
                refusal.advice().map(str::to_owned)
            }
            Self::Pending { .. } => Some("Poll for the result with the correlation value.".to_owned()),
            Self::Protocol { source, .. } => protocol_advice(source).map(str::to_owned),
            Self::Tls(_) | Self::NotExpressible { .. } => None,
        }
    }
}

const fn stream_advice(error: &FramingError) -> &'static str {
    match error {
        FramingError::Closed | FramingError::Truncated { .. } | FramingError::Io(_) => {
            "The server went away: read its log. If it closes every connection, it may be refusing the client \
             certificate."
        }
        FramingError::NotKmip { .. } | FramingError::UnevenLength { .. } => {
            "Check the port: this is no KMIP server, or one that speaks KMIP over HTTPS there."
        }
        FramingError::TooLarge { .. } => "Allow larger responses, or ask for fewer items at a time.",
        FramingError::TimedOut { .. } | FramingError::SendTimedOut => {
            "Allow more time, or see what keeps the server busy."
        }
    }
}

fn protocol_advice(error: &ProtocolError) -> Option<&'static str> {
    match error {
        ProtocolError::Encode { source, .. } => match source.kind() {
            ErrorKind::CannotEncodeInVersion { .. } | ErrorKind::EnumerationValueNotInVersion { .. } => {
                Some("Leave out what this version does not have, or use a server with a newer one.")
            }
            _ => None,
        },
        ProtocolError::NoCommonVersion { .. } => Some("Allow one of the versions that the server has."),
        ProtocolError::Decode(_)
        | ProtocolError::OtherVersion { .. }
        | ProtocolError::OtherRequest
        | ProtocolError::UnknownItem { .. }
        | ProtocolError::TooManyItems { .. }
        | ProtocolError::Unanswered { .. }
        | ProtocolError::OtherOperation { .. }
        | ProtocolError::OtherObject { .. } => Some(
            "The server misbehaves: look at the messages with `tde kmip decode`, and try another version.",
        ),
        _ => None,
    }
}
