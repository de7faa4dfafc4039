//! Entries of version 3, written by `pg_tde` 1.0 to 2.1.
//!
//! | offset | size | field | covered by the tag |
//! |---|---|---|---|
//! | 0 | 4 | tablespace | yes |
//! | 4 | 4 | relation number | yes |
//! | 8 | 4 | entry type: 0 EMPTY, 1 KEY | yes |
//! | 12 | 4 | undefined | **yes** |
//! | 16 | 16 | wrapped key | yes |
//! | 32 | 16 | base IV | no |
//! | 48 | 4 | 1 | no |
//! | 52 | 4 | undefined | no |
//! | 56 | 8 | 0 | no |
//! | 64 | 16 | IV of the wrap | yes |
//! | 80 | 16 | tag | |
//!
//! `pg_tde` 1.0 kept its WAL keys in the same layout, in `1664_keys`, with the types 2 and 3; that file
//! is not read here, and those types are unknown ones.

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, FromZeros as _, Immutable, IntoBytes, KnownLayout, Unaligned};

use tde_core::{Cipher, InternalKey, WrapKey};

use super::{ENTRY_SIZE, Fields};
use crate::format::encode::EncodeError;
use crate::format::header::Magic;
use crate::oid::{Oid, RelationNumber};

#[derive(Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct AssociatedData {
    tablespace: U32,
    relation: U32,
    entry_type: U32,
    undefined: [u8; 4],
}

#[derive(Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct EntryLayout {
    associated_data: AssociatedData,
    wrapped_key: [u8; 16],
    base_iv: [u8; 16],
    repeated_type: U32,
    undefined: [u8; 4],
    start_lsn: U64,
    iv: [u8; 16],
    tag: [u8; 16],
}

const _: () = {
    use core::mem::offset_of;
    assert!(size_of::<AssociatedData>() == 16);
    assert!(size_of::<EntryLayout>() == super::ENTRY_SIZE);
    assert!(offset_of!(AssociatedData, entry_type) == 8);
    assert!(offset_of!(EntryLayout, wrapped_key) == 16);
    assert!(offset_of!(EntryLayout, base_iv) == 32);
    assert!(offset_of!(EntryLayout, repeated_type) == 48);
    assert!(offset_of!(EntryLayout, start_lsn) == 56);
    assert!(offset_of!(EntryLayout, iv) == 64);
    assert!(offset_of!(EntryLayout, tag) == 80);
};

impl EntryLayout {
    pub(super) fn fields(&self) -> Fields<'_> {
        Fields {
            entry_type: (self.associated_data.entry_type.get(), 8),
            // Releases with this version had AES-128 only.
            cipher: (0, 0),
            tablespace: self.associated_data.tablespace.get(),
            relation: self.associated_data.relation.get(),
            associated_data: self.associated_data.as_bytes(),
            base_iv: self.base_iv,
            iv: &self.iv,
            tag: &self.tag,
            tag_offset: 80,
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
    if key.cipher() != Cipher::Aes128 {
        return Err(EncodeError::Cipher { version: Magic::RelationKeys3, cipher: key.cipher() });
    }
    let mut layout = EntryLayout::new_zeroed();
    layout.associated_data.tablespace.set(tablespace.get());
    layout.associated_data.relation.set(relation.get());
    layout.associated_data.entry_type.set(1);
    layout.base_iv = *key.base_iv().as_bytes();
    layout.repeated_type.set(1);
    layout.iv = *iv;
    let EntryLayout { associated_data, wrapped_key, tag, .. } = &mut layout;
    *tag = wrap_key.seal_internal_key(key, iv, associated_data.as_bytes(), wrapped_key)?;
    Ok(zerocopy::transmute!(layout))
}
