//! `tde kmip destroy`: a key is gone for good.

use clap::Args;
use serde_json::json;

use super::connection::{ConnectionArgs, failure};
use super::object::ObjectArgs;
use super::report;
use crate::failure::{Failure, Status};

/// Destroy a key for good: what it protects cannot be read any more
///
/// An active key has to be revoked first.
#[derive(Args, Debug)]
#[command(after_help = super::EXIT_STATUS)]
pub(crate) struct DestroyArgs {
    #[command(flatten)]
    object: ObjectArgs,

    /// Print one JSON document instead (schema `tde.kmip.change/1`)
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    connection: ConnectionArgs,
}

pub(crate) fn run(args: &DestroyArgs) -> Result<Status, Failure> {
    let client = args.connection.client()?;
    let id = args.object.resolve(&client)?;
    client.destroy(&id).map_err(failure)?;
    let document = json!({"schema": "tde.kmip.change/1", "unique_identifier": id, "change": "destroyed"});
    report::print(args.json, &document, &[format!("{id}: destroyed")])?;
    Ok(Status::Good)
}
