//! What carries messages to a server and back: TLS over TCP, or whatever an application or a test puts there.

use std::{
    fmt,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use rustls::{ClientConfig, ClientConnection, StreamOwned};
use rustls_pki_types::ServerName;

use super::{ConnectError, Resolver, ServerAddress, SystemResolver, resolver::Lookups};
use crate::{
    framing::{Deadline, Polling, Timed},
    tls::{CertificateFacts, HandshakeFailure},
};

/// A connection to a server that is ready for messages.
pub trait Transport: Read + Write + Send + fmt::Debug {
    /// Ends every read and write by that instant; they fail with [`io::ErrorKind::TimedOut`] then.
    fn set_deadline(&mut self, deadline: Deadline);

    /// How many bytes went out so far: if a request did not change it, the server knows nothing of the request.
    fn written(&self) -> u64;

    /// Whether the server has closed the connection since it was used; asked before a kept one is used again.
    fn is_closed(&mut self) -> bool {
        false
    }

    /// What was negotiated, for people.
    fn facts(&self) -> TransportFacts {
        TransportFacts::default()
    }
}

/// What is known of a connection.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct TransportFacts {
    /// The address that answered.
    pub address: Option<SocketAddr>,
    /// The version of TLS, such as `TLSv1_3`.
    pub tls_version: Option<String>,
    /// The cipher suite, such as `TLS13_AES_256_GCM_SHA384`.
    pub cipher_suite: Option<String>,
    /// The certificates that the server showed, its own first.
    pub server_certificates: Vec<CertificateFacts>,
}

/// Makes connections.
pub trait Connector: Send + Sync + fmt::Debug {
    /// Connects to a server, by the deadline.
    ///
    /// # Errors
    /// At which step it failed, and why.
    fn connect(&self, server: &ServerAddress, deadline: Deadline)
    -> Result<Box<dyn Transport>, ConnectError>;
}

/// Connects with TLS over TCP, without Nagle's delay.
#[derive(Clone, Debug)]
pub struct TlsConnector {
    config: Arc<ClientConfig>,
    server_name: Option<String>,
    polling: Arc<Polling>,
    lookups: Lookups,
}

impl TlsConnector {
    /// With that configuration: of [`crate::tls::ClientTls`], or the application's own.
    #[must_use]
    pub fn new(config: Arc<ClientConfig>) -> Self {
        let lookups = Lookups::new(Arc::new(SystemResolver));
        Self { config, server_name: None, polling: Arc::default(), lookups }
    }

    /// How long a thread polls for a response before it sleeps until that comes; [`Polling::LONGEST`] unless this says
    /// otherwise, zero for never.
    #[must_use]
    pub fn polling(mut self, longest: Duration) -> Self {
        self.polling = Arc::new(Polling::new(longest));
        self
    }

    /// The name that the server's certificate must be for, instead of the host that is dialled: for tunnels, and for
    /// servers that are dialled by address.
    #[must_use]
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// Finds the addresses of hosts so, instead of asking the operating system.
    #[must_use]
    pub fn resolver(mut self, resolver: Arc<dyn Resolver>) -> Self {
        self.lookups = Lookups::new(resolver);
        self
    }
}

impl Connector for TlsConnector {
    /// Every address of the host is tried within the deadline: each is given its share of the time that is left, so
    /// that one that does not answer leaves some for the next.
    fn connect(
        &self,
        server: &ServerAddress,
        deadline: Deadline,
    ) -> Result<Box<dyn Transport>, ConnectError> {
        let host = self.server_name.as_deref().unwrap_or(server.host());
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| ConnectError::BadName { host: host.to_owned() })?;
        let (tcp, address) =
            connect_tcp(server.host(), &self.lookups.addresses(server, deadline)?, deadline)?;
        let failed = |error: io::Error| ConnectError::Tls {
            address,
            failure: Box::new(HandshakeFailure::from_io(&error)),
        };
        tcp.set_nodelay(true).map_err(failed)?;
        let mut tcp = Timed::new(tcp).map_err(failed)?.with_polling(Arc::clone(&self.polling));
        tcp.set_deadline(deadline);
        let mut tls = ClientConnection::new(Arc::clone(&self.config), name)
            .map_err(|error| failed(io::Error::other(error)))?;
        while tls.is_handshaking() {
            let (read, written) = tls.complete_io(&mut tcp).map_err(failed)?;
            if read == 0 && written == 0 {
                return Err(failed(io::ErrorKind::UnexpectedEof.into()));
            }
        }
        Ok(Box::new(TlsTransport { stream: StreamOwned::new(tls, tcp), address }))
    }
}

fn connect_tcp(
    host: &str,
    addresses: &[SocketAddr],
    deadline: Deadline,
) -> Result<(TcpStream, SocketAddr), ConnectError> {
    let mut last = None;
    for (place, &address) in addresses.iter().enumerate() {
        if last.is_some() && deadline.is_past() {
            break;
        }
        let stream = match deadline.remaining() {
            Some(_) => {
                // Zero is no time for the system, and the clock may just have run out.
                let left = deadline.share(addresses.len() - place).remaining().unwrap_or_default();
                TcpStream::connect_timeout(&address, left.max(Duration::from_millis(1)))
            }
            None => TcpStream::connect(address),
        };
        match stream {
            Ok(stream) => return Ok((stream, address)),
            Err(source) => last = Some(ConnectError::Tcp { address, source }),
        }
    }
    Err(last.unwrap_or_else(|| {
        let source = io::Error::new(io::ErrorKind::NotFound, "it has no address");
        ConnectError::Resolve { host: host.to_owned(), source }
    }))
}

#[derive(Debug)]
struct TlsTransport {
    stream: StreamOwned<ClientConnection, Timed<TcpStream>>,
    address: SocketAddr,
}

impl Read for TlsTransport {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl Write for TlsTransport {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl Transport for TlsTransport {
    fn set_deadline(&mut self, deadline: Deadline) {
        self.stream.sock.set_deadline(deadline);
    }

    fn written(&self) -> u64 {
        self.stream.sock.written()
    }

    /// Takes what has come without waiting: tickets that TLS 1.3 sends late, or the end.
    fn is_closed(&mut self) -> bool {
        let StreamOwned { conn, sock } = &mut self.stream;
        let mut tcp = sock.get_ref();
        if tcp.set_nonblocking(true).is_err() {
            return true;
        }
        let closed = loop {
            match conn.read_tls(&mut tcp) {
                Ok(0) => break true,
                Ok(_) => match conn.process_new_packets() {
                    // Plaintext that nobody asked for would be taken for the next response.
                    Ok(state) if state.peer_has_closed() || state.plaintext_bytes_to_read() != 0 => {
                        break true;
                    }
                    Ok(_) => {}
                    Err(_) => break true,
                },
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break error.kind() != io::ErrorKind::WouldBlock,
            }
        };
        tcp.set_nonblocking(false).is_err() || closed
    }

    fn facts(&self) -> TransportFacts {
        let tls = &self.stream.conn;
        let certificates = tls.peer_certificates().unwrap_or_default();
        TransportFacts {
            address: Some(self.address),
            tls_version: tls.protocol_version().and_then(|version| version.as_str()).map(str::to_owned),
            cipher_suite: tls
                .negotiated_cipher_suite()
                .and_then(|suite| suite.suite().as_str())
                .map(str::to_owned),
            server_certificates: certificates.iter().filter_map(CertificateFacts::from_der).collect(),
        }
    }
}
