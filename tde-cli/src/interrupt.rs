//! Removes unfinished output files when the command is interrupted.
//!
//! SIGINT, SIGTERM and SIGHUP are taken by a thread that unlinks every registered temporary file and
//! then lets the signal end the process as it would have, so that the caller sees how it died.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::failure::Failure;

static UNFINISHED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Starts the thread that waits for signals.
///
/// # Errors
/// If the handlers or the thread cannot be set up.
pub(crate) fn install() -> Result<(), Failure> {
    let ignored = ignored_signals();
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM].into_iter().filter(|s| !ignored.contains(s)))?;
    thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            let unfinished = lock();
            for path in unfinished.iter() {
                let _ = std::fs::remove_file(path);
            }
            // Holding the lock: no other file can be begun before the process is gone.
            let _ = emulate_default_handler(signal);
        }
    })?;
    Ok(())
}

/// Runs `create` and registers the file it made, so that no signal can come in between.
pub(crate) fn create_registered<T>(
    create: impl FnOnce() -> io::Result<T>,
    path_of: impl FnOnce(&T) -> &Path,
) -> io::Result<T> {
    let mut unfinished = lock();
    let file = create()?;
    unfinished.insert(path_of(&file).to_path_buf());
    Ok(file)
}

/// Forgets a file that has been finished or removed.
pub(crate) fn forget(path: &Path) {
    lock().remove(path);
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

fn lock() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    // A set of paths cannot be left half-changed by a panic.
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}
