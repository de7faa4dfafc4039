use super::{FieldValue, Many, Place, Presence, SelectedValue, nearest};
use crate::{
    attribute::Attributes,
    spec::{ProtocolVersion, Versions},
    ttlv::{Error, ErrorKind, Leniency, Tag, Writer},
};

/// One encoding: where it goes, for which version, and what went wrong first.
#[derive(Debug)]
pub struct Encoder<'b> {
    pub(crate) writer: Writer<'b>,
    /// The one version in force.
    pub(crate) version: Versions,
    pub(crate) leniency: Leniency,
    fault: Option<(ErrorKind, usize)>,
}

impl<'b> Encoder<'b> {
    pub(crate) const fn new(writer: Writer<'b>, version: ProtocolVersion, leniency: Leniency) -> Self {
        Self { writer, version: Versions::only(nearest(version)), leniency, fault: None }
    }

    #[inline(always)]
    pub(crate) const fn is_v1(&self) -> bool {
        Versions::V1.covers(self.version)
    }

    /// Keeps the first thing that cannot be encoded.
    #[cold]
    #[inline(never)]
    pub(crate) fn fail(&mut self, kind: ErrorKind) {
        self.fail_at(kind, self.writer.len());
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn fail_at(&mut self, kind: ErrorKind, at: usize) {
        self.fault.get_or_insert((kind, at));
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn not_in_version(&mut self, tag: Tag) {
        if !self.leniency.contains(Leniency::OTHER_VERSIONS) {
            self.fail(ErrorKind::CannotEncodeInVersion { tag });
        }
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn odd_value(&mut self, tag: Tag, value: u32, versions: Versions) {
        if versions.is_empty() {
            if !self.leniency.contains(Leniency::UNKNOWN_ENUMERATION_VALUES) {
                self.fail(ErrorKind::UnknownEnumerationValue { tag, value });
            }
        } else if !self.leniency.contains(Leniency::OTHER_VERSIONS) {
            self.fail(ErrorKind::EnumerationValueNotInVersion { tag, value });
        }
    }

    #[cold]
    #[inline(never)]
    fn missing(&mut self, tag: Tag) {
        if !self.leniency.contains(Leniency::MISSING_FIELDS) {
            self.fail(ErrorKind::CannotEncodeWithout { tag });
        }
    }

    #[inline(always)]
    pub(crate) fn allowed(&mut self, presence: Presence, tag: Tag) {
        if !presence.allowed.covers(self.version) {
            self.not_in_version(tag);
        }
    }

    #[inline(always)]
    pub(crate) fn required<'a, T: FieldValue<'a>>(&mut self, (presence, tag): Place, value: &T) {
        self.allowed(presence, tag);
        value.encode(tag, self);
    }

    #[inline(always)]
    pub(crate) fn optional<'a, T: FieldValue<'a>>(
        &mut self,
        place @ (presence, tag): Place,
        value: Option<&T>,
    ) {
        match value {
            Some(value) => self.required(place, value),
            None => {
                if presence.required.covers(self.version) {
                    self.missing(tag);
                }
            }
        }
    }

    #[inline(always)]
    pub(crate) fn many<'a, T: FieldValue<'a>>(&mut self, (presence, tag): Place, values: &Many<'a, T>) {
        if values.is_empty() {
            if presence.required.covers(self.version) {
                self.missing(tag);
            }
            return;
        }
        self.allowed(presence, tag);
        if values.len() > 1
            && !presence.repeatable.covers(self.version)
            && presence.allowed.covers(self.version)
            && !self.leniency.contains(Leniency::REPEATED_FIELDS)
        {
            self.fail(ErrorKind::RepeatedField { tag });
        }
        values.encode_each(tag, self);
    }

    #[inline(always)]
    pub(crate) fn required_by<'a, S, T: SelectedValue<'a, S>>(
        &mut self,
        (presence, tag): Place,
        value: &T,
        selector: &S,
    ) {
        self.allowed(presence, tag);
        value.encode_by(tag, self, selector);
    }

    #[inline(always)]
    pub(crate) fn optional_by<'a, S, T: SelectedValue<'a, S>>(
        &mut self,
        place @ (presence, tag): Place,
        value: Option<&T>,
        selector: &S,
    ) {
        match value {
            Some(value) => self.required_by(place, value, selector),
            None => {
                if presence.required.covers(self.version) {
                    self.missing(tag);
                }
            }
        }
    }

    /// Of a field that has another tag in 2.x than in 1.x: the place in this version.
    #[inline(always)]
    pub(crate) const fn by_version(&self, v1: Place, v2: Place) -> Place {
        if self.is_v1() { v1 } else { v2 }
    }

    /// Attributes, repeated in 1.x and in one structure in 2.x; where the version requires them, none are an
    /// empty structure.
    pub(crate) fn attributes(&mut self, v1: Place, v2: Place, attributes: Option<&Attributes<'_>>) {
        let (presence, tag) = self.by_version(v1, v2);
        match attributes {
            Some(attributes) => {
                self.allowed(presence, tag);
                attributes.encode_as(tag, self);
            }
            None if !presence.required.covers(self.version) => {}
            None if self.is_v1() || self.leniency.contains(Leniency::MISSING_FIELDS) => self.missing(tag),
            None => Attributes::NONE.encode_as(tag, self),
        }
    }

    pub(crate) fn finish(self) -> Result<&'b mut [u8], Error> {
        self.check()?;
        self.writer.finish()
    }

    pub(crate) fn measured(self) -> Result<usize, Error> {
        self.check()?;
        self.writer.measured()
    }

    const fn check(&self) -> Result<(), Error> {
        match self.fault {
            Some((kind, at)) => Err(Error::without_input(kind, at)),
            None => Ok(()),
        }
    }
}
