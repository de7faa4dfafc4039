use std::time::{Duration, Instant};

/// The instant by which something must be done, or never.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// No end.
    pub const NEVER: Self = Self(None);

    /// So long from now; a time that no clock can hold is never.
    #[must_use]
    pub fn after(time: Duration) -> Self {
        Self(Instant::now().checked_add(time))
    }

    /// At that instant.
    #[must_use]
    pub const fn at(instant: Instant) -> Self {
        Self(Some(instant))
    }

    /// The earlier of the two.
    #[must_use]
    pub fn earlier(self, other: Self) -> Self {
        match (self.0, other.0) {
            (Some(one), Some(other)) => Self(Some(one.min(other))),
            (one, other) => Self(one.or(other)),
        }
    }

    /// How much time is left: `None` without end, zero if it is past.
    #[must_use]
    pub fn remaining(self) -> Option<Duration> {
        self.0.map(|instant| instant.saturating_duration_since(Instant::now()))
    }

    /// When the next of so many that are tried one after the other must be done, so that one that does not answer
    /// leaves time for those behind it.
    #[cfg(feature = "client")]
    pub(crate) fn share(self, of: usize) -> Self {
        let of = u32::try_from(of).unwrap_or(u32::MAX).max(1);
        self.remaining().map_or(self, |left| Self::after(left / of))
    }

    /// Whether it is past.
    #[must_use]
    pub fn is_past(self) -> bool {
        self.remaining() == Some(Duration::ZERO)
    }
}
