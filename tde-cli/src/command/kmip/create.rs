//! `tde kmip create`: a key server makes a key.

use clap::{Args, ValueEnum};
use serde_json::json;
use tde_kmip::client::Client;
use tde_kmip_codec::spec::enumeration::CryptographicAlgorithm;
use tde_kmip_codec::spec::mask::CryptographicUsageMask;

use super::connection::{ConnectionArgs, failure};
use super::{object, report};
use crate::failure::{Failure, Status};

/// Have a key server make an AES key
#[derive(Args, Debug)]
#[command(after_help = super::EXIT_STATUS)]
pub(crate) struct CreateArgs {
    /// Name of the key
    #[arg(long, value_name = "NAME")]
    name: String,

    /// Bits of the key; principal keys have 128 or 256
    #[arg(long, value_name = "BITS", default_value = "256")]
    bits: Bits,

    /// Activate it too; pg_tde leaves its keys pre-active
    #[arg(long)]
    activate: bool,

    /// Make it even if an object has that name
    #[arg(long)]
    duplicate: bool,

    /// Print one JSON document instead (schema `tde.kmip.object/1`)
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    connection: ConnectionArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Bits {
    #[value(name = "128")]
    Bits128,
    #[value(name = "192")]
    Bits192,
    #[value(name = "256")]
    Bits256,
}

impl Bits {
    const fn number(self) -> i32 {
        match self {
            Self::Bits128 => 128,
            Self::Bits192 => 192,
            Self::Bits256 => 256,
        }
    }
}

/// Encrypt and Decrypt, as pg_tde has it.
pub(super) fn usage() -> CryptographicUsageMask {
    CryptographicUsageMask::ENCRYPT | CryptographicUsageMask::DECRYPT
}

pub(crate) fn run(args: &CreateArgs) -> Result<Status, Failure> {
    let client = args.connection.client()?;
    if !args.duplicate {
        object::check_free(&client, &args.name)?;
    }
    let algorithm = CryptographicAlgorithm::AES;
    let created = client.create_symmetric_key(&args.name, algorithm, args.bits.number(), usage());
    made(&client, created.map_err(failure)?.unique_identifier, &args.name, args.activate, args.json)
}

/// Activates a new key if that is wanted, and says what it is called.
pub(super) fn made(
    client: &Client,
    id: String,
    name: &str,
    activate: bool,
    json: bool,
) -> Result<Status, Failure> {
    if activate {
        client
            .activate(&id)
            .map_err(|error| failure(error).context(format!("{id} was made, but not activated")))?;
    }
    let document = json!({
        "schema": "tde.kmip.object/1", "unique_identifier": id, "name": name, "activated": activate,
    });
    report::print(json, &document, &[id])?;
    Ok(Status::Good)
}
