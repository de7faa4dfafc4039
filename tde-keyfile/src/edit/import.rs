//! Key files of `pg_tde` made of keys that came from another layout.

use alloc::string::ToString as _;
use alloc::vec::Vec;

use tde_core::{Cipher, InternalKey};

use super::draft::{FreshIvs, key_file, relative};
use super::error::EditError;
use crate::format::header::{Magic, PrincipalKeyInfo, sign};
use crate::format::keys_version::KeysVersion;
use crate::format::{names, relation_keys, wal_keys};
use crate::oid::Oid;
use crate::storage::{Before, Change, Plan};
use crate::store::{Contents, ScopeContents};

/// The files that have these contents, in a directory that has none yet.
///
/// A scope that came from files of an earlier version gets that version again if all its keys have 128 bits.
pub(crate) fn write_contents(contents: &Contents, plan: &mut Plan) -> Result<(), EditError> {
    let mut push =
        |name: &str, bytes: Vec<u8>| plan.push(Change::write(relative(name), Before::Absent, bytes));
    for (&scope, records) in &contents.providers {
        push(&names::providers(scope).to_string(), records.clone());
    }
    let mut all_current = true;
    for (&oid, scope) in &contents.scopes {
        let magic = version(oid, scope);
        all_current &= matches!(magic, Magic::RelationKeys4 | Magic::WalKeys2);
        push(&key_file(oid), file(oid, scope, magic)?);
    }
    // Last: a server must not be told of files that are not there yet.
    if all_current && !contents.scopes.is_empty() {
        push(names::KEYS_VERSION, Vec::from(KeysVersion::CURRENT.to_bytes()));
    }
    Ok(())
}

fn version(oid: Oid, scope: &ScopeContents) -> Magic {
    let current = if oid == Oid::PG_GLOBAL { Magic::WalKeys2 } else { Magic::RelationKeys4 };
    let short = |key: &InternalKey| key.cipher() == Cipher::Aes128;
    let all_short = scope.key.cipher() == Cipher::Aes128
        && scope.relations.values().all(short)
        && scope.ranges.iter().all(|(_, key)| short(key));
    scope.origin.filter(|_| all_short).unwrap_or(current)
}

fn file(oid: Oid, scope: &ScopeContents, magic: Magic) -> Result<Vec<u8>, EditError> {
    let mut ivs = FreshIvs::default();
    let info = &scope.info;
    let info = PrincipalKeyInfo::new(oid, info.provider(), info.set_time(), *info.name());
    let mut bytes = Vec::from(sign(magic, &info, &scope.key, &ivs.next()?)?);
    let version = match magic {
        Magic::RelationKeys3 => relation_keys::Version::V3,
        _ => relation_keys::Version::V4,
    };
    for (&(relation, tablespace), key) in &scope.relations {
        let entry = relation_keys::seal_entry(version, tablespace, relation, key, &scope.key, &ivs.next()?)?;
        bytes.extend_from_slice(&entry);
    }
    let version = match magic {
        Magic::WalKeys1 => wal_keys::Version::V1,
        _ => wal_keys::Version::V2,
    };
    for (range, key) in &scope.ranges {
        bytes.extend_from_slice(&wal_keys::seal_entry(version, *range, key, &scope.key, &ivs.next()?)?);
    }
    Ok(bytes)
}
