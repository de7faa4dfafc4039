//! Servers that misbehave in one way each.

use std::{
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tde_kmip::{
    client::ServerAddress,
    framing::{Direction, MessageBuffer, read_message},
    tls::{ClientCertificates, Identity, ServerTls},
};

use crate::certificates::{Authority, Issued};

/// How many connections came, and how many requests.
#[derive(Clone, Default)]
pub(crate) struct Seen {
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
}

impl Seen {
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// Hands every TCP connection to `talk`, each on a thread of its own, for as long as the test runs.
pub(crate) fn tcp(talk: impl Fn(TcpStream) + Send + Sync + 'static) -> (ServerAddress, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = ServerAddress::new("127.0.0.1", listener.local_addr().unwrap().port());
    let (seen, talk) = (Seen::default(), Arc::new(talk));
    let counted = seen.clone();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            counted.connections.fetch_add(1, Ordering::SeqCst);
            stream.set_nodelay(true).unwrap();
            let talk = Arc::clone(&talk);
            thread::spawn(move || talk(stream));
        }
    });
    (address, seen)
}

pub(crate) type Tls = StreamOwned<ServerConnection, TcpStream>;

pub(crate) fn config(authority: &Authority, Issued { chain, key }: &Issued) -> Arc<ServerConfig> {
    let identity = Identity::from_pem(chain.as_bytes(), key.as_bytes(), None).unwrap();
    ServerTls::new(identity)
        .client_authorities_pem(authority.pem().as_bytes())
        .unwrap()
        .client_certificates(ClientCertificates::Optional)
        .build()
        .unwrap()
}

/// Hands every request that came over TLS to `answer`, which may do as it likes with the stream; until it says stop.
pub(crate) fn tls(
    config: Arc<ServerConfig>,
    answer: impl Fn(&[u8], &mut Tls) -> bool + Send + Sync + 'static,
) -> (ServerAddress, Seen) {
    let requests = Arc::new(AtomicUsize::default());
    let counted = Arc::clone(&requests);
    let (address, mut seen) = tcp(move |stream| {
        let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut stream = StreamOwned::new(connection, stream);
        let mut buffer = MessageBuffer::new(Direction::Request, 1 << 20);
        while let Ok(request) = read_message(&mut stream, &mut buffer) {
            counted.fetch_add(1, Ordering::SeqCst);
            if !answer(request, &mut stream) {
                break;
            }
        }
        // An end that the client sees at once, whatever it had sent.
        let _ = stream.sock.shutdown(std::net::Shutdown::Write);
        let _ = stream.sock.read_to_end(&mut Vec::new());
    });
    seen.requests = requests;
    (address, seen)
}

/// Closes the connection on the first request without having read it, so that the client's system gets a reset.
pub(crate) fn resetting(config: Arc<ServerConfig>) -> (ServerAddress, Seen) {
    tcp(move |stream| {
        let mut connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        while connection.is_handshaking() && connection.complete_io(&mut Bytewise(&stream)).is_ok() {}
        let _ = stream.peek(&mut [0]);
    })
}

/// A stream that is read a byte at a time, so that nothing is taken of what follows.
struct Bytewise<'s>(&'s TcpStream);

impl Read for Bytewise<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer.get_mut(..1).unwrap_or_default())
    }
}

impl Write for Bytewise<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Writes all of it, whether or not the client is still there.
pub(crate) fn send(stream: &mut impl Write, bytes: &[u8]) -> bool {
    stream.write_all(bytes).and_then(|()| stream.flush()).is_ok()
}
