//! The master key, and its hexadecimal digits.

use core::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tde_core::PrincipalKey;
use zeroize::Zeroizing;

use super::Error;

/// Hexadecimal digits of a master key.
pub(super) const DIGITS: usize = 64;

/// A principal key of 256 bits. Wiped on drop.
pub struct MasterKey(PrincipalKey);

impl MasterKey {
    /// A new key from the system's random bytes.
    ///
    /// # Errors
    /// [`Error::Random`].
    pub fn random() -> Result<Self, Error> {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *bytes).map_err(|_| Error::Random)?;
        Ok(Self::from_bytes(&bytes))
    }

    /// The key with these bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        match PrincipalKey::from_slice(bytes) {
            Ok(key) => Self(key),
            Err(_) => unreachable!("32 bytes make a principal key"),
        }
    }

    /// The key that 64 hexadecimal digits of either case spell; `None` for anything else.
    ///
    /// Takes the same time and the same path for all digits.
    #[must_use]
    pub fn from_hex(digits: &[u8]) -> Option<Self> {
        let digits: &[u8; DIGITS] = digits.try_into().ok()?;
        let mut bytes = Zeroizing::new([0; 32]);
        let mut invalid = 0;
        for (byte, pair) in bytes.iter_mut().zip(digits.as_chunks::<2>().0) {
            let [high, low] = pair.map(digit_value);
            invalid |= high | low;
            *byte = (high << 4 | low & 0xf) as u8;
        }
        (invalid & !0xf == 0).then(|| Self::from_bytes(&bytes))
    }

    /// 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn to_hex(&self) -> Zeroizing<[u8; DIGITS]> {
        let mut digits = Zeroizing::new([0; DIGITS]);
        for (pair, byte) in digits.as_chunks_mut::<2>().0.iter_mut().zip(self.0.expose_bytes()) {
            *pair = [byte >> 4, byte & 0xf].map(digit);
        }
        digits
    }

    /// The key itself, as `pg_tde` uses it.
    #[must_use]
    pub const fn as_principal_key(&self) -> &PrincipalKey {
        &self.0
    }

    /// Whether both are the same, in constant time.
    #[must_use]
    pub fn ct_eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0)
    }

    /// Tells which keys are the same, and nothing else of a random key: the first 8 bytes of an HMAC-SHA-256
    /// under it.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 8] {
        let code = keyed_hash(self.0.expose_bytes(), b"tde master key: fingerprint");
        core::array::from_fn(|index| code.get(index).copied().unwrap_or(0))
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKey").finish_non_exhaustive()
    }
}

/// HMAC-SHA-256.
pub(super) fn keyed_hash(key: &[u8], message: &[u8]) -> Zeroizing<[u8; 32]> {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        unreachable!("HMAC takes keys of any length")
    };
    mac.update(message);
    Zeroizing::new(mac.finalize().into_bytes().into())
}

/// The value of a digit, or a number with bits above the lowest four. No branch, no table.
fn digit_value(digit: u8) -> u32 {
    let digit = u32::from(digit);
    // All ones if `low <= value <= high`, else zero: both differences are free of a borrow then.
    let within = |value: u32, low: u32, high: u32| {
        let borrow = (value.wrapping_sub(low) | high.wrapping_sub(value)) >> 31;
        borrow.wrapping_sub(1)
    };
    let letter = digit | 0x20;
    let is_number = within(digit, 0x30, 0x39);
    let is_letter = within(letter, 0x61, 0x66);
    let value = (digit.wrapping_sub(0x30) & is_number) | (letter.wrapping_sub(0x57) & is_letter);
    value | (!(is_number | is_letter) & 0x100)
}

fn digit(value: u8) -> u8 {
    // From 10 on, add the distance from '9' to 'a'; the subtraction borrows exactly then.
    let above_nine = (9_u8.wrapping_sub(value) >> 7) * (b'a' - b'0' - 10);
    b'0' + value + above_nine
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn digits_are_what_the_standard_library_makes_of_them() {
        for value in 0..=255_u8 {
            let expected = char::from(value).to_digit(16);
            let found = digit_value(value);
            assert_eq!((found <= 0xf).then_some(found), expected, "{value}");
        }
        for value in 0..16 {
            assert_eq!(char::from(digit(value)), char::from_digit(u32::from(value), 16).unwrap());
        }
    }

    #[test]
    fn a_key_is_spelled_and_read_back() {
        let key = MasterKey::from_bytes(&core::array::from_fn(|i| (i * 37 + 11) as u8));
        let digits = key.to_hex();
        let expected: alloc::string::String =
            key.as_principal_key().expose_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(&digits[..], expected.as_bytes());
        assert!(MasterKey::from_hex(&digits[..]).unwrap().ct_eq(&key));
        assert!(MasterKey::from_hex(&digits.to_ascii_uppercase()).unwrap().ct_eq(&key));
        for at in 0..DIGITS {
            for wrong in [b'g', b'/', b':', b'@', b'`', b' ', 0, 0xb0, 0xe1] {
                let mut changed = *digits;
                changed[at] = wrong;
                assert!(MasterKey::from_hex(&changed).is_none(), "{wrong} at {at}");
            }
        }
        assert!(MasterKey::from_hex(&digits[1..]).is_none());
    }

    #[test]
    fn nothing_shows_the_key() {
        let key = MasterKey::from_bytes(&[0xab; 32]);
        assert_eq!(format!("{key:?}"), "MasterKey { .. }");
        assert_ne!(key.fingerprint(), MasterKey::from_bytes(&[0xac; 32]).fingerprint());
    }
}
