use std::{
    io::{self, Read, Write},
    net::TcpStream,
    sync::Arc,
    time::Duration,
};

use super::{Attention, Deadline, Polling, is_timeout};

/// A stream that can be waited for.
pub trait Waiting {
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

    /// Reads what has come, without waiting.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] if nothing has come, as a stream says that can only be waited for; and what the
    /// system says.
    fn read_now(&self, _buffer: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

impl Waiting for TcpStream {
    fn set_read_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        Self::set_read_timeout(self, time)
    }

    fn set_write_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        Self::set_write_timeout(self, time)
    }

    #[cfg(unix)]
    fn read_now(&self, buffer: &mut [u8]) -> io::Result<usize> {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        use rustix::net::{RecvFlags, recv};
        // Looks without the socket's lock, which the bytes need on their way in.
        const AT_ONCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };
        if poll(&mut [PollFd::new(self, PollFlags::IN)], Some(&AT_ONCE))? == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let (count, _) = recv(self, buffer, RecvFlags::DONTWAIT)?;
        Ok(count)
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
    attention: Option<Attention>,
}

impl<S: Waiting> Timed<S> {
    /// The stream, without a deadline yet.
    ///
    /// # Errors
    /// If the system refuses to wait for ever, the state that this starts from.
    pub fn new(stream: S) -> io::Result<Self> {
        stream.set_read_timeout(None)?;
        stream.set_write_timeout(None)?;
        Ok(Self {
            stream,
            deadline: Deadline::NEVER,
            read_timeout: None,
            write_timeout: None,
            written: 0,
            attention: None,
        })
    }

    /// Polls for bytes before it sleeps until they come.
    #[must_use]
    pub fn with_polling(mut self, polling: Arc<Polling>) -> Self {
        self.attention = Some(Attention::new(polling));
        self
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

impl<S: Read + Waiting> Read for Timed<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(attention) = &mut self.attention
            && !self.deadline.is_past()
            && let Some(read) = attention.poll(|| self.stream.read_now(buffer))
        {
            return read;
        }
        until_deadline!(self, read_timeout, set_read_timeout, self.stream.read(buffer))
    }
}

impl<S: Write + Waiting> Write for Timed<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = until_deadline!(self, write_timeout, set_write_timeout, self.stream.write(bytes))?;
        self.written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
