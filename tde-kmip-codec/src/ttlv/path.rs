use core::fmt;

use super::{Tag, raw};

/// The tags of the structures around a byte, outermost first.
///
/// Holds the first [`TagPath::DEPTH`] of them; real messages stay below that, and [`TagPath::is_cut`] tells.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TagPath {
    tags: [Tag; Self::DEPTH],
    len: u8,
}

impl TagPath {
    /// How many tags a path holds.
    pub const DEPTH: usize = 16;

    /// No tags: the outermost level.
    pub const EMPTY: Self = Self { tags: [Tag::known(0x42_0000); Self::DEPTH], len: 0 };

    /// The tags, outermost first; the last is the item that the error is about, where its tag could be read.
    #[must_use]
    pub fn as_slice(&self) -> &[Tag] {
        self.tags.get(..usize::from(self.len)).unwrap_or(&self.tags)
    }

    /// Whether deeper tags were left out.
    #[must_use]
    pub const fn is_cut(&self) -> bool {
        self.len as usize > Self::DEPTH
    }

    /// The path to the item of `input` that holds byte `offset`.
    ///
    /// Readers do not keep a path while they go; it is found again, in linear time, once something is wrong.
    #[must_use]
    pub fn locate(input: &[u8], offset: usize) -> Self {
        let mut path = Self::EMPTY;
        let (mut at, mut end) = (0_usize, input.len());
        while let Some(header) = raw::Header::load(input, at, end) {
            if !super::tag::in_range(header.tag()) {
                break;
            }
            let value = at + raw::HEADER_LEN;
            let room = end - value;
            let length = (header.length() as usize).min(room);
            let is_structure = header.type_byte() == super::ItemType::Structure.as_byte();
            let padded = if is_structure { length } else { raw::padded(length).min(room) };
            if offset >= value + padded && padded < room {
                at = value + padded;
                continue;
            }
            path.push(Tag::from_checked(header.tag()));
            if !is_structure || offset < value || path.is_cut() {
                break;
            }
            at = value;
            end = value + length;
        }
        path
    }

    fn push(&mut self, tag: Tag) {
        if let Some(slot) = self.tags.get_mut(usize::from(self.len)) {
            *slot = tag;
        }
        self.len = self.len.saturating_add(1).min(Self::DEPTH as u8 + 1);
    }
}

impl fmt::Debug for TagPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TagPath({self})")
    }
}

impl fmt::Display for TagPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, tag) in self.as_slice().iter().enumerate() {
            if index != 0 {
                f.write_str("/")?;
            }
            write!(f, "{:06X}", tag.get())?;
        }
        if self.is_cut() { f.write_str("/...") } else { Ok(()) }
    }
}
