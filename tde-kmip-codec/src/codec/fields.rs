use super::{Decoder, Extensions, FieldValue, Many, SelectedValue};
use crate::{
    attribute::Attributes,
    object::{self, ManagedObject},
    spec::{Content, FieldFacts, Versions},
    ttlv::{ErrorKind, ItemType, Leniency, Tag, error::Fault, raw, tag},
};

/// An item whose header was read and whose value lies inside the structure around it.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    head: u64,
    /// The value and its padding.
    padded: &'a [u8],
    offset: u32,
}

impl<'a> Found<'a> {
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

    /// The value and its padding.
    #[inline(always)]
    pub(crate) const fn padded(self) -> &'a [u8] {
        self.padded
    }

    /// The value.
    #[inline(always)]
    pub(crate) fn bytes(self) -> &'a [u8] {
        self.padded.get(..self.len()).unwrap_or(self.padded)
    }

    /// The first eight bytes of the value and its padding; zeros where padding is missing.
    #[inline(always)]
    pub(crate) fn word(self) -> u64 {
        match self.padded.first_chunk::<8>() {
            Some(word) => u64::from_be_bytes(*word),
            None => self.short_word(),
        }
    }

    #[cold]
    fn short_word(self) -> u64 {
        let mut word = [0; 8];
        word.iter_mut().zip(self.padded).for_each(|(slot, byte)| *slot = *byte);
        u64::from_be_bytes(word)
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
///
/// The hot paths are inlined and keep this in registers. The cold ones get a copy ([`Fields::snapshot`]): a
/// reference to the original would force it into memory for good.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'d, 'a, 'o> {
    d: &'d Decoder<'a, 'o>,
    facts: &'static &'static [FieldFacts],
    structure: Found<'a>,
    /// The items not read yet.
    rest: &'a [u8],
    /// The header at the start of `rest`; 0, which is no tag, where there is none.
    head: u64,
    items: u32,
}

impl<'d, 'a, 'o> Fields<'d, 'a, 'o> {
    #[inline(always)]
    pub(crate) fn open(
        structure: Found<'a>,
        d: &'d Decoder<'a, 'o>,
        facts: &'static &'static [FieldFacts],
    ) -> Result<Self, Fault> {
        if !structure.is(ItemType::Structure) {
            return Err(d.wrong_type(structure));
        }
        if !structure.len().is_multiple_of(8) {
            let kind =
                ErrorKind::InvalidLength { item_type: ItemType::Structure, length: structure.len() as u32 };
            d.tolerate(Leniency::SHORT_PADDING, kind, structure.offset())?;
        }
        d.enter(structure.offset())?;
        let mut fields = Self { d, facts, structure, rest: structure.padded, head: 0, items: 0 };
        fields.load();
        Ok(fields)
    }

    #[inline(always)]
    fn load(&mut self) {
        self.head = self.rest.first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    }

    /// Where the structure ends.
    #[inline(always)]
    const fn end(&self) -> usize {
        self.structure.start() + self.structure.padded.len()
    }

    /// Where the next item begins.
    #[inline(always)]
    const fn at(&self) -> usize {
        self.end() - self.rest.len()
    }

    /// The next item, if it has this tag; with leniency, the first one that has it.
    #[inline(always)]
    pub(crate) fn take(&mut self, tag: Tag) -> Result<Option<Found<'a>>, Fault> {
        if self.d.cx.searches() {
            let found = self.snapshot().search(tag)?;
            self.items += u32::from(found.is_some());
            return Ok(found);
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
    fn advance(&mut self) -> Result<Found<'a>, Fault> {
        let (_, rest) = self.rest.split_at_checked(raw::HEADER_LEN).unwrap_or_default();
        let length = self.head as u32 as usize;
        match rest.split_at_checked(raw::padded(length)) {
            Some((padded, next)) => {
                let found = Found { head: self.head, padded, offset: self.at() as u32 };
                self.rest = next;
                self.items += 1;
                self.load();
                Ok(found)
            }
            None => {
                let (found, rest) = self.snapshot().short_item()?;
                self.rest = rest;
                self.items += 1;
                self.load();
                Ok(found)
            }
        }
    }

