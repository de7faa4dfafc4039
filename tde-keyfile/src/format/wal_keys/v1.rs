//! Entries of version 1, written by `pg_tde` 2.0 and 2.1.
//!
//! | offset | size | field | covered by the tag |
//! |---|---|---|---|
//! | 0 | 4 | 1 (development builds: 2), without meaning | yes |
//! | 4 | 4 | 0 | yes |
//! | 8 | 16 | wrapped key | yes |
//! | 24 | 16 | base IV | no |
//! | 40 | 4 | range type: 0 INVALID, 1 UNENCRYPTED, 2 ENCRYPTED | **no** |
//! | 44 | 4 | 0 | no |
//! | 48 | 8 | start LSN | no |
//! | 56 | 4 | start timeline | no |
//! | 60 | 4 | undefined | no |
//! | 64 | 16 | IV of the wrap | yes |
//! | 80 | 16 | tag | |

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, FromZeros as _, Immutable, IntoBytes, KnownLayout, Unaligned};

use tde_core::{Cipher, InternalKey, WrapKey};
use tde_wal::RangeEntry;

use super::Fields;
use crate::format::encode::{EncodeError, EntryBytes};
use crate::format::header::Magic;

#[derive(Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct EntryLayout {
    associated_data: [u8; 8],
    wrapped_key: [u8; 16],
    base_iv: [u8; 16],
    range_type: U32,
    zero: [u8; 4],
    start_lsn: U64,
    start_timeline: U32,
    undefined: [u8; 4],
    iv: [u8; 16],
    tag: [u8; 16],
}

const _: () = {
    use core::mem::offset_of;
    assert!(size_of::<EntryLayout>() == 96);
    assert!(offset_of!(EntryLayout, wrapped_key) == 8);
    assert!(offset_of!(EntryLayout, base_iv) == 24);
    assert!(offset_of!(EntryLayout, range_type) == 40);
    assert!(offset_of!(EntryLayout, start_lsn) == 48);
    assert!(offset_of!(EntryLayout, start_timeline) == 56);
    assert!(offset_of!(EntryLayout, iv) == 64);
    assert!(offset_of!(EntryLayout, tag) == 80);
};

impl EntryLayout {
    pub(super) fn fields(&self) -> Fields<'_> {
        Fields {
            range_type: (self.range_type.get(), 40),
            // Releases with this version had AES-128 only.
            cipher: (0, 0),
            start_lsn: self.start_lsn.get(),
            start_timeline: self.start_timeline.get(),
            associated_data: &self.associated_data,
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
    range: RangeEntry,
    key: &InternalKey,
    wrap_key: &WrapKey,
    iv: &[u8; 16],
) -> Result<EntryBytes, EncodeError> {
    if key.cipher() != Cipher::Aes128 {
        return Err(EncodeError::Cipher { version: Magic::WalKeys1, cipher: key.cipher() });
    }
    let mut layout = EntryLayout::new_zeroed();
    layout.associated_data = [1, 0, 0, 0, 0, 0, 0, 0];
    layout.base_iv = *key.base_iv().as_bytes();
    layout.range_type.set(range.kind.id());
    layout.start_lsn.set(range.start.lsn.get());
    layout.start_timeline.set(range.start.timeline.get());
    layout.iv = *iv;
    let EntryLayout { associated_data, wrapped_key, tag, .. } = &mut layout;
    *tag = wrap_key.seal_internal_key(key, iv, associated_data, wrapped_key)?;
    Ok(EntryBytes::new(layout.as_bytes()))
}
