//! `tde kmip decode`: any message as a tree, with every deviation from the standard.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use tde_kmip_codec::json;
use tde_kmip_codec::message::{RequestMessage, ResponseMessage};
use tde_kmip_codec::pretty::Pretty;
use tde_kmip_codec::spec::{self, ProtocolVersion, tag};
use tde_kmip_codec::ttlv::{self, Error, ErrorKind, Leniency, Options, Reader, TagPath, Tolerated, Walk};

use super::source;
use crate::failure::{Failure, Status};
use crate::output::{ERROR, GOOD, Printer, WARNING, counted};

const AFTER_HELP: &str = "\
A message is one Request Message or Response Message as it goes over the wire. It is read with every
leniency there is, and whatever needed one is listed as a deviation.

Exit status:
  0  a good message
  1  malformed, or it deviates from the standard and `--lenient` was not given
  2  could not run

Examples:
  tde kmip decode request.ttlv
  tde kmip decode --hex capture.txt
  printf '42000d02 00000004 00000001 00000000' | tde kmip decode --hex --ttlv -
  tde kmip decode response.ttlv --json --show-secrets | tde kmip encode - -o copy.ttlv";

/// Print a KMIP message as a tree, point at what is malformed, list every deviation from the standard
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct DecodeArgs {
    /// The message; `-` is standard input
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,

    /// The input is hexadecimal text; blanks, line ends and colons in it are passed over
    #[arg(long)]
    hex: bool,

    /// Print the tree as JSON: nodes of `tag`, `name`, `type`, `value` and `enum`
    #[arg(long)]
    json: bool,

    /// Stop at the items (tag, type, length, value): for fragments, and whatever is no message
    #[arg(long)]
    ttlv: bool,

    /// Go along with deviations from the standard: they are listed, and the exit status is 0
    #[arg(long)]
    lenient: bool,

    /// Show key material, passwords, data and the like, of which otherwise only the size is shown
    #[arg(long)]
    show_secrets: bool,
}

/// How many deviations are listed. The path to each is looked for from the start of the input.
const LISTED: usize = 1000;

pub(crate) fn run(args: &DecodeArgs) -> Result<Status, Failure> {
    let mut input = source::read(&args.file)?;
    if args.hex {
        input = source::from_hex(&input)?;
    }
    let pretty = Pretty::new(&input).show_secrets(args.show_secrets);
    let findings = if args.ttlv { Findings::of_items(&input) } else { Findings::of_message(&input) };
    let mut out = Printer::new();
    if args.json {
        print_json(&mut out, &input, args.show_secrets)?;
        out.flush()?;
        findings.print(&mut anstream::stderr().lock(), &input, &pretty, args.lenient)?;
    } else {
        let options =
            Options::new().leniency(if findings.deviates() { Leniency::ALL } else { Leniency::NONE });
        write!(out, "{}", pretty.options(options))?;
        findings.print(&mut out, &input, &pretty, args.lenient)?;
        out.flush()?;
    }
    Ok(findings.status(args.lenient))
}

/// The tree of the items, as far as they can be read; several stand one after another.
fn print_json(out: &mut impl Write, input: &[u8], show_secrets: bool) -> Result<(), Failure> {
    let options = Options::new().leniency(Leniency::ALL);
    for item in Reader::with_options(input, options).map_while(Result::ok) {
        let tree =
            if show_secrets { json::write_tree(&item) } else { json::write_tree_without_secrets(&item) };
        // What cannot be read to its end has no tree; the findings say why.
        if let Ok(tree) = tree {
            writeln!(out, "{tree}")?;
        }
    }
    Ok(())
}

/// What there is to say about an input.
struct Findings {
    /// What it is, in a few words.
    what: String,
    /// What no leniency helps against.
    malformed: Option<Error>,
    deviations: Vec<Tolerated>,
}

impl Findings {
    /// As items: one message, or any number of fragments.
    fn of_items(input: &[u8]) -> Self {
        let mut deviations = Vec::new();
        let mut count = 0;
        let mut malformed = None;
        let options = Options::new().leniency(Leniency::ALL);
        let first = Reader::new(input).peek();
        let is_message = matches!(first, Some(tag::REQUEST_MESSAGE | tag::RESPONSE_MESSAGE));
        if is_message || input.is_empty() {
            // Nothing may follow a message.
            malformed = ttlv::decode_with(input, options, |deviation| deviations.push(deviation)).err();
        }
        for visit in Walk::new(Reader::with_options(input, options)) {
            match visit {
                Ok(visit) => {
                    count += 1;
                    if !is_message {
                        let item = visit.item;
                        deviations.extend(item.tolerated.iter().map(|(switch, _)| item.deviation(switch)));
                    }
                }
                // Of a message that has been said, and what follows it need not be items.
                Err(error) if !is_message => malformed = malformed.or(Some(error)),
                Err(_) => {}
            }
        }
        Self { what: counted(count, "item"), malformed, deviations }
    }

