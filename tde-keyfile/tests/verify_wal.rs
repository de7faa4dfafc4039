//! Each kind of damage to WAL and its keys is found where it is, and named for what it is.

#![cfg(feature = "std")]
#![allow(clippy::panic, clippy::unwrap_used, reason = "helpers of tests fail the test that called them")]

#[path = "support/copy.rs"]
mod copy;

use copy::{Copy, recorded};
use tde_keyfile::verify::{Cause, Finding, IvEvidence, Place, Problem};
use tde_wal::{Location, Lsn, TimelineId};

const PAGE: u64 = 8192;
const FIRST: &str = "pg_wal/00000001000000000000000C";
const MIDDLE: &str = "pg_wal/00000001000000000000000D";
const LAST: &str = "pg_wal/00000001000000000000000E";
const KEYS: &str = "pg_tde/wal_keys";

fn copy_of(name: &str) -> Option<Copy> {
    recorded(name).map(|cluster| Copy::of(&cluster))
}

fn at(timeline: u32, lsn: u64) -> Location {
    Location::new(TimelineId::new(timeline), Lsn::new(lsn))
}

/// The LSN of a finding, which must agree with its offset.
fn lsn(finding: &Finding) -> u64 {
    match finding.place {
        Place::Wal { location, offset } => {
            assert_eq!(location.lsn.get() & 0xF_FFFF, offset);
            location.lsn.get()
        }
        ref other => panic!("{other:?}"),
    }
}

/// Offset of entry `index` of `wal_keys` in version 2.
const fn entry(index: usize) -> usize {
    320 + 104 * index
}

#[test]
fn a_flipped_byte_in_a_record_is_damage_to_that_record() {
    let Some(copy) = copy_of("A") else { return };
    // Somewhere on page 40 of the middle segment, behind the page's first record.
    copy.edit(MIDDLE, |bytes| bytes[40 * 8192 + 5000] ^= 4);
    let finding = copy.only_finding(MIDDLE);
    assert!(matches!(finding.problem, Problem::WalRecord { resumes: Some(_), .. }), "{finding}");
    assert_eq!(finding.cause, Cause::Damaged);
    let page = 0xD0_0000 + 40 * PAGE;
    assert!((page..page + 5000).contains(&lsn(&finding)), "{finding}");
}

#[test]
fn a_flipped_byte_in_a_page_header_is_damage_to_that_page() {
    let Some(copy) = copy_of("A") else { return };
    // Magic, flags, timeline, address.
    for byte in [0, 3, 5, 9] {
        let original = copy.read(MIDDLE);
        copy.edit(MIDDLE, |bytes| bytes[77 * 8192 + byte] ^= 0x40);
        let finding = copy.only_finding(MIDDLE);
        let resumes = Some(Lsn::new(0xD0_0000 + 78 * PAGE));
        assert!(
            matches!(&finding.problem, Problem::WalPage { resumes: found, .. } if *found == resumes),
            "{finding}"
        );
        assert_eq!(finding.cause, Cause::Damaged, "byte {byte}");
        assert_eq!(lsn(&finding), 0xD0_0000 + 77 * PAGE, "{finding}");
        copy.write(MIDDLE, &original);
    }
}

#[test]
fn damage_to_the_last_checkpoint_is_not_the_end_of_wal() {
    let Some(copy) = copy_of("A") else { return };
    copy.edit(LAST, |bytes| bytes[0x5_4740 + 30] ^= 1);
    let finding = copy.only_finding(LAST);
    assert_eq!(lsn(&finding), 0xE5_4740);
    assert!(matches!(finding.problem, Problem::WalEndsEarly { .. }), "{finding}");
}

#[test]
fn a_moved_range_start_is_told_by_the_key_that_opens_the_pages() {
    let Some(copy) = copy_of("A") else { return };
    let original = copy.read(KEYS);
    let put = |index: usize, lsn: u64| {
        copy.edit(KEYS, |bytes| {
            bytes[entry(index) + 8..entry(index) + 16].copy_from_slice(&lsn.to_le_bytes());
        });
    };
    // The last range, which begins at 0/E3C000, from too late on: its first pages are read with the key before.
    put(5, 0xE4_0000);
    let finding = copy.only_finding(LAST);
    assert_eq!(finding.cause, Cause::RangeMoved { opens_with: Some(at(1, 0xE4_0000)) }, "the moved start");
    assert_eq!(lsn(&finding), 0xE3_C000, "{finding}");
    copy.write(KEYS, &original);
    // And from too early on: pages of the range before are read with its key.
    put(5, 0xE3_4000);
    let finding = copy.only_finding(LAST);
    assert_eq!(finding.cause, Cause::RangeMoved { opens_with: Some(at(1, 0xE1_8000)) });
    copy.write(KEYS, &original);
    // The range of plain WAL, 0/C90000 to 0/CC4000, from too late on.
    put(2, 0xC9_8000);
    let finding = copy.only_finding(FIRST);
    assert_eq!(finding.cause, Cause::RangeMoved { opens_with: None });
    copy.write(KEYS, &original);
    // Never started: dropped, so that its pages are read with the key before, up to the end.
    put(5, 0);
    let finding = copy.only_finding(LAST);
    assert!(matches!(finding.problem, Problem::WalEndsEarly { .. }), "{finding}");
    assert_eq!(finding.cause, Cause::WrongKey { opens_with: None });
}

