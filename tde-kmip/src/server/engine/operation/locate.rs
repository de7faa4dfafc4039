//! Locate (KMIP 1.4, section 4.9; KMIP 2.1, section 6.1.28).

use tde_kmip_codec::{
    attribute::{AttributeValue, Attributes, UniqueIdentifier},
    operation::{LocateRequest, LocateResponse},
    spec::{
        ProtocolVersion,
        enumeration::{ObjectGroupMember, Operation},
        mask::StorageStatusMask,
        tag,
    },
    state::ObjectState,
};

use crate::server::{
    engine::{
        attributes::{self, Kept, Key},
        batch::Batch,
        failure::{Failure, Outcome, Stop, Why},
        record::Object,
    },
    store::Record,
};

/// Identifiers of the objects that have every attribute asked for, newest first.
pub(super) fn locate(batch: &mut Batch<'_>, request: &LocateRequest<'_>) -> Outcome {
    let number = |value: Option<i32>, name: &str| match value {
        None => Ok(None),
        Some(value) => usize::try_from(value)
            .map(Some)
            .map_err(|_| Failure::invalid_field(format!("{name} is negative"))),
    };
    let most = number(request.maximum_items, "Maximum Items")?;
    let skipped = number(request.offset_items, "Offset Items")?.unwrap_or_default();
    let search = Search::new(batch, request)?;
    let found = search.run(batch)?;

    let total = found.len();
    let most = most.unwrap_or(usize::MAX).min(batch.options.max_located);
    let ids: Vec<String> = found.into_iter().skip(skipped).take(most).collect();
    let identifiers: Vec<UniqueIdentifier<'_>> = ids.iter().map(|id| id.as_str().into()).collect();
    let mut response = LocateResponse::default();
    // How many there are is news only to a client that asks for a part.
    let partial = request.maximum_items.is_some() || request.offset_items.is_some();
    if partial && batch.version >= ProtocolVersion::V1_3 {
        response.located_items = i32::try_from(total).ok();
    }
    response.unique_identifiers = identifiers.as_slice().into();
    batch.answer(response)?;
    batch.remember(Operation::LOCATE, ids);
    // KMIP 1.4, section 4.9: several hits leave the ID Placeholder empty.
    if batch.made.last().is_some_and(|made| made.ids.len() != 1) {
        batch.placeholder = None;
    }
    Ok(())
}

/// What is looked for.
struct Search {
    wanted: Vec<Kept>,
    storage: StorageStatusMask,
    member: Option<ObjectGroupMember>,
}

impl Search {
    fn new(batch: &Batch<'_>, request: &LocateRequest<'_>) -> Outcome<Self> {
        let mut wanted = Vec::new();
        for attribute in request.attributes.iter().flat_map(Attributes::iter) {
            if Key::of_value(&attribute.value).is_none() {
                return Err(Failure::invalid_field(
                    "an attribute is named neither by the standard nor x- or y-",
                )
                .into());
            }
            let value = attribute.value;
            let linked;
            let value = match value {
                AttributeValue::UniqueIdentifier(id) => {
                    linked = batch.identifier(Some(id))?;
                    AttributeValue::UniqueIdentifier(UniqueIdentifier::Text(&linked))
                }
                value => value,
            };
            let kept = Kept::new(value, 0);
            wanted.push(kept.map_err(|error| {
                Failure::new(Why::BadValue, format!("the attribute cannot be looked for: {error}"))
            })?);
        }
        // KMIP 1.4, section 4.9: without a mask only objects on line are looked for.
        let storage = request.storage_status_mask.unwrap_or(StorageStatusMask::ON_LINE_STORAGE);
        Ok(Self { wanted, storage, member: request.object_group_member })
    }

    /// The identifiers of all that fit, newest first.
    fn run(&self, batch: &Batch<'_>) -> Outcome<Vec<String>> {
        let mut found: Vec<(u64, String)> = Vec::new();
        let mut fault: Option<Stop> = None;
        let mut look = |record: &Record| {
            if record.owner != batch.owner || fault.is_some() {
                return;
            }
            match Object::load(record) {
                Ok(mut object) => {
                    object.tick(batch.now);
                    if self.fits(&object, batch.version) {
                        found.push((object.sequence, object.id));
                    }
                }
                Err(stop) => fault = Some(stop),
            }
        };
        match self.name() {
            Some(name) => batch.store.named(&name)?.iter().for_each(|record| look(record)),
            None => batch.store.scan(&mut |record| look(record))?,
        }
        if let Some(stop) = fault {
            return Err(stop);
        }
        if self.member == Some(ObjectGroupMember::GROUP_MEMBER_DEFAULT) {
            // The default member of a group is its oldest.
            found.truncate(1);
        }
        // Newest first; but a group is used up from its oldest fresh member on.
        if self.member.is_none() {
            found.reverse();
        }
        Ok(found.into_iter().map(|(_, id)| id).collect())
    }

    /// A name that is looked for: the store finds names faster than by looking at every object.
    fn name(&self) -> Option<String> {
        self.wanted.iter().find_map(|wanted| match wanted.value()? {
            AttributeValue::Name(name) => Some(name.name_value.to_owned()),
            _ => None,
        })
    }

    fn fits(&self, object: &Object, version: ProtocolVersion) -> bool {
        let kind = match object.state {
            ObjectState::Destroyed | ObjectState::DestroyedCompromised => {
                StorageStatusMask::DESTROYED_STORAGE
            }
            _ if object.is_archived() => StorageStatusMask::ARCHIVAL_STORAGE,
            _ => StorageStatusMask::ON_LINE_STORAGE,
        };
        self.storage.contains(kind)
            && (self.member != Some(ObjectGroupMember::GROUP_MEMBER_FRESH)
                || object.attributes.boolean(tag::FRESH) == Some(true))
            && attributes::matches(object, &self.wanted, version)
    }
}
