//! Runs the command.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;

use assert_cmd::Command;

/// How a run of the command ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) status: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Run {
    /// Panics, showing what was printed, unless the status is as expected.
    #[track_caller]
    pub(crate) fn expect(self, status: i32) -> Self {
        assert_eq!(self.status, status, "{self}");
        self
    }

    pub(crate) fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "status {}\nstdout:\n{}\nstderr:\n{}", self.status, self.stdout_text(), self.stderr)
    }
}

impl From<std::process::Output> for Run {
    fn from(output: std::process::Output) -> Self {
        Self {
            // A signal has no code; no test expects one.
            status: output.status.code().unwrap_or(-1),
            stdout: output.stdout,
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// Runs `tde` with these arguments in a directory.
pub(crate) fn tde_in<I>(directory: &Path, arguments: I, stdin: &[u8]) -> Run
where
    I: IntoIterator,
    I::Item: AsRef<OsStr>,
{
    Command::new(env!("CARGO_BIN_EXE_tde"))
        .args(arguments)
        .current_dir(directory)
        .env_remove("CLICOLOR_FORCE")
        .write_stdin(stdin)
        .output()
        .unwrap()
        .into()
}

/// Runs `tde` with these arguments.
pub(crate) fn tde<I>(arguments: I) -> Run
where
    I: IntoIterator,
    I::Item: AsRef<OsStr>,
{
    tde_in(Path::new("."), arguments, b"")
}

/// Whether SIGINT reaches the commands that a test starts: where it is ignored, as in the background of a shell without job
/// control, so it is in them. Says so.
pub(crate) fn can_be_interrupted() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap_or_default();
    let ignored = u64::from_str_radix(mask.trim(), 16).is_ok_and(|mask| mask & 0b10 != 0);
    if ignored {
        eprintln!("SKIPPED: SIGINT is ignored here");
    }
    !ignored
}

/// Runs `tde` without an assertion helper, for tests that need the child itself.
pub(crate) fn spawn<I>(arguments: I) -> std::process::Child
where
    I: IntoIterator,
    I::Item: AsRef<OsStr>,
{
    std::process::Command::new(env!("CARGO_BIN_EXE_tde"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}
