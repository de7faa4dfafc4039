//! Where a message comes from: a file or standard input, as bytes or as hexadecimal text.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::failure::Failure;

/// The most that is read: four times the largest message that the codec takes.
pub(crate) const LIMIT: u64 = 64 << 20;

/// Reads all of a file; `-` is standard input.
///
/// # Errors
/// If it cannot be read, or is larger than [`LIMIT`].
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let result = if path.as_os_str() == OsStr::new("-") {
        io::stdin().lock().take(LIMIT + 1).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(LIMIT + 1).read_to_end(&mut bytes))
    };
    let name = name(path);
    result.map_err(|error| Failure::new(error).context(format!("reading {name}")))?;
    if bytes.len() as u64 > LIMIT {
        return Err(Failure::message(format!("{name} is larger than {} MiB", LIMIT >> 20)));
    }
    Ok(bytes)
}

/// What to call a file in messages.
pub(crate) fn name(path: &Path) -> String {
    if path.as_os_str() == OsStr::new("-") { "standard input".into() } else { path.display().to_string() }
}

/// The bytes of hexadecimal text; blanks, line ends, colons and a leading `0x` are passed over.
///
/// # Errors
/// The place of the first character that is no digit, or that the last byte has one digit only.
pub(crate) fn from_hex(text: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let mut high = None;
    let start = text.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let start = if text.get(start..).is_some_and(|text| text.starts_with(b"0x")) { start + 2 } else { start };
    for (offset, byte) in text.iter().enumerate().skip(start) {
        if byte.is_ascii_whitespace() || *byte == b':' {
            continue;
        }
        let Some(digit) = char::from(*byte).to_digit(16) else {
            return Err(
                Failure::message(format!("character {offset} of the input is no hexadecimal digit")).wrong()
            );
        };
        let digit = digit as u8;
        match high.take() {
            None => high = Some(digit << 4),
            Some(high) => bytes.push(high | digit),
        }
    }
    if high.is_some() {
        return Err(Failure::message("the input has an odd number of hexadecimal digits").wrong());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Status;

    #[test]
    fn blanks_and_colons_separate_digits() {
        assert_eq!(from_hex(b" 0x42 00:78\n01 ").unwrap(), [0x42, 0x00, 0x78, 0x01]);
        assert_eq!(from_hex(b"").unwrap(), b"");
        for bad in [&b"4"[..], b"4200 7", b"42x0", b"0x0x42", b"\xFF\xFF"] {
            assert_eq!(from_hex(bad).unwrap_err().status(), Status::Wrong, "{bad:?}");
        }
    }
}
