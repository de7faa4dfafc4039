//! The outermost structures: a header and batch items.

use super::{RequestBatchItem, RequestHeader, ResponseBatchItem, ResponseHeader, choice::canonical_version};
use crate::{
    codec::{Decoder, Encoder, Failed, FieldValue, Fields, Found, Many, Place, declared_in_order, presence},
    spec::{self, ProtocolVersion, tag},
    ttlv::{Error, ErrorKind, Leniency, Options, Tag, Tolerated, Writer, raw},
};

macro_rules! message {
    ($(#[$meta:meta])* $name:ident = $facts:expr, $tag:ident, $header_tag:ident, $header:ident, $item:ident, $what:literal) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name<'a> {
            /// The header, whose Protocol Version governs the rest.
            pub header: $header<'a>,
            /// The batch items.
            pub batch_items: Many<'a, $item<'a>>,
        }

        const _: () = assert!(
            declared_in_order($facts, &[tag::$header_tag, tag::BATCH_ITEM]),
            concat!(stringify!($name), " does not follow the standard's table"),
        );

        impl<'a> $name<'a> {
            #[doc = concat!("Decodes ", $what, " strictly, in the version that its header names.")]
            ///
            /// # Errors
            /// Every error of the item and message layers.
            pub fn decode(input: &'a [u8]) -> Result<Self, Error> {
                Self::run(Decoder::new(input, ProtocolVersion::V1_0, Options::new(), None))
            }

            #[doc = concat!("Decodes ", $what, " with limits and leniency.")]
            ///
            /// `tolerated` hears of each deviation gone along with.
            ///
            /// # Errors
            /// Every error of the item and message layers that `options` does not tolerate.
            pub fn decode_with(
                input: &'a [u8],
                options: Options,
                tolerated: &mut dyn FnMut(Tolerated),
            ) -> Result<Self, Error> {
                Self::run(Decoder::new(input, ProtocolVersion::V1_0, options, Some(tolerated)))
            }

            fn run(mut d: Decoder<'a, '_>) -> Result<Self, Error> {
                Self::decode_root(&mut d).map_err(|failed| d.error(failed))
            }

            fn decode_root(d: &mut Decoder<'a, '_>) -> Result<Self, Failed> {
                const FACTS: &[spec::FieldFacts] = $facts;
                const HEADER: Place = (presence(FACTS, tag::$header_tag), tag::$header_tag);
                const BATCH_ITEM: Place = (presence(FACTS, tag::BATCH_ITEM), tag::BATCH_ITEM);

                let root = d.root()?;
                if root.tag() != tag::$tag {
                    let kind = ErrorKind::NotThisMessage { expected: tag::$tag, found: root.tag() };
                    return Err(d.fail(kind, 0));
                }
                let version = header_version(d, root, const { &FACTS }, tag::$header_tag)?;
                d.set_version(version);
                let mut fields = Fields::open(root, d, const { &FACTS })?;
                let header: $header<'a> = fields.required(HEADER)?;
                let batch_items: Many<'a, $item<'a>> = fields.many(BATCH_ITEM)?;
                fields.finish()?;
                check_count(header.batch_count, batch_items.len(), root, d)?;
                if tag::$tag == tag::REQUEST_MESSAGE && batch_items.len() > 1 {
                    check_ids(root, d)?;
                }
                Ok(Self { header, batch_items })
            }

            /// How many bytes the encoding takes.
            ///
            /// # Errors
            /// What the version in the header does not have, or requires and is not set; what breaks a rule between
            /// fields.
            pub fn encoded_len(&self) -> Result<usize, Error> {
                let mut encoder = self.encoder(Writer::measure(), Leniency::NONE);
                self.encode_root(&mut encoder);
                encoder.measured()
            }

            /// Encodes for the version in the header and returns the part of `buffer` that the message takes.
            ///
            /// # Errors
            /// [`ErrorKind::BufferTooSmall`] with the size that is needed; what the version in the header does not
            /// have, or requires and is not set; what breaks a rule between fields.
            pub fn encode<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b mut [u8], Error> {
                self.encode_with(buffer, Leniency::NONE)
            }

            /// As [`Self::encode`], but writes what those deviations allow: for passing on what was decoded so.
            ///
            /// # Errors
            /// As [`Self::encode`].
            pub fn encode_with<'b>(
                &self,
                buffer: &'b mut [u8],
                leniency: Leniency,
            ) -> Result<&'b mut [u8], Error> {
                let mut encoder = self.encoder(Writer::new(buffer), leniency);
                self.encode_root(&mut encoder);
                encoder.finish()
            }

            /// Encodes for the version in the header.
            ///
            /// # Errors
            /// As [`Self::encode`].
            #[cfg(feature = "alloc")]
            pub fn encode_to_vec(&self) -> Result<alloc::vec::Vec<u8>, Error> {
                let mut buffer = alloc::vec![0; self.encoded_len()?];
                self.encode(&mut buffer)?;
                Ok(buffer)
            }

            const fn encoder<'b>(&self, writer: Writer<'b>, leniency: Leniency) -> Encoder<'b> {
                Encoder::new(writer, self.header.protocol_version, leniency)
            }

            fn encode_root(&self, e: &mut Encoder<'_>) {
                check_encoded(self.header.protocol_version, self.header.batch_count, self.batch_items.len(), e);
                if tag::$tag == tag::REQUEST_MESSAGE && self.batch_items.len() > 1 {
                    self.batch_items.for_each(|item| check_id(item.unique_batch_item_id, e));
                }
                let open = e.writer.begin(tag::$tag);
                self.header.encode(tag::$header_tag, e);
                self.batch_items.encode_each(tag::BATCH_ITEM, e);
                e.writer.end(open);
            }
        }
    };
}

