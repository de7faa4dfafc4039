//! Every relation file of every corpus decrypts to the plaintext that the server itself made of it.

#[path = "support/corpus.rs"]
mod corpus;

use corpus::{hex, text};
use sha2::{Digest, Sha256};
use tde_keyfile::cluster::RelationKey;
use tde_keyfile::postgres::{ControlFile, RelationPath};
use tde_keyfile::relation_file::{RelationGeometry, RelationReader};

#[test]
fn every_relation_file_decrypts_to_its_plaintext() {
    let scratch = tempfile::tempdir().unwrap();
    for corpus in corpus::all() {
        let cluster = corpus.open(scratch.path());
        let control = ControlFile::parse(&corpus.read("data/global/pg_control")).unwrap();
        let geometry = RelationGeometry::from(&control);
        let mut count = 0;
        for file in corpus.list("files") {
            let path = text(&file["path"]).strip_prefix("data/").unwrap();
            let parsed = RelationPath::parse(path).unwrap();
            let key = match cluster.relation_key(&parsed.locator).unwrap() {
                RelationKey::Key(key) => Some(key),
                RelationKey::NoEntry => None,
            };
            assert_eq!(key.is_some(), file["encrypted"].as_bool().unwrap(), "{path}");
            let reader = RelationReader::open(cluster.directory(), parsed, key.as_ref(), geometry).unwrap();
            let mut plain = Vec::new();
            let summary = reader.decrypt_to(&mut plain).unwrap();
            assert_eq!(hex(&Sha256::digest(&plain)), text(&file["plain_sha256"]), "{}: {path}", corpus.name);
            assert_eq!(summary.pages, file["blocks"].as_u64().unwrap());
            assert_eq!(summary.trailing_bytes, 0);
            if parsed.segment == 0 && key.is_some() {
                let zero = file["zero_blocks"].as_array().unwrap().len();
                assert_eq!(summary.never_written, zero as u64, "{path}");
            }
            count += 1;
        }
        println!("{}: {count} relation files", corpus.name);
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
    let path = path.with_segment(32_767);
    let geometry = RelationGeometry::default();
    let first = geometry.first_block(&path).unwrap();
    assert_eq!(first.get(), 32_767 * 131_072);
}
