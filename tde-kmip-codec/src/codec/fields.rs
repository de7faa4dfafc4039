use super::{Decoder, Extensions, FieldValue, Many, SelectedValue};
use crate::{
    attribute::Attributes,
    object::{self, ManagedObject},
    spec::{Content, FieldFacts, Versions},
    ttlv::{ErrorKind, ItemType, Leniency, Tag, error::Fault, raw, tag},
};

/// An item whose header was read and whose value lies inside the structure around it.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    head: u64,
    offset: u32,
}

impl Found {
    #[inline(always)]
    pub(crate) const fn tag(self) -> Tag {
        Tag::from_checked((self.head >> 40) as u32)
    }

    #[inline(always)]
    pub(crate) const fn type_byte(self) -> u8 {
        (self.head >> 32) as u8
    }

    #[inline(always)]
    pub(crate) const fn is(self, item_type: ItemType) -> bool {
        self.type_byte() == item_type.as_byte()
    }

    #[inline(always)]
    pub(crate) const fn len(self) -> usize {
        self.head as u32 as usize
    }

    /// Type and length at once.
    #[inline(always)]
    pub(crate) const fn is_exactly(self, item_type: ItemType, length: u32) -> bool {
        self.head & 0xFF_FFFF_FFFF == (item_type.as_byte() as u64) << 32 | length as u64
    }

    /// Where the item begins.
    #[inline(always)]
    pub(crate) const fn offset(self) -> usize {
        self.offset as usize
    }

    /// Where the value begins.
    #[inline(always)]
    pub(crate) const fn start(self) -> usize {
        self.offset as usize + raw::HEADER_LEN
    }
}

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
pub(crate) struct Fields<'d, 'a, 'o> {
    d: &'d Decoder<'a, 'o>,
    facts: &'static &'static [FieldFacts],
    structure: Found,
    at: usize,
    end: usize,
    /// The header at `at`; 0, which is no tag, where there is none.
    head: u64,
    items: u32,
}

impl<'d, 'a, 'o> Fields<'d, 'a, 'o> {
    #[inline(always)]
    pub(crate) fn open(
        structure: Found,
        d: &'d Decoder<'a, 'o>,
        facts: &'static &'static [FieldFacts],
    ) -> Result<Self, Fault> {
        if !structure.is(ItemType::Structure) {
            return Err(d.wrong_type(structure));
        }
        let (at, end) = (structure.start(), structure.start() + structure.len());
        if !structure.len().is_multiple_of(8) {
            let kind =
                ErrorKind::InvalidLength { item_type: ItemType::Structure, length: structure.len() as u32 };
            d.tolerate(Leniency::SHORT_PADDING, kind, structure.offset())?;
        }
        d.enter(structure.offset())?;
        let mut fields = Self { d, facts, structure, at, end, head: 0, items: 0 };
        fields.load();
        Ok(fields)
    }

    #[inline(always)]
    fn load(&mut self) {
        let header = self.d.input.get(self.at..self.end).and_then(|rest| rest.first_chunk::<8>());
        self.head = header.map_or(0, |bytes| u64::from_be_bytes(*bytes));
    }

    /// The next item, if it has this tag; with leniency, the first one that has it.
    #[inline(always)]
    pub(crate) fn take(&mut self, tag: Tag) -> Result<Option<Found>, Fault> {
        if self.d.cx.searches() {
            return self.search(tag);
        }
        if (self.head >> 40) as u32 != tag.get() {
            return Ok(None);
        }
        self.advance().map(Some)
    }

    /// The tag of the next item, whatever it is.
    #[inline(always)]
    pub(crate) const fn next_tag(&self) -> u32 {
        (self.head >> 40) as u32
    }

    #[inline(always)]
    fn advance(&mut self) -> Result<Found, Fault> {
        let found = Found { head: self.head, offset: self.at as u32 };
        let room = self.end - self.at - raw::HEADER_LEN;
        let mut padded = raw::padded(found.len());
        if padded > room {
            padded = short_padding(self.d, found, room)?;
        }
        if found.is(ItemType::Structure) {
            // Its length includes all padding.
            padded = found.len();
        }
        self.at += raw::HEADER_LEN + padded;
        self.items += 1;
        self.load();
        Ok(found)
    }

    #[cold]
    #[inline(never)]
    fn search(&mut self, tag: Tag) -> Result<Option<Found>, Fault> {
        let mut at = self.structure.start();
        while at < self.end {
            let (found, next) = load_found(self.d, at, self.end)?;
            if found.tag() == tag {
                self.items += 1;
                return Ok(Some(found));
            }
            at = next;
        }
        Ok(None)
    }

