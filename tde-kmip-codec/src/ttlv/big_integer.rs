use core::fmt;

/// A Big Integer as it stands on the wire: two's complement, big-endian, a multiple of 8 bytes, never empty.
///
/// Redundant leading sign words are well-formed and kept, so that an item re-encodes to the same bytes; equality
/// therefore compares representations, not numbers. RSA private exponents are Big Integers, so `Debug` shows the
/// size only.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BigInteger<'a>(&'a [u8]);

impl<'a> BigInteger<'a> {
    /// A number from its wire form; `None` if that is empty or not a multiple of 8 bytes.
    #[must_use]
    pub const fn from_wire(bytes: &'a [u8]) -> Option<Self> {
        if bytes.is_empty() || !bytes.len().is_multiple_of(8) { None } else { Some(Self(bytes)) }
    }

    /// The bytes on the wire, sign extension included.
    #[must_use]
    pub const fn as_wire(self) -> &'a [u8] {
        self.0
    }

    /// Whether the number is below zero.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        matches!(self.0, [first, ..] if *first >= 0x80)
    }

    /// The number without leading bytes that only repeat its sign; at least one byte.
    #[must_use]
    pub fn minimal(self) -> &'a [u8] {
        let mut rest = self.0;
        while let [sign, tail @ ..] = rest
            && let [next, ..] = tail
        {
            let redundant = (*sign == 0 && *next < 0x80) || (*sign == 0xFF && *next >= 0x80);
            if !redundant {
                break;
            }
            rest = tail;
        }
        rest
    }
}

impl fmt::Debug for BigInteger<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BigInteger({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minimal_keeps_the_sign() {
        let check = |wire: &[u8], minimal: &[u8], negative| {
            let number = BigInteger::from_wire(wire).unwrap();
            assert_eq!(number.minimal(), minimal);
            assert_eq!(number.is_negative(), negative);
        };
        check(&[0; 8], &[0], false);
        check(&[0xFF; 16], &[0xFF], true);
        check(&[0, 0, 0, 0, 0, 0, 0, 0x80], &[0, 0x80], false);
        check(&[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F], &[0xFF, 0x7F], true);
        assert_eq!(BigInteger::from_wire(&[]), None);
        assert_eq!(BigInteger::from_wire(&[0; 12]), None);
    }
}
