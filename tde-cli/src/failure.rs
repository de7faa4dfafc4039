//! What a command ends with: the exit status, and an error with advice.

use std::fmt;
use std::io;
use std::process::ExitCode;

/// The exit status, from best to worst, so that `max` of several is the status of all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Status {
    /// Done; what was looked at is good. 0.
    Good,
    /// It ran, and something is wrong with the data or the key. 1.
    Wrong,
    /// It could not run: usage, a missing file or keyring, an I/O error. 2.
    CouldNotRun,
    /// As a command that ran for us, or its caller, has it.
    Exit(u8),
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(match status {
            Status::Good => 0,
            Status::Wrong => 1,
            Status::CouldNotRun => 2,
            Status::Exit(code) => code,
        })
    }
}

/// Nobody reads our standard output any more.
#[derive(Debug)]
pub(crate) struct ClosedStdout;

impl ClosedStdout {
    /// The error of a write to standard output, told from those of other places.
    pub(crate) fn mark(error: io::Error) -> io::Error {
        if error.kind() == io::ErrorKind::BrokenPipe { io::Error::new(error.kind(), Self) } else { error }
    }
}

impl fmt::Display for ClosedStdout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("standard output: closed by its reader")
    }
}

impl std::error::Error for ClosedStdout {}

/// An error for people: what went wrong, what to try, and the exit status it means.
#[derive(Debug)]
pub(crate) struct Failure {
    error: anyhow::Error,
    advice: Option<String>,
    status: Status,
}

impl Failure {
    /// The work could not be done (status 2).
    pub(crate) fn new(error: impl Into<anyhow::Error>) -> Self {
        Self { error: error.into(), advice: None, status: Status::CouldNotRun }
    }

    /// As [`Failure::new`], from a message.
    pub(crate) fn message(text: impl fmt::Display + fmt::Debug + Send + Sync + 'static) -> Self {
        Self::new(anyhow::Error::msg(text))
    }

    /// The work was done and shows that the data or the key is wrong (status 1).
    pub(crate) fn wrong(self) -> Self {
        Self { status: Status::Wrong, ..self }
    }

    /// Puts what was being done in front of the message.
    pub(crate) fn context(self, text: impl fmt::Display + Send + Sync + 'static) -> Self {
        Self { error: self.error.context(text), ..self }
    }

    /// Says what to do about it; the first advice given stays.
    pub(crate) fn advise(self, advice: impl Into<String>) -> Self {
        Self { advice: self.advice.or_else(|| Some(advice.into())), ..self }
    }

    pub(crate) fn status(&self) -> Status {
        self.status
    }

    pub(crate) fn advice(&self) -> Option<&str> {
        self.advice.as_deref()
    }

    /// Whoever read our standard output has gone away; that is not an error. With any other pipe or connection it is.
    pub(crate) fn is_closed_stdout(&self) -> bool {
        self.error.chain().any(|cause| {
            let error = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            error.is_some_and(|error| error.is::<ClosedStdout>())
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.error)
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(error)
    }
}
