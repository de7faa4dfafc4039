//! Writing key files.

use alloc::vec::Vec;

use sha2::{Digest as _, Sha256};
use tde_core::{InternalKey, WrapKey};
use zerocopy::{FromZeros as _, IntoBytes as _};
use zeroize::Zeroizing;

use super::layout::{
    CHECKSUM_SIZE, ENTRY_SIZE, EntryLayout, HEADER_SIZE, HeaderLayout, MAGIC, NONCE_SIZE, TAG_SIZE,
};
use super::{Entry, Fingerprint, Place, VERSION};
use crate::format::EncodeError;
use crate::format::encode::put_text;
use crate::format::header::{Magic, PrincipalKeyInfo};
use crate::name::ProviderName;
use crate::oid::Oid;

/// What a new key file is to say beside its keys.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::exhaustive_structs)]
pub struct Header {
    /// What the file is for.
    pub place: Place,
    /// The principal key, its provider, and when it was set. Whose it is, `place` says.
    pub info: PrincipalKeyInfo,
    /// The name of the provider, if it is known.
    pub provider_name: Option<ProviderName>,
    /// The version of `pg_tde`'s file that a scope was converted from. Not written into files of relations.
    pub origin: Option<Magic>,
}

/// The bytes of a key file, sealed under its principal key with a fresh nonce.
///
/// Keys of a relation may come in any order of their tablespaces; WAL ranges stay in the order given.
///
/// # Errors
/// [`EncodeError::Entries`] if they do not fit the place, or a tablespace is 0 or given twice; [`EncodeError::Magic`];
/// [`EncodeError::Wrap`] if the system gives no random bytes.
pub fn seal(
    header: &Header,
    entries: &[(Entry, &InternalKey)],
    key: &WrapKey,
) -> Result<Vec<u8>, EncodeError> {
    let mut nonce = [0; NONCE_SIZE];
    getrandom::fill(&mut nonce).map_err(|_| EncodeError::Wrap(tde_core::Error::Random))?;
    seal_with_nonce(header, entries, key, &nonce)
}

/// As [`seal`], for known answers. **Two files with one nonce under one key give the keys away.**
#[doc(hidden)]
#[allow(unreachable_pub, reason = "handed out to tests and fuzzers only")]
pub fn seal_with_nonce(
    header: &Header,
    entries: &[(Entry, &InternalKey)],
    key: &WrapKey,
    nonce: &[u8; NONCE_SIZE],
) -> Result<Vec<u8>, EncodeError> {
    let entries = in_order(header.place, entries)?;
    let keys: usize = entries.iter().map(|(_, key)| key.cipher().key_len()).sum();
    let clear = HEADER_SIZE + entries.len() * ENTRY_SIZE;
    let mut out = Vec::with_capacity(clear + NONCE_SIZE + keys + TAG_SIZE + CHECKSUM_SIZE);
    out.extend_from_slice(header_layout(header, entries.len(), key)?.as_bytes());
    let mut plain = Zeroizing::new(Vec::with_capacity(keys));
    for (entry, key) in &entries {
        out.extend_from_slice(entry_layout(*entry, key).as_bytes());
        plain.extend_from_slice(key.expose_bytes());
    }
    out.extend_from_slice(nonce);
    out.resize(clear + NONCE_SIZE + keys, 0);
    let (associated_data, rest) = out.split_at_mut(clear);
    let ciphertext = rest.get_mut(NONCE_SIZE..).unwrap_or_default();
    let tag = key.seal(nonce, associated_data, &plain, ciphertext)?;
    out.extend_from_slice(&tag);
    let checksum = Sha256::digest(&out);
    out.extend_from_slice(&checksum);
    Ok(out)
}

fn in_order<'k>(
    place: Place,
    entries: &[(Entry, &'k InternalKey)],
) -> Result<Vec<(Entry, &'k InternalKey)>, EncodeError> {
    let refused = |reason| Err(EncodeError::Entries { reason });
    let mut entries = entries.to_vec();
    let tablespace = |(entry, _): &(Entry, &InternalKey)| match entry {
        Entry::Relation { tablespace } => Some(*tablespace),
        Entry::Range(_) => None,
    };
    if u32::try_from(entries.len()).is_err() {
        return refused("are too many");
    }
    match place {
        Place::Relation { .. } => {
            if entries.is_empty() {
                return refused("of a relation cannot be none");
            }
            if entries.iter().any(|entry| tablespace(entry).is_none_or(|found| found.get() == 0)) {
                return refused("of a relation must each name a tablespace");
            }
            entries.sort_by_key(tablespace);
            if entries.iter().zip(entries.iter().skip(1)).any(|(a, b)| tablespace(a) == tablespace(b)) {
                return refused("of a relation must each name another tablespace");
            }
        }
        Place::Database(_) | Place::Default if !entries.is_empty() => {
            return refused("cannot be in the file of a database's or the default principal key");
        }
        Place::Server if entries.iter().any(|entry| tablespace(entry).is_some()) => {
            return refused("of the server must be ranges of WAL");
        }
        _ => {}
    }
    Ok(entries)
}

fn header_layout(header: &Header, entries: usize, key: &WrapKey) -> Result<HeaderLayout, EncodeError> {
    let Header { place, info, provider_name, origin } = header;
    let of_database = place.scope() != Oid::PG_DEFAULT && place.scope() != Oid::PG_GLOBAL;
    if of_database != matches!(place, Place::Relation { .. } | Place::Database(_)) {
        return Err(EncodeError::Entries { reason: "of a database cannot have the number of another scope" });
    }
    let origin = match (place, origin) {
        (Place::Relation { .. }, _) | (_, None) => 0,
        (
            Place::Database(_) | Place::Default,
            Some(magic @ (Magic::RelationKeys3 | Magic::RelationKeys4)),
        )
        | (Place::Server, Some(magic @ (Magic::WalKeys1 | Magic::WalKeys2))) => magic.version(),
        (_, Some(magic)) => return Err(EncodeError::Magic { found: *magic }),
    };
    let mut layout = HeaderLayout::new_zeroed();
    layout.magic = *MAGIC;
    layout.version.set(VERSION);
    layout.kind.set(place.kind());
    layout.database.set(place.scope().get());
    layout.relation.set(place.relation().get());
    layout.entries.set(u32::try_from(entries).unwrap_or(u32::MAX));
    layout.provider.set(info.provider().get());
    layout.seconds.set(info.set_time().seconds);
    layout.microseconds.set(info.set_time().microseconds);
    layout.cipher.set(key.cipher().id());
    layout.origin.set(origin.into());
    layout.fingerprint = *Fingerprint::of(key).as_bytes();
    if let Some(name) = provider_name {
        put_text(&mut layout.provider_name, name.as_bytes(), "provider name", 127)?;
    }
    put_text(&mut layout.key_name, info.name().as_bytes(), "principal key name", 255)?;
    Ok(layout)
}

fn entry_layout(entry: Entry, key: &InternalKey) -> EntryLayout {
    let mut layout = EntryLayout::new_zeroed();
    match entry {
        Entry::Relation { tablespace } => layout.subject.set(tablespace.get()),
        Entry::Range(range) => {
            layout.subject.set(range.kind.id());
            layout.lsn.set(range.start.lsn.get());
            layout.timeline.set(range.start.timeline.get());
        }
    }
    layout.cipher.set(key.cipher().id());
    layout.base_iv = *key.base_iv().as_bytes();
    layout
}
