use core::fmt;

use super::{Decoder, Encoder, Failed, FieldValue, Found};
use crate::ttlv::Tag;

macro_rules! secret {
    ($(#[$meta:meta])* $name:ident, $inner:ty, $bytes:ident) => {
        $(#[$meta])*
        ///
        /// The bytes stay where they are, in the caller's buffer, which the caller clears; a clone is another reference
        /// to them. `Debug` shows the size, and equality takes the same time wherever the first difference is.
        #[derive(Clone)]
        pub struct $name<'a>(&'a $inner);

        impl<'a> $name<'a> {
            /// Marks a value as secret.
            #[must_use]
            pub const fn new(value: &'a $inner) -> Self {
                Self(value)
            }

            /// The value. Whoever asks for it answers for where it goes.
            #[must_use]
            pub const fn expose(&self) -> &'a $inner {
                self.0
            }

            /// How many bytes it has.
            #[must_use]
            pub const fn len(&self) -> usize {
                self.0.len()
            }

            /// Whether it has none.
            #[must_use]
            pub const fn is_empty(&self) -> bool {
                self.0.is_empty()
            }
        }

        impl fmt::Debug for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({} bytes)"), self.0.len())
            }
        }

        impl PartialEq for $name<'_> {
            fn eq(&self, other: &Self) -> bool {
                same(self.0.$bytes(), other.0.$bytes())
            }
        }

        impl Eq for $name<'_> {}

        impl<'a> From<&'a $inner> for $name<'a> {
            fn from(value: &'a $inner) -> Self {
                Self(value)
            }
        }

        impl<'a> FieldValue<'a> for $name<'a> {
            #[inline(always)]
            fn decode(found: Found<'a>, d: &Decoder<'a, '_>) -> Result<Self, Failed> {
                <&'a $inner>::decode(found, d).map(Self)
            }

            #[inline(always)]
            fn encode(&self, tag: Tag, e: &mut Encoder<'_>) {
                self.0.encode(tag, e);
            }
        }
    };
}

secret! {
    /// Bytes that must not be shown: key material, plaintext, tickets.
    Secret, [u8], as_ref
}

secret! {
    /// Text that must not be shown: passwords.
    SecretText, str, as_bytes
}

impl<'a, const N: usize> From<&'a [u8; N]> for Secret<'a> {
    fn from(value: &'a [u8; N]) -> Self {
        Self(value)
    }
}

fn same(left: &[u8], right: &[u8]) -> bool {
    let difference = left.iter().zip(right).fold(0, |sum, (left, right)| sum | (left ^ right));
    left.len() == right.len() && core::hint::black_box(difference) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    extern crate std;
    use std::format;

    /// Does not compile for a type that is `Copy`, for which both implementations hold.
    trait NotCopy<A> {
        fn check() {}
    }
    impl<T> NotCopy<()> for T {}
    impl<T: Copy> NotCopy<u8> for T {}

    #[test]
    fn what_holds_a_secret_is_not_copy() {
        <Secret<'_> as NotCopy<_>>::check();
        <SecretText<'_> as NotCopy<_>>::check();
        <crate::Many<'_, Secret<'_>> as NotCopy<_>>::check();
        <crate::object::KeyMaterial<'_> as NotCopy<_>>::check();
        <crate::message::UsernameAndPassword<'_> as NotCopy<_>>::check();
        <crate::message::RequestMessage<'_> as NotCopy<_>>::check();
        <crate::message::ResponseMessage<'_> as NotCopy<_>>::check();
    }

    #[test]
    fn debug_shows_the_size_only() {
        assert_eq!(format!("{:?}", Secret::new(b"hunter2")), "Secret(7 bytes)");
        assert_eq!(format!("{:?}", SecretText::new("hunter2")), "SecretText(7 bytes)");
    }

    #[test]
    fn equality_looks_at_length_and_content() {
        assert_eq!(Secret::new(b"abc"), Secret::new(b"abc"));
        assert_ne!(Secret::new(b"abc"), Secret::new(b"abd"));
        assert_ne!(Secret::new(b"abc"), Secret::new(b"ab"));
        assert_ne!(SecretText::new(""), SecretText::new("a"));
    }
}
