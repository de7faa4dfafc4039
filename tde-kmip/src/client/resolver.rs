//! From a host name to addresses, by a deadline, which the system's resolver knows nothing of.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc},
    thread,
    time::Duration,
};

use super::{ConnectError, ServerAddress};
use crate::framing::Deadline;

/// How many lookups of one connector may be under way: a resolver that never answers costs no more threads than these.
const MOST_LOOKUPS: usize = 4;

/// Finds the addresses of hosts.
pub trait Resolver: Send + Sync + fmt::Debug {
    /// The addresses of a host name, the best first.
    ///
    /// It may take its time: it is called on a thread of its own, which nobody waits for once the time is up.
    ///
    /// # Errors
    /// What the resolver says.
    fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
}

/// What the operating system has: its hosts file, and the name servers that it was told.
#[derive(Clone, Copy, Default, Debug)]
#[allow(clippy::exhaustive_structs)] // The system's settings are its own.
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok((host, port).to_socket_addrs()?.collect())
    }
}

/// Asks a resolver from other threads, so that one that does not answer can be left alone.
#[derive(Clone, Debug)]
pub(super) struct Lookups {
    resolver: Arc<dyn Resolver>,
    running: Arc<Running>,
}

impl Lookups {
    pub(super) fn new(resolver: Arc<dyn Resolver>) -> Self {
        Self { resolver, running: Arc::default() }
    }

    /// The addresses of a server; at once if it is named by its address.
    pub(super) fn addresses(
        &self,
        server: &ServerAddress,
        deadline: Deadline,
    ) -> Result<Vec<SocketAddr>, ConnectError> {
        let (host, port) = (server.host(), server.port());
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let resolved = match deadline.remaining() {
            None => Some(self.resolver.resolve(host, port)),
            Some(_) => self.in_time(host, port, deadline),
        };
        match resolved {
            Some(resolved) => {
                resolved.map_err(|source| ConnectError::Resolve { host: host.to_owned(), source })
            }
            None => Err(ConnectError::ResolveTimedOut { host: host.to_owned() }),
        }
    }

    /// What the resolver says, if it does so in time.
    fn in_time(&self, host: &str, port: u16, deadline: Deadline) -> Option<io::Result<Vec<SocketAddr>>> {
        let turn = self.running.turn(deadline)?;
        let (tell, told) = mpsc::sync_channel(1);
        let (resolver, host) = (Arc::clone(&self.resolver), host.to_owned());
        let spawned = thread::Builder::new().name("tde-kmip resolver".to_owned()).spawn(move || {
            let _turn = turn;
            // Nobody listens any more if it took too long.
            let _ = tell.send(resolver.resolve(&host, port));
        });
        if let Err(error) = spawned {
            return Some(Err(error));
        }
        match told.recv_timeout(deadline.remaining().unwrap_or(Duration::MAX)) {
            Ok(resolved) => Some(resolved),
            Err(mpsc::RecvTimeoutError::Timeout) => None,
            Err(mpsc::RecvTimeoutError::Disconnected) => Some(Err(io::Error::other("the resolver panicked"))),
        }
    }
}

/// How many lookups are under way.
#[derive(Default, Debug)]
struct Running {
    count: Mutex<usize>,
    ended: Condvar,
}

impl Running {
    /// Waits until one more may begin, but not beyond the deadline.
    fn turn(self: &Arc<Self>, deadline: Deadline) -> Option<Turn> {
        let mut count = self.lock();
        while *count >= MOST_LOOKUPS {
            let left = deadline.remaining().filter(|left| !left.is_zero())?;
            (count, _) = self.ended.wait_timeout(count, left).unwrap_or_else(PoisonError::into_inner);
        }
        *count += 1;
        Some(Turn(Arc::clone(self)))
    }

    fn lock(&self) -> MutexGuard<'_, usize> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of the lookups under way, until it is dropped.
struct Turn(Arc<Running>);

impl Drop for Turn {
    fn drop(&mut self) {
        let mut count = self.0.lock();
        *count = count.saturating_sub(1);
        self.0.ended.notify_one();
    }
}
