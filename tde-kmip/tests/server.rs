//! The key server on its socket: who gets in, what a bad peer can do, and how it ends.
// A helper of tests fails the test that called it.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]
#![cfg(all(feature = "client", feature = "server"))]

#[path = "common/certificates.rs"]
#[allow(dead_code)]
mod certificates;

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use certificates::{Authority, Issued, Odd};
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, ServerConfig, StreamOwned};
use tde_kmip::framing::{Direction, MessageBuffer, read_message};
use tde_kmip::server::engine::{Engine, EngineOptions};
use tde_kmip::server::store::MemoryStore;
use tde_kmip::server::{Limits, Server, ServerHandle, Stopped};
use tde_kmip::tls::{ClientTls, Identity, ServerTls};
use tde_kmip_codec::message::{RequestBatchItem, RequestHeader, RequestMessage, ResponseMessage};
use tde_kmip_codec::operation::QueryRequest;
use tde_kmip_codec::spec::ProtocolVersion;
use tde_kmip_codec::spec::enumeration::{Operation, QueryFunction, ResultReason, ResultStatus};

type Tls = StreamOwned<ClientConnection, TcpStream>;

struct Served {
    authority: Authority,
    address: SocketAddr,
    handle: ServerHandle,
    running: Option<JoinHandle<io::Result<Stopped>>>,
}

impl Served {
    fn start(limits: Limits) -> Self {
        Self::start_with(limits, |_| ())
    }

    fn start_with(limits: Limits, change: impl FnOnce(&mut ServerConfig)) -> Self {
        let authority = Authority::new("Test CA");
        let issued = authority.server(&["127.0.0.1"]);
        let identity = Identity::from_pem(issued.chain.as_bytes(), issued.key.as_bytes(), None).unwrap();
        let tls = ServerTls::new(identity).client_authorities_pem(authority.pem().as_bytes()).unwrap();
        let engine = Engine::new(Arc::new(MemoryStore::new()), EngineOptions::default());
        let mut tls = Arc::unwrap_or_clone(tls.build().unwrap());
        change(&mut tls);
        let server = Server::bind("127.0.0.1:0", &tls, engine, limits).unwrap();
        let (address, handle) = (server.local_addr().unwrap(), server.handle());
        Self { authority, address, handle, running: Some(thread::spawn(|| server.run())) }
    }

    fn connect(&self, name: &str) -> io::Result<Tls> {
        self.connect_as(Some(&self.authority.client(name)))
    }

    fn connect_as(&self, client: Option<&Issued>) -> io::Result<Tls> {
        self.connect_with(self.client(client))
    }

    fn client(&self, client: Option<&Issued>) -> Arc<ClientConfig> {
        let mut tls = ClientTls::new().authorities_pem(self.authority.pem().as_bytes()).unwrap();
        if let Some(client) = client {
            let identity = Identity::from_pem(client.chain.as_bytes(), client.key.as_bytes(), None).unwrap();
            tls = tls.identity(identity);
        }
        tls.build().unwrap()
    }

    fn connect_with(&self, tls: Arc<ClientConfig>) -> io::Result<Tls> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        let name = "127.0.0.1".try_into().unwrap();
        let mut tls = StreamOwned::new(ClientConnection::new(tls, name).unwrap(), stream);
        while tls.conn.is_handshaking() {
            tls.conn.complete_io(&mut tls.sock)?;
        }
        Ok(tls)
    }

    fn stop(mut self) -> Stopped {
        self.handle.shutdown();
        self.running.take().unwrap().join().unwrap().unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.handle.shutdown();
    }
}

fn query() -> Vec<u8> {
    let functions = [QueryFunction::QUERY_OPERATIONS];
    let query = QueryRequest { query_functions: (&functions).into(), ..QueryRequest::default() };
    let items = [RequestBatchItem::new(Operation::QUERY, query.into())];
    let header = RequestHeader::new(ProtocolVersion::V1_4, 1);
    RequestMessage { header, batch_items: (&items).into() }.encode_to_vec().unwrap()
}

