//! How often a client was wrong of late, and when it may try again.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// The wait after the first wrong password; it doubles with each.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// How many clients are remembered: beyond that, those that need not wait any more are forgotten.
const MOST_CLIENTS: usize = 1000;

#[derive(Default, Debug)]
pub(super) struct Attempts {
    failures: HashMap<String, Failures>,
}

#[derive(Debug)]
struct Failures {
    count: u32,
    /// When the client may try again.
    until: Instant,
}

impl Attempts {
    /// Whether the client need not wait.
    pub(super) fn may_try(&self, client: &str, now: Instant) -> bool {
        match self.failures.get(client) {
            Some(failures) => failures.until <= now,
            // Nobody gets more attempts by showing many certificates.
            None => self.failures.len() < MOST_CLIENTS || self.failures.values().any(|one| one.until <= now),
        }
    }

    pub(super) fn failed(&mut self, client: &str, now: Instant) {
        if self.failures.len() >= MOST_CLIENTS {
            self.failures.retain(|name, one| name == client || one.until > now);
        }
        let failures = self.failures.entry(client.to_owned()).or_insert(Failures { count: 0, until: now });
        let wait = FIRST_WAIT.saturating_mul(1 << failures.count.min(16)).min(LONGEST_WAIT);
        failures.count = failures.count.saturating_add(1);
        failures.until = now + wait;
    }

    pub(super) fn succeeded(&mut self, client: &str) {
        self.failures.remove(client);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_a_minute_and_ends_with_success() {
        let (mut attempts, mut now) = (Attempts::default(), Instant::now());
        for seconds in [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0] {
            assert!(attempts.may_try("one", now));
            attempts.failed("one", now);
            let wait = Duration::from_secs_f64(seconds);
            assert!(!attempts.may_try("one", now + wait - Duration::from_millis(1)), "{seconds}");
            assert!(attempts.may_try("two", now), "another client waits, too");
            now += wait;
        }
        attempts.failed("one", now);
        attempts.succeeded("one");
        attempts.failed("one", now);
        assert!(attempts.may_try("one", now + FIRST_WAIT));
    }

    #[test]
    fn many_clients_are_bounded() {
        let (mut attempts, now) = (Attempts::default(), Instant::now());
        for number in 0..MOST_CLIENTS {
            attempts.failed(&number.to_string(), now);
        }
        assert!(!attempts.may_try("new", now));
        assert!(attempts.may_try("new", now + FIRST_WAIT));
        attempts.failed("new", now + FIRST_WAIT);
        assert_eq!(attempts.failures.len(), 1);
    }
}
