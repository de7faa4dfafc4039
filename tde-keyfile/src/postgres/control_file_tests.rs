use super::*;
use alloc::vec;
use alloc::vec::Vec;

/// A control file of our own making with plausible values.
fn file(control: u32, catalog: u32) -> Vec<u8> {
    let mut file = vec![0; 8192];
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &0x6B02_2271_8FEB_6B60_u64.to_le_bytes());
    put(8, &control.to_le_bytes());
    put(12, &catalog.to_le_bytes());
    put(16, &1u32.to_le_bytes());
    put(24, &(-1i64).to_le_bytes());
    put(32, &0xE5_4740_u64.to_le_bytes());
    put(40, &0xE5_4700_u64.to_le_bytes());
    put(48, &[2, 0, 0, 0, 1, 0, 0, 0]);
    put(72, &24_000u32.to_le_bytes());
    put(136, &0x1_0000_0028_u64.to_le_bytes());
    put(144, &2u32.to_le_bytes());
    put(172, &1u32.to_le_bytes());
    put(204, &8u32.to_le_bytes());
    put(208, &[0, 0, 0, 0, 0x87, 0xD6, 0x32, 0x41]);
    put(216, &8192u32.to_le_bytes());
    put(220, &16u32.to_le_bytes());
    put(224, &8192u32.to_le_bytes());
    put(228, &(1u32 << 20).to_le_bytes());
    put(252, &1u32.to_le_bytes());
    seal(&mut file);
    file
}

fn seal(file: &mut [u8]) {
    let at = if file[8..12] == 1800u32.to_le_bytes() { 292 } else { 288 };
    let crc = crc32c(&file[..at]);
    file[at..at + 4].copy_from_slice(&crc.to_le_bytes());
}

#[test]
fn every_major_is_recognised() {
    for (major, control) in Major::ALL.into_iter().zip([1300, 1300, 1300, 1700, 1800]) {
        let catalog = CatalogVersion::of(major).unwrap();
        let parsed = ControlFile::parse(&file(control, catalog.get())).unwrap();
        assert_eq!(parsed.major, Some(major));
        assert_eq!(parsed.state, ClusterState::ShutDown);
        assert_eq!(parsed.updated, -1);
        assert_eq!(parsed.checkpoint, Lsn::new(0xE5_4740));
        assert_eq!(parsed.redo, Lsn::new(0xE5_4700));
        assert_eq!((parsed.timeline.get(), parsed.previous_timeline.get()), (2, 1));
        assert_eq!(parsed.min_recovery_point, Lsn::new(0x1_0000_0028));
        assert_eq!(parsed.block_size.get(), 8192);
        assert_eq!(parsed.blocks_per_segment, 16);
        assert_eq!(parsed.wal_segment_size.bytes(), 1 << 20);
        assert_eq!(parsed.next_oid, 24_000);
        assert_eq!(parsed.wal_level, Some(WalLevel::Replica));
        assert!(parsed.has_data_checksums());
    }
}

#[test]
fn unknown_version_is_told_from_damage() {
    // A fork of 17: known control version, own catalog version, right checksum.
    assert_eq!(ControlFile::parse(&file(1700, 202_500_001)).unwrap().major, None);
    // A beta with a control version of its own but a known place of the checksum.
    assert_eq!(ControlFile::parse(&file(1701, 202_500_001)).unwrap().major, None);
    let mut future = file(1900, 202_700_001);
    future[288] ^= 1;
    assert_eq!(
        ControlFile::parse(&future),
        Err(ControlFileError::UnknownVersion { control: 1900, catalog: CatalogVersion::new(202_700_001) })
    );
    assert_eq!(
        ControlFile::parse(&file(1700u32.swap_bytes(), 202_406_281u32.swap_bytes())),
        Err(ControlFileError::OtherByteOrder)
    );
}

#[test]
fn every_bit_flip_and_every_truncation_is_noticed() {
    let good = file(1700, 202_406_281);
    for bit in 0..292 * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(ControlFile::parse(&bad).is_err(), "bit {bit}");
    }
    for length in 0..ControlFile::MIN_LEN {
        assert_eq!(ControlFile::parse(&good[..length]), Err(ControlFileError::TooShort { actual: length }));
    }
    assert!(ControlFile::parse(&good[..ControlFile::MIN_LEN]).is_ok());
}

#[test]
fn senseless_sizes_are_named() {
    for (at, value) in [
        (16, 7),
        (204, 4),
        (212, 0),
        (216, 0),
        (216, 8000),
        (216, 65_536),
        (220, 0),
        (224, 512),
        (228, 1 << 19),
        (228, (1 << 20) + 1),
    ] {
        let mut bad = file(1700, 202_406_281);
        bad[at..at + 4].copy_from_slice(&u32::to_le_bytes(value));
        seal(&mut bad);
        match ControlFile::parse(&bad) {
            Err(ControlFileError::Field { offset, value: found, .. }) => {
                assert_eq!((offset, found), (if at == 212 { 208 } else { at }, value));
            }
            other => panic!("{at}: {other:?}"),
        }
    }
}