    #[inline(always)]
    pub(crate) fn allowed(&self, presence: Presence, found: Found) -> Result<(), Fault> {
        if presence.allowed.includes(self.d.cx.version) {
            return Ok(());
        }
        let kind = ErrorKind::FieldNotInVersion { tag: found.tag() };
        self.d.tolerate(Leniency::OTHER_VERSIONS, kind, found.offset())
    }

    /// A required field is not where it belongs.
    #[cold]
    #[inline(never)]
    pub(crate) fn missing(&self, tag: Tag) -> Fault {
        // What stands there instead says what is really wrong.
        if self.at < self.end {
            match load_found(self.d, self.at, self.end) {
                Err(fault) => return fault,
                Ok((found, _)) if !self.declares(found.tag()) => {
                    return Fault::new(ErrorKind::UnknownField { tag: found.tag() }, found.offset());
                }
                Ok((_, next)) => {
                    let mut at = next;
                    while let Ok((found, next)) = load_found(self.d, at, self.end) {
                        if found.tag() == tag {
                            return Fault::new(ErrorKind::FieldOutOfOrder { tag }, found.offset());
                        }
                        at = next;
                    }
                }
            }
        }
        Fault::new(ErrorKind::MissingField { tag }, self.structure.offset())
    }

    fn declares(&self, tag: Tag) -> bool {
        self.facts.iter().any(|field| stands_for(field, tag))
    }

    #[cold]
    #[inline(never)]
    fn lacks(&self, tag: Tag) -> Result<(), Fault> {
        let fault = self.missing(tag);
        match fault.kind {
            ErrorKind::MissingField { .. } => {
                self.d.tolerate(Leniency::MISSING_FIELDS, fault.kind, fault.offset as usize)
            }
            _ => Err(fault),
        }
    }

