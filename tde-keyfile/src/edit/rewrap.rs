//! A key file with all its internal keys wrapped anew, under another principal key or in another version.

use alloc::vec::Vec;

use tde_core::WrapKey;
use tde_wal::{RangeEntry, RangeKind};

use super::draft::{FreshIvs, damaged, key_file, relative};
use super::error::EditError;
use crate::format::TornTail;
use crate::format::header::{Magic, PrincipalKeyInfo, sign};
use crate::format::relation_keys::{self, EntryState, RelationKeys};
use crate::format::wal_keys::{self, WalKeys};
use crate::oid::Oid;

/// A key file, wrapped anew.
pub(super) struct Rewrapped {
    pub(super) bytes: Vec<u8>,
    pub(super) keys: usize,
    pub(super) torn_tail: Option<TornTail>,
}

/// What a file is to become.
pub(super) struct Target<'a> {
    pub(super) magic: Magic,
    pub(super) info: &'a PrincipalKeyInfo,
    pub(super) key: &'a WrapKey,
}

/// Wraps all keys of a scope's file anew.
///
/// As the server does it: the order, the base IVs, the ciphers and the starts of ranges stay; free slots are left
/// out, and so is a fragment at the end (`pg_tde` 2.2.0, `pg_tde_perform_rotate_key`,
/// `pg_tde_perform_rotate_server_key`).
pub(super) fn rewrap(
    scope: Oid,
    bytes: &[u8],
    old: &WrapKey,
    target: &Target<'_>,
) -> Result<Rewrapped, EditError> {
    let mut ivs = FreshIvs::default();
    let header = sign(target.magic, target.info, target.key, &ivs.next()?)?;
    let mut out = Rewrapped { bytes: Vec::with_capacity(bytes.len()), keys: 0, torn_tail: None };
    out.bytes.extend_from_slice(&header);
    match target.magic {
        Magic::RelationKeys3 => {
            relations(scope, bytes, old, relation_keys::Version::V3, target, &mut ivs, &mut out)?
        }
        Magic::RelationKeys4 => {
            relations(scope, bytes, old, relation_keys::Version::V4, target, &mut ivs, &mut out)?
        }
        Magic::WalKeys1 => ranges(bytes, old, wal_keys::Version::V1, target, &mut ivs, &mut out)?,
        Magic::WalKeys2 => ranges(bytes, old, wal_keys::Version::V2, target, &mut ivs, &mut out)?,
    }
    Ok(out)
}

fn relations(
    scope: Oid,
    bytes: &[u8],
    old: &WrapKey,
    version: relation_keys::Version,
    target: &Target<'_>,
    ivs: &mut FreshIvs,
    out: &mut Rewrapped,
) -> Result<(), EditError> {
    let name = key_file(scope);
    let failed = |error| damaged(&name, error);
    let Some(keys) = RelationKeys::parse(bytes).map_err(failed)? else { return Ok(()) };
    out.torn_tail = keys.torn_tail();
    for entry in keys.entries() {
        let EntryState::Key(entry) = entry.state().map_err(failed)? else { continue };
        let key = entry.unwrap_key(old).map_err(failed)?;
        let (tablespace, relation) = (entry.tablespace(), entry.relation());
        let sealed =
            relation_keys::seal_entry(version, tablespace, relation, &key, target.key, &ivs.next()?)?;
        out.bytes.extend_from_slice(&sealed);
        out.keys += 1;
    }
    Ok(())
}

fn ranges(
    bytes: &[u8],
    old: &WrapKey,
    version: wal_keys::Version,
    target: &Target<'_>,
    ivs: &mut FreshIvs,
    out: &mut Rewrapped,
) -> Result<(), EditError> {
    let name = key_file(Oid::PG_GLOBAL);
    let failed = |error| damaged(&name, error);
    let Some(keys) = WalKeys::parse(bytes).map_err(failed)? else { return Ok(()) };
    out.torn_tail = keys.torn_tail();
    for entry in keys.entries() {
        let entry = entry.map_err(failed)?;
        let key = entry.unwrap_whatever_kind(old).map_err(|error| match entry.kind() {
            RangeKind::Invalid => EditError::InvalidRange { path: relative(&name), index: entry.index() },
            _ => failed(error),
        })?;
        let range = RangeEntry { start: entry.start(), kind: entry.kind() };
        out.bytes.extend_from_slice(&wal_keys::seal_entry(version, range, &key, target.key, &ivs.next()?)?);
        out.keys += 1;
    }
    Ok(())
}
