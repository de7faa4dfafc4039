//! The outermost structures: a header and batch items.

use super::{RequestBatchItem, RequestHeader, ResponseBatchItem, ResponseHeader};
use crate::{
    codec::{
        Decoder, Encoder, FieldValue, Fields, Found, Many, Place, declared_in_order, load_found, presence,
    },
    spec::{self, ProtocolVersion, tag},
    ttlv::{Error, ErrorKind, Leniency, Options, Tag, Tolerated, Writer, error::Fault, raw},
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
                Self::run(input, Decoder::new(input, ProtocolVersion::V1_0, Options::new(), None))
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
                Self::run(input, Decoder::new(input, ProtocolVersion::V1_0, options, Some(tolerated)))
            }

            fn run(input: &'a [u8], mut d: Decoder<'a, '_>) -> Result<Self, Error> {
                Self::decode_root(&mut d).map_err(|fault| Error::in_input(fault, input))
            }

            fn decode_root(d: &mut Decoder<'a, '_>) -> Result<Self, Fault> {
                const FACTS: &[spec::FieldFacts] = $facts;
                const HEADER: Place = (presence(FACTS, tag::$header_tag), tag::$header_tag);
                const BATCH_ITEM: Place = (presence(FACTS, tag::BATCH_ITEM), tag::BATCH_ITEM);

                let root = d.root()?;
                if root.tag() != tag::$tag {
                    let kind = ErrorKind::NotThisMessage { expected: tag::$tag, found: root.tag() };
                    return Err(Fault::new(kind, 0));
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
            /// What the version in the header does not have, or requires and is not set.
            pub fn encoded_len(&self) -> Result<usize, Error> {
                let mut encoder = self.encoder(Writer::measure(), Leniency::NONE);
                self.encode_root(&mut encoder);
                encoder.measured()
            }

            /// Encodes for the version in the header and returns the part of `buffer` that the message takes.
            ///
            /// # Errors
            /// [`ErrorKind::BufferTooSmall`] with the size that is needed; what the version in the header does not
            /// have, or requires and is not set.
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
) -> Result<ProtocolVersion, Fault> {
    let (version, offset) = match usual_version(root.padded()) {
        Some(version) => (version, root.start() + raw::HEADER_LEN),
        None => searched_version(d, root, facts, header)?,
    };
    if !version.is_known() {
        let kind = ErrorKind::UnknownVersion { major: version.major, minor: version.minor };
        d.tolerate(Leniency::UNKNOWN_VERSION, kind, offset)?;
    }
    Ok(version)
}

/// The version where every canonical message has it: first in the first structure.
#[inline]
fn usual_version(message: &[u8]) -> Option<ProtocolVersion> {
    const STRUCTURE: u64 = (tag::PROTOCOL_VERSION.get() as u64) << 40 | 0x01_0000_0020;
    const MAJOR: u64 = (tag::PROTOCOL_VERSION_MAJOR.get() as u64) << 40 | 0x02_0000_0004;
    const MINOR: u64 = (tag::PROTOCOL_VERSION_MINOR.get() as u64) << 40 | 0x02_0000_0004;
    let (_, rest) = message.split_first_chunk::<8>()?;
    let (words, []) = rest.first_chunk::<40>()?.as_chunks::<8>() else { return None };
    let [structure, major_header, major, minor_header, minor] = *<&[[u8; 8]; 5]>::try_from(words).ok()?;
    let number = |word: [u8; 8]| ((u64::from_be_bytes(word) >> 32) as u32).cast_signed();
    (u64::from_be_bytes(structure) == STRUCTURE
        && u64::from_be_bytes(major_header) == MAJOR
        && u64::from_be_bytes(minor_header) == MINOR)
        .then(|| ProtocolVersion::new(number(major), number(minor)))
}

/// The version wherever it is; or why it is not.
#[cold]
#[inline(never)]
fn searched_version<'a>(
    d: &Decoder<'a, '_>,
    root: Found<'a>,
    facts: &'static &'static [spec::FieldFacts],
    header: Tag,
) -> Result<(ProtocolVersion, usize), Fault> {
    let mut fields = Fields::open(root, d, facts)?;
    let Some(header) = fields.take(header)? else { return Err(fields.missing(header)) };
    let mut inner = Fields::open(header, d, const { &spec::structure::REQUEST_HEADER.fields })?;
    let Some(found) = inner.take(tag::PROTOCOL_VERSION)? else {
        return Err(inner.missing(tag::PROTOCOL_VERSION));
    };
    let version = ProtocolVersion::decode(found, d)?;
    d.leave(0, 0)?;
    d.leave(0, 0)?;
    Ok((version, found.offset()))
}

#[inline]
fn check_count(claimed: i32, items: usize, root: Found<'_>, d: &Decoder<'_, '_>) -> Result<(), Fault> {
    if usize::try_from(claimed) == Ok(items) {
        return Ok(());
    }
    let kind = ErrorKind::BatchCount { claimed, found: items as u32 };
    d.tolerate(Leniency::BATCH_COUNT, kind, place_of_count(root, d))
}

/// Where the header says how many items there are.
#[cold]
fn place_of_count(root: Found<'_>, d: &Decoder<'_, '_>) -> usize {
    let Ok((header, _)) = load_found(d, root.start(), d.input.len()) else { return root.offset() };
    let (mut at, end) = (header.start(), header.start() + header.padded().len());
    while let Ok((field, next)) = load_found(d, at, end) {
        if field.tag() == tag::BATCH_COUNT {
            return field.offset();
        }
        at = next;
    }
    root.offset()
}

/// Every item of a request has an identifier if there are several (KMIP 1.4, section 6.4; KMIP 2.1, section 8.3).
fn check_ids(root: Found<'_>, d: &Decoder<'_, '_>) -> Result<(), Fault> {
    let (mut at, end) = (root.start(), root.start() + root.padded().len());
    while at < end {
        let (item, next) = load_found(d, at, end)?;
        at = next;
        if item.tag() != tag::BATCH_ITEM {
            continue;
        }
        let (mut inner, inner_end) = (item.start(), item.start() + item.padded().len());
        let mut has_id = false;
        while inner < inner_end && !has_id {
            let (field, next) = load_found(d, inner, inner_end)?;
            has_id = field.tag() == tag::UNIQUE_BATCH_ITEM_ID;
            inner = next;
        }
        if !has_id {
            let kind = ErrorKind::MissingField { tag: tag::UNIQUE_BATCH_ITEM_ID };
            d.tolerate(Leniency::BATCH_ITEM_IDS, kind, item.offset())?;
        }
    }
    Ok(())
}

fn check_encoded(version: ProtocolVersion, claimed: i32, items: usize, e: &mut Encoder<'_>) {
    if !version.is_known() && !e.leniency.contains(Leniency::UNKNOWN_VERSION) {
        e.fail(ErrorKind::UnknownVersion { major: version.major, minor: version.minor });
    }
    if usize::try_from(claimed) != Ok(items) && !e.leniency.contains(Leniency::BATCH_COUNT) {
        e.fail(ErrorKind::BatchCount { claimed, found: items as u32 });
    }
}
