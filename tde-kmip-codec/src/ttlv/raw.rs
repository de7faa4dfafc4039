//! The arithmetic of item headers, in one place.

/// Tag, type and length.
pub(crate) const HEADER_LEN: usize = 8;

/// The eight bytes before a value: tag (24 bits), type (8), length (32).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header(u64);

impl Header {
    /// The header at `at`, if all of it lies before `end`.
    #[inline(always)]
    pub(crate) fn load(input: &[u8], at: usize, end: usize) -> Option<Self> {
        let bytes = input.get(..end)?.get(at..)?.first_chunk::<HEADER_LEN>()?;
        Some(Self(u64::from_be_bytes(*bytes)))
    }

    #[inline(always)]
    pub(crate) const fn tag(self) -> u32 {
        (self.0 >> 40) as u32
    }

    #[inline(always)]
    pub(crate) const fn type_byte(self) -> u8 {
        (self.0 >> 32) as u8
    }

    #[inline(always)]
    pub(crate) const fn length(self) -> u32 {
        self.0 as u32
    }
}

/// A length rounded up to a multiple of 8. Lengths are below 2^32 and `usize` is checked to be wider where that
/// matters: callers compare the length with the room they have before they round it.
#[inline(always)]
pub(crate) const fn padded(length: usize) -> usize {
    match length.checked_add(7) {
        Some(sum) => sum & !7,
        None => usize::MAX & !7,
    }
}
