//! The checksum that PostgreSQL keeps in `pd_checksum`: 32 lanes of a multiplicative hash run side by
//! side over the page, so that a compiler can use vector instructions for them.

use tde_core::BlockNumber;

use super::PageLengthError;

/// Bytes that all lanes take in one step.
const ROW: usize = LANES * 4;
const LANES: usize = 32;
/// The prime of the 32-bit Fowler-Noll-Vo hash.
const PRIME: u32 = 16_777_619;
/// Where the page header keeps the checksum; the bytes count as zero while it is computed.
const FIELD: core::ops::Range<usize> = 8..10;

/// Starting values of the lanes (`checksum_impl.h`, `checksumBaseOffsets`).
#[rustfmt::skip]
const BASES: [u32; LANES] = [
    0x5B1F_36E9, 0xB852_5960, 0x02AB_50AA, 0x1DE6_6D2A, 0x79FF_467A, 0x9BB9_F8A3, 0x217E_7CD2, 0x83E1_3D2C,
    0xF8D4_474F, 0xE39E_B970, 0x42C6_AE16, 0x9932_16FA, 0x7B09_3B5D, 0x98DA_FF3C, 0xF718_902A, 0x0B1C_9CDB,
    0xE58F_764B, 0x1876_36BC, 0x5D7B_3BB1, 0xE73D_E7DE, 0x92BE_C979, 0xCCA6_C0B2, 0x304A_0979, 0x85AA_43D4,
    0x7831_25BB, 0x6CA8_EAA2, 0xE407_EAC6, 0x4B5C_FC3E, 0x9FBF_8C76, 0x15CA_20BE, 0xF2CA_9FD3, 0x959B_D756,
];

/// Computes the checksum that belongs into `pd_checksum` of a plaintext page; never 0.
///
/// `block` counts within the fork over all segment files. The bytes of the field itself do not matter.
/// All-zero pages and pages with `pd_upper` 0 carry no checksum: do not compare theirs.
///
/// The algorithm is `pg_checksum_page` of PostgreSQL 9.3 and later (`storage/checksum_impl.h`), the same
/// in all of 14 to 18. It detects accidents; it is no protection against tampering.
///
/// ```
/// use tde_core::BlockNumber;
/// use tde_keyfile::postgres::page_checksum;
///
/// let page: Vec<u8> = (0..8192u32).map(|i| (7 * i + 3) as u8).collect();
/// assert_eq!(page_checksum(&page, BlockNumber::new(131_072))?, 43_594);
/// # Ok::<(), tde_keyfile::postgres::PageLengthError>(())
/// ```
///
/// # Errors
/// [`PageLengthError`] if the page's length is 0 or not a multiple of 128 bytes.
pub fn page_checksum(page: &[u8], block: BlockNumber) -> Result<u16, PageLengthError> {
    Ok(fold(lane_sum(page)?, block))
}

/// The checksum from the lanes' sum.
const fn fold(sum: u32, block: BlockNumber) -> u16 {
    // At most 65535 by construction, so that the narrowing loses nothing.
    ((sum ^ block.get()) % 65_535 + 1) as u16
}

/// The lanes' sum of a page, before the block number is mixed in.
fn lane_sum(page: &[u8]) -> Result<u32, PageLengthError> {
    let (rows, rest) = page.as_chunks::<ROW>();
    let Some((first, others)) = rows.split_first().filter(|_| rest.is_empty()) else {
        return Err(PageLengthError { actual: page.len() });
    };
    let mut lanes = BASES;
    let mut head = *first;
    head[FIELD].fill(0);
    mix_row(&mut lanes, &head);
    for row in others {
        mix_row(&mut lanes, row);
    }
    // Two more rounds over zeros, so that the last words of the page spread as far as the first.
    mix_row(&mut lanes, &[0; ROW]);
    mix_row(&mut lanes, &[0; ROW]);
    Ok(lanes.into_iter().fold(0, |sum, lane| sum ^ lane))
}

#[inline(always)]
fn mix_row(lanes: &mut [u32; LANES], row: &[u8; ROW]) {
    for (lane, word) in lanes.iter_mut().zip(row.as_chunks::<4>().0) {
        *lane = mix_word(*lane, u32::from_le_bytes(*word));
    }
}

