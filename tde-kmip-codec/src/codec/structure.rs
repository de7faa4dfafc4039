use super::{Decoder, Encoder, Failed, Found, Presence, Seen};
use crate::{
    spec::{Content, FieldFacts, ProtocolVersion, Versions},
    ttlv::{Error, Leniency, Options, Tag, Tolerated, Writer},
};

/// What can stand in a field: a scalar, a structure, or a choice of both.
///
/// Sealed: its methods take what only this crate can make.
pub trait FieldValue<'a>: Clone + 'a {
    /// Type and length, as a header has them, of a type that has one length; else 0.
    #[doc(hidden)]
    const FIXED: u64 = 0;

    /// The value in the eight bytes of a type that has one length, if there is nothing odd about it.
    #[doc(hidden)]
    #[inline(always)]
    fn from_word(_word: u64, _version: Versions) -> Option<Self> {
        None
    }

    #[doc(hidden)]
    fn decode(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Self, Failed>;

    /// Checks without building: a structure gives `None`, a scalar its value, which may select another field's form.
    #[doc(hidden)]
    #[inline(always)]
    fn probe(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Option<Self>, Failed> {
        Self::decode(found, d).map(Some)
    }

    #[doc(hidden)]
    fn encode(&self, tag: Tag, e: &mut Encoder<'_>);

    /// What the value is to a rule ([`crate::spec::FieldState`]); 0 where no rule asks.
    #[doc(hidden)]
    #[inline(always)]
    fn number(&self) -> u32 {
        0
    }

    /// What a rule asks about a field in here; no path is the value itself.
    #[doc(hidden)]
    fn seen(&self, path: &[Tag]) -> Seen {
        if path.is_empty() { Seen::there(self.number()) } else { Seen::ABSENT }
    }
}

/// What can stand in a field when another field says which.
pub(crate) trait SelectedValue<'a, S>: Clone + 'a {
    fn decode_by(found: Found<'a>, d: &Decoder<'a, '_>, selector: &S) -> Result<Self, Failed>;

    /// Checks without building, and gives what [`SelectedValue::number`] would.
    fn probe_by(found: Found<'a>, d: &Decoder<'a, '_>, selector: &S) -> Result<u32, Failed>;

    fn encode_by(&self, tag: Tag, e: &mut Encoder<'_>, selector: &S);

    /// What the value is to a rule, as [`FieldValue::number`].
    #[inline(always)]
    fn number(&self) -> u32 {
        0
    }

    /// What a rule asks about a field in here, as [`FieldValue::seen`].
    fn seen(&self, path: &[Tag]) -> Seen {
        if path.is_empty() { Seen::there(self.number()) } else { Seen::ABSENT }
    }
}

/// A declared structure, which can be decoded and encoded by itself.
///
/// Messages have functions of their own, which find the version in the header; this is for fragments, such as the
/// Key Value that was wrapped.
pub trait Structure<'a>: FieldValue<'a> {
    /// The fields in wire order, with types and versions.
    const FIELDS: &'static [FieldFacts];

    /// Decodes an item that holds this structure, whatever the item's tag, strictly.
    ///
    /// # Errors
    /// Every error of the item and message layers.
    fn from_item(input: &'a [u8], version: ProtocolVersion) -> Result<Self, Error> {
        Self::from_item_with(input, version, Options::new(), &mut |_| {})
    }

    /// As [`Structure::from_item`], with limits and leniency; `tolerated` hears of each deviation gone along with.
    ///
    /// # Errors
    /// Every error of the item and message layers that `options` does not tolerate.
    fn from_item_with(
        input: &'a [u8],
        version: ProtocolVersion,
        options: Options,
        tolerated: &mut dyn FnMut(Tolerated),
    ) -> Result<Self, Error> {
        let decoder = Decoder::new(input, version, options, Some(tolerated));
        let decoded = decoder.root().and_then(|found| Self::decode(found, &decoder));
        decoded.map_err(|failed| decoder.error(failed))
    }

    /// Encodes this structure as an item with that tag and returns the part of `buffer` that it takes.
    ///
    /// # Errors
    /// [`crate::ttlv::ErrorKind::BufferTooSmall`]; what the version does not have, or requires and is not set.
    fn to_item<'b>(
        &self,
        tag: Tag,
        version: ProtocolVersion,
        buffer: &'b mut [u8],
    ) -> Result<&'b mut [u8], Error> {
        let mut encoder = Encoder::new(Writer::new(buffer), version, Leniency::NONE);
        self.encode(tag, &mut encoder);
        encoder.finish()
    }
}

/// The facts about a field of a structure, found at compile time.
#[allow(clippy::panic)] // Only ever evaluated by the compiler.
pub(crate) const fn presence(facts: &[FieldFacts], tag: Tag) -> Presence {
    let mut rest = facts;
    while let [field, tail @ ..] = rest {
        if let Content::Tagged(declared) = field.content
            && declared.get() == tag.get()
        {
            return Presence {
                allowed: field.versions,
                required: field.required,
                repeatable: field.repeatable,
            };
        }
        rest = tail;
    }
    panic!("the standard's table has no such field")
}

/// Whether `declared` names every tagged field of the table, in the table's order in each version.
pub(crate) const fn declared_in_order(facts: &[FieldFacts], declared: &[Tag]) -> bool {
    let mut version = 0;
    while version < ProtocolVersion::ALL.len() {
        let only = Versions::only(ProtocolVersion::ALL[version]);
        let (mut row, mut place) = (0, 0);
        loop {
            while row < facts.len() && !counts(&facts[row], only) {
                row += 1;
            }
            while place < declared.len() && !counts_declared(facts, declared[place], only) {
                place += 1;
            }
            if row == facts.len() || place == declared.len() {
                break;
            }
            let Content::Tagged(tag) = facts[row].content else { return false };
            if tag.get() != declared[place].get() {
                return false;
            }
            row += 1;
            place += 1;
        }
        if row != facts.len() || place != declared.len() {
            return false;
        }
        version += 1;
    }
    true
}

const fn counts(field: &FieldFacts, version: Versions) -> bool {
    matches!(field.content, Content::Tagged(_)) && field.versions.includes(version)
}

const fn counts_declared(facts: &[FieldFacts], tag: Tag, version: Versions) -> bool {
    presence(facts, tag).allowed.includes(version)
}
