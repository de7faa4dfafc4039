//! Every WAL segment that real servers wrote and that is at hand: the excerpts in the repository, and the full
//! recordings where they are.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use tde_core::{BaseIv, Cipher, InternalKey};
use tde_testkit::{RecordedCluster, WalRange, WalSegment, from_hex, recorded_clusters, sha256_hex};
use tde_wal::{
    EndReason, ExpectedPage, KeyRange, KeyRanges, Location, Lsn, Major, PageEvidence, PageVerdict,
    Protection, RangeEntry, RangeKind, RecordWalker, SegmentName, SegmentPosition, SegmentSize,
    TimelineHistory, TimelineId, WalCipher, WalLayout, WalkStart, resolve,
};

/// A recorded segment.
struct Sample<'c> {
    cluster: &'c RecordedCluster,
    name: SegmentName,
    stored: Vec<u8>,
    plain: Vec<u8>,
    manifest: &'c WalSegment,
    history: Option<String>,
}

/// The recordings that have WAL.
fn clusters() -> Vec<RecordedCluster> {
    let clusters: Vec<_> = recorded_clusters().into_iter().filter(|c| !c.manifest.wal.is_empty()).collect();
    assert!(!clusters.is_empty());
    clusters
}

fn location(timeline: u32, lsn: &str) -> Location {
    Location::new(TimelineId::new(timeline), lsn.parse().unwrap())
}

fn kind(name: &str) -> RangeKind {
    match name {
        "encrypted" => RangeKind::Encrypted,
        "unencrypted" => RangeKind::Unencrypted,
        "invalid" => RangeKind::Invalid,
        other => panic!("range type {other}"),
    }
}

fn key(range: &WalRange) -> InternalKey {
    let key = from_hex(&range.key);
    let base_iv: [u8; 16] = from_hex(&range.base_iv).try_into().unwrap();
    let cipher = if key.len() == 16 { Cipher::Aes128 } else { Cipher::Aes256 };
    InternalKey::from_slice(cipher, &key, BaseIv::new(base_iv)).unwrap()
}

fn ranges(cluster: &RecordedCluster) -> KeyRanges {
    KeyRanges::from_entries(cluster.manifest.wal_key_ranges.iter().map(|range| {
        let start = location(range.start_tli, &range.start_lsn);
        (RangeEntry { start, kind: kind(&range.kind) }, Some(key(range)))
    }))
}

/// All segments of some recordings, decrypted with the ranges of their manifests.
fn samples(clusters: &[RecordedCluster]) -> Vec<Sample<'_>> {
    let mut samples = Vec::new();
    for cluster in clusters {
        let size = SegmentSize::new(cluster.manifest.wal_segment_size).unwrap();
        let ranges = ranges(cluster);
        for manifest in &cluster.manifest.wal {
            let name = SegmentName::parse(manifest.path.rsplit('/').next().unwrap(), size).unwrap();
            let stored = cluster.read(&manifest.path);
            let mut plain = stored.clone();
            ranges.transform(SegmentPosition::start_of(&name), &mut plain).unwrap();
            let history = format!("pg_wal/{:08X}.history", name.timeline().get());
            let history = std::fs::read_to_string(cluster.data_dir().join(history)).ok();
            samples.push(Sample { cluster, name, stored, plain, manifest, history });
        }
    }
    samples
}

impl Sample<'_> {
    fn layout(&self) -> WalLayout {
        WalLayout::new(self.name.size()).with_major(Major::V17)
    }

    fn history(&self) -> TimelineHistory<'_> {
        match &self.history {
            Some(text) => TimelineHistory::parse(self.name.timeline(), text).unwrap(),
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
    for sample in samples(&clusters()) {
        assert_eq!(sha256_hex(&sample.stored), sample.manifest.sha256);
        assert_eq!(
            sha256_hex(&sample.plain),
            sample.manifest.plain_sha256,
            "{} {}",
            sample.cluster.name,
            sample.name
        );
        assert_eq!(sample.manifest.tli, sample.name.timeline().get());
        assert_eq!(sample.manifest.segno, sample.name.number().get());
    }
}

#[test]
fn every_segment_encrypts_to_what_the_server_stored() {
    for sample in samples(&clusters()) {
        let mut bytes = vec![0; sample.plain.len()];
        let at = SegmentPosition::start_of(&sample.name);
        ranges(sample.cluster).transform_to(at, &sample.plain, &mut bytes).unwrap();
        assert!(bytes == sample.stored, "{} {}", sample.cluster.name, sample.name);
    }
}

#[test]
fn entries_resolve_to_the_ranges_that_the_server_sees() {
    for cluster in clusters() {
        let manifest = &cluster.manifest;
        let file = manifest.pg_tde_files.iter().find(|f| f.path.ends_with("/wal_keys")).unwrap();
        let entries = file.entries.iter().map(|entry| {
            let timeline = entry["start_tli"].as_u64().unwrap().try_into().unwrap();
            let start = location(timeline, entry["start_lsn"].as_str().unwrap());
            (RangeEntry { start, kind: kind(entry["type"].as_str().unwrap()) }, Some(()))
        });
        let resolved: Vec<_> = resolve(entries).collect();
        let expected: Vec<_> = manifest
            .wal_key_ranges
            .iter()
            .map(|range| {
                let protection = match kind(&range.kind) {
                    RangeKind::Encrypted => Protection::Encrypted(()),
                    _ => Protection::Plain,
                };
                let start = location(range.start_tli, &range.start_lsn);
                KeyRange::new(start, location(range.end_tli, &range.end_lsn), protection)
            })
            .collect();
        assert_eq!(resolved, expected, "{}", cluster.name);
        assert_eq!(tde_wal::out_of_order(&resolved).count(), 0);
    }
}

