//! PostgreSQL's own files: control file, pages, the names and small files around them.

use tde_core::BlockNumber;
use tde_core::Fork;
use tde_keyfile::postgres::{
    BackupLabel, ControlFile, DataFile, FilenodeMap, PageCondition, PageHeader, PageKind, PostmasterPid,
    RelationPath, page_checksum,
};

/// `global/pg_control`, `pg_filenode.map`, `backup_label` and `postmaster.pid` read as any bytes.
pub fn server_files(data: &[u8]) {
    if let Ok(control) = ControlFile::parse(data) {
        assert!(control.blocks_per_segment > 0, "a segment without blocks");
        assert!(control.block_size.get() <= 32768, "{:?}", control.block_size);
    }
    if let Ok(map) = FilenodeMap::parse(data) {
        for (catalog, _) in map.iter() {
            assert!(map.get(catalog).is_some(), "an entry that is listed is found");
        }
    }
    let _ = BackupLabel::parse(data);
    let _ = PostmasterPid::parse(data);
}

/// A data page read as any bytes: header, kind, checksum, and the verdict over all of them.
pub fn data_page(data: &[u8]) {
    let Ok(header) = PageHeader::parse(data) else { return };
    let _ = header.check(data.len());
    for fork in [Fork::Main, Fork::Fsm, Fork::Vm, Fork::Init] {
        let _ = PageKind::of(data, &header, fork);
    }
    let block = BlockNumber::new(7);
    let _ = PageCondition::of(data, block, false);
    let condition = PageCondition::of(data, block, true);
    if let Ok(checksum) = page_checksum(data, block) {
        assert_ne!(checksum, 0, "0 means that there is no checksum");
        // A page that carries its right checksum is no worse than one whose checksum nobody asks for.
        let mut page = data.to_vec();
        page[8..10].copy_from_slice(&checksum.to_le_bytes());
        assert_eq!(page_checksum(&page, block), Ok(checksum), "the checksum covers itself");
        if PageCondition::of(&page, block, false) != condition {
            assert_eq!(PageCondition::of(&page, block, true), PageCondition::of(&page, block, false));
        }
    }
}

/// Any text as a path below a data directory; what is a relation's prints as a path that reads the same.
pub fn data_paths(data: &[u8]) {
    let Ok(path) = core::str::from_utf8(data) else { return };
    if let DataFile::Relation(relation) = DataFile::classify(path) {
        let printed = relation.to_string();
        assert_eq!(RelationPath::parse(&printed), Ok(relation), "{printed}");
    }
}
