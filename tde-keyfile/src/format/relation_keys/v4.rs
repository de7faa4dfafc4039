//! Entries of version 4, written by `pg_tde` 2.2.
//!
//! | offset | size | field | covered by the tag |
//! |---|---|---|---|
//! | 0 | 4 | cipher: 0 AES-128, 1 AES-256 | yes |
//! | 4 | 4 | tablespace | yes |
//! | 8 | 4 | relation number | yes |
//! | 12 | 4 | entry type: 0 EMPTY, 1 KEY | yes |
//! | 16 | 16 | IV of the wrap | yes |
//! | 32 | 16 | tag | |
//! | 48 | 16 | base IV | no |
//! | 64 | 32 | wrapped key; the second half is undefined for AES-128 | yes, but for that half |

use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, FromZeros as _, Immutable, IntoBytes, KnownLayout, Unaligned};

use tde_core::{InternalKey, WrapKey};

use super::{ENTRY_SIZE, Fields};
use crate::format::encode::EncodeError;
use crate::oid::{Oid, RelationNumber};

#[derive(Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct AssociatedData {
    cipher: U32,
    tablespace: U32,
    relation: U32,
    entry_type: U32,
}

#[derive(Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct EntryLayout {
    associated_data: AssociatedData,
    iv: [u8; 16],
    tag: [u8; 16],
    base_iv: [u8; 16],
    wrapped_key: [u8; 32],
}

const _: () = {
    use core::mem::offset_of;
    assert!(size_of::<AssociatedData>() == 16);
    assert!(size_of::<EntryLayout>() == super::ENTRY_SIZE);
    assert!(offset_of!(AssociatedData, tablespace) == 4);
    assert!(offset_of!(AssociatedData, relation) == 8);
    assert!(offset_of!(AssociatedData, entry_type) == 12);
    assert!(offset_of!(EntryLayout, iv) == 16);
    assert!(offset_of!(EntryLayout, tag) == 32);
    assert!(offset_of!(EntryLayout, base_iv) == 48);
    assert!(offset_of!(EntryLayout, wrapped_key) == 64);
};

impl EntryLayout {
    pub(super) fn fields(&self) -> Fields<'_> {
        Fields {
            entry_type: (self.associated_data.entry_type.get(), 12),
            cipher: (self.associated_data.cipher.get(), 0),
            tablespace: self.associated_data.tablespace.get(),
            relation: self.associated_data.relation.get(),
            associated_data: self.associated_data.as_bytes(),
            base_iv: self.base_iv,
            iv: &self.iv,
            tag: &self.tag,
            tag_offset: 32,
            wrapped_key: &self.wrapped_key,
            bytes: self.as_bytes(),
        }
    }
}

pub(super) fn seal(
    tablespace: Oid,
    relation: RelationNumber,
    key: &InternalKey,
    wrap_key: &WrapKey,
    iv: &[u8; 16],
) -> Result<[u8; ENTRY_SIZE], EncodeError> {
    let mut layout = EntryLayout::new_zeroed();
    layout.associated_data.cipher.set(key.cipher().id());
    layout.associated_data.tablespace.set(tablespace.get());
    layout.associated_data.relation.set(relation.get());
    layout.associated_data.entry_type.set(1);
    layout.iv = *iv;
    layout.base_iv = *key.base_iv().as_bytes();
    let EntryLayout { associated_data, wrapped_key, tag, .. } = &mut layout;
    let wrapped = wrapped_key.get_mut(..key.cipher().key_len()).unwrap_or_default();
    *tag = wrap_key.seal_internal_key(key, iv, associated_data.as_bytes(), wrapped)?;
    Ok(zerocopy::transmute!(layout))
}