    /// An item that does not fit, or whose padding does not.
    #[cold]
    #[inline(never)]
    fn short_item(self) -> Result<(Found<'a>, &'a [u8]), Fault> {
        let (found, next) = load_found(self.d, self.at(), self.end())?;
        Ok((found, self.rest.get(next - self.at()..).unwrap_or_default()))
    }

    #[inline(always)]
    const fn snapshot(&self) -> Self {
        *self
    }

    #[cold]
    #[inline(never)]
    fn search(self, tag: Tag) -> Result<Option<Found<'a>>, Fault> {
        let mut at = self.structure.start();
        while at < self.end() {
            let (found, next) = load_found(self.d, at, self.end())?;
            if found.tag() == tag {
                return Ok(Some(found));
            }
            at = next;
        }
        Ok(None)
    }

    #[inline(always)]
    pub(crate) fn allowed(&self, presence: Presence, found: Found<'_>) -> Result<(), Fault> {
        // Mostly known to the compiler, which then leaves the rest out.
        if presence.allowed.covers(self.d.cx.version) {
            return Ok(());
        }
        let kind = ErrorKind::FieldNotInVersion { tag: found.tag() };
        self.d.tolerate(Leniency::OTHER_VERSIONS, kind, found.offset())
    }

    /// A required field is not where it belongs.
    #[inline(always)]
    pub(crate) fn missing(&self, tag: Tag) -> Fault {
        self.snapshot().why_missing(tag)
    }

    #[cold]
    #[inline(never)]
    fn why_missing(self, tag: Tag) -> Fault {
        // What stands there instead says what is really wrong.
        if self.at() < self.end() {
            match load_found(self.d, self.at(), self.end()) {
                Err(fault) => return fault,
                Ok((found, _)) if !self.declares(found.tag()) => {
                    return Fault::new(ErrorKind::UnknownField { tag: found.tag() }, found.offset());
                }
                Ok((_, next)) => {
                    let mut at = next;
                    while let Ok((found, next)) = load_found(self.d, at, self.end()) {
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
    fn lacks(self, tag: Tag) -> Result<(), Fault> {
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
                self.absent(presence, tag)?;
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
                self.absent(presence, tag)?;
                Ok(None)
            }
        }
    }

    #[inline(always)]
    pub(crate) fn many<T: FieldValue<'a>>(&mut self, (presence, tag): Place) -> Result<Many<'a, T>, Fault> {
        if self.d.cx.searches() {
            let values = self.snapshot().many_anywhere((presence, tag))?;
            self.items += values.len() as u32;
            return Ok(values);
        }
        let before = self.rest;
        let mut count = 0_u32;
        while let Some(found) = self.take(tag)? {
            if count == 0 {
                self.allowed(presence, found)?;
            } else if !presence.repeatable.covers(self.d.cx.version)
                && presence.allowed.covers(self.d.cx.version)
            {
                self.d.tolerate(
                    Leniency::REPEATED_FIELDS,
                    ErrorKind::RepeatedField { tag },
                    found.offset(),
                )?;
            }
            T::probe(found, self.d)?;
            count += 1;
        }
        if count == 0 && presence.required.covers(self.d.cx.version) {
            self.snapshot().lacks(tag)?;
        }
        let items = before.get(..before.len() - self.rest.len()).unwrap_or_default();
        Ok(Many::wire(items, tag, self.d.cx, count))
    }

    #[cold]
    #[inline(never)]
    fn many_anywhere<T: FieldValue<'a>>(self, (presence, tag): Place) -> Result<Many<'a, T>, Fault> {
        let mut at = self.structure.start();
        let mut count = 0_u32;
        while at < self.end() {
            let (found, next) = load_found(self.d, at, self.end())?;
            if found.tag() == tag {
                self.allowed(presence, found)?;
                T::probe(found, self.d)?;
                count += 1;
            }
            at = next;
        }
        if count == 0 && presence.required.covers(self.d.cx.version) {
            self.snapshot().lacks(tag)?;
        }
        let content = self.structure.padded;
        Ok(Many::wire(content, tag, self.d.cx, count))
    }

    #[inline(always)]
    pub(crate) fn probe_required<T: FieldValue<'a>>(
        &mut self,
        (presence, tag): Place,
    ) -> Result<Option<T>, Fault> {
        match self.take(tag)? {
            Some(found) => {
                self.allowed(presence, found)?;
                T::probe(found, self.d)
            }
            None => Err(self.missing(tag)),
        }
    }

    #[inline(always)]
    pub(crate) fn probe_optional<T: FieldValue<'a>>(
        &mut self,
        (presence, tag): Place,
    ) -> Result<Option<Option<T>>, Fault> {
        match self.take(tag)? {
            Some(found) => {
                self.allowed(presence, found)?;
                T::probe(found, self.d).map(|probed| probed.map(Some))
            }
            None => {
                self.absent(presence, tag)?;
                Ok(Some(None))
            }
        }
    }

    #[inline(always)]
    pub(crate) fn probe_required_by<T: SelectedValue<'a, S>, S>(
        &mut self,
        (presence, tag): Place,
        selector: Option<S>,
    ) -> Result<(), Fault> {
        match (self.take(tag)?, selector) {
            (Some(found), Some(selector)) => {
                self.allowed(presence, found)?;
                T::probe_by(found, self.d, &selector)
            }
            _ => Err(self.missing(tag)),
        }
    }

    #[inline(always)]
    pub(crate) fn probe_optional_by<T: SelectedValue<'a, S>, S>(
        &mut self,
        (presence, tag): Place,
        selector: Option<S>,
    ) -> Result<(), Fault> {
        match (self.take(tag)?, selector) {
            (Some(found), Some(selector)) => {
                self.allowed(presence, found)?;
                T::probe_by(found, self.d, &selector)
            }
            _ => self.absent(presence, tag),
        }
    }

    /// An optional field is not there, which some version may not allow.
    #[inline(always)]
    fn absent(&self, presence: Presence, tag: Tag) -> Result<(), Fault> {
        if presence.required.covers(self.d.cx.version) { self.snapshot().lacks(tag) } else { Ok(()) }
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

    #[inline(always)]
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
        let found = self.take_object()?;
        ManagedObject::decode(found, self.d)
    }

    #[inline(always)]
    pub(crate) fn probe_object(&mut self) -> Result<(), Fault> {
        let found = self.take_object()?;
        ManagedObject::probe(found, self.d)
    }

    #[inline(always)]
    fn take_object(&mut self) -> Result<Found<'a>, Fault> {
        if self.d.cx.searches() {
            for &tag in object::TAGS {
                if let Some(found) = self.take(tag)? {
                    return Ok(found);
                }
            }
        } else if object::TAGS.iter().any(|tag| tag.get() == self.next_tag()) {
            return self.advance();
        }
        Err(self.missing(crate::spec::tag::SYMMETRIC_KEY))
    }

    /// All fields have been read; what is left does not belong here.
    #[inline(always)]
    pub(crate) fn finish(self) -> Result<Extensions<'a>, Fault> {
        let extensions = if self.rest.is_empty() && !self.d.cx.searches() {
            Extensions::NONE
        } else {
            self.snapshot().finish_oddly()?
        };
        self.d.leave(self.items, self.structure.offset())?;
        Ok(extensions)
    }

    #[cold]
    #[inline(never)]
    fn finish_oddly(self) -> Result<Extensions<'a>, Fault> {
        if self.d.cx.searches() { self.sort_out() } else { self.leftover() }
    }

    /// Strict: items after the known fields, which only structures with room for a vendor's may have.
    #[cold]
    #[inline(never)]
    fn leftover(self) -> Result<Extensions<'a>, Fault> {
        let is_open = self.facts.last().is_some_and(|field| matches!(field.content, Content::Any));
        if !is_open {
            return Err(self.unexpected());
        }
        let mut at = self.at();
        while at < self.end() {
            let (found, next) = load_found(self.d, at, self.end())?;
            if self.facts.iter().any(|field| is_named(field, found.tag())) {
                return Err(self.unexpected());
            }
            self.d.any(found)?;
            at = next;
        }
        Ok(Extensions::new(self.rest))
    }

    /// Strict: why the item that stands at `at` is wrong.
    #[cold]
    #[inline(never)]
    fn unexpected(self) -> Fault {
        let (found, _) = match load_found(self.d, self.at(), self.end()) {
            Ok(found) => found,
            Err(fault) => return fault,
        };
        let tag = found.tag();
        let kind = if !self.declares(tag) {
            ErrorKind::UnknownField { tag }
        } else if self.is_of_other_versions(tag) {
            ErrorKind::FieldNotInVersion { tag }
        } else if self.seen_before(found) {
            ErrorKind::RepeatedField { tag }
        } else {
            ErrorKind::FieldOutOfOrder { tag }
        };
        Fault::new(kind, found.offset())
    }

    fn is_of_other_versions(&self, tag: Tag) -> bool {
        !self.facts.iter().any(|field| stands_for(field, tag) && field.versions.covers(self.d.cx.version))
    }

    fn seen_before(&self, found: Found<'_>) -> bool {
        let mut at = self.structure.start();
        while at < found.offset() {
            let Ok((earlier, next)) = load_found(self.d, at, self.end()) else { break };
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
    fn sort_out(self) -> Result<Extensions<'a>, Fault> {
        let mut at = self.structure.start();
        let mut unknown = false;
        let mut place = 0;
        let mut previous = None;
        while at < self.end() {
            let (found, next) = load_found(self.d, at, self.end())?;
            let tag = found.tag();
            let offset = found.offset();
            let named = self.facts.iter().any(|field| is_named(field, tag));
            if !named && self.declares(tag) {
                self.d.any(found)?;
                unknown = true;
            } else if !named {
                self.d.tolerate(Leniency::UNKNOWN_FIELDS, ErrorKind::UnknownField { tag }, offset)?;
                self.d.any(found)?;
                unknown = true;
            } else if let Some(row) = self.row(tag, place) {
                let version = self.d.cx.version;
                let repeatable = self
                    .facts
                    .get(row)
                    .is_some_and(|field| field.repeatable.covers(version) || !field.versions.covers(version));
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
        let content = self.structure.padded;
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
pub(crate) fn load_found<'a>(
    d: &Decoder<'a, '_>,
    at: usize,
    end: usize,
) -> Result<(Found<'a>, usize), Fault> {
    let room = d.input.get(at..end).unwrap_or_default();
    let Some((header, rest)) = room.split_first_chunk::<8>() else {
        let available = room.len() as u8;
        return Err(Fault::new(ErrorKind::TruncatedHeader { available }, at));
    };
    let mut found = Found { head: u64::from_be_bytes(*header), padded: &[], offset: at as u32 };
    let number = (found.head >> 40) as u32;
    if !tag::in_range(number) {
        return Err(Fault::new(ErrorKind::TagOutOfRange { tag: number }, at));
    }
    if ItemType::from_byte(found.type_byte()).is_none() {
        return Err(d.wrong_type(found));
    }
    let mut padded = raw::padded(found.len());
    if padded > rest.len() {
        padded = short_padding(d, found, rest.len())?;
    }
    if found.is(ItemType::Structure) {
        // Its length includes all padding.
        padded = found.len();
    }
    found.padded = rest.get(..padded).unwrap_or_default();
    Ok((found, at + raw::HEADER_LEN + padded))
}

/// The value ends after its container, or only its padding is missing.
#[cold]
#[inline(never)]
fn short_padding(d: &Decoder<'_, '_>, found: Found<'_>, room: usize) -> Result<usize, Fault> {
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
fn stands_for(field: &FieldFacts, tag: Tag) -> bool {
    is_named(field, tag) || matches!(field.content, Content::AnyAttribute | Content::Any)
}

/// Whether the field is there for this tag, and not for any.
pub(crate) fn is_named(field: &FieldFacts, tag: Tag) -> bool {
    match field.content {
        Content::Tagged(declared) => declared == tag,
        Content::ManagedObject => crate::object::is_object(tag),
        Content::AnyAttribute | Content::Any => false,
    }
}
