//! Which of a cluster's keys opens a page that its own key does not.

use alloc::vec::Vec;

use tde_core::{BlockNumber, Fork, PageCipher};

use crate::cluster::{Cluster, RelationKey};
use crate::format::relation_keys::EntryState;
use crate::postgres::{PageCondition, PageHeader};
use crate::{Oid, RelationLocator};

/// A page to be opened.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) fork: Fork,
    pub(super) block: BlockNumber,
    pub(super) stored: Vec<u8>,
    pub(super) checksums: bool,
}

/// Tries the keys of all relations, at a cost that is bounded for a whole run.
#[derive(Debug)]
pub(super) struct KeySearch {
    /// Keys that may still be tried; each costs some microseconds.
    left: u64,
}

impl KeySearch {
    pub(super) const fn new(keys: u64) -> Self {
        Self { left: keys }
    }

    /// The relation whose key opens the page.
    pub(super) fn find(&mut self, cluster: &Cluster, sample: &Sample) -> Option<RelationLocator> {
        for scope in cluster.scopes() {
            let Some(keys) = scope.relation_keys() else { continue };
            if !matches!(scope.unlocked_key(), Ok(Some(_))) || scope.oid() == Oid::PG_DEFAULT {
                continue;
            }
            for entry in keys.entries() {
                if !matches!(entry.state(), Ok(EntryState::Key(_))) {
                    continue;
                }
                self.left = self.left.checked_sub(1)?;
                let locator = RelationLocator {
                    tablespace: entry.tablespace(),
                    database: scope.oid(),
                    relation: entry.relation(),
                };
                let Ok(RelationKey::Key(key)) = cluster.relation_key(&locator) else { continue };
                if opens(&PageCipher::new(&key), sample) {
                    return Some(locator);
                }
            }
        }
        None
    }
}

fn opens(cipher: &PageCipher, sample: &Sample) -> bool {
    // Two cipher blocks hold the header; most keys are ruled out by them.
    let mut head = [0; 32];
    let Some(start) = sample.stored.get(..head.len()) else { return false };
    head.copy_from_slice(start);
    let length = sample.stored.len();
    if cipher.decrypt_page(sample.fork, sample.block, &mut head).is_err()
        || !PageHeader::parse(&head).is_ok_and(|header| header.has_size_and_layout(length))
    {
        return false;
    }
    let mut page = sample.stored.clone();
    cipher.decrypt_page(sample.fork, sample.block, &mut page).is_ok()
        && PageCondition::of(&page, sample.block, sample.checksums) == PageCondition::Sound
}
