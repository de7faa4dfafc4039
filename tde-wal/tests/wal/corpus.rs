//! Every WAL segment that real servers wrote and that is at hand.
//!
//! Found through `TDE_CORPUS`, or else in `../shared/corpus` beside the checkout.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest, Sha256};
use tde_core::{BaseIv, Cipher, InternalKey};
use tde_wal::{
    EndReason, ExpectedPage, KeyRange, KeyRanges, Location, Lsn, Major, PageEvidence, PageVerdict,
    Protection, RangeEntry, RangeKind, RecordWalker, SegmentName, SegmentPosition, SegmentSize,
    TimelineHistory, TimelineId, WalCipher, WalLayout, WalkStart, resolve,
};

/// A segment of a corpus, with what its manifest says.
struct Sample {
    corpus: String,
    name: SegmentName,
    stored: Vec<u8>,
    plain: Vec<u8>,
    manifest: Value,
    history: Option<(TimelineId, String)>,
}

struct Corpus {
    name: String,
    root: PathBuf,
    manifest: Value,
}

fn corpora() -> Vec<Corpus> {
    let root = match std::env::var_os("TDE_CORPUS") {
        Some(root) => PathBuf::from(root),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus"),
    };
    let mut corpora = Vec::new();
    for directory in [root.join("pg_tde"), root.clone()] {
        for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
            let Ok(text) = fs::read_to_string(entry.path().join("MANIFEST.json")) else { continue };
            let manifest: Value = serde_json::from_str(&text).unwrap();
            if manifest["wal"].as_array().is_some_and(|wal| !wal.is_empty()) {
                let name = entry.file_name().into_string().unwrap();
                corpora.push(Corpus { name, root: entry.path(), manifest });
            }
        }
    }
    if corpora.is_empty() {
        eprintln!("SKIPPED: no WAL corpus below {} (set TDE_CORPUS)", root.display());
    }
    corpora
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn location(range: &Value, which: &str) -> Location {
    let timeline = range[format!("{which}_tli")].as_u64().unwrap() as u32;
    let lsn = range[format!("{which}_lsn")].as_str().unwrap().parse().unwrap();
    Location::new(TimelineId::new(timeline), lsn)
}

fn kind(range: &Value) -> RangeKind {
    match range["type"].as_str().unwrap() {
        "encrypted" => RangeKind::Encrypted,
        "unencrypted" => RangeKind::Unencrypted,
        "invalid" => RangeKind::Invalid,
        other => panic!("range type {other}"),
    }
}

fn key(range: &Value) -> InternalKey {
    let key = hex(range["key"].as_str().unwrap());
    let base_iv: [u8; 16] = hex(range["base_iv"].as_str().unwrap()).try_into().unwrap();
    let cipher = if key.len() == 16 { Cipher::Aes128 } else { Cipher::Aes256 };
    InternalKey::from_slice(cipher, &key, BaseIv::new(base_iv)).unwrap()
}

fn ranges(manifest: &Value) -> KeyRanges {
    let entries = manifest["wal_key_ranges"].as_array().unwrap().iter();
    KeyRanges::from_entries(
        entries.map(|r| (RangeEntry { start: location(r, "start"), kind: kind(r) }, Some(key(r)))),
    )
}

/// All segments, decrypted with the ranges of their manifest.
fn samples() -> Vec<Sample> {
    let mut samples = Vec::new();
    for Corpus { name: corpus, root, manifest } in corpora() {
        let size = SegmentSize::new(manifest["wal_segment_size"].as_u64().unwrap()).unwrap();
        let ranges = ranges(&manifest);
        for segment in manifest["wal"].as_array().unwrap() {
            let path = root.join(segment["path"].as_str().unwrap());
            let name = SegmentName::parse(path.file_name().unwrap().to_str().unwrap(), size).unwrap();
            let stored = fs::read(&path).unwrap();
            let mut plain = stored.clone();
            ranges.transform(SegmentPosition::start_of(&name), &mut plain).unwrap();
            let history = path.with_file_name(format!("{:08X}.history", name.timeline().get()));
            let history = fs::read_to_string(history).ok().map(|text| (name.timeline(), text));
            let (corpus, manifest) = (corpus.clone(), segment.clone());
            samples.push(Sample { corpus, name, stored, plain, manifest, history });
        }
    }
    samples
}

impl Sample {
    fn layout(&self) -> WalLayout {
        WalLayout::new(self.name.size()).with_major(Major::V17)
    }

    fn history(&self) -> TimelineHistory<'_> {
        match &self.history {
            Some((timeline, text)) => TimelineHistory::parse(*timeline, text).unwrap(),
            None => TimelineHistory::without_ancestors(self.name.timeline()),
        }
    }

    fn walker(&self) -> RecordWalker<'_> {
        let start = WalkStart::Page(self.name.start_lsn());
        RecordWalker::new(self.layout(), start, self.name.timeline()).with_history(self.history())
    }
}

