use core::fmt;

use super::{BigInteger, Error, ErrorKind, Item, ItemType, Leniency, Options, Reader, Tag, Value, Walk, raw};

/// Writes items into a buffer.
///
/// A writer goes on counting after the buffer is full, so that measuring and writing are the same code:
/// [`Writer::measure`] has no buffer at all, and [`Writer::finish`] says how large one must be.
pub struct Writer<'b> {
    buffer: &'b mut [u8],
    at: usize,
    /// Set once a value turned out to be too long for its length field.
    too_long: Option<usize>,
}

/// What makes items that were read no items that may be written.
const PADDING: Leniency = Leniency::SHORT_PADDING.union(Leniency::NONZERO_PADDING);

/// The longest that a value may be: its length with the padding must fit into 32 bits as well.
const MAX_LEN: usize = (u32::MAX - 7) as usize;

/// A structure that has been begun and must be ended.
#[derive(Debug)]
#[must_use = "a structure that is not ended keeps a length that no reader accepts"]
pub struct Open {
    /// Where the value begins.
    start: usize,
}

impl Open {
    /// Where the structure's item begins.
    pub(crate) const fn item(&self) -> usize {
        self.start.saturating_sub(raw::HEADER_LEN)
    }
}

impl<'b> Writer<'b> {
    /// A writer from the start of `buffer`.
    #[must_use]
    pub const fn new(buffer: &'b mut [u8]) -> Self {
        Self { buffer, at: 0, too_long: None }
    }

