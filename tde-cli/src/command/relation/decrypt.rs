//! `tde relation decrypt`: relation files in plaintext.

use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use clap::Args;
use tde_core::BlockNumber;
use tde_keyfile::cluster::{Cluster, RelationKey};
use tde_keyfile::postgres::{PageHeader, RelationPath, RelationPathError};
use tde_keyfile::relation_file::{
    PageBatch, ParRelationReader, RelationFileError, RelationGeometry, RelationReader,
};

use crate::args::{ClusterArgs, JobsArgs, OutputArgs};
use crate::command::decrypt::{self, Input, Job, Remark, Source, Threads};
use crate::failure::{Failure, Status};
use crate::{control_file, input, open, output};

const COMMAND: &[&str] = &["relation", "decrypt"];

/// Bytes from which on a file is worth the while of several threads: some milliseconds of work.
const LARGE: u64 = 8 << 20;

const AFTER_HELP: &str = "\
Kind of file, fork and first block are read off the path. A relation without a key entry is \
plaintext to pg_tde: it is copied unchanged, with a warning.

Output files are created for their owner alone (0600) and appear only when complete.

Exit status:
  0  every plaintext was written
  1  an input cannot be decrypted, or its plaintext is not what it should be
  2  could not run, or an input or a principal key is not at hand

Examples:
  tde relation decrypt /srv/pgdata base/16384/16385 -o 16385.plain
  tde relation decrypt /srv/pgdata base/16384/16385 base/16384/16385_fsm --output-dir plain
  tde relation decrypt copy/ base/16384/16385.1 -o - --keyring keys.per | sha256sum
  zstdcat 16385.zst | tde relation decrypt copy/ - --name base/16384/16385 -o 16385.plain";

/// Write relation files in plaintext
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct DecryptArgs {
    #[command(flatten)]
    cluster: ClusterArgs,

    /// Relation files, relative to the data directory; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// The path in the data directory that a single FILE has, if it lies elsewhere or is `-`
    #[arg(long, value_name = "PATH")]
    name: Option<String>,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    jobs: JobsArgs,
}

pub(crate) fn run(args: &DecryptArgs) -> Result<Status, Failure> {
    decrypt::check_names(&args.files, args.name.as_deref(), COMMAND);
    let data_directory = &args.cluster.data_directory;
    let find = |file: &PathBuf| find(data_directory, file, args.name.as_deref());
    let jobs = decrypt::plan(args.files.iter().map(find).collect(), &args.output, COMMAND);
    let cluster = open::cluster(&args.cluster)?;
    let geometry = geometry(data_directory, jobs.iter().map(|job| job.input.name.as_str()));
    decrypt::run(&jobs, args.jobs, Some(LARGE), |job, threads| decrypt_file(&cluster, geometry, job, threads))
}

/// The input that the user means by `file`.
fn find(data_directory: &Path, file: &Path, name: Option<&str>) -> Input {
    let inside = || input::name_inside(data_directory, file);
    let (name, source) = match (Source::from_argument(file), name) {
        (Source::Stdin, name) => (name.unwrap_or_default().to_owned(), Source::Stdin),
        (given, Some(name)) => {
            let source = inside().map_or(given, |inside| Source::File(data_directory.join(inside)));
            (name.to_owned(), source)
        }
        (given, None) => match inside().or_else(|| input::plain_name(file)) {
            Some(name) => (name.clone(), Source::File(data_directory.join(name))),
            None => (file.display().to_string(), given),
        },
    };
    // One file has one name, however it was spelled.
    Input { name: RelationPath::parse(&name).map_or(name, |path| path.to_string()), source }
}

/// The sizes in the control file, or, with a warning where they matter, the usual ones.
fn geometry<'a>(data_directory: &Path, mut names: impl Iterator<Item = &'a str>) -> RelationGeometry {
    match control_file::read(data_directory) {
        Ok(Some(control)) => RelationGeometry::from(&control),
        Ok(None) => {
            // The first page of a later segment has the block number that the segments' size gives it, and a wrong
            // number spoils its first 16 bytes only: nothing else would tell.
            if let Some(name) =
                names.find(|name| RelationPath::parse(name).is_ok_and(|path| path.segment > 0))
            {
                output::warning(
                    format_args!(
                        "{name}: without global/pg_control, segments of 131072 pages are assumed; with another \
                         size the first 16 bytes of every page come out wrong"
                    ),
                    Some("copy global/pg_control of the same cluster beside the relation files"),
                );
            }
            RelationGeometry::default()
        }
        Err(error) => {
            output::warning(
                format_args!(
                    "global/pg_control: {error}; pages of 8192 bytes and segments of 1 GiB are assumed"
                ),
                None,
            );
            RelationGeometry::default()
        }
    }
}

