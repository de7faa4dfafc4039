//! The server on its socket: a thread for each connection, limits, and an orderly end.

use core::cell::RefCell;
use core::fmt;
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustls::ServerConfig;
use rustls::server::ServerSessionMemoryCache;
use tracing::{debug, warn};

use super::Limits;
use super::audit;
use super::connection::{self, Socket};
use super::engine::Engine;
use crate::framing::Polling;

/// Sessions that clients can resume, without the cost of the certificates.
const SESSIONS: usize = 4096;
/// Of a connection's thread. Requests nest no deeper than the engine's limits allow.
const STACK: usize = 512 << 10;
/// After this long, connections that ignore their end are left to the end of the process.
const FORCED: Duration = Duration::from_secs(1);

/// A key server, bound to its address.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    shared: Arc<Shared>,
    woken: UnixStream,
    waker: Arc<UnixStream>,
}

/// Ends a [`Server`] from elsewhere.
#[derive(Debug, Clone)]
pub struct ServerHandle {
    shared: Arc<Shared>,
    waker: Arc<UnixStream>,
}

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stopped {
    /// Connections that were cut off because their requests took longer than [`Limits::shutdown`].
    pub cut_off: usize,
}

/// What all connections share.
pub(super) struct Shared {
    pub(super) engine: Engine,
    pub(super) tls: Arc<ServerConfig>,
    pub(super) limits: Limits,
    pub(super) polling: Arc<Polling>,
    stopping: AtomicBool,
    connections: Mutex<Connections>,
    /// Notified when a connection ends.
    ended: Condvar,
}

#[derive(Default)]
struct Connections {
    sockets: HashMap<u64, Socket>,
    clients: HashMap<String, usize>,
    last: u64,
}

impl Server {
    /// Binds an address; port 0 for any that is free.
    ///
    /// `tls` must ask clients for certificates, as [`ServerTls`](crate::tls::ServerTls) makes it: who shows none is
    /// not served.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn bind(
        address: impl ToSocketAddrs,
        tls: &ServerConfig,
        engine: Engine,
        limits: Limits,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let (woken, waker) = UnixStream::pair()?;
        let mut tls = tls.clone();
        tls.session_storage = ServerSessionMemoryCache::new(SESSIONS);
        tls.send_tls13_tickets = 1;
        let shared = Shared {
            engine,
            tls: Arc::new(tls),
            limits,
            polling: Arc::new(Polling::new(limits.polling)),
            stopping: AtomicBool::new(false),
            connections: Mutex::default(),
            ended: Condvar::new(),
        };
        Ok(Self { listener, shared: Arc::new(shared), woken, waker: Arc::new(waker) })
    }

    /// The address, with the port that was found free.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// What ends the server.
    #[must_use]
    pub fn handle(&self) -> ServerHandle {
        ServerHandle { shared: Arc::clone(&self.shared), waker: Arc::clone(&self.waker) }
    }

    /// Serves until [`ServerHandle::shutdown`]; then takes no more connections and lets requests in flight end.
    ///
    /// # Errors
    /// If connections can no longer be waited for.
    pub fn run(mut self) -> io::Result<Stopped> {
        while !self.shared.is_stopping() {
            match self.wait().and_then(|()| self.listener.accept()) {
                Ok((stream, peer)) => self.begin(stream, peer),
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock
                    | io::ErrorKind::Interrupted
                    | io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::ConnectionReset => {}
                    io::ErrorKind::InvalidInput => return Err(error),
                    // Out of descriptors or memory: others end, then it goes on.
                    _ => {
                        warn!(%error, "cannot accept a connection");
                        thread::sleep(Duration::from_millis(50));
                    }
                },
            }
        }
        let Self { listener, shared, .. } = self;
        // From here on, connections are refused by the system.
        drop(listener);
        Ok(shared.end())
    }

    /// Waits for a connection or the waker.
    fn wait(&mut self) -> io::Result<()> {
        let mut ready = [PollFd::new(&self.listener, PollFlags::IN), PollFd::new(&self.woken, PollFlags::IN)];
        poll(&mut ready, None)?;
        let [_, woken] = ready.map(|one| !one.revents().is_empty());
        if woken {
            self.woken.read_exact(&mut [0])?;
        }
        Ok(())
    }

    fn begin(&self, stream: TcpStream, peer: SocketAddr) {
        // Accepted sockets inherit this on some systems.
        if let Err(error) = stream.set_nonblocking(false) {
            return warn!(%peer, %error, "cannot use a connection");
        }
        let socket = Socket { stream: Arc::new(stream), busy: Arc::new(AtomicBool::new(false)) };
        let Some(number) = self.shared.enter(&socket) else {
            return audit::refused(peer, None, &"too many connections");
        };
        let shared = Arc::clone(&self.shared);
        let serve = move || {
            let slot = Slot { shared: &shared, number, client: RefCell::new(None) };
            connection::serve(&shared, &slot, socket, peer);
        };
        let thread = thread::Builder::new().name(format!("kmip {peer}")).stack_size(STACK);
        if let Err(error) = thread.spawn(serve) {
            self.shared.leave(number, None);
            audit::refused(peer, None, &format_args!("no thread for it: {error}"));
        }
    }
}