message! {
    /// What a client sends (and, with Notify and Put, a server).
    RequestMessage = spec::structure::REQUEST_MESSAGE.fields, REQUEST_MESSAGE, REQUEST_HEADER, RequestHeader,
    RequestBatchItem, "a request"
}

message! {
    /// What a server answers.
    ResponseMessage = spec::structure::RESPONSE_MESSAGE.fields, RESPONSE_MESSAGE, RESPONSE_HEADER, ResponseHeader,
    ResponseBatchItem, "a response"
}

/// The version in the header, which must be known before anything else can be judged.
#[inline]
fn header_version<'a>(
    d: &Decoder<'a, '_>,
    root: Found<'a>,
    facts: &'static &'static [spec::FieldFacts],
    header: Tag,
) -> Result<ProtocolVersion, Failed> {
    // Every canonical message has it first in the first structure.
    let usual = root.padded().get(raw::HEADER_LEN..).and_then(canonical_version);
    let version = match usual {
        Some(version) => version,
        None => searched_version(d, root, facts, header)?,
    };
    if !version.is_known() {
        unknown_version(version, d, root, facts, header)?;
    }
    Ok(version)
}

#[cold]
#[inline(never)]
fn unknown_version<'a>(
    version: ProtocolVersion,
    d: &Decoder<'a, '_>,
    root: Found<'a>,
    facts: &'static &'static [spec::FieldFacts],
    header: Tag,
) -> Result<(), Failed> {
    let kind = ErrorKind::UnknownVersion { major: version.major, minor: version.minor };
    d.tolerate_at(Leniency::UNKNOWN_VERSION, kind, find_version(d, root, facts, header)?)
}

/// The version wherever it is; or why it is not.
#[cold]
#[inline(never)]
fn searched_version<'a>(
    d: &Decoder<'a, '_>,
    root: Found<'a>,
    facts: &'static &'static [spec::FieldFacts],
    header: Tag,
) -> Result<ProtocolVersion, Failed> {
    ProtocolVersion::decode(find_version(d, root, facts, header)?, d)
}

fn find_version<'a>(
    d: &Decoder<'a, '_>,
    root: Found<'a>,
    facts: &'static &'static [spec::FieldFacts],
    header: Tag,
) -> Result<Found<'a>, Failed> {
    let mut fields = Fields::open(root, d, facts)?;
    let Some(header) = fields.take(header) else { return Err(fields.missing(header)) };
    let mut inner = Fields::open(header, d, const { &spec::structure::REQUEST_HEADER.fields })?;
    let Some(found) = inner.take(tag::PROTOCOL_VERSION) else {
        return Err(inner.missing(tag::PROTOCOL_VERSION));
    };
    d.leave();
    d.leave();
    Ok(found)
}

#[inline]
fn check_count<'a>(claimed: i32, items: usize, root: Found<'a>, d: &Decoder<'a, '_>) -> Result<(), Failed> {
    if usize::try_from(claimed) == Ok(items) { Ok(()) } else { wrong_count(claimed, items, root, d) }
}

#[cold]
#[inline(never)]
fn wrong_count<'a>(claimed: i32, items: usize, root: Found<'a>, d: &Decoder<'a, '_>) -> Result<(), Failed> {
    let kind = ErrorKind::BatchCount { claimed, found: items as u32 };
    d.tolerate_at(Leniency::BATCH_COUNT, kind, place_of_count(root, d))
}

/// Where the header says how many items there are.
fn place_of_count<'a>(root: Found<'a>, d: &Decoder<'a, '_>) -> Found<'a> {
    let Ok((header, _)) = d.split(root.padded()) else { return root };
    let mut room = header.padded();
    while let Ok((field, next)) = d.split(room) {
        if field.tag() == tag::BATCH_COUNT {
            return field;
        }
        room = next;
    }
    root
}

/// Every item of a request has an identifier if there are several (KMIP 1.4, section 6.4; KMIP 2.1, section 9.21).
fn check_ids<'a>(root: Found<'a>, d: &Decoder<'a, '_>) -> Result<(), Failed> {
    let mut room = root.padded();
    while !room.is_empty() {
        let (item, next) = d.split(room).map_err(|fault| d.failed(fault))?;
        room = next;
        if item.tag() != tag::BATCH_ITEM {
            continue;
        }
        let mut inner = item.padded();
        let mut has_id = false;
        while !inner.is_empty() && !has_id {
            let (field, next) = d.split(inner).map_err(|fault| d.failed(fault))?;
            has_id = field.tag() == tag::UNIQUE_BATCH_ITEM_ID;
            inner = next;
        }
        if !has_id {
            let kind = ErrorKind::MissingField { tag: tag::UNIQUE_BATCH_ITEM_ID };
            d.tolerate_at(Leniency::BATCH_ITEM_IDS, kind, item)?;
        }
    }
    Ok(())
}

fn check_id(id: Option<&[u8]>, e: &mut Encoder<'_>) {
    if id.is_none() && !e.leniency.contains(Leniency::BATCH_ITEM_IDS) {
        e.fail(ErrorKind::CannotEncodeWithout { tag: tag::UNIQUE_BATCH_ITEM_ID });
    }
}

fn check_encoded(version: ProtocolVersion, claimed: i32, items: usize, e: &mut Encoder<'_>) {
    if !version.is_known() && !e.leniency.contains(Leniency::UNKNOWN_VERSION) {
        e.fail(ErrorKind::UnknownVersion { major: version.major, minor: version.minor });
    }
    if usize::try_from(claimed) != Ok(items) && !e.leniency.contains(Leniency::BATCH_COUNT) {
        e.fail(ErrorKind::BatchCount { claimed, found: items as u32 });
    }
}
