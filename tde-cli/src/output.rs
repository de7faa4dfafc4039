//! Messages for people on standard error, results on standard output.
//!
//! Both go through `anstream`, which drops colour where the stream is no terminal or `NO_COLOR` is set.

use std::fmt;
use std::io::{self, IsTerminal, Write};

use anstream::AutoStream;
use anstyle::{AnsiColor, Style};

use crate::failure::Failure;

pub(crate) const ERROR: Style = AnsiColor::Red.on_default().bold();
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default().bold();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const HEADING: Style = Style::new().bold();
const ADVICE: Style = AnsiColor::Cyan.on_default();

/// Prints an error and, below it, what to try.
pub(crate) fn error(failure: &Failure) {
    message(ERROR, "error", failure, failure.advice());
}

/// Prints a warning and, below it, what to try.
pub(crate) fn warning(text: impl fmt::Display, advice: Option<&str>) {
    message(WARNING, "warning", text, advice);
}

/// Prints what was done where standard output is taken.
pub(crate) fn note(text: impl fmt::Display) {
    message(GOOD, "note", text, None);
}

/// A message is one line: names and identifiers in it may come from files and servers that others write.
fn message(style: Style, kind: &str, text: impl fmt::Display, advice: Option<&str>) {
    let mut stderr = anstream::stderr().lock();
    // Nobody is left to tell if standard error is closed.
    let _ = writeln!(stderr, "{style}tde: {kind}:{style:#} {}", printable(&text.to_string()));
    if let Some(advice) = advice {
        let _ = writeln!(stderr, "  {ADVICE}try:{ADVICE:#} {}", printable(advice));
    }
}

/// Standard output for reports. When the reader goes away (`tde … | head`) the rest is dropped
/// silently, and the command still ends with the status of what it found.
#[derive(Debug)]
pub(crate) struct Printer {
    stdout: AutoStream<io::Stdout>,
    closed: bool,
}

impl Printer {
    pub(crate) fn new() -> Self {
        Self { stdout: anstream::stdout(), closed: false }
    }
}

impl Write for Printer {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        if self.closed {
            return Ok(buffer.len());
        }
        match self.stdout.write(buffer) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(buffer.len())
            }
            other => other,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.closed {
            return Ok(());
        }
        match self.stdout.flush() {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            other => other,
        }
    }
}

/// Shows text that came from a file (names, options) without letting it move the cursor or forge lines.
pub(crate) fn printable(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

/// Advice of a library that speaks in sentences, as it stands behind `try:`.
pub(crate) fn as_clause(text: &str) -> String {
    let text = text.strip_suffix('.').unwrap_or(text);
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        // Not an abbreviation.
        (Some(first), Some(second)) if !second.is_uppercase() => {
            first.to_lowercase().chain(text.chars().skip(1)).collect()
        }
        _ => text.into(),
    }
}

/// `1 page`, `2 pages`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

pub(crate) fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal()
}
