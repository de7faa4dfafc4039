use core::fmt;

use super::Decoder;
use crate::ttlv::{ErrorKind, ItemType, Leniency, Tag, error::Fault, raw, tag};

/// An item that lies inside the structure around it: header, value and padding, at least the eight bytes of the header.
///
/// Two words and nothing else, so that it travels in registers; where the item begins follows from where its bytes are.
#[derive(Clone, Copy)]
pub struct Found<'a>(&'a [u8]);

impl<'a> Found<'a> {
    /// `item` begins with a header whose tag is in range.
    #[inline(always)]
    pub(crate) const fn new(item: &'a [u8]) -> Self {
        Self(item)
    }

    /// Header, value and padding.
    #[inline(always)]
    pub(crate) const fn item(self) -> &'a [u8] {
        self.0
    }

    #[inline(always)]
    fn head(self) -> u64 {
        self.0.first_chunk::<8>().map_or(0, |head| u64::from_be_bytes(*head))
    }

    #[inline(always)]
    pub(crate) fn tag(self) -> Tag {
        Tag::from_checked((self.head() >> 40) as u32)
    }

    #[inline(always)]
    pub(crate) fn type_byte(self) -> u8 {
        (self.head() >> 32) as u8
    }

    #[inline(always)]
    pub(crate) fn is(self, item_type: ItemType) -> bool {
        self.type_byte() == item_type.as_byte()
    }

    /// The length of the value, in bytes.
    #[inline(always)]
    pub(crate) fn len(self) -> usize {
        self.head() as u32 as usize
    }

    /// Type and length at once.
    #[inline(always)]
    pub(crate) fn is_exactly(self, item_type: ItemType, length: u32) -> bool {
        self.head() & 0xFF_FFFF_FFFF == u64::from(item_type.as_byte()) << 32 | u64::from(length)
    }

    /// The value and its padding.
    #[inline(always)]
    pub(crate) fn padded(self) -> &'a [u8] {
        self.0.get(raw::HEADER_LEN..).unwrap_or_default()
    }

    /// The value.
    #[inline(always)]
    pub(crate) fn bytes(self) -> &'a [u8] {
        self.padded().get(..self.len()).unwrap_or_else(|| self.padded())
    }

    /// The first eight bytes of the value and its padding; zeros where padding is missing.
    #[inline(always)]
    pub(crate) fn word(self) -> u64 {
        match self.padded().first_chunk::<8>() {
            Some(word) => u64::from_be_bytes(*word),
            None => self.short_word(),
        }
    }

    #[cold]
    fn short_word(self) -> u64 {
        let mut word = [0; 8];
        word.iter_mut().zip(self.padded()).for_each(|(slot, byte)| *slot = *byte);
        u64::from_be_bytes(word)
    }
}

/// Shows no value, which may be a secret.
impl fmt::Debug for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Found({}, {} bytes)", self.tag(), self.len())
    }
}

impl<'a> Decoder<'a, '_> {
    /// The item at the start of `room`, tag, type and bounds checked, and what comes after it.
    pub(crate) fn split(&self, room: &'a [u8]) -> Result<(Found<'a>, &'a [u8]), Fault> {
        let at = self.offset_of(room);
        let Some((header, rest)) = room.split_first_chunk::<8>() else {
            let available = room.len() as u8;
            return Err(Fault::new(ErrorKind::TruncatedHeader { available }, at));
        };
        let number = (u64::from_be_bytes(*header) >> 40) as u32;
        if !tag::in_range(number) {
            return Err(Fault::new(ErrorKind::TagOutOfRange { tag: number }, at));
        }
        let found = Found::new(room);
        if ItemType::from_byte(found.type_byte()).is_none() {
            return Err(self.why_wrong_type(found));
        }
        let mut padded = raw::padded(found.len());
        if padded > rest.len() {
            padded = self.short_padding(found, rest.len())?;
        }
        if found.is(ItemType::Structure) {
            // Its length includes all padding.
            padded = found.len();
        }
        let (item, next) = room.split_at_checked(raw::HEADER_LEN + padded).unwrap_or((room, &[]));
        Ok((Found::new(item), next))
    }

    /// The value ends after its container, or only its padding is missing.
    #[cold]
    #[inline(never)]
    fn short_padding(&self, found: Found<'_>, room: usize) -> Result<usize, Fault> {
        let kind = ErrorKind::ValueTooLong { length: found.len() as u32, room: room as u32 };
        if found.len() > room {
            return Err(Fault::new(kind, self.offset(found)));
        }
        if !found.is(ItemType::Structure) {
            self.allows(Leniency::SHORT_PADDING, kind, self.offset(found))?;
        }
        Ok(room)
    }

    /// Where an item begins, in bytes from the start of the input.
    #[inline]
    pub(crate) fn offset(&self, found: Found<'_>) -> usize {
        self.offset_of(found.item())
    }

    /// Where a part of the input begins, in bytes from its start.
    #[inline]
    pub(crate) fn offset_of(&self, part: &[u8]) -> usize {
        part.as_ptr().addr().wrapping_sub(self.input.as_ptr().addr())
    }
}
