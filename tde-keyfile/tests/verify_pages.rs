//! Each kind of damage to relation files and their keys is found where it is, and named for what it is.

#![cfg(feature = "std")]
#![allow(clippy::panic, clippy::unwrap_used, reason = "helpers of tests fail the test that called them")]

#[path = "support/copy.rs"]
mod copy;

use copy::{Copy, recorded};
use tde_core::{BlockNumber, Fork};
use tde_keyfile::cluster::OpenOptions;
use tde_keyfile::format::relation_keys::RelationKeys;
use tde_keyfile::postgres::{PageCondition, RelationPath};
use tde_keyfile::verify::{Cause, Finding, IvEvidence, Place, Problem, Report, Severity};

const PAGE: usize = 8192;
/// A heap of eight pages, a B-tree of four, with data checksums.
const HEAP: &str = "base/16477/16667";
const BTREE: &str = "base/16477/16673";
const KEYS: &str = "pg_tde/16477_keys";

fn copy_of(name: &str) -> Option<Copy> {
    recorded(name).map(|cluster| Copy::of(&cluster))
}

fn blocks(finding: &Finding) -> (u32, u32, u32) {
    match &finding.place {
        Place::Blocks { first, last, count, offset } => {
            assert_eq!(*offset % PAGE as u64, 0);
            (first.get(), last.get(), *count)
        }
        other => panic!("{other:?}"),
    }
}

/// Byte offset of the key entry of a relation.
fn entry_of(copy: &Copy, path: &str) -> usize {
    let path = RelationPath::parse(path).unwrap();
    let file = format!("pg_tde/{}_keys", path.locator.database);
    let bytes = copy.read(&file);
    let keys = RelationKeys::parse(&bytes).unwrap().unwrap();
    let entry = keys
        .entries()
        .find(|e| (e.tablespace(), e.relation()) == (path.locator.tablespace, path.locator.relation))
        .unwrap();
    entry.offset() as usize
}

#[test]
fn a_flipped_byte_of_ciphertext_is_damage_to_one_block() {
    let Some(copy) = copy_of("A") else { return };
    // In the first cipher block, the second, the middle and the last.
    for at in [3, 20, 4000, PAGE - 1] {
        let original = copy.read(HEAP);
        copy.edit(HEAP, |bytes| bytes[5 * PAGE + at] ^= 0x10);
        let finding = copy.only_finding(HEAP);
        assert_eq!(blocks(&finding), (5, 5, 1));
        assert_eq!(finding.cause, Cause::Damaged, "byte {at}");
        assert_eq!(finding.severity, Severity::Error);
        assert!(matches!(finding.problem, Problem::Page(_)));
        copy.write(HEAP, &original);
    }
}

#[test]
fn damage_to_a_map_is_minor() {
    let Some(copy) = copy_of("A") else { return };
    for map in ["base/16477/16667_fsm", "base/16477/16667_vm"] {
        let original = copy.read(map);
        copy.edit(map, |bytes| bytes[100] ^= 1);
        let finding = copy.only_finding(map);
        assert_eq!((finding.severity, &finding.cause), (Severity::Minor, &Cause::Damaged));
        copy.write(map, &original);
    }
}

#[test]
fn every_flipped_bit_of_a_base_iv_is_named() {
    let Some(copy) = copy_of("A") else { return };
    let base_iv = entry_of(&copy, BTREE) + 48;
    let original = copy.read(KEYS);
    // Bits that make the header senseless and bits that leave it sane: LSN, checksum, flags, lower, upper.
    for bit in [0, 39, 63, 64, 79, 80, 95, 96, 101, 111, 119, 127] {
        copy.edit(KEYS, |bytes| bytes[base_iv + bit / 8] ^= 1 << (bit % 8));
        let finding = copy.only_finding(BTREE);
        assert_eq!(blocks(&finding), (0, 3, 4));
        let evidence = IvEvidence::BaseIvBit { byte: bit as u8 / 8, bit: bit as u8 % 8 };
        assert_eq!(finding.cause, Cause::WrongIv(evidence), "bit {bit}");
        copy.write(KEYS, &original);
    }
}

#[test]
fn an_overwritten_base_iv_is_a_wrong_iv() {
    let Some(copy) = copy_of("A") else { return };
    let base_iv = entry_of(&copy, BTREE) + 48;
    copy.edit(KEYS, |bytes| bytes[base_iv..base_iv + 16].copy_from_slice(b"sixteen bytes iv"));
    let finding = copy.only_finding(BTREE);
    assert_eq!(blocks(&finding), (0, 3, 4));
    assert_eq!(finding.cause, Cause::WrongIv(IvEvidence::FirstBlockOnly));
}

