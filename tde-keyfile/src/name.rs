//! Names of principal keys and of providers: short byte strings that end at a NUL on disk.

use core::fmt;
use core::str::FromStr;

/// A name of 1 to `N` bytes without NUL, kept in place so that it needs no allocation.
///
/// `pg_tde` stores names in the server's encoding and never checks it, so a name is bytes; it is
/// shown as UTF-8 with everything else (and control characters) escaped.
///
/// `==` compares exactly. `pg_tde` itself looks keys up without regard to ASCII case, see
/// [`Name::matches`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name<const N: usize> {
    // Zero beyond `length`, so that the derived comparisons are those of the names.
    bytes: [u8; N],
    length: u16,
}

/// The name of a principal key, at most 255 bytes (`pg_tde` 1.0 to 2.2, `TDEPrincipalKeyInfo`).
pub type PrincipalKeyName = Name<255>;

/// The name of a key provider, at most 127 bytes (`pg_tde` 1.0 to 2.2, `KeyringProviderRecord`).
pub type ProviderName = Name<127>;

impl<const N: usize> Name<N> {
    /// The name with these bytes.
    ///
    /// # Errors
    /// [`NameError`] if there are none, more than `N`, or a NUL among them.
    pub fn new(name: &[u8]) -> Result<Self, NameError> {
        if name.is_empty() {
            return Err(NameError::Empty);
        }
        if name.contains(&0) {
            return Err(NameError::Nul);
        }
        let mut bytes = [0; N];
        let too_long = NameError::TooLong { limit: N };
        bytes.get_mut(..name.len()).ok_or(too_long)?.copy_from_slice(name);
        let length = u16::try_from(name.len()).map_err(|_| too_long)?;
        Ok(Self { bytes, length })
    }

    /// The name in a field that a NUL ends, whatever follows the NUL.
    ///
    /// # Errors
    /// [`NameError`] if the field has no NUL, or if nothing or more than `N` bytes stand before it.
    pub fn from_field(field: &[u8]) -> Result<Self, NameError> {
        let end = field.iter().position(|&byte| byte == 0).ok_or(NameError::NotTerminated)?;
        Self::new(field.get(..end).unwrap_or_default())
    }

    /// The bytes of the name, without NUL.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }

    /// The name as text, if it is UTF-8.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        core::str::from_utf8(self.as_bytes()).ok()
    }

    /// Whether `pg_tde` takes both for one name: equal but for the case of ASCII letters.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.as_bytes().eq_ignore_ascii_case(other.as_bytes())
    }
}

impl<const N: usize> fmt::Display for Name<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.as_bytes().utf8_chunks() {
            for character in chunk.valid().chars() {
                if character.is_control() {
                    write!(f, "{}", character.escape_default())?;
                } else {
                    write!(f, "{character}")?;
                }
            }
            write!(f, "{}", chunk.invalid().escape_ascii())?;
        }
        Ok(())
    }
}

impl<const N: usize> fmt::Debug for Name<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl<const N: usize> FromStr for Name<N> {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        Self::new(name.as_bytes())
    }
}

/// Why bytes are not a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameError {
    /// There is nothing before the first NUL.
    Empty,
    /// More bytes than the field on disk holds.
    TooLong {
        /// The most bytes a name of this kind has.
        limit: usize,
    },
    /// A NUL inside, which would end the name on disk.
    Nul,
    /// The field on disk has no NUL.
    NotTerminated,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the name is empty"),
            Self::TooLong { limit } => write!(f, "the name is longer than {limit} bytes"),
            Self::Nul => f.write_str("the name has a NUL inside"),
            Self::NotTerminated => f.write_str("the name is not terminated by a NUL"),
        }
    }
}

impl core::error::Error for NameError {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn a_field_ends_at_its_first_nul_and_must_have_one() {
        assert_eq!(PrincipalKeyName::from_field(b"demo-key\0rest").unwrap().as_bytes(), b"demo-key");
        assert_eq!(PrincipalKeyName::from_field(b"\0rest"), Err(NameError::Empty));
        assert_eq!(PrincipalKeyName::from_field(b"demo"), Err(NameError::NotTerminated));
        assert_eq!(PrincipalKeyName::from_field(b""), Err(NameError::NotTerminated));
    }

    #[test]
    fn the_longest_name_fits_and_one_byte_more_does_not() {
        assert_eq!(PrincipalKeyName::new(&[b'x'; 255]).unwrap().as_bytes().len(), 255);
        assert_eq!(PrincipalKeyName::new(&[b'x'; 256]), Err(NameError::TooLong { limit: 255 }));
        assert_eq!(ProviderName::new(&[b'x'; 128]), Err(NameError::TooLong { limit: 127 }));
    }

    #[test]
    fn case_matters_to_equality_but_not_to_matching() {
        let (upper, lower): (ProviderName, ProviderName) =
            ("Ring-Ä".parse().unwrap(), "ring-Ä".parse().unwrap());
        assert_ne!(upper, lower);
        assert!(upper.matches(&lower));
        assert!(!upper.matches(&"ring-ä".parse().unwrap()));
    }

    #[test]
    fn control_characters_and_broken_utf8_are_shown_escaped() {
        let name = PrincipalKeyName::new(b"k\x1b[31m\xffz\xc3\xa4").unwrap();
        assert_eq!(name.to_string(), "k\\u{1b}[31m\\xffz\u{e4}");
    }
}
