//! Links the `no_std` halves of the crates into a static library that has neither `std` nor an allocator.
//!
//! Each function takes one of them through its main journey, so that the code is compiled and not only resolved.

#![no_std]
#![forbid(unsafe_code)]

use tde_core::{BaseIv, BlockNumber, Cipher, Error, Fork, InternalKey, Keystream, KeystreamPrefix};
use tde_core::{PageCipher, PageSize, PrincipalKey, WrapKey};
use tde_keyfile::format::relation_keys::RelationKeys;
use tde_keyfile::postgres::PageCondition;
use tde_keyfile::{Oid, RelationNumber};
use tde_kmip_codec::message::{RequestMessage, ResponseMessage};
use tde_kmip_codec::pretty::Pretty;
use tde_kmip_codec::ttlv;
use tde_wal::{
    KeyRange, Location, Lsn, Protection, RecordWalker, SegmentNumber, SegmentPosition, SegmentSize,
};
use tde_wal::{TimelineId, WalCipher, WalLayout, WalkStart, transform};

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}

/// `tde-core`: a principal key unwraps an internal key, which decrypts pages and a piece of WAL.
pub extern "C" fn core_journey(pages: &mut [u8; 16384]) -> bool {
    fn journey(pages: &mut [u8]) -> Result<(), Error> {
        let principal = WrapKey::new(&PrincipalKey::from_slice(&[1; 16])?);
        let mut wrapped = [0; 32];
        let tag = principal.seal(&[2; 16], b"entry", &[3; 32], &mut wrapped)?;
        let base_iv = BaseIv::new([4; 16]);
        let key: InternalKey =
            principal.open_internal_key(Cipher::Aes256, base_iv, &[2; 16], b"entry", &wrapped, &tag)?;
        PageCipher::new(&key).decrypt_pages(PageSize::DEFAULT, Fork::Main, BlockNumber::new(7), pages)?;
        Keystream::new(&key).apply(&KeystreamPrefix::new([5; 12]), 8195, pages)
    }
    journey(pages).is_ok()
}

/// `tde-wal`: a key range decrypts a page of WAL, whose header and records are read.
pub extern "C" fn wal_journey(page: &mut [u8; 8192]) -> bool {
    fn journey(page: &mut [u8]) -> Option<()> {
        let key = InternalKey::from_slice(Cipher::Aes128, &[1; 16], BaseIv::new([2; 16])).ok()?;
        let start = Location::new(TimelineId::new(1), Lsn::new(0x0100_0000));
        let ranges = [KeyRange::new(start, Location::MAX, Protection::Encrypted(WalCipher::new(&key)))];
        let layout = WalLayout::new(SegmentSize::MIN);
        let number = SegmentNumber::new(16);
        let at = SegmentPosition::new(TimelineId::new(1), number, layout.segment_size, 0).ok()?;
        transform(&ranges, at, page).ok()?;
        let start = WalkStart::Page(layout.segment_size.start_of(number)?);
        let mut walker = RecordWalker::new(layout, start, TimelineId::new(1));
        let _ = walker.segment(TimelineId::new(1), number, page, |_| ());
        walker.finish().valid_until.map(|_| ())
    }
    journey(page).is_some()
}

/// `tde-keyfile`: a key file's header is verified and a relation's internal key unwrapped; a page is judged.
pub extern "C" fn keyfile_journey(file: &[u8; 1024], page: &[u8; 8192]) -> bool {
    fn journey(file: &[u8], page: &[u8]) -> Option<bool> {
        let principal = WrapKey::new(&PrincipalKey::from_slice(&[1; 16]).ok()?);
        let keys = RelationKeys::parse(file).ok()??;
        keys.header().verify(&principal).ok()?;
        let entry = keys.find(Oid::new(1663), RelationNumber::new(16384)).ok()??;
        entry.unwrap_key(&principal).ok()?;
        Some(PageCondition::of(page, BlockNumber::new(0), true) == PageCondition::Sound)
    }
    journey(file, page).unwrap_or(false)
}

/// `tde-kmip-codec`: a message of either direction is decoded, encoded again and printed.
pub extern "C" fn kmip_journey(message: &[u8; 512], buffer: &mut [u8; 512]) -> bool {
    fn journey(message: &[u8], buffer: &mut [u8]) -> Result<(), ttlv::Error> {
        RequestMessage::decode(message)?.encode(buffer)?;
        ResponseMessage::decode(message)?.encode(buffer)?;
        Ok(())
    }
    struct Nowhere;
    impl core::fmt::Write for Nowhere {
        fn write_str(&mut self, _: &str) -> core::fmt::Result {
            Ok(())
        }
    }
    let printed = core::fmt::write(&mut Nowhere, format_args!("{}", Pretty::new(message)));
    journey(message, buffer).is_ok() && printed.is_ok()
}
