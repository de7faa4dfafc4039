//! Writes items into a growing buffer, lengths and even tags filled in afterwards.

use alloc::vec::Vec;

use crate::ttlv::{ItemType, Tag};

/// Items under way.
#[derive(Default)]
pub(crate) struct Builder {
    bytes: Vec<u8>,
    too_long: bool,
}

/// A structure under way: where its header stands.
#[derive(Clone, Copy)]
pub(crate) struct Mark(usize);

impl Builder {
    /// Begins a structure whose tag and length follow with [`Builder::end`].
    pub(crate) fn begin(&mut self) -> Mark {
        let mark = Mark(self.bytes.len());
        self.bytes.extend([0, 0, 0, ItemType::Structure.as_byte(), 0, 0, 0, 0]);
        mark
    }

    /// Ends the structure.
    pub(crate) fn end(&mut self, mark: Mark, tag: Tag) {
        let length = self.length(self.bytes.len() - mark.0 - 8);
        let header =
            u64::from(tag.get()) << 40 | u64::from(ItemType::Structure.as_byte()) << 32 | u64::from(length);
        if let Some(slot) = self.bytes.get_mut(mark.0..mark.0 + 8) {
            slot.copy_from_slice(&header.to_be_bytes());
        }
    }

    /// An item that is not a structure; its value is `value`, to be padded.
    pub(crate) fn item(&mut self, tag: Tag, item_type: ItemType, value: &[u8]) {
        let length = self.length(value.len());
        let header = u64::from(tag.get()) << 40 | u64::from(item_type.as_byte()) << 32 | u64::from(length);
        self.bytes.extend(header.to_be_bytes());
        self.bytes.extend(value);
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
    }

    fn length(&mut self, length: usize) -> u32 {
        u32::try_from(length).ok().filter(|length| *length <= u32::MAX - 7).unwrap_or_else(|| {
            self.too_long = true;
            u32::MAX
        })
    }

    /// The items; none if a value was too long for its length field.
    pub(crate) fn finish(self) -> Option<Vec<u8>> {
        (!self.too_long).then_some(self.bytes)
    }
}
