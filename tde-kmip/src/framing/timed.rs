use std::{
    io::{self, Read, Write},
    net::TcpStream,
    time::Duration,
};

use super::{Deadline, is_timeout};

/// A stream each of whose calls can be given a time.
pub trait SetTimeouts {
    /// The longest that one `read` waits; `None` for ever. Never zero.
    ///
    /// # Errors
    /// What the system says.
    fn set_read_timeout(&self, time: Option<Duration>) -> io::Result<()>;

    /// The longest that one `write` waits; `None` for ever. Never zero.
    ///
    /// # Errors
    /// What the system says.
    fn set_write_timeout(&self, time: Option<Duration>) -> io::Result<()>;
}

impl SetTimeouts for TcpStream {
    fn set_read_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        Self::set_read_timeout(self, time)
    }

    fn set_write_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        Self::set_write_timeout(self, time)
    }
}

/// A stream whose calls together end by a deadline.
///
/// It belongs below TLS, directly around the socket: one read of a TLS stream waits for a whole record, hence for any
/// number of calls down here, each of which a slow peer could delay for the time of one call.
#[derive(Debug)]
pub struct Timed<S> {
    stream: S,
    deadline: Deadline,
    /// What the system was last told.
    read_timeout: Option<Duration>,
    write_timeout: Option<Duration>,
    written: u64,
}

impl<S: SetTimeouts> Timed<S> {
    /// The stream, without a deadline yet.
    ///
    /// # Errors
    /// If the system refuses to wait for ever, the state that this starts from.
    pub fn new(stream: S) -> io::Result<Self> {
        stream.set_read_timeout(None)?;
        stream.set_write_timeout(None)?;
        Ok(Self { stream, deadline: Deadline::NEVER, read_timeout: None, write_timeout: None, written: 0 })
    }

    /// Ends everything from here on by that instant: later calls fail with [`io::ErrorKind::TimedOut`].
    pub const fn set_deadline(&mut self, deadline: Deadline) {
        self.deadline = deadline;
    }

    /// The deadline in force.
    #[must_use]
    pub const fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// How many bytes went out so far.
    #[must_use]
    pub const fn written(&self) -> u64 {
        self.written
    }

    /// The stream itself.
    #[must_use]
    pub const fn get_ref(&self) -> &S {
        &self.stream
    }
}

/// What to tell the system, given what it was told and what is left; `Err` if nothing is left.
///
/// A time that is shorter than what is left is kept, so that kept connections need no system call for each message:
/// when it runs out before the deadline, the call is made again.
fn next_timeout(current: Option<Duration>, deadline: Deadline, again: bool) -> io::Result<Option<Duration>> {
    match deadline.remaining() {
        None => Ok(None),
        Some(Duration::ZERO) => Err(io::ErrorKind::TimedOut.into()),
        Some(left) => match current {
            Some(current) if current <= left && !again => Ok(Some(current)),
            _ if again => Ok(Some(left)),
            _ => Ok(Some((left / 2).max(Duration::from_millis(1)).min(left))),
        },
    }
}

macro_rules! until_deadline {
    ($self:ident, $current:ident, $set:ident, $call:expr) => {{
        let mut again = false;
        loop {
            let timeout = next_timeout($self.$current, $self.deadline, again)?;
            if timeout != $self.$current {
                $self.stream.$set(timeout)?;
                $self.$current = timeout;
            }
            match $call {
                Err(error) if is_timeout(&error) && $self.deadline != Deadline::NEVER => again = true,
                other => break other,
            }
        }
    }};
}

impl<S: Read + SetTimeouts> Read for Timed<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        until_deadline!(self, read_timeout, set_read_timeout, self.stream.read(buffer))
    }
}

impl<S: Write + SetTimeouts> Write for Timed<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = until_deadline!(self, write_timeout, set_write_timeout, self.stream.write(bytes))?;
        self.written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
