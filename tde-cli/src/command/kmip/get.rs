//! `tde kmip get`: a key out of a key server, into a file.

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::json;
use zeroize::Zeroizing;

use super::connection::{ConnectionArgs, failure};
use super::object::ObjectArgs;
use super::report;
use crate::failure::{Failure, Status};
use crate::output_file::{OutputFile, Policy, Target};

/// Write the bytes of a key to a file that only its owner may read
#[derive(Args, Debug)]
#[command(after_help = super::EXIT_STATUS)]
pub(crate) struct GetArgs {
    #[command(flatten)]
    object: ObjectArgs,

    #[command(flatten)]
    destination: Destination,

    /// How the key is written: raw bytes, or hexadecimal digits and a line end
    #[arg(long, value_name = "FORM", default_value = "hex")]
    form: Form,

    /// Replace an output file that exists already; allow raw bytes on a terminal
    #[arg(long)]
    force: bool,

    /// Print one JSON document about the key (schema `tde.kmip.get/1`); the key is not in it
    #[arg(long, conflicts_with = "stdout")]
    json: bool,

    #[command(flatten)]
    connection: ConnectionArgs,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct Destination {
    /// Write the key to FILE, mode 0600
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Write the key to standard output
    #[arg(long)]
    stdout: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    Raw,
    Hex,
}

pub(crate) fn run(args: &GetArgs) -> Result<Status, Failure> {
    let target = match &args.destination.output {
        Some(path) => Target::from_argument(path),
        None => Target::Stdout,
    };
    let to_stdout = target == Target::Stdout;
    if args.json && to_stdout {
        return Err(Failure::message("`--output -` writes the key where `--json` prints its document")
            .advise("write the key to a file with `--output FILE`"));
    }
    let client = args.connection.client()?;
    let id = args.object.resolve(&client)?;
    let found = client.get(&id).map_err(failure)?;
    let Some(key) = found.key_material() else {
        let text = format!("{id} is a {} whose bytes the server does not give in clear", found.object_type());
        return Err(Failure::message(text).wrong());
    };
    // Hexadecimal text does no harm to a terminal.
    let replace = args.force || (args.form == Form::Hex && to_stdout);
    let mut output = OutputFile::create(&target, Policy { replace, sync: true }, None)?;
    match args.form {
        Form::Raw => output.write_all(key)?,
        Form::Hex => output.write_all(&hexadecimal(key))?,
    }
    output.finish()?;
    if !to_stdout {
        let document = json!({
            "schema": "tde.kmip.get/1", "unique_identifier": found.unique_identifier(),
            "object_type": found.object_type().to_string(), "bits": 8 * key.len(),
            "output": args.destination.output.as_ref().map(|path| path.display().to_string()),
        });
        let line = format!("{}: {}, {} bits", found.unique_identifier(), found.object_type(), 8 * key.len());
        report::print(args.json, &document, &[line])?;
    }
    Ok(Status::Good)
}

/// Hexadecimal digits and a line end, without a branch or a table on the bytes.
fn hexadecimal(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut text = Zeroizing::new(Vec::with_capacity(2 * bytes.len() + 1));
    for byte in bytes {
        text.extend([byte >> 4, byte & 0xf].map(|value| {
            // From 10 on, add the distance from '9' to 'a'; the subtraction borrows exactly then.
            b'0' + value + (9_u8.wrapping_sub(value) >> 7) * (b'a' - b'0' - 10)
        }));
    }
    text.push(b'\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_spelled_as_the_standard_library_does() {
        let bytes: Vec<u8> = (0..=255).collect();
        let expected: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(std::str::from_utf8(&hexadecimal(&bytes)).unwrap(), format!("{expected}\n"));
    }
}
