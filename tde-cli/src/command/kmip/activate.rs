//! `tde kmip activate`: a key may be used from now on.

use clap::Args;
use serde_json::json;

use super::connection::{ConnectionArgs, failure};
use super::object::ObjectArgs;
use super::report;
use crate::failure::{Failure, Status};

/// Put a pre-active key into use
#[derive(Args, Debug)]
#[command(after_help = super::EXIT_STATUS)]
pub(crate) struct ActivateArgs {
    #[command(flatten)]
    object: ObjectArgs,

    /// Print one JSON document instead (schema `tde.kmip.change/1`)
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    connection: ConnectionArgs,
}

pub(crate) fn run(args: &ActivateArgs) -> Result<Status, Failure> {
    let client = args.connection.client()?;
    let id = args.object.resolve(&client)?;
    client.activate(&id).map_err(failure)?;
    let document = json!({"schema": "tde.kmip.change/1", "unique_identifier": id, "change": "activated"});
    report::print(args.json, &document, &[format!("{id}: activated")])?;
    Ok(Status::Good)
}