#[test]
fn without_checksums_a_base_iv_shows_in_headers_and_lsns() {
    let Some(copy) = copy_of("B") else { return };
    let base_iv = entry_of(&copy, HEAP) + 48;
    let original = copy.read(KEYS);
    // Flags, upper, and the upper half of the LSN, which the shutdown checkpoint bounds.
    for bit in [10 * 8 + 5, 15 * 8 + 7, 3] {
        copy.edit(KEYS, |bytes| bytes[base_iv + bit / 8] ^= 1 << (bit % 8));
        let findings = copy.verify().findings;
        assert!(!findings.is_empty(), "bit {bit}");
        for finding in &findings {
            assert!(finding.file.starts_with(HEAP), "{finding}");
            assert!(matches!(finding.cause, Cause::WrongIv(_)), "bit {bit}: {finding}");
        }
        copy.write(KEYS, &original);
    }
}

#[test]
fn swapped_relation_files_are_told_by_the_key_that_opens_them() {
    let Some(copy) = copy_of("A") else { return };
    copy.swap(HEAP, BTREE);
    let report = copy.verify();
    let opens = |path: &str| Some(RelationPath::parse(path).unwrap().locator);
    let cause = |file: &str| {
        let mut of_file = report.findings.iter().filter(|finding| finding.file == file);
        let finding = of_file.next().unwrap();
        assert!(of_file.next().is_none(), "one finding for the whole of {file}");
        finding.cause.clone()
    };
    assert_eq!(cause(HEAP), Cause::WrongKey { opens_with: opens(BTREE) });
    assert_eq!(cause(BTREE), Cause::WrongKey { opens_with: opens(HEAP) });
    assert_eq!(report.findings.len(), 2);
}

#[test]
fn a_swapped_plain_and_encrypted_file_are_told_apart() {
    let Some(copy) = copy_of("A") else { return };
    let plain = "base/16477/16713";
    copy.swap(HEAP, plain);
    let report = copy.verify();
    for finding in &report.findings {
        match finding.file.as_str() {
            HEAP => assert_eq!(finding.cause, Cause::NotEncrypted),
            file => {
                assert_eq!(file, plain);
                let opens_with = Some(RelationPath::parse(HEAP).unwrap().locator);
                assert_eq!(finding.cause, Cause::NoKeyEntry { opens_with });
            }
        }
    }
    assert_eq!(report.findings.len(), 2);
}

#[test]
fn swapped_segments_and_pages_are_told_by_the_iv_they_need() {
    let Some(copy) = copy_of("E") else { return };
    copy.swap("base/16384/16571", "base/16384/16571.1");
    let report = copy.verify();
    assert_eq!(report.findings.len(), 2);
    for (finding, (first, from)) in report.findings.iter().zip([(0, 16), (16, 0)]) {
        assert_eq!(blocks(finding), (first, first + 15, 16));
        let block = BlockNumber::new(from);
        assert_eq!(finding.cause, Cause::WrongIv(IvEvidence::PageOf { fork: Fork::Main, block }));
    }

    let Some(copy) = copy_of("A") else { return };
    copy.edit(HEAP, |bytes| {
        let (head, tail) = bytes.split_at_mut(6 * PAGE);
        head[2 * PAGE..3 * PAGE].swap_with_slice(&mut tail[..PAGE]);
    });
    let findings = copy.findings_of(HEAP);
    assert_eq!(findings.len(), 2);
    for (finding, (here, from)) in findings.iter().zip([(2, 6), (6, 2)]) {
        assert_eq!(blocks(finding), (here, here, 1));
        let block = BlockNumber::new(from);
        assert_eq!(finding.cause, Cause::WrongIv(IvEvidence::PageOf { fork: Fork::Main, block }));
    }
}

#[test]
fn a_page_zeroed_from_byte_32_on_is_torn() {
    // With checksums, and without: ciphertext has no zeros either way.
    for name in ["A", "B"] {
        let Some(copy) = copy_of(name) else { return };
        copy.edit(HEAP, |bytes| bytes[3 * PAGE + 32..4 * PAGE].fill(0));
        let finding = copy.only_finding(HEAP);
        assert_eq!(blocks(&finding), (3, 3, 1), "{name}");
        assert_eq!(finding.cause, Cause::Torn { zero: 32..PAGE }, "{name}");
    }
}

