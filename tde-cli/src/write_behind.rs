//! Having a file written to the disk while more of it is being made, so that little is left to wait for at the end.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

/// Bytes after which the disk is set to work: little beside what is left at the end, and enough that the journal of a
/// file system does not count.
const STEP: u64 = 32 << 20;

/// Does `work`, which says how many bytes it has written to `file`, while another thread has them put on disk.
///
/// The file is not synced as a whole when this returns.
///
/// # Errors
/// If syncing fails: the system tells that only once, so that it must not get lost.
pub(crate) fn run<T>(file: &File, work: impl FnOnce(&(dyn Fn(u64) + Sync)) -> T) -> (T, io::Result<()>) {
    let (written, done) = (AtomicU64::new(0), AtomicBool::new(false));
    let sync = || {
        let mut synced = 0;
        while !done.load(Ordering::Acquire) {
            let now = written.load(Ordering::Relaxed);
            if now - synced >= STEP {
                file.sync_data()?;
                synced = now;
            } else {
                thread::park();
            }
        }
        Ok(())
    };
    thread::scope(|scope| {
        match thread::Builder::new().name("write behind".into()).spawn_scoped(scope, sync) {
            // Then all of it is left for the end.
            Err(_) => (work(&|_| {}), Ok(())),
            Ok(syncing) => {
                let result = work(&|bytes| {
                    written.fetch_add(bytes, Ordering::Relaxed);
                    syncing.thread().unpark();
                });
                done.store(true, Ordering::Release);
                syncing.thread().unpark();
                let synced = syncing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                (result, synced)
            }
        }
    })
}
