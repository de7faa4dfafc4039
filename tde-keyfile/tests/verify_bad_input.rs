//! Whatever is in the files, verifying ends with a report: no panic, no endless work, nothing written.

#![cfg(feature = "std")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test that called them")]

#[path = "support/copy.rs"]
mod copy;

use std::path::Path;

use copy::Copy;
use proptest::prelude::*;
use tde_keyfile::cluster::Cluster;
use tde_keyfile::verify::{Finding, Problem, VerifyOptions, verify};
use tde_testkit::{recorded_clusters, sha256_hex};

fn files_below(directory: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// Each is as good as unknown, but not absent.
#[cfg(unix)]
#[test]
fn small_files_that_cannot_be_read_are_findings() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let recorded = recorded_clusters();
    let copy = Copy::of(recorded.iter().find(|recorded| recorded.name.ends_with("-excerpt")).unwrap());
    std::fs::create_dir(copy.path("backup_label")).unwrap();
    std::fs::File::create(copy.path("postmaster.pid")).unwrap().set_len((64 << 10) + 1).unwrap();
    std::fs::create_dir_all(copy.path("pg_wal")).unwrap();
    std::fs::File::create(copy.path("pg_wal/00000009.history")).unwrap().set_len((1 << 20) + 1).unwrap();
    let findings = |copy: &Copy| -> Vec<String> {
        let report = copy.verify();
        let unreadable = |finding: &Finding| matches!(finding.problem, Problem::Unreadable { .. });
        report.findings.into_iter().filter(unreadable).map(|finding| finding.file).collect()
    };
    let small = ["backup_label", "postmaster.pid", "pg_wal/00000009.history"];
    assert_eq!(findings(&copy), small);
    // A pipe's other end is not waited for.
    let control = copy.path("global/pg_control");
    let _ = std::fs::remove_file(&control);
    mknodat(CWD, &control, FileType::Fifo, Mode::RWXU, 0).unwrap();
    assert_eq!(findings(&copy)[0], "global/pg_control");
}

#[derive(Debug, Clone)]
enum Damage {
    Flip(f64, u8),
    Truncate(f64),
    Zero(f64, usize),
    Overwrite(f64, Vec<u8>),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        (0.0..1.0, 1u8..).prop_map(|(at, with)| Damage::Flip(at, with)),
        (0.0..1.0).prop_map(Damage::Truncate),
        (0.0..1.0, 1usize..9000).prop_map(|(at, length)| Damage::Zero(at, length)),
        (0.0..1.0, proptest::collection::vec(any::<u8>(), 1..300))
            .prop_map(|(at, bytes)| Damage::Overwrite(at, bytes)),
    ]
}

fn apply(damage: &Damage, bytes: &mut Vec<u8>) {
    let place = |at: &f64, bytes: &[u8]| (*at * bytes.len() as f64) as usize;
    match damage {
        Damage::Flip(at, with) => {
            let at = place(at, bytes);
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= with;
            }
        }
        Damage::Truncate(at) => bytes.truncate(place(at, bytes)),
        Damage::Zero(at, length) => {
            let at = place(at, bytes);
            let end = (at + length).min(bytes.len());
            bytes[at..end].fill(0);
        }
        Damage::Overwrite(at, with) => {
            let at = place(at, bytes);
            for (byte, with) in bytes[at..].iter_mut().zip(with) {
                *byte = *with;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_damage_ends_in_a_report(
        which in any::<prop::sample::Index>(),
        damages in proptest::collection::vec((any::<prop::sample::Index>(), damage()), 1..6),
    ) {
        thread_local! {
            static COPIES: Vec<Copy> = recorded_clusters()
                .iter()
                .filter(|recorded| recorded.name.ends_with("-excerpt"))
                .map(Copy::of)
                .collect();
        }
        COPIES.with(|copies| {
            let copy = which.get(copies);
            let mut files = Vec::new();
            files_below(&copy.path(""), &mut files);
            files.sort();
            let mut undo = Vec::new();
            for (file, damage) in &damages {
                let path = file.get(&files);
                let before = std::fs::read(path).unwrap();
                let mut after = before.clone();
                apply(damage, &mut after);
                std::fs::write(path, after).unwrap();
                undo.push((path, before));
            }
            let sums = |files: &[std::path::PathBuf]| -> Vec<String> {
                files.iter().map(|path| sha256_hex(&std::fs::read(path).unwrap())).collect()
            };
            let damaged = sums(&files);
            let cluster = Cluster::open(copy.path(""), &copy.options).unwrap();
            let report = verify(&cluster, &VerifyOptions::default(), &mut ());
            for finding in &report.findings {
                // Every finding can be told, and names a file.
                assert!(finding.to_string().starts_with(&finding.file));
                assert!(!finding.file.is_empty());
            }
            assert_eq!(sums(&files), damaged, "verifying writes nothing");
            for (path, before) in undo.into_iter().rev() {
                std::fs::write(path, before).unwrap();
            }
        });
    }
}
