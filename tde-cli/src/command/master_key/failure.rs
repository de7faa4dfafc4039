//! Errors of the library, with advice and exit status.

use tde_keyfile::master_key::{Error, PassphraseFault};
use tde_keyfile::storage;

use crate::failure::Failure;

/// What the command ends with, and what to try.
pub(crate) fn failure(error: Error) -> Failure {
    let (wrong, advice) = match error.kind() {
        Error::WrongPassphrase => (true, Some("type it again; case matters")),
        Error::WrongOrDamaged => {
            (true, Some("type it again, or give the number of iterations with `--iter`"))
        }
        Error::Damaged { .. } | Error::Tampered => {
            (true, Some("take the newest dated copy beside it (`FILE.YYYYMMDDThhmmssZ`), or a backup"))
        }
        Error::Exists { .. } => (
            false,
            Some("`tde master-key rotate` changes its key or passphrase; `--replace` makes a new one"),
        ),
        Error::NotMemory { .. } => {
            (false, Some("name a directory on tmpfs with `--dir`, such as /run/tde or /dev/shm/tde"))
        }
        Error::NoDirectory { .. } => (false, Some("make it first: `install -d -m 700 DIRECTORY`")),
        Error::OtherKey { .. } => {
            (false, Some("`tde master-key lock` removes it; does a server still use it?"))
        }
        Error::OtherKeys { .. } => {
            (false, Some("copy the keyring to a safe place first, then insist with `--force`"))
        }
        Error::Passphrase(PassphraseFault::TooShort { .. }) => {
            (false, Some("several random words are easy to remember and hard to guess"))
        }
        Error::PassphraseSource(_) => {
            (false, Some("without a terminal, use `--passphrase-file FILE` or `--passphrase-fd N`"))
        }
        Error::Storage(storage::Error::Io { source, .. })
            if source.kind() == std::io::ErrorKind::NotFound =>
        {
            (false, Some("`tde master-key init FILE` makes one"))
        }
        _ => (false, None),
    };
    let mut failure = Failure::new(error);
    if wrong {
        failure = failure.wrong();
    }
    match advice {
        Some(advice) => failure.advise(advice),
        None => failure,
    }
}
