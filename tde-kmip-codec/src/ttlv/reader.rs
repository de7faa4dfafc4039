use core::fmt;

use super::{
    BigInteger, Error, ErrorKind, Item, ItemType, Leniency, Options, Tag, Value,
    error::Fault,
    raw::{self, Header},
    tag::in_range,
};

/// How many bytes the item takes whose first eight bytes are given, header included: what a transport needs in
/// order to cut a stream into messages. Bound the answer before allocating.
///
/// # Errors
/// [`ErrorKind::TagOutOfRange`], [`ErrorKind::UnknownType`] and [`ErrorKind::InvalidLength`]: this is no item.
pub fn framed_len(header: &[u8; 8]) -> Result<u64, Error> {
    let parsed = Header::load(header, 0, raw::HEADER_LEN).map_or_else(
        || Err(Fault::new(ErrorKind::TruncatedHeader { available: 0 }, 0)),
        |parsed| checked_type(parsed, 0, Leniency::NONE).map(|_| parsed),
    );
    match parsed {
        Ok(parsed) => Ok(((u64::from(parsed.length()) + 7) & !7) + raw::HEADER_LEN as u64),
        Err(fault) => Err(Error::in_input(fault, header)),
    }
}

/// Walks the items of one level, in place. Children are readers in turn; nothing is read before it is asked for.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    /// The whole input, so that errors can say where.
    input: &'a [u8],
    at: usize,
    end: usize,
    depth: u8,
    items: u32,
    options: Options,
}

impl<'a> Reader<'a> {
    /// A strict reader of the items of `input`.
    #[must_use]
    pub const fn new(input: &'a [u8]) -> Self {
        Self::with_options(input, Options::new())
    }

    /// A reader of the items of `input`.
    #[must_use]
    pub const fn with_options(input: &'a [u8], options: Options) -> Self {
        Self { input, at: 0, end: input.len(), depth: 0, items: 0, options }
    }

    /// A reader of what is inside a structure that was found at `start..end`.
    pub(crate) const fn inside(
        input: &'a [u8],
        start: usize,
        end: usize,
        depth: u8,
        options: Options,
    ) -> Self {
        Self { input, at: start, end, depth, items: 0, options }
    }

    /// Where the next item begins, in bytes from the start of the input.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.at
    }

    /// The bytes not read yet.
    #[must_use]
    pub fn remaining(&self) -> &'a [u8] {
        self.input.get(self.at..self.end).unwrap_or_default()
    }

    /// Whether nothing is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.at >= self.end
    }

    /// The tag of the next item; `None` at the end or where no tag can be read.
    #[must_use]
    pub fn peek(&self) -> Option<Tag> {
        let tag = Header::load(self.input, self.at, self.end)?.tag();
        in_range(tag).then(|| Tag::from_checked(tag))
    }

    /// The next item.
    ///
    /// # Errors
    /// [`ErrorKind::NoItem`] at the end, and every error of the item layer about this item; its children are not
    /// looked at yet.
    pub fn read(&mut self) -> Result<Item<'a>, Error> {
        self.read_item().map_err(|fault| Error::in_input(fault, self.input))
    }

    /// Ends reading.
    ///
    /// # Errors
    /// [`ErrorKind::TrailingBytes`] if something is left.
    pub fn finish(self) -> Result<(), Error> {
        if self.is_empty() || self.options.leniency.contains(Leniency::TRAILING_BYTES) {
            return Ok(());
        }
        let kind = ErrorKind::TrailingBytes { count: (self.end - self.at) as u32 };
        Err(Error::in_input(Fault::new(kind, self.at), self.input))
    }

    pub(crate) const fn end(&self) -> usize {
        self.end
    }

    pub(crate) const fn options(&self) -> &Options {
        &self.options
    }

    pub(crate) fn error(&self, fault: Fault) -> Error {
        Error::in_input(fault, self.input)
    }

    /// Goes on behind the structure whose children were read, up to `end`.
    pub(crate) const fn leave(&mut self, end: usize) {
        self.at = self.end;
        self.end = end;
        self.depth -= 1;
    }

    pub(crate) fn read_item(&mut self) -> Result<Item<'a>, Fault> {
        let offset = self.at;
        if self.is_empty() {
            return Err(Fault::new(ErrorKind::NoItem, offset));
        }
        if self.end > self.options.max_size {
            return Err(Fault::new(ErrorKind::TooLarge { limit: self.options.max_size as u32 }, offset));
        }
        if self.items >= self.options.max_items {
            return Err(Fault::new(ErrorKind::TooManyItems { limit: self.options.max_items }, offset));
        }
        let checked = Checked::at(self.input, offset, self.end, self.options.leniency)?;
        let value = match checked.value(self.input)? {
            Value::Structure(_) => {
                if self.depth >= self.options.max_depth {
                    return Err(Fault::new(ErrorKind::TooDeep { limit: self.options.max_depth }, offset));
                }
                let start = offset + raw::HEADER_LEN;
                Value::Structure(Self::inside(
                    self.input,
                    start,
                    start + checked.length,
                    self.depth + 1,
                    self.options,
                ))
            }
            other => other,
        };
        self.at = checked.next;
        self.items += 1;
        Ok(Item {
            tag: checked.tag,
            value,
            offset,
            bytes: self.input.get(offset..checked.next).unwrap_or_default(),
            tolerated: checked.tolerated,
        })
    }
}

