//! A cluster as its server left it has nothing wrong with it.

#![cfg(feature = "std")]

#[path = "support/copy.rs"]
mod copy;

use copy::Copy;
use tde_keyfile::cluster::Cluster;
use tde_keyfile::verify::{FileContents, Observer, RelationProtection, VerifiedFile, VerifyOptions};
use tde_testkit::recorded_clusters;

#[derive(Default)]
struct Follower {
    total: Option<u64>,
    done: u64,
    files: Vec<VerifiedFile>,
}

impl Observer for Follower {
    fn total(&mut self, bytes: u64) {
        assert_eq!((self.total, self.done), (None, 0), "told once, before anything is read");
        self.total = Some(bytes);
    }

    fn progress(&mut self, bytes: u64) {
        self.done += bytes;
    }

    fn file(&mut self, file: &VerifiedFile) {
        self.files.push(file.clone());
    }
}

#[test]
fn unmodified_clusters_have_no_findings() {
    let scratch = tempfile::tempdir().unwrap();
    for recorded in recorded_clusters() {
        let cluster = Cluster::open(recorded.data_dir(), &copy::options(&recorded, scratch.path())).unwrap();
        let mut follower = Follower::default();
        let report = copy::verify_both_ways(&cluster, &VerifyOptions::default(), &mut follower);
        for note in &report.notes {
            println!("{}: {}: {}", recorded.name, note.file, note.text);
        }
        let manifest = &recorded.manifest;
        assert_eq!(report.findings, [], "{}", recorded.name);
        assert!(report.is_clean() && report.severity().is_none());
        assert_eq!(report.relation_files, manifest.files.len() as u64);
        let encrypted = manifest.files.iter().filter(|file| file.encrypted).count();
        assert_eq!(report.encrypted_relation_files, encrypted as u64);
        assert_eq!(report.relation_files_without_key, 0);
        let pages: u64 = manifest.files.iter().map(|file| u64::from(file.blocks)).sum();
        assert_eq!(report.pages, pages);
        assert_eq!(report.wal_segments, manifest.wal.len() as u64);
        // The manifest counts records that lie wholly in a segment: at each boundary one more may lie across.
        let records: u64 = manifest.wal.iter().map(|segment| segment.records).sum();
        let across = report.wal_records.checked_sub(records).unwrap();
        assert!(across <= report.wal_segments, "{}: {across}", recorded.name);
        assert_eq!(follower.total, Some(follower.done), "{}: progress ends at the total", recorded.name);
        for file in &follower.files {
            assert_eq!(file.findings, 0, "{}", file.file);
        }
        let relations =
            follower.files.iter().filter(|file| matches!(file.contents, FileContents::Relation { .. }));
        assert_eq!(relations.count(), manifest.files.len());
    }
}

#[test]
fn plain_relations_can_be_left_out() {
    for recorded in recorded_clusters() {
        let copy = Copy::of(&recorded);
        let cluster = Cluster::open(copy.path(""), &copy.options).unwrap();
        let mut options = VerifyOptions::default();
        options.plain_relations = false;
        let mut follower = Follower::default();
        let report = copy::verify_both_ways(&cluster, &options, &mut follower);
        assert!(report.is_clean());
        assert_eq!(follower.total, Some(follower.done));
        for file in &follower.files {
            if let FileContents::Relation { protection: RelationProtection::Plain, pages, .. } = file.contents
            {
                assert_eq!(pages, 0, "{}", file.file);
            }
        }
    }
}
