//! Which object a command is about: by identifier, or by name if that is unique.

use clap::Args;
use serde_json::json;
use tde_kmip::client::{Client, Error};
use tde_kmip_codec::attribute::{Attribute, AttributeValue, Name};
use tde_kmip_codec::spec::enumeration::NameType;

use super::connection::{ConnectionArgs, failure};
use super::report;
use crate::failure::{Failure, Status};

/// One object.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(super) struct ObjectArgs {
    /// Its unique identifier
    #[arg(value_name = "ID", allow_hyphen_values = true)]
    id: Option<String>,

    /// Its name, which no other object may have
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

impl ObjectArgs {
    /// The unique identifier.
    ///
    /// # Errors
    /// If no object has the name, or several have; those of the server.
    pub(super) fn resolve(&self, client: &Client) -> Result<String, Failure> {
        let name = match (&self.id, &self.name) {
            (Some(id), _) => return Ok(id.clone()),
            (None, name) => name.as_deref().unwrap_or_default(),
        };
        let mut ids = client.locate(&[named(name)], None).map_err(failure)?.unique_identifiers;
        match (ids.pop(), ids.len()) {
            (None, _) => Err(Failure::message(format!("there is no object with the name {name:?}")).wrong()),
            (Some(id), 0) => Ok(id),
            (Some(id), _) => {
                ids.push(id);
                let text = format!("{name:?} is the name of several objects: {}", ids.join(", "));
                Err(Failure::message(text).wrong().advise("give the identifier of one of them"))
            }
        }
    }
}

/// One object that is changed.
#[derive(Args, Debug)]
pub(super) struct ChangeArgs {
    #[command(flatten)]
    object: ObjectArgs,

    /// Print one JSON document instead (schema `tde.kmip.change/1`)
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    connection: ConnectionArgs,
}

impl ChangeArgs {
    /// Makes the change, and says what it `did`.
    pub(super) fn carry_out(
        &self,
        did: &str,
        change: impl FnOnce(&Client, &str) -> Result<(), Error>,
    ) -> Result<Status, Failure> {
        let client = self.connection.client()?;
        let id = self.object.resolve(&client)?;
        change(&client, &id).map_err(failure)?;
        let document = json!({"schema": "tde.kmip.change/1", "unique_identifier": id, "change": did});
        report::print(self.json, &document, &[format!("{id}: {did}")])?;
        Ok(Status::Good)
    }
}

/// The attribute Name with this value.
pub(super) fn named(name: &str) -> Attribute<'_> {
    let name = Name::new(name, NameType::UNINTERPRETED_TEXT_STRING);
    Attribute { index: None, value: AttributeValue::Name(name) }
}

/// Refuses a name that a symmetric key has already, since `pg_tde` uses neither of two.
pub(super) fn check_free(client: &Client, name: &str) -> Result<(), Failure> {
    let ids = client.locate(&[named(name)], None).map_err(failure)?.unique_identifiers;
    if ids.is_empty() {
        return Ok(());
    }
    let text = format!("{name:?} is the name of {} already", ids.join(", "));
    Err(Failure::message(text).wrong().advise("take another name, or allow this with `--duplicate`"))
}
