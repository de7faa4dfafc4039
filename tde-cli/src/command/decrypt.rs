//! What `relation decrypt` and `wal decrypt` have in common: inputs, outputs, one after the other.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;

use crate::args::{self, OutputArgs};
use crate::failure::{Failure, Status};
use crate::output;
use crate::output_file::OutputFile;

/// A file to decrypt.
#[derive(Debug)]
pub(crate) struct Input {
    /// What it is called in the data directory: that decides how it is decrypted.
    pub(crate) name: String,
    pub(crate) source: Source,
}

/// Where the ciphertext is.
#[derive(Debug)]
pub(crate) enum Source {
    Stdin,
    File(PathBuf),
}

/// Ciphertext, opened.
#[derive(Debug)]
pub(crate) enum Reader {
    Stdin(io::StdinLock<'static>),
    File(File),
}

impl Source {
    /// `-` is standard input.
    pub(crate) fn from_argument(argument: &Path) -> Self {
        if argument == Path::new("-") { Self::Stdin } else { Self::File(argument.to_path_buf()) }
    }

    fn path(&self) -> Option<&Path> {
        match self {
            Self::Stdin => None,
            Self::File(path) => Some(path),
        }
    }

    fn open(&self) -> io::Result<Reader> {
        match self {
            Self::Stdin => Ok(Reader::Stdin(io::stdin().lock())),
            Self::File(path) => {
                // Asked before opening, because opening a FIFO would wait.
                let found = std::fs::metadata(path)?;
                if found.is_dir() {
                    return Err(io::ErrorKind::IsADirectory.into());
                }
                File::open(path).map(Reader::File)
            }
        }
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Stdin(stdin) => stdin.read(buffer),
            Self::File(file) => file.read(buffer),
        }
    }
}

/// Decrypts every input to its target. What fails is reported and the rest still done; the status is the
/// worst of all.
///
/// # Errors
/// Of a single input; with several, errors are printed as they come.
pub(crate) fn each(
    inputs: &[Input],
    command: &[&str],
    output: &OutputArgs,
    mut decrypt: impl FnMut(&Input, Reader, &mut OutputFile) -> Result<(), Failure>,
) -> Result<Status, Failure> {
    let names: Vec<_> = inputs.iter().map(|input| PathBuf::from(&input.name)).collect();
    let targets = output
        .targets(&names)
        .unwrap_or_else(|message| args::usage_error(command, ErrorKind::ArgumentConflict, message));
    let mut worst = Status::Good;
    for (input, target) in inputs.iter().zip(&targets) {
        let done = (|| {
            let reader = input.source.open().map_err(|error| {
                let absent = error.kind() == io::ErrorKind::NotFound;
                let failure = Failure::new(error).context(input.name.clone());
                if absent { failure.advise("see `tde inspect` for what is there") } else { failure }
            })?;
            let mut file = OutputFile::create(target, output.force, input.source.path())?;
            decrypt(input, reader, &mut file)?;
            file.finish()
        })();
        match done {
            Ok(()) => {}
            Err(failure) if inputs.len() == 1 || failure.is_broken_pipe() => return Err(failure),
            Err(failure) => {
                output::error(&failure);
                worst = worst.max(failure.status());
            }
        }
    }
    Ok(worst)
}

/// A usage error if `-` or `--name` is used in a way that leaves open which input is meant.
pub(crate) fn check_names(files: &[PathBuf], name: Option<&str>, command: &[&str]) {
    let stdin = files.iter().any(|file| file == Path::new("-"));
    if name.is_some() && files.len() > 1 {
        args::usage_error(command, ErrorKind::ArgumentConflict, "`--name` names a single input");
    }
    if stdin && files.len() > 1 {
        args::usage_error(command, ErrorKind::ArgumentConflict, "`-` is for a single input");
    }
    if stdin && name.is_none() {
        args::usage_error(
            command,
            ErrorKind::MissingRequiredArgument,
            "`-` needs `--name` to say which file standard input is",
        );
    }
}
