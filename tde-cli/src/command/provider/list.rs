//! `tde provider list`.

use std::collections::BTreeMap;
use std::io::Write;

use clap::Args;
use serde_json::json;
use tde_keyfile::Oid;
use tde_keyfile::format::provider_options::ProviderOptions;

use crate::args::ClusterArgs;
use crate::failure::{Failure, Status};
use crate::open;
use crate::output::{Printer, printable};

/// List the key providers, deleted and damaged ones included
#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    cluster: ClusterArgs,

    /// Print one JSON document instead (schema `tde.providers/1`)
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ListArgs) -> Result<Status, Failure> {
    let cluster = open::cluster_offline(&args.cluster)?;
    let mut status = Status::Good;
    let mut rows = Vec::new();
    for file in cluster.providers() {
        let scope = match file.scope() {
            Oid::PG_GLOBAL => "global".to_owned(),
            database => format!("database {database}"),
        };
        for record in file.records() {
            let row = match record.provider() {
                Ok(Some(provider)) => json!({
                    "id": record.id().get(), "scope": scope, "state": "good", "name": provider.name().to_string(),
                    "type": provider.kind().to_string(), "options": settings(provider.options()),
                }),
                Ok(None) => json!({"id": record.id().get(), "scope": scope, "state": "deleted"}),
                Err(error) => {
                    status = Status::Wrong;
                    json!({"id": record.id().get(), "scope": scope, "state": "damaged", "problem": error.to_string()})
                }
            };
            rows.push(row);
        }
    }
    let mut out = Printer::new();
    if args.json {
        let document = json!({
            "schema": "tde.providers/1",
            "data_directory": args.cluster.data_directory.display().to_string(),
            "providers": rows,
        });
        serde_json::to_writer_pretty(&mut out, &document)?;
        writeln!(out)?;
        return Ok(status);
    }
    for row in &rows {
        let text = |field: &str| row.get(field).and_then(|value| value.as_str()).unwrap_or_default();
        write!(out, "{:>4}  {}  ", row["id"].to_string(), text("scope"))?;
        match text("state") {
            "good" => {
                write!(out, "{} ({})", printable(text("name")), text("type"))?;
                for (name, value) in row["options"].as_object().into_iter().flatten() {
                    write!(out, "  {name}={}", printable(value.as_str().unwrap_or_default()))?;
                }
            }
            "deleted" => write!(out, "deleted")?,
            _ => write!(out, "damaged: {}", printable(text("problem")))?,
        }
        writeln!(out)?;
    }
    if rows.is_empty() {
        writeln!(out, "no key providers")?;
    }
    Ok(status)
}

/// The options under the names that they have in the file.
fn settings(options: &ProviderOptions) -> BTreeMap<&'static str, &str> {
    let fields = match options {
        ProviderOptions::File { path } => vec![("path", Some(path))],
        ProviderOptions::VaultV2 { url, mount_path, token_path, ca_path, namespace } => vec![
            ("url", Some(url)),
            ("mountPath", Some(mount_path)),
            ("tokenPath", Some(token_path)),
            ("caPath", ca_path.as_ref()),
            ("namespace", namespace.as_ref()),
        ],
        ProviderOptions::Kmip { host, port, ca_path, cert_path, key_path } => vec![
            ("host", Some(host)),
            ("port", Some(port)),
            ("caPath", Some(ca_path)),
            ("certPath", Some(cert_path)),
            ("keyPath", Some(key_path)),
        ],
        _ => Vec::new(),
    };
    fields.into_iter().filter_map(|(name, value)| Some((name, value?.as_str()))).collect()
}
