//! A KMIP client: the protocol without I/O, and a client that waits, over TLS.
//!
//! [`Client`] is what most applications want: typed methods, failover, time-outs. [`Protocol`] is what it is made of,
//! for applications with their own transport: it turns payloads into messages and responses into outcomes, settles the
//! version, and does no I/O.

mod address;
mod blocking;
mod config;
mod connection;
mod error;
mod matching;
mod negotiation;
mod operations;
mod protocol;
mod refusal;
mod reply;
mod resolver;
mod transport;

#[cfg(feature = "providers")]
pub(crate) use self::refusal::printable;
pub use self::{
    address::{BadAddress, DEFAULT_PORT, ServerAddress},
    blocking::{CallOptions, Client, ConnectionFacts},
    config::ClientBuilder,
    error::{ConnectError, Error},
    operations::{
        AttributeTarget, Created, CreatedKeyPair, Decryption, Encrypted, Encryption, Located, ServerFacts,
    },
    protocol::{Exchange, MessageOptions, Outcome, Password, Protocol, ProtocolError, ProtocolOptions},
    refusal::Refusal,
    reply::{AttributesOf, Reply, Retrieved},
    resolver::{Resolver, SystemResolver},
    transport::{Connector, TlsConnector, Transport, TransportFacts},
};
