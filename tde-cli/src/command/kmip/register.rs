//! `tde kmip register`: a key server keeps a key of ours.

use std::path::PathBuf;

use clap::Args;
use tde_keyfile::PrincipalKeyName;
use tde_keyfile::provider::KeyFile;
use tde_kmip_codec::spec::enumeration::CryptographicAlgorithm;

use super::connection::{ConnectionArgs, failure};
use super::{create, object};
use crate::failure::{Failure, Status};

/// Give a key server an AES key that there is already, in the form in which pg_tde does
#[derive(Args, Debug)]
#[command(after_help = super::EXIT_STATUS)]
pub(crate) struct RegisterArgs {
    /// The key: 16 or 32 raw bytes, or 32 or 64 hexadecimal digits
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Name of the key
    #[arg(long, value_name = "NAME")]
    name: PrincipalKeyName,

    /// Activate it too; pg_tde leaves its keys pre-active
    #[arg(long)]
    activate: bool,

    /// Register it even if an object has that name
    #[arg(long)]
    duplicate: bool,

    /// Print one JSON document instead (schema `tde.kmip.object/1`)
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    connection: ConnectionArgs,
}

pub(crate) fn run(args: &RegisterArgs) -> Result<Status, Failure> {
    let key = KeyFile::new(args.name, &args.file).read()?;
    let name = args.name.as_str().ok_or_else(|| Failure::message("the name is not UTF-8"))?;
    let client = args.connection.client()?;
    if !args.duplicate {
        object::check_free(&client, name)?;
    }
    let algorithm = CryptographicAlgorithm::AES;
    let id = client.register_symmetric_key(name, key.expose_bytes(), algorithm, create::usage());
    create::made(&client, id.map_err(failure)?, name, args.activate, args.json)
}
