//! A cluster as its server left it has nothing wrong with it.

#[path = "support/corpus.rs"]
mod corpus;

use tde_keyfile::verify::{Observer, VerifyOptions, verify};

#[derive(Default)]
struct Bytes {
    total: u64,
    done: u64,
}

impl Observer for Bytes {
    fn total(&mut self, bytes: u64) {
        self.total = bytes;
    }

    fn progress(&mut self, bytes: u64) {
        self.done += bytes;
    }
}

#[test]
fn unmodified_clusters_have_no_findings() {
    let scratch = tempfile::tempdir().unwrap();
    for corpus in corpus::all() {
        let cluster = corpus.open(scratch.path());
        let mut bytes = Bytes::default();
        let report = verify(&cluster, &VerifyOptions::default(), &mut bytes);
        for note in &report.notes {
            println!("{}: {}: {}", corpus.name, note.file, note.text);
        }
        assert_eq!(report.findings, [], "{}", corpus.name);
        assert!(report.is_clean());
        let files: Vec<_> = corpus.list("files").collect();
        assert_eq!(report.relation_files, files.len() as u64);
        let encrypted = files.iter().filter(|file| file["encrypted"] == true).count();
        assert_eq!(report.encrypted_relation_files, encrypted as u64);
        assert_eq!(report.relation_files_without_key, 0);
        let pages: u64 = files.iter().map(|file| file["blocks"].as_u64().unwrap()).sum();
        assert_eq!(report.pages, pages);
        let segments: Vec<_> = corpus.list("wal").collect();
        assert_eq!(report.wal_segments, segments.len() as u64);
        println!("{}: {} WAL records", corpus.name, report.wal_records);
        // The manifest counts records lying wholly in a segment.
        let records: u64 = segments.iter().map(|segment| segment["records"].as_u64().unwrap()).sum();
        assert!(report.wal_records >= records, "{}: {} of {records}", corpus.name, report.wal_records);
        assert_eq!(bytes.total, bytes.done, "{}: progress ends at the total", corpus.name);
    }
}