#[test]
fn records_of_every_segment_are_those_of_the_servers_own_tool() {
    for sample in samples(&clusters()) {
        let what = format!("{} {}", sample.cluster.name, sample.name);
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        let mut lsns = Vec::new();
        let mut walker = sample.walker();
        let walked = walker.segment(sample.name.timeline(), sample.name.number(), &sample.plain, |record| {
            *counts.entry(record.header.resource_manager.to_string()).or_default() += 1;
            lsns.push(record.lsn);
        });
        let manifest = sample.manifest;
        assert_eq!(counts, manifest.rmgr_counts, "{what}");
        assert_eq!(lsns.len() as u64, manifest.records, "{what}");
        assert_eq!(lsns.first(), Some(&manifest.first_record_lsn.parse().unwrap()), "{what}");
        assert_eq!(lsns.last(), Some(&manifest.last_record_lsn.parse().unwrap()), "{what}");
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
    let clusters = clusters();
    let samples = samples(&clusters);
    let mut chains = 0;
    for pair in samples.windows(2) {
        let [first, second] = pair else { unreachable!() };
        let follows = second.name.number().get() == first.name.number().get() + 1
            && second.cluster.name == first.cluster.name
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
        let wholly: u64 = pair.iter().map(|s| s.manifest.records).sum();
        assert!(crossing <= 1);
        assert_eq!(records, wholly + crossing, "{} {}", first.cluster.name, first.name);
        chains += 1;
    }
    let full = clusters.iter().any(|cluster| !cluster.name.ends_with("-excerpt"));
    assert!(chains > 0 || !full, "no two segments of the full recordings follow one another");
}

#[test]
fn a_walk_may_begin_at_any_record_and_at_any_page() {
    for sample in samples(&clusters()) {
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
                assert_eq!(found, records[from..], "{} {} page {page}", sample.cluster.name, sample.name);
            } else {
                assert!(found.is_empty());
            }
        }
    }
}

#[test]
fn each_page_tells_by_itself_whether_it_is_decrypted() {
    for sample in samples(&clusters()) {
        let until = {
            let mut walker = sample.walker();
            let _ = walker.segment(sample.name.timeline(), sample.name.number(), &sample.plain, |_| {});
            // A switch ends the pages with headers, zeros follow.
            walker.valid_until().unwrap()
        };
        let covered = ranges(sample.cluster);
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
                sample.cluster.name,
                sample.name
            );
            let at = SegmentPosition::start_of(&sample.name).advance(offset as u64).unwrap();
            let encrypted = covered.encrypted_parts(at, 24).unwrap().any(|part| part.bytes == (0..24));
            let stored = PageEvidence::of(&sample.stored[offset..offset + 8192], &expected).unwrap();
            let verdict = if encrypted { PageVerdict::Noise } else { PageVerdict::Valid };
            assert_eq!(stored.verdict(), verdict, "{} {} page {index}", sample.cluster.name, sample.name);
        }
    }
}

#[test]
fn under_a_wrong_key_nothing_but_noise_comes_out() {
    let wrong = InternalKey::from_slice(Cipher::Aes128, &[9; 16], BaseIv::new([9; 16])).unwrap();
    let start = Location::new(TimelineId::FIRST, Lsn::new(1));
    let ranges = [KeyRange::new(start, Location::MAX, Protection::Encrypted(WalCipher::new(&wrong)))];
    for sample in samples(&clusters()) {
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

/// Not a test: how fast records are walked and segments transformed.
///
/// `cargo test --release -p tde-wal --all-features --test wal throughput -- --ignored --nocapture`
#[test]
#[ignore = "measures"]
fn throughput_of_walking_and_transforming() {
    use std::time::Instant;
    let clusters = clusters();
    let samples = samples(&clusters);
    let best = |mut run: Box<dyn FnMut() -> u64 + '_>| {
        (0..30).fold((f64::MAX, 0), |(best, _), _| {
            let start = Instant::now();
            let count = run();
            (start.elapsed().as_secs_f64().min(best), count)
        })
    };
    // Segments that are full of records: only what is walked may count.
    let full: Vec<_> = samples.iter().filter(|s| s.manifest.records > 3300).collect();
    let bytes: usize = full.iter().map(|s| s.plain.len()).sum();
    let (time, records) = best(Box::new(|| {
        let mut records = 0;
        for s in &full {
            let _ = s.walker().segment(s.name.timeline(), s.name.number(), &s.plain, |_| records += 1);
        }
        records
    }));
    let rate = bytes as f64 / time / 1e6;
    eprintln!(
        "walk: {bytes} bytes, {records} records, {rate:.0} MB/s, {:.1} ns a record",
        time / records as f64 * 1e9
    );
    for cluster in &clusters {
        let (name, ranges) = (&cluster.name, ranges(cluster));
        for s in samples.iter().filter(|s| s.cluster.name == *name).take(1) {
            let mut buffer = s.stored.clone();
            let at = SegmentPosition::start_of(&s.name);
            let (time, encrypted) = best(Box::new(|| ranges.transform(at, &mut buffer).unwrap().encrypted));
            eprintln!(
                "{name}: transform in place {:.0} MB/s of {encrypted}",
                buffer.len() as f64 / time / 1e6
            );
            let (time, _) =
                best(Box::new(|| ranges.transform_to(at, &s.stored, &mut buffer).unwrap().encrypted));
            eprintln!("{name}: transform to another {:.0} MB/s", s.stored.len() as f64 / time / 1e6);
        }
    }
}