fn decrypt_file(
    cluster: &Cluster,
    geometry: RelationGeometry,
    job: &Job,
    threads: Threads,
) -> Result<Vec<Remark>, Failure> {
    let name = &job.input.name;
    let path = RelationPath::parse(name).map_err(|error| {
        let failure = Failure::new(error).context(name.clone());
        match error {
            RelationPathError::NotARelation => failure.advise(
                "give a path relative to the data directory, or say with `--name` what the file is called \
                 there",
            ),
            _ => failure,
        }
    })?;
    let input = job.open()?;
    let key = match cluster.relation_key(&path.locator) {
        Ok(RelationKey::Key(key)) => Some(key),
        Ok(RelationKey::NoEntry) => None,
        Err(error) => return Err(open::scope_failure(error).context(name.clone())),
    };
    let failed = |error| failure(error).context(name.clone());
    // Before anything is created.
    geometry.first_block(&path).map_err(failed)?;
    let mut file = job.create()?;
    let mut pages = PageTally::default();
    let summary = match (threads, input.regular(), file.regular()) {
        (Threads::All, Some((input, length)), Some(output)) => {
            let reader = ParRelationReader::new(input, path, key.as_ref(), geometry).map_err(failed)?;
            let tally = Mutex::new(&mut pages);
            file.while_written(|wrote| {
                let each = |batch: &PageBatch<'_>| {
                    let counted = PageTally::of(batch, geometry);
                    tally.lock().unwrap_or_else(PoisonError::into_inner).add(&counted);
                    output.write_all_at(batch.plain, batch.offset).map_err(|error| file.name(error))?;
                    wrote(batch.plain.len() as u64);
                    Ok(())
                };
                reader.for_each_batch(length, each).map_err(failed)
            })?
        }
        _ => {
            let mut reader = RelationReader::new(input, path, key.as_ref(), geometry).map_err(failed)?;
            while let Some(batch) = reader.next_batch().map_err(failed)? {
                pages.add(&PageTally::of(&batch, geometry));
                file.write_all(batch.plain)?;
            }
            reader.summary()
        }
    };
    let trailing = summary.trailing_bytes;
    if trailing != 0 {
        let whole = summary.pages * geometry.page_size.get() as u64;
        return Err(Failure::message(format!("{name}: ends {trailing} bytes into a page"))
            .wrong()
            .advise(format!("copy the file again; `head -c {whole}` of it are whole pages")));
    }
    let remarks = judge(key.is_some(), &pages).map_err(|failure| failure.context(name.clone()))?;
    file.finish()?;
    Ok(remarks)
}

/// What the plaintext pages say of the decryption.
fn judge(encrypted: bool, pages: &PageTally) -> Result<Vec<Remark>, Failure> {
    let mut remarks = Vec::new();
    match (encrypted, pages.first_bad) {
        (true, Some(_)) if pages.sound == 0 => {
            return Err(Failure::message("no page makes sense when decrypted: wrong key, or damaged")
                .wrong()
                .advise("`tde verify` says more; was the file swapped with another?"));
        }
        (false, Some(_)) if pages.sound == 0 => {
            return Err(Failure::message(
                "no key entry, so this is plaintext to pg_tde, but no page makes sense: \
                 it looks encrypted and its key entry is missing",
            )
            .wrong()
            .advise("copy `pg_tde/<database>_keys` along with the relation files"));
        }
        (_, Some(first)) => remarks.push(Remark {
            text: format!("{} pages make no sense, the first is block {first}", pages.bad),
            advice: Some("`tde verify` says more"),
            status: Status::Wrong,
        }),
        (_, None) => {}
    }
    if !encrypted {
        remarks.push(Remark {
            text: "no key entry: this is plaintext to pg_tde and was copied as it is".into(),
            advice: None,
            status: Status::Good,
        });
    }
    Ok(remarks)
}

/// How many pages have a header that a server would accept.
#[derive(Debug, Default)]
struct PageTally {
    sound: u64,
    bad: u64,
    first_bad: Option<BlockNumber>,
}

impl PageTally {
    fn of(batch: &PageBatch<'_>, geometry: RelationGeometry) -> Self {
        let mut tally = Self::default();
        let size = geometry.page_size.get();
        for (page, index) in batch.plain.chunks_exact(size).zip(0..) {
            let sane = PageHeader::parse(page)
                .is_ok_and(|header| header.check(size).is_ok() || (header.is_new() && is_zero(page)));
            if sane {
                tally.sound += 1;
            } else {
                tally.bad += 1;
                tally.first_bad = tally.first_bad.or_else(|| batch.first.checked_add(index));
            }
        }
        tally
    }

    /// Adds other pages of the file, which may come in any order.
    fn add(&mut self, other: &Self) {
        self.sound += other.sound;
        self.bad += other.bad;
        self.first_bad = self.first_bad.into_iter().chain(other.first_bad).min();
    }
}

fn is_zero(page: &[u8]) -> bool {
    page.iter().all(|&byte| byte == 0)
}

fn failure(error: RelationFileError) -> Failure {
    match error {
        RelationFileError::Segment { .. } => Failure::new(error).wrong(),
        error => Failure::new(error),
    }
}
