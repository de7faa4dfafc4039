//! `tde kmip attributes`: what a key server knows of an object.

use clap::Args;
use serde_json::{Value, json};
use tde_kmip::tls::UtcTime;
use tde_kmip_codec::attribute::{Attribute, AttributeReference, AttributeValue};
use tde_kmip_codec::spec;

use super::connection::{ConnectionArgs, failure};
use super::object::ObjectArgs;
use super::report;
use crate::failure::{Failure, Status};

/// Show the attributes of an object: name, state, algorithm, dates, and what else there is
#[derive(Args, Debug)]
#[command(after_help = super::EXIT_STATUS)]
pub(crate) struct AttributesArgs {
    #[command(flatten)]
    object: ObjectArgs,

    /// Print one JSON document instead (schema `tde.kmip.attributes/1`)
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    connection: ConnectionArgs,
}

pub(crate) fn run(args: &AttributesArgs) -> Result<Status, Failure> {
    let client = args.connection.client()?;
    let id = args.object.resolve(&client)?;
    let found = client.get_attributes(&id, &[]).map_err(failure)?;
    let attributes: Vec<_> =
        found.attributes().iter().map(|attribute| (name(&attribute), value(&attribute.value))).collect();
    let document = json!({
        "schema": "tde.kmip.attributes/1", "unique_identifier": found.unique_identifier(),
        "attributes": attributes.iter()
            .map(|(name, value)| json!({"name": name, "value": value})).collect::<Vec<_>>(),
    });
    let width = attributes.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let lines: Vec<_> = attributes
        .iter()
        .map(|(name, value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            format!("{name:<width$}  {text}")
        })
        .collect();
    report::print(args.json, &document, &lines)?;
    Ok(Status::Good)
}

fn name(attribute: &Attribute<'_>) -> String {
    match &attribute.value {
        AttributeValue::Custom { name, .. } => (*name).to_owned(),
        AttributeValue::Vendor { vendor_identification, attribute_name, .. } => {
            format!("{vendor_identification}-{attribute_name}")
        }
        AttributeValue::Absent(AttributeReference::Custom(name)) => (*name).to_owned(),
        value => value.tag().map_or_else(String::new, |tag| {
            spec::attribute_rows(tag).first().map_or_else(|| tag.to_string(), |facts| facts.name.to_owned())
        }),
    }
}

/// Plain values as they are; structures as their fields.
fn value(value: &AttributeValue<'_>) -> Value {
    use AttributeValue as V;
    match value {
        V::ActivationDate(time)
        | V::ArchiveDate(time)
        | V::CompromiseDate(time)
        | V::CompromiseOccurrenceDate(time)
        | V::DeactivationDate(time)
        | V::DestroyDate(time)
        | V::InitialDate(time)
        | V::LastChangeDate(time)
        | V::ProcessStartDate(time)
        | V::ProtectStopDate(time) => json!(UtcTime(time.0).to_string()),
        V::ContactInformation(text) | V::ObjectGroup(text) | V::OperationPolicyName(text) => json!(text),
        V::CryptographicLength(number) | V::CertificateLength(number) => json!(number),
        V::CryptographicAlgorithm(named) => json!(named.to_string()),
        V::CryptographicUsageMask(mask) => json!(mask.to_string()),
        V::KeyFormatType(named) => json!(named.to_string()),
        V::ObjectType(named) => json!(named.to_string()),
        V::State(named) => json!(named.to_string()),
        V::CertificateType(named) => json!(named.to_string()),
        V::Name(name) => json!(name.name_value),
        V::UniqueIdentifier(id) => json!(id.as_text()),
        V::Fresh(yes) => json!(yes),
        V::Link(link) => json!(format!(
            "{}: {}",
            link.link_type,
            link.linked_object_identifier.as_text().unwrap_or_default()
        )),
        V::Digest(digest) => json!(format!(
            "{}, {} bytes",
            digest.hashing_algorithm,
            digest.digest_value.map_or(0, <[u8]>::len)
        )),
        other => {
            // The variant's name says no more than the attribute's.
            let text = format!("{other:?}");
            let inner = text.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
            json!(inner.unwrap_or(&text))
        }
    }
}