    /// A writer that only counts.
    #[must_use]
    pub fn measure() -> Writer<'static> {
        Writer::new(&mut [])
    }

    /// How many bytes have been written or counted.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.at
    }

    /// Whether nothing has been written or counted.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.at == 0
    }

    /// The bytes written.
    ///
    /// # Errors
    /// [`ErrorKind::BufferTooSmall`] with the size that is needed; [`ErrorKind::ValueTooLarge`].
    pub fn finish(self) -> Result<&'b mut [u8], Error> {
        if let Some(at) = self.too_long_at() {
            return Err(Error::without_input(ErrorKind::ValueTooLarge, at));
        }
        let Self { buffer, at, .. } = self;
        let room = buffer.len();
        buffer
            .get_mut(..at)
            .ok_or_else(|| Error::without_input(ErrorKind::BufferTooSmall { needed: at }, room))
    }

    /// How many bytes the items take.
    ///
    /// # Errors
    /// [`ErrorKind::ValueTooLarge`].
    pub fn measured(self) -> Result<usize, Error> {
        self.too_long_at().map_or(Ok(self.at), |at| Err(Error::without_input(ErrorKind::ValueTooLarge, at)))
    }

    /// Where it turned out that a length field cannot say how long something is.
    const fn too_long_at(&self) -> Option<usize> {
        match self.too_long {
            None if self.at > MAX_LEN => Some(self.at),
            found => found,
        }
    }

    /// A structure, whose items `inside` writes.
    ///
    /// # Errors
    /// Those of `inside`.
    pub fn structure<E>(
        &mut self,
        tag: Tag,
        inside: impl FnOnce(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        let open = self.begin(tag);
        let result = inside(self);
        self.end(open);
        result
    }

    /// Begins a structure, for callers that a closure does not suit; [`Writer::end`] ends it.
    #[inline]
    pub fn begin(&mut self, tag: Tag) -> Open {
        // Until `end` the length is one that no reader accepts.
        self.put(header(tag, ItemType::Structure, u32::MAX).to_be_bytes());
        Open { start: self.at }
    }

    /// Begins a structure whose header and first items are in an image of bytes.
    #[inline(always)]
    pub(crate) fn begin_with<const N: usize>(&mut self, image: &[u8; N], length: usize) -> Open {
        let start = self.at.saturating_add(raw::HEADER_LEN);
        self.put_image(image, length);
        Open { start }
    }

    /// Ends a structure.
    #[inline]
    #[allow(clippy::needless_pass_by_value)] // Ends exactly once.
    pub fn end(&mut self, open: Open) {
        // A structure that is too long is inside of a whole that is, which `too_long_at` sees.
        let length = (self.at - open.start) as u32;
        let length_at = open.start.wrapping_sub(4);
        if let Some(slot) = self.buffer.get_mut(length_at..).and_then(|room| room.first_chunk_mut::<4>()) {
            *slot = length.to_be_bytes();
        }
    }

    /// An Integer.
    #[inline]
    pub fn integer(&mut self, tag: Tag, value: i32) {
        self.word(tag, ItemType::Integer, u64::from(value.cast_unsigned()) << 32, 4);
    }

    /// A Long Integer.
    #[inline]
    pub fn long_integer(&mut self, tag: Tag, value: i64) {
        self.word(tag, ItemType::LongInteger, value.cast_unsigned(), 8);
    }

    /// A Big Integer, in the representation given.
    #[inline]
    pub fn big_integer(&mut self, tag: Tag, value: BigInteger<'_>) {
        self.bytes(tag, ItemType::BigInteger, value.as_wire());
    }

    /// An Enumeration.
    #[inline]
    pub fn enumeration(&mut self, tag: Tag, value: u32) {
        self.word(tag, ItemType::Enumeration, u64::from(value) << 32, 4);
    }

    /// A Boolean.
    #[inline]
    pub fn boolean(&mut self, tag: Tag, value: bool) {
        self.word(tag, ItemType::Boolean, u64::from(value), 8);
    }

    /// A Text String.
    #[inline]
    pub fn text_string(&mut self, tag: Tag, value: &str) {
        self.bytes(tag, ItemType::TextString, value.as_bytes());
    }

    /// A Text String in two parts.
    pub(crate) fn text_string_of(&mut self, tag: Tag, first: &str, second: &str) {
        let length = self.checked_len(first.len() + second.len());
        self.put(header(tag, ItemType::TextString, length).to_be_bytes());
        self.put_slice(first.as_bytes());
        self.put_slice(second.as_bytes());
        self.pad(first.len() + second.len());
    }

    /// A Byte String.
    #[inline]
    pub fn byte_string(&mut self, tag: Tag, value: &[u8]) {
        self.bytes(tag, ItemType::ByteString, value);
    }

    /// A Date-Time, in seconds since 1970-01-01T00:00:00Z.
    #[inline]
    pub fn date_time(&mut self, tag: Tag, seconds: i64) {
        self.word(tag, ItemType::DateTime, seconds.cast_unsigned(), 8);
    }

    /// An Interval, in seconds.
    #[inline]
    pub fn interval(&mut self, tag: Tag, seconds: u32) {
        self.word(tag, ItemType::Interval, u64::from(seconds) << 32, 4);
    }

    /// A Date-Time Extended, in microseconds since 1970-01-01T00:00:00Z; KMIP 2.0 and later.
    #[inline]
    pub fn date_time_extended(&mut self, tag: Tag, microseconds: i64) {
        self.word(tag, ItemType::DateTimeExtended, microseconds.cast_unsigned(), 8);
    }

    /// Any value. A structure's items are copied as they stand; where they were read with leniency for padding, theirs
    /// is made right.
    pub fn value(&mut self, tag: Tag, value: &Value<'_>) {
        match *value {
            Value::Structure(items) => {
                let open = self.begin(tag);
                if items.options().leniency.intersects(PADDING) {
                    self.rewrite(items);
                } else {
                    self.put_slice(items.remaining());
                }
                self.end(open);
            }
            Value::Integer(value) => self.integer(tag, value),
            Value::LongInteger(value) => self.long_integer(tag, value),
            Value::BigInteger(value) => self.big_integer(tag, value),
            Value::Enumeration(value) => self.enumeration(tag, value),
            Value::Boolean(value) => self.boolean(tag, value),
            Value::TextString(value) => self.text_string(tag, value),
            Value::ByteString(value) => self.byte_string(tag, value),
            Value::DateTime(value) => self.date_time(tag, value),
            Value::Interval(value) => self.interval(tag, value),
            Value::DateTimeExtended(value) => self.date_time_extended(tag, value),
        }
    }

    /// The items that a reader has left, one by one.
    #[cold]
    fn rewrite(&mut self, items: Reader<'_>) {
        let mut around = [const { None }; Options::DEPTH_CEILING as usize];
        let mut depth = 0;
        // Whoever made the reader has read them before: what is broken is nothing to pass on.
        for visit in Walk::new(items).map_while(Result::ok) {
            self.end_below(&mut around, &mut depth, usize::from(visit.depth));
            match visit.item.value {
                Value::Structure(_) => {
                    if let Some(slot) = around.get_mut(depth) {
                        *slot = Some(self.begin(visit.item.tag));
                        depth += 1;
                    }
                }
                value => self.value(visit.item.tag, &value),
            }
        }
        self.end_below(&mut around, &mut depth, 0);
    }

    /// Ends the structures that are deeper than `level`.
    fn end_below(&mut self, around: &mut [Option<Open>], depth: &mut usize, level: usize) {
        while *depth > level {
            *depth -= 1;
            if let Some(open) = around.get_mut(*depth).and_then(Option::take) {
                self.end(open);
            }
        }
    }

    /// An item that was read, byte for byte.
    pub fn item(&mut self, item: &Item<'_>) {
        self.put_slice(item.bytes);
    }

    /// Encoded items, whose number of bytes the compiler knows.
    #[inline(always)]
    pub(crate) fn put_words<const N: usize>(&mut self, words: [u64; N]) {
        match self.take(8 * N).and_then(|slots| <&mut [[u8; 8]; N]>::try_from(slots.as_chunks_mut().0).ok()) {
            Some(slots) => *slots = words.map(u64::to_be_bytes),
            None => self.skip(8 * N),
        }
    }

    /// Encoded items that stand at the start of `image`, the rest of which is nothing that matters.
    ///
    /// Where there is room, all of the image is written, as the compiler knows how to write so many bytes; what comes
    /// next is written over the rest.
    #[inline(always)]
    fn put_image<const N: usize>(&mut self, image: &[u8; N], length: usize) {
        let room = self.at.checked_add(N).and_then(|end| self.buffer.get_mut(self.at..end));
        match room.and_then(|room| room.first_chunk_mut::<N>()) {
            Some(slot) if length <= N => {
                *slot = *image;
                self.at += length;
            }
            _ => self.put_slice(image.get(..length).unwrap_or(image)),
        }
    }

    /// Items that were read, byte for byte.
    #[inline]
    pub(crate) fn put_slice(&mut self, bytes: &[u8]) {
        match self.take(bytes.len()) {
            Some(slot) => slot.copy_from_slice(bytes),
            None => self.skip(bytes.len()),
        }
    }

    #[inline(always)]
    fn word(&mut self, tag: Tag, item_type: ItemType, value: u64, length: u32) {
        let both = u128::from(header(tag, item_type, length)) << 64 | u128::from(value);
        self.put(both.to_be_bytes());
    }

    #[inline]
    fn bytes(&mut self, tag: Tag, item_type: ItemType, value: &[u8]) {
        let length = self.checked_len(value.len());
        // Wraps only where `take` has no room either.
        let size = raw::padded(value.len()).wrapping_add(raw::HEADER_LEN);
        // One look at the room for all of it.
        match self.take(size).and_then(|slot| slot.split_first_chunk_mut::<8>()) {
            Some((head, room)) => {
                *head = header(tag, item_type, length).to_be_bytes();
                fill(room, value);
            }
            None => self.skip(size),
        }
    }

    #[inline]
    fn pad(&mut self, length: usize) {
        let padding = length.wrapping_neg() & 7;
        match self.take(padding) {
            Some(slot) => slot.fill(0),
            None => self.skip(padding),
        }
    }

    #[inline(always)]
    fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        match self.take(N).and_then(|slot| slot.first_chunk_mut::<N>()) {
            Some(slot) => *slot = bytes,
            None => self.skip(N),
        }
    }

    /// The next so many bytes of the buffer, if there are as many.
    #[inline(always)]
    fn take(&mut self, size: usize) -> Option<&mut [u8]> {
        let end = self.at.checked_add(size)?;
        let slot = self.buffer.get_mut(self.at..end)?;
        self.at = end;
        Some(slot)
    }

    /// Counts what there is no room for.
    #[cold]
    #[inline(never)]
    const fn skip(&mut self, size: usize) {
        self.at = self.at.saturating_add(size);
    }

    #[inline(always)]
    fn checked_len(&mut self, length: usize) -> u32 {
        match u32::try_from(length) {
            Ok(length) if length <= MAX_LEN as u32 => length,
            _ => self.too_long(),
        }
    }

    #[cold]
    #[inline(never)]
    fn too_long(&mut self) -> u32 {
        self.too_long = self.too_long.or(Some(self.at));
        u32::MAX
    }
}

