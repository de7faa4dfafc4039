//! Principal keys that no scope uses any more: backups and standbys may.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use zeroize::Zeroizing;

use super::providers::keyrings;
use super::{Check, counted, listed};
use crate::cluster::{Cluster, OpenOptions};
use crate::file::read_bounded;
use crate::format::keyring::KeyringRecords;

const ID: &str = "old-principal-keys";
const MAX_KEYRING: u64 = 16 << 20;

pub(super) fn check(checks: &mut Vec<Check>, cluster: &Cluster, keys: &OpenOptions) {
    let in_use = |name: &crate::PrincipalKeyName| {
        cluster.scopes().filter_map(|scope| scope.principal_key()).any(|key| key.name().matches(name))
    };
    let mut old = BTreeSet::new();
    let mut total = 0;
    let mut read = 0;
    for keyring in keyrings(cluster, keys) {
        let path = keyring.path();
        let bytes = match read_bounded(path, MAX_KEYRING) {
            Ok(bytes) => Zeroizing::new(bytes),
            // That it is missing is the providers' check.
            Err(error) if error.is_not_found() => continue,
            Err(error) => {
                checks.push(
                    Check::warning(ID, error.to_string(), "check its owner and mode").about(path.display()),
                );
                continue;
            }
        };
        read += 1;
        let records = KeyringRecords::parse(&bytes);
        if records.torn_tail().is_some() {
            checks.push(
                Check::failure(
                    ID,
                    "the keyring ends inside a record: the server finds no key in it that it has to search for",
                    "restore it from a backup, or cut it to whole records of 292 bytes",
                )
                .about(path.display()),
            );
        }
        for record in records.records() {
            total += 1;
            if let Ok(name) = record.name()
                && !in_use(&name)
            {
                old.insert(name.to_string());
            }
        }
    }
    checks.push(match (read, old.len()) {
        (0, _) => Check::skipped(ID, "no keyring to look into; key servers keep old keys themselves"),
        (_, 0) => Check::pass(ID, format!("{}, all in use", counted(total, "key"))),
        (_, count) => Check::pass(
            ID,
            format!("{} that no scope names any more: {}", counted(count, "key"), listed::<String>(old)),
        )
        .advise("keep them as long as a backup or a standby may need them"),
    });
}
