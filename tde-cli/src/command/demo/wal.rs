//! A log with messages in it, as `pg_logical_emit_message` writes them, up to the checkpoint of a shutdown.
//!
//! Source: `access/xlogrecord.h`, `access/xlog_internal.h`, `replication/message.h` and `catalog/pg_control.h` of
//! PostgreSQL 17.

use crc::{CRC_32_ISCSI, Crc};
use tde_wal::Major;

use super::control_file::Checkpoint;

static CRC32C: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

pub(super) const BLOCK: usize = 8192;
const RECORD_HEADER: usize = 24;
/// Resource managers: the log itself, logical messages.
const XLOG: u8 = 0;
const LOGICAL_MESSAGE: u8 = 21;

/// WAL of timeline 1 from the beginning of a segment on.
#[derive(Debug)]
pub(super) struct Log {
    segment_size: usize,
    system_identifier: u64,
    start: u64,
    bytes: Vec<u8>,
    previous: u64,
    records: u64,
}

impl Log {
    pub(super) const fn new(system_identifier: u64, segment_size: usize, start: u64) -> Self {
        Self { segment_size, system_identifier, start, bytes: Vec::new(), previous: 0, records: 0 }
    }

    /// How long it is.
    pub(super) const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// How many records it has.
    pub(super) const fn records(&self) -> u64 {
        self.records
    }

    /// Appends a message.
    pub(super) fn message(&mut self, text: &str) {
        const PREFIX: &[u8] = b"demo\0";
        // Database, whether it belongs to a transaction, lengths of prefix and message.
        let mut data = Vec::new();
        data.extend(u64::to_le_bytes(super::cluster::DATABASE.into()));
        data.extend((PREFIX.len() as u64).to_le_bytes());
        data.extend((text.len() as u64).to_le_bytes());
        data.extend(PREFIX);
        data.extend(text.as_bytes());
        self.record(LOGICAL_MESSAGE, 0, &data);
    }

    /// Appends the checkpoint of a shutdown, which is the last record; tells where it begins.
    pub(super) fn shut_down(&mut self, checkpoint: &Checkpoint) -> u64 {
        let at = self.begin();
        self.record(XLOG, 0, &checkpoint.bytes(at));
        at
    }

    /// The segments, the last one filled up with the zeros that a server allocates; and how many bytes of each were
    /// written, whole pages.
    pub(super) fn segments(&self) -> impl Iterator<Item = (Vec<u8>, usize)> {
        self.bytes.chunks(self.segment_size).map(|chunk| {
            let mut segment = chunk.to_vec();
            segment.resize(self.segment_size, 0);
            (segment, chunk.len().next_multiple_of(BLOCK))
        })
    }

    fn position(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// Bytes left on the page.
    const fn room(&self) -> usize {
        self.bytes.len().next_multiple_of(BLOCK) - self.bytes.len()
    }

    /// Where the next record begins: at a multiple of 8, behind the header of its page.
    fn begin(&mut self) -> u64 {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        if self.room() == 0 {
            self.page_header(0);
        }
        self.position()
    }

    fn record(&mut self, resource_manager: u8, info: u8, data: &[u8]) {
        let at = self.begin();
        // All of it is main data: a mark and the length in one byte or in four.
        let mut body = match u8::try_from(data.len()) {
            Ok(length) => vec![255, length],
            Err(_) => [&[254], &(data.len() as u32).to_le_bytes()[..]].concat(),
        };
        body.extend(data);
        let mut record = Vec::with_capacity(RECORD_HEADER + body.len());
        record.extend(((RECORD_HEADER + body.len()) as u32).to_le_bytes());
        record.extend(0_u32.to_le_bytes());
        record.extend(self.previous.to_le_bytes());
        record.extend([info, resource_manager, 0, 0]);
        let mut digest = CRC32C.digest();
        digest.update(&body);
        digest.update(&record);
        record.extend(digest.finalize().to_le_bytes());
        record.extend(body);
        let mut rest = &*record;
        while !rest.is_empty() {
            if self.room() == 0 {
                self.page_header(rest.len() as u32);
            }
            let (here, behind) = rest.split_at(rest.len().min(self.room()));
            self.bytes.extend(here);
            rest = behind;
        }
        self.previous = at;
        self.records += 1;
    }

    /// The header of a page that begins with so many bytes of a record from the page before.
    fn page_header(&mut self, continued: u32) {
        let address = self.position();
        let first = self.bytes.len().is_multiple_of(self.segment_size);
        // A record goes on, a long header, no backup blocks that could be left out.
        let flags = u16::from(continued > 0) | u16::from(first) << 1 | 4;
        self.bytes.extend(Major::V17.magic().to_le_bytes());
        self.bytes.extend(flags.to_le_bytes());
        self.bytes.extend(1_u32.to_le_bytes());
        self.bytes.extend(address.to_le_bytes());
        self.bytes.extend(continued.to_le_bytes());
        self.bytes.extend([0; 4]);
        if first {
            self.bytes.extend(self.system_identifier.to_le_bytes());
            self.bytes.extend((self.segment_size as u32).to_le_bytes());
            self.bytes.extend((BLOCK as u32).to_le_bytes());
        }
    }
}
