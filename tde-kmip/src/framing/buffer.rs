use std::{fmt, io};

use tde_kmip_codec::{spec::tag, ttlv::ItemType};
use zeroize::Zeroize;

use super::{FramingError, is_timeout};

/// Tag, type and length: what must be read to know how much follows.
const HEADER_LEN: usize = 8;
/// The most that is allocated before the bytes of a message have come: a peer must send what it wants us to hold.
const FIRST_ROOM: usize = 16 * 1024;
/// What stays allocated between messages; one large message must not hold its memory for as long as the connection.
const KEPT_ROOM: usize = 64 * 1024;

/// Which kind of message is waited for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(clippy::exhaustive_enums)] // KMIP has these two.
pub enum Direction {
    /// Request Message: a server waits for these.
    Request,
    /// Response Message: a client waits for these.
    Response,
}

impl Direction {
    fn first_bytes(self) -> [u8; 4] {
        let tag = match self {
            Self::Request => tag::REQUEST_MESSAGE,
            Self::Response => tag::RESPONSE_MESSAGE,
        };
        let [_, a, b, c] = tag.get().to_be_bytes();
        [a, b, c, ItemType::Structure as u8]
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Request => "request",
            Self::Response => "response",
        })
    }
}

/// Gathers the bytes of one message after the other; does no I/O.
///
/// Fill [`MessageBuffer::space`], tell [`MessageBuffer::advance`] how much came, and when
/// [`MessageBuffer::is_complete`] take [`MessageBuffer::message`]. Memory grows with what has come, never with what was
/// announced, and not beyond the limit. What was held is wiped before it is used again or freed.
pub struct MessageBuffer {
    direction: Direction,
    limit: usize,
    /// As long as there is room; always at least [`HEADER_LEN`].
    bytes: Vec<u8>,
    filled: usize,
    /// The size of the whole message, once its header has come.
    expected: Option<usize>,
}

impl MessageBuffer {
    /// A buffer for messages of at most `limit` bytes, header included.
    #[must_use]
    pub fn new(direction: Direction, limit: usize) -> Self {
        Self { direction, limit, bytes: vec![0; HEADER_LEN], filled: 0, expected: None }
    }

    /// Where the next bytes of the message go; empty once the message is complete.
    pub fn space(&mut self) -> &mut [u8] {
        let end = self.expected.unwrap_or(HEADER_LEN).min(self.bytes.len());
        self.bytes.get_mut(self.filled..end).unwrap_or_default()
    }

    /// Takes note that the first `count` bytes of [`MessageBuffer::space`] are there.
    ///
    /// # Errors
    /// [`FramingError::NotKmip`], [`FramingError::TooLarge`] and [`FramingError::UnevenLength`], as soon as the first eight bytes are there.
    pub fn advance(&mut self, count: usize) -> Result<(), FramingError> {
        let room = self.space().len();
        self.filled += count.min(room);
        if self.expected.is_none() && self.filled == HEADER_LEN {
            self.expected = Some(self.announced()?);
        }
        let wanted = self.expected.unwrap_or(HEADER_LEN);
        if self.filled == self.bytes.len() && self.filled < wanted {
            self.grow(wanted.min(FIRST_ROOM.max(self.filled.saturating_mul(2))));
        }
        Ok(())
    }

    /// Whether the message is whole.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.expected == Some(self.filled)
    }

    /// Whether the first byte of a message has come, but not the last.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.filled != 0 && !self.is_complete()
    }

    /// The message; empty unless it is complete.
    #[must_use]
    pub fn message(&self) -> &[u8] {
        let whole = if self.is_complete() { self.filled } else { 0 };
        self.bytes.get(..whole).unwrap_or_default()
    }

    /// Wipes the message and makes room for the next one.
    pub fn clear(&mut self) {
        let filled = self.filled;
        self.bytes.get_mut(..filled).unwrap_or_default().zeroize();
        if self.bytes.len() > KEPT_ROOM {
            self.bytes = vec![0; HEADER_LEN];
        }
        self.filled = 0;
        self.expected = None;
    }

    /// What it means that the stream ended here.
    #[must_use]
    pub fn ended(&self) -> FramingError {
        match self.filled {
            0 => FramingError::Closed,
            received => FramingError::Truncated { received, expected: self.expected },
        }
    }

    /// What it means that the stream failed here.
    #[must_use]
    pub fn failed(&self, error: io::Error) -> FramingError {
        if is_timeout(&error) {
            FramingError::TimedOut { received: self.filled, expected: self.expected }
        } else if error.kind() == io::ErrorKind::UnexpectedEof {
            // TLS without a closing message; the length of KMIP's messages tells what is whole.
            self.ended()
        } else {
            FramingError::Io(error)
        }
    }

    fn announced(&self) -> Result<usize, FramingError> {
        let [a, b, c, d, length @ ..] = self.bytes.first_chunk::<HEADER_LEN>().copied().unwrap_or_default();
        if [a, b, c, d] != self.direction.first_bytes() {
            return Err(FramingError::NotKmip { expected: self.direction, found: [a, b, c, d] });
        }
        let length = u64::from(u32::from_be_bytes(length)) + HEADER_LEN as u64;
        match usize::try_from(length) {
            Ok(size) if size <= self.limit && size.is_multiple_of(8) => Ok(size),
            Ok(size) if size <= self.limit => Err(FramingError::UnevenLength { length }),
            _ => Err(FramingError::TooLarge { length, limit: self.limit }),
        }
    }

    /// Moves to a larger allocation; the old one is wiped, which `Vec` would not do.
    fn grow(&mut self, room: usize) {
        let mut larger = vec![0; room];
        if let Some(start) = larger.get_mut(..self.filled) {
            start.copy_from_slice(self.bytes.get(..self.filled).unwrap_or_default());
        }
        self.bytes.zeroize();
        self.bytes = larger;
    }
}

impl Drop for MessageBuffer {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

/// Shows how much is there, not what.
impl fmt::Debug for MessageBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageBuffer")
            .field("direction", &self.direction)
            .field("limit", &self.limit)
            .field("filled", &self.filled)
            .field("expected", &self.expected)
            .finish_non_exhaustive()
    }
}
