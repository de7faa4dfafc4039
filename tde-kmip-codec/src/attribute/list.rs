//! Lists of attributes, which look different in 1.x and 2.x.

use core::{fmt, iter::FusedIterator};

use super::{Attribute, Name};
use crate::{
    codec::{Context, Decoder, Encoder, Failed, FieldValue, Fields, Found, Many, ManyIter, presence},
    spec::{self, tag},
    ttlv::{ErrorKind, Tag},
};

/// Attributes of an object: repeated Attribute in KMIP 1.x, one Attributes structure in 2.x.
///
/// Decoded, a window onto the message, every attribute of which has been checked. To encode, make one from a slice;
/// the encoder writes the form of the version.
#[derive(Clone, Copy)]
pub struct Attributes<'a>(Source<'a>);

#[derive(Clone, Copy)]
enum Source<'a> {
    Repeated(Many<'a, Attribute<'a>>),
    /// The items inside Attributes.
    Structure {
        items: &'a [u8],
        cx: Context,
        count: u32,
    },
}

impl<'a> Attributes<'a> {
    /// No attributes.
    pub const NONE: Self = Self(Source::Repeated(Many::NONE));

    pub(crate) const fn repeated(attributes: Many<'a, Attribute<'a>>) -> Self {
        Self(Source::Repeated(attributes))
    }

    /// How many attributes there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        match &self.0 {
            Source::Repeated(attributes) => attributes.len(),
            Source::Structure { count, .. } => *count as usize,
        }
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The attributes, in the order of the message.
    #[must_use]
    pub fn iter(&self) -> AttributesIter<'a> {
        AttributesIter(match self.0 {
            Source::Repeated(attributes) => Rest::Repeated(attributes.iter()),
            Source::Structure { items, cx, .. } => Rest::Structure { items, cx },
        })
    }

    /// The first attribute with this tag.
    #[must_use]
    pub fn get(&self, tag: Tag) -> Option<Attribute<'a>> {
        self.iter().find(|attribute| attribute.value.tag() == Some(tag))
    }

    /// As repeated Attribute under that tag, or as one structure, whichever the tag is.
    pub(crate) fn encode_as(&self, tag: Tag, e: &mut Encoder<'_>) {
        if tag == tag::ATTRIBUTE {
            self.for_each(|attribute| attribute.encode_v1(e));
        } else {
            let open = e.writer.begin(tag);
            self.for_each(|attribute| attribute.encode_v2(e));
            e.writer.end(open);
        }
    }

    /// Slices by reference: attributes are large.
    fn for_each(&self, mut each: impl FnMut(&Attribute<'a>)) {
        match &self.0 {
            Source::Repeated(attributes) => attributes.for_each(each),
            Source::Structure { .. } => self.iter().for_each(|attribute| each(&attribute)),
        }
    }
}

impl Default for Attributes<'_> {
    fn default() -> Self {
        Self::NONE
    }
}

impl<'a> From<&'a [Attribute<'a>]> for Attributes<'a> {
    fn from(attributes: &'a [Attribute<'a>]) -> Self {
        Self(Source::Repeated(attributes.into()))
    }
}

impl<'a, const N: usize> From<&'a [Attribute<'a>; N]> for Attributes<'a> {
    fn from(attributes: &'a [Attribute<'a>; N]) -> Self {
        Self(Source::Repeated(attributes.into()))
    }
}

impl<'a> IntoIterator for Attributes<'a> {
    type Item = Attribute<'a>;
    type IntoIter = AttributesIter<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl PartialEq for Attributes<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl fmt::Debug for Attributes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The Attributes structure of 2.x, under any of its tags.
impl<'a> FieldValue<'a> for Attributes<'a> {
    fn decode(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Self, Failed> {
        if !found.is(crate::ttlv::ItemType::Structure) {
            return Err(d.wrong_type(found));
        }
        d.enter(found)?;
        let mut room = found.bytes();
        let mut count = 0;
        while !room.is_empty() {
            let (item, next) = d.split(room).map_err(|fault| d.failed(fault))?;
            Attribute::probe_v2(item, d)?;
            count += 1;
            room = next;
        }
        d.leave();
        Ok(Self(Source::Structure { items: found.padded(), cx: d.cx, count }))
    }

    fn encode(&self, tag: Tag, e: &mut Encoder<'_>) {
        self.encode_as(tag, e);
    }
}

/// The attributes of an [`Attributes`].
#[derive(Clone)]
pub struct AttributesIter<'a>(Rest<'a>);

