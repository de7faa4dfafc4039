//! Which IV a page was really encrypted with, when everything but its first cipher block decrypts well.
//!
//! A wrong IV spoils the first 16 bytes of a page by the XOR of the right IV and the one used, and nothing
//! else. The page's checksum covers those bytes and the block number, so that a guess can be proven.

use tde_core::{BlockNumber, Fork};

use crate::postgres::{FirstBlockProbe, PageHeader};

/// What the first 16 bytes would have to be, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RightIv {
    /// One bit of the base IV is flipped: bit `bit % 8` (from the lowest) of byte `bit / 8`.
    BaseIvBit(u8),
    /// It is the page of another block, or of another fork, of the same relation.
    PageOf(Fork, BlockNumber),
}

/// A page whose first 16 bytes are in doubt.
#[derive(Debug)]
pub(super) struct IvSearch<'a> {
    probe: FirstBlockProbe<'a>,
    page: &'a [u8],
    first: [u8; 16],
    fork: Fork,
    block: BlockNumber,
}

impl<'a> IvSearch<'a> {
    /// `page` as it was decrypted as `block` of `fork`.
    pub(super) fn new(page: &'a [u8], fork: Fork, block: BlockNumber) -> Option<Self> {
        let first = *page.first_chunk::<16>()?;
        Some(Self { probe: FirstBlockProbe::new(page).ok()?, page, first, fork, block })
    }

    /// Whether this other IV makes the page whole: header sane and checksum right.
    pub(super) fn explains(&self, guess: RightIv) -> bool {
        let mut first = self.first;
        let block = match guess {
            RightIv::BaseIvBit(bit) => {
                let Some(byte) = first.get_mut(usize::from(bit / 8)) else { return false };
                *byte ^= 1 << (bit % 8);
                self.block
            }
            RightIv::PageOf(fork, block) => {
                // The IV is the base IV with the fork in byte 7 and the block number, big-endian, in the
                // last four bytes (pg_tde, CalcBlockIv); the init fork counts as the main one.
                first[7] ^= iv_fork(fork) ^ iv_fork(self.fork);
                let difference = (block.get() ^ self.block.get()).to_be_bytes();
                for (byte, difference) in first[12..].iter_mut().zip(difference) {
                    *byte ^= difference;
                }
                block
            }
        };
        let mut head = [0; PageHeader::LEN];
        let (start, end) = head.split_at_mut(16);
        start.copy_from_slice(&first);
        let Some(second) = self.page.get(16..PageHeader::LEN) else { return false };
        end.copy_from_slice(second);
        PageHeader::parse(&head).is_ok_and(|header| {
            header.check(self.page.len()).is_ok() && header.checksum == self.probe.checksum(&first, block)
        })
    }

    /// Tries every single bit of the base IV.
    pub(super) fn base_iv_bit(&self) -> Option<RightIv> {
        unique((0..128).map(RightIv::BaseIvBit).filter(|guess| self.explains(*guess)))
    }

    /// Tries the same place in the other forks and segments, then every other block of this fork below
    /// `blocks`.
    pub(super) fn other_page(&self, blocks: u32, blocks_per_segment: u32) -> Option<RightIv> {
        let forks = [Fork::Main, Fork::Fsm, Fork::Vm]
            .into_iter()
            .filter(|fork| iv_fork(*fork) != iv_fork(self.fork))
            .map(|fork| RightIv::PageOf(fork, self.block));
        let in_segment = self.block.get() % blocks_per_segment.max(1);
        let segments = (0..=blocks / blocks_per_segment.max(1))
            .filter_map(|segment| segment.checked_mul(blocks_per_segment)?.checked_add(in_segment))
            .filter(|block| *block != self.block.get())
            .map(|block| RightIv::PageOf(self.fork, BlockNumber::new(block)));
        if let Some(found) = forks.chain(segments).find(|guess| self.explains(*guess)) {
            return Some(found);
        }
        let others = (0..blocks)
            .filter(|block| *block != self.block.get())
            .map(|block| RightIv::PageOf(self.fork, BlockNumber::new(block)));
        unique(others.filter(|guess| self.explains(*guess)))
    }
}

/// The fork as it goes into the IV.
const fn iv_fork(fork: Fork) -> u8 {
    match fork {
        Fork::Fsm => 1,
        Fork::Vm => 2,
        _ => 0,
    }
}

/// The only item; none if there are several. A checksum has 16 bits, so that among many guesses more than
/// one may fit by chance, and then none of them is worth telling.
fn unique(mut guesses: impl Iterator<Item = RightIv>) -> Option<RightIv> {
    let first = guesses.next()?;
    guesses.next().is_none().then_some(first)
}
