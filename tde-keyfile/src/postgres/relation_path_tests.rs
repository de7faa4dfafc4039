use super::*;
use alloc::format;
use alloc::string::ToString;

fn relation(path: &str) -> RelationPath {
    RelationPath::parse(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn parts_of_a_path_are_read_and_written_back() {
    for (path, locator, fork, segment) in [
        ("base/16384/16571", "1663/16384/16571", Fork::Main, 0),
        ("base/16384/16571.1", "1663/16384/16571", Fork::Main, 1),
        ("base/16384/16571_fsm", "1663/16384/16571", Fork::Fsm, 0),
        ("base/1/16571_vm.12", "1663/1/16571", Fork::Vm, 12),
        ("base/5/4294967295_init.4294967295", "1663/5/4294967295", Fork::Init, u32::MAX),
        ("global/1262_fsm", "1664/0/1262", Fork::Fsm, 0),
        ("pg_tblspc/16665/PG_17_202406281/16477/16725", "16665/16477/16725", Fork::Main, 0),
    ] {
        let parsed = relation(path);
        assert_eq!(parsed.locator.to_string(), locator);
        assert_eq!((parsed.fork, parsed.segment), (fork, segment), "{path}");
        assert_eq!(parsed.to_string(), path);
        assert_eq!(relation(&format!("./{}", path.replace('/', "//"))), parsed);
    }
}

#[test]
fn siblings_are_named() {
    let path = relation("base/16384/16571_fsm.3");
    assert_eq!(path.with_segment(0).to_string(), "base/16384/16571_fsm");
    assert_eq!(path.with_fork(Fork::Main).to_string(), "base/16384/16571");
}

#[test]
fn only_exact_names_are_relations() {
    for name in [
        "",
        "0",
        "00",
        "016571",
        "+1",
        "-1",
        "16571.",
        "16571.0",
        "16571.01",
        "16571._vm",
        "16571_",
        "16571_vm_fsm",
        "16571_main",
        "16571_FSM",
        "16571.1_vm",
        "16571.1.2",
        "4294967296",
        "1.4294967296",
        "16571 ",
        "16571.plain",
        "16571_fsm.plain",
        "16571.1.plain",
        "16571~",
        "１２",
        "pg_filenode.map",
        "PG_VERSION",
        "..",
        ".",
    ] {
        for directory in ["base/16384", "global", "pg_tblspc/16665/PG_17_202406281/16477"] {
            let path = format!("{directory}/{name}");
            assert!(RelationPath::parse(&path).is_err(), "{path}");
        }
    }
    for path in [
        "",
        "/",
        "16571",
        "base/16571",
        "base/x/16571",
        "base/0/16571",
        "base/16384/x/16571",
        "base/16384/../1/16571",
        "base/../16384/16571",
        "Global/1262",
        "pg_tblspc/16665/16477/16725",
        "pg_tblspc/16665/PG_17/16477/16725",
        "pg_tblspc/16665/PG_17_202406281/16725",
        "pg_tblspc/0/PG_17_202406281/16477/16725",
        "global/1262/1",
        "pg_wal/16571",
        "pg_xact/0000",
    ] {
        assert_eq!(RelationPath::parse(path), Err(RelationPathError::NotARelation), "{path}");
    }
}

#[test]
fn other_files_are_told_apart() {
    for (path, expected) in [
        ("base/16384/t3_16408", DataFile::TemporaryRelation),
        ("base/16384/t0_16408_fsm.1", DataFile::TemporaryRelation),
        ("base/16384/t_16408", DataFile::Other),
        ("base/16384/INCREMENTAL.16571_vm", DataFile::Incremental),
        ("base/16384/INCREMENTAL.notes", DataFile::Other),
        ("base/16384/pg_internal.init", DataFile::CatalogCache),
        ("global/pg_internal.init.4711", DataFile::CatalogCache),
        ("base/pgsql_tmp/pgsql_tmp4711.0", DataFile::TemporaryFile),
        ("base/16384/pgsql_tmp4711.0", DataFile::TemporaryFile),
        ("pg_tblspc/16665/PG_17_202406281/pgsql_tmp/x/y", DataFile::TemporaryFile),
        ("base/16384/pg_filenode.map", DataFile::FilenodeMap),
        ("global/pg_filenode.map", DataFile::FilenodeMap),
        ("PG_VERSION", DataFile::Version),
        ("base/16384/PG_VERSION", DataFile::Version),
        ("global/PG_VERSION", DataFile::Other),
        ("global/pg_control", DataFile::Control),
        ("base/16384/pg_control", DataFile::Other),
        ("pg_wal/000000010000000000000001", DataFile::Wal { name: "000000010000000000000001" }),
        ("pg_wal/archive_status/x", DataFile::Other),
        ("pg_tde/wal_keys", DataFile::KeyDirectory { name: "wal_keys" }),
        ("pg_tde", DataFile::Other),
        ("pg_tde/../x", DataFile::Other),
        ("pg_wal/..", DataFile::Other),
        ("postgresql.conf", DataFile::Other),
    ] {
        assert_eq!(DataFile::classify(path), expected, "{path}");
    }
    assert_eq!(RelationPath::parse("base/16384/t3_16408"), Err(RelationPathError::TemporaryRelation));
    assert_eq!(RelationPath::parse("base/1/INCREMENTAL.2"), Err(RelationPathError::Incremental));
}
