//! Sharing work out to the threads of a rayon pool, in the order in which files are best read.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Does `work` for every number below `count`, on all threads of the current pool.
///
/// The numbers are handed out in ascending order, so that a file is read from its beginning to its end, however
/// many threads read it; splitting the numbers in halves, as parallel iterators do, would make the disk jump.
/// Each thread that takes part has one state: its buffers.
///
/// # Errors
/// That of the lowest number. No more numbers are handed out after an error.
pub(crate) fn for_each<S, E: Send>(
    count: u64,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, u64) -> Result<(), E> + Sync,
) -> Result<(), E> {
    let next = AtomicU64::new(0);
    let failed: Mutex<Option<(u64, E)>> = Mutex::new(None);
    let thread = || {
        let mut own = None;
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return;
            }
            if let Err(error) = work(own.get_or_insert_with(&state), number) {
                next.store(count, Ordering::Relaxed);
                let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                // Every lower number has been handed out before, so that its error will come here too.
                if failed.as_ref().is_none_or(|(lowest, _)| number < *lowest) {
                    *failed = Some((number, error));
                }
                return;
            }
        }
    };
    if count > 1 && rayon::current_num_threads() > 1 {
        rayon::broadcast(|_| thread());
    } else {
        thread();
    }
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some((_, error)) => Err(error),
        None => Ok(()),
    }
}

/// As [`for_each`], with an answer for each number.
pub(crate) fn map<S, T: Send + Sync>(
    count: usize,
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, usize) -> T + Sync,
) -> Vec<T> {
    let answers: Vec<OnceLock<T>> = (0..count).map(|_| OnceLock::new()).collect();
    let done = for_each(count as u64, state, |state, number| {
        // Below `count`, which is a usize.
        let number = number as usize;
        if let Some(answer) = answers.get(number) {
            let _ = answer.set(work(state, number));
        }
        Ok::<(), core::convert::Infallible>(())
    });
    let Ok(()) = done;
    answers.into_iter().filter_map(OnceLock::into_inner).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_done_once_and_answers_come_in_order() {
        for threads in [1, 2, 5] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            for count in [0, 1, 2, 1000] {
                let answers = pool.install(|| map(count, || (), |(), number| number * 3));
                assert_eq!(answers, (0..count).map(|number| number * 3).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn the_error_of_the_lowest_number_is_told() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
        for _ in 0..100 {
            let failed = pool.install(|| {
                for_each(10_000, || (), |(), number| if number % 100 == 99 { Err(number) } else { Ok(()) })
            });
            assert_eq!(failed, Err(99));
        }
    }
}
