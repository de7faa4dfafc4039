//! The verdict on one plaintext page.

use core::fmt;

use tde_core::BlockNumber;

use super::{PageHeader, PageHeaderError, page_checksum};

/// What a plaintext page looks like to a server that reads it (`bufpage.c`, `PageIsVerified`), with the
/// two further header rules of [`PageHeader::check`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PageCondition {
    /// Every byte is zero: allocated, never initialised. Normal.
    Zero,
    /// The header makes sense and, if asked for, the checksum is right.
    Sound,
    /// A field of the header makes no sense.
    Header(PageHeaderError),
    /// `pd_upper` is 0 as on a new page, yet not every byte is zero.
    NewButNotZero,
    /// The header makes sense, the checksum is wrong.
    Checksum {
        /// `pd_checksum` as it stands in the page.
        stored: u16,
        /// What belongs there.
        computed: u16,
    },
}

impl PageCondition {
    /// Examines a plaintext page; `block` counts within the fork, `checksums` says whether the cluster
    /// has data checksums. A length that no page has comes out as a bad size and layout field.
    #[must_use]
    pub fn of(page: &[u8], block: BlockNumber, checksums: bool) -> Self {
        let Ok(header) = PageHeader::parse(page) else {
            return Self::Header(PageHeaderError::SizeAndLayout { stored: 0 });
        };
        if header.is_new() && is_zero(page) {
            return Self::Zero;
        }
        if header.is_new() && header.has_size_and_layout(page.len()) {
            return Self::NewButNotZero;
        }
        if let Err(error) = header.check(page.len()) {
            return Self::Header(error);
        }
        // The header's check has seen to the length, for which alone a checksum is refused.
        if !checksums {
            return Self::Sound;
        }
        match page_checksum(page, block) {
            Ok(computed) if computed != header.checksum => {
                Self::Checksum { stored: header.checksum, computed }
            }
            Ok(_) => Self::Sound,
            Err(_) => Self::Header(PageHeaderError::SizeAndLayout { stored: header.size_and_layout }),
        }
    }

    /// Whether a server takes the page as it is.
    #[must_use]
    pub const fn is_sound(self) -> bool {
        matches!(self, Self::Zero | Self::Sound)
    }
}

impl fmt::Display for PageCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zero => f.write_str("all zero"),
            Self::Sound => f.write_str("sound"),
            Self::Header(error) => error.fmt(f),
            Self::NewButNotZero => f.write_str("pd_upper is 0 but the page is not all zero"),
            Self::Checksum { stored, computed } => {
                write!(f, "checksum {stored} is stored, {computed} is computed")
            }
        }
    }
}

/// Whether all bytes are zero; compares whole blocks, so that the common case costs next to nothing.
pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    let (blocks, rest) = bytes.as_chunks::<64>();
    blocks.iter().all(|block| *block == [0; 64]) && rest.iter().all(|byte| *byte == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn zero_new_sound_and_damaged_pages_are_told_apart() {
        let block = BlockNumber::new(3);
        let mut page = vec![0; 8192];
        assert_eq!(PageCondition::of(&page, block, true), PageCondition::Zero);
        page[8191] = 1;
        assert!(!PageCondition::of(&page, block, true).is_sound(), "one byte makes it not zero");
        page[10..20].copy_from_slice(&[0, 0, 24, 0, 0, 0x20, 0, 0x20, 4, 0x20]);
        let computed = page_checksum(&page, block).unwrap();
        assert_eq!(PageCondition::of(&page, block, true), PageCondition::Checksum { stored: 0, computed });
        assert_eq!(PageCondition::of(&page, block, false), PageCondition::Sound);
        page[8..10].copy_from_slice(&computed.to_le_bytes());
        assert_eq!(PageCondition::of(&page, block, true), PageCondition::Sound);
        page[15] = 0;
        page[14] = 0;
        assert_eq!(PageCondition::of(&page, block, true), PageCondition::NewButNotZero);
        page[18] = 5;
        assert_eq!(
            PageCondition::of(&page, block, true),
            PageCondition::Header(PageHeaderError::SizeAndLayout { stored: 0x2005 })
        );
        for length in [0, 23, 24, 100] {
            assert!(!PageCondition::of(&page[..length], block, true).is_sound(), "{length} bytes");
        }
    }
}
