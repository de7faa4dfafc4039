//! A request taken apart: version, header, batch items. The items are decoded one by one, each when its turn comes, so
//! that one bad item does not fail the others.

use tde_kmip_codec::{
    Structure,
    message::{RequestBatchItem, RequestHeader},
    spec::{
        ProtocolVersion,
        enumeration::{Operation, ResultReason},
        tag,
    },
    ttlv::{self, ErrorKind, Item, Leniency, Options, Reader, Tolerated, Value},
};

use super::{EngineOptions, failure::Failure, reply::ItemHead};

/// What is gone along with: fields that are missing where their absence can be expressed, such as PyKMIP's Attributes
/// in the Locate of 2.0; the operation then says what it lacks.
const LENIENCY: Leniency = Leniency::MISSING_FIELDS;

/// A request whose outer form is good.
pub(super) struct Envelope<'a> {
    pub(super) version: ProtocolVersion,
    pub(super) header: RequestHeader<'a>,
    pub(super) items: Vec<Item<'a>>,
}

/// A request that is answered with one item that names no operation.
pub(super) struct Refusal {
    /// The version to say so in.
    pub(super) version: ProtocolVersion,
    pub(super) failure: Failure,
}

impl<'a> Envelope<'a> {
    pub(super) fn open(request: &'a [u8], options: &EngineOptions) -> Result<Self, Refusal> {
        let claimed = claimed_version(request);
        let version = answered_in(claimed, options);
        let refuse = |failure| Refusal { version, failure };
        let invalid = |message: String| refuse(Failure::exactly(ResultReason::INVALID_MESSAGE, message));
        let malformed = |error: &ttlv::Error| refuse(Failure::undecodable(error));

        let root = ttlv::decode_with(request, options.limits, |_| ()).map_err(|error| malformed(&error))?;
        if root.tag != tag::REQUEST_MESSAGE {
            return Err(invalid(format!("tag {} is not that of a request message", root.tag)));
        }
        match claimed {
            Some(claimed) if claimed == version => {}
            Some(claimed) => {
                return Err(invalid(format!("KMIP {claimed} is not spoken here; {version} is")));
            }
            None => return Err(invalid("the request header names no protocol version".to_owned())),
        }
        let mut fields = root.children();
        let first = fields.read().map_err(|error| malformed(&error))?;
        if first.tag != tag::REQUEST_HEADER {
            return Err(invalid("the request does not begin with its header".to_owned()));
        }
        let decoding = Options::new().leniency(LENIENCY);
        let header = RequestHeader::from_item_with(first.bytes, version, decoding, &mut |_| ())
            .map_err(|error| malformed(&error))?;
        let mut items = Vec::new();
        while !fields.is_empty() {
            let item = fields.read().map_err(|error| malformed(&error))?;
            if item.tag != tag::BATCH_ITEM {
                return Err(refuse(Failure::invalid_field(format!(
                    "tag {} is not that of a batch item",
                    item.tag
                ))));
            }
            if items.len() == options.max_batch_items {
                return Err(invalid(format!("more than {} batch items", options.max_batch_items)));
            }
            items.push(item);
        }
        if items.is_empty() || usize::try_from(header.batch_count) != Ok(items.len()) {
            let message =
                format!("batch count is {}, but there are {} batch items", header.batch_count, items.len());
            return Err(invalid(message));
        }
        // KMIP 1.4, section 6.4; KMIP 2.1, section 9.21.
        if items.len() > 1 && items.iter().any(|item| head(item).id.is_none()) {
            return Err(invalid("a batch item lacks its Unique Batch Item ID".to_owned()));
        }
        Ok(Self { version, header, items })
    }
}

/// Decodes a batch item.
pub(super) fn decode<'a>(item: &Item<'a>, version: ProtocolVersion) -> Result<RequestBatchItem<'a>, Failure> {
    let options = Options::new().leniency(LENIENCY);
    let decoded = RequestBatchItem::from_item_with(item.bytes, version, options, &mut |_| ());
    let error = match decoded {
        Ok(decoded) => return Ok(decoded),
        Err(error) => error,
    };
    match error.kind() {
        ErrorKind::FieldNotInVersion { tag: tag::ENCODING_OPTION } => {
            with_encoding_option(item, version).ok_or_else(|| Failure::undecodable(&error))
        }
        ErrorKind::UnknownEnumerationValue { tag: tag::OPERATION, .. }
        | ErrorKind::EnumerationValueNotInVersion { tag: tag::OPERATION, .. } => {
            Err(Failure::exactly(ResultReason::OPERATION_NOT_SUPPORTED, format!("KMIP {version}: {error}")))
        }
        _ => Err(Failure::undecodable(&error)),
    }
}

/// An item of KMIP 1.0 with the Encoding Option of 1.1, which PyKMIP sends in every version; nothing else of later
/// versions is gone along with.
fn with_encoding_option<'a>(item: &Item<'a>, version: ProtocolVersion) -> Option<RequestBatchItem<'a>> {
    let options = Options::new().leniency(LENIENCY | Leniency::OTHER_VERSIONS);
    let mut other = false;
    let mut heard = |tolerated: Tolerated| match tolerated.kind {
        ErrorKind::FieldNotInVersion { tag: tag::ENCODING_OPTION }
        | ErrorKind::EnumerationValueNotInVersion { tag: tag::ENCODING_OPTION, .. }
        | ErrorKind::MissingField { .. } => {}
        _ => other = true,
    };
    let decoded = RequestBatchItem::from_item_with(item.bytes, version, options, &mut heard).ok();
    decoded.filter(|_| !other)
}

/// Operation and Unique Batch Item ID of an item, whether or not the rest of it is good.
pub(super) fn head<'a>(item: &Item<'a>) -> ItemHead<'a> {
    let mut head = ItemHead { operation: None, id: None };
    for field in item.children().map_while(Result::ok) {
        match (field.tag, field.value) {
            (tag::OPERATION, Value::Enumeration(number)) => head.operation = Some(Operation(number)),
            (tag::UNIQUE_BATCH_ITEM_ID, Value::ByteString(id)) => head.id = Some(id),
            _ => {}
        }
    }
    head
}

/// The version in the header, as far as it can be made out, even of a message that is cut or broken further on.
fn claimed_version(request: &[u8]) -> Option<ProtocolVersion> {
    const VERSION_AT: usize = 16;
    const VERSION_LEN: usize = 40;
    let item = request.get(VERSION_AT..VERSION_AT + VERSION_LEN)?;
    let version = Reader::new(item).read().ok().filter(|item| item.tag == tag::PROTOCOL_VERSION)?;
    let mut numbers = version.children();
    match (numbers.read().ok()?, numbers.read().ok()?) {
        (
            Item { tag: tag::PROTOCOL_VERSION_MAJOR, value: Value::Integer(major), .. },
            Item { tag: tag::PROTOCOL_VERSION_MINOR, value: Value::Integer(minor), .. },
        ) => Some(ProtocolVersion::new(major, minor)),
        _ => None,
    }
}

/// The version to answer in: the request's own if it is spoken here; else the newest before it; else, and for a request
/// without version, the oldest, which every client understands.
fn answered_in(claimed: Option<ProtocolVersion>, options: &EngineOptions) -> ProtocolVersion {
    let before = claimed.and_then(|claimed| options.spoken().find(|version| *version <= claimed));
    before.or_else(|| options.spoken().last()).unwrap_or(ProtocolVersion::V1_0)
}
