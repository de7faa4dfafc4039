//! A command that is run for us on a file, as a server runs its `archive_command`.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use crate::failure::Failure;
use crate::interrupt;

/// What a shell says of a program that it may not run, and of one that is not there.
const NOT_EXECUTABLE: u8 = 126;
const NOT_FOUND: u8 = 127;

/// A command with `%f` and `%p` put in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum InnerCommand {
    /// For `/bin/sh -c`.
    Shell(OsString),
    /// A program and its arguments, none of which a shell gets to see.
    Program(OsString, Vec<OsString>),
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Exited(u8),
    Signalled(u8),
}

impl InnerCommand {
    /// Puts name and path in. A single word is a line for a shell, several are a program and its arguments.
    ///
    /// # Errors
    /// The message of a usage error: no command, another placeholder, or a name that a shell would take apart.
    pub(crate) fn new(words: &[OsString], name: &OsStr, path: &Path) -> Result<Self, String> {
        let put_in = |word: &OsString| substitute(word, name, path.as_os_str());
        match words {
            [] => Err("a command is required after `--`".into()),
            [line] => {
                for value in [name, path.as_os_str()] {
                    if line.as_bytes().contains(&b'%') && !is_plain(value) {
                        return Err(format!(
                            "a shell would not take `{}` as one word: give the command as separate words, \
                             `-- PROGRAM ARGUMENT...`",
                            value.display()
                        ));
                    }
                }
                Ok(Self::Shell(put_in(line)?))
            }
            [program, arguments @ ..] => {
                Ok(Self::Program(put_in(program)?, arguments.iter().map(put_in).collect::<Result<_, _>>()?))
            }
        }
    }

    /// Runs it to its end; its standard output becomes our standard error if `keep_stdout` is not set.
    ///
    /// # Errors
    /// If it can neither be run nor be said to be missing.
    pub(crate) fn run(&self, keep_stdout: bool) -> Result<Outcome, Failure> {
        let mut command = match self {
            Self::Shell(line) => {
                let mut command = Command::new("/bin/sh");
                command.arg("-c").arg(line);
                command
            }
            Self::Program(program, arguments) => {
                let mut command = Command::new(program);
                command.args(arguments);
                command
            }
        };
        if !keep_stdout {
            command.stdout(Stdio::from(io::stderr()));
        }
        let not_run = |error: io::Error| Failure::new(error).context(self.to_string());
        match interrupt::run_registered(|| command.spawn()) {
            Ok(status) => Ok(Outcome::of(status)),
            Err(error) => {
                let code = match error.kind() {
                    io::ErrorKind::NotFound => NOT_FOUND,
                    io::ErrorKind::PermissionDenied => NOT_EXECUTABLE,
                    _ => return Err(not_run(error)),
                };
                crate::output::error(&not_run(error));
                Ok(Outcome::Exited(code))
            }
        }
    }

    /// The words, for reports.
    pub(crate) fn words(&self) -> Vec<String> {
        let text = |word: &OsString| word.to_string_lossy().into_owned();
        match self {
            Self::Shell(line) => vec!["/bin/sh".into(), "-c".into(), text(line)],
            Self::Program(program, arguments) => [program].into_iter().chain(arguments).map(text).collect(),
        }
    }
}

impl std::fmt::Display for InnerCommand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = match self {
            Self::Shell(line) => line.to_string_lossy().into_owned(),
            Self::Program(..) => self.words().join(" "),
        };
        f.write_str(&crate::output::printable(&text))
    }
}

impl Outcome {
    fn of(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Exited(u8::try_from(code & 0xFF).unwrap_or(u8::MAX)),
            (None, Some(signal)) => Self::Signalled(u8::try_from(signal & 0x7F).unwrap_or(0x7F)),
            (None, None) => Self::Exited(u8::MAX),
        }
    }

    pub(crate) const fn is_success(self) -> bool {
        matches!(self, Self::Exited(0))
    }

    /// The status that a shell would report: of a signal, 128 and its number.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Exited(code) => code,
            Self::Signalled(signal) => 128 | signal,
        }
    }
}

fn substitute(word: &OsString, name: &OsStr, path: &OsStr) -> Result<OsString, String> {
    let mut made = Vec::new();
    let mut bytes = word.as_bytes().iter();
    while let Some(&byte) = bytes.next() {
        if byte != b'%' {
            made.push(byte);
            continue;
        }
        match bytes.next() {
            Some(b'f') => made.extend(name.as_bytes()),
            Some(b'p') => made.extend(path.as_bytes()),
            Some(b'%') => made.push(b'%'),
            _ => {
                return Err(format!(
                    "`{}`: `%` must be followed by `f`, `p` or another `%`",
                    crate::output::printable(&word.to_string_lossy())
                ));
            }
        }
    }
    Ok(OsString::from_vec(made))
}

/// Whether a shell leaves the text alone.
fn is_plain(text: &OsStr) -> bool {
    text.as_bytes().iter().all(|&byte| byte.is_ascii_alphanumeric() || b"_-./:@%+=,".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(words: &[&str], name: &str, path: &str) -> Result<InnerCommand, String> {
        let words: Vec<_> = words.iter().map(OsString::from).collect();
        InnerCommand::new(&words, name.as_ref(), path.as_ref())
    }

    #[test]
    fn placeholders_are_put_in_once() {
        assert_eq!(
            command(&["cp", "%p", "/archive/%f", "100%%", "%%p"], "%p", "a b"),
            Ok(InnerCommand::Program(
                "cp".into(),
                ["a b", "/archive/%p", "100%", "%p"].map(OsString::from).to_vec()
            ))
        );
        assert_eq!(
            command(&["gzip < %p > /archive/%f.gz"], "07", "/dev/shm/x/07"),
            Ok(InnerCommand::Shell("gzip < /dev/shm/x/07 > /archive/07.gz".into()))
        );
    }

    #[test]
    fn other_placeholders_are_refused() {
        for words in [&["cp", "%r"][..], &["cp %"], &["cp", "%P", "x"]] {
            assert!(command(words, "07", "07").unwrap_err().contains("must be followed"), "{words:?}");
        }
        assert!(command(&[], "07", "07").is_err());
    }

    #[test]
    fn a_shell_never_gets_a_name_that_it_would_take_apart() {
        for odd in ["a b", "a;b", "$(x)", "a'b", "a\nb", "*", "~", "é"] {
            assert!(
                command(&["cp %p /archive/"], "07", odd).unwrap_err().contains("separate words"),
                "{odd}"
            );
            assert!(command(&["cp", "%p", "/archive/"], "07", odd).is_ok());
            // It is not in the line.
            assert!(command(&["true"], "07", odd).is_ok());
        }
    }

    #[test]
    fn a_status_is_what_a_shell_would_report() {
        for (line, code) in [("exit 0", 0), ("exit 1", 1), ("exit 125", 125), ("kill -9 $$", 137)] {
            let outcome = InnerCommand::Shell(line.into()).run(true).unwrap();
            assert_eq!((outcome.code(), outcome.is_success()), (code, code == 0), "{line}");
        }
        let missing = InnerCommand::Program("/nonexistent/program".into(), vec![]).run(true).unwrap();
        assert_eq!(missing, Outcome::Exited(127));
        let no_program = InnerCommand::Program("/dev/null".into(), vec![]).run(true).unwrap();
        assert_eq!(no_program, Outcome::Exited(126));
    }
}