#[test]
fn a_moved_start_within_a_page_is_told_too() {
    // A standby's ranges begin anywhere: 0/A0FEC8, 0/A11230, 0/A16CD0.
    let Some(copy) = copy_of("F") else { return };
    let segment = "pg_wal/00000001000000000000000A";
    let bytes = copy.read(KEYS);
    let index = (0..(bytes.len() - 320) / 104)
        .find(|index| bytes[entry(*index) + 8..][..8] == 0xA1_1230_u64.to_le_bytes())
        .unwrap();
    for moved in [0xA1_1200_u64, 0xA1_1260] {
        copy.edit(KEYS, |bytes| {
            bytes[entry(index) + 8..entry(index) + 16].copy_from_slice(&moved.to_le_bytes());
        });
        let finding = copy.only_finding(segment);
        assert!(matches!(finding.cause, Cause::RangeMoved { opens_with: Some(_) }), "{finding}");
        assert!((0xA1_1000..0xA1_1260).contains(&lsn(&finding)), "{finding}");
        copy.write(KEYS, &bytes);
    }
}

#[test]
fn a_flipped_bit_of_a_wal_base_iv_is_named() {
    let Some(copy) = copy_of("A") else { return };
    for (byte, bit) in [(0, 7), (5, 0), (11, 3)] {
        let original = copy.read(KEYS);
        copy.edit(KEYS, |bytes| bytes[entry(5) + 56 + byte] ^= 1 << bit);
        let finding = copy.only_finding(LAST);
        let evidence = IvEvidence::BaseIvBit { byte: byte as u8, bit };
        assert_eq!(finding.cause, Cause::WrongIv(evidence), "{finding}");
        copy.write(KEYS, &original);
    }
    // The last four bytes, and the lowest bit of the one before, are never used.
    for (byte, bit) in [(11, 0), (12, 0), (15, 7)] {
        copy.edit(KEYS, |bytes| bytes[entry(5) + 56 + byte] ^= 1 << bit);
        assert!(copy.verify().is_clean());
    }
}

#[test]
fn a_damaged_wal_key_entry_leaves_the_other_ranges_verified() {
    let Some(copy) = copy_of("A") else { return };
    copy.edit(KEYS, |bytes| bytes[entry(1) + 75] ^= 1);
    let finding = copy.only_finding(KEYS);
    assert_eq!(finding.place, Place::Entry { index: 1, offset: entry(1) as u64 });
    let report = copy.verify();
    assert!(report.wal_records > 7000, "{}", report.wal_records);
}

#[test]
fn removed_wal_keys_show_as_ciphertext_without_a_key() {
    let Some(copy) = copy_of("A") else { return };
    copy.remove(KEYS);
    let report = copy.verify();
    let files: Vec<&str> = report.findings.iter().map(|finding| finding.file.as_str()).collect();
    // The range of plain WAL in the first segment is still read; behind it nothing is.
    assert_eq!(files, [FIRST, FIRST]);
    for finding in &report.findings {
        assert_eq!(finding.cause, Cause::NoKeyEntry { opens_with: None }, "{finding}");
    }
}

#[test]
fn a_plaintext_segment_where_ciphertext_belongs_is_not_encrypted() {
    let Some(cluster) = recorded("A") else { return };
    let copy = Copy::of(&cluster);
    let plain = cluster.plaintext(&format!("data/{MIDDLE}")).unwrap();
    // Pages 40 to 44 as a server that knew of no key would have written them.
    copy.edit(MIDDLE, |bytes| bytes[40 * 8192..45 * 8192].copy_from_slice(&plain[40 * 8192..45 * 8192]));
    let finding = copy.only_finding(MIDDLE);
    assert!(
        matches!(finding.cause, Cause::NotEncrypted | Cause::RangeMoved { opens_with: None }),
        "{finding}"
    );
}

#[test]
fn zero_pages_in_the_middle_were_never_written() {
    let Some(copy) = copy_of("A") else { return };
    copy.edit(MIDDLE, |bytes| bytes[40 * 8192..45 * 8192].fill(0));
    assert_eq!(copy.only_finding(MIDDLE).cause, Cause::NeverWritten);
}

