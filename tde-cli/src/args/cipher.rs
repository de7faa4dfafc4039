//! `--cipher`: how an internal key encrypts.

use clap::ValueEnum;
use tde_core::Cipher;

/// A cipher as it is named on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum CipherArg {
    #[value(name = "aes-128")]
    Aes128,
    #[value(name = "aes-256")]
    Aes256,
}

impl CipherArg {
    pub(crate) const fn cipher(self) -> Cipher {
        match self {
            Self::Aes128 => Cipher::Aes128,
            Self::Aes256 => Cipher::Aes256,
        }
    }
}