impl ServerHandle {
    /// Begins the end; [`Server::run`] returns when it is complete.
    pub fn shutdown(&self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // A full pipe has woken it already.
        let _ = (&*self.waker).write(&[0]);
    }
}

/// The place of a connection among those that there may be. Dropping it gives the place back.
pub(super) struct Slot<'s> {
    shared: &'s Shared,
    number: u64,
    client: RefCell<Option<String>>,
}

impl Slot<'_> {
    /// Counts the connection as this client's; false if it has as many as it may.
    pub(super) fn admit(&self, client: &str) -> bool {
        let mut connections = self.shared.connections();
        let count = connections.clients.entry(client.to_owned()).or_default();
        if self.shared.limits.connections_per_client.is_some_and(|most| *count >= most) {
            return false;
        }
        *count += 1;
        self.client.replace(Some(client.to_owned()));
        true
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let client = self.client.take();
        self.shared.leave(self.number, client.as_deref());
    }
}

impl Shared {
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    fn connections(&self) -> MutexGuard<'_, Connections> {
        // Counts and handles; a panic leaves none of them half changed.
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, socket: &Socket) -> Option<u64> {
        let mut connections = self.connections();
        if connections.sockets.len() >= self.limits.connections {
            return None;
        }
        connections.last += 1;
        let number = connections.last;
        connections.sockets.insert(number, socket.clone());
        Some(number)
    }

    fn leave(&self, number: u64, client: Option<&str>) {
        let mut connections = self.connections();
        connections.sockets.remove(&number);
        if let Some(client) = client {
            let left = connections.clients.get_mut(client).map(|count| {
                *count = count.saturating_sub(1);
                *count
            });
            if left == Some(0) {
                connections.clients.remove(client);
            }
        }
        drop(connections);
        self.ended.notify_all();
    }

    /// Ends idle connections at once and the others when their request is answered, or when the time is up.
    fn end(&self) -> Stopped {
        let deadline = Instant::now() + self.limits.shutdown;
        let mut connections = self.connections();
        debug!(connections = connections.sockets.len(), "shutting down");
        while !connections.sockets.is_empty() {
            for socket in connections.sockets.values() {
                // What has arrived already is still read, so a request that came in this instant is answered.
                if !socket.busy.load(Ordering::SeqCst) {
                    let _ = socket.stream.shutdown(Shutdown::Read);
                }
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.ended.wait_timeout(connections, left.min(Duration::from_millis(100)));
            connections = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let cut_off = connections.sockets.len();
        for socket in connections.sockets.values() {
            let _ = socket.stream.shutdown(Shutdown::Both);
        }
        let forced =
            self.ended.wait_timeout_while(connections, FORCED, |connections| !connections.sockets.is_empty());
        drop(forced);
        Stopped { cut_off }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("engine", &self.engine)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
