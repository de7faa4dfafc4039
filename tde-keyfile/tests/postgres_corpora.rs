//! The readers of PostgreSQL's own files against what real servers wrote.

#[path = "support/corpus.rs"]
mod corpus;

use std::collections::BTreeMap;

use corpus::{number, text};
use tde_core::{BlockNumber, Fork};
use tde_keyfile::Oid;
use tde_keyfile::postgres::{
    ControlFile, PageCondition, PageHeader, PageKind, RelationPath, TablespaceVersion, major_of_version_file,
    page_checksum,
};
use tde_wal::Major;

#[test]
fn control_files_say_what_pg_controldata_says() {
    for corpus in corpus::all() {
        let control = ControlFile::parse(&corpus.read("data/global/pg_control")).unwrap();
        let listing = String::from_utf8(corpus.read("pg_controldata.txt")).unwrap();
        let said: BTreeMap<&str, &str> =
            listing.lines().filter_map(|line| line.split_once(':')).map(|(k, v)| (k, v.trim())).collect();
        for (name, value) in [
            ("pg_control version number", control.control_version.to_string()),
            ("Catalog version number", control.catalog_version.to_string()),
            ("Database system identifier", control.system_identifier.to_string()),
            ("Database cluster state", control.state.to_string()),
            ("Latest checkpoint location", control.checkpoint.to_string()),
            ("Latest checkpoint's REDO location", control.redo.to_string()),
            ("Latest checkpoint's TimeLineID", control.timeline.to_string()),
            ("Latest checkpoint's PrevTimeLineID", control.previous_timeline.to_string()),
            ("Latest checkpoint's NextOID", control.next_oid.to_string()),
            ("Minimum recovery ending location", control.min_recovery_point.to_string()),
            ("Min recovery ending loc's timeline", control.min_recovery_timeline.get().to_string()),
            ("Backup start location", control.backup_start.to_string()),
            ("Backup end location", control.backup_end.to_string()),
            ("Database block size", control.block_size.get().to_string()),
            ("Blocks per segment of large relation", control.blocks_per_segment.to_string()),
            ("WAL block size", control.wal_block_size.bytes().to_string()),
            ("Bytes per WAL segment", control.wal_segment_size.bytes().to_string()),
            ("Data page checksum version", control.data_checksum_version.to_string()),
        ] {
            assert_eq!(said.get(name), Some(&value.as_str()), "{}: {name}", corpus.name);
        }
        assert_eq!(major_of_version_file(&corpus.read("data/PG_VERSION")), control.major);
        assert!(control.major.is_some(), "{}", corpus.name);
    }
}

#[test]
fn paths_say_what_the_manifests_say() {
    for corpus in corpus::all() {
        for file in corpus.list("files") {
            let path = text(&file["path"]).strip_prefix("data/").unwrap();
            let parsed = RelationPath::parse(path).unwrap();
            assert_eq!(parsed.locator.tablespace.get(), number(&file["spcOid"]), "{path}");
            assert_eq!(parsed.locator.database.get(), number(&file["dbOid"]), "{path}");
            assert_eq!(parsed.locator.relation.get(), number(&file["relNumber"]), "{path}");
            assert_eq!(u32::from(parsed.fork.number()), number(&file["fork_number"]), "{path}");
            assert_eq!(parsed.segment, number(&file["segment"]), "{path}");
            assert_eq!(parsed.to_string(), path);
            if parsed.locator.tablespace != Oid::PG_DEFAULT {
                assert_eq!(parsed.version, TablespaceVersion::of(Major::V17));
            }
            assert!(RelationPath::parse(&format!("{path}.plain")).is_err(), "a foreign file");
        }
    }
}

#[test]
fn every_plaintext_page_is_sound_and_of_its_kind() {
    let mut sound: BTreeMap<String, u32> = BTreeMap::new();
    for corpus in corpus::all() {
        let checksums = text(&corpus.manifest["data_checksums"]) == "on";
        for file in corpus.list("files") {
            let (path, pages) = (text(&file["plain"]), corpus.read(text(&file["plain"])));
            let fork = Fork::from_number(number(&file["fork_number"])).unwrap();
            for (index, page) in pages.chunks(8192).enumerate() {
                let block = BlockNumber::new(number(&file["first_block"]) + index as u32);
                match PageCondition::of(page, block, checksums) {
                    PageCondition::Zero => continue,
                    condition => assert_eq!(condition, PageCondition::Sound, "{path} block {block}"),
                }
                let header = PageHeader::parse(page).unwrap();
                if checksums {
                    assert_eq!(page_checksum(page, block).unwrap(), header.checksum);
                    let elsewhere = BlockNumber::new(block.get() + 1);
                    assert!(!PageCondition::of(page, elsewhere, true).is_sound(), "{path} block {block}");
                    *sound.entry(corpus.name.clone()).or_default() += 1;
                } else {
                    assert_eq!(header.checksum, 0, "{path} block {block}");
                }
                assert_eq!(PageKind::of(page, &header, fork), kind_of(file, fork), "{path} block {block}");
            }
        }
    }
    // Counted by another program when the clusters were recorded.
    for (name, pages) in [("A", 123), ("C", 111), ("D_before", 25), ("D_after", 28), ("E", 101), ("F", 17)] {
        assert!(sound.is_empty() || sound.get(name).is_none_or(|found| *found == pages), "{name}: {sound:?}");
    }
}

fn kind_of(file: &serde_json::Value, fork: Fork) -> PageKind {
    match (fork, text(&file["kind"]), file["am"].as_str().unwrap_or("")) {
        (Fork::Fsm, ..) => PageKind::FreeSpaceMap,
        (Fork::Vm, ..) => PageKind::VisibilityMap,
        (_, "sequence", _) => PageKind::Sequence,
        (_, "table" | "toast", _) => PageKind::Heap,
        (_, _, "hash") => PageKind::Hash,
        (_, _, "gin") => PageKind::Gin,
        (_, _, "gist") => PageKind::Gist,
        (_, _, "brin") => PageKind::Brin,
        (_, _, "spgist") => PageKind::SpGist,
        _ => PageKind::BTree,
    }
}
