//! Known answers: computed with pg_tde's own C routines, compiled by themselves.

use tde_core::{BaseIv, Cipher, InternalKey};
use tde_wal::{
    KeyRange, Location, Lsn, Protection, SegmentNumber, SegmentPosition, SegmentSize, TimelineId, WalCipher,
    transform,
};

const BASE_IV: [u8; 16] =
    [0xFF, 0xEE, 0xDD, 0xCC, 0xBB, 0xAA, 0x99, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0x00];
const ODD_IV: [u8; 16] = [255, 255, 255, 254, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0];

fn cipher(key_len: u8, base_iv: [u8; 16]) -> WalCipher {
    let key: Vec<u8> = (0x40..0x40 + key_len).collect();
    let cipher = if key_len == 16 { Cipher::Aes128 } else { Cipher::Aes256 };
    WalCipher::new(&InternalKey::from_slice(cipher, &key, BaseIv::new(base_iv)).unwrap())
}

fn at(timeline: u32, segment: u64, offset: u64) -> SegmentPosition {
    let size = SegmentSize::DEFAULT;
    SegmentPosition::new(TimelineId::new(timeline), SegmentNumber::new(segment), size, offset).unwrap()
}

/// The whole log under one key.
fn everything(cipher: WalCipher) -> [KeyRange; 1] {
    let start = Location::new(TimelineId::FIRST, Lsn::new(1));
    [KeyRange::new(start, Location::MAX, Protection::Encrypted(cipher))]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn keystream_is_that_of_pg_tde() {
    for (key_len, base_iv, timeline, segment, offset, keystream) in [
        (16, BASE_IV, 1, 3, 0, "ebf705c06822e4cfba0e5ae354f85538"),
        (16, BASE_IV, 1, 3, 8192, "c325baf881ceb43f9942161bfb460037"),
        (16, BASE_IV, 1, 3, 8195, "f881ceb43f9942161bfb460037be15a507bf3ab1"),
        (16, BASE_IV, 2, 3, 8192, "c81992f21e05509b92f5e507a07c5707"),
        (16, BASE_IV, 65537, 3, 8192, "c325baf881ceb43f9942161bfb460037"),
        (16, ODD_IV, 1, 1, 0, "f8e9e7c33a843c6518036e8e17d190d2"),
        (16, ODD_IV, 1, 2, 0, "13ac7e19c9c22c71331ffc8e994adc6a"),
        (16, [255; 16], 1, 2, 16, "e08bb9df99ca89af815a6d69014547ae"),
        (32, BASE_IV, 1, 3, 8192, "1e7ca888718c5c8929d4852fde41aea3"),
    ] {
        let mut bytes = vec![0; keystream.len() / 2];
        transform(&everything(cipher(key_len, base_iv)), at(timeline, segment, offset), &mut bytes).unwrap();
        assert_eq!(hex(&bytes), keystream, "timeline {timeline}, segment {segment}, offset {offset}");
    }
}

#[test]
fn prefix_is_that_of_pg_tde() {
    for (base_iv, timeline, segment, prefix) in [
        (BASE_IV, 1, 3, "ffefddccbbaa998877665547"),
        (BASE_IV, 2, 3, "fff0ddccbbaa998877665547"),
        (BASE_IV, 65537, 3, "ffefddccbbaa998877665547"),
        (ODD_IV, 1, 1, "0000fffeffffffffffffffff"),
        (ODD_IV, 1, 2, "0000ffff0000000000000000"),
        ([255; 16], 1, 2, "000100000000000000000000"),
    ] {
        let made = cipher(16, base_iv).prefix(TimelineId::new(timeline), SegmentNumber::new(segment));
        assert_eq!(hex(made.as_bytes()), prefix, "timeline {timeline}, segment {segment}");
    }
}

#[test]
fn plaintext_encrypts_as_pg_tde_encrypts_it() {
    let mut bytes = *b"WAL record bytes!";
    transform(&everything(cipher(16, BASE_IV)), at(1, 3, 8195), &mut bytes).unwrap();
    assert_eq!(hex(&bytes), "afc082944dfc2179699f66624eca70d626");
}