#[inline(always)]
const fn mix_word(lane: u32, word: u32) -> u32 {
    let mixed = lane ^ word;
    mixed.wrapping_mul(PRIME) ^ (mixed >> 17)
}

/// Asks what the checksum would be if the first 16 bytes of a page were others, at the cost of four lanes
/// of 32: those bytes are the first words of lanes 0 to 3.
///
/// They are also the page's first cipher block, the only one that a wrong IV spoils; hence the need.
#[cfg(feature = "std")]
#[derive(Debug)]
pub(crate) struct FirstBlockProbe<'a> {
    page: &'a [u8],
    /// Sum of the lanes that the first 16 bytes do not reach.
    rest: u32,
}

#[cfg(feature = "std")]
impl<'a> FirstBlockProbe<'a> {
    pub(crate) fn new(page: &'a [u8]) -> Result<Self, PageLengthError> {
        let mut probe = Self { page, rest: 0 };
        let first = page.first_chunk::<16>().ok_or(PageLengthError { actual: page.len() })?;
        probe.rest = lane_sum(page)? ^ probe.first_lanes(first);
        Ok(probe)
    }

    /// The checksum of the page with `first` in place of its first 16 bytes.
    pub(crate) fn checksum(&self, first: &[u8; 16], block: BlockNumber) -> u16 {
        fold(self.rest ^ self.first_lanes(first), block)
    }

    fn first_lanes(&self, first: &[u8; 16]) -> u32 {
        let mut head = *first;
        head[FIELD].fill(0);
        let words = |bytes: &[u8; 16]| {
            let mut words = [0; 4];
            for (word, bytes) in words.iter_mut().zip(bytes.as_chunks::<4>().0) {
                *word = u32::from_le_bytes(*bytes);
            }
            words
        };
        let mut lanes = [BASES[0], BASES[1], BASES[2], BASES[3]];
        let mut mix = |row: [u32; 4]| {
            for (lane, word) in lanes.iter_mut().zip(row) {
                *lane = mix_word(*lane, word);
            }
        };
        mix(words(&head));
        for row in self.page.as_chunks::<ROW>().0.iter().skip(1) {
            if let Some(row) = row.first_chunk::<16>() {
                mix(words(row));
            }
        }
        mix([0; 4]);
        mix([0; 4]);
        lanes.into_iter().fold(0, |sum, lane| sum ^ lane)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    fn synthetic() -> Vec<u8> {
        (0..8192u32).map(|i| (7 * i + 3) as u8).collect()
    }

    #[test]
    fn synthetic_page_has_the_published_sums() {
        let page = synthetic();
        assert_eq!(lane_sum(&page), Ok(0xA44E_05FD));
        for (block, expected) in
            [(0, 43_596), (1, 43_595), (5, 43_591), (131_072, 43_594), (4_294_967_294, 21_942)]
        {
            assert_eq!(page_checksum(&page, BlockNumber::new(block)), Ok(expected), "block {block}");
        }
        assert_eq!(lane_sum(&[0; 8192]), Ok(0x54AF_71FA));
    }

    #[test]
    fn stored_field_does_not_matter_and_every_other_byte_does() {
        let page = synthetic();
        let expected = lane_sum(&page).unwrap();
        for at in 0..page.len() {
            let mut changed = page.clone();
            changed[at] ^= 0x40;
            assert_eq!(lane_sum(&changed).unwrap() == expected, FIELD.contains(&at), "byte {at}");
        }
    }

    #[cfg(feature = "std")]
    #[test]
    fn probe_agrees_with_a_page_really_changed() {
        let page = synthetic();
        let probe = FirstBlockProbe::new(&page).unwrap();
        let mut changed = page.clone();
        for bit in 0..128 {
            changed[bit / 8] ^= 1 << (bit % 8);
            let (first, block) = (*changed.first_chunk().unwrap(), BlockNumber::new(bit as u32));
            assert_eq!(probe.checksum(&first, block), page_checksum(&changed, block).unwrap(), "bit {bit}");
        }
    }

    #[test]
    fn wrong_lengths_are_errors() {
        for length in [0, 1, 127, 129, 8191] {
            let page = vec![0; length];
            assert_eq!(page_checksum(&page, BlockNumber::new(0)), Err(PageLengthError { actual: length }));
        }
        assert!(page_checksum(&[0; 128], BlockNumber::new(0)).is_ok());
    }
}