/// After an error there are no further items.
impl<'a> Iterator for Reader<'a> {
    type Item = Result<Item<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_empty() {
            return None;
        }
        let item = self.read();
        if item.is_err() {
            self.at = self.end;
        }
        Some(item)
    }
}

/// Two readers are equal if what they have left is.
impl PartialEq for Reader<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.remaining() == other.remaining()
    }
}

impl fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reader({}..{})", self.at, self.end)
    }
}

/// An item whose header, bounds and padding are good.
#[derive(Clone, Copy)]
pub(crate) struct Checked {
    pub(crate) tag: Tag,
    pub(crate) item_type: ItemType,
    pub(crate) offset: usize,
    pub(crate) length: usize,
    /// Where the following item begins.
    pub(crate) next: usize,
    pub(crate) tolerated: Leniency,
}

impl Checked {
    pub(crate) fn at(input: &[u8], offset: usize, end: usize, leniency: Leniency) -> Result<Self, Fault> {
        let Some(header) = Header::load(input, offset, end) else {
            let available = end.min(input.len()).saturating_sub(offset).min(7) as u8;
            return Err(Fault::new(ErrorKind::TruncatedHeader { available }, offset));
        };
        let item_type = checked_type(header, offset, leniency)?;
        let start = offset + raw::HEADER_LEN;
        let room = end - start;
        let length = header.length() as usize;
        let mut tolerated = Leniency::NONE;
        if length > room {
            let kind = ErrorKind::ValueTooLong { length: header.length(), room: room as u32 };
            return Err(Fault::new(kind, offset));
        }
        let mut padded = raw::padded(length);
        if item_type == ItemType::Structure && padded != length {
            // Only leniency gets here: the structure ends where its last item's padding is missing.
            padded = length;
            tolerated |= Leniency::SHORT_PADDING;
        } else if padded > room {
            if !leniency.contains(Leniency::SHORT_PADDING) {
                let kind = ErrorKind::ValueTooLong { length: header.length(), room: room as u32 };
                return Err(Fault::new(kind, offset));
            }
            padded = room;
            tolerated |= Leniency::SHORT_PADDING;
        }
        if padded != length && !padding_is_zero(input, start + length, start + padded) {
            if !leniency.contains(Leniency::NONZERO_PADDING) {
                return Err(nonzero_padding(input, start + length));
            }
            tolerated |= Leniency::NONZERO_PADDING;
        }
        Ok(Self {
            tag: Tag::from_checked(header.tag()),
            item_type,
            offset,
            length,
            next: start + padded,
            tolerated,
        })
    }

