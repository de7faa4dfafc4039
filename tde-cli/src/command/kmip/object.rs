//! Which object a command is about: by identifier, or by name if that is unique.

use clap::Args;
use tde_kmip::client::Client;
use tde_kmip_codec::attribute::{Attribute, AttributeValue, Name};
use tde_kmip_codec::spec::enumeration::NameType;

use super::connection::failure;
use crate::failure::Failure;

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
