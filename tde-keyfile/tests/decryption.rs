//! Every relation file and every WAL segment decrypts to the plaintext that the server itself made of it.

#![cfg(feature = "std")]

#[path = "support/copy.rs"]
mod copy;

use tde_keyfile::cluster::{Cluster, RelationKey};
use tde_keyfile::postgres::{ControlFile, RelationPath};
use tde_keyfile::relation_file::{RelationGeometry, RelationReader};
use tde_keyfile::wal_file::{WalFileError, WalSegmentFile};
use tde_testkit::{recorded_clusters, sha256_hex};

#[test]
fn every_relation_file_decrypts_to_its_plaintext() {
    let scratch = tempfile::tempdir().unwrap();
    for recorded in recorded_clusters() {
        let cluster = Cluster::open(recorded.data_dir(), &copy::options(&recorded, scratch.path())).unwrap();
        let control = ControlFile::parse(&recorded.read("data/global/pg_control")).unwrap();
        let geometry = RelationGeometry::from(&control);
        for file in &recorded.manifest.files {
            let path = file.path.strip_prefix("data/").unwrap();
            let parsed = RelationPath::parse(path).unwrap();
            assert_eq!(geometry.first_block(&parsed).unwrap().get(), file.first_block, "{path}");
            let key = match cluster.relation_key(&parsed.locator).unwrap() {
                RelationKey::Key(key) => Some(key),
                RelationKey::NoEntry => None,
            };
            assert_eq!(key.is_some(), file.encrypted, "{path}");
            let reader = RelationReader::open(cluster.directory(), parsed, key.as_ref(), geometry).unwrap();
            assert_eq!(reader.is_encrypted(), file.encrypted);
            let mut plain = Vec::new();
            let summary = reader.decrypt_to(&mut plain).unwrap();
            assert_eq!(sha256_hex(&plain), file.plain_sha256, "{}: {path}", recorded.name);
            assert_eq!((summary.pages, summary.trailing_bytes), (u64::from(file.blocks), 0));
            if file.encrypted {
                let here = file.first_block..file.first_block + file.blocks;
                let zero = file.zero_blocks.iter().filter(|block| here.contains(block)).count();
                assert_eq!(summary.never_written, zero as u64, "{path}");
            }
        }
        println!("{}: {} relation files", recorded.name, recorded.manifest.files.len());
    }
}

#[test]
fn every_wal_segment_decrypts_to_its_plaintext() {
    let scratch = tempfile::tempdir().unwrap();
    for recorded in recorded_clusters() {
        let cluster = Cluster::open(recorded.data_dir(), &copy::options(&recorded, scratch.path())).unwrap();
        let ranges = cluster.wal_key_ranges().unwrap();
        let control = ControlFile::parse(&recorded.read("data/global/pg_control")).unwrap();
        for segment in &recorded.manifest.wal {
            let path = segment.path.strip_prefix("data/").unwrap();
            let stored = recorded.read(&segment.path);
            let file = WalSegmentFile::new(path, Some(&control), None).unwrap();
            let mut plain = Vec::new();
            let summary = file.decrypt(&ranges, &stored[..], &mut plain).unwrap();
            assert_eq!(sha256_hex(&plain), segment.plain_sha256, "{}: {path}", recorded.name);
            assert!(summary.is_whole() && summary.encrypted > 0);
            let header = summary.first_page.unwrap();
            assert_eq!(header.address, file.name().start_lsn());
            assert_eq!(header.long.unwrap().system_identifier, control.system_identifier);
            // Without a control file the length tells the size.
            let name = path.strip_prefix("pg_wal/").unwrap();
            let by_length = WalSegmentFile::new(name, None, Some(stored.len() as u64)).unwrap();
            assert_eq!(by_length.name(), file.name());
            // Under a wrong size the first page says so.
            let wrong = WalSegmentFile::new(name, None, Some(2 << 20)).unwrap();
            let summary = wrong.decrypt(&ranges, &stored[..], &mut std::io::sink()).unwrap();
            assert!(summary.first_page.is_err() && !summary.is_whole());
        }
        println!("{}: {} segments", recorded.name, recorded.manifest.wal.len());
    }
}

#[test]
fn a_partial_page_at_the_end_is_left_out_and_reported() {
    let path = RelationPath::parse("base/16384/16571.1").unwrap();
    let geometry = RelationGeometry { blocks_per_segment: 16, ..RelationGeometry::default() };
    for (length, pages, trailing) in [(0, 0, 0), (100, 0, 100), (8192, 1, 0), (3 * 8192 + 8191, 3, 8191)] {
        let bytes = vec![7; length];
        let reader = RelationReader::new(&bytes[..], path, None, geometry).unwrap();
        let mut plain = Vec::new();
        let summary = reader.decrypt_to(&mut plain).unwrap();
        assert_eq!((summary.pages, summary.trailing_bytes), (pages, trailing));
        assert_eq!(plain, bytes[..(pages * 8192) as usize]);
    }
}

#[test]
fn a_segment_beyond_the_largest_block_is_refused() {
    let path = RelationPath::parse("base/16384/16571.32768").unwrap();
    let error = RelationReader::new(&[][..], path, None, RelationGeometry::default()).unwrap_err();
    assert!(error.to_string().contains("segment 32768"), "{error}");
    let first = RelationGeometry::default().first_block(&path.with_segment(32_767)).unwrap();
    assert_eq!(first.get(), 32_767 * 131_072);
    // The last segment there is ends one block before the number that means "none".
    let bytes = vec![0; 8192 * 4];
    let geometry = RelationGeometry { blocks_per_segment: 3, ..RelationGeometry::default() };
    let mut reader =
        RelationReader::new(&bytes[..], path.with_segment(u32::MAX / 3), None, geometry).unwrap();
    assert!(reader.next_batch().is_ok_and(|batch| batch.is_some()));
}

#[test]
fn names_that_are_no_segments_are_refused() {
    for path in
        ["pg_wal/00000002.history", "pg_wal/x", "0000000100000000", "pg_wal/0000000100000000000000FF.x"]
    {
        let error = WalSegmentFile::new(path, None, Some(1 << 20)).unwrap_err();
        assert!(matches!(error, WalFileError::Name { .. }), "{path}: {error}");
    }
    let error = WalSegmentFile::new("base/16384/00000001000000000000000E", None, Some(1 << 20)).unwrap_err();
    assert!(matches!(error, WalFileError::Path { .. }));
    let error = WalSegmentFile::new("00000001000000000000000E", None, Some(77)).unwrap_err();
    assert!(matches!(error, WalFileError::SegmentSize { length: Some(77) }));
    let partial =
        WalSegmentFile::new("pg_wal/00000001000000000000000E.partial", None, Some(1 << 20)).unwrap();
    assert!(partial.name().is_partial());
}
