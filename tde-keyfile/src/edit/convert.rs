//! Key files of one release made into those of another.

use alloc::boxed::Box;
use alloc::string::ToString as _;
use alloc::vec::Vec;

use tde_core::Cipher;

use super::draft::{Draft, Generation, key_file};
use super::error::EditError;
use super::rewrap::{Target, rewrap};
use super::step::Step;
use crate::format::header::Magic;
use crate::format::keys_version::KeysVersion;
use crate::format::names;
use crate::oid::Oid;

impl Draft<'_> {
    /// Converts every key file to the versions of a generation, and makes `keys_version` tell the truth.
    ///
    /// To 2.2 this does what its server does at the first start, without one (`pg_tde` 2.2.0,
    /// `pg_tde_migrate_internal_keys`). Back to 2.0 works as long as all keys have 128 bits; `keys_version`, which
    /// those releases do not know, is removed.
    ///
    /// # Errors
    /// [`EditError::Scope`] if a principal key is not at hand; [`EditError::Format`];
    /// [`EditError::TruncatedPrincipalKey`]; [`EditError::PrincipalKeyLength`] and [`EditError::Encode`] on the way
    /// back; [`EditError::InvalidRange`].
    pub fn convert(&mut self, to: Generation) -> Result<(), EditError> {
        let mut converted = Vec::new();
        for scope in self.scopes() {
            let Some((from, info)) = self.header(scope)? else { continue };
            let magic = to.magic(scope);
            if from == magic {
                continue;
            }
            let key = self.key(scope)?;
            match to {
                Generation::Release22 if self.uses_truncated_key(scope) => {
                    return Err(EditError::TruncatedPrincipalKey { scope });
                }
                Generation::Release20 if key.cipher() == Cipher::Aes256 => {
                    return Err(EditError::PrincipalKeyLength {
                        name: Box::new(*info.name()),
                        version: magic,
                    });
                }
                _ => {}
            }
            let target = Target { magic, info: &info, key: &key };
            let file = rewrap(scope, self.readable(&key_file(scope))?, &key, &target)?;
            converted.push((scope, from, magic, file));
        }
        let changed = !converted.is_empty();
        for (scope, from, to, file) in converted {
            let name = key_file(scope);
            if let Some(tail) = file.torn_tail {
                self.step(Step::TornTailDropped { file: name.clone(), length: tail.length });
            }
            self.set(&name, file.bytes);
            self.step(Step::Converted { file: name, from, to, keys: file.keys });
        }
        self.set_keys_version(to, changed);
        if to == Generation::Release22 && self.content("1664_keys").is_some() {
            self.step(Step::LeftAlone {
                file: "1664_keys".to_string(),
                reason:
                    "WAL keys of pg_tde 1.0, which nothing converts; move the file away, or a server of 2.2 \
                         may take it for that of a database"
                        .to_string(),
            });
        }
        Ok(())
    }

    /// Makes `keys_version` agree with files that all have the versions of a generation.
    fn set_keys_version(&mut self, generation: Generation, changed: bool) {
        let found = self.content(names::KEYS_VERSION);
        match generation {
            Generation::Release22 => {
                let current = KeysVersion::CURRENT.to_bytes();
                // Absence is truthful too: the server then looks for itself.
                if found.map_or(changed, |found| found != current) {
                    self.set(names::KEYS_VERSION, Vec::from(current));
                    self.step(Step::KeysVersion { written: true });
                }
            }
            Generation::Release20 => {
                if found.is_some() {
                    self.remove(names::KEYS_VERSION);
                    self.step(Step::KeysVersion { written: false });
                }
            }
        }
    }

    /// Corrects a `keys_version` that tells other versions than the files have, or cannot be read by a server.
    pub(super) fn repair_keys_version(&mut self) {
        let Some(found) = self.content(names::KEYS_VERSION) else { return };
        let told = KeysVersion::parse(found).ok();
        let older = |magic| matches!(magic, Magic::RelationKeys3 | Magic::WalKeys1);
        let all_current = !self.scopes().into_iter().filter_map(|scope| self.magic(scope)).any(older);
        let true_as_it_is = match told {
            Some(told) if told == KeysVersion::CURRENT => all_current,
            // Another value makes the server look for itself, which is right as long as there is something to find.
            Some(_) => !all_current,
            None => false,
        };
        if true_as_it_is {
            return;
        }
        let unknown =
            self.scopes().into_iter().any(|scope| scope != Oid::PG_GLOBAL && self.magic(scope).is_none());
        if all_current && !unknown {
            self.set(names::KEYS_VERSION, Vec::from(KeysVersion::CURRENT.to_bytes()));
            self.step(Step::KeysVersion { written: true });
        } else {
            self.remove(names::KEYS_VERSION);
            self.step(Step::KeysVersion { written: false });
        }
    }
}
