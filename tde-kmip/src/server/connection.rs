//! One connection: handshake, then request after request until it ends.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustls::{ServerConnection, StreamOwned};
use sha2::{Digest, Sha256};
use tracing::debug;
use zeroize::Zeroize;

use super::audit;
use super::engine::ClientIdentity;
use super::listener::{Shared, Slot};
use crate::framing::{Deadline, Direction, FramingError, MessageBuffer, Timed, Waiting, write_message};
use crate::tls::CertificateFacts;

/// What a buffer for responses keeps between them.
const KEPT_ROOM: usize = 64 << 10;

/// A connection's socket, which the listener can end from outside.
#[derive(Debug, Clone)]
pub(super) struct Socket {
    pub(super) stream: Arc<TcpStream>,
    /// Whether a request is in flight: from its first byte to the last of its response.
    pub(super) busy: Arc<AtomicBool>,
}

type Tls = StreamOwned<ServerConnection, Timed<Socket>>;

/// Serves a connection to its end.
pub(super) fn serve(shared: &Shared, slot: &Slot<'_>, socket: Socket, peer: SocketAddr) {
    let busy = Arc::clone(&socket.busy);
    let (mut tls, client) = match handshake(shared, socket) {
        Ok(connected) => connected,
        // A port that is only probed is no event.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            return debug!(%peer, "the connection ended before the handshake did");
        }
        Err(error) => return audit::refused(peer, None, &format_args!("TLS handshake: {error}")),
    };
    if !slot.admit(client.name()) {
        return audit::refused(peer, Some(&client), &"too many connections of this client");
    }
    let why = answer_all(shared, &mut tls, &busy, peer, &client);
    match why {
        FramingError::Closed => {}
        FramingError::TimedOut { received: 0, .. } => debug!(%peer, "the connection was idle for too long"),
        other => audit::refused(peer, Some(&client), &other),
    }
    // A peer that is gone, or takes nothing, misses no more than the word that this was the end.
    tls.sock.set_deadline(Deadline::after(Duration::from_secs(1)));
    tls.conn.send_close_notify();
    let _ = tls.flush();
}

fn handshake(shared: &Shared, socket: Socket) -> io::Result<(Tls, ClientIdentity)> {
    socket.stream.set_nodelay(true)?;
    let mut timed = Timed::new(socket)?.with_polling(Arc::clone(&shared.polling));
    timed.set_deadline(Deadline::after(shared.limits.handshake));
    let connection = ServerConnection::new(Arc::clone(&shared.tls)).map_err(io::Error::other)?;
    let mut tls = StreamOwned::new(connection, timed);
    while tls.conn.is_handshaking() {
        tls.conn.complete_io(&mut tls.sock)?;
    }
    // Session tickets follow the handshake.
    tls.flush()?;
    let certificate = tls.conn.peer_certificates().and_then(<[_]>::first);
    let certificate = certificate.ok_or_else(|| io::Error::other("the client shows no certificate"))?;
    let facts = CertificateFacts::from_der(certificate)
        .ok_or_else(|| io::Error::other("the client's certificate cannot be read"))?;
    // Whoever resumes a session is not verified again.
    let now = shared.tls.time_provider.current_time().ok_or_else(|| io::Error::other("there is no time"))?;
    if !facts.is_valid_at(i64::try_from(now.as_secs()).unwrap_or(i64::MAX)) {
        let message =
            format!("the client's certificate is valid from {} to {}", facts.not_before, facts.not_after);
        return Err(io::Error::other(message));
    }
    let name = facts.common_name.filter(|name| !name.is_empty()).unwrap_or(facts.subject);
    let fingerprint =
        Sha256::digest(certificate).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    Ok((tls, ClientIdentity::new(name).with_fingerprint(fingerprint)))
}

/// Answers requests until there are no more; says why.
fn answer_all(
    shared: &Shared,
    tls: &mut Tls,
    busy: &AtomicBool,
    peer: SocketAddr,
    client: &ClientIdentity,
) -> FramingError {
    let mut request = MessageBuffer::new(Direction::Request, shared.limits.message);
    let mut response = Response(Vec::new());
    loop {
        let read = read_request(shared, tls, &mut request, busy);
        // One that can be answered, though it will not be read.
        let unread = match &read {
            Err(FramingError::TooLarge { length, .. } | FramingError::UnevenLength { length }) => {
                let length = u32::try_from(length.saturating_sub(8)).unwrap_or(u32::MAX);
                let [a, b, c, d] = length.to_be_bytes();
                Some([0x42, 0x00, 0x78, 0x01, a, b, c, d])
            }
            _ => None,
        };
        let message = match (&read, &unread) {
            (Ok(()), _) => request.message(),
            (Err(_), Some(header)) => &header[..],
            (Err(_), None) => break read.err().unwrap_or(FramingError::Closed),
        };
        let answered = shared.engine.respond(client, message, &mut response.0);
        audit::answered(peer, client, &answered);
        tls.sock.set_deadline(Deadline::after(shared.limits.request));
        let written = write_message(tls, &response.0);
        response.wipe();
        request.clear();
        if let Err(error) = read.and(written) {
            break error;
        }
        busy.store(false, Ordering::SeqCst);
        if shared.is_stopping() {
            break FramingError::Closed;
        }
    }
}

fn read_request(
    shared: &Shared,
    tls: &mut Tls,
    request: &mut MessageBuffer,
    busy: &AtomicBool,
) -> Result<(), FramingError> {
    request.clear();
    tls.sock.set_deadline(Deadline::after(shared.limits.idle));
    while !request.is_complete() {
        let first = !request.is_partial();
        match tls.read(request.space()) {
            Ok(0) => return Err(request.ended()),
            Ok(count) => {
                if first {
                    busy.store(true, Ordering::SeqCst);
                    tls.sock.set_deadline(Deadline::after(shared.limits.request));
                }
                request.advance(count)?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(request.failed(error)),
        }
    }
    Ok(())
}

/// A response, which may hold keys. Wiped when it was sent and on drop.
struct Response(Vec<u8>);

impl Response {
    fn wipe(&mut self) {
        self.0.zeroize();
        if self.0.capacity() > KEPT_ROOM {
            self.0 = Vec::new();
        }
    }
}

impl Drop for Response {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self.stream).read(buffer)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self.stream).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&*self.stream).flush()
    }
}

impl Waiting for Socket {
    fn set_read_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        self.stream.set_read_timeout(time)
    }

    fn set_write_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        self.stream.set_write_timeout(time)
    }

    fn read_now(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read_now(buffer)
    }
}