#[test]
fn a_page_whose_beginning_or_half_was_not_written_is_torn() {
    let Some(copy) = copy_of("A") else { return };
    for zero in [0..32, 0..512, 4096..PAGE] {
        let original = copy.read(HEAP);
        copy.edit(HEAP, |bytes| bytes[PAGE + zero.start..PAGE + zero.end].fill(0));
        let finding = copy.only_finding(HEAP);
        assert_eq!(blocks(&finding), (1, 1, 1));
        assert_eq!(finding.cause, Cause::Torn { zero });
        copy.write(HEAP, &original);
    }
    // A page of nothing but zeros is one that was never written: normal.
    copy.edit(HEAP, |bytes| bytes[PAGE..2 * PAGE].fill(0));
    let report = copy.verify();
    assert!(report.is_clean());
    assert!(report.pages_never_written > 0);
}

#[test]
fn a_plaintext_page_among_encrypted_ones_is_not_encrypted() {
    for name in ["A", "B"] {
        let Some(cluster) = recorded(name) else { return };
        let copy = Copy::of(&cluster);
        let plain = cluster.plaintext(&format!("data/{HEAP}")).unwrap();
        copy.edit(HEAP, |bytes| bytes[4 * PAGE..6 * PAGE].copy_from_slice(&plain[4 * PAGE..6 * PAGE]));
        let finding = copy.only_finding(HEAP);
        assert_eq!(blocks(&finding), (4, 5, 2));
        assert_eq!(finding.cause, Cause::NotEncrypted);
    }
}

#[test]
fn a_zeroed_key_entry_shows_as_ciphertext_without_a_key() {
    let Some(copy) = copy_of("A") else { return };
    let entry = entry_of(&copy, HEAP);
    copy.edit(KEYS, |bytes| bytes[entry..entry + 96].fill(0));
    let report = copy.verify();
    let files: Vec<&str> = report.findings.iter().map(|finding| finding.file.as_str()).collect();
    assert_eq!(files, [HEAP, "base/16477/16667_fsm", "base/16477/16667_vm"]);
    for finding in &report.findings {
        assert_eq!(finding.cause, Cause::NoKeyEntry { opens_with: None });
        assert_eq!(finding.severity, Severity::Error, "plaintext is what the server would write next");
    }
    assert_eq!(blocks(&report.findings[0]), (0, 7, 8), "one finding for the whole file");
}

#[test]
fn a_removed_key_file_shows_in_every_file_of_its_database() {
    let Some(copy) = copy_of("A") else { return };
    copy.remove(KEYS);
    let report = copy.verify();
    assert!(report.findings.len() > 30);
    for finding in &report.findings {
        assert!(finding.file.contains("/16477/"), "{finding}");
        assert!(matches!(finding.cause, Cause::NoKeyEntry { .. }), "{finding}");
    }
}

#[test]
fn a_damaged_key_entry_is_named_by_its_place() {
    let Some(copy) = copy_of("A") else { return };
    let entry = entry_of(&copy, HEAP);
    // The wrapped key, its tag, its IV, the cipher's id.
    for at in [70, 40, 20, 4 + 64] {
        let original = copy.read(KEYS);
        copy.edit(KEYS, |bytes| bytes[entry + at] ^= 1);
        let finding = copy.only_finding(KEYS);
        let index = (entry - 320) / 96;
        assert_eq!(finding.place, Place::Entry { index, offset: entry as u64 });
        assert_eq!(finding.cause, Cause::Damaged);
        copy.write(KEYS, &original);
    }
}

#[test]
fn a_damaged_header_is_a_wrong_principal_key() {
    let Some(copy) = copy_of("A") else { return };
    for at in [20, 290, 310] {
        let original = copy.read(KEYS);
        copy.edit(KEYS, |bytes| bytes[at] ^= 1);
        let report = copy.verify();
        assert_eq!(report.findings.len(), 1, "at byte {at}");
        assert_eq!(report.findings[0].file, KEYS);
        assert_eq!(report.findings[0].cause, Cause::WrongPrincipalKey);
        assert!(matches!(report.findings[0].problem, Problem::HeaderSignature { .. }));
        assert!(report.relation_files_without_key > 30, "their pages could not be checked");
        copy.write(KEYS, &original);
    }
}

