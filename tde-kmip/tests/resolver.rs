//! Host names, their addresses, and resolvers that take their time.
#![cfg(all(feature = "client", feature = "server"))]
// A test reports by panicking.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

#[path = "common/bad_server.rs"]
#[allow(dead_code)] // Shared with tests that need the rest.
mod bad_server;
#[path = "common/certificates.rs"]
#[allow(dead_code)]
mod certificates;

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use certificates::Authority;
use tde_kmip::{
    client::{Client, ClientBuilder, ConnectError, Error, Resolver, ServerAddress, TlsConnector},
    tls::ClientTls,
};
use tde_kmip_codec::spec::ProtocolVersion;

/// Far more than any of these needs, far less than a test may hang.
const PATIENCE: Duration = Duration::from_secs(5);
const HOST: &str = "kms.example";

type Answer = dyn Fn() -> io::Result<Vec<SocketAddr>> + Send + Sync;

/// A resolver that says what a function says, and counts how often it is asked.
struct Says {
    answer: Box<Answer>,
    asked: AtomicUsize,
}

impl std::fmt::Debug for Says {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Says")
    }
}

impl Resolver for Says {
    fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        assert_eq!((host, port), (HOST, 5696));
        self.asked.fetch_add(1, Ordering::SeqCst);
        (self.answer)()
    }
}

fn says(answer: impl Fn() -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static) -> Arc<Says> {
    Arc::new(Says { answer: Box::new(answer), asked: AtomicUsize::new(0) })
}

/// A server whose certificate is for [`HOST`], and where it is; its connections end with the test.
fn server(authority: &Authority) -> SocketAddr {
    let config = bad_server::config(authority, &authority.server(&[HOST, "127.0.0.1"]));
    let (address, _) = bad_server::tls(config, |_, _| true);
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), address.port())
}

/// A client that connects without a word of KMIP, since it has one version only.
fn client(authority: &Authority, server: ServerAddress, resolver: &Arc<Says>) -> ClientBuilder {
    let tls = ClientTls::new().authorities_pem(authority.pem().as_bytes()).unwrap().build().unwrap();
    let connector = TlsConnector::new(tls).resolver(Arc::clone(resolver) as Arc<dyn Resolver>);
    Client::with_connector(Arc::new(connector)).server(server).versions([ProtocolVersion::V1_4])
}

fn named() -> ServerAddress {
    ServerAddress::new(HOST, 5696)
}

#[test]
fn a_resolver_that_hangs_costs_no_more_than_the_time_and_the_threads_given() {
    let authority = Authority::new("authority");
    let address = server(&authority);
    let (release, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    let resolver = says(move || {
        // Until the other end is gone.
        let _ = held.lock().unwrap().recv();
        Ok(vec![address])
    });
    let time = Duration::from_millis(100);
    let client = client(&authority, named(), &resolver).connect_timeout(time).build().unwrap();
    for _ in 0..8 {
        let begin = Instant::now();
        let error = client.connect().unwrap_err();
        let took = begin.elapsed();
        assert!(
            matches!(&error, Error::Connect { source: ConnectError::ResolveTimedOut { .. }, .. }),
            "{error}"
        );
        assert_eq!(error.to_string(), "kms.example:5696: the host kms.example could not be resolved in time");
        assert!(error.advice().unwrap().contains("name servers"), "{:?}", error.advice());
        assert!(took >= time && took < PATIENCE, "{took:?}");
    }
    assert_eq!(resolver.asked.load(Ordering::SeqCst), 4, "a lookup that hangs is not piled upon");

    // Once it answers again, so does the client.
    drop(release);
    let begin = Instant::now();
    let facts = loop {
        match client.connect() {
            Ok(facts) => break facts,
            Err(error) => assert!(begin.elapsed() < PATIENCE, "{error}"),
        }
    };
    assert_eq!(facts.transport.address, Some(address));
}

#[test]
fn what_a_resolver_says_is_told() {
    let authority = Authority::new("authority");
    let fails = says(|| Err(io::Error::other("no such name")));
    let nothing = says(|| Ok(Vec::new()));
    let panics = says(|| panic!("a resolver of an application's"));
    for (resolver, text) in
        [(fails, "no such name"), (nothing, "it has no address"), (panics, "the resolver panicked")]
    {
        let error = client(&authority, named(), &resolver).build().unwrap().connect().unwrap_err();
        let expected = format!("the host kms.example cannot be resolved: {text}");
        assert!(error.to_string().contains(&expected), "{error}");
    }
}

#[test]
fn a_server_named_by_its_address_needs_no_resolver() {
    let authority = Authority::new("authority");
    let address = server(&authority);
    let resolver = says(|| Err(io::Error::other("asked")));
    let literal = ServerAddress::new("127.0.0.1", address.port());
    let facts = client(&authority, literal, &resolver).build().unwrap().connect().unwrap();
    assert_eq!(facts.transport.address, Some(address));
    assert_eq!(resolver.asked.load(Ordering::SeqCst), 0);
}

/// An address whose packets are dropped: a listener that has no room for one more connection.
fn hole() -> (SocketAddr, TcpListener, Vec<TcpStream>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
        waiting.push(stream);
        assert!(waiting.len() < 100, "the listener's queue does not fill");
    }
    (address, listener, waiting)
}

#[test]
fn an_address_that_does_not_answer_leaves_time_for_the_next() {
    let authority = Authority::new("authority");
    let (good, (hole, _listener, _waiting)) = (server(&authority), hole());
    let resolver = says(move || Ok(vec![hole, hole, good]));
    let time = Duration::from_secs(3);
    let client = client(&authority, named(), &resolver).connect_timeout(time).build().unwrap();
    let begin = Instant::now();
    let facts = client.connect().unwrap();
    let took = begin.elapsed();
    assert_eq!(facts.transport.address, Some(good));
    assert!(took >= time / 3 && took < time, "{took:?}");

    let resolver = says(move || Ok(vec![hole; 3]));
    let client = self::client(&authority, named(), &resolver).connect_timeout(time / 10).build().unwrap();
    let begin = Instant::now();
    let error = client.connect().unwrap_err();
    let took = begin.elapsed();
    assert!(error.to_string().contains(&format!("no connection to {hole}")), "{error}");
    assert!(took >= time / 10 && took < PATIENCE, "{took:?}");
}
