use core::{fmt, iter::FusedIterator, marker::PhantomData};

use super::{Context, Decoder, Encoder, FieldValue, Found};
use crate::ttlv::Tag;

/// A field that may come several times.
///
/// Decoded, it is a window onto the message, every element of which has been checked; elements are decoded again as
/// they are asked for. To encode, make one from a slice.
#[derive(Clone, Copy)]
pub struct Many<'a, T>(Source<'a, T>);

#[derive(Clone, Copy)]
enum Source<'a, T> {
    /// Items, some of which have the tag.
    Wire {
        items: &'a [u8],
        tag: Tag,
        cx: Context,
        count: u32,
        element: PhantomData<T>,
    },
    Slice(&'a [T]),
}

impl<'a, T: FieldValue<'a>> Many<'a, T> {
    /// No elements.
    pub const NONE: Self = Self(Source::Slice(&[]));

    #[inline(always)]
    pub(crate) const fn wire(items: &'a [u8], tag: Tag, cx: Context, count: u32) -> Self {
        Self(Source::Wire { items, tag, cx, count, element: PhantomData })
    }

    /// How many elements there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        match &self.0 {
            Source::Wire { count, .. } => *count as usize,
            Source::Slice(slice) => slice.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first element.
    #[must_use]
    #[inline]
    pub fn first(&self) -> Option<T> {
        self.iter().next()
    }

    /// The elements, in the order of the message.
    #[must_use]
    #[inline]
    pub fn iter(&self) -> ManyIter<'a, T> {
        ManyIter(match self.0 {
            Source::Wire { items, tag, cx, count, .. } => Rest::Wire { items, tag, cx, count },
            Source::Slice(slice) => Rest::Slice(slice.iter()),
        })
    }

    /// The elements by reference, where that saves a copy.
    #[inline]
    pub(crate) fn for_each(&self, mut each: impl FnMut(&T)) {
        match self.0 {
            Source::Slice(slice) => slice.iter().for_each(each),
            Source::Wire { .. } => self.iter().for_each(|element| each(&element)),
        }
    }

    pub(crate) fn encode_each(&self, tag: Tag, e: &mut Encoder<'_>) {
        self.for_each(|element| element.encode(tag, e));
    }
}

impl<'a, T: FieldValue<'a>> Default for Many<'a, T> {
    fn default() -> Self {
        Self::NONE
    }
}

impl<'a, T: FieldValue<'a>> From<&'a [T]> for Many<'a, T> {
    fn from(slice: &'a [T]) -> Self {
        Self(Source::Slice(slice))
    }
}

impl<'a, T: FieldValue<'a>, const N: usize> From<&'a [T; N]> for Many<'a, T> {
    fn from(array: &'a [T; N]) -> Self {
        Self(Source::Slice(array))
    }
}

impl<'a, T: FieldValue<'a>> IntoIterator for Many<'a, T> {
    type Item = T;
    type IntoIter = ManyIter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a, T: FieldValue<'a> + PartialEq> PartialEq for Many<'a, T> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<'a, T: FieldValue<'a> + fmt::Debug> fmt::Debug for Many<'a, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The elements of a [`Many`].
#[derive(Clone)]
pub struct ManyIter<'a, T>(Rest<'a, T>);

#[derive(Clone)]
enum Rest<'a, T> {
    Wire { items: &'a [u8], tag: Tag, cx: Context, count: u32 },
    Slice(core::slice::Iter<'a, T>),
}

impl<'a, T: FieldValue<'a>> Iterator for ManyIter<'a, T> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        match &mut self.0 {
            Rest::Slice(slice) => slice.next().cloned(),
            Rest::Wire { items, tag, cx, count } => {
                let left = count.checked_sub(1)?;
                let decoder = Decoder::again(items, *cx);
                let found = next_with(&decoder, items, *tag)?;
                *count = left;
                T::decode(found, &decoder).ok()
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = match &self.0 {
            Rest::Slice(slice) => slice.len(),
            Rest::Wire { count, .. } => *count as usize,
        };
        (left, Some(left))
    }
}

impl<'a, T: FieldValue<'a>> ExactSizeIterator for ManyIter<'a, T> {}
impl<'a, T: FieldValue<'a>> FusedIterator for ManyIter<'a, T> {}

impl<T> fmt::Debug for ManyIter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManyIter").finish_non_exhaustive()
    }
}

#[inline]
fn next_with<'a>(decoder: &Decoder<'a, '_>, items: &mut &'a [u8], tag: Tag) -> Option<Found<'a>> {
    loop {
        let (found, next) = decoder.split(items).ok()?;
        *items = next;
        if found.tag() == tag {
            return Some(found);
        }
    }
}