    /// Whether the value is one that its type has.
    #[inline]
    pub(crate) fn check_value(&self, input: &[u8]) -> Result<(), Fault> {
        match self.item_type {
            ItemType::Boolean | ItemType::TextString => self.value(input).map(|_| ()),
            _ => Ok(()),
        }
    }

    /// The value; a structure's is empty here, whoever asks knows where it is.
    pub(crate) fn value<'a>(&self, input: &'a [u8]) -> Result<Value<'a>, Fault> {
        let start = self.offset + raw::HEADER_LEN;
        let bytes = input.get(start..start + self.length).unwrap_or_default();
        let short = || Fault::new(ErrorKind::TruncatedHeader { available: 0 }, self.offset);
        let word = || bytes.first_chunk().map(|word| u32::from_be_bytes(*word)).ok_or_else(short);
        let long = || bytes.first_chunk().map(|word| u64::from_be_bytes(*word)).ok_or_else(short);
        Ok(match self.item_type {
            ItemType::Structure => Value::Structure(Reader::new(&[])),
            ItemType::Integer => Value::Integer(word()?.cast_signed()),
            ItemType::LongInteger => Value::LongInteger(long()?.cast_signed()),
            ItemType::BigInteger => Value::BigInteger(BigInteger::from_wire(bytes).ok_or_else(short)?),
            ItemType::Enumeration => Value::Enumeration(word()?),
            ItemType::Boolean => match long()? {
                0 => Value::Boolean(false),
                1 => Value::Boolean(true),
                value => return Err(Fault::new(ErrorKind::InvalidBoolean { value }, self.offset)),
            },
            ItemType::TextString => Value::TextString(text(bytes, self.offset)?),
            ItemType::ByteString => Value::ByteString(bytes),
            ItemType::DateTime => Value::DateTime(long()?.cast_signed()),
            ItemType::Interval => Value::Interval(word()?),
            ItemType::DateTimeExtended => Value::DateTimeExtended(long()?.cast_signed()),
        })
    }
}

#[inline]
fn padding_is_zero(input: &[u8], from: usize, to: usize) -> bool {
    match input.get(..to).and_then(|input| input.last_chunk::<8>()) {
        // At most seven bytes are padding, or four of an eight-byte word.
        Some(last) => u64::from_be_bytes(*last) << (8 * (8 - (to - from))) == 0,
        None => input.get(from..to).is_none_or(|padding| padding.iter().all(|byte| *byte == 0)),
    }
}

#[cold]
fn nonzero_padding(input: &[u8], from: usize) -> Fault {
    let bad = input.get(from..).and_then(|padding| padding.iter().position(|byte| *byte != 0));
    Fault::new(ErrorKind::NonZeroPadding, from + bad.unwrap_or_default())
}

pub(crate) fn text(bytes: &[u8], offset: usize) -> Result<&str, Fault> {
    core::str::from_utf8(bytes).map_err(|error| {
        Fault::new(ErrorKind::InvalidUtf8 { valid_up_to: error.valid_up_to() as u32 }, offset)
    })
}

/// Tag in range, type known, length one that the type can have.
fn checked_type(header: Header, offset: usize, leniency: Leniency) -> Result<ItemType, Fault> {
    if !in_range(header.tag()) {
        return Err(Fault::new(ErrorKind::TagOutOfRange { tag: header.tag() }, offset));
    }
    let Some(item_type) = ItemType::from_byte(header.type_byte()) else {
        // The type stands in the fourth byte.
        return Err(Fault::new(ErrorKind::UnknownType { type_byte: header.type_byte() }, offset + 3));
    };
    let length = header.length();
    let short_padding = item_type == ItemType::Structure && leniency.contains(Leniency::SHORT_PADDING);
    if item_type.length_is_valid(length) || short_padding {
        Ok(item_type)
    } else {
        Err(Fault::new(ErrorKind::InvalidLength { item_type, length }, offset))
    }
}
