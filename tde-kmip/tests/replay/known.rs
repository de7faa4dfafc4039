//! Where our answers differ from recorded ones, and why.

/// A difference that is known.
pub(crate) struct Deviation {
    /// A part of the set, case and label; empty for any.
    place: &'static str,
    /// A part of what differs.
    what: &'static str,
    /// Why we stay with it.
    pub(crate) reason: &'static str,
}

impl Deviation {
    pub(crate) fn covers(&self, place: &str, what: &str) -> bool {
        place.contains(self.place) && what.contains(self.what)
    }
}

/// The known differences from a set.
pub(crate) fn of(set: &str) -> &'static [Deviation] {
    match set {
        _ => &[],
    }
}