/// Copies a value and clears the padding after it. Short values are copied in two pieces that may overlap, which
/// takes no loop and no call.
#[inline(always)]
fn fill(room: &mut [u8], value: &[u8]) {
    if let Some(last) = room.last_chunk_mut::<8>() {
        *last = [0; 8];
    }
    let Some(room) = room.get_mut(..value.len()) else { return };
    match value.len() {
        0..=3 => copy_few(room, value),
        4..=7 => copy_ends::<4>(room, value),
        8..=16 => copy_ends::<8>(room, value),
        17..=32 => copy_ends::<16>(room, value),
        33..=64 => copy_ends::<32>(room, value),
        _ => room.copy_from_slice(value),
    }
}

#[inline(always)]
fn copy_ends<const N: usize>(room: &mut [u8], value: &[u8]) {
    if let (Some(to), Some(from)) = (room.first_chunk_mut::<N>(), value.first_chunk::<N>()) {
        *to = *from;
    }
    if let (Some(to), Some(from)) = (room.last_chunk_mut::<N>(), value.last_chunk::<N>()) {
        *to = *from;
    }
}

/// Up to three bytes: the first, the middle and the last one, which may be the same.
#[inline(always)]
fn copy_few(room: &mut [u8], value: &[u8]) {
    let last = value.len().saturating_sub(1);
    for place in [0, last / 2, last] {
        if let (Some(to), Some(from)) = (room.get_mut(place), value.get(place)) {
            *to = *from;
        }
    }
}

impl fmt::Debug for Writer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("len", &self.at).finish_non_exhaustive()
    }
}

#[inline(always)]
pub(crate) const fn header(tag: Tag, item_type: ItemType, length: u32) -> u64 {
    (tag.get() as u64) << 40 | (item_type.as_byte() as u64) << 32 | length as u64
}

const _: () = assert!(raw::HEADER_LEN == size_of::<u64>());
