//! The response while it is made: encoded batch items, one after another, in a buffer that is wiped.

use tde_kmip_codec::{
    DateTime, Structure,
    message::{ResponseBatchItem, ResponseHeader},
    operation::ResponsePayload,
    spec::{
        ProtocolVersion,
        enumeration::{Operation, ResultReason, ResultStatus},
        tag,
    },
    ttlv::{self, ItemType, Writer},
};
use zeroize::{Zeroize, Zeroizing};

use super::{
    failure::Failure,
    record::{encoded, needed},
};

/// The longest correlation value that is echoed, in bytes.
pub(super) const MAX_CORRELATION: usize = 1024;

/// Room for any header.
const HEADER_ROOM: usize = 256 + 2 * MAX_CORRELATION;

/// The batch items of a response.
pub(super) struct Reply {
    pub(super) version: ProtocolVersion,
    items: Zeroizing<Vec<u8>>,
    /// Where each item begins in `items`.
    starts: Vec<usize>,
    limit: SizeLimit,
    pub(super) client_correlation: Option<String>,
    pub(super) server_correlation: Option<String>,
}

/// The most bytes of a response.
#[derive(Clone, Copy)]
pub(super) struct SizeLimit {
    pub(super) bytes: usize,
    /// What it is called, to the client.
    pub(super) name: &'static str,
}

/// What every answer to one request item repeats.
#[derive(Clone, Copy)]
pub(super) struct ItemHead<'a> {
    pub(super) operation: Option<Operation>,
    pub(super) id: Option<&'a [u8]>,
}

impl Reply {
    pub(super) fn new(version: ProtocolVersion, limit: SizeLimit) -> Self {
        Self {
            version,
            items: Zeroizing::default(),
            starts: Vec::new(),
            limit,
            client_correlation: None,
            server_correlation: None,
        }
    }

    /// How many items there are.
    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }

    /// Takes back the items from this one on.
    pub(super) fn truncate(&mut self, len: usize) {
        if let Some(start) = self.starts.get(len).copied() {
            if let Some(rest) = self.items.get_mut(start..) {
                rest.zeroize();
            }
            self.items.truncate(start);
            self.starts.truncate(len);
        }
    }

    /// An item that went well.
    pub(super) fn success<'p>(
        &mut self,
        head: ItemHead<'p>,
        payload: ResponsePayload<'p>,
    ) -> Result<(), Failure> {
        let mut item = ResponseBatchItem::new(ResultStatus::SUCCESS);
        item.payload = Some(payload);
        self.push(head, item).map_err(|error| {
            Failure::general(format!("the answer does not fit into KMIP {}: {error}", self.version))
        })?;
        if self.encoded_len() > self.limit.bytes {
            self.truncate(self.len().saturating_sub(1));
            let SizeLimit { bytes, name } = self.limit;
            let message = format!("the answer is longer than {name}, {bytes} bytes");
            return Err(Failure::exactly(ResultReason::RESPONSE_TOO_LARGE, message));
        }
        Ok(())
    }

    /// The length of the response so far.
    fn encoded_len(&self) -> usize {
        8 + self.header(0, &mut [0; HEADER_ROOM]).len() + self.items.len()
    }

    /// The header, in a part of `room`.
    fn header<'b>(&self, now: i64, room: &'b mut [u8; HEADER_ROOM]) -> &'b [u8] {
        let count = i32::try_from(self.len()).unwrap_or(i32::MAX);
        let mut header = ResponseHeader::new(self.version, DateTime(now), count);
        header.client_correlation_value = self.client_correlation.as_deref();
        header.server_correlation_value = self.server_correlation.as_deref();
        // Cannot fail: the correlation values are short, and asked for in versions that have them only.
        header.to_item(tag::RESPONSE_HEADER, self.version, room).map_or(&[], |header| header)
    }

    /// An item that failed.
    pub(super) fn failure(&mut self, head: ItemHead<'_>, failure: &Failure) {
        self.push_plain(head, ResultStatus::OPERATION_FAILED, Some(failure));
    }

    /// An item that was done and then undone, since a later one of the batch failed.
    pub(super) fn undone(&mut self, head: ItemHead<'_>) {
        self.push_plain(head, ResultStatus::OPERATION_UNDONE, None);
    }

    /// An item without payload. Written by hand, since the operation is repeated even if the version lacks it.
    fn push_plain(&mut self, head: ItemHead<'_>, status: ResultStatus, failure: Option<&Failure>) {
        let write = |room: &mut [u8]| {
            let mut writer = Writer::new(room);
            let item = writer.begin(tag::BATCH_ITEM);
            if let Some(operation) = head.operation {
                writer.enumeration(tag::OPERATION, operation.0);
            }
            if let Some(id) = head.id {
                writer.byte_string(tag::UNIQUE_BATCH_ITEM_ID, id);
            }
            writer.enumeration(tag::RESULT_STATUS, status.0);
            if let Some(failure) = failure {
                writer.enumeration(tag::RESULT_REASON, failure.reason(self.version).0);
                writer.text_string(tag::RESULT_MESSAGE, &failure.message);
            }
            writer.end(item);
            let len = writer.len();
            writer.finish().map(|_| len)
        };
        // Fits: the parts of a request that passed the size limit, and a short message.
        let item = encoded(write).unwrap_or_default();
        let start = self.items.len();
        grow(&mut self.items, item.len());
        if let Some(room) = self.items.get_mut(start..) {
            room.copy_from_slice(&item);
        }
        self.starts.push(start);
    }

    fn push<'p>(&mut self, head: ItemHead<'p>, mut item: ResponseBatchItem<'p>) -> Result<(), ttlv::Error> {
        item.operation = head.operation;
        item.unique_batch_item_id = head.id;
        let start = self.items.len();
        let needed = needed(|room| item.to_item(tag::BATCH_ITEM, self.version, room).map(|item| item.len()))?;
        grow(&mut self.items, needed);
        if let Some(room) = self.items.get_mut(start..) {
            item.to_item(tag::BATCH_ITEM, self.version, room)?;
        }
        self.starts.push(start);
        Ok(())
    }

    /// The whole response.
    pub(super) fn finish(&self, now: i64, out: &mut Vec<u8>) {
        let mut room = [0; HEADER_ROOM];
        let header = self.header(now, &mut room);
        let length = header.len() + self.items.len();
        // Nothing of the last response stays behind when the buffer grows.
        out.zeroize();
        out.reserve_exact(8 + length);
        let root = u64::from(tag::RESPONSE_MESSAGE.get()) << 40
            | u64::from(ItemType::Structure.as_byte()) << 32
            | u64::from(u32::try_from(length).unwrap_or(u32::MAX));
        out.extend_from_slice(&root.to_be_bytes());
        out.extend_from_slice(header);
        out.extend_from_slice(&self.items);
    }
}

/// Makes room without leaving a copy of secrets behind.
fn grow(items: &mut Zeroizing<Vec<u8>>, by: usize) {
    let len = items.len() + by;
    if items.capacity() < len {
        let mut larger = Zeroizing::new(Vec::with_capacity(len.max(2 * items.capacity())));
        larger.extend_from_slice(items);
        *items = larger;
    }
    items.resize(len, 0);
}
