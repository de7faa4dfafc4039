use core::fmt;

use super::Encoder;
use crate::{
    spec::FieldFacts,
    ttlv::{Item, Leniency, Options, Reader},
};

/// The items of a structure that it does not have in any version: a vendor's, or a later edition's.
///
/// Strict decoding refuses them; with [`Leniency::UNKNOWN_FIELDS`] they are kept, and written after the known fields.
#[derive(Clone, Copy, Default)]
pub struct Extensions<'a> {
    items: &'a [u8],
    /// The known fields to pass over in `items`; none if they are not among them.
    known: Option<&'static &'static [FieldFacts]>,
}

impl<'a> Extensions<'a> {
    /// None.
    pub const NONE: Self = Self { items: &[], known: None };

    /// Encoded items to write after the known fields.
    #[must_use]
    pub const fn new(items: &'a [u8]) -> Self {
        Self { items, known: None }
    }

    /// Those items of a structure that are not among its fields.
    pub(crate) const fn among(items: &'a [u8], known: &'static &'static [FieldFacts]) -> Self {
        Self { items, known: Some(known) }
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The items; their offsets count from the start of the structure around them.
    pub fn iter(&self) -> impl Iterator<Item = Item<'a>> + use<'a> {
        let known = self.known.copied().unwrap_or_default();
        let options = Options::new().leniency(Leniency::ALL).max_size(usize::MAX).max_items(u32::MAX);
        Reader::with_options(self.items, options)
            .map_while(Result::ok)
            .filter(move |item| !known.iter().any(|field| super::fields::is_named(field, item.tag)))
    }

    #[inline(always)]
    pub(crate) fn encode(&self, e: &mut Encoder<'_>) {
        if !self.is_empty() {
            self.encode_items(e);
        }
    }

    #[cold]
    #[inline(never)]
    fn encode_items(&self, e: &mut Encoder<'_>) {
        self.iter().for_each(|item| e.writer.value(item.tag, &item.value));
    }
}

/// Equal if they hold the same items.
impl PartialEq for Extensions<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().map(|item| item.bytes).eq(other.iter().map(|item| item.bytes))
    }
}

impl fmt::Debug for Extensions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|item| item.tag)).finish()
    }
}
