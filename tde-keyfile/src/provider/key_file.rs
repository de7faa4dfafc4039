//! One principal key in a file of its own.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use std::path::{Path, PathBuf};

use tde_core::PrincipalKey;
use zeroize::Zeroizing;

use super::{KeyProvider, NamedKey, ProviderCheck, ProviderError, ProviderErrorKind};
use crate::file::{FileErrorKind, read_bounded};
use crate::name::PrincipalKeyName;

/// The longest form: 64 hexadecimal digits, carriage return, line feed.
const MAX_KEY_FILE_SIZE: u64 = 66;

/// A file that holds one principal key: 16 or 32 raw bytes, or 32 or 64 hexadecimal digits and perhaps a
/// line end.
///
/// 32 bytes that are all hexadecimal digits are taken for the digits of a 16-byte key: no random key of
/// 32 bytes looks like that (one in 10^34 does).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFile {
    name: PrincipalKeyName,
    path: PathBuf,
}

impl KeyFile {
    /// The file at this path, which is not touched yet, as the key with this name.
    #[must_use]
    pub fn new(name: PrincipalKeyName, path: impl Into<PathBuf>) -> Self {
        Self { name, path: path.into() }
    }

    /// The name of the key.
    #[must_use]
    pub const fn name(&self) -> &PrincipalKeyName {
        &self.name
    }

    /// The path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the key.
    ///
    /// # Errors
    /// [`ProviderErrorKind::Unavailable`] if the file cannot be read, which includes that it is absent;
    /// [`ProviderErrorKind::InvalidKey`] if it holds anything but one key.
    pub fn read(&self) -> Result<PrincipalKey, ProviderError> {
        let bytes = read_bounded(&self.path, MAX_KEY_FILE_SIZE).map_err(|error| {
            let kind = match error.kind() {
                FileErrorKind::TooLarge { .. } => ProviderErrorKind::InvalidKey,
                _ => ProviderErrorKind::Unavailable,
            };
            ProviderError::new(self.place(), kind).with_source(error)
        })?;
        decode(&Zeroizing::new(bytes))
            .ok_or_else(|| ProviderError::new(self.place(), ProviderErrorKind::InvalidKey))
    }
}

impl KeyProvider for KeyFile {
    fn principal_key(&self, name: &PrincipalKeyName) -> Result<Option<NamedKey>, ProviderError> {
        if !self.name.matches(name) {
            return Ok(None);
        }
        Ok(Some(NamedKey { name: self.name, key: self.read()? }))
    }

    fn place(&self) -> String {
        format!("key file {}", self.path.display())
    }

    /// Makes the file, mode 0600, with the key in hexadecimal digits. It holds the one key whose name it was given.
    #[cfg(all(feature = "write", unix))]
    fn store(&self, name: &PrincipalKeyName, key: &PrincipalKey) -> Result<(), ProviderError> {
        use crate::storage::{Before, DiskStorage, Error, NewFileAccess, replace_file};
        if !self.name.matches(name) {
            let what = format!("this file is for the key \"{}\" only", self.name);
            return Err(ProviderError::new(self.place(), ProviderErrorKind::Name).with_source(what));
        }
        let bytes = key.expose_bytes();
        // Made with its final size, so that no copy of it is left behind unwiped.
        let mut text = Zeroizing::new(Vec::with_capacity(2 * bytes.len() + 1));
        for byte in bytes {
            text.extend([byte >> 4, byte & 0xf].map(hex_of));
        }
        text.push(b'\n');
        let (storage, access) = (DiskStorage::new(), NewFileAccess::Private);
        replace_file(&storage, &self.path, Before::Absent, &text, access).map_err(|error| {
            let kind = match error {
                Error::Exists { .. } => ProviderErrorKind::Exists,
                _ => ProviderErrorKind::Unavailable,
            };
            ProviderError::new(self.place(), kind).with_source(error)
        })?;
        Ok(())
    }

    /// The one name that it was given, if the file is there.
    fn list(&self) -> Result<Vec<PrincipalKeyName>, ProviderError> {
        match self.path.try_exists() {
            Ok(false) => Ok(Vec::new()),
            _ => self.read().map(|_| [self.name].into()),
        }
    }

    fn check(&self) -> Result<ProviderCheck, ProviderError> {
        let mut check = ProviderCheck::new();
        check.good("keys", format!("1, of {} bits", 8 * self.read()?.expose_bytes().len()));
        Ok(check)
    }
}

/// The hexadecimal digit of a number below 16; without a branch or a table on it.
#[cfg(all(feature = "write", unix))]
const fn hex_of(value: u8) -> u8 {
    // From 10 on, add the distance from '9' to 'a'; the subtraction borrows exactly then.
    b'0' + value + (9_u8.wrapping_sub(value) >> 7) * (b'a' - b'0' - 10)
}

