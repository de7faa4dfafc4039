//! Fields that the versions have under different tags.

use super::{Fields, Place};
use crate::{
    attribute::Attributes,
    codec::{Failed, FieldValue, Found, Many},
    object::{self, ManagedObject},
    ttlv::Leniency,
};

impl<'a> Fields<'_, 'a, '_> {
    /// Of a field that has another tag in 2.x than in 1.x: the place that counts, and the one that leniency allows.
    #[inline(always)]
    fn by_version(&self, v1: Place, v2: Place) -> (Place, Option<Place>) {
        let (usual, other) = if self.d.cx.is_v1() { (v1, v2) } else { (v2, v1) };
        (usual, self.d.cx.leniency.contains(Leniency::OTHER_VERSIONS).then_some(other))
    }

    #[inline(always)]
    pub(crate) fn required_either<T: FieldValue<'a>>(&mut self, v1: Place, v2: Place) -> Result<T, Failed> {
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
    ) -> Result<Option<T>, Failed> {
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
    ) -> Result<Many<'a, T>, Failed> {
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
    pub(crate) fn attributes(&mut self, v1: Place, v2: Place) -> Result<Option<Attributes<'a>>, Failed> {
        let (usual, other) = self.by_version(v1, v2);
        if let Some(other) = other
            && let Some(attributes) = self.attributes_at(other)?
        {
            return Ok(Some(attributes));
        }
        self.attributes_at(usual)
    }

    #[inline(always)]
    fn attributes_at(&mut self, place: Place) -> Result<Option<Attributes<'a>>, Failed> {
        if place.1 == crate::spec::tag::ATTRIBUTE {
            let values = self.many(place)?;
            Ok(if values.is_empty() { None } else { Some(Attributes::repeated(values)) })
        } else {
            self.optional(place)
        }
    }

    /// The managed object, under whichever tag it has.
    #[inline(always)]
    pub(crate) fn object(&mut self) -> Result<ManagedObject<'a>, Failed> {
        match self.take_object() {
            Some(found) => ManagedObject::decode(found, self.d),
            None => Err(self.missing(crate::spec::tag::SYMMETRIC_KEY)),
        }
    }

    #[inline(always)]
    pub(crate) fn probe_object(&mut self) -> Result<(), Failed> {
        match self.take_object() {
            Some(found) => ManagedObject::probe(found, self.d),
            None => Err(self.missing(crate::spec::tag::SYMMETRIC_KEY)),
        }
    }

    #[inline(always)]
    fn take_object(&mut self) -> Option<Found<'a>> {
        if object::TAGS.iter().any(|tag| tag.get() == self.next_tag()) {
            self.advance()
        } else if self.d.cx.searches() {
            object::TAGS.iter().find_map(|&tag| self.snapshot().search(tag))
        } else {
            None
        }
    }
}
