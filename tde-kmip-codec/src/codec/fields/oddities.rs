//! What is wrong with a structure, and how leniency reads it all the same.

use super::{Fields, Place};
use crate::{
    codec::{Extensions, Failed, FieldValue, Found, Many},
    spec::{Content, FieldFacts},
    ttlv::{ErrorKind, Leniency, Tag, error::Fault},
};

impl<'a> Fields<'_, 'a, '_> {
    /// The items not read yet, or all of them where fields are searched for.
    fn unread(&self) -> &'a [u8] {
        if self.d.cx.searches() { self.structure.padded() } else { self.rest }
    }

    /// An item that does not fit, or whose padding does not.
    #[cold]
    #[inline(never)]
    pub(super) fn short_item(self) -> Option<(Found<'a>, &'a [u8])> {
        self.d.split(self.rest).ok()
    }

    #[cold]
    #[inline(never)]
    pub(super) fn search(self, tag: Tag) -> Option<Found<'a>> {
        let mut room = self.structure.padded();
        while !room.is_empty() {
            let (found, next) = self.d.split(room).ok()?;
            if found.tag() == tag {
                return Some(found);
            }
            room = next;
        }
        None
    }

    #[cold]
    #[inline(never)]
    pub(super) fn many_anywhere<T: FieldValue<'a>>(
        self,
        place @ (presence, tag): Place,
    ) -> Result<Many<'a, T>, Failed> {
        let mut room = self.structure.padded();
        let mut count = 0_u32;
        while !room.is_empty() {
            let (found, next) = self.d.split(room).map_err(|fault| self.d.failed(fault))?;
            if found.tag() == tag {
                self.allowed(presence, found)?;
                T::probe(found, self.d)?;
                count += 1;
            }
            room = next;
        }
        if count == 0 {
            self.absent(place)?;
        }
        Ok(Many::wire(self.structure.padded(), tag, self.d.cx, count))
    }

    /// A required field is not where it belongs.
    #[cold]
    #[inline(never)]
    pub(super) fn is_missing(self, tag: Tag) -> Failed {
        self.d.failed(self.why_missing(tag))
    }

    /// What stands there instead says what is really wrong.
    fn why_missing(&self, tag: Tag) -> Fault {
        let mut room = self.unread();
        if !room.is_empty() {
            match self.d.split(room) {
                Err(fault) => return fault,
                Ok((found, _)) if !self.declares(found.tag()) => {
                    return Fault::new(ErrorKind::UnknownField { tag: found.tag() }, self.d.offset(found));
                }
                Ok((_, next)) => room = next,
            }
        }
        while !room.is_empty() {
            match self.d.split(room) {
                Ok((found, _)) if found.tag() == tag => {
                    return Fault::new(ErrorKind::FieldOutOfOrder { tag }, self.d.offset(found));
                }
                Ok((_, next)) => room = next,
                // The search stopped here.
                Err(fault) if self.d.cx.searches() => return fault,
                Err(_) => break,
            }
        }
        Fault::new(ErrorKind::MissingField { tag }, self.d.offset(self.structure))
    }

    fn declares(&self, tag: Tag) -> bool {
        self.facts.iter().any(|field| stands_for(field, tag))
    }

    /// A field that the version requires is not there, for which the typed form has a place.
    #[cold]
    #[inline(never)]
    pub(super) fn lacks(self, tag: Tag) -> Result<(), Failed> {
        let fault = self.why_missing(tag);
        match fault.kind {
            ErrorKind::MissingField { .. } => {
                self.d.tolerate(Leniency::MISSING_FIELDS, fault.kind, fault.offset as usize)
            }
            _ => Err(self.d.failed(fault)),
        }
    }

    #[cold]
    #[inline(never)]
    pub(super) fn finish_oddly(self) -> Result<Extensions<'a>, Failed> {
        if self.d.cx.searches() { self.sort_out() } else { self.leftover() }
    }

    /// Strict: items after the known fields, which only structures with room for a vendor's may have.
    fn leftover(self) -> Result<Extensions<'a>, Failed> {
        let is_open = self.facts.last().is_some_and(|field| matches!(field.content, Content::Any));
        if !is_open {
            return Err(self.d.failed(self.unexpected()));
        }
        let mut room = self.rest;
        while !room.is_empty() {
            let (found, next) = self.d.split(room).map_err(|fault| self.d.failed(fault))?;
            if self.facts.iter().any(|field| is_named(field, found.tag())) {
                return Err(self.d.failed(self.unexpected()));
            }
            self.d.any(found)?;
            room = next;
        }
        Ok(Extensions::new(self.rest))
    }

    /// Strict: why the item that comes next is wrong.
    fn unexpected(&self) -> Fault {
        let (found, _) = match self.d.split(self.rest) {
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
        Fault::new(kind, self.d.offset(found))
    }

    fn is_of_other_versions(&self, tag: Tag) -> bool {
        !self.facts.iter().any(|field| stands_for(field, tag) && field.versions.covers(self.d.cx.version))
    }

    fn seen_before(&self, found: Found<'_>) -> bool {
        let mut room = self.structure.padded();
        while self.d.offset_of(room) < self.d.offset(found) {
            let Ok((earlier, next)) = self.d.split(room) else { break };
            if earlier.tag() == found.tag() {
                return true;
            }
            room = next;
        }
        false
    }

    /// Lenient: every item is declared, once, in order; or the deviation is allowed.
    fn sort_out(self) -> Result<Extensions<'a>, Failed> {
        let content = self.structure.padded();
        let mut room = content;
        let mut unknown = false;
        let mut place = 0;
        let mut previous = None;
        // By row; no structure has 128 fields.
        let mut seen = 0_u128;
        while !room.is_empty() {
            let (found, next) = self.d.split(room).map_err(|fault| self.d.failed(fault))?;
            let tag = found.tag();
            let offset = self.d.offset(found);
            let named = self.facts.iter().position(|field| is_named(field, tag));
            let bit = named.map_or(0, |row| 1_u128.unbounded_shl(row as u32));
            if named.is_none() && self.declares(tag) {
                self.d.any(found)?;
                unknown = true;
            } else if named.is_none() {
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
            } else if seen & bit != 0 {
                self.d.tolerate(Leniency::REPEATED_FIELDS, ErrorKind::RepeatedField { tag }, offset)?;
                self.d.any(found)?;
            } else {
                self.d.tolerate(Leniency::ANY_ORDER, ErrorKind::FieldOutOfOrder { tag }, offset)?;
            }
            seen |= bit;
            previous = Some(tag);
            room = next;
        }
        Ok(if unknown { Extensions::among(content, self.facts) } else { Extensions::NONE })
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
