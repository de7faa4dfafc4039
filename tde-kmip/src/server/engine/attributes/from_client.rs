//! Attributes that come with the request to make an object.

use tde_kmip_codec::{
    attribute::{Attribute, AttributeValue, UniqueIdentifier},
    spec::{ProtocolVersion, enumeration::ObjectType, tag},
    state::ObjectState,
};

use super::{AttributeSet, ClientMay, Kept, Key, may, single_valued};
use crate::server::engine::{
    batch::Batch,
    failure::{Failure, Outcome, Why},
};

/// Collects the attributes that a request gives to a new object.
pub(in crate::server::engine) struct NewAttributes {
    object_type: ObjectType,
    version: ProtocolVersion,
    set: AttributeSet,
}

impl NewAttributes {
    pub(in crate::server::engine) fn new(object_type: ObjectType, version: ProtocolVersion) -> Self {
        Self { object_type, version, set: AttributeSet::default() }
    }

    /// An object that takes over attributes of another.
    pub(in crate::server::engine) fn inheriting(
        object_type: ObjectType,
        version: ProtocolVersion,
        set: AttributeSet,
    ) -> Self {
        Self { object_type, version, set }
    }

    /// Attributes that give way to those that come later: of a template, or common to both keys of a pair.
    pub(in crate::server::engine) fn add_weak<'a>(
        &mut self,
        batch: &Batch<'_>,
        attributes: impl Iterator<Item = Attribute<'a>>,
    ) -> Outcome {
        for attribute in attributes {
            let Some(key) = Key::of_value(&attribute.value) else { continue };
            let fits =
                may(ClientMay::Make, &key, self.object_type, ObjectState::PreActive, self.version).is_ok();
            if fits && !(self.set.has(&key) && single_valued(&key, self.object_type, self.version)) {
                self.push(batch, &key, attribute)?;
            }
        }
        Ok(())
    }

    /// The attributes of the request; `weak` ones before them lose where there can be one value only.
    pub(in crate::server::engine) fn add<'a>(
        &mut self,
        batch: &Batch<'_>,
        attributes: impl Iterator<Item = Attribute<'a>>,
    ) -> Outcome {
        let mut seen: Vec<Key> = Vec::new();
        for attribute in attributes {
            let Some(key) = Key::of_value(&attribute.value) else {
                return Err(Failure::invalid_field(
                    "an attribute is named neither by the standard nor x- or y-",
                )
                .into());
            };
            may(ClientMay::Make, &key, self.object_type, ObjectState::PreActive, self.version)?;
            if single_valued(&key, self.object_type, self.version) {
                if seen.contains(&key) {
                    let message = "an attribute that has one value is given several times";
                    let why = if self.version.major < 2 { Why::BadValue } else { Why::SingleValued };
                    return Err(Failure::new(why, message).into());
                }
                self.set.remove(|kept| kept.key == key);
                seen.push(key.clone());
            }
            self.push(batch, &key, attribute)?;
        }
        Ok(())
    }

    fn push(&mut self, batch: &Batch<'_>, key: &Key, attribute: Attribute<'_>) -> Outcome {
        let mut kept = batch.kept(attribute.value)?;
        if self.set.instances(key).any(|known| known.same_value(&kept)) {
            return Ok(());
        }
        let next = self.set.next_index(key);
        kept.index = match attribute.index {
            // KMIP 1.4, section 2.1.1: several instances in one request count up from 0.
            Some(index) if index < 0 || self.set.instances(key).any(|known| known.index == index) => next,
            Some(index) => index,
            None => next,
        };
        self.set.keep(kept);
        Ok(())
    }

    pub(in crate::server::engine) fn finish(self) -> AttributeSet {
        self.set
    }
}

impl Batch<'_> {
    /// Checks a value that a client gave, and encodes it.
    pub(in crate::server::engine) fn kept(&self, value: AttributeValue<'_>) -> Outcome<Kept> {
        let linked;
        let value = match value {
            AttributeValue::Link(mut link) => {
                // Kept by text: a place in this batch means nothing later.
                linked = self.identifier(Some(link.linked_object_identifier))?;
                link.linked_object_identifier = UniqueIdentifier::Text(&linked);
                AttributeValue::Link(link)
            }
            AttributeValue::UsageLimits(mut limits) => {
                // The server counts (KMIP 1.4, section 3.21).
                limits.usage_limits_count = limits.usage_limits_count.or(Some(limits.usage_limits_total));
                AttributeValue::UsageLimits(limits)
            }
            value => value,
        };
        check(&value)?;
        let kept = Kept::new(value, 0);
        Ok(kept
            .map_err(|error| Failure::new(Why::BadValue, format!("the attribute cannot be kept: {error}")))?)
    }
}

/// Values that the type of the attribute allows and the standard does not.
fn check(value: &AttributeValue<'_>) -> Result<(), Failure> {
    let bad = |message: &'static str| Err(Failure::new(Why::BadValue, message));
    match value {
        AttributeValue::Name(name) if name.name_value.is_empty() => bad("a name is empty"),
        AttributeValue::CryptographicLength(length) if *length < 0 => {
            bad("a cryptographic length is negative")
        }
        AttributeValue::ApplicationSpecificInformation(information)
            if information.application_data.is_none() =>
        {
            // The server would have to make the data, in a namespace that it knows.
            Err(Failure::exactly(
                tde_kmip_codec::spec::enumeration::ResultReason::APPLICATION_NAMESPACE_NOT_SUPPORTED,
                "the server makes no application data; send some",
            ))
        }
        AttributeValue::Absent(_) => bad("an attribute has no value"),
        AttributeValue::UsageLimits(limits) if limits.usage_limits_total < 0 => {
            bad("usage limits are negative")
        }
        AttributeValue::UsageLimits(limits)
            if limits
                .usage_limits_count
                .is_some_and(|count| !(0..=limits.usage_limits_total).contains(&count)) =>
        {
            bad("Usage Limits Count is negative or more than Usage Limits Total")
        }
        _ => Ok(()),
    }
}

/// The order of an object's dates (KMIP 1.4, sections 3.24 to 3.27): Process Start not before Activation, Protect
/// Stop not before it and not after Deactivation.
pub(in crate::server::engine) fn check_dates(set: &AttributeSet) -> Result<(), Failure> {
    let ordered = [
        (tag::ACTIVATION_DATE, tag::PROCESS_START_DATE),
        (tag::ACTIVATION_DATE, tag::PROTECT_STOP_DATE),
        (tag::ACTIVATION_DATE, tag::DEACTIVATION_DATE),
        (tag::PROCESS_START_DATE, tag::DEACTIVATION_DATE),
        (tag::PROTECT_STOP_DATE, tag::DEACTIVATION_DATE),
    ];
    for (first, second) in ordered {
        if let (Some(first_date), Some(second_date)) = (set.date(first), set.date(second))
            && first_date > second_date
        {
            let name = |tag| tde_kmip_codec::spec::attribute_rows(tag).first().map_or("", |row| row.name);
            let message = format!("{} is after {}", name(first), name(second));
            return Err(Failure::new(Why::BadValue, message));
        }
    }
    Ok(())
}