#[test]
fn a_missing_segment_in_the_middle_is_noted_and_the_rest_verified() {
    let Some(copy) = copy_of("A") else { return };
    copy.remove(MIDDLE);
    let report = copy.verify();
    assert!(report.is_clean(), "what is absent is no error");
    assert!(report.notes.iter().any(|note| note.file == MIDDLE));
    assert_eq!(report.wal_segments, 2);
    // The segment before the gap must still be whole up to its end.
    copy.edit(FIRST, |bytes| bytes[120 * 8192..].fill(0));
    let finding = copy.only_finding(FIRST);
    assert!(matches!(finding.problem, Problem::WalEndsEarly { .. }), "{finding}");
    assert_eq!(finding.cause, Cause::NeverWritten);
}

#[test]
fn swapped_segments_are_a_wrong_key_or_place() {
    let Some(copy) = copy_of("A") else { return };
    copy.swap(FIRST, MIDDLE);
    let report = copy.verify();
    assert!(report.findings.iter().any(|finding| finding.file == FIRST));
    assert!(report.findings.iter().all(|finding| finding.file == FIRST || finding.file == MIDDLE));
}

#[test]
fn a_truncated_segment_is_told_by_its_length() {
    let Some(copy) = copy_of("A") else { return };
    copy.edit(MIDDLE, |bytes| bytes.truncate(100 * 8192 + 17));
    let findings = copy.findings_of(MIDDLE);
    assert_eq!(findings.len(), 2, "the length, and where the chain stops");
    assert!(findings.iter().all(|finding| finding.cause == Cause::Truncated));
    let expected = 1 << 20;
    assert_eq!(findings[0].problem, Problem::FileLength { actual: 100 * PAGE + 17, expected });
}

#[test]
fn one_segment_and_the_keys_are_enough() {
    let Some(copy) = copy_of("A") else { return };
    for directory in ["base", "pg_tblspc", "global"] {
        std::fs::remove_dir_all(copy.path(directory)).unwrap();
    }
    copy.remove(FIRST);
    copy.remove(LAST);
    let report = copy.verify();
    assert!(report.is_clean());
    assert!(report.wal_records >= 6534);
    // Without pg_control nothing says where WAL ends, but a segment that makes no sense at all is wrong.
    copy.edit(MIDDLE, |bytes| bytes.iter_mut().for_each(|byte| *byte ^= 0x5A));
    let finding = copy.only_finding(MIDDLE);
    assert_eq!(finding.cause, Cause::WrongKey { opens_with: None });
}

#[test]
fn segments_kept_for_later_use_are_no_findings() {
    let Some(copy) = copy_of("A") else { return };
    let old = copy.read(FIRST);
    copy.write("pg_wal/00000001000000000000000F", &old);
    copy.write("pg_wal/000000010000000000000010", &vec![0; 1 << 20]);
    assert!(copy.verify().is_clean());
}

#[test]
fn another_timeline_of_which_nothing_can_be_read_is_not_passed_over() {
    let Some(copy) = copy_of("C") else { return };
    let names: Vec<String> = std::fs::read_dir(copy.path("pg_wal"))
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().into_string().ok())
        .collect();
    let mut old: Vec<_> =
        names.iter().filter(|name| name.len() == 24 && name.starts_with("00000001")).collect();
    old.sort();
    for name in &old {
        copy.edit(&format!("pg_wal/{name}"), |bytes| bytes.iter_mut().for_each(|byte| *byte ^= 0x5A));
    }
    let first = format!("pg_wal/{}", old[0]);
    // The history of the new timeline tells that the old one reaches into these segments ...
    let report = copy.verify();
    assert!(report.findings.iter().any(|finding| finding.file == first), "{:?}", report.notes);
    // ... and without it nothing does.
    copy.remove("pg_wal/00000002.history");
    let report = copy.verify();
    let told = report.notes.iter().any(|note| note.file == first && note.text.contains("could be checked"));
    assert!(told, "{:?}", report.notes);
}

#[test]
fn both_sides_of_a_promotion_must_be_whole() {
    let Some(copy) = copy_of("C") else { return };
    // The old timeline up to the switch at 0/CED2F8 ...
    let old = "pg_wal/00000001000000000000000C";
    let original = copy.read(old);
    copy.edit(old, |bytes| bytes[0xE_D280 + 30] ^= 1);
    let finding = copy.only_finding(old);
    assert_eq!(lsn(&finding), 0xCE_D280);
    assert!(matches!(finding.problem, Problem::WalEndsEarly { .. }), "{finding}");
    copy.write(old, &original);
    // ... and the new one from its first page on, which is that of the old.
    let new = "pg_wal/00000002000000000000000C";
    copy.edit(new, |bytes| bytes[0xE_D280 + 30] ^= 1);
    let finding = copy.only_finding(new);
    assert_eq!(lsn(&finding), 0xCE_D280);
    assert!(matches!(finding.problem, Problem::WalRecord { .. }), "{finding}");
}