#[test]
fn a_wrong_principal_key_and_a_missing_one_are_told_apart() {
    let Some(cluster) = recorded("A") else { return };
    let copy = Copy::of(&cluster);
    let wrong = copy.path("wrong-key");
    std::fs::write(&wrong, [7; 16]).unwrap();
    let mut options = OpenOptions::new();
    for (name, _) in cluster.principal_keys() {
        options = options.principal_key(name.parse().unwrap(), &wrong);
    }
    let causes = |report: &Report| {
        let mut seen: Vec<_> =
            report.findings.iter().map(|finding| (finding.file.clone(), finding.cause.code())).collect();
        seen.sort();
        seen
    };
    let expect = |cause| {
        ["pg_tde/16477_keys", "pg_tde/16571_keys", "pg_tde/wal_keys"].map(|file| (file.into(), cause))
    };
    assert_eq!(causes(&copy.verify_with(&options)), expect("wrong-principal-key"));
    assert_eq!(causes(&copy.verify_with(&OpenOptions::new())), expect("key-unavailable"));
}

#[test]
fn truncated_files_are_told_by_their_lengths() {
    let Some(copy) = copy_of("E") else { return };
    // A segment that must be full, because there is a later one.
    let segment = "base/16384/16571.1";
    let original = copy.read(segment);
    copy.edit(segment, |bytes| bytes.truncate(10 * PAGE));
    let finding = copy.only_finding(segment);
    assert_eq!(finding.cause, Cause::Truncated);
    let (actual, expected) = (10 * PAGE as u64, 16 * PAGE as u64);
    assert_eq!(finding.problem, Problem::Segment { actual, expected });
    assert_eq!(finding.place, Place::Bytes(actual..expected));
    copy.write(segment, &original);
    // The last one, in the middle of a page.
    let last = "base/16384/16571.2";
    copy.edit(last, |bytes| bytes.truncate(PAGE + 100));
    let finding = copy.only_finding(last);
    assert_eq!(finding.cause, Cause::Truncated);
    assert_eq!(finding.place, Place::Bytes(PAGE as u64..PAGE as u64 + 100));
    // An absent segment is what a partial copy has.
    copy.remove(segment);
    copy.remove(last);
    copy.remove("base/16384/16578");
    let report = copy.verify();
    assert!(report.is_clean());
    assert!(report.notes.iter().any(|note| note.file == "base/16384/16578"));
}

#[test]
fn a_copy_of_key_files_and_one_relation_is_enough() {
    let Some(copy) = copy_of("A") else { return };
    for directory in ["base/16571", "pg_wal", "pg_tblspc", "global"] {
        std::fs::remove_dir_all(copy.path(directory)).unwrap();
    }
    for entry in std::fs::read_dir(copy.path("base/16477")).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name() != "16667" {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
    let report = copy.verify();
    assert!(report.is_clean(), "absent files are no errors");
    assert_eq!((report.relation_files, report.pages), (1, 8));
    assert!(report.notes.iter().any(|note| note.file == "global/pg_control"));
}

#[test]
fn a_damaged_control_file_is_a_finding_and_does_not_stop_the_rest() {
    let Some(copy) = copy_of("A") else { return };
    copy.edit("global/pg_control", |bytes| bytes[220] ^= 1);
    let finding = copy.only_finding("global/pg_control");
    assert_eq!(finding.cause, Cause::Damaged);
}

#[test]
fn pages_changed_since_a_backup_began_are_minor() {
    let Some(copy) = copy_of("A") else { return };
    copy.edit(HEAP, |bytes| bytes[5 * PAGE + 4000] ^= 1);
    copy.write("backup_label", b"START WAL LOCATION: 0/1 (file 000000010000000000000000)\n");
    assert_eq!(copy.only_finding(HEAP).severity, Severity::Minor);
    copy.write("backup_label", b"START WAL LOCATION: F/1 (file 000000010000000F00000000)\n");
    let finding = copy.only_finding(HEAP);
    assert_eq!(finding.severity, Severity::Error);
    assert!(matches!(finding.problem, Problem::Page(PageCondition::Checksum { .. })));
}

#[test]
fn findings_of_one_file_are_capped_and_counted() {
    let Some(copy) = copy_of("E") else { return };
    // Every other page, so that no two make a range.
    let index = "base/16384/16578";
    copy.edit(index, |bytes| {
        for page in (0..16).step_by(2) {
            bytes[page * PAGE + 5000] ^= 1;
        }
    });
    let cluster = tde_keyfile::cluster::Cluster::open(copy.path(""), &copy.options).unwrap();
    let mut options = tde_keyfile::verify::VerifyOptions::default();
    options.max_findings_per_file = 3;
    let report = tde_keyfile::verify::verify(&cluster, &options, &mut ());
    assert_eq!((report.findings.len(), report.findings_left_out), (3, 5));
}
