//! Passphrases, and where they come from.

use alloc::vec::Vec;
use core::fmt;
use std::io::{self, Read};
use std::path::Path;

use zeroize::Zeroizing;

use super::{Error, PassphraseFault};

/// Characters that a new passphrase has at least.
pub const MIN_NEW_CHARACTERS: usize = 12;

/// Bytes that a passphrase has at most: as many as `openssl` reads.
const MAX_BYTES: usize = 1023;

/// A passphrase. Wiped on drop.
pub struct Passphrase(Zeroizing<Vec<u8>>);

impl Passphrase {
    /// The passphrase with these bytes, however short.
    ///
    /// # Errors
    /// [`Error::Passphrase`] if there are none, more than 1023, or a zero among them.
    pub fn new(bytes: &[u8]) -> Result<Self, Error> {
        let fault = match bytes {
            [] => PassphraseFault::Empty,
            bytes if bytes.len() > MAX_BYTES => PassphraseFault::TooLong,
            bytes if bytes.contains(&0) => PassphraseFault::Nul,
            _ => return Ok(Self(Zeroizing::new(bytes.to_vec()))),
        };
        Err(Error::Passphrase(fault))
    }

    /// The first line that a file or descriptor gives, without its line feed, as `openssl` reads it.
    ///
    /// # Errors
    /// As [`new`](Self::new); [`Error::PassphraseSource`].
    pub fn read(input: &mut dyn Read) -> Result<Self, Error> {
        // One byte at a time: what follows the line belongs to whoever reads on. The buffer never grows, which
        // would leave a copy behind.
        let mut line = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 1));
        let mut byte = Zeroizing::new([0; 1]);
        while line.len() <= MAX_BYTES {
            match input.read(&mut *byte) {
                Ok(0) => break,
                Ok(_) if *byte == [b'\n'] => break,
                Ok(_) => line.extend_from_slice(&*byte),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::PassphraseSource(error)),
            }
        }
        Self::new(&line)
    }

    /// The first line of a file that nobody but its owner may read or write.
    ///
    /// Links are followed, and pipes are read, since secrets are often handed over that way; their mode is not
    /// looked at.
    ///
    /// # Errors
    /// As [`read`](Self::read); [`Error::Access`] for a regular file whose mode lets others read or write it.
    pub fn read_file(path: &Path) -> Result<Self, Error> {
        use std::os::unix::fs::MetadataExt as _;
        let source = |error| Error::PassphraseSource(error).at(path);
        let mut file = std::fs::File::open(path).map_err(source)?;
        let metadata = file.metadata().map_err(source)?;
        if metadata.is_file() && metadata.mode() & 0o077 != 0 {
            let reason = alloc::format!(
                "has mode {:03o}, so that others than its owner may read or write the passphrase; \
                 restrict it with `chmod 600`",
                metadata.mode() & 0o777
            );
            return Err(Error::Access { path: path.to_path_buf(), reason });
        }
        Self::read(&mut file).map_err(|error| error.at(path))
    }

    /// Refuses a passphrase that is too short to protect a new file.
    ///
    /// Characters are counted as UTF-8 has them, or bytes if it is not UTF-8.
    ///
    /// # Errors
    /// [`Error::Passphrase`] with [`PassphraseFault::TooShort`].
    pub fn check_new(&self) -> Result<(), Error> {
        let characters = core::str::from_utf8(&self.0).map_or(self.0.len(), |text| text.chars().count());
        if characters >= MIN_NEW_CHARACTERS {
            return Ok(());
        }
        Err(Error::Passphrase(PassphraseFault::TooShort { characters }))
    }

    /// Whether both are the same; the time taken tells no more than their lengths.
    #[must_use]
    pub fn ct_eq(&self, other: &Self) -> bool {
        use subtle::ConstantTimeEq as _;
        self.0.ct_eq(&other.0).into()
    }

    /// The bytes. Whoever asks for them answers for where they go.
    #[must_use]
    pub fn expose_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passphrase").finish_non_exhaustive()
    }
}

/// Where passphrases come from; asked only once everything else is known to be in order.
pub trait PassphraseSource {
    /// The passphrase of the existing file.
    ///
    /// # Errors
    /// Whatever keeps it from being had.
    fn current(&mut self) -> Result<Passphrase, Error>;

    /// The passphrase for a new file; one that is typed is asked for twice.
    ///
    /// # Errors
    /// Whatever keeps it from being had.
    fn fresh(&mut self) -> Result<Passphrase, Error>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn the_first_line_is_the_passphrase_and_the_rest_is_not_touched() {
        let mut input: &[u8] = b"one two \r\nthree";
        assert_eq!(Passphrase::read(&mut input).unwrap().expose_bytes(), b"one two \r");
        assert_eq!(input, b"three");
        assert_eq!(Passphrase::read(&mut input).unwrap().expose_bytes(), b"three");
        assert!(matches!(Passphrase::read(&mut input), Err(Error::Passphrase(PassphraseFault::Empty))));
        let mut longest = alloc::vec![b'x'; 1023];
        assert!(Passphrase::read(&mut &*longest).is_ok());
        longest.push(b'x');
        assert!(matches!(Passphrase::read(&mut &*longest), Err(Error::Passphrase(PassphraseFault::TooLong))));
        assert!(matches!(Passphrase::read(&mut &b"a\0b"[..]), Err(Error::Passphrase(PassphraseFault::Nul))));
    }

    #[test]
    fn a_new_passphrase_has_twelve_characters() {
        let check = |text: &str| Passphrase::new(text.as_bytes()).unwrap().check_new();
        assert!(check("twelve chars").is_ok());
        assert!(check("éééééééééééé").is_ok());
        for short in ["eleven char", "ééééééé"] {
            assert!(matches!(check(short), Err(Error::Passphrase(PassphraseFault::TooShort { .. }))));
        }
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("passphrase");
        fs::write(&path, "secret passphrase\n").unwrap();
        for (mode, accepted) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false), (0o602, false)]
        {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(Passphrase::read_file(&path).is_ok(), accepted, "{mode:o}");
        }
    }
}
