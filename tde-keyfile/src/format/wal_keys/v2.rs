//! Entries of version 2, written by `pg_tde` 2.2.
//!
//! | offset | size | field | covered by the tag |
//! |---|---|---|---|
//! | 0 | 4 | cipher: 0 AES-128, 1 AES-256 | yes |
//! | 4 | 4 | range type: 0 INVALID, 1 UNENCRYPTED, 2 ENCRYPTED | yes |
//! | 8 | 8 | start LSN, 0 before the first write | no |
//! | 16 | 4 | start timeline, 0 before the first write | no |
//! | 20 | 4 | undefined | no |
//! | 24 | 16 | IV of the wrap | yes |
//! | 40 | 16 | tag | |
//! | 56 | 16 | base IV | no |
//! | 72 | 32 | wrapped key; the second half is zero for AES-128 | yes, but for that half |
//!
//! The start is written in place after the entry was wrapped, which is why no tag can cover it. The type
//! is also changed in place, to INVALID, and then the tag does not match any more.

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, FromZeros as _, Immutable, IntoBytes, KnownLayout, Unaligned};

use tde_core::{InternalKey, WrapKey};
use tde_wal::RangeEntry;

use super::Fields;
use crate::format::encode::{EncodeError, EntryBytes};

#[derive(Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct AssociatedData {
    cipher: U32,
    range_type: U32,
}

#[derive(Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct EntryLayout {
    associated_data: AssociatedData,
    start_lsn: U64,
    start_timeline: U32,
    undefined: [u8; 4],
    iv: [u8; 16],
    tag: [u8; 16],
    base_iv: [u8; 16],
    wrapped_key: [u8; 32],
}

const _: () = {
    use core::mem::offset_of;
    assert!(size_of::<AssociatedData>() == 8);
    assert!(size_of::<EntryLayout>() == 104);
    assert!(offset_of!(AssociatedData, range_type) == 4);
    assert!(offset_of!(EntryLayout, start_lsn) == 8);
    assert!(offset_of!(EntryLayout, start_timeline) == 16);
    assert!(offset_of!(EntryLayout, iv) == 24);
    assert!(offset_of!(EntryLayout, tag) == 40);
    assert!(offset_of!(EntryLayout, base_iv) == 56);
    assert!(offset_of!(EntryLayout, wrapped_key) == 72);
};

impl EntryLayout {
    pub(super) fn fields(&self) -> Fields<'_> {
        Fields {
            range_type: (self.associated_data.range_type.get(), 4),
            cipher: (self.associated_data.cipher.get(), 0),
            start_lsn: self.start_lsn.get(),
            start_timeline: self.start_timeline.get(),
            associated_data: self.associated_data.as_bytes(),
            base_iv: self.base_iv,
            iv: &self.iv,
            tag: &self.tag,
            tag_offset: 40,
            wrapped_key: &self.wrapped_key,
            bytes: self.as_bytes(),
        }
    }
}

pub(super) fn seal(
    range: RangeEntry,
    key: &InternalKey,
    wrap_key: &WrapKey,
    iv: &[u8; 16],
) -> Result<EntryBytes, EncodeError> {
    let mut layout = EntryLayout::new_zeroed();
    layout.associated_data.cipher.set(key.cipher().id());
    layout.associated_data.range_type.set(range.kind.id());
    layout.start_lsn.set(range.start.lsn.get());
    layout.start_timeline.set(range.start.timeline.get());
    layout.iv = *iv;
    layout.base_iv = *key.base_iv().as_bytes();
    let EntryLayout { associated_data, wrapped_key, tag, .. } = &mut layout;
    let wrapped = wrapped_key.get_mut(..key.cipher().key_len()).unwrap_or_default();
    *tag = wrap_key.seal_internal_key(key, iv, associated_data.as_bytes(), wrapped)?;
    Ok(EntryBytes::new(layout.as_bytes()))
}
