//! Bad pages of one file, gathered into ranges: a wholly wrong file gives one range, not a million findings.

use alloc::vec::Vec;

use tde_core::BlockNumber;

use super::finding::{Cause, IvEvidence, Place, Problem, Severity};

/// The bad pages of one file.
#[derive(Debug)]
pub(super) struct BadPages {
    open: Option<BadRange>,
    closed: Vec<BadRange>,
    /// Ranges kept at most.
    room: u32,
    left_out: u64,
}

/// Bad pages in a row with the same cause; zero pages between them do not count.
#[derive(Debug, Clone)]
pub(super) struct BadRange {
    pub(super) first: BlockNumber,
    pub(super) last: BlockNumber,
    pub(super) count: u32,
    pub(super) offset: u64,
    pub(super) problem: Problem,
    pub(super) cause: Cause,
    pub(super) severity: Severity,
}

impl BadPages {
    pub(super) const fn new(room: u32) -> Self {
        Self { open: None, closed: Vec::new(), room, left_out: 0 }
    }

    /// A bad page; blocks must come in order.
    pub(super) fn bad(
        &mut self,
        block: BlockNumber,
        offset: u64,
        problem: Problem,
        cause: Cause,
        severity: Severity,
    ) {
        if let Some(open) = &mut self.open
            && open.severity == severity
            && is_same_cause((open.first, &open.cause), (block, &cause))
        {
            open.last = block;
            open.count += 1;
            return;
        }
        self.sound();
        self.open = Some(BadRange { first: block, last: block, count: 1, offset, problem, cause, severity });
    }

    /// A page that is as it should be and not zero: a range ends before it.
    pub(super) fn sound(&mut self) {
        if let Some(range) = self.open.take() {
            if self.closed.len() < self.room as usize {
                self.closed.push(range);
            } else {
                self.left_out += 1;
            }
        }
    }

    /// The ranges, and how many there was no room for.
    pub(super) fn finish(mut self) -> (Vec<BadRange>, u64) {
        self.sound();
        (self.closed, self.left_out)
    }
}

impl BadRange {
    pub(super) fn place(&self) -> Place {
        Place::Blocks { first: self.first, last: self.last, count: self.count, offset: self.offset }
    }
}

fn is_same_cause((first, open): (BlockNumber, &Cause), (block, next): (BlockNumber, &Cause)) -> bool {
    let page_of = |cause: &Cause| match cause {
        Cause::WrongIv(IvEvidence::PageOf { fork, block }) => Some((*fork, block.get())),
        _ => None,
    };
    match (page_of(open), page_of(next)) {
        // Pages moved together keep their distance.
        (Some((fork, from)), Some((next_fork, next_from))) => {
            fork == next_fork && from.wrapping_sub(first.get()) == next_from.wrapping_sub(block.get())
        }
        _ => open == next,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tde_core::Fork;

    fn bad(pages: &mut BadPages, block: u32, cause: Cause) {
        let (block, offset) = (BlockNumber::new(block), u64::from(block) * 8192);
        pages.bad(block, offset, Problem::PartlyZero { zero: 0..32 }, cause, Severity::Error);
    }

    fn ranges(pages: BadPages) -> (Vec<(u32, u32, u32)>, u64) {
        let (ranges, left_out) = pages.finish();
        (ranges.iter().map(|r| (r.first.get(), r.last.get(), r.count)).collect(), left_out)
    }

    #[test]
    fn pages_of_one_cause_in_a_row_are_one_range() {
        let mut pages = BadPages::new(10);
        bad(&mut pages, 1, Cause::Damaged);
        // A zero page between says nothing.
        bad(&mut pages, 3, Cause::Damaged);
        bad(&mut pages, 4, Cause::NotEncrypted);
        pages.sound();
        bad(&mut pages, 6, Cause::NotEncrypted);
        assert_eq!(ranges(pages), (alloc::vec![(1, 3, 2), (4, 4, 1), (6, 6, 1)], 0));
    }

    #[test]
    fn pages_moved_together_are_one_range() {
        let page_of =
            |block| Cause::WrongIv(IvEvidence::PageOf { fork: Fork::Main, block: BlockNumber::new(block) });
        let mut pages = BadPages::new(10);
        bad(&mut pages, 0, page_of(16));
        bad(&mut pages, 1, page_of(17));
        bad(&mut pages, 2, page_of(5));
        assert_eq!(ranges(pages), (alloc::vec![(0, 1, 2), (2, 2, 1)], 0));
    }

    #[test]
    fn ranges_beyond_the_room_are_counted() {
        let mut pages = BadPages::new(2);
        for block in 0..5 {
            bad(&mut pages, block, Cause::Damaged);
            pages.sound();
        }
        assert_eq!(ranges(pages), (alloc::vec![(0, 0, 1), (1, 1, 1)], 3));
    }
}
