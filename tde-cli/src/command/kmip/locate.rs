//! `tde kmip locate`: identifiers of objects.

use clap::Args;
use serde_json::json;
use tde_kmip_codec::attribute::{Attribute, AttributeValue};
use tde_kmip_codec::spec::enumeration::{ObjectType, State};

use super::connection::{ConnectionArgs, failure};
use super::{object, report};
use crate::failure::{Failure, Status};

const AFTER_HELP: &str = "\
Types: SymmetricKey, PublicKey, PrivateKey, Certificate, SecretData, OpaqueObject, …
States: PreActive, Active, Deactivated, Compromised, Destroyed, DestroyedCompromised

Exit status:
  0  at least one object was found
  1  none was found, or the server did not do it
  2  could not run: usage, a file that cannot be read, a server that cannot be reached";

/// List the identifiers of objects, one a line
#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct LocateArgs {
    /// Objects with this name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Objects of this type
    #[arg(long = "type", value_name = "TYPE", value_parser = object_type)]
    object_type: Option<ObjectType>,

    /// Objects in this state
    #[arg(long, value_name = "STATE", value_parser = state)]
    state: Option<State>,

    /// Not more than so many
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    max: Option<i32>,

    /// Print one JSON document instead (schema `tde.kmip.locate/1`)
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    connection: ConnectionArgs,
}

fn object_type(text: &str) -> Result<ObjectType, String> {
    ObjectType::from_camel_name(text).ok_or_else(|| "there is no such type".into())
}

fn state(text: &str) -> Result<State, String> {
    State::from_camel_name(text).ok_or_else(|| "there is no such state".into())
}

pub(crate) fn run(args: &LocateArgs) -> Result<Status, Failure> {
    let client = args.connection.client()?;
    let attribute = |value| Attribute { index: None, value };
    let attributes: Vec<_> = [
        args.object_type.map(|object_type| attribute(AttributeValue::ObjectType(object_type))),
        args.name.as_deref().map(object::named),
        args.state.map(|state| attribute(AttributeValue::State(state))),
    ]
    .into_iter()
    .flatten()
    .collect();
    let located = client.locate(&attributes, args.max).map_err(failure)?;
    let ids = located.unique_identifiers;
    let document = json!({
        "schema": "tde.kmip.locate/1", "unique_identifiers": ids, "located_items": located.located_items,
    });
    report::print(args.json, &document, &ids)?;
    Ok(if ids.is_empty() { Status::Wrong } else { Status::Good })
}
