//! Another principal key for scopes that have one.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::draft::{Draft, key_file};
use super::error::EditError;
use super::principal_key::NewPrincipalKey;
use super::rewrap::{Target, rewrap};
use super::scope::check_new_key;
use super::step::Step;
use crate::format::header::PrincipalKeyInfo;
use crate::oid::Oid;

impl Draft<'_> {
    /// Gives a scope another principal key and wraps its internal keys anew under it. Data and WAL are not touched.
    ///
    /// With the default key go the server and every database that use it: those whose header names the same key of
    /// the same provider (`pg_tde` 2.2.0, `pg_tde_is_same_principal_key`). The same key again is fine.
    ///
    /// Nothing is written to the WAL, as the server would do: a standby keeps its own old key, and standbys and
    /// backups go on needing it.
    ///
    /// # Errors
    /// [`EditError::NoPrincipalKey`]; [`EditError::Scope`] if an old key is not at hand; [`EditError::Format`] if a
    /// file is not fully understood; [`EditError::InvalidRange`]; [`EditError::ProviderNotGlobal`];
    /// [`EditError::PrincipalKeyLength`].
    pub fn rotate(&mut self, scope: Oid, to: &NewPrincipalKey) -> Result<(), EditError> {
        let Some((_, old)) = self.header(scope)? else { return Err(EditError::NoPrincipalKey { scope }) };
        let mut scopes = Vec::from([scope]);
        if scope == Oid::PG_DEFAULT {
            for other in self.scopes() {
                let header = self.header(other)?;
                if other != scope && header.is_some_and(|(_, info)| info.is_same_key(&old)) {
                    scopes.push(other);
                }
            }
        }
        let mut rewrapped = Vec::new();
        for scope in scopes {
            let Some((magic, from)) = self.header(scope)? else { continue };
            check_new_key(scope, magic, to)?;
            let info = PrincipalKeyInfo::new(scope, to.provider, self.now(), to.name);
            let target = Target { magic, info: &info, key: &to.wrap_key };
            let old_key = self.key(scope)?;
            let file = rewrap(scope, self.readable(&key_file(scope))?, &old_key, &target)?;
            rewrapped.push((scope, from, file));
        }
        for (scope, from, file) in rewrapped {
            let name = key_file(scope);
            if let Some(tail) = file.torn_tail {
                self.step(Step::TornTailDropped { file: name.clone(), length: tail.length });
            }
            self.set(&name, file.bytes);
            self.set_key(scope, Arc::clone(&to.wrap_key));
            self.step(Step::ScopeRotated {
                scope,
                from: (*from.name(), from.provider()),
                to: (to.name, to.provider),
                keys: file.keys,
            });
        }
        if !to.asked_provider {
            self.step(Step::KeyNotAskedFor { key: to.name, provider: to.provider });
        }
        Ok(())
    }
}
