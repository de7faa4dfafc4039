//! `tde wal decrypt`: WAL segments in plaintext.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use tde_wal::{
    ExpectedPage, KeyRanges, LONG_HEADER_LEN, PageEvidence, PageVerdict, SegmentName, SegmentPosition,
    SegmentSize, WalLayout,
};

use crate::args::{ClusterArgs, JobsArgs, OutputArgs};
use crate::command::decrypt::{self, Input, Job, Reader, Remark, Source};
use crate::failure::{Failure, Status};
use crate::{control_file, input, open, output};

const COMMAND: &[&str] = &["wal", "decrypt"];

const AFTER_HELP: &str = "\
Timeline and segment number are read off the name. Bytes outside of every encrypted range are \
copied as they are.

Output files are created for their owner alone (0600) and appear only when complete.

Exit status:
  0  every plaintext was written
  1  a segment cannot be decrypted: its key does not unwrap, or it is cut off
  2  could not run, or a segment or the server's principal key is not at hand

Examples:
  tde wal decrypt /srv/pgdata 000000010000000000000007 -o 07.plain
  tde wal decrypt /srv/pgdata /archive/0000000100000000000000* --output-dir plain
  tde wal decrypt copy/ 000000010000000000000007 -o - --keyring keys.per | strings
  zstdcat 07.zst | tde wal decrypt copy/ - --name 000000010000000000000007 -o 07.plain";

/// Write WAL segments in plaintext
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct DecryptArgs {
    #[command(flatten)]
    cluster: ClusterArgs,

    /// Segments: names in `pg_wal`, or paths of segment files; `-` is standard input
    #[arg(required = true, value_name = "SEGMENT")]
    segments: Vec<PathBuf>,

    /// The name of a single SEGMENT whose file has another, or that is `-`
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    jobs: JobsArgs,
}

pub(crate) fn run(args: &DecryptArgs) -> Result<Status, Failure> {
    decrypt::check_names(&args.segments, args.name.as_deref(), COMMAND);
    let data_directory = &args.cluster.data_directory;
    let find = |segment: &PathBuf| find(data_directory, segment, args.name.as_deref());
    let jobs = decrypt::plan(args.segments.iter().map(find).collect(), &args.output, COMMAND);
    let cluster = open::cluster(&args.cluster)?;
    let ranges = cluster.wal_key_ranges().map_err(open::scope_failure)?;
    if ranges.ranges().is_empty() {
        output::warning(
            "there are no WAL key ranges, so this is plaintext to pg_tde and is copied as it is",
            Some("copy `pg_tde/wal_keys` along if the WAL is encrypted"),
        );
    }
    let size = segment_size(data_directory);
    decrypt::run(&jobs, args.jobs, None, |job, _| decrypt_segment(&ranges, size, job))
}

/// The input that the user means by `segment`.
fn find(data_directory: &Path, segment: &Path, name: Option<&str>) -> Input {
    let file_name = segment.file_name().map(|name| name.display().to_string());
    let name = name.map(str::to_owned).or(file_name).unwrap_or_else(|| segment.display().to_string());
    let in_pg_wal = data_directory.join("pg_wal").join(segment);
    let is_bare = input::plain_name(segment).is_some_and(|name| !name.contains('/'));
    let source = if is_bare && in_pg_wal.exists() {
        Source::File(in_pg_wal)
    } else if let Some(inside) = input::name_inside(data_directory, segment) {
        Source::File(data_directory.join(inside))
    } else if is_bare && !segment.exists() && segment != Path::new("-") {
        // For the message: this is where it was expected.
        Source::File(in_pg_wal)
    } else {
        Source::from_argument(segment)
    };
    Input { name, source }
}

/// The segment size in the control file, if the copy has one.
fn segment_size(data_directory: &Path) -> Option<SegmentSize> {
    control_file::read(data_directory)
        .unwrap_or_else(|error| {
            output::warning(
                format_args!("global/pg_control: {error}; segments are taken to be as long as their files"),
                None,
            );
            None
        })
        .map(|control| control.wal_segment_size)
}

fn decrypt_segment(ranges: &KeyRanges, size: Option<SegmentSize>, job: &Job) -> Result<Vec<Remark>, Failure> {
    let name = &job.input.name;
    // Without a control file any size will do to tell a segment's name from another.
    parse_name(name, size.unwrap_or(SegmentSize::MIN))?;
    let (input, length) = measured(job.open()?, size)?;
    let size = match (size, length) {
        (Some(size), Some(length)) if size.bytes() != length => return Err(wrong_length(name, length, size)),
        (Some(size), _) => size,
        (None, length) => SegmentSize::new(length.unwrap_or_default())
            .map_err(|error| Failure::new(error).context(name.clone()).wrong())?,
    };
    let segment = parse_name(name, size)?;
    let mut file = job.create()?;
    let mut start = StartOf::new(&mut file);
    let at = SegmentPosition::start_of(&segment);
    let copied = tde_wal::io::transform_segment(ranges, at, input, &mut start)
        .map_err(|error| Failure::new(error).context(name.clone()))?;
    if copied.bytes != size.bytes() {
        return Err(wrong_length(name, copied.bytes, size));
    }
    let mut remarks = Vec::new();
    if !start.begins(&segment) {
        remarks.push(Remark {
            text: "does not begin with a WAL page: recycled but not written yet, damaged, or a wrong key"
                .into(),
            advice: Some("`tde verify` says more"),
            status: Status::Good,
        });
    }
    file.finish()?;
    Ok(remarks)
}

fn parse_name(name: &str, size: SegmentSize) -> Result<SegmentName, Failure> {
    SegmentName::parse(name, size).map_err(|error| {
        Failure::new(error).context(name.to_owned()).advise("say with `--name` which segment the file is")
    })
}

/// The input with its length, which decides the segment size if nothing else does.
fn measured(reader: Reader, size: Option<SegmentSize>) -> Result<(Box<dyn Read>, Option<u64>), Failure> {
    if let Reader::File(file) = &reader {
        let found = file.metadata()?;
        if found.is_file() {
            return Ok((Box::new(reader), Some(found.len())));
        }
    }
    if size.is_some() {
        return Ok((Box::new(reader), None));
    }
    // Ciphertext, in a file without a name.
    let mut spool = tempfile::tempfile()?;
    let length = io::copy(&mut reader.take(SegmentSize::MAX.bytes() + 1), &mut spool)?;
    spool.seek(SeekFrom::Start(0))?;
    Ok((Box::new(spool), Some(length)))
}

fn wrong_length(name: &str, length: u64, size: SegmentSize) -> Failure {
    Failure::message(format!("{name}: {length} bytes, but a segment of this cluster has {}", size.bytes()))
        .wrong()
        .advise("copy the segment again, as a whole")
}

/// Passes everything on and keeps the first bytes.
struct StartOf<W> {
    inner: W,
    bytes: Vec<u8>,
}

impl<W> StartOf<W> {
    fn new(inner: W) -> Self {
        Self { inner, bytes: Vec::with_capacity(LONG_HEADER_LEN) }
    }

    /// Whether they are the page header that this segment begins with.
    fn begins(&self, segment: &SegmentName) -> bool {
        let expected =
            ExpectedPage::new(WalLayout::new(segment.size()), segment.timeline(), segment.start_lsn());
        PageEvidence::of(&self.bytes, &expected)
            .is_some_and(|evidence| evidence.verdict() == PageVerdict::Valid)
    }
}

impl<W: Write> Write for StartOf<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(buffer)?;
        let room = LONG_HEADER_LEN - self.bytes.len();
        self.bytes.extend_from_slice(buffer.get(..written.min(room)).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
