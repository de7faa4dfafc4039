//! Heap pages with rows in them, as PostgreSQL lays them out, so that what is decrypted can be told from noise.
//!
//! Source: `storage/bufpage.h`, `storage/itemid.h` and `access/htup_details.h` of PostgreSQL 17.

use tde_core::{BlockNumber, PageSize};
use tde_keyfile::postgres::page_checksum;

/// Of every page.
pub(super) const PAGE: usize = PageSize::DEFAULT.get();

const HEADER: usize = 24;
const ITEM: usize = 4;
/// 23 bytes, rounded up to the alignment of the data.
const TUPLE_HEADER: usize = 24;

/// A table of rows `(id integer, note text)`. The same block is always the same page.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table {
    /// What its rows tell about themselves.
    pub(super) name: &'static str,
    /// Position of WAL after the record that last changed its pages.
    pub(super) lsn: u64,
}

impl Table {
    /// One page, full of rows, with its checksum.
    pub(super) fn page(&self, block: BlockNumber) -> [u8; PAGE] {
        let mut page = [0; PAGE];
        let (mut lower, mut upper) = (HEADER, PAGE);
        for number in 1.. {
            let id = block.get().wrapping_mul(64).wrapping_add(number);
            let tuple = self.tuple(block, number, id);
            let place = upper.saturating_sub(tuple.len()) & !7;
            if lower + ITEM > place {
                break;
            }
            // Offset in 15 bits, state (1: normal) in 2, length in 15.
            let item = (place as u32) | 1 << 15 | (tuple.len() as u32) << 17;
            put(&mut page, lower, &item.to_le_bytes());
            put(&mut page, place, &tuple);
            (lower, upper) = (lower + ITEM, place);
        }
        // The position is stored with its upper half first.
        put(&mut page, 0, &((self.lsn >> 32) as u32).to_le_bytes());
        put(&mut page, 4, &(self.lsn as u32).to_le_bytes());
        for (at, value) in [(12, lower), (14, upper), (16, PAGE), (18, PAGE | 4)] {
            put(&mut page, at, &(value as u16).to_le_bytes());
        }
        let checksum = page_checksum(&page, block).unwrap_or_default();
        put(&mut page, 8, &checksum.to_le_bytes());
        page
    }

    fn tuple(&self, block: BlockNumber, number: u32, id: u32) -> Vec<u8> {
        let note = format!("{} {id}: only whoever has the principal key reads this row", self.name);
        let mut tuple = Vec::with_capacity(TUPLE_HEADER + 5 + note.len());
        // Inserted by transaction 731, deleted by none, first command of it.
        for word in [731, 0, 0] {
            tuple.extend(u32::to_le_bytes(word));
        }
        // Where it is: block in two halves, the upper one first, and number of the item.
        for half in [block.get() >> 16, block.get() & 0xffff, number] {
            tuple.extend((half as u16).to_le_bytes());
        }
        // Two columns; has a column of variable length, inserted and committed, not deleted.
        tuple.extend(2_u16.to_le_bytes());
        tuple.extend(0x0902_u16.to_le_bytes());
        tuple.extend([TUPLE_HEADER as u8, 0]);
        tuple.extend(id.to_le_bytes());
        // A text of less than 127 bytes: its length, this byte included, above a bit that is set.
        tuple.push(((note.len() + 1) << 1 | 1) as u8);
        tuple.extend(note.as_bytes());
        tuple
    }
}

fn put(page: &mut [u8; PAGE], at: usize, bytes: &[u8]) {
    if let Some(place) = page.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tde_keyfile::postgres::{PageCondition, PageHeader};

    #[test]
    fn pages_are_what_a_server_accepts() {
        let table = Table { name: "accounts", lsn: 0x1_0200_0028 };
        for block in [0, 1, 77_777] {
            let block = BlockNumber::new(block);
            let page = table.page(block);
            assert_eq!(PageCondition::of(&page, block, true), PageCondition::Sound);
            let header = PageHeader::parse(&page).unwrap();
            assert_eq!(header.lsn.get(), table.lsn);
            let rows = (usize::from(header.lower) - HEADER) / ITEM;
            assert!(rows > 50, "{rows} rows");
            // Every item leads to a tuple that says where it is and ends with text.
            for (number, item) in page[HEADER..usize::from(header.lower)].chunks(ITEM).enumerate() {
                let item = u32::from_le_bytes(item.try_into().unwrap());
                let (at, length) = ((item & 0x7fff) as usize, (item >> 17) as usize);
                assert!(at >= usize::from(header.upper) && at + length <= PAGE && at % 8 == 0);
                let tuple = &page[at..at + length];
                assert_eq!(usize::from(tuple[16]), number + 1);
                assert_eq!(usize::from(tuple[28] >> 1), length - 28);
                assert!(tuple.ends_with(b"reads this row"));
            }
        }
    }
}