#[test]
fn every_segment_decrypts_to_the_manifests_hash() {
    for sample in samples() {
        assert_eq!(sha256(&sample.stored), sample.manifest["sha256"].as_str().unwrap());
        assert_eq!(
            sha256(&sample.plain),
            sample.manifest["plain_sha256"].as_str().unwrap(),
            "{} {}",
            sample.corpus,
            sample.name
        );
        assert_eq!(sample.manifest["tli"].as_u64(), Some(sample.name.timeline().get().into()));
        assert_eq!(sample.manifest["segno"].as_u64(), Some(sample.name.number().get()));
    }
}

#[test]
fn every_segment_encrypts_to_what_the_server_stored() {
    for Corpus { name: corpus, manifest, .. } in corpora() {
        let ranges = ranges(&manifest);
        for sample in samples().iter().filter(|sample| sample.corpus == corpus) {
            let mut bytes = vec![0; sample.plain.len()];
            ranges.transform_to(SegmentPosition::start_of(&sample.name), &sample.plain, &mut bytes).unwrap();
            assert!(bytes == sample.stored, "{corpus} {}", sample.name);
        }
    }
}

#[test]
fn entries_resolve_to_the_ranges_that_the_server_sees() {
    for Corpus { name, manifest, .. } in corpora() {
        let files = manifest["pg_tde_files"].as_array().unwrap();
        let file = files.iter().find(|f| f["path"].as_str().unwrap().ends_with("wal_keys")).unwrap();
        let entries = file["entries"].as_array().unwrap().iter();
        let resolved: Vec<_> =
            resolve(entries.map(|e| (RangeEntry { start: location(e, "start"), kind: kind(e) }, Some(()))))
                .collect();
        let expected: Vec<_> = manifest["wal_key_ranges"]
            .as_array()
            .unwrap()
            .iter()
            .map(|r| {
                let protection = match kind(r) {
                    RangeKind::Encrypted => Protection::Encrypted(()),
                    _ => Protection::Plain,
                };
                KeyRange::new(location(r, "start"), location(r, "end"), protection)
            })
            .collect();
        assert_eq!(resolved, expected, "{name}");
        assert_eq!(tde_wal::out_of_order(&resolved).count(), 0);
    }
}

#[test]
fn records_of_every_segment_are_those_of_the_servers_own_tool() {
    for sample in samples() {
        let what = format!("{} {}", sample.corpus, sample.name);
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        let mut lsns = Vec::new();
        let mut walker = sample.walker();
        let walked = walker.segment(sample.name.timeline(), sample.name.number(), &sample.plain, |record| {
            *counts.entry(record.header.resource_manager.to_string()).or_default() += 1;
            lsns.push(record.lsn);
        });
        let expected: BTreeMap<String, u64> =
            serde_json::from_value(sample.manifest["rmgr_counts"].clone()).unwrap();
        assert_eq!(counts, expected, "{what}");
        assert_eq!(Some(lsns.len() as u64), sample.manifest["records"].as_u64(), "{what}");
        let lsn = |field: &str| sample.manifest[field].as_str().unwrap().parse::<Lsn>().unwrap();
        assert_eq!(lsns.first(), Some(&lsn("first_record_lsn")), "{what}");
        assert_eq!(lsns.last(), Some(&lsn("last_record_lsn")), "{what}");
        let end = walker.finish();
        assert_eq!(end.last_record, lsns.last().copied());
        match walked {
            ControlFlow::Continue(()) => assert_eq!(end.reason, EndReason::NoMorePages, "{what}"),
            // These servers were shut down cleanly: zeros stand after the last record.
            ControlFlow::Break(end) => {
                assert_eq!(end.reason, EndReason::Length { found: 0 }, "{what}");
                assert_eq!(end.valid_until, Some(end.lsn), "{what}");
            }
        }
    }
}

#[test]
fn neighbouring_segments_make_one_chain() {
    let samples = samples();
    let mut chains = 0;
    for pair in samples.windows(2) {
        let [first, second] = pair else { unreachable!() };
        let follows = second.name.number().get() == first.name.number().get() + 1
            && second.corpus == first.corpus
            && second.name.timeline() >= first.name.timeline();
        if !follows {
            continue;
        }
        let mut walker =
            RecordWalker::new(first.layout(), WalkStart::Page(first.name.start_lsn()), first.name.timeline());
        let mut crossing = 0;
        let mut records = 0;
        for sample in pair {
            let end = sample.name.start_lsn();
            let _ = walker.segment(sample.name.timeline(), sample.name.number(), &sample.plain, |record| {
                records += 1;
                crossing += u64::from(record.lsn < end && record.end > end);
            });
        }
        let wholly: u64 = pair.iter().map(|s| s.manifest["records"].as_u64().unwrap()).sum();
        assert!(crossing <= 1);
        assert_eq!(records, wholly + crossing, "{} {}", first.corpus, first.name);
        chains += 1;
    }
    assert!(samples.is_empty() || chains > 0, "no two segments follow one another");
}

