use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// How long threads poll for the next bytes before they sleep until those come, and how many may poll at once.
///
/// A sleeping thread is woken late: where its processor has gone idle meanwhile, tens of microseconds after the bytes
/// came, on a virtual machine more, which is a multiple of what a request takes. A peer that answers within
/// [`Polling::LONGEST`] is met awake. The others cost no more than that on every eighth wait, and threads that have
/// something to do come first.
///
/// Shared by all connections of a server, or of a client. One processor is always left to others: where there is only
/// one, nobody polls.
#[derive(Debug)]
pub struct Polling {
    longest: Duration,
    /// How many more threads may poll now.
    places: AtomicUsize,
}

impl Polling {
    /// The longest by default: more than a small request takes between two programs of one machine, less than it takes
    /// over most networks.
    pub const LONGEST: Duration = Duration::from_micros(50);

    /// For at most so long at a time; zero for never.
    #[must_use]
    pub fn new(longest: Duration) -> Self {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let places = if longest.is_zero() { 0 } else { processors - 1 };
        Self { longest, places: AtomicUsize::new(places) }
    }
}

impl Default for Polling {
    fn default() -> Self {
        Self::new(Self::LONGEST)
    }
}

/// The waits of one connection: polls while that has proved worth it.
#[derive(Debug)]
pub(super) struct Attention {
    polling: Arc<Polling>,
    /// How many waits are slept through after the last poll that was in vain.
    pause: u8,
    /// How many of them are left.
    left: u8,
}

impl Attention {
    /// The longest pause: the price of a peer that is far away, and of one that comes nearer.
    const LONGEST_PAUSE: u8 = 7;

    pub(super) const fn new(polling: Arc<Polling>) -> Self {
        Self { polling, pause: 0, left: 0 }
    }

    /// Asks for bytes until there are some; `None` if it is time to sleep.
    pub(super) fn poll(
        &mut self,
        mut read_now: impl FnMut() -> io::Result<usize>,
    ) -> Option<io::Result<usize>> {
        if let Some(left) = self.left.checked_sub(1) {
            self.left = left;
            return None;
        }
        let _place = Place::take(&self.polling.places)?;
        let start = Instant::now();
        loop {
            match read_now() {
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                result => {
                    self.pause = 0;
                    return Some(result);
                }
            }
            if start.elapsed() >= self.polling.longest {
                self.pause = (2 * self.pause + 1).min(Self::LONGEST_PAUSE);
                self.left = self.pause;
                return None;
            }
            thread::yield_now();
        }
    }
}

/// One of the places to poll in, given back when dropped.
struct Place<'p>(&'p AtomicUsize);

impl<'p> Place<'p> {
    fn take(places: &'p AtomicUsize) -> Option<Self> {
        let taken = places.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        taken.is_ok().then(|| Self(places))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn polling(longest: Duration) -> Arc<Polling> {
        Arc::new(Polling { longest, places: AtomicUsize::new(1) })
    }

    /// Longer than any machine is busy with something else.
    const LONG: Duration = Duration::from_secs(600);

    fn nothing() -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    #[test]
    fn bytes_that_come_soon_are_met_awake() {
        let mut attention = Attention::new(polling(LONG));
        for _ in 0..100 {
            let mut asked = 0;
            let read = attention.poll(|| {
                asked += 1;
                if asked < 3 { nothing() } else { Ok(8) }
            });
            assert_eq!(read.unwrap().unwrap(), 8);
        }
    }

    #[test]
    fn a_peer_that_is_far_away_is_polled_for_every_eighth_time() {
        let mut attention = Attention::new(polling(Duration::from_micros(1)));
        let polls = (0..800)
            .filter(|_| {
                let mut asked = false;
                let read = attention.poll(|| {
                    asked = true;
                    nothing()
                });
                assert!(read.is_none());
                asked
            })
            .count();
        assert!((100..=104).contains(&polls), "{polls}");
        // Once it is near, it is met awake each time.
        let met = (0..100).filter(|_| attention.poll(|| Ok(1)).is_some()).count();
        assert!(met >= 100 - usize::from(Attention::LONGEST_PAUSE), "{met}");
    }

    #[test]
    fn no_more_poll_at_once_than_there_are_places() {
        let shared = polling(LONG);
        let (mut one, mut other) = (Attention::new(Arc::clone(&shared)), Attention::new(Arc::clone(&shared)));
        let read = one.poll(|| {
            assert!(other.poll(|| Ok(1)).is_none(), "the only place is taken");
            Ok(2)
        });
        assert_eq!(read.unwrap().unwrap(), 2);
        assert_eq!(other.poll(|| Ok(1)).unwrap().unwrap(), 1);
        assert_eq!(shared.places.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn errors_and_the_end_of_the_stream_are_handed_on() {
        let mut attention = Attention::new(polling(LONG));
        assert_eq!(attention.poll(|| Ok(0)).unwrap().unwrap(), 0);
        let error = attention.poll(|| Err(io::ErrorKind::ConnectionReset.into())).unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }

    #[test]
    fn who_must_not_poll_does_not() {
        let mut attention = Attention::new(Arc::new(Polling::new(Duration::ZERO)));
        assert!(attention.poll(|| Ok(1)).is_none());
    }
}