fn status(tls: &mut Tls) -> Result<(ResultStatus, Option<ResultReason>), String> {
    let mut buffer = MessageBuffer::new(Direction::Response, 1 << 20);
    let bytes = read_message(tls, &mut buffer).map_err(|error| error.to_string())?;
    let response = ResponseMessage::decode(bytes).unwrap();
    let item = response.batch_items.iter().next().unwrap();
    Ok((item.result_status, item.result_reason))
}

fn ask(tls: &mut Tls) -> Result<(ResultStatus, Option<ResultReason>), String> {
    tls.write_all(&query()).and_then(|()| tls.flush()).map_err(|error| error.to_string())?;
    status(tls)
}

const SUCCESS: Result<(ResultStatus, Option<ResultReason>), String> = Ok((ResultStatus::SUCCESS, None));

/// How long it took until the server ended the connection.
fn until_closed(mut tls: impl Read) -> Duration {
    let since = Instant::now();
    let mut bytes = [0; 4096];
    loop {
        match tls.read(&mut bytes) {
            Ok(0) => return since.elapsed(),
            Ok(_) => {}
            Err(error) => {
                assert!(
                    !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut),
                    "{error}"
                );
                return since.elapsed();
            }
        }
    }
}

#[test]
fn a_connection_takes_request_after_request() {
    let served = Served::start(Limits::default());
    let mut tls = served.connect("client").unwrap();
    for _ in 0..20 {
        assert_eq!(ask(&mut tls), SUCCESS);
    }
    // Several at once are answered one after the other.
    tls.write_all(&query().repeat(5)).unwrap();
    for _ in 0..5 {
        assert_eq!(status(&mut tls), SUCCESS);
    }
    drop(tls);
    assert_eq!(served.stop().cut_off, 0);
}

#[test]
fn only_clients_of_the_authority_get_in() {
    let served = Served::start(Limits::default());
    let rogue = Authority::new("Test CA");
    let expired = Odd { days_from: -20, days_to: -10, ..Odd::default() };
    let early = Odd { days_from: 10, days_to: 20, ..Odd::default() };
    let wrong_usage = Odd { wrong_usage: true, ..Odd::default() };
    let issue = |odd| served.authority.issue("client", &[], false, odd);
    for (client, accepted) in [
        (Some(issue(Odd::default())), true),
        (None, false),
        (Some(rogue.client("client")), false),
        (Some(issue(expired)), false),
        (Some(issue(early)), false),
        (Some(issue(wrong_usage)), false),
    ] {
        // In TLS 1.3 a client learns only from the first answer that it was refused.
        let answer = served.connect_as(client.as_ref()).map_err(|error| error.to_string());
        let answer = answer.and_then(|mut tls| ask(&mut tls));
        assert_eq!(answer.is_ok(), accepted, "{answer:?}");
    }
}

/// The clock of TLS, ahead by some seconds.
#[derive(Debug, Default)]
struct Ahead(AtomicU64);

impl TimeProvider for Ahead {
    fn current_time(&self) -> Option<UnixTime> {
        let ahead = Duration::from_secs(self.0.load(Ordering::Relaxed));
        Some(UnixTime::since_unix_epoch(Duration::from_secs(UnixTime::now().as_secs()) + ahead))
    }
}

#[test]
fn a_session_is_not_resumed_with_a_certificate_that_has_expired() {
    const DAY: u64 = 86_400;
    let ahead = Arc::new(Ahead::default());
    let clock = Arc::<Ahead>::clone(&ahead);
    let served = Served::start_with(Limits::default(), |tls| tls.time_provider = clock);
    let odd = Odd { days_to: 2, ..Odd::default() };
    let client = served.client(Some(&served.authority.issue("client", &[], false, odd)));
    for (days, resumed, accepted) in [(0, false, true), (1, true, true), (3, true, false)] {
        ahead.0.store(days * DAY, Ordering::Relaxed);
        let mut tls = served.connect_with(Arc::clone(&client)).unwrap();
        let kind = if resumed { HandshakeKind::Resumed } else { HandshakeKind::Full };
        assert_eq!(tls.conn.handshake_kind(), Some(kind), "after {days} days");
        let answer = ask(&mut tls);
        assert_eq!(answer.is_ok(), accepted, "after {days} days: {answer:?}");
    }
}