    #[inline(always)]
    pub(crate) fn required<T: FieldValue<'a>>(&mut self, (presence, tag): Place) -> Result<T, Fault> {
        match self.take(tag)? {
            Some(found) => {
                self.allowed(presence, found)?;
                T::decode(found, self.d)
            }
            None => Err(self.missing(tag)),
        }
    }

    #[inline(always)]
    pub(crate) fn optional<T: FieldValue<'a>>(&mut self, (presence, tag): Place) -> Result<Option<T>, Fault> {
        match self.take(tag)? {
            Some(found) => {
                self.allowed(presence, found)?;
                T::decode(found, self.d).map(Some)
            }
            None => {
                if presence.required.includes(self.d.cx.version) {
                    self.lacks(tag)?;
                }
                Ok(None)
            }
        }
    }

    #[inline(always)]
    pub(crate) fn required_by<T: SelectedValue<'a, S>, S>(
        &mut self,
        (presence, tag): Place,
        selector: &S,
    ) -> Result<T, Fault> {
        match self.take(tag)? {
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
        (presence, tag): Place,
        selector: &S,
    ) -> Result<Option<T>, Fault> {
        match self.take(tag)? {
            Some(found) => {
                self.allowed(presence, found)?;
                T::decode_by(found, self.d, selector).map(Some)
            }
            None => {
                if presence.required.includes(self.d.cx.version) {
                    self.lacks(tag)?;
                }
                Ok(None)
            }
        }
    }

    #[inline(always)]
    pub(crate) fn many<T: FieldValue<'a>>(&mut self, (presence, tag): Place) -> Result<Many<'a, T>, Fault> {
        if self.d.cx.searches() {
            return self.many_anywhere((presence, tag));
        }
        let begin = self.at;
        let mut count = 0_u32;
        while let Some(found) = self.take(tag)? {
            if count == 0 {
                self.allowed(presence, found)?;
            } else if !presence.repeatable.includes(self.d.cx.version) {
                self.d.tolerate(
                    Leniency::REPEATED_FIELDS,
                    ErrorKind::RepeatedField { tag },
                    found.offset(),
                )?;
            }
            T::decode(found, self.d)?;
            count += 1;
        }
        if count == 0 && presence.required.includes(self.d.cx.version) {
            self.lacks(tag)?;
        }
        Ok(Many::wire(self.d.input.get(begin..self.at).unwrap_or_default(), tag, self.d.cx, count))
    }

    #[cold]
    #[inline(never)]
    fn many_anywhere<T: FieldValue<'a>>(&mut self, (presence, tag): Place) -> Result<Many<'a, T>, Fault> {
        let mut at = self.structure.start();
        let mut count = 0_u32;
        while at < self.end {
            let (found, next) = load_found(self.d, at, self.end)?;
            if found.tag() == tag {
                self.allowed(presence, found)?;
                T::decode(found, self.d)?;
                self.items += 1;
                count += 1;
            }
            at = next;
        }
        if count == 0 && presence.required.includes(self.d.cx.version) {
            self.lacks(tag)?;
        }
        let content = self.d.input.get(self.structure.start()..self.end).unwrap_or_default();
        Ok(Many::wire(content, tag, self.d.cx, count))
    }

    /// Of a field that has another tag in 2.x than in 1.x: the place that counts, and the one that leniency allows.
    #[inline(always)]
    fn by_version(&self, v1: Place, v2: Place) -> (Place, Option<Place>) {
        let (usual, other) = if self.d.cx.is_v1() { (v1, v2) } else { (v2, v1) };
        (usual, self.d.cx.leniency.contains(Leniency::OTHER_VERSIONS).then_some(other))
    }

    #[inline(always)]
    pub(crate) fn required_either<T: FieldValue<'a>>(&mut self, v1: Place, v2: Place) -> Result<T, Fault> {
        let (usual, other) = self.by_version(v1, v2);
        if let Some(other) = other
            && let Some(value) = self.optional(other)?
        {
            return Ok(value);
        }
        self.required(usual)
    }

    #[inline(always)]
    pub(crate) fn optional_either<T: FieldValue<'a>>(
        &mut self,
        v1: Place,
        v2: Place,
    ) -> Result<Option<T>, Fault> {
        let (usual, other) = self.by_version(v1, v2);
        if let Some(other) = other
            && let Some(value) = self.optional(other)?
        {
            return Ok(Some(value));
        }
        self.optional(usual)
    }

    #[inline(always)]
    pub(crate) fn many_either<T: FieldValue<'a>>(
        &mut self,
        v1: Place,
        v2: Place,
    ) -> Result<Many<'a, T>, Fault> {
        let (usual, other) = self.by_version(v1, v2);
        if let Some(other) = other {
            let values = self.many(other)?;
            if !values.is_empty() {
                return Ok(values);
            }
        }
        self.many(usual)
    }

    /// The attributes, repeated in 1.x and in one structure in 2.x.
    #[inline(always)]
    pub(crate) fn attributes(&mut self, v1: Place, v2: Place) -> Result<Option<Attributes<'a>>, Fault> {
        let (usual, other) = self.by_version(v1, v2);
        if let Some(other) = other
            && let Some(attributes) = self.attributes_at(other)?
        {
            return Ok(Some(attributes));
        }
        self.attributes_at(usual)
    }

    fn attributes_at(&mut self, place: Place) -> Result<Option<Attributes<'a>>, Fault> {
        if place.1 == crate::spec::tag::ATTRIBUTE {
            let values = self.many(place)?;
            Ok(if values.is_empty() { None } else { Some(Attributes::repeated(values)) })
        } else {
            self.optional(place)
        }
    }

    /// The managed object, under whichever tag it has.
    #[inline(always)]
    pub(crate) fn object(&mut self) -> Result<ManagedObject<'a>, Fault> {
        if self.d.cx.searches() {
            for &tag in object::TAGS {
                if let Some(found) = self.search(tag)? {
                    return ManagedObject::decode(found, self.d);
                }
            }
        } else if object::TAGS.iter().any(|tag| tag.get() == self.next_tag()) {
            let found = self.advance()?;
            return ManagedObject::decode(found, self.d);
        }
        Err(self.missing(crate::spec::tag::SYMMETRIC_KEY))
    }

    /// All fields have been read; what is left does not belong here.
    #[inline(always)]
    pub(crate) fn finish(self) -> Result<Extensions<'a>, Fault> {
        let extensions = if self.d.cx.searches() {
            self.sort_out()?
        } else if self.at == self.end {
            Extensions::NONE
        } else {
            return Err(self.unexpected());
        };
        self.d.leave(self.items, self.structure.offset())?;
        Ok(extensions)
    }

    /// Strict: why the item that stands at `at` is wrong.
    #[cold]
    #[inline(never)]
    fn unexpected(&self) -> Fault {
        let (found, _) = match load_found(self.d, self.at, self.end) {
            Ok(found) => found,
            Err(fault) => return fault,
        };
        let tag = found.tag();
        let kind = if !self.declares(tag) {
            ErrorKind::UnknownField { tag }
        } else if self.seen_before(found) {
            ErrorKind::RepeatedField { tag }
        } else {
            ErrorKind::FieldOutOfOrder { tag }
        };
        Fault::new(kind, found.offset())
    }

    fn seen_before(&self, found: Found) -> bool {
        let mut at = self.structure.start();
        while at < found.offset() {
            let Ok((earlier, next)) = load_found(self.d, at, self.end) else { break };
            if earlier.tag() == found.tag() {
                return true;
            }
            at = next;
        }
        false
    }

    /// Lenient: every item is declared, once, in order; or the deviation is allowed.
    #[cold]
    #[inline(never)]
    fn sort_out(&self) -> Result<Extensions<'a>, Fault> {
        let mut at = self.structure.start();
        let mut unknown = false;
        let mut place = 0;
        let mut previous = None;
        while at < self.end {
            let (found, next) = load_found(self.d, at, self.end)?;
            let tag = found.tag();
            let offset = found.offset();
            if !self.declares(tag) {
                self.d.tolerate(Leniency::UNKNOWN_FIELDS, ErrorKind::UnknownField { tag }, offset)?;
                self.d.any(found)?;
                unknown = true;
            } else if let Some(row) = self.row(tag, place) {
                let repeatable =
                    self.facts.get(row).is_some_and(|field| field.repeatable.includes(self.d.cx.version));
                if previous == Some(tag) && !repeatable {
                    self.d.tolerate(Leniency::REPEATED_FIELDS, ErrorKind::RepeatedField { tag }, offset)?;
                    self.d.any(found)?;
                }
                place = row;
            } else if self.seen_before(found) {
                self.d.tolerate(Leniency::REPEATED_FIELDS, ErrorKind::RepeatedField { tag }, offset)?;
                self.d.any(found)?;
            } else {
                self.d.tolerate(Leniency::ANY_ORDER, ErrorKind::FieldOutOfOrder { tag }, offset)?;
            }
            previous = Some(tag);
            at = next;
        }
        if !unknown {
            return Ok(Extensions::NONE);
        }
        let content = self.d.input.get(self.structure.start()..self.end).unwrap_or_default();
        Ok(Extensions::among(content, self.facts))
    }

    /// The place of a tag among the fields, not before `first`.
    fn row(&self, tag: Tag, first: usize) -> Option<usize> {
        self.facts
            .iter()
            .enumerate()
            .skip(first)
            .find(|(_, field)| stands_for(field, tag))
            .map(|(row, _)| row)
    }
}