#[derive(Clone)]
enum Rest<'a> {
    Repeated(ManyIter<'a, Attribute<'a>>),
    Structure { items: &'a [u8], cx: Context },
}

impl<'a> Iterator for AttributesIter<'a> {
    type Item = Attribute<'a>;

    fn next(&mut self) -> Option<Attribute<'a>> {
        match &mut self.0 {
            Rest::Repeated(attributes) => attributes.next(),
            Rest::Structure { items, cx } => {
                let decoder = Decoder::again(items, *cx);
                let (found, next) = decoder.split(items).ok()?;
                *items = next;
                Attribute::decode_v2(found, &decoder).ok()
            }
        }
    }
}

impl FusedIterator for AttributesIter<'_> {}

impl fmt::Debug for AttributesIter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttributesIter").finish_non_exhaustive()
    }
}

/// The attributes that an object is to be made with: Template-Attribute in KMIP 1.x, Attributes in 2.x.
///
/// The encoder writes the form of the version. Only 1.x has names of templates and attribute indices.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TemplateAttribute<'a> {
    /// Names of templates; KMIP up to 1.4, deprecated in 1.3.
    pub names: Many<'a, Name<'a>>,
    /// The attributes themselves.
    pub attributes: Attributes<'a>,
}

const FIELDS: &[spec::FieldFacts] = spec::structure::TEMPLATE_ATTRIBUTE.fields;

impl<'a> TemplateAttribute<'a> {
    /// Attributes, without names of templates.
    #[must_use]
    pub fn new(attributes: impl Into<Attributes<'a>>) -> Self {
        Self { names: Many::NONE, attributes: attributes.into() }
    }
}

/// Whether a structure under this tag has the form of 1.x.
fn is_v1_form(tag: Tag) -> bool {
    matches!(
        tag,
        tag::TEMPLATE_ATTRIBUTE
            | tag::COMMON_TEMPLATE_ATTRIBUTE
            | tag::PRIVATE_KEY_TEMPLATE_ATTRIBUTE
            | tag::PUBLIC_KEY_TEMPLATE_ATTRIBUTE
    )
}

impl<'a> FieldValue<'a> for TemplateAttribute<'a> {
    fn decode(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Self, Failed> {
        if !is_v1_form(found.tag()) {
            return Attributes::decode(found, d).map(|attributes| Self { names: Many::NONE, attributes });
        }
        let mut fields = Fields::open(found, d, const { &FIELDS })?;
        let names = fields.many((const { presence(FIELDS, tag::NAME) }, tag::NAME))?;
        let attributes = fields.many((const { presence(FIELDS, tag::ATTRIBUTE) }, tag::ATTRIBUTE))?;
        fields.finish()?;
        Ok(Self { names, attributes: Attributes::repeated(attributes) })
    }

    fn encode(&self, tag: Tag, e: &mut Encoder<'_>) {
        if !is_v1_form(tag) {
            if !self.names.is_empty() {
                e.fail(ErrorKind::CannotEncodeInVersion { tag: tag::NAME });
            }
            return self.attributes.encode_as(tag, e);
        }
        let open = e.writer.begin(tag);
        e.many((const { presence(FIELDS, tag::NAME) }, tag::NAME), &self.names);
        self.attributes.encode_as(tag::ATTRIBUTE, e);
        e.writer.end(open);
    }
}

impl<'a, const N: usize> From<&'a [Attribute<'a>; N]> for TemplateAttribute<'a> {
    fn from(attributes: &'a [Attribute<'a>; N]) -> Self {
        Self::new(attributes)
    }
}

impl<'a> From<&'a [Attribute<'a>]> for TemplateAttribute<'a> {
    fn from(attributes: &'a [Attribute<'a>]) -> Self {
        Self::new(attributes)
    }
}
