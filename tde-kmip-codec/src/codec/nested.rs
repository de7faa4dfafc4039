use core::{fmt, marker::PhantomData};

use super::{Context, Decoder, Encoder, Failed, FieldValue, Found, Seen};
use crate::ttlv::Tag;

/// A large structure inside another one, kept as a window onto the message so that the outer one stays small.
///
/// It has been checked and is decoded again when asked for. To encode, make one from a reference.
#[derive(Clone, Copy)]
pub struct Nested<'a, T>(Source<'a, T>);

#[derive(Clone, Copy)]
enum Source<'a, T> {
    Wire { item: &'a [u8], cx: Context, element: PhantomData<T> },
    Reference(&'a T),
}

impl<'a, T: FieldValue<'a>> Nested<'a, T> {
    /// The structure.
    ///
    /// `None` never comes of a decoded message, whose bytes have been checked.
    #[must_use]
    pub fn get(&self) -> Option<T> {
        match self.0 {
            Source::Reference(value) => Some(value.clone()),
            Source::Wire { item, cx, .. } => {
                let decoder = Decoder::again(item, cx);
                let (found, _) = decoder.split(item).ok()?;
                T::decode(found, &decoder).ok()
            }
        }
    }
}

impl<'a, T: FieldValue<'a>> FieldValue<'a> for Nested<'a, T> {
    fn decode(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Self, Failed> {
        T::probe(found, d)?;
        Ok(Self(Source::Wire { item: found.item(), cx: d.cx, element: PhantomData }))
    }

    fn encode(&self, tag: Tag, e: &mut Encoder<'_>) {
        if let Some(value) = self.get() {
            value.encode(tag, e);
        }
    }

    fn seen(&self, path: &[Tag]) -> Seen {
        self.get().map_or(Seen::there(0), |value| value.seen(path))
    }
}

impl<'a, T> From<&'a T> for Nested<'a, T> {
    fn from(value: &'a T) -> Self {
        Self(Source::Reference(value))
    }
}

impl<'a, T: FieldValue<'a> + PartialEq> PartialEq for Nested<'a, T> {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl<'a, T: FieldValue<'a> + fmt::Debug> fmt::Debug for Nested<'a, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.get(), f)
    }
}
