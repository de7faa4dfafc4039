//! Where passphrases come from: the terminal, a file, or a descriptor.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use tde_keyfile::master_key::{Error, Passphrase, PassphraseFault, PassphraseSource};
use zeroize::Zeroizing;

use crate::interrupt::with_hidden_input;

/// The passphrase of an existing file, or of the one that is made.
#[derive(Args, Debug)]
#[command(next_help_heading = "Passphrase (asked for on the terminal unless given)")]
pub(crate) struct PassphraseArgs {
    /// Read the passphrase from FILE: its first line; only its owner may have access to it
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,

    /// Read the passphrase from file descriptor N: the first line that it gives
    #[arg(long, value_name = "N", conflicts_with = "passphrase_file")]
    passphrase_fd: Option<u32>,
}

/// The passphrase that takes the place of the old one.
#[derive(Args, Debug)]
#[command(next_help_heading = "New passphrase (asked for on the terminal unless given)")]
pub(super) struct NewPassphraseArgs {
    /// Read the new passphrase from FILE
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<PathBuf>,

    /// Read the new passphrase from file descriptor N
    #[arg(long, value_name = "N", conflicts_with = "new_passphrase_file")]
    new_passphrase_fd: Option<u32>,
}

/// Where one passphrase comes from.
#[derive(Debug)]
enum Origin {
    Terminal,
    File(PathBuf),
    Descriptor(u32),
}

impl Origin {
    fn new(file: Option<&Path>, descriptor: Option<u32>) -> Self {
        match (file, descriptor) {
            (Some(file), _) => Self::File(file.to_path_buf()),
            (None, Some(descriptor)) => Self::Descriptor(descriptor),
            (None, None) => Self::Terminal,
        }
    }

    /// The passphrase; `None` if it is to be asked for.
    fn read(&self) -> Option<Result<Passphrase, Error>> {
        match self {
            Self::Terminal => None,
            Self::File(path) => Some(Passphrase::read_file(path)),
            Self::Descriptor(0) => Some(Passphrase::read(&mut io::stdin().lock())),
            Self::Descriptor(number) => {
                // The system's own way to a descriptor that needs no unsafe code.
                let path = format!("/dev/fd/{number}");
                Some(match File::open(&path) {
                    Ok(mut file) => Passphrase::read(&mut file),
                    Err(error) => {
                        let text = format!("file descriptor {number}: {error}");
                        Err(Error::PassphraseSource(io::Error::new(error.kind(), text)))
                    }
                })
            }
        }
    }
}

/// Asks or reads, when the library wants a passphrase.
#[derive(Debug)]
pub(crate) struct Asker {
    current: Origin,
    fresh: Origin,
    /// What is asked for.
    word: &'static str,
}

impl Asker {
    /// For a file that exists, whose passphrase is in another file or asked for.
    pub(crate) fn of_file(passphrase_file: Option<&Path>) -> Self {
        Self { current: Origin::new(passphrase_file, None), fresh: Origin::Terminal, word: "passphrase" }
    }

    /// For a file that exists.
    pub(crate) fn existing(args: &PassphraseArgs) -> Self {
        let current = Origin::new(args.passphrase_file.as_deref(), args.passphrase_fd);
        Self { current, fresh: Origin::Terminal, word: "passphrase" }
    }

    /// For a file that is made.
    pub(super) fn new(args: &PassphraseArgs) -> Self {
        Self::fresh_from(args.passphrase_file.as_deref(), args.passphrase_fd, "passphrase")
    }

    /// For something new that this word names to whoever is asked for it.
    pub(crate) fn fresh_from(file: Option<&Path>, descriptor: Option<u32>, word: &'static str) -> Self {
        Self { current: Origin::Terminal, fresh: Origin::new(file, descriptor), word }
    }

    /// For a file that is replaced.
    pub(super) fn changing(args: &PassphraseArgs, new: &NewPassphraseArgs) -> Self {
        let current = Origin::new(args.passphrase_file.as_deref(), args.passphrase_fd);
        let fresh = Origin::new(new.new_passphrase_file.as_deref(), new.new_passphrase_fd);
        Self { current, fresh, word: "passphrase" }
    }
}

impl PassphraseSource for Asker {
    fn current(&mut self) -> Result<Passphrase, Error> {
        self.current.read().unwrap_or_else(|| ask("Passphrase: "))
    }

    fn fresh(&mut self) -> Result<Passphrase, Error> {
        if let Some(read) = self.fresh.read() {
            return read;
        }
        let first = ask(&format!("New {}: ", self.word))?;
        // Before it is typed a second time.
        first.check_new()?;
        if ask("The same again: ")?.ct_eq(&first) {
            Ok(first)
        } else {
            Err(Error::Passphrase(PassphraseFault::Mismatch))
        }
    }
}

fn ask(prompt: &str) -> Result<Passphrase, Error> {
    let typed = with_hidden_input(|| rpassword::prompt_password(prompt).map(Zeroizing::new));
    let typed = typed.map_err(Error::PassphraseSource)?;
    Passphrase::new(typed.as_bytes())
}
