//! The fields of a structure, read in wire order.

mod either;
mod oddities;
mod probe;

use super::{Decoder, Extensions, Failed, FieldValue, Found, Many, SelectedValue};
use crate::{
    spec::{FieldFacts, Versions},
    ttlv::{ErrorKind, ItemType, Leniency, Tag, raw},
};

pub(crate) use self::oddities::is_named;

/// In which versions a field may, must, and may repeatedly be there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Presence {
    pub(crate) allowed: Versions,
    pub(crate) required: Versions,
    pub(crate) repeatable: Versions,
}

/// A field's facts and its tag.
pub(crate) type Place = (Presence, Tag);

/// A structure being read, field by field in wire order.
///
/// The hot paths are inlined and keep this in registers. The cold ones get a copy ([`Fields::snapshot`]): a
/// reference to the original would force it into memory for good.
///
/// An item that is broken reads as one that is not there. Nothing is lost by that: whoever then misses it, or finds
/// at the end that something is left, looks again and says what is wrong.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'d, 'a, 'o> {
    d: &'d Decoder<'a, 'o>,
    facts: &'static &'static [FieldFacts],
    structure: Found<'a>,
    /// The items not read yet; none where fields are searched for.
    rest: &'a [u8],
    /// The header at the start of `rest`; 0, which is no tag, where there is none.
    head: u64,
}

impl<'d, 'a, 'o> Fields<'d, 'a, 'o> {
    #[inline(always)]
    pub(crate) fn open(
        structure: Found<'a>,
        d: &'d Decoder<'a, 'o>,
        facts: &'static &'static [FieldFacts],
    ) -> Result<Self, Failed> {
        if !structure.is(ItemType::Structure) {
            return Err(d.wrong_type(structure));
        }
        if !structure.len().is_multiple_of(8) {
            d.odd_length(structure)?;
        }
        d.enter(structure)?;
        let rest = if d.cx.searches() { &[] } else { structure.padded() };
        let mut fields = Self { d, facts, structure, rest, head: 0 };
        fields.load();
        Ok(fields)
    }

    #[inline(always)]
    fn load(&mut self) {
        self.head = self.rest.first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    }