/// The item at `at`, tag and bounds checked, and where the next one begins.
pub(crate) fn load_found(d: &Decoder<'_, '_>, at: usize, end: usize) -> Result<(Found, usize), Fault> {
    let Some(header) = d.input.get(at..end).and_then(|rest| rest.first_chunk::<8>()) else {
        let available = (end - at).min(7) as u8;
        return Err(Fault::new(ErrorKind::TruncatedHeader { available }, at));
    };
    let found = Found { head: u64::from_be_bytes(*header), offset: at as u32 };
    let number = (found.head >> 40) as u32;
    if !tag::in_range(number) {
        return Err(Fault::new(ErrorKind::TagOutOfRange { tag: number }, at));
    }
    if ItemType::from_byte(found.type_byte()).is_none() {
        return Err(d.wrong_type(found));
    }
    let room = end - at - raw::HEADER_LEN;
    let mut padded = raw::padded(found.len());
    if padded > room {
        padded = short_padding(d, found, room)?;
    }
    if found.is(ItemType::Structure) {
        padded = found.len();
    }
    Ok((found, at + raw::HEADER_LEN + padded))
}

/// The value ends after its container, or only its padding is missing.
#[cold]
#[inline(never)]
fn short_padding(d: &Decoder<'_, '_>, found: Found, room: usize) -> Result<usize, Fault> {
    let kind = ErrorKind::ValueTooLong { length: found.len() as u32, room: room as u32 };
    if found.len() > room {
        return Err(Fault::new(kind, found.offset()));
    }
    if !found.is(ItemType::Structure) {
        d.tolerate(Leniency::SHORT_PADDING, kind, found.offset())?;
    }
    Ok(room)
}

/// Whether an item under this tag is this field.
pub(crate) fn stands_for(field: &FieldFacts, tag: Tag) -> bool {
    match field.content {
        Content::Tagged(declared) => declared == tag,
        Content::ManagedObject => crate::object::is_object(tag),
        Content::AnyAttribute | Content::Any => true,
    }
}
