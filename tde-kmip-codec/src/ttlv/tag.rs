use core::fmt;

use super::{Error, ErrorKind};

/// A tag: three bytes of which the first is 0x42 (standard) or 0x54 (extension).
///
/// KMIP 1.4, section 9.1.1.1: every other first byte is unused, so such a tag cannot be made.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(u32);

impl Tag {
    /// A tag that is known to be well-formed; for tables.
    ///
    /// # Panics
    /// At compile time, when used in a constant and the first byte is neither 0x42 nor 0x54.
    #[must_use]
    pub const fn known(value: u32) -> Self {
        assert!(in_range(value), "a tag begins with 0x42 or 0x54");
        Self(value)
    }

    /// A tag from its 24-bit number.
    ///
    /// # Errors
    /// [`ErrorKind::TagOutOfRange`] if the first byte is neither 0x42 nor 0x54.
    pub const fn new(value: u32) -> Result<Self, Error> {
        if in_range(value) {
            Ok(Self(value))
        } else {
            Err(Error::without_input(ErrorKind::TagOutOfRange { tag: value }, 0))
        }
    }

    /// The 24-bit number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Whether this is one of the extension tags 0x540000 to 0x54FFFF.
    #[must_use]
    pub const fn is_extension(self) -> bool {
        self.0 >> 16 == 0x54
    }

    /// The same number, for readers that have checked its range already.
    pub(crate) const fn from_checked(value: u32) -> Self {
        Self(value)
    }
}

pub(crate) const fn in_range(value: u32) -> bool {
    value >> 16 == 0x42 || value >> 16 == 0x54
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tag(0x{:06X})", self.0)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:06X}", self.0)
    }
}

impl TryFrom<u32> for Tag {
    type Error = Error;

    fn try_from(value: u32) -> Result<Self, Error> {
        Self::new(value)
    }
}

impl From<Tag> for u32 {
    fn from(tag: Tag) -> Self {
        tag.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_standard_and_extension_tags_exist() {
        for good in [0x42_0000, 0x42_FFFF, 0x54_0000, 0x54_FFFF] {
            assert_eq!(Tag::new(good).unwrap().get(), good);
        }
        for bad in [0, 0x41_FFFF, 0x43_0000, 0x53_FFFF, 0x55_0000, 0x0142_0000] {
            assert_eq!(Tag::new(bad).unwrap_err().kind(), ErrorKind::TagOutOfRange { tag: bad });
        }
        assert!(Tag::known(0x54_0001).is_extension());
        assert!(!Tag::known(0x42_0001).is_extension());
    }
}
