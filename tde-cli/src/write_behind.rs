//! Having a file written to the disk while more of it is being made, so that little is left to wait for at the end.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, Thread};

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
                let end = End { done: &done, thread: syncing.thread() };
                let result = work(&|bytes| {
                    written.fetch_add(bytes, Ordering::Relaxed);
                    syncing.thread().unpark();
                });
                drop(end);
                let synced = syncing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                (result, synced)
            }
        }
    })
}

/// Ends the thread when dropped: also when the work panics, since the scope waits for it.
struct End<'a> {
    done: &'a AtomicBool,
    thread: &'a Thread,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::mpsc;
    use std::time::Duration;

    #[test]
    fn a_panic_of_the_work_is_passed_on() {
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            let file = tempfile::tempfile().unwrap();
            let work = |wrote: &(dyn Fn(u64) + Sync)| {
                wrote(STEP);
                panic!("the work fails");
            };
            let ended = catch_unwind(AssertUnwindSafe(|| run(&file, work).1));
            tell.send(ended.is_err()).unwrap();
        });
        assert_eq!(told.recv_timeout(Duration::from_secs(60)), Ok(true));
    }
}
