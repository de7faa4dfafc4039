//! Timeline history files: which ancestors a timeline has, and up to where each is valid.

use crate::error::{Error, HistoryProblem};
use crate::location::{Lsn, TimelineId};

/// The text of a timeline history file (`00000002.history`), checked when read.
///
/// Nothing is copied: lines are read again when asked for. Timeline 1 has no such file; for it there is
/// [`TimelineHistory::without_ancestors`].
///
/// ```
/// # use tde_wal::{Lsn, TimelineHistory, TimelineId};
/// let text = "1\t0/CED2F8\tno recovery target specified\n";
/// let history = TimelineHistory::parse(TimelineId::new(2), text)?;
/// let ancestor = history.ancestors().next().unwrap();
/// assert_eq!(ancestor.timeline, TimelineId::new(1));
/// assert_eq!(ancestor.valid_until, Lsn::new(0xCE_D2F8));
/// assert_eq!(history.timeline_at(Lsn::new(0xCE_D2F7)), TimelineId::new(1));
/// assert_eq!(history.timeline_at(Lsn::new(0xCE_D2F8)), TimelineId::new(2));
/// # Ok::<(), tde_wal::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimelineHistory<'a> {
    timeline: TimelineId,
    text: &'a str,
}

/// One line of a history file: an ancestor, and where the history left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ancestor<'a> {
    /// The ancestor's timeline.
    pub timeline: TimelineId,
    /// The first LSN that no longer belongs to it.
    pub valid_until: Lsn,
    /// Why it was left, in the server's words.
    pub reason: &'a str,
}

impl<'a> TimelineHistory<'a> {
    /// The history of a timeline that has none: the first.
    #[must_use]
    pub const fn without_ancestors(timeline: TimelineId) -> Self {
        Self { timeline, text: "" }
    }

    /// Reads the text of the history file of `timeline`.
    ///
    /// Empty lines, and lines that begin with `#`, mean nothing; an ancestor's line holds its timeline in
    /// decimal, white space, the switch LSN, and perhaps white space and a reason.
    ///
    /// # Errors
    ///
    /// [`Error::History`] with the number of the line: it has another form, timelines do not ascend, or one is
    /// not below the file's own.
    pub fn parse(timeline: TimelineId, text: &'a str) -> Result<Self, Error> {
        let mut last = TimelineId::new(0);
        for (index, line) in text.lines().enumerate() {
            let fault = |problem| Error::History { line: index.saturating_add(1), problem };
            let Some(ancestor) = ancestor(line).map_err(fault)? else { continue };
            if ancestor.timeline <= last {
                return Err(fault(HistoryProblem::Order));
            }
            if ancestor.timeline >= timeline {
                return Err(fault(HistoryProblem::NotAnAncestor));
            }
            last = ancestor.timeline;
        }
        Ok(Self { timeline, text })
    }

    /// The timeline whose history this is.
    #[must_use]
    pub const fn timeline(&self) -> TimelineId {
        self.timeline
    }

    /// The ancestors, oldest first.
    pub fn ancestors(&self) -> impl Iterator<Item = Ancestor<'a>> + 'a {
        self.text.lines().filter_map(|line| ancestor(line).ok().flatten())
    }

    /// The timeline to which the byte at `lsn` belongs in this history.
    #[must_use]
    pub fn timeline_at(&self, lsn: Lsn) -> TimelineId {
        self.ancestors().find(|a| lsn < a.valid_until).map_or(self.timeline, |a| a.timeline)
    }

    /// Whether a WAL page that begins at `address` may carry `timeline` in its header: its own, or an ancestor
    /// that was not yet left there. The page in which a switch happens keeps the old number.
    #[must_use]
    pub fn allows_page(&self, timeline: TimelineId, address: Lsn) -> bool {
        timeline == self.timeline
            || self.ancestors().any(|a| a.timeline == timeline && address < a.valid_until)
    }
}

fn ancestor(line: &str) -> Result<Option<Ancestor<'_>>, HistoryProblem> {
    let line = line.trim_start();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let (timeline, rest) = split_word(line);
    let (lsn, reason) = split_word(rest);
    // `parse` alone would accept a sign.
    let digits = timeline.bytes().all(|b| b.is_ascii_digit());
    let timeline = timeline.parse().ok().filter(|_| digits).ok_or(HistoryProblem::Timeline)?;
    let valid_until = lsn.parse().map_err(|_| HistoryProblem::SwitchLsn)?;
    Ok(Some(Ancestor { timeline: TimelineId::new(timeline), valid_until, reason: reason.trim_end() }))
}

fn split_word(text: &str) -> (&str, &str) {
    match text.split_once(|c: char| c.is_ascii_whitespace()) {
        Some((word, rest)) => (word, rest.trim_start()),
        None => (text, ""),
    }
}

#[cfg(test)]
mod tests {
    extern crate alloc;
    use super::*;
    use alloc::vec::Vec;

    const SEVENTH: TimelineId = TimelineId::new(7);

    #[test]
    fn comments_and_blank_lines_mean_nothing() {
        let text = "# made by hand\n\n  \n1\t0/100\tbefore 2026-01-01\n 3 \t 0/200\r\n";
        let history = TimelineHistory::parse(SEVENTH, text).unwrap();
        let read: Vec<_> =
            history.ancestors().map(|a| (a.timeline.get(), a.valid_until.get(), a.reason)).collect();
        assert_eq!(read, [(1, 0x100, "before 2026-01-01"), (3, 0x200, "")]);
    }

    #[test]
    fn a_page_belongs_to_an_ancestor_up_to_the_switch() {
        let history = TimelineHistory::parse(SEVENTH, "1\t0/100\tx\n3\t0/200\ty\n").unwrap();
        let allows = |timeline, lsn| history.allows_page(TimelineId::new(timeline), Lsn::new(lsn));
        assert!(allows(1, 0xFF) && !allows(1, 0x100));
        assert!(allows(3, 0x1FF) && !allows(3, 0x200));
        assert!(allows(7, 0) && !allows(2, 0) && !allows(8, 0));
        assert_eq!(history.timeline_at(Lsn::new(0x150)).get(), 3);
        assert!(TimelineHistory::without_ancestors(SEVENTH).allows_page(SEVENTH, Lsn::MAX));
    }

    #[test]
    fn a_bad_line_is_named() {
        use HistoryProblem::{NotAnAncestor, Order, SwitchLsn, Timeline};
        for (text, line, problem) in [
            ("x 0/0", 1, Timeline),
            ("+1 0/0", 1, Timeline),
            ("4294967296 0/0", 1, Timeline),
            ("\n1", 2, SwitchLsn),
            ("1 0-0", 1, SwitchLsn),
            ("2 0/1\n2 0/2", 2, Order),
            ("2 0/1\n1 0/2", 2, Order),
            ("0 0/1", 1, Order),
            ("7 0/1", 1, NotAnAncestor),
        ] {
            assert_eq!(
                TimelineHistory::parse(SEVENTH, text),
                Err(Error::History { line, problem }),
                "{text}"
            );
        }
    }
}
