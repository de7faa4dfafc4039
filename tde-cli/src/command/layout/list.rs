//! `tde layout list`.

use std::io::Write;

use clap::Args;
use serde_json::{Value, json};
use tde_keyfile::edit::EditOptions;
use tde_keyfile::storage::DiskStorage;
use tde_keyfile::store::{KeyStore, open};

use super::scope_name;
use crate::args::ClusterArgs;
use crate::edit::failure;
use crate::failure::{Failure, Status};
use crate::output::{HEADING, Printer, counted, printable};

/// List scopes and relations with a key, in either layout
///
/// No principal key is needed; without one, a scope is said to be locked.
#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    cluster: ClusterArgs,

    /// Also list every relation that has a key, as tablespace/database/relation
    #[arg(long)]
    relations: bool,

    /// Print one JSON document instead (schema `tde.layout/1`)
    #[arg(long)]
    json: bool,
}

/// Opens a key store to read it.
///
/// # Errors
/// If there is none.
pub(super) fn store<'s>(
    storage: &'s DiskStorage,
    cluster: &ClusterArgs,
) -> Result<Box<dyn KeyStore + 's>, Failure> {
    let mut options = EditOptions::new("tde");
    options.keys = crate::open::options(&cluster.keys, &cluster.data_directory)?;
    // Reading a copy of a running server does no harm.
    options.allow_unclean_shutdown = true;
    open(storage, &cluster.data_directory, &options).map_err(failure)
}

pub(super) fn run(args: &ListArgs) -> Result<Status, Failure> {
    let storage = DiskStorage::new();
    let store = store(&storage, &args.cluster)?;
    let mut rows = Vec::new();
    let mut status = Status::Good;
    for scope in store.scopes().map_err(failure)? {
        let relations: Vec<Value> = if args.relations {
            let found = store.relations(scope.scope).map_err(failure)?;
            found.iter().map(|locator| Value::from(locator.to_string())).collect()
        } else {
            Vec::new()
        };
        let info = scope.principal_key.as_ref();
        if scope.problem.is_some() {
            status = Status::Wrong;
        }
        rows.push(json!({
            "scope": scope_name(scope.scope),
            "oid": scope.scope.get(),
            "principal_key": info.map(|info| info.name().to_string()),
            "provider": info.map(|info| info.provider().get()),
            "keys": scope.keys,
            "problem": scope.problem.as_ref().map(ToString::to_string),
            "relations": args.relations.then_some(relations),
        }));
    }
    let mut out = Printer::new();
    if args.json {
        let document = json!({
            "schema": "tde.layout/1",
            "data_directory": args.cluster.data_directory.display().to_string(),
            "layout": store.layout().to_string(),
            "scopes": rows,
        });
        serde_json::to_writer_pretty(&mut out, &document)?;
        writeln!(out)?;
        return Ok(status);
    }
    writeln!(out, "{HEADING}layout:{HEADING:#} {}", store.layout())?;
    for row in &rows {
        let text = |field: &str| printable(row[field].as_str().unwrap_or("-"));
        let keys = row["keys"].as_u64().unwrap_or(0);
        writeln!(
            out,
            "{}: {}, principal key {} of provider {}",
            text("scope"),
            counted(keys, "key"),
            text("principal_key"),
            row["provider"].as_i64().map_or("-".to_owned(), |id| id.to_string())
        )?;
        if row["problem"].is_string() {
            writeln!(out, "  {}", text("problem"))?;
        }
        for relation in row["relations"].as_array().into_iter().flatten() {
            writeln!(out, "  {}", relation.as_str().unwrap_or_default())?;
        }
    }
    if rows.is_empty() {
        writeln!(out, "no keys")?;
    }
    Ok(status)
}
