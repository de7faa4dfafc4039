//! `tde kmip encode`: TTLV from JSON or XML.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use tde_kmip_codec::{json, xml};

use super::source;
use crate::failure::{Failure, Status};
use crate::output_file::{OutputFile, Policy, Target};

const AFTER_HELP: &str = "\
Reads JSON TTLV (as Cosmian KMS speaks it, bare payloads included), the tree that `decode --json`
prints, and XML TTLV (as OASIS publishes its test cases; several messages are written one after
another). What the text says is written, whether it is good KMIP or not: `tde kmip decode` tells.

Exit status:
  0  done
  1  the text is malformed
  2  could not run

Examples:
  tde kmip encode request.json -o request.ttlv
  tde kmip encode --hex - < TC-BASE-1.xml";

/// Make TTLV of a KMIP message in JSON or XML
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct EncodeArgs {
    /// The text; `-` is standard input
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,

    /// Cut off fractions of seconds, as Cosmian KMS writes them, in JSON dates
    #[arg(long)]
    cut_fractions: bool,

    /// Write hexadecimal text
    #[arg(long)]
    hex: bool,

    /// Write to FILE; `-` is standard output
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    output: PathBuf,

    /// Replace an output file that exists already; allow binary output on a terminal
    #[arg(long)]
    force: bool,
}

pub(crate) fn run(args: &EncodeArgs) -> Result<Status, Failure> {
    let name = source::name(&args.file);
    let text = String::from_utf8(source::read(&args.file)?).map_err(|error| {
        let place = error.utf8_error().valid_up_to();
        Failure::message(format!("{name} is neither JSON nor XML: byte {place} is not UTF-8")).wrong()
    })?;
    let options = json::Options::new().cut_fractions(args.cut_fractions);
    let bytes = encode(&text, options).map_err(|failure| failure.context(name).wrong())?;
    let target = Target::from_argument(&args.output);
    let input = Some(args.file.as_path()).filter(|file| file.as_os_str() != "-");
    // Hexadecimal text does no harm to a terminal.
    let replace = args.force || (args.hex && target == Target::Stdout);
    let mut output = OutputFile::create(&target, Policy { replace, sync: true }, input)?;
    if args.hex {
        let mut line = String::with_capacity(2 * bytes.len() + 1);
        for byte in &bytes {
            write!(line, "{byte:02x}")?;
        }
        line.push('\n');
        output.write_all(line.as_bytes())?;
    } else {
        output.write_all(&bytes)?;
    }
    output.finish()?;
    Ok(Status::Good)
}

fn encode(text: &str, options: json::Options) -> Result<Vec<u8>, Failure> {
    match text.trim_start_matches(['\u{FEFF}', ' ', '\t', '\r', '\n']).chars().next() {
        Some('<') => {
            let items = xml::read_all(text.trim_start_matches('\u{FEFF}'))?;
            if items.is_empty() {
                return Err(Failure::message("there is no item"));
            }
            Ok(items.concat())
        }
        Some('{') => encode_json(text.trim_start_matches('\u{FEFF}'), options),
        Some(_) => Err(Failure::message("the text begins with neither `{` (JSON) nor `<` (XML)")),
        None => Err(Failure::message("there is no text")),
    }
}

fn encode_json(text: &str, options: json::Options) -> Result<Vec<u8>, Failure> {
    let error = match json::read_with(text, options) {
        Ok(bytes) => return Ok(bytes),
        Err(error) => error,
    };
    if matches!(error.kind(), json::ErrorKind::UnknownKey { key } if key == "hidden") {
        let advice = "print the tree with `tde kmip decode --json --show-secrets`";
        return Err(Failure::message("the tree has its secrets left out").advise(advice));
    }
    // A bare payload stands under the name of its operation, which is that of no tag.
    if matches!(error.kind(), json::ErrorKind::UnknownTag { .. }) && !error.path().contains('/') {
        return match json::read_payload(text, options) {
            Err(inner) if matches!(inner.kind(), json::ErrorKind::NotAPayload { .. }) => Err(error.into()),
            other => Ok(other?.bytes),
        };
    }
    Err(error.into())
}