    /// As a message of the version in its header.
    fn of_message(input: &[u8]) -> Self {
        let mut deviations = Vec::new();
        let mut tolerated = |deviation| deviations.push(deviation);
        let options = Options::new().leniency(Leniency::ALL);
        let result = if Reader::new(input).peek() == Some(tag::RESPONSE_MESSAGE) {
            ResponseMessage::decode_with(input, options, &mut tolerated).map(|message| {
                let operations = message
                    .batch_items
                    .iter()
                    .map(|item| item.operation.map(|operation| operation.to_string()));
                describe("response", message.header.protocol_version, operations)
            })
        } else {
            RequestMessage::decode_with(input, options, &mut tolerated).map(|message| {
                let operations = message.batch_items.iter().map(|item| Some(item.operation.to_string()));
                describe("request", message.header.protocol_version, operations)
            })
        };
        deviations.sort_by_key(|deviation| deviation.offset);
        deviations.dedup();
        match result {
            Ok(what) => Self { what, malformed: None, deviations },
            Err(error) => Self { what: String::new(), malformed: Some(error), deviations },
        }
    }

    fn deviates(&self) -> bool {
        !self.deviations.is_empty()
    }

    fn status(&self, lenient: bool) -> Status {
        if self.malformed.is_none() && (lenient || !self.deviates()) { Status::Good } else { Status::Wrong }
    }

    fn print(
        &self,
        out: &mut impl Write,
        input: &[u8],
        pretty: &Pretty<'_>,
        lenient: bool,
    ) -> Result<(), Failure> {
        if self.deviates() {
            writeln!(out, "\n{WARNING}deviations from the standard:{WARNING:#}")?;
        }
        for deviation in self.deviations.iter().take(LISTED) {
            let path = path(input, deviation.offset);
            writeln!(out, "  {:04X}  {} ({}){path}", deviation.offset, deviation.kind, deviation.switch)?;
        }
        if let Some(more @ 1..) = self.deviations.len().checked_sub(LISTED) {
            writeln!(out, "  ... and {more} more")?;
        }
        writeln!(out)?;
        match &self.malformed {
            Some(error) => {
                let place = format!("at byte {} (0x{:04X})", error.offset(), error.offset());
                writeln!(
                    out,
                    "{ERROR}malformed{ERROR:#} {place}: {}{}",
                    pretty.told(error.kind(), error.offset()),
                    path(input, error.offset())
                )?;
                if matches!(error.kind(), ErrorKind::NotThisMessage { .. }) {
                    writeln!(out, "  try: `--ttlv`, which prints items that are no message")?;
                }
            }
            None if self.deviates() => {
                let count = counted(self.deviations.len() as u64, "deviation");
                let style = if lenient { GOOD } else { ERROR };
                let verdict = if lenient { "readable" } else { "deviates" };
                writeln!(out, "{style}{verdict}{style:#}: {}, {count}", self.what)?;
            }
            None => writeln!(out, "{GOOD}good{GOOD:#}: {}", self.what)?,
        }
        Ok(())
    }
}

/// `request, KMIP 1.4: Register, Activate`.
fn describe(
    direction: &str,
    version: ProtocolVersion,
    operations: impl Iterator<Item = Option<String>>,
) -> String {
    let operations: Vec<_> =
        operations.map(|operation| operation.unwrap_or_else(|| "no operation".into())).collect();
    format!("{direction}, KMIP {version}: {}", operations.join(", "))
}

/// `, in RequestMessage/BatchItem/…`, for the item at a byte.
fn path(input: &[u8], offset: usize) -> String {
    let path = TagPath::locate(input, offset);
    let names: Vec<String> = path
        .as_slice()
        .iter()
        .map(|tag| spec::tag_facts(*tag).map_or_else(|| tag.to_string(), |facts| facts.camel_name.into()))
        .collect();
    if names.is_empty() { String::new() } else { format!(", in {}", names.join("/")) }
}
