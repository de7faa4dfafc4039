//! One TTLV message at a time out of a stream of bytes, for both ends of a connection.
//!
//! KMIP messages follow each other on a connection without an envelope: eight bytes say what comes and how long it is
//! (KMIP 1.4, sections 9.1 and 10; KMIP 2.1, section 10). [`MessageBuffer`] does no I/O: it says where the next bytes
//! go and when a message is whole. [`read_message`] and [`write_message`] drive it over `std::io`, and [`Timed`] puts
//! an end to the wait, however slowly the peer sends.
//!
//! ```
//! use tde_kmip::framing::{Direction, MessageBuffer, read_message};
//!
//! // A request, cut short by a peer that went away.
//! let mut stream: &[u8] = &[0x42, 0x00, 0x78, 0x01, 0, 0, 0, 16, 0x42, 0x00];
//! let mut buffer = MessageBuffer::new(Direction::Request, 64 * 1024);
//! let error = read_message(&mut stream, &mut buffer).unwrap_err();
//! assert_eq!(error.to_string(), "the connection ended inside a message, after 10 of 24 bytes");
//! ```

mod buffer;
mod deadline;
mod polling;
mod timed;

use std::io::{self, Read, Write};

pub use self::{
    buffer::{Direction, MessageBuffer},
    deadline::Deadline,
    polling::Polling,
    timed::{Timed, Waiting},
};
use polling::Attention;

/// Reads the next message and returns its bytes, which stay in `buffer` until it is used again.
///
/// Never takes more bytes from the stream than the message has.
///
/// # Errors
/// Every [`FramingError`]; the stream cannot be used for further messages then.
pub fn read_message<'b>(
    stream: &mut (impl Read + ?Sized),
    buffer: &'b mut MessageBuffer,
) -> Result<&'b [u8], FramingError> {
    buffer.clear();
    while !buffer.is_complete() {
        match stream.read(buffer.space()) {
            Ok(0) => return Err(buffer.ended()),
            Ok(count) => buffer.advance(count)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(buffer.failed(error)),
        }
    }
    Ok(buffer.message())
}

/// Writes one message and sees that it is on its way.
///
/// # Errors
/// [`FramingError::SendTimedOut`] and [`FramingError::Io`]; how much the peer got is not known then.
pub fn write_message(stream: &mut (impl Write + ?Sized), message: &[u8]) -> Result<(), FramingError> {
    let written = stream.write_all(message).and_then(|()| stream.flush());
    written.map_err(
        |error| {
            if is_timeout(&error) { FramingError::SendTimedOut } else { FramingError::Io(error) }
        },
    )
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock)
}

/// Why no whole message came, or could be sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FramingError {
    /// The peer closed the connection between two messages.
    #[error("the connection was closed before a message came")]
    Closed,
    /// The connection ended inside a message.
    #[error("the connection ended inside a message, after {received} of {} bytes", Expected(*.expected))]
    Truncated {
        /// How many bytes came.
        received: usize,
        /// How many the message has, if that much was known.
        expected: Option<usize>,
    },
    /// The bytes are no KMIP message.
    #[error("what came is no KMIP {expected}: it begins with {}", Begin(*.found))]
    NotKmip {
        /// What was waited for.
        expected: Direction,
        /// The first four bytes, which a message has as tag and type.
        found: [u8; 4],
    },
    /// The message says that it is longer than the limit. Nothing was allocated for it.
    #[error("a message of {length} bytes was announced; the limit is {limit}")]
    TooLarge {
        /// The size of the message, header included, in bytes.
        length: u64,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The size of a message is no multiple of eight, as every structure's is.
    #[error("a message of {length} bytes was announced, which is no multiple of 8")]
    UnevenLength {
        /// The size of the message, header included, in bytes.
        length: u64,
    },
    /// The time was up before the peer took the whole message.
    #[error("the peer did not take the whole message in time")]
    SendTimedOut,
    /// The time was up.
    #[error("no whole message in time: {received} of {} bytes came", Expected(*.expected))]
    TimedOut {
        /// How many bytes came.
        received: usize,
        /// How many the message has, if that much was known.
        expected: Option<usize>,
    },
    /// The stream failed.
    #[error("the connection failed: {0}")]
    Io(io::Error),
}

struct Expected(Option<usize>);

impl std::fmt::Display for Expected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(bytes) => bytes.fmt(f),
            None => f.write_str("at least 8"),
        }
    }
}

struct Begin([u8; 4]);

impl std::fmt::Display for Begin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            b"HTTP" => f.write_str("\"HTTP\""),
            [a, b, c, d] => write!(f, "0x{a:02X}{b:02X}{c:02X}{d:02X}"),
        }
    }
}

#[cfg(test)]
mod tests;