#[test]
fn two_hundred_clients_are_served_at_once() {
    let served = Served::start(Limits::default());
    let client = served.authority.client("one of many");
    let before = resident();
    let barrier = std::sync::Barrier::new(201);
    let grown = thread::scope(|scope| {
        for _ in 0..200 {
            scope.spawn(|| {
                let mut tls = served.connect_as(Some(&client)).unwrap();
                assert_eq!(ask(&mut tls), SUCCESS);
                // All are connected now.
                barrier.wait();
                barrier.wait();
                for _ in 0..5 {
                    assert_eq!(ask(&mut tls), SUCCESS);
                }
            });
        }
        barrier.wait();
        let grown = resident().saturating_sub(before);
        barrier.wait();
        grown
    });
    // Both ends of each connection are in this process.
    assert!(grown < 200 << 20, "{grown} bytes for 200 connections");
    assert_eq!(served.stop().cut_off, 0);
}

/// Bytes of memory that the process has.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) * 1024
}

#[test]
fn more_connections_than_the_limit_are_closed_and_places_come_back() {
    let served = Served::start(Limits::default().connections(3).connections_per_client(2));
    let mut first = served.connect("a").unwrap();
    let mut second = served.connect("a").unwrap();
    assert_eq!((ask(&mut first), ask(&mut second)), (SUCCESS, SUCCESS));
    assert!(served.connect("a").and_then(|mut tls| ask(&mut tls).map_err(io::Error::other)).is_err());
    let mut other = served.connect("b").unwrap();
    assert_eq!(ask(&mut other), SUCCESS);
    assert!(served.connect("b").and_then(|mut tls| ask(&mut tls).map_err(io::Error::other)).is_err());
    drop(first);
    let since = Instant::now();
    while !served.connect("a").is_ok_and(|mut tls| ask(&mut tls) == SUCCESS) {
        assert!(since.elapsed() < Duration::from_secs(10));
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn slow_and_silent_peers_are_cut_off() {
    let time = Duration::from_millis(500);
    let served = Served::start(Limits::default().handshake(time).idle(time * 4).request(time));
    let in_time = |what: &str, took: Duration, limit: Duration| {
        assert!(took >= limit / 2 && took < limit + Duration::from_secs(3), "{what} took {took:?}");
    };
    // Nothing at all, and a handshake of one byte at a time.
    let silent = TcpStream::connect(served.address).unwrap();
    silent.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    in_time("silence", until_closed(silent), time);
    let mut slow = TcpStream::connect(served.address).unwrap();
    let since = Instant::now();
    // The start of a record with the start of a ClientHello.
    for byte in [22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3].into_iter().chain([0; 300]) {
        if slow.write_all(&[byte]).is_err() {
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    in_time("a slow handshake", since.elapsed(), time);

    // Idle between requests.
    let mut idle = served.connect("client").unwrap();
    assert_eq!(ask(&mut idle), SUCCESS);
    in_time("idleness", until_closed(idle), time * 4);

    // A request of one byte at a time, each well within the time.
    let mut slow = served.connect("client").unwrap();
    let since = Instant::now();
    for byte in query().iter().cycle() {
        if slow.write_all(&[*byte]).and_then(|()| slow.flush()).is_err()
            || since.elapsed() > Duration::from_secs(10)
        {
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    in_time("a slow request", since.elapsed(), time);
    // A part of a request, then silence.
    let mut half = served.connect("client").unwrap();
    half.write_all(&query()[..40]).and_then(|()| half.flush()).unwrap();
    in_time("half a request", until_closed(half), time);
}

#[test]
fn a_peer_that_takes_no_answers_is_cut_off() {
    let served =
        Served::start(Limits::default().request(Duration::from_millis(500)).idle(Duration::from_secs(60)));
    let mut tls = served.connect("client").unwrap();
    tls.sock.set_write_timeout(Some(Duration::from_secs(15))).unwrap();
    let since = Instant::now();
    let many = query().repeat(200);
    // Never reads; at some point neither side can send, and the server gives up.
    while tls.write_all(&many).and_then(|()| tls.flush()).is_ok() {
        assert!(since.elapsed() < Duration::from_secs(30));
    }
    assert!(since.elapsed() < Duration::from_secs(15), "{:?}", since.elapsed());
    assert_eq!(ask(&mut served.connect("client").unwrap()), SUCCESS);
}

#[test]
fn garbage_ends_its_own_connection_only() {
    let served = Served::start(Limits::default());
    let mut kept = served.connect("client").unwrap();
    // Not TLS.
    let mut plain = TcpStream::connect(served.address).unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    until_closed(plain);
    // TLS, but not KMIP.
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 64], &[0; 64], &query()[8..]] {
        let mut tls = served.connect("client").unwrap();
        tls.write_all(garbage).and_then(|()| tls.flush()).unwrap();
        until_closed(tls);
    }
    // Lengths that are not believed: an answer says so, then it ends.
    for length in [u32::MAX, 0x7fff_fff8, 1 << 20, 9] {
        let mut tls = served.connect("client").unwrap();
        let [a, b, c, d] = length.to_be_bytes();
        tls.write_all(&[0x42, 0, 0x78, 1, a, b, c, d]).and_then(|()| tls.flush()).unwrap();
        assert_eq!(
            status(&mut tls),
            Ok((ResultStatus::OPERATION_FAILED, Some(ResultReason::INVALID_MESSAGE)))
        );
        until_closed(tls);
    }
    // Whole messages of nonsense are answered, and the connection goes on.
    let mut changed = query();
    for at in 8..changed.len() {
        let before = changed[at];
        changed[at] ^= 0x10;
        kept.write_all(&changed).and_then(|()| kept.flush()).unwrap();
        // An answer in form, which may hold what we know nothing of: it repeats the operation.
        read_message(&mut kept, &mut MessageBuffer::new(Direction::Response, 1 << 20)).unwrap();
        changed[at] = before;
    }
    assert_eq!(ask(&mut kept), SUCCESS);
    // Gone in the middle of a message.
    let mut half = served.connect("client").unwrap();
    half.write_all(&query()[..20]).and_then(|()| half.flush()).unwrap();
    drop(half);
    assert_eq!(ask(&mut kept), SUCCESS);
}

#[test]
fn a_shutdown_ends_idle_connections_and_lets_requests_finish() {
    let served = Served::start(Limits::default().shutdown(Duration::from_secs(8)));
    let mut idle = served.connect("client").unwrap();
    assert_eq!(ask(&mut idle), SUCCESS);
    let mut busy = served.connect("client").unwrap();
    let request = query();
    busy.write_all(&request[..30]).and_then(|()| busy.flush()).unwrap();
    thread::sleep(Duration::from_millis(300));
    served.handle.shutdown();
    assert!(until_closed(idle) < Duration::from_secs(4));
    assert!(!served.running.as_ref().unwrap().is_finished());
    assert!(TcpStream::connect(served.address).is_err(), "still listening");
    busy.write_all(&request[30..]).and_then(|()| busy.flush()).unwrap();
    assert_eq!(status(&mut busy), SUCCESS);
    until_closed(busy);
    assert_eq!(served.stop().cut_off, 0);
}

#[test]
fn a_shutdown_waits_no_longer_than_it_may() {
    let served = Served::start(Limits::default().shutdown(Duration::from_millis(500)));
    let mut busy = served.connect("client").unwrap();
    busy.write_all(&query()[..30]).and_then(|()| busy.flush()).unwrap();
    thread::sleep(Duration::from_millis(300));
    let since = Instant::now();
    assert_eq!(served.stop().cut_off, 1);
    assert!(since.elapsed() < Duration::from_secs(5));
}
