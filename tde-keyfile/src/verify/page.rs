//! What is wrong with one page of an encrypted relation, and why.

use core::ops::Range;

use tde_core::{BlockNumber, Fork};

use super::finding::{Cause, IvEvidence};
use super::iv_search::{IvSearch, RightIv};
use crate::postgres::{PageCondition, PageHeader, is_zero};

/// What has to be known to judge the pages of one fork.
#[derive(Debug, Clone, Copy)]
pub(super) struct PageContext {
    pub(super) fork: Fork,
    /// Whether the cluster has data checksums.
    pub(super) checksums: bool,
    /// Pages in the fork, over all segments.
    pub(super) blocks: u32,
    pub(super) blocks_per_segment: u32,
}

/// Why a decrypted page is bad. `stored` is the page as it is on disk.
///
/// With `search`, the IV that the page was really encrypted with is looked for; it costs up to some
/// milliseconds. `guess` is the answer found for an earlier page of the file, tried first.
pub(super) fn diagnose(
    context: &PageContext,
    block: BlockNumber,
    stored: &[u8],
    plain: &[u8],
    search: bool,
    guess: Option<RightIv>,
) -> (Cause, Option<RightIv>) {
    // Plaintext has runs of zeros of its own, so that it has to be ruled out first.
    if is_plaintext(stored, block, context.checksums) {
        return (Cause::NotEncrypted, None);
    }
    if let Some(zero) = unwritten_part(stored) {
        return (Cause::Torn { zero }, None);
    }
    let header = match PageHeader::parse(plain) {
        Ok(header) if header.has_size_and_layout(plain.len()) => header,
        _ if looks_random(plain) => return (Cause::WrongKey { opens_with: None }, None),
        _ => return (Cause::Damaged, None),
    };
    if context.checksums
        && (search || guess.is_some())
        && let Some(ivs) = IvSearch::new(plain, context.fork, block)
    {
        let found = guess.filter(|guess| ivs.explains(*guess)).or_else(|| {
            let found =
                || ivs.base_iv_bit().or_else(|| ivs.other_page(context.blocks, context.blocks_per_segment));
            if search { found() } else { None }
        });
        if let Some(found) = found {
            return (Cause::WrongIv(found.into()), Some(found));
        }
    }
    // The second cipher block is right (size, layout, special space), the first is not: the key is right. A
    // damaged first block would have turned the same bits of the second.
    if header.check(plain.len()).is_err() && has_usual_special(&header, plain.len()) {
        return (Cause::WrongIv(IvEvidence::FirstBlockOnly), None);
    }
    (Cause::Damaged, None)
}

impl From<RightIv> for IvEvidence {
    fn from(found: RightIv) -> Self {
        match found {
            RightIv::BaseIvBit(bit) => Self::BaseIvBit { byte: bit / 8, bit: bit % 8 },
            RightIv::PageOf(fork, block) => Self::PageOf { fork, block },
        }
    }
}

/// The longest run of whole zero cipher blocks, if it is too long for chance: ciphertext has no 32 zero
/// bytes in a row.
pub(super) fn unwritten_part(stored: &[u8]) -> Option<Range<usize>> {
    let mut longest = 0..0;
    let mut start = 0;
    for (index, block) in stored.chunks(16).enumerate() {
        let end = index * 16 + block.len();
        if !is_zero(block) {
            start = end;
        } else if end - start > longest.len() {
            longest = start..end;
        }
    }
    (longest.len() >= 32).then_some(longest)
}

/// Whether stored bytes are a sound page as they are. Without checksums the header alone has to prove it,
/// which it does: a random one passes once in 2^40.
pub(crate) fn is_plaintext(stored: &[u8], block: BlockNumber, checksums: bool) -> bool {
    match PageCondition::of(stored, block, checksums) {
        PageCondition::Sound => true,
        // A plaintext page that is itself damaged, or that stands in the wrong place.
        PageCondition::Checksum { .. } => {
            PageHeader::parse(stored).is_ok_and(|header| has_usual_special(&header, stored.len()))
        }
        _ => false,
    }
}

/// Whether the special space has a length that an access method of PostgreSQL uses.
fn has_usual_special(header: &PageHeader, page_size: usize) -> bool {
    [0, 8, 16].into_iter().any(|size| usize::from(header.special) + size == page_size)
}

/// Whether bytes are as evenly spread as ciphertext, or as what a wrong key makes of it: chi-square of the
/// byte counts, which is 255 on average with a standard deviation of 23; the bound is six of them above.
/// Real pages are in the thousands.
pub(crate) fn looks_random(bytes: &[u8]) -> bool {
    let mut counts = [0u32; 256];
    for byte in bytes {
        counts[usize::from(*byte)] += 1;
    }
    let length = bytes.len() as u64;
    let squares: u64 = counts.iter().map(|count| u64::from(*count) * u64::from(*count)).sum();
    // 256 / n * sum(count^2) - n < 392, in whole numbers.
    length >= 1024 && squares * 256 < (length + 392) * length
}

#[cfg(test)]
mod tests {
    use super::*;
    use tde_core::{BaseIv, Cipher, InternalKey, PageCipher};

    #[test]
    fn ciphertext_looks_random_and_pages_do_not() {
        let key = InternalKey::from_slice(Cipher::Aes128, &[1; 16], BaseIv::new([2; 16])).unwrap();
        let cipher = PageCipher::new(&key);
        let mut page = alloc::vec![0; 8192];
        for (at, byte) in page.iter_mut().enumerate().skip(4096) {
            *byte = (at % 251) as u8;
        }
        assert!(!looks_random(&page));
        for block in 0..200 {
            let mut stored = page.clone();
            cipher.encrypt_page(Fork::Main, BlockNumber::new(block), &mut stored).unwrap();
            assert!(looks_random(&stored), "block {block}");
            assert_eq!(unwritten_part(&stored), None);
        }
        assert!(!looks_random(&[]) && !looks_random(&[7; 512]));
    }

    #[test]
    fn the_longest_run_of_zeros_is_what_was_not_written() {
        let mut stored = alloc::vec![1; 8192];
        stored[16..32].fill(0);
        assert_eq!(unwritten_part(&stored), None, "one cipher block may be chance");
        stored[100..200].fill(0);
        assert_eq!(unwritten_part(&stored), Some(112..192));
        stored[4096..].fill(0);
        assert_eq!(unwritten_part(&stored), Some(4096..8192));
    }
}