#[test]
fn a_walk_may_begin_at_any_record_and_at_any_page() {
    for sample in samples() {
        let mut records = Vec::new();
        let (timeline, number) = (sample.name.timeline(), sample.name.number());
        let _ = sample.walker().segment(timeline, number, &sample.plain, |r| records.push((r.lsn, r.header)));
        for &(lsn, header) in records.iter().step_by(97).chain(records.last()) {
            let mut walker = RecordWalker::new(sample.layout(), WalkStart::Record(lsn), timeline);
            let mut first = None;
            let _ = walker.segment(timeline, number, &sample.plain, |r| {
                first.get_or_insert((r.lsn, r.header));
            });
            assert_eq!(first, Some((lsn, header)));
        }
        for page in (0..128).step_by(5) {
            let address = Lsn::new(sample.name.start_lsn().get() + page * 8192);
            let mut walker = RecordWalker::new(sample.layout(), WalkStart::Page(address), timeline);
            let mut found = Vec::new();
            let _ = walker.segment(timeline, number, &sample.plain, |r| found.push((r.lsn, r.header)));
            let from = records.partition_point(|(lsn, _)| *lsn < address);
            if records.len() > from {
                assert_eq!(found, records[from..], "{} {} page {page}", sample.corpus, sample.name);
            } else {
                assert!(found.is_empty());
            }
        }
    }
}

#[test]
fn each_page_tells_by_itself_whether_it_is_decrypted() {
    for sample in samples() {
        let until = {
            let mut walker = sample.walker();
            let _ = walker.segment(sample.name.timeline(), sample.name.number(), &sample.plain, |_| {});
            // A switch ends the pages with headers, zeros follow.
            walker.valid_until().unwrap()
        };
        let covered = corpora()
            .iter()
            .find(|corpus| corpus.name == sample.corpus)
            .map(|corpus| ranges(&corpus.manifest))
            .unwrap();
        for (index, page) in sample.plain.chunks(8192).enumerate() {
            let offset = index * 8192;
            let address = Lsn::new(sample.name.start_lsn().get() + offset as u64);
            if address >= until {
                break;
            }
            let expected = ExpectedPage::new(sample.layout(), sample.name.timeline(), address)
                .with_history(Some(sample.history()));
            let evidence = PageEvidence::of(page, &expected).unwrap();
            assert_eq!(
                evidence.verdict(),
                PageVerdict::Valid,
                "{} {} page {index}",
                sample.corpus,
                sample.name
            );
            let at = SegmentPosition::start_of(&sample.name).advance(offset as u64).unwrap();
            let encrypted = covered.encrypted_parts(at, 24).unwrap().any(|part| part.bytes == (0..24));
            let stored = PageEvidence::of(&sample.stored[offset..offset + 8192], &expected).unwrap();
            let verdict = if encrypted { PageVerdict::Noise } else { PageVerdict::Valid };
            assert_eq!(stored.verdict(), verdict, "{} {} page {index}", sample.corpus, sample.name);
        }
    }
}

#[test]
fn under_a_wrong_key_nothing_but_noise_comes_out() {
    let wrong = InternalKey::from_slice(Cipher::Aes128, &[9; 16], BaseIv::new([9; 16])).unwrap();
    let start = Location::new(TimelineId::FIRST, Lsn::new(1));
    let ranges = [KeyRange::new(start, Location::MAX, Protection::Encrypted(WalCipher::new(&wrong)))];
    for sample in samples() {
        let mut bytes = sample.plain.clone();
        tde_wal::transform(&ranges, SegmentPosition::start_of(&sample.name), &mut bytes).unwrap();
        let mut walker = sample.walker();
        let walked =
            walker.segment(sample.name.timeline(), sample.name.number(), &bytes, |_| panic!("a record"));
        let ControlFlow::Break(end) = walked else { panic!("noise was taken for WAL") };
        assert!(matches!(end.reason, EndReason::Page(_)) && !end.is_customary());
        for (index, page) in bytes.chunks(8192).enumerate() {
            let address = Lsn::new(sample.name.start_lsn().get() + index as u64 * 8192);
            let expected = ExpectedPage::new(sample.layout(), sample.name.timeline(), address);
            assert_eq!(PageEvidence::of(page, &expected).unwrap().verdict(), PageVerdict::Noise);
        }
    }
}
