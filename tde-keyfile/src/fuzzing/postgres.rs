//! PostgreSQL's own files.

use alloc::string::ToString as _;
use alloc::vec::Vec;

use tde_core::{BlockNumber, Fork};

use crate::postgres::{
    BackupLabel, ControlFile, ControlFileError, DataFile, FilenodeMap, FirstBlockProbe, PageCondition,
    PageHeader, PageKind, PostmasterPid, RelationPath, TablespaceVersion, major_of_version_file,
    page_checksum,
};
use crate::relation_file::{RelationGeometry, RelationReader};

/// `pg_control`: whatever is accepted has sizes that a server uses.
pub fn control_file(bytes: &[u8]) {
    match ControlFile::parse(bytes) {
        Ok(control) => {
            assert!(bytes.len() >= ControlFile::MIN_LEN);
            assert!(control.block_size.get().is_power_of_two() && control.block_size.get() <= 32_768);
            assert!(control.blocks_per_segment > 0);
            assert!(!control.state.to_string().is_empty());
            assert!(RelationGeometry::from(&control).segment_length() > 0);
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            if let ControlFileError::Field { offset, .. } = error {
                assert!(offset < ControlFile::MIN_LEN);
            }
        }
    }
}

/// A data page after four bytes of block number: header, kind, condition, checksum.
pub fn data_page(bytes: &[u8]) {
    let Some((block, page)) = bytes.split_first_chunk::<4>() else { return };
    let block = BlockNumber::new(u32::from_le_bytes(*block));
    let header = PageHeader::parse(page);
    assert_eq!(header.is_ok(), page.len() >= PageHeader::LEN);
    let condition = PageCondition::of(page, block, true);
    assert!(!condition.to_string().is_empty());
    // Without checksums no more is asked for.
    assert!(!condition.is_sound() || PageCondition::of(page, block, false).is_sound());
    for fork in [Fork::Main, Fork::Fsm, Fork::Vm, Fork::Init] {
        if let Ok(header) = &header {
            assert!(!PageKind::of(page, header, fork).to_string().is_empty());
        }
    }
    let checksum = page_checksum(page, block);
    assert_eq!(checksum.is_ok(), !page.is_empty() && page.len().is_multiple_of(128));
    if let (Ok(checksum), Some(first), Ok(probe)) = (checksum, page.first_chunk(), FirstBlockProbe::new(page))
    {
        assert!(checksum > 0);
        assert_eq!(probe.checksum(first, block), checksum);
    }
}

/// A path: what is taken for a relation file is written back as it was read.
pub fn path(bytes: &[u8]) {
    let _ = (major_of_version_file(bytes), BackupLabel::parse(bytes), PostmasterPid::parse(bytes));
    let Ok(text) = core::str::from_utf8(bytes) else { return };
    if let Some(version) = TablespaceVersion::parse(text) {
        assert_eq!(version.to_string(), text);
    }
    match DataFile::classify(text) {
        DataFile::Relation(path) => {
            let written = path.to_string();
            assert_eq!(RelationPath::parse(&written), Ok(path));
            let parts = |text: &str| -> Vec<_> {
                text.split('/').filter(|part| !part.is_empty() && *part != ".").map(str::to_string).collect()
            };
            assert_eq!(parts(&written), parts(text));
        }
        DataFile::Wal { name } | DataFile::KeyDirectory { name } => assert!(text.contains(name)),
        _ => assert!(RelationPath::parse(text).is_err()),
    }
}

/// `pg_filenode.map`.
pub fn filenode_map(bytes: &[u8]) {
    match FilenodeMap::parse(bytes) {
        Ok(map) => assert!(map.iter().len() <= 64),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A relation file, after four bytes of segment number and two of geometry.
pub fn relation_file(bytes: &[u8]) {
    let Some((head, file)) = bytes.split_first_chunk::<6>() else { return };
    let segment = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
    let page_size = tde_core::PageSize::new(1024 << (head[4] % 6)).expect("a multiple of 16");
    let geometry = RelationGeometry { page_size, blocks_per_segment: u32::from(head[5]) + 1 };
    let path = RelationPath::parse("base/1/2").expect("a path").with_segment(segment);
    let Ok(reader) = RelationReader::new(file, path, None, geometry) else { return };
    let mut plain = Vec::new();
    if let Ok(summary) = reader.decrypt_to(&mut plain) {
        assert_eq!(summary.pages * page_size.get() as u64 + summary.trailing_bytes, file.len() as u64);
        assert!(file.starts_with(&plain) && summary.never_written <= summary.pages);
    }
}
