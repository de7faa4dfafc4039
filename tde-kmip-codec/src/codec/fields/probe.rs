//! Fields checked without building anything of them.

use super::{Fields, Place};
use crate::codec::{Failed, FieldValue, Seen, SelectedValue};

impl<'a> Fields<'_, 'a, '_> {
    #[inline(always)]
    pub(crate) fn probe_required<T: FieldValue<'a>>(&mut self, place: Place) -> Result<Option<T>, Failed> {
        let (presence, tag) = place;
        if T::FIXED != 0 {
            return self.required(place).map(Some);
        }
        match self.take(tag) {
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
        place: Place,
    ) -> Result<Option<Option<T>>, Failed> {
        let (presence, tag) = place;
        if T::FIXED != 0 {
            return self.optional(place).map(Some);
        }
        match self.take(tag) {
            Some(found) => {
                self.allowed(presence, found)?;
                T::probe(found, self.d).map(|probed| probed.map(Some))
            }
            None => {
                self.absent(place)?;
                Ok(Some(None))
            }
        }
    }

    #[inline(always)]
    pub(crate) fn probe_required_by<T: SelectedValue<'a, S>, S>(
        &mut self,
        (presence, tag): Place,
        selector: Option<S>,
    ) -> Result<Seen, Failed> {
        match (self.take(tag), selector) {
            (Some(found), Some(selector)) => {
                self.allowed(presence, found)?;
                T::probe_by(found, self.d, &selector).map(Seen::there)
            }
            _ => Err(self.missing(tag)),
        }
    }

    #[inline(always)]
    pub(crate) fn probe_optional_by<T: SelectedValue<'a, S>, S>(
        &mut self,
        place @ (presence, tag): Place,
        selector: Option<S>,
    ) -> Result<Seen, Failed> {
        match (self.take(tag), selector) {
            (Some(found), Some(selector)) => {
                self.allowed(presence, found)?;
                T::probe_by(found, self.d, &selector).map(Seen::there)
            }
            _ => self.absent(place).map(|()| Seen::ABSENT),
        }
    }
}
