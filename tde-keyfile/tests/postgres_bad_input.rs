//! The bodies of the fuzz targets for PostgreSQL's files, over real files damaged and over any bytes.

#![cfg(feature = "fuzzing")]

use proptest::prelude::*;
use tde_keyfile::fuzzing::postgres;
use tde_testkit::recorded_clusters;

fn all(bytes: &[u8]) {
    postgres::control_file(bytes);
    postgres::data_page(bytes);
    postgres::path(bytes);
    postgres::filenode_map(bytes);
    postgres::relation_file(bytes);
}

#[test]
fn real_files_cut_at_every_length_are_survived() {
    for recorded in recorded_clusters() {
        let control = recorded.read("data/global/pg_control");
        for length in 0..1024 {
            postgres::control_file(&control[..length]);
        }
        for file in recorded.manifest.files.iter().filter(|file| !file.encrypted && file.blocks > 0).take(2) {
            let mut bytes = vec![0; 4];
            bytes.extend_from_slice(&recorded.read(&file.path)[..8192]);
            for length in 0..1024 {
                all(&bytes[..length]);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..9000)) {
        all(&bytes);
    }

    #[test]
    fn anything_like_a_path_is_survived(
        text in "(base|global|pg_tblspc|pg_wal|pg_tde|\\.)?(/([0-9]{1,11}|PG_17_[0-9]{1,9}|\\.|\\.\\.|t[0-9]+)(_fsm|_vm|_init|_x)?(\\.[0-9]{1,11})?){0,5}"
    ) {
        all(text.as_bytes());
    }
}
