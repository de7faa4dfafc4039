//! Re-key (KMIP 1.4, section 4.4; KMIP 2.1, section 6.1.42).

use tde_kmip_codec::{
    DateTime,
    attribute::{AttributeValue, Link, UniqueIdentifier, UsageLimits},
    operation::{ReKeyRequest, ReKeyResponse},
    spec::{
        enumeration::{LinkType, ObjectType, Operation},
        tag,
    },
    ttlv::Tag,
};

use super::{make::create_key, retrieve::check_state};
use crate::server::engine::{
    attributes::{AttributeSet, NewAttributes},
    batch::Batch,
    failure::{Failure, Outcome, Why},
    record::Object,
};

/// A new key in the place of another: it takes over attributes and names, and both are linked.
pub(super) fn re_key(batch: &mut Batch<'_>, request: &ReKeyRequest<'_>) -> Outcome {
    let mut old = batch.object(request.unique_identifier)?;
    check_state(batch, Operation::RE_KEY, &old)?;
    if old.object_type != ObjectType::SYMMETRIC_KEY {
        return Err(Failure::new(Why::WrongType, "only symmetric keys can be re-keyed").into());
    }
    let mut inherited = inherit(&old.attributes)?;
    if let Some(offset) = request.offset {
        shift(&mut inherited, batch.now, offset.0)?;
    }
    let mut new = NewAttributes::inheriting(ObjectType::SYMMETRIC_KEY, batch.version, inherited);
    if let Some(given) = &request.attributes {
        if !given.names.is_empty() {
            return Err(Failure::invalid_field("templates are not supported for Re-key").into());
        }
        new.add(batch, given.attributes.iter())?;
    }
    // The names must be free before the new key takes them.
    let names = |object: &mut Object| object.attributes.remove(|kept| kept.key.tag() == Some(tag::NAME));
    names(&mut old);
    batch.store.put(&mut old)?;
    let mut new = create_key(batch, ObjectType::SYMMETRIC_KEY, new.finish())?;

    link(&mut new, LinkType::REPLACED_OBJECT_LINK, &old.id)?;
    batch.store.put(&mut new)?;
    old.attributes.remove(|kept| is_link(kept, LinkType::REPLACEMENT_OBJECT_LINK));
    link(&mut old, LinkType::REPLACEMENT_OBJECT_LINK, &new.id)?;
    old.changed(batch.now)?;
    batch.store.put(&mut old)?;

    batch.answer(ReKeyResponse::new(new.id.as_str().into()))?;
    batch.remember(Operation::RE_KEY, vec![new.id]);
    Ok(())
}

/// What the new key takes over (KMIP 1.4, table 172).
pub(super) fn inherit(old: &AttributeSet) -> Outcome<AttributeSet> {
    /// What is said of the old key alone, or made anew.
    const OWN: &[Tag] = &[
        tag::LINK,
        tag::DIGEST,
        tag::INITIAL_DATE,
        tag::DESTROY_DATE,
        tag::COMPROMISE_DATE,
        tag::COMPROMISE_OCCURRENCE_DATE,
        tag::REVOCATION_REASON,
        tag::ARCHIVE_DATE,
        tag::LAST_CHANGE_DATE,
        tag::ORIGINAL_CREATION_DATE,
        tag::RANDOM_NUMBER_GENERATOR,
        tag::FRESH,
        tag::SHORT_UNIQUE_IDENTIFIER,
        tag::ALWAYS_SENSITIVE,
        tag::NEVER_EXTRACTABLE,
        tag::KEY_FORMAT_TYPE,
        tag::KEY_VALUE_PRESENT,
        tag::KEY_VALUE_LOCATION,
    ];
    let mut set = old.clone();
    set.remove(|kept| kept.key.tag().is_some_and(|tag| OWN.contains(&tag)));
    if let Some(AttributeValue::UsageLimits(limits)) = old.get(tag::USAGE_LIMITS) {
        // Nothing of the new key has been used yet.
        let mut fresh = UsageLimits::new(limits.usage_limits_total, limits.usage_limits_unit);
        fresh.usage_limits_count = limits.usage_limits_count.map(|_| limits.usage_limits_total);
        set.set(AttributeValue::UsageLimits(fresh))?;
    }
    Ok(set)
}

/// The dates of the new key, as far from its activation as those of the old key were from its own.
pub(super) fn shift(set: &mut AttributeSet, now: i64, offset: u32) -> Outcome {
    let activation = now.saturating_add(i64::from(offset));
    if let Some(old) = set.date(tag::ACTIVATION_DATE) {
        let by = activation.saturating_sub(old);
        let moved = |set: &AttributeSet, tag| set.date(tag).map(|date| DateTime(date.saturating_add(by)));
        for value in [
            moved(set, tag::PROCESS_START_DATE).map(AttributeValue::ProcessStartDate),
            moved(set, tag::PROTECT_STOP_DATE).map(AttributeValue::ProtectStopDate),
            moved(set, tag::DEACTIVATION_DATE).map(AttributeValue::DeactivationDate),
        ]
        .into_iter()
        .flatten()
        {
            set.set(value)?;
        }
    }
    set.set(AttributeValue::ActivationDate(DateTime(activation)))
}

/// Links the object to another one.
pub(super) fn link(object: &mut Object, link_type: LinkType, id: &str) -> Outcome {
    let link = AttributeValue::Link(Link::new(link_type, UniqueIdentifier::Text(id)));
    object.attributes.add(link)
}

pub(super) fn is_link(kept: &crate::server::engine::attributes::Kept, link_type: LinkType) -> bool {
    matches!(kept.value(), Some(AttributeValue::Link(link)) if link.link_type == link_type)
}
