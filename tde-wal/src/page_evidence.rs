//! How much of a page header is as predicted: what a wrong key, damage and a recycled page each look like.

use crate::location::Lsn;
use crate::page_header::{ExpectedPage, LONG_HEADER_LEN, RawLongHeader, RawPageHeader, SHORT_HEADER_LEN};

/// Which fields of one page's header are what must stand there, tested each by itself.
///
/// A single page is enough: under a wrong key, or undecrypted, it has all of them wrong, while damage leaves some
/// right. Testing the pages of a segment one by one shows where a key range begins or ends; testing both the stored
/// and the decrypted form of a page shows which of the two is WAL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PageEvidence {
    /// The magic number is of an accepted major version.
    pub magic: bool,
    /// No undefined flag is set, and that of the long header is as it must be.
    pub flags: bool,
    /// The timeline is one that may stand here.
    pub timeline: bool,
    /// The address is that of the page.
    pub address: bool,
    /// Of a long header: the system identifier, if one is expected. `None` elsewhere.
    pub system_identifier: Option<bool>,
    /// Of a long header: the segment size. `None` elsewhere.
    pub segment_size: Option<bool>,
    /// Of a long header: the block size. `None` elsewhere.
    pub block_size: Option<bool>,
    /// The address as it stands in the page.
    pub found_address: Lsn,
    verdict: PageVerdict,
}

/// What a page most likely is, by its header alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PageVerdict {
    /// Every predictable field is right.
    Valid,
    /// The whole header is zero: never written, or the rest of a segment after a switch.
    Zero,
    /// A sound header of an earlier place: left over in a recycled segment.
    Older,
    /// Some fields are right, too many for chance: damage, a page of a later place, or of another cluster.
    Damaged,
    /// Nothing is right but what chance explains: encrypted under another key or not at all, or no WAL.
    Noise,
}

impl PageEvidence {
    /// Bits that a right field must outweigh together to be more than chance over the pages of a whole log. The
    /// flags alone (12 bits), or the magic alone (13 to 16), come right in noise once in some thousand pages.
    const CHANCE_BITS: u32 = 20;

    /// Tests a page. `None` if there are fewer bytes than its header has.
    #[must_use]
    pub fn of(page: &[u8], expected: &ExpectedPage<'_>) -> Option<Self> {
        let raw = RawPageHeader::read(page)?;
        let long = if expected.is_long() { Some(RawLongHeader::read(page)?) } else { None };
        let layout = &expected.layout;
        let mut evidence = Self {
            magic: expected.magic_is_right(raw.magic),
            flags: expected.flags_are_right(raw.flags),
            timeline: expected.timeline_is_right(raw.timeline),
            address: raw.address == expected.address,
            system_identifier: long
                .and_then(|long| layout.system_identifier.map(|id| id == long.system_identifier)),
            segment_size: long.map(|long| u64::from(long.segment_size) == layout.segment_size.bytes()),
            block_size: long.map(|long| long.block_size as usize == layout.block_size.bytes()),
            found_address: raw.address,
            verdict: PageVerdict::Noise,
        };
        evidence.verdict = evidence.judge(page, expected);
        Some(evidence)
    }

    /// What the page most likely is.
    #[must_use]
    pub const fn verdict(&self) -> PageVerdict {
        self.verdict
    }

    /// Bits of the header that were predicted: 108 of a short one (two of the flags may be either way), up to 236
    /// of a long one.
    #[must_use]
    pub fn predicted_bits(&self) -> u32 {
        self.fields().iter().map(|&(_, bits)| bits).sum()
    }

    /// Bits in those fields that are as predicted.
    #[must_use]
    pub fn matched_bits(&self) -> u32 {
        self.fields().iter().filter(|&&(right, _)| right == Some(true)).map(|&(_, bits)| bits).sum()
    }

    /// Each field, and the bits that are predicted in it. The lowest four flags but that of the long header may be
    /// either way; which timeline it is, and of which version, is predicted only within bounds, which costs less
    /// than the bits that are left out here.
    fn fields(&self) -> [(Option<bool>, u32); 7] {
        let bits = |field: Option<bool>, bits| (field, if field.is_some() { bits } else { 0 });
        [
            bits(Some(self.magic), 13),
            bits(Some(self.flags), 13),
            bits(Some(self.timeline), 18),
            bits(Some(self.address), 64),
            bits(self.system_identifier, 64),
            bits(self.segment_size, 32),
            bits(self.block_size, 32),
        ]
    }

    fn judge(&self, page: &[u8], expected: &ExpectedPage<'_>) -> PageVerdict {
        if self.matched_bits() == self.predicted_bits() {
            return PageVerdict::Valid;
        }
        let header = if expected.is_long() { LONG_HEADER_LEN } else { SHORT_HEADER_LEN };
        if page.iter().take(header).all(|&byte| byte == 0) {
            return PageVerdict::Zero;
        }
        // Judged as a page of the place it claims; what precedes it there is not known.
        let elsewhere = ExpectedPage { address: self.found_address, history: None, ..*expected };
        let on_a_boundary = elsewhere.layout.page_of(self.found_address) == self.found_address;
        if on_a_boundary
            && self.found_address < expected.address
            && self.magic
            && RawPageHeader::read(page).is_some_and(|raw| {
                elsewhere.flags_are_right(raw.flags)
                    && raw.timeline.get() != 0
                    && raw.timeline <= expected.timeline
            })
        {
            return PageVerdict::Older;
        }
        if self.matched_bits() >= Self::CHANCE_BITS { PageVerdict::Damaged } else { PageVerdict::Noise }
    }
}
