//! `tde wal ranges`: the ranges that the server resolves, and what of an archive lies in them.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::corpus::Corpus;
use crate::tde::tde;
use crate::wal_encrypt::text;

/// Without any key.
fn ranges(data: &Path, words: &[&str]) -> Value {
    let run = tde([&["wal", "ranges", text(data), "--json"], words].concat()).expect(0);
    serde_json::from_slice(&run.stdout).unwrap()
}

#[test]
fn the_ranges_are_those_that_the_server_resolved() {
    let mut count = 0;
    for corpus in Corpus::all() {
        let report = ranges(&corpus.data_directory(), &[]);
        assert_eq!(report["schema"], "tde.wal-ranges/1");
        let entries = report["entries"].as_array().unwrap();
        let resolved: Vec<_> = entries.iter().filter(|entry| !entry["start"].is_null()).collect();
        let expected = &corpus.manifest().wal_key_ranges;
        assert_eq!(resolved.len(), expected.len(), "{}", corpus.name());
        for (place, (entry, range)) in resolved.iter().zip(expected).enumerate() {
            assert_eq!(entry["state"], range.kind.as_str());
            assert_eq!(entry["start"], json!({ "timeline": range.start_tli, "lsn": range.start_lsn }));
            let is_last = place + 1 == expected.len();
            let end = json!({ "timeline": range.end_tli, "lsn": range.end_lsn });
            assert_eq!(entry["end"], if is_last { Value::Null } else { end }, "{}", corpus.name());
            count += 1;
        }
        let others = entries.iter().filter(|entry| entry["start"].is_null());
        assert!(others.clone().all(|entry| entry["state"] == "not-started"), "{}", corpus.name());
        assert!(entries.iter().all(|entry| entry["out_of_order"] == false));
    }
    assert!(count >= 3, "only {count} ranges");
}

#[test]
fn an_archive_is_laid_over_the_ranges() {
    let Some(corpus) = Corpus::all().into_iter().find(|corpus| corpus.name() == "A") else {
        eprintln!("SKIPPED: the full recording A is not here (set TDE_CORPUS)");
        return;
    };
    let archive = tempfile::tempdir().unwrap();
    // Names are enough; the segment size comes from the control file. The ranges begin with 0/8CA000 on timeline 1,
    // and 0/C90000 to 0/CC4000 is plain.
    for name in [
        "000000010000000000000007.gz",
        "000000010000000000000008",
        "00000001000000000000000A",
        "00000001000000000000000B.partial",
        "00000001000000000000000C-0123456789abcdef0123456789abcdef01234567.zst",
        "00000001000000000000000F",
        "000000020000000000000010",
        "00000002.history",
        "notes.txt",
    ] {
        fs::write(archive.path().join(name), "").unwrap();
    }
    let report = ranges(&corpus.data_directory(), &["--archive", text(archive.path())]);
    let archived = |entry: usize| &report["entries"][entry]["archived"];
    assert_eq!(
        *archived(0),
        json!({
            "whole": 2, "partly": 2,
            "first": "000000010000000000000008", "last": "00000001000000000000000C",
        })
    );
    assert_eq!(archived(4)["whole"], 0);
    assert_eq!(archived(4)["partly"], 0);
    // The open range goes on over later timelines.
    assert_eq!(
        (&archived(5)["whole"], &archived(5)["last"]),
        (&json!(2), &json!("000000020000000000000010"))
    );
    let archive_report = &report["archive"];
    assert_eq!(
        archive_report["missing"],
        json!([
            { "first": "000000010000000000000009", "last": "000000010000000000000009", "count": 1 },
            { "first": "00000001000000000000000D", "last": "00000001000000000000000E", "count": 2 },
        ])
    );
    assert_eq!(
        archive_report["not_encrypted"],
        json!([{ "first": "000000010000000000000007", "last": "000000010000000000000007", "count": 1 }])
    );
    assert_eq!(
        archive_report["partly_encrypted"],
        json!(["000000010000000000000008", "00000001000000000000000C"])
    );
    assert_eq!(
        (&archive_report["history_files"], &archive_report["other_files"]),
        (&json!(1), &json!(["notes.txt"]))
    );
    let parts = &archive_report["segments"][4]["parts"];
    assert_eq!(
        parts[2],
        json!({ "from": 0x9_0000, "to": 0xC_4000, "entry": 2, "encrypted": false }),
        "{parts}"
    );

    let data = corpus.data_directory();
    let run = tde(["wal", "ranges", text(&data), "--archive", text(archive.path())]).expect(0);
    for shown in ["00000001000000000000000D to 00000001000000000000000E (2)", "notes.txt", "unencrypted"] {
        assert!(run.stdout_text().contains(shown), "{shown}: {run}");
    }
    // Entries 3 and 4 end in the missing segment E; 3 begins in C.
    assert_eq!(run.stdout_text().matches("range without a segment here").count(), 1, "{run}");
    assert!(run.stdout_text().contains("range without a segment here  entry 4"), "{run}");
}

#[test]
fn entries_that_do_not_count_and_damage_are_named() {
    let corpus = Corpus::first_of(&["B-excerpt"]);
    let data = corpus.cluster.copy_data();
    let file = data.path().join("pg_tde/wal_keys");
    let keys = fs::read(&file).unwrap();
    assert_eq!((&keys[..4], (keys.len() - 320) % 104), (&b"WEK\x02"[..], 0));
    // Entries of version 2: the type at 4, start LSN at 8, timeline at 16.
    let entry = &keys[320..424];
    let made = |kind: u32, lsn: u64, timeline: u32| {
        let mut entry = entry.to_vec();
        entry[4..8].copy_from_slice(&kind.to_le_bytes());
        entry[8..16].copy_from_slice(&lsn.to_le_bytes());
        entry[16..20].copy_from_slice(&timeline.to_le_bytes());
        entry
    };
    let states = |entries: &[Vec<u8>]| {
        fs::write(&file, [&keys[..320], &entries.concat()].concat()).unwrap();
        let run = tde(["wal", "ranges", text(data.path()), "--json"]);
        let report: Value = serde_json::from_slice(&run.stdout).unwrap();
        let entries = report["entries"].as_array().unwrap().iter();
        let states: Vec<_> = entries.map(|entry| entry["state"].as_str().unwrap().to_owned()).collect();
        (run.status, states, report)
    };
    let (status, found, report) =
        states(&[made(2, 0x10_0000, 1), made(0, 0x20_0000, 1), made(2, 0, 0), made(1, 0x30_0000, 1)]);
    assert_eq!(
        (status, &found[..]),
        (0, &["encrypted", "invalid", "not-started", "unencrypted"].map(String::from)[..])
    );
    assert_eq!(report["entries"][0]["end"], json!({ "timeline": 1, "lsn": "0/300000" }));

    let (status, found, _) = states(&[made(2, 0x10_0000, 1), made(9, 0x20_0000, 1)]);
    assert_eq!((status, &*found[1]), (1, "unreadable"));
    let (status, _, report) = states(&[made(2, 0x30_0000, 1), made(2, 0x20_0000, 1)]);
    assert_eq!((status, &report["entries"][1]["out_of_order"]), (1, &json!(true)));
    fs::write(&file, "short").unwrap();
    tde(["wal", "ranges", text(data.path())]).expect(1);
    fs::remove_file(&file).unwrap();
    let run = tde(["wal", "ranges", text(data.path())]).expect(0);
    assert!(run.stdout_text().contains("all WAL is plaintext"), "{run}");
    tde(["wal", "ranges", text(data.path()), "--archive", "/nonexistent"]).expect(2);
}
