//! Cleans up when the command is interrupted.
//!
//! SIGHUP, SIGINT, SIGQUIT and SIGTERM are taken by a thread that passes them on to the command that runs
//! for us, if there is one, removes every registered temporary file and directory, and gives the terminal the modes
//! back that it had before a passphrase was asked for. Then it lets the signal end the process as it would have, so that the caller sees how it died.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use tde_kmip::server::ServerHandle;

use crate::failure::Failure;

/// How long a command that has been passed a signal may take to end. What it works on is gone by then.
const GRACE: Duration = Duration::from_secs(10);

#[derive(Debug)]
struct Unfinished {
    files: BTreeSet<PathBuf>,
    directories: BTreeSet<PathBuf>,
    /// A child that has not been reaped, so that its number is nobody else's.
    child: Option<Pid>,
    /// Ends a server in good order.
    server: Option<ServerHandle>,
    /// The terminal, while it shows nothing of what is typed, and its modes before that.
    terminal: Option<(File, Termios)>,
}

static UNFINISHED: Mutex<Unfinished> = Mutex::new(Unfinished {
    files: BTreeSet::new(),
    directories: BTreeSet::new(),
    child: None,
    server: None,
    terminal: None,
});

/// Starts the thread that waits for signals.
///
/// # Errors
/// If the handlers or the thread cannot be set up.
pub(crate) fn install() -> Result<(), Failure> {
    let ignored = ignored_signals();
    let wanted = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];
    let mut signals = Signals::new(wanted.into_iter().filter(|s| !ignored.contains(s)))?;
    thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            // Holding the lock: nothing else can be begun before the process is gone.
            let mut unfinished = lock();
            if let Some(server) = unfinished.server.take() {
                // It ends by itself now; a second signal does not wait for it.
                server.shutdown();
                continue;
            }
            unfinished.end(signal);
            let _ = emulate_default_handler(signal);
        }
    })?;
    Ok(())
}

impl Unfinished {
    fn end(&self, signal: i32) {
        if let (Some(child), Some(signal)) = (self.child, Signal::from_named_raw(signal)) {
            let _ = kill_process(child, signal);
        }
        if let Some((terminal, modes)) = &self.terminal {
            let _ = tcsetattr(terminal, OptionalActions::Now, modes);
            // The prompt's line ends here.
            let _ = (&*terminal).write_all(b"\n");
        }
        for path in &self.files {
            let _ = std::fs::remove_file(path);
        }
        for path in &self.directories {
            let _ = std::fs::remove_dir_all(path);
        }
        let Some(child) = self.child else { return };
        let waiting_since = Instant::now();
        let ended = || {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
            !matches!(waitid(WaitId::Pid(child), options), Ok(None))
        };
        while !ended() && waiting_since.elapsed() < GRACE {
            thread::sleep(Duration::from_millis(10));
        }
        // It may have made files while the first attempt ran.
        for path in &self.directories {
            let _ = std::fs::remove_dir_all(path);
        }
    }
}

/// Runs `create` and registers the file it made, so that no signal can come in between.
pub(crate) fn create_registered<T>(
    create: impl FnOnce() -> io::Result<T>,
    path_of: impl FnOnce(&T) -> &Path,
) -> io::Result<T> {
    let mut unfinished = lock();
    let file = create()?;
    unfinished.files.insert(path_of(&file).to_path_buf());
    Ok(file)
}

/// The same for a directory, which goes with all that is in it.
pub(crate) fn create_registered_directory<T>(
    create: impl FnOnce() -> io::Result<T>,
    path_of: impl FnOnce(&T) -> &Path,
) -> io::Result<T> {
    let mut unfinished = lock();
    let directory = create()?;
    unfinished.directories.insert(path_of(&directory).to_path_buf());
    Ok(directory)
}

/// Forgets a file or directory that has been finished or removed.
pub(crate) fn forget(path: &Path) {
    let mut unfinished = lock();
    unfinished.files.remove(path);
    unfinished.directories.remove(path);
}

/// Lets the first signal end a server in good order, instead of the process at once.
pub(crate) fn end_server_first(server: ServerHandle) {
    lock().server = Some(server);
}

/// Runs a command to its end. Signals that come meanwhile are passed on to it.
pub(crate) fn run_registered(spawn: impl FnOnce() -> io::Result<Child>) -> io::Result<ExitStatus> {
    let mut child = {
        let mut unfinished = lock();
        let child = spawn()?;
        unfinished.child = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        child
    };
    if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // Not reaped yet: until then its number is its own, and a signal finds the right process.
        while let Err(rustix::io::Errno::INTR) =
            waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)
        {}
    }
    let mut unfinished = lock();
    unfinished.child = None;
    child.wait()
}

/// Runs `ask`, which switches the terminal's echo off. A signal that comes meanwhile switches it on again; so does an
/// interrupt that `ask` reads itself, which ends the process as the signal does.
pub(crate) fn with_hidden_input<T>(ask: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let terminal = OpenOptions::new().read(true).write(true).open("/dev/tty").ok();
    lock().terminal = terminal.and_then(|terminal| {
        let modes = tcgetattr(&terminal).ok()?;
        Some((terminal, modes))
    });
    let answer = ask();
    let mut unfinished = lock();
    if answer.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::Interrupted) {
        // Here, so that it does not depend on how soon the thread that waits for signals runs.
        unfinished.end(SIGINT);
        let _ = emulate_default_handler(SIGINT);
    }
    unfinished.terminal = None;
    answer
}

/// Signals that the caller has switched off for us (`nohup`, a shell's background jobs); they stay off.
/// Only Linux says so without a foreign call; elsewhere none are reported.
fn ignored_signals() -> Vec<i32> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0);
    (1..=64).filter(|signal| (mask >> (signal - 1)) & 1 == 1).collect()
}

fn lock() -> MutexGuard<'static, Unfinished> {
    // Sets of paths cannot be left half-changed by a panic.
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}
