//! Encrypting and rekeying segment files: the recorded bytes, and the problems that must be noticed.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use tde_keyfile::cluster::{Cluster, OpenOptions};
use tde_keyfile::postgres::ControlFile;
use tde_keyfile::wal_file::{SegmentProblem, WalSegmentFile};
use tde_testkit::{RecordedCluster, recorded_clusters};
use tde_wal::KeyRanges;

fn ranges(recorded: &RecordedCluster) -> KeyRanges {
    let options = recorded.keyrings().into_iter().fold(OpenOptions::new(), OpenOptions::keyring);
    Cluster::open(recorded.data_dir(), &options).unwrap().wal_key_ranges().unwrap()
}

/// Decrypts, and encrypts again.
#[test]
fn every_recorded_segment_comes_back_from_its_plaintext() {
    let mut segments = 0;
    for recorded in recorded_clusters().iter().filter(|recorded| !recorded.manifest.wal.is_empty()) {
        let ranges = ranges(recorded);
        let control = ControlFile::parse(&recorded.read("data/global/pg_control")).unwrap();
        for segment in &recorded.manifest.wal {
            let stored = recorded.read(&segment.path);
            let path = segment.path.strip_prefix("data/").unwrap();
            let file = WalSegmentFile::new(path, Some(&control), Some(segment.size)).unwrap();
            let mut plain = Vec::new();
            let summary = file.rekey(&ranges, &KeyRanges::default(), &stored[..], &mut plain).unwrap();
            assert_eq!(summary.problem(), None, "{path}");
            assert_eq!(tde_testkit::sha256_hex(&plain), segment.plain_sha256, "{path}");
            let mut encrypted = Vec::new();
            let summary = file.encrypt(&ranges, &plain[..], &mut encrypted).unwrap();
            assert_eq!(summary.problem(), None, "{path}");
            assert!(encrypted == stored, "{path}");
            assert!(summary.rekeyed.encrypted.encrypted > 0);
            assert!(file.uncovered_bytes(&ranges, &KeyRanges::default()).unwrap() > 0);
            assert_eq!(file.uncovered_bytes(&ranges, &ranges).unwrap(), 0);

            let twice = file.encrypt(&ranges, &stored[..], std::io::sink()).unwrap();
            assert!(matches!(twice.problem(), Some(SegmentProblem::DoneBefore { .. })), "{path}");
            let cut = file.encrypt(&ranges, &plain[..5000], std::io::sink()).unwrap();
            assert!(matches!(cut.problem(), Some(SegmentProblem::Length { actual: 5000, .. })), "{path}");
            let zero = file.encrypt(&ranges, &vec![0; plain.len()][..], std::io::sink()).unwrap();
            assert!(matches!(zero.problem(), Some(SegmentProblem::FirstPage(_))), "{path}");
            segments += 1;
        }
    }
    // The excerpts have one.
    let expected = if tde_testkit::corpus_dir("pg_tde").is_some() { 3 } else { 1 };
    assert!(segments >= expected, "only {segments} segments");
}
