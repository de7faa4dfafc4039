//! `tde kmip query`: what a key server is and has.

use clap::Args;
use serde_json::json;
use tde_kmip_codec::spec::enumeration::QueryFunction;

use super::connection::{ConnectionArgs, failure};
use super::report;
use crate::failure::{Failure, Status};

/// Ask a key server what it is: its vendor, its operations, its types of objects
#[derive(Args, Debug)]
#[command(after_help = super::EXIT_STATUS)]
pub(crate) struct QueryArgs {
    /// Print one JSON document instead (schema `tde.kmip.query/1`)
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    connection: ConnectionArgs,
}

pub(crate) fn run(args: &QueryArgs) -> Result<Status, Failure> {
    let client = args.connection.client()?;
    let facts = client.connect().map_err(failure)?;
    let server = client
        .query(&[
            QueryFunction::QUERY_OPERATIONS,
            QueryFunction::QUERY_OBJECTS,
            QueryFunction::QUERY_SERVER_INFORMATION,
            QueryFunction::QUERY_APPLICATION_NAMESPACES,
        ])
        .map_err(failure)?;
    let operations: Vec<_> = server.operations.iter().map(ToString::to_string).collect();
    let objects: Vec<_> = server.object_types.iter().map(ToString::to_string).collect();
    let versions: Vec<_> = facts.server_versions.iter().map(ToString::to_string).collect();
    let document = json!({
        "schema": "tde.kmip.query/1", "server": facts.server.to_string(), "version": facts.version.to_string(),
        "server_versions": versions, "vendor": server.vendor_identification,
        "operations": operations, "object_types": objects, "application_namespaces": server.application_namespaces,
    });
    let or_unknown = |text: String| if text.is_empty() { "not said".to_owned() } else { text };
    let lines = [
        format!("server        {}", facts.server),
        format!("vendor        {}", or_unknown(server.vendor_identification.clone().unwrap_or_default())),
        format!("version       {} of {}", facts.version, or_unknown(versions.join(", "))),
        format!("operations    {}", or_unknown(operations.join(", "))),
        format!("object types  {}", or_unknown(objects.join(", "))),
        format!("namespaces    {}", or_unknown(server.application_namespaces.join(", "))),
    ];
    report::print(args.json, &document, &lines)?;
    Ok(Status::Good)
}