    /// The next item, if it has this tag; with leniency, the first one that has it.
    #[inline(always)]
    pub(crate) fn take(&mut self, tag: Tag) -> Option<Found<'a>> {
        if self.next_tag() == tag.get() {
            self.advance()
        } else if self.d.cx.searches() {
            self.snapshot().search(tag)
        } else {
            None
        }
    }

    /// The tag of the next item, whatever it is.
    #[inline(always)]
    const fn next_tag(&self) -> u32 {
        (self.head >> 40) as u32
    }

    #[inline(always)]
    fn advance(&mut self) -> Option<Found<'a>> {
        // Saturates only where there is no room either. A structure whose length is no multiple of eight is refused, or
        // fields are searched for, which comes by another way.
        let size = raw::HEADER_LEN.saturating_add(raw::padded(self.head as u32 as usize));
        if let Some((item, next)) = self.rest.split_at_checked(size) {
            self.rest = next;
            self.load();
            return Some(Found::new(item));
        }
        let (found, next) = self.snapshot().short_item()?;
        self.rest = next;
        self.load();
        Some(found)
    }

    /// A value of a type that has one length, if the next item is a good one and may be there.
    #[inline(always)]
    fn fixed<T: FieldValue<'a>>(&mut self, (presence, tag): Place) -> Option<T> {
        if T::FIXED == 0 || self.head != u64::from(tag.get()) << 40 | T::FIXED {
            return None;
        }
        let (item, next) = self.rest.split_first_chunk::<16>()?;
        let (_, word) = item.split_last_chunk::<8>()?;
        let version = self.d.cx.version;
        let value = T::from_word(u64::from_be_bytes(*word), version)?;
        if !presence.allowed.covers(version) {
            return None;
        }
        self.rest = next;
        self.load();
        Some(value)
    }

    #[inline(always)]
    const fn snapshot(&self) -> Self {
        *self
    }

    #[inline(always)]
    pub(crate) fn allowed(&self, presence: Presence, found: Found<'_>) -> Result<(), Failed> {
        // Mostly known to the compiler, which then leaves the rest out.
        if presence.allowed.covers(self.d.cx.version) { Ok(()) } else { self.d.not_in_version(found) }
    }

    /// The value, if it is there.
    #[inline(always)]
    fn value<T: FieldValue<'a>>(&mut self, place: Place) -> Result<Option<T>, Failed> {
        if let Some(value) = self.fixed(place) {
            return Ok(Some(value));
        }
        let (presence, tag) = place;
        if T::FIXED != 0 {
            // Not there, or odd.
            if self.next_tag() != tag.get() && !self.d.cx.searches() {
                return Ok(None);
            }
            let (value, rest) = self.snapshot().odd(place)?;
            self.rest = rest;
            self.load();
            return Ok(value);
        }
        match self.take(tag) {
            Some(found) => {
                self.allowed(presence, found)?;
                T::decode(found, self.d).map(Some)
            }
            None => Ok(None),
        }
    }

    /// A value of one length that is not as it should be, or has to be searched for; and what comes after it.
    #[cold]
    #[inline(never)]
    fn odd<T: FieldValue<'a>>(mut self, (presence, tag): Place) -> Result<(Option<T>, &'a [u8]), Failed> {
        let value = match self.take(tag) {
            Some(found) => {
                self.allowed(presence, found)?;
                Some(T::decode(found, self.d)?)
            }
            None => None,
        };
        Ok((value, self.rest))
    }

    #[inline(always)]
    pub(crate) fn required<T: FieldValue<'a>>(&mut self, place: Place) -> Result<T, Failed> {
        let (presence, tag) = place;
        if T::FIXED != 0 {
            return match self.value(place)? {
                Some(value) => Ok(value),
                None => Err(self.missing(tag)),
            };
        }
        match self.take(tag) {
            Some(found) => {
                self.allowed(presence, found)?;
                T::decode(found, self.d)
            }
            None => Err(self.missing(tag)),
        }
    }

    #[inline(always)]
    pub(crate) fn optional<T: FieldValue<'a>>(&mut self, place: Place) -> Result<Option<T>, Failed> {
        let value = self.value(place)?;
        if value.is_none() {
            self.absent(place)?;
        }
        Ok(value)
    }

    #[inline(always)]
    pub(crate) fn required_by<T: SelectedValue<'a, S>, S>(
        &mut self,
        (presence, tag): Place,
        selector: &S,
    ) -> Result<T, Failed> {
        match self.take(tag) {
            Some(found) => {
                self.allowed(presence, found)?;
                T::decode_by(found, self.d, selector)
            }
            None => Err(self.missing(tag)),
        }
    }

    #[inline(always)]
    pub(crate) fn optional_by<T: SelectedValue<'a, S>, S>(
        &mut self,
        place @ (presence, tag): Place,
        selector: &S,
    ) -> Result<Option<T>, Failed> {
        match self.take(tag) {
            Some(found) => {
                self.allowed(presence, found)?;
                T::decode_by(found, self.d, selector).map(Some)
            }
            None => {
                self.absent(place)?;
                Ok(None)
            }
        }
    }

    #[inline(always)]
    pub(crate) fn many<T: FieldValue<'a>>(&mut self, place: Place) -> Result<Many<'a, T>, Failed> {
        let (presence, tag) = place;
        if self.next_tag() != tag.get() {
            return if self.d.cx.searches() {
                self.snapshot().many_anywhere(place)
            } else {
                self.absent(place)?;
                Ok(Many::NONE)
            };
        }
        let before = self.rest;
        let mut count = 0_u32;
        while self.next_tag() == tag.get()
            && let Some(found) = self.advance()
        {
            if count == 0 {
                self.allowed(presence, found)?;
            } else if !presence.repeatable.covers(self.d.cx.version)
                && presence.allowed.covers(self.d.cx.version)
            {
                let kind = ErrorKind::RepeatedField { tag };
                self.d.tolerate(Leniency::REPEATED_FIELDS, kind, self.d.offset(found))?;
            }
            T::probe(found, self.d)?;
            count += 1;
        }
        if count == 0 {
            self.absent(place)?;
        }
        let items = before.get(..before.len() - self.rest.len()).unwrap_or_default();
        Ok(Many::wire(items, tag, self.d.cx, count))
    }

    /// An optional field is not there, which some version may not allow.
    #[inline(always)]
    fn absent(&self, (presence, tag): Place) -> Result<(), Failed> {
        if presence.required.covers(self.d.cx.version) { self.snapshot().lacks(tag) } else { Ok(()) }
    }

    /// A required field is not where it belongs.
    #[inline(always)]
    pub(crate) fn missing(&self, tag: Tag) -> Failed {
        self.snapshot().is_missing(tag)
    }

    /// All fields have been read; what is left does not belong here.
    #[inline(always)]
    pub(crate) fn finish(self) -> Result<Extensions<'a>, Failed> {
        let extensions = if self.rest.is_empty() && !self.d.cx.searches() {
            Extensions::NONE
        } else {
            self.snapshot().finish_oddly()?
        };
        self.d.leave();
        Ok(extensions)
    }
}