fn decode(bytes: &[u8]) -> Option<PrincipalKey> {
    let line = bytes.strip_suffix(b"\n").map_or(bytes, |line| line.strip_suffix(b"\r").unwrap_or(line));
    let (pairs, rest) = line.as_chunks::<2>();
    let mut key = Zeroizing::new([0; 32]);
    if matches!(line.len(), 32 | 64) && rest.is_empty() {
        // Every digit is looked at, so that the time does not tell where a wrong one is.
        let mut wrong = 0;
        for (byte, [high, low]) in key.iter_mut().zip(pairs) {
            let (high, high_wrong) = hex_digit(*high);
            let (low, low_wrong) = hex_digit(*low);
            *byte = (high << 4) | low;
            wrong |= high_wrong | low_wrong;
        }
        if wrong == 0 {
            return PrincipalKey::from_slice(key.get(..pairs.len())?).ok();
        }
    }
    PrincipalKey::from_slice(bytes).ok()
}

/// The value of a hexadecimal digit, and 0xff if it is none; without a branch or a table on the digit.
fn hex_digit(digit: u8) -> (u8, u8) {
    // All ones if `digit` is in the range, which is when neither subtraction borrows.
    let within = |low: u8, high: u8| {
        let (digit, low, high) = (u16::from(digit), u16::from(low), u16::from(high));
        let borrows = digit.wrapping_sub(low) | high.wrapping_sub(digit);
        let [borrowed, _] = borrows.to_be_bytes();
        !borrowed
    };
    let (decimal, lower, upper) = (within(b'0', b'9'), within(b'a', b'f'), within(b'A', b'F'));
    let value = (decimal & digit.wrapping_sub(b'0'))
        | (lower & digit.wrapping_sub(b'a' - 10))
        | (upper & digit.wrapping_sub(b'A' - 10));
    (value, !(decimal | lower | upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_told_for_a_digit_or_none_as_the_standard_library_does() {
        for byte in 0..=u8::MAX {
            let (value, wrong) = hex_digit(byte);
            match char::from(byte).to_digit(16) {
                Some(expected) => assert_eq!((u32::from(value), wrong), (expected, 0)),
                None => assert_eq!(wrong, 0xff, "{byte}"),
            }
        }
    }

    #[test]
    fn raw_and_hexadecimal_keys_are_read_with_or_without_a_line_end() {
        let key: Vec<u8> = (0xf0..=0xff).chain(0..16).collect();
        for length in [16, 32] {
            let key = &key[..length];
            let lower: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
            let read = |bytes: &[u8]| decode(bytes).map(|key| key.expose_bytes().to_vec());
            assert_eq!(read(key).as_deref(), Some(key));
            for end in ["", "\n", "\r\n"] {
                assert_eq!(read(format!("{lower}{end}").as_bytes()).as_deref(), Some(key));
                assert_eq!(read(format!("{}{end}", lower.to_uppercase()).as_bytes()).as_deref(), Some(key));
            }
        }
        // A raw key may end in what looks like a line end.
        assert_eq!(decode(b"0123456789abcde\n").unwrap().expose_bytes(), b"0123456789abcde\n");
    }

    #[cfg(all(feature = "write", unix))]
    #[test]
    fn a_key_is_stored_once_and_read_back() {
        let directory = tempfile::tempdir().unwrap();
        let name: PrincipalKeyName = "db-key".parse().unwrap();
        for (file, cipher) in [("short", tde_core::Cipher::Aes128), ("long", tde_core::Cipher::Aes256)] {
            let file = KeyFile::new(name, directory.path().join(file));
            assert!(file.list().unwrap().is_empty());
            let other = "other".parse().unwrap();
            assert_eq!(file.create(&other, cipher).unwrap_err().kind(), ProviderErrorKind::Name);
            let made = file.create(&name, cipher).unwrap();
            assert!(file.principal_key(&name).unwrap().unwrap().key.ct_eq(&made.key));
            assert_eq!(file.list().unwrap(), [name]);
            assert_eq!(file.create(&name, cipher).unwrap_err().kind(), ProviderErrorKind::Exists);
            assert!(file.read().unwrap().ct_eq(&made.key));
        }
    }

    #[test]
    fn anything_else_is_no_key() {
        for bytes in
            [&b""[..], b"\n", &[0; 15], &[0; 17], &[0; 31], &[0; 33], &[b'g'; 64], &[b'a'; 63], &[0; 64]]
        {
            assert!(decode(bytes).is_none(), "{bytes:?}");
        }
    }
}
