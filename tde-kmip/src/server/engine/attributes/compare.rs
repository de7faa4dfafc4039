//! Whether an object has the attributes that Locate asks for (KMIP 1.4, section 4.9; KMIP 2.1, section 6.1.28).

use tde_kmip_codec::{
    spec::tag,
    state,
    ttlv::{Item, Reader, Value},
};

use super::{Kept, Key};
use crate::server::engine::record::Object;

/// Whether the object has every attribute of `wanted`: a value of it that agrees in what is given.
///
/// Two values of one date are the ends of a closed range; of Cryptographic Usage Mask, the bits asked for must be set.
pub(in crate::server::engine) fn matches(
    object: &Object,
    wanted: &[Kept],
    version: tde_kmip_codec::spec::ProtocolVersion,
) -> bool {
    wanted.iter().all(|one| {
        let Some(value) = one.raw() else { return false };
        match (&one.key, value) {
            (Key::Tag(number), Value::DateTime(_)) => {
                let ends = wanted.iter().filter(|other| other.key == one.key).filter_map(|other| match other
                    .raw()
                {
                    Some(Value::DateTime(date)) => Some(date),
                    _ => None,
                });
                let ends: Vec<i64> = ends.collect();
                let (first, last) = (ends.iter().min(), ends.iter().max());
                let has = |kept: &Kept| match kept.raw() {
                    Some(Value::DateTime(date)) => Some(&date) >= first && Some(&date) <= last,
                    _ => false,
                };
                let key = Key::Tag(*number);
                object.attributes.instances(&key).any(has)
            }
            (Key::Tag(number), Value::Integer(bits)) if *number == tag::CRYPTOGRAPHIC_USAGE_MASK.get() => {
                let has = object.attributes.integer(tag::CRYPTOGRAPHIC_USAGE_MASK);
                has.is_some_and(|has| has & bits == bits)
            }
            (Key::Tag(number), value) if *number == tag::UNIQUE_IDENTIFIER.get() => {
                value == Value::TextString(&object.id)
            }
            (Key::Tag(number), value) if *number == tag::OBJECT_TYPE.get() => {
                value == Value::Enumeration(object.object_type.0)
            }
            (Key::Tag(number), value) if *number == tag::STATE.get() => {
                state::has_state(object.object_type, version)
                    && value == Value::Enumeration(object.state.to_wire().0)
            }
            (key, _) => object.attributes.instances(key).any(|kept| covers(kept.item(), one.item())),
        }
    })
}

/// Whether an item says everything that another one says; of a structure, a part may be given.
fn covers(has: &[u8], wanted: &[u8]) -> bool {
    let read = |bytes| Reader::new(bytes).read().ok();
    match (read(has), read(wanted)) {
        (Some(has), Some(wanted)) => item_covers(&has, &wanted),
        _ => false,
    }
}

/// Items of attributes nest a few levels, and no deeper than a decoder let them.
fn item_covers(has: &Item<'_>, wanted: &Item<'_>) -> bool {
    match (has.value, wanted.value) {
        (Value::Structure(has), Value::Structure(mut wanted)) => wanted.all(|field| {
            field.is_ok_and(|field| {
                let mut has = has;
                has.any(|known| {
                    known.is_ok_and(|known| known.tag == field.tag && item_covers(&known, &field))
                })
            })
        }),
        (has, wanted) => has == wanted,
    }
}
