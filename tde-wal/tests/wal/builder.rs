//! A maker of WAL: pages and records laid out as a server does it, from the description of the format alone.

use tde_wal::{BlockSize, Lsn, Major, SegmentNumber, SegmentSize, TimelineId, WalLayout};

pub(crate) const SYSTEM_IDENTIFIER: u64 = 0x6B02_2271_8FEB_6B60;

/// A log from the beginning of a segment on.
pub(crate) struct Builder {
    pub(crate) layout: WalLayout,
    pub(crate) timeline: u32,
    /// LSN of the first byte.
    pub(crate) start: u64,
    pub(crate) bytes: Vec<u8>,
    /// The whole records so far: LSN and resource manager.
    pub(crate) records: Vec<(u64, u8)>,
    previous: u64,
}

impl Builder {
    pub(crate) fn new(major: Major, segment_size: u64, block_size: u64, start: u64) -> Self {
        let layout = WalLayout::new(SegmentSize::new(segment_size).unwrap())
            .with_block_size(BlockSize::new(block_size).unwrap())
            .with_major(major)
            .with_system_identifier(SYSTEM_IDENTIFIER);
        assert_eq!(start % segment_size, 0);
        Self { layout, timeline: 1, start, bytes: Vec::new(), records: Vec::new(), previous: 0 }
    }

    pub(crate) fn position(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// Appends a record of so many bytes in all.
    pub(crate) fn record(&mut self, resource_manager: u8, info: u8, total: usize) -> u64 {
        let body: Vec<u8> = (0..total - 24).map(|i| (i * 31 + total) as u8).collect();
        self.record_with(resource_manager, info, &body)
    }

    pub(crate) fn record_with(&mut self, resource_manager: u8, info: u8, body: &[u8]) -> u64 {
        let lsn = self.begin();
        let record = self.encode(resource_manager, info, body);
        self.put(&record);
        self.previous = lsn;
        self.records.push((lsn, resource_manager));
        lsn
    }

    /// A switch record, and zeros up to the end of the segment.
    pub(crate) fn switch(&mut self) -> u64 {
        let lsn = self.record_with(0, 0x40, &[]);
        self.fill_segment();
        lsn
    }

    /// A record of which only what fits on this page is written; the next page abandons it.
    pub(crate) fn abandon(&mut self, total: usize) -> u64 {
        let dropped = self.begin();
        let room = self.room();
        assert!(total > room && room >= 8, "the record must not fit");
        let record = self.encode(10, 0, &vec![7; total - 24]);
        self.bytes.extend(&record[..room]);
        self.header(0x8, 0);
        let mut body = vec![255, 16];
        body.extend(dropped.to_le_bytes());
        body.extend([9; 8]);
        self.record_with(0, 0xD0, &body);
        dropped
    }

    /// Leaves exactly so many bytes on the page to come or begun, by a record that takes up the rest.
    pub(crate) fn leave_on_page(&mut self, bytes: usize) {
        self.begin();
        let room = self.room();
        assert!(room >= bytes + 24);
        self.record(10, 0, room - bytes);
        assert_eq!(self.room(), bytes % self.block());
    }

    /// Zeros up to the end of the segment, without page headers.
    pub(crate) fn fill_segment(&mut self) {
        let size = self.layout.segment_size.bytes() as usize;
        self.bytes.resize(self.bytes.len().next_multiple_of(size), 0);
    }

    /// Zeros up to the end of the page.
    pub(crate) fn fill_page(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(self.block()), 0);
    }

    /// The segments so far, the last filled with zeros.
    pub(crate) fn segments(&self) -> Vec<(SegmentNumber, Vec<u8>)> {
        let size = self.layout.segment_size;
        let first = size.segment_of(Lsn::new(self.start)).get();
        let chunks = self.bytes.chunks(size.bytes() as usize).enumerate();
        chunks
            .map(|(i, chunk)| {
                let mut chunk = chunk.to_vec();
                chunk.resize(size.bytes() as usize, 0);
                (SegmentNumber::new(first + i as u64), chunk)
            })
            .collect()
    }

    pub(crate) fn timeline_id(&self) -> TimelineId {
        TimelineId::new(self.timeline)
    }

    fn block(&self) -> usize {
        self.layout.block_size.bytes()
    }

    fn room(&self) -> usize {
        self.bytes.len().next_multiple_of(self.block()) - self.bytes.len()
    }

    /// Pads to a multiple of 8, begins a page if there is none; where the record begins.
    fn begin(&mut self) -> u64 {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        if self.room() == 0 {
            self.header(0, 0);
        }
        self.position()
    }

    fn encode(&self, resource_manager: u8, info: u8, body: &[u8]) -> Vec<u8> {
        let mut record = Vec::new();
        record.extend((body.len() as u32 + 24).to_le_bytes());
        record.extend(700_u32.to_le_bytes());
        record.extend(self.previous.to_le_bytes());
        record.extend([info, resource_manager, 0, 0]);
        let crc = crc32c_by_definition(body.iter().chain(&record).copied());
        record.extend(crc.to_le_bytes());
        record.extend(body);
        record
    }

    fn put(&mut self, mut record: &[u8]) {
        while !record.is_empty() {
            if self.room() == 0 {
                self.header(0x1, record.len() as u32);
            }
            let (here, rest) = record.split_at(record.len().min(self.room()));
            self.bytes.extend(here);
            record = rest;
        }
    }

    fn header(&mut self, flags: u16, continuation: u32) {
        let address = self.position();
        let size = self.layout.segment_size.bytes();
        let long = address.is_multiple_of(size);
        let flags = flags | 0x4 | if long { 0x2 } else { 0 };
        self.bytes.extend(self.layout.major.unwrap().magic().to_le_bytes());
        self.bytes.extend(flags.to_le_bytes());
        self.bytes.extend(self.timeline.to_le_bytes());
        self.bytes.extend(address.to_le_bytes());
        self.bytes.extend(continuation.to_le_bytes());
        self.bytes.extend([0; 4]);
        if long {
            self.bytes.extend(SYSTEM_IDENTIFIER.to_le_bytes());
            self.bytes.extend((size as u32).to_le_bytes());
            self.bytes.extend((self.block() as u32).to_le_bytes());
        }
    }
}

/// Bit by bit, so that it shares nothing with the tables and instructions that it checks.
pub(crate) fn crc32c_by_definition(bytes: impl Iterator<Item = u8>) -> u32 {
    !bytes.fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0x82F6_3B78 * (crc & 1)))
    })
}
