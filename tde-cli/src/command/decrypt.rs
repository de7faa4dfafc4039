//! What commands that turn files into files have in common: inputs, their targets, and the work on each.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use crate::args::{self, JobsArgs, OutputArgs};
use crate::failure::{Failure, Status};
use crate::output;
use crate::output_file::{OutputFile, Policy, Target};

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

/// One input and where its plaintext goes.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) input: Input,
    target: Target,
    policy: Policy,
}

/// Something to tell about an input that was decrypted nevertheless.
#[derive(Debug)]
pub(crate) struct Remark {
    pub(crate) text: String,
    pub(crate) advice: Option<&'static str>,
    /// [`Status::Wrong`] if the data is not what it should be.
    pub(crate) status: Status,
}

impl Input {
    /// The file; `None` for standard input.
    pub(crate) fn path(&self) -> Option<&Path> {
        match &self.source {
            Source::Stdin => None,
            Source::File(path) => Some(path),
        }
    }
}

impl Source {
    /// `-` is standard input.
    pub(crate) fn from_argument(argument: &Path) -> Self {
        if is_stdin(argument) { Self::Stdin } else { Self::File(argument.to_path_buf()) }
    }
}

impl Reader {
    /// The file and its length, if bytes can be read at any offset of it.
    pub(crate) fn regular(&self) -> Option<(&File, u64)> {
        match self {
            Self::Stdin(_) => None,
            Self::File(file) => {
                let found = file.metadata().ok().filter(fs::Metadata::is_file)?;
                Some((file, found.len()))
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

impl Job {
    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    fn is_large(&self, large: Option<u64>) -> bool {
        match (&self.input.source, large) {
            (Source::File(path), Some(large)) => fs::metadata(path).is_ok_and(|found| found.len() >= large),
            _ => false,
        }
    }

    /// Opens the input.
    pub(crate) fn open(&self) -> Result<Reader, Failure> {
        let path = match &self.input.source {
            Source::Stdin => return Ok(Reader::Stdin(io::stdin().lock())),
            Source::File(path) => path,
        };
        let opened = fs::metadata(path).and_then(|found| {
            if found.is_dir() { Err(io::ErrorKind::IsADirectory.into()) } else { File::open(path) }
        });
        opened.map(Reader::File).map_err(|error| Failure::new(error).context(path.display().to_string()))
    }

    /// Begins the output.
    pub(crate) fn create(&self) -> Result<OutputFile, Failure> {
        OutputFile::create(&self.target, self.policy, self.input.path())
    }
}

/// Gives each input its target; leaves with a usage error if that does not come out even.
pub(crate) fn plan(inputs: Vec<Input>, output: &OutputArgs, command: &[&str]) -> Vec<Job> {
    let names: Vec<_> = inputs.iter().map(|input| PathBuf::from(&input.name)).collect();
    let targets = output
        .targets(&names)
        .unwrap_or_else(|message| args::usage_error(command, ErrorKind::ArgumentConflict, message));
    let policy = output.policy();
    inputs.into_iter().zip(targets).map(|(input, target)| Job { input, target, policy }).collect()
}

/// Whether the work on an input may use threads of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Threads {
    /// No: other inputs are worked on at the same time.
    One,
    /// All of the pool: it is the only input at the moment.
    All,
}

/// Decrypts all of them: several at a time, but those of `large` bytes and more each by all threads, so that a
/// single one is no slower. What fails is reported and the rest still done; the status is the worst of all.
///
/// # Errors
/// If the threads cannot be started.
pub(crate) fn run(
    jobs: &[Job],
    threads: JobsArgs,
    large: Option<u64>,
    decrypt: impl Fn(&Job, Threads) -> Result<Vec<Remark>, Failure> + Sync,
) -> Result<Status, Failure> {
    let pool = threads.pool()?;
    // A thread that waits for the others must not begin with another input, and so with many, one in the other.
    let groups = jobs.chunk_by(|a, b| !a.is_large(large) && !b.is_large(large));
    let done: Vec<_> = pool.install(|| {
        let one = |job| decrypt(job, Threads::One);
        let groups = groups.map(|group| match group {
            [job] => vec![decrypt(job, Threads::All)],
            group => group.par_iter().map(one).collect(),
        });
        groups.collect::<Vec<_>>().into_iter().flatten().collect()
    });
    let mut worst = Status::Good;
    for (job, done) in jobs.iter().zip(done) {
        match done {
            Ok(remarks) => {
                for remark in remarks {
                    output::warning(format_args!("{}: {}", job.input.name, remark.text), remark.advice);
                    worst = worst.max(remark.status);
                }
            }
            Err(failure) if failure.is_closed_stdout() => {}
            Err(failure) => {
                output::error(&failure);
                worst = worst.max(failure.status());
            }
        }
    }
    Ok(worst)
}

/// Leaves with a usage error if `-` or `--name` is used in a way that leaves open which input is meant.
pub(crate) fn check_names(files: &[PathBuf], name: Option<&str>, command: &[&str]) {
    let stdin = files.iter().any(|file| is_stdin(file));
    let problem = if files.len() > 1 && name.is_some() {
        "`--name` names a single input"
    } else if files.len() > 1 && stdin {
        "`-` is for a single input"
    } else if stdin && name.is_none() {
        "`-` needs `--name` to say which file standard input is"
    } else {
        return;
    };
    args::usage_error(command, ErrorKind::ArgumentConflict, problem)
}

fn is_stdin(argument: &Path) -> bool {
    argument == Path::new("-")
}
