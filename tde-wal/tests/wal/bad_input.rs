//! Any bytes at all: no panic, and nothing found that is not there.

use proptest::prelude::*;
use tde_wal::{Lsn, Major, RecordWalker, TimelineId, WalkStart};

use crate::builder::Builder;

const MIB: u64 = 1 << 20;

/// Where the fuzz entry points look: segment 14 of 1 MiB.
fn log() -> Builder {
    let mut builder = Builder::new(Major::V17, MIB, 8192, 14 * MIB);
    for i in 0..60 {
        builder.record(10, 0, 24 + i * 13);
    }
    builder.leave_on_page(16);
    builder.abandon(12_000);
    builder.record(11, 0, 20_000);
    builder.switch();
    builder
}

#[test]
fn every_truncation_is_survived_and_gives_a_part_of_the_records() {
    let builder = log();
    let used = builder.bytes.iter().rposition(|&byte| byte != 0).unwrap() + 1;
    let lengths = (0..1100).chain((1100..used).step_by(531));
    for len in lengths {
        let mut walker =
            RecordWalker::new(builder.layout, WalkStart::Page(Lsn::new(14 * MIB)), TimelineId::FIRST);
        let number = builder.layout.segment_size.segment_of(Lsn::new(14 * MIB));
        let mut records = Vec::new();
        let _ = walker.segment(TimelineId::FIRST, number, &builder.bytes[..len], |r| {
            records.push((r.lsn.get(), r.header.resource_manager.id()));
        });
        assert!(builder.records.starts_with(&records), "{len} bytes");
        let end = walker.finish();
        assert!(end.lsn.get() <= 14 * MIB + len as u64, "{len} bytes: {end}");
    }
}

#[test]
fn fuzz_entry_point_holds_on_a_log_with_everything_in_it() {
    let builder = log();
    tde_wal::fuzz::segment(&builder.bytes[..40 * 1024]);
    tde_wal::fuzz::segment(&[]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn changed_bytes_are_survived(
        changes in proptest::collection::vec((0_usize..60_000, any::<u8>()), 1..40),
        len in 0_usize..60_000,
    ) {
        let mut bytes = log().bytes[..60_000].to_vec();
        for (offset, byte) in changes {
            bytes[offset] = byte;
        }
        tde_wal::fuzz::segment(&bytes[..len]);
    }
}
